package auraclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// InstancesService works on instances. Its changes return what Aura answered when
// it accepted them, not when they were done: the status is then a hint at most,
// and all fields but ID are zero in the rare case that Aura did not describe the
// instance and it could not be read afterwards.
type InstancesService struct{ c *Client }

// List returns the instances of a tenant, or of all tenants that the credentials
// can see when tenantID is empty. Aura's list has neither status nor size; these
// take a Get for each.
func (s *InstancesService) List(ctx context.Context, tenantID string) ([]InstanceSummary, error) {
	query := url.Values{}
	if tenantID != "" {
		query.Set("tenantId", tenantID) // camel case, unlike everything else in this API
	}
	a, err := s.c.get(ctx, at("instances"), query)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[[]instanceWire](a)
	if err != nil {
		return nil, err
	}
	summaries := make([]InstanceSummary, len(wire))
	for i, w := range wire {
		summaries[i] = w.summary()
	}
	return summaries, nil
}

// Get returns one instance.
func (s *InstancesService) Get(ctx context.Context, id string) (*Instance, error) {
	a, err := s.c.get(ctx, instance(id), nil)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[instanceWire](a)
	if err != nil {
		return nil, err
	}
	if wire.ID == "" {
		return nil, a.unusable(errNoData)
	}
	return wire.instance(), nil
}

// Create begins to make an instance. Its answer is the only one that ever has the
// password. When the answer cannot be used, [OutcomeUnknown] is true: the instance
// may exist and cost money.
func (s *InstancesService) Create(ctx context.Context, r CreateInstanceRequest) (*CreatedInstance, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	a, err := s.c.change(ctx, http.MethodPost, at("instances"), r.wire())
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[instanceWire](a)
	if err != nil {
		return nil, err
	}
	if wire.ID == "" {
		return nil, a.unusable(errNoData)
	}
	return wire.created(), nil
}

// Update changes what is set in r: a name at once, the rest in the background.
func (s *InstancesService) Update(ctx context.Context, id string, r UpdateInstanceRequest) (*Instance, error) {
	if r == (UpdateInstanceRequest{}) {
		return nil, &ArgumentError{Argument: "update", Problem: "changes nothing"}
	}
	return s.change(ctx, http.MethodPatch, instance(id), r, id)
}

// Delete begins to destroy an instance, its data and its snapshots. A second
// Delete gets an error for which [IsGone] is true.
func (s *InstancesService) Delete(ctx context.Context, id string) (*Instance, error) {
	return s.change(ctx, http.MethodDelete, instance(id), nil, id)
}

// Pause begins to pause a running instance. Aura resumes it by itself after 30
// days.
func (s *InstancesService) Pause(ctx context.Context, id string) (*Instance, error) {
	return s.change(ctx, http.MethodPost, instance(id).then("pause"), nil, id)
}

// Resume begins to resume a paused instance.
func (s *InstancesService) Resume(ctx context.Context, id string) (*Instance, error) {
	return s.change(ctx, http.MethodPost, instance(id).then("resume"), nil, id)
}

// Overwrite begins to replace all data of an instance.
func (s *InstancesService) Overwrite(ctx context.Context, id string, r OverwriteRequest) (*Instance, error) {
	if r.SourceInstanceID == "" {
		if r.SourceSnapshotID == "" {
			return nil, &ArgumentError{Argument: "source", Problem: "is neither an instance nor a snapshot"}
		}
		r.SourceInstanceID = id
	}
	return s.change(ctx, http.MethodPost, instance(id).then("overwrite"), r, id)
}

// Upgrade moves a Professional instance to the Business Critical plan, for good.
// It is not for more memory; that is Update.
func (s *InstancesService) Upgrade(ctx context.Context, id string, r UpgradeRequest) (*Instance, error) {
	if (r.Memory == "") != (r.Storage == "") {
		return nil, &ArgumentError{Argument: "upgrade", Problem: "must name both memory and storage, or neither"}
	}
	return s.change(ctx, http.MethodPost, instance(id).then("upgrade"), r, id)
}

// EstimateSize returns the instance size for a graph and the algorithms to be run
// on it. It changes nothing.
func (s *InstancesService) EstimateSize(ctx context.Context, r SizingRequest) (*SizeEstimate, error) {
	if r.NodeCount < 0 || r.RelationshipCount < 0 {
		return nil, &ArgumentError{Argument: "node and relationship counts", Problem: "must not be negative"}
	}
	a, err := s.c.ask(ctx, at("instances").then("sizing"), r)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[struct {
		TooLarge    flag `json:"did_exceed_maximum"`
		MinMemory   text `json:"min_required_memory"`
		Recommended text `json:"recommended_size"`
	}](a)
	if err == nil && wire.Recommended == "" && wire.MinMemory == "" && wire.TooLarge.value == nil {
		err = a.unusable(errNoData)
	}
	if err != nil {
		return nil, &readError{err}
	}
	return &SizeEstimate{
		DidExceedMaximum:  wire.TooLarge.value != nil && *wire.TooLarge.value,
		MinRequiredMemory: string(wire.MinMemory),
		RecommendedSize:   string(wire.Recommended),
	}, nil
}

// change sends a change whose answer describes the instance, and reads the
// instance when it does not. That the reading fails does not undo the acceptance,
// so it is no error.
func (s *InstancesService) change(ctx context.Context, method string, r route, body any, id string) (*Instance, error) {
	a, err := s.c.change(ctx, method, r, body)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[instanceWire](a)
	switch {
	case err == nil && wire.ID != "":
		return wire.instance(), nil
	case err != nil && !errors.Is(err, errNoData):
		return nil, err
	}
	if seen, err := s.Get(ctx, id); err == nil {
		return seen, nil
	}
	return &Instance{ID: id}, nil
}

func instance(id string) route { return at("instances").id("instance id", id) }

package auraclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// GraphAnalyticsService works on graph analytics sessions: machines that run graph
// algorithms, attached to an instance or on their own, and cost money until they
// are deleted or expire.
type GraphAnalyticsService struct{ c *Client }

// List returns the sessions that f chooses among those that the credentials can see.
//
// The tenant is sent as tenantId, as Aura's specification has it, and as projectId,
// as Aura's own Python client has come to send it. Of two names one is ignored; of
// the wrong one alone the filter would be, and the list would have the sessions of
// other tenants.
func (s *GraphAnalyticsService) List(ctx context.Context, f SessionFilter) ([]Session, error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"tenantId": f.TenantID, "projectId": f.TenantID, "instanceId": f.InstanceID, "organizationId": f.OrganizationID,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	a, err := s.c.get(ctx, at("graph-analytics").then("sessions"), query)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[[]sessionWire](a)
	if err != nil {
		return nil, err
	}
	warnings := decodeWarnings(a)
	sessions := make([]Session, len(wire))
	for i, w := range wire {
		sessions[i] = w.session()
		sessions[i].Warnings = warnings[sessions[i].ID]
	}
	return sessions, nil
}

// Get returns one session. Why a session failed or expired is in its Warnings:
// Aura answers that with 200, so it is no error.
func (s *GraphAnalyticsService) Get(ctx context.Context, id string) (*Session, error) {
	a, err := s.c.get(ctx, session(id), nil)
	if err != nil {
		return nil, err
	}
	return decodeSession(a)
}

// Create begins to make a session, unless its tenant has one of that name. Then Aura
// returns that one and existed is true, or refuses with 409 when it has other
// parameters, such as more memory. [GraphAnalyticsService.Wait] waits until the
// session can be used.
//
// This package sends the request once, as any change. But a caller whose answer got
// lost ([OutcomeUnknown]) may send the same one again: by the name it finds the
// session that the first one made. What Aura does when that has failed or expired in
// between is not documented.
func (s *GraphAnalyticsService) Create(ctx context.Context, r CreateSessionRequest) (created *Session, existed bool, err error) {
	if err := r.check(); err != nil {
		return nil, false, err
	}
	a, err := s.c.change(ctx, http.MethodPost, at("graph-analytics").then("sessions"), r.wire())
	if err != nil {
		return nil, false, err
	}
	created, err = decodeSession(a)
	return created, err == nil && a.status == http.StatusOK, err
}

// Delete begins to destroy a session and the graphs in its memory.
func (s *GraphAnalyticsService) Delete(ctx context.Context, id string) error {
	a, err := s.c.change(ctx, http.MethodDelete, session(id), nil)
	if err != nil {
		return err
	}
	return a.readable()
}

// EstimateSize returns the session size for a graph and the algorithms to be run
// on it. It changes nothing.
func (s *GraphAnalyticsService) EstimateSize(ctx context.Context, r SessionSizingRequest) (*SessionSizeEstimate, error) {
	if min(r.NodeCount, r.RelationshipCount, r.NodePropertyCount, r.NodeLabelCount, r.RelationshipPropertyCount) < 0 {
		return nil, &ArgumentError{Argument: "counts", Problem: "must not be negative"}
	}
	a, err := s.c.ask(ctx, at("graph-analytics").then("sessions").then("sizing"), r)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[struct {
		Estimated   text `json:"estimated_memory"`
		Recommended text `json:"recommended_size"`
	}](a)
	if err == nil && wire.Estimated == "" && wire.Recommended == "" {
		err = a.unusable(errNoData)
	}
	if err != nil {
		return nil, &readError{err}
	}
	return &SessionSizeEstimate{EstimatedMemory: wire.Estimated.memory(), RecommendedSize: wire.Recommended.memory()}, nil
}

// Wait reads the session until it is ready, in the way of [InstancesService.Wait].
// A session that failed, expired or was deleted is a [*WaitError], whose Session
// has the reason in its Warnings. onUpdate may be nil.
func (s *GraphAnalyticsService) Wait(ctx context.Context, id string, onUpdate func(Session)) (*Session, error) {
	reader := s.c.Background().GraphAnalytics
	last, err := await(ctx, awaited[Session]{
		read:   func() (*Session, error) { return reader.Get(ctx, id) },
		done:   func(s *Session) bool { return s.Status == SessionReady },
		failed: func(s *Session) bool { return s.Status.Failed() },
		update: onUpdate,
	})
	if end, ok := errors.AsType[*WaitError](err); ok {
		end.What = "session " + clean(id, maxExcerpt) + " to be " + string(SessionReady)
		if end.Session = last; last != nil {
			end.Status = string(last.Status)
		}
	}
	return last, err
}

func session(id string) route { return at("graph-analytics").then("sessions").id("session id", id) }

// sessionWire has both names of what Aura is renaming: a tenant becomes a project,
// a database_uuid a database_id.
type sessionWire struct {
	ID            text   `json:"id"`
	Name          text   `json:"name"`
	Memory        text   `json:"memory"`
	InstanceID    text   `json:"instance_id"`
	DatabaseUUID  text   `json:"database_uuid"`
	DatabaseID    text   `json:"database_id"`
	TenantID      text   `json:"tenant_id"`
	ProjectID     text   `json:"project_id"`
	Host          text   `json:"host"`
	CloudProvider text   `json:"cloud_provider"`
	Region        text   `json:"region"`
	UserID        text   `json:"user_id"`
	Status        text   `json:"status"`
	CreatedAt     moment `json:"created_at"`
	ExpiresAt     moment `json:"expiry_date"`
	TTL           span   `json:"ttl"`
}

func (w sessionWire) session() Session {
	return Session{
		ID: string(w.ID), Name: string(w.Name), Memory: w.Memory.memory(), InstanceID: string(w.InstanceID),
		DatabaseID: string(cmp.Or(w.DatabaseID, w.DatabaseUUID)), TenantID: string(cmp.Or(w.TenantID, w.ProjectID)),
		Host: string(w.Host), CloudProvider: string(w.CloudProvider), Region: string(w.Region), UserID: string(w.UserID),
		Status: SessionStatus(w.Status), CreatedAt: w.CreatedAt.Time, ExpiresAt: w.ExpiresAt.Time, TTL: time.Duration(w.TTL),
	}
}

// decodeSession reads an answer about one session; all its warnings are that
// session's.
func decodeSession(a *answer) (*Session, error) {
	wire, err := decodeData[sessionWire](a)
	if err != nil {
		return nil, err
	}
	if wire.ID == "" {
		return nil, a.unusable(errNoData)
	}
	s := wire.session()
	warnings := decodeWarnings(a)
	s.Warnings = slices.Concat(warnings[s.ID], warnings[""])
	return &s, nil
}

// decodeWarnings takes what a success says in errors, by the id of the session that
// it is about, "" where none is named. Like the errors of a refusal these are a list
// or a single object.
func decodeWarnings(a *answer) map[string][]SessionWarning {
	var envelope struct {
		Errors json.RawMessage `json:"errors"`
	}
	_ = json.Unmarshal(a.body, &envelope) // the data was read from it already
	var entries []json.RawMessage
	if json.Unmarshal(envelope.Errors, &entries) != nil {
		entries = []json.RawMessage{envelope.Errors}
	}
	warnings := map[string][]SessionWarning{}
	for _, entry := range entries {
		d, found := oneDetail(entry, "")
		if message, ok := asString(entry); ok {
			d.Message, found = clean(message, maxMessage), true
		}
		if !found {
			continue
		}
		var about struct {
			ID text `json:"id"`
		}
		_ = json.Unmarshal(entry, &about) // a bare sentence has none
		warnings[string(about.ID)] = append(warnings[string(about.ID)], SessionWarning{Message: d.Message, Reason: d.Reason})
	}
	return warnings
}

package aurasim

import (
	"net/http"
	"time"
)

// change is what a PATCH asks for; nil is what it does not mention.
type change struct {
	name        *string
	memory      *string
	storage     *string
	vector      *bool
	plugin      *bool
	secondaries *int
	cdc         *string
}

func (s *Server) patchInstance(c *call) (answer, error) {
	in, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	want, err := readChange(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.permitChange(in, want); err != nil {
		return answer{}, err
	}
	if want.onlyName() {
		if err := s.store.begin(in, opRename, c.now, nil); err != nil {
			return answer{}, err
		}
		in.Name = *want.name
		return data(http.StatusOK, s.wireInstance(in, c)), nil
	}
	if err := s.update(in, want, c.now); err != nil {
		return answer{}, err
	}
	if s.quirks.EmptyPatchBody {
		return answer{status: http.StatusAccepted}, nil
	}
	return s.accepted(in, c), nil
}

func readChange(c *call) (change, error) {
	var want change
	err := c.fields(func(o *object) {
		name, memory, storage := o.text("name"), o.text("memory"), o.text("storage")
		vector, plugin := o.flag("vector_optimized"), o.flag("graph_analytics_plugin")
		secondaries, cdc := int(o.whole("secondaries_count")), o.oneOf("cdc_enrichment_mode", cdcModes())
		want = change{
			name: given(o, "name", name), memory: given(o, "memory", memory), storage: given(o, "storage", storage),
			vector: given(o, "vector_optimized", vector), plugin: given(o, "graph_analytics_plugin", plugin),
			secondaries: given(o, "secondaries_count", secondaries), cdc: given(o, "cdc_enrichment_mode", cdc),
		}
		if wrong := nameComplaint(name); wrong != "" && want.name != nil {
			o.complain("name", "%s", wrong)
		}
		if secondaries < 0 {
			o.complain("secondaries_count", "%d: must not be negative", secondaries)
		}
		if want == (change{}) && len(o.keys) == 0 {
			o.complain("", "at least one field to change is required")
		}
	})
	return want, err
}

func given[T any](o *object, name string, value T) *T {
	if !o.has(name) {
		return nil
	}
	return &value
}

func (w change) onlyName() bool {
	w.name = nil
	return w == change{}
}

func (s *Server) permitChange(in *instance, want change) error {
	p := planOf(in.Type)
	resize := want.memory != nil || want.storage != nil
	switch {
	case want.secondaries != nil && !p.secondaries:
		return refuse(http.StatusBadRequest, "tenant-incapable-of-action", "Secondaries are not supported for %s", p.name)
	case want.cdc != nil && !p.cdc:
		return refuse(http.StatusBadRequest, "tenant-incapable-of-action", "Change data capture is not supported for %s", p.name)
	case resize && !p.resizable:
		return invalidField("memory", "instances of type %s cannot be resized", p.name)
	case want.vector != nil && !p.vector:
		return invalidField("vector_optimized", "is not supported for %s", p.name)
	case want.plugin != nil && !p.plugin:
		return invalidField("graph_analytics_plugin", "is not supported for %s", p.name)
	}
	after := want.appliedTo(in.InstanceState)
	if after.VectorOptimized && gigabytes(after.Memory) < vectorMemory {
		return invalidField("vector_optimized", "needs at least %dGB memory", vectorMemory)
	}
	if !resize {
		return nil
	}
	tenant, _ := s.store.tenant(in.TenantID)
	return offered(tenant, after, "")
}

// update carries a change out. The name is new at once, the rest when the update has ended.
func (s *Server) update(in *instance, want change, now time.Time) error {
	resize := want.memory != nil || want.storage != nil
	err := s.store.begin(in, opUpdate, now, func(in *instance) {
		in.InstanceState = want.appliedTo(in.InstanceState)
	})
	if err != nil {
		return err
	}
	if want.name != nil {
		in.Name = *want.name
		want.name = nil // so that a rename during the update is not undone by its end
	}
	if resize {
		s.store.takeSnapshot(in, now, s.quirks.TimestampSnapshotIDs)
		if s.quirks.Resizing {
			in.op.phases[0].status = "resizing"
		}
	}
	return nil
}

func (w change) appliedTo(in InstanceState) InstanceState {
	if w.memory != nil {
		in.Memory = *w.memory
		in.Storage = doubled(*w.memory) // storage is scaled along
	}
	set(&in.Name, w.name)
	set(&in.Storage, w.storage)
	set(&in.VectorOptimized, w.vector)
	set(&in.GraphAnalyticsPlugin, w.plugin)
	set(&in.SecondariesCount, w.secondaries)
	set(&in.CDCEnrichmentMode, w.cdc)
	return in
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

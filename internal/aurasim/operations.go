package aurasim

import (
	"net/http"
	"slices"
)

func (s *Server) pauseInstance(c *call) (answer, error) {
	in, err := s.pausable(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.pause(in, c); err != nil {
		return answer{}, err
	}
	return s.accepted(in, c), nil
}

// pause leaves a snapshot behind: Aura takes a backup first.
func (s *Server) pause(in *instance, c *call) error {
	if err := s.store.begin(in, opPause, c.now, nil); err != nil {
		return err
	}
	s.store.takeSnapshot(in, c.now, s.quirks.TimestampSnapshotIDs)
	return nil
}

func (s *Server) resumeInstance(c *call) (answer, error) {
	in, err := s.pausable(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.store.begin(in, opResume, c.now, nil); err != nil {
		return answer{}, err
	}
	return s.accepted(in, c), nil
}

func (s *Server) pausable(c *call) (*instance, error) {
	in, err := s.target(c)
	if err != nil {
		return nil, err
	}
	if err := c.noFields(); err != nil {
		return nil, err
	}
	if !planOf(in.Type).pausable { // that it is refused is known, with which code is not
		return nil, refuse(http.StatusBadRequest, "", "Pause and resume are not supported for %s", in.Type)
	}
	return in, nil
}

func (s *Server) overwriteInstance(c *call) (answer, error) {
	in, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	var sourceID, snapshotID string
	err = c.fields(func(o *object) {
		sourceID, snapshotID = o.requireText("source_instance_id"), o.filled("source_snapshot_id")
		if sourceID == in.ID && !o.has("source_snapshot_id") {
			o.complain("source_instance_id", "an instance cannot be overwritten with itself")
		}
	})
	if err != nil {
		return answer{}, err
	}
	if !planOf(in.Type).overwrite {
		return answer{}, refuse(420, "", "Action not supported for %s", in.Type)
	}
	source, err := s.visible(c, sourceID)
	if err != nil {
		return answer{}, err
	}
	if allocated(source.InstanceState) > allocated(in.InstanceState) {
		return answer{}, refuse(http.StatusInternalServerError, "",
			"DB Overwrite Size Disparity: cannot clone database %s into smaller database %s", source.ID, in.ID)
	}
	if doing := in.doing(c.now); !slices.Contains(transitionOf(opOverwrite).from, doing) {
		return answer{}, busy(in.ID, doing) // before a snapshot of the source is taken for nothing
	}
	contents, err := s.contents(c, source, snapshotID)
	if err != nil {
		return answer{}, err
	}
	if err := s.store.begin(in, opOverwrite, c.now, func(in *instance) { in.load(contents) }); err != nil {
		return answer{}, err
	}
	return s.accepted(in, c), nil
}

// contents is what a clone or an overwrite copies: a snapshot of the source, or the source itself, of which Aura then
// takes a fresh snapshot first.
func (s *Server) contents(c *call, source *instance, snapshotID string) (graph, error) {
	if snapshotID == "" {
		if doing := source.doing(c.now); doing != statusRunning {
			return graph{}, busy(source.ID, doing)
		}
		return s.store.takeSnapshot(source, c.now, s.quirks.TimestampSnapshotIDs).graph, nil
	}
	snap, err := s.completed(c, source, snapshotID)
	if err != nil {
		return graph{}, err
	}
	if !snap.exportable {
		return graph{}, invalidField("source_snapshot_id", "snapshot %s is not exportable", snap.id)
	}
	return snap.graph, nil
}

func (s *Server) upgradeInstance(c *call) (answer, error) {
	in, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	after := in.InstanceState
	err = c.fields(func(o *object) {
		set(&after.Memory, given(o, "memory", o.text("memory")))
		set(&after.Storage, given(o, "storage", o.text("storage")))
		if o.has("memory") != o.has("storage") {
			o.complain("memory", "memory and storage must be given together or not at all")
		}
	})
	if err != nil {
		return answer{}, err
	}
	after.Type = planOf(in.Type).upgradesTo
	if after.Type == "" {
		return answer{}, refuse(http.StatusBadRequest, "", "Instances of type %s cannot be upgraded", in.Type)
	}
	tenant, _ := s.store.tenant(in.TenantID)
	if err := offered(tenant, after, ""); err != nil {
		return answer{}, err
	}
	err = s.store.begin(in, opUpgrade, c.now, func(in *instance) { in.Memory, in.Storage = after.Memory, after.Storage })
	if err != nil {
		return answer{}, err
	}
	in.Type, in.GraphAnalyticsPlugin = after.Type, false // the plugin does not survive an upgrade
	in.InstanceState = withDefaults(in.InstanceState)
	return data(http.StatusOK, s.wireInstance(in, c)), nil
}

func (s *Server) estimateSize(c *call) (answer, error) {
	var nodes, relationships int64
	var categories []string
	err := c.fields(func(o *object) {
		o.require("node_count")
		o.require("relationship_count")
		nodes, relationships = o.whole("node_count"), o.whole("relationship_count")
		if nodes < 0 || relationships < 0 {
			o.complain("node_count", "counts must not be negative")
		}
		o.oneOf("instance_type", []string{typeProfessionalDS, typeEnterpriseDS})
		categories = o.eachOf("algorithm_categories", algorithmCategories())
	})
	if err != nil {
		return answer{}, err
	}
	return data(http.StatusOK, sizing(float64(nodes)*128+float64(relationships)*64, len(categories), memorySizes())), nil
}

// sizing is a rule of thumb; Aura's own formula is not public.
func sizing(bytes float64, algorithms int, offered []string) wireSizing {
	const gb = 1 << 30
	need := 1 + int(min(bytes*(1+0.25*float64(algorithms))/gb, 1<<20))
	out := wireSizing{MinRequiredMemory: size(need)}
	for _, fits := range offered {
		out.RecommendedSize = fits
		if gigabytes(fits) >= need {
			return out
		}
	}
	out.DidExceedMaximum = true
	return out
}

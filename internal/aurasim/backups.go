package aurasim

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

const (
	profileAdHoc     = "AdHoc"
	profileScheduled = "Scheduled"

	snapshotPending    = "Pending"
	snapshotInProgress = "InProgress"
	snapshotCompleted  = "Completed"
	snapshotFailed     = "Failed"

	pendingFor  = 10 * time.Second // of the minute a snapshot takes
	snapshotFor = 60 * time.Second
)

// Cancelled is in the schema of a single snapshot only, and nothing is known to cause it.
func snapshotStatuses() []string {
	return []string{snapshotPending, snapshotInProgress, snapshotCompleted, snapshotFailed, "Cancelled"}
}

type snapshot struct {
	id         string
	profile    string
	at         time.Time // what is shown
	began      time.Time // what the status is computed from
	fixed      string    // a status that no longer follows from the clock
	exportable bool
	graph      graph
}

// graph stands for the contents of a database.
type graph struct {
	nodes, relationships int64
}

func (in *instance) graph() graph { return graph{in.GraphNodes, in.GraphRelationships} }

func (in *instance) load(g graph) { in.GraphNodes, in.GraphRelationships = g.nodes, g.relationships }

func (s *store) snapshotStatus(snap *snapshot, now time.Time) string {
	age := now.Sub(snap.began)
	switch {
	case snap.fixed != "":
		return snap.fixed
	case age < s.lasting(pendingFor, 1):
		return snapshotPending
	case age < s.lasting(snapshotFor, 1):
		return snapshotInProgress
	default:
		return snapshotCompleted
	}
}

func (s *store) snapshotState(in *instance, snap *snapshot, now time.Time) SnapshotState {
	return SnapshotState{
		InstanceID: in.ID, ID: snap.id, Profile: snap.profile, Status: s.snapshotStatus(snap, now),
		Timestamp: snap.at, Exportable: snap.exportable,
		GraphNodes: snap.graph.nodes, GraphRelationships: snap.graph.relationships,
	}
}

func (s *store) addLoadedSnapshot(state SnapshotState, now time.Time) {
	in := s.instances[state.InstanceID]
	snap := &snapshot{
		id: state.ID, profile: cmp.Or(state.Profile, profileAdHoc), fixed: cmp.Or(state.Status, snapshotCompleted),
		at: state.Timestamp, exportable: state.Exportable,
		graph: graph{state.GraphNodes, state.GraphRelationships},
	}
	if snap.at.IsZero() {
		snap.at = now
	}
	switch snap.fixed {
	case snapshotPending:
		snap.fixed, snap.began = "", now
	case snapshotInProgress:
		snap.fixed, snap.began = "", now.Add(-s.lasting(pendingFor, 1))
	}
	// It may be one that the schedule has just produced: what the state says about it counts.
	in.snapshots = slices.DeleteFunc(in.snapshots, func(old *snapshot) bool { return old.id == snap.id })
	in.snapshots = append(in.snapshots, snap)
}

// takeSnapshot takes an ad-hoc snapshot of what the instance holds now.
func (s *store) takeSnapshot(in *instance, now time.Time, timestampID bool) *snapshot {
	snap := &snapshot{id: s.names.uuid(), profile: profileAdHoc, at: now, began: now, exportable: true, graph: in.graph()}
	if timestampID {
		at := now
		for snap.id = ""; snap.id == "" || in.snapshot(snap.id) != nil; at = at.Add(time.Second) {
			snap.id = stamp(at) + "-adhoc"
		}
	}
	in.snapshots = append(in.snapshots, snap)
	return snap
}

// snapshotting is an unfinished ad-hoc snapshot, or nil.
func (s *store) snapshotting(in *instance, now time.Time) *snapshot {
	for _, snap := range in.snapshots {
		status := s.snapshotStatus(snap, now)
		if snap.profile == profileAdHoc && (status == snapshotPending || status == snapshotInProgress) {
			return snap
		}
	}
	return nil
}

func (in *instance) snapshot(id string) *snapshot {
	for _, snap := range in.snapshots {
		if snap.id == id {
			return snap
		}
	}
	return nil
}

// snapshotsOf is what there is to see of an instance's snapshots, newest first.
func (s *store) snapshotsOf(in *instance, now time.Time) []*snapshot {
	p := planOf(in.Type)
	out := slices.DeleteFunc(slices.Clone(in.snapshots), func(snap *snapshot) bool {
		return snap.profile == profileScheduled && p.schedule.every > 0 && now.Sub(snap.at) > p.schedule.keep
	})
	slices.SortStableFunc(out, func(a, b *snapshot) int { return b.at.Compare(a.at) })
	if p.onlyLatest {
		i := slices.IndexFunc(out, func(snap *snapshot) bool { return s.snapshotStatus(snap, now) == snapshotCompleted })
		if i >= 0 {
			out = out[:i+1]
		}
	}
	return out
}

func (s *store) visibleSnapshot(in *instance, id string, now time.Time) (*snapshot, bool) {
	for _, snap := range s.snapshotsOf(in, now) {
		if snap.id == id {
			return snap, true
		}
	}
	return nil, false
}

// backlog takes the scheduled snapshots of the time before the simulator started.
func (s *store) backlog(in *instance, now time.Time) {
	in.scheduled = in.StatusSince
	if in.Status == statusRunning {
		in.scheduled = now
	}
	if in.Status != statusCreating {
		s.takeSlots(in, in.CreatedAt, in.scheduled, now)
	}
}

// takeScheduled takes the scheduled snapshots since the last call; there are none while the database is not available.
func (s *store) takeScheduled(in *instance, until time.Time) {
	from := in.scheduled
	in.scheduled = until
	if (in.op != nil && in.op.serves) || (in.op == nil && in.Status == statusRunning) {
		s.takeSlots(in, from, until, until)
	}
}

// takeSlots takes the scheduled snapshots in (from, until] that would not have expired by now.
func (s *store) takeSlots(in *instance, from, until, now time.Time) {
	rule := planOf(in.Type).schedule
	if rule.every == 0 || s.noSchedules {
		return
	}
	if oldest := now.Add(-rule.keep); from.Before(oldest) {
		from = oldest
	}
	if until.After(now) { // a state may say that something happened in the future
		until = now
	}
	offset, fullHour := slot(in.ID)
	at := from.Add(-offset).Truncate(rule.every).Add(offset)
	taken := false
	for ; !at.After(until); at = at.Add(rule.every) {
		if !at.After(from) {
			continue
		}
		// Hourly snapshots are differential except one a day, and a differential cannot seed another instance.
		full := rule.every > time.Hour || at.UTC().Hour() == fullHour
		in.snapshots = append(in.snapshots, &snapshot{
			id: stamp(at), profile: profileScheduled, at: at, began: at, exportable: full, graph: in.graph(),
		})
		taken = true
	}
	if taken {
		in.snapshots = slices.DeleteFunc(in.snapshots, func(snap *snapshot) bool {
			return snap.profile == profileScheduled && snap.fixed == "" && now.Sub(snap.at) > rule.keep
		})
	}
}

// slot spreads the schedules of instances over the hour, and their full snapshots over the day.
func slot(instanceID string) (offset time.Duration, fullHour int) {
	h := fnv.New32a()
	h.Write([]byte(instanceID)) // never fails
	sum := h.Sum32()
	return time.Duration(sum%3600) * time.Second, int(sum / 3600 % 24)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

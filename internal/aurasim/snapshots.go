package aurasim

import (
	"net/http"
	"time"
)

func (s *Server) listSnapshots(c *call) (answer, error) {
	in, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	day := c.now.UTC().Format(time.DateOnly)
	if asked := c.query.Get("date"); asked != "" {
		if _, err := time.Parse(time.DateOnly, asked); err != nil {
			return answer{}, invalidField("date", "%q: must be YYYY-MM-DD", asked)
		}
		day = asked
	}
	out := []wireSnapshot{}
	for _, snap := range s.store.snapshotsOf(in, c.now) {
		if snap.at.UTC().Format(time.DateOnly) == day {
			out = append(out, s.wireSnapshot(in, snap, c.now))
		}
	}
	return data(http.StatusOK, out), nil
}

func (s *Server) createSnapshot(c *call) (answer, error) {
	in, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	if err := c.noFields(); err != nil {
		return answer{}, err
	}
	if err := s.store.begin(in, opSnapshot, c.now, nil); err != nil {
		return answer{}, err
	}
	if s.store.snapshotting(in, c.now) != nil {
		return answer{}, busy(in.ID, "creating snapshot")
	}
	snap := s.store.takeSnapshot(in, c.now, s.quirks.TimestampSnapshotIDs)
	return data(http.StatusAccepted, wireSnapshotCreated{SnapshotID: snap.id}), nil
}

func (s *Server) getSnapshot(c *call) (answer, error) {
	in, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	snap, ok := s.store.visibleSnapshot(in, c.params["snapshotId"], c.now)
	if !ok {
		return answer{}, snapshotNotFound(c.params["snapshotId"])
	}
	return data(http.StatusOK, s.wireSnapshot(in, snap, c.now)), nil
}

func (s *Server) restoreSnapshot(c *call) (answer, error) {
	in, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	if err := c.noFields(); err != nil {
		return answer{}, err
	}
	snap, err := s.completed(c, in, c.params["snapshotId"])
	if err != nil {
		return answer{}, err
	}
	if err := s.store.begin(in, opRestore, c.now, func(in *instance) { in.load(snap.graph) }); err != nil {
		return answer{}, err
	}
	return s.accepted(in, c), nil
}

// completed is a snapshot that can be read from. What Aura says about an unfinished one is not established; busy is
// what it says about everything else that is not finished.
func (s *Server) completed(c *call, in *instance, id string) (*snapshot, error) {
	snap, ok := s.store.visibleSnapshot(in, id, c.now)
	if !ok {
		return nil, snapshotNotFound(id)
	}
	switch s.store.snapshotStatus(snap, c.now) {
	case snapshotCompleted:
		return snap, nil
	case snapshotPending, snapshotInProgress:
		return nil, busy(in.ID, "creating snapshot")
	default:
		return nil, snapshotNotFound(id)
	}
}

func (s *Server) wireSnapshot(in *instance, snap *snapshot, now time.Time) wireSnapshot {
	return wireSnapshot{
		InstanceID: in.ID, SnapshotID: snap.id, Profile: snap.profile, Status: s.store.snapshotStatus(snap, now),
		Timestamp: stamp(snap.at), Exportable: snap.exportable,
	}
}

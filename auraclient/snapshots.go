package auraclient

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// SnapshotsService takes, reads and restores the snapshots of instances. The API
// cannot delete one.
type SnapshotsService struct{ c *Client }

// Snapshot is a backup of an instance. What Aura did not say is zero.
type Snapshot struct {
	InstanceID string
	// SnapshotID is opaque. Some are UUIDs, others look like a timestamp.
	SnapshotID string
	Profile    SnapshotProfile
	Status     SnapshotStatus
	Timestamp  time.Time
	Exportable *bool // whether another instance can be made from it
}

// CreatedSnapshot is all that Aura says about a snapshot it has begun to take.
type CreatedSnapshot struct{ SnapshotID string }

// List returns the snapshots of one day. The zero Day leaves the choice to Aura,
// which takes today.
func (s *SnapshotsService) List(ctx context.Context, instanceID string, day Day) ([]Snapshot, error) {
	query := url.Values{}
	if !day.IsZero() {
		query.Set("date", day.String())
	}
	a, err := s.c.get(ctx, snapshotsOf(instanceID), query)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[[]snapshotWire](a)
	if err != nil {
		return nil, err
	}
	snapshots := make([]Snapshot, len(wire))
	for i, w := range wire {
		snapshots[i] = w.snapshot()
	}
	return snapshots, nil
}

// Get returns one snapshot.
func (s *SnapshotsService) Get(ctx context.Context, instanceID, snapshotID string) (*Snapshot, error) {
	a, err := s.c.get(ctx, snapshotsOf(instanceID).id("snapshot id", snapshotID), nil)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[snapshotWire](a)
	if err != nil {
		return nil, err
	}
	if wire.SnapshotID == "" {
		return nil, a.unusable(errNoData)
	}
	snapshot := wire.snapshot()
	return &snapshot, nil
}

// Create begins to take a snapshot; [SnapshotsService.Wait] waits for its end. An
// answer that does not name the snapshot is an error of unknown outcome.
func (s *SnapshotsService) Create(ctx context.Context, instanceID string) (*CreatedSnapshot, error) {
	a, err := s.c.change(ctx, http.MethodPost, snapshotsOf(instanceID), nil)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[snapshotWire](a)
	if err != nil {
		return nil, err
	}
	if wire.SnapshotID == "" {
		return nil, a.unusable(errNoData)
	}
	return &CreatedSnapshot{SnapshotID: string(wire.SnapshotID)}, nil
}

// Restore begins to put the instance back to the snapshot, in place: what was
// written since is lost. Aura may still answer with the status running; see
// [InstanceWait.Accepted].
func (s *SnapshotsService) Restore(ctx context.Context, instanceID, snapshotID string) (*Instance, error) {
	r := snapshotsOf(instanceID).id("snapshot id", snapshotID).then("restore")
	return s.c.Instances.change(ctx, http.MethodPost, r, nil, instanceID)
}

func snapshotsOf(instanceID string) route {
	return at("instances").id("instance id", instanceID).then("snapshots")
}

type snapshotWire struct {
	InstanceID text   `json:"instance_id"`
	SnapshotID text   `json:"snapshot_id"`
	Profile    text   `json:"profile"`
	Status     text   `json:"status"`
	Timestamp  moment `json:"timestamp"`
	Exportable flag   `json:"exportable"`
}

func (w snapshotWire) snapshot() Snapshot {
	return Snapshot{
		InstanceID: string(w.InstanceID), SnapshotID: string(w.SnapshotID),
		Profile: SnapshotProfile(w.Profile), Status: SnapshotStatus(w.Status),
		Timestamp: w.Timestamp.Time, Exportable: w.Exportable.value,
	}
}

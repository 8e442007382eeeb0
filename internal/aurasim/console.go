package aurasim

import (
	"fmt"
	"slices"
	"time"
)

// Console does what a colleague does in Aura's console: the API's clients see the result and were not asked.
type Console struct {
	s *Server
}

// Console is for tests in which the fleet changes behind the client's back.
func (s *Server) Console() *Console { return &Console{s: s} }

// Pause begins to pause an instance that is running.
func (k *Console) Pause(id string) error {
	return k.with(id, func(in *instance, now time.Time) error {
		return k.s.pause(in, &call{now: now})
	})
}

// Resume begins to resume a paused instance.
func (k *Console) Resume(id string) error {
	return k.with(id, func(in *instance, now time.Time) error {
		return k.s.store.begin(in, opResume, now, nil)
	})
}

// Delete begins to destroy an instance.
func (k *Console) Delete(id string) error {
	return k.with(id, func(in *instance, now time.Time) error {
		return k.s.store.begin(in, opDelete, now, nil)
	})
}

// Rename gives an instance a new name at once.
func (k *Console) Rename(id, name string) error {
	return k.with(id, func(in *instance, _ time.Time) error {
		if wrong := nameComplaint(name); wrong != "" {
			return fmt.Errorf("name %s", wrong)
		}
		in.Name = name
		return nil
	})
}

// SetStatus puts an instance into a status of Aura's, from any other and at once. A transitional status begins now
// and ends as it always does; "loading failed" and "suspended" can be reached in no other way.
func (k *Console) SetStatus(id, status string) error {
	return k.with(id, func(in *instance, now time.Time) error {
		if !slices.Contains(statusNames(), status) {
			return fmt.Errorf("%q is not a status; allowed: %s", status, listed(statusNames()))
		}
		k.s.store.show(in, status, now)
		return nil
	})
}

// FailSnapshot lets a snapshot fail that has not completed yet.
func (k *Console) FailSnapshot(instanceID, snapshotID string) error {
	return k.with(instanceID, func(in *instance, now time.Time) error {
		snap := in.snapshot(snapshotID)
		if snap == nil {
			return fmt.Errorf("no snapshot %q", snapshotID)
		}
		if status := k.s.store.snapshotStatus(snap, now); status != snapshotPending && status != snapshotInProgress {
			return fmt.Errorf("snapshot %q is %s", snapshotID, status)
		}
		snap.fixed = snapshotFailed
		return nil
	})
}

func (k *Console) with(id string, do func(*instance, time.Time) error) error {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	now := time.Now()
	k.s.store.settle(now)
	in, ok := k.s.store.instances[id]
	if !ok {
		return fmt.Errorf("aurasim: no instance %q", id)
	}
	if err := do(in, now); err != nil {
		return fmt.Errorf("aurasim: console: instance %s: %w", id, err)
	}
	return nil
}

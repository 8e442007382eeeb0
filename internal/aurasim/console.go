package aurasim

import (
	"cmp"
	"errors"
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

// SetScenario lets an instance fare in one of the [Scenarios] from now on, "" being the usual one. What its counters have
// counted so far stays, except with "restarted": then they begin anew, a minute ago.
func (k *Console) SetScenario(id, scenario string) error {
	return k.with(id, func(in *instance, now time.Time) error {
		if wrong := scenarioComplaint(cmp.Or(scenario, scenarioHealthy), planOf(in.Type)); wrong != "" {
			return fmt.Errorf("scenario %q %s", scenario, wrong)
		}
		in.enter(scenario, now)
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

// SetKeyStatus is how a key becomes ready that stays pending until a person has set up its permission at the cloud
// provider. It then keeps the status.
func (k *Console) SetKeyStatus(id, status string) error {
	return k.do("key "+id, func(time.Time) error {
		if !slices.Contains(keyStatuses(), status) {
			return fmt.Errorf("%q is not a status; allowed: %s", status, listed(keyStatuses()))
		}
		found, ok := k.s.store.key(id)
		if !ok {
			return errors.New("there is no such key")
		}
		found.Status = status
		return nil
	})
}

// DeleteKey deletes a key that no instance uses.
func (k *Console) DeleteKey(id string) error {
	return k.do("key "+id, func(time.Time) error {
		found, ok := k.s.store.key(id)
		if !ok {
			return errors.New("there is no such key")
		}
		return k.s.store.removeKey(found)
	})
}

// FailSession lets a session run out of memory.
func (k *Console) FailSession(id string) error {
	return k.end(id, sessionFailed, reasonOutOfMemory)
}

// ExpireSession ends a session as if nobody had used it for its time to live.
func (k *Console) ExpireSession(id string) error {
	return k.end(id, sessionExpired, reasonInactivity)
}

// DeleteSession deletes a session, whatever it does.
func (k *Console) DeleteSession(id string) error {
	return k.withSession(id, func(x *session, _ time.Time) error {
		k.s.store.removeSession(x)
		return nil
	})
}

// end puts a session that has not ended into a status for good.
func (k *Console) end(id, status, reason string) error {
	return k.withSession(id, func(x *session, now time.Time) error {
		if is, _ := k.s.store.sessionStatus(x, now); is == sessionFailed || is == sessionExpired {
			return fmt.Errorf("it is %s", is)
		}
		x.Status, x.Reason = status, reason
		return nil
	})
}

func (k *Console) withSession(id string, do func(*session, time.Time) error) error {
	return k.do("session "+id, func(now time.Time) error {
		x, ok := k.s.store.session(id)
		if !ok {
			return errors.New("there is no such session")
		}
		return do(x, now)
	})
}

// do runs under the server's lock with the store settled.
func (k *Console) do(what string, f func(now time.Time) error) error {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	now := k.s.now()
	k.s.store.settle(now)
	if err := f(now); err != nil {
		return fmt.Errorf("aurasim: console: %s: %w", what, err)
	}
	return nil
}

func (k *Console) with(id string, do func(*instance, time.Time) error) error {
	return k.do("instance "+id, func(now time.Time) error {
		in, ok := k.s.store.instances[id]
		if !ok {
			return errors.New("there is no such instance")
		}
		return do(in, now)
	})
}

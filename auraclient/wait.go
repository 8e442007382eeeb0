package auraclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
)

const (
	// settleTime is how long Aura may still show the old status after it accepted
	// a change, and earlyMissing how long it may not know a new instance.
	settleTime   = 30 * time.Second
	earlyMissing = time.Minute
)

// InstanceWait says what [InstancesService.Wait] waits for.
type InstanceWait struct {
	// For are the statuses that end the wait, any of them. A failed status in it
	// is not an error.
	For []Status
	// Gone ends the wait when Aura no longer knows the instance.
	Gone bool
	// Accepted says that Aura has just accepted a change. The status from before
	// may then stand for a while, so For and failed statuses count only once
	// another status was seen, or 30 seconds after the start.
	Accepted bool
	// Creating says that the instance is new. Aura may then not know it for up to
	// a minute.
	Creating bool
	// OnUpdate, when set, is called with every reading of the instance.
	OnUpdate func(Instance)
}

// WaitError means that a wait ended without what was waited for.
type WaitError struct {
	What   string // such as "instance 2f49c2b3 to be running"
	Status string // the last one seen, "" when there was none
	Failed bool   // the status is a failed one
	Gone   bool   // the resource does not exist, or no longer
	Err    error  // the context's error when time ran out, else nil
	// ReadErr is why the last reading failed, nil when it did not.
	ReadErr error

	// The last reading is in the field for what was waited for; nil when there was
	// none. The other fields are nil.
	Instance *Instance
	Snapshot *Snapshot
	Key      *CustomerManagedKey
	Session  *Session
}

// Error says what was waited for and how it ended.
func (e *WaitError) Error() string {
	status := e.Status
	if status == "" {
		status = "not known"
	}
	switch {
	case e.Gone:
		return fmt.Sprintf("wait for %s: it does not exist; last status: %s", e.What, status)
	case e.Failed:
		return fmt.Sprintf("wait for %s: it ended as %s", e.What, status)
	case e.ReadErr != nil:
		return fmt.Sprintf("wait for %s: %v; last status: %s; last reading: %v", e.What, e.Err, status, e.ReadErr)
	default:
		return fmt.Sprintf("wait for %s: %v; last status: %s", e.What, e.Err, status)
	}
}

// Unwrap returns the context's error, if that was the end.
func (e *WaitError) Unwrap() error { return e.Err }

// Wait reads the instance until it is in a status of w.For, or gone if w.Gone. It
// reads at once and then every two to ten seconds, as [Client.Background] does.
// Only the end of ctx limits it: passing failures to read do not end it.
//
// A wait that ends otherwise, by a failed status, a missing instance or the end of
// ctx, is a [*WaitError]. The last reading is returned in every case; it is nil
// only together with an error. When the instance is gone and never was seen, only
// its ID is set.
func (s *InstancesService) Wait(ctx context.Context, id string, w InstanceWait) (*Instance, error) {
	if len(w.For) == 0 && !w.Gone {
		return nil, &ArgumentError{Argument: "wait", Problem: "names no status to wait for"}
	}
	polled := instanceWaiter{
		InstanceWait: w, id: id, began: time.Now(),
		read: s.c.Background().Instances.Get,
	}
	err := poll(ctx, func() (bool, error) { return polled.look(ctx) })
	if err == nil && polled.last == nil {
		polled.last = &Instance{ID: id}
	}
	if end, ok := errors.AsType[*WaitError](err); ok {
		end.What = "instance " + clean(id, maxExcerpt) + " to be " + w.aim()
		if end.Instance = polled.last; end.Instance != nil {
			end.Status = string(end.Instance.Status)
		}
	}
	return polled.last, err
}

func (w InstanceWait) aim() string {
	var aims []string
	for _, status := range w.For {
		aims = append(aims, string(status))
	}
	if w.Gone {
		aims = append(aims, "gone")
	}
	return strings.Join(aims, " or ")
}

type instanceWaiter struct {
	InstanceWait
	id    string
	began time.Time
	read  func(context.Context, string) (*Instance, error)
	last  *Instance
	moved bool // a status was seen that is neither wanted nor failed
}

// look reads once and reports whether the wait is over.
func (w *instanceWaiter) look(ctx context.Context) (bool, error) {
	instance, err := w.read(ctx, w.id)
	if err != nil {
		if !IsGone(err) {
			return false, err
		}
		if w.Gone {
			return true, nil
		}
		if w.Creating && hasStatus(err, http.StatusNotFound) && time.Since(w.began) < earlyMissing {
			return false, nil
		}
		return false, &WaitError{Gone: true}
	}
	w.last = instance
	if w.OnUpdate != nil {
		w.OnUpdate(*instance)
	}
	status := instance.Status
	wanted := slices.Contains(w.For, status)
	if !wanted && !status.Failed() {
		w.moved = w.moved || status != ""
		return false, nil
	}
	if w.Accepted && !w.moved && time.Since(w.began) < settleTime {
		return false, nil
	}
	if !wanted {
		return false, &WaitError{Failed: true}
	}
	return true, nil
}

// Wait reads the snapshot until it is complete, in the way of
// [InstancesService.Wait]. A failed or cancelled snapshot is a [*WaitError].
// onUpdate may be nil.
func (s *SnapshotsService) Wait(ctx context.Context, instanceID, snapshotID string, onUpdate func(Snapshot)) (*Snapshot, error) {
	reader := s.c.Background().Snapshots
	last, err := await(ctx, awaited[Snapshot]{
		read:   func() (*Snapshot, error) { return reader.Get(ctx, instanceID, snapshotID) },
		done:   func(s *Snapshot) bool { return s.Status == SnapshotCompleted },
		failed: func(s *Snapshot) bool { return s.Status.Failed() },
		update: onUpdate,
	})
	if end, ok := errors.AsType[*WaitError](err); ok {
		end.What = "snapshot " + clean(snapshotID, maxExcerpt) + " to be " + string(SnapshotCompleted)
		if end.Snapshot = last; last != nil {
			end.Status = string(last.Status)
		}
	}
	return last, err
}

// awaited is a resource that is on its way to one certain state.
type awaited[T any] struct {
	read         func() (*T, error)
	done, failed func(*T) bool
	update       func(T) // called with every reading; may be nil
}

// await reads until w is done, and returns the last reading in every case.
func await[T any](ctx context.Context, w awaited[T]) (*T, error) {
	var last *T
	err := poll(ctx, func() (bool, error) {
		seen, err := w.read()
		if IsGone(err) {
			return false, &WaitError{Gone: true}
		}
		if err != nil {
			return false, err
		}
		last = seen
		if w.update != nil {
			w.update(*seen)
		}
		if w.failed(seen) {
			return false, &WaitError{Failed: true}
		}
		return w.done(seen), nil
	})
	return last, err
}

// poll calls look until it is done, fails for good, or ctx ends.
func poll(ctx context.Context, look func() (bool, error)) error {
	var passing error
	pending := errors.New("not yet")
	pace := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(2*time.Second),
		backoff.WithMultiplier(1.5),
		backoff.WithRandomizationFactor(0.2),
		backoff.WithMaxInterval(10*time.Second),
		backoff.WithMaxElapsedTime(0),
	)
	err := backoff.Retry(func() error {
		if ctx.Err() != nil {
			return backoff.Permanent(ctx.Err())
		}
		done, err := look()
		switch {
		case done:
			return nil
		case err == nil:
			passing = nil
			return pending
		case passes(err):
			if ctx.Err() == nil { // or it is just the reading that the end cut short
				passing = err
			}
			return err
		}
		return backoff.Permanent(err)
	}, backoff.WithContext(pace, ctx))
	if err != nil && errors.Is(err, ctx.Err()) {
		return &WaitError{Err: ctx.Err(), ReadErr: passing}
	}
	return err
}

// passes reports whether a failed reading says nothing about the next.
func passes(err error) bool {
	if e, ok := AsError(err); ok {
		return e.Status == http.StatusTooManyRequests || e.Status >= 500
	}
	var budget *BudgetError
	var t *TransportError
	var large *tooLargeError
	switch {
	case errors.Is(err, errNoData), errors.Is(err, errNoJSON), errors.As(err, &large), untrusted(err):
		return false
	}
	return errors.As(err, &budget) || errors.As(err, &t)
}

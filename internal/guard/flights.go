package guard

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"aura-mcp/internal/op"
)

// keptFor is how long the outcome of an operation that outlasted its call waits to be picked up.
const keptFor = 15 * time.Minute

// flights are the operations with effects that run or have ended without anybody having heard of it. A host that gives up on
// a call and repeats it must not start the operation again: the equal call joins the one under way.
type flights struct {
	mu      sync.Mutex
	byKey   map[string]*flight
	running sync.WaitGroup
	landed  atomic.Int64 // how many have
}

// flight is one run of an operation.
type flight struct {
	done   chan struct{}
	result result                  // after done
	ended  time.Time               // likewise
	number int64                   // likewise: the how manieth to land
	heard  bool                    // the outcome was told; under the lock of the flights
	hears  atomic.Pointer[op.Call] // the call that hears how far it has come
}

// report tells the progress to the call that waits for the operation now.
func (f *flight) report(done, total float64, message string) {
	f.hears.Load().Report(done, total, message)
}

// tells makes a call the one that hears the progress. The call before it has ended, or is one of a host that repeats itself.
func (f *flight) tells(t task) {
	f.hears.Store(&t.call)
}

// waits tells a call's client that the answer takes a person.
func (t task) waits() {
	t.call.Report(1, 0, "waiting for a person to approve it")
}

func newFlights() *flights { return &flights{byKey: map[string]*flight{}} }

// find returns the flight of an equal call, unless its outcome has waited too long.
func (f *flights) find(t task) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := f.byKey[t.key()]
	if found == nil || found.heard {
		return nil
	}
	if found.landed() && time.Since(found.ended) >= keptFor {
		delete(f.byKey, t.key())
		return nil
	}
	return found
}

// start runs the operation on its own: the call that started it may end before. run gets the task with its progress going to
// whichever call waits.
func (f *flights) start(t task, run func(task) result) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Of two approvals of the same thing one carries it out, and so does one of two equal calls at once, though the other may
	// have planned before and come here after it.
	if other := f.byKey[t.key()]; other != nil && (!other.landed() || other.number > t.landed) {
		return other
	}
	f.sweep()
	started := &flight{done: make(chan struct{})}
	started.tells(t)
	f.byKey[t.key()] = started
	t.call.Progress = started.report
	f.running.Go(func() {
		defer func() { started.ended, started.number = time.Now(), f.landed.Add(1); close(started.done) }()
		started.result = run(t)
	})
	return started
}

// land keeps an outcome that came without a run, such as a refusal, until it is told.
func (f *flights) land(t task, outcome result) *flight {
	landed := &flight{done: make(chan struct{}), result: outcome, ended: time.Now(), number: f.landed.Add(1)}
	close(landed.done)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep()
	f.byKey[t.key()] = landed
	return landed
}

// sweep forgets outcomes that nobody has asked for in time.
func (f *flights) sweep() {
	maps.DeleteFunc(f.byKey, func(_ string, old *flight) bool { return old.landed() && time.Since(old.ended) >= keptFor })
}

func (f *flight) landed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// told returns the outcome of a flight and marks it heard: it is told once, and the next equal call is a new one.
func (f *flights) told(landed *flight) result {
	f.mu.Lock()
	defer f.mu.Unlock()
	landed.heard = true
	return copied(landed.result)
}

// copied is an outcome for one more caller: each marks its own.
func copied(outcome result) result {
	own := *outcome
	return &own
}

// attend waits for a flight, as long as the call may last.
func (g *Gate) attend(ctx context.Context, t task, flying *flight) result {
	flying.tells(t)
	timer := time.NewTimer(time.Until(t.call.Deadline.Add(tellTime)))
	defer timer.Stop()
	select {
	case <-flying.done:
		return g.flights.told(flying)
	case <-ctx.Done():
		// Whoever waits for an outcome stops now, so what was started is told soon, even to a server that is about to end. Most
		// likely nobody hears it, so an equal call is told it again.
		if ended(flying, cancelGrace) {
			return copied(flying.result)
		}
		return op.Failure(&op.Error{
			What: "the call was cancelled; " + t.Operation.Spec.Name + " had been started and goes on",
			Next: "call it again with the same arguments to hear how it went: that starts nothing new",
		})
	case <-timer.C:
		return encoded(underWay{
			State:   op.InProgress,
			Message: t.Operation.Spec.Name + " was approved and is running; it takes longer than one call may",
			Next:    "tell the person; call it again with the same arguments to hear how it went: that starts nothing new",
		})
	}
}

// cancelGrace is how long a cancelled call waits for an operation that is being sent.
const cancelGrace = 5 * time.Second

func ended(flying *flight, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-flying.done:
		return true
	case <-timer.C:
		return false
	}
}

// underWay is the result of a call whose operation goes on.
type underWay struct {
	State   op.State `json:"state"`
	Message string   `json:"message"`
	Next    string   `json:"next"`
}

// settleTime is how long a process that ends waits for what it has started. Longer than that runs only what waits for a
// safety snapshot, and has sent nothing else yet.
const settleTime = 45 * time.Second

// Settle takes back what nobody has decided, and waits until nothing runs any more: a process that is about to end finishes what it
// has started.
func (g *Gate) Settle() {
	g.mu.Lock()
	desks := slices.Collect(maps.Values(g.desks))
	g.mu.Unlock()
	for _, d := range desks {
		d.end()
	}
	settled := make(chan struct{})
	go func() { g.flights.running.Wait(); close(settled) }()
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-settled:
	case <-timer.C:
		g.Log.Warn("ending while operations still run; the audit shows them as of unknown outcome")
	}
}

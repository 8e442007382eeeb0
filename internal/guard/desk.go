package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"aura-mcp/internal/op"
)

const (
	// maxPending is how many plans may wait for one person: more would be approved without reading.
	maxPending = 3
	// maxTyped is how often a name may be typed for one plan.
	maxTyped = 3
)

// Stage is how far a plan on the desk has come.
type Stage string

// The stages.
const (
	Queued    Stage = "queued"    // others are shown before it
	Shown     Stage = "shown"     // it can be decided now
	Running   Stage = "running"   // approved, and being carried out
	Finished  Stage = "finished"  // carried out, or failed: see the outcome
	Denied    Stage = "denied"    // a person said no
	Expired   Stage = "expired"   // nobody decided in time
	Withdrawn Stage = "withdrawn" // whoever asked for it no longer does
)

// Approval is a plan on the desk, as a person sees it.
type Approval struct {
	ID       string    `json:"id"`
	Stage    Stage     `json:"stage"`
	Caller   op.Caller `json:"caller"`
	Client   string    `json:"client,omitempty"` // what the asking program says it is
	Demo     bool      `json:"demo,omitempty"`   // nothing here is real
	Tool     string    `json:"tool"`
	Preview  Preview   `json:"preview"`
	Ways     []Way     `json:"ways"`              // by which it can be decided
	Expires  time.Time `json:"expires,omitzero"`  // while it is shown
	Tries    int       `json:"tries,omitempty"`   // how often the name can still be typed
	PIN      bool      `json:"pin,omitempty"`     // the approval PIN is wanted, too
	Outcome  string    `json:"outcome,omitempty"` // what became of it, in words
	Ended    time.Time `json:"ended,omitzero"`
	State    op.State  `json:"state,omitempty"` // of a finished one: how far Aura has come; empty where it failed
	Position int       `json:"position"`        // of one not decided: how many are before it
	// For who asked, of one that is not decided: when that was, what it is about, what would change, and where a person decides it.
	Asked time.Time     `json:"-"`
	About []op.Resource `json:"-"`
	What  string        `json:"-"`
	Where string        `json:"-"`
}

// Decision is what a person says to a plan.
type Decision struct {
	Approve bool   `json:"approve"`
	Typed   string `json:"typed,omitempty"` // the name, where something is destroyed
	PIN     string `json:"pin,omitempty"`   // where one is wanted
	Way     Way    `json:"way"`
}

// What [Desk.Decide] fails with, besides a [*MistakeError].
var (
	ErrGone     = errors.New("this question is not open any more")
	ErrNotShown = errors.New("another question comes first")
)

// MistakeError is a decision that was not taken and can be given again.
type MistakeError struct {
	What string
	PIN  bool // it was about the PIN
}

func (m *MistakeError) Error() string { return m.What }

// Desk is where the plans of one principal lie that are decided outside the client, one at a time. Everything on it lives in
// memory: after a restart nothing is approved.
type Desk struct {
	gate *Gate

	mu     sync.Mutex
	queue  []*entry // not decided yet; the first one is shown
	known  []*entry // these and the decided ones, for a while
	expiry *time.Timer
}

// entry is a plan on the desk.
type entry struct {
	task      task
	plan      op.Plan
	doors     Doors
	remote    *Remote         // the way to a person who is elsewhere, or nil
	ctx       context.Context //nolint:containedctx // of the call that asked, for what the run has to know of it
	view      Approval
	attending int // calls that wait for the decision
	flight    *flight

	decided chan struct{} // closed when it leaves the queue
	seen    chan struct{} // closed when a person has it before them
	hidden  chan struct{} // closed when it cannot be brought before them
}

// Desk is the desk of a principal.
func (g *Gate) Desk(principal string) *Desk {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.desks[principal] == nil {
		g.desks[principal] = &Desk{gate: g}
	}
	return g.desks[principal]
}

// enter puts a plan on the desk. An equal one that lies there already is returned instead, and one that was decided meanwhile
// as its flight.
func (d *Desk) enter(ctx context.Context, t task, plan op.Plan, by asking, pin bool) (*entry, *flight, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if flying := d.gate.flights.find(t); flying != nil {
		return nil, flying, nil
	}
	if e := d.open(t.key()); e != nil {
		return e, nil, nil
	}
	if len(d.queue) >= maxPending {
		return nil, nil, &op.Error{
			What:      fmt.Sprintf("%d operations wait for this person's approval already, and more are not put before them", len(d.queue)),
			Next:      "tell the person to decide those first; several databases can go into one call where a tool takes `instances`",
			Unchanged: true,
		}
	}
	e := &entry{task: t, plan: plan, doors: by.doors, remote: d.gate.remote(t), ctx: ctx, decided: make(chan struct{}), seen: make(chan struct{}), hidden: make(chan struct{})}
	e.view = Approval{
		ID: rand.Text()[:8], Stage: Queued, Caller: t.call.Caller, Client: t.call.Client, Demo: d.gate.Demo,
		Tool: t.Operation.Spec.Name, Preview: NewPreview(plan), Tries: maxTyped, PIN: pin,
		Asked: time.Now(), About: plan.Targets, What: plan.Brief(),
	}
	if by.doors.Page != nil {
		e.view.Ways = append(e.view.Ways, Page)
	}
	if by.doors.Terminal != nil {
		e.view.Ways = append(e.view.Ways, Terminal)
	}
	d.queue = append(d.queue, e)
	d.known = append(slices.DeleteFunc(d.known, func(old *entry) bool { return !old.view.Ended.IsZero() && time.Since(old.view.Ended) > keptFor }), e)
	d.show() //nolint:contextcheck // the doors get the context of the call that asked
	return e, nil, nil
}

// find returns the undecided plan of an equal task, or nil.
func (d *Desk) find(t task) *entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open(t.key())
}

func (d *Desk) open(key string) *entry {
	for _, e := range d.queue {
		if e.task.key() == key {
			return e
		}
	}
	return nil
}

// show brings the first plan of the queue before the person, if it is not there yet. Its time begins now.
func (d *Desk) show() {
	if len(d.queue) == 0 || d.queue[0].view.Stage == Shown {
		return
	}
	e := d.queue[0]
	e.view.Stage, e.view.Expires = Shown, time.Now().Add(planTime)
	d.expiry = time.AfterFunc(planTime, func() { d.expire(e) })
	go d.present(e)
}

// present opens the first door that leads to the person. Where none does and they cannot come by themselves either, the plan is
// closed: an answer that promises a question would not be true.
func (d *Desk) present(e *entry) {
	open := false
	for _, door := range []func(context.Context, *Desk) error{e.doors.Page, e.doors.Terminal} {
		if door == nil {
			continue
		}
		err := door(context.WithoutCancel(e.ctx), d)
		if err == nil {
			return
		}
		d.gate.Log.Info("an approval could not be brought before a person", "id", e.view.ID, "error", err)
		open = open || errors.Is(err, ErrUnseen)
	}
	if open {
		close(e.hidden)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.view.Stage == Shown {
		e.flight = d.gate.flights.land(e.task, d.gate.refused(e.task, e.plan, "", d.gate.cannotAsk(e.task, e.plan, "there is no browser and no terminal here to ask at")))
		d.leave(e, Withdrawn, "")
	}
}

// leave takes a plan out of the queue; the next one's turn has come.
func (d *Desk) leave(e *entry, stage Stage, outcome string) {
	d.queue = slices.DeleteFunc(d.queue, func(other *entry) bool { return other == e })
	if e.view.Stage == Shown {
		d.expiry.Stop()
	}
	e.view.Stage, e.view.Outcome = stage, outcome
	if stage != Running {
		e.view.Ended = time.Now()
	}
	close(e.decided)
	d.show()
}

// expire ends the time of a plan that nobody decided.
func (d *Desk) expire(e *entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.view.Stage != Shown || time.Now().Before(e.view.Expires) {
		return
	}
	d.close(e, Expired, "", fmt.Sprintf("nobody decided within %d minutes", int(planTime.Minutes())),
		"ask the person whether they want this; if so, call again and they will be asked again")
}

// withdraw takes back a plan whose call was cancelled, unless another call waits for it, too. It reports whether it did.
func (d *Desk) withdraw(e *entry) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.attending > 0 || (e.view.Stage != Shown && e.view.Stage != Queued) {
		return false
	}
	d.leave(e, Withdrawn, "")
	return true
}

// end takes back everything that nobody has decided: the process is about to end.
func (d *Desk) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	open := d.queue
	d.queue = nil // so that nothing is brought before anybody any more
	for _, e := range open {
		d.close(e, Withdrawn, "", "the server ended before anybody decided", "ask the person whether they still want this; if so, call again and they will be asked again")
	}
}

// attend counts a call that waits for the decision, until it is released.
func (d *Desk) attend(e *entry) (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e.attending++
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		e.attending--
	})
}

// List returns what can be decided, in the order in which it is shown.
func (d *Desk) List() []Approval {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]Approval, len(d.queue))
	for n, e := range d.queue {
		out[n] = d.viewed(e)
	}
	return out
}

// Look returns a plan by its ID, decided or not. Decided ones are kept for 15 minutes.
func (d *Desk) Look(id string) (Approval, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.byID(id); e != nil {
		return d.viewed(e), true
	}
	return Approval{}, false
}

// Seen notes that a person has the plan before them.
func (d *Desk) Seen(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.byID(id)
	if e == nil {
		return
	}
	select {
	case <-e.seen:
	default:
		close(e.seen)
	}
}

func (d *Desk) byID(id string) *entry {
	for _, e := range d.known {
		if e.view.ID == id {
			return e
		}
	}
	return nil
}

func (d *Desk) viewed(e *entry) Approval {
	view := e.view
	view.Position = max(0, slices.Index(d.queue, e))
	where, next := e.where(view)
	view.Where = where + "; " + next
	return view
}

// Decide takes a person's decision. An approved plan is carried out at once, whether or not a call still waits for it. The
// error is a [*MistakeError] where the person can try again.
func (d *Desk) Decide(id string, by Decision) error {
	d.mu.Lock()
	e := d.byID(id)
	d.mu.Unlock()
	if e == nil {
		return ErrGone
	}
	if by.Approve && e.view.PIN { // slow on purpose, so not under the lock
		if err := d.gate.checkPIN(e, by); err != nil {
			return err
		}
	}
	d.expire(e) // where its time is over and the timer late
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case e.view.Stage == Queued:
		return ErrNotShown
	case e.view.Stage != Shown || !slices.Contains(e.view.Ways, by.Way):
		return ErrGone
	case !by.Approve:
		d.gate.denials.add(subject(e.task, e.plan))
		d.close(e, Denied, by.Way, "the person declined", "do not call again unless the person asks for it")
	case e.view.Preview.Confirm != "" && by.Typed != e.view.Preview.Confirm:
		return d.mistyped(e, by)
	default:
		e.flight = d.gate.flights.start(e.task, func(t task) result { return d.carryOut(e, t, by.Way) })
		d.leave(e, Running, "")
	}
	return nil
}

// mistyped takes a wrong name; the last one closes the plan.
func (d *Desk) mistyped(e *entry, by Decision) error {
	if e.view.Tries--; e.view.Tries > 0 {
		return &MistakeError{What: fmt.Sprintf("that is not the exact name; it can be typed %s more", times(e.view.Tries))}
	}
	d.close(e, Denied, by.Way, fmt.Sprintf("what was typed was not the exact name, %s", times(maxTyped)), "tell the person; call again to have them asked again")
	return nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// close ends a plan that is not carried out, notes that in the audit, and keeps it for whoever asked.
func (d *Desk) close(e *entry, stage Stage, way Way, why, next string) {
	e.flight = d.gate.flights.land(e.task, d.gate.refused(e.task, e.plan, way, notApproved(why, next)))
	d.leave(e, stage, why)
}

// carryOut runs an approved plan after a last look, and puts on the desk what became of it.
func (d *Desk) carryOut(e *entry, t task, way Way) result {
	out := d.gate.approved(e.ctx, t, e.plan, way)
	state, words := told(out)
	d.mu.Lock()
	defer d.mu.Unlock()
	e.view.Stage, e.view.State, e.view.Outcome, e.view.Ended = Finished, state, words, time.Now()
	return out
}

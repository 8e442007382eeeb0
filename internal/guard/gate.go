// Package guard is the gate in front of every operation: it decides whether a call may run, asks a person where one has to
// decide, and runs what was approved and nothing else. Where no person can be asked, the answer is no.
//
// What an approval proves: an elicitation proves what the client did, no more. A client that answers for its user defeats
// it, and so does a person who approves without reading.
package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
	"aura-mcp/internal/state"
	"aura-mcp/internal/text"
)

const (
	// callTime is what a call may take in all, waiting for a person and for Aura included: hosts cut at 60 s.
	callTime = 50 * time.Second
	// tellTime is what of it is kept for telling the outcome, when waiting took all the rest.
	tellTime = 2 * time.Second
	// askTime is how much of it a person gets where the call waits for the answer (protocol revisions before 2026-07-28).
	askTime = 45 * time.Second
	// lookTime is what a last look gets at the least, however late the person decided.
	lookTime = 8 * time.Second
	// planTime is how long a plan can be approved where the client asks and calls again (2026-07-28).
	planTime = 5 * time.Minute
	// runTime bounds a running change, which nothing else may cut off: some wait for a safety snapshot first.
	runTime = 10 * time.Minute
)

// Gate stands in front of every operation. Make one with [New].
type Gate struct {
	Options
	plans   *plans
	flights *flights
	denials *denials
	waiting chan struct{} // a place for each call that waits for a person

	mu    sync.Mutex
	desks map[string]*Desk // by principal
}

// result is what a call is answered with.
type result = *mcp.CallToolResult

// Options are what a gate works with.
type Options struct {
	// Policy is asked at every call, so that what the person changes counts at once. With an error it returns the last policy
	// that could be read: reads go on by it, and nothing that changes something runs.
	Policy  func(profile string) (Policy, error)
	Journal *audit.Journal
	Log     *slog.Logger
	// Trace prepares the context of a run and returns what then has Aura's request IDs of what it changed, for the audit. Nil
	// leaves them out.
	Trace func(context.Context) (_ context.Context, requestIDs func() []string)
	// Doors lead to a person outside the client.
	Doors Doors
	// PIN is asked where something is destroyed; nil where there is none.
	PIN PIN
	// Waiting bounds the calls that wait for a person, since each holds a worker of the server. 0 is no bound.
	Waiting int
	// AtTerminal says that the program itself was started by a person at their terminal, who is asked there.
	AtTerminal bool
	// OverNetwork says that clients come over a network, where their word for a person's approval proves nothing unless the policy
	// trusts it.
	OverNetwork bool
	// Remote is the way to the person behind a principal, or nil for one who is at this machine. Nil: all are.
	Remote func(principal string) *Remote
	// StateKeys seal what clients carry between requests, 32 bytes each: the first seals, any opens. Without any a random one does.
	StateKeys [][]byte
	// Store keeps the plans that clients answer; nil is this process's memory.
	Store state.Store
	// Caller is a caller with the rights of this moment: the settings may have changed while a person read. Its error says why they
	// may do nothing any more. Nil leaves callers as they came.
	Caller func(op.Caller) (op.Caller, error)
	// Demo says that nothing here is real, so that no command is given to a person that would act on real databases.
	Demo bool
}

// New makes a gate. Its plans live in memory: after a restart nothing is approved. What cannot be written to the journal
// does not run.
func New(o Options) (*Gate, error) {
	if o.Store == nil {
		o.Store = state.NewMemory()
	}
	plans, err := newPlans(o.StateKeys, o.Store)
	if err != nil {
		return nil, err
	}
	if o.Trace == nil {
		o.Trace = func(ctx context.Context) (context.Context, func() []string) {
			return ctx, func() []string { return nil }
		}
	}
	if o.Caller == nil {
		o.Caller = func(c op.Caller) (op.Caller, error) { return c, nil }
	}
	g := &Gate{Options: o, plans: plans, flights: newFlights(), denials: newDenials(), desks: map[string]*Desk{}}
	if o.Waiting > 0 {
		g.waiting = make(chan struct{}, o.Waiting)
	}
	return g, nil
}

// hold takes a place to wait for a person, if one is free; unhold gives it back.
func (g *Gate) hold() bool {
	if g.waiting == nil {
		return true
	}
	select {
	case g.waiting <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *Gate) unhold() {
	if g.waiting != nil {
		<-g.waiting
	}
}

// Withholds says which rule keeps the operation out of a caller's list of tools, or nil.
func (g *Gate) Withholds(caller op.Caller, s op.Spec) error {
	policy, _ := g.Policy(caller.Profile) // where it cannot be read, the last one counts
	return policy.refusal(caller, s)
}

// Handle takes one call through the gate. Everything that the model can act on comes back as a result, errors included.
func (g *Gate) Handle(ctx context.Context, o op.Operation, call op.Call, request mcp.CallToolRequest) (out *mcp.CallToolResult) {
	defer g.recovering(o, &out)
	landed := g.flights.landed.Load()
	policy, err := g.Policy(call.Caller.Profile)
	if err == nil || o.Spec.Effects == op.Read {
		err = policy.refusal(call.Caller, o.Spec)
	} else {
		err = unreadable(err)
	}
	if err != nil && o.Spec.Effects != op.Read {
		return g.refused(task{Request: op.Request{Operation: o}, call: call}, op.Plan{}, "", err)
	}
	if err != nil {
		return op.Failure(err)
	}
	r, err := o.Prepare(request.Params.Arguments)
	if err != nil {
		return failure(o, err)
	}
	call.Deadline, call.Gone = time.Now().Add(callTime-tellTime), ctx.Done()
	t := task{Request: r, call: call, landed: landed}
	if o.Spec.Effects == op.Read {
		ctx, cancel := context.WithDeadline(ctx, call.Deadline)
		defer cancel()
		return g.run(ctx, t, op.Plan{})
	}

	// An answer that came along is used up before anything else, so that it serves once however the rest goes.
	answer := g.answered(ctx, request)
	if answer != nil && !answer.plan.fits(t) {
		answer = nil // it was about something else
	}
	if flying := g.flights.find(t); flying != nil {
		return g.attend(ctx, t, flying)
	}
	if waiting := g.Desk(call.Caller.Principal).find(t); waiting != nil {
		if unopened(request) {
			return g.stillPending(t, waiting)
		}
		return g.awaitDecision(ctx, t, waiting, callTime)
	}
	if err := answer.verdict(); err != nil {
		return g.declined(t, answer, err)
	}
	plan, err := g.planned(ctx, t, policy, answer.approved())
	switch {
	case errors.Is(err, errForbidden):
		return g.refused(t, plan, "", err)
	case err != nil && answer != nil: // a person has decided on it, so the audit has it
		return g.refused(t, answer.plan.approved, Elicitation, err)
	case err != nil:
		return op.Failure(err)
	}
	if !plan.Effects.Guarded() {
		return g.runAudited(ctx, t, plan, "")
	}
	if policy.standing(o.Spec.Name, plan, g.Journal) {
		return g.runAudited(ctx, t, plan, Beforehand)
	}
	return g.guarded(ctx, t, policy, plan, answer)
}

// task is a request together with the call that brought it.
type task struct {
	op.Request
	call   op.Call
	landed int64 // how many flights had landed when the call came
}

// key is what makes two tasks equal: who calls, operation and arguments, without how long to wait.
func (t task) key() string {
	return strings.Join([]string{t.call.Caller.Profile, t.call.Caller.Principal, t.Operation.Spec.Name, string(t.Arguments())}, "\x00")
}

// planned reads what the request would do now. Where a person has approved a plan already, this is the last look before it
// runs: while they read, the world went on, and the settings may have changed. Of an approved bulk the handler looks at each
// target on its own.
func (g *Gate) planned(ctx context.Context, t task, policy Policy, approved *op.Plan) (op.Plan, error) {
	if approved != nil && approved.Bulk {
		return policy.apply(*approved)
	}
	// Who has decided late has decided all the same.
	ctx, cancel := context.WithTimeout(ctx, max(lookTime, time.Until(t.call.Deadline)))
	defer cancel()
	plan, err := t.Plan(ctx)
	if err != nil {
		return op.Plan{}, unsent(err)
	}
	if plan.Effects.Has(op.Destructive) && !text.Plain(plan.Confirm) {
		return op.Plan{}, unsent(fmt.Errorf("nothing is destroyed without a name that a person can type, which %s is not", text.Quote(plan.Confirm)))
	}
	return policy.apply(plan)
}

// unsent says of an error that came before anything was sent that nothing was changed.
func unsent(err error) error {
	told, ok := errors.AsType[*op.Error](err)
	if !ok {
		told = &op.Error{What: err.Error(), Err: err}
	}
	quiet := *told
	quiet.Unchanged, quiet.Unknown = true, false
	return &quiet
}

// askUntil is when a call that waits for a person has to give its answer.
func (t task) askUntil() time.Time { return t.call.Deadline.Add(askTime - callTime + tellTime) }

// guarded runs a plan once a person has approved exactly it.
func (g *Gate) guarded(ctx context.Context, t task, policy Policy, plan op.Plan, answer *answer) result {
	by, err := g.choose(ctx, t, policy, plan)
	if err != nil {
		return g.refused(t, plan, "", err)
	}
	if err := g.denials.rest(subject(t, plan)); err != nil && answer == nil {
		return g.refused(t, plan, "", err)
	}
	if answer == nil {
		plan = plan.Shown(ctx)
	}
	switch {
	case by.way != Elicitation:
		return g.askOutside(ctx, t, plan, by)
	case by.sealed && answer == nil:
		return g.askByRetry(t, plan)
	case by.sealed:
		return g.answeredWith(ctx, t, plan, answer)
	}
	if !g.AtTerminal { // where the question itself is shown
		t.waits()
	}
	if answer, err = g.askNow(ctx, t, plan); err != nil {
		return g.refused(t, plan, Elicitation, err)
	}
	if err := answer.verdict(); err != nil {
		return g.declined(t, answer, err)
	}
	if plan, err = g.lastLook(ctx, t, answer.plan.approved); err != nil {
		return g.refused(t, plan, Elicitation, err)
	}
	return g.answeredWith(ctx, t, plan, answer)
}

// declined ends a call whose answer does not approve the plan.
func (g *Gate) declined(t task, answer *answer, why error) result {
	if answer.denied() {
		g.denials.add(subject(t, answer.plan.approved))
	}
	return g.refused(t, answer.plan.approved, Elicitation, why)
}

// answeredWith runs a plan, as read last, if it is the one that the client's answer approves.
func (g *Gate) answeredWith(ctx context.Context, t task, now op.Plan, answer *answer) result {
	if !answer.plan.approved.Same(now) {
		return g.refused(t, now, Elicitation, changed(answer.plan.approved, now))
	}
	return g.runAudited(ctx, t, now, Elicitation)
}

// lastLook plans again what a person has decided on: while they read, the world went on, the settings included.
func (g *Gate) lastLook(ctx context.Context, t task, shown op.Plan) (op.Plan, error) {
	policy, err := g.Policy(t.call.Caller.Profile)
	if err != nil {
		return shown, unreadable(err)
	}
	caller, err := g.Caller(t.call.Caller)
	if err != nil {
		return shown, forbidden(err.Error(), "tell the person; whoever runs this server decides who may do what")
	}
	if err := policy.refusal(caller, t.Operation.Spec); err != nil {
		return shown, err
	}
	return g.planned(ctx, t, policy, &shown)
}

// approved runs a plan that a person approved outside the client, after a last look.
func (g *Gate) approved(ctx context.Context, t task, plan op.Plan, way Way) (out result) {
	defer g.recovering(t.Operation, &out)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), runTime)
	defer cancel()
	now, err := g.lastLook(ctx, t, plan)
	if err != nil {
		return g.refused(t, plan, way, err)
	}
	if !plan.Same(now) {
		return g.refused(t, now, way, changed(plan, now))
	}
	return g.audited(ctx, t, now, way)
}

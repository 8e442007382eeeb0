package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
)

// runAudited runs what may run and answers with what becomes of it, or with that it goes on.
func (g *Gate) runAudited(ctx context.Context, t task, plan op.Plan, way Way) result {
	if plan.Effects == op.Read {
		return g.run(ctx, t, plan)
	}
	flying := g.flights.start(t, func(t task) result { return g.audited(ctx, t, plan, way) })
	return g.attend(ctx, t, flying)
}

// audited runs an operation with effects between its two lines in the journal. The first is on the disk before anything is
// sent: whatever happens then, it can be seen that something was tried.
func (g *Gate) audited(ctx context.Context, t task, plan op.Plan, way Way) (out result) {
	defer g.recovering(t.Operation, &out)
	line := g.line(t, plan, way)
	line.Runs, line.Decision = true, "approved"
	switch way {
	case "":
		line.Decision = "no approval needed"
	case Beforehand:
		line.Decision = "approved beforehand"
	}
	err := g.begin(plan, line)
	if errors.Is(err, errNotCovered) {
		return g.refused(t, plan, "", err)
	}
	if err != nil {
		g.Log.Error("audit cannot be written; nothing that changes anything runs", "error", err)
		return op.Failure(&op.Error{
			What:      "the audit of this server cannot be written, and nothing runs that would be missing in it: " + err.Error(),
			Next:      "tell the person to mend that; reading goes on",
			Unchanged: true, Err: err,
		})
	}
	out, end := g.timed(ctx, t, plan)
	end.ID, end.Event, end.Profile, end.Principal, end.Operation = line.ID, audit.Finished, line.Profile, line.Principal, line.Operation
	if err := g.Journal.Write(end); err != nil {
		g.Log.Error("the outcome of an operation could not be written to the audit", "operation", line.Operation, "id", line.ID, "outcome", end.Outcome, "error", err)
	}
	g.Log.InfoContext(ctx, "operation finished", "operation", line.Operation, "targets", line.Targets, "outcome", end.Outcome, "seconds", end.Seconds)
	return out
}

// begin writes the first line. What a person approved beforehand for so many a day is counted once more: others may have begun
// since, here or in another process.
func (g *Gate) begin(plan op.Plan, line audit.Line) error {
	if line.Way != string(Beforehand) {
		return g.Journal.Write(line)
	}
	return g.Journal.Exclusively(func() error {
		policy, err := g.Policy(line.Profile)
		if err != nil || !policy.standing(line.Operation, plan, g.Journal) {
			return &op.Error{What: "what is approved beforehand does not cover " + line.Operation + " any more (setting preapproved)", Next: "call again: a person is asked then, where one can be", Unchanged: true, Err: errNotCovered}
		}
		return g.Journal.Write(line)
	})
}

var errNotCovered = errors.New("not approved beforehand any more")

// timed runs what may run. It is not cancelled by the client going away: cut off half way, nobody would know what became of it.
func (g *Gate) timed(ctx context.Context, t task, plan op.Plan) (result, audit.Line) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), runTime)
	defer cancel()
	ctx, requestIDs := g.Trace(ctx)
	started := time.Now()
	out, err := t.Run(ctx, t.call, plan)
	end := audit.Line{Time: time.Now(), RequestIDs: requestIDs(), Seconds: time.Since(started).Round(time.Millisecond).Seconds()}
	for _, made := range plan.Targets {
		if id := op.Made(out); made.ID == op.NoID && id != "" {
			end.Targets = append(end.Targets, audit.Target{ID: id, Name: made.Name})
		}
	}
	if err == nil {
		answer := encoded(out)
		state, words := told(answer)
		if end.Outcome = string(state); state == op.Failed || state == op.Unknown {
			end.Error = words
		}
		return answer, end
	}
	end.Outcome, end.Error = "failed", err.Error()
	if told, ok := errors.AsType[*op.Error](err); ok && told.Unknown {
		end.Outcome = "unknown"
	}
	return op.Failure(err), end
}

// recovering turns a panic into a result. What the panic says stays in the log: it may hold anything, and a client has no use
// for it.
func (g *Gate) recovering(o op.Operation, out *result) {
	panicked := recover()
	if panicked == nil {
		return
	}
	id := rand.Text()[:8]
	g.Log.Error("panic in an operation", "incident", id, "operation", o.Spec.Name, "panic", panicked, "stack", string(debug.Stack()))
	*out = op.Failure(&op.Error{
		What: fmt.Sprintf("%s failed inside aura-mcp (incident %s); whether anything was changed is not known", o.Spec.Name, id),
		Next: "look at the state with list_instances before you do anything else, and tell the person; the server's log has the details under the incident",
	})
}

// run carries out what changes nothing.
func (g *Gate) run(ctx context.Context, t task, plan op.Plan) result {
	out, err := t.Run(ctx, t.call, plan)
	if err != nil {
		return failure(t.Operation, err)
	}
	return encoded(out)
}

// failure leaves "Nothing was changed" to operations that could have changed something.
func failure(o op.Operation, err error) result {
	if told, ok := errors.AsType[*op.Error](err); ok && o.Spec.Effects == op.Read {
		quiet := *told
		quiet.Unchanged = false
		err = &quiet
	}
	return op.Failure(err)
}

func encoded(out any) result {
	encoded, err := op.Result(out)
	if err != nil {
		return op.Failure(err)
	}
	return encoded
}

// refused notes that an operation was not run, and why. That it could not be noted changes nothing: it does not run.
func (g *Gate) refused(t task, plan op.Plan, way Way, why error) result {
	line := g.line(t, plan, way)
	line.Decision, _, _ = strings.Cut(why.Error(), "\n")
	if err := g.Journal.Write(line); err != nil {
		g.Log.Error("a refusal could not be written to the audit", "operation", line.Operation, "error", err)
	}
	return op.Failure(why)
}

func (g *Gate) line(t task, plan op.Plan, way Way) audit.Line {
	l := audit.Line{
		Time: time.Now(), Event: audit.Decided, ID: rand.Text(), Profile: t.call.Caller.Profile, Principal: t.call.Caller.Principal,
		Operation: t.Operation.Spec.Name, Arguments: t.Arguments(), Way: string(way), What: plan.Brief(),
	}
	if plan.Effects != op.Read {
		l.Effects = plan.Effects.String()
	}
	for _, r := range plan.Targets {
		l.Targets = append(l.Targets, audit.Target{ID: r.ID, Name: r.Name})
	}
	return l
}

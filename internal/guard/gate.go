// Package guard is the gate in front of every operation: it decides whether a call may run, asks a person where one has to
// decide, and runs what was approved and nothing else. Where no person can be asked, the answer is no.
//
// What an approval proves: an elicitation proves what the client did, no more. A client that answers for its user defeats
// it, and so does a person who approves without reading.
package guard

import (
	"context"
	"log/slog"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
)

const (
	// callTime is what a call may take in all, waiting for a person and for Aura included: hosts cut at 60 s.
	callTime = 50 * time.Second
	// askTime is how much of it a person gets where the call waits for the answer (protocol revisions before 2026-07-28).
	askTime = 45 * time.Second
	// planTime is how long a plan can be approved where the client asks and calls again (2026-07-28).
	planTime = 5 * time.Minute
	// runTime bounds a running change, which nothing else may cut off.
	runTime = 90 * time.Second
)

// Gate stands in front of every operation. Make one with [New].
type Gate struct {
	policy Policy
	plans  *plans
	log    *slog.Logger
}

// New makes a gate. Its plans live in memory: after a restart nothing is approved.
func New(policy Policy, log *slog.Logger) (*Gate, error) {
	plans, err := newPlans()
	if err != nil {
		return nil, err
	}
	return &Gate{policy: policy, plans: plans, log: log}, nil
}

// Offers reports whether the policy leaves the operation in the list of tools.
func (g *Gate) Offers(s op.Spec) bool { return g.policy.refusal(s) == nil }

// Handle takes one call through the gate. Everything that the model can act on comes back as a result, errors included.
func (g *Gate) Handle(ctx context.Context, o op.Operation, call op.Call, request mcp.CallToolRequest) *mcp.CallToolResult {
	if err := g.policy.refusal(o.Spec); err != nil {
		return op.Failure(err)
	}
	r, err := o.Prepare(request.Params.Arguments)
	if err != nil {
		return op.Failure(err)
	}
	call.Deadline = time.Now().Add(callTime)
	if o.Spec.Effects == op.Read {
		return g.run(ctx, r, call, op.Plan{})
	}

	// An answer that came along is used up before anything else, so that it serves once however the rest goes.
	answer := g.answered(ctx, request)
	if answer != nil && !answer.plan.fits(r) {
		answer = nil // it was about something else
	}
	plan, err := g.planned(ctx, r, answer)
	if err != nil {
		return op.Failure(err)
	}
	if !plan.Effects.Guarded() {
		return g.run(ctx, r, call, plan)
	}
	return g.guarded(ctx, r, call, plan, answer)
}

// planned reads what the request would do now. Where a person has answered already, this is the last look before it runs:
// while they read, the world went on. Of an approved bulk the handler looks at each target on its own.
func (g *Gate) planned(ctx context.Context, r op.Request, answer *answer) (op.Plan, error) {
	if answer != nil && answer.plan.approved.Bulk {
		return answer.plan.approved, nil
	}
	plan, err := r.Plan(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	return g.policy.apply(plan), nil
}

// guarded runs a plan once a person has approved exactly it.
func (g *Gate) guarded(ctx context.Context, r op.Request, call op.Call, plan op.Plan, answer *answer) *mcp.CallToolResult {
	way, err := wayToAsk(ctx)
	if err != nil {
		g.decided(r, plan, "refused: no way to ask")
		return op.Failure(cannotAsk(r, plan))
	}
	if way == waySealed && answer == nil {
		return g.askByRetry(r, plan)
	}
	if way == wayRequest {
		if answer, err = g.askNow(ctx, r, plan, call.Deadline.Add(askTime-callTime)); err != nil {
			g.decided(r, plan, "not approved")
			return op.Failure(err)
		}
		if plan, err = g.planned(ctx, r, answer); err != nil {
			return op.Failure(err)
		}
	}
	if err := answer.verdict(); err != nil {
		g.decided(r, plan, "not approved")
		return op.Failure(err)
	}
	if !answer.plan.approved.Same(plan) {
		g.decided(r, plan, "approved, but changed meanwhile")
		return op.Failure(changed(answer.plan.approved, plan))
	}
	g.decided(r, plan, "approved")
	return g.run(ctx, r, call, plan)
}

// run carries out what may run. What changes something is not cancelled by the client going away: cut off half way, nobody
// would know what became of it.
func (g *Gate) run(ctx context.Context, r op.Request, call op.Call, plan op.Plan) *mcp.CallToolResult {
	if plan.Effects != op.Read {
		call.Gone = ctx.Done()
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), runTime)
		defer cancel()
	}
	started := time.Now()
	out, err := r.Run(ctx, call, plan)
	if plan.Effects != op.Read {
		g.log.Info("operation finished", "operation", r.Operation.Spec.Name, "targets", ids(plan.Targets), "took", time.Since(started).Round(time.Millisecond), "error", err)
	}
	if err != nil {
		return op.Failure(err)
	}
	result, err := op.Result(out)
	if err != nil {
		return op.Failure(err)
	}
	return result
}

func (g *Gate) decided(r op.Request, plan op.Plan, decision string) {
	g.log.Info("operation decided", "operation", r.Operation.Spec.Name, "targets", ids(plan.Targets), "effects", plan.Effects, "decision", decision)
}

func ids(resources []op.Resource) []string {
	out := make([]string, len(resources))
	for i, r := range resources {
		out[i] = r.ID
	}
	return out
}

// way is how a person is asked.
type way int

const (
	waySealed  way = iota // the client asks and calls again with the answer and our sealed state (2026-07-28)
	wayRequest            // we send the client a request and wait (before 2026-07-28)
)

// wayToAsk looks only at what this request's client has declared; its name proves nothing.
func wayToAsk(ctx context.Context) (way, error) {
	if server.IsModernRequest(ctx) {
		if formDeclared(server.RequestProtocolInfoFromContext(ctx).ClientCapabilities) {
			return waySealed, nil
		}
		return 0, errCannotAsk
	}
	if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		if declared := session.GetClientCapabilities(); formDeclared(&declared) {
			return wayRequest, nil
		}
	}
	return 0, errCannotAsk
}

// formDeclared: an elicitation capability that names no mode means the form, as before modes existed.
func formDeclared(c *mcp.ClientCapabilities) bool {
	return c != nil && c.Elicitation != nil && (c.Elicitation.Form != nil || c.Elicitation.URL == nil)
}

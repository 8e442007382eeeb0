package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
)

const (
	inputID  = "approval" // the one question of a round trip
	property = "approval" // the one field of its form
)

// answer is what came back from the person's client for a plan.
type answer struct {
	plan   *pending
	result *mcp.ElicitationResult
}

// approved is the plan that an answer is about, or nil without one.
func (a *answer) approved() *op.Plan {
	if a == nil {
		return nil
	}
	return &a.plan.approved
}

// answered takes the answer that came with a repeated call (2026-07-28). Without a valid state of ours it is ignored:
// anybody can put answers into a first call, and on older revisions none may come this way at all.
func (g *Gate) answered(ctx context.Context, request mcp.CallToolRequest) *answer {
	if !server.IsModernRequest(ctx) || request.Params.RequestState == "" || strings.HasPrefix(request.Params.RequestState, pageState) {
		return nil
	}
	plan, err := g.plans.take(request.Params.RequestState)
	if err != nil {
		g.Log.Warn("an approval came with a state that is not valid; asking afresh", "operation", request.Params.Name)
		return nil
	}
	return &answer{plan: plan, result: server.ElicitationResponse(request.Params.InputResponses, inputID)}
}

// askByRetry answers with the question; the client calls again with the person's answer.
func (g *Gate) askByRetry(t task, plan op.Plan) result {
	state, err := g.plans.add(t, plan)
	if err != nil {
		return op.Failure(err)
	}
	return server.NewInputRequestBuilder(state).Elicit(inputID, question(plan)).ToolResult()
}

// askNow sends the question and waits until the deadline. The library would wait for ever, and turn an error of the client
// into one of ours, so its bridge for old clients is not used.
func (g *Gate) askNow(ctx context.Context, t task, plan op.Plan) (*answer, error) {
	if !g.hold() {
		return nil, notApproved("too many questions wait for an answer already", "tell the person to answer those first, then call again")
	}
	defer g.unhold()
	now := time.Now()
	ctx, cancel := context.WithDeadline(ctx, t.askUntil())
	defer cancel()
	shown := &pending{approved: plan, operation: t.Operation.Spec.Name, key: t.key(), asked: now}
	result, err := server.ServerFromContext(ctx).RequestElicitation(ctx, mcp.ElicitationRequest{
		Request: mcp.Request{Method: string(mcp.MethodElicitationCreate)},
		Params:  question(plan),
	})
	switch {
	case err == nil:
		return &answer{plan: shown, result: result}, nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, notApproved(fmt.Sprintf("nobody answered within %d seconds", int(time.Since(now).Seconds())),
			"ask the person whether they want this; if so, call again and they will be asked again")
	case ctx.Err() != nil:
		return nil, notApproved("the call was cancelled before anybody decided", "")
	}
	return nil, notApproved("the client could not ask: "+err.Error(), unseen(now, "tell the person"))
}

// question is the form: one required text, with no default and nothing to pick, because some clients accept an empty form or
// take the first value on their own.
func question(plan op.Plan) mcp.ElicitationParams {
	title, description := "Type yes to approve", "Anything else refuses."
	if plan.Effects.Has(op.Destructive) {
		what := "name"
		if slices.ContainsFunc(plan.Targets, func(r op.Resource) bool { return r.ID == plan.Confirm }) {
			what = "ID"
		}
		title, description = "Type the "+what+" to approve", "The exact "+what+" as shown above; anything else refuses."
	}
	return mcp.ElicitationParams{
		Message: NewPreview(plan).String(),
		RequestedSchema: map[string]any{
			"type":       "object",
			"properties": map[string]any{property: map[string]any{"type": "string", "title": title, "description": description}},
			"required":   []string{property},
		},
	}
}

// denied reports whether a person said no. An answer faster than anybody reads was the client's own.
func (a *answer) denied() bool {
	return a.result != nil && a.result.Action == mcp.ElicitationResponseActionDecline && time.Since(a.plan.asked) >= time.Second
}

// verdict is nil when the person approved the plan, and where there is no answer yet.
func (a *answer) verdict() error {
	if a == nil {
		return nil
	}
	if a.result == nil {
		return notApproved("the client sent no answer to the question", "tell the person; call again to have them asked again")
	}
	switch a.result.Action {
	case mcp.ElicitationResponseActionAccept:
		return a.typed()
	case mcp.ElicitationResponseActionDecline:
		declined := "the person declined"
		if !a.denied() {
			declined = "the client declined"
		}
		return notApproved(declined, unseen(a.plan.asked, "do not call again unless the person asks for it"))
	case mcp.ElicitationResponseActionCancel:
		return notApproved("the question was dismissed without an answer", unseen(a.plan.asked, "ask the person what they want before you call again"))
	}
	return notApproved("the client answered with something that is neither yes nor no", "tell the person")
}

func (a *answer) typed() error {
	content, _ := a.result.Content.(map[string]any)
	typed, ok := content[property].(string)
	if !ok {
		return notApproved("the question was accepted without typing the answer", unseen(a.plan.asked, "tell the person; call again to have them asked again"))
	}
	if a.plan.approved.Effects.Has(op.Destructive) {
		if typed != a.plan.approved.Confirm {
			return notApproved("what was typed is not the exact name", "tell the person; call again to have them asked again")
		}
		return nil
	}
	if !strings.EqualFold(strings.TrimSpace(typed), "yes") {
		return notApproved("the answer was not yes", "ask the person what they want before you call again")
	}
	return nil
}

// unseen adds a hint to an answer that came faster than anybody reads: the client may have given it by itself.
func unseen(asked time.Time, next string) string {
	if time.Since(asked) >= time.Second {
		return next
	}
	return next + ". The answer came within a second, so the client may not have shown the question to anybody: tell the person that the setting approval = \"page\" asks them in their browser instead"
}

func notApproved(why, next string) error {
	return &op.Error{What: "not approved: " + why, Next: next, Unchanged: true}
}

// changed says what differs between what was approved and what is there now.
func changed(approved, now op.Plan) error {
	what := "what was approved is no longer what is there"
	if len(approved.Targets) == 1 && len(now.Targets) == 1 {
		a, b := approved.Targets[0], now.Targets[0]
		switch {
		case a.ID != b.ID:
			what += fmt.Sprintf(": the name now belongs to %s instead of %s", b.ID, a.ID)
		case a.Status != b.Status:
			what += fmt.Sprintf(": its status went from %s to %s", a.Status, b.Status)
		}
	}
	return &op.Error{What: what, Next: "look at it again with a list or get tool, tell the person what changed, and call again if they still want it", Unchanged: true}
}

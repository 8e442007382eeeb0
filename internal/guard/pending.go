package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/op"
)

// seenTime is how long a question may take to come before the person. After it the answer says how they get at it themselves.
const seenTime = 10 * time.Second

// askOutside puts a plan on the desk and waits there.
func (g *Gate) askOutside(ctx context.Context, t task, plan op.Plan, by asking) result {
	pin := false
	if plan.Effects.Has(op.Destructive) {
		var err error
		if pin, err = g.pinned(); err != nil {
			return g.refused(t, plan, by.way, err)
		}
	}
	e, flying, err := g.Desk(t.call.Caller.Principal).enter(ctx, t, plan, by, pin)
	switch {
	case err != nil:
		return g.refused(t, plan, by.way, err)
	case flying != nil:
		return g.attend(ctx, t, flying)
	}
	if r := g.remote(t); r != nil {
		return g.point(ctx, t, e, r)
	}
	return g.awaitDecision(ctx, t, e, seenTime)
}

// awaitDecision waits for a person, as long as the call may last. Where nobody has seen the question within patience, the
// answer comes at once, since it is what tells them.
func (g *Gate) awaitDecision(ctx context.Context, t task, e *entry, patience time.Duration) result {
	desk := g.Desk(t.call.Caller.Principal)
	if !g.AtTerminal { // where the question itself is shown
		t.waits()
	}
	release := desk.attend(e)
	defer release()
	if !g.hold() {
		return g.stillPending(t, e)
	}
	defer g.unhold()
	until, unseen := time.NewTimer(time.Until(t.askUntil())), time.NewTimer(patience)
	defer until.Stop()
	defer unseen.Stop()
	seen := e.seen
	for {
		select {
		case <-e.decided:
			return g.decided(ctx, t, e)
		case <-seen:
			unseen.Stop()
			seen = nil
		case <-unseen.C:
			return g.stillPending(t, e)
		case <-e.hidden:
			return g.stillPending(t, e)
		case <-until.C:
			return g.stillPending(t, e)
		case <-ctx.Done():
			release()
			err := notApproved("the call was cancelled before anybody decided", "")
			if desk.withdraw(e) {
				return g.refused(t, e.plan, "", err)
			}
			return op.Failure(err)
		}
	}
}

// decided tells a waiting call how a plan was decided: what runs is attended, a refusal told.
func (g *Gate) decided(ctx context.Context, t task, e *entry) result {
	if e.flight != nil {
		return g.attend(ctx, t, e.flight)
	}
	return op.Failure(notApproved("the question was closed before anybody decided", "ask the person whether they still want this; if so, call again and they will be asked again"))
}

// stillPending answers a call whose plan waits on.
func (g *Gate) stillPending(t task, e *entry) result {
	view, _ := g.Desk(t.call.Caller.Principal).Look(e.view.ID)
	tool := view.Tool
	where, next := e.where(view)
	return encoded(underWay{
		State:   op.ApprovalPending,
		Message: fmt.Sprintf("%s waits for a person's approval (ID %s): %s. Nothing was changed so far", tool, view.ID, where),
		Next:    fmt.Sprintf("%s, and wait for their word; then call %s again with the same arguments to hear how it went: that asks nothing new", next, tool),
	})
}

// where says where a plan waits for a person, and how they get there.
func (e *entry) where(view Approval) (where, next string) {
	if e.remote != nil {
		return e.remote.where(e, view)
	}
	if view.Position > 0 {
		return others(view.Position), "tell the person to decide those first: on the approval page, or with `aura-mcp approve` in a terminal on this machine, which asks one after the other"
	}
	select {
	case <-e.seen:
		return "the question is on the approval page in their browser", "tell the person to decide there"
	default:
	}
	where = "no browser has shown the question"
	if !slices.Contains(view.Ways, Page) {
		where = "it is asked at a terminal"
	}
	return where, fmt.Sprintf("tell the person to run `aura-mcp approve %s` in a terminal on this machine, where they can decide", view.ID)
}

// others says how many come first.
func others(before int) string {
	if before == 1 {
		return "1 other question comes before it"
	}
	return fmt.Sprintf("%d other questions come before it", before)
}

// told is what a person reads of a result: the message of a success, with how far it has come, and of an error what happened.
// What to do about it is said to the model.
func told(r result) (state op.State, words string) {
	for _, c := range r.Content {
		content, isText := mcp.AsTextContent(c)
		if !isText {
			continue
		}
		if r.IsError {
			words, _, _ = strings.Cut(content.Text, "\nWhat to do:")
			return "", words
		}
		var out struct {
			State   op.State `json:"state"`
			Message string   `json:"message"`
		}
		if json.Unmarshal([]byte(content.Text), &out) == nil {
			return out.State, out.Message
		}
	}
	return "", ""
}

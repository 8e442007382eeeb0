package guard

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
)

// Remote is the way to a person who is not at this machine: a page of this server, on which they prove who they are by something
// that their MCP client does not hold.
type Remote struct {
	// Page is the address of the page for a plan. Knowing it grants nothing. Nil where there is no page for them.
	Page func(id string) string
	// As is whom they sign in as there, in words.
	As string
	// Why says why there is no page, and Fix what can be done about it.
	Why, Fix string
}

// remote is the way to whoever calls, or nil where they are at this machine.
func (g *Gate) remote(t task) *Remote {
	if g.Remote == nil {
		return nil
	}
	return g.Remote(t.call.Caller.Principal)
}

// doors are those that lead to whoever calls. The page of somebody elsewhere opens by its address, which the answer tells.
func (g *Gate) doors(t task) Doors {
	r := g.remote(t)
	switch {
	case r == nil:
		return g.Doors
	case r.Page == nil:
		return Doors{}
	}
	return Doors{Page: func(context.Context, *Desk) error { return nil }}
}

// point shows a person elsewhere to the page where they decide: by their client where it opens addresses, else in the answer.
func (g *Gate) point(ctx context.Context, t task, e *entry, r *Remote) result {
	desk := g.Desk(t.call.Caller.Principal)
	byRetry, can := opens(ctx)
	switch {
	case !can:
		return g.stillPending(t, e)
	case byRetry:
		return server.NewInputRequestBuilder(pageState+e.view.ID).Elicit(inputID, address(e, r)).ToolResult()
	}
	release := desk.attend(e)
	defer release()
	asking, cancel := context.WithDeadline(ctx, t.askUntil())
	defer cancel()
	go func() { // whoever has decided needs no more asking
		select {
		case <-e.decided:
			cancel()
		case <-asking.Done():
		}
	}()
	page := address(e, r)
	said, err := server.ServerFromContext(ctx).RequestURLElicitation(asking, server.ClientSessionFromContext(ctx), page.ElicitationID, page.URL, page.Message)
	if asking.Err() == nil && (err != nil || said.Action != mcp.ElicitationResponseActionAccept) {
		return g.stillPending(t, e)
	}
	release()
	return g.awaitDecision(ctx, t, e, callTime)
}

// address asks a client to open the page.
func address(e *entry, r *Remote) mcp.ElicitationParams {
	return mcp.ElicitationParams{
		Mode: mcp.ElicitationModeURL, ElicitationID: e.view.ID, URL: r.Page(e.view.ID),
		Message: fmt.Sprintf("%s Open the approval page, sign in %s, and decide there.", e.view.Preview.Headline, r.As),
	}
}

// pageState is the state of a call that waits for a decision on a page. It proves nothing and serves for nothing: what the call
// is about is found by what it is.
const pageState = "page:"

// unopened reports whether a repeated call says that its client did not open the page.
func unopened(request mcp.CallToolRequest) bool {
	if !strings.HasPrefix(request.Params.RequestState, pageState) {
		return false
	}
	said := server.ElicitationResponse(request.Params.InputResponses, inputID)
	return said == nil || said.Action != mcp.ElicitationResponseActionAccept
}

// opens reports whether the client of this request opens addresses for its person, and whether it does so by calling again.
func opens(ctx context.Context) (byRetry, can bool) {
	declared, modern := capabilities(ctx)
	return modern, declared != nil && declared.Elicitation != nil && declared.Elicitation.URL != nil
}

// where says where a person elsewhere decides. The address is that of the plan; the page shows the ones before it first.
func (r *Remote) where(e *entry, view Approval) (where, next string) {
	where = "the question is on the approval page, which nobody has opened yet"
	select {
	case <-e.seen:
		where = "it is shown on the approval page"
	default:
	}
	if view.Position > 0 {
		where = others(view.Position)
	}
	return where, fmt.Sprintf("tell the person to open %s (they sign in %s) and to decide there", r.Page(view.ID), r.As)
}

// cannotAskRemote tells what a person elsewhere can do. used says that something approved beforehand is used up.
func (g *Gate) cannotAskRemote(t task, plan op.Plan, r *Remote, used, outside string) error {
	next := "tell the person what you wanted to do: " + intended(plan) + " They can do it in the Aura console"
	if r.Page == nil {
		outside += ", and " + r.Why
		next += "; or " + r.Fix
	}
	return &op.Error{What: fmt.Sprintf("%s needs a person's approval%s, and %s", t.Operation.Spec.Name, used, outside), Next: next, Unchanged: true, Err: errCannotAsk}
}

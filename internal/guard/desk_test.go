package guard

import (
	"context"
	"log/slog"
	"testing"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
)

func TestDesksAndOutcomesAreOfOnePrincipal(t *testing.T) {
	t.Parallel()
	g, err := New(Options{Policy: Fixed(Policy{}), Journal: audit.InMemory(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	alice, plan := request(t, "destroy_thing", "precious")
	mallory := alice
	mallory.call.Caller.Principal = "mallory"
	door := func(context.Context, *Desk) error { return nil }
	e, _, err := g.Desk(alice.call.Caller.Principal).enter(t.Context(), alice, plan, asking{way: Page, doors: Doors{Page: door}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if g.Desk("mallory") == g.Desk(op.Local) || g.Desk("mallory").find(mallory) != nil || g.Desk(op.Local).find(mallory) != nil {
		t.Error("a plan is seen by somebody else's call")
	}
	if err := g.Desk("mallory").Decide(e.view.ID, Decision{Approve: true, Typed: plan.Confirm, Way: Page}); err == nil {
		t.Error("somebody else approved it")
	}
	if _, known := g.Desk("mallory").Look(e.view.ID); known {
		t.Error("somebody else can look at it")
	}
	g.flights.land(alice, op.Failure(errCannotAsk))
	if g.flights.find(mallory) != nil || g.flights.find(alice) == nil {
		t.Error("an outcome is told to somebody else")
	}
	g.denials.add(subject(alice, plan))
	g.denials.add(subject(alice, plan))
	if g.denials.rest(subject(mallory, plan)) != nil || g.denials.rest(subject(alice, plan)) == nil {
		t.Error("a refusal counts for somebody else")
	}
}

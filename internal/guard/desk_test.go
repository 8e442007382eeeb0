package guard

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

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

// A person who is asked at the terminal where they typed the command needs no notice that they are waited for.
func TestWaitingForAPersonIsToldWhereTheyAreElsewhere(t *testing.T) {
	t.Parallel()
	for _, atTerminal := range []bool{false, true} {
		door := func(_ context.Context, d *Desk) error {
			for _, a := range d.List() {
				d.Seen(a.ID)
				_ = d.Decide(a.ID, Decision{Way: Terminal})
			}
			return nil
		}
		g, err := New(Options{Policy: Fixed(Policy{}), Journal: audit.InMemory(), Log: slog.New(slog.DiscardHandler), Doors: Doors{Terminal: door}, AtTerminal: atTerminal})
		if err != nil {
			t.Fatal(err)
		}
		r, _ := request(t, "destroy_thing", "precious")
		notices := 0
		call := op.Call{Caller: r.call.Caller, Progress: func(_, _ float64, message string) {
			if strings.Contains(message, "waiting for a person") {
				notices++
			}
		}}
		out := g.Handle(t.Context(), r.Operation, call, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "destroy_thing", Arguments: map[string]any{"thing": "precious"}}})
		if _, words := told(out); !out.IsError || !strings.Contains(words, "declined") || (notices > 0) == atTerminal {
			t.Errorf("at the terminal %v: told %d times that somebody is waited for; %s", atTerminal, notices, words)
		}
	}
}

func TestARefusalThatCannotBeWrittenIsLogged(t *testing.T) {
	t.Parallel()
	for place, wanted := range map[string]bool{"": true, t.TempDir(): false} {
		var log bytes.Buffer
		g, err := New(Options{Policy: Fixed(Policy{ReadOnly: true}), Journal: audit.Open(place), Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		r, _ := request(t, "destroy_thing", "precious")
		out := g.Handle(t.Context(), r.Operation, r.call, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "destroy_thing", Arguments: map[string]any{"thing": "precious"}}})
		if logged := strings.Contains(log.String(), "a refusal could not be written to the audit"); !out.IsError || logged != wanted {
			t.Errorf("with a journal in %q: logged %v, want %v: %s", place, logged, wanted, &log)
		}
	}
}

func TestAPendingAnswerSaysWhereThePersonIs(t *testing.T) {
	t.Parallel()
	unseen := func(context.Context, *Desk) error { return ErrUnseen }
	broken := func(context.Context, *Desk) error { return errors.New("no such thing here") }
	seen := func(_ context.Context, d *Desk) error {
		for _, a := range d.List() {
			d.Seen(a.ID)
		}
		return nil
	}
	for _, tt := range []struct {
		name       string
		doors      Doors
		where, not string
	}{
		{"a page that nobody looks at", Doors{Page: unseen}, "no browser has shown the question", "at a terminal"},
		{"a page that nobody looks at, and a terminal", Doors{Page: unseen, Terminal: unseen}, "no browser has shown the question", "at a terminal"},
		{"a page that nobody looks at, and a terminal that is none", Doors{Page: unseen, Terminal: broken}, "no browser has shown the question", "at a terminal"},
		{"a terminal alone", Doors{Terminal: unseen}, "it is asked at a terminal", "browser"},
		{"a page in front of them", Doors{Page: seen}, "the question is on the approval page in their browser", "aura-mcp approve"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, err := New(Options{Policy: Fixed(Policy{}), Journal: audit.InMemory(), Log: slog.New(slog.DiscardHandler), Doors: tt.doors})
				if err != nil {
					t.Fatal(err)
				}
				r, _ := request(t, "destroy_thing", "precious")
				out := g.Handle(t.Context(), r.Operation, r.call, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "destroy_thing", Arguments: map[string]any{"thing": "precious"}}})
				content, _ := mcp.AsTextContent(out.Content[0])
				if out.IsError || !strings.Contains(content.Text, tt.where) || strings.Contains(strings.Replace(content.Text, "in a terminal on this machine", "", 1), tt.not) {
					t.Errorf("it says %s", content.Text)
				}
				<-time.After(planTime + time.Second) // its time runs out, and with it its timer
			})
		})
	}
}

func TestADecidedPlanCanBeLookedAtForAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := New(Options{Policy: Fixed(Policy{}), Journal: audit.InMemory(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		desk := g.Desk(op.Local)
		by := asking{way: Page, doors: Doors{Page: func(context.Context, *Desk) error { return nil }}}
		put := func(thingName string) *entry {
			r, plan := request(t, "destroy_thing", thingName)
			e, _, err := desk.enter(t.Context(), r, plan, by, false)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		first := put("first")
		if err := desk.Decide(first.view.ID, Decision{Way: Page}); err != nil {
			t.Fatal(err)
		}
		if desk.withdraw(first) {
			t.Error("what was decided was withdrawn")
		}
		for _, step := range []struct {
			wait  time.Duration
			known bool
		}{{keptFor, true}, {time.Second, false}} {
			<-time.After(step.wait)
			put("at " + step.wait.String())
			if view, known := desk.Look(first.view.ID); known != step.known || known && view.Stage != Denied {
				t.Errorf("%v later: known %v, %+v", step.wait, known, view)
			}
		}
		<-time.After(2 * planTime) // the other plans expire, and with them their timers
	})
}

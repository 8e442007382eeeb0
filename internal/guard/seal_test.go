package guard

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
	"aura-mcp/internal/state"
)

type thing struct {
	Thing string `json:"thing"`
}

// request is a prepared request of an operation that destroys.
func request(tb testing.TB, name, thingName string) (task, op.Plan) {
	tb.Helper()
	plan := op.Plan{Effects: op.Destructive, Confirm: thingName, Targets: []op.Resource{{ID: thingName}}}
	o := op.Acts(op.Spec{Name: name, Title: "t", Description: "d", Toolset: "t", Effects: op.Destructive},
		func(context.Context, thing) (op.Plan, error) { return plan, nil },
		func(context.Context, op.Call, thing, op.Plan) (thing, error) { return thing{}, nil })
	r, err := o.Prepare(map[string]any{"thing": thingName})
	if err != nil {
		tb.Fatal(err)
	}
	return task{Request: r, call: op.Call{Caller: op.Caller{Principal: op.Local}}}, plan
}

// FuzzSealedState changes a valid state in every way the fuzzer finds: only the untouched one is ever accepted, and that once.
func FuzzSealedState(f *testing.F) {
	p, err := newPlans(nil, state.NewMemory())
	if err != nil {
		f.Fatal(err)
	}
	r, plan := request(f, "destroy_thing", "precious")
	f.Add(-1, byte(0), 0, []byte(nil))
	f.Add(3, byte(1), 0, []byte(nil))
	f.Add(-1, byte(0), 5, []byte("abc"))
	f.Add(-1, byte(0), 10000, []byte("bm90IGEgc3RhdGU"))
	f.Fuzz(func(t *testing.T, at int, flip byte, cut int, instead []byte) {
		state, err := p.add(r, plan)
		if err != nil {
			t.Fatal(err)
		}
		mutated := mutate(state, at, flip, cut, instead)
		taken, err := p.take(mutated)
		if mutated == state {
			if err != nil || taken == nil || !taken.fits(r) {
				t.Fatalf("the untouched state was refused: %v", err)
			}
			if again, err := p.take(state); err == nil || again != nil {
				t.Fatal("a state was accepted twice")
			}
			return
		}
		if err == nil || taken != nil {
			t.Fatalf("accepted %q, made from %q", mutated, state)
		}
	})
}

// mutate turns bits of one byte of the sealed box, cuts it, and appends something, in its own encoding or beside it.
func mutate(state string, at int, flip byte, cut int, instead []byte) string {
	box, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil {
		return state
	}
	if at >= 0 && len(box) > 0 {
		box[at%len(box)] ^= flip
	}
	if cut > 0 {
		box = box[:max(0, len(box)-cut)]
	}
	return base64.RawURLEncoding.EncodeToString(append(box, instead...))
}

func TestPlansAreBounded(t *testing.T) {
	t.Parallel()
	p, err := newPlans(nil, state.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	r, plan := request(t, "destroy_thing", "precious")
	first, err := p.add(r, plan)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := p.add(r, plan); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.take(first); err == nil {
		t.Error("the oldest plan has not given way")
	}
}

func TestAStateIsBoundToItsRequest(t *testing.T) {
	t.Parallel()
	p, err := newPlans(nil, state.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	r, plan := request(t, "destroy_thing", "precious")
	other, _ := request(t, "destroy_thing", "another")
	elsewhere, _ := request(t, "destroy_that", "precious")
	state, err := p.add(r, plan)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := p.take(state)
	if err != nil {
		t.Fatal(err)
	}
	if !taken.fits(r) || taken.fits(other) || taken.fits(elsewhere) {
		t.Errorf("fits its own %v, other arguments %v, another operation %v", taken.fits(r), taken.fits(other), taken.fits(elsewhere))
	}
	for _, caller := range []op.Caller{{Principal: "mallory"}, {Profile: "other", Principal: r.call.Caller.Principal}} {
		foreign := r
		foreign.call.Caller = caller
		if taken.fits(foreign) {
			t.Errorf("an approval given to %v serves %v", r.call.Caller, caller)
		}
	}
}

func TestKeysOfStatesCanBeReplaced(t *testing.T) {
	t.Parallel()
	older, newer := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	shared := state.NewMemory()
	before, err := newPlans([][]byte{older}, shared)
	if err != nil {
		t.Fatal(err)
	}
	after, err := newPlans([][]byte{newer, older}, shared)
	if err != nil {
		t.Fatal(err)
	}
	r, plan := request(t, "destroy_thing", "precious")
	state, err := before.add(r, plan)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := after.take(state); err != nil {
		t.Errorf("a state sealed with the older key is refused: %v", err)
	}
	if state, err = after.add(r, plan); err != nil {
		t.Fatal(err)
	}
	if _, err := before.take(state); err == nil {
		t.Error("the older key opens what the newer one has sealed")
	}
	if _, err := newPlans([][]byte{older[:5]}, shared); err == nil {
		t.Error("a key of 5 bytes was taken")
	}
}

// careless is a store that keeps plans for ever and mixes them up.
type careless struct {
	state.Store
	last any
}

func (c *careless) Put(_ state.Key, _ string, value any, _ time.Time) { c.last = value }
func (c *careless) Take(state.Key) (any, bool)                        { return c.last, true }

func TestAStateIsCheckedWhateverTheStoreReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, err := newPlans(nil, &careless{})
		if err != nil {
			t.Fatal(err)
		}
		r, plan := request(t, "destroy_thing", "precious")
		elsewhere, _ := request(t, "destroy_that", "precious")
		state, err := p.add(r, plan)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(planTime - time.Second)
		if _, err := p.take(state); err != nil {
			t.Errorf("within its time: %v", err)
		}
		<-time.After(time.Second)
		if _, err := p.take(state); err == nil {
			t.Error("an expired state was taken")
		}
		if state, err = p.add(r, plan); err != nil {
			t.Fatal(err)
		}
		if _, err := p.add(elsewhere, plan); err != nil {
			t.Fatal(err)
		}
		if _, err := p.take(state); err == nil {
			t.Error("a state was taken for the plan of another operation")
		}
	})
}

// Clients of older revisions answer within the call: what they send along with one is nothing.
func TestOnlyTheNewestRevisionAnswersByCallingAgain(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	g, err := New(Options{Policy: Fixed(Policy{}), Journal: audit.InMemory(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	r, plan := request(t, "destroy_thing", "precious")
	state, err := g.plans.add(r, plan)
	if err != nil {
		t.Fatal(err)
	}
	again := mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "destroy_thing"}}
	again.Params.RequestState = state
	for _, modern := range []bool{false, true} {
		ctx := server.WithRequestProtocolInfo(t.Context(), &server.RequestProtocolInfo{Modern: modern})
		if got := g.answered(ctx, again); (got != nil) != modern {
			t.Errorf("of the newest revision %v: %v", modern, got)
		}
		again.Params.RequestState = pageState + "ABC" // of a question on a page, which says nothing about an answer
		if got := g.answered(ctx, again); got != nil || log.Len() > 0 {
			t.Errorf("of a page: %v\n%s", got, &log)
		}
		again.Params.RequestState = state
	}
}

func TestWhatChangedIsToldOfOneTarget(t *testing.T) {
	t.Parallel()
	of := func(ids ...string) op.Plan {
		var p op.Plan
		for _, id := range ids {
			p.Targets = append(p.Targets, op.Resource{ID: id, Status: "running"})
		}
		return p
	}
	paused := of("a")
	paused.Targets[0].Status = "paused"
	const something = "what was approved is no longer what is there"
	for _, tt := range []struct {
		approved, now op.Plan
		want          string
	}{
		{of("a"), of("b"), something + ": the name now belongs to b instead of a"},
		{of("a"), paused, something + ": its status went from running to paused"},
		{of("a"), of("a"), something},
		{of("a", "b"), of("b"), something},
		{of("a"), of(), something},
		{of("b"), of("a", "b"), something},
	} {
		told, ok := errors.AsType[*op.Error](changed(tt.approved, tt.now))
		if !ok || told.What != tt.want || !told.Unchanged {
			t.Errorf("%+v, want %q", told, tt.want)
		}
	}
}

package guard

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
)

func TestOutcomesWaitForAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		running, _ := request(t, "destroy_thing", "running")
		release := make(chan struct{})
		f.start(running, func(task) result { <-release; return op.Failure(errCannotAsk) })
		for n := range 100 {
			over, _ := request(t, "destroy_thing", fmt.Sprint(n))
			f.land(over, op.Failure(errCannotAsk))
		}
		<-time.After(keptFor - time.Second)
		fresh, _ := request(t, "destroy_thing", "fresh")
		f.land(fresh, op.Failure(errCannotAsk))
		old, _ := request(t, "destroy_thing", "7")
		if f.find(old) == nil || f.find(running) == nil || len(f.byKey) != 102 {
			t.Errorf("before their time is over, %d are kept", len(f.byKey))
		}
		<-time.After(time.Second)
		if f.find(old) != nil {
			t.Error("an outcome is told after its time")
		}
		another, _ := request(t, "destroy_thing", "another")
		f.land(another, op.Failure(errCannotAsk))
		if f.find(running) == nil || f.find(fresh) == nil || f.find(another) == nil || len(f.byKey) != 3 {
			t.Errorf("afterwards %d are kept", len(f.byKey))
		}
		close(release)
		f.running.Wait()
	})
}

func TestAnEqualCallThatComesLateGetsTheOutcomeOnce(t *testing.T) {
	t.Parallel()
	f := newFlights()
	r, _ := request(t, "destroy_thing", "precious")
	r.landed = f.landed.Load()
	late := r
	runs := 0
	run := func(task) result { runs++; return op.Failure(errCannotAsk) }
	first := f.start(r, run)
	<-first.done
	f.told(first)
	if f.find(r) != nil {
		t.Error("a new call is told an outcome that was told")
	}
	if second := f.start(late, run); second != first || runs != 1 {
		t.Errorf("of two calls at once, %d ran", runs)
	}
	after := r
	after.landed = f.landed.Load()
	if third := f.start(after, run); third == first {
		t.Error("a call that came after the end is told of that end")
	} else if <-third.done; runs != 2 {
		t.Errorf("%d ran", runs)
	}
}

// A server that is about to end cancels its calls: they still tell what is over soon.
func TestACancelledCallTellsAnEndThatComesSoon(t *testing.T) {
	t.Parallel()
	for takes, want := range map[time.Duration]string{time.Second: "Nobody can be asked.", 2 * cancelGrace: "The call was cancelled; destroy_thing had been started and goes on."} {
		t.Run(takes.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, err := New(Options{Policy: Fixed(Policy{}), Journal: audit.InMemory(), Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				r, _ := request(t, "destroy_thing", "precious")
				r.call.Deadline = time.Now().Add(time.Minute)
				flying := g.flights.start(r, func(task) result { <-time.After(takes); return op.Failure(errCannotAsk) })
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				out := g.attend(ctx, r, flying)
				content, _ := mcp.AsTextContent(out.Content[0])
				if !strings.HasPrefix(content.Text, want) {
					t.Error(content.Text)
				}
				g.Settle()
				if g.flights.find(r) != flying {
					t.Error("an equal call does not hear of it any more")
				}
			})
		})
	}
}

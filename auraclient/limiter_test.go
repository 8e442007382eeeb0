package auraclient_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/auraclient"
)

// busiest returns the largest number of requests in any 60 seconds, of those that
// count.
func busiest(f *fakeAura, counts func(sent) bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	most := 0
	for i, first := range f.calls {
		n := 0
		for _, s := range f.calls[i:] {
			if s.at.Sub(first.at) < time.Minute && counts(s) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func all(sent) bool { return true }

func on(path string) func(sent) bool { return func(s sent) bool { return s.path == path } }

// flood sends n requests at once and waits for them.
func flood(t *testing.T, n int, call func() error) {
	t.Helper()
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			if err := call(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestRateLimit(t *testing.T) {
	inBubble(t, "a full minute goes out at once, and no minute has more", func(t *testing.T) {
		f := always(t, ok(`{"data":[]}`))
		client := newClient(t, f)
		began := time.Now()
		flood(t, 120, func() error { _, err := client.Tenants.List(t.Context()); return err })
		if d := time.Since(began); d != 0 {
			t.Errorf("120 requests took %v", d)
		}
		flood(t, 300, func() error { _, err := client.Tenants.List(t.Context()); return err })
		if d := time.Since(began); d != 3*time.Minute {
			t.Errorf("420 requests took %v", d)
		}
		if n := busiest(f, all); n != 120 {
			t.Errorf("%d requests within a minute", n)
		}
	})
	inBubble(t, "the window slides with the requests", func(t *testing.T) {
		f := always(t, ok(`{"data":[]}`))
		client := newClient(t, f, auraclient.WithRateLimit(3))
		for range 10 {
			_, err := client.Tenants.List(t.Context())
			noError(t, err)
			pass(7 * time.Second)
		}
		if n := busiest(f, all); n != 3 {
			t.Errorf("%d requests within a minute", n)
		}
	})
	inBubble(t, "bulk reads leave an eighth to single calls", func(t *testing.T) {
		f := always(t, ok(`{"data":[]}`))
		client := newClient(t, f)
		var group sync.WaitGroup
		group.Go(func() {
			flood(t, 250, func() error { _, err := client.Bulk().Instances.List(t.Context(), ""); return err })
		})
		synctest.Wait()
		if n := len(f.lines()); n != 105 {
			t.Errorf("%d bulk requests went out at once", n)
		}
		began := time.Now()
		flood(t, 15, func() error { _, err := client.Tenants.List(t.Context()); return err })
		if d := time.Since(began); d != 0 {
			t.Errorf("single calls had to wait %v", d)
		}
		group.Wait()
		if n := busiest(f, all); n > 120 {
			t.Errorf("%d requests within a minute", n)
		}
	})
	inBubble(t, "polling uses a fifth", func(t *testing.T) {
		f := always(t, ok(`{"data":[]}`))
		client := newClient(t, f)
		flood(t, 60, func() error { _, err := client.Background().Tenants.List(t.Context()); return err })
		if n := busiest(f, all); n != 24 {
			t.Errorf("%d requests within a minute", n)
		}
	})
	inBubble(t, "all classes together keep the limit", func(t *testing.T) {
		f := &fakeAura{t: t, answer: func(_ int, s sent) reply {
			if s.path == "/v1/instances/a" {
				return ok(instanceJSON("running"))
			}
			return ok(`{"data":[]}`)
		}}
		client := newClient(t, f, auraclient.WithRateLimit(25)) // 22 for bulk, 5 for polling
		var group sync.WaitGroup
		group.Go(func() { flood(t, 60, func() error { _, err := client.Tenants.List(t.Context()); return err }) })
		group.Go(func() {
			flood(t, 60, func() error { _, err := client.Bulk().Instances.List(t.Context(), ""); return err })
		})
		group.Go(func() {
			flood(t, 20, func() error { _, err := client.Background().Instances.Get(t.Context(), "a"); return err })
		})
		group.Wait()
		if n := busiest(f, all); n != 25 {
			t.Errorf("%d requests within a minute", n)
		}
		if n := busiest(f, on("/v1/instances/a")); n > 5 {
			t.Errorf("%d polls within a minute", n)
		}
	})
	inBubble(t, "a limit of one leaves something to every class", func(t *testing.T) {
		client := newClient(t, always(t, ok(`{"data":[]}`)), auraclient.WithRateLimit(1))
		for _, c := range []*auraclient.Client{client, client.Bulk(), client.Background()} {
			_, err := c.Tenants.List(t.Context())
			noError(t, err)
		}
	})
	inBubble(t, "calls of a class go out in the order they came", func(t *testing.T) {
		f := always(t, ok(instanceJSON("running")))
		client := newClient(t, f, auraclient.WithRateLimit(1))
		var group sync.WaitGroup
		for _, id := range []string{"a", "b", "c", "d"} {
			group.Go(func() {
				if _, err := client.Instances.Get(t.Context(), id); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		wantLines(t, f, "GET /v1/instances/a", "GET /v1/instances/b", "GET /v1/instances/c", "GET /v1/instances/d")
	})
}

func TestRateLimitAndContext(t *testing.T) {
	inBubble(t, "a call that would be late is refused at once, with the time it would take", func(t *testing.T) {
		f := always(t, ok(`{"data":[]}`))
		client := newClient(t, f, auraclient.WithRateLimit(2))
		flood(t, 2, func() error { _, err := client.Tenants.List(t.Context()); return err })
		pass(20 * time.Second)
		began := time.Now()
		_, err := client.Tenants.List(within(t, 39*time.Second))
		if e := wantError[*auraclient.BudgetError](t, err); e.Wait != 40*time.Second || e.Paused {
			t.Errorf("got %+v", e)
		}
		if time.Since(began) != 0 || auraclient.OutcomeUnknown(err) {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		_, err = client.Tenants.List(within(t, 41*time.Second))
		noError(t, err)
	})
	inBubble(t, "the line in front counts", func(t *testing.T) {
		client := newClient(t, always(t, ok(`{"data":[]}`)), auraclient.WithRateLimit(2))
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 7 { // two go out, two each after one and two minutes, one after three
			group.Go(func() { _, _ = client.Tenants.List(ctx) })
		}
		synctest.Wait()
		_, err := client.Tenants.List(within(t, 2*time.Minute))
		if e := wantError[*auraclient.BudgetError](t, err); e.Wait != 3*time.Minute {
			t.Errorf("got %v", e.Wait)
		}
		cancel()
		group.Wait()
		_, err = client.Tenants.List(within(t, 2*time.Minute))
		noError(t, err)
	})
	inBubble(t, "a cancelled call leaves its place", func(t *testing.T) {
		f := always(t, ok(`{"data":[]}`))
		client := newClient(t, f, auraclient.WithRateLimit(1))
		_, err := client.Tenants.List(t.Context())
		noError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = client.Instances.Delete(ctx, "a")
		if !errors.Is(err, context.Canceled) || auraclient.OutcomeUnknown(err) {
			t.Errorf("got %v", err)
		}
		wantLines(t, f, "GET /v1/tenants")
	})
	inBubble(t, "a context that is over sends nothing", func(t *testing.T) {
		f := script(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := newClient(t, f).Tenants.List(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRetryAfterPausesEverything(t *testing.T) {
	for _, test := range []struct {
		name   string
		header func() reply
	}{
		{"in seconds", func() reply { return status(429).with("Retry-After", "20") }},
		{"as a date", func() reply {
			return status(429).with("Retry-After", time.Now().UTC().Add(20*time.Second).Format("Mon, 02 Jan 2006 15:04:05 GMT"))
		}},
		{"as a date by a clock that is wrong", func() reply {
			return status(429).with("Date", "Mon, 01 Jan 2035 00:00:00 GMT").with("Retry-After", "Mon, 01 Jan 2035 00:00:20 GMT")
		}},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := &fakeAura{t: t, answer: func(n int, _ sent) reply {
				if n == 0 {
					return test.header()
				}
				return ok(`{"data":[]}`)
			}}
			client := newClient(t, f)
			began := time.Now()
			var group sync.WaitGroup
			group.Go(func() {
				if _, err := client.Tenants.List(t.Context()); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			flood(t, 5, func() error { _, err := client.Bulk().Tenants.List(t.Context()); return err })
			flood(t, 5, func() error { _, err := client.Background().Tenants.List(t.Context()); return err })
			group.Wait()
			for i, s := range f.calls[1:] {
				if d := s.at.Sub(began); d != 20*time.Second {
					t.Errorf("request %d went out after %v", i+1, d)
				}
			}
		})
	}
	inBubble(t, "those already waiting too", func(t *testing.T) {
		f := &fakeAura{t: t, answer: func(n int, _ sent) reply {
			if n == 1 {
				return reply{status: 429, after: time.Second}.with("Retry-After", "50")
			}
			return ok(`{"data":[]}`)
		}}
		client := newClient(t, f, auraclient.WithRateLimit(2), auraclient.WithMaxAttempts(1))
		_, err := client.Tenants.List(t.Context())
		noError(t, err)
		pass(30 * time.Second)
		began := time.Now()
		var group sync.WaitGroup
		group.Go(func() { _, _ = client.Tenants.List(t.Context()) })
		synctest.Wait()
		group.Go(func() { // has room after 30 s, but the pause ends after 51 s
			_, err := client.Tenants.List(within(t, 45*time.Second))
			if e := wantError[*auraclient.BudgetError](t, err); !e.Paused || time.Since(began) != time.Second {
				t.Errorf("after %v: %+v", time.Since(began), e)
			}
		})
		group.Wait()
	})
	inBubble(t, "a change that was refused is sent again", func(t *testing.T) {
		f := script(t, status(429).with("Retry-After", "3"), accepted(instanceJSON("pausing")))
		_, err := newClient(t, f).Instances.Pause(t.Context(), "2f49c2b3")
		noError(t, err)
		wantLines(t, f, "POST /v1/instances/2f49c2b3/pause {}", "POST /v1/instances/2f49c2b3/pause {}")
	})
	inBubble(t, "five seconds when it is missing", func(t *testing.T) {
		f := script(t, status(429), ok(`{"data":[]}`))
		began := time.Now()
		_, err := newClient(t, f).Tenants.List(t.Context())
		noError(t, err)
		if d := time.Since(began); d != 5*time.Second {
			t.Errorf("paused for %v", d)
		}
	})
}

func TestRetryAfterThatIsTooLong(t *testing.T) {
	inBubble(t, "is returned at once, to later callers as a budget error", func(t *testing.T) {
		f := script(t, status(429).with("Retry-After", "61"), ok(`{"data":[]}`))
		client := newClient(t, f)
		began := time.Now()
		_, err := client.Tenants.List(t.Context())
		if e := wantError[*auraclient.Error](t, err); e.RetryAfter != 61*time.Second || !auraclient.IsRateLimited(err) {
			t.Errorf("got %+v", e)
		}
		_, err = client.Tenants.List(t.Context())
		if e := wantError[*auraclient.BudgetError](t, err); e.Wait != 61*time.Second || !e.Paused {
			t.Errorf("got %+v", e)
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("took %v", d)
		}
		pass(2 * time.Second)
		_, err = client.Tenants.List(t.Context())
		noError(t, err)
	})
	inBubble(t, "for the context is returned at once", func(t *testing.T) {
		f := script(t, status(429).with("Retry-After", "30"))
		began := time.Now()
		_, err := newClient(t, f).Tenants.List(within(t, 29*time.Second))
		if e := wantError[*auraclient.Error](t, err); e.RetryAfter != 30*time.Second || time.Since(began) != 0 {
			t.Errorf("after %v: %+v", time.Since(began), e)
		}
	})
	inBubble(t, "to be true does not switch the client off", func(t *testing.T) {
		f := script(t, status(429).with("Retry-After", "2000000000"), ok(`{"data":[]}`))
		client := newClient(t, f)
		_, err := client.Tenants.List(t.Context())
		wantError[*auraclient.Error](t, err)
		pass(15 * time.Minute)
		_, err = client.Tenants.List(t.Context())
		noError(t, err)
	})
}

func TestWhoHasToWaitForTheBudgetIsTold(t *testing.T) {
	t.Parallel()
	inBubble(t, "a minute that is full", func(t *testing.T) {
		var log bytes.Buffer
		client := newClient(t, always(t, ok(`{"data":[]}`)), auraclient.WithRateLimit(10), auraclient.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		var told []time.Duration
		ctx := auraclient.WithHeld(t.Context(), func(wait time.Duration) { told = append(told, wait) })
		for range 10 {
			if _, err := client.Tenants.List(ctx); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
		}
		if len(told) != 0 {
			t.Errorf("told %v while there was room", told)
		}
		if _, err := client.Tenants.List(ctx); err != nil {
			t.Fatal(err)
		}
		if len(told) != 1 || told[0] != 50*time.Second {
			t.Errorf("told %v, want the 50 s that it was", told)
		}
		if !strings.Contains(log.String(), "waits for the request budget") || !strings.Contains(log.String(), "seconds=50") {
			t.Errorf("logged %q", log.String())
		}
	})
}

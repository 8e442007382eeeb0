package aurasim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"
)

// outcome is what a client sees of one request: an answer, a broken answer, or none.
type outcome struct {
	status int
	header http.Header
	body   string
	err    error // of Do, or of reading the body if there is a status
}

func (c *client) try(req *http.Request) outcome {
	resp, err := c.http.Do(req)
	if err != nil {
		return outcome{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return outcome{status: resp.StatusCode, header: resp.Header, body: string(body), err: err}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		fault      aurasim.Fault
		carriedOut bool
		status     int // seen by the client
		logged     int
		err        bool
		body       string
	}{
		{"an answer instead", aurasim.Fault{Status: 503}, false, 503, 503, false, `{"error":"Service Unavailable"}`},
		{"an HTML answer instead", aurasim.Fault{Status: 502, Body: "<html>", Header: http.Header{"content-type": {"text/html"}}}, false, 502, 502, false, "<html>"},
		{"an answer instead, after the deed", aurasim.Fault{Status: 502, After: true}, true, 502, 502, false, "Bad Gateway"},
		{"an answer with no body", aurasim.Fault{Status: 500, NoBody: true}, false, 500, 500, false, ""},
		{"cut before", aurasim.Fault{Kind: aurasim.CutBefore}, false, 0, 0, true, ""},
		{"cut after", aurasim.Fault{Kind: aurasim.CutAfter}, true, 0, 0, true, ""},
		{"cut in the body", aurasim.Fault{Kind: aurasim.CutInBody}, true, 202, 0, true, `{"data":{"id":`},
		{"a huge body", aurasim.Fault{Kind: aurasim.HugeBody}, true, 202, 202, false, `{"data":{"id":`},
		{"a slow body", aurasim.Fault{Kind: aurasim.SlowBody, Delay: time.Millisecond}, true, 202, 202, false, `{"data":{"id":`},
		{"no fault but a delay of nothing", aurasim.Fault{Kind: aurasim.Delay}, true, 202, 202, false, `{"data":{"id":`},
	}
	for _, tt := range tests {
		for _, over := range []string{"the transport", "a socket"} {
			t.Run(tt.name+", over "+over, func(t *testing.T) {
				t.Parallel()
				sim := newSim(t, aurasim.Options{})
				c := newClient(t, sim)
				if over == "a socket" {
					c = overSocket(t, sim)
				}
				fault := tt.fault
				fault.Method, fault.Path = "POST", "/v1/instances"
				sim.Fail(fault)
				c.must(200, "GET", "/instances") // does not match
				got := c.try(c.request("POST", "/instances", creation(nil)))

				if got.status != tt.status || (got.err != nil) != tt.err || !strings.Contains(got.body, tt.body) {
					t.Errorf("got %d %v %.80q", got.status, got.err, got.body)
				}
				requests := sim.Requests()
				if done := len(sim.Instances()) == 6; done != tt.carriedOut || (requests[len(requests)-1].Done == http.StatusAccepted) != done {
					t.Errorf("carried out: %v, want %v; log: %+v", done, tt.carriedOut, requests[len(requests)-1])
				}
				if last := requests[len(requests)-1]; last.Method != http.MethodPost || last.Status != tt.logged || last.Body == "" {
					t.Errorf("log: %+v", last)
				}
				if fault.Kind == aurasim.HugeBody && (len(got.body) < 10<<20 || !json.Valid([]byte(got.body))) {
					t.Errorf("%d bytes", len(got.body))
				}
				if sim.PendingFaults() != 0 {
					t.Error("the fault is still armed")
				}
				c.must(202, "POST", "/instances", creation(map[string]any{"name": "x"}))
				sim.Fail(fault)
				sim.Relent()
				c.must(202, "POST", "/instances", creation(map[string]any{"name": "y"}))
			})
		}
	}
}

// overSocket is a client of the simulator on a real socket.
func overSocket(t *testing.T, sim *aurasim.Server) *client {
	t.Helper()
	l, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return loggedIn(t, transport, l.URL())
}

func TestCutConnectionsLookLikeThoseOfANetwork(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	c := newClient(t, sim)
	sim.Fail(aurasim.Fault{Kind: aurasim.CutBefore})
	sim.Fail(aurasim.Fault{Kind: aurasim.CutAfter})
	sim.Fail(aurasim.Fault{Kind: aurasim.CutInBody})
	before, after, within := c.try(c.request("GET", "/tenants")), c.try(c.request("GET", "/tenants")), c.try(c.request("GET", "/tenants"))
	var op *net.OpError
	if !errors.As(before.err, &op) || op.Op != "read" || !errors.Is(before.err, syscall.ECONNRESET) {
		t.Error(before.err)
	}
	if !errors.Is(after.err, io.ErrUnexpectedEOF) || !errors.Is(within.err, io.ErrUnexpectedEOF) {
		t.Error(after.err, within.err)
	}
}

func TestARefusedConnectionIsNeverReceived(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	c := newClient(t, sim)
	before := len(sim.Requests())
	sim.Fail(aurasim.Fault{Kind: aurasim.Refused})
	got := c.try(c.request("POST", "/instances", creation(nil)))
	var op *net.OpError
	if !errors.As(got.err, &op) || op.Op != "dial" || !errors.Is(got.err, syscall.ECONNREFUSED) {
		t.Error(got.err)
	}
	if len(sim.Requests()) != before || len(sim.Instances()) != 5 {
		t.Errorf("%d requests and %d instances", len(sim.Requests())-before, len(sim.Instances()))
	}
}

func TestASlowBodyComesInTwoHalves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		sim.Fail(aurasim.Fault{Kind: aurasim.SlowBody, Delay: time.Minute})
		begun := time.Now()
		resp, err := c.http.Do(c.request("GET", "/tenants"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		first := make([]byte, 1<<10)
		n, err := resp.Body.Read(first)
		if err != nil || n == 0 || json.Valid(first[:n]) || time.Since(begun) != 0 {
			t.Errorf("at once: %q, %v after %v", first[:n], err, time.Since(begun))
		}
		rest, err := io.ReadAll(resp.Body)
		if err != nil || !json.Valid(append(first[:n:n], rest...)) || time.Since(begun) != time.Minute {
			t.Errorf("then: %q, %v after %v", rest, err, time.Since(begun))
		}
		sim.Fail(aurasim.Fault{Kind: aurasim.SlowBody, Delay: time.Hour})
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := c.try(c.request("GET", "/tenants").WithContext(impatient)); got.status != 200 || !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("with no patience: %d, %v", got.status, got.err)
		}
	})
}

func TestAuraTellsTheTimeByItsOwnClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{ClockSkew: -10 * time.Minute})
		got := newClient(t, sim).must(202, "POST", "/instances", creation(nil))
		late := time.Now().Add(-10 * time.Minute).UTC()
		if date := got.header.Get("Date"); date != late.Format(http.TimeFormat) {
			t.Errorf("the answer is of %s, want %s", date, late.Format(http.TimeFormat))
		}
		all := sim.Instances()
		if made := all[len(all)-1].CreatedAt; !made.Equal(late) {
			t.Errorf("created at %v, want %v", made, late)
		}
		advance(20 * time.Minute)
		if status := sim.Instances()[len(all)-1].Status; status != "running" {
			t.Errorf("after 20 minutes it is %s", status)
		}
	})
}

func TestFaultsMatchAndCount(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	c := newClient(t, sim)
	sim.Fail(aurasim.Fault{Path: "/v1/instances/*/snapshots", Times: 2, Status: 500})
	sim.Fail(aurasim.Fault{Path: "/oauth/token", Status: 503})
	sim.Fail(aurasim.Fault{Path: "/v1/tenants", Skip: 2, Status: 418})
	for _, want := range []int{200, 200, 418, 200} {
		if got := c.try(c.request("GET", "/tenants")); got.status != want {
			t.Errorf("with two spared: %d, want %d", got.status, want)
		}
	}
	sim.Fail(aurasim.Fault{Path: "[", Status: 500}) // no pattern at all: never matches
	sim.Fail(aurasim.Fault{Method: "DELETE", Status: 504})

	for _, want := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/instances", 200},
		{"GET", "/instances/" + orders, 200},
		{"GET", "/instances/" + orders + "/snapshots", 500},
		{"GET", "/instances/" + orders + "/snapshots/x", 404},
		{"POST", "/instances/" + shop + "/snapshots", 500},
		{"GET", "/instances/" + orders + "/snapshots", 200},
		{"DELETE", "/instances/" + shop, 504},
		{"DELETE", "/instances/" + shop, 202},
	} {
		c.must(want.status, want.method, want.path)
	}
	if got := c.login(aurasim.DemoClientID, aurasim.DemoClientSecret); got.status != 503 {
		t.Error(got.status)
	}
	if n := sim.PendingFaults(); n != 1 {
		t.Errorf("%d armed, want the one that is no pattern", n)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after the deed %v", after), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sim := newSim(t, aurasim.Options{})
				c := newClient(t, sim)
				sim.Fail(aurasim.Fault{Delay: 20 * time.Second, After: after, Times: 2})
				start := time.Now()
				c.must(200, "GET", "/tenants")
				if took := time.Since(start); took != 20*time.Second {
					t.Errorf("took %v", took)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				got := c.try(c.request("POST", "/instances", creation(nil)).WithContext(ctx))
				if !errors.Is(got.err, context.DeadlineExceeded) {
					t.Error(got.err)
				}
				if took := time.Since(start); took != 25*time.Second {
					t.Errorf("took %v", took)
				}
				if done := len(sim.Instances()) == 6; done != after {
					t.Errorf("carried out: %v", done)
				}
			})
		})
	}
}

func TestTransportHonoursTheContext(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	c := newClient(t, sim)
	n := len(sim.Requests())
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := c.http.Do(c.request("GET", "/instances").WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("reading after cancel: %v", err)
	}
	if got := c.try(c.request("GET", "/instances").WithContext(ctx)); !errors.Is(got.err, context.Canceled) {
		t.Error(got.err)
	}
	if got := len(sim.Requests()); got != n+1 {
		t.Errorf("%d requests arrived", got-n)
	}
	resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Error(err)
	}
}

func TestTransportKeepsItsContract(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	body := &closeCounter{Reader: strings.NewReader("x")}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.com/oauth/token", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := sim.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if body.closed != 1 || resp.Request != req || resp.Status != "401 Unauthorized" || req.RequestURI != "" {
		t.Errorf("closed %d times, status %q", body.closed, resp.Status)
	}
	req.URL.Host = ""
	if resp, err := sim.Transport().RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Error("a URL without a host goes nowhere")
	}
	broken, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.com/oauth/token", io.MultiReader(strings.NewReader("x"), failing{}))
	if resp, err := sim.Transport().RoundTrip(broken); !errors.Is(err, errBody) {
		resp.Body.Close()
		t.Error(err)
	}
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

var errBody = errors.New("body broke")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBody }

func TestWithoutHijackingACutIsABadGateway(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	sim.Fail(aurasim.Fault{Kind: aurasim.CutAfter})
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/v1/instances", nil))
	if w.Code != 502 || w.Body.Len() != 0 {
		t.Error(w.Code, w.Body)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	l, err := sim.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(l.URL(), "http://127.0.0.1:") {
		t.Errorf("not on loopback: %s", l.URL())
	}
	if other, err := sim.Listen(strings.TrimPrefix(l.URL(), "http://")); err == nil {
		other.Close()
		t.Error("the address is taken")
	}
	if _, err := sim.Listen("nonsense"); err == nil {
		t.Error("an address needs a port")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	c := overSocket(t, sim)
	got := c.must(200, "GET", "/instances/"+orders)
	if got.header.Get("X-Request-Id") == "" || got.header.Get("Content-Type") != "application/json" {
		t.Error(got.header)
	}
}

func TestPresets(t *testing.T) {
	t.Parallel()
	run := func(p aurasim.Preset, seed uint64) (kinds map[string]int, sequence string) {
		kinds = map[string]int{}
		synctest.Test(t, func(t *testing.T) {
			sim := newSim(t, aurasim.Options{Faults: p, Seed: seed, RateLimit: 1000})
			c := newClient(t, sim)
			for range 300 {
				start := time.Now()
				got := c.try(c.request("GET", "/tenants"))
				kind := fmt.Sprint(got.status)
				if got.err != nil {
					kind += " cut"
				}
				if time.Since(start) > 0 {
					kind += " slow"
				}
				kinds[kind]++
				sequence += kind + ";"
			}
		})
		return kinds, sequence
	}
	want := map[aurasim.Preset][]string{
		aurasim.NoFaults: {"200"}, aurasim.Flaky: {"200", "502", "503"}, aurasim.Slow: {"200 slow"}, aurasim.Throttled: {"200"},
		aurasim.Chaos: {"200", "200 slow", "502", "503", "429", "0 cut", "200 cut"},
	}
	for preset, kinds := range want {
		t.Run(string(preset), func(t *testing.T) {
			got, first := run(preset, 1)
			for _, kind := range kinds {
				if got[kind] == 0 {
					t.Errorf("never %q: %v", kind, got)
				}
			}
			if len(got) != len(kinds) {
				t.Errorf("got %v, want only %q", got, kinds)
			}
			if _, again := run(preset, 1); again != first {
				t.Error("the same seed gives another sequence")
			}
		})
	}
}

func TestPresetsSpareTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{Faults: aurasim.Chaos}))
	for range 200 {
		if got := c.login(aurasim.DemoClientID, aurasim.DemoClientSecret); got.status != 200 {
			t.Fatal(got.status, got.body)
		}
	}
}

func TestThrottledIsALowRateLimit(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{Faults: aurasim.Throttled}))
	for range 10 {
		c.must(200, "GET", "/tenants")
	}
	c.do("GET", "/tenants").wantGateway(429, "rate limit")
}

func TestChaosSaysWhenToComeBackInBothWays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newSim(t, aurasim.Options{Faults: aurasim.Chaos, RateLimit: 10_000}))
		seconds, dates := 0, 0
		for range 1000 {
			got := c.try(c.request("GET", "/tenants"))
			if got.status != 429 {
				continue
			}
			if _, err := http.ParseTime(got.header.Get("Retry-After")); err == nil {
				dates++
			} else {
				seconds++
			}
		}
		if seconds == 0 || dates == 0 {
			t.Errorf("%d in seconds, %d as a date", seconds, dates)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options aurasim.Options
		want    string
	}{
		{"a negative speed", aurasim.Options{Speed: -1}, "Speed -1"},
		{"a negative limit", aurasim.Options{RateLimit: -1}, "RateLimit"},
		{"an unknown preset", aurasim.Options{Faults: "rain"}, `"rain"; allowed: flaky, slow, throttled, chaos`},
		{"a broken state", aurasim.Options{State: aurasim.State{Tenants: []aurasim.TenantState{{ID: "x"}}}}, `tenants[0].id: "x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := aurasim.New(tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("the zero value is an empty fleet", func(t *testing.T) {
		t.Parallel()
		sim, err := aurasim.New(aurasim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := newClient(t, sim).must(200, "GET", "/instances").body; got != `{"data":[]}` {
			t.Error(got)
		}
	})
}

//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"aura-mcp/internal/aurasim"
	"aura-mcp/tools"
)

// What a client does that closes: most end the input, some send a signal.

func TestSignalEndsTheServerSoonAndWell(t *testing.T) {
	t.Parallel()
	situations := []struct {
		name string
		set  func(peer)
	}{
		{"while nothing is going on", func(p peer) { p.fence(2) }},
		{"while a call waits for Aura", func(p peer) {
			p.call(2, "wait_for_instance", map[string]any{"instance": "prod-orders", "status": "paused", "wait_seconds": 50}, withToken("wait"))
			p.until("the first progress", func(m message) bool { return m.Method == "notifications/progress" })
		}},
		{"while a person is asked", func(p peer) {
			p.call(2, "pause_instance", map[string]any{"instance": "staging-orders"}, nil)
			p.until("the question", func(m message) bool { return m.Method == "elicitation/create" })
		}},
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		for _, situation := range situations {
			t.Run(signal.String()+" "+situation.name, func(t *testing.T) {
				t.Parallel()
				p := talk(t, false, true)
				situation.set(p)
				p.endBy(signal)
			})
		}
	}
}

// endBy sends the signal, with the input still open, wants a clean end soon, and returns what still came.
func (p *process) endBy(signal os.Signal) []message {
	p.t.Helper()
	begun := time.Now()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	rest := p.rest()
	if code, took := p.code(), time.Since(begun); code != 0 || took > soon {
		p.t.Errorf("it ended with %d after %s, want 0 soon", code, took)
	}
	return rest
}

func TestSignalDuringAWaitLeavesWhatWasStartedAndTellsIt(t *testing.T) {
	t.Parallel()
	for _, era := range bothEras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			sim := simulate(t) // at Aura's own speed, so that the snapshot outlasts the test
			env := environment(t, sim.env...)
			p := introduced(start(t, env), era.modern, false)
			p.call(2, "create_snapshot", map[string]any{"instance": "catalogue-search", "wait_seconds": 50}, withToken("wait"))
			p.until("the snapshot is under way", func(m message) bool { return m.Method == "notifications/progress" })
			var made tools.SnapshotCreated
			for _, m := range p.endBy(syscall.SIGTERM) {
				if string(m.ID) == "2" {
					made = decode[tools.SnapshotCreated](t, decode[toolResult](t, m.Result).StructuredContent)
				}
			}
			if made.State != "accepted" || made.SnapshotID == "" {
				t.Errorf("the call was answered with %+v, want what was accepted", made)
			}
			if taken := snapshots(t, env, "catalogue-search"); len(taken) != 1 || taken[0].SnapshotID != made.SnapshotID {
				t.Errorf("snapshots %+v, want just %s", taken, made.SnapshotID)
			}
		})
	}
}

// held is a simulated Aura in the test's own process that keeps a snapshot waiting until it is released.
type held struct {
	sim     *aurasim.Server
	env     []string
	arrived chan struct{}
	release chan struct{}
}

func isSnapshot(method, path string) bool {
	return method == http.MethodPost && strings.HasSuffix(path, "/snapshots")
}

func hold(t *testing.T) held {
	t.Helper()
	sim, err := aurasim.New(aurasim.Options{State: aurasim.DemoState(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	h := held{sim: sim, arrived: make(chan struct{}, 1), release: make(chan struct{})}
	aura := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isSnapshot(r.Method, r.URL.Path) {
			h.arrived <- struct{}{}
			select {
			case <-h.release:
			case <-r.Context().Done(): // it was cut off, which the test sees
				return
			}
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(aura.Close)
	h.env = []string{"AURA_BASE_URL=" + aura.URL, "AURA_CLIENT_ID=" + aurasim.DemoClientID, "AURA_CLIENT_SECRET=" + aurasim.DemoClientSecret}
	return h
}

// wait waits until the snapshot is on its way.
func (h held) wait(p peer) {
	p.t.Helper()
	select {
	case <-h.arrived:
	case <-p.ended:
		p.t.Fatal("the server ended before it sent the change")
	case <-time.After(patience):
		p.t.Fatal("the change was not sent")
	}
}

// sent is how often the snapshot was asked for and carried out.
func (h held) sent() int {
	n := 0
	for _, r := range h.sim.Requests() {
		if isSnapshot(r.Method, r.Path) && r.Status < http.StatusMultipleChoices {
			n++
		}
	}
	return n
}

// A change is on its way when the signal comes: cut off there, nobody would know what became of it.
func TestSignalDuringAChangeWaitsForItsOutcome(t *testing.T) {
	t.Parallel()
	aura := hold(t)
	p := introduced(start(t, environment(t, aura.env...)), false, false)
	p.call(2, "create_snapshot", map[string]any{"instance": "catalogue-search", "wait_seconds": 50}, nil)
	aura.wait(p)
	p.call(3, "wait_for_instance", map[string]any{"instance": "prod-orders", "status": "paused", "wait_seconds": 50}, withToken("wait"))
	p.until("the first progress", func(m message) bool { return m.Method == "notifications/progress" })
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.answer("3") // the signal has taken effect: this one waits no longer
	select {
	case <-p.ended:
		t.Error("it ended while its change was under way")
	default:
	}
	close(aura.release)
	var made tools.SnapshotCreated
	for _, m := range p.rest() {
		if string(m.ID) == "2" {
			made = decode[tools.SnapshotCreated](t, decode[toolResult](t, m.Result).StructuredContent)
		}
	}
	if code := p.code(); code != 0 || made.State != "accepted" {
		t.Errorf("it ended with %d and %+v, want 0 and an accepted snapshot", code, made)
	}
	if n := aura.sent(); n != 1 {
		t.Errorf("the change was carried out %d times, want once", n)
	}
}

// A client that crashes reads no more. Writing to it then must not kill the server in the middle of a change.
func TestClientThatIsGoneDoesNotKillAChange(t *testing.T) {
	t.Parallel()
	aura := hold(t)
	p := introduced(start(t, environment(t, aura.env...)), false, false)
	if err := p.stdout.Close(); err != nil {
		t.Fatal(err)
	}
	p.call(2, "create_snapshot", map[string]any{"instance": "catalogue-search"}, nil)
	p.request(3, "tools/list", nil) // its answer goes nowhere
	aura.wait(p)
	p.hangUp()
	close(aura.release)
	if code := p.code(); code != 0 {
		t.Errorf("it ended with %d (%s), want 0", code, p.cmd.ProcessState)
	}
	if n := aura.sent(); n != 1 {
		t.Errorf("the change was carried out %d times, want once", n)
	}
}

package main

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/tools"
)

// A process that is killed (kill -9, a crash, the battery) says nothing any more. What it had decided stands in the audit, what
// became of it is not known, and whoever starts it again starts nothing else with that.

// doomed is a simulated Aura in the test's own process, at which a server can be killed at a certain point.
type doomed struct {
	sim     *aurasim.Server
	env     []string
	reached chan struct{} // the server is at that point
}

// moment is where a server is killed, as its Aura sees it: stop says whether a request is it, and carryOut whether Aura gets
// to do what is asked.
type moment struct {
	stop     func(home string, r *http.Request) bool
	carryOut bool
}

func isChange(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/oauth/token")
}

// isDecided reports whether the journal has a decision.
func isDecided(home string) bool {
	found := false
	_ = filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".jsonl") {
			content, err := os.ReadFile(path)
			found = found || err == nil && strings.Contains(string(content), `"event":"decided"`)
		}
		return nil // what cannot be looked at is not it
	})
	return found
}

func newDoomed(t *testing.T, m moment) doomed {
	t.Helper()
	sim, err := aurasim.New(aurasim.Options{State: aurasim.DemoState(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	d := doomed{sim: sim, reached: make(chan struct{}, 1)}
	over := make(chan struct{})
	var home string
	aura := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.stop == nil || !m.stop(home, r) {
			sim.ServeHTTP(w, r)
			return
		}
		if m.carryOut {
			sim.ServeHTTP(httptest.NewRecorder(), r) // the answer goes nowhere
		} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		select {
		case d.reached <- struct{}{}:
		default: // the first one counts
		}
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}))
	t.Cleanup(aura.Close)
	t.Cleanup(func() { close(over) })
	d.env = environment(t, "AURA_BASE_URL="+aura.URL, "AURA_CLIENT_ID="+aurasim.DemoClientID, "AURA_CLIENT_SECRET="+aurasim.DemoClientSecret)
	for _, v := range d.env {
		if name, value, _ := strings.Cut(v, "="); name == "HOME" {
			home = value
		}
	}
	return d
}

// changes are the requests that arrived and could have changed something.
func (d doomed) changes() []string {
	var out []string
	for _, r := range d.sim.Requests() {
		if r.Method != http.MethodGet && r.Path != "/oauth/token" {
			out = append(out, r.Method+" "+strings.TrimPrefix(r.Path, "/v1"))
		}
	}
	return out
}

// asked makes a call that a person is asked about, and returns how its approval is sent.
func (p peer) asked(id int, tool string, arguments map[string]any) (approve func()) {
	p.t.Helper()
	p.call(id, tool, arguments, nil)
	if !p.modern {
		question := p.until("the question", func(m message) bool { return m.Method == "elicitation/create" })
		return func() {
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept","content":{"approval":"yes"}}}`, question.ID))
		}
	}
	state := p.result(id).RequestState
	if state == "" {
		p.t.Fatalf("call %d was not asked", id)
	}
	return func() {
		p.call(id+1, tool, arguments, map[string]any{
			"requestState": state, "inputResponses": map[string]any{"approval": map[string]any{"action": "accept", "content": map[string]any{"approval": "yes"}}},
		})
	}
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	for range p.lines { // until they end
	}
	<-p.ended
}

func TestWhatAKilledServerLeaves(t *testing.T) {
	t.Parallel()
	const pause = "POST /instances/b03d9a62/pause"
	one := map[string]any{"instance": "staging-orders"}
	moments := []struct {
		name string
		moment
		arguments map[string]any
		approves  bool
		sent      []string // what Aura has been told to change
		status    string   // of the database afterwards
	}{
		{name: "while a person decides", arguments: one, status: "running"},
		{
			name: "between the decision and the first request", arguments: map[string]any{"instances": []string{"staging-orders"}}, approves: true,
			moment: moment{stop: func(home string, _ *http.Request) bool { return isDecided(home) }}, status: "running",
		},
		{
			name: "while the request is on its way", arguments: one, approves: true,
			moment: moment{stop: func(_ string, r *http.Request) bool { return isChange(r) }}, status: "running",
		},
		{
			name: "between the deed and the answer", arguments: one, approves: true,
			moment: moment{stop: func(_ string, r *http.Request) bool { return isChange(r) }, carryOut: true}, sent: []string{pause}, status: "pausing",
		},
	}
	for _, tt := range moments {
		for _, era := range bothEras {
			t.Run(tt.name+" "+era.name, func(t *testing.T) {
				t.Parallel()
				aura := newDoomed(t, tt.moment)
				p := introduced(start(t, aura.env), era.modern, true)
				approve := p.asked(7, "pause_instance", tt.arguments)
				if tt.approves {
					approve()
					select {
					case <-aura.reached:
					case <-time.After(patience):
						t.Fatal("the server did not get there")
					}
				}
				if got := journal(t, aura.env); tt.approves && (len(got) != 1 || got[0].Standing != audit.Running) {
					t.Errorf("as long as it lives, the audit has %+v", got)
				}
				p.kill()
				tells(t, aura, tt.approves)
				if i, _ := aura.sim.Instance("b03d9a62"); i.Status != tt.status {
					t.Errorf("staging-orders is %s, want %s", i.Status, tt.status)
				}
				if got := aura.changes(); !slices.Equal(got, tt.sent) {
					t.Errorf("Aura was told %q, want %q", got, tt.sent)
				}
			})
		}
	}
}

// journal is what `aura-mcp audit` shows.
func journal(t *testing.T, env []string) []audit.Entry {
	t.Helper()
	return decode[[]audit.Entry](t, []byte(succeeds(t, env, "audit", "--json")))
}

// tells checks that command and tool tell of the operation, at once and after two starts, if there is one to tell of.
func tells(t *testing.T, aura doomed, decided bool) {
	t.Helper()
	for _, era := range bothEras {
		entries := journal(t, aura.env)
		p := introduced(start(t, aura.env), era.modern, true)
		p.call(2, "list_operations", map[string]any{}, nil)
		list := decode[tools.OperationList](t, p.result(2).StructuredContent)
		p.finish()
		if !decided {
			if len(entries) != 0 || list.Total != 0 {
				t.Errorf("nothing was decided, and there are %+v and %+v", entries, list)
			}
			continue
		}
		if len(entries) != 1 || entries[0].Standing != audit.Unknown || entries[0].End != nil || entries[0].Decision != "approved" ||
			len(entries[0].Targets) != 1 || entries[0].Targets[0].Name != "staging-orders" {
			t.Errorf("aura-mcp audit has %+v; want the decision, of unknown outcome", entries)
		}
		if list.Total != 1 || list.Operations[0].Outcome != "unknown" || list.Operations[0].Decision != "approved" || !strings.Contains(list.Operations[0].Targets, "staging-orders") {
			t.Errorf("list_operations has %+v; want the decision, of unknown outcome", list)
		}
	}
}

// The answer to a question that a killed server asked approves nothing: another process knows nothing of it.
func TestAnApprovalDoesNotOutliveItsServer(t *testing.T) {
	t.Parallel()
	aura := newDoomed(t, moment{})
	staging := map[string]any{"instance": "staging-orders"}
	p := introduced(start(t, aura.env), true, true)
	p.call(2, "pause_instance", staging, nil)
	state := p.result(2).RequestState
	p.kill()
	again := introduced(start(t, aura.env), true, true)
	again.call(3, "pause_instance", staging, map[string]any{
		"requestState": state, "inputResponses": map[string]any{"approval": map[string]any{"action": "accept", "content": map[string]any{"approval": "yes"}}},
	})
	if r := again.result(3); r.ResultType != "input_required" || r.RequestState == state || state == "" {
		t.Errorf("got %+v, want the question afresh", r)
	}
	again.finish()
	if got := aura.changes(); len(got) != 0 {
		t.Errorf("Aura was told %q", got)
	}
}

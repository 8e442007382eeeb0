package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// steps is a tool that reports a thousand steps over a while, the last of them right before its answer.
const steps = 1000

type stepsIn struct {
	Milliseconds int `json:"milliseconds,omitempty"`
}

type stepsOut struct {
	Steps int `json:"steps"`
}

func countSteps() op.Operation {
	return op.Reads(op.Spec{Name: "count_steps", Title: "Count", Description: "Counts.", Toolset: "instances"},
		func(_ context.Context, call op.Call, in stepsIn) (stepsOut, error) {
			const bursts = 20
			for n := range steps {
				if in.Milliseconds > 0 && n%(steps/bursts) == 0 {
					after(time.Duration(in.Milliseconds) * time.Millisecond / bursts)
				}
				call.Progress(float64(n+1), steps, fmt.Sprintf("%d of %d", n+1, steps))
			}
			return stepsOut{Steps: steps}, nil
		})
}

// sent is a message of a call as it left the server: a notice, or the answer.
type sent struct {
	at     time.Time
	value  float64
	answer bool
}

// wellBehaved checks what left the server for one call.
func wellBehaved(t *testing.T, run int, all []sent) {
	t.Helper()
	var notices []sent
	for _, m := range all {
		if m.answer {
			break
		}
		notices = append(notices, m)
	}
	if len(notices) != len(all)-1 {
		t.Errorf("run %d: %d messages, of which %d are notices before the answer: %+v", run, len(all), len(notices), all)
	}
	if len(notices) == 0 || notices[len(notices)-1].value != steps {
		t.Errorf("run %d: the last notice is not the last step: %+v", run, notices)
		return
	}
	for n := range notices {
		if n > 0 && notices[n].value <= notices[n-1].value {
			t.Errorf("run %d: step %v after step %v", run, notices[n].value, notices[n-1].value)
		}
		if n >= 5 && notices[n].at.Sub(notices[n-5].at) < time.Second {
			t.Errorf("run %d: six notices within %s", run, notices[n].at.Sub(notices[n-5].at))
		}
	}
}

// In virtual time, through a client in the same process: every time of a run to the nanosecond.
func TestAThousandStepsAreAtMostFiveNoticesASecond(t *testing.T) {
	t.Parallel()
	for _, era := range []string{legacy, modern} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(o *rigOptions) { o.extra = append(o.extra, countSteps()) })
			c := r.connect(era, nil)
			var mu sync.Mutex
			var all []sent
			c.OnNotification(func(n mcp.JSONRPCNotification) {
				mu.Lock()
				defer mu.Unlock()
				value, _ := n.Params.AdditionalFields["progress"].(float64)
				all = append(all, sent{at: time.Now(), value: value})
			})
			for run, milliseconds := range []int{0, 1, 249, 251, 800, 999, 1000, 1001, 3700} {
				all = nil
				_, err := c.CallTool(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{
					Name: "count_steps", Arguments: map[string]any{"milliseconds": milliseconds}, Meta: &mcp.Meta{ProgressToken: "p"},
				}})
				if err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				all = append(all, sent{at: time.Now(), answer: true})
				mu.Unlock()
				after(time.Minute) // for what might come late
				wellBehaved(t, run, all)
				if want := milliseconds/250 + 1; len(all)-1 < want {
					t.Errorf("%d ms: %d notices, want %d or more", milliseconds, len(all)-1, want)
				}
			}
		})
	}
}

// heard is the progress of one call as its client got it.
type heard struct {
	mu       sync.Mutex
	values   []float64
	messages []string
}

func (h *heard) notified(n mcp.JSONRPCNotification) {
	h.mu.Lock()
	defer h.mu.Unlock()
	value, _ := n.Params.AdditionalFields["progress"].(float64)
	total, hasTotal := n.Params.AdditionalFields["total"].(float64)
	if hasTotal && total < value {
		value = -1 // more than all: fails below
	}
	message, _ := n.Params.AdditionalFields["message"].(string)
	h.values, h.messages = append(h.values, value), append(h.messages, message)
}

// told checks that the values grew and that each of want was said, in this order.
func (h *heard) told(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for n, v := range h.values {
		if v < 0 || (n > 0 && v <= h.values[n-1]) {
			t.Errorf("progress does not grow: %v", h.values)
			break
		}
	}
	said := strings.Join(h.messages, "\n")
	rest := said
	for _, w := range want {
		_, after, found := strings.Cut(rest, w)
		if !found {
			t.Fatalf("%q is not said, or not in its place:\n%s", w, said)
		}
		rest = after
	}
}

// calls calls a tool and returns what was heard meanwhile.
func (r *rig) calls(era string, asks client.ElicitationHandler, tool string, arguments map[string]any) *heard {
	r.t.Helper()
	c, h := r.connect(era, asks), &heard{}
	c.OnNotification(h.notified)
	result, err := c.CallTool(r.t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments, Meta: &mcp.Meta{ProgressToken: tool}}})
	if err != nil || result.IsError {
		r.t.Fatalf("%s: %v %+v", tool, err, result)
	}
	return h
}

func TestProgressTellsWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	both := map[string]any{"instances": []any{"staging", "prod"}, "wait_seconds": 50}
	tests := []struct {
		tool      string
		arguments map[string]any
		want      []string
	}{
		{"list_instances", nil, []string{"6 of 6 databases looked at"}},
		{"list_snapshots", map[string]any{"instance": "prod", "from": "1999-12-10"}, []string{"23 of 23 days looked at"}},
		{"wait_for_instance", map[string]any{"instance": "importer"}, []string{`"importer" is resuming`}},
		{"create_snapshot", both, []string{"2 of 2 databases sent to Aura", "2 of 2 snapshots have ended"}},
		{"pause_instance", both, []string{"2 of 2 databases sent to Aura", "2 of 2 databases are paused"}},
	}
	for _, tt := range tests {
		t.Run(tt.tool, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) {
					o.sim.Speed = 10
					o.transport = func(next http.RoundTripper) http.RoundTripper { return slow{next} }
				})
				r.calls(legacy, types("yes"), tt.tool, tt.arguments).told(t, tt.want...)
			})
		})
	}
}

// slow is a network that takes a while.
type slow struct{ next http.RoundTripper }

func (s slow) RoundTrip(q *http.Request) (*http.Response, error) {
	after(100 * time.Millisecond)
	return s.next.RoundTrip(q)
}

// A call goes through stages, and a host that repeats it hears how the operation under way goes on.
func TestProgressGrowsFromStageToStageAndIsTakenUpByAnEqualCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withSafety)
		arguments := map[string]any{"instance": "staging", "source_instance": "prod", "wait_seconds": 30}
		reads := person(func(context.Context, string) (*mcp.ElicitationResult, error) {
			after(5 * time.Second)
			return answered(mcp.ElicitationResponseActionAccept, "staging"), nil
		})
		r.calls(legacy, reads, "overwrite_instance", arguments).told(t, "waiting for a person to approve it", `safety snapshot of "staging"`)
		r.calls(legacy, reads, "overwrite_instance", arguments).told(t, `safety snapshot of "staging"`)
		if n := overwrites(r); n != 1 {
			t.Errorf("%d overwrites", n)
		}
	})
}

// transports are the ways on which the order is in danger, each with a client of both eras. start returns what sends a request
// and what ends the conversation; every line that leaves is told to seen.
var transports = []struct {
	name  string
	start func(t *testing.T, s *mcpServer, seen func(line []byte)) (send func(line []byte), end func())
}{
	{"stdio", onStdio},
}

// onStdio serves as the program does: lines in and out, the library's server for stdio between them.
func onStdio(t *testing.T, s *mcpServer, seen func([]byte)) (send func([]byte), end func()) {
	t.Helper()
	in, toServer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- serveStdio(context.WithoutCancel(t.Context()), s, in, lines(seen), slog.New(slog.DiscardHandler))
	}()
	send = func(line []byte) {
		if _, err := toServer.Write(append(line, '\n')); err != nil {
			t.Error(err)
		}
	}
	return send, func() {
		_ = toServer.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// lines is told each line at the moment it is written, whatever a reader at the other end of a pipe would make of its time.
type lines func([]byte)

func (l lines) Write(p []byte) (int, error) {
	l(p)
	return len(p), nil
}

// Two hundred runs in real time, as many at once as a transport takes, so that they are over in seconds and crowd each other
// at the way out.
func TestNoNoticeIsLateOrLostInTwoHundredRuns(t *testing.T) {
	t.Parallel()
	const runs, atOnce = 200, 60
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(o *rigOptions) { o.extra = append(o.extra, countSteps()) })
			var mu sync.Mutex
			all := make([][]sent, runs)
			answered := make(chan struct{}, runs)
			send, end := transport.start(t, r.server, func(line []byte) {
				m := parseSent(t, line)
				if m.run < 0 {
					return
				}
				mu.Lock()
				all[m.run] = append(all[m.run], m.sent)
				mu.Unlock()
				if m.answer {
					answered <- struct{}{}
				}
			})
			send([]byte(`{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`))
			send([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`))
			for run := range runs {
				if run >= atOnce {
					<-answered
				}
				send(stepsRequest(run))
			}
			for range atOnce {
				<-answered
			}
			end() // what is late comes before that
			for run, messages := range all {
				wellBehaved(t, run, messages)
			}
		})
	}
}

// stepsRequest is the call of one run, every other one of the newest era, between an instant and 1.4 seconds long.
func stepsRequest(run int) []byte {
	meta := `"progressToken":` + strconv.Itoa(run)
	if run%2 == 1 {
		meta += `,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
			`"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}`
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"_meta":{%s},"name":"count_steps","arguments":{"milliseconds":%d}}}`,
		run, meta, run%8*200)
}

type sentOf struct {
	sent
	run int // -1: of none
}

func parseSent(t *testing.T, line []byte) sentOf {
	t.Helper()
	var m struct {
		ID     any    `json:"id"`
		Method string `json:"method"`
		Params struct {
			Token    float64 `json:"progressToken"`
			Progress float64 `json:"progress"`
		} `json:"params"`
		Error any `json:"error"`
	}
	if err := json.Unmarshal(line, &m); err != nil || m.Error != nil {
		t.Errorf("%s: %v", line, err)
		return sentOf{run: -1}
	}
	if m.Method != "" {
		return sentOf{sent{at: time.Now(), value: m.Params.Progress}, int(m.Params.Token)}
	}
	if id, ok := m.ID.(float64); ok {
		return sentOf{sent{at: time.Now(), answer: true}, int(id)}
	}
	return sentOf{run: -1}
}

func TestACallThatWaitsForTheBudgetSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.client = []auraclient.Option{auraclient.WithRateLimit(10)} })
		quick := r.connect(modern, nil)
		for range 10 {
			must[tools.TenantList](r, quick, "list_tenants", nil)
			after(2 * time.Second)
		}
		h := r.calls(legacy, nil, "list_tenants", nil)
		h.told(t, "waiting for Aura's request budget, about 40 s (setting requests_per_minute)")
	})
}

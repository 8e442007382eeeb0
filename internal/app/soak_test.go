package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/auraclient"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/httpd"
	"aura-mcp/internal/op"
)

// soakers work side by side: as many conversations as a busy team has. slack is how many goroutines and files may come and go.
const (
	soakers = 48
	slack   = 16
)

// soakTransports are the ways in which a server is reached. Each serves r and returns clients of it, and what ends it all.
var soakTransports = []struct {
	name  string
	serve func(t *testing.T, r *rig) (dial func(client.ElicitationHandler) *client.Client, end func())
}{
	{"stdio", soakStdio},
	{"http", soakHTTP},
}

// soakStdio has one client, as stdio has: all soakers share it.
func soakStdio(t *testing.T, r *rig) (func(client.ElicitationHandler) *client.Client, func()) {
	toServer, fromClient := io.Pipe()
	toClient, fromServer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- serveStdio(t.Context(), r.server, toServer, fromServer, slog.New(slog.NewTextHandler(r.log, nil)))
	}()
	var c *client.Client
	dial := func(asks client.ElicitationHandler) *client.Client {
		if c == nil {
			c = client.NewClient(transport.NewIO(toClient, fromClient, io.NopCloser(strings.NewReader(""))), client.WithElicitationHandler(asks))
			greet(t, c)
		}
		return c
	}
	return dial, func() {
		if err := errors.Join(fromClient.Close(), <-ended, fromServer.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	}
}

// soakHTTP has a client for each soaker, all with one token.
func soakHTTP(t *testing.T, r *rig) (func(client.ElicitationHandler) *client.Client, func()) {
	token, digest := httpd.NewToken()
	over, err := httpd.New(httpd.Options{
		Transport: httpd.Streamable, MCP: r.server.MCPServer, Log: slog.New(slog.NewTextHandler(r.log, nil)), Metrics: httpd.NewMetrics(nil),
		Access:  httpd.Tokens(func() []httpd.Token { return []httpd.Token{{Caller: op.Caller{Principal: "soak"}, Digest: digest}} }),
		Effects: func(string) (op.Effects, bool) { return op.Read, true },
		Ready:   func(context.Context) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- over.Serve(ctx, listener) }()
	var clients []*client.Client
	dial := func(asks client.ElicitationHandler) *client.Client {
		way, err := transport.NewStreamableHTTP("http://"+listener.Addr().String()+httpd.MCPPath, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
		if err != nil {
			t.Fatal(err)
		}
		c := client.NewClient(way, client.WithElicitationHandler(asks))
		greet(t, c)
		clients = append(clients, c)
		return c
	}
	return dial, func() {
		for _, c := range clients {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func greet(t *testing.T, c *client.Client) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	request := mcp.InitializeRequest{Params: mcp.InitializeParams{ProtocolVersion: modern, ClientInfo: mcp.Implementation{Name: "soak", Version: "1"}}}
	if _, err := c.Initialize(t.Context(), request); err != nil {
		t.Fatal(err)
	}
}

// TestSoak has many calls made at once while everything goes wrong at Aura, and looks at what is left behind: nothing. With
// SOAK_CALLS=3600 it makes the calls of an hour; without, a few in fair weather.
func TestSoak(t *testing.T) { // by itself: it counts the goroutines of the process
	calls, weather := 96, aurasim.NoFaults
	if wanted := os.Getenv("SOAK_CALLS"); wanted != "" {
		var err error
		if calls, err = strconv.Atoi(wanted); err != nil {
			t.Fatal(err)
		}
		weather = aurasim.Chaos
	}
	for _, way := range soakTransports {
		t.Run(way.name, func(t *testing.T) { soak(t, calls, weather, way.serve) })
	}
}

func soak(t *testing.T, calls int, weather aurasim.Preset, serve func(*testing.T, *rig) (func(client.ElicitationHandler) *client.Client, func())) {
	before := residue()
	changes := &changeLog{}
	r := newRig(t, func(o *rigOptions) {
		o.sim.Faults, o.sim.RateLimit, o.sim.Speed, o.sim.Seed = weather, 1<<20, 2000, 7
		o.client = []auraclient.Option{auraclient.WithRateLimit(1 << 16)}
		o.journal = audit.Open(t.TempDir())
		o.transport = changes.watch
	})
	dial, end := serve(t, r)
	answersAll := func(_ context.Context, question string) (*mcp.ElicitationResult, error) {
		_, typed, _ := strings.Cut(question, "\nTo approve, type exactly: ")
		if typed == "" {
			typed = "yes"
		}
		return answered(mcp.ElicitationResponseActionAccept, typed), nil
	}
	clients := make([]*client.Client, soakers)
	for n := range clients {
		clients[n] = dial(person(func(ctx context.Context, q string) (*mcp.ElicitationResult, error) { return answersAll(ctx, q) }))
	}
	tally := &tally{told: map[string]int{}}
	work := func(share int) {
		var all sync.WaitGroup
		for n, c := range clients {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), uint64(share)))
				for range share / soakers {
					tally.add(oneOf(t, r, c, random))
				}
			})
		}
		all.Wait()
		r.sim.ResetRequests() // the simulator's memory is not what is looked at, nor is the log
		r.log.reset()
	}
	begun := time.Now()
	work(calls / 4) // until everything is warm
	warm := residue()
	work(calls - calls/4)
	after := residue()
	t.Logf("%d calls in %v: %v; before %v, warm %v, after %v", calls, time.Since(begun).Round(time.Second), tally, before, warm, after)
	if after.goroutines > warm.goroutines+slack || after.files > warm.files+slack {
		t.Errorf("something is left behind by every call: warm %v, after %v", warm, after)
	}
	if calls >= 1000 && after.heap > warm.heap+warm.heap/2+4<<20 {
		t.Errorf("the memory grows: warm %v, after %v", warm, after)
	}
	if tally.told["ok"] == 0 || tally.told["wrong"] > 0 {
		t.Errorf("the calls ended as %v", tally)
	}
	end()
	r.gate.Settle() // as a server does that ends: what outlasted its call comes to its end
	changes.compare(t, r.journal)
}

// oneOf makes a call of any kind and says how it ended.
func oneOf(t *testing.T, r *rig, c *client.Client, random *rand.Rand) string {
	names := []string{
		"list_instances", "get_instance", "check_instance_health", "get_instance_metrics", "list_snapshots", "list_tenants", "list_operations", "list_graph_analytics_sessions",
		"pause_instance", "resume_instance", "create_snapshot", "update_instance", "create_instance", "delete_instance",
	}
	name := names[random.IntN(len(names))]
	arguments := map[string]any{"instance": []string{prodID, stagingID, pausedID, shopID}[random.IntN(4)]}
	switch name {
	case "update_instance":
		arguments["memory"] = []string{"8GB", "16GB"}[random.IntN(2)]
	case "create_snapshot":
		arguments = map[string]any{"instance": freeID}
	case "create_instance":
		arguments = guardedCalls()[name].arguments
		arguments["name"] = fmt.Sprintf("soak-%d", random.Uint32())
	case "delete_instance":
		made := slices.DeleteFunc(r.sim.Instances(), func(i aurasim.InstanceState) bool { return !strings.HasPrefix(i.Name, "soak-") })
		if len(made) == 0 {
			return "nothing to delete"
		}
		arguments["instance"] = made[random.IntN(len(made))].ID
	default:
		if callsOfAll()[name].arguments == nil {
			arguments = nil
		}
	}
	result, err := c.CallTool(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: name, Arguments: arguments}})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return "wrong"
	}
	text := cell{tool: name}.text(t, r, result)
	switch {
	case !result.IsError:
		return "ok"
	case strings.Contains(text, "ot known whether"):
		return "outcome unknown"
	case strings.Contains(text, "What to do:") && !strings.Contains(text, "incident"):
		return "told"
	}
	t.Errorf("%s %v: %s", name, arguments, text)
	return "wrong"
}

// tally counts how calls ended.
type tally struct {
	mu   sync.Mutex
	told map[string]int
}

func (y *tally) add(how string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.told[how]++
}

func (y *tally) String() string { return fmt.Sprint(y.told) }

// leftovers is what a process holds when nothing goes on.
type leftovers struct {
	goroutines, files int
	heap              uint64
}

func (l leftovers) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %.1f MB", l.goroutines, l.files, float64(l.heap)/1e6)
}

func residue() leftovers {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd") // none where there is no such thing
	return leftovers{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

// changeLog notes every change that is sent to Aura, with the time.
type changeLog struct {
	mu   sync.Mutex
	sent []sentChange
}

type sentChange struct {
	at   time.Time
	what string
	id   string // of the instance; empty of a new one
}

func (l *changeLog) watch(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(q *http.Request) (*http.Response, error) {
		if parts := strings.Split(q.URL.Path, "/"); q.Method != http.MethodGet && parts[1] == "v1" {
			change := sentChange{at: time.Now(), what: q.Method + " " + q.URL.Path}
			if len(parts) > 3 {
				change.id = parts[3]
			}
			l.mu.Lock()
			l.sent = append(l.sent, change)
			l.mu.Unlock()
		}
		return next.RoundTrip(q)
	})
}

// compare finds for every change that was sent the operation in the audit that ran meanwhile, and an end for each of these.
func (l *changeLog) compare(t *testing.T, journal *audit.Journal) {
	t.Helper()
	entries, broken, err := journal.Read(time.Time{})
	if err != nil || broken > 0 {
		t.Fatalf("%d lines of the audit are broken, %v", broken, err)
	}
	for _, e := range entries {
		if e.Runs && e.End == nil {
			t.Errorf("the audit has no end of %s %s", e.Operation, e.Arguments)
		}
	}
	if len(l.sent) == 0 {
		t.Error("no change was sent at all")
	}
	for _, change := range l.sent {
		if !slices.ContainsFunc(entries, func(e audit.Entry) bool {
			about := e.Operation == "create_instance"
			if change.id != "" {
				about = e.About(change.id)
			}
			return e.Runs && about && !e.Time.After(change.at) && (e.End == nil || !e.End.Time.Before(change.at))
		}) {
			t.Errorf("the audit knows nothing of %s at %v", change.what, change.at)
		}
	}
}

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/auraclient"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/resources"
	"aura-mcp/tools"
)

// unlimited is a rate that nothing here reaches: waiting for the request budget is not what is measured.
const unlimited = 1 << 30

// fleet is the product in this process, with nothing remembered yet: an MCP client, the gate, the tools and the client
// before a simulator.
type fleet struct {
	someID    string // of one of its databases
	aura      *auraclient.Client
	transport *slowTransport
	assistant *client.Client
	account   *tools.Fleet
}

// newFleet makes a fleet of so many databases, whose API takes delay for each request. The access token is there already.
func newFleet(t testing.TB, size int, delay time.Duration) *fleet {
	t.Helper()
	state := fleetState(size)
	sim, err := aurasim.New(aurasim.Options{State: state, RateLimit: unlimited})
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{someID: state.Instances[size/2].ID, transport: &slowTransport{next: sim.Transport(), delay: delay}}
	f.aura, err = auraclient.New(aurasim.DemoClientID, aurasim.DemoClientSecret, auraclient.WithBaseURL("https://bench.invalid"),
		auraclient.WithTransport(f.transport), auraclient.WithRateLimit(unlimited))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.aura.Tenants.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.assistant = f.connect(t)
	return f
}

// connect offers the tools as internal/app does and joins a client to them.
func (f *fleet) connect(t testing.TB) *client.Client {
	t.Helper()
	gate, err := guard.New(guard.Options{Policy: guard.Fixed(guard.Policy{}), Journal: audit.InMemory(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := server.NewMCPServer("bench", "1", server.WithToolCapabilities(false))
	f.account = tools.New(tools.Options{Connect: func(context.Context) (*auraclient.Client, error) { return f.aura, nil }})
	for _, o := range f.account.Catalog() {
		s.AddTool(o.Tool(), func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return gate.Handle(ctx, o, op.Call{}, request), nil
		})
	}
	c, err := client.NewInProcessClient(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Initialize(t.Context(), mcp.InitializeRequest{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// call returns the text of a tool's answer.
func (f *fleet) call(t testing.TB, tool string, arguments map[string]any) string {
	t.Helper()
	result, err := f.assistant.CallTool(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, c := range result.Content {
		if text, ok := mcp.AsTextContent(c); ok {
			out.WriteString(text.Text)
		}
	}
	if result.IsError || out.Len() == 0 {
		t.Fatalf("%s: %q", tool, out.String())
	}
	return out.String()
}

// fleetPage is the page of the fleet where everything is known that can be: of each database that runs, a snapshot and a
// verdict.
func (f *fleet) fleetPage(t testing.TB) string {
	t.Helper()
	var list tools.InstanceList
	if err := json.Unmarshal([]byte(f.call(t, "list_instances", nil)), &list); err != nil {
		t.Fatal(err)
	}
	f.call(t, "check_fleet_health", map[string]any{"limit": 200})
	for _, i := range list.Instances {
		if i.Type != "professional-db" { // which has no metrics, and then one thing less to show
			f.call(t, "check_instance_health", map[string]any{"instance": i.ID})
		}
		f.call(t, "list_snapshots", map[string]any{"instance": i.ID})
	}
	page, err := resources.New(resources.Options{Fleet: f.account}).Read(t.Context(), "aura://fleet")
	if err != nil {
		t.Fatal(err)
	}
	return page.Text
}

// fleetState is up to a hundred databases as a company may have them. Names and places decide how many tokens they take.
func fleetState(size int) aurasim.State {
	stages := []string{"prod", "prod-eu", "prod-us", "staging", "staging-eu", "test", "dev", "load-test", "training", "sandbox"}
	products := []string{
		"orders", "customer-360", "recommendations", "fraud-analytics", "catalogue-search",
		"supplier-import", "campaigns", "inventory", "identity", "knowledge-graph",
	}
	types := []string{"business-critical", "enterprise-db", "professional-db"}
	places := [][2]string{{"gcp", "europe-west1"}, {"aws", "us-east-1"}, {"aws", "eu-central-1"}, {"azure", "westeurope"}}
	tenants := []aurasim.TenantState{
		{ID: "6f1d3c52-8a0e-4b7c-9d35-2e41c07b9a16", Name: "Production"},
		{ID: "c84b0e97-51f2-4d6a-8e13-f09a7d2b6c45", Name: "Development"},
		{ID: "0b6e2f1d-7c3a-49f8-a2d4-5e9317c8b0fa", Name: "Data Science"},
	}
	state := aurasim.State{Tenants: tenants}
	for i := range size {
		place := places[i%len(places)]
		in := aurasim.InstanceState{
			ID: fmt.Sprintf("%08x", uint32(i+1)*0x9e3779b1), Name: stages[i/10%10] + "-" + products[i%10],
			TenantID: tenants[i%len(tenants)].ID, Type: types[i%len(types)], CloudProvider: place[0], Region: place[1],
			Memory: []string{"8GB", "16GB", "64GB"}[i%3],
		}
		if i%5 == 4 {
			in.Status = "paused"
		}
		state.Instances = append(state.Instances, in)
	}
	return state
}

// slowTransport stands for a network: every request takes a while. It counts them.
type slowTransport struct {
	next     http.RoundTripper
	delay    time.Duration
	requests atomic.Int64
}

// RoundTrip waits and then passes the request on.
func (s *slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests.Add(1)
	if s.delay == 0 {
		return s.next.RoundTrip(r)
	}
	timer := time.NewTimer(s.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.next.RoundTrip(r)
	case <-r.Context().Done():
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, r.Context().Err()
	}
}

func TestFleetPageFitsItsBudget(t *testing.T) {
	t.Parallel()
	page := newFleet(t, 100, 0).fleetPage(t)
	known := strings.Count(page, "healthy") + strings.Count(page, "warning") + strings.Count(page, "critical")
	if rows := strings.Count(page, "\n| "); rows < 100 || known < 40 {
		t.Errorf("%d rows, %d verdicts: this is no full page:\n%s", rows, known, page)
	}
	tokens := countTokens(t, page)
	t.Logf("%d tokens, %d bytes", tokens, len(page))
	if tokens > fleetPageLimit {
		t.Errorf("%d tokens for 100 databases, want at most %d", tokens, fleetPageLimit)
	}
}

func TestFleetIsReadThroughTheSlowTransport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 100, 50*time.Millisecond)
		begun, before := time.Now(), f.transport.requests.Load()
		var list tools.InstanceList
		if err := json.Unmarshal([]byte(f.call(t, "list_instances", nil)), &list); err != nil {
			t.Fatal(err)
		}
		if list.Total != 100 || list.Counts.Status["paused"] != 20 {
			t.Errorf("%d databases, %d paused; want 100 and 20", list.Total, list.Counts.Status["paused"])
		}
		if sent := f.transport.requests.Load() - before; sent < 100 {
			t.Errorf("%d requests for 100 databases: the rest did not go through the transport", sent)
		}
		if took := time.Since(begun); took < 500*time.Millisecond {
			t.Errorf("took %v: the transport did not wait", took)
		}
	})
}

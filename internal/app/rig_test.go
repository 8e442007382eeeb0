package app

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/auraclient"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/internal/vault"
	"aura-mcp/prompts"
	"aura-mcp/tools"
)

// The eras of the protocol: pinned to an old revision, or as new as client and server both speak.
const (
	legacy = "2025-06-18"
	modern = ""
)

// IDs of the test fleet.
const (
	prodID, stagingID, pausedID, freeID, busyID, shopID = "aaaaaaa1", "aaaaaaa2", "aaaaaaa3", "aaaaaaa4", "aaaaaaa5", "aaaaaaa6"
	productionID, developmentID                         = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
)

// A customer managed key that nothing uses, and a session attached to prod.
const (
	spareKeyID = "33333333-3333-4333-8333-333333333333"
	peopleID   = prodID + "-0a1b2c3d"
)

// oldSnapshot is an ID as Aura makes them: with colons.
const oldSnapshot = "2023-01-20T18:07:25Z-adhoc"

func testFleet() aurasim.State {
	instance := func(id, name, tenant, kind, status string) aurasim.InstanceState {
		return aurasim.InstanceState{ID: id, Name: name, TenantID: tenant, Type: kind, Memory: "8GB", Status: status}
	}
	state := aurasim.State{
		Tenants: []aurasim.TenantState{{ID: productionID, Name: "Production"}, {ID: developmentID, Name: "Development"}},
		Instances: []aurasim.InstanceState{
			instance(prodID, "prod", productionID, "business-critical", "running"),
			instance(stagingID, "staging", developmentID, "business-critical", "running"),
			instance(pausedID, "archive", developmentID, "professional-db", "paused"),
			instance(freeID, "playground", developmentID, "free-db", "running"),
			instance(busyID, "importer", developmentID, "professional-db", "resuming"),
			instance(shopID, "shop", developmentID, "professional-db", "running"),
		},
		Snapshots: []aurasim.SnapshotState{
			{InstanceID: prodID, ID: oldSnapshot, Timestamp: time.Now().Add(-26 * time.Hour), Exportable: true},
			{InstanceID: prodID, ID: "hourly", Profile: "Scheduled", Timestamp: time.Now().Add(-2 * time.Hour)},
		},
		Keys:     []aurasim.KeyState{key(spareKeyID, "spare")},
		Sessions: []aurasim.SessionState{{ID: peopleID, Name: "people", TenantID: productionID, Memory: "8GB", InstanceID: prodID}},
	}
	state.Instances[3].Memory = "1GB"
	return state
}

// key is a ready customer managed key of Production.
func key(id, name string) aurasim.KeyState {
	return aurasim.KeyState{
		ID: id, Name: name, TenantID: productionID, InstanceType: "enterprise-db", CloudProvider: "aws", Region: "us-east-1",
		KeyID: "arn:aws:kms:us-east-1:111122223333:key/" + name,
	}
}

// rig is the whole product in one process: MCP client, server, gate, tools, Aura client, simulator.
type rig struct {
	t       *testing.T
	sim     *aurasim.Server
	server  *mcpServer
	gate    *guard.Gate
	catalog map[string]op.Operation
	log     *syncBuffer
	secrets string // directory of the file sink
	journal *audit.Journal
}

type rigOptions struct {
	sim       aurasim.Options
	policy    guard.Policy
	policyErr error
	policies  func(string) (guard.Policy, error) // nil: policy and policyErr
	callers   func(op.Caller) (op.Caller, error)
	doors     guard.Doors
	pin       guard.PIN
	waiting   int
	transport func(http.RoundTripper) http.RoundTripper
	extra     []op.Operation
	client    []auraclient.Option
	sink      vault.Sink
	safety    bool           // safety snapshots, which most tests do without: they take a minute
	journal   *audit.Journal // nil: in memory
}

func newRig(t *testing.T, adjust ...func(*rigOptions)) *rig {
	t.Helper()
	o := rigOptions{sink: vault.File, sim: aurasim.Options{State: testFleet(), NoScheduledSnapshots: true}, transport: func(r http.RoundTripper) http.RoundTripper { return r }}
	for _, f := range adjust {
		f(&o)
	}
	sim, err := aurasim.New(o.sim)
	if err != nil {
		t.Fatal(err)
	}
	aura, err := auraclient.New(aurasim.DemoClientID, aurasim.DemoClientSecret,
		append([]auraclient.Option{auraclient.WithBaseURL("https://sim.invalid"), auraclient.WithTransport(o.transport(sim.Transport()))}, o.client...)...)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, sim: sim, log: &syncBuffer{}, catalog: map[string]op.Operation{}}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.journal = audit.InMemory()
	if o.journal != nil {
		r.journal = o.journal
	}
	if o.policies == nil {
		o.policies = func(string) (guard.Policy, error) { return o.policy, o.policyErr }
	}
	gate, err := guard.New(guard.Options{Policy: o.policies, Caller: o.callers, Journal: r.journal, Log: log, Trace: traced, Doors: o.doors, PIN: o.pin, Waiting: o.waiting})
	if err != nil {
		t.Fatal(err)
	}
	r.gate = gate
	r.secrets = filepath.Join(t.TempDir(), "credentials")
	fleet := tools.New(tools.Options{
		Connect: func(context.Context) (*auraclient.Client, error) { return aura, nil },
		Vault:   vault.New(o.sink, r.secrets),
		Journal: r.journal, SafetySnapshots: o.safety,
		Allows:  func(w op.Wants) error { return gate.Allows("", w) },
		Waiting: func(c op.Caller) []tools.Waiting { return undecided(gate, c) },
	})
	catalog := append(fleet.Catalog(), o.extra...)
	for _, operation := range catalog {
		r.catalog[operation.Spec.Name] = operation
	}
	s := &setup{gate: gate, log: log}
	s.accounts.byDefault = &account{fleet: fleet, catalog: func() []op.Operation { return catalog }}
	pages := s.resources(&policySource{last: map[string]guard.Policy{"": o.policy}, err: o.policyErr, begun: time.Now()}, nil)
	r.server = newServer(serverOptions{Catalog: func() []op.Operation { return catalog }, Prompts: prompts.All(), Gate: gate, Resources: pages, Log: log, Instructions: "test"})
	if err := r.server.ready(); err != nil {
		t.Fatal(err)
	}
	return r
}

// person answers the questions of the guard in a test.
type person func(ctx context.Context, question string) (*mcp.ElicitationResult, error)

// Elicit passes the question on.
func (p person) Elicit(ctx context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return p(ctx, request.Params.Message)
}

func types(answer string) person {
	return func(context.Context, string) (*mcp.ElicitationResult, error) {
		return answered(mcp.ElicitationResponseActionAccept, answer), nil
	}
}

// connect joins a client of an era; asks is nil for one that cannot ask a person.
func (r *rig) connect(era string, asks client.ElicitationHandler) *client.Client {
	r.t.Helper()
	var options []client.ClientOption
	if asks != nil {
		options = append(options, client.WithElicitationHandler(asks))
	}
	c, err := client.NewInProcessClientWithOptions(r.server.MCPServer, options...)
	if err != nil {
		r.t.Fatal(err)
	}
	after(time.Nanosecond) // the library names in-process sessions by the clock, which stands still in a bubble
	if err := c.Start(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	request := mcp.InitializeRequest{Params: mcp.InitializeParams{ProtocolVersion: era, ClientInfo: mcp.Implementation{Name: "test", Version: "1"}}}
	if _, err := c.Initialize(r.t.Context(), request); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// call calls a tool. A success must fit the tool's output schema, an error must be told in words.
func (r *rig) call(c *client.Client, tool string, arguments map[string]any) (text string, failed bool) {
	r.t.Helper()
	result, err := c.CallTool(r.t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}})
	if err != nil {
		r.t.Fatalf("%s: %v", tool, err)
	}
	return r.told(tool, result), result.IsError
}

func (r *rig) told(tool string, result *mcp.CallToolResult) string {
	r.t.Helper()
	if len(result.Content) != 1 {
		r.t.Fatalf("%s: %d pieces of content, want 1: %+v", tool, len(result.Content), result)
	}
	content, ok := mcp.AsTextContent(result.Content[0])
	if !ok || content.Text == "" {
		r.t.Fatalf("%s: no text in %+v", tool, result)
	}
	if result.IsError {
		if result.StructuredContent != nil {
			r.t.Errorf("%s: an error carries structured content", tool)
		}
		return content.Text
	}
	structured, err := json.Marshal(result.StructuredContent)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.catalog[tool].Validate(structured); err != nil {
		r.t.Errorf("%s: the result does not fit the output schema: %v\n%s", tool, err, structured)
	}
	var fromText, fromStructure any
	if json.Unmarshal([]byte(content.Text), &fromText) != nil || json.Unmarshal(structured, &fromStructure) != nil || !equalJSON(fromText, fromStructure) {
		r.t.Errorf("%s: text and structured content differ:\n%s\n%s", tool, content.Text, structured)
	}
	return content.Text
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// must calls a tool that has to succeed and decodes its result.
func must[Out any](r *rig, c *client.Client, tool string, arguments map[string]any) Out {
	r.t.Helper()
	text, failed := r.call(c, tool, arguments)
	if failed {
		r.t.Fatalf("%s %v failed: %s", tool, arguments, text)
	}
	var out Out
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// refuses calls a tool that has to fail, with words that contain each of want.
func (r *rig) refuses(c *client.Client, tool string, arguments map[string]any, want ...string) {
	r.t.Helper()
	text, failed := r.call(c, tool, arguments)
	if !failed {
		r.t.Fatalf("%s %v succeeded: %s", tool, arguments, text)
	}
	for _, w := range want {
		if !strings.Contains(text, w) {
			r.t.Errorf("%s %v: the error does not say %q:\n%s", tool, arguments, w, text)
		}
	}
}

// saidOf is what every refusal of a tool says.
func (r *rig) saidOf(tool string) []string {
	if r.catalog[tool].Spec.Effects == op.Read {
		return []string{"What to do:"}
	}
	return []string{"Nothing was changed.", "What to do:"}
}

// changes are the requests that the simulator got and that could have changed something.
func (r *rig) changes() []string {
	var out []string
	for _, q := range r.sim.Requests() {
		if q.Method != http.MethodGet && q.Path != "/oauth/token" && !strings.HasSuffix(q.Path, "/sizing") {
			out = append(out, q.Method+" "+strings.TrimPrefix(q.Path, "/v1"))
		}
	}
	return out
}

func (r *rig) status(id string) string {
	i, ok := r.sim.Instance(id)
	if !ok {
		return "gone"
	}
	return i.Status
}

// after is a sleep for a synctest bubble.
func after(d time.Duration) { <-time.After(d) }

// syncBuffer is a log that a test may read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = bytes.Buffer{}
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

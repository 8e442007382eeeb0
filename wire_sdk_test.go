package main

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"aura-mcp/prompts"
	"aura-mcp/tools"
)

// The protocol's own Go SDK on the other end, as a client that we did not write.

// eras are what clients negotiate: the stateless revision, in which a client asks its person and calls again, and two of
// those before it, in which the server sends its question as a request.
var eras = []struct{ name, pin, want string }{
	{"left to itself", "", "2026-07-28"},
	{"pinned to 2025-11-25", "2025-11-25", "2025-11-25"},
	{"pinned to 2025-06-18", "2025-06-18", "2025-06-18"},
}

type asker func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error)

// connect starts the demo server and connects a client to it. asks is nil for a client that cannot ask.
func connect(t *testing.T, pin string, asks asker) *mcp.ClientSession {
	t.Helper()
	return connectTo(t, pin, asks, command(t, environment(t), "--demo", "--log-level", "debug"))
}

func connectTo(t *testing.T, pin string, asks asker, c *exec.Cmd) *mcp.ClientSession {
	t.Helper()
	var log buffer
	c.Stderr = &log
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{ElicitationHandler: asks})
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: c, TerminateDuration: patience}, &mcp.ClientSessionOptions{ProtocolVersion: pin})
	if err != nil {
		t.Fatalf("connect: %v\n%s", err, log.String())
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Errorf("the server did not end well: %v", err)
		}
		if t.Failed() {
			t.Logf("standard error:\n%s", log.String())
		}
	})
	return session
}

// use calls a tool that must succeed and returns its structured content, which the text must repeat.
func use[Out any](t *testing.T, session *mcp.ClientSession, tool string, arguments map[string]any) Out {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError {
		t.Fatalf("%s: %s", tool, words(result))
	}
	encoded, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	out := decode[Out](t, encoded)
	if diff := cmp.Diff(out, decode[Out](t, []byte(words(result)))); diff != "" {
		t.Errorf("%s: text and structured content differ:\n%s", tool, diff)
	}
	return out
}

func words(result *mcp.CallToolResult) string {
	var texts []string
	for _, c := range result.Content {
		if text, ok := c.(*mcp.TextContent); ok {
			texts = append(texts, text.Text)
		}
	}
	return strings.Join(texts, "\n")
}

func answering(action string, content map[string]any) asker {
	return func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
		return &mcp.ElicitResult{Action: action, Content: content}, nil
	}
}

func approving() asker { return answering("accept", map[string]any{"approval": "yes"}) }

func TestOfficialClientNegotiates(t *testing.T) {
	t.Parallel()
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			session := connect(t, era.pin, nil)
			told := session.InitializeResult()
			if told.ProtocolVersion != era.want {
				t.Errorf("negotiated %s, want %s", told.ProtocolVersion, era.want)
			}
			if told.ServerInfo == nil || told.ServerInfo.Name != program || !strings.Contains(told.Instructions, "THIS IS THE DEMO") {
				t.Errorf("the server says of itself %+v and %q", told.ServerInfo, told.Instructions)
			}
		})
	}
}

// The tools of every day; that each of the catalogue keeps its schema is for the tests of the catalogue.
func TestOfficialClientUsesTheTools(t *testing.T) {
	t.Parallel()
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			sim := simulate(t, "--speed", "100") // a pause then takes a second
			session := connectTo(t, era.pin, approving(), command(t, environment(t, sim.env...)))
			listed, err := session.ListTools(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			offered := map[string]*mcp.Tool{}
			for _, tool := range listed.Tools {
				offered[tool.Name] = tool
			}
			used := func(tool string, out any) {
				t.Helper()
				if offered[tool] == nil {
					t.Fatalf("%s is not in the list", tool)
				}
				matches(t, offered[tool], out)
			}

			fleet := use[tools.InstanceList](t, session, "list_instances", nil)
			if used("list_instances", fleet); fleet.Total != 10 {
				t.Errorf("%d databases, want the demo's 10", fleet.Total)
			}
			orders := use[tools.InstanceDetails](t, session, "get_instance", map[string]any{"instance": "prod-orders"})
			if used("get_instance", orders); orders.Status != "running" || orders.Tenant.Name != "Production" {
				t.Errorf("prod-orders is %+v", orders)
			}
			tenants := use[tools.TenantList](t, session, "list_tenants", nil)
			if used("list_tenants", tenants); tenants.Total != 2 {
				t.Errorf("%d tenants, want the demo's 2", tenants.Total)
			}
			offers := use[tools.TenantOffers](t, session, "get_tenant", map[string]any{"tenant": "Development", "type": "free-db"})
			if used("get_tenant", offers); offers.Configurations != 1 {
				t.Errorf("free databases in Development: %+v, want one place", offers)
			}
			made := use[tools.SnapshotCreated](t, session, "create_snapshot", map[string]any{"instance": "catalogue-search"})
			if used("create_snapshot", made); made.State != "accepted" {
				t.Errorf("the snapshot is %+v, want it accepted", made)
			}
			snapshot := use[tools.SnapshotDetails](t, session, "get_snapshot", map[string]any{"instance": "catalogue-search", "snapshot_id": made.SnapshotID})
			if used("get_snapshot", snapshot); snapshot.SnapshotID != made.SnapshotID {
				t.Errorf("got snapshot %+v, want %s", snapshot, made.SnapshotID)
			}
			taken := use[tools.SnapshotList](t, session, "list_snapshots", map[string]any{"instance": "catalogue-search"})
			if used("list_snapshots", taken); taken.Total < 1 || taken.Snapshots[0].SnapshotID != made.SnapshotID {
				t.Errorf("snapshots %+v, want %s first", taken, made.SnapshotID)
			}
			paused := use[tools.InstanceChange](t, session, "pause_instance", map[string]any{"instance": "staging-orders"})
			if used("pause_instance", paused); paused.State != "accepted" || paused.Status != "pausing" {
				t.Errorf("pausing ended as %+v", paused)
			}
			resumed := use[tools.InstanceChange](t, session, "resume_instance", map[string]any{"instance": "dev-campaign-2025"})
			if used("resume_instance", resumed); resumed.State != "accepted" || resumed.Status != "resuming" {
				t.Errorf("resuming ended as %+v", resumed)
			}
			waited := use[tools.Waited](t, session, "wait_for_instance", map[string]any{"instance": "staging-orders", "status": "paused", "wait_seconds": 50})
			if used("wait_for_instance", waited); !waited.Reached || waited.Status != "paused" {
				t.Errorf("waiting ended as %+v", waited)
			}
		})
	}
}

// matches holds a result against the output schema that came with the tool.
func matches(t *testing.T, tool *mcp.Tool, out any) {
	t.Helper()
	encoded, err := json.Marshal(tool.OutputSchema)
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(encoded, &schema); err != nil {
		t.Fatalf("%s: output schema: %v", tool.Name, err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatalf("%s: output schema: %v", tool.Name, err)
	}
	if encoded, err = json.Marshal(out); err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(decode[map[string]any](t, encoded)); err != nil {
		t.Errorf("%s: the result does not fit the output schema: %v", tool.Name, err)
	}
}

func TestOfficialClientGetsEveryPrompt(t *testing.T) {
	t.Parallel()
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			session := connect(t, era.pin, nil)
			list, err := session.ListPrompts(t.Context(), nil)
			if err != nil || len(list.Prompts) != len(prompts.All()) {
				t.Fatalf("%v %+v", err, list)
			}
			for _, p := range list.Prompts {
				arguments := map[string]string{}
				for _, a := range p.Arguments {
					arguments[a.Name] = "prod-orders"
				}
				got, err := session.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: p.Name, Arguments: arguments})
				if err != nil || len(got.Messages) != 1 {
					t.Fatalf("%s: %v %+v", p.Name, err, got)
				}
				if text, ok := got.Messages[0].Content.(*mcp.TextContent); !ok || !strings.Contains(text.Text, `"prod-orders"`) {
					t.Errorf("%s: %+v", p.Name, got.Messages[0])
				}
				arguments["prod"] = "orders"
				_, err = session.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: p.Name, Arguments: arguments})
				wrong, ok := errors.AsType[*jsonrpc.Error](err)
				if !ok || wrong.Code != jsonrpc.CodeInvalidParams || !strings.Contains(wrong.Message, `unknown argument "prod"`) {
					t.Errorf("%s with an argument too many: %v", p.Name, err)
				}
			}
		})
	}
}

func TestOnlyAnApprovalPausesADatabase(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		asks asker
		told string // what the model is told; empty where it runs
	}{
		{"yes", approving(), ""},
		{"yes in capitals, with blanks", answering("accept", map[string]any{"approval": " YES "}), ""},
		{"declined", answering("decline", nil), "Not approved: the client declined. Nothing was changed."},
		{"dismissed", answering("cancel", nil), "Not approved: the question was dismissed without an answer. Nothing was changed."},
		{"another word", answering("accept", map[string]any{"approval": "yes please"}), "Not approved: the answer was not yes. Nothing was changed."},
		{"no content", answering("accept", nil), "Not approved: the question was accepted without typing the answer. Nothing was changed."},
		{"declined, with the word of approval in it", answering("decline", map[string]any{"approval": "yes"}), "Not approved: the client declined."},
		{"nobody can be asked", nil, "pause_instance waits for a person's approval"},
	}
	for _, era := range eras {
		for _, tt := range tests {
			t.Run(era.name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				session := connect(t, era.pin, tt.asks)
				result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "pause_instance", Arguments: map[string]any{"instance": "staging-orders"}})
				if err != nil {
					t.Fatal(err)
				}
				told, want := words(result), "running"
				if tt.told == "" {
					want = "pausing"
				}
				pending := tt.asks == nil // no refusal: the person can still decide elsewhere
				if result.IsError != (tt.told != "" && !pending) || !strings.Contains(told, tt.told) {
					t.Errorf("the model is told %q (error: %v), want %q", told, result.IsError, tt.told)
				}
				stands(t, session, want)
			})
		}
	}
}

// A client of these revisions checks what was typed against the form and reports an empty one as an error, be it to the
// server or to its own caller.
func TestEmptyFormApprovesNothing(t *testing.T) {
	t.Parallel()
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			session := connect(t, era.pin, answering("accept", map[string]any{}))
			result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "pause_instance", Arguments: map[string]any{"instance": "staging-orders"}})
			if err == nil && (!result.IsError || !strings.Contains(words(result), "Nothing was changed.")) {
				t.Errorf("got %q, want a refusal", words(result))
			}
			stands(t, session, "running")
		})
	}
}

func TestQuestionSaysWhatIsAtStake(t *testing.T) {
	t.Parallel()
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan *mcp.ElicitParams, 1)
			session := connect(t, era.pin, func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
				asked <- r.Params
				return &mcp.ElicitResult{Action: "decline"}, nil
			})
			if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "pause_instance", Arguments: map[string]any{"instance": "staging-orders"}}); err != nil {
				t.Fatal(err)
			}
			question := <-asked
			for _, want := range []string{`Pause the database "staging-orders".`, "b03d9a62", `"Development"`, "effect: interrupts whoever uses it", "To approve, type: yes"} {
				if !strings.Contains(question.Message, want) {
					t.Errorf("the question is %q, want %q in it", question.Message, want)
				}
			}
			encoded, err := json.Marshal(question.RequestedSchema)
			if err != nil {
				t.Fatal(err)
			}
			form := decode[struct {
				Type       string
				Properties map[string]map[string]any
				Required   []string
			}](t, encoded)
			field := form.Properties["approval"]
			if len(form.Properties) != 1 || !slices.Equal(form.Required, []string{"approval"}) || field["type"] != "string" || field["default"] != nil || field["enum"] != nil {
				t.Errorf("the form is %s; want one required text with nothing filled in and nothing to pick", encoded)
			}
		})
	}
}

func TestClientThatGivesUpOnThePersonPausesNothing(t *testing.T) {
	t.Parallel()
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			session := connect(t, era.pin, func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
				giveUp() // nobody is there, and the client's patience with the call ends
				<-ctx.Done()
				return nil, ctx.Err()
			})
			result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "pause_instance", Arguments: map[string]any{"instance": "staging-orders"}})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v and %v, want the cancellation", result, err)
			}
			stands(t, session, "running")
		})
	}
}

// stands looks how the database is that the tests want to pause. A pause that was sent may have ended meanwhile.
func stands(t *testing.T, session *mcp.ClientSession, want string) {
	t.Helper()
	now := use[tools.InstanceDetails](t, session, "get_instance", map[string]any{"instance": "staging-orders"})
	if now.Status != want && (want != "pausing" || now.Status != "paused") {
		t.Errorf("staging-orders is %s, want %s", now.Status, want)
	}
}

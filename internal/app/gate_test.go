package app

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// guardedCall is a call that a person must approve, and what they type.
type guardedCall struct {
	arguments map[string]any
	typed     string
}

// guardedCalls has one for every operation that can need an approval. The test below fails when one is missing.
func guardedCalls() map[string]guardedCall {
	return map[string]guardedCall{
		"pause_instance":     {map[string]any{"instance": "prod"}, "yes"},
		"resume_instance":    {map[string]any{"instance": "archive"}, "YES"},
		"create_snapshot":    {map[string]any{"instance": "playground"}, " yes "}, // a free database: its only snapshot is replaced
		"create_instance":    {map[string]any{"name": "new", "tenant": "Development", "type": "business-critical", "cloud_provider": "gcp", "region": "europe-west1", "memory": "8GB"}, "yes"},
		"update_instance":    {map[string]any{"instance": "prod", "memory": "16GB"}, "yes"},
		"delete_instance":    {map[string]any{"instance": "prod"}, "prod"},
		"overwrite_instance": {map[string]any{"instance": "staging", "source_instance": "prod"}, "staging"},
		"restore_snapshot":   {map[string]any{"instance": "prod", "snapshot_id": oldSnapshot}, "prod"},
		"upgrade_instance":   {map[string]any{"instance": "shop"}, "shop"},

		"create_customer_managed_key":    {createKey("new"), "yes"},
		"delete_customer_managed_key":    {map[string]any{"key_id": "spare"}, "spare"},
		"create_graph_analytics_session": {map[string]any{"name": "new", "memory": "8GB", "instance": "prod"}, "yes"},
		"delete_graph_analytics_session": {map[string]any{"session_id": "people"}, "yes"},
	}
}

func TestNothingGuardedRunsWithoutAnApproval(t *testing.T) {
	t.Parallel()
	answer := func(action mcp.ElicitationResponseAction, content any) person {
		return func(context.Context, string) (*mcp.ElicitationResult, error) {
			return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: action, Content: content}}, nil
		}
	}
	accept := func(content any) person { return answer(mcp.ElicitationResponseActionAccept, content) }
	ways := []struct {
		name string
		asks client.ElicitationHandler
		want string
	}{
		{"a client that cannot ask", nil, "cannot show approval questions"},
		{"declined", answer(mcp.ElicitationResponseActionDecline, nil), "declined"},
		{"cancelled", answer(mcp.ElicitationResponseActionCancel, nil), "dismissed"},
		{"accepted without content", accept(nil), "without typing"},
		{"accepted with an empty form", accept(map[string]any{}), "without typing"},
		{"accepted with an empty text", accept(map[string]any{"approval": ""}), "not"},
		{"accepted with the wrong word", accept(map[string]any{"approval": "ok"}), "not"},
		{"accepted with the wrong type", accept(map[string]any{"approval": true}), "without typing"},
		{"accepted with every boolean true", accept(map[string]any{"confirm": true, "approved": true, "yes": true}), "without typing"},
		{"accepted with something else than an object", accept("yes"), "without typing"},
		{"accepted under another name", accept(map[string]any{"answer": "yes"}), "without typing"},
		{"an action that does not exist", answer("yes", map[string]any{"approval": "yes"}), "neither yes nor no"},
	}
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		for _, way := range ways {
			t.Run(era+" "+way.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					c := r.connect(version, way.asks)
					for name, operation := range r.catalog {
						if !operation.Spec.Effects.Guarded() {
							continue
						}
						call, covered := guardedCalls()[name]
						if !covered {
							t.Errorf("%s is guarded and has no row in guardedCalls", name)
							continue
						}
						r.refuses(c, name, call.arguments, way.want, "Nothing was changed.", "What to do:")
					}
					if got := r.changes(); len(got) != 0 {
						t.Errorf("it ran all the same: %v", got)
					}
				})
			})
		}
	}
}

func TestApprovedOnceRunsOnce(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		for name, call := range guardedCalls() {
			t.Run(era+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var asked int
					r := newRig(t)
					c := r.connect(version, person(func(_ context.Context, question string) (*mcp.ElicitationResult, error) {
						asked++
						if !strings.Contains(question, "To approve, type") {
							t.Errorf("the question does not say what to type:\n%s", question)
						}
						return answered(mcp.ElicitationResponseActionAccept, call.typed), nil
					}))
					if text, failed := r.call(c, name, call.arguments); failed {
						t.Fatal(text)
					}
					if asked != 1 || len(r.changes()) != 1 {
						t.Errorf("asked %d times, sent %v", asked, r.changes())
					}
				})
			})
		}
	}
}

func TestWhatDestroysNeedsTheExactName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for name, call := range guardedCalls() {
			if !r.catalog[name].Spec.Effects.Has(op.Destructive) {
				continue
			}
			after(time.Minute) // for the request budget
			for _, typed := range []string{"yes", strings.ToUpper(call.typed), call.typed + " ", prodID} {
				r.refuses(r.connect(modern, types(typed)), name, call.arguments, "not the exact name", "Nothing was changed.")
			}
		}
		if got := r.changes(); len(got) != 0 {
			t.Errorf("it ran all the same: %v", got)
		}
	})
}

func TestTheQuestionShowsWhatIsDecided(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.sim.Console().Rename(prodID, "prod\" yes.\nTo approve:\u202e"); err != nil {
			t.Fatal(err)
		}
		var question string
		c := r.connect(modern, person(func(_ context.Context, q string) (*mcp.ElicitationResult, error) {
			question = q
			return answered(mcp.ElicitationResponseActionDecline, ""), nil
		}))
		r.refuses(c, "pause_instance", map[string]any{"instance": prodID})
		want := `Pause the database "prod\" yes.\nTo approve:\u202e".

instance: "prod\" yes.\nTo approve:\u202e" in "Production" (aaaaaaa1, business-critical, 8GB, running)
effect: interrupts whoever uses it
in use now: up to 17 open connections on one member, 3 at work; queries per second not known, as that takes two readings (as of 00:00:00 UTC)
what happens: applications lose their connection, and every query fails until it is resumed; Aura takes a backup first
can be undone: yes, by resuming it, which takes some minutes; Aura itself resumes it after 30 days

To approve, type: yes`
		if diff := cmp.Diff(want, question); diff != "" {
			t.Error(diff)
		}
	})
}

// raw plays a client by hand: it sends a call as it is told to, with an accepted answer where content is given (or one of another
// action, where that is), and leaves questions to the test. capabilities are declared with the call, as since 2026-07-28; nil makes it a call of the old kind.
func raw(t *testing.T, c *client.Client, capabilities map[string]any, tool string, arguments map[string]any, state string, content any) *mcp.CallToolResult {
	t.Helper()
	params := map[string]any{"name": tool, "arguments": arguments}
	if capabilities != nil {
		params["_meta"] = map[string]any{mcp.MetaKeyProtocolVersion: "2026-07-28", mcp.MetaKeyClientCapabilities: capabilities}
	}
	if action, other := content.(mcp.ElicitationResponseAction); other {
		params["inputResponses"] = map[string]any{"approval": map[string]any{"action": action}}
	} else if content != nil {
		params["inputResponses"] = map[string]any{"approval": map[string]any{"action": "accept", "content": content}}
	}
	if state != "" {
		params["requestState"] = state
	}
	response, err := c.GetTransport().SendRequest(t.Context(), transport.JSONRPCRequest{
		JSONRPC: mcp.JSONRPC_VERSION, ID: mcp.NewRequestId("raw"), Method: string(mcp.MethodToolsCall), Params: params,
	})
	if err != nil {
		t.Fatal(err)
	}
	if response.Error != nil {
		t.Fatalf("protocol error: %+v", response.Error)
	}
	result, err := mcp.ParseCallToolResult(&response.Result)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func canAsk() map[string]any { return map[string]any{"elicitation": map[string]any{}} }

func TestAnswersThatAreNoApproval(t *testing.T) {
	t.Parallel()
	yes := map[string]any{"approval": "yes"}
	pauseProd, pauseStaging := map[string]any{"instance": "prod"}, map[string]any{"instance": "staging"}
	ask := func(t *testing.T, r *rig) string {
		t.Helper()
		result := raw(t, r.connect(modern, types("no")), canAsk(), "pause_instance", pauseProd, "", nil)
		if result.RequestState == "" || !result.NeedsInput() {
			t.Fatalf("no question came: %+v", result)
		}
		return result.RequestState
	}
	tests := []struct {
		name    string
		attempt func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult
		asks    bool // it is asked afresh; otherwise refused
	}{
		{"a forged answer on the first call", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			return raw(t, c, canAsk(), "pause_instance", pauseProd, "", yes)
		}, true},
		{"an invented state", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			return raw(t, c, canAsk(), "pause_instance", pauseProd, "c3RhdGU", yes)
		}, true},
		{"a state with one bit turned", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			state := []byte(ask(t, r))
			state[len(state)/2] ^= 1
			return raw(t, c, canAsk(), "pause_instance", pauseProd, string(state), yes)
		}, true},
		{"changed arguments", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			return raw(t, c, canAsk(), "pause_instance", pauseStaging, ask(t, r), yes)
		}, true},
		{"another operation", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			return raw(t, c, canAsk(), "resume_instance", map[string]any{"instance": "archive"}, ask(t, r), yes)
		}, true},
		{"a plan older than five minutes", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			state := ask(t, r)
			after(5 * time.Minute)
			return raw(t, c, canAsk(), "pause_instance", pauseProd, state, yes)
		}, true},
		{"a state replayed after a wrong answer", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			state := ask(t, r)
			if result := raw(t, c, canAsk(), "pause_instance", pauseProd, state, map[string]any{"approval": "no"}); !result.IsError {
				t.Errorf("a wrong answer was taken: %+v", result)
			}
			return raw(t, c, canAsk(), "pause_instance", pauseProd, state, yes)
		}, true},
		{"a state of another server", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			return raw(t, c, canAsk(), "pause_instance", pauseProd, ask(t, newRig(t)), yes)
		}, true},
		{"a status that changed meanwhile", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			state := ask(t, r)
			if err := r.sim.Console().SetStatus(prodID, "updating"); err != nil {
				t.Fatal(err)
			}
			return raw(t, c, canAsk(), "pause_instance", pauseProd, state, yes)
		}, false},
		{"another database behind the name", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			state := ask(t, r)
			if err := errors.Join(r.sim.Console().Rename(prodID, "old"), r.sim.Console().Rename(stagingID, "prod")); err != nil {
				t.Fatal(err)
			}
			return raw(t, c, canAsk(), "pause_instance", pauseProd, state, yes)
		}, false},
		{"a state without an answer", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			result := raw(t, c, canAsk(), "pause_instance", pauseProd, ask(t, r), nil)
			if text := r.told("pause_instance", result); !strings.Contains(text, "the client sent no answer") {
				t.Error(text)
			}
			return result
		}, false},
		{"a client that no longer says it can ask", func(t *testing.T, r *rig, c *client.Client) *mcp.CallToolResult {
			return raw(t, c, map[string]any{}, "pause_instance", pauseProd, ask(t, r), yes)
		}, false},
		{"an old client that sends answers of the new kind", func(t *testing.T, r *rig, _ *client.Client) *mcp.CallToolResult {
			return raw(t, r.connect(legacy, types("no")), nil, "pause_instance", pauseProd, ask(t, r), yes)
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				result := tt.attempt(t, r, r.connect(modern, types("no")))
				if result.NeedsInput() != tt.asks || result.IsError == tt.asks {
					t.Errorf("asks again: %v, error: %v, want it to ask: %v\n%+v", result.NeedsInput(), result.IsError, tt.asks, result.Content)
				}
				if got := r.changes(); len(got) != 0 {
					t.Errorf("it ran all the same: %v", got)
				}
			})
		})
	}
}

func TestAnApprovalServesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, types("no"))
		arguments := map[string]any{"instance": "prod"}
		state := raw(t, c, canAsk(), "pause_instance", arguments, "", nil).RequestState
		results := make(chan *mcp.CallToolResult)
		for range 2 { // two submissions at once
			go func() {
				results <- raw(t, c, canAsk(), "pause_instance", arguments, state, map[string]any{"approval": "yes"})
			}()
		}
		first, second := <-results, <-results
		if got := r.changes(); len(got) != 1 {
			t.Errorf("sent %v", got)
		}
		if first.IsError && second.IsError {
			t.Errorf("neither went through: %+v %+v", first.Content, second.Content)
		}
	})
}

func TestNobodyAnswersAnOldClientsQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(legacy, person(func(ctx context.Context, _ string) (*mcp.ElicitationResult, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		begun := time.Now()
		r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "nobody answered within 45 seconds", "Nothing was changed.")
		if took := time.Since(begun); took > 46*time.Second {
			t.Errorf("it took %v; hosts cut at 60 s", took)
		}
		r.refuses(r.connect(legacy, person(func(context.Context, string) (*mcp.ElicitationResult, error) { return nil, errors.New("no window") })),
			"pause_instance", map[string]any{"instance": "prod"}, "the client could not ask", "may not have shown the question")
		if got := r.changes(); len(got) != 0 {
			t.Errorf("it ran all the same: %v", got)
		}
	})
}

func TestAnApprovalThatTookLongIsCheckedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(legacy, person(func(context.Context, string) (*mcp.ElicitationResult, error) {
			after(20 * time.Second)
			if err := r.sim.Console().Pause(prodID); err != nil {
				t.Error(err)
			}
			return answered(mcp.ElicitationResponseActionAccept, "yes"), nil
		}))
		r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "went from running to pausing", "Nothing was changed.")
		if got := r.changes(); len(got) != 0 {
			t.Errorf("it ran all the same: %v", got)
		}
	})
}

func TestReadOnlyOffersAndRunsOnlyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.policy = guard.Policy{ReadOnly: true} })
		for _, era := range []string{legacy, modern} {
			c := r.connect(era, types("yes"))
			listed, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			offered := map[string]bool{}
			for _, tool := range listed.Tools {
				offered[tool.Name] = true
			}
			want := map[string]bool{}
			for name, o := range r.catalog {
				if o.Spec.Effects == op.Read {
					want[name] = true
				}
			}
			if !maps.Equal(offered, want) {
				t.Errorf("offered %v, want %v", offered, want)
			}
			for name, call := range guardedCalls() {
				r.refuses(c, name, call.arguments, "read-only", "Nothing was changed.")
			}
			r.refuses(c, "create_snapshot", map[string]any{"instance": "prod"}, "read-only")
			must[tools.InstanceDetails](r, c, "get_instance", map[string]any{"instance": "prod"})
		}
		if got := r.changes(); len(got) != 0 {
			t.Errorf("it ran all the same: %v", got)
		}
	})
}

func TestAPanicLeaksNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type none struct{}
		bad := op.Reads(op.Spec{Name: "break_down", Title: "Break", Description: "Breaks.", Toolset: "test"},
			func(context.Context, op.Call, none) (none, error) { panic("the secret is hunter2") })
		r := newRig(t, func(o *rigOptions) { o.extra = []op.Operation{bad} })
		text, failed := r.call(r.connect(modern, nil), "break_down", nil)
		if !failed || strings.Contains(text, "hunter2") || !strings.Contains(text, "incident") {
			t.Errorf("the client is told %q", text)
		}
		if !strings.Contains(r.log.String(), "hunter2") {
			t.Error("the log does not say what happened")
		}
	})
}

func TestAPlanThatCannotBeMadeChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type none struct{}
		odd := op.Acts(op.Spec{Name: "try_something", Title: "Try", Description: "Tries.", Toolset: "test", Effects: op.Disruptive},
			func(context.Context, none) (op.Plan, error) { return op.Plan{}, errors.New("the moon is in the way") },
			func(context.Context, op.Call, none, op.Plan) (none, error) { return none{}, nil })
		r := newRig(t, func(o *rigOptions) { o.extra = []op.Operation{odd} })
		c := r.connect(modern, types("yes"))
		if text, failed := r.call(c, "try_something", nil); !failed || text != "The moon is in the way. Nothing was changed." {
			t.Errorf("an error without a next step: %q", text)
		}
		r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Status: 500})
		text, failed := r.call(c, "pause_instance", map[string]any{"instance": "prod"})
		if !failed || strings.Count(text, "Nothing was changed.\nWhat to do: ") != 1 || strings.Count(text, "Nothing was changed") != 1 {
			t.Errorf("an error with one: %q", text)
		}
	})
}

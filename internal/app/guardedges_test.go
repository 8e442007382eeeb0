package app

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// The edges of the guard that breaking its conditions one by one has shown to be untested.

func TestSettingsThatForbidWhileAPersonReadsCount(t *testing.T) {
	t.Parallel()
	pause := map[string]any{"instance": "prod"}
	for _, tt := range []struct {
		name   string
		now    guard.Policy
		err    error
		caller error
		want   string
	}{
		{"the server became read-only", guard.Policy{ReadOnly: true}, nil, nil, "read-only"},
		{"the tool was taken away", guard.Policy{Denied: []string{"pause_instance"}}, nil, nil, "setting denied_tools"},
		{"the token was taken back", guard.Policy{}, nil, errors.New("the token of anna was taken back meanwhile"), "The token of anna was taken back meanwhile"},
		{"they cannot be read any more", guard.Policy{}, errors.New("line 3 is no TOML"), nil, "The settings of this server cannot be read, so nothing that changes anything runs: line 3 is no TOML"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var policy guard.Policy
				var failed, unknown error
				o := &outside{}
				r := newRig(t, atPage(o), func(o *rigOptions) {
					o.policies = func(string) (guard.Policy, error) { return policy, failed }
					o.callers = func(c op.Caller) (op.Caller, error) { return c, unknown }
				})
				c := r.connect(modern, nil)
				said, _ := r.call(c, "pause_instance", pause)
				pending(t, said)
				synctest.Wait()
				policy, failed, unknown = tt.now, tt.err, tt.caller
				if err := o.desk.Decide(o.last(t).ID, guard.Decision{Approve: true, Way: guard.Page}); err != nil {
					t.Fatal(err)
				}
				after(time.Second)
				synctest.Wait()
				policy, failed = guard.Policy{}, nil
				r.refuses(c, "pause_instance", pause, tt.want, "Nothing was changed.", "What to do:") // the outcome of the approval
				if got := r.changes(); len(got) != 0 {
					t.Errorf("sent %v", got)
				}
			})
		})
	}
}

// A person's no counts towards the rest of ten minutes; that a client answered by itself, or that they closed the question, does not.
func TestOnlyWhatAPersonRefusesRests(t *testing.T) {
	t.Parallel()
	const rests = "Not asked: a person has refused this 2 times"
	for _, tt := range []struct {
		name   string
		action mcp.ElicitationResponseAction
		after  time.Duration
		rests  bool
	}{
		{"a person declines", mcp.ElicitationResponseActionDecline, 2 * time.Second, true},
		{"a client declines", mcp.ElicitationResponseActionDecline, 0, false},
		{"a person closes it", mcp.ElicitationResponseActionCancel, 2 * time.Second, false},
	} {
		for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
			t.Run(tt.name+" "+era, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					asked := 0
					r := newRig(t)
					c := r.connect(version, person(func(context.Context, string) (*mcp.ElicitationResult, error) {
						asked++
						after(tt.after)
						return answered(tt.action, ""), nil
					}))
					for range 2 {
						r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "Not approved:")
					}
					text, _ := r.call(c, "pause_instance", map[string]any{"instance": "prod"})
					if strings.Contains(text, rests) != tt.rests || (asked == 2) != tt.rests {
						t.Errorf("asked %d times; in the end %s", asked, text)
					}
				})
			})
		}
	}
}

func TestAYesAfterTwoNoesIsAYes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, types("no"))
		pause := map[string]any{"instance": "prod"}
		var states []string
		for range 3 { // a host that sends the call three times has three questions open
			states = append(states, raw(t, c, canAsk(), "pause_instance", pause, "", nil).RequestState)
		}
		after(5 * time.Second)
		for _, state := range states[:2] {
			if result := raw(t, c, canAsk(), "pause_instance", pause, state, mcp.ElicitationResponseActionDecline); !result.IsError {
				t.Errorf("a no was taken for a yes: %+v", result)
			}
		}
		if result := raw(t, c, canAsk(), "pause_instance", pause, states[2], map[string]any{"approval": "yes"}); result.IsError || len(r.changes()) != 1 {
			t.Errorf("sent %v: %+v", r.changes(), result.Content)
		}
	})
}

func TestTwoQuestionsApprovedAtOnceRunOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, types("no"))
		pause, yes := map[string]any{"instance": "prod"}, map[string]any{"approval": "yes"}
		first, second := raw(t, c, canAsk(), "pause_instance", pause, "", nil), raw(t, c, canAsk(), "pause_instance", pause, "", nil)
		r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Delay: time.Second, Times: 100}) // both have come before either begins
		r.sim.Fail(aurasim.Fault{Method: http.MethodPost, Delay: 10 * time.Second})
		results := make(chan *mcp.CallToolResult)
		for _, state := range []string{first.RequestState, second.RequestState} {
			go func() { results <- raw(t, c, canAsk(), "pause_instance", pause, state, yes) }()
		}
		if a, b := <-results, <-results; a.IsError || b.IsError || len(r.changes()) != 1 {
			t.Errorf("sent %v: %+v and %+v", r.changes(), a.Content, b.Content)
		}
	})
}

// A host that gives up on a call, or loses its connection, repeats it: the outcome was told to nobody, so nothing starts anew.
func TestAnOutcomeThatNobodyHeardIsToldAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.policy = ciMayCreate() })
		r.sim.Fail(aurasim.Fault{Method: http.MethodPost, Path: "/v1/instances", Kind: aurasim.Delay, Delay: 2 * time.Second})
		c := r.connect(legacy, nil)
		ctx, givesUp := context.WithTimeout(t.Context(), time.Second)
		defer givesUp()
		<-r.begin(ctx, c, "create_instance", createCI())
		after(10 * time.Second)
		out := must[tools.InstanceCreated](r, c, "create_instance", createCI())
		if _, known := r.sim.Instance(out.InstanceID); !known || len(r.changes()) != 1 {
			t.Errorf("sent %v; told %+v", r.changes(), out)
		}
	})
}

func ciMayCreate() guard.Policy {
	return guard.Policy{Standing: []guard.Standing{{Operations: []string{"create_instance", "update_instance"}, Names: []string{"ci-*"}, MaxPerDay: 20}}}
}

func createCI() map[string]any {
	return map[string]any{"name": "ci-1", "tenant": "Development", "type": "professional-db", "cloud_provider": "gcp", "region": "europe-west1", "memory": "8GB"}
}

// Whoever lets a job create databases means new ones: where the name is taken already, a person is asked.
func TestWhatIsApprovedBeforehandMakesNoSecondOfAName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.policy = ciMayCreate() })
		c := r.connect(modern, nil)
		must[tools.InstanceCreated](r, c, "create_instance", createCI())
		r.refuses(c, "create_instance", createCI(), "needs a person's approval", "Nothing was changed.")
		another := createCI()
		another["name"] = "ci-2"
		second := must[tools.InstanceCreated](r, c, "create_instance", another)
		after(10 * time.Minute)
		r.refuses(c, "update_instance", map[string]any{"instance": second.InstanceID, "name": "ci-1", "memory": "16GB"}, "needs a person's approval", "Nothing was changed.")
		if got := r.changes(); len(got) != 2 {
			t.Errorf("sent %v", got)
		}
	})
}

func TestWhatHasNoNameToTypeIsNotDestroyed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type none struct{}
		ran := false
		for _, name := range []string{"", "prod\u202e"} {
			nameless := op.Acts(op.Spec{Name: "destroy_something", Title: "Destroy", Description: "Destroys.", Toolset: "test", Effects: op.Destructive},
				func(context.Context, none) (op.Plan, error) {
					return op.Plan{Effects: op.Destructive, Targets: []op.Resource{{ID: "x"}}, Confirm: name}, nil
				},
				func(context.Context, op.Call, none, op.Plan) (none, error) { ran = true; return none{}, nil })
			o := &outside{decides: says(time.Second, guard.Decision{Approve: true, Typed: name})}
			for _, adjust := range []func(*rigOptions){atPage(o), func(*rigOptions) {}} {
				r := newRig(t, adjust, func(o *rigOptions) { o.extra = []op.Operation{nameless} })
				r.refuses(r.connect(modern, types(name)), "destroy_something", nil, "Nothing is destroyed without a name that a person can type", "Nothing was changed.")
			}
		}
		if ran {
			t.Error("it ran")
		}
	})
}

func TestAReadThatIsRefusedIsNoLineInTheAudit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.policy = guard.Policy{Denied: []string{"list_instances", "pause_instance"}} })
		c := r.connect(modern, nil)
		for _, tool := range []string{"list_instances", "pause_instance"} {
			text, failed := r.call(c, tool, map[string]any{"instance": "prod"})
			entries, _, err := r.journal.Read(time.Time{})
			if !failed || err != nil || (len(entries) == 1) != (tool == "pause_instance") || !strings.Contains(text, "setting denied_tools") {
				t.Errorf("%s: %s\n%v %v", tool, text, entries, err)
			}
		}
	})
}

// Aura may take its time after a person has decided, as before.
func TestALastLookHasTheTimeOfItsCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(legacy, person(func(context.Context, string) (*mcp.ElicitationResult, error) {
			r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Delay: 9 * time.Second})
			return answered(mcp.ElicitationResponseActionAccept, "yes"), nil
		}))
		if text, failed := r.call(c, "pause_instance", map[string]any{"instance": "prod"}); failed {
			t.Error(text)
		}
	})
}

func TestAFirstCallIsNoForgery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.doors = guard.Doors{Page: (&outside{unseen: true}).door} })
		for _, era := range []string{legacy, modern} {
			c := r.connect(era, types("yes"))
			must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": map[string]string{legacy: "prod", modern: "shop"}[era]})
		}
		if text := r.log.String(); strings.Contains(text, "not valid") {
			t.Error(text)
		}
		raw(t, r.connect(modern, types("no")), canAsk(), "pause_instance", map[string]any{"instance": "staging"}, "invented", nil)
		if text := r.log.String(); !strings.Contains(text, "a state that is not valid") {
			t.Errorf("an invented one is not noted:\n%s", text)
		}
	})
}

func TestAReadNeverSaysThatNothingWasChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, nil)
		for _, arguments := range []map[string]any{{"instance": "nowhere"}, {"instance": 7}, {"instance": "prod", "more": true}, nil} {
			if text, failed := r.call(c, "get_instance", arguments); !failed || strings.Contains(text, "Nothing was changed") {
				t.Errorf("%v: %s", arguments, text)
			}
		}
	})
}

func TestAnEndThatCannotBeWrittenIsLogged(t *testing.T) {
	t.Parallel()
	const trouble = "could not be written to the audit"
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		breaks := false
		r := newRig(t, func(o *rigOptions) {
			o.journal = audit.Open(dir)
			o.transport = func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(q *http.Request) (*http.Response, error) {
					if q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "/pause") && breaks {
						if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
							t.Error(err)
						}
					}
					return next.RoundTrip(q)
				})
			}
		})
		c := r.connect(modern, types("yes"))
		if text, failed := r.call(c, "pause_instance", map[string]any{"instance": "prod"}); failed || strings.Contains(r.log.String(), trouble) {
			t.Errorf("with a journal: %s\n%s", text, r.log)
		}
		breaks = true
		if text, failed := r.call(c, "pause_instance", map[string]any{"instance": "staging"}); failed || !strings.Contains(r.log.String(), trouble) {
			t.Errorf("with one that breaks: %s\n%s", text, r.log)
		}
		if text, failed := r.call(c, "pause_instance", map[string]any{"instance": "shop"}); !failed || !strings.Contains(text, "the audit of this server cannot be written") && !strings.Contains(text, "The audit") {
			t.Errorf("with none: %s", text)
		}
	})
}

// A bulk is as good as its worst part: in the answer, in the audit and on the page.
func TestABulkThatWentBadlySaysSo(t *testing.T) {
	t.Parallel()
	bulk := map[string]any{"instances": []any{"staging", "shop"}}
	for _, tt := range []struct {
		name    string
		fault   aurasim.Fault
		state   op.State
		message string
	}{
		{"it went well", aurasim.Fault{Method: http.MethodPut}, op.Accepted, "2 databases: 2 accepted by Aura and under way"},
		{"one is refused", aurasim.Fault{Status: http.StatusBadRequest}, op.Failed, "2 databases: 1 accepted by Aura and under way, 1 failed"},
		{"one answer is lost", aurasim.Fault{Status: http.StatusInternalServerError, After: true}, op.Unknown, "2 databases: 1 accepted by Aura and under way, 1 of unknown outcome"},
		{"all are refused", aurasim.Fault{Status: http.StatusBadRequest, Times: 2}, op.Failed, "nothing was done; 2 databases: 2 failed; the results say why"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &outside{decides: says(time.Second, guard.Decision{Approve: true})}
				r := newRig(t, atPage(o))
				c := r.connect(modern, nil)
				tt.fault.Path = "/v1/instances/*/pause"
				r.sim.Fail(tt.fault)
				out := must[tools.InstanceChange](r, c, "pause_instance", bulk)
				if out.State != tt.state || out.Message != tt.message {
					t.Errorf("told %q, %q", out.State, out.Message)
				}
				row := must[tools.OperationList](r, c, "list_operations", nil).Operations[0]
				if row.Outcome != string(tt.state) || (row.Error != "") != (tt.state != op.Accepted) || row.Error != "" && row.Error != tt.message {
					t.Errorf("the audit has %q, %q", row.Outcome, row.Error)
				}
				if a, _ := o.desk.Look(o.last(t).ID); a.State != tt.state || a.Outcome != tt.message {
					t.Errorf("the page has %q, %q", a.State, a.Outcome)
				}
			})
		})
	}
}

func TestABulkWithNothingToDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, nil)
		for _, tt := range []struct {
			instances []any
			want      op.State
		}{
			{[]any{"archive"}, op.Done},               // is paused already
			{[]any{"playground"}, op.Failed},          // is free, which the API cannot pause
			{[]any{"archive", "importer"}, op.Failed}, // one of them is busy
		} {
			if out := must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instances": tt.instances}); out.State != tt.want || !strings.HasPrefix(out.Message, "nothing was done") {
				t.Errorf("%v: %+v", tt.instances, out)
			}
		}
	})
}

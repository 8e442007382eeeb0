package app

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/client"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// onSend calls back before each change leaves.
type onSend struct {
	next http.RoundTripper
	call func()
}

// RoundTrip calls back for what is not a read.
func (o onSend) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/oauth/token") {
		o.call()
	}
	return o.next.RoundTrip(r)
}

func TestTheDecisionIsWrittenBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		var before string
		r := newRig(t, func(o *rigOptions) {
			o.journal = audit.Open(dir)
			o.transport = func(next http.RoundTripper) http.RoundTripper {
				return onSend{next, func() { before = journalText(t, dir) }}
			}
		})
		must[tools.InstanceChange](r, r.connect(modern, types("prod")), "delete_instance", map[string]any{"instance": "prod"})
		if !strings.Contains(before, `"event":"decided"`) || !strings.Contains(before, `"runs":true`) || strings.Contains(before, "finished") {
			t.Errorf("when the request left, the journal said %q", before)
		}
		after := journalText(t, dir)
		for _, want := range []string{`"event":"finished"`, `"outcome":"accepted"`, `"way":"elicitation"`, `"id":"` + prodID + `"`, `"effects":"destructive"`} {
			if !strings.Contains(after, want) {
				t.Errorf("the journal has no %s:\n%s", want, after)
			}
		}
		if info, err := os.Stat(filepath.Join(dir, time.Now().UTC().Format("2006-01")+".jsonl")); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
			t.Errorf("%v %v", info, err)
		}
	})
}

func journalText(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) > 1 {
		t.Fatalf("%v %v", files, err)
	}
	if len(files) == 0 {
		return ""
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestWithoutAnAuditNothingThatChangesRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		if err := os.WriteFile(dir, []byte("a file where the directory should be"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := newRig(t, func(o *rigOptions) { o.journal = audit.Open(dir) })
		for name, call := range guardedCalls() {
			after(time.Minute) // of requests: planning what destroys looks at a week of snapshots
			r.refuses(r.connect(modern, types(call.typed)), name, call.arguments, "audit of this server cannot be written", "Nothing was changed.")
		}
		c := r.connect(modern, nil)
		r.refuses(c, "create_snapshot", map[string]any{"instance": "prod"}, "audit of this server cannot be written")
		if got := r.changes(); len(got) != 0 {
			t.Errorf("it ran all the same: %v", got)
		}
		must[tools.InstanceList](r, c, "list_instances", nil) // reads go on
	})
}

func TestTheJournalTellsHowItWent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		r := newRig(t, func(o *rigOptions) { o.journal = audit.Open(dir) })
		yes := r.connect(modern, types("yes"))
		must[tools.InstanceChange](r, yes, "pause_instance", map[string]any{"instance": "prod"})
		after(time.Second)
		r.refuses(r.connect(modern, nil), "resume_instance", map[string]any{"instance": "archive"})
		after(time.Second)
		r.sim.Fail(aurasim.Fault{Method: http.MethodPost, Path: "/v1/instances/*/snapshots", Kind: aurasim.CutAfter})
		r.refuses(yes, "create_snapshot", map[string]any{"instance": "staging"}, "not known whether")
		after(time.Second)
		// A process that was killed between decision and end leaves the first line alone, and may have cut off its last.
		if err := r.journal.Write(audit.Line{Time: time.Now(), Principal: op.Local, Event: audit.Decided, ID: "killed", Operation: "delete_instance", Decision: "approved", Runs: true, Targets: []audit.Target{{ID: stagingID, Name: "staging"}}}); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		must[tools.InstanceCreated](r, yes, "create_instance", create("secretive"))
		file := filepath.Join(dir, time.Now().UTC().Format("2006-01")+".jsonl")
		cut, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cut.WriteString(`{"time":"2000-01-0`); err != nil {
			t.Fatal(err)
		}
		if err := cut.Close(); err != nil {
			t.Fatal(err)
		}
		after(10 * time.Minute)

		list := must[tools.OperationList](r, yes, "list_operations", nil)
		var got [][2]string
		for _, o := range list.Operations {
			got = append(got, [2]string{o.Operation, o.Outcome})
		}
		want := [][2]string{
			{"create_instance", "accepted"}, {"delete_instance", "unknown"}, {"create_snapshot", "unknown"},
			{"resume_instance", "refused"}, {"pause_instance", "accepted"},
		}
		if diff := cmp.Diff(want, got); diff != "" || !strings.Contains(list.Note, "1 line of") {
			t.Errorf("note %q: %s", list.Note, diff)
		}
		if about := must[tools.OperationList](r, yes, "list_operations", map[string]any{"instance": "staging"}); about.Total != 2 {
			t.Errorf("about staging: %+v", about)
		}
		if password := passwordSent(t, r); strings.Contains(journalText(t, dir), password) {
			t.Error("the password is in the audit")
		}
		readOnly := newRig(t, func(o *rigOptions) { o.policy, o.journal = guard.Policy{ReadOnly: true}, audit.Open(dir) })
		readOnly.refuses(readOnly.connect(modern, nil), "pause_instance", map[string]any{"instance": "prod"}, "read-only")
		if list := must[tools.OperationList](readOnly, readOnly.connect(modern, nil), "list_operations", nil); list.Operations[0].Outcome != "refused" || !strings.Contains(list.Operations[0].Decision, "read-only") {
			t.Errorf("%+v", list.Operations[0])
		}
	})
}

// answeredIDs notes the request IDs of Aura's answers to changes.
type answeredIDs struct {
	next http.RoundTripper
	mu   *sync.Mutex
	ids  *[]string
}

// RoundTrip passes the request on.
func (a answeredIDs) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.next.RoundTrip(r)
	if err == nil && r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/oauth/token") {
		a.mu.Lock()
		defer a.mu.Unlock()
		*a.ids = append(*a.ids, resp.Header.Get("X-Request-Id"))
	}
	return resp, err
}

func TestTheAuditHasAurasRequestIDs(t *testing.T) {
	t.Parallel()
	snapshot := func(f aurasim.Fault) *aurasim.Fault {
		f.Method, f.Path = http.MethodPost, "/v1/instances/*/snapshots"
		return &f
	}
	tests := []struct {
		name, tool, typed string
		arguments         map[string]any
		fault             *aurasim.Fault
		safety            bool
		outcome           string
		requests          int
	}{
		{"what is accepted", "pause_instance", "yes", map[string]any{"instance": "prod"}, nil, false, "accepted", 1},
		{"what is waited for", "create_snapshot", "", map[string]any{"instance": "prod", "wait_seconds": 40}, nil, false, "accepted", 1},
		{"several in one approval", "pause_instance", "yes", map[string]any{"instances": []any{"prod", "staging"}}, nil, false, "accepted", 2},
		{"the safety snapshot and what it is for", "overwrite_instance", "staging", map[string]any{"instance": "staging", "source_instance": "prod"}, nil, true, "accepted", 2},
		{"what Aura refuses", "create_snapshot", "", map[string]any{"instance": "prod"}, snapshot(aurasim.Fault{Status: http.StatusConflict}), false, "failed", 1},
		{"what Aura fails at", "create_snapshot", "", map[string]any{"instance": "prod"}, snapshot(aurasim.Fault{Status: http.StatusInternalServerError}), false, "unknown", 1},
		{"an answer that breaks off", "create_snapshot", "", map[string]any{"instance": "prod"}, snapshot(aurasim.Fault{Kind: aurasim.CutInBody}), false, "unknown", 1},
		{"no answer", "create_snapshot", "", map[string]any{"instance": "prod"}, snapshot(aurasim.Fault{Kind: aurasim.CutAfter}), false, "unknown", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var ids []string
				r := newRig(t, func(o *rigOptions) {
					o.safety, o.sim.Speed = tt.safety, 10
					o.transport = func(next http.RoundTripper) http.RoundTripper { return answeredIDs{next, &mu, &ids} }
				})
				if tt.fault != nil {
					r.sim.Fail(*tt.fault)
				}
				c := r.connect(modern, types(tt.typed))
				r.call(c, tt.tool, tt.arguments)
				entries, _, err := r.journal.Read(time.Time{})
				if err != nil || len(entries) != 1 || entries[0].End == nil {
					t.Fatalf("%+v, %v", entries, err)
				}
				end := entries[0].End
				if want := tt.outcome; end.Outcome != want && !(want == "accepted" && end.Outcome == "done") {
					t.Errorf("outcome %s, want %s", end.Outcome, want)
				}
				if diff := cmp.Diff(ids, end.RequestIDs); diff != "" || len(ids) != tt.requests {
					t.Errorf("Aura answered %q: %s", ids, diff)
				}
				if told := must[tools.OperationList](r, c, "list_operations", nil).Operations[0]; told.Requests != strings.Join(ids, ", ") {
					t.Errorf("list_operations tells %q of %q", told.Requests, ids)
				}
			})
		})
	}
}

func TestALostCreateStopsAnEqualOneInAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		first := newRig(t, func(o *rigOptions) { o.journal = audit.Open(dir) })
		first.sim.Fail(aurasim.Fault{Method: http.MethodPost, Path: "/v1/instances", Kind: aurasim.CutBefore})
		first.refuses(first.connect(modern, types("yes")), "create_instance", create("once"), "not known whether")
		second := newRig(t, func(o *rigOptions) { o.journal = audit.Open(dir) })
		c := second.connect(modern, types("yes"))
		second.refuses(c, "create_instance", create("once"), "its outcome is not known", "Nothing was changed.")
		must[tools.InstanceCreated](second, c, "create_instance", create("another"))
		after(31 * time.Minute)
		must[tools.InstanceCreated](second, c, "create_instance", create("once"))
	})
}

// What is created has an ID at the end only; what is deleted has had one.
func TestTheEndNamesWhatWasMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		last := func() []audit.Target {
			entries, _, err := r.journal.Read(time.Time{})
			if err != nil || len(entries) == 0 || entries[0].End == nil {
				t.Fatal(entries, err)
			}
			return entries[0].End.Targets
		}
		c := r.connect(modern, types("yes"))
		made := must[tools.KeyChange](r, c, "create_customer_managed_key", createKey("new"))
		if diff := cmp.Diff([]audit.Target{{ID: made.KeyID, Name: "new"}}, last()); made.KeyID == "" || diff != "" {
			t.Error(diff)
		}
		after(time.Second)
		must[tools.KeyChange](r, r.connect(modern, types("spare")), "delete_customer_managed_key", map[string]any{"key_id": "spare"})
		if got := last(); got != nil {
			t.Errorf("a deletion has made %v", got)
		}
		r.sim.Fail(aurasim.Fault{Method: http.MethodPost, Status: 400})
		after(time.Second)
		r.refuses(c, "create_customer_managed_key", createKey("newer"))
		if got := last(); got != nil {
			t.Errorf("what failed has made %v", got)
		}
	})
}

// A caller decides how long its arguments are, and everybody needs the journal: for what is approved beforehand, for wrong PINs
// and before each create.
func TestNoCallMakesTheAuditUnreadable(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<", 900_000) // which JSON writes as six characters each
	attached := map[string]any{"name": long, "memory": "8GB", "instance": "prod"}
	tests := []struct {
		name      string
		asker     client.ElicitationHandler
		tool      string
		arguments map[string]any
		outcome   string // in the audit; "" where the call does not get that far
	}{
		{"what nobody can approve", nil, "create_customer_managed_key", createKey("new", "cloud_key_id", long), "refused"},
		{"what Aura gets", types("yes"), "create_customer_managed_key", createKey("new", "cloud_key_id", long), "failed"},
		{"a name", types("yes"), "create_graph_analytics_session", attached, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				r := newRig(t, func(o *rigOptions) { o.journal = audit.Open(dir) })
				c := r.connect(modern, tt.asker)
				if text, _ := r.call(c, tt.tool, tt.arguments); tt.outcome == "" && !strings.Contains(text, "900000") {
					t.Errorf("it does not say how long it is: %.300s", text)
				}
				after(time.Second)
				must[tools.InstanceCreated](r, r.connect(modern, types("yes")), "create_instance", create("next"))
				list := must[tools.OperationList](r, c, "list_operations", nil)
				if list.Note != "" || len(list.Operations) == 0 || list.Operations[0].Operation != "create_instance" {
					t.Fatalf("%+v", list)
				}
				if told := journalText(t, dir); len(told) > 1<<15 || (tt.outcome != "") != strings.Contains(told, `"arguments":"left out: 5`) {
					t.Errorf("%d bytes: %.500s", len(told), told)
				}
				if tt.outcome != "" && list.Operations[1].Outcome != tt.outcome {
					t.Errorf("%+v", list.Operations[1])
				}
			})
		})
	}
}

func TestALineThatIsTooLongIsLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := newRig(t, func(o *rigOptions) { o.journal = audit.Open(dir) })
		c := r.connect(modern, types("yes"))
		must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "prod"})
		file := filepath.Join(dir, time.Now().UTC().Format("2006-01")+".jsonl")
		line := `{"id":"long","event":"decided","arguments":"` + strings.Repeat("x", 5<<20) + "\"}\n"
		if err := os.WriteFile(file, []byte(line+journalText(t, dir)+line), 0o600); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "staging"})
		list := must[tools.OperationList](r, c, "list_operations", nil)
		if list.Total != 2 || list.Note != "2 lines of the audit could not be read" {
			t.Errorf("%+v", list)
		}
	})
}

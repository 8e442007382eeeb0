package app

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// attached is a create_graph_analytics_session beside prod, alone one on its own.
func attached(name string, more ...any) map[string]any {
	return with(map[string]any{"name": name, "memory": "8GB", "instance": "prod"}, more)
}

func alone(name string, more ...any) map[string]any {
	return with(map[string]any{"name": name, "memory": "8GB", "tenant": "Development", "cloud_provider": "gcp", "region": "europe-west1"}, more)
}

// with adds arguments, given as names and values in turn.
func with(arguments map[string]any, more []any) map[string]any {
	for n := 0; n < len(more); n += 2 {
		arguments[more[n].(string)] = more[n+1]
	}
	return arguments
}

const clustersID = "s-7b20d4e9-51ac-4"

// withClusters adds a session on its own that has expired.
func withClusters(o *rigOptions) {
	o.sim.State.Sessions = append(o.sim.State.Sessions, aurasim.SessionState{
		ID: clustersID, Name: "clusters", TenantID: developmentID, Memory: "8GB", CloudProvider: "gcp", Region: "europe-west1", Status: "Expired",
	})
}

func TestTheWholeLifeOfASession(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		for kind, arguments := range map[string]map[string]any{"attached": attached("fraud", "ttl_minutes", 30), "on its own": alone("fraud", "ttl_minutes", 30)} {
			t.Run(era+" "+kind, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					c := r.connect(version, types("yes"))
					byName := map[string]any{"session_id": "Fraud"}

					created := must[tools.SessionChange](r, c, "create_graph_analytics_session", arguments)
					if created.State != op.Accepted || created.Status != "Creating" || created.UsuallyTakes == "" || created.Next == "" {
						t.Fatalf("%+v", created)
					}
					early := must[tools.SessionDetails](r, c, "get_graph_analytics_session", map[string]any{"session_id": "Fraud", "wait_seconds": 20})
					if early.Status != "Creating" || early.Next == "" {
						t.Errorf("a session takes a minute and a half, after 20 s: %+v", early)
					}
					after(50 * time.Second)
					got := must[tools.SessionDetails](r, c, "get_graph_analytics_session", map[string]any{"session_id": created.SessionID, "wait_seconds": 50})
					if got.Status != "Ready" || got.Next != "" || got.TTLMinutes != 30 || got.Memory != "8GB" || got.Host == "" || got.ExpiresAt == "" {
						t.Errorf("after two minutes: %+v", got)
					}
					again := must[tools.SessionChange](r, r.connect(version, nil), "create_graph_analytics_session", arguments)
					if again.State != op.Done || again.SessionID != created.SessionID || !strings.Contains(again.Message, "was there before") {
						t.Errorf("an equal call needs nobody: %+v", again)
					}
					after(time.Hour)
					got = must[tools.SessionDetails](r, c, "get_graph_analytics_session", byName)
					if diff := cmp.Diff([]tools.SessionWarning{{Message: "Session expired due to inactivity", Reason: "Inactivity"}}, got.Warnings); diff != "" || got.Status != "Expired" || got.Next == "" {
						t.Errorf("after an idle hour: %+v", got)
					}
					r.refuses(c, "create_graph_analytics_session", arguments, `a session named "fraud" already (`+created.SessionID+"), which has ended as Expired", "Nothing was changed.")
					deleted := must[tools.SessionChange](r, c, "delete_graph_analytics_session", map[string]any{"session_id": "fraud"})
					if deleted.State != op.Done || deleted.Status != "deleted" {
						t.Errorf("%+v", deleted)
					}
					r.refuses(c, "get_graph_analytics_session", byName, `no graph analytics session "Fraud"`, "list_graph_analytics_sessions")
					if diff := cmp.Diff([]string{"POST /graph-analytics/sessions", "DELETE /graph-analytics/sessions/" + created.SessionID}, r.changes()); diff != "" {
						t.Error(diff)
					}
				})
			})
		}
	}
}

func TestTheListOfSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withClusters, func(o *rigOptions) { o.sim.Quirks.SessionMemoryGi = true })
		c := r.connect(modern, nil)
		clusters := tools.SessionRow{
			SessionID: clustersID, Name: "clusters", Status: "Expired", Memory: "8GB", Cloud: "gcp/europe-west1", Tenant: "Development",
			Warnings: []tools.SessionWarning{{Message: "Session expired due to inactivity", Reason: "Inactivity"}},
		}
		people := tools.SessionRow{SessionID: peopleID, Name: "people", Status: "Ready", Memory: "8GB", InstanceID: prodID, Cloud: "gcp/europe-west1", Tenant: "Production"}
		for _, tt := range []struct {
			arguments map[string]any
			want      []tools.SessionRow
		}{
			{nil, []tools.SessionRow{clusters, people}},
			{map[string]any{"tenant": "development"}, []tools.SessionRow{clusters}},
			{map[string]any{"instance": "PROD"}, []tools.SessionRow{people}},
			{map[string]any{"instance": "staging"}, []tools.SessionRow{}},
		} {
			want := tools.SessionList{Total: len(tt.want), Sessions: tt.want}
			if diff := cmp.Diff(want, must[tools.SessionList](r, c, "list_graph_analytics_sessions", tt.arguments)); diff != "" {
				t.Errorf("%v: %s", tt.arguments, diff)
			}
		}
		r.refuses(c, "list_graph_analytics_sessions", map[string]any{"instance": "prodd"}, `no instance "prodd"`)
		r.refuses(c, "list_graph_analytics_sessions", map[string]any{"tenant": "Test"}, `no tenant "Test"`)
	})
}

func TestWaitsForASessionTellTheTruth(t *testing.T) {
	t.Parallel()
	create := func(r *rig, arguments map[string]any) tools.SessionChange {
		r.t.Helper()
		return must[tools.SessionChange](r, r.connect(modern, types("yes")), "create_graph_analytics_session", arguments)
	}
	tests := []struct {
		name  string
		speed float64
		calls func(t *testing.T, r *rig)
	}{
		{"a fast session is ready within the wait", 20, func(t *testing.T, r *rig) {
			if out := create(r, attached("new", "wait_seconds", 40)); out.State != op.Done || out.Status != "Ready" || out.Next != "" || out.UsuallyTakes != "" || out.Host == "" {
				t.Errorf("%+v", out)
			}
		}},
		{"a slow one is not", 1, func(t *testing.T, r *rig) {
			if out := create(r, alone("new", "wait_seconds", 40)); out.State != op.Accepted || out.Status != "Creating" || out.Next == "" {
				t.Errorf("%+v", out)
			}
		}},
		{"a session that runs out of memory is told as failed, with the reason", 1, func(t *testing.T, r *rig) {
			meanwhile(r, "new", r.sim.Console().FailSession)
			out := create(r, attached("new", "wait_seconds", 50))
			if out.State != op.Failed || out.Status != "Failed" || !strings.Contains(out.Message, "ended as Failed") || !strings.Contains(out.Next, "estimate_graph_analytics_session") {
				t.Errorf("%+v", out)
			}
			if diff := cmp.Diff([]tools.SessionWarning{{Message: "Session reached its memory limit", Reason: "OutOfMemory"}}, out.Warnings); diff != "" {
				t.Error(diff)
			}
			r.refuses(r.connect(modern, types("yes")), "create_graph_analytics_session", attached("new"), "ended as Failed")
		}},
		{"a colleague deletes what is waited for", 1, func(t *testing.T, r *rig) {
			create(r, attached("new"))
			meanwhile(r, "new", r.sim.Console().DeleteSession)
			r.refuses(r.connect(modern, nil), "get_graph_analytics_session", map[string]any{"session_id": "new", "wait_seconds": 50}, `session "new" is gone`, "deleted meanwhile")
		}},
		{"a wait that breaks off is no failure of the start", 1, func(t *testing.T, r *rig) {
			meanwhile(r, "new", r.sim.Console().DeleteSession)
			out := create(r, attached("new", "wait_seconds", 50))
			if out.State != op.Accepted || out.Status != "unknown" || !strings.Contains(out.Message, "could not be read") || out.Next == "" {
				t.Errorf("%+v", out)
			}
		}},
		{"one that is on its way is waited for without asking again", 20, func(t *testing.T, r *rig) {
			first := create(r, attached("new"))
			out := must[tools.SessionChange](r, r.connect(modern, nil), "create_graph_analytics_session", attached("new", "wait_seconds", 50))
			if out.State != op.Done || out.SessionID != first.SessionID || out.Status != "Ready" || len(r.changes()) != 1 {
				t.Errorf("%+v, sent %v", out, r.changes())
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tt.calls(t, newRig(t, func(o *rigOptions) { o.sim.Speed = tt.speed }))
			})
		})
	}
}

// meanwhile does something to the session of a name ten seconds from now.
func meanwhile(r *rig, name string, do func(id string) error) {
	go func() {
		after(10 * time.Second)
		for _, s := range r.sim.Sessions() {
			if s.Name == name {
				if err := do(s.ID); err != nil {
					r.t.Error(err)
				}
			}
		}
	}()
}

func TestSessionsThatAreRefused(t *testing.T) {
	t.Parallel()
	const tool = "create_graph_analytics_session"
	tests := []struct {
		name, tool string
		arguments  map[string]any
		want       []string
	}{
		{"no place at all", tool, map[string]any{"name": "new", "memory": "8GB"}, []string{"where the session is to be", "`instance`", "`cloud_provider` and `region`"}},
		{"half a place", tool, alone("new", "region", nil), []string{"where the session is to be"}},
		{"two places", tool, attached("new", "region", "europe-west1"), []string{"`instance` does not go with"}},
		{"a tenant beside a database", tool, attached("new", "tenant", "Production"), []string{"`instance` does not go with"}},
		{"no tenant where there are two", tool, alone("new", "tenant", nil), []string{"There are 2 tenants"}},
		{"a place that is not on offer", tool, alone("new", "region", "mars-north1"), []string{`"gcp/mars-north1" is not on offer`, "gcp/europe-west1"}},
		{"a size that does not exist", tool, attached("new", "memory", "7GB"), []string{"`memory`", "2GB, 4GB, 8GB"}},
		{"a blank name", tool, attached(" "), []string{"`name` is empty"}},
		{"a time to live beyond Aura's", tool, attached("new", "ttl_minutes", 10081), []string{"`ttl_minutes`", "1 to 10080"}},
		{"a database that does not exist", tool, attached("new", "instance", "prodd"), []string{`no instance "prodd"`}},
		{"a database that is busy", tool, attached("new", "instance", "importer"), []string{"is busy (resuming", "wait_for_instance"}},
		{"a database that is paused", tool, attached("new", "instance", "archive"), []string{"works only with the status running"}},
		{"another size of one that there is", tool, attached("people", "memory", "16GB"), []string{`a session named "people" already (` + peopleID, `the memory 8GB and not "16GB"`}},
		{"another time to live of one that there is", tool, attached("people", "ttl_minutes", 90), []string{`the time to live 60 minutes and not "90 minutes"`}},
		{"another place of one that there is", tool, alone("people", "tenant", "Production"), []string{"as its database " + prodID + " and not none"}},
		{"the name of one that has ended", tool, alone("clusters"), []string{"which has ended as Expired", "delete_graph_analytics_session"}},
		{"another case, for a change", "delete_graph_analytics_session", map[string]any{"session_id": "PEOPLE"}, []string{`no graph analytics session "PEOPLE"`, `"people" (` + peopleID}},
		{"a name that two have", "delete_graph_analytics_session", map[string]any{"session_id": "twin"}, []string{"ambiguous: 2 match", "Ask the person"}},
		{"a session that does not exist", "get_graph_analytics_session", map[string]any{"session_id": "zzz"}, []string{`no graph analytics session "zzz"`, "Call list_graph_analytics_sessions"}},
		{"an estimate without counts", "estimate_graph_analytics_session", map[string]any{"node_count": 1}, []string{"`relationship_count` is missing"}},
		{"an estimate of less than nothing", "estimate_graph_analytics_session", map[string]any{"node_count": -1, "relationship_count": 1}, []string{"`node_count` is -1", "0 or more"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withClusters, func(o *rigOptions) {
					for id, tenant := range map[string]string{"s-0000aaaa-0000-4": developmentID, "s-0000bbbb-0000-4": productionID} {
						o.sim.State.Sessions = append(o.sim.State.Sessions, aurasim.SessionState{ID: id, Name: "twin", TenantID: tenant, Memory: "2GB"})
					}
				})
				r.refuses(r.connect(modern, types("yes")), tt.tool, tt.arguments, append(tt.want, r.saidOf(tt.tool)...)...)
				if got := r.changes(); len(got) != 0 {
					t.Errorf("it sent %v", got)
				}
			})
		})
	}
}

func TestTheQuestionAboutASession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withClusters)
		var question string
		c := r.connect(modern, seen(&question, "yes"))
		must[tools.SessionChange](r, c, "create_graph_analytics_session", attached("new\u202e", "ttl_minutes", 90))
		want := `Start the graph analytics session "new\u202e".

new graph analytics session: "new\u202e" in "Production" (no ID yet, 8GB)
from instance: "prod" in "Production" (aaaaaaa1, business-critical, 8GB, running)
effect: uses what the account pays for or has a limit of
what happens: a machine for graph algorithms starts beside the database, whose data stays as it is
what it costs: it is billed until it is deleted or ends by itself
when it ends: after 90 minutes without use, and after about 7 days at the latest
can be undone: yes, by deleting it

To approve, type: yes`
		if diff := cmp.Diff(want, question); diff != "" {
			t.Error(diff)
		}
		must[tools.SessionChange](r, c, "create_graph_analytics_session", alone("other"))
		if !strings.Contains(question, "attached to no database") || !strings.Contains(question, "after an hour (Aura's default)") {
			t.Error(question)
		}
		must[tools.SessionChange](r, c, "delete_graph_analytics_session", map[string]any{"session_id": "people"})
		want = `End the graph analytics session "people".

graph analytics session: "people" in "Production" (aaaaaaa1-0a1b2c3d, 8GB, Ready, gcp/europe-west1, attached to aaaaaaa1)
effect: interrupts whoever uses it
what is lost: the graphs in its memory, and results that were not written back to a database; whatever runs in it stops
what stays: databases and their data
can be undone: no; another session can be started, and graphs loaded into it again

To approve, type: yes`
		if diff := cmp.Diff(want, question); diff != "" {
			t.Error(diff)
		}
		must[tools.SessionChange](r, c, "delete_graph_analytics_session", map[string]any{"session_id": "clusters"})
		if !strings.Contains(question, "nothing that could still be used") {
			t.Error(question)
		}
	})
}

// TestSessionsAndAnAuraThatFails looks at what is told and at how many sessions called "new" there are in the end. A lost
// create is not repeated by itself.
func TestSessionsAndAnAuraThatFails(t *testing.T) {
	t.Parallel()
	post := func(f aurasim.Fault) aurasim.Fault {
		f.Method, f.Path = http.MethodPost, "/v1/graph-analytics/sessions"
		return f
	}
	on := func(method string, status int, body string) aurasim.Fault {
		return aurasim.Fault{Method: method, Path: "/v1/graph-analytics/sessions/" + peopleID, Kind: aurasim.Answer, Status: status, Body: body, Times: 20}
	}
	existing := `{"data":{"id":"aaaaaaa1-ffffffff","name":"new","memory":"8GB","status":"Ready"},"errors":[]}`
	create, end := attached("new"), map[string]any{"session_id": "people"}
	tests := []struct {
		name, tool string
		arguments  map[string]any
		faults     []aurasim.Fault
		failed     bool
		want       []string
		new        int
	}{
		{"an answer that got lost", "create_graph_analytics_session", create, []aurasim.Fault{post(aurasim.Fault{Kind: aurasim.CutAfter})}, false, []string{"answer got lost, and it exists as aaaaaaa1-", `"state":"accepted"`}, 1},
		{"a 502 about a session that was taken", "create_graph_analytics_session", create, []aurasim.Fault{post(aurasim.Fault{Kind: aurasim.Answer, Status: 502, After: true})}, false, []string{"it exists as aaaaaaa1-"}, 1},
		{"a request that got lost", "create_graph_analytics_session", create, []aurasim.Fault{post(aurasim.Fault{Kind: aurasim.CutBefore})}, true, []string{`It is not known whether the session "new" was started`, "list_graph_analytics_sessions"}, 0},
		{"a colleague who was faster", "create_graph_analytics_session", create, []aurasim.Fault{post(aurasim.Fault{Kind: aurasim.Answer, Status: 200, Body: existing})}, false, []string{`"state":"done"`, "was there before", "aaaaaaa1-ffffffff"}, 0},
		{"a name that is taken otherwise", "create_graph_analytics_session", create, []aurasim.Fault{post(aurasim.Fault{Kind: aurasim.Answer, Status: 409, Body: `{"errors":[{"message":"already exists with different parameters"}]}`})}, true, []string{"does not go with a session that there is", "choose another name"}, 0},
		{"a database that is busy after all", "create_graph_analytics_session", create, []aurasim.Fault{post(aurasim.Fault{Kind: aurasim.Answer, Status: 409, Body: `{"errors":[{"message":"busy","reason":"ongoing-database-operation"}]}`})}, true, []string{"busy with another operation"}, 0},
		{"the limit of sessions", "create_graph_analytics_session", create, []aurasim.Fault{post(aurasim.Fault{Kind: aurasim.Answer, Status: 402, Body: `{"errors":[{"message":"no more","reason":"quota-exceeded"}]}`})}, true, []string{"limit for this is reached", "Nothing was changed."}, 0},
		{"a session that is gone already", "delete_graph_analytics_session", end, []aurasim.Fault{on(http.MethodDelete, 404, `{"errors":[{"message":"no such session"}]}`)}, false, []string{`"state":"done"`}, 0},
		{"a deletion that is not over yet", "delete_graph_analytics_session", end, []aurasim.Fault{on(http.MethodDelete, 202, `{"data":{"id":"`+peopleID+`"}}`)}, false, []string{`"state":"accepted"`, "is being deleted", `"status":"Ready"`}, 0},
		{"a deletion whose answer got lost", "delete_graph_analytics_session", end, []aurasim.Fault{on(http.MethodDelete, 500, "")}, true, []string{"not known whether Aura carried this out", "look with list_graph_analytics_sessions"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				for _, f := range tt.faults {
					r.sim.Fail(f)
				}
				text, failed := r.call(r.connect(modern, types("yes")), tt.tool, tt.arguments)
				for _, want := range tt.want {
					if failed != tt.failed || !strings.Contains(text, want) {
						t.Errorf("failed: %v, want %q in\n%s", failed, want, text)
					}
				}
				made := 0
				for _, s := range r.sim.Sessions() {
					if s.Name == "new" {
						made++
					}
				}
				if made != tt.new || len(r.changes()) != 1 {
					t.Errorf("%d new sessions, sent %v", made, r.changes())
				}
			})
		})
	}
}

func TestALostSessionIsFoundByAnEqualCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.sim.Speed = 20 })
		c := r.connect(modern, types("yes"))
		r.sim.Fail(aurasim.Fault{Method: http.MethodPost, Path: "/v1/graph-analytics/sessions", Kind: aurasim.CutAfter})
		r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Path: "/v1/graph-analytics/sessions", Kind: aurasim.Answer, Status: 200, Body: `{"data":[]}`, Times: 10})
		r.refuses(c, "create_graph_analytics_session", attached("new"), "not known whether")
		out := must[tools.SessionChange](r, c, "create_graph_analytics_session", attached("new", "wait_seconds", 50))
		if out.State != op.Done || len(r.sim.Sessions()) != 2 || r.sim.PendingFaults() != 0 {
			t.Errorf("%+v, Aura has %+v, %d faults left", out, r.sim.Sessions(), r.sim.PendingFaults())
		}
	})
}

func TestEstimatesOfSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, nil)
		graph := map[string]any{"node_count": 50_000_000, "relationship_count": 500_000_000}
		small := must[tools.SessionEstimate](r, c, "estimate_graph_analytics_session", graph)
		graph["node_property_count"], graph["node_label_count"], graph["relationship_property_count"] = 8, 4, 2
		graph["algorithm_categories"] = []any{"centrality", "node-embedding"}
		large := must[tools.SessionEstimate](r, c, "estimate_graph_analytics_session", graph)
		if small.RecommendedSize == large.RecommendedSize || small.EstimatedMemory == "unknown" {
			t.Errorf("%+v, with properties and algorithms %+v", small, large)
		}
		graph["algorithm_categories"] = []any{"magic"}
		r.refuses(c, "estimate_graph_analytics_session", graph, "refused the request with 400", "algorithm_categories")
		r.sim.Fail(aurasim.Fault{Method: http.MethodPost, Path: "/v1/graph-analytics/sessions/sizing", Kind: aurasim.Answer, Status: 200, Body: `{"data":{"recommended_size":"8GB"}}`})
		delete(graph, "algorithm_categories")
		if got := must[tools.SessionEstimate](r, c, "estimate_graph_analytics_session", graph); got.RecommendedSize != "8GB" || got.EstimatedMemory != "unknown" {
			t.Errorf("%+v", got)
		}
		if got := r.changes(); len(got) != 0 {
			t.Errorf("an estimate changes nothing, sent %v", got)
		}
	})
}

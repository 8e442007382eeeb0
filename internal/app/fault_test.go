package app

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/aurasim"
	"aura-mcp/tools"
)

func TestBadInputIsExplained(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, tool string
		arguments  map[string]any
		want       []string
	}{
		{"an unknown name", "get_instance", map[string]any{"instance": "prodd"}, []string{`no instance "prodd" among the 6`, `"prod" (aaaaaaa1)`}},
		{"a name like no other", "get_instance", map[string]any{"instance": "zzzzzz"}, []string{`no instance "zzzzzz"`, "list_instances"}},
		{"a name that two have", "get_instance", map[string]any{"instance": "twin"}, []string{"ambiguous: 2 match", "aaaaaaa2", "aaaaaaa3", "Ask the person"}},
		{"a name that is another's ID", "get_instance", map[string]any{"instance": prodID}, []string{"ambiguous: 2 match", prodID, freeID}},
		{"another case, for a change", "pause_instance", map[string]any{"instance": "PROD"}, []string{`no instance "PROD"`, `"prod" (aaaaaaa1)`, "Nothing was changed."}},
		{"a tenant that does not exist", "list_instances", map[string]any{"tenant": "Prodction"}, []string{`no tenant "Prodction"`, `"Production"`}},
		{"no tenant where there are two", "get_tenant", nil, []string{"There are 2 tenants", "`tenant`"}},
		{"a date that is none", "list_snapshots", map[string]any{"instance": "importer", "from": "yesterday"}, []string{"`from`", "YYYY-MM-DD"}},
		{"a snapshot that does not exist", "get_snapshot", map[string]any{"instance": "importer", "snapshot_id": "2023-01-20T18:07:25Z-adhoc"}, []string{"no such snapshot", "list_snapshots", "Aura request ID:"}},
		{"a snapshot ID that climbs", "get_snapshot", map[string]any{"instance": "importer", "snapshot_id": "../.."}, []string{"Snapshot id contains a slash"}},
		{"a snapshot ID of two dots", "get_snapshot", map[string]any{"instance": "importer", "snapshot_id": ".."}, []string{"Snapshot id must not be"}},
		{"an empty name", "get_instance", map[string]any{"instance": ""}, []string{"no instance"}},
		{"pausing a free database", "pause_instance", map[string]any{"instance": freeID + "x"}, []string{"no instance"}},
		{"pausing what is busy", "pause_instance", map[string]any{"instance": "importer"}, []string{"is busy (resuming", "wait_for_instance", "Nothing was changed."}},
		{"a snapshot of what is busy", "create_snapshot", map[string]any{"instance": "importer"}, []string{"is busy (resuming", "Nothing was changed."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) {
					o.sim.State.Instances[1].Name, o.sim.State.Instances[2].Name = "twin", "twin"
					o.sim.State.Instances[3].Name = prodID // a free database named like another's ID
				})
				r.refuses(r.connect(modern, types("yes")), tt.tool, tt.arguments, tt.want...)
				if got := r.changes(); len(got) != 0 {
					t.Errorf("it sent %v", got)
				}
			})
		})
	}
}

// TestFaultsOfAura looks at one read and one change under each fault: what is told, and that no change is sent twice.
func TestFaultsOfAura(t *testing.T) {
	t.Parallel()
	answer := func(status int, header http.Header, body string) aurasim.Fault {
		return aurasim.Fault{Kind: aurasim.Answer, Status: status, Header: header, Body: body, Times: 20}
	}
	later := time.Date(2000, 1, 1, 0, 2, 0, 0, time.UTC) // two minutes into the bubble's time
	tests := []struct {
		name   string
		fault  aurasim.Fault
		read   string // said about get_instance; "" means it succeeds
		change string // said about pause_instance; "" means it succeeds
		sent   int    // how often the pause may reach Aura
	}{
		{"403", answer(403, nil, `{"errors":[{"message":"Insufficient permissions","reason":"unauthorized"}]}`), "not allowed", "not allowed", 1},
		{"303 after all", answer(303, http.Header{"Location": {"https://elsewhere.invalid/"}}, ""), "pointed elsewhere", "Aura answered 303", 1},
		{"307 to another place", answer(307, http.Header{"Location": {"https://elsewhere.invalid/"}}, ""), "pointed elsewhere", "Nothing was changed.", 1},
		{"409 busy", answer(409, nil, `{"errors":[{"message":"The instance is currently undergoing an operation: resuming","reason":"ongoing-database-operation"}]}`), "busy", "busy with another operation", 1},
		{"429 in seconds", answer(429, http.Header{"Retry-After": {"7200"}}, ""), "7200 seconds", "7200 seconds", 1},
		{"429 with a date", answer(429, http.Header{"Retry-After": {later.Format(http.TimeFormat)}}, ""), "second", "seconds", 1},
		{"500", answer(500, nil, ""), "500", "not known whether Aura carried this out", 1},
		{"502 with a page", answer(502, http.Header{"Content-Type": {"text/html"}}, "<html><script>alert(1)</script><h1>Bad gateway</h1></html>"), "502", "not known whether", 1},
		{"a page instead of JSON", answer(200, http.Header{"Content-Type": {"text/html"}}, "<html>login</html>"), "", "not known whether", 1},
		{"cut before the request is read", aurasim.Fault{Kind: aurasim.CutBefore, Times: 20}, "could not be reached", "not known whether", 1},
		{"cut after the request was taken", aurasim.Fault{Kind: aurasim.CutAfter, Times: 20}, "could not be reached", "not known whether", 1},
		{"cut within the answer", aurasim.Fault{Kind: aurasim.CutInBody, Times: 20}, "could not be reached", "not known whether", 1},
		{"10 MB of answer", aurasim.Fault{Kind: aurasim.HugeBody, Times: 20}, "limit", "not known whether", 1},
		{"no answer at all", aurasim.Fault{Kind: aurasim.Delay, Delay: time.Hour, Times: 20}, "", "not known whether", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := r.connect(modern, types("yes"))
				must[tools.InstanceDetails](r, c, "get_instance", map[string]any{"instance": "prod"}) // the token is there
				reading, changing := tt.fault, tt.fault
				reading.Method, reading.Path = http.MethodGet, "/v1/instances/"+stagingID
				changing.Method, changing.Path = http.MethodPost, "/v1/instances/"+prodID+"/pause"
				r.sim.Fail(changing)
				begun := time.Now()
				r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, tt.change, "What to do:")
				if took := time.Since(begun); took > 60*time.Second {
					t.Errorf("the change took %v", took)
				}
				if sent := len(r.changes()); sent != tt.sent {
					t.Errorf("the pause was sent %d times: %v", sent, r.changes())
				}
				after(3 * time.Hour)
				r.sim.Fail(reading)
				r.refuses(c, "get_instance", map[string]any{"instance": "staging"}, tt.read, "What to do:")
			})
		})
	}
}

func TestTroubleThatIsNotTold(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(r *rig)
	}{
		{"a token that expired in mid-session", func(r *rig) { r.sim.RevokeTokens() }},
		{"one 502", func(r *rig) { r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Path: "/v1/*", Status: 502}) }},
		{"one 429 of two seconds", func(r *rig) {
			r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Path: "/v1/*", Status: 429, Header: http.Header{"Retry-After": {"2"}}})
		}},
		{"one cut connection", func(r *rig) { r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Path: "/v1/*", Kind: aurasim.CutAfter}) }},
		{"a change refused for its token", func(r *rig) {
			r.sim.Fail(aurasim.Fault{Method: http.MethodPost, Path: "/v1/instances/*/pause", Status: 401})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := r.connect(modern, types("yes"))
				must[tools.InstanceList](r, c, "list_instances", nil)
				tt.make(r)
				must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "prod"})
				if r.status(prodID) != "pausing" || r.sim.PendingFaults() != 0 {
					t.Errorf("prod is %s, %d faults left", r.status(prodID), r.sim.PendingFaults())
				}
			})
		})
	}
}

func TestCredentialsThatDoNotWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) {
			o.sim.State.Credentials = []aurasim.Credential{{ClientID: aurasim.DemoClientID, ClientSecret: "another"}}
		})
		c := r.connect(modern, nil)
		for range 3 {
			r.refuses(c, "list_instances", nil, "refused the client ID and secret", "Aura console")
		}
		if text, _ := r.call(c, "list_instances", nil); strings.Contains(text, aurasim.DemoClientSecret) {
			t.Errorf("the secret is in the error: %s", text)
		}
		if strings.Contains(r.log.String(), aurasim.DemoClientSecret) {
			t.Error("the secret is in the log")
		}
	})
}

func TestWhatAuraAddsIsPassedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, nil)
		r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Path: "/v1/instances/" + prodID, Kind: aurasim.Answer, Status: 200,
			Body: `{"data":{"id":"` + prodID + `","name":"prod","status":"teleporting","type":"quantum-db","cloud_provider":"moon","flux":7,"tenant_id":"` + productionID + `"}}`})
		got := must[tools.InstanceDetails](r, c, "get_instance", map[string]any{"instance": "prod"})
		if got.Status != "teleporting" || got.Type != "quantum-db" || got.CloudProvider != "moon" || got.Memory != "unknown" || got.ConnectionURL != "unknown" {
			t.Errorf("%+v", got)
		}
	})
}

func TestTheListOfALargeFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) {
			o.client = []auraclient.Option{auraclient.WithRateLimit(40)}
			for n := range 60 {
				o.sim.State.Instances = append(o.sim.State.Instances, aurasim.InstanceState{
					ID: "bbbbbb" + string("0123456789abcdef"[n/16]) + string("0123456789abcdef"[n%16]), Name: "shop-" + string(rune('a'+n%26)),
					TenantID: developmentID, Type: "professional-db", Memory: "2GB",
				})
			}
		})
		c := r.connect(modern, nil)
		begun := time.Now()
		list := must[tools.InstanceList](r, c, "list_instances", nil)
		if list.Total != 66 || list.Counts.Status["not_read"] == 0 || list.Note == "" {
			t.Errorf("total %d, %v, note %q", list.Total, list.Counts.Status, list.Note)
		}
		if took := time.Since(begun); took > 50*time.Second {
			t.Errorf("it took %v", took)
		}
		must[tools.InstanceDetails](r, c, "get_instance", map[string]any{"instance": "prod"}) // there is budget left for a single call
		after(time.Minute)
		if list = must[tools.InstanceList](r, c, "list_instances", map[string]any{"name": "shop-*", "status": "running"}); list.Total != 60 {
			t.Errorf("the second time: %d, %s", list.Total, list.Note)
		}
	})
}

package aurasim_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

const sessionsPath = "/graph-analytics/sessions"

// attachedTo changes a session that stands alone into one attached to an instance.
func attachedTo(id string, more map[string]any) map[string]any {
	out := map[string]any{"instance_id": id, "cloud_provider": nil, "region": nil, "tenant_id": nil}
	maps.Copy(out, more)
	return out
}

func TestSessionFromCreateToExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		if got := c.must(200, "GET", sessionsPath).body; got != `{"data":[],"errors":[]}` {
			t.Error(got)
		}
		created := c.session(202, map[string]any{"ttl": "30m"})
		id := created.text("id")
		if !regexp.MustCompile(`^s-[0-9a-f]{8}-[0-9a-f]{4}-4$`).MatchString(id) || len(created.text("user_id")) != 36 {
			t.Error(created.body)
		}
		want := map[string]any{
			"id": id, "name": "people", "memory": "8GB", "instance_id": "", "database_uuid": "", "database_id": "", "status": "",
			"created_at": "2000-01-01T00:00:00Z", "host": id + "-gds.production-orch-0042.neo4j.io", "expiry_date": "2000-01-08T00:00:00Z",
			"ttl": "30m0s", "user_id": created.text("user_id"), "tenant_id": tenantA, "project_id": tenantA, "cloud_provider": "gcp", "region": "europe-west1",
		}
		if diff := cmp.Diff(want, created.data()); diff != "" {
			t.Error(diff)
		}
		start := time.Now()
		for _, at := range []seen{
			{0, ""}, {5*time.Second - 1, ""}, {5 * time.Second, "Creating"}, {90*time.Second - 1, "Creating"}, {90 * time.Second, "Ready"},
			{31*time.Minute + 30*time.Second - 1, "Ready"}, {31*time.Minute + 30*time.Second, "Expired"},
		} {
			advance(at.after - time.Since(start))
			got := c.must(200, "GET", sessionsPath+"/"+id)
			want["status"] = at.status
			if diff := cmp.Diff(want, got.data()); diff != "" {
				t.Errorf("after %v: %s", at.after, diff)
			}
			wantErrors := []any{}
			if at.status == "Expired" {
				wantErrors = append(wantErrors, map[string]any{"id": id, "message": "Session expired due to inactivity", "reason": "Inactivity"})
			}
			if diff := cmp.Diff(any(wantErrors), got.json()["errors"]); diff != "" {
				t.Errorf("after %v: %s", at.after, diff)
			}
		}
		list := c.must(200, "GET", sessionsPath)
		if list.list()[0]["status"] != "Expired" || len(list.json()["errors"].([]any)) != 1 {
			t.Error(list.body)
		}
		if again := c.session(200, map[string]any{"ttl": "30m"}); again.text("id") != id || len(again.json()["errors"].([]any)) != 1 {
			t.Errorf("one that has ended keeps its name: %s", again.body)
		}
		if got := c.must(202, "DELETE", sessionsPath+"/"+id).body; got != `{"data":{"id":"`+id+`"}}` {
			t.Error(got)
		}
		for _, method := range []string{"GET", "DELETE"} {
			wantBody := `{"data":null,"errors":[{"id":"","message":"session with id ` + id + ` not found","reason":""}]}`
			if got := c.must(404, method, sessionsPath+"/"+id); got.body != wantBody {
				t.Error(got.body)
			}
		}
		if again := c.session(202, nil); again.text("id") == id || again.text("ttl") != "1h0m0s" {
			t.Error(again.body)
		}
	})
}

func TestNoSessionLivesForMoreThanAWeek(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{Speed: 10})
		c := newClient(t, sim)
		id := c.session(202, map[string]any{"ttl": "7d"}).text("id")
		advance(9 * time.Second)
		if got := sim.Sessions()[0]; got.Status != "Ready" || got.TTL != "7d" {
			t.Errorf("speed divides the start: %+v", got)
		}
		advance(7*24*time.Hour - 10*time.Second)
		if got := sim.Sessions()[0].Status; got != "Ready" {
			t.Errorf("and not the time to live: %s", got)
		}
		advance(time.Second)
		c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
		got := c.must(200, "GET", sessionsPath+"/"+id)
		reason, message, _ := got.refusal()
		if got.text("status") != "Expired" || reason != "" || message != "Session reached its maximum lifetime" {
			t.Error(got.body)
		}
	})
}

func TestAttachedSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		got := c.session(202, attachedTo(vdc, map[string]any{"database_id": "0a1b2c3d", "project_id": tenantA}))
		if !regexp.MustCompile(`^`+vdc+`-[0-9a-f]{8}$`).MatchString(got.text("id")) || got.text("database_uuid") != "0a1b2c3d" ||
			got.text("database_id") != "0a1b2c3d" || got.text("tenant_id") != tenantA || got.text("instance_id") != vdc || got.text("region") != "europe-west1" {
			t.Error(got.body)
		}
		same := attachedTo(vdc, map[string]any{"database_uuid": "0a1b2c3d", "tenant_id": tenantA, "ttl": "60m"})
		if again := c.session(200, same); again.text("id") != got.text("id") {
			t.Error(again.body)
		}
		if err := sim.Console().SetStatus(vdc, "paused"); err != nil {
			t.Error(err)
		}
		c.session(200, same)
		c.session(409, attachedTo(vdc, map[string]any{"name": "another"}))
		c.must(202, "DELETE", "/instances/"+vdc)
		advance(2 * time.Minute)
		c.must(200, "GET", sessionsPath+"/"+got.text("id"))
		advance(time.Minute)
		c.must(404, "GET", sessionsPath+"/"+got.text("id"))
	})
}

func TestSessionRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes map[string]any
		status  int
		reason  string
		field   string
	}{
		{"without a name", map[string]any{"name": nil}, 400, "", "name"},
		{"with an empty name", map[string]any{"name": ""}, 400, "", "name"},
		{"without memory", map[string]any{"memory": nil}, 400, "", "memory"},
		{"with memory that only an instance has", map[string]any{"memory": "1GB"}, 400, "", "memory"},
		{"with memory as an answer may spell it", map[string]any{"memory": "8Gi"}, 400, "", "memory"},
		{"with a number as time to live", map[string]any{"ttl": 3600}, 400, "", "ttl"},
		{"with digits as time to live", map[string]any{"ttl": "3600"}, 400, "", "ttl"},
		{"with no time to live", map[string]any{"ttl": ""}, 400, "", "ttl"},
		{"with nothing to live", map[string]any{"ttl": "0s"}, 400, "", "ttl"},
		{"with a negative time to live", map[string]any{"ttl": "-1h"}, 400, "", "ttl"},
		{"with days after hours", map[string]any{"ttl": "1h1d"}, 400, "", "ttl"},
		{"with more than a week to live", map[string]any{"ttl": "7d1s"}, 400, "", "ttl"},
		{"with a year to live, in hours", map[string]any{"ttl": "8760h"}, 400, "", "ttl"},
		{"with an unknown provider", map[string]any{"cloud_provider": "ibm"}, 400, "", "cloud_provider"},
		{"with a field of its answer", map[string]any{"host": "x"}, 400, "", "host"},

		{"neither attached nor alone", map[string]any{"cloud_provider": nil, "region": nil}, 400, "", "instance_id"},
		{"attached and alone", map[string]any{"instance_id": shop}, 400, "", "instance_id"},
		{"attached and half alone", attachedTo(shop, map[string]any{"region": "europe-west1"}), 400, "", "instance_id"},
		{"alone without a region", map[string]any{"region": nil}, 400, "", "region"},
		{"alone without a provider", map[string]any{"cloud_provider": nil}, 400, "", "cloud_provider"},
		{"alone without a tenant", map[string]any{"tenant_id": nil}, 400, "", "tenant_id"},
		{"alone with a database", map[string]any{"database_uuid": "x"}, 400, "", "database_uuid"},
		{"alone where nothing is on offer", map[string]any{"region": "mars-north1"}, 400, "", "region"},
		{"alone in an unknown tenant", map[string]any{"tenant_id": "33333333-3333-4333-8333-333333333333"}, 403, "unauthorized", ""},
		{"with two tenants", map[string]any{"project_id": tenantB}, 400, "", "project_id"},
		{"with two databases", attachedTo(shop, map[string]any{"database_uuid": "a", "database_id": "b"}), 400, "", "database_id"},
		{"attached to an instance of another tenant", attachedTo(shop, map[string]any{"tenant_id": tenantB}), 400, "", "tenant_id"},
		{"attached to an unknown instance", attachedTo("24d18db5", nil), 404, "db-not-found", ""},
		{"attached to a paused instance", attachedTo(orders, nil), 409, "ongoing-database-operation", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sim := newSim(t, aurasim.Options{State: startingAs(orders, "paused")})
			got := newClient(t, sim).do("POST", sessionsPath, sessionWish(tt.changes))
			got.wantRefusal(tt.status, tt.reason)
			if _, _, field := got.refusal(); field != tt.field || len(sim.Sessions()) != 0 {
				t.Errorf("field %q, want %q; %v", field, tt.field, sim.Sessions())
			}
		})
	}
}

func TestASessionOfTheSameNameIsGotOrDiffers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes map[string]any
		differs string // "" is the same session
	}{
		{"the same", nil, ""},
		{"the same time to live, spelt out", map[string]any{"ttl": "60m"}, ""},
		{"the tenant under its new name", map[string]any{"tenant_id": nil, "project_id": tenantA}, ""},
		{"other memory", map[string]any{"memory": "4GB"}, "Memory (is: 8GB, requested: 4GB)"},
		{"another time to live", map[string]any{"ttl": "1d2h"}, "TTL (is: 1h0m0s, requested: 1d2h0m0s)"},
		{"another place", map[string]any{"cloud_provider": "aws", "region": "us-east-1"}, "CloudProvider (is: gcp, requested: aws), Region (is: europe-west1, requested: us-east-1)"},
		{"attached now", attachedTo(shop, map[string]any{"database_id": "d"}), "InstanceID (is: , requested: " + shop + "), DatabaseID (is: , requested: d)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sim := newSim(t, aurasim.Options{})
			c := newClient(t, sim)
			id := c.session(202, nil).text("id")
			if tt.differs == "" {
				if again := c.session(200, tt.changes); again.text("id") != id {
					t.Error(again.body)
				}
			} else {
				want := "session `people` already exists for project `" + tenantA + "` with different parameters: " + tt.differs
				got := c.session(409, tt.changes)
				if reason, message, _ := got.refusal(); reason != "" || message != want || got.json()["data"] != nil {
					t.Error(got.body)
				}
			}
			if n := len(sim.Sessions()); n != 1 {
				t.Errorf("%d sessions", n)
			}
			if other := c.session(202, map[string]any{"tenant_id": tenantB}); other.text("id") == id {
				t.Error("a name counts within its tenant")
			}
		})
	}
}

func TestSessionFilters(t *testing.T) {
	t.Parallel()
	state := fleet()
	state.Credentials = []aurasim.Credential{
		{ClientID: aurasim.DemoClientID, ClientSecret: aurasim.DemoClientSecret}, {ClientID: "beta", ClientSecret: "s", Tenants: []string{tenantB}},
	}
	c := newClient(t, newSim(t, aurasim.Options{State: state}))
	alone := c.session(202, nil).text("id")
	attached := c.session(202, attachedTo(shop, map[string]any{"name": "b"})).text("id")
	c.login("beta", "s")
	other := c.session(202, map[string]any{"tenant_id": tenantB}).text("id")
	for _, id := range []string{alone, attached} {
		c.do("GET", sessionsPath+"/"+id).wantRefusal(403, "unauthorized")
		c.do("DELETE", sessionsPath+"/"+id).wantRefusal(403, "unauthorized")
	}
	c.do("POST", sessionsPath, sessionWish(nil)).wantRefusal(403, "unauthorized")
	c.do("POST", sessionsPath, sessionWish(attachedTo(shop, nil))).wantRefusal(403, "unauthorized")
	c.do("GET", sessionsPath+"?projectId="+tenantA).wantRefusal(403, "unauthorized")
	if got := c.must(200, "GET", sessionsPath).list(); len(got) != 1 {
		t.Error(got)
	}
	c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
	for query, want := range map[string]string{
		"": alone + " " + attached + " " + other, "?tenantId=" + tenantA: alone + " " + attached, "?projectId=" + tenantB: other,
		"?tenantId=" + tenantA + "&projectId=" + tenantB: "", "?instanceId=" + shop: attached, "?instanceId=24d18db5": "",
		"?listOnlyOwned=true": alone + " " + attached, "?listOnlyOwned=false": alone + " " + attached + " " + other,
		"?organizationId=x&includeDeleted=true&startDate=2026-01-01&endDate=2026-01-02": alone + " " + attached + " " + other,
	} {
		var got []string
		for _, row := range c.must(200, "GET", sessionsPath+query).list() {
			got = append(got, row["id"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	c.do("GET", sessionsPath+"?tenantId=x").wantRefusal(403, "unauthorized")
	c.do("GET", sessionsPath+"?projectId=x").wantRefusal(403, "unauthorized")
}

func TestSessionsOfAState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state := fleet()
		now := time.Now()
		for i, status := range []string{"", "Creating", "Ready", "Expired", "Failed", "Failed", "Ready"} {
			state.Sessions = append(state.Sessions, aurasim.SessionState{
				ID: "s-0000000" + string(rune('0'+i)) + "-51ac-4", Name: string(rune('a' + i)), TenantID: tenantA, Memory: "2GB", Status: status,
				CreatedAt: now.Add(-24 * time.Hour),
			})
		}
		state.Sessions[5].Reason = "OOM"
		state.Sessions[6].CreatedAt = now.Add(-7 * 24 * time.Hour)
		sim := newSim(t, aurasim.Options{State: state})
		look := func() string {
			var out []string
			for _, x := range sim.Sessions() {
				out = append(out, strings.TrimSpace(x.Status+" "+x.Reason))
			}
			return strings.Join(out, ", ")
		}
		if mine := newClient(t, sim).must(200, "GET", sessionsPath+"?listOnlyOwned=true").list(); len(mine) != 7 || mine[0]["region"] != "europe-west1" {
			t.Errorf("the first credentials own them: %v", mine)
		}
		if got := look(); got != "Ready, Creating, Ready, Expired Inactivity, Failed OutOfMemory, Failed OOM, Expired" {
			t.Error(got)
		}
		advance(85 * time.Second)
		if got := look(); !strings.HasPrefix(got, "Ready, Ready, Ready, ") {
			t.Error(got)
		}
		advance(time.Hour - 85*time.Second)
		if got := look(); !strings.HasPrefix(got, "Expired Inactivity, Ready, Expired Inactivity, ") {
			t.Errorf("a Ready one is idle from the start: %s", got)
		}
	})
}

func TestTheConsoleEndsSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c, console := newClient(t, sim), sim.Console()
		failing, expiring, deleted := c.session(202, nil).text("id"), c.session(202, map[string]any{"name": "b"}).text("id"), c.session(202, map[string]any{"name": "c"}).text("id")
		for _, err := range []error{console.FailSession(failing), console.ExpireSession(expiring), console.DeleteSession(deleted)} {
			if err != nil {
				t.Error(err)
			}
		}
		advance(time.Hour / 2)
		got := c.must(200, "GET", sessionsPath+"/"+failing)
		wantErrors := []any{map[string]any{"id": failing, "message": "Session reached its memory limit", "reason": "OutOfMemory"}}
		if diff := cmp.Diff(any(wantErrors), got.json()["errors"]); diff != "" || got.text("status") != "Failed" {
			t.Error(diff, got.body)
		}
		if got := c.must(200, "GET", sessionsPath+"/"+expiring); got.text("status") != "Expired" {
			t.Error(got.body)
		}
		c.must(404, "GET", sessionsPath+"/"+deleted)
		for name, err := range map[string]error{
			"failing what has failed": console.FailSession(failing), "expiring what has failed": console.ExpireSession(failing),
			"failing what is gone": console.FailSession(deleted), "deleting what is gone": console.DeleteSession(deleted),
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if err := console.DeleteSession(failing); err != nil {
			t.Error(err)
		}
	})
}

func TestSessionQuirks(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{Quirks: aurasim.Quirks{SessionMemoryGi: true, SessionErrorsObject: true}}))
	got := c.session(202, nil)
	if got.text("memory") != "8Gi" || c.session(200, nil).text("memory") != "8Gi" {
		t.Error(got.body)
	}
	c.session(409, map[string]any{"memory": "4GB"})
	c.do("POST", sessionsPath, sessionWish(map[string]any{"tenant_id": shop})).wantRefusal(403, "unauthorized")
	c.do("GET", sessionsPath+"/s-1").wantRefusal(404, "")
	for path, body := range map[string]string{
		sessionsPath: sessionWish(map[string]any{"memory": "1GB"}), sessionsPath + "/sizing": `{"node_count":1}`, sessionsPath + " ": sessionWish(map[string]any{"region": "x"}),
	} {
		got := c.must(400, "POST", strings.TrimSpace(path), body)
		object, _ := got.json()["errors"].(map[string]any)
		if message, _ := object["message"].(string); message == "" || len(object) != 1 {
			t.Error(got.body)
		}
	}
}

func TestSessionSizing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		status     int
		memory     string
		size       string // or the field that is wrong
	}{
		{"a small graph", `{"node_count":1000,"relationship_count":1000}`, 200, "1GB", "2GB"},
		{"a bigger one with categories", `{"node_count":50000000,"relationship_count":100000000,"algorithm_categories":["centrality","path-finding"]}`, 200, "18GB", "24GB"},
		{"one with algorithms", `{"node_count":50000000,"relationship_count":100000000,"algorithms":[{"name":"wcc","config":{"concurrency":4}},{"name":"louvain"}]}`, 200, "18GB", "24GB"},
		{"one with properties and labels", `{"node_count":100000000,"relationship_count":100000000,"node_property_count":4,"node_label_count":1,"relationship_property_count":1}`, 200, "23GB", "24GB"},
		{"one beyond every size", `{"node_count":9000000000000,"relationship_count":0}`, 200, "1048577GB", "512GB"},
		{"without nodes", `{"relationship_count":1}`, 400, "", "node_count"},
		{"without relationships", `{"node_count":1}`, 400, "", "relationship_count"},
		{"with a negative count", `{"node_count":1,"relationship_count":1,"node_label_count":-1}`, 400, "", "node_label_count"},
		{"with an unknown category", `{"node_count":1,"relationship_count":1,"algorithm_categories":["magic"]}`, 400, "", "algorithm_categories"},
		{"with an algorithm that has no name", `{"node_count":1,"relationship_count":1,"algorithms":[{}]}`, 400, "", "algorithms[0].name"},
		{"with a list as configuration", `{"node_count":1,"relationship_count":1,"algorithms":[{"name":"wcc","config":[]}]}`, 400, "", "algorithms[0].config"},
		{"with both", `{"node_count":1,"relationship_count":1,"algorithms":[],"algorithm_categories":[]}`, 400, "", "algorithms"},
		{"with an instance type", `{"node_count":1,"relationship_count":1,"instance_type":"enterprise-ds"}`, 400, "", "instance_type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := newClient(t, newSim(t, aurasim.Options{})).must(tt.status, "POST", sessionsPath+"/sizing", tt.body)
			if tt.status == 400 {
				if _, _, field := got.refusal(); field != tt.size {
					t.Error(got.body)
				}
				return
			}
			if diff := cmp.Diff(map[string]any{"estimated_memory": tt.memory, "recommended_size": tt.size}, got.data()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSessionTimesMayBeNullAtFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newSim(t, aurasim.Options{Quirks: aurasim.Quirks{NullSessionTimes: true}}))
		got := c.session(202, nil)
		if ttl, there := got.data()["ttl"]; !there || ttl != nil || got.data()["expiry_date"] != nil {
			t.Error(got.body)
		}
		advance(90 * time.Second)
		if got := c.session(200, nil); got.text("ttl") != "1h0m0s" || got.text("expiry_date") == "" {
			t.Error(got.body)
		}
	})
}

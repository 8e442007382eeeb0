package aurasim_test

import (
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

func TestInstanceListIsASummary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newSim(t, aurasim.Options{}))
		all := c.must(200, "GET", "/instances").list()
		if len(all) != 5 {
			t.Fatalf("%d instances", len(all))
		}
		want := map[string]any{
			"id": orders, "name": "orders", "tenant_id": tenantA, "cloud_provider": "gcp", "created_at": "2000-01-01T00:00:00Z",
		}
		if diff := cmp.Diff(want, all[0]); diff != "" {
			t.Error(diff)
		}
		if got := c.must(200, "GET", "/instances?tenantId="+tenantB+"&tenant_id=ignored&page=2").list(); len(got) != 2 {
			t.Errorf("filtered: %v", got)
		}
		c.do("GET", "/instances?tenantId=nobody").wantRefusal(403, "unauthorized")
	})
}

func TestInstanceDetailsByType(t *testing.T) {
	t.Parallel()
	const metrics = "https://customer-metrics-api.neo4j.io/api/v1/"
	common := func(id, name, tenant, kind, memory string) map[string]any {
		return map[string]any{
			"id": id, "name": name, "status": "running", "tenant_id": tenant, "cloud_provider": "gcp", "region": "europe-west1",
			"connection_url": "neo4j+s://" + id + ".databases.neo4j.io", "type": kind, "memory": memory, "created_at": "2000-01-01T00:00:00Z",
		}
	}
	tests := []struct {
		name string
		want map[string]any
		more map[string]any
	}{
		{"business-critical has CDC and metrics", common(orders, "orders", tenantA, "business-critical", "8GB"), map[string]any{
			"storage": "16GB", "cdc_enrichment_mode": "OFF", "vector_optimized": false, "metrics_integration_url": metrics + tenantA + "/" + orders + "/metrics",
		}},
		{"professional-db has the plugin and no metrics", common(shop, "shop", tenantA, "professional-db", "4GB"), map[string]any{
			"storage": "8GB", "vector_optimized": false, "graph_analytics_plugin": true,
		}},
		{"enterprise-db has secondaries", common(vdc, "vdc", tenantA, "enterprise-db", "8GB"), map[string]any{
			"storage": "16GB", "cdc_enrichment_mode": "OFF", "vector_optimized": false, "secondaries_count": 1.0,
			"metrics_integration_url": metrics + tenantA + "/" + vdc + "/metrics",
		}},
		{"enterprise-ds has metrics", common(science, "science", tenantB, "enterprise-ds", "16GB"), map[string]any{
			"storage": "32GB", "metrics_integration_url": metrics + tenantB + "/" + science + "/metrics",
		}},
		{"free-db has graph counts as strings and no storage", common(free, "free", tenantB, "free-db", "1GB"), map[string]any{
			"graph_nodes": "1200", "graph_relationships": "5400",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, newSim(t, aurasim.Options{}))
				maps.Copy(tt.want, tt.more)
				if diff := cmp.Diff(tt.want, c.must(200, "GET", "/instances/"+tt.want["id"].(string)).data()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestUnknownInstance(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{}))
	for _, r := range [][2]string{
		{"GET", ""}, {"PATCH", ""}, {"DELETE", ""}, {"POST", "/pause"}, {"POST", "/resume"}, {"POST", "/overwrite"},
		{"POST", "/upgrade"}, {"GET", "/snapshots"}, {"POST", "/snapshots"}, {"GET", "/snapshots/x"}, {"POST", "/snapshots/x/restore"},
	} {
		t.Run(r[0]+r[1]+" is not found", func(t *testing.T) {
			got := c.do(r[0], "/instances/24d18db5"+r[1], "{}")
			got.wantRefusal(404, "db-not-found")
			if _, message, _ := got.refusal(); message != "DB not found: 24d18db5" {
				t.Error(message)
			}
		})
	}
}

func TestPatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, id, body string
		status         int
		reason         string
		after          map[string]any // when the update has ended
	}{
		{"a rename is done at once", orders, `{"name":"orders 2"}`, 200, "", map[string]any{"name": "orders 2"}},
		{"memory takes storage along", orders, `{"memory":"16GB"}`, 202, "", map[string]any{"memory": "16GB", "storage": "32GB"}},
		{"shrinking is accepted", orders, `{"memory":"2GB"}`, 202, "", map[string]any{"memory": "2GB", "storage": "4GB"}},
		{"storage alone", vdc, `{"storage":"32GB"}`, 202, "", map[string]any{"memory": "8GB", "storage": "32GB"}},
		{"rename and resize", orders, `{"name":"big","memory":"16GB"}`, 202, "", map[string]any{"name": "big", "memory": "16GB"}},
		{"vector", orders, `{"vector_optimized":true}`, 202, "", map[string]any{"vector_optimized": true}},
		{"plugin", shop, `{"graph_analytics_plugin":false}`, 202, "", map[string]any{"graph_analytics_plugin": false}},
		{"secondaries", vdc, `{"secondaries_count":2}`, 202, "", map[string]any{"secondaries_count": 2.0}},
		{"CDC", orders, `{"cdc_enrichment_mode":"DIFF"}`, 202, "", map[string]any{"cdc_enrichment_mode": "DIFF"}},

		{"a size that is not on offer", orders, `{"memory":"24GB"}`, 400, "invalid-memory-size", nil},
		{"storage that does not go with the memory", orders, `{"memory":"8GB","storage":"8GB"}`, 400, "invalid-memory-size", nil},
		{"resizing a free instance", free, `{"memory":"2GB"}`, 400, "", nil},
		{"secondaries on another type", orders, `{"secondaries_count":1}`, 400, "tenant-incapable-of-action", nil},
		{"a negative number of secondaries", vdc, `{"secondaries_count":-1}`, 400, "", nil},
		{"CDC on another type", shop, `{"cdc_enrichment_mode":"FULL"}`, 400, "tenant-incapable-of-action", nil},
		{"an unknown CDC mode", orders, `{"cdc_enrichment_mode":"ON"}`, 400, "", nil},
		{"vector on another type", science, `{"vector_optimized":true}`, 400, "", nil},
		{"vector with too little memory", orders, `{"vector_optimized":true,"memory":"2GB"}`, 400, "", nil},
		{"the plugin on another type", orders, `{"graph_analytics_plugin":true}`, 400, "", nil},
		{"a name that is too long", orders, `{"name":"` + strings.Repeat("ä", 31) + `"}`, 400, "", nil},
		{"an empty name", orders, `{"name":""}`, 400, "", nil},
		{"a name with a blank at its end", orders, `{"name":"a "}`, 400, "", nil},
		{"the type", orders, `{"type":"enterprise-db"}`, 400, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sim := newSim(t, aurasim.Options{})
				c := newClient(t, sim)
				before, _ := sim.Instance(tt.id)
				got := c.must(tt.status, "PATCH", "/instances/"+tt.id, tt.body)
				if tt.status == 400 {
					got.wantRefusal(400, tt.reason)
				}
				advance(8 * time.Minute)
				if tt.after == nil {
					after, _ := sim.Instance(tt.id)
					if diff := cmp.Diff(before, after); diff != "" {
						t.Errorf("refused and changed all the same:\n%s", diff)
					}
					return
				}
				seen := c.must(200, "GET", "/instances/"+tt.id).data()
				for field, want := range tt.after {
					if seen[field] != want {
						t.Errorf("%s is %v, want %v", field, seen[field], want)
					}
				}
			})
		})
	}
}

func TestNameOfThirtyRunesIsAllowed(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{}))
	name := strings.Repeat("ö", 30)
	if got := c.must(200, "PATCH", "/instances/"+orders, `{"name":"`+name+`"}`).text("name"); got != name {
		t.Errorf("%q", got)
	}
}

func TestResizeShowsTheNewNameAtOnceAndTheNewSizeAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{NoScheduledSnapshots: true})
		c := newClient(t, sim)
		got := c.must(202, "PATCH", "/instances/"+orders, `{"name":"big","memory":"16GB"}`)
		if got.text("name") != "big" || got.text("status") != "updating" || got.text("memory") != "8GB" {
			t.Errorf("202: %s", got.body)
		}
		if left := sim.Snapshots(orders); len(left) != 1 {
			t.Errorf("a resize leaves a snapshot behind; there are %d", len(left))
		}
		advance(time.Minute)
		if err := sim.Console().Rename(orders, "renamed meanwhile"); err != nil {
			t.Fatal(err)
		}
		advance(4 * time.Minute)
		if in, _ := sim.Instance(orders); in.Name != "renamed meanwhile" || in.Memory != "16GB" || in.Status != "running" {
			t.Errorf("%+v", in)
		}
	})
}

func TestQuirks(t *testing.T) {
	t.Parallel()
	run := func(name string, q aurasim.Quirks, f func(t *testing.T, sim *aurasim.Server, c *client)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sim := newSim(t, aurasim.Options{Quirks: q})
				f(t, sim, newClient(t, sim))
			})
		})
	}
	run("a creating instance may have no URL and no memory", aurasim.Quirks{NullConnectionURLWhileCreating: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		id := c.must(202, "POST", "/instances", creation(nil)).text("id")
		got := c.must(200, "GET", "/instances/"+id)
		if url, there := got.data()["connection_url"]; !there || url != nil || got.data()["memory"] != "" {
			t.Error(got.body)
		}
		advance(4 * time.Minute)
		if got := c.must(200, "GET", "/instances/"+id); got.text("connection_url") == "" || got.text("memory") != "8GB" {
			t.Error(got.body)
		}
	})
	run("a destroying instance may have no memory", aurasim.Quirks{MissingMemoryWhileDestroying: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		got := c.must(202, "DELETE", "/instances/"+orders)
		if _, there := got.data()["memory"]; there {
			t.Error(got.body)
		}
	})
	run("a new instance may be unknown at first", aurasim.Quirks{EarlyNotFound: true}, func(t *testing.T, sim *aurasim.Server, c *client) {
		id := c.must(202, "POST", "/instances", creation(nil)).text("id")
		c.do("GET", "/instances/"+id).wantRefusal(404, "db-not-found")
		if n := len(c.must(200, "GET", "/instances").list()); n != 5 {
			t.Errorf("%d listed", n)
		}
		if _, ok := sim.Instance(id); !ok {
			t.Error("the test itself should see it")
		}
		advance(10 * time.Second)
		c.must(200, "GET", "/instances/"+id)
	})
	run("a 202 to a PATCH may be empty", aurasim.Quirks{EmptyPatchBody: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		if got := c.must(202, "PATCH", "/instances/"+orders, `{"memory":"16GB"}`); got.body != "" {
			t.Error(got.body)
		}
		c.must(200, "PATCH", "/instances/"+shop, `{"name":"x"}`).data()
	})
	run("a destroyed instance may be 410", aurasim.Quirks{Gone410: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		c.must(202, "DELETE", "/instances/"+orders)
		c.do("DELETE", "/instances/"+orders).wantRefusal(410, "db-already-deleted")
		advance(2 * time.Minute)
		c.do("GET", "/instances/"+orders).wantRefusal(410, "db-already-deleted")
		c.do("GET", "/instances/ffffffff").wantRefusal(404, "db-not-found")
	})
	run("a create over quota may be 405", aurasim.Quirks{Cap405: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		c.do("POST", "/instances", creation(map[string]any{"type": "free-db", "memory": "1GB"})).wantRefusal(405, "")
	})
	run("a 202 may show the old status", aurasim.Quirks{LateStatus: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		if got := c.must(202, "POST", "/instances/"+orders+"/pause").text("status"); got != "running" {
			t.Error(got)
		}
		if got := c.status(orders); got != "pausing" {
			t.Error(got)
		}
	})
	run("a resize may say resizing", aurasim.Quirks{Resizing: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		c.must(202, "PATCH", "/instances/"+orders, `{"memory":"16GB"}`)
		if got := c.status(orders); got != "resizing" {
			t.Error(got)
		}
		c.must(202, "PATCH", "/instances/"+shop, `{"graph_analytics_plugin":false}`)
		if got := c.status(shop); got != "updating" {
			t.Error(got)
		}
	})
	run("an old business-critical instance may have no type", aurasim.Quirks{MissingType: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		if _, there := c.must(200, "GET", "/instances/"+orders).data()["type"]; there {
			t.Error("a type")
		}
		if got := c.must(200, "GET", "/instances/"+shop).text("type"); got != "professional-db" {
			t.Error(got)
		}
	})
	run("a create's answer may have no time", aurasim.Quirks{MissingCreatedAt: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		got := c.must(202, "POST", "/instances", creation(nil))
		if _, there := got.data()["created_at"]; there {
			t.Error(got.body)
		}
		if got := c.must(200, "GET", "/instances/"+got.text("id")).text("created_at"); got == "" {
			t.Error("but the details have")
		}
	})
	run("graph counts may be numbers", aurasim.Quirks{NumericGraphCounts: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		if got := c.must(200, "GET", "/instances/"+free).data(); got["graph_nodes"] != 1200.0 || got["graph_relationships"] != 5400.0 {
			t.Error(got)
		}
	})
	run("the version may be announced to go", aurasim.Quirks{APIExpires: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		for _, path := range []string{"/tenants", "/nothing", "/instances/24d18db5"} {
			if got := c.do("GET", path).header.Get("X-Tyk-Api-Expires"); got != "Fri, 31 Mar 2000 00:00:00 UTC" {
				t.Errorf("%s: %q", path, got)
			}
		}
	})
	run("snapshots may be called after their time", aurasim.Quirks{TimestampSnapshotIDs: true}, func(t *testing.T, _ *aurasim.Server, c *client) {
		id := c.must(202, "POST", "/instances/"+orders+"/snapshots").text("snapshot_id")
		if id != "2000-01-01T00:00:00Z-adhoc" {
			t.Error(id)
		}
		c.must(200, "GET", "/instances/"+orders+"/snapshots/"+escaped(id))
		c.must(202, "POST", "/instances/"+orders+"/pause") // in the same second
		if n := len(c.must(200, "GET", "/instances/"+orders+"/snapshots").list()); n != 2 {
			t.Errorf("%d snapshots", n)
		}
	})
}

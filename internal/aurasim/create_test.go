package aurasim_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		got := c.must(202, "POST", "/instances", creation(map[string]any{"vector_optimized": true}))
		created := got.data()
		id := got.text("id")
		for field, want := range map[string]any{
			"connection_url": "neo4j+s://" + id + ".databases.neo4j.io", "username": "neo4j", "tenant_id": tenantA,
			"cloud_provider": "gcp", "region": "europe-west1", "type": "professional-db", "name": "new",
			"created_at": "2000-01-01T00:00:00Z", "vector_optimized": true, "graph_analytics_plugin": false,
		} {
			if created[field] != want {
				t.Errorf("%s is %v, want %v", field, created[field], want)
			}
		}
		for _, absent := range []string{"status", "memory", "storage"} {
			if _, there := created[absent]; there {
				t.Errorf("%s is not in a create's answer", absent)
			}
		}
		password := got.text("password")
		if len(password) < 20 {
			t.Errorf("password %q", password)
		}
		details := c.must(200, "GET", "/instances/"+id)
		if strings.Contains(details.body, password) || details.text("status") != "creating" || details.text("storage") != "16GB" {
			t.Error(details.body)
		}
		advance(4*time.Minute - time.Second)
		if s := c.status(id); s != "creating" {
			t.Error(s)
		}
		advance(time.Second)
		if s := c.status(id); s != "running" {
			t.Error(s)
		}
		again := c.must(202, "POST", "/instances", creation(nil))
		if again.text("id") == id || again.text("password") == password {
			t.Error("a repeated create is another instance with another password")
		}
	})
}

func TestCreateRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes map[string]any
		status  int
		reason  string
		field   string
	}{
		{"without a name", map[string]any{"name": nil}, 400, "", "name"},
		{"without a version", map[string]any{"version": nil}, 400, "", "version"},
		{"without a region", map[string]any{"region": nil}, 400, "", "region"},
		{"without memory", map[string]any{"memory": nil}, 400, "", "memory"},
		{"without a type", map[string]any{"type": nil}, 400, "", "type"},
		{"without a tenant", map[string]any{"tenant_id": nil}, 400, "", "tenant_id"},
		{"without a provider", map[string]any{"cloud_provider": nil}, 400, "", "cloud_provider"},
		{"with an unknown type", map[string]any{"type": "virtual-dedicated-cloud"}, 400, "", "type"},
		{"with an unknown provider", map[string]any{"cloud_provider": "ibm"}, 400, "", "cloud_provider"},
		{"with an unknown version", map[string]any{"version": "2025.01"}, 400, "", "version"},
		{"with a number as version", map[string]any{"version": 5}, 400, "", "version"},
		{"with secondaries, which only a PATCH knows", map[string]any{"secondaries_count": 1}, 400, "", "secondaries_count"},
		{"with a name of 31 characters", map[string]any{"name": strings.Repeat("x", 31)}, 400, "", "name"},
		{"with a leading blank in the name", map[string]any{"name": " x"}, 400, "", "name"},

		{"with memory that is not on offer", map[string]any{"memory": "3GB"}, 400, "invalid-memory-size", ""},
		{"with storage that is not on offer", map[string]any{"storage": "1024GB"}, 400, "invalid-memory-size", ""},
		{"in a region that is not on offer", map[string]any{"region": "mars-north1"}, 400, "invalid-memory-size", ""},
		{"in another provider's region", map[string]any{"cloud_provider": "aws"}, 400, "invalid-memory-size", ""},
		{"with a version that is no longer on offer", map[string]any{"version": "4"}, 400, "invalid-memory-size", ""},

		{"in an unknown tenant", map[string]any{"tenant_id": "33333333-3333-4333-8333-333333333333"}, 403, "unauthorized", ""},
		{"vector optimized with too little memory", map[string]any{"vector_optimized": true, "memory": "2GB"}, 400, "", "vector_optimized"},
		{"vector optimized on AuraDS", map[string]any{"vector_optimized": true, "type": "enterprise-ds"}, 400, "", "vector_optimized"},
		{"with the plugin on business-critical", map[string]any{"graph_analytics_plugin": true, "type": "business-critical"}, 400, "", "graph_analytics_plugin"},
		{"with a customer's key on professional-db", map[string]any{"customer_managed_key_id": tenantB}, 400, "", "customer_managed_key_id"},
		{"with an unknown key", map[string]any{"customer_managed_key_id": tenantB, "type": "enterprise-db"}, 404, "encryption-key-not-found", ""},
		{"a second free instance", map[string]any{"type": "free-db", "memory": "1GB"}, 402, "quota-exceeded", ""},

		{"from a snapshot without its instance", map[string]any{"source_snapshot_id": "s"}, 400, "", "source_instance_id"},
		{"from an unknown instance", map[string]any{"source_instance_id": "24d18db5"}, 404, "db-not-found", ""},
		{"from an unknown snapshot", map[string]any{"source_instance_id": shop, "source_snapshot_id": "s"}, 404, "snapshot-not-found", ""},
		{"smaller than its source", map[string]any{"source_instance_id": orders, "memory": "4GB"}, 400, "invalid-memory-size", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sim := newSim(t, aurasim.Options{})
			got := newClient(t, sim).do("POST", "/instances", creation(tt.changes))
			got.wantRefusal(tt.status, tt.reason)
			if _, _, field := got.refusal(); field != tt.field {
				t.Errorf("field %q, want %q", field, tt.field)
			}
			if n := len(sim.Instances()); n != 5 {
				t.Errorf("%d instances now", n)
			}
		})
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{}))
	got := c.must(400, "POST", "/instances", `{"type":"x","memory":8,"extra":1}`)
	var fields []string
	for _, e := range got.json()["errors"].([]any) {
		fields = append(fields, e.(map[string]any)["field"].(string))
	}
	slices.Sort(fields)
	if want := "cloud_provider extra memory name region tenant_id type version"; strings.Join(fields, " ") != want {
		t.Errorf("%v, want %s", fields, want)
	}
}

func TestTenantLimits(t *testing.T) {
	t.Parallel()
	state := fleet()
	state.Instances = state.Instances[:4]
	state.Tenants[0].MaxInstances = 3
	state.Tenants[1].NoBillingDetails = true
	c := newClient(t, newSim(t, aurasim.Options{State: state}))

	c.do("POST", "/instances", creation(nil)).wantRefusal(402, "quota-exceeded")
	c.do("POST", "/instances", creation(map[string]any{"tenant_id": tenantB})).wantRefusal(400, "missing-billing-details")

	freeOne := creation(map[string]any{"tenant_id": tenantB, "type": "free-db", "memory": "1GB"})
	id := c.must(202, "POST", "/instances", freeOne).text("id")
	if _, there := c.must(200, "GET", "/instances/"+id).data()["storage"]; there {
		t.Error("a free instance has no storage")
	}
	c.do("POST", "/instances", freeOne).wantRefusal(402, "quota-exceeded")
}

func TestClone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{NoScheduledSnapshots: true})
		c := newClient(t, sim)
		id := c.must(202, "POST", "/instances", creation(map[string]any{"source_instance_id": shop})).text("id")
		if n := len(sim.Snapshots(shop)); n != 1 {
			t.Errorf("cloning takes a snapshot of the source; it has %d", n)
		}
		for _, want := range []string{"creating", "loading", "running"} {
			if got := c.status(id); got != want {
				t.Errorf("status %q, want %q", got, want)
			}
			advance(4 * time.Minute)
		}
		if in, _ := sim.Instance(id); in.GraphNodes != 40 {
			t.Errorf("%d nodes", in.GraphNodes)
		}
		c.must(202, "POST", "/instances/"+shop+"/pause")
		c.do("POST", "/instances", creation(map[string]any{"source_instance_id": shop})).wantRefusal(409, "ongoing-database-operation")
		snap := sim.Snapshots(shop)[1].ID
		c.must(202, "POST", "/instances", creation(map[string]any{"source_instance_id": shop, "source_snapshot_id": snap}))
	})
}

func TestVectorNeedsFourGigabytesAndNotMore(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{}))
	c.must(202, "POST", "/instances", creation(map[string]any{"vector_optimized": true, "memory": "4GB"}))
}

func TestASeedDecidesIDsAndPasswords(t *testing.T) {
	t.Parallel()
	create := func(seed uint64) (id, password, requestID string) {
		c := newClient(t, newSim(t, aurasim.Options{Seed: seed}))
		got := c.must(202, "POST", "/instances", creation(nil))
		return got.text("id"), got.text("password"), got.header.Get("X-Request-Id")
	}
	id1, password1, request1 := create(7)
	id2, password2, request2 := create(7)
	id3, _, _ := create(8)
	if id1 != id2 || password1 != password2 || id1 == id3 || request1 == request2 {
		t.Error(id1, id2, id3, password1, password2, request1, request2)
	}
}

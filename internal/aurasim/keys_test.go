package aurasim_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

const (
	readyKey   = "aaaaaaaa-0000-4000-8000-000000000001" // enterprise-db, tenant A, in use by vdc
	pendingKey = "aaaaaaaa-0000-4000-8000-000000000002" // enterprise-db, tenant A
	scienceKey = "aaaaaaaa-0000-4000-8000-000000000003" // enterprise-ds, tenant B
)

// withKeys is the fleet with a key of each kind.
func withKeys() aurasim.State {
	state := fleet()
	key := func(id, name, tenant, kind, status string) aurasim.KeyState {
		return aurasim.KeyState{
			ID: id, Name: name, TenantID: tenant, KeyID: "k", CloudProvider: "gcp", Region: "europe-west1", InstanceType: kind, Status: status,
		}
	}
	state.Keys = []aurasim.KeyState{
		key(readyKey, "in use", tenantA, "enterprise-db", ""), key(pendingKey, "waiting", tenantA, "enterprise-db", "pending"),
		key(scienceKey, "science", tenantB, "enterprise-ds", "ready"),
	}
	state.Instances[2].CustomerManagedKeyID = readyKey
	return state
}

func TestKeyFromCreateToDelete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		if got := c.must(200, "GET", "/customer-managed-keys").body; got != `{"data":[]}` {
			t.Error(got)
		}
		created := c.must(202, "POST", "/customer-managed-keys", keyWish(nil))
		id := created.text("id")
		want := map[string]any{
			"id": id, "name": "new key", "created": "2000-01-01T00:00:00Z", "cloud_provider": "gcp",
			"key_id": "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k", "region": "europe-west1",
			"type": "enterprise-db", "instance_type": "enterprise-db", "tenant_id": tenantA, "status": "pending",
		}
		if diff := cmp.Diff(want, created.data()); diff != "" || len(id) != 36 {
			t.Errorf("%s: %s", id, diff)
		}
		if diff := cmp.Diff([]map[string]any{{"id": id, "name": "new key", "tenant_id": tenantA}}, c.must(200, "GET", "/customer-managed-keys").list()); diff != "" {
			t.Error(diff)
		}
		encrypted := creation(map[string]any{"type": "enterprise-db", "customer_managed_key_id": id})
		advance(3*time.Minute - time.Second)
		c.do("POST", "/instances", encrypted).wantRefusal(400, "")
		advance(time.Second)
		want["status"] = "ready"
		if diff := cmp.Diff(want, c.must(200, "GET", "/customer-managed-keys/"+id).data()); diff != "" {
			t.Error(diff)
		}
		instance := c.must(202, "POST", "/instances", encrypted).text("id")
		if got := c.must(200, "GET", "/instances/"+instance).text("customer_managed_key_id"); got != id {
			t.Error(got)
		}
		c.do("DELETE", "/customer-managed-keys/"+id).wantRefusal(400, "encryption-key-is-active")
		advance(6 * time.Minute)
		c.must(202, "DELETE", "/instances/"+instance)
		c.do("DELETE", "/customer-managed-keys/"+id).wantRefusal(400, "encryption-key-is-active")
		advance(3 * time.Minute)
		if got := c.must(204, "DELETE", "/customer-managed-keys/"+id); got.body != "" || len(got.header) != 2 || got.header.Get("X-Request-Id") == "" || got.header.Get("Date") == "" {
			t.Error(got)
		}
		for _, method := range []string{"GET", "DELETE"} {
			got := c.do(method, "/customer-managed-keys/"+id)
			got.wantRefusal(404, "encryption-key-not-found")
			if _, message, _ := got.refusal(); message != "Encryption Key not found: "+id {
				t.Error(message)
			}
		}
		if keys := sim.Keys(); len(keys) != 0 {
			t.Error(keys)
		}
	})
}

func TestADeletedKeyLeavesNoTraceOnASocket(t *testing.T) {
	t.Parallel()
	c := overSocket(t, newSim(t, aurasim.Options{State: withKeys()}))
	if got := c.must(204, "DELETE", "/customer-managed-keys/"+pendingKey); got.header.Get("Content-Length") != "" {
		t.Error("204 has no length")
	}
	c.do("GET", "/customer-managed-keys/"+pendingKey).wantRefusal(404, "encryption-key-not-found")
}

func TestKeyRefused(t *testing.T) {
	t.Parallel()
	long := "1234567890123456789012345678901"
	tests := []struct {
		name    string
		changes map[string]any
		status  int
		reason  string
		field   string
	}{
		{"without a key ID", map[string]any{"key_id": nil}, 400, "", "key_id"},
		{"with an empty key ID", map[string]any{"key_id": " "}, 400, "", "key_id"},
		{"without a name", map[string]any{"name": nil}, 400, "", "name"},
		{"with an empty name", map[string]any{"name": ""}, 400, "", "name"},
		{"with a name of 31 characters", map[string]any{"name": long}, 400, "", "name"},
		{"without a provider", map[string]any{"cloud_provider": nil}, 400, "", "cloud_provider"},
		{"with an unknown provider", map[string]any{"cloud_provider": "ibm"}, 400, "", "cloud_provider"},
		{"without an instance type", map[string]any{"instance_type": nil}, 400, "", "instance_type"},
		{"for a type that has no keys", map[string]any{"instance_type": "business-critical"}, 400, "", "instance_type"},
		{"without a region", map[string]any{"region": nil}, 400, "", "region"},
		{"in a region that is not on offer", map[string]any{"region": "mars-north1"}, 400, "", "region"},
		{"in another provider's region", map[string]any{"cloud_provider": "azure"}, 400, "", "region"},
		{"without a tenant", map[string]any{"tenant_id": nil}, 400, "", "tenant_id"},
		{"in an unknown tenant", map[string]any{"tenant_id": "33333333-3333-4333-8333-333333333333"}, 403, "unauthorized", ""},
		{"with a field of its answer", map[string]any{"type": "enterprise-db"}, 400, "", "type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sim := newSim(t, aurasim.Options{})
			got := newClient(t, sim).do("POST", "/customer-managed-keys", keyWish(tt.changes))
			got.wantRefusal(tt.status, tt.reason)
			if _, _, field := got.refusal(); field != tt.field || len(sim.Keys()) != 0 {
				t.Errorf("field %q, want %q; %v", field, tt.field, sim.Keys())
			}
		})
	}
	t.Run("a name of 30 characters, blanks at its ends included, is allowed", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, newSim(t, aurasim.Options{}))
		c.must(202, "POST", "/customer-managed-keys", keyWish(map[string]any{"name": " " + long[:28] + " "}))
	})
	t.Run("the type must be on offer in the region", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, newSim(t, aurasim.Options{State: aurasim.DemoState(time.Now())}))
		production := c.must(200, "GET", "/tenants").list()[0]["id"]
		c.do("POST", "/customer-managed-keys", keyWish(map[string]any{"tenant_id": production, "instance_type": "enterprise-ds"})).wantRefusal(400, "")
		c.must(202, "POST", "/customer-managed-keys", keyWish(map[string]any{"tenant_id": production}))
	})
}

func TestKeyOfAnInstance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes map[string]any
		status  int
		reason  string
	}{
		{"a ready one may be used again", map[string]any{"customer_managed_key_id": readyKey}, 202, ""},
		{"a pending one may not", map[string]any{"customer_managed_key_id": pendingKey}, 400, ""},
		{"an unknown one is not found", map[string]any{"customer_managed_key_id": tenantA}, 404, "encryption-key-not-found"},
		{"that of another tenant is not found", map[string]any{"customer_managed_key_id": scienceKey, "type": "enterprise-ds"}, 404, "encryption-key-not-found"},
		{"one for another region does not fit", map[string]any{"customer_managed_key_id": readyKey, "region": "us-central1"}, 400, ""},
		{"one for another provider does not fit", map[string]any{"customer_managed_key_id": readyKey, "cloud_provider": "aws", "region": "us-east-1"}, 400, ""},
		{"one for another type does not fit", map[string]any{"customer_managed_key_id": readyKey, "type": "enterprise-ds"}, 400, ""},
		{"a type without keys takes none", map[string]any{"customer_managed_key_id": readyKey, "type": "business-critical"}, 400, ""},
		{"an empty one is none", map[string]any{"customer_managed_key_id": ""}, 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := map[string]any{"type": "enterprise-db"}
			maps.Copy(body, tt.changes)
			got := newClient(t, newSim(t, aurasim.Options{State: withKeys()})).do("POST", "/instances", creation(body))
			if tt.status == 202 {
				if got.status != 202 {
					t.Error(got.status, got.body)
				}
				return
			}
			got.wantRefusal(tt.status, tt.reason)
			if _, _, field := got.refusal(); tt.status == 400 && field != "customer_managed_key_id" {
				t.Errorf("field %q", field)
			}
		})
	}
}

func TestKeysOfATenant(t *testing.T) {
	t.Parallel()
	state := withKeys()
	state.Credentials = []aurasim.Credential{
		{ClientID: aurasim.DemoClientID, ClientSecret: aurasim.DemoClientSecret}, {ClientID: "beta", ClientSecret: "s", Tenants: []string{tenantB}},
	}
	c := newClient(t, newSim(t, aurasim.Options{State: state}))
	for query, want := range map[string]int{"": 3, "?tenantId=" + tenantA: 2, "?tenantId=" + tenantB: 1, "?tenant_id=" + tenantB: 3} {
		if got := c.must(200, "GET", "/customer-managed-keys"+query).list(); len(got) != want {
			t.Errorf("%q: %v", query, got)
		}
	}
	c.do("GET", "/customer-managed-keys?tenantId=x").wantRefusal(403, "unauthorized")
	c.login("beta", "s")
	if got := c.must(200, "GET", "/customer-managed-keys").list(); len(got) != 1 || got[0]["id"] != scienceKey {
		t.Error(got)
	}
	c.do("GET", "/customer-managed-keys/"+readyKey).wantRefusal(403, "unauthorized")
	c.do("DELETE", "/customer-managed-keys/"+readyKey).wantRefusal(403, "unauthorized")
	c.do("POST", "/customer-managed-keys", keyWish(nil)).wantRefusal(403, "unauthorized")
}

func TestAPersonMakesAKeyReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{State: withKeys(), Quirks: aurasim.Quirks{KeyStaysPending: true}})
		c := newClient(t, sim)
		id := c.must(202, "POST", "/customer-managed-keys", keyWish(nil)).text("id")
		advance(48 * time.Hour)
		c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
		for _, pending := range []string{id, pendingKey} {
			if got := c.must(200, "GET", "/customer-managed-keys/"+pending).text("status"); got != "pending" {
				t.Error(got)
			}
			if err := sim.Console().SetKeyStatus(pending, "ready"); err != nil {
				t.Error(err)
			}
			c.must(202, "POST", "/instances", creation(map[string]any{"type": "enterprise-db", "customer_managed_key_id": pending}))
		}
		console := sim.Console()
		for name, err := range map[string]error{
			"a status that does not exist": console.SetKeyStatus(id, "Ready"), "a key that does not": console.SetKeyStatus("x", "ready"),
			"deleting a key in use": console.DeleteKey(id), "deleting nothing": console.DeleteKey("x"),
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if err := console.DeleteKey(scienceKey); err != nil {
			t.Error(err)
		}
		c.do("GET", "/customer-managed-keys/"+scienceKey).wantRefusal(404, "encryption-key-not-found")
	})
}

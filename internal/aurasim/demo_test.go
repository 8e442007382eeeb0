package aurasim_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

func TestDemoFleetLooksLikeACompanys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		advance(26 * 365 * 24 * time.Hour)
		sim := newSim(t, aurasim.Options{State: aurasim.DemoState(time.Now()), Speed: 20})
		c := newClient(t, sim)
		for _, tenant := range c.must(200, "GET", "/tenants").list() {
			rows := c.must(200, "GET", "/tenants/"+tenant["id"].(string)).data()["instance_configurations"].([]any)
			if len(rows) < 60 || len(rows) > 120 {
				t.Errorf("%s has %d configurations", tenant["name"], len(rows))
			}
		}
		var instances []map[string]any
		types, statuses, providers := map[any]int{}, map[any]int{}, map[any]int{}
		for _, row := range c.must(200, "GET", "/instances").list() {
			in := c.must(200, "GET", "/instances/"+row["id"].(string)).data()
			instances = append(instances, in)
			types[in["type"]]++
			statuses[in["status"]]++
			providers[in["cloud_provider"]]++
		}
		if len(instances) < 9 || len(types) < 5 || len(providers) != 3 || statuses["paused"] == 0 || statuses["loading failed"] == 0 {
			t.Errorf("%d instances: %v %v %v", len(instances), types, statuses, providers)
		}
		for _, in := range instances {
			if in["type"] == "free-db" {
				continue
			}
			// What people pay for has an offer behind it: it could be resized and cloned.
			body := creation(map[string]any{
				"tenant_id": in["tenant_id"], "type": in["type"], "cloud_provider": in["cloud_provider"],
				"region": in["region"], "memory": in["memory"], "storage": in["storage"],
			})
			c.must(202, "POST", "/instances", body)
		}
	})
}

func TestDemoFleetHasSnapshotsOfEveryKind(t *testing.T) {
	t.Parallel()
	now := time.Now()
	sim := newSim(t, aurasim.Options{State: aurasim.DemoState(now)})
	kinds := map[string]int{}
	for _, in := range sim.Instances() {
		for _, snap := range sim.Snapshots(in.ID) {
			kinds[fmt.Sprintf("%s %s %d %v", snap.Profile, snap.Status, len(snap.ID), snap.Exportable)]++
			if snap.Timestamp.Before(in.CreatedAt) || snap.Timestamp.After(time.Now()) {
				t.Errorf("%s: %+v", in.Name, snap)
			}
		}
	}
	for _, want := range []string{
		"AdHoc Completed 36 true", "AdHoc Completed 26 true", "AdHoc Failed 36 false", "Scheduled Completed 20 true", "Scheduled Completed 20 false",
	} {
		if kinds[want] == 0 {
			t.Errorf("no %q: %v", want, kinds)
		}
	}
}

func TestDemoFleetHasKeysAndSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{State: aurasim.DemoState(time.Now()), Speed: 20})
		c := newClient(t, sim)
		advance(50 * time.Minute) // of looking around
		keys, statuses := map[string]string{}, map[string]int{}
		for _, row := range c.must(200, "GET", "/customer-managed-keys").list() {
			got := c.must(200, "GET", "/customer-managed-keys/"+row["id"].(string))
			keys[got.text("id")] = got.text("status")
			statuses[got.text("status")]++
		}
		for _, in := range sim.Instances() {
			if id := in.CustomerManagedKeyID; id != "" && (keys[id] != "ready" || in.Name != "customer-360") {
				t.Errorf("%s: key %s is %q", in.Name, id, keys[id])
			}
			if in.CustomerManagedKeyID != "" {
				c.do("DELETE", "/customer-managed-keys/"+in.CustomerManagedKeyID).wantRefusal(400, "encryption-key-is-active")
			}
		}
		for _, row := range c.must(200, "GET", sessionsPath).list() {
			statuses[row["status"].(string)]++
		}
		if diff := cmp.Diff(map[string]int{"ready": 1, "pending": 1, "Ready": 1, "Expired": 1}, statuses); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDemoFleetHasSomethingToFind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newSim(t, aurasim.Options{State: aurasim.DemoState(time.Now()), Speed: 20}))
		addresses, before := map[string]string{}, map[string]exposition{}
		for _, row := range c.must(200, "GET", "/instances").list() {
			in := c.must(200, "GET", "/instances/"+row["id"].(string)).data()
			if address, _ := in["metrics_integration_url"].(string); address != "" {
				name := in["name"].(string)
				addresses[name] = strings.TrimPrefix(address, auraMetrics)
				before[name] = c.scrape(addresses[name]).mustExposition()
			}
		}
		advance(40 * time.Second)
		got := map[string]map[string]string{}
		for name, address := range addresses {
			after := c.scrape(address).mustExposition()
			got[name] = alarms(t, before[name], after)
			if zones := len(after["neo4j_cluster_raft_is_leader"].samples); (zones == 3) != (name == "customer-360") {
				t.Errorf("%s: %d zones", name, zones)
			}
			if used := after.most("neo4j_database_transaction_active_read") > 0; used != (name != "fraud-analytics") {
				t.Errorf("%s: used %v", name, used)
			}
		}
		want := map[string]map[string]string{
			"prod-orders": {}, "customer-360": {}, "fraud-analytics": {},
			"recommendations-v2": {"cpu": "warning"}, "staging-orders": {"heap": "critical", "gc": "critical"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDemoStateIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(aurasim.DemoState(loadedAt()), aurasim.DemoState(loadedAt())); diff != "" {
		t.Error(diff)
	}
}

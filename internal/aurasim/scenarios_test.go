package aurasim_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

// alarms judges two scrapes by the thresholds that Neo4j gives, and by common sense where it gives none. A signal that
// is all right is left out.
func alarms(t *testing.T, before, after exposition) map[string]string {
	t.Helper()
	const gc, tx, query = "neo4j_dbms_vm_gc_time_g1_", "neo4j_database_transaction_", "neo4j_db_query_execution_"
	const conns = "neo4j_dbms_bolt_connections_"
	seconds := after.at(t).Sub(before.at(t)).Seconds()
	change := func(name string) map[string]float64 {
		out := map[string]float64{}
		for member, value := range after.values(name) {
			out[member] = value - before.values(name)[member]
			if out[member] < 0 {
				t.Errorf("%s of %q has dropped by %v", name, member, -out[member])
			}
		}
		return out
	}
	sum := func(name string) float64 {
		total := 0.0
		for _, v := range change(name) {
			total += v
		}
		return total
	}
	out := map[string]string{}
	raise := func(signal string, value, warning, critical float64) {
		switch {
		case value >= critical:
			out[signal] = "critical"
		case value >= warning:
			out[signal] = "warning"
		}
	}
	collecting := 0.0
	for member, ms := range change(gc + "young_generation_total") {
		collecting = max(collecting, (ms+change(gc + "old_generation_total")[member])/1000/seconds)
	}
	cores := after.most("neo4j_aura_cpu_limit")
	raise("cpu", min(before.most("neo4j_aura_cpu_usage"), after.most("neo4j_aura_cpu_usage"))/cores, 0.80, 0.95)
	raise("heap", min(before.most("neo4j_dbms_vm_heap_used_ratio"), after.most("neo4j_dbms_vm_heap_used_ratio")), 0.80, 0.95)
	raise("gc", collecting, 0.01, 0.05)
	raise("oom", sum("neo4j_aura_out_of_memory_errors_total"), 1, 1)
	missed := 1 - after.least("neo4j_dbms_page_cache_hit_ratio_per_minute")
	if after.most("neo4j_dbms_page_cache_usage_ratio") >= 0.99 {
		raise("page_cache", missed, 0.02, 0.10)
	} else {
		raise("page_cache", missed, 0.02, 2)
	}
	stored := after.most("neo4j_database_store_size_database") / after.most("neo4j_aura_storage_limit")
	raise("storage", stored, 0.70, 0.90)
	ok, failed := sum(query+"success_total"), sum(query+"failure_total")
	raise("query_failures", failed/(ok+failed), 0.01, 0.05)
	if p99 := after.most(query + "internal_latency_q99"); p99 >= 1000 {
		raise("latency", p99/after.most(query+"internal_latency_q50"), 10, math.Inf(1))
	}
	raise("rollbacks", sum(tx+"rollbacks_total")/sum(tx+"committed_total"), 0.05, math.Inf(1))
	raise("connections", after.most(conns+"running")/cores, 15, math.Inf(1))
	raise("churn", sum(conns+"opened_total")/seconds*60/(4*(after.most(conns+"idle")+after.most(conns+"running"))), 1, math.Inf(1))
	if opened, closed := sum(conns+"opened_total"), sum(conns+"closed_total"); opened != closed {
		t.Errorf("%v connections opened, %v closed", opened, closed)
	}
	raise("replan", sum("neo4j_database_cypher_replan_events_total")/ok, 0.05, math.Inf(1))
	raise("checkpoint", after.most("neo4j_database_check_point_duration")/60_000, 10, 30)
	if _, there := after["neo4j_cluster_raft_is_leader"]; there {
		leaders := 0.0
		for _, v := range after.values("neo4j_cluster_raft_is_leader") {
			leaders += v
		}
		raise("leader", 1-leaders, 1, 1)
		flat, moving := 0, 0
		for _, v := range change(tx + "last_committed_tx_id_total") {
			if v == 0 {
				flat++
			} else {
				moving++
			}
		}
		if flat > 0 && moving > 0 {
			out["replication"] = "critical"
		}
	}
	return out
}

func TestAScenarioShowsWhatItIsNamedAfter(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]string{
		"": {}, "healthy": {}, "busy": {}, "idle": {},
		"warning":             {"cpu": "warning"},
		"critical":            {"heap": "critical", "gc": "critical"},
		"cpu_one_member":      {"cpu": "critical"},
		"heap":                {"heap": "warning"},
		"gc":                  {"gc": "critical"},
		"oom":                 {"oom": "critical"},
		"page_cache":          {"page_cache": "critical"},
		"storage_full":        {"storage": "critical"},
		"storage_growing":     {},
		"failing_queries":     {"query_failures": "critical"},
		"slow_queries":        {"latency": "warning"},
		"rollbacks":           {"rollbacks": "warning"},
		"connections":         {"connections": "warning", "churn": "warning"},
		"replanning":          {"replan": "warning"},
		"slow_checkpoints":    {"checkpoint": "warning"},
		"leaderless":          {"leader": "critical"},
		"replication_stalled": {"replication": "critical"},
		"restarted":           {"page_cache": "warning"},
		"unavailable":         nil, "no_metrics_yet": nil, "stale": {},
	}
	for _, scenario := range append(aurasim.Scenarios(), "") {
		if _, there := tests[scenario]; !there {
			t.Errorf("%q is not tested", scenario)
		}
	}
	for scenario, want := range tests {
		for _, comprehensive := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s comprehensive %v", scenario, comprehensive), func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(3) {
					synctest.Test(t, func(t *testing.T) { showsItself(t, scenario, comprehensive, seed, want) })
				}
			})
		}
	}
}

// showsItself looks at a scenario for a while, no more often than the endpoint has something new to say.
func showsItself(t *testing.T, scenario string, comprehensive bool, seed uint64, want map[string]string) {
	t.Helper()
	state := scenarioFleet(scenario, comprehensive)
	state.Instances[0].Memory = []string{"2GB", "8GB", "64GB"}[seed%3]
	c := newClient(t, newSim(t, aurasim.Options{State: state, Seed: seed}))
	advance(time.Minute)
	previous := c.scrape(scrapePath(tenantA))
	if want == nil {
		if previous.status != 200 || previous.body != "" {
			t.Errorf("%d %.200s", previous.status, previous.body)
		}
		return
	}
	for range 8 {
		advance(time.Duration(30+7*seed) * time.Second)
		now := c.scrape(scrapePath(tenantA))
		got := alarms(t, previous.mustExposition(), now.mustExposition())
		if !comprehensive {
			want = without(want, "leader", "replication")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		previous = now
	}
}

func without(m map[string]string, keys ...string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if !slices.Contains(keys, k) {
			out[k] = v
		}
	}
	return out
}

func TestOneMemberOfThree(t *testing.T) {
	t.Parallel()
	state := scenarioFleet("cpu_one_member", true)
	got := newClient(t, newSim(t, aurasim.Options{State: state})).scrape(scrapePath(tenantA, orders)).mustExposition()
	hot, sum := 0, 0.0
	for _, usage := range got.values("neo4j_aura_cpu_usage") {
		share := usage / got.most("neo4j_aura_cpu_limit")
		sum += share
		if share > 0.95 {
			hot++
		} else if share > 0.5 {
			t.Errorf("another member has %v", share)
		}
	}
	if hot != 1 || sum/3 > 0.6 {
		t.Errorf("%d members are hot, the mean is %v", hot, sum/3)
	}
}

func TestTheFirstOutOfMemoryErrorIsThereAtOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{State: scenarioFleet("oom", false)}))
	if got := c.scrape(scrapePath(tenantA)).mustExposition().most("neo4j_aura_out_of_memory_errors_total"); got != 1 {
		t.Errorf("%v errors", got)
	}
}

func TestAnIdleInstanceHasNoLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newSim(t, aurasim.Options{State: scenarioFleet("idle", true)}))
		before := c.scrape(scrapePath(tenantA)).mustExposition()
		advance(10 * time.Minute)
		after := c.scrape(scrapePath(tenantA)).mustExposition()
		for _, name := range []string{
			"neo4j_dbms_page_cache_hit_ratio_per_minute", "neo4j_db_query_execution_internal_latency_q50",
			"neo4j_db_query_execution_internal_latency_q75", "neo4j_db_query_execution_internal_latency_q99",
		} {
			for member, value := range after.values(name) {
				if !math.IsNaN(value) {
					t.Errorf("%s of %s is %v", name, member, value)
				}
			}
		}
		name := "neo4j_db_query_execution_success_total"
		if diff := cmp.Diff(before.values(name), after.values(name)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStaleAndSilentScenarios(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	c := newClient(t, sim)
	console := sim.Console()
	asked := time.Now()
	if err := console.SetScenario(orders, "stale"); err != nil {
		t.Fatal(err)
	}
	age := asked.Sub(c.scrape(scrapePath(tenantA, orders)).mustExposition().at(t))
	if age < 19*time.Minute || age > 21*time.Minute {
		t.Errorf("%v old", age)
	}
	for scenario, status := range map[string]int{"no_metrics_yet": 200, "unavailable": 503} {
		if err := console.SetScenario(vdc, scenario); err != nil {
			t.Fatal(err)
		}
		if got := c.scrape(scrapePath(tenantA, vdc)); got.status != status || strings.Contains(got.body, "neo4j_") {
			t.Errorf("%s: %d %.100s", scenario, got.status, got.body)
		}
	}
	got := c.scrape(scrapePath(tenantA)).mustExposition()
	if samples := got["neo4j_aura_cpu_usage"].samples; len(samples) != 1 || samples[0].labels["instance_id"] != orders {
		t.Errorf("of the tenant: %v", samples)
	}
}

func TestStorageFillsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{State: scenarioFleet("storage_growing", false)})
		c := newClient(t, sim)
		name := "neo4j_database_store_size_database"
		first := c.scrape(scrapePath(tenantA)).mustExposition()
		began := first.at(t)
		advance(50 * time.Minute)
		c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
		advance(50 * time.Minute)
		last := c.scrape(scrapePath(tenantA)).mustExposition()
		perDay := (last.most(name) - first.most(name)) / last.at(t).Sub(began).Hours() * 24
		if days := (last.most("neo4j_aura_storage_limit") - last.most(name)) / perDay; days < 3 || days > 30 {
			t.Errorf("full in %v days", days)
		}
		advance(20 * 24 * time.Hour)
		c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
		full := c.scrape(scrapePath(tenantA)).mustExposition()
		if full.most(name) != full.most("neo4j_aura_storage_limit") {
			t.Errorf("%v bytes", full.most(name))
		}
	})
}

func TestSetScenario(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	console := sim.Console()
	for _, tt := range []struct{ id, scenario, want string }{
		{orders, "leaderless", ""}, {science, "critical", ""}, {orders, "", ""},
		{orders, "Healthy", "is not allowed; allowed: healthy, idle"}, {shop, "idle", "professional-db has no metrics"},
		{shop, "", "professional-db has no metrics"}, {science, "cpu_one_member", "enterprise-ds is not a cluster"}, {"ffffffff", "idle", "no such instance"},
	} {
		err := console.SetScenario(tt.id, tt.scenario)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: %v", tt.id, tt.scenario, err)
		}
		if in, _ := sim.Instance(tt.id); tt.want == "" && in.Scenario != tt.scenario {
			t.Errorf("%s is %q, want %q", tt.id, in.Scenario, tt.scenario)
		}
	}
}

// counters are the values of every counter by name and member.
func counters(e exposition) map[string]float64 {
	out := map[string]float64{}
	for name, f := range e {
		if f.kind != "counter" {
			continue
		}
		for member, value := range e.values(name) {
			out[name+" "+member] = value
		}
	}
	return out
}

func TestCountersNeverGoBackWhileTheInstanceRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{State: scenarioFleet("critical", true)})
		c := newClient(t, sim)
		previous := counters(c.scrape(scrapePath(tenantA)).mustExposition())
		for i, scenario := range aurasim.Scenarios() {
			if slices.Contains([]string{"restarted", "unavailable", "no_metrics_yet", "stale"}, scenario) {
				continue
			}
			advance(time.Duration(31+i) * time.Second)
			if err := sim.Console().SetScenario(orders, scenario); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				now := counters(c.scrape(scrapePath(tenantA)).mustExposition())
				for key, value := range previous {
					if now[key] < value {
						t.Errorf("%s: %s goes from %v to %v", scenario, key, value, now[key])
					}
				}
				previous = now
				advance(31 * time.Second)
			}
		}
	})
}

func TestCountersBeginAnewAfterMaintenance(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *aurasim.Server, *client){
		"a resize": func(_ *testing.T, _ *aurasim.Server, c *client) {
			c.must(202, "PATCH", "/instances/"+orders, `{"memory":"16GB"}`)
		},
		"pause and resume": func(t *testing.T, sim *aurasim.Server, _ *client) {
			if err := sim.Console().Pause(orders); err != nil {
				t.Fatal(err)
			}
			advance(2 * time.Minute)
			if err := sim.Console().Resume(orders); err != nil {
				t.Fatal(err)
			}
		},
		"an overwrite": func(_ *testing.T, _ *aurasim.Server, c *client) {
			c.must(202, "POST", "/instances/"+orders+"/overwrite", `{"source_instance_id":"`+vdc+`"}`)
		},
		"the scenario": func(t *testing.T, sim *aurasim.Server, _ *client) {
			advance(6 * time.Minute)
			if err := sim.Console().SetScenario(orders, "restarted"); err != nil {
				t.Fatal(err)
			}
			advance(4 * time.Minute)
		},
	}
	for name, deed := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				state := fleet()
				state.Instances[0].CreatedAt = time.Now().Add(-30 * 24 * time.Hour)
				sim := newSim(t, aurasim.Options{State: state})
				c := newClient(t, sim)
				before := c.scrape(scrapePath(tenantA, orders)).mustExposition()
				advance(time.Minute)
				deed(t, sim, c)
				advance(9 * time.Minute)
				after := c.scrape(scrapePath(tenantA, orders)).mustExposition()
				for name, f := range before {
					dropped := after.most(name) < before.most(name)
					kept := strings.Contains(name, "peak") || strings.Contains(name, "tx_id") || strings.Contains(name, "memory_errors")
					if f.kind == "counter" && dropped == kept {
						t.Errorf("%s: %v and then %v", name, before.most(name), after.most(name))
					}
				}
				if ok := after.most("neo4j_db_query_execution_success_total"); ok == 0 || ok > 100*600 {
					t.Errorf("%v queries since the restart", ok)
				}
			})
		})
	}
}

func TestResizingHelps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state := scenarioFleet("critical", false)
		sim := newSim(t, aurasim.Options{State: state})
		c := newClient(t, sim)
		c.must(202, "PATCH", "/instances/"+orders, `{"memory":"16GB"}`)
		advance(6 * time.Minute)
		before := c.scrape(scrapePath(tenantA, orders)).mustExposition()
		advance(time.Minute)
		after := c.scrape(scrapePath(tenantA, orders)).mustExposition()
		if diff := cmp.Diff(map[string]string{}, alarms(t, before, after)); diff != "" {
			t.Error(diff)
		}
		if got := after.most("neo4j_aura_cpu_limit"); got != 4 {
			t.Errorf("%v cores", got)
		}
	})
}

func TestANewInstanceHasMetricsFromTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		id := c.must(202, "POST", "/instances", creation(map[string]any{"type": "business-critical"})).text("id")
		advance(5 * time.Minute)
		before := c.scrape(scrapePath(tenantA, id)).mustExposition()
		advance(time.Minute)
		after := c.scrape(scrapePath(tenantA, id)).mustExposition()
		if diff := cmp.Diff(map[string]string{}, alarms(t, before, after)); diff != "" || after.most("neo4j_db_query_execution_success_total") == 0 {
			t.Error(diff)
		}
	})
}

package aurasim_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

const auraMetrics = "https://customer-metrics-api.neo4j.io"

// documented is Aura's list: type, aggregation, and db for what has a database label.
var documented = map[string]string{
	"neo4j_aura_cpu_limit":                                  "gauge MAX",
	"neo4j_aura_cpu_usage":                                  "gauge MAX",
	"neo4j_aura_storage_limit":                              "gauge MAX",
	"neo4j_aura_out_of_memory_errors_total":                 "counter SUM",
	"neo4j_dbms_vm_heap_used_ratio":                         "gauge MAX",
	"neo4j_dbms_vm_gc_time_g1_young_generation_total":       "counter MAX",
	"neo4j_dbms_vm_gc_time_g1_old_generation_total":         "counter MAX",
	"neo4j_dbms_page_cache_hit_ratio_per_minute":            "gauge AVG",
	"neo4j_dbms_page_cache_usage_ratio":                     "gauge MIN",
	"neo4j_dbms_page_cache_evictions_total":                 "counter MAX",
	"neo4j_dbms_bolt_connections_running":                   "gauge MAX",
	"neo4j_dbms_bolt_connections_idle":                      "gauge MAX",
	"neo4j_dbms_bolt_connections_opened_total":              "counter MAX",
	"neo4j_dbms_bolt_connections_closed_total":              "counter MAX",
	"neo4j_database_store_size_database":                    "gauge MAX db",
	"neo4j_database_count_node":                             "gauge MAX db",
	"neo4j_database_count_relationship":                     "gauge MAX db",
	"neo4j_database_transaction_active_read":                "gauge MAX db",
	"neo4j_database_transaction_active_write":               "gauge MAX db",
	"neo4j_database_transaction_committed_total":            "counter MAX db",
	"neo4j_database_transaction_rollbacks_total":            "counter MAX db",
	"neo4j_database_transaction_peak_concurrent_total":      "counter MAX db",
	"neo4j_database_transaction_last_committed_tx_id_total": "counter MAX db",
	"neo4j_database_cypher_replan_events_total":             "counter MAX db",
	"neo4j_database_check_point_events_total":               "counter MAX db",
	"neo4j_database_check_point_total_time_total":           "counter MAX db",
	"neo4j_database_check_point_duration":                   "gauge MAX db",
	"neo4j_db_query_execution_success_total":                "counter SUM db",
	"neo4j_db_query_execution_failure_total":                "counter SUM db",
	"neo4j_db_query_execution_internal_latency_q50":         "gauge MAX db",
	"neo4j_db_query_execution_internal_latency_q75":         "gauge MAX db",
	"neo4j_db_query_execution_internal_latency_q99":         "gauge MAX db",
	"neo4j_cluster_raft_is_leader":                          "gauge MAX db",
}

// scrapePath is an endpoint on the metrics host, of a tenant or of an instance.
func scrapePath(ids ...string) string { return "/api/v1/" + strings.Join(ids, "/") + "/metrics" }

// scrape asks the metrics host, whatever host the client has for the API.
func (c *client) scrape(path string) reply {
	c.t.Helper()
	return c.send(c.scrapeRequest(path))
}

func (c *client) scrapeRequest(path string) *http.Request {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, auraMetrics+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	return req
}

// scenarioFleet is one instance in a scenario that has been there for a month.
func scenarioFleet(scenario string, comprehensive bool) aurasim.State {
	state := fleet()
	state.Instances = state.Instances[:1]
	in := &state.Instances[0]
	in.Scenario, in.ComprehensiveMetrics, in.CreatedAt = scenario, comprehensive, time.Now().Add(-30*24*time.Hour)
	state.Tenants[0].ComprehensiveMetrics = comprehensive
	return state
}

func TestEveryFamilyIsThereWithItsTypeAndLabels(t *testing.T) {
	t.Parallel()
	state := fleet()
	for i := range state.Instances[:4] {
		state.Instances[i].ComprehensiveMetrics = state.Instances[i].ID != shop
	}
	state.Instances[1].ComprehensiveMetrics = false
	state.Tenants[0].ComprehensiveMetrics = true
	instance := func(ids ...string) []string { return ids }
	tests := []struct {
		name, path    string
		comprehensive bool
		instances     []string
		members       int // that have a sample of their own, over all instances
		primaries     int
	}{
		{"of a cluster", scrapePath(tenantA, orders), true, instance(orders), 3, 3},
		{"of a cluster with a secondary", scrapePath(tenantA, vdc), true, instance(vdc), 4, 3},
		{"of AuraDS", scrapePath(tenantB, science), true, instance(science), 1, 1},
		{"of a tenant", scrapePath(tenantA), true, instance(orders, vdc), 7, 6},
		{"of a tenant, not comprehensive", scrapePath(tenantB), false, instance(science), 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := newClient(t, newSim(t, aurasim.Options{State: state})).scrape(tt.path).mustExposition()
			for name, want := range documented {
				f, found := got[name]
				leader := name == "neo4j_cluster_raft_is_leader"
				if found != (tt.comprehensive || !leader) {
					t.Errorf("%s: found %v", name, found)
					continue
				}
				number, ids := tt.members, map[string]bool{}
				if leader {
					number = tt.primaries
				}
				if found && len(f.samples) != number {
					t.Errorf("%s: %d samples, want %d", name, len(f.samples), number)
				}
				for _, s := range f.samples {
					ids[s.labels["instance_id"]] = true
					has := f.kind + " " + s.labels["aggregation"]
					labels := []string{"aggregation", "instance_id"}
					if s.labels["database"] == "neo4j" {
						has, labels = has+" db", append(labels, "database")
					}
					if tt.comprehensive {
						labels = append(labels, "availability_zone", "instance_mode")
					}
					slices.Sort(labels)
					if diff := cmp.Diff(labels, slices.Sorted(maps.Keys(s.labels))); has != want || diff != "" {
						t.Errorf("%s is %q, want %q: %s", name, has, want, diff)
					}
				}
				if diff := cmp.Diff(tt.instances, slices.Sorted(maps.Keys(ids))); found && diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
			if len(got) > len(documented) {
				t.Errorf("%d families, Aura has %d", len(got), len(documented))
			}
		})
	}
}

func TestZonesAreThoseOfTheProvider(t *testing.T) {
	t.Parallel()
	for provider, want := range map[string][]string{
		"gcp": {"somewhere1-b PRIMARY", "somewhere1-c PRIMARY", "somewhere1-d PRIMARY"},
		"aws": {"somewhere1a PRIMARY", "somewhere1b PRIMARY", "somewhere1c PRIMARY"}, "azure": {"somewhere1-1 PRIMARY", "somewhere1-2 PRIMARY", "somewhere1-3 PRIMARY"},
	} {
		state := scenarioFleet("", true)
		state.Instances[0].CloudProvider, state.Instances[0].Region = provider, "somewhere1"
		got := newClient(t, newSim(t, aurasim.Options{State: state})).scrape(scrapePath(tenantA, orders)).mustExposition()
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got.values("neo4j_aura_cpu_usage")))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestALabelIsEscaped(t *testing.T) {
	t.Parallel()
	state := scenarioFleet("", true)
	state.Instances[0].Region = "a\"b\\c\nd"
	got := newClient(t, newSim(t, aurasim.Options{State: state})).scrape(scrapePath(tenantA, orders))
	if want := `availability_zone="a\"b\\c\nd-b",instance_mode="PRIMARY"`; !strings.Contains(got.body, want) {
		t.Errorf("no %s in %.300s", want, got.body)
	}
}

func TestComprehensiveAndDefaultAgree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state := fleet()
		state.Instances = state.Instances[2:3]
		state.Instances[0].SecondariesCount = 5 // more than zones
		state.Tenants[0].ComprehensiveMetrics = true
		c := newClient(t, newSim(t, aurasim.Options{State: state}))
		advance(50 * time.Minute)
		one, many := c.scrape(scrapePath(tenantA, vdc)).mustExposition(), c.scrape(scrapePath(tenantA)).mustExposition()
		for _, name := range []string{"neo4j_dbms_vm_heap_used_ratio", "neo4j_database_transaction_committed_total", "neo4j_aura_cpu_usage"} {
			if len(many.values(name)) != 6 || many.most(name) != one.most(name) {
				t.Errorf("%s: %v and %v", name, one.values(name), many.values(name))
			}
		}
		sum, lowest := 0.0, "neo4j_dbms_page_cache_usage_ratio"
		for _, v := range many.values("neo4j_db_query_execution_success_total") {
			sum += v
		}
		if sum != one.most("neo4j_db_query_execution_success_total") || many.least(lowest) != one.least(lowest) {
			t.Errorf("%v of %v", sum, one.most("neo4j_db_query_execution_success_total"))
		}
	})
}

func TestAnEndpointGivesTheSameAnswerFor30Seconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		first := c.scrape(scrapePath(tenantA, orders))
		began := time.Now()
		advance(10 * time.Second)
		tenants := c.scrape(scrapePath(tenantA))
		if err := sim.Console().Pause(orders); err != nil {
			t.Fatal(err)
		}
		advance(20*time.Second - 1)
		if again := c.scrape(scrapePath(tenantA, orders)); again.body != first.body || !first.mustExposition().at(t).Equal(began) {
			t.Error("another answer within 30 s")
		}
		advance(1)
		if got := c.scrape(scrapePath(tenantA, orders)); len(got.mustExposition()) != 0 {
			t.Error("an instance that is pausing has samples")
		}
		if got := c.scrape(scrapePath(tenantA)); got.body != tenants.body || !tenants.mustExposition().at(t).Equal(began.Add(10*time.Second)) {
			t.Error("the tenant's endpoint forgets with that of the instance")
		}
		advance(10 * time.Second)
		got := c.scrape(scrapePath(tenantA)).mustExposition()
		if n := len(got["neo4j_aura_cpu_limit"].samples); n != 1 || got["neo4j_aura_cpu_limit"].samples[0].labels["instance_id"] != vdc {
			t.Errorf("%d instances", n)
		}
	})
}

func TestOnlyWhatRunsHasSamples(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{
		"running": true, "updating": true, "paused": false, "pausing": false, "resuming": false, "creating": false,
		"destroying": false, "suspended": false, "loading failed": false, "restoring": false, "overwriting": false,
	} {
		state := scenarioFleet("", false)
		state.Instances[0].Status = status
		c := newClient(t, newSim(t, aurasim.Options{State: state}))
		for _, path := range []string{scrapePath(tenantA, orders), scrapePath(tenantA)} {
			if got := c.scrape(path).mustExposition(); (len(got) > 0) != want {
				t.Errorf("%s: %d families", status, len(got))
			}
		}
	}
}

func TestMetricsRefusals(t *testing.T) {
	t.Parallel()
	state := fleet()
	state.Instances = slices.DeleteFunc(state.Instances, func(in aurasim.InstanceState) bool { return in.ID == science })
	state.Instances[2].Scenario = "unavailable"
	state.Credentials = []aurasim.Credential{
		{ClientID: aurasim.DemoClientID, ClientSecret: aurasim.DemoClientSecret}, {ClientID: "no-role", ClientSecret: "s", NoMetrics: true},
		{ClientID: "beta", ClientSecret: "s", Tenants: []string{tenantB}},
	}
	const noRole = "User doesn't have access to Metrics resources."
	tests := []struct {
		name, client, method, path string
		status                     int
		text                       string
	}{
		{"without the role, of an instance", "no-role", "GET", scrapePath(tenantA, orders), 401, noRole},
		{"without the role, of a tenant", "no-role", "GET", scrapePath(tenantA), 401, noRole},
		{"of a tenant that the credentials do not see", "beta", "GET", scrapePath(tenantA, orders), 401, noRole},
		{"without a token", "", "GET", scrapePath(tenantA), 401, "Key not authorized"},
		{"of a tenant that is not there", aurasim.DemoClientID, "GET", scrapePath("x"), 404, "Not Found"},
		{"of a tenant without eligible instances", aurasim.DemoClientID, "GET", scrapePath(tenantB), 404, "Not Found"},
		{"of an instance that is not there", aurasim.DemoClientID, "GET", scrapePath(tenantA, "ffffffff"), 404, "Not Found"},
		{"of another tenant's instance", aurasim.DemoClientID, "GET", scrapePath(tenantB, orders), 404, "Not Found"},
		{"of an ineligible instance", aurasim.DemoClientID, "GET", scrapePath(tenantA, shop), 404, "Not Found"},
		{"of an instance whose endpoint is away", aurasim.DemoClientID, "GET", scrapePath(tenantA, vdc), 503, "Service Unavailable"},
		{"of another path", aurasim.DemoClientID, "GET", "/api/v1/query", 404, "Not Found"},
		{"by another method", aurasim.DemoClientID, "POST", scrapePath(tenantA), 405, "Method Not Allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sim := newSim(t, aurasim.Options{State: state})
			c := newClient(t, sim)
			secret := "s"
			if tt.client == aurasim.DemoClientID {
				secret = aurasim.DemoClientSecret
			}
			c.token = ""
			c.login(tt.client, secret)
			req := c.scrapeRequest(tt.path)
			req.Method = tt.method
			got := c.send(req)
			if got.status != tt.status || !strings.Contains(got.body, tt.text) || tt.text == noRole && got.body != noRole {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, tt.status, tt.text)
			}
			if logged := sim.Requests(); logged[len(logged)-1].ClientID != tt.client {
				t.Errorf("the log has %q", logged[len(logged)-1].ClientID)
			}
		})
	}
	t.Run("without the role the API is open all the same", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, newSim(t, aurasim.Options{State: state}))
		c.login("no-role", "s")
		c.must(200, "GET", "/instances/"+orders)
	})
	t.Run("with an expired token", func(t *testing.T) {
		t.Parallel()
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		sim.RevokeTokens()
		c.scrape(scrapePath(tenantA)).wantGateway(401, "token has expired")
	})
	t.Run("a new instance may be unknown", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, newSim(t, aurasim.Options{Quirks: aurasim.Quirks{EarlyNotFound: true}}))
		id := c.must(202, "POST", "/instances", creation(map[string]any{"type": "business-critical"})).text("id")
		c.scrape(scrapePath(tenantA, id)).wantGateway(404, "Not Found")
	})
}

func TestMetricsDoNotCountAgainstTheRateLimit(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{RateLimit: 1, Quirks: aurasim.Quirks{APIExpires: true}}))
	c.must(200, "GET", "/tenants")
	for range 3 {
		if got := c.scrape(scrapePath(tenantA)); len(got.mustExposition()) == 0 || got.header.Get("X-Tyk-Api-Expires") != "" {
			t.Error(got.header)
		}
	}
	c.do("GET", "/tenants").wantGateway(429, "rate limit")
}

func TestMetricsCompressed(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{}))
	plain := c.scrape(scrapePath(tenantA))
	for header, want := range map[string]bool{
		"gzip": true, "deflate, GZIP;q=0.5": true, "gzip;q=1.0, identity; q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "deflate": false, "": false, "*": false,
	} {
		req := c.scrapeRequest(scrapePath(tenantA))
		req.Header.Set("Accept-Encoding", header)
		got := c.send(req)
		body := got.body
		if (got.header.Get("Content-Encoding") == "gzip") != want {
			t.Errorf("%q: %v", header, got.header)
			continue
		}
		if want {
			body = unzipped(t, got.body)
		}
		if body != plain.body || got.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: another body, or %v", header, got.header)
		}
	}
}

func unzipped(t *testing.T, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestFaultsOfMetrics(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	c := newClient(t, sim)
	good := c.scrape(scrapePath(tenantA, orders)).body
	sim.Fail(aurasim.Fault{Path: "/api/v1/*/*/metrics", Kind: aurasim.CutInBody})
	sim.Fail(aurasim.Fault{Path: "/api/v1/*/*/metrics", Kind: aurasim.HugeBody, Times: 2})
	if got := c.try(c.scrapeRequest(scrapePath(tenantA, orders))); !errors.Is(got.err, io.ErrUnexpectedEOF) || !strings.HasPrefix(good, got.body) {
		t.Errorf("%d %v", len(got.body), got.err)
	}
	if got := c.scrape(scrapePath(tenantA, orders)); len(got.body) < 10<<20 || strings.TrimLeft(got.body, " ") != good {
		t.Errorf("%d bytes", len(got.body))
	}
	req := c.scrapeRequest(scrapePath(tenantA, orders))
	req.Header.Set("Accept-Encoding", "gzip")
	got := c.send(req)
	if body := unzipped(t, got.body); len(got.body) > 1<<20 || len(body) < 10<<20 || strings.TrimLeft(body, " ") != good {
		t.Errorf("%d bytes are %d", len(got.body), len(body))
	}
	if sim.PendingFaults() != 0 {
		t.Error("a fault is still armed")
	}

	flaky := newClient(t, newSim(t, aurasim.Options{Faults: aurasim.Flaky}))
	statuses := map[int]int{}
	for range 200 {
		statuses[flaky.scrape(scrapePath(tenantA)).status]++
	}
	if statuses[200] == 0 || statuses[502] == 0 || statuses[503] == 0 {
		t.Error(statuses)
	}
}

func TestMetricsAddressesLeadSomewhere(t *testing.T) {
	t.Parallel()
	follow := func(t *testing.T, c *client, prefix string) {
		t.Helper()
		for _, address := range []string{
			c.must(200, "GET", "/instances/"+orders).text("metrics_integration_url"),
			c.must(200, "GET", "/tenants/"+tenantA+"/metrics-integration").text("endpoint"),
		} {
			if !strings.HasPrefix(address, prefix) {
				t.Fatal(address)
			}
			req := c.request("GET", "")
			var err error
			if req.URL, err = req.URL.Parse(address); err != nil {
				t.Fatal(err)
			}
			req.Host = req.URL.Host
			if got := c.send(req).mustExposition(); len(got) < 32 {
				t.Errorf("%d families", len(got))
			}
		}
	}
	t.Run("in process, to Aura's host", func(t *testing.T) {
		t.Parallel()
		follow(t, newClient(t, newSim(t, aurasim.Options{})), auraMetrics+"/api/v1/")
	})
	t.Run("over a socket, to the socket", func(t *testing.T) {
		t.Parallel()
		c := overSocket(t, newSim(t, aurasim.Options{}))
		follow(t, c, c.base+"/api/v1/")
	})
	t.Run("over a socket, to where the option says", func(t *testing.T) {
		t.Parallel()
		c := overSocket(t, newSim(t, aurasim.Options{MetricsURL: "https://metrics.example"}))
		if got := c.must(200, "GET", "/instances/"+orders).text("metrics_integration_url"); got != "https://metrics.example"+scrapePath(tenantA, orders) {
			t.Error(got)
		}
	})
	t.Run("of types without metrics, nowhere", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, newSim(t, aurasim.Options{}))
		for _, id := range []string{shop, free} {
			if address, there := c.must(200, "GET", "/instances/"+id).data()["metrics_integration_url"]; there {
				t.Error(address)
			}
		}
	})
}

func TestMetricsRepeatForTheSameSeed(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		var out bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, newSim(t, aurasim.Options{Seed: seed}))
			for range 3 {
				advance(31 * time.Second)
				out.WriteString(c.scrape(scrapePath(tenantA)).body)
			}
		})
		return out.String()
	}
	if first := run(1); first != run(1) || first == run(2) {
		t.Error("not repeatable, or the same for every seed")
	}
}

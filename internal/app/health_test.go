package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/auraclient"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/config"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

const metricsHost = "customer-metrics-api.neo4j.io"

// faring lets prod be in a scenario, seen by zone and member.
func faring(scenario string) func(*rigOptions) {
	return func(o *rigOptions) {
		o.sim.State.Instances[0].Scenario, o.sim.State.Instances[0].ComprehensiveMetrics = scenario, true
	}
}

// twice asks for two readings, window seconds apart.
func twice(instance string) map[string]any {
	return map[string]any{"instance": instance, "window_seconds": 40}
}

func TestEveryScenarioIsSeenForWhatItIs(t *testing.T) {
	t.Parallel()
	// What the worst finding is about, or the reason of an unknown verdict.
	want := map[string][2]string{
		"healthy": {"healthy", ""}, "idle": {"healthy", ""}, "busy": {"healthy", ""}, "warning": {"warning", "cpu"}, "critical": {"critical", "heap"},
		"cpu_one_member": {"critical", "cpu"}, "heap": {"warning", "heap"}, "gc": {"critical", "gc"}, "oom": {"critical", "oom"},
		"page_cache": {"critical", "page_cache"}, "storage_full": {"critical", "storage"}, "storage_growing": {"healthy", ""},
		"failing_queries": {"critical", "query_failures"}, "slow_queries": {"warning", "latency"}, "rollbacks": {"warning", "rollbacks"},
		"connections": {"warning", "connections"}, "replanning": {"warning", "replan"}, "slow_checkpoints": {"warning", "checkpoint"},
		"leaderless": {"critical", "leader"}, "replication_stalled": {"critical", "replication"}, "restarted": {"warning", "page_cache"},
		"unavailable": {"unknown", "not_readable"}, "no_metrics_yet": {"unknown", "no_samples"}, "stale": {"unknown", "stale"},
	}
	for _, scenario := range aurasim.Scenarios() {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, faring(scenario))
				after(20 * time.Minute) // what is wrong has been for a while
				out := must[tools.InstanceHealth](r, r.connect(modern, nil), "check_instance_health", twice("prod"))
				about := out.Reason
				if len(out.Findings) > 0 && out.Findings[0].Severity != "info" {
					f := out.Findings[0]
					if out.Status != "unknown" {
						about = f.Signal
					}
					if len(f.WhatToDo) == 0 || out.Advice[f.WhatToDo[0]] == "" || f.Message == "" || f.Basis == "" {
						t.Errorf("a finding without what to do about it: %+v", f)
					}
				}
				if diff := cmp.Diff(want[scenario], [2]string{out.Status, about}); diff != "" {
					t.Errorf("%s\n%s\n%+v", diff, out.Summary, out.Findings)
				}
				if !strings.Contains(out.Summary, `"prod"`) || out.Name != "prod" || out.AssessedAt == "" {
					t.Errorf("%+v", out)
				}
			})
		})
	}
}

func TestASaturatedMemberOfThreeIsCritical(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faring("cpu_one_member"))
		out := must[tools.InstanceHealth](r, r.connect(modern, nil), "check_instance_health", map[string]any{"instance": "prod"})
		if out.Status != "critical" || out.Findings[0].Signal != "cpu" || !strings.HasPrefix(out.Findings[0].Scope, "primary, europe-west1-") || *out.Findings[0].Value < 0.95 {
			t.Errorf("%s: %+v", out.Summary, out.Findings)
		}
		if out.Source.Granularity != "comprehensive" || out.Coverage.Known < 30 {
			t.Errorf("%+v %+v", out.Source, out.Coverage)
		}
	})
}

func TestACounterReadOnceIsNoRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faring("gc"))
		c := r.connect(modern, nil)
		once := must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": "prod"})
		if s := once.Signals["gc"]; s.Value != nil || s.Reason != "needs_two_scrapes" || once.Status != "healthy" || once.Source.WindowSeconds != nil {
			t.Errorf("after one reading: %+v, %s", s, once.Status)
		}
		if !strings.Contains(strings.Join(once.Notes, "\n"), "35 seconds") {
			t.Errorf("it does not say how to get rates: %q", once.Notes)
		}
		after(35 * time.Second)
		again := must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": "prod"})
		if s := again.Signals["gc"]; s.Value == nil || s.Status != "critical" || again.Status != "critical" || *again.Source.WindowSeconds < 35 {
			t.Errorf("35 s later: %+v, %s", s, again.Status)
		}
		after(16 * time.Minute)
		late := must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": "prod"})
		if s := late.Signals["gc"]; s.Value != nil {
			t.Errorf("a rate over more than 15 minutes: %+v", s)
		}
	})
}

func TestStorageThatFillsUpShowsOverHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faring("storage_growing"))
		c := r.connect(modern, nil)
		for range 5 {
			out := must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": "prod"})
			if s := out.Signals["storage_growth"]; s.Value != nil || s.Reason != "needs_an_hour_of_history" || out.Status != "healthy" {
				t.Fatalf("%+v, %s", s, out.Status)
			}
			must[tools.FleetHealth](r, c, "check_fleet_health", nil)
			after(12 * time.Minute)
		}
		out := must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": "prod"})
		if s := out.Signals["storage_growth"]; s.Value == nil || out.Status != "warning" || out.Findings[0].Signal != "storage_growth" || out.Advice["increase_storage"] == "" {
			t.Errorf("after an hour: %+v, %s %+v", s, out.Status, out.Findings)
		}
		if s := out.Signals["gc"]; s.Value == nil {
			t.Errorf("the rates are gone: %+v", s)
		}
		if fleet := must[tools.FleetHealth](r, c, "check_fleet_health", nil); fleet.Status != "warning" || len(fleet.Instances[0].Findings) != 1 {
			t.Errorf("%+v", fleet)
		}
	})
}

func TestTheWindowIsWaitedForWithProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faring("gc"))
		c := r.connect(legacy, nil)
		var mu sync.Mutex
		var told []string
		c.OnNotification(func(n mcp.JSONRPCNotification) {
			mu.Lock()
			defer mu.Unlock()
			message, _ := n.Params.AdditionalFields["message"].(string)
			told = append(told, message)
		})
		begun := time.Now()
		result, err := c.CallTool(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{
			Name: "check_instance_health", Arguments: twice("prod"), Meta: &mcp.Meta{ProgressToken: "p"},
		}})
		if err != nil || result.IsError {
			t.Fatalf("%v %+v", err, result)
		}
		if took := time.Since(begun); took < 40*time.Second || took > 48*time.Second {
			t.Errorf("it took %s", took)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(told) < 10 || !strings.Contains(told[0], "second reading") {
			t.Errorf("progress: %q", told)
		}
		// The reading of before serves as the first one of the next call.
		begun = time.Now()
		must[tools.InstanceHealth](r, c, "check_instance_health", twice("prod"))
		if took := time.Since(begun); took > 41*time.Second {
			t.Errorf("the second call took %s", took)
		}
		for _, wrong := range []int{1, 34} {
			r.refuses(c, "check_instance_health", map[string]any{"instance": "prod", "window_seconds": wrong}, "`window_seconds`", "35 to 45")
		}
	})
}

func TestACancelledWindowEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faring(""))
		operation := r.catalog["check_instance_health"]
		request, err := operation.Prepare(map[string]any{"instance": "prod", "window_seconds": float64(45)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := request.Run(ctx, op.Call{}, planless()); err == nil || time.Since(begun) > 6*time.Second {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

func TestWhatCannotBeKnownIsNotCalledHealthy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, instance, status, reason string
		says                           string
	}{
		{"a plan without metrics", "shop", "not_monitored", "plan_without_metrics", "professional-db"},
		{"one that is paused, of such a plan", "archive", "not_monitored", "plan_without_metrics", `status is "paused"`},
		{"a paused one", "prod", "unknown", "not_running", "paused"},
		{"one that is coming up", "staging", "unknown", "not_running", "resuming"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) {
					o.sim.State.Instances[0].Status, o.sim.State.Instances[1].Status = "paused", "resuming"
				})
				c := r.connect(modern, nil)
				out := must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": tt.instance})
				if out.Status != tt.status || out.Reason != tt.reason || !strings.Contains(out.Summary, tt.says) || len(out.Findings) != 0 {
					t.Errorf("%+v", out)
				}
				if n := len(scrapes(r)); n != 0 {
					t.Errorf("%d scrapes of what has no metrics", n)
				}
				r.refuses(c, "get_instance_metrics", map[string]any{"instance": tt.instance}, "There are no metrics of")
			})
		})
	}
}

// scrapes are the paths of the metrics that were read.
func scrapes(r *rig) []string {
	var out []string
	for _, q := range r.sim.Requests() {
		if strings.HasPrefix(q.Path, "/api/v1/") {
			out = append(out, q.Path)
		}
	}
	return out
}

// answers replaces the answers of the metrics host.
type answers struct {
	next   http.RoundTripper
	body   func(time.Time) string
	status int
}

// RoundTrip answers for the metrics host and passes the rest on.
func (a answers) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.URL.Host != metricsHost {
		return a.next.RoundTrip(q)
	}
	rec := &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {"text/plain"}}, Request: q, ProtoMajor: 1, ProtoMinor: 1}
	rec.Body = http.NoBody
	if body := a.body(time.Now()); body != "" {
		rec.Body = readCloser{strings.NewReader(body)}
	}
	return rec, nil
}

type readCloser struct{ *strings.Reader }

// Close has nothing to close.
func (readCloser) Close() error { return nil }

func TestTooLittleIsUnknown(t *testing.T) {
	t.Parallel()
	line := func(at time.Time, name, labels string, value any) string {
		return fmt.Sprintf("%s{aggregation=\"MAX\",instance_id=%q%s} %v %d\n", name, prodID, labels, value, at.UnixMilli())
	}
	core := func(at time.Time) string {
		return line(at, "neo4j_dbms_vm_heap_used_ratio", "", 0.4) + line(at, "neo4j_aura_storage_limit", "", 1e9) +
			line(at, "neo4j_database_store_size_database", `,database="neo4j"`, 4e8)
	}
	cpu := func(at time.Time, value any) string {
		return line(at, "neo4j_aura_cpu_usage", "", value) + line(at, "neo4j_aura_cpu_limit", "", 2)
	}
	tests := []struct {
		name, status, reason string
		body                 func(time.Time) string
	}{
		{"all there", "healthy", "", func(at time.Time) string { return core(at) + cpu(at, 0.5) }},
		{"empty", "unknown", "no_samples", func(time.Time) string { return "" }},
		{"without CPU", "unknown", "cpu_heap_or_storage_unknown", core},
		{"CPU not a number", "unknown", "cpu_heap_or_storage_unknown", func(at time.Time) string { return core(at) + cpu(at, "NaN") }},
		{"a quarter of an hour old", "unknown", "stale", func(at time.Time) string { at = at.Add(-15 * time.Minute); return core(at) + cpu(at, 0.5) }},
		{"of another instance", "unknown", "no_samples", func(at time.Time) string {
			return strings.ReplaceAll(core(at)+cpu(at, 0.5), prodID, stagingID)
		}},
		{"a web page", "unknown", "not_readable", func(time.Time) string { return "<html>\n<body>maintenance</body>\n" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) {
					o.transport = func(next http.RoundTripper) http.RoundTripper { return answers{next, tt.body, http.StatusOK} }
				})
				c := r.connect(modern, nil)
				out := must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": "prod"})
				if out.Status != tt.status || out.Reason != tt.reason {
					t.Errorf("%s (%s): %s", out.Status, out.Reason, out.Summary)
				}
				fleet := must[tools.FleetHealth](r, c, "check_fleet_health", map[string]any{"name": "prod"})
				if fleet.Status != tt.status {
					t.Errorf("the fleet is %s: %+v", fleet.Status, fleet)
				}
			})
		})
	}
}

func TestAMissingRoleIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) {
			o.sim.State.Credentials = []aurasim.Credential{{ClientID: aurasim.DemoClientID, ClientSecret: aurasim.DemoClientSecret, NoMetrics: true}}
		})
		c := r.connect(modern, nil)
		r.refuses(c, "check_instance_health", map[string]any{"instance": "prod"}, "Metrics Reader", "5 minutes", "User doesn't have access to Metrics resources.")
		r.refuses(c, "get_instance_metrics", map[string]any{"instance": "prod"}, "Metrics Reader")
		fleet := must[tools.FleetHealth](r, c, "check_fleet_health", nil)
		if fleet.Status != "unknown" || len(fleet.Instances) != 0 || fleet.Counts["unknown"] != 2 || fleet.Counts["not_monitored"] != 4 {
			t.Errorf("%+v", fleet)
		}
		if n := fleet.NotAssessed; len(n) != 1 || n[0].Count != 2 || !strings.Contains(n[0].Next, "Metrics Reader") {
			t.Errorf("%+v", n)
		}
	})
}

func TestSomebodyElsesMetricsHostGetsNoToken(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{
		"another host": "https://metrics.evil.example", "not encrypted": "http://" + metricsHost, "a subdomain": "https://" + metricsHost + ".evil.example",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var hosts []string
				var mu sync.Mutex
				r := newRig(t, func(o *rigOptions) {
					o.sim.MetricsURL = address
					o.transport = func(next http.RoundTripper) http.RoundTripper {
						return watched{next, func(q *http.Request) {
							mu.Lock()
							defer mu.Unlock()
							hosts = append(hosts, q.URL.Scheme+"://"+q.URL.Host)
						}}
					}
				})
				c := r.connect(modern, nil)
				r.refuses(c, "check_instance_health", map[string]any{"instance": "prod"}, "nothing was sent there", "base URL")
				if fleet := must[tools.FleetHealth](r, c, "check_fleet_health", nil); fleet.Status != "unknown" {
					t.Errorf("%+v", fleet)
				}
				mu.Lock()
				defer mu.Unlock()
				if slices.Contains(hosts, address) {
					t.Errorf("requests went to %q", hosts)
				}
			})
		})
	}
}

// watched sees each request leave.
type watched struct {
	next http.RoundTripper
	see  func(*http.Request)
}

// RoundTrip shows the request and passes it on.
func (w watched) RoundTrip(q *http.Request) (*http.Response, error) {
	w.see(q)
	return w.next.RoundTrip(q)
}

// hundred is a fleet of 100 in two tenants, each of which has an address for the metrics of all of its instances.
func hundred(o *rigOptions) {
	state := &o.sim.State
	state.Instances, state.Snapshots, state.Sessions = nil, nil, nil
	for n := range 100 {
		i := aurasim.InstanceState{
			ID: fmt.Sprintf("%08x", 0xb0000000+n), Name: fmt.Sprintf("db-%02d", n), TenantID: []string{productionID, developmentID}[n%2],
			Type: "business-critical", Memory: "8GB",
		}
		switch {
		case n == 7:
			i.Scenario = "critical"
		case n == 8:
			i.Scenario = "warning"
		case n == 9:
			i.Scenario = "no_metrics_yet"
		case n >= 90:
			i.Type = "professional-db"
		case n >= 85:
			i.Status = "paused"
		}
		state.Instances = append(state.Instances, i)
	}
}

// requests counts what was sent since the last time, by kind.
func requests(r *rig) map[string]int {
	out := map[string]int{}
	for _, q := range r.sim.Requests() {
		kind := strings.TrimPrefix(q.Path, "/v1")
		switch {
		case q.Path == "/oauth/token":
			continue
		case strings.HasPrefix(q.Path, "/api/v1/"):
			kind = "scrapes"
		case strings.HasSuffix(q.Path, "/metrics-integration"):
			kind = "endpoints"
		case strings.HasPrefix(kind, "/instances/"):
			kind = "details"
		}
		out[kind]++
		out["all"]++
	}
	r.sim.ResetRequests()
	return out
}

func TestAFleetOfAHundredInFewRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, hundred)
		c := r.connect(modern, nil)
		begun := time.Now()
		fleet := must[tools.FleetHealth](r, c, "check_fleet_health", map[string]any{"limit": 3})
		cold := requests(r)
		if diff := cmp.Diff(map[string]int{"/instances": 1, "/tenants": 1, "endpoints": 2, "scrapes": 2, "details": 16, "all": 22}, cold); diff != "" {
			t.Errorf("cold: %s", diff)
		}
		if cold["all"] > 1+100+2+2 || time.Since(begun) > 5*time.Second {
			t.Errorf("%d requests in %s", cold["all"], time.Since(begun))
		}
		if diff := cmp.Diff(map[string]int{"critical": 1, "warning": 1, "unknown": 6, "healthy": 82, "not_monitored": 10}, fleet.Counts); diff != "" {
			t.Error(diff)
		}
		if fleet.Status != "critical" || fleet.Total != 100 || len(fleet.Instances) != 3 || fleet.Instances[0].Name != "db-07" || fleet.Instances[1].Name != "db-08" || fleet.Instances[2].Status != "healthy" {
			t.Errorf("%+v", fleet)
		}
		if row := fleet.Instances[0]; row.Tenant != "Development" || len(row.Findings) == 0 || row.Heap == nil || row.Connections == nil || row.QueriesPerSecond != nil {
			t.Errorf("%+v", row)
		}
		if n := fleet.NotAssessed; len(n) != 2 || n[0].Count+n[1].Count != 6 || !strings.Contains(fleet.NotMonitored, "10 professional-db") || !strings.Contains(fleet.Next, "db-07") {
			t.Errorf("%+v %q %q", n, fleet.NotMonitored, fleet.Next)
		}

		must[tools.FleetHealth](r, c, "check_fleet_health", nil)
		if again := requests(r); again["all"] != 0 {
			t.Errorf("at once: %v", again)
		}
		after(35 * time.Second)
		fleet = must[tools.FleetHealth](r, c, "check_fleet_health", nil)
		if diff := cmp.Diff(map[string]int{"scrapes": 2, "all": 2}, requests(r)); diff != "" {
			t.Errorf("warm: %s", diff)
		}
		if len(fleet.Instances) != 50 || fleet.Instances[0].QueriesPerSecond == nil || *fleet.Instances[0].QueriesPerSecond <= 0 {
			t.Errorf("%+v", fleet.Instances[0])
		}
		// The rates of now tell what one reading could not.
		if got := fleet.Instances[0].Findings; len(got) < 2 {
			t.Errorf("%q", got)
		}
	})
}

func TestTheFleetByTenantAndName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, nil)
		for _, tt := range []struct {
			arguments map[string]any
			total     int
			status    string
		}{
			{nil, 6, "healthy"},
			{map[string]any{"tenant": "production"}, 1, "healthy"},
			{map[string]any{"tenant": developmentID, "name": "s*"}, 2, "healthy"},
			{map[string]any{"name": "shop"}, 1, "not_monitored"},
			{map[string]any{"name": "nothing"}, 0, "not_monitored"},
		} {
			if out := must[tools.FleetHealth](r, c, "check_fleet_health", tt.arguments); out.Total != tt.total || out.Status != tt.status {
				t.Errorf("%v: %+v", tt.arguments, out)
			}
		}
		r.refuses(c, "check_fleet_health", map[string]any{"tenant": "Prodction"}, `no tenant "Prodction"`, `"Production"`)
	})
}

// TestTheFleetWhereATenantHasNoAddress reads each instance at its own address, and only those.
func TestTheFleetWhereATenantHasNoAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.sim.Fail(aurasim.Fault{
			Path: "/v1/tenants/*/metrics-integration", Times: 2, Kind: aurasim.Answer, Status: http.StatusBadRequest,
			Body: `{"errors":[{"message":"not eligible","reason":"tenant-incapable-of-action"}]}`,
		})
		out := must[tools.FleetHealth](r, r.connect(modern, nil), "check_fleet_health", nil)
		if out.Counts["healthy"] != 2 || out.Counts["not_monitored"] != 4 || out.Status != "healthy" {
			t.Errorf("%+v", out)
		}
		got := scrapes(r)
		slices.Sort(got)
		if diff := cmp.Diff([]string{"/api/v1/" + productionID + "/" + prodID + "/metrics", "/api/v1/" + developmentID + "/" + stagingID + "/metrics"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPausedDatabaseDoesNotSpoilTheFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.sim.State.Instances[1].Status = "paused" })
		c := r.connect(modern, nil)
		out := must[tools.FleetHealth](r, c, "check_fleet_health", nil)
		if out.Status != "healthy" || out.Counts["unknown"] != 1 || out.NotAssessed[0].Reason != "not_running" {
			t.Errorf("%+v", out)
		}
		if err := r.sim.Console().SetStatus(prodID, "loading failed"); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Minute)
		if out = must[tools.FleetHealth](r, c, "check_fleet_health", nil); out.Status != "critical" {
			t.Errorf("%+v", out)
		}
	})
}

func TestADatabaseThatAuraCallsFailedIsCritical(t *testing.T) {
	t.Parallel()
	for _, plan := range []string{"professional-db", "business-critical", "free-db"} {
		t.Run(plan, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) {
					o.sim.State.Instances[5].Type, o.sim.State.Instances[5].Status = plan, "loading failed"
				})
				c := r.connect(modern, nil)
				fleet := must[tools.FleetHealth](r, c, "check_fleet_health", nil)
				if fleet.Status != "critical" || fleet.Counts["critical"] != 1 || fleet.Instances[0].Name != "shop" || len(fleet.Instances[0].Findings) != 1 {
					t.Errorf("%s\n%+v", fleet.Summary, fleet.Instances)
				}
				if !strings.Contains(fleet.NotMonitored, `"archive" (paused)`) || strings.Contains(fleet.NotMonitored, `"shop"`) {
					t.Errorf("not monitored: %s", fleet.NotMonitored)
				}
				one := must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": "shop"})
				if one.Status != "critical" || len(one.Findings) != 1 || !strings.Contains(one.Summary, "loading failed") || one.Advice["restore_snapshot"] == "" {
					t.Errorf("%+v", one)
				}
				r.refuses(c, "get_instance_metrics", map[string]any{"instance": "shop"}, "no metrics")
			})
		})
	}
}

func TestRawMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faring("idle"))
		c := r.connect(modern, nil)
		all := must[tools.InstanceMetrics](r, c, "get_instance_metrics", map[string]any{"instance": "prod", "limit": 500})
		if len(all.Metrics) < 30 || all.Values < 50 || all.SampledAt == "" {
			t.Errorf("%d metrics, %d values, at %q", len(all.Metrics), all.Values, all.SampledAt)
		}
		for _, m := range all.Metrics {
			if m.Unit == "" && m.Name != "neo4j_cluster_raft_is_leader" {
				t.Errorf("%s has no unit", m.Name)
			}
		}
		few := must[tools.InstanceMetrics](r, c, "get_instance_metrics", map[string]any{"instance": "PROD", "name": "*_latency_*", "limit": 2})
		if few.Values < 3 || few.Metrics[0].Unit != "ms" || few.Metrics[0].Samples[0].Value != nil || few.Metrics[0].Samples[0].Note != "not a number" || few.Metrics[0].Samples[0].Labels["instance_id"] != "" {
			t.Errorf("%+v", few)
		}
		if notes := strings.Join(few.Notes, "\n"); !strings.Contains(notes, "not 0") || !strings.Contains(notes, "the first 2 of") {
			t.Errorf("%q", few.Notes)
		}
		r.refuses(c, "get_instance_metrics", map[string]any{"instance": "prod", "name": "neo4j_aura_cpu_usge"}, "No metric is like", "neo4j_aura_cpu_usage")
	})
}

func TestAChartComesWithTheVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, faring("critical"))
		c := r.connect(modern, nil)
		result, err := c.CallTool(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{
			Name: "check_instance_health", Arguments: map[string]any{"instance": "prod", "chart": true},
		}})
		if err != nil || result.IsError || len(result.Content) != 2 {
			t.Fatalf("%v %+v", err, result)
		}
		picture, ok := mcp.AsImageContent(result.Content[1])
		if !ok || picture.MIMEType != "image/png" {
			t.Fatalf("%+v", result.Content[1])
		}
		raw, err := base64.StdEncoding.DecodeString(picture.Data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(raw)); err != nil || len(raw) > 40_000 {
			t.Errorf("%d bytes: %v", len(raw), err)
		}
		result.Content = result.Content[:1]
		if text := r.told("check_instance_health", result); strings.Contains(text, "picture") {
			t.Errorf("the picture is in the text, too: %s", text)
		}
	})
}

// healthRun runs the command against a simulated fleet, in this process.
func healthRun(t *testing.T, scenario string, environ []string, args ...string) (code int, out, problems string) {
	t.Helper()
	state := map[string]any{
		"tenants": []any{map[string]any{"id": productionID, "name": "Production"}},
		"instances": []any{map[string]any{
			"id": prodID, "name": "prod", "tenant_id": productionID, "type": "business-critical", "cloud_provider": "gcp", "region": "europe-west1", "memory": "8GB", "scenario": scenario,
		}},
	}
	encoded, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "fleet.json")
	if err := os.WriteFile(file, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), Process{
		Args: append([]string{"health", "--demo", "--sim-state", file}, args...), Environ: environ, StateDir: t.TempDir(),
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Terminal: noTerminal,
	})
	return code, stdout.String(), stderr.String()
}

func TestTheExitCodeIsTheVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, scenario string
		args           []string
		code           int
		says           string
	}{
		{"healthy", "healthy", []string{"prod"}, 0, "healthy"},
		{"warning", "warning", []string{"prod"}, 1, "needs attention"},
		{"critical", "critical", []string{"prod"}, 2, "critical state"},
		{"unknown", "no_metrics_yet", []string{"prod"}, 3, "not known"},
		{"the fleet, healthy", "healthy", []string{"--fleet"}, 0, "NAME"},
		{"the fleet, without a word", "critical", nil, 2, "heap use is"},
		{"the fleet, unknown", "no_metrics_yet", []string{"--fleet"}, 3, "no samples"},
		{"JSON", "warning", []string{"prod", "--json"}, 1, `"status": "warning"`},
		{"JSON of the fleet", "warning", []string{"--json"}, 1, `"queries`},
		{"a name that there is not", "healthy", []string{"prd"}, 3, ""},
		{"a name and the fleet", "healthy", []string{"prod", "--fleet"}, ExitUsage, ""},
		{"a window of the fleet", "healthy", []string{"--window", "40"}, ExitUsage, ""},
		{"a window that is too short", "healthy", []string{"prod", "--window", "5"}, ExitUsage, ""},
		{"a flag that does not exist", "healthy", []string{"prod", "--nonsense"}, ExitUsage, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out, problems := healthRun(t, tt.scenario, nil, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, tt.code, out, problems)
			}
			if tt.name != "JSON of the fleet" && !strings.Contains(out, tt.says) {
				t.Errorf("it does not say %q:\n%s", tt.says, out)
			}
			if strings.Contains(out, "\x1b") {
				t.Errorf("colours in a file: %q", out)
			}
			if (tt.says == "") != (problems != "") {
				t.Errorf("standard error: %q", problems)
			}
			if slices.Contains(tt.args, "--json") && !json.Valid([]byte(out)) {
				t.Errorf("no JSON: %s", out)
			}
		})
	}
}

// TestTheCommandHasItsOwnTools: which tools assistants are offered does not keep cron from looking.
func TestTheCommandHasItsOwnTools(t *testing.T) {
	t.Parallel()
	if code, out, problems := healthRun(t, "healthy", []string{"AURA_MCP_TOOLSETS=tenants"}, "prod"); code != ExitOK {
		t.Errorf("%d: %s%s", code, out, problems)
	}
}

func TestWatchLooksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 70*time.Second)
		defer cancel()
		var stdout, stderr bytes.Buffer
		code := Run(ctx, Process{
			Args: []string{"health", "staging-orders", "--demo", "--watch"}, StateDir: t.TempDir(),
			Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Terminal: noTerminal,
		})
		if n := strings.Count(stdout.String(), "again every 30 s"); n != 3 || code != 2 || stderr.Len() != 0 {
			t.Errorf("%d looks, exit code %d: %s%s", n, code, stdout.String(), stderr.String())
		}
		if !strings.Contains(stdout.String(), "rates over 30 s") {
			t.Errorf("no rates in the second look:\n%s", stdout.String())
		}
	})
}

func TestThresholdsOfTheSettings(t *testing.T) {
	t.Parallel()
	strict, err := thresholds(config.Config{File: "config.toml", Tables: config.Tables{
		Health: map[string]config.Bounds{"cpu": {Warning: new(0.01), Critical: new(0.02)}},
		HealthFor: []config.HealthFor{
			{Names: []string{"pr*"}, Signals: map[string]config.Bounds{"cpu": {Warning: new(0.1), Critical: new(0.2)}}},
			{Names: []string{"batch-*"}, Signals: map[string]config.Bounds{"cpu": {Warning: new(0.98), Critical: new(0.99)}}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		aura, err := auraclient.New(aurasim.DemoClientID, aurasim.DemoClientSecret, auraclient.WithBaseURL("https://sim.invalid"), auraclient.WithTransport(r.sim.Transport()))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range tools.New(tools.Options{Connect: func(context.Context) (*auraclient.Client, error) { return aura, nil }, Thresholds: strict}).Catalog() {
			if o.Spec.Name != "check_instance_health" {
				continue
			}
			request, err := o.Prepare(map[string]any{"instance": "prod"})
			if err != nil {
				t.Fatal(err)
			}
			out, err := request.Run(t.Context(), op.Call{}, planless())
			if err != nil {
				t.Fatal(err)
			}
			if verdict := out.(tools.InstanceHealth); verdict.Status != "critical" || *verdict.Findings[0].Threshold != 0.2 || verdict.Findings[0].Basis != "your settings" {
				t.Errorf("%+v", verdict)
			}
		}
	})
	for id, bounds := range map[string]config.Bounds{
		"cpu": {Warning: new(0.99)}, "heap": {Critical: new(7.0)}, "tempo": {Warning: new(1.0)}, "leader": {Warning: new(1.0)},
	} {
		if _, err := thresholds(config.Config{File: "config.toml", Tables: config.Tables{Health: map[string]config.Bounds{id: bounds}}}); err == nil || !strings.HasPrefix(err.Error(), "config.toml: [health."+id+"]: ") {
			t.Errorf("%s %+v: %v", id, bounds, err)
		}
		if _, err := thresholds(config.Config{File: "config.toml", Tables: config.Tables{HealthFor: []config.HealthFor{{Names: []string{"x"}, Signals: map[string]config.Bounds{id: bounds}}}}}); err == nil || !strings.HasPrefix(err.Error(), "config.toml: [health_for.signals."+id+"]: ") {
			t.Errorf("for names, %s %+v: %v", id, bounds, err)
		}
	}
}

// planless is the plan of what changes nothing.
func planless() op.Plan { return op.Plan{} }

func noTerminal() (io.ReadWriteCloser, error) { return nil, errors.New("no terminal") }

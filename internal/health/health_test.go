package health_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/health"
)

const id = "a1b2c3d4"

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// scrape is built from series such as `cpu_usage{instance_mode=PRIMARY} 3.5`: name
// and labels without what all of them have.
type scrape struct {
	values map[string]float64 // by series
	at     time.Time
	id     string
}

// at is a body of a healthy instance, age before now, with changes. A change of
// "name -" takes all series of that name out.
func at(age time.Duration, changes ...string) scrape {
	s := scrape{values: map[string]float64{}, at: now.Add(-age), id: id}
	for _, line := range []string{
		"neo4j_aura_cpu_limit 4", "neo4j_aura_cpu_usage 1", "neo4j_aura_storage_limit 1000000", "neo4j_aura_out_of_memory_errors_total 0",
		"neo4j_dbms_vm_heap_used_ratio 0.4",
		"neo4j_dbms_vm_gc_time_g1_young_generation_total 5000", "neo4j_dbms_vm_gc_time_g1_old_generation_total 1000",
		"neo4j_dbms_page_cache_hit_ratio_per_minute 0.995", "neo4j_dbms_page_cache_usage_ratio 0.5", "neo4j_dbms_page_cache_evictions_total 7",
		"neo4j_dbms_bolt_connections_running 2", "neo4j_dbms_bolt_connections_idle 10",
		"neo4j_dbms_bolt_connections_opened_total 100", "neo4j_dbms_bolt_connections_closed_total 88",
		"neo4j_database_store_size_database{database=neo4j} 300000",
		"neo4j_database_count_node{database=neo4j} 1000000", "neo4j_database_count_relationship{database=neo4j} 2000000",
		"neo4j_database_transaction_active_read{database=neo4j} 1", "neo4j_database_transaction_active_write{database=neo4j} 0",
		"neo4j_database_transaction_committed_total{database=neo4j} 5000", "neo4j_database_transaction_rollbacks_total{database=neo4j} 10",
		"neo4j_database_transaction_peak_concurrent_total{database=neo4j} 9",
		"neo4j_database_transaction_last_committed_tx_id_total{database=neo4j} 6000",
		"neo4j_database_cypher_replan_events_total{database=neo4j} 3",
		"neo4j_database_check_point_events_total{database=neo4j} 30", "neo4j_database_check_point_total_time_total{database=neo4j} 40000",
		"neo4j_database_check_point_duration{database=neo4j} 1500",
		"neo4j_db_query_execution_success_total{database=neo4j} 100000", "neo4j_db_query_execution_failure_total{database=neo4j} 100",
		"neo4j_db_query_execution_internal_latency_q50{database=neo4j} 5", "neo4j_db_query_execution_internal_latency_q75{database=neo4j} 12",
		"neo4j_db_query_execution_internal_latency_q99{database=neo4j} 40",
	} {
		s.set(line)
	}
	for _, c := range changes {
		s.set(c)
	}
	return s
}

// nothing is a body of only these series.
func nothing(age time.Duration, lines ...string) scrape {
	s := scrape{values: map[string]float64{}, at: now.Add(-age), id: id}
	for _, l := range lines {
		s.set(l)
	}
	return s
}

func (s scrape) set(line string) {
	series, value, _ := strings.Cut(line, " ")
	name, _, _ := strings.Cut(series, "{")
	if value == "-" || !strings.Contains(series, "{") || strings.HasPrefix(value, "only ") {
		maps.DeleteFunc(s.values, func(k string, _ float64) bool { return k == name || strings.HasPrefix(k, name+"{") })
	}
	if value == "-" {
		return
	}
	f, err := strconv.ParseFloat(strings.TrimPrefix(value, "only "), 64)
	if err != nil {
		panic(line)
	}
	s.values[series] = f
}

func (s scrape) build() *auraclient.Scrape { return bodies(s) }

func bodies(all ...scrape) *auraclient.Scrape {
	families := map[string][]auraclient.Sample{}
	out := &auraclient.Scrape{ReadAt: now}
	for _, s := range all {
		for _, series := range slices.Sorted(maps.Keys(s.values)) {
			name, rest, _ := strings.Cut(series, "{")
			labels := map[string]string{"aggregation": "MAX", "instance_id": s.id}
			for pair := range strings.SplitSeq(strings.TrimSuffix(rest, "}"), ",") {
				if k, v, ok := strings.Cut(pair, "="); ok {
					labels[k] = v
				}
			}
			families[name] = append(families[name], auraclient.Sample{Labels: labels, Value: s.values[series], Time: s.at})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		out.Families = append(out.Families, auraclient.MetricFamily{Name: name, Type: "gauge", Samples: families[name]})
	}
	return out
}

func assess(t *testing.T, in health.Input) health.Verdict {
	t.Helper()
	in.InstanceID = id
	if in.Now.IsZero() {
		in.Now = now
	}
	v := health.Assess(in)
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("the verdict has no JSON: %v", err)
	}
	return v
}

// once is one reading, twice are two a minute apart of which the first is that of
// a healthy instance unless something was changed there, too.
func once(t *testing.T, changes ...string) health.Verdict {
	t.Helper()
	return assess(t, health.Input{EndpointKind: "instance", Scrape: at(20*time.Second, changes...).build()})
}

func twice(t *testing.T, before, after []string) health.Verdict {
	t.Helper()
	return assess(t, health.Input{EndpointKind: "instance", Scrape: at(20*time.Second, after...).build(), Earlier: at(80*time.Second, before...).build()})
}

// found has the findings of a signal as severities.
func found(v health.Verdict, signal string) string {
	var s []string
	for _, f := range v.Findings {
		if f.ID == signal {
			s = append(s, string(f.Severity))
		}
	}
	return strings.Join(s, " ")
}

func number(f *float64) string {
	if f == nil {
		return "null"
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	v := once(t)
	if v.Status != health.StatusHealthy || len(v.Findings) != 0 || v.Findings == nil || v.Reason != "" {
		t.Errorf("one reading: %s %s, findings %+v", v.Status, v.Reason, v.Findings)
	}
	if !slices.ContainsFunc(v.Notes, func(n string) bool {
		return strings.Contains(n, "gc, query_failures, rollbacks, replan") && strings.Contains(n, "after 35 seconds")
	}) {
		t.Errorf("no note on missing rates: %q", v.Notes)
	}
	if s := v.Source; s.Granularity != "default" || *s.AgeSeconds != 20 || s.WindowSecs != nil || !s.SampleTime.Equal(now.Add(-20*time.Second)) {
		t.Errorf("source %+v", s)
	}
	if c := v.Coverage; c.Known != 32 || !slices.Equal(c.Missing, []string{"neo4j_cluster_raft_is_leader"}) {
		t.Errorf("coverage %+v", c)
	}
	v = twice(t, nil, nil)
	if v.Status != health.StatusHealthy || len(v.Findings) != 0 || *v.Source.WindowSecs != 60 {
		t.Errorf("two readings: %s, findings %+v", v.Status, v.Findings)
	}
	if slices.ContainsFunc(v.Notes, func(n string) bool { return strings.Contains(n, "35 seconds") }) {
		t.Errorf("notes %q", v.Notes)
	}
}

// TestSignals has a row for every edge of every signal: its value, its status and
// the severities of its findings.
func TestSignals(t *testing.T) {
	t.Parallel()
	const (
		zoneA, zoneB, zoneC = "availability_zone=a,instance_mode=PRIMARY", "availability_zone=b,instance_mode=PRIMARY", "availability_zone=c,instance_mode=PRIMARY"

		cpu      = "neo4j_aura_cpu_usage"
		cores    = "neo4j_aura_cpu_limit"
		heap     = "neo4j_dbms_vm_heap_used_ratio"
		young    = "neo4j_dbms_vm_gc_time_g1_young_generation_total"
		old      = "neo4j_dbms_vm_gc_time_g1_old_generation_total"
		oom      = "neo4j_aura_out_of_memory_errors_total"
		hits     = "neo4j_dbms_page_cache_hit_ratio_per_minute"
		usage    = "neo4j_dbms_page_cache_usage_ratio"
		evicted  = "neo4j_dbms_page_cache_evictions_total"
		store    = "neo4j_database_store_size_database"
		disk     = "neo4j_aura_storage_limit"
		nodes    = "neo4j_database_count_node{database=neo4j}"
		good     = "neo4j_db_query_execution_success_total"
		bad      = "neo4j_db_query_execution_failure_total"
		q50      = "neo4j_db_query_execution_internal_latency_q50"
		q99      = "neo4j_db_query_execution_internal_latency_q99"
		commits  = "neo4j_database_transaction_committed_total"
		rolled   = "neo4j_database_transaction_rollbacks_total"
		running  = "neo4j_dbms_bolt_connections_running"
		idle     = "neo4j_dbms_bolt_connections_idle"
		opened   = "neo4j_dbms_bolt_connections_opened_total"
		closed   = "neo4j_dbms_bolt_connections_closed_total"
		replans  = "neo4j_database_cypher_replan_events_total"
		check    = "neo4j_database_check_point_duration"
		leads    = "neo4j_cluster_raft_is_leader"
		tx       = "neo4j_database_transaction_last_committed_tx_id_total"
		neo4j    = "{database=neo4j}"
		movies   = "{database=movies}"
		unknown  = "unknown"
		healthy  = "healthy"
		warning  = "warning"
		critical = "critical"
	)
	type list = []string
	two := func(lines ...string) list { return append(list{}, lines...) }
	members := func(name string, a, b, c string) list {
		return list{name + " -", name + "{" + zoneA + "} " + a, name + "{" + zoneB + "} " + b, name + "{" + zoneC + "} " + c}
	}
	ids := func(db, a, b, c string) list {
		return list{tx + " -", tx + "{" + zoneA + ",database=" + db + "} " + a, tx + "{" + zoneB + ",database=" + db + "} " + b, tx + "{" + zoneC + ",database=" + db + "} " + c}
	}
	leaders := func(db, a, b, c string) list {
		return list{leads + "{" + zoneA + db + "} " + a, leads + "{" + zoneB + db + "} " + b, leads + "{" + zoneC + db + "} " + c}
	}
	for _, test := range []struct {
		name          string
		signal        string
		before, after list // before nil: one reading
		value, status string
		findings      string
		reason        health.Reason
	}{
		{"below", "cpu", nil, two(cpu + " 3.199"), "0.7998", healthy, "", ""},
		{"at the warning", "cpu", nil, two(cpu + " 3.2"), "0.8", warning, "warning", ""},
		{"above the warning", "cpu", nil, two(cpu + " 3.5"), "0.875", warning, "warning", ""},
		{"at the critical", "cpu", nil, two(cpu + " 3.8"), "0.95", critical, "critical", ""},
		{"above the limit", "cpu", nil, two(cpu + " 5"), "1.25", critical, "critical", ""},
		{"sustained", "cpu", two(cpu + " 3.9"), two(cpu + " 3.8"), "0.95", critical, "critical", ""},
		{"sustained at a lower level", "cpu", two(cpu + " 3.3"), two(cpu + " 3.9"), "0.825", warning, "warning", ""},
		{"a peak in the second reading", "cpu", two(cpu + " 1"), two(cpu + " 3.9"), "0.25", healthy, "info", ""},
		{"a peak in the first reading", "cpu", two(cpu + " 3.9"), two(cpu + " 1"), "0.25", healthy, "info", ""},
		{"resized between the readings", "cpu", two(cpu+" 3.9", cores+" 4"), two(cpu+" 3.9", cores+" 8"), "0.4875", healthy, "info", ""},
		{"absent", "cpu", nil, two(cpu + " -"), "null", unknown, "", health.ReasonAbsent},
		{"no limit", "cpu", nil, two(cores + " -"), "null", unknown, "", health.ReasonAbsent},
		{"a limit of nothing", "cpu", nil, two(cores + " 0"), "null", unknown, "", health.ReasonImplausible},
		{"NaN", "cpu", nil, two(cpu + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"infinite", "cpu", nil, two(cpu + " +Inf"), "null", unknown, "", health.ReasonNotANumber},
		{"negative", "cpu", nil, two(cpu + " -1"), "null", unknown, "", health.ReasonImplausible},
		{"limit NaN", "cpu", nil, two(cores + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"NaN in the first reading", "cpu", two(cpu + " NaN"), two(cpu + " 3.9"), "0.975", critical, "critical", ""},
		{"one of three members", "cpu", nil, members(cpu, "0.3", "3.96", "0.2"), "0.99", critical, "critical", ""},
		{"members with limits of their own", "cpu", nil, slices.Concat(members(cpu, "1", "1.9", "1"), members(cores, "4", "2", "4")), "0.95", critical, "critical", ""},
		{"a member without a limit", "cpu", nil, slices.Concat(members(cpu, "1", "1", "1"), list{cores + " -", cores + "{" + zoneA + "} 4", cores + "{" + zoneB + "} 4"}), "0.25", unknown, "", health.ReasonPartly},
		{"a member NaN and the others well", "cpu", nil, members(cpu, "1", "NaN", "1"), "0.25", unknown, "", health.ReasonPartly},
		{"a member NaN and another at its limit", "cpu", nil, members(cpu, "1", "NaN", "4"), "1", critical, "critical", ""},

		{"below", "heap", nil, two(heap + " 0.799"), "0.799", healthy, "", ""},
		{"at the warning", "heap", nil, two(heap + " 0.80"), "0.8", healthy, "", ""},
		{"above the warning", "heap", nil, two(heap + " 0.801"), "0.801", warning, "warning", ""},
		{"below the critical after one reading", "heap", nil, two(heap+" 0.949", old+" 900000"), "0.949", warning, "warning", ""},
		{"at the critical", "heap", nil, two(heap + " 0.95"), "0.95", critical, "critical", ""},
		{"sustained", "heap", two(heap + " 0.96"), two(heap + " 0.97"), "0.96", critical, "critical", ""},
		{"a peak", "heap", two(heap + " 0.5"), two(heap + " 0.97"), "0.5", healthy, "info", ""},
		{"high with a busy collector", "heap", two(heap+" 0.90", old+" 1000"), two(heap+" 0.91", old+" 4000"), "0.9", critical, "critical", ""},
		{"high with a collector less busy", "heap", two(heap+" 0.90", old+" 1000"), two(heap+" 0.91", old+" 3999"), "0.9", warning, "warning", ""},
		{"not so high with a busy collector", "heap", two(heap+" 0.899", old+" 1000"), two(heap+" 0.91", old+" 9000"), "0.899", warning, "warning", ""},
		{"very high with a busy collector", "heap", two(heap+" 0.97", old+" 1000"), two(heap+" 0.97", old+" 9000"), "0.97", critical, "critical", ""},
		{"absent", "heap", nil, two(heap + " -"), "null", unknown, "", health.ReasonAbsent},
		{"NaN", "heap", nil, two(heap + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"a percentage where a ratio belongs", "heap", nil, two(heap + " 40"), "null", unknown, "", health.ReasonImplausible},
		{"one of three members", "heap", nil, members(heap, "0.2", "0.3", "0.98"), "0.98", critical, "critical", ""},

		{"one reading", "gc", nil, two(old + " 900000"), "null", unknown, "", health.ReasonTwoScrapes},
		{"below", "gc", two(old+" 1000", young+" 5000"), two(old+" 1299", young+" 5300"), "0.01", healthy, "", ""},
		{"at the warning", "gc", two(old+" 1000", young+" 5000"), two(old+" 1300", young+" 5300"), "0.01", warning, "warning", ""},
		{"below the critical", "gc", two(old + " 1000"), two(old + " 3999"), "0.05", warning, "warning", ""},
		{"at the critical", "gc", two(old + " 1000"), two(old + " 4000"), "0.05", critical, "critical", ""},
		{"reset", "gc", two(old + " 1000"), two(old + " 10"), "null", unknown, "", health.ReasonCounterReset},
		{"the other one reset", "gc", two(young + " 1000"), two(young + " 10"), "null", unknown, "", health.ReasonCounterReset},
		{"absent", "gc", two(old + " -"), two(old + " -"), "null", unknown, "", health.ReasonAbsent},
		{"half absent", "gc", two(young + " -"), two(young + " -"), "null", unknown, "", health.ReasonAbsent},
		{"NaN", "gc", nil, two(old + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"NaN before", "gc", two(old + " NaN"), nil, "null", unknown, "", health.ReasonNotANumber},
		{"one of three members", "gc", slices.Concat(members(old, "0", "0", "0"), members(young, "0", "0", "0")),
			slices.Concat(members(old, "0", "6000", "0"), members(young, "0", "0", "0")), "0.1", critical, "critical", ""},
		{"one of three members reset", "gc", slices.Concat(members(old, "9", "0", "0"), members(young, "0", "0", "0")),
			slices.Concat(members(old, "0", "6000", "0"), members(young, "0", "0", "0")), "null", unknown, "", health.ReasonCounterReset},

		{"none", "oom", nil, two(oom + " 0"), "0", healthy, "", ""},
		{"some since a start", "oom", nil, two(oom + " 2"), "2", warning, "warning", ""},
		{"the same as before", "oom", two(oom + " 2"), two(oom + " 2"), "0", healthy, "", ""},
		{"one more", "oom", two(oom + " 2"), two(oom + " 3"), "1", critical, "critical", ""},
		{"reset", "oom", two(oom + " 2"), two(oom + " 0"), "null", unknown, "", health.ReasonCounterReset},
		{"absent", "oom", nil, two(oom + " -"), "null", unknown, "", health.ReasonAbsent},
		{"NaN", "oom", nil, two(oom + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"one of three members", "oom", members(oom, "0", "0", "0"), members(oom, "0", "1", "0"), "1", critical, "critical", ""},
		{"one of three members NaN", "oom", members(oom, "0", "0", "0"), members(oom, "NaN", "1", "0"), "1", critical, "critical", ""},
		{"a new member that had some", "oom", two(oom + " 0"), members(oom, "0", "1", "0"), "1", warning, "warning", ""},

		{"above", "page_cache", nil, two(hits + " 0.981"), "0.981", healthy, "", ""},
		{"at the warning", "page_cache", nil, two(hits + " 0.98"), "0.98", healthy, "", ""},
		{"below the warning", "page_cache", nil, two(hits + " 0.979"), "0.979", warning, "warning", ""},
		{"below the critical with room", "page_cache", nil, two(hits + " 0.5"), "0.5", warning, "warning", ""},
		{"at the critical and full", "page_cache", nil, two(hits+" 0.90", usage+" 0.99"), "0.9", warning, "warning", ""},
		{"below the critical and full", "page_cache", nil, two(hits+" 0.89", usage+" 0.99"), "0.89", critical, "critical", ""},
		{"below the critical and evicting", "page_cache", two(evicted + " 7"), two(hits+" 0.89", evicted+" 8"), "0.89", critical, "critical", ""},
		{"none at all and full", "page_cache", nil, two(hits+" 0", usage+" 1"), "0", critical, "critical", ""},
		{"during a bulk load", "page_cache", two(nodes + " 1000000"), two(hits+" 0.5", usage+" 1", nodes+" 1020000"), "0.5", healthy, "info", ""},
		{"while the graph grows a little", "page_cache", two(nodes + " 1000000"), two(hits+" 0.5", usage+" 1", nodes+" 1010000"), "0.5", critical, "critical", ""},
		{"after a restart", "page_cache", two(evicted + " 7"), two(hits+" 0.5", usage+" 1", evicted+" 1"), "0.5", healthy, "info", ""},
		{"absent", "page_cache", nil, two(hits + " -"), "null", unknown, "", health.ReasonAbsent},
		{"NaN", "page_cache", nil, two(hits + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"one of three members", "page_cache", nil, members(hits, "0.99", "0.97", "1"), "0.97", warning, "warning", ""},

		{"below", "storage", nil, two(store + neo4j + " 699999"), "0.7", healthy, "", ""},
		{"at the warning", "storage", nil, two(store + neo4j + " 700000"), "0.7", warning, "warning", ""},
		{"below the critical", "storage", nil, two(store + neo4j + " 899999"), "0.9", warning, "warning", ""},
		{"at the critical", "storage", nil, two(store + neo4j + " 900000"), "0.9", critical, "critical", ""},
		{"several databases", "storage", nil, two(store+neo4j+" 400000", store+movies+" 350000"), "0.75", warning, "warning", ""},
		{"copies of one database", "storage", nil, two(store+" -", store+"{"+zoneA+",database=neo4j} 400000", store+"{"+zoneB+",database=neo4j} 450000"), "0.45", healthy, "", ""},
		{"a database NaN", "storage", nil, two(store + movies + " NaN"), "0.3", unknown, "", health.ReasonPartly},
		{"absent", "storage", nil, two(store + " -"), "null", unknown, "", health.ReasonAbsent},
		{"NaN", "storage", nil, two(store + neo4j + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"no limit", "storage", nil, two(disk + " -"), "null", unknown, "", health.ReasonAbsent},
		{"a limit of nothing", "storage", nil, two(disk + " 0"), "null", unknown, "", health.ReasonImplausible},

		{"a minute", "storage_growth", two(), two(store + neo4j + " 900000"), "null", unknown, "", health.ReasonHistory},
		{"no limit", "storage_growth", nil, two(disk + " -"), "null", unknown, "", health.ReasonAbsent},

		{"one reading", "query_failures", nil, two(bad + neo4j + " 90000"), "null", unknown, "", health.ReasonTwoScrapes},
		{"below", "query_failures", nil, nil, "null", unknown, "", health.ReasonTwoScrapes},
		{"just below", "query_failures", two(), two(good+neo4j+" 100992", bad+neo4j+" 108"), "0.008", healthy, "", ""},
		{"at the warning", "query_failures", two(), two(good+neo4j+" 100990", bad+neo4j+" 110"), "0.01", warning, "warning", ""},
		{"below the critical", "query_failures", two(), two(good+neo4j+" 100951", bad+neo4j+" 149"), "0.049", warning, "warning", ""},
		{"at the critical", "query_failures", two(), two(good+neo4j+" 100950", bad+neo4j+" 150"), "0.05", critical, "critical", ""},
		{"of nineteen", "query_failures", two(), two(good+neo4j+" 100000", bad+neo4j+" 119"), "null", unknown, "", health.ReasonTooFew},
		{"of twenty", "query_failures", two(), two(good+neo4j+" 100000", bad+neo4j+" 120"), "1", critical, "critical", ""},
		{"reset", "query_failures", two(), two(good+neo4j+" 1", bad+neo4j+" 500"), "null", unknown, "", health.ReasonCounterReset},
		{"absent", "query_failures", two(), two(bad + " -"), "null", unknown, "", health.ReasonAbsent},
		{"NaN", "query_failures", two(), two(bad + neo4j + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"a small database among a large one", "query_failures", two(good+movies+" 0", bad+movies+" 0"),
			two(good+neo4j+" 200000", good+movies+" 50", bad+movies+" 50"), "0.5", critical, "critical", ""},
		{"small databases together", "query_failures", two(good+movies+" 0", bad+movies+" 0"),
			two(good+neo4j+" 100015", good+movies+" 0", bad+movies+" 15"), "0.5", critical, "critical", ""},
		{"a database that is new", "query_failures", two(), two(good+neo4j+" 100100", good+movies+" 50", bad+movies+" 0"), "0", unknown, "", health.ReasonPartly},
		{"a database without the one counter", "query_failures", two(good + movies + " 0"), two(good+neo4j+" 100100", good+movies+" 50"), "0", unknown, "", health.ReasonPartly},

		{"fast enough", "latency", nil, two(q99 + neo4j + " 999"), "999", healthy, "", ""},
		{"slow at the edge", "latency", nil, two(q99 + neo4j + " 1000"), "1000", healthy, "info", ""},
		{"slow beside the median at the edge", "latency", nil, two(q99+neo4j+" 1000", q50+neo4j+" 100"), "1000", healthy, "", ""},
		{"slow in both readings", "latency", two(q99 + neo4j + " 1200"), two(q99 + neo4j + " 1500"), "1500", warning, "warning", ""},
		{"slow in the second reading only", "latency", two(), two(q99 + neo4j + " 1500"), "1500", healthy, "info", ""},
		{"absent", "latency", nil, two(q99 + " -"), "null", unknown, "", health.ReasonAbsent},
		{"idle", "latency", nil, two(q99 + neo4j + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"no median", "latency", nil, two(q99+neo4j+" 5000", q50+" -"), "5000", unknown, "", health.ReasonPartly},
		{"one of several databases", "latency", nil, two(q99+neo4j+" 9000", q50+neo4j+" 5000", q99+movies+" 2000", q50+movies+" 5"), "2000", healthy, "info", ""},

		{"below the hint", "rollbacks", two(), two(commits+neo4j+" 6000", rolled+neo4j+" 19"), "0.009", healthy, "", ""},
		{"at the hint", "rollbacks", two(), two(commits+neo4j+" 6000", rolled+neo4j+" 20"), "0.01", healthy, "info", ""},
		{"below the warning", "rollbacks", two(), two(commits+neo4j+" 6000", rolled+neo4j+" 59"), "0.049", healthy, "info", ""},
		{"at the warning", "rollbacks", two(), two(commits+neo4j+" 6000", rolled+neo4j+" 60"), "0.05", warning, "warning", ""},
		{"too few commits", "rollbacks", two(), two(commits+neo4j+" 5019", rolled+neo4j+" 90"), "null", unknown, "", health.ReasonTooFew},
		{"reset", "rollbacks", two(), two(commits + neo4j + " 1"), "null", unknown, "", health.ReasonCounterReset},
		{"one reading", "rollbacks", nil, two(rolled + neo4j + " 4000"), "null", unknown, "", health.ReasonTwoScrapes},
		{"absent", "rollbacks", two(), two(rolled + " -"), "null", unknown, "", health.ReasonAbsent},

		{"at the warning", "connections", nil, two(running + " 60"), "15", healthy, "", ""},
		{"above the warning", "connections", nil, two(running + " 61"), "15.25", warning, "warning", ""},
		{"absent", "connections", nil, two(running + " -"), "null", unknown, "", health.ReasonAbsent},
		{"NaN", "connections", nil, two(running + " NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"no cores", "connections", nil, two(cores + " -"), "null", unknown, "", health.ReasonAbsent},
		{"one of three members", "connections", nil, members(running, "1", "1", "100"), "25", warning, "warning", ""},
		{"churn at the edge", "connections", two(), two(opened+" 148", closed+" 136"), "0.5", healthy, "", ""},
		{"churn", "connections", two(), two(opened+" 149", closed+" 137"), "0.5", warning, "warning", ""},
		{"churn of little", "connections", two(), two(opened+" 129", closed+" 117", running+" 0", idle+" 0"), "0", healthy, "", ""},
		{"churn with none left", "connections", two(), two(opened+" 130", closed+" 130", running+" 0", idle+" 0"), "0", warning, "warning", ""},
		{"opened and not closed", "connections", two(), two(opened+" 120", closed+" 88", idle+" 18"), "0.5", healthy, "info", ""},
		{"a few not closed", "connections", two(), two(opened+" 119", closed+" 100", idle+" 18"), "0.5", healthy, "", ""},
		{"reset", "connections", two(), two(opened + " 1"), "0.5", healthy, "", ""},

		{"below the hint", "replan", two(), two(good+neo4j+" 101000", replans+neo4j+" 13"), "0.01", healthy, "", ""},
		{"above the hint", "replan", two(), two(good+neo4j+" 101000", replans+neo4j+" 14"), "0.011", healthy, "info", ""},
		{"at the warning", "replan", two(), two(good+neo4j+" 101000", replans+neo4j+" 53"), "0.05", healthy, "info", ""},
		{"above the warning", "replan", two(), two(good+neo4j+" 101000", replans+neo4j+" 54"), "0.051", warning, "warning", ""},
		{"one reading", "replan", nil, two(replans + neo4j + " 9999"), "null", unknown, "", health.ReasonTwoScrapes},
		{"reset", "replan", two(), two(good+neo4j+" 101000", replans+neo4j+" 0"), "null", unknown, "", health.ReasonCounterReset},
		{"too few queries", "replan", two(), two(good+neo4j+" 100019", replans+neo4j+" 13"), "null", unknown, "", health.ReasonTooFew},
		{"absent", "replan", two(), two(replans + " -"), "null", unknown, "", health.ReasonAbsent},

		{"below", "checkpoint", nil, two(check + neo4j + " 599000"), "599", healthy, "", ""},
		{"at the warning", "checkpoint", nil, two(check + neo4j + " 600000"), "600", warning, "warning", ""},
		{"below the critical", "checkpoint", nil, two(check + neo4j + " 1799000"), "1799", warning, "warning", ""},
		{"at the critical", "checkpoint", nil, two(check + neo4j + " 1800000"), "1800", critical, "critical", ""},
		{"one of several databases", "checkpoint", nil, two(check + movies + " 1800000"), "1800", critical, "critical", ""},
		{"absent", "checkpoint", nil, two(check + " -"), "null", unknown, "", health.ReasonAbsent},
		{"NaN", "checkpoint", nil, two(check + neo4j + " NaN"), "null", unknown, "", health.ReasonNotANumber},

		{"default granularity", "leader", nil, nil, "null", unknown, "", health.ReasonComprehensive},
		{"one", "leader", nil, leaders(",database=neo4j", "0", "1", "0"), "1", healthy, "", ""},
		{"none in one reading", "leader", nil, leaders(",database=neo4j", "0", "0", "0"), "0", warning, "warning", ""},
		{"none in the second reading", "leader", leaders(",database=neo4j", "0", "1", "0"), leaders(",database=neo4j", "0", "0", "0"), "0", warning, "warning", ""},
		{"none in both readings", "leader", leaders(",database=neo4j", "0", "0", "0"), leaders(",database=neo4j", "0", "0", "0"), "0", critical, "critical", ""},
		{"none in the first reading", "leader", leaders(",database=neo4j", "0", "0", "0"), leaders(",database=neo4j", "0", "0", "1"), "1", healthy, "", ""},
		{"two", "leader", nil, leaders(",database=neo4j", "1", "1", "0"), "2", warning, "warning", ""},
		{"two of databases not told apart", "leader", nil, leaders("", "1", "1", "0"), "2", healthy, "", ""},
		{"none of databases not told apart", "leader", nil, leaders("", "0", "0", "0"), "0", warning, "warning", ""},
		{"one of several databases", "leader", nil, slices.Concat(leaders(",database=neo4j", "0", "1", "0"), leaders(",database=movies", "0", "0", "0")), "0", warning, "warning", ""},
		{"a secondary does not count", "leader", nil, append(leaders(",database=neo4j", "0", "1", "0"), leads+"{availability_zone=a,instance_mode=SECONDARY,database=neo4j} 1"), "1", healthy, "", ""},
		{"a member NaN", "leader", nil, leaders(",database=neo4j", "0", "1", "NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"a member NaN in one database", "leader", nil, slices.Concat(leaders(",database=neo4j", "0", "1", "0"), leaders(",database=movies", "0", "NaN", "0")), "1", unknown, "", health.ReasonPartly},
		{"absent", "leader", nil, members(cpu, "1", "1", "1"), "null", unknown, "", health.ReasonAbsent},

		{"default granularity", "replication", two(), nil, "null", unknown, "", health.ReasonComprehensive},
		{"one reading", "replication", nil, ids("neo4j", "100", "100", "100"), "null", unknown, "", health.ReasonTwoScrapes},
		{"together", "replication", ids("neo4j", "100", "100", "99"), ids("neo4j", "200", "200", "198"), "2", healthy, "", ""},
		{"all still", "replication", ids("neo4j", "100", "100", "90"), ids("neo4j", "100", "100", "90"), "10", healthy, "", ""},
		{"one still", "replication", ids("neo4j", "100", "100", "100"), ids("neo4j", "200", "199", "100"), "100", critical, "critical", ""},
		{"one slow", "replication", ids("neo4j", "100", "100", "100"), ids("neo4j", "200", "199", "101"), "99", healthy, "", ""},
		{"one reset", "replication", ids("neo4j", "100", "100", "100"), ids("neo4j", "200", "199", "0"), "null", unknown, "", health.ReasonCounterReset},
		{"one NaN", "replication", ids("neo4j", "100", "100", "100"), ids("neo4j", "200", "199", "NaN"), "null", unknown, "", health.ReasonNotANumber},
		{"a single primary", "replication", two(tx+" -", tx+"{"+zoneA+",database=neo4j} 5"), two(tx+" -", tx+"{"+zoneA+",database=neo4j} 5"), "null", unknown, "", health.ReasonTooFew},
		{"a secondary that stands still", "replication", append(ids("neo4j", "100", "100", "100"), tx+"{availability_zone=a,instance_mode=SECONDARY,database=neo4j} 100"),
			append(ids("neo4j", "200", "200", "200"), tx+"{availability_zone=a,instance_mode=SECONDARY,database=neo4j} 100"), "0", healthy, "", ""},
		{"absent", "replication", append(members(cpu, "1", "1", "1"), tx+" -"), append(members(cpu, "1", "1", "1"), tx+" -"), "null", unknown, "", health.ReasonAbsent},
	} {
		t.Run(test.signal+" "+test.name, func(t *testing.T) {
			t.Parallel()
			v := once(t, test.after...)
			if test.before != nil {
				v = twice(t, test.before, test.after)
			}
			s, ok := v.Signals[test.signal]
			if !ok {
				t.Fatal("no such signal")
			}
			if number(s.Value) != test.value || string(s.Status) != test.status || s.Reason != test.reason {
				t.Errorf("got %s %s %s, want %s %s %s", number(s.Value), s.Status, s.Reason, test.value, test.status, test.reason)
			}
			if got := found(v, test.signal); got != test.findings {
				t.Errorf("findings %q, want %q: %+v", got, test.findings, v.Findings)
			}
			if got := found(v, "counter_reset"); (got == "info") != (test.reason == health.ReasonCounterReset || strings.Contains(test.name, "re"+"set") || strings.Contains(test.name, "restart")) {
				t.Errorf("counter_reset is %q", got)
			}
			switch test.status {
			case warning, critical:
				if v.Status != health.Status(test.status) && v.Status != health.StatusCritical {
					t.Errorf("the verdict is %s", v.Status)
				}
			case unknown:
				if slices.Contains([]string{"cpu", "heap", "storage"}, test.signal) && v.Status == health.StatusHealthy {
					t.Error("the verdict is healthy")
				}
			}
			for _, f := range v.Findings {
				checkFinding(t, f)
			}
		})
	}
}

func checkFinding(t *testing.T, f health.Finding) {
	t.Helper()
	if f.Message == "" || f.Basis == "" {
		t.Errorf("a finding without message or basis: %+v", f)
	}
	if f.ID != "counter_reset" && (f.Value == nil || len(f.Recommendations) == 0 || f.Threshold == nil && f.Unit != "connections") {
		t.Errorf("a finding without value, threshold or advice: %+v", f)
	}
	if strings.Contains(f.Message, "NaN") || strings.Contains(f.Message, "%!") {
		t.Errorf("message %q", f.Message)
	}
	for _, topic := range f.Recommendations {
		if health.Sentence(topic) == "" {
			t.Errorf("no sentence for %s", topic)
		}
	}
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		age     time.Duration
		status  health.Status
		reason  health.Reason
		signal  health.Status
		finding string
	}{
		{"fresh", 20 * time.Second, health.StatusHealthy, "", health.StatusHealthy, ""},
		{"at the warning", 3 * time.Minute, health.StatusHealthy, "", health.StatusHealthy, ""},
		{"above the warning", 3*time.Minute + time.Second, health.StatusWarning, "", health.StatusWarning, "warning"},
		{"at the end", 10 * time.Minute, health.StatusWarning, "", health.StatusWarning, "warning"},
		{"stale", 10*time.Minute + time.Second, health.StatusUnknown, health.ReasonStale, health.StatusWarning, "warning"},
		{"a little ahead", -2 * time.Minute, health.StatusHealthy, "", health.StatusHealthy, ""},
		{"from the future", -4 * time.Minute, health.StatusUnknown, health.ReasonClock, health.StatusUnknown, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := assess(t, health.Input{Scrape: at(test.age, "neo4j_aura_cpu_usage 1").build()})
			if v.Status != test.status || v.Reason != test.reason || v.Signals["freshness"].Status != test.signal || found(v, "freshness") != test.finding {
				t.Errorf("got %s %s, signal %+v, findings %+v", v.Status, v.Reason, v.Signals["freshness"], v.Findings)
			}
			if (v.Message != "") != (test.reason != "") {
				t.Errorf("message %q", v.Message)
			}
		})
	}
	t.Run("stale and bad is unknown", func(t *testing.T) {
		t.Parallel()
		v := assess(t, health.Input{Scrape: at(time.Hour, "neo4j_aura_cpu_usage 4").build()})
		if v.Status != health.StatusUnknown || found(v, "cpu") != "" || v.Signals["cpu"].Value != nil {
			t.Errorf("got %s, %+v", v.Status, v.Findings)
		}
	})
	t.Run("one member has stopped reporting", func(t *testing.T) {
		t.Parallel()
		s := at(20*time.Second, "neo4j_aura_cpu_usage -", "neo4j_aura_cpu_usage{availability_zone=a} 1", "neo4j_aura_cpu_usage{availability_zone=b} 1").build()
		f, _ := s.Family("neo4j_aura_cpu_usage")
		f.Samples[1].Time = now.Add(-11 * time.Minute)
		v := assess(t, health.Input{Scrape: s})
		if v.Status != health.StatusUnknown || v.Signals["cpu"].Reason != health.ReasonPartly {
			t.Errorf("got %s, %+v", v.Status, v.Signals["cpu"])
		}
	})
	t.Run("storage may be older", func(t *testing.T) {
		t.Parallel()
		s := at(20 * time.Second).build()
		f, _ := s.Family("neo4j_database_store_size_database")
		f.Samples[0].Time = now.Add(-11 * time.Minute)
		if v := assess(t, health.Input{Scrape: s}); v.Status != health.StatusHealthy {
			t.Errorf("got %s, %+v", v.Status, v.Signals["storage"])
		}
	})
	t.Run("samples without times are as old as the answer", func(t *testing.T) {
		t.Parallel()
		s, earlier := at(0).build(), at(0).build()
		for _, body := range []*auraclient.Scrape{s, earlier} {
			for _, f := range body.Families {
				for i := range f.Samples {
					f.Samples[i].Time = time.Time{}
				}
			}
		}
		earlier.ReadAt = now.Add(-time.Minute)
		v := assess(t, health.Input{Scrape: s, Earlier: earlier})
		if v.Status != health.StatusHealthy || v.Signals["gc"].Reason != health.ReasonNoTimestamps || !strings.Contains(fmt.Sprint(v.Notes), "do not say when") {
			t.Errorf("got %s, %+v, %q", v.Status, v.Signals["gc"], v.Notes)
		}
		v = assess(t, health.Input{Scrape: s, Now: now.Add(time.Hour)})
		if v.Status != health.StatusUnknown || v.Reason != health.ReasonStale {
			t.Errorf("an hour later: %s %s", v.Status, v.Reason)
		}
	})
}

func TestRatesComeFromTheSamplesTimes(t *testing.T) {
	t.Parallel()
	const old = "neo4j_dbms_vm_gc_time_g1_old_generation_total"
	for _, test := range []struct {
		name          string
		first, second time.Duration
		reason        health.Reason
	}{
		{"the same answer twice", 20 * time.Second, 20 * time.Second, health.ReasonSameReading},
		{"too close", 49 * time.Second, 20 * time.Second, health.ReasonSameReading},
		{"close enough", 50 * time.Second, 20 * time.Second, ""},
		{"the wrong way round", 20 * time.Second, 80 * time.Second, health.ReasonSameReading},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := assess(t, health.Input{Scrape: at(test.second, old+" 31000").build(), Earlier: at(test.first).build()})
			if got := v.Signals["gc"]; got.Reason != test.reason || (got.Value == nil) != (test.reason != "") {
				t.Errorf("got %+v", got)
			}
			if noted := strings.Contains(fmt.Sprint(v.Notes), "both readings are the same"); noted != (test.reason != "") {
				t.Errorf("notes %q", v.Notes)
			}
		})
	}
}

func TestACounterReadOnceIsNoRate(t *testing.T) {
	t.Parallel()
	huge := []string{}
	for _, m := range health.Metrics() {
		if strings.HasSuffix(m, "_total") && m != "neo4j_aura_out_of_memory_errors_total" {
			huge = append(huge, m+" 5123720", m+"{database=neo4j} 5123720")
		}
	}
	v := once(t, huge...)
	for id, s := range v.Signals {
		if s.Value != nil && *s.Value > 1000 {
			t.Errorf("%s is %v", id, *s.Value)
		}
	}
	for _, s := range health.Signals() {
		if got := v.Signals[s.ID]; s.Needs == "two readings" && (got.Value != nil || got.Status != health.StatusUnknown) {
			t.Errorf("%s is %s %s", s.ID, number(got.Value), got.Status)
		}
	}
	if v.Status != health.StatusHealthy || len(v.Findings) != 0 {
		t.Errorf("got %s, %+v", v.Status, v.Findings)
	}
}

func TestStorageGrowth(t *testing.T) {
	t.Parallel()
	const store = "neo4j_database_store_size_database{database=neo4j} "
	for _, test := range []struct {
		name, before, after string
		value               string
		status              health.Status
		reason              health.Reason
	}{
		{"slow", "300000", "300500", "58.2917", health.StatusHealthy, ""},
		{"a month", "300000", "300980", "29.7202", health.StatusWarning, ""},
		{"days", "300000", "310000", "2.875", health.StatusCritical, ""},
		{"full", "300000", "1000000", "0", health.StatusCritical, ""},
		{"never", "300000", "300000", "null", health.StatusUnknown, health.ReasonNotGrowing},
		{"in centuries", "300000", "300001", "null", health.StatusUnknown, health.ReasonNotGrowing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := assess(t, health.Input{Scrape: at(20*time.Second, store+test.after).build(), Earlier: at(20*time.Second+time.Hour, store+test.before).build()})
			if s := v.Signals["storage_growth"]; number(s.Value) != test.value || s.Status != test.status || s.Reason != test.reason {
				t.Errorf("got %s %s %s", number(s.Value), s.Status, s.Reason)
			}
		})
	}
	t.Run("a new database is no growth", func(t *testing.T) {
		t.Parallel()
		v := assess(t, health.Input{Scrape: at(0, "neo4j_database_store_size_database{database=new} 500000").build(), Earlier: at(time.Hour).build()})
		if s := v.Signals["storage_growth"]; s.Reason != health.ReasonHistory {
			t.Errorf("got %+v", s)
		}
	})
}

func TestOneSaturatedMemberOfThree(t *testing.T) {
	t.Parallel()
	lines := []string{"neo4j_cluster_raft_is_leader{availability_zone=a,instance_mode=PRIMARY,database=neo4j} 1"}
	for zone, values := range map[string][2]string{"a": {"0.2", "0.3"}, "b": {"3.96", "0.98"}, "c": {"0.1", "0.3"}} {
		lines = append(lines, "neo4j_aura_cpu_usage{availability_zone="+zone+",instance_mode=PRIMARY} "+values[0],
			"neo4j_dbms_vm_heap_used_ratio{availability_zone="+zone+",instance_mode=PRIMARY} "+values[1])
	}
	v := once(t, append([]string{"neo4j_aura_cpu_usage -", "neo4j_dbms_vm_heap_used_ratio -"}, lines...)...)
	if v.Status != health.StatusCritical || found(v, "cpu") != "critical" || found(v, "heap") != "critical" {
		t.Fatalf("got %s: %+v", v.Status, v.Findings)
	}
	f := v.Findings[0]
	if f.Scope != (health.Scope{AvailabilityZone: "b", InstanceMode: "PRIMARY"}) || v.Signals["cpu"].Scope != f.Scope {
		t.Errorf("scope %+v", f.Scope)
	}
	if want := `CPU use is 99 % ("PRIMARY", zone "b"); critical from 95 %`; f.Message != want {
		t.Errorf("message %q", f.Message)
	}
	if v.Source.Granularity != "comprehensive" {
		t.Errorf("source %+v", v.Source)
	}
}

func TestUnknownIsNeverHealthy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		scrape *auraclient.Scrape
		reason health.Reason
	}{
		{"nothing was read", nil, health.ReasonNoSamples},
		{"an empty body", &auraclient.Scrape{ReadAt: now}, health.ReasonNoSamples},
		{"another instance", bodies(scrape{values: at(0).values, at: now, id: "ffffffff"}), health.ReasonNoSamples},
		{"a stale body", at(time.Hour).build(), health.ReasonStale},
		{"no CPU", at(0, "neo4j_aura_cpu_usage -").build(), health.ReasonCore},
		{"no heap", at(0, "neo4j_dbms_vm_heap_used_ratio -").build(), health.ReasonCore},
		{"no storage", at(0, "neo4j_aura_storage_limit -").build(), health.ReasonCore},
		{"none of what anybody knows", nothing(0, "my_metric 1").build(), health.ReasonCore},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := assess(t, health.Input{Scrape: test.scrape})
			if v.Status != health.StatusUnknown || v.Reason != test.reason || v.Message == "" {
				t.Errorf("got %s %s %q", v.Status, v.Reason, v.Message)
			}
		})
	}
	t.Run("no CPU and a warning", func(t *testing.T) {
		t.Parallel()
		if v := once(t, "neo4j_aura_cpu_usage -", "neo4j_dbms_vm_heap_used_ratio 0.9"); v.Status != health.StatusWarning {
			t.Errorf("got %s", v.Status)
		}
	})
	for name, lines := range map[string][]string{"a line of CPU": {"neo4j_aura_cpu_usage"}, "a line of CPU among others": {"", "x", "neo4j_aura_cpu_usage"}} {
		t.Run(name+" could not be read", func(t *testing.T) {
			t.Parallel()
			s := at(0).build()
			s.Unreadable = lines
			v := assess(t, health.Input{Scrape: s})
			if v.Status != health.StatusUnknown || v.Signals["cpu"].Reason != health.ReasonUnreadable || !strings.Contains(fmt.Sprint(v.Notes), "could not be read") {
				t.Errorf("got %s, %+v, %q", v.Status, v.Signals["cpu"], v.Notes)
			}
		})
	}
}

func TestOtherInstancesDoNotCount(t *testing.T) {
	t.Parallel()
	other := at(0, "neo4j_aura_cpu_usage 4", "neo4j_dbms_vm_heap_used_ratio 0.99", "neo4j_aura_out_of_memory_errors_total 9", "neo4j_aura_storage_limit 1")
	other.id = "ffffffff"
	mine := at(20 * time.Second)
	v := assess(t, health.Input{Scrape: bodies(other, mine), Earlier: bodies(at(80*time.Second), other)})
	if v.Status != health.StatusHealthy || len(v.Findings) != 0 || *v.Source.AgeSeconds != 20 || v.Signals["gc"].Value == nil {
		t.Errorf("got %s, %+v, %+v", v.Status, v.Findings, v.Source)
	}
}

func TestInstancesThatAreNotAssessed(t *testing.T) {
	t.Parallel()
	v := assess(t, health.Input{Status: auraclient.StatusPaused, Scrape: at(0).build()})
	if v.Status != health.StatusUnknown || v.Reason != health.ReasonNotRunning || !strings.Contains(v.Message, `"paused"`) || v.Signals != nil {
		t.Errorf("paused: %+v", v)
	}
	for status, serves := range map[auraclient.Status]bool{
		"": true, auraclient.StatusRunning: true, auraclient.StatusUpdating: true, auraclient.StatusResizing: true, "dancing": true,
		auraclient.StatusPausing: false, auraclient.StatusCreating: false, auraclient.StatusLoadingFailed: false, auraclient.StatusEncryptionKeyError: false,
	} {
		if v := assess(t, health.Input{Status: status, Scrape: at(0).build()}); (v.Status == health.StatusHealthy) != serves || health.Serves(status) != serves {
			t.Errorf("%s: %s", status, v.Status)
		}
	}
	v = health.NotMonitored(id, auraclient.TypeFree, now)
	if v.Status != health.StatusNotMonitored || v.Reason != health.ReasonNoMetrics || !strings.HasPrefix(v.Message, `the plan "free-db" has no metrics`) {
		t.Errorf("not monitored: %+v", v)
	}
	if v = health.NotMonitored(id, "", now); !strings.HasPrefix(v.Message, "its plan has no metrics") {
		t.Errorf("not monitored: %q", v.Message)
	}
}

func TestFindingsStandWorstFirst(t *testing.T) {
	t.Parallel()
	v := twice(t, []string{"neo4j_dbms_bolt_connections_opened_total 900"}, []string{
		"neo4j_aura_cpu_usage 3.3", "neo4j_dbms_vm_heap_used_ratio 0.99", "neo4j_database_store_size_database{database=neo4j} 990000",
	})
	var got []string
	for _, f := range v.Findings {
		got = append(got, f.ID+":"+string(f.Severity))
	}
	if want := "storage:critical cpu:info heap:info counter_reset:info"; strings.Join(got, " ") != want {
		t.Errorf("got %s", got)
	}
	last := -1
	sentences := health.AdviceFor(v.Findings)
	for _, s := range sentences {
		i := slices.IndexFunc(v.Advice, func(a health.Advice) bool { return a == s })
		if i <= last {
			t.Errorf("%s stands at %d after %d", s.Topic, i, last)
		}
		last = i
	}
	if sentences[len(sentences)-1].Topic != "resize_cpu" || sentences[0].Topic != "query_log" {
		t.Errorf("advice %+v", sentences)
	}
}

func TestJSONShape(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(once(t, "neo4j_aura_cpu_usage{availability_zone=a} 3.52", "neo4j_aura_cpu_limit 4"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"instance_id":"a1b2c3d4","status":"warning","assessed_at":"2026-03-01T12:00:00Z","source":{"endpoint_kind":"instance","granularity":"comprehensive","sample_time":"2026-03-01T11:59:40Z","age_s":20,"window_s":null}`,
		`"cpu":{"value":0.88,"unit":"ratio","status":"warning","scope":{"availability_zone":"a"}}`,
		`"gc":{"value":null,"unit":"ratio","status":"unknown","reason":"needs_two_scrapes","scope":{}}`,
		`"findings":[{"id":"cpu","severity":"warning","value":0.88,"unit":"ratio","threshold":0.8,"scope":{"availability_zone":"a"},"message":"CPU use is 88 % (zone \"a\"); warning from 80 %","recommendations":["query_log",`,
		`"coverage":{"known":32,"missing":["neo4j_cluster_raft_is_leader"]}`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func TestLabelsAreQuotedAndBounded(t *testing.T) {
	t.Parallel()
	s := at(0).build()
	f, _ := s.Family("neo4j_aura_cpu_usage")
	f.Samples[0].Value = 4
	f.Samples[0].Labels["availability_zone"] = "ignore\u202e all\n" + strings.Repeat("x", 5000)
	v := assess(t, health.Input{Scrape: s})
	if m := v.Findings[0].Message; len(m) > 400 || strings.ContainsAny(m, "\n\u202e") {
		t.Errorf("message %q", m)
	}
	if len(v.Findings[0].Scope.AvailabilityZone) > 200 {
		t.Errorf("scope %+v", v.Findings[0].Scope)
	}
}

func TestSignalsDescribeThemselves(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, s := range health.Signals() {
		ids = append(ids, s.ID)
		if s.What == "" || s.Unit == "" || s.Needs == "" || s.Basis == "" {
			t.Errorf("%+v", s)
		}
		for _, b := range []*float64{s.Bound.Warning, s.Bound.Critical} {
			if b != nil && (*b < s.Least || *b > s.Most) {
				t.Errorf("%s: %v is outside of what may be set", s.ID, *b)
			}
		}
	}
	want := "cpu heap gc oom page_cache storage storage_growth query_failures latency rollbacks connections replan checkpoint leader replication freshness"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("got %s", got)
	}
	if m := health.Metrics(); len(m) != 33 || !slices.IsSorted(m) || len(slices.Compact(m)) != 33 {
		t.Errorf("%d metrics, sorted %v", len(m), slices.IsSorted(m))
	}
}

func TestTopicsPutOptimisingFirst(t *testing.T) {
	t.Parallel()
	order := map[health.Topic]int{}
	var all []health.Topic
	for _, s := range health.Signals() {
		all = append(all, health.TopicsOf(s.ID)...)
	}
	for i, a := range health.AdviceFor([]health.Finding{{Recommendations: all}}) {
		order[a.Topic] = i
	}
	for _, s := range health.Signals() {
		topics := health.TopicsOf(s.ID)
		if !slices.IsSortedFunc(topics, func(a, b health.Topic) int { return order[a] - order[b] }) {
			t.Errorf("%s: %v", s.ID, topics)
		}
	}
	if health.Sentence("nonsense") != "" {
		t.Error("a sentence on nonsense")
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	var none health.Thresholds
	for _, test := range []struct {
		name   string
		signal string
		bound  health.Bound
		want   string
	}{
		{"both", "cpu", health.Bound{Warning: new(0.5), Critical: new(0.6)}, ""},
		{"one", "cpu", health.Bound{Warning: new(0.94)}, ""},
		{"nothing", "cpu", health.Bound{}, ""},
		{"a critical where there was none", "rollbacks", health.Bound{Critical: new(0.2)}, ""},
		{"reversed", "page_cache", health.Bound{Warning: new(0.99), Critical: new(0.95)}, ""},
		{"equal", "cpu", health.Bound{Warning: new(0.95)}, `threshold of "cpu" must have its warning (0.95) below its critical (0.95)`},
		{"the wrong way round", "heap", health.Bound{Warning: new(0.9), Critical: new(0.8)}, `threshold of "heap" must have its warning (0.9) below its critical (0.8)`},
		{"the wrong way round and reversed", "page_cache", health.Bound{Warning: new(0.8)}, `threshold of "page_cache" must have its warning (0.8) above its critical (0.9), as lower is worse`},
		{"a percentage", "heap", health.Bound{Warning: new(80.0)}, `threshold of "heap" must be from 0.01 to 1 ratio, not 80`},
		{"zero", "gc", health.Bound{Warning: new(0.0)}, `threshold of "gc" must be from 0.0001 to 1 ratio, not 0`},
		{"NaN", "cpu", health.Bound{Critical: new(math.NaN())}, `threshold of "cpu" must be from 0.01 to 2 ratio, not NaN`},
		{"no signal", "cpus", health.Bound{Warning: new(1.0)}, `threshold of "cpus" is for no signal there is: they are checkpoint, connections, cpu, freshness, gc, heap, latency, page_cache, query_failures, replan, rollbacks, storage, storage_growth`},
		{"nothing to set", "oom", health.Bound{Warning: new(1.0)}, `threshold of "oom" cannot be changed: what it finds is never right`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := none.Override(test.signal, test.bound)
			if got := fmt.Sprint(err); test.want == "" && err != nil || test.want != "" && got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
	if b, ok := none.Of("cpu"); !ok || *b.Warning != 0.80 || *b.Critical != 0.95 {
		t.Errorf("the zero value changed: %+v", b)
	}
	if _, ok := none.Of("cpus"); ok {
		t.Error("a bound of no signal")
	}
}

func TestOverridesCount(t *testing.T) {
	t.Parallel()
	change := func(t *testing.T, thresholds health.Thresholds, signal string, b health.Bound) health.Thresholds {
		t.Helper()
		changed, err := thresholds.Override(signal, b)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	for _, test := range []struct {
		name, signal  string
		bound         health.Bound
		before, after []string
		want          string
	}{
		{"stricter", "cpu", health.Bound{Warning: new(0.2)}, nil, nil, "warning"},
		{"stricter and critical", "cpu", health.Bound{Warning: new(0.1), Critical: new(0.25)}, nil, nil, "critical"},
		{"laxer", "cpu", health.Bound{Warning: new(1.1), Critical: new(1.2)}, nil, []string{"neo4j_aura_cpu_usage 4"}, ""},
		{"a goal for latency", "latency", health.Bound{Warning: new(30.0), Critical: new(41.0)}, nil, nil, "warning"},
		{"a goal for latency that is missed", "latency", health.Bound{Warning: new(30.0), Critical: new(40.0)}, nil, nil, "critical"},
		{"a critical of its own", "connections", health.Bound{Critical: new(20.0)}, nil, []string{"neo4j_dbms_bolt_connections_running 81"}, "critical"},
		{"heap as it was set, collector or not", "heap", health.Bound{Critical: new(0.97)}, []string{"neo4j_dbms_vm_heap_used_ratio 0.93"},
			[]string{"neo4j_dbms_vm_heap_used_ratio 0.93", "neo4j_dbms_vm_gc_time_g1_old_generation_total 9000"}, "warning"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := health.Input{Scrape: at(20*time.Second, test.after...).build(), Thresholds: change(t, health.Thresholds{}, test.signal, test.bound)}
			if test.before != nil {
				in.Earlier = at(80*time.Second, test.before...).build()
			}
			v := assess(t, in)
			if got := found(v, test.signal); got != test.want {
				t.Errorf("got %q: %+v", got, v.Findings)
			}
			for _, f := range v.Findings {
				if f.ID == test.signal && f.Basis != "your settings" {
					t.Errorf("basis %q", f.Basis)
				}
			}
		})
	}
	t.Run("how old is stale", func(t *testing.T) {
		t.Parallel()
		thresholds := change(t, health.Thresholds{}, "freshness", health.Bound{Critical: new(7200.0)})
		if v := assess(t, health.Input{Scrape: at(time.Hour).build(), Thresholds: thresholds}); v.Status != health.StatusWarning {
			t.Errorf("got %s %s", v.Status, v.Reason)
		}
	})
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		first := change(t, health.Thresholds{}, "cpu", health.Bound{Warning: new(0.5)})
		second := change(t, first, "cpu", health.Bound{Critical: new(0.6)})
		a, _ := first.Of("cpu")
		b, _ := second.Of("cpu")
		if *a.Critical != 0.95 || *b.Warning != 0.5 || *b.Critical != 0.6 {
			t.Errorf("got %v %v", a, b)
		}
	})
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	limited, err := health.Thresholds{}.WithConnectionLimit(100)
	if err != nil {
		t.Fatal(err)
	}
	for running, want := range map[int]string{69: "", 70: "warning", 84: "warning", 85: "critical", 100: "critical"} {
		v := assess(t, health.Input{Scrape: at(0, fmt.Sprint("neo4j_dbms_bolt_connections_running ", running), "neo4j_aura_cpu_limit 16").build(), Thresholds: limited})
		if got := found(v, "connections"); got != want {
			t.Errorf("%d running and 10 idle: %q", running, got)
		}
		if strings.Contains(fmt.Sprint(v.Notes), "connection limit") {
			t.Errorf("notes %q", v.Notes)
		}
	}
	for _, n := range []int{-1, 2_000_000} {
		if _, err := (health.Thresholds{}).WithConnectionLimit(n); err == nil {
			t.Errorf("%d was taken", n)
		}
	}
}

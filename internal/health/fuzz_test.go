package health_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/health"
)

// FuzzAssess makes two bodies from the fuzzer's bytes, with odd values, labels and
// times, and holds every verdict to what must be true of all.
func FuzzAssess(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint8(seed*7))
	}
	f.Fuzz(func(t *testing.T, seed uint64, density uint8) {
		r := rand.New(rand.NewPCG(seed, uint64(density)))
		in := health.Input{InstanceID: id, Now: now, Scrape: odd(r, density), EndpointKind: "tenant"}
		if r.IntN(3) > 0 {
			in.Earlier = odd(r, density)
		}
		if r.IntN(4) == 0 {
			in.Thresholds, _ = in.Thresholds.Override("cpu", health.Bound{Warning: new(r.Float64()), Critical: new(r.Float64() + 1)})
			in.Thresholds, _ = in.Thresholds.WithConnectionLimit(r.IntN(100))
		}
		check(t, in, health.Assess(in))
	})
}

func odd(r *rand.Rand, density uint8) *auraclient.Scrape {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	s := &auraclient.Scrape{ReadAt: now.Add(-time.Duration(r.IntN(1000)) * time.Second)}
	for _, name := range append(health.Metrics(), "", "another") {
		if r.IntN(256) < int(density)/4 {
			continue
		}
		family := auraclient.MetricFamily{Name: name}
		for range r.IntN(5) {
			x := auraclient.Sample{
				Labels: map[string]string{"instance_id": pick(id, id, id, "other", "")},
				Value:  []float64{0, 1, 0.5, 0.97, -1, 4, 1e6, 1e300, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1), r.Float64(), r.Float64() * 1e5, 1e-300}[r.IntN(15)],
			}
			for _, label := range []string{"availability_zone", "instance_mode", "database", "aggregation"} {
				if v := pick("", "a", "b", "PRIMARY", "\xff\x00"); v != "" {
					x.Labels[label] = v
				}
			}
			switch r.IntN(8) {
			case 0:
			case 1:
				x.Time = time.UnixMilli(r.Int64())
			default:
				x.Time = now.Add(-time.Duration(r.IntN(400)) * time.Second)
			}
			family.Samples = append(family.Samples, x)
		}
		s.Families = append(s.Families, family)
		if r.IntN(100) == 0 {
			s.Unreadable = append(s.Unreadable, name)
		}
	}
	return s
}

func check(t *testing.T, in health.Input, v health.Verdict) {
	t.Helper()
	if _, err := json.Marshal(v); err != nil {
		t.Errorf("no JSON: %v", err)
	}
	bad := slices.ContainsFunc(v.Findings, func(f health.Finding) bool { return f.Severity != health.SeverityInfo })
	switch v.Status {
	case health.StatusHealthy:
		if bad {
			t.Errorf("healthy with %+v", v.Findings)
		}
		for _, core := range []string{"cpu", "heap", "storage"} {
			if s := v.Signals[core]; s.Status == health.StatusUnknown || s.Value == nil {
				t.Errorf("healthy with %s %+v", core, s)
			}
		}
	case health.StatusWarning, health.StatusCritical:
		if !bad || string(v.Findings[0].Severity) != string(v.Status) {
			t.Errorf("%s with %+v", v.Status, v.Findings)
		}
	case health.StatusUnknown:
		if v.Reason == "" || v.Message == "" {
			t.Errorf("unknown for no reason: %+v", v)
		}
	default:
		t.Errorf("status %q", v.Status)
	}
	for id, s := range v.Signals {
		if (s.Status == health.StatusUnknown) != (s.Reason != "") {
			t.Errorf("%s: %+v", id, s)
		}
		if s.Status == health.StatusHealthy && s.Value == nil {
			t.Errorf("%s is healthy without a value", id)
		}
		info, _ := health.Thresholds{}.Of(id)
		if in.Earlier == nil && s.Value != nil && info.Warning != nil && slices.Contains([]string{"gc", "query_failures", "rollbacks", "replan", "storage_growth"}, id) {
			t.Errorf("%s is a rate of one reading", id)
		}
	}
	for i, f := range v.Findings {
		checkFinding(t, f)
		if i > 0 && rank(v.Findings[i-1].Severity) < rank(f.Severity) {
			t.Errorf("%s after %s", f.Severity, v.Findings[i-1].Severity)
		}
	}
}

func rank(s health.Severity) int {
	return slices.Index([]health.Severity{health.SeverityInfo, health.SeverityWarning, health.SeverityCritical}, s)
}

// TestEveryVerdictHolds is the fuzz target with a fixed set of bodies, so that it
// runs every time.
func TestEveryVerdictHolds(t *testing.T) {
	t.Parallel()
	seen := map[health.Status]int{}
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 1))
		in := health.Input{InstanceID: id, Now: now, Scrape: odd(r, uint8(seed))}
		if seed%2 == 0 {
			in.Earlier = odd(r, uint8(seed))
		}
		if seed%4 > 1 {
			in.Scrape, in.Earlier = scratched(r, 20*time.Second), scratched(r, 80*time.Second)
		}
		v := health.Assess(in)
		seen[v.Status]++
		check(t, in, v)
	}
	if len(seen) != 4 {
		t.Errorf("one-sided: %v", seen)
	}
	t.Log(seen)
}

// scratched is a body of a healthy instance in which a few series are not.
func scratched(r *rand.Rand, age time.Duration) *auraclient.Scrape {
	s := at(age).build()
	for range r.IntN(3) {
		x := &s.Families[r.IntN(len(s.Families))].Samples[0]
		x.Value = []float64{math.NaN(), math.Inf(1), -1, 0, 1, x.Value * 2, x.Value * 10, r.Float64()}[r.IntN(8)]
	}
	return s
}

// TestWithoutCoreNothingIsHealthy takes CPU, heap and storage away from bodies that
// are otherwise well.
func TestWithoutCoreNothingIsHealthy(t *testing.T) {
	t.Parallel()
	cores := []string{"neo4j_aura_cpu_usage", "neo4j_aura_cpu_limit", "neo4j_dbms_vm_heap_used_ratio", "neo4j_database_store_size_database", "neo4j_aura_storage_limit"}
	for _, how := range []string{" -", " only NaN", " only +Inf", " only -3"} {
		var changes []string
		for _, c := range cores {
			changes = append(changes, c+how)
			if v := once(t, c+how); v.Status == health.StatusHealthy {
				t.Errorf("healthy with %s%s", c, how)
			}
		}
		if v := once(t, changes...); v.Status != health.StatusUnknown || v.Reason != health.ReasonCore {
			t.Errorf("%s: %s %s", how, v.Status, v.Reason)
		}
	}
}

func BenchmarkAssess(b *testing.B) {
	in := health.Input{InstanceID: id, Now: now, Scrape: at(20 * time.Second).build(), Earlier: at(80 * time.Second).build()}
	for b.Loop() {
		health.Assess(in)
	}
}

package aurasim

import "slices"

const (
	scenarioHealthy     = "healthy"
	scenarioOOM         = "oom"
	scenarioRestarted   = "restarted"
	scenarioUnavailable = "unavailable"
	scenarioNoMetrics   = "no_metrics_yet"
	scenarioStale       = "stale"
)

// scenario is how an instance fares, in the numbers of its busiest member. Each is clear of the thresholds that Neo4j
// gives for it: what a scenario is named after is wrong, and nothing else is.
type scenario struct {
	name string

	cpu, heap  float64 // of what there is
	gc         float64 // of the time
	hit, usage float64 // of the page cache
	evictions  float64 // per second
	oom        float64 // per second, and one at once
	stored     float64 // of the storage
	grows      float64 // of the storage, per day since the scenario was set

	queries                float64 // per core and second; 0 is an instance that nobody uses
	fails, rollsBack, plan float64 // of the queries: failed, rolled back, planned anew
	p50, p75, p99          float64 // ms
	working, idle          float64 // connections per core
	opened                 float64 // connections per core and second; as many are closed
	checkpoint             float64 // ms

	trouble trouble
}

// trouble is what one member has, or the cluster. An instance of a type that is no cluster cannot have it.
type trouble string

const (
	noTrouble  trouble = ""
	oneHot     trouble = "one member has all the work"
	oneStuck   trouble = "one member does not replicate"
	leaderless trouble = "no member leads"
)

// scenarios is every one there is, the usual one first.
func scenarios() []scenario {
	usual := scenario{
		name: scenarioHealthy,
		cpu:  0.35, heap: 0.45, gc: 0.003, hit: 0.994, usage: 0.72, evictions: 0.2, stored: 0.42,
		queries: 25, fails: 0.001, rollsBack: 0.002, plan: 0.002, p50: 6, p75: 14, p99: 48,
		working: 1.5, idle: 6, opened: 0.02, checkpoint: 7_500,
	}
	but := func(name string, change func(*scenario)) scenario {
		s := usual
		s.name = name
		change(&s)
		return s
	}
	return []scenario{
		usual,
		but("idle", func(s *scenario) {
			s.cpu, s.heap, s.gc, s.evictions, s.usage = 0.01, 0.24, 0.0002, 0, 0.31
			s.queries, s.working, s.idle, s.opened, s.checkpoint = 0, 0, 1, 0, 350
		}),
		but("busy", func(s *scenario) {
			s.cpu, s.heap, s.gc, s.hit, s.usage, s.evictions = 0.66, 0.66, 0.006, 0.991, 0.93, 3
			s.queries, s.p50, s.p75, s.p99, s.working, s.idle = 70, 9, 24, 84, 5, 9
		}),
		but("warning", func(s *scenario) {
			s.cpu, s.heap, s.gc, s.queries, s.working, s.p50, s.p75, s.p99 = 0.85, 0.68, 0.007, 80, 7, 31, 92, 280
		}),
		but("critical", func(s *scenario) {
			s.cpu, s.heap, s.gc, s.hit, s.evictions = 0.74, 0.97, 0.09, 0.985, 24
			s.queries, s.working, s.p50, s.p75, s.p99 = 40, 8, 140, 420, 1_250
		}),

		but("cpu_one_member", func(s *scenario) { s.cpu, s.trouble = 0.99, oneHot }),
		but("heap", func(s *scenario) { s.heap, s.gc = 0.86, 0.008 }),
		but("gc", func(s *scenario) { s.heap, s.gc = 0.72, 0.08 }),
		but(scenarioOOM, func(s *scenario) { s.heap, s.oom = 0.76, 0.1 }),
		but("page_cache", func(s *scenario) { s.hit, s.usage, s.evictions = 0.85, 0.997, 240 }),
		but("storage_full", func(s *scenario) { s.stored = 0.93 }),
		but("storage_growing", func(s *scenario) { s.stored, s.grows = 0.55, 0.04 }),
		but("failing_queries", func(s *scenario) { s.fails = 0.08 }),
		but("slow_queries", func(s *scenario) { s.p50, s.p75, s.p99 = 45, 310, 2_400 }),
		but("rollbacks", func(s *scenario) { s.rollsBack = 0.09 }),
		but("connections", func(s *scenario) { s.working, s.idle, s.opened = 22, 2, 3 }),
		but("replanning", func(s *scenario) { s.plan = 0.2 }),
		but("slow_checkpoints", func(s *scenario) { s.checkpoint = 12 * 60_000 }),
		but("leaderless", func(s *scenario) { s.trouble = leaderless }),
		but("replication_stalled", func(s *scenario) { s.trouble = oneStuck }),
		but(scenarioRestarted, func(s *scenario) { s.hit, s.usage = 0.955, 0.12 }), // the page cache is still cold

		but(scenarioUnavailable, func(*scenario) {}),
		but(scenarioNoMetrics, func(*scenario) {}),
		but(scenarioStale, func(*scenario) {}),
	}
}

// scenarioOf takes "" for the usual one.
func scenarioOf(name string) scenario {
	all := scenarios()
	for _, s := range all {
		if s.name == name {
			return s
		}
	}
	return all[0]
}

// Scenarios are the values that [InstanceState.Scenario] may have.
func Scenarios() []string {
	var out []string
	for _, s := range scenarios() {
		out = append(out, s.name)
	}
	return out
}

// scenarioComplaint says why an instance of the type cannot be in the scenario.
func scenarioComplaint(name string, p plan) string {
	switch {
	case !slices.Contains(Scenarios(), name):
		return "is not allowed; allowed: " + listed(Scenarios())
	case !p.metrics:
		return p.name + " has no metrics"
	case scenarioOf(name).trouble != noTrouble && !p.cluster:
		return p.name + " is not a cluster"
	default:
		return ""
	}
}

package aurasim

import (
	"math"
	"time"
)

const (
	gauge   = "gauge"
	counter = "counter"

	largest  = "MAX"
	smallest = "MIN"
	average  = "AVG"
	together = "SUM"
)

const gigabyte = 1 << 30

// family is one row of Aura's list of metrics.
type family struct {
	name, kind  string
	aggregation string // over the members that a sample stands for
	help        string
	database    bool // is about a database, and says which
	clusterOnly bool // exists in the comprehensive granularity only, and for primaries
	value       func(look) float64
}

const (
	aura = "neo4j_aura_"
	vm   = "neo4j_dbms_vm_"
	page = "neo4j_dbms_page_cache_"
	bolt = "neo4j_dbms_bolt_connections_"
	db   = "neo4j_database_"
	tx   = "neo4j_database_transaction_"
	exec = "neo4j_db_query_execution_"
)

// families is the whole list.
func families() []family {
	return []family{
		{name: aura + "cpu_limit", kind: gauge, aggregation: largest, help: "Cores assigned to the instance", value: look.cores},
		{name: aura + "cpu_usage", kind: gauge, aggregation: largest, help: "Cores in use", value: look.cpu},
		{name: aura + "storage_limit", kind: gauge, aggregation: largest, help: "Bytes of disk assigned to the instance", value: look.storageLimit},
		{name: aura + "out_of_memory_errors_total", kind: counter, aggregation: together, help: "Out of memory errors", value: look.outOfMemory},

		{name: vm + "heap_used_ratio", kind: gauge, aggregation: largest, help: "Share of the heap in use", value: look.heap},
		{name: vm + "gc_time_g1_young_generation_total", kind: counter, aggregation: largest, help: "Milliseconds of collecting the young generation", value: func(l look) float64 { return l.collecting(0.8) }},
		{name: vm + "gc_time_g1_old_generation_total", kind: counter, aggregation: largest, help: "Milliseconds of collecting the old generation", value: func(l look) float64 { return l.collecting(0.2) }},

		{name: page + "hit_ratio_per_minute", kind: gauge, aggregation: average, help: "Share of page requests that needed no disk, over a minute", value: look.hits},
		{name: page + "usage_ratio", kind: gauge, aggregation: smallest, help: "Share of the page cache in use", value: func(l look) float64 { return l.ripple(l.scenario.usage, "usage") }},
		{name: page + "evictions_total", kind: counter, aggregation: largest, help: "Pages evicted", value: look.evicted},

		{name: bolt + "running", kind: gauge, aggregation: largest, help: "Connections that execute something", value: look.working},
		{name: bolt + "idle", kind: gauge, aggregation: largest, help: "Connections that wait", value: look.idle},
		{name: bolt + "opened_total", kind: counter, aggregation: largest, help: "Connections opened", value: look.opened},
		{name: bolt + "closed_total", kind: counter, aggregation: largest, help: "Connections closed", value: look.closed},

		{name: db + "store_size_database", kind: gauge, aggregation: largest, database: true, help: "Bytes reserved for data", value: look.stored},
		{name: db + "count_node", kind: gauge, aggregation: largest, database: true, help: "Nodes", value: func(l look) float64 { return float64(l.in.GraphNodes) }},
		{name: db + "count_relationship", kind: gauge, aggregation: largest, database: true, help: "Relationships", value: func(l look) float64 { return float64(l.in.GraphRelationships) }},
		{name: tx + "active_read", kind: gauge, aggregation: largest, database: true, help: "Read transactions in flight", value: look.working},
		{name: tx + "active_write", kind: gauge, aggregation: largest, database: true, help: "Write transactions in flight", value: look.writing},
		{name: tx + "committed_total", kind: counter, aggregation: largest, database: true, help: "Transactions committed", value: counts(func(scenario) float64 { return 0.9 })},
		{name: tx + "rollbacks_total", kind: counter, aggregation: largest, database: true, help: "Transactions rolled back", value: counts(func(s scenario) float64 { return s.rollsBack })},
		{name: tx + "peak_concurrent_total", kind: counter, aggregation: largest, database: true, help: "Most transactions at once", value: look.peak},
		{name: tx + "last_committed_tx_id_total", kind: counter, aggregation: largest, database: true, help: "ID of the last transaction committed", value: look.transactionID},
		{name: db + "cypher_replan_events_total", kind: counter, aggregation: largest, database: true, help: "Queries planned anew", value: counts(func(s scenario) float64 { return s.plan })},
		{name: db + "check_point_events_total", kind: counter, aggregation: largest, database: true, help: "Checkpoints", value: look.checkpoints},
		{name: db + "check_point_total_time_total", kind: counter, aggregation: largest, database: true, help: "Milliseconds of checkpoints", value: look.checkpointing},
		{name: db + "check_point_duration", kind: gauge, aggregation: largest, database: true, help: "Milliseconds of the last checkpoint", value: func(l look) float64 { return l.scenario.checkpoint }},

		{name: exec + "success_total", kind: counter, aggregation: together, database: true, help: "Queries that succeeded", value: counts(func(s scenario) float64 { return 1 - s.fails })},
		{name: exec + "failure_total", kind: counter, aggregation: together, database: true, help: "Queries that failed", value: counts(func(s scenario) float64 { return s.fails })},
		{name: exec + "internal_latency_q50", kind: gauge, aggregation: largest, database: true, help: "Median of the latency in milliseconds", value: func(l look) float64 { return l.latency(l.scenario.p50) }},
		{name: exec + "internal_latency_q75", kind: gauge, aggregation: largest, database: true, help: "Third quartile of the latency in milliseconds", value: func(l look) float64 { return l.latency(l.scenario.p75) }},
		{name: exec + "internal_latency_q99", kind: gauge, aggregation: largest, database: true, help: "99th percentile of the latency in milliseconds", value: func(l look) float64 { return l.latency(l.scenario.p99) }},

		{name: "neo4j_cluster_raft_is_leader", kind: gauge, aggregation: largest, database: true, clusterOnly: true, help: "1 for the member that leads", value: look.leads},
	}
}

func (l look) cores() float64 { return cores(gigabytes(l.in.Memory)) }

func (l look) cpu() float64 {
	return l.ripple(l.scenario.cpu*l.part(), "cpu") * math.Min(cores(l.memory), l.cores())
}

func (l look) storageLimit() float64 { return float64(allocated(l.in.InstanceState)) * gigabyte }

// heap is more alike on all members than their load is.
func (l look) heap() float64 {
	return l.ripple(l.scenario.heap*(0.8+0.2*l.part()), "heap") * l.relief()
}

// outOfMemory counts one when its scenario begins, and more as time goes on; a bigger instance has none.
func (l look) outOfMemory() float64 {
	if l.number != 0 || l.relief() < 1 {
		return 0
	}
	sum := l.total(l.in.up, "oom", func(s stretch) float64 { return s.scenario.oom })
	for _, s := range l.in.history {
		if s.scenario.oom > 0 && !s.from.Before(l.in.up) && !s.from.After(l.at) {
			sum++
		}
	}
	return sum
}

func (l look) collecting(generation float64) float64 {
	return l.total(l.in.up, "gc", func(s stretch) float64 {
		return 1000 * generation * s.scenario.gc * l.muchRelief() * l.partIn(s.scenario)
	})
}

func (l look) hits() float64 {
	return l.ifUsed(1 - (1-l.ripple(l.scenario.hit, "hit"))*l.muchRelief())
}

func (l look) evicted() float64 {
	return l.total(l.in.up, "evictions", func(s stretch) float64 { return s.scenario.evictions * l.muchRelief() * l.partIn(s.scenario) })
}

// connections is a whole number of them.
func (l look) connections(perCore float64, what string) float64 {
	return math.Round(perCore * cores(l.memory) * l.part() * l.wave(l.own(what)).value(l.at))
}

func (l look) working() float64 { return l.connections(l.scenario.working, "working") }

// writing is for the leader.
func (l look) writing() float64 {
	if l.number != 0 || l.scenario.trouble == leaderless {
		return 0
	}
	return math.Round(l.working() / 5)
}

func (l look) idle() float64 { return l.connections(l.scenario.idle, "idle") }

func (l look) closed() float64 {
	return l.total(l.in.up, "connections", func(s stretch) float64 { return s.scenario.opened * cores(s.memory) * l.partIn(s.scenario) })
}

// opened is ahead of closed by a pool that stays.
func (l look) opened() float64 { return l.closed() + 8*l.cores() }

// stored is refreshed every ten minutes.
func (l look) stored() float64 {
	days := math.Max(0, l.at.Truncate(10*time.Minute).Sub(l.from).Hours()/24)
	share := l.scenario.stored + l.scenario.grows*days
	return math.Min(math.Floor(share*float64(l.storage)*gigabyte), l.storageLimit())
}

// peak is the most transactions at once since the start.
func (l look) peak() float64 {
	most := 1.0
	for i, s := range l.in.history {
		if next := i + 1; next == len(l.in.history) || l.in.history[next].from.After(l.in.up) {
			most = math.Max(most, math.Ceil(2*s.scenario.working*cores(s.memory)))
		}
	}
	return most
}

// transactionID goes on through restarts. The member that is stuck stays at what it was.
func (l look) transactionID() float64 {
	if l.scenario.trouble == oneStuck && l.number == stuckMember && l.at.After(l.from) {
		l.at = l.from
	}
	l.at = l.at.Add(-time.Duration(l.number) * 40 * time.Millisecond) // it takes a moment to get to the others
	return 1000 + l.total(l.in.CreatedAt, "traffic", func(s stretch) float64 {
		if s.scenario.trouble == leaderless {
			return 0
		}
		return 0.1 * l.queries(s)
	})
}

// checkpointEvery is Neo4j's default, in seconds.
const checkpointEvery = 900

func (l look) checkpoints() float64 {
	return l.total(l.in.up, "checkpoints", func(stretch) float64 { return 1.0 / checkpointEvery })
}

func (l look) checkpointing() float64 {
	return l.total(l.in.up, "checkpoints", func(s stretch) float64 { return s.scenario.checkpoint / checkpointEvery })
}

func (l look) latency(usual float64) float64 {
	return l.ifUsed(usual * l.wave(l.own("latency")).value(l.at))
}

// ifUsed is for what has no value while there are no queries.
func (l look) ifUsed(value float64) float64 {
	if l.scenario.queries == 0 {
		return math.NaN()
	}
	return value
}

func (l look) leads() float64 {
	if l.number == 0 && l.scenario.trouble != leaderless {
		return 1
	}
	return 0
}

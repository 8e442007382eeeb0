package health

import (
	"slices"
)

const (
	graphAcademy = "Neo4j GraphAcademy, Aura administration"
	auraMetrics  = "Neo4j Aura documentation, metrics reference"
	opsManual    = "Neo4j Operations Manual, metrics"
	ownBasis     = "aura-mcp's own"
	yourBasis    = "your settings"
)

// signal is one row of the table: what is looked at, and from where on it is bad.
type signal struct {
	id       string
	what     string // in words, the beginning of its messages
	unit     string
	warning  limit
	critical limit
	info     limit
	least    float64 // what the thresholds may be set to; both 0: they may not
	most     float64
	needs    string   // what it takes to know the value
	metrics  []string // that the formula reads
	formula  func(*view) reading
	remark   string // what the reader of a finding should know about the value
	basis    string // where the thresholds come from
	topics   []Topic
}

// What the signals need.
const (
	oneScrape   = "one reading"
	twoScrapes  = "two readings"
	anHour      = "two readings an hour apart"
	allMembers  = "comprehensive granularity"
	membersRate = "comprehensive granularity and two readings"
)

// signals is the whole model. A function, since formulas look at other rows.
func signals() []signal {
	return []signal{
		{
			id: "cpu", what: "CPU use", unit: "ratio",
			warning: atLeast(0.80), critical: atLeast(0.95), least: 0.01, most: 2,
			needs: oneScrape, metrics: []string{cpuUsage, cpuLimit}, formula: cpu,
			basis:  graphAcademy + " (plan before 80 % sustained, 100 % is an emergency)",
			topics: []Topic{"query_log", "indexes", "parameters", "off_peak", "secondaries", "resize_cpu"},
		},
		{
			id: "heap", what: "heap use", unit: "ratio",
			warning: over(0.80), critical: atLeast(0.95), least: 0.01, most: 1,
			needs: oneScrape, metrics: []string{heapRatio}, formula: heap,
			basis:  auraMetrics + " (not above 80 % for long); " + graphAcademy,
			topics: []Topic{"query_log", "limit_results", "batching", "long_transactions", "resize_memory"},
		},
		{
			id: "gc", what: "the share of time spent collecting garbage", unit: "ratio",
			warning: atLeast(0.01), critical: atLeast(0.05), least: 0.0001, most: 1,
			needs: twoScrapes, metrics: []string{gcYoung, gcOld}, formula: gc,
			basis:  graphAcademy,
			topics: []Topic{"query_log", "limit_results", "batching", "long_transactions", "resize_memory"},
		},
		{
			id: "oom", what: "out-of-memory errors", unit: "errors",
			needs: oneScrape, metrics: []string{oomErrors}, formula: oom,
			basis:  auraMetrics + " (none is expected); " + graphAcademy,
			topics: []Topic{"query_log", "limit_results", "batching", "long_transactions", "resize_memory"},
		},
		{
			id: "page_cache", what: "the page cache hit ratio", unit: "ratio",
			warning: under(0.98), critical: under(0.90), least: 0.01, most: 1,
			needs: oneScrape, metrics: []string{hitRatio}, formula: pageCache,
			remark: "Large writes and a restart lower it for a while.",
			basis:  auraMetrics + " (98 to 100 %)",
			topics: []Topic{"query_log", "indexes", "limit_results", "warm_up", "delete_unused", "resize_memory"},
		},
		{
			id: "storage", what: "storage use", unit: "ratio",
			warning: atLeast(0.70), critical: atLeast(0.90), least: 0.01, most: 2,
			needs: oneScrape, metrics: []string{storeSize, storageLimit}, formula: storage,
			remark: "It counts the space reserved for data, without transaction logs, and is renewed every ten minutes.",
			basis:  graphAcademy + " (act at 70 to 80 %)",
			topics: []Topic{"delete_unused", "compact_store", "increase_storage"},
		},
		{
			id: "storage_growth", what: "the time until the storage is full", unit: "days",
			warning: under(30), critical: under(3), least: 0.1, most: 3650,
			needs: anHour, metrics: []string{storeSize, storageLimit}, formula: storageGrowth,
			basis:  graphAcademy + " (the limit within 30 days)",
			topics: []Topic{"delete_unused", "increase_storage"},
		},
		{
			id: "query_failures", what: "the share of failed queries", unit: "ratio",
			warning: atLeast(0.01), critical: atLeast(0.05), least: 0.0001, most: 1,
			needs: twoScrapes, metrics: []string{querySuccess, queryFailure}, formula: queryFailures,
			basis:  graphAcademy + " (below 1 %)",
			topics: []Topic{"failed_queries", "long_transactions"},
		},
		{
			id: "latency", what: "the 99th percentile of query times", unit: "ms",
			warning: atLeast(1000), critical: never, least: 1, most: 3_600_000,
			needs: oneScrape, metrics: []string{latency99, latency50}, formula: latency,
			basis:  graphAcademy + " (over ten times the median)",
			topics: []Topic{"query_log", "indexes", "parameters", "limit_results"},
		},
		{
			id: "rollbacks", what: "the share of rollbacks", unit: "ratio",
			info: atLeast(0.01), warning: atLeast(0.05), critical: never, least: 0.0001, most: 1,
			needs: twoScrapes, metrics: []string{rolledBack, committed}, formula: rollbacks,
			basis:  graphAcademy + " (below 1 %, over 5 % investigate)",
			topics: []Topic{"long_transactions", "conflicts"},
		},
		{
			id: "connections", what: "busy connections per core", unit: "connections per core",
			warning: over(15), critical: never, least: 1, most: 10_000,
			needs: oneScrape, metrics: []string{boltRunning, cpuLimit}, formula: connections,
			basis:  graphAcademy,
			topics: []Topic{"query_log", "driver_pool"},
		},
		{
			id: "replan", what: "the share of queries that were planned again", unit: "ratio",
			info: over(0.01), warning: over(0.05), critical: never, least: 0.0001, most: 10,
			needs: twoScrapes, metrics: []string{replanned, querySuccess, queryFailure}, formula: replans,
			basis:  ownBasis + "; " + auraMetrics + " says only that it should not rise",
			topics: []Topic{"parameters"},
		},
		{
			id: "checkpoint", what: "the duration of checkpoints", unit: "s",
			warning: atLeast(600), critical: atLeast(1800), least: 1, most: 86_400,
			needs: oneScrape, metrics: []string{checkpointTime}, formula: checkpoint,
			basis:  graphAcademy + " (10 minutes); " + opsManual + " (30 minutes)",
			topics: []Topic{"batching", "off_peak", "contact_support"},
		},
		{
			id: "leader", what: "leaders of a database", unit: "members",
			needs: allMembers, metrics: []string{isLeader}, formula: leader,
			basis:  auraMetrics + " (exactly one; none for 30 seconds needs action)",
			topics: []Topic{"contact_support"},
		},
		{
			id: "replication", what: "transactions that a member is behind", unit: "transactions",
			needs: membersRate, metrics: []string{lastTx}, formula: replication,
			basis:  auraMetrics + " (members rise together)",
			topics: []Topic{"contact_support"},
		},
		{
			id: "freshness", what: "the age of the newest sample", unit: "s",
			warning: over(180), critical: over(600), least: 60, most: 86_400,
			needs: oneScrape, formula: freshness,
			basis:  ownBasis + "; Aura renews its metrics every 30 seconds",
			topics: []Topic{"read_again"},
		},
	}
}

// core has the signals without which nobody is called healthy.
var core = []string{"cpu", "heap", "storage"}

// SignalInfo describes a signal, for documents, settings and pictures.
type SignalInfo struct {
	ID    string
	What  string // in words
	Unit  string
	Bound Bound // by default
	Lower bool  // lower values are the worse ones
	Least float64
	Most  float64 // with Least what thresholds may be set to; 0: they may not
	Needs string
	Basis string
}

// Signals describes all signals in the order of their findings.
func Signals() []SignalInfo {
	var infos []SignalInfo
	for _, s := range signals() {
		infos = append(infos, SignalInfo{
			ID: s.id, What: s.what, Unit: s.unit, Bound: s.bound(), Lower: s.lower(),
			Least: s.least, Most: s.most, Needs: s.needs, Basis: s.basis,
		})
	}
	return infos
}

func signalByID(id string) (signal, bool) {
	all := signals()
	if i := slices.IndexFunc(all, func(s signal) bool { return s.id == id }); i >= 0 {
		return all[i], true
	}
	return signal{}, false
}

func (s signal) lower() bool { return s.warning.passes == below }

func (s signal) bound() Bound { return Bound{Warning: s.warning.at, Critical: s.critical.at} }

// limit is where a value begins to be bad.
type limit struct {
	passes passes
	at     *float64 // nil: nowhere
}

type passes string

const (
	from  passes = "from"
	above passes = "above"
	below passes = "below"
)

var never = limit{}

func atLeast(f float64) limit { return limit{from, &f} }
func over(f float64) limit    { return limit{above, &f} }
func under(f float64) limit   { return limit{below, &f} }

// moved is the limit at another place. One that was nowhere compares as otherwise
// does.
func (l limit) moved(at *float64, otherwise passes) limit {
	if l.passes == "" {
		l.passes = otherwise
	}
	l.at = at
	return l
}

func (l limit) passed(value float64) bool {
	if l.at == nil {
		return false
	}
	switch l.passes {
	case above:
		return value > *l.at
	case below:
		return value < *l.at
	}
	return value >= *l.at
}

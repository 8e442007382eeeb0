package health

import (
	"slices"
	"strings"
)

// The labels that tell series of one instance apart.
const (
	zoneLabel     = "availability_zone"
	modeLabel     = "instance_mode"
	databaseLabel = "database"
	primary       = "PRIMARY"
)

// The metrics that formulas read.
const (
	cpuLimit       = "neo4j_aura_cpu_limit"
	cpuUsage       = "neo4j_aura_cpu_usage"
	storageLimit   = "neo4j_aura_storage_limit"
	oomErrors      = "neo4j_aura_out_of_memory_errors_total"
	heapRatio      = "neo4j_dbms_vm_heap_used_ratio"
	gcYoung        = "neo4j_dbms_vm_gc_time_g1_young_generation_total"
	gcOld          = "neo4j_dbms_vm_gc_time_g1_old_generation_total"
	hitRatio       = "neo4j_dbms_page_cache_hit_ratio_per_minute"
	cacheUsage     = "neo4j_dbms_page_cache_usage_ratio"
	evictions      = "neo4j_dbms_page_cache_evictions_total"
	boltRunning    = "neo4j_dbms_bolt_connections_running"
	boltIdle       = "neo4j_dbms_bolt_connections_idle"
	boltOpened     = "neo4j_dbms_bolt_connections_opened_total"
	boltClosed     = "neo4j_dbms_bolt_connections_closed_total"
	storeSize      = "neo4j_database_store_size_database"
	nodeCount      = "neo4j_database_count_node"
	relCount       = "neo4j_database_count_relationship"
	committed      = "neo4j_database_transaction_committed_total"
	rolledBack     = "neo4j_database_transaction_rollbacks_total"
	peakConcurrent = "neo4j_database_transaction_peak_concurrent_total"
	lastTx         = "neo4j_database_transaction_last_committed_tx_id_total"
	replanned      = "neo4j_database_cypher_replan_events_total"
	checkpointTime = "neo4j_database_check_point_duration"
	querySuccess   = "neo4j_db_query_execution_success_total"
	queryFailure   = "neo4j_db_query_execution_failure_total"
	latency50      = "neo4j_db_query_execution_internal_latency_q50"
	latency99      = "neo4j_db_query_execution_internal_latency_q99"
	isLeader       = "neo4j_cluster_raft_is_leader"
)

// documented has all metrics that Aura documents, sorted.
var documented = []string{
	cpuLimit,
	cpuUsage,
	oomErrors,
	storageLimit,
	isLeader,
	"neo4j_database_check_point_duration",
	"neo4j_database_check_point_events_total",
	"neo4j_database_check_point_total_time_total",
	nodeCount,
	relCount,
	replanned,
	storeSize,
	"neo4j_database_transaction_active_read",
	"neo4j_database_transaction_active_write",
	committed,
	lastTx,
	peakConcurrent,
	rolledBack,
	queryFailure,
	latency50,
	"neo4j_db_query_execution_internal_latency_q75",
	latency99,
	querySuccess,
	boltClosed,
	boltIdle,
	boltOpened,
	boltRunning,
	evictions,
	hitRatio,
	cacheUsage,
	gcOld,
	gcYoung,
	heapRatio,
}

// ratios are never above 1.
var ratios = []string{heapRatio, hitRatio, cacheUsage, isLeader}

// isCounter reports whether a metric only ever rises. One of those that are called
// so is a high-water mark.
func isCounter(name string) bool {
	return strings.HasSuffix(name, "_total") && name != peakConcurrent
}

// Metrics returns the names of all metrics that Aura documents, sorted.
func Metrics() []string { return slices.Clone(documented) }

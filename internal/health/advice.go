package health

import "slices"

// Topic names a piece of advice.
type Topic string

// Advice is a topic with its sentence.
type Advice struct {
	Topic Topic  `json:"topic"`
	Text  string `json:"text"`
}

// advice has what makes do with what there is before what costs money, and before
// what only Neo4j can do. Recommendations keep this order.
var advice = []Advice{
	{"restore_snapshot", "Restore one of its snapshots (a person has to decide), or see what the Aura console says of it."},
	{"encryption_key", "Look at the customer managed key at the cloud provider: Aura has to find it and may have to be let use it again."},
	{"read_again", "Read the metrics again in a minute; if they stay old, check the metrics integration in the Aura console."},
	{"query_log", "Find the slowest and the most frequent queries in the query log of the Aura console, and run them with PROFILE."},
	{"failed_queries", "Look up the failed queries in the query log: syntax, missing rights, timeouts and memory limits need different cures."},
	{"indexes", "Add indexes where plans begin with a scan of all nodes or of a label."},
	{"parameters", "Pass values as query parameters instead of writing them into the text, so that plans are found in the cache again."},
	{"limit_results", "Return less at a time: LIMIT, fewer properties, no collecting of whole subgraphs."},
	{"batching", "Split large writes with CALL { … } IN TRANSACTIONS or into batches by the client."},
	{"long_transactions", "Look for transactions that stay open with SHOW TRANSACTIONS, and end the ones that nobody waits for."},
	{"conflicts", "Look for constraint violations, deadlocks and client-side timeouts behind the rollbacks; retry with the driver's managed transactions."},
	{"driver_pool", "Use one driver for each application, size its connection pool to the load, and close sessions."},
	{"off_peak", "Move batch jobs to hours with less load."},
	{"warm_up", "After a restart or a bulk load give the page cache time to fill before judging it."},
	{"delete_unused", "Remove indexes and data that nobody reads; space that deletes leave is used again, but not given back."},
	{"compact_store", "To give space back, write the data into a new store: export a snapshot and restore it into another instance."},
	{"secondaries", "Where reads are the load, add secondaries (Business Critical and Virtual Dedicated Cloud) before a larger primary."},
	{"increase_storage", "Increase the storage of the instance."},
	{"resize_memory", "If that is not enough, resize to an instance with more memory: a person has to decide, for it costs more."},
	{"resize_cpu", "If that is not enough, resize to an instance with more CPU: a person has to decide, for it costs more."},
	{"contact_support", "Contact Neo4j support with the instance ID, the times, and the zone and database named here."},
}

// Sentence returns what a topic advises, and nothing for an unknown one.
func Sentence(t Topic) string {
	if i := slices.IndexFunc(advice, func(a Advice) bool { return a.Topic == t }); i >= 0 {
		return advice[i].Text
	}
	return ""
}

// AdviceFor returns each topic of the findings once, optimising first. It serves
// several verdicts at once as well.
func AdviceFor(findings []Finding) []Advice {
	var out []Advice
	for _, a := range advice {
		if slices.ContainsFunc(findings, func(f Finding) bool { return slices.Contains(f.Recommendations, a.Topic) }) {
			out = append(out, a)
		}
	}
	return out
}

// TopicsOf returns what the findings of a signal recommend.
func TopicsOf(id string) []Topic {
	s, _ := signalByID(id)
	return slices.Clone(s.topics)
}

package tools

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// unknownValue stands where Aura does not say: a size while a database is being created, say.
const unknownValue = "unknown"

func shown(value string) string {
	if value == "" {
		return unknownValue
	}
	return value
}

// instant is a time for a result: RFC 3339, UTC, seconds; empty where unknown.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// TenantRef names a tenant.
type TenantRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (t TenantRef) shown() string { return cmp.Or(t.Name, t.ID) }

// InstanceDetails is one database as Aura describes it.
type InstanceDetails struct {
	ID                   string    `json:"id"`
	Name                 string    `json:"name"`
	Status               string    `json:"status"`
	Meaning              string    `json:"meaning,omitempty" jsonschema:"what the status means for whoever uses the database"`
	Type                 string    `json:"type"`
	Memory               string    `json:"memory"`
	Storage              string    `json:"storage,omitempty"`
	CloudProvider        string    `json:"cloud_provider"`
	Region               string    `json:"region"`
	Tenant               TenantRef `json:"tenant"`
	ConnectionURL        string    `json:"connection_url"`
	CreatedAt            string    `json:"created_at,omitempty"`
	HasMetrics           bool      `json:"has_metrics" jsonschema:"whether its plan exposes metrics"`
	GraphNodes           *int64    `json:"graph_nodes,omitempty"`
	GraphRelationships   *int64    `json:"graph_relationships,omitempty"`
	SecondariesCount     *int      `json:"secondaries_count,omitempty"`
	CDCEnrichmentMode    string    `json:"cdc_enrichment_mode,omitempty"`
	VectorOptimized      *bool     `json:"vector_optimized,omitempty"`
	GraphAnalyticsPlugin *bool     `json:"graph_analytics_plugin,omitempty"`
	CustomerManagedKeyID string    `json:"customer_managed_key_id,omitempty"`
	ReadAt               string    `json:"read_at"`
}

func newInstanceDetails(s seen, tenant TenantRef) InstanceDetails {
	i := s.instance
	return InstanceDetails{
		ID: i.ID, Name: i.Name, Status: shown(string(i.Status)), Meaning: meaning(i.Status),
		Type: shown(string(i.Type)), Memory: shown(i.Memory), Storage: i.Storage,
		CloudProvider: shown(i.CloudProvider), Region: shown(i.Region), Tenant: tenant,
		ConnectionURL: shown(i.ConnectionURL), CreatedAt: instant(i.CreatedAt), HasMetrics: i.MetricsURL != "",
		GraphNodes: i.GraphNodes, GraphRelationships: i.GraphRelationships,
		SecondariesCount: i.SecondariesCount, CDCEnrichmentMode: i.CDCEnrichmentMode,
		VectorOptimized: i.VectorOptimized, GraphAnalyticsPlugin: i.GraphAnalyticsPlugin,
		CustomerManagedKeyID: i.CustomerManagedKeyID, ReadAt: instant(s.at),
	}
}

func meaning(s auraclient.Status) string {
	switch {
	case s == auraclient.StatusRunning:
		return ""
	case s == auraclient.StatusPaused:
		return "nobody can use it until it is resumed; its data is kept"
	case s == auraclient.StatusSuspended:
		return "Aura has suspended it; the reason is in the Aura console"
	case s.Failed():
		return "it failed and needs a person: restore a snapshot, or see the Aura console"
	case s.Transitional():
		return "an operation is under way; others are refused until it is done"
	}
	return ""
}

// resource is an instance as a plan shows it.
func resource(i *auraclient.Instance, tenant TenantRef) op.Resource {
	return op.Resource{
		Kind: "instance", ID: i.ID, Name: i.Name, Tenant: tenant.shown(),
		Type: string(i.Type), Memory: i.Memory, Status: shown(string(i.Status)),
	}
}

// InstanceRow is one database in a list.
type InstanceRow struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Type   string `json:"type,omitempty"`
	Memory string `json:"memory,omitempty"`
	Cloud  string `json:"cloud,omitempty" jsonschema:"provider/region"`
	Tenant string `json:"tenant"`
}

// InstanceCounts counts the databases of a list.
type InstanceCounts struct {
	Status map[string]int `json:"status"`
	Type   map[string]int `json:"type"`
	Tenant map[string]int `json:"tenant"`
}

// MemorySums adds up memory, in GB.
type MemorySums struct {
	Running string `json:"running"`
	Paused  string `json:"paused"`
}

// InstanceList is the fleet, or the part of it that was asked for.
type InstanceList struct {
	Total      int            `json:"total"`
	Counts     InstanceCounts `json:"counts"`
	Memory     MemorySums     `json:"memory"`
	Note       string         `json:"note,omitempty"`
	Instances  []InstanceRow  `json:"instances"`
	NextCursor string         `json:"next_cursor,omitempty" jsonschema:"there are more rows: call again with it as cursor"`
	ReadAt     string         `json:"read_at" jsonschema:"when the oldest of these was read"`
}

// page keeps the rows from the cursor on, up to the limit.
func (l *InstanceList) page(in listInstancesIn) error {
	start, limit := 0, cmp.Or(in.Limit, 200)
	if in.Cursor != "" {
		n, err := strconv.Atoi(in.Cursor)
		if err != nil || n < 0 || n > len(l.Instances) {
			return &op.Error{What: fmt.Sprintf("argument `cursor` is %s, which no answer gave", text.Quote(in.Cursor)), Next: "call again without it, from the first row"}
		}
		start = n
	}
	end := min(start+limit, len(l.Instances))
	if end < len(l.Instances) {
		l.NextCursor = strconv.Itoa(end)
	}
	l.Instances = l.Instances[start:end]
	return nil
}

func newInstanceList(read []reading, tenants map[string]string, in listInstancesIn) InstanceList {
	out := InstanceList{
		Instances: []InstanceRow{},
		Counts:    InstanceCounts{Status: map[string]int{}, Type: map[string]int{}, Tenant: map[string]int{}},
	}
	var running, paused float64
	var unread int
	oldest := time.Now()
	for _, r := range read {
		if !r.matches(in) {
			continue
		}
		row := r.row(tenants)
		out.Instances = append(out.Instances, row)
		out.Counts.Status[row.Status]++
		out.Counts.Type[shown(row.Type)]++
		out.Counts.Tenant[row.Tenant]++
		switch {
		case r.err != nil:
			unread++
			continue
		case r.instance.Status == auraclient.StatusPaused:
			paused += op.Gigabytes(r.instance.Memory)
		case r.instance.Status == auraclient.StatusRunning:
			running += op.Gigabytes(r.instance.Memory)
		}
		if r.at.Before(oldest) {
			oldest = r.at
		}
	}
	slices.SortStableFunc(out.Instances, func(a, b InstanceRow) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	out.Total, out.ReadAt = len(out.Instances), instant(oldest)
	out.Memory = MemorySums{Running: sum(running), Paused: sum(paused)}
	out.Note = unreadNote(unread, read)
	if out.Total == 0 {
		out.Note = nothingNote(read, in)
	}
	return out
}

// nothingNote says what there is where nothing matches: a filter that no database can fit would read as a fact otherwise.
func nothingNote(read []reading, in listInstancesIn) string {
	var parts []string
	for _, f := range []struct {
		what, given string
		of          func(auraclient.Instance) string
	}{
		{"statuses", in.Status, func(i auraclient.Instance) string { return string(i.Status) }},
		{"types", in.Type, func(i auraclient.Instance) string { return string(i.Type) }},
		{"regions", in.Region, func(i auraclient.Instance) string { return i.Region }},
	} {
		if f.given == "" {
			continue
		}
		var values []string
		for _, r := range read {
			if v := f.of(r.instance); v != "" && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		slices.Sort(values)
		parts = append(parts, fmt.Sprintf("the %s that there are: %s", f.what, strings.Join(values, ", ")))
	}
	return strings.Join(append([]string{"nothing matches"}, parts...), "; ")
}

func sum(gb float64) string { return fmt.Sprintf("%gGB", gb) }

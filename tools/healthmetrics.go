package tools

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

type getInstanceMetricsIn struct {
	Instance string `json:"instance" jsonschema:"ID or name of the database"`
	Name     string `json:"name,omitempty" jsonschema:"only metrics like this: a pattern with *, or a part of the name, such as page_cache"`
	Limit    int    `json:"limit,omitempty" jsonschema:"how many values at most; default 100" min:"1" max:"500"`
}

// InstanceMetrics are raw metrics of one database.
type InstanceMetrics struct {
	InstanceID string       `json:"instance_id"`
	Name       string       `json:"name"`
	SampledAt  string       `json:"sampled_at,omitempty"`
	Values     int          `json:"values"`
	Notes      []string     `json:"notes,omitempty"`
	Metrics    []MetricView `json:"metrics"`
}

// MetricView is one metric with its values.
type MetricView struct {
	Name    string       `json:"name"`
	Type    string       `json:"type"`
	Unit    string       `json:"unit,omitempty"`
	Samples []SampleView `json:"samples"`
}

// SampleView is one value.
type SampleView struct {
	Labels map[string]string `json:"labels,omitempty"`
	Value  *float64          `json:"value,omitempty" jsonschema:"missing where it is not a number"`
	Note   string            `json:"note,omitempty"`
	Time   string            `json:"time,omitempty"`
}

func (f *Fleet) getInstanceMetrics(ctx context.Context, call op.Call, in getInstanceMetricsIn) (InstanceMetrics, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceMetrics{}, err
	}
	t, err := f.look(ctx, aura, in.Instance, loosely)
	if err != nil {
		return InstanceMetrics{}, err
	}
	own, err := f.rawMetrics(ctx, call, aura, t.instance)
	if err != nil {
		return InstanceMetrics{}, err
	}
	families := slices.DeleteFunc(slices.Clone(own.Families), func(m auraclient.MetricFamily) bool { return !like(in.Name, m.Name) })
	if len(families) == 0 {
		return InstanceMetrics{}, noSuchMetric(in.Name, own.Families)
	}
	out := newInstanceMetrics(families, cmp.Or(in.Limit, 100))
	out.InstanceID, out.Name = t.instance.ID, t.instance.Name
	if len(own.Unreadable) > 0 {
		out.Notes = append(out.Notes, "there were lines that could not be read, of: "+quoted(own.Unreadable))
	}
	return out, nil
}

func noSuchMetric(pattern string, families []auraclient.MetricFamily) error {
	var names []string
	for _, f := range families {
		names = append(names, f.Name)
	}
	next := "call again with a part of one of these names: " + strings.Join(names[:min(len(names), 40)], ", ")
	if near := text.Nearest(pattern, names); len(near) > 0 {
		next = "check whether one of these is meant: " + strings.Join(near, ", ") + "; without `name` all are shown"
	}
	return &op.Error{What: fmt.Sprintf("no metric is like %s among the %d of this database", text.Quote(pattern), len(families)), Next: next, Unchanged: true}
}

func newInstanceMetrics(families []auraclient.MetricFamily, limit int) InstanceMetrics {
	out := InstanceMetrics{Metrics: []MetricView{}}
	var newest time.Time
	for _, f := range families {
		out.Values += len(f.Samples)
		for _, s := range f.Samples {
			if s.Time.After(newest) {
				newest = s.Time
			}
		}
	}
	out.SampledAt = instant(newest)
	left := limit
	odd := false
	for _, f := range families {
		if left == 0 {
			break
		}
		view := MetricView{Name: f.Name, Type: f.Type, Unit: unitOf(f.Name), Samples: []SampleView{}}
		for _, s := range f.Samples[:min(left, len(f.Samples))] {
			one := newSampleView(s, newest)
			odd = odd || one.Value == nil
			view.Samples = append(view.Samples, one)
		}
		left -= len(view.Samples)
		out.Metrics = append(out.Metrics, view)
	}
	if odd {
		out.Notes = append(out.Notes, "a value that is not a number is none: it is not known, and not 0")
	}
	if out.Values > limit {
		out.Notes = append(out.Notes, fmt.Sprintf("the first %d of %d values; name narrows them down, limit shows more", limit, out.Values))
	}
	return out
}

func newSampleView(s auraclient.Sample, newest time.Time) SampleView {
	out := SampleView{Labels: maps.Clone(s.Labels)}
	delete(out.Labels, auraclient.InstanceLabel)
	switch {
	case math.IsNaN(s.Value):
		out.Note = "not a number"
	case math.IsInf(s.Value, 0):
		out.Note = "infinite"
	default:
		out.Value = &s.Value
	}
	if !s.Time.Equal(newest) {
		out.Time = instant(s.Time)
	}
	return out
}

// units by a part of the name, the first that fits: Aura's answer does not say them.
var units = []struct{ part, unit string }{
	{"_ratio", "ratio"},
	{"_aura_cpu_", "cores"},
	{"_storage_limit", "bytes"},
	{"_store_size_", "bytes"},
	{"_gc_time_", "ms"},
	{"_latency_", "ms"},
	{"_check_point_duration", "ms"},
	{"_check_point_total_time", "ms"},
	{"_check_point_events", "checkpoints"},
	{"_bolt_connections_", "connections"},
	{"_last_committed_tx_id", "transaction ID"},
	{"_transaction_", "transactions"},
	{"_query_execution_", "queries"},
	{"_out_of_memory_errors", "errors"},
	{"_count_node", "nodes"},
	{"_count_relationship", "relationships"},
	{"_replan_events", "events"},
	{"_evictions_", "pages"},
}

func unitOf(metric string) string {
	for _, u := range units {
		if strings.Contains(metric, u.part) {
			return u.unit
		}
	}
	return ""
}

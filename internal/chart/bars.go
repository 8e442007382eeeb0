package chart

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aura-mcp/internal/health"
)

// labels are the names of signals with room for them.
var labels = map[string]string{
	"cpu":            "CPU",
	"heap":           "Heap",
	"gc":             "Garbage collection",
	"oom":            "Out of memory",
	"page_cache":     "Page cache hits",
	"storage":        "Storage",
	"storage_growth": "Storage full in",
	"query_failures": "Failed queries",
	"latency":        "Slow queries (p99)",
	"rollbacks":      "Rollbacks",
	"connections":    "Busy connections",
	"replan":         "Queries replanned",
	"checkpoint":     "Checkpoint",
	"leader":         "Leaders",
	"replication":    "Replication lag",
	"freshness":      "Age of metrics",
}

func label(id string) string { return cmp.Or(labels[id], id) }

// barsOf are the signals that are known and have a threshold, and those that are bad without one.
func barsOf(v health.Verdict) []bar {
	var out []bar
	for _, info := range health.Signals() {
		s, ok := v.Signals[info.ID]
		if !ok || s.Value == nil {
			continue
		}
		b := bar{label: label(info.ID), value: show(*s.Value, s.Unit), status: s.Status}
		switch full := s.Bound.Critical; {
		case full != nil:
			b.share = share(s, *s.Value, *full)
			if w := s.Bound.Warning; w != nil {
				b.warning, b.limit = share(s, *w, *full), "warning at "+show(*w, s.Unit)
			}
			if s.Status == health.StatusCritical || s.Bound.Warning == nil {
				b.limit = "critical at " + show(*full, s.Unit)
			}
		case s.Bound.Warning != nil:
			b.share, b.limit = share(s, *s.Value, *s.Bound.Warning), "warning at "+show(*s.Bound.Warning, s.Unit)
		case s.Status == health.StatusWarning || s.Status == health.StatusCritical:
			b.share = 1
		default:
			continue
		}
		if s.Status == health.StatusHealthy && b.share > 1 { // its threshold alone does not decide
			b.status, b.limit = health.StatusUnknown, "no warning by itself"
		}
		out = append(out, b)
	}
	return out
}

// share is how far a value has come on its way to full. Where lower is worse, the way begins at the best there is.
func share(s health.Signal, value, full float64) float64 {
	switch {
	case !s.Lower && full > 0:
		return value / full
	case s.Lower && s.Unit == "ratio" && full < 1:
		return (1 - value) / (1 - full)
	case s.Lower && value > 0:
		return full / value
	}
	return overshoot
}

// footnote says how to read the picture and what is not in it.
func footnote(v health.Verdict, bars bool) []string {
	var out []string
	if bars {
		out = append(out, "Each bar shows how far the worst member has come towards the threshold: critical, or warning where nothing is critical. Amber marks: warning.")
	} else if v.Message != "" {
		out = append(out, v.Message)
	}
	var unknown []string
	for _, info := range health.Signals() {
		if s, ok := v.Signals[info.ID]; ok && s.Value == nil {
			unknown = append(unknown, fmt.Sprintf("%s (%s)", label(info.ID), strings.ReplaceAll(string(s.Reason), "_", " ")))
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		out = append(out, "Not known: "+strings.Join(unknown, ", ")+".")
	}
	return out
}

// show writes a value with its unit.
func show(f float64, unit string) string {
	digits := func(f float64, n int) string {
		s := strconv.FormatFloat(f, 'f', n, 64)
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	switch unit {
	case "ratio":
		return digits(f*100, 1) + " %"
	case "s", "ms":
		return digits(f, 0) + " " + unit
	case "connections per core":
		return digits(f, 1) + " per core"
	}
	return strings.TrimSpace(digits(f, 1) + " " + unit)
}

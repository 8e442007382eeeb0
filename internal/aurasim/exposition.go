package aurasim

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exposition writes the metrics of some instances as text in Prometheus's format 0.0.4: a family after the other, each
// with the samples of all instances. It is empty if there is nothing to measure.
func (s *Server) exposition(subjects []*instance, comprehensive bool, now time.Time) []byte {
	var out bytes.Buffer
	if len(subjects) == 0 {
		return nil
	}
	for _, f := range families() {
		if f.clusterOnly && !comprehensive {
			continue
		}
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		for _, in := range subjects {
			at := in.measuredAt(now)
			for _, g := range in.groups(comprehensive) {
				if f.clusterOnly && g.members[0].secondary {
					continue
				}
				value := s.aggregate(f, in, g.members, at)
				fmt.Fprintf(&out, "%s{%s} %s %d\n", f.name, g.labels(f, in), strconv.FormatFloat(value, 'f', 6, 64), at.UnixMilli())
			}
		}
	}
	return out.Bytes()
}

// measuredAt is the time of the samples in an answer of now.
func (in *instance) measuredAt(now time.Time) time.Time {
	if in.presently().scenario.name == scenarioStale {
		return now.Add(-20 * time.Minute)
	}
	return now
}

// group is the members that one sample stands for.
type group struct {
	zone, mode string // "" in the default granularity
	members    []member
}

// groups are one of all members, or one for each zone and mode.
func (in *instance) groups(comprehensive bool) []group {
	all := in.members()
	if !comprehensive {
		return []group{{members: all}}
	}
	var out []group
	for _, m := range all {
		mode := "PRIMARY"
		if m.secondary {
			mode = "SECONDARY"
		}
		i := slices.IndexFunc(out, func(g group) bool { return g.zone == m.zone && g.mode == mode })
		if i < 0 {
			i = len(out)
			out = append(out, group{zone: m.zone, mode: mode})
		}
		out[i].members = append(out[i].members, m)
	}
	return out
}

// labels escapes a zone, which is in a region that a state file may call as it likes; the rest is ours.
func (g group) labels(f family, in *instance) string {
	escapes := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var out []string
	add := func(name, value string) { out = append(out, name+`="`+escapes.Replace(value)+`"`) }
	add("aggregation", f.aggregation)
	if g.zone != "" {
		add("availability_zone", g.zone)
		add("instance_mode", g.mode)
	}
	if f.database {
		add("database", "neo4j")
	}
	add("instance_id", in.ID)
	return strings.Join(out, ",")
}

// aggregate is NaN if one of the values is.
func (s *Server) aggregate(f family, in *instance, members []member, at time.Time) float64 {
	out := math.NaN()
	for i, m := range members {
		value := f.value(look{seed: s.seed, in: in, member: m, stretch: in.presently(), at: at})
		switch {
		case i == 0:
			out = value
		case f.aggregation == largest:
			out = math.Max(out, value)
		case f.aggregation == smallest:
			out = math.Min(out, value)
		default:
			out += value
		}
	}
	if f.aggregation == average {
		out /= float64(len(members))
	}
	return out
}

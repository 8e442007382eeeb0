package health

import (
	"aura-mcp/internal/text"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

func (v *view) source(kind string) *Source {
	s := &Source{EndpointKind: kind}
	if v.samples == 0 {
		return s
	}
	s.Granularity = "default"
	if v.comprehensive {
		s.Granularity = "comprehensive"
	}
	if y := v.newest.Year(); 1 < y && y < 9999 { // which is what JSON can say
		s.SampleTime, s.AgeSeconds = new(v.newest.UTC()), finite(max(0, v.age.Seconds()))
	}
	if v.window > 0 {
		s.WindowSecs = finite(v.window.Seconds())
	}
	return s
}

func (v *view) coverage() *Coverage {
	c := &Coverage{Missing: []string{}}
	for _, name := range documented {
		if slices.ContainsFunc(v.metrics[name], func(s series) bool { return !math.IsNaN(s.value) }) {
			c.Known++
		} else {
			c.Missing = append(c.Missing, name)
		}
	}
	return c
}

// noted says what a reader of the signals would wrongly assume.
func (v *view) noted(all map[string]Signal, unreadable []string) []string {
	waiting, twice := []string{}, Reason("")
	for _, s := range signals() {
		switch all[s.id].Reason {
		case ReasonTwoScrapes, ReasonSameReading:
			waiting, twice = append(waiting, s.id), all[s.id].Reason
		}
	}
	var notes []string
	if len(waiting) > 0 {
		why := "one reading has no rates"
		if twice == ReasonSameReading {
			why = "both readings are the same one, as Aura renews them every 30 seconds"
		}
		notes = append(notes, fmt.Sprintf("%s: %s unknown; the same call after 35 seconds has them", why, strings.Join(waiting, ", ")))
	}
	if v.reset {
		notes = append(notes, string(ReasonCounterReset)+": counters went back between the readings, so their rates are unknown")
	}
	if v.undated {
		notes = append(notes, "the samples do not say when they were taken; their age is that of the answer")
	}
	if len(unreadable) > 0 {
		notes = append(notes, fmt.Sprintf("the answer had lines that could not be read, of %d metrics", len(unreadable)))
	}
	if v.bounds.connections == 0 {
		notes = append(notes, "the connection limit is not among Aura's metrics")
	}
	return notes
}

// words is a scope as part of a sentence.
func (s Scope) words() string {
	var parts []string
	if s.InstanceMode != "" {
		parts = append(parts, text.Quote(s.InstanceMode))
	}
	if s.AvailabilityZone != "" {
		parts = append(parts, "zone "+text.Quote(s.AvailabilityZone))
	}
	if s.Database != "" {
		parts = append(parts, "database "+text.Quote(s.Database))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// finite is f for JSON, which has no NaN, with no more digits than it is worth.
func finite(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	if math.Abs(f) < 1e9 {
		f = math.Round(f*1e4) / 1e4
	}
	return &f
}

// show writes a value for people.
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
	case "":
		return digits(f, 1)
	case "s", "ms":
		return digits(f, 0) + " " + unit
	}
	return digits(f, 1) + " " + unit
}

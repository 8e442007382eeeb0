package health

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// The formulas that need two readings, in the order of the table.

const fewEvents = 20 // a share of fewer says nothing

// gc is the share of the time between the readings that one member spent on it.
func gc(v *view) reading {
	return worst(v.metrics[gcOld], false, func(s series) (float64, Reason) {
		old, why := s.delta()
		if why == "" {
			var young series
			young, ok := v.sameScope(gcYoung, s.scope)
			if !ok {
				return math.NaN(), v.why(gcYoung)
			}
			var more float64
			if more, why = young.delta(); why == "" {
				return (old + more) / float64(s.apart.Milliseconds()), ""
			}
		}
		return math.NaN(), why
	}).unlessReset(v, gcOld, gcYoung)
}

func queryFailures(v *view) reading {
	return v.share([]string{queryFailure}, []string{queryFailure, querySuccess})
}

func rollbacks(v *view) reading {
	return v.share([]string{rolledBack}, []string{committed})
}

func replans(v *view) reading {
	return v.share([]string{replanned}, []string{queryFailure, querySuccess})
}

// share is how much of the whole a part was, both between the readings: of the
// worst database, or of all together when each for itself has had too little.
func (v *view) share(part, whole []string) reading {
	parts, why := v.rises(part)
	wholes, other := v.rises(whole)
	if why = worseReason(why, other); why != "" && why != ReasonPartly {
		return unknown(why)
	}
	var allParts, allWhole float64
	r := unknown(ReasonTooFew)
	for _, db := range slices.Sorted(maps.Keys(wholes)) {
		p, ok := parts[db]
		if !ok {
			why = ReasonPartly
			continue
		}
		allParts, allWhole = allParts+p, allWhole+wholes[db]
		if x := p / wholes[db]; wholes[db] >= fewEvents && !(x <= r.value) {
			r.value, r.scope = x, Scope{Database: db}
		}
	}
	if x := allParts / allWhole; math.IsNaN(r.value) && allWhole >= fewEvents {
		r.value = x
	}
	if !math.IsNaN(r.value) {
		r.why = why
	}
	return r
}

// rises adds up by database how much counters rose. A reset of one is that of all.
func (v *view) rises(metrics []string) (map[string]float64, Reason) {
	rises, why := map[string]float64{}, Reason("")
	bad := map[string]bool{}
	for _, metric := range metrics {
		if len(v.metrics[metric]) == 0 {
			return nil, ReasonAbsent
		}
		for _, s := range v.metrics[metric] {
			x, missed := s.delta()
			if missed != "" {
				why = worseReason(why, missed)
				bad[s.scope.Database] = true
				continue
			}
			rises[s.scope.Database] += x
		}
	}
	maps.DeleteFunc(rises, func(db string, _ float64) bool { return bad[db] })
	if why != "" && why != ReasonCounterReset && len(rises) > 0 {
		why = ReasonPartly
	}
	return rises, why
}

// worseReason is the reason that says more: a reset takes everything with it, and
// something known takes the edge off what is missing.
func worseReason(a, b Reason) Reason {
	switch {
	case a == ReasonCounterReset || b == ReasonCounterReset:
		return ReasonCounterReset
	case a == "" || a == ReasonPartly && b != "":
		return b
	}
	return a
}

// sum adds up a value of all series. What is missing makes the sum a part, except
// that a reset of one is that of all.
func sum(all []series, value func(series) (float64, Reason)) reading {
	r, missed, known := reading{}, Reason(""), 0
	for _, s := range all {
		x, why := value(s)
		if why != "" {
			missed = worseReason(missed, why)
			continue
		}
		if known == 0 {
			r.scope = s.scope
		} else if s.scope != r.scope {
			r.scope = Scope{}
		}
		r.value += x
		known++
	}
	switch {
	case missed == ReasonCounterReset || known == 0:
		return unknown(orReason(missed, ReasonAbsent))
	case missed != "":
		r.why = ReasonPartly
	}
	return r
}

// unlessReset makes the reading unknown when one of its counters went back: which
// of the members behind a series was restarted does not show.
func (r reading) unlessReset(v *view, metrics ...string) reading {
	for _, metric := range metrics {
		for _, s := range v.metrics[metric] {
			if _, why := s.delta(); why == ReasonCounterReset {
				return unknown(why)
			}
		}
	}
	return r
}

// replication finds a primary that stands still while another of the same database
// moves on. Secondaries may lag, and a database that nobody writes to stands still
// everywhere.
func replication(v *view) reading {
	if !v.comprehensive {
		return unknown(ReasonComprehensive)
	}
	byDatabase := map[string][]series{}
	for _, s := range v.metrics[lastTx] {
		if strings.EqualFold(s.scope.InstanceMode, primary) {
			byDatabase[s.scope.Database] = append(byDatabase[s.scope.Database], s)
		}
	}
	r := unknown(ReasonAbsent)
	missed := Reason("")
	for _, db := range slices.Sorted(maps.Keys(byDatabase)) {
		members := byDatabase[db]
		if len(members) < 2 { // nobody to compare it with
			missed = orReason(missed, ReasonTooFew)
			continue
		}
		head, headBefore, fastest := 0.0, 0.0, 0.0
		why := Reason("")
		for _, s := range members {
			rise, missing := s.delta()
			if missing != "" {
				why = worseReason(why, missing)
				continue
			}
			head, headBefore, fastest = max(head, s.value), max(headBefore, s.before), max(fastest, rise)
		}
		if missed = worseReason(missed, why); why != "" {
			continue
		}
		for _, s := range members {
			lag, level := head-s.value, fine
			if s.value == s.before && fastest > 0 && lag > headBefore-s.before {
				level = critical
			}
			if math.IsNaN(r.value) || level > r.level || level == r.level && lag > r.value {
				r.value, r.level, r.scope, r.why = lag, level, s.scope, ""
			}
		}
	}
	switch {
	case missed == ReasonCounterReset:
		return unknown(missed)
	case math.IsNaN(r.value):
		return unknown(orReason(missed, ReasonAbsent))
	case missed != "" && missed != ReasonTooFew:
		r.why = ReasonPartly
	}
	r.decided = true
	if r.level == critical {
		r.threshold = new(0.0)
		r.message = fmt.Sprintf("a primary%s stands still while others commit, and is %s transactions behind: it does not replicate", r.scope.words(), show(r.value, ""))
	}
	return r
}

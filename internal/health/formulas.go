package health

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// The formulas that one reading is enough for, in the order of the table.

// cpu is the use of the member that uses most. With two readings both count: the
// lower one is what was sustained.
func cpu(v *view) reading {
	return sustained(v.metrics[cpuUsage], func(s series) (float64, float64, Reason) {
		most, ok := v.at(cpuLimit, s.scope)
		if !ok || most.value == 0 {
			return math.NaN(), math.NaN(), v.why(cpuLimit)
		}
		earlier := most.value
		if most.before > 0 { // not so when it was resized, or never read
			earlier = most.before
		}
		return s.value / most.value, s.before / earlier, s.why
	})
}

// heap is critical a little earlier when the collector has to work hard for it.
func heap(v *view) reading {
	r := sustained(v.metrics[heapRatio], func(s series) (float64, float64, Reason) { return s.value, s.before, s.why })
	const busy = 0.90
	collected, bound := gc(v), v.boundOf("gc").Critical
	if !v.bounds.isChanged("heap") && r.value >= busy && bound != nil && collected.value >= *bound {
		r.level, r.threshold = critical, new(busy)
		r.message = fmt.Sprintf("heap use is %s%s while %s of the time goes into collecting garbage; both together are critical from 90 %% and %s",
			show(r.value, "ratio"), r.scope.words(), show(collected.value, "ratio"), show(*bound, "ratio"))
	}
	return r
}

// sustained is the worst of the lower of both readings of each series. Where there
// is no earlier one, it is the value as it is.
func sustained(all []series, values func(series) (now, before float64, why Reason)) reading {
	peak := math.NaN()
	r := worst(all, false, func(s series) (float64, Reason) {
		now, before, why := values(s)
		if math.IsNaN(now) || math.IsNaN(before) {
			return now, why
		}
		peak = maxKnown(peak, max(now, before))
		return min(now, before), ""
	})
	r.peak = peak
	return r
}

func maxKnown(a, b float64) float64 {
	if math.IsNaN(a) || b > a {
		return b
	}
	return a
}

// oom counts what happened between two readings. After one only the errors since
// some start are known, which is worth a look and no alarm.
func oom(v *view) reading {
	rise := sum(v.metrics[oomErrors], series.delta)
	if rise.value > 0 {
		rise.level, rise.decided, rise.threshold = critical, true, new(0.0)
		rise.message = fmt.Sprintf("out-of-memory errors rose by %s between the two readings; none is expected", show(rise.value, ""))
	}
	if rise.value > 0 || rise.why == "" || rise.why == ReasonCounterReset {
		return rise
	}
	total := sum(v.metrics[oomErrors], plain)
	total.unit = "errors since a start"
	if total.value > 0 {
		total.level, total.decided, total.threshold = warning, true, new(0.0)
		total.message = fmt.Sprintf("%s out-of-memory errors since the counter began; a second reading will tell if there are new ones", show(total.value, ""))
	}
	return total
}

// pageCache goes by the lowest hit ratio. It is critical only when the cache is
// full or evicting, and of no concern when a load or restart explains it.
func pageCache(v *view) reading {
	r := worst(v.metrics[hitRatio], true, plain)
	if math.IsNaN(r.value) {
		return r
	}
	full, _ := v.at(cacheUsage, r.scope)
	r.ceiling = warning
	if full.value >= 0.99 || sum(v.metrics[evictions], series.delta).value > 0 {
		r.ceiling = critical
	}
	switch {
	case v.reset:
		r.ceiling = info
	case v.bulkLoad():
		r.ceiling = info
	}
	return r
}

// bulkLoad reports whether the graph grew by more than a hundredth, and by
// thousands, between the readings.
func (v *view) bulkLoad() bool {
	for _, metric := range []string{nodeCount, relCount} {
		for _, s := range v.metrics[metric] {
			if grown, why := s.delta(); why == "" && grown >= 10_000 && grown > s.before/100 {
				return true
			}
		}
	}
	return false
}

// storage adds up the databases, each as large as its largest copy.
func storage(v *view) reading {
	used, most := v.stored(func(s series) float64 { return s.value })
	if used.value /= most; math.IsInf(used.value, 0) {
		return unknown(ReasonImplausible)
	}
	return used
}

// stored returns the bytes used and the limit, by a value of each series. With
// several limits the lowest counts.
func (v *view) stored(value func(series) float64) (used reading, most float64) {
	limits := worst(v.metrics[storageLimit], true, plain)
	if !(limits.value > 0) {
		return unknown(orReason(limits.why, ReasonImplausible)), math.NaN()
	}
	sizes, why := map[string]float64{}, Reason("")
	for _, s := range v.metrics[storeSize] {
		if x := value(s); math.IsNaN(x) {
			why = orReason(s.why, s.prior)
		} else {
			sizes[s.scope.Database] = max(sizes[s.scope.Database], x)
		}
	}
	if len(sizes) == 0 {
		return unknown(orReason(why, ReasonAbsent)), math.NaN()
	}
	for _, db := range slices.Sorted(maps.Keys(sizes)) {
		used.value += sizes[db]
	}
	if why != "" || limits.why != "" {
		used.why = ReasonPartly
	}
	return used, limits.value
}

// storageGrowth extends the growth of at least an hour in a straight line.
func storageGrowth(v *view) reading {
	now, most := v.stored(func(s series) float64 { return s.value })
	before, _ := v.stored(func(s series) float64 { return s.before })
	var apart time.Duration
	for _, s := range v.metrics[storeSize] {
		apart = max(apart, s.apart)
	}
	switch {
	case math.IsNaN(now.value):
		return unknown(now.why)
	case math.IsNaN(before.value) || before.why != "" || apart < time.Hour:
		return unknown(ReasonHistory)
	case now.value <= before.value:
		return unknown(ReasonNotGrowing)
	}
	days := max(0, most-now.value) / ((now.value - before.value) / apart.Hours()) / 24
	if days > 3650 {
		return unknown(ReasonNotGrowing)
	}
	return reading{value: days, why: now.why}
}

// latency is about queries that are slow beside the others. It is a hint after one
// reading, and a warning when both say so. Bounds that somebody set are the goals
// of that workload and count as they are.
func latency(v *view) reading {
	r := worst(v.metrics[latency99], false, plain)
	if math.IsNaN(r.value) || v.bounds.isChanged("latency") {
		return r
	}
	r.decided = true
	const skew, slow = 10, 1000
	for _, s := range v.metrics[latency99] {
		if !(s.value >= slow) {
			continue
		}
		median, ok := v.sameScope(latency50, s.scope)
		if !ok {
			r.why = ReasonPartly
		}
		if !ok || s.value <= skew*median.value {
			continue
		}
		level := info
		if s.before >= slow && s.before > skew*median.before {
			level = warning
		}
		if level < r.level || level == r.level && s.value < r.value {
			continue
		}
		r.level, r.scope, r.value, r.threshold = level, s.scope, s.value, new(float64(slow))
		r.message = fmt.Sprintf("the slowest hundredth of queries takes at least %s%s, and half of all at most %s: a few queries are the trouble, not the size of the instance",
			show(s.value, "ms"), s.scope.words(), show(median.value, "ms"))
	}
	return r
}

// sameScope is the series of a metric with exactly that scope.
func (v *view) sameScope(metric string, scope Scope) (series, bool) {
	i := slices.IndexFunc(v.metrics[metric], func(s series) bool { return s.scope == scope && !math.IsNaN(s.value) })
	if i < 0 {
		return series{}, false
	}
	return v.metrics[metric][i], true
}

// connections sets busy ones against cores. That many are opened for few that
// stay, that they are not closed, or that they near a limit are findings beside it.
func connections(v *view) reading {
	r := worst(v.metrics[boltRunning], false, func(s series) (float64, Reason) {
		cores, ok := v.at(cpuLimit, s.scope)
		if !ok || cores.value == 0 {
			return math.NaN(), v.why(cpuLimit)
		}
		return s.value / cores.value, s.why
	})
	r.extra = slices.Concat(v.connectionLimit(), v.churn())
	return r
}

func (v *view) connectionLimit() []Finding {
	if v.bounds.connections == 0 {
		return nil
	}
	used := worst(v.metrics[boltRunning], false, func(s series) (float64, Reason) {
		idle, _ := v.at(boltIdle, s.scope)
		return (s.value + idle.value) / float64(v.bounds.connections), s.why
	})
	f := Finding{ID: "connections", Value: finite(used.value), Unit: "ratio", Scope: used.scope, Basis: graphAcademy + " (keep below 80 %)",
		Message:         fmt.Sprintf("%s of the %d allowed connections are in use%s", show(used.value, "ratio"), v.bounds.connections, used.scope.words()),
		Recommendations: []Topic{"driver_pool"}}
	switch {
	case used.value >= 0.95:
		f.Severity, f.Threshold = SeverityCritical, new(0.95)
	case used.value >= 0.80:
		f.Severity, f.Threshold = SeverityWarning, new(0.80)
	default:
		return nil
	}
	return []Finding{f}
}

// churn looks at what was opened and closed. Below these numbers it is the noise
// of clients that come and go.
func (v *view) churn() (findings []Finding) {
	const fewAMinute, fewLeft = 30, 20
	for _, s := range v.metrics[boltOpened] {
		opened, why := s.delta()
		if why != "" {
			continue
		}
		running, ok := v.at(boltRunning, s.scope)
		idle, also := v.at(boltIdle, s.scope)
		if !ok || !also {
			continue
		}
		open := running.value + idle.value
		f := Finding{ID: "connections", Scope: s.scope, Basis: graphAcademy + " (opened and closed in balance, idle stable); the number is " + ownBasis,
			Recommendations: []Topic{"driver_pool"}}
		if rate := opened / s.minutes; rate >= fewAMinute && rate > 4*open {
			f.Severity, f.Value, f.Unit, f.Threshold = SeverityWarning, finite(rate), "connections per minute", finite(4*open)
			f.Message = fmt.Sprintf("%s connections are opened each minute%s for %s that are open: clients seem to open one for each query",
				show(rate, ""), s.scope.words(), show(open, ""))
			findings = append(findings, f)
		}
		closing, _ := v.sameScope(boltClosed, s.scope)
		if closed, why := closing.delta(); why == "" && closing.apart > 0 && opened-closed >= fewLeft && opened-closed > open/2 {
			f.Severity, f.Value, f.Unit, f.Threshold = SeverityInfo, finite(opened-closed), "connections", nil
			f.Message = fmt.Sprintf("%s connections more were opened than closed%s between the two readings", show(opened-closed, ""), s.scope.words())
			findings = append(findings, f)
		}
	}
	return findings
}

func checkpoint(v *view) reading {
	return worst(v.metrics[checkpointTime], false, func(s series) (float64, Reason) { return s.value / 1000, s.why })
}

// leader adds up the primaries that lead each database. None in both readings is
// an outage of writes; anything else but one may be a change of leader.
func leader(v *view) reading {
	if !v.comprehensive {
		return unknown(ReasonComprehensive)
	}
	now, before, missed := map[string]float64{}, map[string]float64{}, Reason("")
	for _, s := range v.metrics[isLeader] {
		if s.scope.InstanceMode != "" && !strings.EqualFold(s.scope.InstanceMode, primary) {
			continue
		}
		if math.IsNaN(s.value) {
			missed = s.why
		}
		now[s.scope.Database] += s.value
		before[s.scope.Database] += s.before
	}
	r := unknown(orReason(missed, ReasonAbsent))
	for _, db := range slices.Sorted(maps.Keys(now)) {
		n, level := now[db], fine
		switch {
		case math.IsNaN(n):
			continue
		case n == 0 && before[db] == 0:
			level = critical
		case n == 0, n > 1 && db != "": // without the label databases with different leaders add up
			level = warning
		}
		if math.IsNaN(r.value) || level > r.level {
			r.value, r.level, r.scope, r.why = n, level, Scope{Database: db}, ""
		}
	}
	if missed != "" && !math.IsNaN(r.value) {
		r.why = ReasonPartly
	}
	r.decided = true
	if r.level > fine {
		r.threshold = new(1.0)
		r.message = fmt.Sprintf("%s members lead%s, where exactly one should", show(r.value, ""), r.scope.words())
		if r.level == critical {
			r.message += ", in both readings: nothing can be written"
		}
	}
	return r
}

// freshness is about all signals at once; see also what Assess makes of it.
func freshness(v *view) reading {
	return reading{value: max(0, v.age.Seconds())}
}

// why says why no value of a metric can be used.
func (v *view) why(metric string) Reason {
	all := v.metrics[metric]
	for _, s := range all {
		if s.why != "" {
			return s.why
		}
	}
	if len(all) == 0 {
		return ReasonAbsent
	}
	return ReasonImplausible
}

func (v *view) boundOf(id string) Bound {
	b, _ := v.bounds.Of(id)
	return b
}

func orReason(a, b Reason) Reason { return cmp.Or(a, b) }

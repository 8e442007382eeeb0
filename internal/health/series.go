package health

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"aura-mcp/auraclient"
)

const (
	clockSkew    = 3 * time.Minute // clocks differ by as much without anybody noticing
	maxScopeText = 120
)

// series is one series of a metric, as it is now and as it was in the earlier
// reading.
type series struct {
	scope Scope
	value float64 // NaN when unknown, then why says so
	why   Reason
	taken time.Time

	before  float64       // NaN when unknown, then prior says so
	apart   time.Duration // between the two, at least [MinWindow] when before is known
	prior   Reason
	minutes float64 // apart
}

// delta is how much a counter has risen.
func (s series) delta() (float64, Reason) {
	switch {
	case math.IsNaN(s.value):
		return s.value, s.why
	case math.IsNaN(s.before):
		return s.before, s.prior
	case s.value < s.before:
		// Not what came since the reset: the series may add up members, of which one
		// was restarted.
		return math.NaN(), ReasonCounterReset
	}
	return s.value - s.before, ""
}

// view is what the formulas see of an instance.
type view struct {
	metrics       map[string][]series
	bounds        Thresholds
	comprehensive bool
	reset         bool          // some counter went back
	window        time.Duration // the longest between two samples of a series, 0 for none
	newest        time.Time     // sample
	age           time.Duration // of the newest sample
	undated       bool          // no sample says when it was taken
	samples       int
}

func newView(in Input, now time.Time) *view {
	v := &view{metrics: map[string][]series{}, bounds: in.Thresholds}
	families := in.Scrape.Instance(in.InstanceID)
	if families == nil {
		return v
	}
	for _, f := range families.Families {
		for _, s := range f.Samples {
			v.samples++
			if s.Time.After(v.newest) {
				v.newest = s.Time
			}
			if s.Labels[zoneLabel] != "" || s.Labels[modeLabel] != "" {
				v.comprehensive = true
			}
		}
	}
	if v.newest.IsZero() {
		v.newest, v.undated = in.Scrape.ReadAt, true
	}
	v.age = now.Sub(v.newest)
	tooOld := time.Duration(math.MaxInt64)
	if stale := v.boundOf("freshness").Critical; stale != nil {
		tooOld = time.Duration(*stale * float64(time.Second))
	}
	earlier := readings(in.Earlier.Instance(in.InstanceID))
	for _, f := range families.Families {
		for _, s := range f.Samples {
			x := series{scope: scopeOf(s), value: s.Value, taken: s.Time}
			x.value, x.why = usable(f.Name, s, now, tooOld)
			x.pair(f.Name, s, earlier)
			v.metrics[f.Name] = append(v.metrics[f.Name], x)
			v.window = max(v.window, x.apart)
			if _, why := x.delta(); why == ReasonCounterReset && isCounter(f.Name) {
				v.reset = true
			}
		}
	}
	return v
}

// readings has each series of a scrape by its name and labels.
func readings(s *auraclient.Scrape) map[string]auraclient.Sample {
	if s == nil {
		return nil
	}
	all := map[string]auraclient.Sample{}
	for _, f := range s.Families {
		for _, x := range f.Samples {
			all[identity(f.Name, x)] = x
		}
	}
	return all
}

func identity(name string, s auraclient.Sample) string {
	var b strings.Builder
	b.WriteString(name)
	for _, label := range slices.Sorted(maps.Keys(s.Labels)) {
		b.WriteString("\x00" + label + "\x00" + s.Labels[label])
	}
	return b.String()
}

// pair adds the reading of the same series in the earlier scrape. By the samples'
// own times: the endpoint serves one answer for 30 seconds, and whoever asks twice
// in that time has one reading.
func (s *series) pair(name string, now auraclient.Sample, earlier map[string]auraclient.Sample) {
	s.before = math.NaN()
	old, ok := earlier[identity(name, now)]
	apart := now.Time.Sub(old.Time)
	switch {
	case !ok:
		s.prior = ReasonTwoScrapes
	case now.Time.IsZero() || old.Time.IsZero():
		s.prior = ReasonNoTimestamps
	case apart < MinWindow:
		s.prior = ReasonSameReading
	default:
		if s.before, s.prior = plausible(name, old.Value); s.prior == "" {
			s.apart, s.minutes = apart, apart.Minutes()
		}
	}
}

// usable is a sample's value, unless nothing can be concluded from it.
func usable(name string, s auraclient.Sample, now time.Time, tooOld time.Duration) (float64, Reason) {
	slow := name == storeSize || name == storageLimit // renewed every ten minutes
	if !s.Time.IsZero() && now.Sub(s.Time) > tooOld && !slow {
		return math.NaN(), ReasonStale
	}
	return plausible(name, s.Value)
}

func plausible(name string, value float64) (float64, Reason) {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return math.NaN(), ReasonNotANumber
	case value < 0 || value > 1e18 || slices.Contains(ratios, name) && value > 1.001:
		return math.NaN(), ReasonImplausible
	}
	return value, ""
}

func scopeOf(s auraclient.Sample) Scope {
	return Scope{
		AvailabilityZone: bounded(s.Labels[zoneLabel]),
		InstanceMode:     bounded(s.Labels[modeLabel]),
		Database:         bounded(s.Labels[databaseLabel]),
	}
}

func bounded(label string) string {
	if len(label) <= maxScopeText {
		return label
	}
	return strings.ToValidUTF8(label[:maxScopeText], "") + "…"
}

// member is a scope without its database: what metrics of the whole instance and
// of a database have in common.
func (s Scope) member() Scope {
	s.Database = ""
	return s
}

// at returns the known value of a metric for the same member, or else the only one
// that there is.
func (v *view) at(metric string, scope Scope) (series, bool) {
	all := v.metrics[metric]
	for _, s := range all {
		if s.scope.member() == scope.member() && !math.IsNaN(s.value) {
			return s, true
		}
	}
	if len(all) == 1 && !math.IsNaN(all[0].value) {
		return all[0], true
	}
	return series{}, false
}

// reading is what a formula found out.
type reading struct {
	value float64 // NaN when unknown, then why says so
	why   Reason  // also ReasonPartly, with the worst of what is known
	scope Scope
	unit  string // when it is not the signal's
	peak  float64

	level     level // at least, or exactly when decided
	decided   bool
	threshold *float64 // of what was decided
	ceiling   level    // at most, 0 for none
	message   string   // instead of the usual one
	extra     []Finding
}

func unknown(why Reason) reading { return reading{value: math.NaN(), why: why} }

// worst returns the worst of the series by a value that is calculated for each.
func worst(all []series, lower bool, value func(series) (float64, Reason)) reading {
	r := unknown(ReasonAbsent)
	missed := Reason("")
	for _, s := range all {
		x, why := value(s)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			missed = orReason(why, ReasonNotANumber)
			continue
		}
		if math.IsNaN(r.value) || lower && x < r.value || !lower && x > r.value {
			r.value, r.scope = x, s.scope
		}
	}
	switch {
	case missed == "":
		if !math.IsNaN(r.value) {
			r.why = ""
		}
	case math.IsNaN(r.value):
		r.why = missed
	default:
		r.why = ReasonPartly
	}
	return r
}

// plain is the value of a series as it is.
func plain(s series) (float64, Reason) { return s.value, s.why }

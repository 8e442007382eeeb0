package health

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// read runs a formula, unless the view is too old for any.
func (v *view) read(s signal, unreadable []string) reading {
	r := unknown(v.outdated())
	if r.why == "" || s.id == "freshness" && r.why == ReasonStale {
		r = s.formula(v)
	}
	if math.IsInf(r.value, 0) {
		r = unknown(ReasonImplausible)
	}
	torn := slices.ContainsFunc(s.metrics, func(m string) bool { return slices.Contains(unreadable, m) })
	if torn && (math.IsNaN(r.value) || r.why == "") {
		r.why = ReasonUnreadable
	}
	return r
}

// outdated says why the samples say nothing about now, if so.
func (v *view) outdated() Reason {
	stale := v.boundOf("freshness").Critical
	switch {
	case v.age < -clockSkew:
		return ReasonClock
	case stale != nil && v.age.Seconds() > *stale:
		return ReasonStale
	}
	return ""
}

// judge compares a reading with the bounds of its signal.
func (v *view) judge(s signal, r reading) (Signal, []Finding) {
	bound := v.bounds.of(s)
	out := Signal{Value: finite(r.value), Unit: cmp.Or(r.unit, s.unit), Scope: r.scope, Bound: bound, Lower: s.lower()}
	known := !math.IsNaN(r.value)
	level, passed := r.level, limit{at: r.threshold}
	if known && !r.decided {
		if l, at := v.grade(s, r.value); l > level {
			level, passed, r.message = l, at, ""
		}
	}
	if r.ceiling > 0 && level > r.ceiling {
		level = r.ceiling
		passed = s.warning.moved(bound.Warning, from)
	}
	var findings []Finding
	if known && level > fine {
		findings = append(findings, v.finding(s, r, level, passed))
	} else if l, at := v.grade(s, r.peak); r.peak > 0 && l >= warning {
		f := v.finding(s, reading{value: r.peak, scope: Scope{}}, info, at)
		f.Message = fmt.Sprintf("%s was %s in one of the two readings, but not in both", s.what, show(r.peak, out.Unit))
		findings = append(findings, f)
	}
	for _, f := range r.extra {
		findings, level = append(findings, f), max(level, levelOf(f.Severity))
	}
	switch {
	case level >= warning:
		out.Status = level.status()
	case r.why != "":
		out.Status, out.Reason = StatusUnknown, r.why
	default:
		out.Status = StatusHealthy
	}
	return out, findings
}

// grade says how bad a value is, and by which limit.
func (v *view) grade(s signal, value float64) (level, limit) {
	b := v.bounds.of(s)
	if l := s.critical.moved(b.Critical, s.warning.passes); l.passed(value) {
		if s.id == "freshness" { // too old is no state of the instance
			return warning, l
		}
		return critical, l
	}
	if l := s.warning.moved(b.Warning, from); l.passed(value) {
		return warning, l
	}
	if s.info.passed(value) {
		return info, s.info
	}
	return fine, limit{}
}

func (v *view) finding(s signal, r reading, l level, passed limit) Finding {
	f := Finding{
		ID: s.id, Severity: l.severity(), Value: finite(r.value), Unit: cmp.Or(r.unit, s.unit), Threshold: passed.at,
		Scope: r.scope, Message: r.message, Recommendations: s.topics, Basis: s.basis,
	}
	if f.Message == "" {
		f.Message = fmt.Sprintf("%s is %s%s; %s %s %s", s.what, show(r.value, f.Unit), r.scope.words(), levelWord(l), passed.passes, show(*passed.at, f.Unit))
		if l == info && r.ceiling == info {
			f.Message = fmt.Sprintf("%s is %s%s, which a restart or a bulk load explains for now", s.what, show(r.value, f.Unit), r.scope.words())
		}
	}
	if s.remark != "" {
		f.Message += ". " + s.remark
	}
	if v.bounds.isChanged(s.id) {
		f.Basis = yourBasis
	}
	return f
}

func levelWord(l level) string {
	if l == info {
		return "worth a look"
	}
	return string(l.severity())
}

// conclude sets the status: the worst that was found, and healthy only when enough
// was seen for that.
func (v *view) conclude(out *Verdict) {
	if why := v.outdated(); why != "" {
		out.Reason = why
		out.Message = fmt.Sprintf("the newest sample is %s old, which says nothing about now", v.age.Round(time.Second))
		if why == ReasonClock {
			out.Message = fmt.Sprintf("the newest sample is from %s in the future: this machine's clock and Aura's differ", (-v.age).Round(time.Second))
		}
		return
	}
	var missing []string
	for _, id := range core {
		if out.Signals[id].Status == StatusUnknown {
			missing = append(missing, fmt.Sprintf("%s (%s)", id, out.Signals[id].Reason))
		}
	}
	switch {
	case len(out.Findings) > 0 && levelOf(out.Findings[0].Severity) >= warning:
		out.Status = levelOf(out.Findings[0].Severity).status()
	case len(missing) > 0:
		out.Reason, out.Message = ReasonCore, "nothing bad was found, but these could not be judged: "+strings.Join(missing, ", ")
	default:
		out.Status = StatusHealthy
	}
}

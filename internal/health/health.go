// Package health judges from an instance's metrics whether it is well, says how it
// knows, and what to do. It is a function from readings to a [Verdict]: it fetches
// nothing, keeps nothing and looks at no clock.
//
// It looks at each series and goes by the worst, for a mean hides the one member
// that is about to fail. What is absent, not a number or too old is unknown, and
// who has not seen CPU, heap and storage does not call an instance healthy.
// Counters count only as the difference of two readings.
package health

import (
	"cmp"
	"slices"
	"time"

	"aura-mcp/auraclient"
)

// Two readings this far apart make a rate. The endpoint renews its answer every 30
// seconds, and over more than 15 minutes a rate says little about now.
const (
	MinWindow = 30 * time.Second
	MaxWindow = 15 * time.Minute
)

// Input is what a verdict is made from.
type Input struct {
	InstanceID   string
	Status       auraclient.Status  // of the instance; empty: not known
	EndpointKind string             // instance or tenant: where the readings come from
	Scrape       *auraclient.Scrape // may be that of a whole tenant; nil: nothing was read
	Earlier      *auraclient.Scrape // of the same endpoint; may be nil, then there are no rates
	Thresholds   Thresholds
	Now          time.Time
}

// level orders severities.
type level int

const (
	fine level = iota
	info
	warning
	critical
)

func (l level) severity() Severity {
	switch l {
	case critical:
		return SeverityCritical
	case warning:
		return SeverityWarning
	}
	return SeverityInfo
}

func (l level) status() Status {
	switch l {
	case critical:
		return StatusCritical
	case warning:
		return StatusWarning
	}
	return StatusHealthy
}

func levelOf(s Severity) level {
	switch s {
	case SeverityCritical:
		return critical
	case SeverityWarning:
		return warning
	}
	return info
}

// Assess judges an instance by what it reports. It never fails: what cannot be
// judged is unknown, with the reason.
func Assess(in Input) Verdict {
	now := in.Now
	if now.IsZero() && in.Scrape != nil {
		now = in.Scrape.ReadAt
	}
	if !Serves(in.Status) {
		return NotRunning(in.InstanceID, in.Status, now)
	}
	v := newView(in, now)
	out := without(in.InstanceID, now)
	out.Source = v.source(in.EndpointKind)
	out.Coverage = v.coverage()
	if in.Scrape == nil || v.samples == 0 {
		out.Reason = ReasonNoSamples
		out.Message = "there are no samples of this instance: it is not running, or too new for its zone to report, or not selected for the project's metrics"
		return out
	}
	out.Signals = map[string]Signal{}
	for _, s := range signals() {
		r := v.read(s, in.Scrape.Unreadable)
		signal, findings := v.judge(s, r)
		out.Signals[s.id] = signal
		out.Findings = append(out.Findings, findings...)
	}
	if v.reset {
		out.Findings = append(out.Findings, Finding{ID: "counter_reset", Severity: SeverityInfo, Basis: ownBasis,
			Message: "counters went back between the two readings: a restart or maintenance; their rates are unknown this time"})
	}
	slices.SortStableFunc(out.Findings, func(a, b Finding) int { return cmp.Compare(levelOf(b.Severity), levelOf(a.Severity)) })
	out.Advice = AdviceFor(out.Findings)
	v.conclude(&out)
	out.Notes = v.noted(out.Signals, in.Scrape.Unreadable)
	return out
}

package health

import (
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/text"
)

// Status is how an instance, or one signal of it, is.
type Status string

// The statuses. A signal is never not monitored.
const (
	StatusHealthy      Status = "healthy"
	StatusWarning      Status = "warning"
	StatusCritical     Status = "critical"
	StatusUnknown      Status = "unknown"       // should be known and is not
	StatusNotMonitored Status = "not_monitored" // the plan has no metrics
)

// Severity is how much a finding matters. Info does not change a status.
type Severity string

// The severities.
const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityCritical Severity = "critical"
)

// Reason says why a value or a verdict is unknown.
type Reason string

// The reasons.
const (
	ReasonAbsent        Reason = "absent"                          // no such metric in the answer
	ReasonNotANumber    Reason = "not_a_number"                    // NaN, as of an idle instance, or infinite
	ReasonImplausible   Reason = "implausible"                     // no value that there can be
	ReasonPartly        Reason = "partly_unknown"                  // some of its series are, and the others are well
	ReasonUnreadable    Reason = "unreadable_lines"                // lines of its metrics could not be read
	ReasonTwoScrapes    Reason = "needs_two_scrapes"               // a counter was read once
	ReasonSameReading   Reason = "same_reading"                    // both readings are one and the same, or too close
	ReasonNoTimestamps  Reason = "no_timestamps"                   // of the samples, so that there is no rate
	ReasonCounterReset  Reason = "counter_reset"                   // a counter went back between the readings
	ReasonTooFew        Reason = "too_few_to_tell"                 // a share of next to nothing
	ReasonComprehensive Reason = "needs_comprehensive_granularity" // a switch in the Aura console
	ReasonHistory       Reason = "needs_an_hour_of_history"        // a trend over less is none
	ReasonNotGrowing    Reason = "not_growing"                     // so that it will never be full
	ReasonStale         Reason = "stale"                           // too old to say anything about now
	ReasonClock         Reason = "clocks_differ"                   // readings from the future
	ReasonNoSamples     Reason = "no_samples"                      // about this instance
	ReasonNotRunning    Reason = "not_running"                     // the instance is paused, in between, or failed
	ReasonNoMetrics     Reason = "plan_without_metrics"            // of a plan that has none
	ReasonCore          Reason = "cpu_heap_or_storage_unknown"     // nothing bad was found, but too little was seen
)

// Verdict is what can be said about an instance from what it reports.
type Verdict struct {
	InstanceID string            `json:"instance_id"`
	Status     Status            `json:"status"`
	Reason     Reason            `json:"reason,omitempty"`  // of unknown and not monitored
	Message    string            `json:"message,omitempty"` // the reason in a sentence
	AssessedAt time.Time         `json:"assessed_at"`
	Source     *Source           `json:"source,omitempty"`  // nil when nothing was read
	Signals    map[string]Signal `json:"signals,omitempty"` // by ID, all of [Signals] or none
	Findings   []Finding         `json:"findings"`          // worst first
	Advice     []Advice          `json:"advice,omitempty"`  // the sentences to the findings' recommendations
	Coverage   *Coverage         `json:"coverage,omitempty"`
	Notes      []string          `json:"notes,omitempty"`
}

// Source says what a verdict rests on.
type Source struct {
	EndpointKind string     `json:"endpoint_kind"`         // as it was given: instance or tenant
	Granularity  string     `json:"granularity,omitempty"` // default or comprehensive
	SampleTime   *time.Time `json:"sample_time"`           // of the newest sample
	AgeSeconds   *float64   `json:"age_s"`
	WindowSecs   *float64   `json:"window_s"` // between the two readings that rates come from
}

// Signal is one value that was looked at: the worst of its series, never a mean.
type Signal struct {
	Value  *float64 `json:"value"` // nil: unknown
	Unit   string   `json:"unit"`
	Status Status   `json:"status"`
	Reason Reason   `json:"reason,omitempty"` // when the status is unknown
	Scope  Scope    `json:"scope"`

	Bound Bound `json:"-"` // what it was measured against, for a picture
	Lower bool  `json:"-"` // lower values are the worse ones
}

// Scope says which series a value is of. An empty field means all of them, or that
// the metrics do not tell them apart.
type Scope struct {
	AvailabilityZone string `json:"availability_zone,omitempty"`
	InstanceMode     string `json:"instance_mode,omitempty"` // PRIMARY or SECONDARY
	Database         string `json:"database,omitempty"`
}

// Finding is something that somebody should know.
type Finding struct {
	ID              string   `json:"id"` // of the signal, or counter_reset
	Severity        Severity `json:"severity"`
	Value           *float64 `json:"value"`
	Unit            string   `json:"unit,omitempty"`
	Threshold       *float64 `json:"threshold"` // the one that was passed
	Scope           Scope    `json:"scope"`
	Message         string   `json:"message"`
	Recommendations []Topic  `json:"recommendations,omitempty"` // optimising before resizing
	Basis           string   `json:"basis,omitempty"`           // where the threshold comes from
}

// Coverage says how much of what Aura documents was in the answer.
type Coverage struct {
	Known   int      `json:"known"`
	Missing []string `json:"missing"` // names of metrics without a number
}

// NotMonitored is the verdict on an instance whose plan has no metrics.
func NotMonitored(id string, plan auraclient.InstanceType, now time.Time) Verdict {
	v := without(id, now)
	v.Status, v.Reason = StatusNotMonitored, ReasonNoMetrics
	v.Message = "its plan has no metrics: they come with Business Critical, Virtual Dedicated Cloud and AuraDS Enterprise"
	if plan != "" {
		v.Message = "the plan " + text.Quote(string(plan)) + strings.TrimPrefix(v.Message, "its plan")
	}
	return v
}

// NotRunning is the verdict on an instance whose status means that it serves
// nobody, so that there is nothing to read. See [Serves]. One that Aura itself
// calls failed is critical, with or without metrics.
func NotRunning(id string, status auraclient.Status, now time.Time) Verdict {
	v := without(id, now)
	v.Reason, v.Message = ReasonNotRunning, "its status is "+text.Quote(string(status))+", and only a running instance reports metrics"
	if status.Failed() {
		f := Finding{
			ID: "status", Severity: SeverityCritical, Basis: "what Aura says of the instance", Recommendations: []Topic{"restore_snapshot", "contact_support"},
			Message: "its status is " + text.Quote(string(status)) + ": it serves nobody until a person does something about it",
		}
		if status != auraclient.StatusLoadingFailed {
			f.Recommendations[0] = "encryption_key"
		}
		v.Status, v.Findings, v.Advice = StatusCritical, []Finding{f}, AdviceFor([]Finding{f})
	}
	return v
}

// Serves reports whether an instance in that status answers queries and so reports
// metrics. A status that nobody has heard of may.
func Serves(status auraclient.Status) bool {
	switch status {
	case auraclient.StatusCreating, auraclient.StatusDestroying, auraclient.StatusPausing, auraclient.StatusPaused,
		auraclient.StatusSuspending, auraclient.StatusSuspended, auraclient.StatusResuming, auraclient.StatusLoading,
		auraclient.StatusRestoring, auraclient.StatusOverwriting:
		return false
	}
	return !status.Failed()
}

func without(id string, now time.Time) Verdict {
	return Verdict{InstanceID: id, Status: StatusUnknown, AssessedAt: now.UTC(), Findings: []Finding{}}
}

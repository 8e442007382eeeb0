package tools

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aura-mcp/auraclient"
	"aura-mcp/internal/health"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// InstanceHealth says whether one database is well, how that is known, and what to do.
type InstanceHealth struct {
	Status         string                  `json:"status" jsonschema:"healthy, warning, critical, unknown or not_monitored (plan without metrics)"`
	Summary        string                  `json:"summary" jsonschema:"for the person"`
	InstanceID     string                  `json:"instance_id"`
	Name           string                  `json:"name"`
	InstanceStatus string                  `json:"instance_status"`
	Type           string                  `json:"type"`
	Tenant         string                  `json:"tenant"`
	Reason         string                  `json:"reason,omitempty"`
	Findings       []HealthFinding         `json:"findings" jsonschema:"worst first"`
	Advice         map[string]string       `json:"advice,omitempty"`
	Next           string                  `json:"next,omitempty"`
	Signals        map[string]HealthSignal `json:"signals,omitempty"`
	Source         *HealthSource           `json:"source,omitempty"`
	Coverage       *HealthCoverage         `json:"coverage,omitempty"`
	Notes          []string                `json:"notes,omitempty"`
	AssessedAt     string                  `json:"assessed_at"`

	picture []byte
}

// Images is the chart, where one was asked for.
func (h InstanceHealth) Images() []op.Image {
	if len(h.picture) == 0 {
		return nil
	}
	return []op.Image{{MIMEType: "image/png", Data: h.picture, Alt: "the signals against their thresholds: " + h.Summary}}
}

// HealthFinding is something that somebody should know about a database.
type HealthFinding struct {
	Signal    string   `json:"signal"`
	Severity  string   `json:"severity"`
	Message   string   `json:"message"`
	Value     *float64 `json:"value,omitempty"`
	Unit      string   `json:"unit,omitempty"`
	Threshold *float64 `json:"threshold,omitempty"`
	Scope     string   `json:"scope,omitempty"`
	WhatToDo  []string `json:"what_to_do,omitempty" jsonschema:"keys of advice"`
	Basis     string   `json:"basis,omitempty"`
}

// HealthSignal is one value that was judged, that of the worst series.
type HealthSignal struct {
	Value  *float64 `json:"value,omitempty"`
	Unit   string   `json:"unit,omitempty"`
	Status string   `json:"status"`
	Reason string   `json:"reason,omitempty"`
	Scope  string   `json:"scope,omitempty"`
}

// HealthSource says what a verdict rests on.
type HealthSource struct {
	EndpointKind  string   `json:"endpoint_kind"`
	Granularity   string   `json:"granularity,omitempty"`
	SampleTime    string   `json:"sample_time,omitempty"`
	AgeSeconds    *float64 `json:"age_seconds,omitempty"`
	WindowSeconds *float64 `json:"window_seconds,omitempty"`
}

// HealthCoverage says how many of the metrics that Aura documents had a value.
type HealthCoverage struct {
	Known   int      `json:"known"`
	Missing []string `json:"missing,omitempty"`
}

func newInstanceHealth(v health.Verdict, t target) InstanceHealth {
	i := t.instance
	out := InstanceHealth{
		Status: string(v.Status), Summary: summary(i.Name, v), InstanceID: i.ID, Name: i.Name,
		InstanceStatus: shown(string(i.Status)), Type: shown(string(i.Type)), Tenant: t.tenant.shown(),
		Reason: string(v.Reason), Findings: []HealthFinding{}, Notes: v.Notes, AssessedAt: instant(v.AssessedAt),
	}
	if v.Status == health.StatusNotMonitored && !health.Serves(i.Status) {
		out.Summary += fmt.Sprintf(" Its status is %s.", text.Quote(string(i.Status)))
	}
	for _, f := range v.Findings {
		out.Findings = append(out.Findings, newHealthFinding(f))
	}
	for _, a := range v.Advice {
		if out.Advice == nil {
			out.Advice = map[string]string{}
		}
		out.Advice[string(a.Topic)] = a.Text
	}
	for id, s := range v.Signals {
		if out.Signals == nil {
			out.Signals = map[string]HealthSignal{}
		}
		one := HealthSignal{Value: s.Value, Status: string(s.Status), Reason: string(s.Reason), Scope: scopeWords(s.Scope)}
		if s.Value != nil {
			one.Unit = s.Unit
		}
		out.Signals[id] = one
	}
	if s := v.Source; s != nil {
		out.Source = &HealthSource{EndpointKind: s.EndpointKind, Granularity: s.Granularity, AgeSeconds: s.AgeSeconds, WindowSeconds: s.WindowSecs}
		if s.SampleTime != nil {
			out.Source.SampleTime = instant(*s.SampleTime)
		}
	}
	if c := v.Coverage; c != nil {
		out.Coverage = &HealthCoverage{Known: c.Known, Missing: c.Missing}
	}
	return out
}

func newHealthFinding(f health.Finding) HealthFinding {
	out := HealthFinding{
		Signal: f.ID, Severity: string(f.Severity), Message: f.Message, Value: f.Value, Unit: f.Unit,
		Threshold: f.Threshold, Scope: scopeWords(f.Scope), Basis: f.Basis,
	}
	for _, topic := range f.Recommendations {
		out.WhatToDo = append(out.WhatToDo, string(topic))
	}
	return out
}

// scopeWords says which member or database a value is of: "primary, eu-central-1a, database neo4j".
func scopeWords(s health.Scope) string {
	parts := []string{strings.ToLower(s.InstanceMode), s.AvailabilityZone}
	if s.Database != "" {
		parts = append(parts, "database "+s.Database)
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

// summary is the verdict in a sentence for a person.
func summary(name string, v health.Verdict) string {
	name = text.Quote(name)
	switch v.Status {
	case health.StatusHealthy:
		return fmt.Sprintf("%s is healthy: %s.", name, strings.Join(vitalSigns(v), ", "))
	case health.StatusNotMonitored:
		return fmt.Sprintf("%s is not monitored: %s.", name, v.Message)
	case health.StatusUnknown:
		return fmt.Sprintf("It is not known whether %s is well: %s.", name, v.Message)
	}
	grave := slices.DeleteFunc(slices.Clone(v.Findings), func(f health.Finding) bool { return f.Severity == health.SeverityInfo })
	if len(grave) == 0 {
		return fmt.Sprintf("%s: %s.", name, v.Status)
	}
	more := ""
	if n := len(grave) - 1; n > 0 {
		more = fmt.Sprintf(" (and %s more)", plural(n, "finding"))
	}
	if v.Status == health.StatusCritical {
		return fmt.Sprintf("%s is in a critical state: %s%s.", name, gist(grave[0]), more)
	}
	return fmt.Sprintf("%s needs attention: %s%s.", name, gist(grave[0]), more)
}

// gist is a finding without the remarks on it.
func gist(f health.Finding) string {
	first, _, _ := strings.Cut(f.Message, ". ")
	return strings.TrimSuffix(first, ".")
}

// vitalSigns are what somebody asks first, in words.
func vitalSigns(v health.Verdict) []string {
	var out []string
	for _, s := range []struct{ id, word string }{{"cpu", "CPU"}, {"heap", "heap"}, {"storage", "storage"}} {
		if value := v.Signals[s.id].Value; value != nil {
			out = append(out, fmt.Sprintf("%s %.0f %%", s.word, *value*100))
		}
	}
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// notMonitoredLine names the instances of each plan, as many as fit into a line.
func notMonitoredLine(plans map[string][]string) string {
	if len(plans) == 0 {
		return ""
	}
	var words []string
	total := 0
	for _, plan := range slices.Sorted(maps.Keys(plans)) {
		names := plans[plan]
		total += len(names)
		line := fmt.Sprintf("%d %s: %s", len(names), plan, strings.Join(names[:min(len(names), maxUsed)], ", "))
		if more := len(names) - maxUsed; more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
		words = append(words, line)
	}
	return fmt.Sprintf("%d of plans without metrics: %s", total, strings.Join(words, "; "))
}

// named is the instance's name, with its status where it is not running.
func (c *checkup) named() string {
	name := text.Quote(c.summary.Name)
	if c.details.Status != auraclient.StatusRunning {
		name += " (" + oneWord(string(c.details.Status)) + ")"
	}
	return name
}

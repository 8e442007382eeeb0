package guard

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// Preview is a plan as a person reads it. Names and other text from elsewhere stand quoted under labels of ours, so that no
// name can pass for a line of ours.
type Preview struct {
	Headline string    `json:"headline"`
	Rows     []op.Fact `json:"rows"`
	// Effects are the plan's, by their names.
	Effects string `json:"effects"`
	// Confirm is what has to be typed; empty where a plain yes is enough.
	Confirm string `json:"confirm,omitempty"`
}

// NewPreview writes a plan down for a person.
func NewPreview(plan op.Plan) Preview {
	p := Preview{Headline: plan.Headline, Effects: plan.Effects.String()}
	row := func(label, value string) { p.Rows = append(p.Rows, op.Fact{Label: label, Value: value}) }
	if plan.Bulk {
		row("how many", count(plan.Targets))
	}
	for _, r := range plan.Targets {
		row(r.Kind, describe(r))
	}
	for _, s := range plan.Skipped {
		row("left alone", describe(s.Resource)+" because "+s.Reason)
	}
	if plan.Source != nil {
		row("from "+plan.Source.Kind, describe(*plan.Source))
	}
	if plan.Asks != "" {
		row("effect", plan.Asks)
	} else {
		row("effect", meaning(plan.Effects))
	}
	p.Rows = append(p.Rows, plan.Facts...)
	if plan.Effects.Has(op.Destructive) {
		p.Confirm = plan.Confirm
	}
	return p
}

// String is the preview as one block of text, with what to type at its end.
func (p Preview) String() string {
	var b strings.Builder
	b.WriteString(p.Headline + "\n")
	for _, r := range p.Rows {
		fmt.Fprintf(&b, "\n%s: %s", r.Label, r.Value)
	}
	if p.Confirm == "" {
		b.WriteString("\n\nTo approve, type: yes")
	} else {
		b.WriteString("\n\nTo approve, type exactly: " + p.Confirm)
	}
	return b.String()
}

// count says how many targets a bulk has, and in which tenants: a pattern may reach further than meant.
func count(targets []op.Resource) string {
	byTenant := map[string]int{}
	for _, t := range targets {
		byTenant[t.Tenant]++
	}
	parts := make([]string, 0, len(byTenant))
	for _, tenant := range slices.Sorted(maps.Keys(byTenant)) {
		parts = append(parts, fmt.Sprintf("%d in %s", byTenant[tenant], text.Quote(tenant)))
	}
	return fmt.Sprintf("%d (%s)", len(targets), strings.Join(parts, ", "))
}

// describe is a resource on one line: "prod" in "Production" (2f49c2b3, business-critical, 8GB, running).
func describe(r op.Resource) string {
	parts := []string{oneWord(r.ID)}
	for _, p := range []string{r.Type, r.Memory, r.Status, r.Detail} {
		if p != "" {
			parts = append(parts, oneWord(p))
		}
	}
	line := text.Quote(r.Name)
	if r.Tenant != "" {
		line += " in " + text.Quote(r.Tenant)
	}
	return line + " (" + strings.Join(parts, ", ") + ")"
}

// oneWord leaves Aura's own words (types, sizes, statuses) as they are and quotes what does not look like one.
func oneWord(s string) string {
	if text.Plain(s) && len(s) <= 80 {
		return s
	}
	return text.Quote(s)
}

func meaning(e op.Effects) string {
	var parts []string
	for _, m := range []struct {
		effect  op.Effects
		meaning string
	}{
		{op.Destructive, "loses data, or cannot be undone"},
		{op.Disruptive, "interrupts whoever uses it"},
		{op.Billable, "uses what the account pays for or has a limit of"},
		{op.Write, "changes something"},
	} {
		if e.Has(m.effect) {
			parts = append(parts, m.meaning)
		}
	}
	return strings.Join(parts, "; ")
}

package guard

import (
	"fmt"
	"strings"

	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// Preview is the plan as one readable block for a person. Names and other text from elsewhere stand quoted under fixed
// labels, so that no name can pass for a line of ours.
func Preview(plan op.Plan) string {
	var b strings.Builder
	b.WriteString(plan.Headline + "\n")
	if plan.Bulk {
		fmt.Fprintf(&b, "\nhow many: %d", len(plan.Targets))
	}
	for _, r := range plan.Targets {
		fmt.Fprintf(&b, "\n%s: %s", r.Kind, describe(r))
	}
	for _, s := range plan.Skipped {
		fmt.Fprintf(&b, "\nleft alone: %s because %s", describe(s.Resource), s.Reason)
	}
	if plan.Source != nil {
		fmt.Fprintf(&b, "\nfrom %s: %s", plan.Source.Kind, describe(*plan.Source))
	}
	fmt.Fprintf(&b, "\neffect: %s", meaning(plan.Effects))
	for _, f := range plan.Facts {
		fmt.Fprintf(&b, "\n%s: %s", f.Label, f.Value)
	}
	b.WriteString("\n\n")
	if plan.Effects.Has(op.Destructive) {
		b.WriteString("To approve, type exactly: " + typeable(plan.Confirm))
	} else {
		b.WriteString("To approve, type: yes")
	}
	return b.String()
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

func typeable(s string) string {
	if text.Plain(s) {
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
		{op.Destructive, "destroys something for good"},
		{op.Disruptive, "interrupts whoever uses it"},
		{op.Billable, "starts or raises what you pay for"},
		{op.Write, "changes something"},
	} {
		if e.Has(m.effect) {
			parts = append(parts, m.meaning)
		}
	}
	return strings.Join(parts, "; ")
}

package guard

import (
	"fmt"
	"maps"
	"slices"
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
		b.WriteString("\nhow many: " + count(plan.Targets))
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

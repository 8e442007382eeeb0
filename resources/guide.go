package resources

import (
	"context"
	"fmt"
	"strings"

	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// Limits is what Aura's API cannot say or do, and where it can be done: a short list for every conversation, the same in the
// server's instructions and in the guide.
const Limits = `Aura's API cannot tell costs, who changed something elsewhere, since when a database is paused or its Neo4j version, and cannot reset a password or rotate an API key: the Aura console can. Queries inside a database need another server, for Cypher. Schedules need cron with "aura-mcp call", alerts cron with "aura-mcp health".`

// guide is what is true of every fleet.
func (r *Resources) guide(context.Context, string) (Content, error) {
	return Content{Text: GuideText(r.o.Catalog()), Modified: r.started}, nil
}

// GuideText is the page aura://guide. It says what the tools go by.
func GuideText(catalog []op.Operation) string {
	var b strings.Builder
	b.WriteString("# Guide to Aura\n\nAn *instance* is a database; a *tenant* is called project in the Aura console.\n\n## Types\n\n")
	head(&b, "type", "plan", "can", "cannot")
	guide := tools.NewGuide()
	for _, t := range guide.Types {
		row(&b, t.Type, t.Plan, t.Can, t.Cannot)
	}
	b.WriteString("\n## Statuses\n\n")
	head(&b, "status", "meaning")
	for _, s := range guide.Statuses {
		row(&b, s.Status, s.Meaning)
	}
	b.WriteString("\nAura may use others; one that is not known here counts as under way. While an operation is under way, others are refused.\n\n## What cannot be undone\n\n")
	for _, o := range catalog {
		if o.Spec.Effects.Has(op.Destructive) {
			fmt.Fprintf(&b, "- `%s`: %s\n", o.Spec.Name, firstSentence(o.Spec.Description))
		}
	}
	b.WriteString("- A snapshot of a free database replaces the one before.\n- The password of a new database is shown once, and is kept by this server for the person.\n")
	b.WriteString("\n## What Aura's API cannot say or do\n\n")
	for _, s := range strings.SplitAfter(Limits, ". ") {
		b.WriteString("- " + strings.TrimSpace(s) + "\n")
	}
	b.WriteString("- It cannot delete a snapshot.\n")
	return b.String()
}

func firstSentence(s string) string {
	first, _, more := strings.Cut(s, ". ")
	if more {
		return first + "."
	}
	return s
}

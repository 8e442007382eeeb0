package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"aura-mcp/internal/text"
)

// Approval is how a person wants to be asked, by the effect of what is to be approved.
type Approval struct{ Billable, Disruptive, Destructive string }

// approvalWays are the ways to ask, from the least strict to the strictest.
func approvalWays() []string { return []string{"auto", "elicitation", "page", "terminal", "never"} }

// approvalRows are what a table by effect can have.
func approvalRows() []string { return []string{"default", "billable", "disruptive", "destructive"} }

// newApproval reads one way for everything, or a table as it is written in the environment: default=auto,destructive=page.
func newApproval(v string) (Approval, error) {
	rows := map[string]string{}
	for part := range strings.SplitSeq(v, ",") {
		effect, way, isTable := strings.Cut(strings.TrimSpace(part), "=")
		if !isTable {
			effect, way = "default", effect
		}
		effect, way = strings.TrimSpace(effect), strings.TrimSpace(way)
		_, twice := rows[effect]
		switch {
		case !slices.Contains(approvalRows(), effect):
			return Approval{}, fmt.Errorf("has a row %s; allowed: %s", text.Quote(effect), strings.Join(approvalRows(), ", "))
		case !slices.Contains(approvalWays(), way):
			return Approval{}, fmt.Errorf("is %s; allowed: %s; or a table by effect, such as { default = \"auto\", destructive = \"page\" }", text.Quote(way), strings.Join(approvalWays(), ", "))
		case twice:
			return Approval{}, fmt.Errorf("has two values for %s", effect)
		}
		rows[effect] = way
	}
	way := func(effect string) string { return cmp.Or(rows[effect], rows["default"], approvalWays()[0]) }
	return Approval{Billable: way("billable"), Disruptive: way("disruptive"), Destructive: way("destructive")}, nil
}

// stricter takes the stricter way of two for each effect.
func (a Approval) stricter(b Approval) Approval {
	pick := func(x, y string) string {
		return approvalWays()[max(slices.Index(approvalWays(), x), slices.Index(approvalWays(), y))]
	}
	return Approval{Billable: pick(a.Billable, b.Billable), Disruptive: pick(a.Disruptive, b.Disruptive), Destructive: pick(a.Destructive, b.Destructive)}
}

// approvalTable is a table of the config file in the form of the environment.
func approvalTable(v any) (string, bool) {
	table, ok := v.(map[string]any)
	if !ok {
		return "", false
	}
	var rows []string
	for _, effect := range slices.Sorted(maps.Keys(table)) {
		way, ok := table[effect].(string)
		if !ok {
			return "", false
		}
		rows = append(rows, effect+"="+way)
	}
	return strings.Join(rows, ","), len(rows) > 0
}

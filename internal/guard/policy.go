package guard

import (
	"fmt"
	"path"
	"slices"

	"aura-mcp/internal/op"
)

// Policy is what the person who set the server up allows.
type Policy struct {
	ReadOnly bool
	// Toolsets are the ones on offer; none means all.
	Toolsets []string
	// Protected are names, with * as a wildcard, and IDs of what may never be part of a bulk operation.
	Protected []string
}

// refusal says which rule forbids the operation, or nil.
func (p Policy) refusal(s op.Spec) error {
	if p.ReadOnly && s.Effects != op.Read {
		return &op.Error{
			What:      fmt.Sprintf("%s is not available: this server is read-only (setting read_only), so it only looks", s.Name),
			Next:      "tell the person; they can do it in the Aura console",
			Unchanged: true,
		}
	}
	if len(p.Toolsets) > 0 && !slices.Contains(p.Toolsets, s.Toolset) {
		return &op.Error{
			What:      fmt.Sprintf("%s is not available: the toolset %s is not switched on (setting toolsets)", s.Name, s.Toolset),
			Next:      "tell the person; they decide which toolsets this server offers",
			Unchanged: true,
		}
	}
	return nil
}

// apply makes a plan keep to the policy: protected targets leave a bulk, and a rename that takes a database into or out of
// the protected names counts as more than a rename.
func (p Policy) apply(plan op.Plan) op.Plan {
	if plan.Rename != "" && len(plan.Targets) == 1 && p.protects(plan.Targets[0].Name) != p.protects(plan.Rename) {
		plan.Effects |= op.Disruptive
		plan.Facts = append(slices.Clone(plan.Facts), op.Fact{Label: "protection", Value: "the new name changes whether this database is protected by this server's settings"})
	}
	if !plan.Bulk {
		return plan
	}
	var kept []op.Resource
	for _, t := range plan.Targets {
		if p.protects(t.Name) || p.protects(t.ID) {
			plan.Skipped = append(slices.Clone(plan.Skipped), op.Skip{Resource: t, Reason: "protected by this server's settings: never part of a bulk, so do it alone"})
			continue
		}
		kept = append(kept, t)
	}
	if plan.Targets = kept; len(kept) == 0 {
		plan.Effects = op.Read
	}
	return plan
}

func (p Policy) protects(name string) bool {
	return slices.ContainsFunc(p.Protected, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}

package guard

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// Policy is what the person who set the server up allows. The zero policy allows everything that a person approves.
type Policy struct {
	ReadOnly bool
	Toolsets []string // the ones on offer; nil means all
	Denied   []string // tools that are not offered
	// Protected and Locked are names, with * as a wildcard, and IDs: of what is never part of a bulk and destroyed only by a
	// person outside the client, and of what nothing may change.
	Protected, Locked []string
	MaxMemory         string // the largest that a database may be given, such as 64GB; "" is no limit
	MaxInstances      int    // 0 is no limit
	Regions, Types    []string
	Standing          []Standing
	// TrustClient lets the answer of a client far away count as its person's approval.
	TrustClient bool
	// Approval is how a person is asked.
	Approval WayByEffect
}

// Standing is a decision that a person made beforehand, for jobs that run without anybody there.
type Standing struct {
	Operations []string
	Names      []string // patterns, with * as a wildcard
	Tenant     string   // "" is any
	MaxPerDay  int
}

// Fixed is a policy that does not change.
func Fixed(p Policy) func(profile string) (Policy, error) {
	return func(string) (Policy, error) { return p, nil }
}

// refusal says which rule forbids the operation whatever its arguments, or nil.
func (p Policy) refusal(c op.Caller, s op.Spec) error {
	switch {
	case s.Effects&c.Withheld != op.Read:
		return forbidden(fmt.Sprintf("%s is not available to you: your token does not allow what is %s", s.Name, s.Effects&c.Withheld), "tell the person; whoever runs this server decides what a token allows")
	case p.ReadOnly && s.Effects != op.Read:
		return forbidden(s.Name+" is not available: this server is read-only (setting read_only), so it only looks", "tell the person; they can do it in the Aura console")
	case p.Toolsets != nil && !slices.Contains(p.Toolsets, s.Toolset):
		return forbidden(fmt.Sprintf("%s is not available: the toolset %s is not switched on (setting toolsets)", s.Name, s.Toolset), "tell the person; they decide which toolsets this server offers")
	case slices.Contains(p.Denied, s.Name):
		return forbidden(s.Name+" is not available on this server (setting denied_tools)", "tell the person; they can do it in the Aura console")
	}
	return nil
}

// errForbidden marks what the policy refuses, which the audit has, from what cannot work anyway.
var errForbidden = errors.New("forbidden by the policy")

func forbidden(what, next string) error {
	return &op.Error{What: what, Next: next, Unchanged: true, Err: errForbidden}
}

// unreadable refuses what changes something while the settings cannot be read.
func unreadable(err error) error {
	return &op.Error{
		What: "the settings of this server cannot be read, so nothing that changes anything runs: " + err.Error(),
		Next: "tell the person to mend that; reading goes on", Unchanged: true, Err: err,
	}
}

// apply makes a plan keep to the policy, or refuses it and returns it as it was: protected and locked targets leave a bulk, and a rename that takes a
// database into or out of a pattern counts as more than a rename.
func (p Policy) apply(plan op.Plan) (op.Plan, error) {
	if plan.Effects == op.Read {
		return plan, nil
	}
	if err := p.wanted(plan.Wants); err != nil {
		return plan, err
	}
	if p.crosses(plan) {
		plan.Asks = strings.TrimPrefix(plan.Asks+"; ", "; ") + "the new name changes which rules of this server's settings hold for this database: whether it is protected, or what runs on it without asking"
	}
	plan.Unforeseen = plan.Unforeseen || plan.Asks != ""
	if plan.Asks != "" && plan.Effects.Guarded() {
		plan.Facts, plan.Asks = append(slices.Clone(plan.Facts), op.Fact{Label: "also", Value: plan.Asks}), ""
	} else if plan.Asks != "" {
		plan.Effects |= op.Disruptive
	}
	var kept []op.Resource
	for _, t := range plan.Targets {
		why := p.spares(t, plan.Bulk)
		switch {
		case why == "":
			kept = append(kept, t)
		case plan.Bulk:
			plan.Skipped = append(slices.Clone(plan.Skipped), op.Skip{Resource: t, Reason: why})
		default:
			return plan, forbidden(fmt.Sprintf("%s is left alone: %s", text.Quote(t.Name), why), "tell the person; what is not possible here is possible in the Aura console")
		}
	}
	if plan.Targets = kept; len(kept) == 0 {
		plan.Effects = op.Read
	}
	return plan, nil
}

// spares says why a target may not be touched, or "".
func (p Policy) spares(t op.Resource, bulk bool) string {
	switch {
	case matches(p.Locked, t):
		return "this server's settings lock it (setting locked)"
	case bulk && matches(p.Protected, t):
		return "protected by this server's settings (setting protected), so it is never part of a bulk; it is done on its own only at a person's word"
	}
	return ""
}

// crosses reports whether a plan gives a database a name for which other rules hold.
func (p Policy) crosses(plan op.Plan) bool {
	return plan.Rename != "" && slices.ContainsFunc(plan.Targets, func(t op.Resource) bool { return !slices.Equal(p.marks(t.Name), p.marks(plan.Rename)) })
}

// marks tells names apart by the rules they fall under.
func (p Policy) marks(name string) []bool {
	r := op.Resource{Name: name}
	marks := []bool{matches(p.Protected, r), matches(p.Locked, r)}
	for _, s := range p.Standing {
		marks = append(marks, s.names(name))
	}
	return marks
}

func matches(patterns []string, r op.Resource) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		return text.Match(pattern, r.Name) || pattern == r.ID
	})
}

// wanted checks what a plan would make of a database.
func (p Policy) wanted(w *op.Wants) error {
	if w == nil {
		return nil
	}
	limit, asked := op.Gigabytes(p.MaxMemory), op.Gigabytes(w.Memory)
	switch {
	case limit > 0 && w.Memory != "" && (asked == 0 || asked > limit):
		return forbidden(fmt.Sprintf("memory %s is more than this server may give a database: at most %s (setting max_memory)", w.Memory, p.MaxMemory), "choose less, or tell the person")
	case w.New && p.MaxInstances > 0 && w.Instances >= p.MaxInstances:
		return forbidden(fmt.Sprintf("there are %d databases, and this server creates none beyond %d (setting max_instances)", w.Instances, p.MaxInstances), "tell the person")
	case w.New && len(p.Regions) > 0 && !slices.Contains(p.Regions, w.Region):
		return forbidden(fmt.Sprintf("the region %s is not among those for new databases (setting allowed_regions): %s", w.Region, strings.Join(p.Regions, ", ")), "choose one of them, or tell the person")
	case (w.New || w.Type != "") && len(p.Types) > 0 && !slices.Contains(p.Types, w.Type):
		return forbidden(fmt.Sprintf("the type %s is not among those allowed (setting allowed_types): %s", w.Type, strings.Join(p.Types, ", ")), "choose one of them, or tell the person")
	}
	return nil
}

// Allows says which limit of a profile's policy forbids a database as it is wished for, or nil: nobody is to choose what is
// refused then.
func (g *Gate) Allows(profile string, w op.Wants) error {
	policy, _ := g.Policy(profile) // where it cannot be read, the last one counts
	return policy.wanted(&w)
}

// names reports whether the decision is about databases of a name. One about everything is about none.
func (s Standing) names(name string) bool {
	return slices.ContainsFunc(s.Names, func(pattern string) bool { return strings.Trim(pattern, "* ") != "" && text.Match(pattern, name) })
}

// standing reports whether a decision made beforehand covers the plan, and is not used up for today.
func (p Policy) standing(operation string, plan op.Plan, journal *audit.Journal) bool {
	return slices.ContainsFunc(p.covering(operation, plan), func(s Standing) bool { return s.usedToday(journal)+len(plan.Targets) <= s.MaxPerDay })
}

// covering are the decisions made beforehand that cover the plan. What destroys is never covered, nor a protected target, nor a name
// for which other rules hold or that is taken already.
func (p Policy) covering(operation string, plan op.Plan) (out []Standing) {
	if plan.Effects.Has(op.Destructive) || plan.Unforeseen || p.crosses(plan) || slices.ContainsFunc(plan.Targets, func(t op.Resource) bool { return matches(p.Protected, t) }) {
		return nil
	}
	for _, s := range p.Standing {
		if slices.Contains(s.Operations, operation) && !slices.ContainsFunc(plan.Targets, func(t op.Resource) bool {
			return !s.names(t.Name) || (s.Tenant != "" && s.Tenant != t.Tenant)
		}) {
			out = append(out, s)
		}
	}
	return out
}

// usedUp says that the plan is approved beforehand, and not for today any more; "" where it is not.
func (p Policy) usedUp(operation string, plan op.Plan, journal *audit.Journal) string {
	for _, s := range p.covering(operation, plan) {
		return fmt.Sprintf(", since what is approved beforehand does not suffice today (%d of %d databases are used, and this takes %d)", s.usedToday(journal), s.MaxPerDay, len(plan.Targets))
	}
	return ""
}

// usedToday counts the databases that the decision has covered since midnight UTC. A journal that cannot be read counts as
// used up.
func (s Standing) usedToday(journal *audit.Journal) int {
	now := time.Now().UTC()
	entries, _, err := journal.Read(now.Truncate(24 * time.Hour))
	if err != nil {
		return s.MaxPerDay
	}
	used := 0
	for _, e := range entries {
		if e.Way == string(Beforehand) && slices.Contains(s.Operations, e.Operation) {
			for _, t := range e.Targets {
				if s.names(t.Name) {
					used++
				}
			}
		}
	}
	return used
}

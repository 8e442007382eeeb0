package op

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"aura-mcp/internal/text"
)

// Resource is one thing that a plan touches, as just read. Two reads that differ in any field are a change.
type Resource struct {
	Kind   string `json:"kind"` // instance, snapshot, …
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Tenant string `json:"tenant,omitempty"`
	Type   string `json:"type,omitempty"`
	Memory string `json:"memory,omitempty"`
	Status string `json:"status,omitempty"`
	// Detail is whatever else of the resource the plan depends on, in words.
	Detail string `json:"detail,omitempty"`
}

// Fact is one line of a preview: a fixed label of ours and a value. Text from elsewhere stands in the value quoted.
type Fact struct {
	Label string `json:"label"`
	Value string `json:"value"`
	// Read finds out a value that moves or takes time, such as a figure of a live database, for the plan as the policy left it.
	// Only [Plan.Shown] calls it. What cannot be read it says in words.
	Read func(context.Context, Plan) string `json:"-"`
}

// Wants is a database as it is wished for; empty fields are not part of the wish.
type Wants struct {
	Memory, Region, Type string
	New                  bool
	Instances            int // how many there are already, for a new one
}

// Gigabytes reads a size such as "8GB" or "8Gi", as Aura writes them; what is no size counts nothing.
func Gigabytes(size string) float64 {
	n, err := strconv.ParseFloat(strings.TrimRight(size, "GBi"), 64)
	if err != nil || math.IsNaN(n) { // which is neither more nor less than any limit
		return 0
	}
	return n
}

// Skip is a resource that was named and is left alone.
type Skip struct {
	Resource
	Reason  string
	Already bool // it is as wanted
}

// Plan is what a request would do, made from the live state: the thing a person decides on.
type Plan struct {
	// Effects of these arguments on these targets; a plan with nothing left to do has none and needs nobody's approval.
	Effects Effects
	Targets []Resource
	Source  *Resource
	// Bulk says that the targets are independent of each other: one that has changed by the time its turn comes is left out
	// by the handler, which reads each again, and the others go on.
	Bulk bool
	// Skipped are resources that were named and are left alone, each for its reason.
	Skipped []Skip
	// Wants is what a database would be made into, where that is part of the plan: policies set limits to it.
	Wants *Wants
	// Rename is the name that the target gets, where that is part of the plan: policies go by names.
	Rename string
	// Asks is why a person is asked about a plan whose effects alone would need nobody's approval; "" where they would, or where
	// nobody is asked. It is asked as what disrupts is.
	Asks string
	// Unforeseen says that there is something about the plan that whoever approved it beforehand cannot have had in mind.
	Unforeseen bool
	// What says in a few words what changes, for records that name the tool and the targets anyway.
	What string
	// Headline is one sentence in the imperative, such as `Pause the database "prod".`
	Headline string
	// Facts are what a person needs to decide: what happens, what is lost, what it costs, whether it can be undone.
	Facts []Fact
	// Confirm is what a person types when something is destroyed: the target's exact name, or its ID where the name is no
	// safe thing to type.
	Confirm string
	// Prepared is what the planning worked out for the run. It follows from the arguments and the resources above, so it is
	// not compared.
	Prepared any
}

// Same reports whether two plans act on the same resources in the same state with the same effects. What a preview adds for
// the reader (ages, figures that move) may differ.
func (p Plan) Same(other Plan) bool {
	sameSource := p.Source == other.Source || (p.Source != nil && other.Source != nil && *p.Source == *other.Source)
	return sameSource && p.Effects == other.Effects && p.Confirm == other.Confirm && slices.Equal(p.Targets, other.Targets)
}

// NoID stands in place of the ID of what does not exist yet.
const NoID = "no ID yet"

// Brief says what the plan does beyond its tool and its targets: what changes, and where data comes from.
func (p Plan) Brief() string {
	parts := []string{p.What}
	if s := p.Source; s != nil && s.Kind == "snapshot" {
		parts = append(parts, "from the snapshot "+text.Quote(s.ID))
	} else if s != nil {
		parts = append(parts, fmt.Sprintf("from %s (%s)", text.Quote(s.Name), s.ID), s.Detail)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// Shown is the plan as a person is to see it, with every fact read, all at the same time. Who asks a person calls it, once: the
// last look before a run needs no facts.
func (p Plan) Shown(ctx context.Context) Plan {
	facts := slices.Clone(p.Facts)
	var group sync.WaitGroup
	for n := range facts {
		read := facts[n].Read
		if read == nil {
			continue
		}
		facts[n].Read = nil
		group.Go(func() { facts[n].Value = read(ctx, p) })
	}
	group.Wait()
	p.Facts = facts
	return p
}

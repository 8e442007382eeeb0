package op

import "strings"

// Effects is the set of what an operation does to the world. The empty set, [Read], does nothing to it.
type Effects uint8

// Read is the absence of effects.
const Read Effects = 0

// The effects, mildest first.
const (
	Write       Effects = 1 << iota // changes something that neither costs nor disturbs anybody, like a snapshot
	Billable                        // starts or raises what the account pays for
	Disruptive                      // interrupts somebody's work, and can be undone
	Destructive                     // loses data, or cannot be undone
)

var effectNames = []struct {
	effect Effects
	name   string
}{{Write, "write"}, {Billable, "billable"}, {Disruptive, "disruptive"}, {Destructive, "destructive"}}

// Has reports whether all of other is part of e.
func (e Effects) Has(other Effects) bool { return e&other == other }

// Guarded reports whether a person must approve.
func (e Effects) Guarded() bool { return e&(Billable|Disruptive|Destructive) != 0 }

// String names the effects, mildest first, such as "billable, disruptive".
func (e Effects) String() string {
	if e == Read {
		return "read"
	}
	var names []string
	for _, n := range effectNames {
		if e.Has(n.effect) {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ", ")
}

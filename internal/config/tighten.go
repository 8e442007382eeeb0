package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// stricter returns the stricter of a setting as it is stored and as somebody else wants it, who may only add to it.
type stricter func(stored, wanted string) string

// tighten holds stored policy against everything that would loosen it, and says what of that has no effect.
func tighten(all, stored layer) (layer, []string) {
	out, notices := overlay(all), []string(nil)
	for _, s := range Settings() {
		kept, given := stored[s.Key]
		wanted := all[s.Key]
		if s.stricter == nil || !given || wanted == kept {
			continue
		}
		strict := s.stricter(kept.text, wanted.text)
		out[s.Key] = value{strict, wanted.origin}
		switch strict {
		case wanted.text:
		case kept.text:
			out[s.Key] = kept
			if !s.adds {
				notices = append(notices, fmt.Sprintf("%s has no effect: %s says %s = %s, which can only be tightened", wanted.origin, kept.origin, s.Key, s.show(kept.text)))
			}
		default:
			out[s.Key] = value{strict, wanted.origin + ", " + kept.origin}
			if !s.adds {
				notices = append(notices, fmt.Sprintf("%s counts only as %s = %s: %s can only be tightened", wanted.origin, s.Key, s.show(strict), kept.origin))
			}
		}
	}
	return out, notices
}

// staysOn keeps a switch in the position that is the safe one.
func staysOn(safe string) stricter {
	return func(stored, wanted string) string {
		if stored == safe {
			return stored
		}
		return wanted
	}
}

// both joins lists of what is kept from somebody.
func both(stored, wanted string) string {
	return joined(append(items(value{text: wanted}), items(value{text: stored})...))
}

// narrower keeps of a list what the stored one allows. An empty list would allow everything, so where they have nothing in
// common the stored one counts.
func narrower(stored, wanted string) string {
	allowed := items(value{text: stored})
	common := slices.DeleteFunc(items(value{text: wanted}), func(v string) bool { return !slices.Contains(allowed, v) })
	if len(common) == 0 {
		return stored
	}
	return joined(common)
}

// narrowerToolsets is narrower for words some of which stand for several toolsets. Here nothing in common is no tool at all.
func narrowerToolsets(stored, wanted string) string {
	have, want := expand(items(value{text: stored})), expand(items(value{text: wanted}))
	if !slices.ContainsFunc(want, func(t string) bool { return !slices.Contains(have, t) }) {
		return wanted
	}
	return narrower(joined(have), joined(want))
}

// smaller is the lower of two figures, whatever their unit.
func smaller(stored, wanted string) string {
	if figure(wanted) > figure(stored) {
		return stored
	}
	return wanted
}

// figure of a value that has been checked.
func figure(v string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(v, "GB"))
	return n
}

// strictestWay is the stricter way to ask for each effect.
func strictestWay(stored, wanted string) string {
	have, _ := newApproval(stored) // both checked before
	want, _ := newApproval(wanted)
	switch held := want.stricter(have); held {
	case want:
		return wanted
	case have:
		return stored
	default:
		return fmt.Sprintf("billable=%s, disruptive=%s, destructive=%s", held.Billable, held.Disruptive, held.Destructive)
	}
}

// outOfSight keeps passwords out of the conversation.
func outOfSight(stored, wanted string) string {
	if wanted == "reveal" {
		return stored
	}
	return wanted
}

func joined(list []string) string {
	var out []string
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return strings.Join(out, listMark)
}

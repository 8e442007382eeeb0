package text

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Nearest returns the candidates that somebody who wrote word probably meant, closest first, at most three: those within a
// third of its length in edits, or that contain it. Case does not count.
func Nearest(word string, candidates []string) []string {
	type scored struct {
		candidate string
		distance  int
	}
	lower := strings.ToLower(word)
	length := utf8.RuneCountInString(word)
	limit := max(1, length/3)
	var near []scored
	for _, c := range candidates {
		d := limit + 1
		if apart := length - utf8.RuneCountInString(c); -limit <= apart && apart <= limit { // else so many edits at the least
			d = distance(lower, strings.ToLower(c))
		}
		if d > limit && len(word) >= 3 && strings.Contains(strings.ToLower(c), lower) {
			d = limit
		}
		if d <= limit {
			near = append(near, scored{c, d})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int { return a.distance - b.distance })
	var out []string
	for _, s := range near {
		if !slices.Contains(out, s.candidate) && len(out) < 3 {
			out = append(out, s.candidate)
		}
	}
	return out
}

// distance counts the single edits between a and b: insertions, deletions, replacements and swaps of neighbours.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, previous, current := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(s); i++ {
		current[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(t)]
}

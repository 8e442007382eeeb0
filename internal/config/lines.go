package config

import (
	"slices"
	"strings"
)

// lineOf finds the line of a key, given as its path from the top: ("profiles", "work", "read_only"). The TOML library knows it
// but does not tell for keys that decode well. Where the key stands inside a table on one line, that line is the answer.
func lineOf(content string, path ...string) int {
	best, depth := 1, 0
	var table []string
	for n, line := range strings.Split(content, "\n") {
		line = strings.TrimSpace(line)
		var here []string
		if header, ok := strings.CutPrefix(line, "["); ok {
			header, _, _ = strings.Cut(strings.TrimPrefix(header, "["), "]")
			table = segments(header)
			here = table
		} else if key, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			here = slices.Concat(table, segments(key))
		}
		if common := shared(here, path); common > depth && (common == len(here) || common == len(path)) {
			best, depth = n+1, common
		}
	}
	return best
}

// lineOfTable finds the line of one of the tables of an array, the first being 0: of [[tokens]], say.
func lineOfTable(content string, n int, path ...string) int {
	for at, line := range strings.Split(content, "\n") {
		header, ok := strings.CutPrefix(strings.TrimSpace(line), "[[")
		if header, _, _ = strings.Cut(header, "]"); !ok || !slices.Equal(segments(header), path) {
			continue
		}
		if n--; n < 0 {
			return at + 1
		}
	}
	return lineOf(content, path...) // it is a list on one line
}

// segments splits a dotted key. A dot inside quotes is not worth the code: it would only cost a line number.
func segments(key string) []string {
	parts := strings.Split(key, ".")
	for i, p := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(p), `"'`)
	}
	return parts
}

func shared(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

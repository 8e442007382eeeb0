// Package text shows strangers' text to people and models without letting it act: names from Aura, arguments from a
// model, a client's own name. It also finds the word somebody probably meant.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxQuoted bounds a quoted string, in runes: Aura's names end at 30, so more is somebody's attempt to fill the page.
const maxQuoted = 240

// Quote puts s in double quotes on one line. Quotes, backslashes, control, format and bidirectional characters are shown
// as escapes rather than dropped, so that what is hidden in a name is seen. Text over 240 characters is cut and says so.
func Quote(s string) string {
	if n := utf8.RuneCountInString(s); n > maxQuoted {
		cut := []rune(s)[:maxQuoted]
		return strconv.Quote(string(cut)) + fmt.Sprintf(" (cut, %d characters in all)", n)
	}
	return strconv.Quote(s)
}

// QuoteAll quotes each of names and joins them with commas.
func QuoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = Quote(n)
	}
	return strings.Join(quoted, ", ")
}

// Plain reports whether a person can read and type s as it stands: letters of one script with digits, marks, spaces and
// punctuation that a keyboard has.
func Plain(s string) bool {
	if s == "" || strings.TrimSpace(s) != s || !utf8.ValidString(s) {
		return false
	}
	var script *unicode.RangeTable
	for _, r := range s {
		if r < unicode.MaxASCII {
			if !strconv.IsPrint(r) {
				return false
			}
			if !unicode.IsLetter(r) {
				continue
			}
		}
		if !unicode.IsLetter(r) {
			return false
		}
		if script == nil {
			script = scriptOf(r)
		}
		if script == nil || !unicode.Is(script, r) {
			return false
		}
	}
	return true
}

func scriptOf(r rune) *unicode.RangeTable {
	for _, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return table
		}
	}
	return nil
}

// EscapeJSON rewrites encoded JSON so that characters a reader cannot see (control, format, bidirectional, unassigned) stand
// there as \u escapes. The value is the same; only what is visible changes.
func EscapeJSON(encoded []byte) []byte {
	clean := true
	for _, r := range string(encoded) {
		if r >= utf8.RuneSelf && !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return encoded
	}
	out := make([]byte, 0, len(encoded)+32)
	for _, r := range string(encoded) {
		switch {
		case r < utf8.RuneSelf || strconv.IsPrint(r):
			out = utf8.AppendRune(out, r)
		case r > 0xFFFF: // outside JSON's \uXXXX: a surrogate pair
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xD800+(r>>10), 0xDC00+(r&0x3FF))
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

package resources

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"aura-mcp/internal/text"
)

// word shows a name from elsewhere in Markdown: as it stands where it is plain, else quoted and with every mark that Markdown
// or HTML knows disarmed.
func word(s string) string {
	if s != "" && strings.Trim(s, plain+"_") == "" && strings.Trim(s, "_") == s {
		return s
	}
	return disarmed(text.Quote(s))
}

// sentence shows words from elsewhere that need no quotes of their own, such as a reason, on one line.
func sentence(s string) string {
	const most = 300
	var b strings.Builder
	n := 0
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if n++; n > most {
			b.WriteString(" …")
			break
		}
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return disarmed(b.String())
}

// plain is what a name may consist of to need no quotes, besides _ inside: nothing of it means anything to Markdown inside a
// line.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./: "

func disarmed(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|&~$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// age is how long ago something was, in the largest unit that fits: "40 s", "3 min", "5 h", "9 d".
func age(now, then time.Time) string {
	d := max(0, now.Sub(then))
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// moment is a time in UTC.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func row(b *strings.Builder, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// head begins a table.
func head(b *strings.Builder, cells ...string) {
	row(b, cells...)
	b.WriteString(strings.Repeat("|-", len(cells)) + "|\n")
}

package app

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen is where the demo draws. On anything but a terminal it prints plain lines.
type screen struct {
	out      io.Writer
	terminal bool
	colour   bool
}

func newScreen(out io.Writer, environ []string) screen {
	f, ok := out.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	plain := slices.ContainsFunc(environ, func(e string) bool { return strings.HasPrefix(e, "NO_COLOR=") && e != "NO_COLOR=" || e == "TERM=dumb" })
	return screen{out: out, terminal: terminal, colour: terminal && !plain}
}

// The few colours in use, as ANSI codes that every terminal theme maps to something readable.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s screen) paint(code, text string) string {
	if !s.colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s screen) line(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// clear empties a terminal, what has scrolled by included, so that what comes next stands in place of what was there.
func (s screen) clear() { fmt.Fprint(s.out, "\x1b[H\x1b[2J\x1b[3J") }

// status writes a line that the next one replaces; an empty one takes it away.
func (s screen) status(message string) {
	fmt.Fprintf(s.out, "\r\x1b[K%s", s.paint(dim, message))
}

// table aligns columns; paint colours a cell after its width is known.
func (s screen) table(header []string, rows [][]string, paint func(column int, cell string) string) {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	row := func(cells []string, paint func(int, string) string) {
		var b strings.Builder
		for i, cell := range cells {
			b.WriteString("  " + paint(i, cell) + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		s.line("%s", strings.TrimRight(b.String(), " "))
	}
	row(header, func(_ int, cell string) string { return s.paint(dim, cell) })
	for _, cells := range rows {
		row(cells, paint)
	}
}

// bar draws how far something has come, over the line before.
func (s screen) bar(part float64, message string) {
	const width = 30
	full := int(min(max(part, 0), 1) * width)
	fmt.Fprintf(s.out, "\r\x1b[K  %s%s %s", s.paint(cyan, strings.Repeat("█", full)), s.paint(dim, strings.Repeat("░", width-full)), message)
}

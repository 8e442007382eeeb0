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
	replaces bool // a terminal on which a line can be written over: not a dumb one
	colour   bool
	width    int // of a terminal, in columns; 0: no limit
}

func newScreen(out io.Writer, environ []string) screen {
	behind := out
	if o, ok := out.(*output); ok {
		behind = o.Writer
	}
	f, ok := behind.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	plain := slices.ContainsFunc(environ, func(e string) bool { return strings.HasPrefix(e, "NO_COLOR=") && e != "NO_COLOR=" })
	replaces := terminal && !slices.Contains(environ, "TERM=dumb")
	s := screen{out: out, terminal: terminal, replaces: replaces, colour: replaces && !plain}
	if terminal {
		s.width, _, _ = term.GetSize(int(f.Fd())) // 0 where that cannot be told
	}
	return s
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

// table aligns columns and fits them into the terminal; paint colours a cell after its width is known.
func (s screen) table(header []string, rows [][]string, paint func(column int, cell string) string) {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	s.fit(widths)
	row := func(cells []string, paint func(int, string) string) {
		wrapped, height := make([][]string, len(cells)), 1
		for i, cell := range cells {
			wrapped[i] = wrap(cell, widths[i])
			height = max(height, len(wrapped[i]))
		}
		for n := range height {
			var b strings.Builder
			for i, lines := range wrapped {
				part := ""
				if n < len(lines) {
					part = lines[n]
				}
				b.WriteString("  " + paint(i, part) + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(part)))
			}
			s.line("%s", strings.TrimRight(b.String(), " "))
		}
	}
	row(header, func(_ int, cell string) string { return s.paint(dim, cell) })
	for _, cells := range rows {
		row(cells, paint)
	}
}

// narrowest is how narrow a column is made at most, so that a word still fits.
const narrowest = 12

// fit narrows the widest columns until a row fits the terminal.
func (s screen) fit(widths []int) {
	for total := 2 * len(widths); s.width > 0; {
		sum, widest := total, 0
		for i, w := range widths {
			sum += w
			if w > widths[widest] {
				widest = i
			}
		}
		if sum <= s.width || widths[widest] <= narrowest {
			return
		}
		widths[widest]--
	}
}

// wrap breaks a text into lines, at spaces where it can.
func wrap(s string, width int) (lines []string) {
	for line := range strings.SplitSeq(s, "\n") {
		rest := []rune(line)
		for width > 0 && len(rest) > width {
			at := width
			for n := width; n > width/2; n-- {
				if rest[n] == ' ' {
					at = n
					break
				}
			}
			lines = append(lines, strings.TrimRight(string(rest[:at]), " "))
			rest = []rune(strings.TrimLeft(string(rest[at:]), " "))
		}
		lines = append(lines, string(rest))
	}
	return lines
}

// hanging prints a text after a mark, its further lines below its beginning.
func (s screen) hanging(mark string, indent int, message string) {
	width := 0
	if s.width > indent+narrowest {
		width = s.width - indent
	}
	for n, line := range wrap(message, width) {
		if n > 0 {
			mark = strings.Repeat(" ", indent)
		}
		s.line("%s%s", mark, line)
	}
}

// item is a line of a list.
func (s screen) item(message string) { s.hanging("  "+s.paint(dim, "·")+" ", 4, message) }

// warnings are what the person should know, after everything else.
func (s screen) warnings(all []string) {
	for n, w := range all {
		if n == 0 {
			s.line("")
		}
		s.hanging(s.paint(yellow, "warning:")+" ", 9, w)
	}
}

// finding is a line of the doctor, and below it what to do.
func (s screen) finding(f finding) {
	mark := map[condition]string{fine: s.paint(green, "✓"), note: s.paint(dim, "·"), warning: s.paint(yellow, "!"), problem: s.paint(red, "✗")}[f.Status]
	if f.Profile != "" {
		f.Message = f.Profile + ": " + f.Message
	}
	s.hanging(fmt.Sprintf("%s %-12s", mark, f.Check), 14, f.Message)
	if f.Next != "" {
		s.hanging(strings.Repeat(" ", 14)+s.paint(cyan, "→")+" ", 16, f.Next)
	}
}

// bar draws how far something has come, over the line before.
func (s screen) bar(part float64, message string) {
	const width = 30
	full := int(min(max(part, 0), 1) * width)
	fmt.Fprintf(s.out, "\r\x1b[K  %s%s %s", s.paint(cyan, strings.Repeat("█", full)), s.paint(dim, strings.Repeat("░", width-full)), message)
}

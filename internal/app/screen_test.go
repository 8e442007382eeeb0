package app

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestATableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	rows := [][]string{
		{"protected", "prod*, billing, reporting-and-forecast, shop-frontend-production", "/home/somebody/.config/aura-mcp/config.toml:12"},
		{"locked", "vault", "default"},
	}
	plain := func(_ int, cell string) string { return cell }
	for _, width := range []int{0, 60, 80, 200} {
		var out bytes.Buffer
		screen{out: &out, width: width}.table([]string{"SETTING", "VALUE", "FROM"}, rows, plain)
		joined := strings.Join(strings.Fields(out.String()), "")
		for _, row := range rows {
			for _, cell := range row {
				if width == 0 && !strings.Contains(out.String(), cell) {
					t.Errorf("%q is not whole where nothing limits it:\n%s", cell, &out)
				}
				for word := range strings.FieldsSeq(cell) {
					if len(word) < narrowest && !strings.Contains(joined, word) {
						t.Errorf("width %d: %q is lost:\n%s", width, word, &out)
					}
				}
			}
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); width > 0 && n > width {
				t.Errorf("width %d: a line of %d:\n%s", width, n, line)
			}
		}
		if width == 200 && strings.Count(out.String(), "\n") != 3 {
			t.Errorf("wrapped without need:\n%s", &out)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in    string
		width int
		want  string
	}{
		{"", 10, ""}, {"short", 10, "short"}, {"exactly-10", 10, "exactly-10"},
		{"two words here", 10, "two words|here"}, {"averyveryverylongword", 10, "averyveryv|erylongwor|d"},
		{"a b c d e f", 0, "a b c d e f"}, {"ünïcödé ünïcödé", 8, "ünïcödé|ünïcödé"}, {"one\ntwo", 10, "one|two"},
	} {
		if got := strings.Join(wrap(tt.in, tt.width), "|"); got != tt.want {
			t.Errorf("%q at %d: %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
}

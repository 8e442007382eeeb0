package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// budget is a row of the table.
type budget struct {
	name     string // of the benchmark
	what     string
	unit     string  // of what is measured
	limit    float64 // in that unit, or a multiple of the baseline
	relative bool    // whether limit is a multiple of the baseline
	against  string  // what the baseline is; empty where there is none
	measure  func(*testing.B, programs) reading
}

// reading is what a row's function measured; baseline is 0 where there is none.
type reading struct{ measured, baseline float64 }

// figure is a row with its reading.
type figure struct {
	budget
	reading
}

func (f figure) ratio() float64 { return f.measured / f.baseline }

// used is the part of the budget that is used up.
func (f figure) used() float64 {
	if f.relative {
		return f.ratio() / f.limit
	}
	return f.measured / f.limit
}

func (f figure) over() bool { return !(f.used() <= 1) } // said like this, a reading that is no number is over

type table []figure

func (t table) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nBUDGET\tMEASURED\tBASELINE\tRATIO\tLIMIT\tUSED\t")
	for _, f := range t {
		c := f.columns()
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.what, c.measured, c.baseline, c.ratio, c.limit, strings.Replace(c.used, " ", "\t", 1))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// columns are a figure in words.
type columns struct{ what, measured, baseline, ratio, limit, used string }

func (f figure) columns() columns {
	c := columns{what: f.what, measured: amount(f.measured, f.unit), baseline: "-", ratio: "-", limit: amount(f.limit, f.unit)}
	if f.against != "" {
		c.baseline, c.ratio = amount(f.baseline, f.unit)+" "+f.against, fmt.Sprintf("%.2f", f.ratio())
	}
	if f.relative {
		c.limit = fmt.Sprintf("%.2f x baseline", f.limit)
	}
	verdict := "ok"
	if f.over() {
		verdict = "OVER"
	}
	c.used = fmt.Sprintf("%.0f%% %s", 100*f.used(), verdict)
	return c
}

// amount shows three digits or more, so that small figures do not round to nothing.
func amount(n float64, unit string) string {
	digits := 0
	for limit := 100.0; n < limit && digits < 3 && n != float64(int(n)); limit /= 10 {
		digits++
	}
	return fmt.Sprintf("%.*f %s", digits, n, unit)
}

// median is the middle, or the upper one of two. It fails on nothing at all, which is nothing measured.
func median[N cmp.Ordered](values []N) N {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func TestTableSaysWhatIsOver(t *testing.T) {
	t.Parallel()
	all := table{
		{budget{what: "within", unit: "tokens", limit: 4000}, reading{measured: 4000}},
		{budget{what: "beyond", unit: "KB", limit: 36}, reading{measured: 36.1}},
		{budget{what: "in proportion", unit: "ms", limit: 1.5, relative: true, against: "bare server"}, reading{12, 8}},
		{budget{what: "out of proportion", unit: "ms", limit: 1.5, relative: true, against: "bare server"}, reading{12.1, 8}},
		{budget{what: "added", unit: "ms", limit: 0.5, against: "bare client calls"}, reading{0.25, 0.0625}},
		{budget{what: "no baseline", unit: "MB", limit: 2, relative: true, against: "bare server"}, reading{0, 0}},
	}
	var out strings.Builder
	if err := all.print(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")[1:]
	for i, want := range []string{
		"within 4000 tokens - - 4000 tokens 100% ok",
		"beyond 36.1 KB - - 36 KB 100% OVER",
		"in proportion 12 ms 8 ms bare server 1.50 1.50 x baseline 100% ok",
		"out of proportion 12.1 ms 8 ms bare server 1.51 1.50 x baseline 101% OVER",
		"added 0.250 ms 0.062 ms bare client calls 4.00 0.500 ms 50% ok",
		"no baseline 0 MB 0 MB bare server NaN 2.00 x baseline NaN% OVER",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("line %d:\n got %s\nwant %s", i, got, want)
		}
	}
}

func TestMedianIsTheMiddle(t *testing.T) {
	t.Parallel()
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("median of 9, 1, 5 = %v, want 5", got)
	}
}

func TestTokensAreThoseOfO200k(t *testing.T) {
	t.Parallel()
	if got := countTokens(t, "hello world"); got != 2 {
		t.Errorf("%d tokens in hello world, want 2", got)
	}
}

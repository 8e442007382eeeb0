package bench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// answer is a typical answer, of a fleet of sixty databases. Its tokens have no budget but are on the page.
type answer struct {
	what, tool string
	arguments  map[string]any
}

func typicalAnswers(someID string) []answer {
	one := map[string]any{"instance": someID}
	return []answer{
		{"one database", "get_instance", one},
		{"its health, with nothing wrong", "check_instance_health", one},
		{"its snapshots of a week", "list_snapshots", one},
		{"the health of all", "check_fleet_health", nil},
		{"which are paused", "list_instances", map[string]any{"status": "paused"}},
		{"the tenants", "list_tenants", nil},
		{"what a tenant offers, of one type in one region", "get_tenant", map[string]any{"tenant": "Production", "type": "business-critical", "region": "europe-west1"}},
		{"a size", "estimate_instance_size", map[string]any{"node_count": 10_000_000, "relationship_count": 50_000_000}},
	}
}

// page writes the table as Markdown, with what it was measured on.
func (t table) page(out io.Writer, machine string, when time.Time, answers [][2]string) {
	fmt.Fprintf(out, "# Performance\n\nWritten by `make bench` on %s; do not edit.\nMachine: %s.\n\n", when.Format("2 January 2006"), machine)
	fmt.Fprint(out, "Times and sizes of the product are held against something measured in the same run, so that the budgets hold on every machine.\nTokens are those of o200k.\n\n")
	fmt.Fprint(out, "| budget | measured | baseline | ratio | limit | used |\n|---|---|---|---|---|---|\n")
	for _, f := range t {
		c := f.columns()
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s |\n", c.what, c.measured, c.baseline, c.ratio, c.limit, c.used)
	}
	fmt.Fprint(out, "\nWhat typical answers cost in tokens, of a fleet of 60 databases:\n\n| answer | tool | tokens |\n|---|---|---|\n")
	for _, a := range answers {
		fmt.Fprintf(out, "| %s | %s |\n", a[0], a[1])
	}
}

// measuredAnswers are the rows of the answers.
func measuredAnswers(b *testing.B) (rows [][2]string) {
	f := newFleet(b, 60, 0)
	for _, a := range typicalAnswers(f.someID) {
		rows = append(rows, [2]string{fmt.Sprintf("%s | `%s`", a.what, a.tool), fmt.Sprint(countTokens(b, f.call(b, a.tool, a.arguments)))})
	}
	return rows
}

// machine says what this runs on, as far as it is known.
func machine() string {
	model := "a processor of unknown name"
	raw, _ := os.ReadFile("/proc/cpuinfo") // there is none elsewhere than on Linux
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d cores used, %s/%s, %s", model, runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func TestThePageHasTheTableAndTheMachine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	all := table{{budget{what: "start", unit: "ms", limit: 1.5, relative: true, against: "bare server"}, reading{12, 10}}}
	all.page(&out, "a machine", time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), [][2]string{{"one | `x`", "12"}})
	for _, want := range []string{"on 21 November 2026;", "Machine: a machine.", "| start | 12 ms | 10 ms bare server | 1.20 | 1.50 x baseline | 80% ok |", "| one | `x` | 12 |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if machine := machine(); !strings.Contains(machine, runtime.Version()) {
		t.Error(machine)
	}
}

package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/tiktoken-go/tokenizer"
)

// budgets are the rows of the table, in the order of the functions below.
func budgets() []budget {
	return []budget{
		{name: "ToolListTokens", what: "default tool list, as a model sees it", unit: "tokens", limit: 4000, measure: toolListTokens},
		{name: "AllToolsTokens", what: "the list of all toolsets", unit: "tokens", limit: 6000, measure: allToolsTokens},
		{name: "ToolListSize", what: "tools/list result with output schemas", unit: "KB", limit: 36, measure: toolListSize},
		{name: "Start", what: "start of the process to initialize", unit: "ms", limit: 1.5, relative: true, against: "bare server", measure: startTime},
		{name: "Memory", what: "resident memory after tools/list", unit: "MB", limit: 2.5, relative: true, against: "bare server", measure: residentMemory},
		{name: "CallOverhead", what: "what get_instance adds to its requests", unit: "ms", limit: 0.5, against: "bare client calls", measure: callOverhead},
		{name: "ListTime", what: "list_instances of 100, 50 ms a request", unit: "ms", limit: 1.3, relative: true, against: "ideal, 8 at a time", measure: listTime},
		{name: "ListTokens", what: "list_instances of 60", unit: "tokens", limit: 4500, measure: listTokens},
		{name: "FleetPageTokens", what: "aura://fleet of 100, all known", unit: "tokens", limit: fleetPageLimit, measure: fleetPageTokens},
		{name: "HTTP", what: "get_instance over HTTP, slowest 1 %, 200 clients", unit: "ms", limit: 10, relative: true, against: "median call", measure: httpLatency},
	}
}

// BenchmarkBudgets measures each budget in a benchmark of its own and then prints them all. It fails where one is over.
func BenchmarkBudgets(b *testing.B) {
	p := buildPrograms(b)
	var t table
	for _, row := range budgets() {
		b.Run(row.name, func(b *testing.B) {
			f := figure{row, row.measure(b, p)}
			b.ReportMetric(0, "ns/op") // of product and baseline together: says nothing
			b.ReportMetric(f.measured, row.unit)
			if f.baseline > 0 {
				b.ReportMetric(f.ratio(), "ratio")
			}
			t = append(t, f)
		})
	}
	if err := t.print(os.Stdout); err != nil {
		b.Fatal(err)
	}
	if file := os.Getenv("BENCH_PAGE"); file != "" {
		var page bytes.Buffer
		t.page(&page, machine(), time.Now(), measuredAnswers(b))
		if err := os.WriteFile(file, page.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, f := range t {
		if f.over() {
			b.Errorf("over budget: %s", f.what)
		}
	}
}

// toolListTokens counts the whole of what a host shows its model of a tool, field names included.
func toolListTokens(b *testing.B, p programs) reading { return tokensOf(b, listedTools(b, p)) }

func allToolsTokens(b *testing.B, p programs) reading {
	return tokensOf(b, listedTools(b, p, "--toolsets", "all"))
}

func tokensOf(b *testing.B, tools []string) reading {
	b.Helper()
	var tokens int
	for b.Loop() {
		tokens = 0
		for _, t := range tools {
			tokens += countTokens(b, t)
		}
	}
	return reading{measured: float64(tokens)}
}

// shownTool is what a model sees of a tool. Titles, annotations and output schemas stay with the host.
type shownTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"inputSchema"`
}

func listedTools(b *testing.B, p programs, args ...string) []string {
	b.Helper()
	var listed struct {
		Tools      []shownTool `json:"tools"`
		NextCursor string      `json:"nextCursor"`
	}
	if err := json.Unmarshal(toolList(b, p, args...), &listed); err != nil {
		b.Fatal(err)
	}
	if len(listed.Tools) == 0 || listed.NextCursor != "" {
		b.Fatalf("tools/list: %d tools, next page %q; want all tools in one page", len(listed.Tools), listed.NextCursor)
	}
	var shown []string
	for _, t := range listed.Tools {
		encoded, err := json.Marshal(t)
		if err != nil {
			b.Fatal(err)
		}
		shown = append(shown, string(encoded))
	}
	b.Logf("%d tools", len(shown))
	return shown
}

func toolList(b *testing.B, p programs, args ...string) json.RawMessage {
	b.Helper()
	s := p.start(b, p.product, args...)
	defer s.stop()
	s.initialize(b)
	return s.listTools(b)
}

func toolListSize(b *testing.B, p programs) reading {
	var bytes int
	for b.Loop() {
		bytes = len(toolList(b, p))
	}
	return reading{measured: float64(bytes) / 1000}
}

func startTime(b *testing.B, p programs) reading {
	return p.compare(b, func(s *session) float64 {
		s.initialize(b)
		return milliseconds(time.Since(s.begun))
	})
}

func residentMemory(b *testing.B, p programs) reading {
	return p.compare(b, func(s *session) float64 {
		s.initialize(b)
		s.listTools(b)
		return s.residentMB(b)
	})
}

// callOverhead compares a call by an MCP client with the requests that it makes, on the same client and simulator.
func callOverhead(b *testing.B, _ programs) reading {
	var direct, added []float64
	for b.Loop() {
		// A new fleet after a few calls: the client's limiter and the simulator's log keep all requests of a minute, and
		// with thousands of them these would be what is measured.
		f := newFleet(b, 10, 0)
		f.mustAgree(b)
		for range 20 {
			called := timed(func() { f.call(b, "get_instance", map[string]any{"instance": f.someID}) })
			requested := timed(func() { f.readDirectly(b) })
			direct, added = append(direct, requested), append(added, called-requested)
		}
	}
	return reading{measured: median(added), baseline: median(direct)}
}

// listTime compares with the rounds of requests that cannot be avoided: the tenants, the list, and the details of all.
func listTime(b *testing.B, _ programs) reading {
	const size, atOnce, delay = 100, 8, 50 * time.Millisecond
	const rounds = 2 + (size+atOnce-1)/atOnce
	var took []float64
	for b.Loop() {
		f := newFleet(b, size, delay)
		took = append(took, timed(func() { f.call(b, "list_instances", nil) }))
	}
	return reading{measured: median(took), baseline: milliseconds(rounds * delay)}
}

func listTokens(b *testing.B, _ programs) reading {
	answer := newFleet(b, 60, 0).call(b, "list_instances", nil)
	var tokens int
	for b.Loop() {
		tokens = countTokens(b, answer)
	}
	return reading{measured: float64(tokens)}
}

// fleetPageLimit is how much of a conversation the page of a hundred databases may take, in tokens.
const fleetPageLimit = 6000

func fleetPageTokens(b *testing.B, _ programs) reading {
	page := newFleet(b, 100, 0).fleetPage(b)
	var tokens int
	for b.Loop() {
		tokens = countTokens(b, page)
	}
	return reading{measured: float64(tokens)}
}

func countTokens(t testing.TB, text string) int {
	t.Helper()
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	n, err := codec.Count(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func timed(f func()) float64 {
	begun := time.Now()
	f()
	return milliseconds(time.Since(begun))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// readDirectly makes the requests that get_instance makes, in its order.
func (f *fleet) readDirectly(b *testing.B) {
	b.Helper()
	_, listFailed := f.aura.Instances.List(b.Context(), "")
	_, readFailed := f.aura.Instances.Get(b.Context(), f.someID)
	_, tenantsFailed := f.aura.Tenants.List(b.Context())
	if err := errors.Join(listFailed, readFailed, tenantsFailed); err != nil {
		b.Fatal(err)
	}
}

// mustAgree sees to it that readDirectly keeps up with the tool. It also makes the first call, which is no typical one.
func (f *fleet) mustAgree(b *testing.B) {
	b.Helper()
	begun := f.transport.requests.Load()
	f.call(b, "get_instance", map[string]any{"instance": f.someID})
	called := f.transport.requests.Load()
	f.readDirectly(b)
	if tool, direct := called-begun, f.transport.requests.Load()-called; tool != direct {
		b.Fatalf("get_instance sends %d requests and readDirectly %d: let readDirectly send the same", tool, direct)
	}
}

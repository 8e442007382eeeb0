package archtest

import (
	"slices"
	"strings"
	"testing"
)

// rule is what one package may import in its non-test files. Tests may import what they like: joining the simulator and
// the client is what most of them are for.
type rule struct {
	pkg     string   // path inside the module, "." is main; "x/..." is x and everything below it
	ours    []string // packages of ours it may import, same notation; anything is everything but main
	others  []string // modules of others it may import, by path prefix; the standard library is always allowed
	never   []string // exact import paths it must not have although the above allows them
	instead string   // what to do instead, the end of every message about this package
}

// anything stands for no limit.
var anything = []string{"..."}

const (
	mcpTypes = "github.com/mark3labs/mcp-go/mcp"
	schema   = "github.com/google/jsonschema-go"
)

// catalogue is what tools, resources and prompts share: they describe and call, and somebody else connects and decides.
var catalogue = rule{
	ours:    []string{"internal/op", "internal/text", "internal/health", "internal/chart", "internal/vault", "internal/audit", "auraclient"},
	others:  []string{mcpTypes, schema, "golang.org/x/sync"},
	never:   []string{"os"}, // net/http is there for its status constants; the linter forbids the rest of it
	instead: "take what is needed as a parameter, and let internal/app hand it in; errors of Aura are typed in auraclient",
}

// rules reads from the outside in. A package without a row fails the test.
var rules = []rule{
	{pkg: ".", ours: []string{"internal/..."}, others: anything,
		instead: "main only turns flags and environment into a Config and calls internal/app; do the rest there"},
	{pkg: "internal/app", ours: anything, others: anything},
	{pkg: "examples/...", ours: []string{"auraclient"},
		instead: "an example shows what somebody outside can do, with the client alone"},
	{pkg: "internal/bench/...", ours: anything, others: anything},
	{pkg: "internal/mutants", instead: "it reads Go and writes Go; what is broken and which tests run is said in its test"},
	{pkg: "internal/manpages", ours: []string{"internal/app"}, others: []string{"github.com/spf13/cobra"},
		instead: "it turns the command line into pages; what the pages say is in internal/app"},
	{pkg: "internal/archtest",
		instead: "it has tests and no code"},
	{pkg: "internal/docgen", ours: []string{"tools", "resources", "prompts", "internal/config", "internal/op", "internal/app"},
		others: []string{mcpTypes, schema}, never: []string{"net/http"},
		instead: "docgen renders what catalogue and config say; let those say it"},

	catalogue.of("tools"),
	catalogue.and("tools").of("resources"), // it shows what tools reads, in other forms
	catalogue.of("prompts"),

	{pkg: "internal/approval", ours: []string{"internal/atomicfile", "internal/guard", "internal/op", "internal/passphrase", "internal/state", "internal/text"}, others: []string{"golang.org/x/sys", "golang.org/x/term", "maragu.dev/gomponents"},
		instead: "approval shows what is on the guard's desk and hands decisions back; decide in internal/guard"},
	{pkg: "internal/passphrase", others: []string{"golang.org/x/crypto"}, never: []string{"os", "net/http"},
		instead: "passphrase hashes and compares; keep hashes where they are used"},
	{pkg: "internal/audit", others: []string{"github.com/gofrs/flock"}, instead: "audit writes and reads its journal and knows nobody"},
	{pkg: "internal/guard", ours: []string{"internal/op", "internal/text", "internal/audit", "internal/state"}, others: anything, never: []string{"net/http"},
		instead: "guard decides on a plan and knows neither Aura nor pages; declare a func or small interface that internal/app fills"},
	{pkg: "internal/httpd", ours: []string{"internal/op"}, others: anything,
		instead: "httpd lets callers in and knows neither settings nor Aura nor approvals; internal/app hands in what it needs"},
	{pkg: "internal/state", never: []string{"os", "net/http"},
		instead: "state keeps values for a while and knows nothing of what they are"},
	{pkg: "internal/telemetry", others: []string{"github.com/mark3labs/mcp-go"}, never: []string{"os"},
		instead: "telemetry sends spans and knows nothing of what they are about"},
	{pkg: "internal/conformance", ours: []string{"internal/httpd", "internal/op"}, others: []string{"github.com/mark3labs/mcp-go"},
		instead: "the fixtures of the conformance suite stand behind the product's HTTP code and nothing else of it"},
	{pkg: "internal/op", ours: []string{"internal/text"}, others: []string{mcpTypes, schema},
		instead: "op knows what an operation is and nothing about Aura, guard or transports; put it where that is known"},
	{pkg: "internal/config", ours: []string{"auraclient", "internal/text"}, others: anything,
		instead: "config describes settings and starts nothing (auraclient is there for its Secret); internal/app acts on them"},
	{pkg: "internal/credentials", ours: []string{"auraclient", "internal/atomicfile", "internal/config", "internal/text"}, others: anything, never: []string{"net/http"},
		instead: "credentials keeps keys and knows nothing of calls (auraclient is there for its Secret)"},
	{pkg: "internal/install", ours: []string{"internal/atomicfile", "internal/text"}, others: anything, never: []string{"net/http"},
		instead: "install edits clients' files, asks nobody and keeps no keys; internal/app does"},
	{pkg: "internal/atomicfile", instead: "it replaces one file; say what goes into it where that is known"},
	{pkg: "internal/vault", ours: []string{"auraclient"}, others: anything, never: []string{"net/http"},
		instead: "vault keeps secrets and knows nothing of calls (auraclient is there for its Secret)"},
	{pkg: "internal/health", ours: []string{"auraclient", "internal/text"}, never: []string{"os", "net/http"},
		instead: "health judges readings that it is given; fetch them in auraclient"},
	{pkg: "internal/chart", ours: []string{"internal/health", "internal/text"}, others: []string{"github.com/wcharczuk/go-chart"}, never: []string{"os", "net/http"},
		instead: "chart draws a verdict and decides nothing; judge in internal/health"},

	{pkg: "auraclient", others: []string{"github.com/cenkalti/backoff/v4", "golang.org/x/oauth2", "golang.org/x/sync", "github.com/prometheus"},
		instead: "auraclient is a library that others could import: no MCP, no settings, nothing of ours"},
	{pkg: "internal/aurasim",
		instead: "the simulator has wire structs of its own, written from Aura's documentation: " +
			"shared ones would be wrong on both sides and keep every test green"},
	{pkg: "internal/text",
		instead: "text is imported by nearly everybody, so it imports only the standard library"},
}

// joiners are the only packages that may import both the simulator and the client outside tests.
var joiners = []string{"internal/app", "internal/bench/..."}

func TestPackagesImportOnlyWhatTheirRowAllows(t *testing.T) {
	t.Parallel()
	m := loadModule(t)
	for _, f := range m.files {
		if f.test {
			continue
		}
		r, ok := ruleFor(f.pkg)
		if !ok {
			t.Errorf("%s: package %q has no import rule: add a row to rules in internal/archtest/imports_test.go, "+
				"with the fewest imports that do", f.path, f.pkg)
			continue
		}
		for _, imp := range f.imports() {
			if why := r.forbids(m.name, imp); why != "" {
				t.Errorf("%s imports %q: %s; %s", f.path, imp, why, r.instead)
			}
		}
	}
}

func TestOnlyAppBenchAndTestsMayJoinSimulatorAndClient(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		joins := r.forbids("m", "m/auraclient") == "" && r.forbids("m", "m/internal/aurasim") == ""
		if joins && r.pkg != "." && !slices.Contains(joiners, r.pkg) {
			t.Errorf("the row of %q allows both auraclient and internal/aurasim: only %v and tests may join them", r.pkg, joiners)
		}
	}
}

func TestRulesCatchTheEdgesTheyAreFor(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, pkg, imp string
		forbidden      bool
	}{
		{"simulator sharing the client's structs", "internal/aurasim", "m/auraclient", true},
		{"simulator using a library", "internal/aurasim", "github.com/x/y", true},
		{"simulator using the standard library", "internal/aurasim", "net/http", false},
		{"client knowing operations", "auraclient", "m/internal/op", true},
		{"client knowing MCP", "auraclient", "github.com/mark3labs/mcp-go/mcp", true},
		{"client using backoff", "auraclient", "github.com/cenkalti/backoff/v4", false},
		{"client using a package of x/sync", "auraclient", "golang.org/x/sync/singleflight", false},
		{"a prefix that is no path element", "auraclient", "golang.org/x/synctricks", true},
		{"tools reading the environment", "tools", "os", true},
		{"tools starting a server", "tools", "github.com/mark3labs/mcp-go/server", true},
		{"tools reading several instances at once", "tools", "golang.org/x/sync/errgroup", false},
		{"tools deciding approvals", "tools", "m/internal/guard", true},
		{"tools calling Aura", "tools", "m/auraclient", false},
		{"resources showing what tools read", "resources", "m/tools", false},
		{"tools knowing resources", "tools", "m/resources", true},
		{"resources knowing who may do what", "resources", "m/internal/guard", true},
		{"guard reaching Aura", "internal/guard", "m/auraclient", true},
		{"guard serving pages", "internal/guard", "net/http", true},
		{"guard parsing an address", "internal/guard", "net/url", false},
		{"operations knowing guard", "internal/op", "m/internal/guard", true},
		{"config holding a Secret", "internal/config", "m/auraclient", false},
		{"config starting the app", "internal/config", "m/internal/app", true},
		{"app joining everything", "internal/app", "m/internal/aurasim", false},
		{"app importing main", "internal/app", "m", true},
		{"main wiring", ".", "m/internal/config", false},
		{"main calling tools", ".", "m/tools", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, ok := ruleFor(tt.pkg)
			if !ok {
				t.Fatalf("no rule for %q", tt.pkg)
			}
			if why := r.forbids("m", tt.imp); (why != "") != tt.forbidden {
				t.Errorf("%s imports %s: forbidden = %q, want forbidden %v", tt.pkg, tt.imp, why, tt.forbidden)
			}
		})
	}
	if _, ok := ruleFor("internal/newcomer"); ok {
		t.Error("a package without a row got a rule")
	}
	if _, ok := ruleFor("internal/bench/bare"); !ok {
		t.Error(`"internal/bench/..." does not cover the packages below it`)
	}
}

// of is the rule for one package.
func (r rule) of(pkg string) rule {
	r.pkg = pkg
	return r
}

// and is the rule with one more package of ours.
func (r rule) and(ours string) rule {
	r.ours = append(slices.Clone(r.ours), ours)
	return r
}

// ruleFor finds the row of a package.
func ruleFor(pkg string) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return covers(r.pkg, pkg) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

// forbids says why a package under this rule must not import imp, or nothing when it may. module is our module's path.
func (r rule) forbids(module, imp string) string {
	inside, ours := strings.CutPrefix(imp, module+"/")
	switch {
	case imp == module:
		return "main is a program that nobody imports"
	case slices.Contains(r.never, imp):
		return "not in this package"
	case ours && !anyCovers(r.ours, inside):
		return "not one of the packages of ours that it may know"
	case ours || standard(imp):
		return ""
	case !slices.ContainsFunc(r.others, func(p string) bool { return covers(p+"/...", imp) || p == "..." }):
		return "not one of the libraries that it may use"
	}
	return ""
}

func anyCovers(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, pkg) })
}

// covers reports whether pkg is what pattern names; "x/..." also names what is below x.
func covers(pattern, pkg string) bool {
	tree, ok := strings.CutSuffix(pattern, "...")
	if !ok {
		return pattern == pkg
	}
	return strings.HasPrefix(pkg+"/", tree)
}

// standard tells the standard library by the missing dot: everybody else's first path element is a host.
func standard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".")
}

package aurasim_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

func TestEveryEndpointAnswers(t *testing.T) {
	t.Parallel()
	operations, routes := map[string]bool{}, map[string]bool{}
	for _, e := range aurasim.Endpoints() {
		if operations[e.Operation] || routes[e.Method+e.Path] || !regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`).MatchString(e.Operation) {
			t.Errorf("%+v is there twice, or has no proper name", e)
		}
		operations[e.Operation], routes[e.Method+e.Path] = true, true
		t.Run(e.Operation, func(t *testing.T) {
			t.Parallel()
			sim := newSim(t, aurasim.Options{})
			c := newClient(t, sim)
			path := regexp.MustCompile(`\{[a-zA-Z]+Id\}`).ReplaceAllString(e.Path, "x")
			got := c.do(e.Method, path, "{}")
			if got.status == 405 || got.status >= 500 || strings.Contains(got.body, `"error":"Not Found"`) {
				t.Errorf("%d %s", got.status, got.body)
			}
			c.token = ""
			c.do(e.Method, path, "{}").wantGateway(401, "Key not authorized")
		})
	}
	if len(operations) != 26 {
		t.Errorf("%d operations; v1 has 26", len(operations))
	}
}

func TestTheREADMEListsTheEndpoints(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	want.WriteString("\n| operation | route, below `/v1` |\n|---|---|\n")
	for _, e := range aurasim.Endpoints() {
		fmt.Fprintf(&want, "| `%s` | `%s %s` |\n", e.Operation, e.Method, e.Path)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "<!-- endpoints -->")
	got, _, found := strings.Cut(rest, "<!-- /endpoints -->")
	if !found || got != want.String() {
		t.Errorf("between the markers of README.md should be:\n%s", want.String())
	}
}

func TestTheREADMEListsTheScenarios(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "<!-- scenarios -->")
	table, _, _ := strings.Cut(rest, "<!-- /scenarios -->")
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| [^|]+ \\|$").FindAllStringSubmatch(table, -1) {
		got = append(got, row[1])
	}
	if diff := cmp.Diff(aurasim.Scenarios(), got); diff != "" {
		t.Error(diff)
	}
}

func TestTheREADMENamesEveryReason(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	reason := regexp.MustCompile(`refuse\([^,]+, "([a-z-]+)"`)
	seen := 0
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		source, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range reason.FindAllStringSubmatch(string(source), -1) {
			seen++
			if !strings.Contains(string(readme), "`"+found[1]+"`") {
				t.Errorf("%s: README.md does not say when the reason %s is given", file.Name(), found[1])
			}
		}
	}
	if seen < 12 {
		t.Errorf("only %d reasons found in the source", seen)
	}
}

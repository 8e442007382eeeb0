package docgen_test

import (
	"reflect"
	"strings"
	"testing"

	"aura-mcp/auraclient"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/docgen"
	"aura-mcp/tools"
)

func endpoints() []docgen.Endpoint {
	var out []docgen.Endpoint
	for _, e := range aurasim.Endpoints() {
		out = append(out, docgen.Endpoint{Method: e.Method, Path: e.Path})
	}
	return out
}

func TestEveryEndpointIsUsedOrHasAReason(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, o := range tools.New(tools.Options{}).Catalog() {
		known[o.Spec.Name] = true
	}
	uses := docgen.Coverage()
	for _, e := range endpoints() {
		use, covered := uses[e]
		if !covered {
			t.Errorf("%s %s is in the simulator and not in docgen.Coverage: give it a tool, or write down why not", e.Method, e.Path)
			continue
		}
		delete(uses, e)
		if !clientHas(use.Client) {
			t.Errorf("%s %s: auraclient has no method %s", e.Method, e.Path, use.Client)
		}
		if (use.Tool == "") == (use.Reason == "") || (use.Tool != "" && !known[use.Tool]) {
			t.Errorf("%s %s: tool %q, reason %q: one tool of the catalogue, or a reason", e.Method, e.Path, use.Tool, use.Reason)
		}
	}
	for e := range uses {
		t.Errorf("docgen.Coverage has %s %s, which the simulator does not have", e.Method, e.Path)
	}
}

// clientHas looks for a method such as Instances.List.
func clientHas(name string) bool {
	service, method, _ := strings.Cut(name, ".")
	field, ok := reflect.TypeFor[auraclient.Client]().FieldByName(service)
	if !ok {
		return false
	}
	_, ok = field.Type.MethodByName(method)
	return ok
}

func TestGeneratedCoveragePage(t *testing.T) {
	t.Parallel()
	inSync(t, "../../docs/aura-api.md", docgen.CoveragePage(endpoints()))
}

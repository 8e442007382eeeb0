package guard

import (
	"context"
	"strings"
	"testing"

	"aura-mcp/internal/op"
)

func TestAResourceOnOneLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 81)
	for _, tt := range []struct {
		about op.Resource
		want  string
	}{
		{op.Resource{ID: "2f49c2b3", Name: "prod", Tenant: "Production", Type: "business-critical", Memory: "8GB", Status: "running"}, `"prod" in "Production" (2f49c2b3, business-critical, 8GB, running)`},
		{op.Resource{ID: "2f49c2b3", Name: "prod"}, `"prod" (2f49c2b3)`},
		{op.Resource{ID: "a\nb", Name: "prod", Type: "free\u202e"}, `"prod" ("a\nb", "free\u202e")`},
		{op.Resource{ID: "a", Name: "prod", Detail: long[:80]}, `"prod" (a, ` + long[:80] + ")"},
		{op.Resource{ID: "a", Name: "prod", Detail: long}, `"prod" (a, "` + long + `")`},
	} {
		if got := describe(tt.about); got != tt.want {
			t.Errorf("got %s\nwant %s", got, tt.want)
		}
	}
}

func TestTheCommandForATerminal(t *testing.T) {
	t.Parallel()
	instance := func(id, name string) op.Resource { return op.Resource{Kind: "instance", ID: id, Name: name} }
	prod := instance("aaaaaaa1", "prod")
	type wanted struct {
		Instance  string   `json:"instance,omitempty"`
		Source    string   `json:"source_instance,omitempty"`
		Instances []string `json:"instances,omitempty"`
		Name      string   `json:"name,omitempty"`
		Memory    string   `json:"memory,omitempty"`
	}
	for _, tt := range []struct {
		arguments map[string]any
		plan      op.Plan
		want      string
	}{
		{map[string]any{"instance": "prod", "memory": "16GB"}, op.Plan{Targets: []op.Resource{prod}}, "instance=aaaaaaa1 memory=16GB"},
		{map[string]any{"instance": "prod", "name": "prod"}, op.Plan{Targets: []op.Resource{prod}}, "instance=aaaaaaa1 name=prod"},
		{map[string]any{"instance": "staging", "source_instance": "prod"}, op.Plan{Targets: []op.Resource{instance("b", "staging")}, Source: &prod}, "instance=b source_instance=aaaaaaa1"},
		{map[string]any{"instance": "prod", "name": "prod"}, op.Plan{Targets: []op.Resource{{Kind: "new session", ID: op.NoID, Name: "prod"}}, Source: &prod}, "instance=aaaaaaa1 name=prod"},
		{map[string]any{"instances": []any{"dev-*", "prod"}}, op.Plan{Targets: []op.Resource{prod}}, `'instances=["dev-*","prod"]'`},
		{map[string]any{"name": "Anna's; rm -rf $HOME"}, op.Plan{}, `'name=Anna'\''s; rm -rf $HOME'`},
	} {
		o := op.Acts(op.Spec{Name: "do_it", Title: "t", Description: "d", Toolset: "t", Effects: op.Disruptive},
			func(context.Context, wanted) (op.Plan, error) { return tt.plan, nil },
			func(context.Context, op.Call, wanted, op.Plan) (thing, error) { return thing{}, nil })
		r, err := o.Prepare(tt.arguments)
		if err != nil {
			t.Fatal(err)
		}
		if got := command(task{Request: r}, tt.plan); got != "aura-mcp call do_it "+tt.want {
			t.Errorf("got  %s\nwant aura-mcp call do_it %s", got, tt.want)
		}
	}
}

package docgen_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/synctest"

	"aura-mcp/internal/docgen"
	"aura-mcp/internal/op"
	"aura-mcp/resources"
)

// examplePages are the pages that docs/resources.md shows, by template, as they read on the demo fleet at a fixed time.
func examplePages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		if _, _, err := s.call(t, "check_fleet_health", `{}`); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.call(t, "list_snapshots", `{"instance":"prod-orders"}`); err != nil {
			t.Fatal(err)
		}
		pages := resources.New(resources.Options{Fleet: s.fleet, Catalog: func() []op.Operation { return s.fleet.Catalog() }})
		for template, uri := range map[string]string{
			"aura://fleet": "aura://fleet", "aura://instances/{instance}": "aura://instances/prod-orders", "aura://guide": "aura://guide",
		} {
			page, err := pages.Read(t.Context(), uri)
			if err != nil {
				t.Fatalf("%s: %v", uri, err)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, []byte(page.Text), "", "  "); err != nil {
				pretty.Reset()
				pretty.WriteString(page.Text)
			}
			out[template] = pretty.String()
		}
	})
	return out
}

func TestGeneratedResourcesPage(t *testing.T) {
	t.Parallel()
	inSync(t, "../../docs/resources.md", docgen.ResourcesPage(resources.Pages(), examplePages(t)))
}

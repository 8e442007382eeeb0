package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tiktoken-go/tokenizer"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// TestWhatATypeCannotDoIsRefusedBeforehand walks the capability rules of Aura's plans: none of these reaches Aura.
func TestWhatATypeCannotDoIsRefusedBeforehand(t *testing.T) {
	t.Parallel()
	kinds := []string{"free-db", "professional-db", "business-critical", "enterprise-db", "professional-ds", "enterprise-ds"}
	rules := []struct {
		name, tool string
		arguments  map[string]any
		can        string // the types that can, by their names
		want       string
	}{
		{"pausing", "pause_instance", map[string]any{}, "professional-db business-critical enterprise-db professional-ds enterprise-ds", "is a free database"},
		{"resizing", "update_instance", map[string]any{"memory": "16GB"}, "professional-db business-critical enterprise-db professional-ds enterprise-ds", "another size is not possible"},
		{"vector optimisation", "update_instance", map[string]any{"vector_optimized": true}, "professional-db business-critical enterprise-db", "vector optimisation with"},
		{"the plugin", "update_instance", map[string]any{"graph_analytics_plugin": true}, "professional-db", "graph analytics plugin"},
		{"change data capture", "update_instance", map[string]any{"cdc_enrichment_mode": "FULL"}, "business-critical enterprise-db", "change data capture is not possible"},
		{"secondaries", "update_instance", map[string]any{"secondaries_count": 2}, "enterprise-db", "secondaries is not possible"},
		{"being overwritten", "overwrite_instance", map[string]any{"source_instance": "tiny"}, "professional-db business-critical enterprise-db professional-ds enterprise-ds", "being overwritten is not possible"},
		{"the upgrade", "upgrade_instance", map[string]any{}, "professional-db", "business-critical"},
	}
	for _, rule := range rules {
		for _, kind := range kinds {
			t.Run(rule.name+" of "+kind, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, func(o *rigOptions) {
						subject := aurasim.InstanceState{ID: "cccccc01", Name: "subject", TenantID: developmentID, Type: kind, Memory: "8GB"}
						if kind == "free-db" {
							subject.Memory = "1GB"
							o.sim.State.Instances = o.sim.State.Instances[:3] // an account has one free database
						}
						o.sim.State.Instances = append(o.sim.State.Instances, subject,
							aurasim.InstanceState{ID: "cccccc02", Name: "tiny", TenantID: developmentID, Type: "professional-db", Memory: "1GB"})
					})
					arguments := map[string]any{"instance": "subject"}
					maps.Copy(arguments, rule.arguments)
					asked := types("subject")
					if !r.catalog[rule.tool].Spec.Effects.Has(op.Destructive) { // only what destroys asks for the name
						asked = types("yes")
					}
					text, failed := r.call(r.connect(modern, asked), rule.tool, arguments)
					can := strings.Contains(" "+rule.can+" ", " "+kind+" ")
					switch {
					case can && failed:
						t.Errorf("Aura lets it, and it is refused: %s", text)
					case rule.name == "the plugin" && (kind == "business-critical" || kind == "enterprise-db"):
						// Which plans beyond Professional have it is not documented, so Aura decides and its refusal is passed on.
					case !can && (!failed || !strings.Contains(strings.ToLower(text), strings.ToLower(rule.want)) || len(r.changes()) != 0):
						t.Errorf("sent %v, told %q, want %q", r.changes(), text, rule.want)
					}
				})
			})
		}
	}
}

// TestAStatusThatDoesNotAllowIt puts a database into every status and tries every change: what cannot work is said, with what
// the database is busy with, and nothing is sent.
func TestAStatusThatDoesNotAllowIt(t *testing.T) {
	t.Parallel()
	changes := map[string]struct {
		arguments map[string]any
		allowed   []string // statuses in which it can start, or has nothing left to do
	}{
		"pause_instance":     {map[string]any{}, []string{"running", "paused", "pausing"}},
		"resume_instance":    {map[string]any{}, []string{"paused", "running", "resuming"}},
		"update_instance":    {map[string]any{"memory": "16GB"}, []string{"running"}},
		"create_snapshot":    {map[string]any{}, []string{"running"}},
		"delete_instance":    {map[string]any{}, []string{"running", "paused", "suspended", "loading failed", "destroying"}},
		"overwrite_instance": {map[string]any{"source_instance": "shop"}, []string{"running"}},
		"restore_snapshot":   {map[string]any{"snapshot_id": oldSnapshot}, []string{"running", "loading failed"}},
	}
	statuses := []string{"running", "paused", "suspended", "loading failed", "creating", "destroying", "pausing", "resuming", "loading", "restoring", "updating", "overwriting", "suspending"}
	for tool, change := range changes {
		for _, status := range statuses {
			t.Run(tool+" while "+status, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, func(o *rigOptions) { o.sim.State.Instances[0].Status = status })
					typed := "yes"
					if r.catalog[tool].Spec.Effects.Has(op.Destructive) {
						typed = "prod"
					}
					arguments := map[string]any{"instance": "prod"}
					maps.Copy(arguments, change.arguments)
					text, failed := r.call(r.connect(modern, types(typed)), tool, arguments)
					allowed := slices.Contains(change.allowed, status)
					if allowed == failed {
						t.Errorf("allowed %v, told %q", allowed, text)
					}
					if failed && (len(r.changes()) != 0 || !strings.Contains(text, status) || !strings.Contains(text, "Nothing was changed.")) {
						t.Errorf("sent %v, told %q", r.changes(), text)
					}
				})
			})
		}
	}
}

// TestAnswersFitAContext measures answers as a model pays for them.
func TestAnswersFitAContext(t *testing.T) {
	t.Parallel()
	codec, err := tokenizer.Get(tokenizer.O200kBase)
	if err != nil {
		t.Fatal(err)
	}
	tokens := func(text string) int {
		n, err := codec.Count(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) {
			for n := range 54 {
				o.sim.State.Instances = append(o.sim.State.Instances, aurasim.InstanceState{
					ID: fmt.Sprintf("eeeee%03d", n), Name: fmt.Sprintf("service-%02d-database", n), TenantID: productionID, Type: "business-critical", Memory: "16GB",
				})
			}
			o.sim.State.Tenants[0].Configurations = manyConfigurations()
		})
		c := r.connect(modern, nil)
		text, _ := r.call(c, "list_instances", nil)
		if n := tokens(text); n > 4500 {
			t.Errorf("60 databases cost %d tokens", n)
		}
		if list := must[tools.InstanceList](r, c, "list_instances", nil); list.Total != 60 || list.Counts.Status["running"] != 58 {
			t.Errorf("%d databases, %v", list.Total, list.Counts)
		}
		text, _ = r.call(c, "get_tenant", map[string]any{"tenant": "Production"})
		if n := tokens(text); n > 2000 {
			t.Errorf("600 configurations cost %d tokens:\n%s", n, text)
		}
		if offers := must[tools.TenantOffers](r, c, "get_tenant", map[string]any{"tenant": "Production"}); offers.Configurations != 600 {
			t.Errorf("%d configurations", offers.Configurations)
		}
	})
}

// manyConfigurations is an offer as large as real tenants have: types, providers, regions, sizes.
func manyConfigurations() []aurasim.InstanceConfiguration {
	regions := map[string][]string{
		"aws":   {"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-1"},
		"gcp":   {"europe-west1", "europe-west2", "us-central1", "us-east1", "asia-southeast1"},
		"azure": {"eastus", "westeurope", "uksouth", "brazilsouth", "southeastasia"},
	}
	var out []aurasim.InstanceConfiguration
	for _, kind := range []string{"professional-db", "business-critical", "enterprise-db", "enterprise-ds"} {
		for provider, places := range regions {
			for _, region := range places {
				for _, gb := range []int{2, 4, 8, 16, 32, 64, 128, 192, 256, 384} {
					out = append(out, aurasim.InstanceConfiguration{
						CloudProvider: provider, Region: region, RegionName: region, Type: kind, Version: "5",
						Memory: fmt.Sprintf("%dGB", gb), Storage: fmt.Sprintf("%dGB", 2*gb),
					})
				}
			}
		}
	}
	return out
}

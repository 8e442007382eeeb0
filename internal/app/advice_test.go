package app

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// What a person may choose is what then is allowed.
func TestNothingIsOfferedThatTheSettingsForbid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) {
			o.policy = guard.Policy{Regions: []string{"europe-west1"}, MaxMemory: "8GB", Types: []string{"professional-db", "business-critical"}}
		})
		c := r.connect(modern, types("yes"))
		for name, tt := range map[string]struct {
			arguments map[string]any
			not, want []string
		}{
			"types and places":               {map[string]any{"name": "x", "tenant": "Development"}, []string{"free-db", "enterprise-db", "aws"}, []string{"`type` (business-critical, professional-db)"}},
			"sizes":                          {map[string]any{"name": "x", "tenant": "Development", "type": "professional-db"}, []string{"16GB", "us-east-1"}, []string{"`memory` (1GB, 2GB, 4GB, 8GB)"}},
			"an error's":                     {map[string]any{"name": "x", "tenant": "Development", "type": "professional-db", "memory": "3GB"}, []string{"16GB"}, []string{"1GB, 2GB, 4GB, 8GB"}},
			"nothing there is allowed":       {map[string]any{"name": "x", "tenant": "Development", "type": "professional-db", "cloud_provider": "aws"}, []string{"us-east-1,", "still to be chosen"}, []string{"setting allowed_regions", "europe-west1"}},
			"what is forbidden is called so": {map[string]any{"name": "x", "tenant": "Development", "type": "professional-db", "memory": "64GB", "cloud_provider": "gcp", "region": "europe-west1"}, nil, []string{"setting max_memory"}},
		} {
			text, failed := r.call(c, "create_instance", tt.arguments)
			if !failed {
				t.Fatalf("%s: %s", name, text)
			}
			for _, not := range tt.not {
				if strings.Contains(text, not) {
					t.Errorf("%s offers %s:\n%s", name, not, text)
				}
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%s does not say %s:\n%s", name, want, text)
				}
			}
		}
		tenant := must[tools.TenantOffers](r, c, "get_tenant", map[string]any{"tenant": "Development"})
		for _, o := range tenant.Offers {
			if len(o.Regions) != 1 || o.Regions[0] != "europe-west1" || o.Type == "free-db" || strings.HasPrefix(o.Sizes[len(o.Sizes)-1], "16GB") {
				t.Errorf("get_tenant offers %+v", o)
			}
		}
		if !strings.Contains(tenant.Note, "settings do not allow") {
			t.Errorf("get_tenant does not say that there is more: %q", tenant.Note)
		}
		if got := r.completed(c, "provision_database", "region", "", map[string]string{"tenant": "Development"}).Values; len(got) != 1 || got[0] != "europe-west1" {
			t.Errorf("completion offers the regions %v", got)
		}
		text, _ := r.call(c, "update_instance", map[string]any{"instance": "shop", "memory": "7GB"})
		if strings.Contains(text, "16GB/") || !strings.Contains(text, "4GB/8GB") {
			t.Errorf("a resize: %s", text)
		}
	})
}

func TestSeveralMistakesAreSaidAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, types("yes"))
		r.refuses(c, "create_instance", map[string]any{"name": " x", "tenant": "Developmnt", "source_instance": "prodd"}, `" x" is no name`, `"Developmnt"`, `"prodd"`, `"Development"`, `"prod" (`)
		arguments := create("x")
		arguments["tenant"], arguments["cloud_provider"], arguments["type"] = "development", "GCP", "Business-Critical"
		must[tools.InstanceCreated](r, c, "create_instance", arguments)
	})
}

func TestErrorsNameTheNextStep(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, tool string
		arguments  map[string]any
		want       []string
	}{
		{"a pattern for one", "pause_instance", map[string]any{"instance": "s*"}, []string{"`instances`", `"staging"`, `"shop"`}},
		{"a pattern for one, in a read", "check_instance_health", map[string]any{"instance": "s*"}, []string{"`name` of a list", `"staging"`}},
		{"a pattern that fits nothing", "pause_instance", map[string]any{"instances": []any{"zzz*"}}, []string{"list_instances"}},
		{"several in a text", "pause_instance", map[string]any{"instances": "prod, shop"}, []string{`["prod", "shop"]`}},
		{"a failed one", "pause_instance", map[string]any{"instance": "importer"}, []string{"has failed (loading failed)", "restore_snapshot"}},
		{"storage alone", "update_instance", map[string]any{"instance": "shop", "storage": "128 gb"}, []string{`Storage 128GB does not go with the memory of "shop", 8GB`, "64GB/128GB"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) { o.sim.State.Instances[4].Status = "loading failed" })
				r.refuses(r.connect(modern, types("yes")), tt.tool, tt.arguments, tt.want...)
			})
		})
	}
}

func TestABulkThatDoesNothingSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.sim.State.Instances[4].Status = "loading failed" })
		out := must[tools.InstanceChange](r, r.connect(modern, types("yes")), "pause_instance", map[string]any{"instances": []any{"import*", "play*"}})
		if out.State != op.Failed || !strings.HasPrefix(out.Message, "nothing was done; 2 databases: 2 left alone") || !strings.Contains(out.Results[0].Reason, "has failed") {
			t.Errorf("%+v", out)
		}
	})
}

func TestWaitingForAPausedOneNamesTheWayOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		out := must[tools.Waited](r, r.connect(modern, nil), "wait_for_instance", map[string]any{"instance": "archive"})
		if out.Reached || !strings.Contains(out.Next, "resume_instance") {
			t.Errorf("%+v", out)
		}
	})
}

func TestAProtectedOneIsLeftToThePerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.policy.Protected = []string{"prod"} })
		out := must[tools.InstanceChange](r, r.connect(modern, types("yes")), "pause_instance", map[string]any{"instances": []any{"prod"}})
		if reason := out.Results[0].Reason; !strings.Contains(reason, "setting protected") || !strings.Contains(reason, "only at a person's word") {
			t.Error(reason)
		}
	})
}

func TestASecondFreeDatabaseIsDoubtedBeforeAnybodyApproves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var asked string
		c := r.connect(modern, person(func(_ context.Context, question string) (*mcp.ElicitationResult, error) {
			asked = question
			return answered(mcp.ElicitationResponseActionDecline, ""), nil
		}))
		must[tools.InstanceList](r, c, "list_instances", nil)
		r.refuses(c, "create_instance", map[string]any{"name": "second", "tenant": "Development", "type": "free-db"}, "declined")
		if !strings.Contains(asked, `limit: "playground" (`+freeID+`) is a free database already`) {
			t.Error(asked)
		}
	})
}

func TestANameThatFitsATenantIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.sim.State.Instances[1].TenantID = productionID })
		c := r.connect(modern, nil)
		out := must[tools.FleetHealth](r, c, "check_fleet_health", map[string]any{"name": "prod"})
		if notes := strings.Join(out.Notes, "\n"); out.Total != 1 || !strings.Contains(notes, `the tenant "Production", too, which has 2 databases, 1 of them not looked at`) {
			t.Errorf("%d: %s", out.Total, notes)
		}
		out = must[tools.FleetHealth](r, c, "check_fleet_health", map[string]any{"name": "stagin-x"})
		if out.Total != 0 || !strings.Contains(out.Next, `"staging"`) {
			t.Errorf("%+v", out)
		}
	})
}

func TestAReadOnlyServerSaysNothingOfApprovals(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"put to a person", "accepted"} {
		if strings.Contains(instructions(time.Now(), false, true, false), words) || !strings.Contains(instructions(time.Now(), false, false, false), words) {
			t.Errorf("%q belongs to servers that change something", words)
		}
	}
}

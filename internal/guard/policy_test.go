package guard

import (
	"strings"
	"testing"
	"time"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	p := Policy{MaxMemory: "16GB", MaxInstances: 3, Regions: []string{"europe-west1"}, Types: []string{"professional-db"}}
	fits := op.Wants{New: true, Instances: 2, Memory: "16GB", Region: "europe-west1", Type: "professional-db"}
	with := func(change func(*op.Wants)) op.Wants {
		w := fits
		change(&w)
		return w
	}
	for _, tt := range []struct {
		name  string
		wants op.Wants
		rule  string // that refuses it
	}{
		{"what keeps to all of them", fits, ""},
		{"too much memory", with(func(w *op.Wants) { w.Memory = "17GB" }), "max_memory"},
		{"memory that is no size", with(func(w *op.Wants) { w.Memory = "plenty" }), "max_memory"},
		{"memory that is no number", with(func(w *op.Wants) { w.Memory = "NaN" }), "max_memory"},
		{"memory that is left as it is", with(func(w *op.Wants) { w.Memory = "" }), ""},
		{"one database too many", with(func(w *op.Wants) { w.Instances = 3 }), "max_instances"},
		{"a region of others", with(func(w *op.Wants) { w.Region = "us-east1" }), "allowed_regions"},
		{"a type of others", with(func(w *op.Wants) { w.Type = "free-db" }), "allowed_types"},
		{"a new one of no type", with(func(w *op.Wants) { w.Type = "" }), "allowed_types"},
		{"one that is there, and stays", op.Wants{Instances: 9, Region: "us-east1"}, ""},
		{"one that is there, and becomes another type", op.Wants{Type: "free-db"}, "allowed_types"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := p.wanted(&tt.wants)
			if (err != nil) != (tt.rule != "") || err != nil && !strings.Contains(err.Error(), "(setting "+tt.rule+")") {
				t.Errorf("got %v, want the rule %q", err, tt.rule)
			}
			if err := (Policy{}).wanted(&tt.wants); err != nil {
				t.Errorf("without limits: %v", err)
			}
		})
	}
	if err := p.wanted(nil); err != nil {
		t.Errorf("a plan that wants nothing: %v", err)
	}
}

func TestWhatIsApprovedBeforehand(t *testing.T) {
	t.Parallel()
	p := Policy{
		Protected: []string{"dev-1", "prod*"},
		Standing:  []Standing{{Operations: []string{"pause_instance"}, Names: []string{"dev-*"}, Tenant: "Development", MaxPerDay: 2}},
	}
	dev := func(names ...string) []op.Resource {
		var out []op.Resource
		for _, name := range names {
			out = append(out, op.Resource{ID: "id-" + name, Name: name, Tenant: "Development"})
		}
		return out
	}
	yesterday := time.Now().UTC().Truncate(24 * time.Hour).Add(-time.Second)
	for _, tt := range []struct {
		name, operation string
		plan            op.Plan
		begun           []audit.Line // today, where they say nothing else
		want            bool
	}{
		{"its operation on its databases", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: dev("dev-2", "dev-3")}, nil, true},
		{"another operation", "resume_instance", op.Plan{Effects: op.Billable, Targets: dev("dev-2")}, nil, false},
		{"another database", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: dev("dev-2", "staging")}, nil, false},
		{"another tenant", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: []op.Resource{{Name: "dev-2", Tenant: "Production"}}}, nil, false},
		{"what destroys", "pause_instance", op.Plan{Effects: op.Disruptive | op.Destructive, Targets: dev("dev-2")}, nil, false},
		{"a protected one", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: dev("dev-1")}, nil, false},
		{"what a person is asked about for a reason of its own", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: dev("dev-2"), Unforeseen: true}, nil, false},
		{"a name for which other rules hold", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: dev("dev-2"), Rename: "prod-2"}, nil, false},
		{"a name for which the same hold", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: dev("dev-2"), Rename: "dev-4"}, nil, true},
		{"more than a day's", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: dev("dev-2", "dev-3", "dev-4")}, nil, false},
		{"the last of a day", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: dev("dev-2")}, []audit.Line{
			{Operation: "pause_instance", Way: string(Beforehand), Targets: []audit.Target{{Name: "dev-3"}}},
			{Operation: "pause_instance", Way: string(Page), Targets: []audit.Target{{Name: "dev-4"}}},        // a person's own word
			{Operation: "resume_instance", Way: string(Beforehand), Targets: []audit.Target{{Name: "dev-4"}}}, // another decision's
			{Operation: "pause_instance", Way: string(Beforehand), Targets: []audit.Target{{Name: "test-4"}}}, // likewise
			{Time: yesterday, Operation: "pause_instance", Way: string(Beforehand), Targets: []audit.Target{{Name: "dev-4"}}},
		}, true},
		{"a used up one", "pause_instance", op.Plan{Effects: op.Disruptive, Targets: dev("dev-2")}, []audit.Line{
			{Operation: "pause_instance", Way: string(Beforehand), Targets: []audit.Target{{Name: "dev-3"}, {Name: "dev-4"}}},
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			journal := audit.InMemory()
			for n, line := range tt.begun {
				line.ID, line.Event, line.Runs = string(rune('a'+n)), audit.Decided, true
				if line.Time.IsZero() {
					line.Time = time.Now()
				}
				if err := journal.Write(line); err != nil {
					t.Fatal(err)
				}
			}
			if got := p.standing(tt.operation, tt.plan, journal); got != tt.want {
				t.Errorf("covered: %v, want %v", got, tt.want)
			}
		})
	}
}

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/config"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

func TestPolicyRefusesAndNamesItsRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, tool string
		policy     guard.Policy
		arguments  map[string]any
		typed      string
		want       []string
	}{
		{"a locked database is not paused", "pause_instance", guard.Policy{Locked: []string{"pr*"}}, map[string]any{"instance": "prod"}, "yes", []string{"setting locked", "Aura console"}},
		{"nor snapshotted", "create_snapshot", guard.Policy{Locked: []string{prodID}}, map[string]any{"instance": "prod"}, "yes", []string{"setting locked"}},
		{"a protected database is not deleted", "delete_instance", guard.Policy{Protected: []string{"prod"}}, map[string]any{"instance": "prod"}, "prod", []string{"setting protected", "protect it (setting protected)", "in a terminal"}},
		{"nor restored", "restore_snapshot", guard.Policy{Protected: []string{"prod*"}}, map[string]any{"instance": "prod", "snapshot_id": oldSnapshot}, "prod", []string{"setting protected"}},
		{"a denied tool", "pause_instance", guard.Policy{Denied: []string{"pause_instance"}}, map[string]any{"instance": "prod"}, "yes", []string{"setting denied_tools"}},
		{"a toolset that is off", "create_snapshot", guard.Policy{Toolsets: []string{"instances"}}, map[string]any{"instance": "prod"}, "yes", []string{"setting toolsets"}},
		{"no toolset at all", "create_snapshot", guard.Policy{Toolsets: []string{}}, map[string]any{"instance": "prod"}, "yes", []string{"setting toolsets"}},
		{"more memory than allowed, new", "create_instance", guard.Policy{MaxMemory: "2GB"}, create("x"), "yes", []string{"memory 4GB", "at most 2GB", "setting max_memory"}},
		{"more memory than allowed, resized", "update_instance", guard.Policy{MaxMemory: "8GB"}, map[string]any{"instance": "prod", "memory": "16GB"}, "yes", []string{"setting max_memory"}},
		{"more databases than allowed", "create_instance", guard.Policy{MaxInstances: 6}, create("x"), "yes", []string{"there are 6 databases", "setting max_instances"}},
		{"a region that is not allowed", "create_instance", guard.Policy{Regions: []string{"us-east-1"}}, create("x"), "yes", []string{"europe-west1", "setting allowed_regions", "us-east-1"}},
		{"a type that is not allowed", "create_instance", guard.Policy{Types: []string{"professional-db"}}, create("x"), "yes", []string{"setting allowed_types"}},
		{"an upgrade to a type that is not allowed", "upgrade_instance", guard.Policy{Types: []string{"professional-db"}}, map[string]any{"instance": "shop"}, "shop", []string{"setting allowed_types"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) { o.policy = tt.policy })
				text, failed := r.call(r.connect(modern, types(tt.typed)), tt.tool, tt.arguments)
				if !failed || !strings.Contains(text, "Nothing was changed.") || len(r.changes()) != 0 {
					t.Fatalf("sent %v, told %s", r.changes(), text)
				}
				for _, want := range tt.want {
					if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
						t.Errorf("it does not say %q: %s", want, text)
					}
				}
				entries, _, err := r.journal.Read(time.Time{})
				if err != nil || len(entries) != 1 || entries[0].Standing != audit.Refused || entries[0].Operation != tt.tool {
					t.Errorf("the audit has %+v, %v; want the refusal", entries, err)
				}
			})
		})
	}
}

func TestARenameAcrossARuleIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.policy = guard.Policy{Protected: []string{"prod*"}} })
		mute := r.connect(modern, nil)
		must[tools.InstanceChange](r, mute, "update_instance", map[string]any{"instance": "staging", "name": "stage"}) // touches no rule
		for from, to := range map[string]string{"prod": "free-game", "shop": "production-shop"} {
			r.refuses(mute, "update_instance", map[string]any{"instance": from, "name": to}, "needs a person's approval")
		}
		if n := len(r.changes()); n != 1 {
			t.Errorf("sent %v", r.changes())
		}
	})
}

func TestDecisionsMadeBeforehand(t *testing.T) {
	t.Parallel()
	standing := guard.Standing{Operations: []string{"pause_instance", "resume_instance", "delete_instance"}, Names: []string{"arch*", "s*"}, Tenant: "Development", MaxPerDay: 2}
	tests := []struct {
		name   string
		policy guard.Policy
		calls  []string // tool and database; the last one counts
		runs   bool
	}{
		{"what is named runs", guard.Policy{Standing: []guard.Standing{standing}}, []string{"pause_instance staging"}, true},
		{"another name does not", guard.Policy{Standing: []guard.Standing{standing}}, []string{"pause_instance prod"}, false},
		{"what destroys does not", guard.Policy{Standing: []guard.Standing{standing}}, []string{"delete_instance staging"}, false},
		{"a protected one does not", guard.Policy{Standing: []guard.Standing{standing}, Protected: []string{"staging"}}, []string{"pause_instance staging"}, false},
		{"another tenant's does not", guard.Policy{Standing: []guard.Standing{{Operations: standing.Operations, Names: []string{"prod"}, Tenant: "Development", MaxPerDay: 5}}}, []string{"pause_instance prod"}, false},
		{"up to the limit of the day", guard.Policy{Standing: []guard.Standing{standing}}, []string{"pause_instance staging", "resume_instance archive"}, true},
		{"and not beyond", guard.Policy{Standing: []guard.Standing{standing}}, []string{"pause_instance staging", "resume_instance archive", "pause_instance shop"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) { o.policy = tt.policy })
				c := r.connect(modern, nil) // nobody is there
				for n, call := range tt.calls {
					tool, instance, _ := strings.Cut(call, " ")
					text, failed := r.call(c, tool, map[string]any{"instance": instance})
					if last := n == len(tt.calls)-1; last && failed == tt.runs || !last && failed {
						t.Errorf("%s: %s", call, text)
					}
				}
				if tt.runs {
					if list := must[tools.OperationList](r, c, "list_operations", nil); list.Operations[0].Decision != "approved beforehand" {
						t.Errorf("%+v", list.Operations[0])
					}
				}
			})
		})
	}
}

func TestTheLimitOfTheDayEndsWithTheDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) {
			o.policy = guard.Policy{Standing: []guard.Standing{{Operations: []string{"pause_instance", "resume_instance"}, Names: []string{"staging"}, MaxPerDay: 1}}}
		})
		c := r.connect(modern, nil)
		must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "staging"})
		after(time.Hour)
		r.refuses(c, "resume_instance", map[string]any{"instance": "staging"}, "needs a person's approval")
		after(24 * time.Hour)
		must[tools.InstanceChange](r, c, "resume_instance", map[string]any{"instance": "staging"})
	})
}

// Jobs that begin at the same moment, in two processes of one account, share what a day has.
// Of calls that begin at once each has found room in the limit before another began. So it is counted once more right before the
// change is written down, while nobody else can write.
func TestTheLimitOfTheDayIsCountedUnderALock(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		limit  int   // when it is counted again; 2 when the call comes
		err    error // likewise, of reading the settings
		paused int
	}{
		{"there is room", 2, nil, 1},
		{"there is none any more", 1, nil, 0},
		{"the settings cannot be read any more", 2, errors.New("no TOML"), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			asked, alone := 0, false
			r := newRig(t, func(o *rigOptions) {
				o.journal = audit.Open(dir)
				o.policies = func(string) (guard.Policy, error) {
					limit, failed := 2, error(nil)
					if asked++; asked == 2 {
						limit, failed = tt.limit, tt.err
						lock := flock.New(filepath.Join(dir, "turn"))
						free, err := lock.TryLock()
						alone = !free && err == nil
						_ = lock.Close() // it was opened to look
					}
					return guard.Policy{Standing: []guard.Standing{{Operations: []string{"pause_instance"}, Names: []string{"s*"}, MaxPerDay: limit}}}, failed
				}
			})
			begun := audit.Line{Time: time.Now(), Event: audit.Decided, ID: "x", Runs: true, Way: string(guard.Beforehand), Operation: "pause_instance", Targets: []audit.Target{{Name: "shop"}}}
			if err := r.journal.Write(begun); err != nil {
				t.Fatal(err)
			}
			text, failed := r.call(r.connect(modern, nil), "pause_instance", map[string]any{"instance": "staging"})
			if failed && !strings.Contains(text, "does not cover pause_instance any more (setting preapproved). Nothing was changed.") || failed == (tt.paused == 1) {
				t.Error(text)
			}
			if asked != 2 || !alone || len(r.changes()) != tt.paused {
				t.Errorf("the settings were read %d times, the second time under the lock: %v; sent %v", asked, alone, r.changes())
			}
		})
	}
}

func TestTheLimitOfTheDayHoldsForWhatBeginsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sent := make(chan int)
	for process := range 2 {
		r := newRig(t, func(o *rigOptions) {
			o.journal = audit.Open(dir)
			o.policy = guard.Policy{Standing: []guard.Standing{{Operations: []string{"pause_instance"}, Names: []string{"s*"}, MaxPerDay: 1}}}
		})
		instance := []string{"staging", "shop"}
		c := r.connect(modern, nil)
		go func() {
			var all sync.WaitGroup
			for n := range 4 {
				all.Go(func() {
					text, failed := r.call(c, "pause_instance", map[string]any{"instance": instance[(n+process)%2]})
					if failed && !strings.Contains(text, "Nothing was changed.") {
						t.Error(text)
					}
				})
			}
			all.Wait()
			sent <- len(r.changes())
		}()
	}
	if got := <-sent + <-sent; got != 1 {
		t.Errorf("%d databases were paused", got)
	}
}

func TestAPersonIsNotWornDown(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				var asked int
				c := r.connect(version, person(func(context.Context, string) (*mcp.ElicitationResult, error) {
					asked++
					after(3 * time.Second)
					return answered(mcp.ElicitationResponseActionDecline, ""), nil
				}))
				for n := range 4 {
					r.refuses(c, "update_instance", map[string]any{"instance": "prod", "memory": fmt.Sprintf("%dGB", 16<<n)})
				}
				if asked != 2 {
					t.Errorf("asked %d times for what was refused twice", asked)
				}
				r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "declined") // something else is asked
				after(10 * time.Minute)
				r.refuses(c, "update_instance", map[string]any{"instance": "prod", "memory": "16GB"}, "declined")
				if asked != 4 {
					t.Errorf("asked %d times in all", asked)
				}
			})
		})
	}
}

func TestSettingsCountFromTheMomentTheyAreSaved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, filepath.FromSlash(config.FileName))
	save := func(content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func() (config.Profiles, error) { return config.Load(config.Sources{Dir: dir, ReadFile: os.ReadFile}) }
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	source := newPolicySource(c, load, slog.New(slog.DiscardHandler))
	if p, err := source.policy(""); err != nil || p.ReadOnly {
		t.Errorf("without a file: %+v, %v", p, err)
	}
	save("read_only = true\nlocked = [\"prod*\"]\n")
	if p, err := source.policy(""); err != nil || !p.ReadOnly || len(p.Locked) != 1 {
		t.Errorf("after saving: %+v, %v", p, err)
	}
	save("read_only = tru\n")
	for range 2 {
		if p, err := source.policy(""); err == nil || !p.ReadOnly || !strings.Contains(err.Error(), "config.toml:1") {
			t.Errorf("a broken file: %+v, %v", p, err)
		}
	}
	save("[[preapproved]]\noperations = [\"pause_instance\"]\nnames = [\"ci-*\"]\nmax_per_day = 3\n")
	if p, err := source.policy(""); err != nil || p.ReadOnly || len(p.Standing) != 1 || p.Standing[0].MaxPerDay != 3 {
		t.Errorf("after mending: %+v, %v", p, err)
	}
}

// Many editors move the old file away, or empty it, before they write the new one.
func TestAConfigFileThatVanishesLoosensNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, "locked = [\"prod*\"]\n", nil, "--demo", "--auth", "none")
	c := s.client(modern, "")
	snapshot := func(instance, refusal string) {
		t.Helper()
		text, failed := s.call(c, "create_snapshot", map[string]any{"instance": instance})
		if failed != (refusal != "") || !strings.Contains(text, refusal) {
			t.Errorf("failed: %v; want %q in %s", failed, refusal, text)
		}
	}
	snapshot("prod-orders", "setting locked")
	if err := os.Rename(s.config, s.config+"~"); err != nil {
		t.Fatal(err)
	}
	for _, instance := range []string{"prod-orders", "staging-orders"} {
		snapshot(instance, "is empty or not there, and it was not so before")
	}
	s.settings("\n")
	snapshot("prod-orders", "is empty or not there")
	if text, failed := s.call(c, "list_instances", nil); failed {
		t.Error(text)
	}
	s.settings("locked = [\"staging*\"]\n")
	snapshot("staging-orders", "setting locked")
	snapshot("prod-orders", "")
}

func TestABrokenPolicyStopsWhatChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.policyErr = fmt.Errorf("config.toml:3: there is no setting \"raed_only\"") })
		c := r.connect(modern, types("yes"))
		r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "config.toml:3", "reading goes on", "Nothing was changed.")
		r.refuses(c, "create_snapshot", map[string]any{"instance": "prod"}, "config.toml:3")
		must[tools.InstanceList](r, c, "list_instances", nil)
		if got := r.changes(); len(got) != 0 {
			t.Errorf("it ran all the same: %v", got)
		}
	})
}

// The settings know the tools by a list of their own, so that they need no catalogue.
func TestTheSettingsKnowEveryTool(t *testing.T) {
	t.Parallel()
	var all, destroying []string
	for _, o := range tools.New(tools.Options{}).Catalog() {
		all = append(all, o.Spec.Name)
		if o.Spec.Effects.Has(op.Destructive) {
			destroying = append(destroying, o.Spec.Name)
		}
	}
	slices.Sort(all)
	slices.Sort(destroying)
	if diff := cmp.Diff(all, slices.Sorted(slices.Values(config.Tools()))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(destroying, slices.Sorted(slices.Values(config.Destroying()))); diff != "" {
		t.Error(diff)
	}
}

package app

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
	"aura-mcp/tools"
)

// asked has one call put to a person who declines, and returns the question. What was done before is in prepare.
func asked(r *rig, era, tool string, arguments map[string]any, prepare func(*client.Client)) string {
	r.t.Helper()
	var question string
	c := r.connect(era, person(func(_ context.Context, q string) (*mcp.ElicitationResult, error) {
		question = q
		return answered(mcp.ElicitationResponseActionDecline, ""), nil
	}))
	if prepare != nil {
		prepare(c)
	}
	r.refuses(c, tool, arguments, "Nothing was changed.")
	if question == "" {
		r.t.Fatalf("%s %v: nobody was asked", tool, arguments)
	}
	return question
}

// A person decides on what is there now: how much it is used, what there is to go back to, what is lost, whose data goes where.
func TestTheQuestionHasTheFiguresOfNow(t *testing.T) {
	t.Parallel()
	const twoHours = "31 Dec 1999 22:00 UTC, 2 h 0 min ago" // before the time at which a bubble begins
	overwrite := map[string]any{"instance": "staging", "source_instance": "prod"}
	noRole := func(o *rigOptions) {
		o.sim.State.Credentials = []aurasim.Credential{{ClientID: aurasim.DemoClientID, ClientSecret: aurasim.DemoClientSecret, NoMetrics: true}}
	}
	fault := func(f aurasim.Fault) func(*rig) { return func(r *rig) { r.sim.Fail(f) } }
	scrape := "/api/v1/*/*/metrics"
	tests := []struct {
		name, tool string
		arguments  map[string]any
		adjust     func(*rigOptions)
		disturb    func(*rig)
		prepare    func(*rig, *client.Client)
		want       []string
		never      string
	}{
		{name: "pause, read for the first time", tool: "pause_instance", arguments: map[string]any{"instance": "prod"},
			want: []string{"\nin use now: up to ", "open connections on one member", "queries per second not known, as that takes two readings (as of 00:00:00 UTC)"}},
		{name: "pause, after a health check", tool: "pause_instance", arguments: map[string]any{"instance": "prod"},
			prepare: func(r *rig, c *client.Client) {
				must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": "prod"})
				after(40 * time.Second)
			}, want: []string{"open connections on one member", " queries per second (as of 00:00:40 UTC)"}, never: "not known"},
		{name: "pause, after two looks at the fleet", tool: "pause_instance", arguments: map[string]any{"instance": "prod"},
			prepare: func(r *rig, c *client.Client) {
				for range 2 {
					must[tools.FleetHealth](r, c, "check_fleet_health", nil)
					after(35 * time.Second)
				}
			}, want: []string{"open connections on one member", " queries per second (as of 00:00:35 UTC, 35 seconds before this was asked)"}, never: "not known"},
		{name: "pause, nobody at work", tool: "pause_instance", arguments: map[string]any{"instance": "prod"}, adjust: faring("idle"),
			want: []string{"\nin use now: up to 2 open connections on one member, none at work; "}},
		{name: "pause on a plan without metrics", tool: "pause_instance", arguments: map[string]any{"instance": "shop"},
			want: []string{"\nin use now: not known on this plan: professional-db has no metrics\n"}},
		{name: "pause without the role", tool: "pause_instance", arguments: map[string]any{"instance": "prod"}, adjust: noRole,
			want: []string{"\nin use now: not known: these credentials may not read metrics (the role Metrics Reader)\n"}},
		{name: "pause while the metrics host fails", tool: "pause_instance", arguments: map[string]any{"instance": "prod"}, adjust: faring("unavailable"),
			want: []string{"\nin use now: not known: "}},
		{name: "pause while the metrics host is slow", tool: "pause_instance", arguments: map[string]any{"instance": "prod"},
			disturb: fault(aurasim.Fault{Path: scrape, Kind: aurasim.Delay, Delay: 20 * time.Second}),
			want:    []string{"\nin use now: not known: its metrics could not be read within 3 seconds\n"}},
		{name: "pause while it is slow, after a health check", tool: "pause_instance", arguments: map[string]any{"instance": "prod"},
			prepare: func(r *rig, c *client.Client) {
				must[tools.InstanceHealth](r, c, "check_instance_health", twice("prod"))
				after(60 * time.Second)
				r.sim.Fail(aurasim.Fault{Path: scrape, Kind: aurasim.Delay, Delay: 20 * time.Second})
			}, want: []string{"open connections on one member", " queries per second (as of 00:00:40 UTC, 63 seconds before this was asked)\n"}},
		{name: "pause with samples that are old", tool: "pause_instance", arguments: map[string]any{"instance": "prod"}, adjust: faring("stale"),
			want: []string{"\nin use now: not known: the newest sample is 20 min old\n"}},
		{name: "pause with no samples yet", tool: "pause_instance", arguments: map[string]any{"instance": "prod"}, adjust: faring("no_metrics_yet"),
			want: []string{"\nin use now: not known: its metrics have no samples of it"}},
		{name: "pause of several", tool: "pause_instance", arguments: map[string]any{"instances": []any{"prod", "staging", "shop"}},
			adjust: func(o *rigOptions) { o.policy = guard.Policy{Protected: []string{"staging"}} },
			want:   []string{"\nin use now: 1 of 2 have open connections (\"prod\" ", "of 1 it is not known: no metrics on their plan"}, never: `"staging" 1`},
		{name: "another size", tool: "update_instance", arguments: map[string]any{"instance": "prod", "memory": "16GB"},
			want: []string{"\nin use now: up to "}},
		{name: "delete", tool: "delete_instance", arguments: map[string]any{"instance": "prod"},
			want: []string{"\nwhat is lost: the database with everything in it, and all its snapshots\n", "\nnewest snapshot: " + twoHours + "; it goes with the database\n", "\nin use now: up to ", "\ncan be undone: no\n"}},
		{name: "delete what is paused and has no snapshot", tool: "delete_instance", arguments: map[string]any{"instance": "archive"},
			want: []string{"\nnewest snapshot: none in the last 7 days\n", "\nin use now: by nobody: it is paused\n"}},
		{name: "delete while snapshots cannot be read", tool: "delete_instance", arguments: map[string]any{"instance": "prod"},
			disturb: fault(aurasim.Fault{Method: http.MethodGet, Path: "/v1/instances/*/snapshots", Times: 9, Status: http.StatusInternalServerError}),
			want:    []string{"\nnewest snapshot: not known: the list of snapshots could not be read\n"}},
		{name: "delete while snapshots are slow", tool: "delete_instance", arguments: map[string]any{"instance": "prod"},
			disturb: fault(aurasim.Fault{Method: http.MethodGet, Path: "/v1/instances/*/snapshots", Kind: aurasim.Delay, Delay: 20 * time.Second}),
			want:    []string{"\nnewest snapshot: not known: the list of snapshots could not be read within 3 seconds\n", "\nin use now: up to "}},
		{name: "overwrite across tenants", tool: "overwrite_instance", arguments: overwrite, adjust: func(o *rigOptions) {
			o.safety = true
			o.sim.State.Snapshots = append(o.sim.State.Snapshots, aurasim.SnapshotState{InstanceID: stagingID, ID: "own", Timestamp: time.Now().Add(-2 * time.Hour)})
		}, want: []string{
			"ACROSS TENANTS: Replace all data of the database \"staging\" by that of \"prod\".\n",
			"\nwhose data goes where: the data of \"prod\" leaves the tenant \"Production\" for the tenant \"Development\", and whoever has access there can read it then\n",
			"\nwhat is lost: everything in \"staging\" as it is now\n",
			"\nnewest snapshot: " + twoHours + "; what was written to \"staging\" since then will be in its safety snapshot only\n",
			"\nwhat comes instead: the data of \"prod\" as it is now; Aura takes a fresh snapshot of it first\n", "\nin use now: up to ", "\nsafety: a snapshot of it is taken first",
		}},
		{name: "overwrite without a safety snapshot", tool: "overwrite_instance", arguments: overwrite, adjust: func(o *rigOptions) {
			o.sim.State.Snapshots = append(o.sim.State.Snapshots, aurasim.SnapshotState{InstanceID: stagingID, ID: "own", Timestamp: time.Now().Add(-2 * time.Hour)})
		}, want: []string{twoHours + "; what was written to \"staging\" since then is lost for good\n"}},
		{name: "overwrite within a tenant", tool: "overwrite_instance", arguments: map[string]any{"instance": "shop", "source_instance": "staging"},
			want: []string{"\nwhose data goes where: the data of \"staging\" stays within the tenant \"Development\"\n"}, never: "ACROSS TENANTS"},
		{name: "overwrite by a snapshot", tool: "overwrite_instance", arguments: map[string]any{"instance": "staging", "source_instance": "prod", "source_snapshot_id": oldSnapshot},
			want: []string{"\nwhat comes instead: the data of \"prod\" as of 30 Dec 1999 22:00 UTC, 26 h 0 min ago\n"}},
		{name: "restore", tool: "restore_snapshot", arguments: map[string]any{"instance": "prod", "snapshot_id": oldSnapshot},
			want: []string{"to its snapshot of 30 Dec 1999 22:00 UTC.", "\nwhat is lost: everything written to \"prod\" since 30 Dec 1999 22:00 UTC, 26 h 0 min\n", "\nnewest snapshot: " + twoHours, "\nin use now: up to ", "\ncan be undone: only by restoring a later snapshot\n"}},
		{name: "upgrade", tool: "upgrade_instance", arguments: map[string]any{"instance": "shop"},
			want: []string{"\nnewest snapshot: none in the last 7 days\n", "\nin use now: not known on this plan", "\ncan be undone: no"}},
		{name: "a free database's only snapshot", tool: "create_snapshot", arguments: map[string]any{"instance": "playground"}, adjust: func(o *rigOptions) {
			o.sim.State.Snapshots = append(o.sim.State.Snapshots, aurasim.SnapshotState{InstanceID: freeID, ID: "only", Timestamp: time.Now().Add(-2 * time.Hour)})
		}, want: []string{"\nnewest snapshot: " + twoHours + "; this is the one that is replaced\n"}},
		{name: "a clone in another tenant", tool: "create_instance", arguments: map[string]any{"name": "copy", "tenant": "Development", "source_instance": "prod", "source_snapshot_id": oldSnapshot},
			want: []string{
				"ACROSS TENANTS: Create the database \"copy\".\n", "\nwhose data goes where: the data of \"prod\" leaves the tenant \"Production\" for the tenant \"Development\"",
				"\nwhat is in it: the data of \"prod\" as of 30 Dec 1999 22:00 UTC, 26 h 0 min ago\n",
			}},
		{name: "a clone in the same tenant", tool: "create_instance", arguments: map[string]any{"name": "copy", "tenant": "Production", "source_instance": "prod"},
			want: []string{"\nwhose data goes where: the data of \"prod\" stays within the tenant \"Production\"\n", "\nwhat is in it: the data of \"prod\" as it is now\n"}, never: "ACROSS TENANTS"},
	}
	for _, tt := range tests {
		for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
			t.Run(tt.name+" "+era, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					adjust := tt.adjust
					if adjust == nil {
						adjust = func(*rigOptions) {}
					}
					r := newRig(t, adjust)
					begun := time.Now()
					question := asked(r, version, tt.tool, tt.arguments, func(c *client.Client) {
						if tt.prepare != nil {
							tt.prepare(r, c)
						}
						if tt.disturb != nil {
							tt.disturb(r)
						}
						begun = time.Now()
					})
					for _, want := range tt.want {
						if !strings.Contains(question, want) {
							t.Errorf("the question does not say %q:\n%s", want, question)
						}
					}
					if tt.never != "" && strings.Contains(question, tt.never) {
						t.Errorf("the question says %q:\n%s", tt.never, question)
					}
					if took := time.Since(begun); took > 4*time.Second {
						t.Errorf("the person was asked after %v", took)
					}
					after(30 * time.Second) // for a reading that nobody waits for any more
				})
			})
		}
	}
}

// reads counts the requests for what is only shown.
func (r *rig) reads() (snapshots, metrics int) {
	for _, q := range r.sim.Requests() {
		if q.Method == http.MethodGet && strings.HasSuffix(q.Path, "/snapshots") {
			snapshots++
		}
	}
	return snapshots, len(scrapes(r))
}

func TestFiguresAreReadOnceAndMayMove(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := r.connect(version, person(func(context.Context, string) (*mcp.ElicitationResult, error) {
					after(40 * time.Second) // the metrics are others by now, and a backup was taken
					if err := r.sim.Console().SetScenario(prodID, "busy"); err != nil {
						t.Error(err)
					}
					return answered(mcp.ElicitationResponseActionAccept, "prod"), nil
				}))
				must[tools.InstanceChange](r, c, "delete_instance", map[string]any{"instance": "prod"})
				if got := r.changes(); len(got) != 1 {
					t.Errorf("sent %v", got)
				}
				if snapshots, metrics := r.reads(); snapshots != 2 || metrics != 1 {
					t.Errorf("%d lists of snapshots and %d scrapes for one question, want those of two days and one", snapshots, metrics)
				}
			})
		})
	}
}

func TestThePageHasTheFiguresToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{decides: says(20*time.Second, guard.Decision{Approve: true, Typed: "prod"})}
		r := newRig(t, atPage(o))
		must[tools.InstanceChange](r, r.connect(modern, nil), "delete_instance", map[string]any{"instance": "prod"})
		shown := o.last(t).Preview.String()
		for _, want := range []string{"\nnewest snapshot: 31 Dec 1999 22:00 UTC, 2 h 0 min ago; it goes with the database\n", "\nin use now: up to 17 open connections"} {
			if !strings.Contains(shown, want) {
				t.Errorf("the page does not say %q:\n%s", want, shown)
			}
		}
		if snapshots, metrics := r.reads(); snapshots != 2 || metrics != 1 {
			t.Errorf("%d lists of snapshots and %d scrapes for one question, want those of two days and one", snapshots, metrics)
		}
	})
}

func TestWhereNobodyIsAskedNothingIsReadForThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) {
			o.policy = guard.Policy{Standing: []guard.Standing{{Operations: []string{"pause_instance"}, Names: []string{"staging"}, MaxPerDay: 1}}}
		})
		c := r.connect(modern, nil)
		must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "staging"})
		r.refuses(c, "delete_instance", map[string]any{"instance": "prod"}, "needs a person's approval")
		if snapshots, metrics := r.reads(); snapshots != 0 || metrics != 0 {
			t.Errorf("%d lists of snapshots and %d scrapes for nobody", snapshots, metrics)
		}
	})
}

func TestARefusalSaysThatWhatIsApprovedBeforehandIsUsedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) {
			o.policy = guard.Policy{Standing: []guard.Standing{{Operations: []string{"pause_instance"}, Names: []string{"sta*", "sho*"}, MaxPerDay: 1}}}
		})
		c := r.connect(modern, nil)
		r.refuses(c, "pause_instance", map[string]any{"instances": []any{"staging", "shop"}}, "approved beforehand does not suffice today (0 of 1 databases are used, and this takes 2)", `Pause these databases: "staging", "shop".`)
		must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "staging"})
		r.refuses(c, "pause_instance", map[string]any{"instance": "shop"}, "needs a person's approval", "approved beforehand does not suffice today (1 of 1 databases are used, and this takes 1)")
		r.refuses(c, "delete_instance", map[string]any{"instance": "prod"}, "needs a person's approval, and this client")
	})
}

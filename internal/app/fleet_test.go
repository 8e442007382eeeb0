package app

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

func TestADayWithTheFleet(t *testing.T) {
	t.Parallel()
	for name, era := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := r.connect(era, types("yes"))

				list := must[tools.InstanceList](r, c, "list_instances", nil)
				if diff := cmp.Diff(map[string]int{"running": 4, "paused": 1, "resuming": 1}, list.Counts.Status); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tools.MemorySums{Running: "25GB", Paused: "8GB"}, list.Memory); diff != "" {
					t.Error(diff)
				}

				paused := must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "staging"})
				if paused.State != op.Accepted || r.status(stagingID) != "pausing" {
					t.Fatalf("after pause: %+v, Aura says %s", paused, r.status(stagingID))
				}
				waited := must[tools.Waited](r, c, "wait_for_instance", map[string]any{"instance": "staging", "status": "paused", "wait_seconds": 10})
				if waited.Reached || waited.Status != "pausing" || waited.Next == "" {
					t.Errorf("too early: %+v", waited)
				}
				after(5 * time.Minute)
				waited = must[tools.Waited](r, c, "wait_for_instance", map[string]any{"instance": "staging", "status": "paused"})
				if !waited.Reached || waited.WaitedSeconds != 0 {
					t.Errorf("after five minutes: %+v", waited)
				}

				resumed := must[tools.InstanceChange](r, c, "resume_instance", map[string]any{"instance": stagingID})
				if resumed.State != op.Accepted {
					t.Errorf("after resume: %+v", resumed)
				}
				after(5 * time.Minute)
				if got := must[tools.InstanceDetails](r, c, "get_instance", map[string]any{"instance": "STAGING"}); got.Status != "running" {
					t.Errorf("after resume: %+v", got)
				}

				created := must[tools.SnapshotCreated](r, c, "create_snapshot", map[string]any{"instance": "prod"})
				if created.State != op.Accepted || created.SnapshotID == "" {
					t.Errorf("after create_snapshot: %+v", created)
				}
				after(time.Minute)
				got := must[tools.SnapshotDetails](r, c, "get_snapshot", map[string]any{"instance": "prod", "snapshot_id": created.SnapshotID, "wait_seconds": 30})
				if got.Status != "Completed" {
					t.Errorf("after a minute: %+v", got)
				}
				snapshots := must[tools.SnapshotList](r, c, "list_snapshots", map[string]any{"instance": "prod"})
				if snapshots.Total != 3 || snapshots.Snapshots[0].SnapshotID != created.SnapshotID {
					t.Errorf("the snapshots of today: %+v", snapshots)
				}
				want := []string{"POST /instances/" + stagingID + "/pause", "POST /instances/" + stagingID + "/resume", "POST /instances/" + prodID + "/snapshots"}
				if diff := cmp.Diff(want, r.changes()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestTheListInPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, nil)
		var names []string
		cursor := ""
		for range 3 {
			page := must[tools.InstanceList](r, c, "list_instances", map[string]any{"limit": 2, "cursor": cursor})
			if page.Total != 6 || len(page.Instances) != 2 || page.Counts.Status["running"] != 4 {
				t.Fatalf("%+v", page)
			}
			for _, i := range page.Instances {
				names = append(names, i.Name)
			}
			cursor = page.NextCursor
		}
		if diff := cmp.Diff([]string{"archive", "importer", "playground", "shop", "staging", "prod"}, names); diff != "" || cursor != "" {
			t.Errorf("cursor %q: %s", cursor, diff)
		}
		r.refuses(c, "list_instances", map[string]any{"cursor": "77"}, "`cursor`")
	})
}

func TestWaitsTellTheTruth(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		sim   func(*aurasim.Options)
		calls func(t *testing.T, r *rig)
	}{
		{"pausing with wait_seconds is done only when it is", nil, func(t *testing.T, r *rig) {
			r.sim.ResetRequests()
			c := r.connect(modern, types("yes"))
			out := must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "prod", "wait_seconds": 40})
			if out.State != op.Accepted || out.Status != "pausing" || out.UsuallyTakes == "" {
				t.Errorf("a pause takes two minutes, after 40 s: %+v", out)
			}
		}},
		{"a fast pause is done within the wait", func(o *aurasim.Options) { o.Speed = 20 }, func(t *testing.T, r *rig) {
			c := r.connect(modern, types("yes"))
			out := must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "prod", "wait_seconds": 40})
			if out.State != op.Done || out.Status != "paused" || out.Next != "" {
				t.Errorf("%+v", out)
			}
		}},
		{"an answer that still shows the old status is not taken for success", func(o *aurasim.Options) { o.Quirks.LateStatus = true }, func(t *testing.T, r *rig) {
			c := r.connect(modern, types("yes"))
			must[tools.InstanceChange](r, c, "resume_instance", map[string]any{"instance": "archive"})
			out := must[tools.Waited](r, c, "wait_for_instance", map[string]any{"instance": "archive", "wait_seconds": 5})
			if out.Reached {
				t.Errorf("%+v while Aura says %s", out, r.status(pausedID))
			}
		}},
		{"a colleague deletes what is waited for", func(o *aurasim.Options) { o.Speed = 10 }, func(t *testing.T, r *rig) {
			c := r.connect(modern, types("yes"))
			go func() { after(3 * time.Second); _ = r.sim.Console().Delete(prodID) }()
			r.refuses(c, "wait_for_instance", map[string]any{"instance": "prod", "status": "paused", "wait_seconds": 50}, "is gone", "deleted meanwhile")
		}},
		{"waiting until something is deleted", func(o *aurasim.Options) { o.Speed = 10 }, func(t *testing.T, r *rig) {
			c := r.connect(modern, types("yes"))
			if err := r.sim.Console().Delete(stagingID); err != nil {
				t.Fatal(err)
			}
			out := must[tools.Waited](r, c, "wait_for_instance", map[string]any{"instance": "staging", "status": "deleted"})
			if !out.Reached || out.Status != "deleted" {
				t.Errorf("%+v", out)
			}
		}},
		{"a failed database is not waited for to the end", nil, func(t *testing.T, r *rig) {
			c := r.connect(modern, types("yes"))
			if err := r.sim.Console().SetStatus(prodID, "loading failed"); err != nil {
				t.Fatal(err)
			}
			out := must[tools.Waited](r, c, "wait_for_instance", map[string]any{"instance": "prod"})
			if out.Reached || out.WaitedSeconds > 1 || out.Status != "loading failed" {
				t.Errorf("%+v", out)
			}
		}},
		{"what is there already takes no time and no approval", nil, func(t *testing.T, r *rig) {
			c := r.connect(modern, nil)
			out := must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "archive"})
			if out.State != op.Done || len(r.changes()) != 0 {
				t.Errorf("%+v, sent %v", out, r.changes())
			}
			out = must[tools.InstanceChange](r, c, "resume_instance", map[string]any{"instance": "importer"})
			if out.State != op.Accepted || out.Status != "resuming" || len(r.changes()) != 0 {
				t.Errorf("%+v, sent %v", out, r.changes())
			}
		}},
		{"what is on its way already is not said to have been sent", func(o *aurasim.Options) { o.Speed = 3 }, func(t *testing.T, r *rig) {
			c := r.connect(modern, nil)
			if err := r.sim.Console().Delete(shopID); err != nil {
				t.Fatal(err)
			}
			resume, remove := map[string]any{"instance": "importer"}, map[string]any{"instance": "shop"}
			for want, out := range map[string]tools.InstanceChange{
				"is resuming already":      must[tools.InstanceChange](r, c, "resume_instance", resume),
				"is being deleted already": must[tools.InstanceChange](r, c, "delete_instance", remove),
			} {
				if out.State != op.Accepted || !strings.HasSuffix(out.Message, want+"; nothing was sent") || out.UsuallyTakes == "" || out.Next == "" {
					t.Errorf("want %q: %+v", want, out)
				}
			}
			go func() { after(5 * time.Second); _ = r.sim.Console().SetStatus(busyID, "loading failed") }()
			out := must[tools.InstanceChange](r, c, "resume_instance", with(resume, []any{"wait_seconds", 40}))
			if out.State != op.Failed || !strings.Contains(out.Message, "did not become running") || strings.Contains(out.Message, "accepted") {
				t.Errorf("%+v", out)
			}
			out = must[tools.InstanceChange](r, c, "delete_instance", with(remove, []any{"wait_seconds", 50}))
			if out.State != op.Done || out.Status != "deleted" || len(r.changes()) != 0 {
				t.Errorf("%+v, sent %v", out, r.changes())
			}
		}},
		{"a snapshot that fails is told as failed", nil, func(t *testing.T, r *rig) {
			c := r.connect(modern, nil)
			go func() {
				after(5 * time.Second)
				_ = r.sim.Console().FailSnapshot(prodID, r.sim.Snapshots(prodID)[0].ID)
			}()
			out := must[tools.SnapshotCreated](r, c, "create_snapshot", map[string]any{"instance": "prod", "wait_seconds": 50})
			if out.Status != "Failed" || out.Next == "" {
				t.Errorf("%+v", out)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tt.calls(t, newRig(t, func(o *rigOptions) {
					if tt.sim != nil {
						tt.sim(&o.sim)
					}
				}))
			})
		})
	}
}

// Where snapshots are hourly, the newest one that can be copied is not among the newest twenty.
func TestALongListOfSnapshotsHasTheNewestThatCanBeCopied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) { o.sim.NoScheduledSnapshots = false })
		c := r.connect(modern, nil)
		after(5 * 24 * time.Hour)
		var list tools.SnapshotList
		for range 24 { // at some hour the last full snapshot, which alone can be copied, is more than twenty hours old
			if list = must[tools.SnapshotList](r, c, "list_snapshots", map[string]any{"instance": "prod"}); len(list.Snapshots) > 20 {
				break
			}
			after(time.Hour)
		}
		if list.Total < 100 || len(list.Snapshots) != 21 || !strings.HasSuffix(list.Note, "the last row is the newest one that is exportable") {
			t.Fatalf("%d rows of %d, %q", len(list.Snapshots), list.Total, list.Note)
		}
		last := list.Snapshots[20]
		if last.Exportable == nil || !*last.Exportable || slices.ContainsFunc(list.Snapshots[:20], func(s tools.SnapshotRow) bool { return s.Exportable != nil && *s.Exportable }) {
			t.Errorf("%+v", list.Snapshots)
		}
		must[tools.InstanceCreated](r, r.connect(modern, types("yes")), "create_instance", map[string]any{
			"name": "copy", "tenant": "Production", "source_instance": "prod", "source_snapshot_id": last.SnapshotID,
		})
	})
}

package app

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

func withSafety(o *rigOptions) { o.safety = true }

// overwrites counts what reached Aura and replaced data.
func overwrites(r *rig) int {
	return len(slices.DeleteFunc(r.changes(), func(s string) bool { return !strings.HasSuffix(s, "/overwrite") && !strings.HasSuffix(s, "/restore") }))
}

func TestASafetySnapshotComesFirst(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withSafety, func(o *rigOptions) { o.sim.Speed = 10 })
				c := r.connect(version, types("staging"))
				out := must[tools.InstanceChange](r, c, "overwrite_instance", map[string]any{"instance": "staging", "source_instance": "prod"})
				want := []string{"POST /instances/" + stagingID + "/snapshots", "POST /instances/" + stagingID + "/overwrite"}
				if diff := cmp.Diff(want, r.changes()); diff != "" {
					t.Error(diff)
				}
				taken := r.sim.Snapshots(stagingID)
				if out.State != op.Accepted || len(taken) == 0 || taken[len(taken)-1].ID != out.SafetyID && taken[0].ID != out.SafetyID {
					t.Errorf("%+v, Aura has %+v", out, taken)
				}
			})
		})
	}
}

func TestAnOperationThatOutlastsItsCallIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	arguments := map[string]any{"instance": "staging", "source_instance": "prod"}
	tests := []struct {
		name  string
		first func(t *testing.T, r *rig) // the call that does not see the end
	}{
		{"the call ends before the safety snapshot does", func(t *testing.T, r *rig) {
			out := must[tools.InstanceChange](r, r.connect(modern, types("staging")), "overwrite_instance", arguments)
			if out.State != op.InProgress {
				t.Errorf("%+v", out)
			}
		}},
		{"the host gives up on the call", func(t *testing.T, r *rig) {
			c := r.connect(modern, types("staging"))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			result, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "overwrite_instance", Arguments: arguments}})
			if err == nil && !result.IsError {
				t.Errorf("a call that was cut off succeeded: %+v", result)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withSafety)
				tt.first(t, r)
				if n := overwrites(r); n != 0 {
					t.Fatalf("%d overwrites before the safety snapshot was complete", n)
				}
				var asked int
				again := r.connect(modern, person(func(context.Context, string) (*mcp.ElicitationResult, error) {
					asked++
					return answered(mcp.ElicitationResponseActionDecline, ""), nil
				}))
				out := must[tools.InstanceChange](r, again, "overwrite_instance", arguments)
				if out.State != op.Accepted || out.SafetyID == "" || asked != 0 {
					t.Errorf("the equal call asked %d times and heard %+v", asked, out)
				}
				if n := overwrites(r); n != 1 {
					t.Errorf("%d overwrites", n)
				}
				after(10 * time.Minute)                                       // less than an outcome is kept for
				r.refuses(again, "overwrite_instance", arguments, "declined") // told once; from then on it is a new one
				if n := overwrites(r); n != 1 || asked != 1 {
					t.Errorf("%d overwrites, asked %d times", n, asked)
				}
			})
		})
	}
}

func TestAnOutcomeThatNobodyFetchesIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withSafety)
		arguments := map[string]any{"instance": "staging", "source_instance": "prod"}
		if out := must[tools.InstanceChange](r, r.connect(modern, types("staging")), "overwrite_instance", arguments); out.State != op.InProgress {
			t.Fatalf("%+v", out)
		}
		after(30 * time.Minute)
		r.refuses(r.connect(modern, types("no")), "overwrite_instance", arguments, "not the exact name") // it asks anew
		if n := overwrites(r); n != 1 {
			t.Errorf("%d overwrites", n)
		}
	})
}

func TestWithoutItsSafetySnapshotNothingIsReplaced(t *testing.T) {
	t.Parallel()
	arguments := map[string]any{"instance": "staging", "source_instance": "prod"}
	tests := []struct {
		name    string
		disturb func(r *rig)
		want    string
	}{
		{"it fails", func(r *rig) { _ = r.sim.Console().FailSnapshot(stagingID, r.sim.Snapshots(stagingID)[0].ID) }, "safety snapshot of \"staging\" failed"},
		{"the target is paused meanwhile", func(r *rig) { _ = r.sim.Console().SetStatus(stagingID, "paused") }, "\"staging\" has the status paused"},
		{"the source goes meanwhile", func(r *rig) { _ = r.sim.Console().Delete(prodID) }, "prod"},
		{"the source is resized meanwhile", func(r *rig) { _ = r.sim.Console().SetStatus(prodID, "paused") }, "has changed while the safety snapshot was taken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withSafety, func(o *rigOptions) { o.sim.Speed = 3 })
				go func() { after(5 * time.Second); tt.disturb(r) }()
				r.refuses(r.connect(modern, types("staging")), "overwrite_instance", arguments, tt.want, "What to do:")
				if n := overwrites(r); n != 0 {
					t.Errorf("%d overwrites all the same", n)
				}
			})
		})
	}
}

// A snapshot that was begun is a change, and whoever looks after the fleet has to know of it.
func TestAFailureAfterTheSafetySnapshotTellsOfIt(t *testing.T) {
	t.Parallel()
	snapshots, restore := "/v1/instances/*/snapshots", "/v1/instances/*/snapshots/*/restore"
	fails := func(path string, f aurasim.Fault) func(*rig) {
		f.Method, f.Path = http.MethodPost, path
		return func(r *rig) { r.sim.Fail(f) }
	}
	tests := []struct {
		name      string
		disturb   func(r *rig)
		later     bool // while the snapshot is taken
		snapshots int  // that there are more
		want      string
		unknown   bool
	}{
		{"it is refused", fails(snapshots, aurasim.Fault{Kind: aurasim.Answer, Status: 409}), false, 0, "Nothing was changed.", false},
		{"its answer gets lost", fails(snapshots, aurasim.Fault{Kind: aurasim.CutAfter}), false, 1, "whether it was begun is not known", false},
		{"it fails", func(r *rig) { _ = r.sim.Console().FailSnapshot(prodID, newest(r)) }, true, 1, "did not complete", false},
		{"the target is paused meanwhile", func(r *rig) { _ = r.sim.Console().SetStatus(prodID, "paused") }, true, 1, "its data is as it was", false},
		{"the target is renamed meanwhile", func(r *rig) { _ = r.sim.Console().Rename(prodID, "production") }, true, 1, "its data is as it was", false},
		{"the restore is refused", fails(restore, aurasim.Fault{Kind: aurasim.Answer, Status: 409}), false, 1, "its data is as it was", false},
		{"the restore's answer gets lost", fails(restore, aurasim.Fault{Kind: aurasim.CutAfter}), false, 1, "not known whether", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withSafety, func(o *rigOptions) { o.sim.Speed = 3 })
				before := len(r.sim.Snapshots(prodID))
				if tt.later {
					go func() { after(5 * time.Second); tt.disturb(r) }()
				} else {
					tt.disturb(r)
				}
				c := r.connect(modern, types("prod"))
				text, failed := r.call(c, "restore_snapshot", map[string]any{"instance": "prod", "snapshot_id": oldSnapshot})
				if got := len(r.sim.Snapshots(prodID)) - before; got != tt.snapshots {
					t.Fatalf("%d snapshots more: %s", got, text)
				}
				if !failed || !strings.Contains(text, tt.want) || strings.Contains(text, "Nothing was changed.") != (tt.snapshots == 0) {
					t.Error(text)
				}
				named := strings.Contains(text, newest(r))
				if told := tt.snapshots > 0 && !strings.Contains(tt.want, "begun"); named != told {
					t.Errorf("the snapshot %s: %s", newest(r), text)
				}
				if list := must[tools.OperationList](r, c, "list_operations", nil); (list.Operations[0].Outcome == "unknown") != tt.unknown {
					t.Errorf("%+v", list.Operations[0])
				}
			})
		})
	}
}

// newest is the ID of prod's newest snapshot.
func newest(r *rig) string {
	all := r.sim.Snapshots(prodID)
	return slices.MaxFunc(all, func(a, b aurasim.SnapshotState) int { return a.Timestamp.Compare(b.Timestamp) }).ID
}

func TestWhatCannotHaveASafetySnapshotIsSaidFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withSafety, func(o *rigOptions) {
			o.sim.State.Snapshots = append(o.sim.State.Snapshots, aurasim.SnapshotState{InstanceID: freeID, ID: "only", Timestamp: time.Now().Add(-time.Hour)})
		})
		var question string
		c := r.connect(modern, person(func(_ context.Context, q string) (*mcp.ElicitationResult, error) {
			question = q
			return answered(mcp.ElicitationResponseActionAccept, "playground"), nil
		}))
		must[tools.InstanceChange](r, c, "restore_snapshot", map[string]any{"instance": "playground", "snapshot_id": "only"})
		if !strings.HasPrefix(question, "WITHOUT A SAFETY SNAPSHOT") {
			t.Errorf("the question begins %q", question)
		}
		want := []string{"POST /instances/" + freeID + "/snapshots/only/restore"}
		if diff := cmp.Diff(want, r.changes()); diff != "" {
			t.Errorf("a free database's only snapshot must not be replaced: %s", diff)
		}
	})
}

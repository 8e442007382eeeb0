package aurasim_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

func TestSnapshotOnDemand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newSim(t, aurasim.Options{NoScheduledSnapshots: true}))
		got := c.must(202, "POST", "/instances/"+orders+"/snapshots")
		id := got.text("snapshot_id")
		if len(got.data()) != 1 || len(id) != 36 {
			t.Error(got.body)
		}
		path := "/instances/" + orders + "/snapshots/" + id
		c.do("POST", path+"/restore").wantRefusal(409, "ongoing-database-operation")
		start := time.Now()
		for _, want := range []seen{{0, "Pending"}, {10 * time.Second, "InProgress"}, {59 * time.Second, "InProgress"}, {time.Minute, "Completed"}} {
			advance(want.after - time.Since(start))
			diff := cmp.Diff(map[string]any{
				"instance_id": orders, "snapshot_id": id, "profile": "AdHoc", "status": want.status,
				"timestamp": "2000-01-01T00:00:00Z", "exportable": true,
			}, c.must(200, "GET", path).data())
			if diff != "" {
				t.Errorf("after %v: %s", want.after, diff)
			}
			if want.status != "Completed" {
				c.do("POST", "/instances/"+orders+"/snapshots").wantRefusal(409, "ongoing-database-operation")
			}
		}
		c.must(202, "POST", "/instances/"+orders+"/snapshots")
		c.do("GET", "/instances/"+orders+"/snapshots/nope").wantRefusal(404, "snapshot-not-found")
		c.do("GET", "/instances/"+shop+"/snapshots/"+id).wantRefusal(404, "snapshot-not-found")
	})
}

func TestSnapshotListIsOfOneDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now() // midnight UTC
		state := fleet()
		for id, at := range map[string]time.Time{
			"yesterday, late": now.Add(-time.Second), "yesterday, early": now.Add(-24 * time.Hour),
			"today": now.In(time.FixedZone("", -5*3600)), "earlier": now.Add(-48 * time.Hour),
		} {
			state.Snapshots = append(state.Snapshots, aurasim.SnapshotState{InstanceID: orders, ID: id, Timestamp: at})
		}
		c := newClient(t, newSim(t, aurasim.Options{State: state}))
		ids := func(query string) []string {
			var out []string
			for _, row := range c.must(200, "GET", "/instances/"+orders+"/snapshots"+query).list() {
				out = append(out, row["snapshot_id"].(string))
			}
			return out
		}
		for query, want := range map[string][]string{
			"":                 {"today"},
			"?date=2000-01-01": {"today"},
			"?date=1999-12-31": {"yesterday, late", "yesterday, early"},
			"?date=1999-12-01": nil,
		} {
			if got := ids(query); !slices.Equal(got, want) {
				t.Errorf("%q: %v, want %v", query, got, want)
			}
		}
		got := c.must(400, "GET", "/instances/"+orders+"/snapshots?date=31.12.1999")
		if _, _, field := got.refusal(); field != "date" {
			t.Error(got.body)
		}
	})
}

func TestRestoreIsInPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state := fleet()
		state.Snapshots = []aurasim.SnapshotState{{InstanceID: orders, ID: "2026-01-20T13:44:42Z", GraphNodes: 7}} // not exportable
		sim := newSim(t, aurasim.Options{State: state})
		c := newClient(t, sim)
		got := c.must(202, "POST", "/instances/"+orders+"/snapshots/"+escaped("2026-01-20T13:44:42Z")+"/restore", "{}")
		if got.text("status") != "restoring" || got.text("id") != orders {
			t.Error(got.body)
		}
		advance(5 * time.Minute)
		if in, _ := sim.Instance(orders); in.GraphNodes != 7 || in.Status != "running" {
			t.Errorf("%+v", in)
		}
		if n := len(sim.Instances()); n != 5 {
			t.Errorf("%d instances", n)
		}
	})
}

func TestOverwriteSources(t *testing.T) {
	t.Parallel()
	state := func() aurasim.State {
		s := startingAs(vdc, "paused")
		for _, snap := range []aurasim.SnapshotState{
			{ID: "good", Exportable: true, GraphNodes: 3}, {ID: "differential", Profile: "Scheduled"},
			{ID: "failed", Status: "Failed", Exportable: true}, {ID: "unfinished", Status: "InProgress", Exportable: true},
		} {
			snap.InstanceID = vdc
			s.Snapshots = append(s.Snapshots, snap)
		}
		own := aurasim.SnapshotState{InstanceID: orders, ID: "own", Exportable: true, GraphNodes: 5}
		s.Snapshots = append(s.Snapshots, own)
		return s
	}
	tests := []struct {
		name, source, snapshot string
		status                 int
		reason                 string
		nodes                  int64
	}{
		{"a running instance, of which a snapshot is taken", shop, "", 202, "", 40},
		{"a snapshot of a paused instance", vdc, "good", 202, "", 3},
		{"an own snapshot", orders, "own", 202, "", 5},
		{"a paused instance without a snapshot", vdc, "", 409, "ongoing-database-operation", 100},
		{"a snapshot that is not exportable", vdc, "differential", 400, "", 100},
		{"a failed snapshot", vdc, "failed", 404, "snapshot-not-found", 100},
		{"an unfinished snapshot", vdc, "unfinished", 409, "ongoing-database-operation", 100},
		{"another instance's snapshot", shop, "good", 404, "snapshot-not-found", 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sim := newSim(t, aurasim.Options{State: state(), NoScheduledSnapshots: true})
				body := `{"source_instance_id":"` + tt.source + `"`
				if tt.snapshot != "" {
					body += `,"source_snapshot_id":"` + tt.snapshot + `"`
				}
				got := newClient(t, sim).do("POST", "/instances/"+orders+"/overwrite", body+"}")
				if got.status != tt.status {
					t.Fatalf("%d %s", got.status, got.body)
				}
				if tt.status != 202 {
					got.wantRefusal(tt.status, tt.reason)
				}
				if in, _ := sim.Instance(orders); in.GraphNodes != 100 {
					t.Error("the data is there before the overwrite has ended")
				}
				advance(6 * time.Minute)
				if in, _ := sim.Instance(orders); in.GraphNodes != tt.nodes {
					t.Errorf("%d nodes, want %d", in.GraphNodes, tt.nodes)
				}
			})
		})
	}
}

func TestScheduledSnapshots(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	tests := []struct {
		id         string
		perDay     int
		kept       int // days
		exportable int // per day
	}{
		{orders, 24, 30, 1}, {vdc, 24, 60, 1}, {shop, 1, 7, 1}, {science, 1, 7, 1}, {free, 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				state := fleet()
				for i := range state.Instances {
					state.Instances[i].CreatedAt = now.Add(-100 * day)
				}
				sim := newSim(t, aurasim.Options{State: state})
				check := func() {
					t.Helper()
					checkSchedule(t, sim.Snapshots(tt.id), tt.perDay, tt.kept, tt.exportable)
				}
				check()
				advance(day + time.Hour)
				check()
				advance(500 * day)
				check()
			})
		})
	}
}

func checkSchedule(t *testing.T, got []aurasim.SnapshotState, perDay, kept, exportable int) {
	t.Helper()
	if want := perDay * kept; len(got) != want {
		t.Fatalf("%d snapshots, want %d", len(got), want)
	}
	full := 0
	for i, snap := range got {
		if snap.Profile != "Scheduled" || i > 0 && snap.Status != "Completed" || snap.ID != snap.Timestamp.UTC().Format(time.RFC3339) {
			t.Fatalf("%+v", snap)
		}
		if i > 0 && got[i-1].Timestamp.Sub(snap.Timestamp) != 24*time.Hour/time.Duration(perDay) {
			t.Fatalf("%v follows %v", got[i-1].Timestamp, snap.Timestamp)
		}
		if snap.Exportable {
			full++
		}
	}
	if want := exportable * kept; full != want {
		t.Errorf("%d exportable, want %d", full, want)
	}
}

func TestNoScheduledSnapshotsWhilePaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		state := startingAs(orders, "paused")
		state.Instances[0].CreatedAt, state.Instances[0].StatusSince = now.Add(-20*time.Hour), now.Add(-10*time.Hour)
		sim := newSim(t, aurasim.Options{State: state})
		if n := len(sim.Snapshots(orders)); n != 10 {
			t.Errorf("%d snapshots before the pause, want 10", n)
		}
		advance(5 * time.Hour)
		if n := len(sim.Snapshots(orders)); n != 10 {
			t.Errorf("%d snapshots after more of the pause", n)
		}
		if err := sim.Console().Resume(orders); err != nil {
			t.Fatal(err)
		}
		advance(5*time.Hour + 3*time.Minute)
		if n := len(sim.Snapshots(orders)); n != 15 {
			t.Errorf("%d snapshots five hours after the resume, want 15", n)
		}
	})
}

func TestOperationsThatHaveEndedBeforeTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		state := startingAs(orders, "updating")
		state.Instances[0].CreatedAt, state.Instances[0].StatusSince = now.Add(-20*time.Hour), now.Add(-10*time.Hour)
		sim := newSim(t, aurasim.Options{State: state})
		if in, _ := sim.Instance(orders); in.Status != "running" || !in.StatusSince.Equal(now.Add(-10*time.Hour+5*time.Minute)) {
			t.Errorf("%+v", in)
		}
		seen := map[string]bool{}
		for _, snap := range sim.Snapshots(orders) {
			if seen[snap.ID] {
				t.Errorf("%s is there twice", snap.ID)
			}
			seen[snap.ID] = true
		}
		if len(seen) != 20 {
			t.Errorf("%d snapshots, want 20", len(seen))
		}
	})
}

func TestFreeKeepsOnlyTheLatestSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		first := c.must(202, "POST", "/instances/"+free+"/snapshots").text("snapshot_id")
		advance(time.Minute)
		second := c.must(202, "POST", "/instances/"+free+"/snapshots").text("snapshot_id")
		c.must(200, "GET", "/instances/"+free+"/snapshots/"+first) // until the second has completed
		advance(time.Minute)
		c.do("GET", "/instances/"+free+"/snapshots/"+first).wantRefusal(404, "snapshot-not-found")
		if got := sim.Snapshots(free); len(got) != 1 || got[0].ID != second {
			t.Errorf("%+v", got)
		}
	})
}

func TestPauseLeavesASnapshotBehind(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{NoScheduledSnapshots: true})
	newClient(t, sim).must(202, "POST", "/instances/"+orders+"/pause")
	if got := sim.Snapshots(orders); len(got) != 1 || !got[0].Exportable {
		t.Errorf("%+v", got)
	}
}

func TestAStatesSnapshotReplacesTheScheduledOneOfItsID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state := fleet()
		state.Instances[1].CreatedAt = time.Now().Add(-72 * time.Hour)
		scheduled := newSim(t, aurasim.Options{State: state}).Snapshots(shop)
		again := scheduled[1]
		again.Status = "Failed"
		state.Snapshots = []aurasim.SnapshotState{again}
		got := newSim(t, aurasim.Options{State: state}).Snapshots(shop)
		if len(got) != len(scheduled) || got[1].Status != "Failed" {
			t.Errorf("%+v", got)
		}
	})
}

func TestScheduledSnapshotsGoOnWhileTheDatabaseServes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, method, path, body string
		taken                    bool
	}{
		{"an update does not interrupt", "PATCH", "", `{"cdc_enrichment_mode":"FULL"}`, true},
		{"a restore does", "POST", "/snapshots/old/restore", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				state := fleet()
				state.Instances[0].CreatedAt = time.Now().Add(-3 * time.Hour)
				state.Snapshots = []aurasim.SnapshotState{{InstanceID: orders, ID: "old", Timestamp: time.Now().Add(-9 * time.Hour)}}
				sim := newSim(t, aurasim.Options{State: state})
				next := sim.Snapshots(orders)[0].Timestamp.Add(time.Hour)
				advance(time.Until(next) - time.Minute)
				c := newClient(t, sim)
				c.must(202, tt.method, "/instances/"+orders+tt.path, tt.body)
				advance(10 * time.Minute) // nobody looks meanwhile
				if taken := sim.Snapshots(orders)[0].Timestamp.Equal(next); taken != tt.taken {
					t.Errorf("taken: %v", taken)
				}
			})
		})
	}
}

package aurasim_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"
)

// seen is a status and how long after the operation it is still or already there.
type seen struct {
	after  time.Duration
	status string
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	const m, s = time.Minute, time.Second
	tests := []struct {
		name         string
		id           string
		from         string // "" is running
		method, path string
		body         string
		answer       int
		path2        []seen
	}{
		{"pause", orders, "", "POST", "/pause", "{}", 202, []seen{{0, "pausing"}, {2*m - s, "pausing"}, {2 * m, "paused"}}},
		{"pause takes longer on enterprise", vdc, "", "POST", "/pause", "{}", 202, []seen{{2 * m, "pausing"}, {3 * m, "paused"}}},
		{"resume", orders, "paused", "POST", "/resume", "{}", 202, []seen{{0, "resuming"}, {3*m - s, "resuming"}, {3 * m, "running"}}},
		{"resize", orders, "", "PATCH", "", `{"memory":"16GB"}`, 202, []seen{{0, "updating"}, {5 * m, "running"}}},
		{"overwrite", orders, "", "POST", "/overwrite", `{"source_instance_id":"` + shop + `"}`, 202, []seen{{0, "overwriting"}, {5 * m, "loading"}, {6 * m, "running"}}},
		{"overwrite repairs a failed load", orders, "loading failed", "POST", "/overwrite", `{"source_instance_id":"` + shop + `"}`, 202, []seen{{6 * m, "running"}}},
		{"upgrade does not show", shop, "", "POST", "/upgrade", `{}`, 200, []seen{{0, "running"}, {5 * m, "running"}}},
		{"delete", orders, "", "DELETE", "", "", 202, []seen{{0, "destroying"}, {2*m - s, "destroying"}, {2 * m, "gone"}}},
		{"delete a paused one", orders, "paused", "DELETE", "", "", 202, []seen{{0, "destroying"}, {2 * m, "gone"}}},
		{"delete a failed one", orders, "loading failed", "DELETE", "", "", 202, []seen{{2 * m, "gone"}}},
		{"delete a suspended one", orders, "suspended", "DELETE", "", "", 202, []seen{{2 * m, "gone"}}},
		{"delete is quick for free", free, "", "DELETE", "", "", 202, []seen{{m, "gone"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sim := newSim(t, aurasim.Options{State: startingAs(tt.id, tt.from)})
				c := newClient(t, sim)
				got := c.must(tt.answer, tt.method, "/instances/"+tt.id+tt.path, tt.body)
				if tt.path2[0].after == 0 && got.text("status") != tt.path2[0].status {
					t.Errorf("the answer says %q, want %q", got.text("status"), tt.path2[0].status)
				}
				start := time.Now()
				for _, want := range tt.path2 {
					advance(want.after - time.Since(start))
					if status := c.status(tt.id); status != want.status {
						t.Errorf("after %v: %q, want %q", want.after, status, want.status)
					}
				}
			})
		})
	}
}

func startingAs(id, status string) aurasim.State {
	state := fleet()
	for i := range state.Instances {
		if state.Instances[i].ID == id {
			state.Instances[i].Status = status
		}
	}
	return state
}

// TestBusy goes through every status and every mutation.
func TestBusy(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{ // which mutations each status lets through
		"running":        "rename resize pause overwrite delete snapshot restore",
		"paused":         "rename resume delete",
		"suspended":      "delete",
		"loading failed": "overwrite restore delete",
		"creating":       "", "pausing": "", "resuming": "", "suspending": "", "loading": "", "restoring": "", "updating": "", "overwriting": "",
	}
	mutations := []struct{ name, method, path, body string }{
		{"rename", "PATCH", "", `{"name":"x"}`},
		{"resize", "PATCH", "", `{"memory":"16GB"}`},
		{"pause", "POST", "/pause", ""},
		{"resume", "POST", "/resume", ""},
		{"overwrite", "POST", "/overwrite", `{"source_instance_id":"` + shop + `"}`},
		{"snapshot", "POST", "/snapshots", ""},
		{"restore", "POST", "/snapshots/old/restore", ""},
		{"delete", "DELETE", "", ""},
	}
	for status, lets := range allowed {
		for _, m := range mutations {
			t.Run(m.name+" while "+status, func(t *testing.T) {
				t.Parallel()
				state := startingAs(orders, status)
				state.Snapshots = []aurasim.SnapshotState{{InstanceID: orders, ID: "old"}}
				sim := newSim(t, aurasim.Options{State: state})
				got := newClient(t, sim).do(m.method, "/instances/"+orders+m.path, m.body)
				if strings.Contains(" "+lets+" ", " "+m.name+" ") {
					if got.status >= 300 {
						t.Fatalf("refused: %d %s", got.status, got.body)
					}
					return
				}
				got.wantRefusal(409, "ongoing-database-operation")
				if _, message, _ := got.refusal(); message != "The instance "+orders+" is currently undergoing an operation: "+status {
					t.Error(message)
				}
				if in, _ := sim.Instance(orders); in.Status != status || in.Name != "orders" {
					t.Errorf("changed all the same: %+v", in)
				}
				if n := len(sim.Snapshots(shop)); n != 0 {
					t.Errorf("a refused operation left %d snapshots of the source", n)
				}
			})
		}
	}
}

func TestARunningInstanceMayBeBusyUpgrading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		got := c.must(200, "POST", "/instances/"+shop+"/upgrade", `{"memory":"8GB","storage":"16GB"}`)
		if got.text("type") != "business-critical" || got.text("status") != "running" || got.text("id") != shop || got.text("metrics_integration_url") == "" {
			t.Error(got.body)
		}
		if in, _ := sim.Instance(shop); in.GraphAnalyticsPlugin {
			t.Error("the plugin does not survive an upgrade")
		}
		pause := c.do("POST", "/instances/"+shop+"/pause")
		pause.wantRefusal(409, "ongoing-database-operation")
		if _, message, _ := pause.refusal(); !strings.HasSuffix(message, ": upgrading") {
			t.Error(message)
		}
		advance(5 * time.Minute)
		if got := c.must(202, "POST", "/instances/"+shop+"/pause"); got.text("memory") != "8GB" || got.text("cdc_enrichment_mode") != "OFF" {
			t.Error(got.body)
		}
	})
}

func TestRefusedForTheType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, path, body string
		status           int
		reason           string
	}{
		{"pausing a free instance", free + "/pause", "", 400, ""},
		{"resuming a free instance", free + "/resume", "", 400, ""},
		{"overwriting a free instance", free + "/overwrite", `{"source_instance_id":"` + shop + `"}`, 420, ""},
		{"upgrading a free instance", free + "/upgrade", "{}", 400, ""},
		{"upgrading business-critical", orders + "/upgrade", "{}", 400, ""},
		{"upgrading enterprise-db", vdc + "/upgrade", "{}", 400, ""},
		{"upgrading with memory and no storage", shop + "/upgrade", `{"memory":"8GB"}`, 400, ""},
		{"upgrading to a size that is not on offer", shop + "/upgrade", `{"memory":"8GB","storage":"512GB"}`, 400, "invalid-memory-size"},
		{"upgrading with no body", shop + "/upgrade", "", 400, ""},
		{"overwriting with nothing", shop + "/overwrite", "{}", 400, ""},
		{"overwriting with oneself", shop + "/overwrite", `{"source_instance_id":"` + shop + `"}`, 400, ""},
		{"overwriting with an unknown instance", shop + "/overwrite", `{"source_instance_id":"24d18db5"}`, 404, "db-not-found"},
		{"overwriting with an unknown snapshot", shop + "/overwrite", `{"source_instance_id":"` + free + `","source_snapshot_id":"x"}`, 404, "snapshot-not-found"},
		{"overwriting with a bigger instance", shop + "/overwrite", `{"source_instance_id":"` + orders + `"}`, 500, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := newClient(t, newSim(t, aurasim.Options{})).do("POST", "/instances/"+tt.path, tt.body)
			got.wantRefusal(tt.status, tt.reason)
			if _, message, _ := got.refusal(); tt.status == 500 && !strings.Contains(message, "DB Overwrite Size Disparity") {
				t.Error(message)
			}
		})
	}
}

func TestADeletedInstanceStaysAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c := newClient(t, sim)
		c.must(202, "DELETE", "/instances/"+orders)
		c.do("DELETE", "/instances/"+orders).wantRefusal(404, "db-not-found")
		c.do("POST", "/instances/"+orders+"/pause").wantRefusal(409, "ongoing-database-operation")
		if n := len(c.must(200, "GET", "/instances").list()); n != 5 {
			t.Errorf("%d listed while destroying", n)
		}
		advance(2 * time.Minute)
		c.do("GET", "/instances/"+orders).wantRefusal(404, "db-not-found")
		c.do("GET", "/instances/"+orders+"/snapshots").wantRefusal(404, "db-not-found")
		if n := len(c.must(200, "GET", "/instances").list()); n != 4 {
			t.Errorf("%d listed afterwards", n)
		}
		if _, ok := sim.Instance(orders); ok || sim.Snapshots(orders) != nil {
			t.Error("still there")
		}
	})
}

func TestSpeedDividesDurationsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newSim(t, aurasim.Options{Speed: 20}))
		c.must(202, "POST", "/instances/"+orders+"/pause")
		advance(6*time.Second - time.Millisecond)
		if got := c.status(orders); got != "pausing" {
			t.Error(got)
		}
		advance(time.Millisecond)
		if got := c.status(orders); got != "paused" {
			t.Error(got)
		}
		id := c.must(202, "POST", "/instances/"+shop+"/snapshots").text("snapshot_id")
		advance(3 * time.Second)
		got := c.must(200, "GET", "/instances/"+shop+"/snapshots/"+id)
		if got.text("status") != "Completed" || got.text("timestamp") != "2000-01-01T00:00:06Z" {
			t.Error(got.body)
		}
		advance(29 * 24 * time.Hour)
		c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
		if got := c.status(orders); got != "paused" {
			t.Errorf("speed does not shorten the 30 days of a pause: %s", got)
		}
	})
}

func TestAPauseEndsAfterThirtyDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state := startingAs(orders, "paused")
		state.Instances[0].StatusSince = time.Now().Add(-29 * 24 * time.Hour)
		sim := newSim(t, aurasim.Options{State: state})
		status := func() string { in, _ := sim.Instance(orders); return in.Status }
		advance(24*time.Hour - time.Second)
		if status() != "paused" {
			t.Error(status())
		}
		advance(time.Second)
		if status() != "resuming" {
			t.Error(status())
		}
		advance(3 * time.Minute)
		if status() != "running" {
			t.Error(status())
		}
	})
}

func TestTransitionalStartStates(t *testing.T) {
	t.Parallel()
	ends := map[string]string{
		"creating": "running", "destroying": "", "pausing": "paused", "resuming": "running", "suspending": "suspended",
		"loading": "running", "restoring": "running", "updating": "running", "overwriting": "running",
		"running": "running", "paused": "paused", "suspended": "suspended", "loading failed": "loading failed",
	}
	for status, end := range ends {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sim := newSim(t, aurasim.Options{State: startingAs(orders, status)})
				if in, _ := sim.Instance(orders); in.Status != status || !in.StatusSince.Equal(time.Now()) {
					t.Errorf("starts as %q since %v", in.Status, in.StatusSince)
				}
				advance(10 * time.Minute)
				if in, _ := sim.Instance(orders); in.Status != end {
					t.Errorf("ends as %q, want %q", in.Status, end)
				}
			})
		})
	}
}

func TestConsole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(t, aurasim.Options{})
		c, console := newClient(t, sim), sim.Console()
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		check(console.Rename(orders, "Umbenannt"))
		check(console.Pause(orders))
		check(console.Delete(shop))
		check(console.SetStatus(vdc, "loading failed"))
		advance(3 * time.Minute)
		if got := c.must(200, "GET", "/instances/"+orders); got.text("name") != "Umbenannt" || got.text("status") != "paused" {
			t.Error(got.body)
		}
		if got := c.status(shop) + " " + c.status(vdc); got != "gone loading failed" {
			t.Error(got)
		}
		check(console.Resume(orders))
		check(console.SetStatus(vdc, "restoring"))
		if got := c.status(orders) + " " + c.status(vdc); got != "resuming restoring" {
			t.Error(got)
		}
		check(console.SetStatus(vdc, "running"))
		if got := c.status(vdc); got != "running" {
			t.Error(got)
		}
		id := c.must(202, "POST", "/instances/"+vdc+"/snapshots").text("snapshot_id")
		check(console.FailSnapshot(vdc, id))
		advance(time.Hour)
		c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
		if got := c.must(200, "GET", "/instances/"+vdc+"/snapshots/"+id).text("status"); got != "Failed" {
			t.Error(got)
		}
		c.do("POST", "/instances/"+vdc+"/snapshots/"+id+"/restore").wantRefusal(404, "snapshot-not-found")

		for name, err := range map[string]error{
			"an instance that is gone": console.Pause(shop), "a status that does not exist": console.SetStatus(vdc, "ready"),
			"a bad name": console.Rename(vdc, ""), "pausing twice": console.Resume(vdc),
			"an unknown snapshot": console.FailSnapshot(vdc, "x"), "a snapshot that has failed": console.FailSnapshot(vdc, id),
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
}

package aurasim_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"
)

// observer watches a fleet through random operations and knows what must never be.
type observer struct {
	t    *testing.T
	sim  *aurasim.Server
	last map[string]string // the status each instance was last seen in
	ends map[string]string // the last operation accepted for each
	gone map[string]bool
	ids  map[string]bool      // every ID ever given out
	busy map[string]time.Time // until when an upgrade, which does not show, goes on
}

func restful(status string) bool {
	return slices.Contains([]string{"running", "paused", "suspended", "loading failed"}, status)
}

func (o *observer) look() {
	o.t.Helper()
	present := map[string]bool{}
	for _, in := range o.sim.Instances() {
		if present[in.ID] {
			o.t.Fatalf("%s is there twice", in.ID)
		}
		present[in.ID] = true
		if o.gone[in.ID] {
			o.t.Fatalf("%s was destroyed and is %s", in.ID, in.Status)
		}
		if before := o.last[in.ID]; before == "paused" && in.Status == "running" && o.ends[in.ID] != "resume" {
			o.t.Fatalf("%s was paused and runs; the last operation was %s", in.ID, o.ends[in.ID])
		}
		o.last[in.ID] = in.Status
		o.snapshots(in.ID)
	}
	for id := range o.last {
		if !present[id] {
			if o.ends[id] != "delete" {
				o.t.Fatalf("%s vanished after %s", id, o.ends[id])
			}
			o.gone[id] = true
		}
	}
}

func (o *observer) snapshots(id string) {
	o.t.Helper()
	unfinished := 0
	seen := map[string]bool{}
	previous := time.Time{}
	for _, snap := range o.sim.Snapshots(id) {
		if seen[snap.ID] {
			o.t.Fatalf("%s has snapshot %s twice", id, snap.ID)
		}
		if !previous.IsZero() && snap.Timestamp.After(previous) {
			o.t.Fatalf("%s: snapshots are not newest first", id)
		}
		seen[snap.ID], previous = true, snap.Timestamp
		if snap.Profile == "AdHoc" && snap.Status != "Completed" {
			unfinished++
		}
	}
	// One asked for, and those that a pause, a resize and the copies of the last minute take.
	if unfinished > 12 {
		o.t.Fatalf("%s takes %d snapshots at once", id, unfinished)
	}
}

// accepted checks that an operation was let through only from rest.
func (o *observer) accepted(op, id, before string, got reply) {
	o.t.Helper()
	if got.status >= 300 {
		return
	}
	if op != "rename" && op != "snapshot" {
		if !restful(before) {
			o.t.Fatalf("%s accepted while %s is %s", op, id, before)
		}
		o.ends[id] = op
	}
	if time.Now().Before(o.busy[id]) {
		o.t.Fatalf("%s accepted while %s is being upgraded", op, id)
	}
	if op == "upgrade" {
		o.busy[id] = time.Now().Add(5 * time.Minute)
	}
	if op == "rename" && !restful(before) {
		o.t.Fatalf("rename accepted while %s is %s", id, before)
	}
}

func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{RateLimit: 10_000})
	c := newClient(t, sim)
	var wg sync.WaitGroup
	accepted := make(chan int, 8)
	for range 8 {
		wg.Go(func() {
			pauses := 0
			for range 20 {
				c.try(c.request("POST", "/instances", creation(nil)))
				c.try(c.request("GET", "/instances/"+orders))
				if c.try(c.request("POST", "/instances/"+orders+"/pause")).status == http.StatusAccepted {
					pauses++
				}
				sim.Requests()
				sim.Instances()
			}
			accepted <- pauses
		})
	}
	wg.Wait()
	close(accepted)
	pauses := 0
	for n := range accepted {
		pauses += n
	}
	if n := len(sim.Instances()); n != 165 || pauses != 1 {
		t.Errorf("%d instances, %d pauses accepted", n, pauses)
	}
}

func TestRandomOperationsKeepInvariants(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { wander(t, seed) })
		})
	}
}

func wander(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	sim := newSim(t, aurasim.Options{RateLimit: 1_000_000, Seed: seed})
	c := newClient(t, sim)
	o := &observer{
		t: t, sim: sim, last: map[string]string{}, ends: map[string]string{}, gone: map[string]bool{}, ids: map[string]bool{},
		busy: map[string]time.Time{},
	}
	known := []string{orders, shop, vdc, science, free}
	for _, id := range known {
		o.ids[id] = true
	}
	for range 250 {
		o.look()
		if rng.IntN(8) == 0 {
			if got := c.do("POST", "/instances", randomCreation(rng, known)); got.status == http.StatusAccepted {
				id := got.text("id")
				if o.ids[id] {
					t.Fatalf("ID %s was given out twice", id)
				}
				o.ids[id] = true
				known = append(known, id)
			}
		}
		id := known[rng.IntN(len(known))]
		op, method, path, body := randomOperation(rng, sim, id, known)
		before, _ := sim.Instance(id)
		got := c.do(method, "/instances/"+id+path, body)
		if got.status == http.StatusUnauthorized {
			c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
			got = c.do(method, "/instances/"+id+path, body)
		}
		o.accepted(op, id, before.Status, got)
		after, ok := sim.Instance(id)
		if got.status >= 300 && ok && after != before {
			t.Fatalf("%s of %s was refused and changed it: %+v, %+v", op, id, before, after)
		}
		if got.status >= 500 && op != "overwrite" {
			t.Fatalf("%s: %d %s", op, got.status, got.body)
		}
		advance(time.Duration(rng.IntN(200)) * time.Second)
	}
}

func randomCreation(rng *rand.Rand, known []string) string {
	changes := map[string]any{
		"type":   []string{"professional-db", "business-critical", "enterprise-db", "free-db"}[rng.IntN(4)],
		"memory": []string{"1GB", "8GB", "16GB"}[rng.IntN(3)],
	}
	if rng.IntN(3) == 0 {
		changes["source_instance_id"] = known[rng.IntN(len(known))]
	}
	return creation(changes)
}

func randomOperation(rng *rand.Rand, sim *aurasim.Server, id string, known []string) (op, method, path, body string) {
	snapshot := "none"
	if all := sim.Snapshots(id); len(all) > 0 {
		snapshot = all[rng.IntN(len(all))].ID
	}
	other := known[rng.IntN(len(known))]
	rows := [][4]string{
		{"pause", "POST", "/pause", ""},
		{"resume", "POST", "/resume", "{}"},
		{"rename", "PATCH", "", fmt.Sprintf(`{"name":"n%d"}`, rng.IntN(100))},
		{"update", "PATCH", "", []string{`{"memory":"8GB"}`, `{"memory":"16GB"}`, `{"cdc_enrichment_mode":"FULL"}`}[rng.IntN(3)]},
		{"overwrite", "POST", "/overwrite", `{"source_instance_id":"` + other + `"}`},
		{"upgrade", "POST", "/upgrade", "{}"},
		{"snapshot", "POST", "/snapshots", ""},
		{"restore", "POST", "/snapshots/" + escaped(snapshot) + "/restore", ""},
	}
	if rng.IntN(25) == 0 {
		return "delete", "DELETE", "", ""
	}
	row := rows[rng.IntN(len(rows))]
	return row[0], row[1], row[2], row[3]
}

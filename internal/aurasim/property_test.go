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

	keys     map[string]string // the status each key was last seen in
	sessions map[string]string
}

func restful(status string) bool {
	return slices.Contains([]string{"running", "paused", "suspended", "loading failed"}, status)
}

func (o *observer) look() {
	o.t.Helper()
	present := map[string]bool{}
	usedKeys := o.lookAtKeys()
	for _, in := range o.sim.Instances() {
		if in.CustomerManagedKeyID != "" && !usedKeys[in.CustomerManagedKeyID] {
			o.t.Fatalf("%s is encrypted with key %s, which is not ready or not there", in.ID, in.CustomerManagedKeyID)
		}
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
	o.lookAtSessions(present)
}

// lookAtKeys says which keys may be in use.
func (o *observer) lookAtKeys() map[string]bool {
	o.t.Helper()
	ready := map[string]bool{}
	for _, k := range o.sim.Keys() {
		if o.gone[k.ID] || o.keys[k.ID] == "ready" && k.Status != "ready" {
			o.t.Fatalf("key %s was %s, gone %v, and is %s", k.ID, o.keys[k.ID], o.gone[k.ID], k.Status)
		}
		o.keys[k.ID] = k.Status
		ready[k.ID] = k.Status == "ready"
	}
	for id := range o.keys {
		if _, present := ready[id]; !present {
			o.gone[id] = true
		}
	}
	return ready
}

func (o *observer) lookAtSessions(instances map[string]bool) {
	o.t.Helper()
	order := []string{"", "Creating", "Ready", "Expired"} // a session never goes back
	present, names := map[string]bool{}, map[[2]string]bool{}
	for _, x := range o.sim.Sessions() {
		before, known := o.sessions[x.ID]
		if known && slices.Index(order, x.Status) < slices.Index(order, before) || o.gone[x.ID] {
			o.t.Fatalf("session %s was %q, gone %v, and is %q", x.ID, before, o.gone[x.ID], x.Status)
		}
		name := [2]string{x.TenantID, x.Name}
		if present[x.ID] || names[name] {
			o.t.Fatalf("session %s, called %q, is there twice", x.ID, x.Name)
		}
		if x.InstanceID != "" && !instances[x.InstanceID] {
			o.t.Fatalf("session %s has outlived instance %s", x.ID, x.InstanceID)
		}
		o.sessions[x.ID] = x.Status
		present[x.ID], names[name] = true, true
	}
	for id := range o.sessions {
		if !present[id] {
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
		busy: map[string]time.Time{}, keys: map[string]string{}, sessions: map[string]string{},
	}
	known := []string{orders, shop, vdc, science, free}
	for _, id := range known {
		o.ids[id] = true
	}
	for range 250 {
		o.look()
		if rng.IntN(8) == 0 {
			if got := c.do("POST", "/instances", randomCreation(rng, known, sim.Keys())); got.status == http.StatusAccepted {
				id := got.text("id")
				if o.ids[id] {
					t.Fatalf("ID %s was given out twice", id)
				}
				o.ids[id] = true
				known = append(known, id)
			}
		}
		method, path, body := randomAside(rng, sim, known)
		if got := c.do(method, path, body); got.status >= 500 {
			t.Fatalf("%s %s %s: %d %s", method, path, body, got.status, got.body)
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

// randomAside does something with keys or sessions.
func randomAside(rng *rand.Rand, sim *aurasim.Server, known []string) (method, path, body string) {
	key, session := "none", "none"
	if all := sim.Keys(); len(all) > 0 {
		key = all[rng.IntN(len(all))].ID
	}
	if all := sim.Sessions(); len(all) > 0 {
		session = all[rng.IntN(len(all))].ID
	}
	name := map[string]any{"name": fmt.Sprintf("s%d", rng.IntN(5))}
	rows := [][3]string{
		{"POST", "/customer-managed-keys", keyWish(nil)},
		{"DELETE", "/customer-managed-keys/" + key, ""},
		{"GET", "/customer-managed-keys", ""},
		{"POST", sessionsPath, sessionWish(name)},
		{"POST", sessionsPath, sessionWish(attachedTo(known[rng.IntN(len(known))], name))},
		{"DELETE", sessionsPath + "/" + session, ""},
		{"GET", sessionsPath, ""},
	}
	row := rows[rng.IntN(len(rows))]
	return row[0], row[1], row[2]
}

func randomCreation(rng *rand.Rand, known []string, keys []aurasim.KeyState) string {
	changes := map[string]any{
		"type":   []string{"professional-db", "business-critical", "enterprise-db", "free-db"}[rng.IntN(4)],
		"memory": []string{"1GB", "8GB", "16GB"}[rng.IntN(3)],
	}
	if rng.IntN(3) == 0 {
		changes["source_instance_id"] = known[rng.IntN(len(known))]
	}
	if changes["type"] == "enterprise-db" && len(keys) > 0 {
		changes["customer_managed_key_id"] = keys[rng.IntN(len(keys))].ID
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

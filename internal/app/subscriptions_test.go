package app

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/auraclient"
	"aura-mcp/internal/aurasim"
)

// follower is a client that subscribes, in the way of its era, and keeps what it hears.
type follower struct {
	r      *rig
	era    string
	client *client.Client
	stop   map[string]func()

	mu    sync.Mutex
	heard []mcp.JSONRPCNotification
	hold  chan struct{} // not nil: it takes no notice in before it is closed
}

func (r *rig) follower(era string) *follower {
	r.t.Helper()
	f := &follower{r: r, era: era, client: r.connect(era, types("yes")), stop: map[string]func(){}}
	f.client.OnNotification(func(n mcp.JSONRPCNotification) {
		f.mu.Lock()
		hold := f.hold
		f.mu.Unlock()
		if hold != nil {
			<-hold
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.heard = append(f.heard, n)
	})
	return f
}

func (f *follower) subscribe(uri string) {
	f.r.t.Helper()
	if f.era == legacy {
		if err := f.oldSubscribe(uri); err != nil {
			f.r.t.Fatalf("subscribe to %s: %v", uri, err)
		}
		f.stop[uri] = func() {
			request := mcp.UnsubscribeRequest{Params: mcp.UnsubscribeParams{URI: uri}}
			if err := f.client.Unsubscribe(f.r.t.Context(), request); err != nil { //nolint:staticcheck // what old clients do
				f.r.t.Errorf("unsubscribe from %s: %v", uri, err)
			}
		}
		return
	}
	stop, err := f.client.ListenAsync(f.r.t.Context(), mcp.SubscriptionFilter{ResourceSubscriptions: []string{uri}}, func(err error) { f.r.t.Errorf("listen to %s: %v", uri, err) })
	if err != nil {
		f.r.t.Fatalf("listen to %s: %v", uri, err)
	}
	f.stop[uri] = stop
	synctest.Wait()
	if told := f.told(); len(told) == 0 || told[0].Method != mcp.MethodNotificationSubscriptionsAcknowledged {
		f.r.t.Fatalf("listen to %s: the first that is heard is %+v, want the acknowledgement", uri, told)
	}
}

func (f *follower) oldSubscribe(uri string) error {
	return f.client.Subscribe(f.r.t.Context(), mcp.SubscribeRequest{Params: mcp.SubscribeParams{URI: uri}}) //nolint:staticcheck // what old clients do
}

func (f *follower) told() []mcp.JSONRPCNotification {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.heard)
}

// updates are the pages that it was told have changed, and forgets them. Each has to be tagged as its era wants.
func (f *follower) updates() []string {
	f.r.t.Helper()
	synctest.Wait()
	var out []string
	for _, n := range f.told() {
		if n.Method != mcp.MethodNotificationResourceUpdated {
			continue
		}
		uri, _ := n.Params.AdditionalFields["uri"].(string)
		out = append(out, uri)
		if _, tagged := n.Params.Meta[mcp.MetaKeySubscriptionID]; tagged == (f.era == legacy) {
			f.r.t.Errorf("%q is told of %s with %v", f.era, uri, n.Params.Meta)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = nil
	return out
}

func (f *follower) hears(what string, want ...string) {
	f.r.t.Helper()
	if got := f.updates(); !slices.Equal(got, want) {
		f.r.t.Errorf("%s: a client of era %q is told of %q, want %q", what, f.era, got, want)
	}
}

// both has a follower of each era.
func (r *rig) both() (all []*follower) { return []*follower{r.follower(legacy), r.follower(modern)} }

func TestOneChangeIsOneUpdateForEachSubscriber(t *testing.T) {
	t.Parallel()
	const instance, snapshots, verdict, fleet = "aura://instances/prod", "aura://instances/aaaaaaa1/snapshots", "aura://instances/prod/health", "aura://fleet"
	for _, tt := range []struct {
		name, uri string
		change    func(r *rig) error
		within    time.Duration
	}{
		{"a size, which begins and ends", instance, func(r *rig) error { return r.resize(prodID, "16GB") }, 20 * time.Minute},
		{"a status", instance, func(r *rig) error { return r.sim.Console().SetStatus(prodID, "suspended") }, 61 * time.Second},
		{"a name", instance, func(r *rig) error { return r.sim.Console().Rename(prodID, "prod-2") }, 61 * time.Second},
		{"a snapshot that failed", snapshots, (*rig).failedSnapshot, 61 * time.Second},
		{"a verdict", verdict, func(r *rig) error { return r.sim.Console().SetScenario(prodID, "critical") }, 125 * time.Second},
		{"one of the fleet", fleet, func(r *rig) error { return r.sim.Console().Rename(shopID, "shop-2") }, 61 * time.Second},
		{"one of the fleet that goes, which begins and ends", fleet, func(r *rig) error { return r.sim.Console().Delete(shopID) }, 20 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, noScheduled)
				all := r.both()
				for _, f := range all {
					f.subscribe(tt.uri)
				}
				after(10 * time.Minute)
				for _, f := range all {
					f.updates() // the importer of the fleet comes up, rates come with the second reading
				}
				after(10 * time.Minute)
				for _, f := range all {
					f.hears("nothing has changed")
				}
				if err := tt.change(r); err != nil {
					t.Fatal(err)
				}
				after(tt.within)
				for _, f := range all {
					want := []string{tt.uri}
					if strings.Contains(tt.name, "begins and ends") {
						want = append(want, tt.uri)
					}
					f.hears("one change", want...)
					f.stop[tt.uri]()
				}
				if err := r.sim.Console().SetStatus(prodID, "loading failed"); err != nil {
					t.Fatal(err)
				}
				after(5 * time.Minute)
				for _, f := range all {
					f.hears("after unsubscribing")
				}
				n := len(r.sim.Requests())
				after(time.Hour)
				if more := len(r.sim.Requests()) - n; more != 0 {
					t.Errorf("%d requests though nobody listens", more)
				}
			})
		})
	}
}

func noScheduled(o *rigOptions) { o.sim.NoScheduledSnapshots = true }

// resize changes the memory as somebody does at the console, and waits until it is done.
func (r *rig) resize(id, memory string) error {
	aura, err := auraclient.New(aurasim.DemoClientID, aurasim.DemoClientSecret, auraclient.WithBaseURL("https://sim.invalid"), auraclient.WithTransport(r.sim.Transport()))
	if err == nil {
		_, err = aura.Instances.Update(context.Background(), id, auraclient.UpdateInstanceRequest{Memory: &memory})
	}
	return err
}

// failedSnapshot is one that somebody else took, and that went wrong at once.
func (r *rig) failedSnapshot() error {
	aura, err := auraclient.New(aurasim.DemoClientID, aurasim.DemoClientSecret, auraclient.WithBaseURL("https://sim.invalid"), auraclient.WithTransport(r.sim.Transport()))
	if err != nil {
		return err
	}
	made, err := aura.Snapshots.Create(context.Background(), prodID)
	if err != nil {
		return err
	}
	return r.sim.Console().FailSnapshot(prodID, made.SnapshotID)
}

func TestSubscriberHearsOfWhatIsDoneHereAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for _, f := range r.both() {
			f.subscribe("aura://instances/shop")
			after(20 * time.Second)
			n := r.asked("/instances/" + shopID)
			r.call(f.client, "pause_instance", map[string]any{"instance": "shop"})
			after(3 * time.Second)
			f.hears("a pause begins", "aura://instances/shop")
			after(20 * time.Minute)
			f.hears("the pause ends", "aura://instances/shop")
			if asked := r.asked("/instances/"+shopID) - n; asked > 60 {
				t.Errorf("%d requests", asked)
			}
			r.call(f.client, "resume_instance", map[string]any{"instance": "shop", "wait_seconds": 0})
			after(30 * time.Minute)
			f.updates()
			f.stop["aura://instances/shop"]()
		}
	})
}

func TestPollsReadOnlyWhatIsSubscribedAndInTheirRhythm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		all := r.both()
		for _, f := range all {
			f.subscribe("aura://instances/prod")
		}
		after(time.Second)
		n, others := r.asked("/instances/"+prodID), r.asked("/instances/aaaaaaa")
		after(10 * time.Minute)
		if polls := r.asked("/instances/"+prodID) - n; polls != 10 {
			t.Errorf("%d polls in ten minutes for two subscribers, want one a minute", polls)
		}
		if more := r.asked("/instances/aaaaaaa") - others; more != 10 {
			t.Errorf("%d requests for details, want those of prod only", more)
		}
		if err := r.sim.Console().SetStatus(prodID, "updating"); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		n = r.asked("/instances/" + prodID)
		after(time.Minute)
		if polls := r.asked("/instances/"+prodID) - n; polls != 4 {
			t.Errorf("%d polls in a minute while it is updating, want one in 15 s", polls)
		}
	})
}

func TestPollsTakeAFifthOfTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *rigOptions) {
			o.client = []auraclient.Option{auraclient.WithRateLimit(25)}
			for n := range 30 {
				o.sim.State.Instances = append(o.sim.State.Instances, aurasim.InstanceState{ID: "cccccc" + string(rune('a'+n/10)) + string(rune('0'+n%10)), Name: "more", TenantID: productionID, Type: "professional-db", Memory: "2GB", Status: "running"})
			}
		})
		f := r.follower(modern)
		f.subscribe("aura://fleet")
		var sent []time.Time
		after(20 * time.Minute)
		f.updates()
		for _, q := range r.sim.Requests() {
			if strings.HasPrefix(q.Path, "/v1/") {
				sent = append(sent, q.Time)
			}
		}
		for n := range sent {
			if n >= 5 && sent[n].Sub(sent[n-5]) < time.Minute {
				t.Fatalf("six polls within %s, with 25 requests a minute allowed", sent[n].Sub(sent[n-5]))
			}
		}
		if len(sent) < 95 {
			t.Errorf("%d polls in 20 minutes, want the share used", len(sent))
		}
		if err := r.sim.Console().Rename(prodID, "prod-2"); err != nil {
			t.Fatal(err)
		}
		after(9 * time.Minute) // a round of 36 at 5 a minute
		f.hears("a change of one of many", "aura://fleet")
	})
}

func TestSlowSubscriberHoldsUpNobodyAndMissesNothing(t *testing.T) {
	t.Parallel()
	for _, era := range []string{legacy, modern} {
		t.Run("slow "+era, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				slow, other := r.follower(era), r.follower(modern)
				slow.subscribe("aura://instances/prod")
				other.subscribe("aura://instances/prod")
				after(time.Minute)
				slow.mu.Lock()
				slow.hold = make(chan struct{})
				slow.mu.Unlock()
				statuses := []string{"paused", "running"}
				for n := range 130 { // more than the library queues
					if err := r.sim.Console().SetStatus(prodID, statuses[n%2]); err != nil {
						t.Fatal(err)
					}
					after(61 * time.Second)
					other.hears("while another is slow", "aura://instances/prod")
				}
				slow.mu.Lock()
				close(slow.hold)
				slow.hold = nil
				slow.mu.Unlock()
				after(5 * time.Second)
				if got := len(slow.updates()); got < 100 || got > 103 {
					t.Errorf("the slow one hears %d updates afterwards, want those queued and one for all the rest", got)
				}
				if err := r.sim.Console().SetStatus(prodID, "suspended"); err != nil {
					t.Fatal(err)
				}
				after(61 * time.Second)
				slow.hears("when it is no longer slow", "aura://instances/prod")
			})
		})
	}
}

func TestSubscriptionsEndWithTheirClient(t *testing.T) {
	t.Parallel()
	for _, era := range []string{legacy, modern} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				f := r.follower(era)
				f.subscribe("aura://fleet")
				after(time.Minute)
				if era == modern {
					f.stop["aura://fleet"]()
				}
				if err := f.client.Close(); err != nil {
					t.Fatal(err)
				}
				after(time.Second)
				n := len(r.sim.Requests())
				after(time.Hour)
				if more := len(r.sim.Requests()) - n; more != 0 {
					t.Errorf("%d requests after the client has left", more)
				}
			})
		})
	}
}

func TestWhatCannotBeSubscribedTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		old, recent := r.follower(legacy), r.follower(modern)
		for uri, want := range map[string]string{
			"aura://instances/prd": `"prod" (aaaaaaa1)`,
			"aura://guide":         "nobody can subscribe to aura://guide",
			"aura://something":     "there is no such page",
			"test://something":     "", // nothing changes there
		} {
			err := old.oldSubscribe(uri)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error is %v, want %q in it", uri, err, want)
			}
			if err := recent.client.Listen(t.Context(), mcp.SubscriptionFilter{ResourceSubscriptions: []string{uri}}); err != nil {
				t.Errorf("%s: listening to nothing is no error, but %v", uri, err)
			}
			synctest.Wait()
			told, err := json.Marshal(recent.told())
			if err != nil || strings.Contains(string(told), uri) {
				t.Errorf("%s is acknowledged: %s", uri, told)
			}
			recent.updates()
		}
		after(time.Hour)
		if polls := r.asked("/instances/"); polls != 0 {
			t.Errorf("%d polls for subscriptions that were refused", polls)
		}
	})
}

func TestASubscriberHasSoManySubscriptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		spelled := func(n int) string { // one name in many ways, each of which is an address of its own
			name := []byte("staging")
			for letter := range name {
				name[letter] -= byte(n >> letter & 1 * ('a' - 'A'))
			}
			return "aura://instances/" + string(name)
		}
		old, recent := r.follower(legacy), r.follower(modern)
		var all []string
		for n := range 256 {
			all = append(all, spelled(n%128)+[]string{"", "/health"}[n/128])
			if err := old.oldSubscribe(all[n]); err != nil {
				t.Fatalf("%d: %v", n+1, err)
			}
		}
		more := "aura://fleet"
		if err := old.oldSubscribe(more); err == nil || !strings.Contains(err.Error(), "256 addresses already") {
			t.Errorf("one more: %v", err)
		}
		if err := old.oldSubscribe(all[7]); err != nil {
			t.Errorf("one that there is: %v", err)
		}
		stop, err := recent.client.ListenAsync(t.Context(), mcp.SubscriptionFilter{ResourceSubscriptions: append(all, more)}, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		synctest.Wait()
		told, err := json.Marshal(recent.told())
		if err != nil || strings.Count(string(told), "aura://") != 256 {
			t.Errorf("%d are acknowledged", strings.Count(string(told), "aura://"))
		}
		if err := old.client.Unsubscribe(t.Context(), mcp.UnsubscribeRequest{Params: mcp.UnsubscribeParams{URI: all[0]}}); err != nil { //nolint:staticcheck // what old clients do
			t.Fatal(err)
		}
		if err := old.oldSubscribe(more); err != nil {
			t.Errorf("in place of another: %v", err)
		}
	})
}

func TestTroubleAtAuraIsNoChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		broken := false
		r := newRig(t, func(o *rigOptions) {
			o.transport = func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(q *http.Request) (*http.Response, error) {
					mu.Lock()
					defer mu.Unlock()
					if broken {
						return nil, context.DeadlineExceeded
					}
					return next.RoundTrip(q)
				})
			}
		})
		f := r.follower(modern)
		f.subscribe("aura://fleet")
		after(10 * time.Minute)
		f.updates()
		for _, state := range []bool{true, false} {
			mu.Lock()
			broken = state
			mu.Unlock()
			after(10 * time.Minute)
			f.hears("trouble, and its end")
		}
	})
}

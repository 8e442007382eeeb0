package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/internal/passphrase"
	"aura-mcp/tools"
)

// outside is a person in front of the approval page, played by a test.
type outside struct {
	mu      sync.Mutex
	desk    *guard.Desk
	shown   []guard.Approval
	unseen  bool // nobody looks at the page
	decides func(d *guard.Desk, a guard.Approval)
}

// door is the page: it shows what is on the desk.
func (o *outside) door(_ context.Context, d *guard.Desk) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.desk = d
	for _, a := range d.List() {
		if a.Stage != guard.Shown {
			continue
		}
		o.shown = append(o.shown, a)
		if o.unseen {
			return guard.ErrUnseen
		}
		d.Seen(a.ID)
		if o.decides != nil {
			go o.decides(d, a)
		}
	}
	return nil
}

// all returns what was shown so far, once nobody is about to show more.
func (o *outside) all() []guard.Approval {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.shown)
}

func (o *outside) last(t *testing.T) guard.Approval {
	t.Helper()
	all := o.all()
	if len(all) == 0 {
		t.Fatal("nothing was shown")
	}
	return all[len(all)-1]
}

// atPage has everything asked on a page, in front of the person.
func atPage(o *outside) func(*rigOptions) {
	return func(r *rigOptions) { r.doors = guard.Doors{Page: o.door} }
}

// says decides as told, after a while.
func says(wait time.Duration, decision guard.Decision) func(*guard.Desk, guard.Approval) {
	return func(d *guard.Desk, a guard.Approval) {
		after(wait)
		decision.Way = guard.Page
		_ = d.Decide(a.ID, decision) // its effect is what the tests look at
	}
}

// begin calls a tool and returns what it will say.
func (r *rig) begin(ctx context.Context, c *client.Client, tool string, arguments map[string]any) <-chan string {
	said := make(chan string, 1)
	go func() {
		result, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}})
		if err != nil {
			said <- err.Error()
			return
		}
		said <- r.told(tool, result)
	}()
	return said
}

func pending(t *testing.T, said string) (id string) {
	t.Helper()
	var told struct {
		State   op.State `json:"state"`
		Message string   `json:"message"`
	}
	if json.Unmarshal([]byte(said), &told) != nil || told.State != op.ApprovalPending {
		t.Fatalf("it does not wait: %s", said)
	}
	_, rest, _ := strings.Cut(told.Message, "(ID ")
	id, _, _ = strings.Cut(rest, ")")
	return id
}

// As Claude Desktop is: a client that cannot ask.
func TestAClientThatCannotAskPausesThroughThePage(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &outside{decides: says(20*time.Second, guard.Decision{Approve: true})}
				r := newRig(t, atPage(o))
				begun := time.Now()
				out := must[tools.InstanceChange](r, r.connect(version, nil), "pause_instance", map[string]any{"instance": "prod"})
				if took := time.Since(begun); out.State != op.Accepted || took > 21*time.Second {
					t.Errorf("after %v: %+v", took, out)
				}
				after(time.Second)
				seen, known := o.desk.Look(o.last(t).ID)
				if !known || seen.Stage != guard.Finished || seen.State != op.Accepted || !strings.Contains(seen.Outcome, "prod") {
					t.Errorf("the page shows %+v", seen)
				}
				if entries, _, _ := r.journal.Read(time.Time{}); len(entries) != 1 || entries[0].Way != "page" || entries[0].Standing != "accepted" {
					t.Errorf("the audit has %+v", entries)
				}
			})
		})
	}
}

func TestAnApprovalAfterTheCallRunsAndIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{decides: says(100*time.Second, guard.Decision{Approve: true})}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		pause := map[string]any{"instance": "prod"}
		begun := time.Now()
		said, failed := r.call(c, "pause_instance", pause)
		if took := time.Since(begun); failed || took > 50*time.Second || !strings.Contains(said, "approval page in their browser") {
			t.Fatalf("after %v: %s", took, said)
		}
		id := pending(t, said)
		if again, _ := r.call(c, "pause_instance", pause); pending(t, again) != id { // it waits on, and asks nothing new
			t.Errorf("another question was asked: %s", again)
		}
		after(30 * time.Second)
		if got := r.changes(); len(got) != 1 {
			t.Fatalf("sent %v", got)
		}
		if out := must[tools.InstanceChange](r, c, "pause_instance", pause); out.State != op.Accepted {
			t.Errorf("told %+v", out)
		}
		if len(o.all()) != 1 || len(r.changes()) != 1 {
			t.Fatalf("asked %d times, sent %v", len(o.all()), r.changes())
		}
		after(10 * time.Minute) // paused by now
		o.decides = says(0, guard.Decision{})
		r.refuses(c, "resume_instance", pause, "declined")
		if len(o.all()) != 2 {
			t.Errorf("a new call was not asked about: %v", o.all())
		}
	})
}

// Each of these ends without anything sent, for every operation of the catalogue that is guarded.
func TestNothingGuardedRunsWithoutAnApprovalOutside(t *testing.T) {
	t.Parallel()
	decide := func(d guard.Decision) func(*guard.Desk, guard.Approval) { return says(2*time.Second, d) }
	ways := []struct {
		name  string
		o     *outside
		more  func(*rigOptions)
		want  string
		waits bool // it is not refused, it waits
	}{
		{"refused", &outside{decides: decide(guard.Decision{})}, nil, "the person declined", false},
		{"nobody looks", &outside{unseen: true}, nil, "aura-mcp approve", true},
		{"somebody looks and says nothing", &outside{}, nil, "approval page", true},
		{"switched off", &outside{decides: decide(guard.Decision{Approve: true})}, func(o *rigOptions) { o.policy.Approval.Default = guard.Never }, "setting approval", false},
		{"the terminal alone, which is not there", &outside{}, func(o *rigOptions) { o.policy.Approval.Default = guard.Terminal }, "asked by terminal (setting approval), which is not possible here", false},
		{"the client alone, which cannot ask", &outside{}, func(o *rigOptions) { o.policy.Approval.Default = guard.Elicitation }, "this client cannot show approval questions", false},
		{"no browser and no terminal", &outside{}, func(o *rigOptions) {
			o.doors.Page = func(context.Context, *guard.Desk) error { return errors.New("no screen") }
		}, "no browser and no terminal", false},
		{"decided by another way", &outside{decides: func(d *guard.Desk, a guard.Approval) {
			_ = d.Decide(a.ID, guard.Decision{Approve: true, Typed: a.Preview.Confirm, Way: guard.Terminal})
		}}, nil, "approval page", true},
		{"an ID that is not there", &outside{decides: func(d *guard.Desk, a guard.Approval) {
			_ = d.Decide("AAAAAAAA", guard.Decision{Approve: true, Typed: a.Preview.Confirm, Way: guard.Page})
		}}, nil, "approval page", true},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			for name, call := range guardedCalls() {
				synctest.Test(t, func(t *testing.T) {
					o := &outside{unseen: way.o.unseen, decides: way.o.decides}
					r := newRig(t, atPage(o), func(o *rigOptions) {
						if way.more != nil {
							way.more(o)
						}
					})
					said, failed := r.call(r.connect(modern, nil), name, call.arguments)
					if failed == way.waits || !strings.Contains(said, way.want) || !strings.Contains(said, "Nothing was changed") {
						t.Errorf("%s: failed %v: %s", name, failed, said)
					}
					after(10 * time.Minute)
					if got := r.changes(); len(got) != 0 {
						t.Errorf("%s ran all the same: %v", name, got)
					}
				})
			}
		})
	}
}

func TestWhatDestroysNeedsTheExactNameOutside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said []string
		o := &outside{decides: func(d *guard.Desk, a guard.Approval) {
			for _, typed := range []string{"", "yes", "prod "} {
				if err := d.Decide(a.ID, guard.Decision{Approve: true, Typed: typed, Way: guard.Page}); err != nil {
					said = append(said, err.Error())
				}
			}
			said = append(said, d.Decide(a.ID, guard.Decision{Approve: true, Typed: "prod", Way: guard.Page}).Error())
		}}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		r.refuses(c, "delete_instance", map[string]any{"instance": "prod"}, "was not the exact name, 3 times", "Nothing was changed.")
		synctest.Wait() // until the person has said all they have to say
		want := []string{"that is not the exact name; it can be typed 2 times more", "that is not the exact name; it can be typed once more", guard.ErrGone.Error()}
		if !slices.Equal(said, want) || len(r.changes()) != 0 {
			t.Errorf("sent %v, told %q", r.changes(), said)
		}
		o.decides = func(d *guard.Desk, a guard.Approval) { // mended at the second try
			_ = d.Decide(a.ID, guard.Decision{Approve: true, Typed: "prdo", Way: guard.Page})
			_ = d.Decide(a.ID, guard.Decision{Approve: true, Typed: "prod", Way: guard.Page})
		}
		must[tools.InstanceChange](r, c, "delete_instance", map[string]any{"instance": "prod"})
		if got := r.changes(); len(got) != 1 {
			t.Errorf("sent %v", got)
		}
	})
}

func TestAPlanServesOnceAndNotForEver(t *testing.T) {
	t.Parallel()
	approve := guard.Decision{Approve: true, Way: guard.Page}
	tests := []struct {
		name string
		play func(r *rig, o *outside, a guard.Approval)
		sent int
	}{
		{"two submissions at once", func(_ *rig, o *outside, a guard.Approval) {
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() { _ = o.desk.Decide(a.ID, approve) })
			}
			both.Wait()
		}, 1},
		{"approved after it was refused", func(_ *rig, o *outside, a guard.Approval) {
			_ = o.desk.Decide(a.ID, guard.Decision{Way: guard.Page})
			_ = o.desk.Decide(a.ID, approve)
		}, 0},
		{"approved after five minutes", func(_ *rig, o *outside, a guard.Approval) {
			after(5 * time.Minute)
			_ = o.desk.Decide(a.ID, approve)
		}, 0},
		{"its status changed meanwhile", func(r *rig, o *outside, a guard.Approval) {
			if err := r.sim.Console().SetStatus(prodID, "updating"); err != nil {
				t.Error(err)
			}
			_ = o.desk.Decide(a.ID, approve)
		}, 0},
		{"another database behind the name", func(r *rig, o *outside, a guard.Approval) {
			if err := errors.Join(r.sim.Console().Rename(prodID, "old"), r.sim.Console().Rename(stagingID, "prod")); err != nil {
				t.Error(err)
			}
			_ = o.desk.Decide(a.ID, approve)
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &outside{}
				r := newRig(t, atPage(o))
				said, _ := r.call(r.connect(modern, nil), "pause_instance", map[string]any{"instance": "prod"})
				pending(t, said)
				tt.play(r, o, o.last(t))
				after(time.Minute)
				if got := r.changes(); len(got) != tt.sent {
					t.Errorf("sent %v", got)
				}
			})
		})
	}
}

func TestSettingsThatChangeWhileAPersonReadsCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var policy guard.Policy
		o := &outside{}
		r := newRig(t, atPage(o), func(o *rigOptions) {
			o.policies = func(string) (guard.Policy, error) { return policy, nil }
		})
		c := r.connect(modern, nil)
		said, _ := r.call(c, "pause_instance", map[string]any{"instance": "prod"})
		pending(t, said)
		policy.Locked = []string{"prod"}
		if err := o.desk.Decide(o.last(t).ID, guard.Decision{Approve: true, Way: guard.Page}); err != nil {
			t.Fatal(err)
		}
		r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "setting locked")
		if got := r.changes(); len(got) != 0 {
			t.Errorf("sent %v", got)
		}
	})
}

func TestACancelledCallTakesItsQuestionBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		pause := map[string]any{"instance": "prod"}
		ctx, cancel := context.WithCancel(t.Context())
		r.begin(ctx, c, "pause_instance", pause)
		after(20 * time.Second)
		cancel()
		after(time.Second)
		a := o.last(t)
		if seen, _ := o.desk.Look(a.ID); seen.Stage != guard.Withdrawn {
			t.Errorf("the page shows %q", seen.Stage)
		}
		if err := o.desk.Decide(a.ID, guard.Decision{Approve: true, Way: guard.Page}); !errors.Is(err, guard.ErrGone) {
			t.Errorf("it could still be approved: %v", err)
		}

		// One that waits for the same thing keeps the question open.
		ctx, cancel = context.WithCancel(t.Context())
		r.begin(ctx, c, "pause_instance", pause)
		after(time.Second)
		other := r.begin(t.Context(), c, "pause_instance", pause)
		after(time.Second)
		cancel()
		after(time.Second)
		if err := o.desk.Decide(o.last(t).ID, guard.Decision{Approve: true, Way: guard.Page}); err != nil {
			t.Error(err)
		}
		if said := <-other; !strings.Contains(said, "accepted") || len(r.changes()) != 1 {
			t.Errorf("sent %v, told %s", r.changes(), said)
		}
	})
}

func TestOneQuestionAtATimeAndThreeInAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		var said []<-chan string
		for _, name := range []string{"prod", "staging", "shop"} {
			said = append(said, r.begin(t.Context(), c, "pause_instance", map[string]any{"instance": name}))
			after(time.Second)
		}
		r.refuses(c, "delete_instance", map[string]any{"instance": "prod"}, "3 operations wait for this person's approval already", "`instances`", "Nothing was changed.")
		if len(o.all()) != 1 {
			t.Fatalf("shown %v", o.all())
		}
		second := o.desk.List()[1]
		if err := o.desk.Decide(second.ID, guard.Decision{Approve: true, Way: guard.Page}); !errors.Is(err, guard.ErrNotShown) {
			t.Errorf("one that is not shown was decided: %v", err)
		}
		after(45 * time.Second)
		for n, want := range []string{"approval page", "1 other question comes before it", "2 other questions come before it"} {
			if text := <-said[n]; !strings.Contains(text, want) {
				t.Errorf("the %d. call is told %s", n+1, text)
			}
		}
		// Each one's five minutes begin when it is shown.
		after(5 * time.Minute)
		if a := o.last(t); len(o.all()) != 2 || a.ID != second.ID || time.Until(a.Expires) < 4*time.Minute {
			t.Fatalf("now shown: %+v", o.all())
		}
		if err := o.desk.Decide(second.ID, guard.Decision{Approve: true, Way: guard.Page}); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if got := r.changes(); len(got) != 1 || !strings.Contains(got[0], stagingID) || len(o.all()) != 3 {
			t.Errorf("sent %v, shown %d", got, len(o.all()))
		}
	})
}

func TestTwoRefusalsOutsideRestToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{decides: says(time.Second, guard.Decision{})}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		for range 2 {
			r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "the person declined")
		}
		r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "Not asked: a person has refused this 2 times")
		if len(o.all()) != 2 {
			t.Errorf("asked %d times", len(o.all()))
		}
	})
}

// fakePIN is a PIN without its slowness.
type fakePIN string

func (f fakePIN) Set() (bool, error)               { return f != "", nil }
func (f fakePIN) Matches(pin string) (bool, error) { return pin == string(f), nil }

func TestThePIN(t *testing.T) {
	t.Parallel()
	remove := map[string]any{"instance": "prod"}
	with := func(o *outside) func(*rigOptions) {
		return func(r *rigOptions) { r.doors, r.pin = guard.Doors{Page: o.door}, fakePIN("4711") }
	}
	try := func(d *guard.Desk, a guard.Approval, pin string) error {
		return d.Decide(a.ID, guard.Decision{Approve: true, Typed: "prod", PIN: pin, Way: guard.Page})
	}
	takesTheRightOne := func(r *rig, c *client.Client, o *outside) {
		o.decides = func(d *guard.Desk, a guard.Approval) { _ = try(d, a, "4711") }
		must[tools.InstanceChange](r, c, "delete_instance", remove)
		if got := r.changes(); len(got) != 1 {
			r.t.Errorf("the right one is not taken: sent %v", got)
		}
	}
	t.Run("the client's answer is not enough", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			o := &outside{decides: func(d *guard.Desk, a guard.Approval) { _ = try(d, a, "4711") }}
			r := newRig(t, with(o))
			must[tools.InstanceChange](r, r.connect(modern, types("prod")), "delete_instance", remove)
			if len(o.all()) != 1 || !o.all()[0].PIN || len(r.changes()) != 1 {
				t.Errorf("shown %+v, sent %v", o.all(), r.changes())
			}
			none := newRig(t, func(o *rigOptions) { o.pin = fakePIN("4711") })
			none.refuses(none.connect(modern, types("prod")), "delete_instance", remove, "needs the approval PIN, which is never typed into a client", "aura-mcp call")
		})
	})
	t.Run("who refuses types none", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, with(&outside{decides: says(time.Second, guard.Decision{})}))
			r.refuses(r.connect(modern, nil), "delete_instance", remove, "the person declined")
		})
	})
	t.Run("what destroys nothing does not ask for it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, with(&outside{}))
			must[tools.InstanceChange](r, r.connect(modern, types("yes")), "pause_instance", remove)
		})
	})
	t.Run("five wrong ones lock it for fifteen minutes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var said []string
			o := &outside{decides: func(d *guard.Desk, a guard.Approval) {
				for n := range 6 {
					err := try(d, a, fmt.Sprint(n))
					if mistake, ok := errors.AsType[*guard.MistakeError](err); !ok || !mistake.PIN {
						t.Errorf("%v", err)
					}
					said = append(said, err.Error())
				}
				said = append(said, try(d, a, "4711").Error())
			}}
			r := newRig(t, with(o))
			c := r.connect(modern, nil)
			text, _ := r.call(c, "delete_instance", remove)
			pending(t, text)
			synctest.Wait() // until the person has typed all of them
			if len(said) != 7 || !strings.Contains(said[4], "that PIN is wrong") || !strings.Contains(said[5], "none is taken before") || !strings.Contains(said[6], "none is taken before") {
				t.Errorf("told %q", said)
			}
			after(16 * time.Minute)
			if got := r.changes(); len(got) != 0 {
				t.Fatalf("sent %v", got)
			}
			r.refuses(c, "delete_instance", remove, "nobody decided within 5 minutes", "call again and they will be asked again")
			takesTheRightOne(r, c, o)
		})
	})
	t.Run("five wrong ones in more than fifteen minutes lock nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			o := &outside{}
			r := newRig(t, with(o))
			c := r.connect(modern, nil)
			for n := range 5 {
				r.call(c, "delete_instance", remove)
				if err := try(o.desk, o.last(t), fmt.Sprint(n)); err == nil || !strings.Contains(err.Error(), "that PIN is wrong") {
					t.Errorf("%d: %v", n, err)
				}
				after(5 * time.Minute) // in which the question expires, too
				r.refuses(c, "delete_instance", remove, "nobody decided within 5 minutes")
			}
			takesTheRightOne(r, c, o)
		})
	})
	t.Run("one that cannot be compared counts as none", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			o := &outside{}
			r := newRig(t, atPage(o), func(o *rigOptions) { o.pin = unsurePIN{} })
			r.call(r.connect(modern, nil), "delete_instance", remove)
			for range 6 {
				if err := try(o.desk, o.last(t), "4711"); err == nil || err.Error() != "the PIN is not taken: disk on fire" {
					t.Error(err)
				}
			}
		})
	})
	t.Run("a PIN that cannot be read stops what destroys", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			o := &outside{}
			r := newRig(t, atPage(o), func(o *rigOptions) { o.pin = brokenPIN{} })
			c := r.connect(modern, types("prod"))
			r.refuses(c, "delete_instance", remove, "nothing is destroyed", "disk on fire", "Nothing was changed.")
		})
	})
}

type unsurePIN struct{}

func (unsurePIN) Set() (bool, error)           { return true, nil }
func (unsurePIN) Matches(string) (bool, error) { return false, errors.New("disk on fire") }

type brokenPIN struct{}

func (brokenPIN) Set() (bool, error)           { return false, errors.New("disk on fire") }
func (brokenPIN) Matches(string) (bool, error) { return passphrase.Matches("", "") }

func TestTheSettingChoosesTheWay(t *testing.T) {
	t.Parallel()
	remove, pause := map[string]any{"instance": "prod"}, map[string]any{"instance": "prod"}
	tests := []struct {
		name        string
		policy      guard.Policy
		tool        string
		onPage      bool
		arguments   map[string]any
		typed       string
		wantRefusal string
	}{
		{"the client first", guard.Policy{}, "delete_instance", false, remove, "prod", ""},
		{"the page for everything", guard.Policy{Approval: guard.WayByEffect{Default: guard.Page}}, "pause_instance", true, pause, "yes", ""},
		{"the page for what destroys", guard.Policy{Approval: guard.WayByEffect{Default: guard.Auto, Destructive: guard.Page}}, "delete_instance", true, remove, "prod", ""},
		{"and not for the rest", guard.Policy{Approval: guard.WayByEffect{Default: guard.Auto, Destructive: guard.Page}}, "pause_instance", false, pause, "yes", ""},
		{"what is protected", guard.Policy{Protected: []string{"prod"}}, "delete_instance", true, remove, "prod", ""},
		{"even where the client is to ask", guard.Policy{Protected: []string{"prod"}, Approval: guard.WayByEffect{Default: guard.Elicitation}}, "delete_instance", false, remove, "prod", "setting protected"},
		{"the strictest of two", guard.Policy{Approval: guard.WayByEffect{Billable: guard.Page, Disruptive: guard.Elicitation}}, "update_instance", true, map[string]any{"instance": "shop", "memory": "16GB", "graph_analytics_plugin": true}, "yes", ""},
		{"never", guard.Policy{Approval: guard.WayByEffect{Default: guard.Page, Disruptive: guard.Never}}, "pause_instance", false, pause, "yes", "asks for none (setting approval)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := &outside{decides: says(0, guard.Decision{Approve: true, Typed: tt.typed})}
				r := newRig(t, atPage(o), func(o *rigOptions) { o.policy = tt.policy })
				said, failed := r.call(r.connect(modern, types(tt.typed)), tt.tool, tt.arguments)
				if failed != (tt.wantRefusal != "") || !strings.Contains(said, tt.wantRefusal) || (len(o.all()) == 1) != tt.onPage || (len(r.changes()) == 1) == failed {
					t.Errorf("shown %d times, sent %v, told %s", len(o.all()), r.changes(), said)
				}
			})
		})
	}
}

func TestWaitingForPeopleLeavesWorkersFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		r := newRig(t, atPage(o), func(o *rigOptions) { o.waiting = 2 })
		silent := person(func(ctx context.Context, _ string) (*mcp.ElicitationResult, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		asking := r.connect(legacy, silent)
		for _, name := range []string{"prod", "staging"} {
			r.begin(t.Context(), asking, "pause_instance", map[string]any{"instance": name})
		}
		after(time.Second)
		begun := time.Now()
		r.refuses(asking, "pause_instance", map[string]any{"instance": "shop"}, "too many questions wait")
		said, _ := r.call(r.connect(modern, nil), "pause_instance", map[string]any{"instance": "shop"})
		pending(t, said)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("they were answered after %v", took)
		}
		after(time.Minute)
		r.refuses(asking, "pause_instance", map[string]any{"instance": "staging"}, "nobody answered") // the places are free again
	})
}

package auraclient_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"aura-mcp/auraclient"
)

// step is what Aura answers from a time on.
type step struct {
	at time.Duration
	reply
}

// timeline answers by the last step whose time has come.
func timeline(t *testing.T, steps ...step) *fakeAura {
	began := time.Now()
	return &fakeAura{t: t, answer: func(_ int, s sent) reply {
		now := steps[0].reply
		for _, step := range steps {
			if s.at.Sub(began) >= step.at {
				now = step.reply
			}
		}
		return now
	}}
}

func is(at time.Duration, status auraclient.Status) step { return step{at, ok(instanceJSON(status))} }

const secs = time.Second

func missing(at time.Duration) step {
	return step{at, refused(404, "db-not-found", "DB not found: 2f49c2b3")}
}

func TestInstanceWaitSucceeds(t *testing.T) {
	running := []auraclient.Status{auraclient.StatusRunning}
	for _, test := range []struct {
		name     string
		wait     auraclient.InstanceWait
		steps    []step
		earliest time.Duration // and not later than one poll after it
		last     auraclient.Status
	}{
		{"at once when it is so already", auraclient.InstanceWait{For: running}, []step{is(0, "running")}, 0, "running"},
		{"when the status comes", auraclient.InstanceWait{For: running}, []step{is(0, "resuming"), is(90*secs, "running")}, 90 * secs, "running"},
		{"through statuses it does not know", auraclient.InstanceWait{For: running},
			[]step{is(0, "meditating"), is(20*secs, "ready"), is(40*secs, "paused"), is(60*secs, "running")}, 60 * secs, "running"},
		{"on any of several", auraclient.InstanceWait{For: []auraclient.Status{"running", "paused"}}, []step{is(0, "pausing"), is(5*secs, "paused")}, 5 * secs, "paused"},
		{"after an accepted change was seen", auraclient.InstanceWait{For: running, Accepted: true},
			[]step{is(0, "running"), is(8*secs, "restoring"), is(20*secs, "running")}, 20 * secs, "running"},
		{"after thirty seconds when the change was too quick to be seen", auraclient.InstanceWait{For: running, Accepted: true}, []step{is(0, "running")}, 30 * secs, "running"},
		{"when a failed instance is repaired by a change", auraclient.InstanceWait{For: running, Accepted: true},
			[]step{is(0, "loading failed"), is(10*secs, "overwriting"), is(40*secs, "running")}, 40 * secs, "running"},
		{"on a failed status that was asked for", auraclient.InstanceWait{For: []auraclient.Status{"loading failed"}}, []step{is(0, "loading"), is(9*secs, "loading failed")}, 9 * secs, "loading failed"},
		{"although a new instance is not known yet", auraclient.InstanceWait{For: running, Accepted: true, Creating: true},
			[]step{missing(0), is(50*secs, "creating"), is(100*secs, "running")}, 100 * secs, "running"},
		{"when it is gone", auraclient.InstanceWait{Gone: true, Accepted: true}, []step{is(0, "destroying"), missing(70 * secs)}, 70 * secs, "destroying"},
		{"when it is gone with 410", auraclient.InstanceWait{Gone: true}, []step{is(0, "destroying"), {5 * secs, refused(410, "db-already-deleted", "")}}, 5 * secs, "destroying"},
		{"when it was gone before", auraclient.InstanceWait{Gone: true}, []step{missing(0)}, 0, ""},
		{"through failures to read", auraclient.InstanceWait{For: running}, []step{
			is(0, "resuming"), {3 * secs, status(500)}, {10 * secs, connectionReset()}, {30 * secs, status(503)},
			{60 * secs, status(429).with("Retry-After", "20")}, is(75*secs, "running"),
		}, 80 * secs, "running"},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := timeline(t, test.steps...)
			began := time.Now()
			got, err := newClient(t, f).Instances.Wait(t.Context(), "2f49c2b3", test.wait)
			noError(t, err)
			if got.ID != "2f49c2b3" || got.Status != test.last {
				t.Errorf("got %+v", got)
			}
			if d := time.Since(began); d < test.earliest || d > test.earliest+12*secs {
				t.Errorf("took %v, want about %v", d, test.earliest)
			}
		})
	}
}

func TestInstanceWaitFails(t *testing.T) {
	running := []auraclient.Status{auraclient.StatusRunning}
	for _, test := range []struct {
		name  string
		wait  auraclient.InstanceWait
		steps []step
		after time.Duration
		want  string
	}{
		{"on a failed status", auraclient.InstanceWait{For: running}, []step{is(0, "loading"), is(20*secs, "loading failed")}, 20 * secs,
			"wait for instance 2f49c2b3 to be running: it ended as loading failed"},
		{"on a broken encryption key", auraclient.InstanceWait{For: running, Gone: true}, []step{is(0, "encryption key deleted")}, 0,
			"wait for instance 2f49c2b3 to be running or gone: it ended as encryption key deleted"},
		{"on an old failure that stays", auraclient.InstanceWait{For: running, Accepted: true}, []step{is(0, "loading failed")}, 30 * secs,
			"wait for instance 2f49c2b3 to be running: it ended as loading failed"},
		{"when it vanishes", auraclient.InstanceWait{For: running}, []step{is(0, "resuming"), missing(10 * secs)}, 10 * secs,
			"wait for instance 2f49c2b3 to be running: it does not exist; last status: resuming"},
		{"when it never was", auraclient.InstanceWait{For: running}, []step{missing(0)}, 0,
			"wait for instance 2f49c2b3 to be running: it does not exist; last status: not known"},
		{"when a new one stays unknown for more than a minute", auraclient.InstanceWait{For: running, Creating: true}, []step{missing(0)}, 60 * secs,
			"wait for instance 2f49c2b3 to be running: it does not exist; last status: not known"},
		{"when time is up", auraclient.InstanceWait{For: running}, []step{is(0, "resuming")}, 5 * time.Minute,
			"wait for instance 2f49c2b3 to be running: context deadline exceeded; last status: resuming"},
		{"when time is up and it changed to something else", auraclient.InstanceWait{For: running}, []step{is(0, "pausing"), is(20*secs, "paused")}, 5 * time.Minute,
			"wait for instance 2f49c2b3 to be running: context deadline exceeded; last status: paused"},
		{"when time is up and nothing could be read", auraclient.InstanceWait{For: running}, []step{{0, status(500)}}, 5 * time.Minute,
			"wait for instance 2f49c2b3 to be running: context deadline exceeded; last status: not known; last reading: GET /v1/instances/2f49c2b3: 500 internal server error"},
		{"at once without permission", auraclient.InstanceWait{For: running}, []step{{0, refused(403, "unauthorized", "no")}}, 0,
			"GET /v1/instances/2f49c2b3: 403 unauthorized: no"},
		{"at once on a page in between, which proves nothing gone", auraclient.InstanceWait{Gone: true}, []step{{0, reply{status: 404, body: "<html>proxy</html>"}}}, 0,
			"GET /v1/instances/2f49c2b3: 404 not found: proxy"},
		{"at once on an answer it cannot read", auraclient.InstanceWait{For: running}, []step{{0, ok("<html>")}}, 0,
			"GET /v1/instances/2f49c2b3: the answer is not the JSON that aura documents"},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := timeline(t, test.steps...)
			began := time.Now()
			got, err := newClient(t, f).Instances.Wait(within(t, 5*time.Minute), "2f49c2b3", test.wait)
			if err == nil || err.Error() != test.want {
				t.Fatalf("got %v\nwant %s", err, test.want)
			}
			if d := time.Since(began); d < test.after || d > test.after+12*secs {
				t.Errorf("took %v, want about %v", d, test.after)
			}
			var end *auraclient.WaitError
			if errors.As(err, &end) && end.Instance != got {
				t.Errorf("the error has instance %v, returned was %v", end.Instance, got)
			}
		})
	}
}

func TestInstanceWaitIsPatientWithTheBudget(t *testing.T) {
	inBubble(t, "polls come every two to ten seconds", func(t *testing.T) {
		f := timeline(t, is(0, "resuming"))
		_, err := newClient(t, f).Instances.Wait(within(t, 3*time.Minute), "2f49c2b3", auraclient.InstanceWait{For: []auraclient.Status{"running"}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		for i := 1; i < len(f.calls); i++ {
			if gap := f.calls[i].at.Sub(f.calls[i-1].at); gap < 1600*time.Millisecond || gap > 12*secs {
				t.Errorf("poll %d came after %v", i, gap)
			}
		}
		if n := len(f.calls); n < 15 || n > 30 {
			t.Errorf("%d polls in three minutes", n)
		}
	})
	inBubble(t, "a poll that has no room is not the end", func(t *testing.T) {
		f := timeline(t, is(0, "resuming"))
		client := newClient(t, f, auraclient.WithRateLimit(1))
		began := time.Now()
		got, err := client.Instances.Wait(within(t, 30*secs), "2f49c2b3", auraclient.InstanceWait{For: []auraclient.Status{"running"}})
		end := wantError[*auraclient.WaitError](t, err)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 30*secs || got.Status != "resuming" {
			t.Errorf("after %v: %v, %v", time.Since(began), got, err)
		}
		if wantError[*auraclient.BudgetError](t, end.ReadErr).Wait == 0 {
			t.Error("the error does not say how long the next poll would have taken")
		}
	})
	inBubble(t, "a cancelled wait ends at once, even during a poll", func(t *testing.T) {
		f := timeline(t, is(0, "resuming"), step{1 * secs, reply{status: 200, after: time.Hour}})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*secs, cancel)
		began := time.Now()
		got, err := newClient(t, f).Instances.Wait(ctx, "2f49c2b3", auraclient.InstanceWait{For: []auraclient.Status{"running"}})
		if end := wantError[*auraclient.WaitError](t, err); !errors.Is(err, context.Canceled) || end.Status != "resuming" || got.Status != "resuming" {
			t.Errorf("got %v, %v", got, err)
		}
		if time.Since(began) != 20*secs {
			t.Errorf("took %v", time.Since(began))
		}
	})
	inBubble(t, "every reading is reported", func(t *testing.T) {
		f := script(t, ok(instanceJSON("creating")), ok(instanceJSON("creating")), ok(instanceJSON("running")))
		var seen []auraclient.Status
		_, err := newClient(t, f).Instances.Wait(t.Context(), "2f49c2b3", auraclient.InstanceWait{
			For: []auraclient.Status{"running"}, OnUpdate: func(i auraclient.Instance) { seen = append(seen, i.Status) },
		})
		noError(t, err)
		if !slices.Equal(seen, []auraclient.Status{"creating", "creating", "running"}) {
			t.Errorf("saw %q", seen)
		}
	})
}

func TestWaitIsNotFooledByTheTokenEndpoint(t *testing.T) {
	inBubble(t, "whose 404 says nothing about the instance", func(t *testing.T) {
		f := script(t)
		f.token = func(int, sent) reply { return status(404) }
		_, err := newClient(t, f).Instances.Wait(t.Context(), "2f49c2b3", auraclient.InstanceWait{Gone: true})
		if err == nil {
			t.Error("the instance was reported gone")
		}
	})
}

func TestSnapshotWait(t *testing.T) {
	snapshot := func(at time.Duration, status string) step {
		return step{at, ok(`{"data":{"instance_id":"a","snapshot_id":"s","status":"` + status + `"}}`)}
	}
	for _, test := range []struct {
		name  string
		steps []step
		after time.Duration
		want  string
	}{
		{"ends with the snapshot", []step{snapshot(0, "Pending"), snapshot(20*secs, "InProgress"), snapshot(60*secs, "Completed")}, 60 * secs, ""},
		{"goes on with an unknown status", []step{snapshot(0, "Thinking"), snapshot(30*secs, "Completed")}, 30 * secs, ""},
		{"goes on with a failed reading", []step{{0, status(500)}, snapshot(30*secs, "Completed")}, 30 * secs, ""},
		{"fails with the snapshot", []step{snapshot(0, "Pending"), snapshot(20*secs, "Failed")}, 20 * secs, "wait for snapshot s to be Completed: it ended as Failed"},
		{"fails when it is cancelled", []step{snapshot(0, "Cancelled")}, 0, "wait for snapshot s to be Completed: it ended as Cancelled"},
		{"fails without the snapshot", []step{{0, refused(404, "snapshot-not-found", "")}}, 0, "wait for snapshot s to be Completed: it does not exist; last status: not known"},
		{"fails when time is up", []step{snapshot(0, "InProgress")}, 5 * time.Minute, "wait for snapshot s to be Completed: context deadline exceeded; last status: InProgress"},
		{"fails without permission", []step{{0, refused(403, "unauthorized", "no")}}, 0, "GET /v1/instances/a/snapshots/s: 403 unauthorized: no"},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := timeline(t, test.steps...)
			began := time.Now()
			var seen *auraclient.Snapshot
			got, err := newClient(t, f).Snapshots.Wait(within(t, 5*time.Minute), "a", "s", func(s auraclient.Snapshot) { seen = &s })
			if text := errorText(err); text != test.want {
				t.Fatalf("got %q\nwant %q", text, test.want)
			}
			if d := time.Since(began); d < test.after || d > test.after+12*secs {
				t.Errorf("took %v, want about %v", d, test.after)
			}
			if (got == nil) != (seen == nil) || got != nil && got.Status != seen.Status {
				t.Errorf("returned %v, last reported %v", got, seen)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

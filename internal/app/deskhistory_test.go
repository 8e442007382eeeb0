package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
)

func TestTheDeskKnowsWhenAQuestionEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{decides: says(2*time.Second, guard.Decision{})}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "declined")
		declined := o.last(t).ID
		if seen, _ := o.desk.Look(declined); seen.Stage != guard.Denied || !seen.Ended.Equal(time.Now()) {
			t.Errorf("the one that was declined: %+v", seen)
		}
		o.decides = says(2*time.Second, guard.Decision{Approve: true})
		r.sim.Fail(aurasim.Fault{Method: http.MethodPost, Kind: aurasim.Delay, Delay: 20 * time.Second})
		said := r.begin(t.Context(), c, "pause_instance", map[string]any{"instance": "staging"})
		after(10 * time.Second)
		runs := o.last(t).ID
		if seen, _ := o.desk.Look(runs); seen.Stage != guard.Running || !seen.Ended.IsZero() {
			t.Errorf("the one that runs: %+v", seen)
		}
		<-said
		synctest.Wait()
		if seen, _ := o.desk.Look(runs); seen.Stage != guard.Finished || seen.Ended.IsZero() {
			t.Errorf("the one that has run: %+v", seen)
		}
		after(16 * time.Minute)
		r.call(c, "pause_instance", map[string]any{"instance": "shop"})
		for _, id := range []string{declined, runs} {
			if seen, known := o.desk.Look(id); known {
				t.Errorf("a quarter of an hour later there still is %+v", seen)
			}
		}
		if _, known := o.desk.Look(o.last(t).ID); !known {
			t.Error("the newest is forgotten, too")
		}
	})
}

func TestAQuestionThatIsTakenBackLeavesTheTimeOfTheOneBeforeIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		r.call(c, "pause_instance", map[string]any{"instance": "prod"})
		gone, cancel := context.WithCancel(t.Context())
		said := r.begin(gone, c, "pause_instance", map[string]any{"instance": "staging"})
		after(time.Second)
		if waiting := o.desk.List(); len(waiting) != 2 || waiting[1].Position != 1 {
			t.Fatalf("%+v", waiting)
		}
		cancel()
		<-said
		after(time.Second)
		if waiting := o.desk.List(); len(waiting) != 1 {
			t.Fatalf("%+v", waiting)
		}
		after(5 * time.Minute)
		if waiting := o.desk.List(); len(waiting) != 0 {
			t.Errorf("its time is over, and it waits: %+v", waiting)
		}
		entries, _, _ := r.journal.Read(time.Time{})
		if !slices.ContainsFunc(entries, func(e audit.Entry) bool { return strings.Contains(e.Decision, "nobody decided within 5 minutes") }) {
			t.Errorf("the audit has %+v", entries)
		}
	})
}

// form is a client's person who looks at the fields and declines.
type form func(mcp.ElicitationParams)

// Elicit shows the form.
func (f form) Elicit(_ context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	f(request.Params)
	after(2 * time.Second)
	return answered(mcp.ElicitationResponseActionDecline, ""), nil
}

func TestTheFormSaysWhatToType(t *testing.T) {
	t.Parallel()
	for _, era := range []string{legacy, modern} {
		synctest.Test(t, func(t *testing.T) {
			var shown string
			r := newRig(t)
			c := r.connect(era, form(func(p mcp.ElicitationParams) {
				encoded, err := json.Marshal(p.RequestedSchema)
				if err != nil {
					t.Error(err)
				}
				shown = string(encoded)
			}))
			for _, tt := range []struct {
				tool, want string
			}{{"pause_instance", "Type yes to approve"}, {"delete_instance", "Type the name to approve"}} {
				r.refuses(c, tt.tool, map[string]any{"instance": "prod"}, "Nothing was changed.")
				if !strings.Contains(shown, tt.want) {
					t.Errorf("%s shows %s", tt.tool, shown)
				}
			}
			if err := r.sim.Console().Rename(stagingID, "prod"); err != nil {
				t.Fatal(err)
			}
			r.refuses(c, "delete_instance", map[string]any{"instance": prodID}, "Nothing was changed.")
			if !strings.Contains(shown, "Type the ID to approve") {
				t.Errorf("where the name is another's, too, it shows %s", shown)
			}
		})
	}
}

func TestOnlyTheLastCallTakesItsQuestionBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		pause := map[string]any{"instance": "prod"}
		cancelled := func() (n int) {
			entries, _, _ := r.journal.Read(time.Time{})
			for _, e := range entries {
				if strings.Contains(e.Decision, "cancelled before anybody decided") {
					n++
				}
			}
			return n
		}
		first, leave := context.WithCancel(t.Context())
		second, leaveToo := context.WithCancel(t.Context())
		saidFirst := r.begin(first, c, "pause_instance", pause)
		after(time.Second)
		saidSecond := r.begin(second, c, "pause_instance", pause)
		after(time.Second)
		leave()
		<-saidFirst
		after(time.Second)
		if len(o.desk.List()) != 1 || cancelled() != 0 {
			t.Errorf("another call waits for it: %+v, %d in the audit", o.desk.List(), cancelled())
		}
		leaveToo()
		<-saidSecond
		after(time.Second)
		if len(o.desk.List()) != 0 || cancelled() != 1 {
			t.Errorf("nobody waits for it: %+v, %d in the audit", o.desk.List(), cancelled())
		}
	})
}

func TestWhatNobodyHasDecidedEndsWithTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{unseen: true}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		for _, name := range []string{"prod", "staging"} {
			said, _ := r.call(c, "pause_instance", map[string]any{"instance": name})
			pending(t, said)
		}
		first := o.last(t)
		r.gate.Settle()
		if err := o.desk.Decide(first.ID, guard.Decision{Approve: true, Way: guard.Page}); !errors.Is(err, guard.ErrGone) {
			t.Errorf("it was decided afterwards: %v", err)
		}
		if seen, _ := o.desk.Look(first.ID); seen.Stage != guard.Withdrawn || len(o.desk.List()) != 0 || len(o.all()) != 1 {
			t.Errorf("it is %s, %d are open, %d were shown", seen.Stage, len(o.desk.List()), len(o.all()))
		}
		entries, _, err := r.journal.Read(time.Time{})
		if err != nil || len(entries) != 2 || entries[0].Decision != "Not approved: the server ended before anybody decided. Nothing was changed." || entries[1].Decision != entries[0].Decision || len(r.changes()) != 0 {
			t.Errorf("the audit has %+v, %v; sent %v", entries, err, r.changes())
		}
	})
}

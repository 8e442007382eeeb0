package guard

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"aura-mcp/internal/op"
)

const (
	deniedTwice = 2
	deniedRest  = 10 * time.Minute
)

// denials remembers what a person has refused, so that a model that asks again and again does not wear them down.
type denials struct {
	mu    sync.Mutex
	times map[string][]time.Time
}

// subject is what a denial is about: the operation and its targets, whatever else the arguments say.
func subject(t task, plan op.Plan) string {
	about := []string{t.call.Caller.Profile, t.call.Caller.Principal, t.Operation.Spec.Name}
	for _, r := range plan.Targets {
		about = append(about, r.ID)
	}
	return strings.Join(about, " ")
}

func newDenials() *denials { return &denials{times: map[string][]time.Time{}} }

func (d *denials) add(about string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.times[about] = append(d.recent(about), time.Now())
}

// recent are the denials that still count.
func (d *denials) recent(about string) []time.Time {
	var out []time.Time
	for _, at := range d.times[about] {
		if time.Since(at) < deniedRest {
			out = append(out, at)
		}
	}
	return out
}

// rest refuses a request that a person has denied twice within the last minutes, without asking them again.
func (d *denials) rest(about string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	recent := d.recent(about)
	if len(recent) < deniedTwice {
		delete(d.times, about)
		if len(recent) > 0 {
			d.times[about] = recent
		}
		return nil
	}
	return &op.Error{
		What:      fmt.Sprintf("not asked: a person has refused this %d times in the last minutes", len(recent)),
		Next:      fmt.Sprintf("do something else; it can be asked again at %s at the earliest, and only if the person wants it", recent[0].Add(deniedRest).Format("15:04 MST")),
		Unchanged: true,
	}
}

package aurasim

import (
	"context"
	"net/http"
	"path"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind int

// The kinds of faults. Whether the request was carried out is the point of most of them: a client cannot tell.
const (
	Answer    FaultKind = iota // another answer instead of the real one; see [Fault.After]
	CutBefore                  // the connection is cut before the request is read: not carried out
	CutAfter                   // carried out, the connection is cut before the answer
	CutInBody                  // carried out, the connection is cut in the middle of the answer's body
	Delay                      // answered as usual, Fault.Delay later
	HugeBody                   // carried out, the answer has 10 MB of padding
	Refused                    // the connection is refused: never received; over a socket, which is open already, as CutBefore
	SlowBody                   // carried out, the second half of the answer's body comes Fault.Delay after the first
)

// Fault is something that goes wrong with one request, or with Times requests.
type Fault struct {
	Method string // "" is any
	Path   string // a pattern as in [path.Match] on the decoded path, "/oauth/token" included; "" is any
	Times  int    // 0 means 1
	Skip   int    // how many requests that match are spared first
	Kind   FaultKind

	// Status, Header and Body are the answer of the kind Answer. Status 0 is the real answer, for a fault that only
	// delays; an empty Body is the gateway's usual one for the status, unless NoBody says that there is none at all.
	Status int
	Header http.Header
	Body   string
	NoBody bool

	// Delay is waited for with every kind, unless the request's context ends before; by SlowBody within the answer.
	Delay time.Duration

	// After carries the request out first: an Answer then comes instead of the real one (a 502 about an instance that
	// was created), and a Delay is between the deed and the answer.
	After bool
}

func (f Fault) strikes(method, requestPath string) bool {
	if f.Method != "" && f.Method != method {
		return false
	}
	if f.Path == "" || f.Path == requestPath {
		return true
	}
	ok, err := path.Match(f.Path, requestPath)
	return err == nil && ok
}

// replaces tells whether the real answer is not wanted.
func (f Fault) replaces() bool { return f.Kind == Answer && f.Status != 0 }

// carriesOut tells whether the request takes effect.
func (f Fault) carriesOut() bool {
	return f.Kind != CutBefore && f.Kind != Refused && (f.After || !f.replaces())
}

func (f Fault) answer() answer {
	body := []byte(f.Body)
	if len(body) == 0 && !f.NoBody {
		body = gateway(f.Status, http.StatusText(f.Status)).answer().body
	}
	return answer{status: f.Status, header: f.Header, body: body}
}

// wait is interrupted by the end of the context, as a client's patience is.
func (f Fault) wait(ctx context.Context) error {
	if f.Delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// faults are the armed one-shot faults and the preset behind them.
type faults struct {
	armed  []Fault
	preset *misfortune
}

func newFaults(p Preset, seed uint64) *faults { return &faults{preset: newMisfortune(p, seed)} }

func (f *faults) arm(fault Fault) {
	fault.Times = max(1, fault.Times)
	f.armed = append(f.armed, fault)
}

// next is the fault for this request; the zero fault is none.
func (f *faults) next(method, requestPath string, now time.Time) Fault {
	for i := range f.armed {
		if !f.armed[i].strikes(method, requestPath) {
			continue
		}
		if f.armed[i].Skip > 0 {
			f.armed[i].Skip--
			continue
		}
		struck := f.armed[i]
		if f.armed[i].Times--; f.armed[i].Times == 0 {
			f.armed = append(f.armed[:i:i], f.armed[i+1:]...)
		}
		return struck
	}
	return f.preset.next(requestPath, now)
}

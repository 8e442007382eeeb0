package health

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"aura-mcp/internal/text"
)

// Bound is where a signal becomes a warning and where critical. Nil means never,
// and in [Thresholds.Override] that it stays as it is.
type Bound struct {
	Warning  *float64 `json:"warning,omitempty"`
	Critical *float64 `json:"critical,omitempty"`
}

// Thresholds are the bounds of all signals. The zero value has the defaults of
// [Signals]; it never changes, as every change makes another.
type Thresholds struct {
	changed     map[string]Bound
	connections int
}

// ThresholdError means that a threshold cannot be set like this.
type ThresholdError struct {
	Signal  string
	Problem string
}

// Error names the signal and the problem.
func (e *ThresholdError) Error() string {
	return "threshold of " + text.Quote(e.Signal) + " " + e.Problem
}

// Of returns the bound of a signal, and false when there is no such signal.
func (t Thresholds) Of(id string) (Bound, bool) {
	s, ok := signalByID(id)
	if !ok {
		return Bound{}, false
	}
	return t.of(s), true
}

func (t Thresholds) of(s signal) Bound {
	b := s.bound()
	if c, ok := t.changed[s.id]; ok {
		b.apply(c)
	}
	return b
}

func (b *Bound) apply(c Bound) {
	if c.Warning != nil {
		b.Warning = new(*c.Warning)
	}
	if c.Critical != nil {
		b.Critical = new(*c.Critical)
	}
}

// Override returns thresholds with other bounds for one signal, in the signal's
// unit. It refuses, with a [*ThresholdError], a signal that does not exist or has
// nothing to adjust, a value outside its range, and a warning beyond its critical.
// Give both bounds at once where the new ones do not fit the old.
func (t Thresholds) Override(id string, b Bound) (Thresholds, error) {
	refuse := func(format string, args ...any) (Thresholds, error) {
		return t, &ThresholdError{Signal: id, Problem: fmt.Sprintf(format, args...)}
	}
	s, ok := signalByID(id)
	if !ok {
		return refuse("is for no signal there is: they are %s", strings.Join(adjustable(), ", "))
	}
	if s.most == 0 {
		return refuse("cannot be changed: what it finds is never right")
	}
	for _, v := range []*float64{b.Warning, b.Critical} {
		if v != nil && (math.IsNaN(*v) || *v < s.least || *v > s.most) {
			return refuse("must be from %s to %s %s, not %s", plainNumber(s.least), plainNumber(s.most), s.unit, plainNumber(*v))
		}
	}
	if b.Warning == nil && b.Critical == nil {
		return t, nil
	}
	now := t.changed[id]
	now.apply(b)
	whole := t.of(s)
	whole.apply(b)
	if w, c := whole.Warning, whole.Critical; w != nil && c != nil {
		switch {
		case s.lower() && *w <= *c:
			return refuse("must have its warning (%s) above its critical (%s), as lower is worse", plainNumber(*w), plainNumber(*c))
		case !s.lower() && *w >= *c:
			return refuse("must have its warning (%s) below its critical (%s)", plainNumber(*w), plainNumber(*c))
		}
	}
	t.changed = maps.Clone(t.changed)
	if t.changed == nil {
		t.changed = map[string]Bound{}
	}
	t.changed[id] = now
	return t, nil
}

// WithConnectionLimit returns thresholds that know how many Bolt connections the
// instance allows, which its metrics do not say: the details in the Aura console
// do. 80 % of it is a warning, 95 % critical. 0 means not known.
func (t Thresholds) WithConnectionLimit(n int) (Thresholds, error) {
	if n < 0 || n > 1_000_000 {
		return t, &ThresholdError{Signal: "connections", Problem: fmt.Sprintf("must have a limit from 0 to 1000000, not %d", n)}
	}
	t.connections = n
	return t, nil
}

func (t Thresholds) isChanged(id string) bool {
	_, ok := t.changed[id]
	return ok
}

func adjustable() []string {
	var ids []string
	for _, s := range Signals() {
		if s.Most > 0 {
			ids = append(ids, s.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

package guard

import (
	"fmt"
	"time"

	"aura-mcp/internal/op"
)

// PIN is a number or word that a person types where something is destroyed, so that holding their keyboard is not enough.
type PIN interface {
	// Set reports whether one has been set.
	Set() (bool, error)
	// Matches reports whether this is it. It is slow on purpose.
	Matches(pin string) (bool, error)
}

const (
	maxWrongPINs = 5
	lockedFor    = 15 * time.Minute
	// wrongPIN is how the journal knows a wrong one. They are counted there, so that a restart begins no new count.
	wrongPIN = "not approved: the approval PIN was wrong"
)

// pinned reports whether a PIN is asked. Where that cannot be told, nothing is destroyed.
func (g *Gate) pinned() (bool, error) {
	if g.PIN == nil {
		return false, nil
	}
	set, err := g.PIN.Set()
	if err != nil {
		return false, &op.Error{
			What: "whether the approval PIN is set cannot be read, so nothing is destroyed: " + err.Error(),
			Next: "tell the person to mend that; `aura-mcp approve --set-pin` sets a new one", Unchanged: true, Err: err,
		}
	}
	return set, nil
}

// checkPIN is nil where the right one came with a decision. One is tried at a time: tries at once would not count each other.
func (g *Gate) checkPIN(e *entry, by Decision) error {
	var mistake string
	err := g.Journal.Exclusively(func() (err error) {
		mistake, err = g.tryPIN(e, by)
		return err
	})
	switch {
	case err != nil: // uncounted tries would make guessing free
		return &MistakeError{PIN: true, What: "the PIN is not taken: " + err.Error()}
	case mistake != "":
		return &MistakeError{PIN: true, What: mistake}
	}
	return nil
}

// tryPIN says what is wrong with a PIN, "" where it is the right one.
func (g *Gate) tryPIN(e *entry, by Decision) (mistake string, err error) {
	until, err := g.lockedUntil()
	if err != nil {
		return "", err
	}
	if time.Now().Before(until) {
		return fmt.Sprintf("after %d wrong PINs none is taken before %s", maxWrongPINs, until.Format("15:04 MST")), nil
	}
	right, err := g.PIN.Matches(by.PIN)
	if err != nil || right {
		return "", err
	}
	line := g.line(e.task, e.plan, by.Way)
	line.Decision = wrongPIN
	return fmt.Sprintf("that PIN is wrong; after %d wrong ones none is taken for %d minutes", maxWrongPINs, int(lockedFor.Minutes())), g.Journal.Write(line)
}

// lockedUntil is when the next PIN is taken, after too many wrong ones within a short time, whoever gave them.
func (g *Gate) lockedUntil() (time.Time, error) {
	entries, _, err := g.Journal.Read(time.Now().Add(-2 * lockedFor))
	if err != nil {
		return time.Time{}, err
	}
	var wrong []time.Time
	for _, e := range entries { // the newest first
		if e.Decision == wrongPIN {
			wrong = append(wrong, e.Time)
		}
	}
	if len(wrong) < maxWrongPINs || wrong[0].Sub(wrong[maxWrongPINs-1]) > lockedFor {
		return time.Time{}, nil
	}
	return wrong[0].Add(lockedFor), nil
}

package approval

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// screen is what the page shows: a plan at its stage, and what was wrong with the last answer.
type screen struct {
	guard.Approval
	Before  *guard.Approval // the plan that this page showed before
	Problem string          // why the answer was not taken
	AtPIN   bool            // the problem is with the PIN
	Typed   string          // the answer, to be mended
	Late    bool            // the answer came when the plan was not open any more
	// Person is who has signed in, and Passwords how many wait for them; neither is there at the person's own machine.
	Person    string
	Passwords int
}

// leftOpen is how long a page with an outcome goes on looking for the next plan.
const leftOpen = 10 * time.Minute

// refresh is when the page looks again and where, without script. A page with a form does not: it would lose what is typed.
func (s screen) refresh() (wait time.Duration, to string) {
	switch s.Stage {
	case guard.Shown:
		return 0, ""
	case guard.Queued, guard.Running:
		return refresh, s.ID
	case idle:
		return 0, ""
	}
	if time.Since(s.Ended) > leftOpen {
		return 0, ""
	}
	return refresh, "./?after=" + s.ID
}

// title is what the browser's tab says.
func (s screen) title() string {
	switch s.Stage {
	case guard.Shown:
		return "Approve? " + s.Preview.Headline
	case guard.Running:
		return "Running: " + s.Preview.Headline
	}
	return s.heading()
}

// heading is the outcome in a word or two.
func (s screen) heading() string {
	switch s.Stage {
	case guard.Queued:
		return "Another question comes first"
	case guard.Shown, guard.Running:
		return s.Preview.Headline
	case guard.Finished:
		return verdictOf(s.Approval)
	case guard.Denied:
		return "Refused"
	case guard.Expired:
		return "Too late"
	case guard.Withdrawn:
		return "Withdrawn"
	case closed:
		return "This question is not open"
	}
	return "Nothing to approve"
}

// verdictOf says how an approved plan went. What Aura has taken on is not done yet.
func verdictOf(a guard.Approval) string {
	switch a.State {
	case "", op.Failed:
		return "It did not go well"
	case op.Unknown:
		return "It is not known how it went"
	case op.Accepted:
		return "Aura is carrying it out"
	}
	return "Done"
}

// tone is the colour of the page's bar.
func (s screen) tone() string {
	switch {
	case s.Stage == guard.Shown && s.Preview.Confirm != "":
		return "danger"
	case s.Stage == guard.Shown:
		return "caution"
	case s.Stage == guard.Finished && (s.State == op.Done || s.State == op.Accepted):
		return "good"
	case s.Stage == guard.Finished:
		return "danger"
	}
	return "plain"
}

// visible is text of ours that may have names of others in it.
func visible(t string) string { return string(text.EscapeJSON([]byte(t))) }

// spelled is what has to be typed, with anything that a screen does not show made visible.
func (s screen) spelled() string {
	if text.Plain(s.Preview.Confirm) {
		return s.Preview.Confirm
	}
	return text.Quote(s.Preview.Confirm)
}

// became says, line by line, what became of a plan that is not open any more.
func (s screen) became() []string {
	switch s.Stage {
	case guard.Finished:
		lines := strings.Split(strings.TrimSpace(s.Outcome), "\n")
		for i := range lines {
			lines[i] = visible(lines[i])
		}
		return lines
	case guard.Denied, guard.Withdrawn:
		if s.Outcome == "" {
			return []string{"The program that asked for it has taken it back, so it was not carried out."}
		}
		return []string{"It was not carried out: " + s.Outcome + "."}
	case guard.Expired:
		return []string{"Nobody decided in time, so it was not carried out."}
	}
	return nil
}

// tell is what the person can say to their assistant now.
func (s screen) tell() string {
	switch s.Stage {
	case guard.Finished:
		return "Go back to your assistant. If it does not report by itself, tell it: “I have decided, go on.”"
	case guard.Denied:
		return "Your assistant is told. If you want something else, tell it what."
	}
	return "If you still want it, tell your assistant to ask again."
}

// until is when the question closes.
func (s screen) until() string { return s.Expires.Local().Format("15:04:05 MST") }

// styleSource is how the page's policy allows this style sheet and no other.
func styleSource() string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

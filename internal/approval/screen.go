package approval

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
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

// Title is what the browser's tab says.
func (s screen) Title() string {
	switch s.Stage {
	case guard.Shown:
		return "Approve? " + s.Preview.Headline
	case guard.Running:
		return "Running: " + s.Preview.Headline
	}
	return s.Heading()
}

// Heading is the outcome in a word or two.
func (s screen) Heading() string {
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
	}
	return "Nothing to approve"
}

// verdictOf says how an approved plan went. What Aura has taken on is not done yet.
func verdictOf(a guard.Approval) string {
	switch a.State {
	case "":
		return "It did not go well"
	case op.Accepted:
		return "Aura is carrying it out"
	}
	return "Done"
}

// Went says how the plan before this one went.
func (s screen) Went() string { return verdictOf(*s.Before) }

// Tone is the colour of the page's bar.
func (s screen) Tone() string {
	switch {
	case s.Stage == guard.Shown && s.Preview.Confirm != "":
		return "danger"
	case s.Stage == guard.Shown:
		return "caution"
	case s.Stage == guard.Finished && s.State != "":
		return "good"
	case s.Stage == guard.Finished:
		return "danger"
	}
	return "plain"
}

// Quoted is text of others as it can be shown.
func (s screen) Quoted(t string) string { return text.Quote(t) }

// Visible is text of ours that may have names of others in it.
func (s screen) Visible(t string) string { return string(text.EscapeJSON([]byte(t))) }

// Spelled is what has to be typed, with anything that a screen does not show made visible.
func (s screen) Spelled() string {
	if text.Plain(s.Preview.Confirm) {
		return s.Preview.Confirm
	}
	return text.Quote(s.Preview.Confirm)
}

// Paragraphs are the outcome's lines.
func (s screen) Paragraphs() []string { return strings.Split(strings.TrimSpace(s.Outcome), "\n") }

// Until is when the question closes.
func (s screen) Until() string { return s.Expires.Local().Format("15:04:05") }

// look is how the page looks.
type look struct {
	template  *template.Template
	styleHash string // by which the page's policy allows this style sheet and no other
}

//go:embed page.css page.html
var files embed.FS

func newLook() (*look, error) {
	style, err := files.ReadFile("page.css")
	if err != nil {
		return nil, fmt.Errorf("approval page: %w", err)
	}
	sheet := template.CSS(style) //nolint:gosec // our own, embedded
	t, err := template.New("page.html").Funcs(template.FuncMap{"style": func() template.CSS { return sheet }}).ParseFS(files, "page.html")
	if err != nil {
		return nil, fmt.Errorf("approval page: %w", err)
	}
	sum := sha256.Sum256(style)
	return &look{template: t, styleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:])}, nil
}

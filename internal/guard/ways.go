package guard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// Way is how an operation is approved.
type Way string

// The ways. In the settings the empty one and Auto mean the first that there is, in this order.
const (
	Auto        Way = "auto"
	Elicitation Way = "elicitation" // the client asks
	Page        Way = "page"        // the approval page asks, in the person's browser
	Terminal    Way = "terminal"    // a command asks, at the person's terminal
	Never       Way = "never"       // nobody is asked, and nothing guarded runs
	// Beforehand is a decision that a person made in the settings; nobody can choose it for a call.
	Beforehand Way = "standing approval"
)

var errCannotAsk = errors.New("nobody can be asked")

// Ways are the ones that a person can choose in the settings, from the least strict to the strictest.
func Ways() []Way { return []Way{Auto, Elicitation, Page, Terminal, Never} }

// WayByEffect is how a person wants to be asked: by effect, and by Default for the effects that have no way of their own.
type WayByEffect struct{ Default, Billable, Disruptive, Destructive Way }

// way is the strictest of those that the effects call for.
func (a WayByEffect) way(e op.Effects) Way {
	strictest := 0
	for _, row := range []struct {
		effect op.Effects
		way    Way
	}{{op.Billable, a.Billable}, {op.Disruptive, a.Disruptive}, {op.Destructive, a.Destructive}} {
		if row.way == "" {
			row.way = a.Default
		}
		if e.Has(row.effect) {
			strictest = max(strictest, slices.Index(Ways(), row.way))
		}
	}
	return Ways()[strictest]
}

// Doors are the ways to a person outside the client. Each is told when a plan's turn has come; it brings the plan before the
// person, and what they say to [Desk.Decide]. Its error is [ErrUnseen] where the person has to come by themselves, and another
// where they cannot. Nil: there is no such way here.
type Doors struct {
	Page, Terminal func(context.Context, *Desk) error
}

// ErrUnseen says that a question is open, and that nobody sees it yet.
var ErrUnseen = errors.New("nobody has seen the question yet")

// asking is the way that is taken for one plan.
type asking struct {
	way    Way
	sealed bool // of an elicitation: the client asks and calls again with the answer (2026-07-28)
	doors  Doors
}

// choose finds the way to ask for a plan, or says why there is none. It looks only at what this request's client has
// declared; its name proves nothing.
func (g *Gate) choose(ctx context.Context, t task, policy Policy, plan op.Plan) (asking, error) {
	wanted := policy.Approval.way(plan.Effects)
	if wanted == Never {
		return asking{}, forbidden(t.Operation.Spec.Name+" needs a person's approval, and this server asks for none (setting approval)", "tell the person; they can do it in the Aura console")
	}
	outside := "" // why the client's word is not enough
	if plan.Effects.Has(op.Destructive) {
		pinned, err := g.pinned()
		switch {
		case err != nil:
			return asking{}, err
		case pinned:
			outside = "what destroys needs the approval PIN, which is never typed into a client"
		case slices.ContainsFunc(plan.Targets, func(r op.Resource) bool { return matches(policy.Protected, r) }):
			outside = "this server's settings protect it (setting protected), and for that the answer of a client is not enough"
		}
	}
	if g.OverNetwork && !policy.TrustClient {
		outside = "over a network the answer of a client does not prove that a person gave it"
	}
	sealed, can := elicits(ctx)
	if can && outside == "" && (wanted == Auto || wanted == Elicitation) {
		return asking{way: Elicitation, sealed: sealed}, nil
	}
	doors := g.doors(t)
	if !g.AtTerminal { // a person who runs the command at their terminal is asked there
		doors = doors.only(wanted)
	}
	switch {
	case doors.Page != nil:
		return asking{way: Page, doors: doors}, nil
	case doors.Terminal != nil:
		return asking{way: Terminal, doors: doors}, nil
	case wanted != Auto && wanted != Elicitation:
		outside = fmt.Sprintf("this server's settings want it asked by %s (setting approval), which is not possible here", wanted)
	}
	return asking{}, g.cannotAsk(t, plan, outside)
}

// only leaves the doors that the settings allow.
func (d Doors) only(wanted Way) Doors {
	switch wanted {
	case Page:
		return Doors{Page: d.Page}
	case Terminal:
		return Doors{Terminal: d.Terminal}
	case Elicitation:
		return Doors{}
	}
	return d
}

// elicits reports whether the client of this request can show a form, and whether it does so by calling again.
func elicits(ctx context.Context) (sealed, can bool) {
	declared, modern := capabilities(ctx)
	return modern, formDeclared(declared)
}

// capabilities are what the client of this request declares, and whether it is of the newest revision (2026-07-28).
func capabilities(ctx context.Context) (declared *mcp.ClientCapabilities, modern bool) {
	if server.IsModernRequest(ctx) {
		return server.RequestProtocolInfoFromContext(ctx).ClientCapabilities, true
	}
	if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		declared := session.GetClientCapabilities()
		return &declared, false
	}
	return nil, false
}

// formDeclared: an elicitation capability that names no mode means the form, as before modes existed.
func formDeclared(c *mcp.ClientCapabilities) bool {
	return c != nil && c.Elicitation != nil && (c.Elicitation.Form != nil || c.Elicitation.URL == nil)
}

// cannotAsk tells what a person can do themselves. The command asks them at their terminal, so it is no way around an approval.
// outside says why a client's answer would not be enough; it is empty where it would.
func (g *Gate) cannotAsk(t task, plan op.Plan, outside string) error {
	policy, _ := g.Policy(t.call.Caller.Profile) // where it cannot be read, the last one counts
	used := policy.usedUp(t.Operation.Spec.Name, plan, g.Journal)
	if r := g.remote(t); r != nil {
		return g.cannotAskRemote(t, plan, r, used, cmp.Or(outside, "this client cannot show approval questions"))
	}
	why, ways := outside, []string{"the Aura console"}
	if outside == "" {
		why = "this client cannot show approval questions"
		ways = []string{"a client that shows approval questions (Claude Code, VS Code, Cursor)", "the Aura console"}
	}
	next := "tell the person what you wanted to do: " + intended(plan) + " "
	switch {
	case g.AtTerminal:
		why = "there is no terminal here to ask at"
		next = "run it at a terminal"
		switch {
		case used != "":
			next += ", or let the settings approve more of it a day (preapproved, max_per_day)"
		case !plan.Effects.Has(op.Destructive): // which nobody can approve beforehand
			next += ", or let the settings approve it beforehand (preapproved)"
		}
	case g.Demo:
		next += "In the demo it takes " + ways[0] + ", or a browser in which a server with --demo can open its approval page"
	default:
		next += fmt.Sprintf("They can run this in a terminal, which asks them there: `%s`; or use %s", command(t, plan), strings.Join(ways, ", or "))
	}
	return &op.Error{What: fmt.Sprintf("%s needs a person's approval%s, and %s", t.Operation.Spec.Name, used, why), Next: next, Unchanged: true, Err: errCannotAsk}
}

// intended is what a plan would do, with the names that the headline of a bulk leaves to what is shown below it.
func intended(plan op.Plan) string {
	if !plan.Bulk {
		return plan.Headline
	}
	names := make([]string, len(plan.Targets))
	for i, t := range plan.Targets {
		names[i] = t.Name
	}
	return strings.TrimSuffix(plan.Headline, ".") + ": " + text.QuoteAll(names) + "."
}

// command is the shell command for a request. Databases are named by ID, and anything that a shell might read otherwise is
// quoted: the arguments come from a model.
func command(t task, plan op.Plan) string {
	words := []string{"aura-mcp", "call", t.Operation.Spec.Name}
	if profile := t.call.Caller.Profile; profile != "" {
		words = append(words, "--profile", shellWord(profile))
	}
	var arguments map[string]any
	if json.Unmarshal(t.Arguments(), &arguments) != nil {
		return strings.Join(words, " ")
	}
	planned := slices.Clone(plan.Targets)
	if plan.Source != nil {
		planned = append(planned, *plan.Source)
	}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		value := arguments[name]
		for _, r := range planned {
			if r.Kind == "instance" && value == r.Name && (name == "instance" || name == "source_instance") {
				value = r.ID
			}
		}
		written, isText := value.(string)
		if !isText {
			encoded, err := json.Marshal(value)
			if err != nil {
				continue
			}
			written = string(encoded)
		}
		words = append(words, shellWord(name+"="+written))
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_=.,:/@%+-]+$`)

func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

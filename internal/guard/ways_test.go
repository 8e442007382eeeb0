package guard

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
)

// declares is a request of the newest revision whose client declares capabilities, or none.
func declares(ctx context.Context, capabilities *mcp.ClientCapabilities) context.Context {
	return server.WithRequestProtocolInfo(ctx, &server.RequestProtocolInfo{Modern: true, ClientCapabilities: capabilities})
}

func TestAClientShowsWhatItDeclares(t *testing.T) {
	t.Parallel()
	yes := &struct{}{}
	for _, tt := range []struct {
		name        string
		declared    *mcp.ClientCapabilities
		form, opens bool
	}{
		{"no capabilities", nil, false, false},
		{"none for elicitation", &mcp.ClientCapabilities{}, false, false},
		{"one that names no mode", &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{}}, true, false},
		{"forms", &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{Form: yes}}, true, false},
		{"addresses", &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{URL: yes}}, false, true},
		{"both", &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{Form: yes, URL: yes}}, true, true},
	} {
		ctx := declares(t.Context(), tt.declared)
		_, form := elicits(ctx)
		_, can := opens(ctx)
		if form != tt.form || can != tt.opens {
			t.Errorf("%s: shows forms %v, want %v; opens addresses %v, want %v", tt.name, form, tt.form, can, tt.opens)
		}
	}
}

func TestTheWayThatIsChosen(t *testing.T) {
	t.Parallel()
	page := Doors{Page: func(context.Context, *Desk) error { return nil }}
	elsewhere := &Remote{Why: "you have no passphrase", Fix: "get one", As: "as anna"}
	asks, silent := &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{}}, &mcp.ClientCapabilities{}
	for _, tt := range []struct {
		name    string
		client  *mcp.ClientCapabilities
		options Options
		policy  Policy
		want    Way
		says    string // where there is no way
	}{
		{"the client asks", asks, Options{}, Policy{}, Elicitation, ""},
		{"the client asks, as the settings want it", asks, Options{Doors: page}, Policy{Approval: WayByEffect{Default: Elicitation}}, Elicitation, ""},
		{"the settings want the client to ask, which cannot", silent, Options{Doors: page}, Policy{Approval: WayByEffect{Default: Elicitation}}, "", "this client cannot show approval questions"},
		{"the page asks, as the settings want it", asks, Options{Doors: page}, Policy{Approval: WayByEffect{Default: Page}}, Page, ""},
		{"the settings want a page that is not there", asks, Options{}, Policy{Approval: WayByEffect{Default: Page}}, "", "want it asked by page (setting approval), which is not possible here"},
		{"what is protected, and a page that is not there", asks, Options{}, Policy{Approval: WayByEffect{Default: Page}, Protected: []string{"precious"}}, "", "want it asked by page"},
		{"what is protected", asks, Options{}, Policy{Protected: []string{"precious"}}, "", "this server's settings protect it"},
		{"over a network", asks, Options{OverNetwork: true, Remote: func(string) *Remote { return elsewhere }}, Policy{}, "", "over a network the answer of a client does not prove that a person gave it, and you have no passphrase"},
		{"over a network where the client is trusted", asks, Options{OverNetwork: true, Remote: func(string) *Remote { return elsewhere }}, Policy{TrustClient: true}, Elicitation, ""},
		{"nobody is asked", asks, Options{Doors: page}, Policy{Approval: WayByEffect{Default: Never}}, "", "asks for none (setting approval)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.options.Policy, tt.options.Journal, tt.options.Log = Fixed(tt.policy), audit.InMemory(), slog.New(slog.DiscardHandler)
			g, err := New(tt.options)
			if err != nil {
				t.Fatal(err)
			}
			r, plan := request(t, "destroy_thing", "precious")
			by, err := g.choose(declares(t.Context(), tt.client), r, tt.policy, plan)
			if by.way != tt.want || (err != nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q, %v; want %q, %q", by.way, err, tt.want, tt.says)
			}
		})
	}
}

func TestWhatAClientSaysOfThePage(t *testing.T) {
	t.Parallel()
	said := func(state string, action mcp.ElicitationResponseAction) mcp.CallToolRequest {
		request := mcp.CallToolRequest{}
		request.Params.RequestState = state
		if action != "" {
			request.Params.InputResponses = mcp.InputResponses{inputID: mcp.NewElicitationInputResponse(mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: action}})}
		}
		return request
	}
	for _, tt := range []struct {
		name    string
		request mcp.CallToolRequest
		want    bool
	}{
		{"nothing: it is a first call", said("", ""), false},
		{"it was opened", said(pageState+"x", mcp.ElicitationResponseActionAccept), false},
		{"it was not", said(pageState+"x", mcp.ElicitationResponseActionDecline), true},
		{"nothing at all", said(pageState+"x", ""), true},
		{"an answer to a form", said("sealed", mcp.ElicitationResponseActionDecline), false},
	} {
		if got := unopened(tt.request); got != tt.want {
			t.Errorf("%s: unopened %v", tt.name, got)
		}
	}
}

func TestWhereAPersonElsewhereDecides(t *testing.T) {
	t.Parallel()
	r := &Remote{Page: func(id string) string { return "https://aura.example/approve/" + id }, As: "as anna"}
	nobody, somebody := make(chan struct{}), make(chan struct{})
	close(somebody)
	for _, tt := range []struct {
		seen     chan struct{}
		position int
		want     string
	}{
		{nobody, 0, "the question is on the approval page, which nobody has opened yet"},
		{somebody, 0, "it is shown on the approval page"},
		{nobody, 1, "1 other question comes before it"},
		{somebody, 2, "2 other questions come before it"},
	} {
		where, next := r.where(&entry{seen: tt.seen}, Approval{ID: "ABC", Position: tt.position})
		if where != tt.want || next != "tell the person to open https://aura.example/approve/ABC (they sign in as anna) and to decide there" {
			t.Errorf("%s; %s", where, next)
		}
	}
}

// A handler may return any error; what it says is told, and what it does not say is not made up.
func TestAnErrorWithoutMoreIsTold(t *testing.T) {
	t.Parallel()
	journal := audit.InMemory()
	g, err := New(Options{Policy: Fixed(Policy{}), Journal: journal, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	plain, unknown := errors.New("the moon is in the way"), &op.Error{What: "the answer was lost", Unknown: true}
	for _, tt := range []struct {
		name    string
		effects op.Effects
		err     error
		told    string
		outcome string
	}{
		{"look_at_it", op.Read, plain, "The moon is in the way.", ""},
		{"write_it", op.Write, plain, "The moon is in the way.", "failed"},
		{"lose_it", op.Write, unknown, "The answer was lost.", "unknown"},
	} {
		spec := op.Spec{Name: tt.name, Title: "t", Description: "d", Toolset: "t", Effects: tt.effects}
		o := op.Acts(spec, func(context.Context, thing) (op.Plan, error) {
			return op.Plan{Effects: tt.effects, Targets: []op.Resource{{ID: "x"}}}, nil
		}, func(context.Context, op.Call, thing, op.Plan) (thing, error) { return thing{}, tt.err })
		if tt.effects == op.Read {
			o = op.Reads(spec, func(context.Context, op.Call, thing) (thing, error) { return thing{}, tt.err })
		}
		r, _ := request(t, tt.name, "x")
		ask := func(arguments map[string]any) string {
			out := g.Handle(t.Context(), o, r.call, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tt.name, Arguments: arguments}})
			content, _ := mcp.AsTextContent(out.Content[0])
			return content.Text
		}
		if text := ask(map[string]any{"thing": "x"}); !strings.HasPrefix(text, tt.told) || strings.Contains(text, "incident") {
			t.Errorf("%s: %q", tt.name, text)
		}
		entries, _, err := journal.Read(r.call.Deadline)
		if err != nil || (len(entries) == 0) != (tt.outcome == "") || len(entries) > 0 && entries[0].End.Outcome != tt.outcome {
			t.Errorf("%s: the journal has %+v, %v", tt.name, entries, err)
		}
		if text := ask(map[string]any{"thing": 7}); strings.Contains(text, "Nothing was changed.") != (tt.effects != op.Read) {
			t.Errorf("%s: wrong arguments: %q", tt.name, text)
		}
	}
}

func TestWhatAJobIsToldThatNobodyCanBeAskedFor(t *testing.T) {
	t.Parallel()
	policy := Policy{Standing: []Standing{{Operations: []string{"destroy_thing"}, Names: []string{"dev-*"}, MaxPerDay: 0}}}
	g, err := New(Options{Policy: Fixed(policy), Journal: audit.InMemory(), Log: slog.New(slog.DiscardHandler), AtTerminal: true})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := request(t, "destroy_thing", "precious")
	for _, tt := range []struct {
		effects op.Effects
		name    string
		next    string
	}{
		{op.Disruptive, "prod", "run it at a terminal, or let the settings approve it beforehand (preapproved)"},
		{op.Disruptive, "dev-1", "run it at a terminal, or let the settings approve more of it a day (preapproved, max_per_day)"},
		{op.Destructive, "dev-1", "run it at a terminal"}, // which nothing approves beforehand
	} {
		told, ok := errors.AsType[*op.Error](g.cannotAsk(r, op.Plan{Effects: tt.effects, Targets: []op.Resource{{Name: tt.name}}}, ""))
		if !ok || told.Next != tt.next || !told.Unchanged {
			t.Errorf("%s of %s: %+v", tt.effects, tt.name, told)
		}
	}
}

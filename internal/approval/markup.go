package approval

import (
	_ "embed"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"

	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// The page is written in Go rather than as a template: with templates the linker has to keep every method that a template might
// name, which costs every process 2 MB of memory. What is not Raw is escaped.

//go:embed page.css
var style string

// document is the page at every stage.
func (s screen) document() g.Node {
	return document(s.title(), s.tone(), s.brand(), s.before(), s.body(), s.account())
}

// document is a whole page.
func document(title, tone string, body ...g.Node) g.Node {
	return h.Doctype(h.HTML(h.Lang("en"),
		h.Head(
			h.Meta(h.Charset("utf-8")),
			h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
			h.TitleEl(g.Text(title)),
			h.StyleEl(g.Raw(style)),
		),
		h.Body(h.Main(h.Class(tone), g.Group(body))),
	))
}

func (s screen) brand() g.Node {
	return h.P(h.Class("brand"), g.Text("aura-mcp"),
		g.If(s.Caller.Profile != "", g.Text(" · profile "+s.Caller.Profile)),
		g.If(s.Demo, g.Group{g.Text(" · "), h.Strong(h.Class("demo"), g.Text("DEMO: nothing here is real"))}),
	)
}

// account is for somebody who has signed in.
func (s screen) account() g.Node {
	if s.Person == "" {
		return nil
	}
	return account(s.Person, s.Passwords)
}

// before says what became of the question that was here before this one.
func (s screen) before() g.Node {
	if s.Before == nil || s.Before.ID == "" {
		return nil
	}
	became := "It was not carried out (" + string(s.Before.Stage) + ")."
	if s.Before.Stage == guard.Finished {
		became = verdictOf(*s.Before) + ". " + visible(s.Before.Outcome)
	}
	return h.Section(h.Class("before"), h.Aria("label", "The question before this one"), h.ID("before"),
		h.P(h.Strong(g.Text("Before this:")), g.Text(" "+s.Before.Preview.Headline)),
		h.P(g.Text(became)),
	)
}

func (s screen) body() g.Node {
	switch s.Stage {
	case guard.Shown:
		return s.question()
	case guard.Running:
		return g.Group{h.H1(g.Text(s.heading())), h.P(h.Role("status"), h.ID("status"), g.Text("Approved, and running now. This page shows how it goes. You can close it: that stops nothing."))}
	case guard.Queued:
		return g.Group{h.H1(g.Text(s.heading())), h.P(g.Text(s.Preview.Headline + " This page shows it when its turn comes.")), current()}
	case closed:
		return g.Group{h.H1(g.Text(s.heading())), h.P(g.Text("It was decided a while ago, nobody decided in time, the server has ended since, or it is not yours. There is nothing to decide about it any more.")), current()}
	case idle:
		return g.Group{h.H1(g.Text(s.heading())), h.P(g.Text("No question is open here. " + s.leave()))}
	}
	return s.outcome()
}

// current leads to whatever is open now.
func current() g.Node {
	return h.P(h.A(h.Href("./"), h.ID("current"), g.Text("Show what is open now")))
}

// question is the plan with the form that decides it.
func (s screen) question() g.Node {
	asker := g.Group{g.Text("a program that gives no name")}
	if s.Client != "" {
		asker = g.Group{g.Text("the program that calls itself "), h.Span(h.Class("name"), g.Text(text.Quote(s.Client)))}
	}
	return g.Group{
		h.H1(g.Text(s.heading())),
		g.If(s.Late, problem("Your answer came when another question was open. Please read this one.")),
		h.Dl(g.Map(s.Preview.Rows, func(row op.Fact) g.Node {
			return h.Div(h.Dt(g.Text(row.Label)), h.Dd(g.Text(row.Value)))
		})),
		s.form(),
		h.P(h.Class("small"), g.Text("Asked by "), asker, g.Text(", with the tool "+s.Tool+". ID "+s.ID+". Open until "+s.until()+
			". Everything is read again right before it runs; if anything has changed, it does not run.")),
	}
}

func (s screen) form() g.Node {
	wrong := g.Group{h.Aria("invalid", "true"), h.Aria("describedby", "problem")}
	return h.Form(h.Method("post"), h.Action(s.ID), h.AutoComplete("off"),
		g.If(s.Problem != "", problem("Not taken: "+s.Problem+".", h.ID("problem"))),
		g.If(s.Preview.Confirm != "", g.Group{
			h.Label(h.For("typed"), g.Text("To approve, type exactly "), h.Code(h.ID("name"), g.Text(s.spelled()))),
			h.Input(h.ID("typed"), h.Name("typed"), h.Type("text"), h.Value(s.Typed), h.AutoComplete("off"), g.Attr("autocapitalize", "none"),
				g.Attr("spellcheck", "false"), g.If(s.Problem != "" && !s.AtPIN, wrong)),
		}),
		g.If(s.PIN, g.Group{
			h.Label(h.For("pin"), g.Text("Your approval PIN")),
			h.Input(h.ID("pin"), h.Name("pin"), h.Type("password"), h.AutoComplete("off"), g.If(s.AtPIN, wrong)),
		}),
		h.Div(h.Class("buttons"),
			h.Button(h.Class("approve"), h.ID("approve"), h.Name("decision"), h.Value("approve"), g.Text("Approve")),
			h.Button(h.Class("refuse"), h.ID("refuse"), h.Name("decision"), h.Value("refuse"), g.Text("Refuse")),
		),
	)
}

// outcome is the page of a plan that is not open any more.
func (s screen) outcome() g.Node {
	return g.Group{
		h.H1(h.ID("outcome"), g.Text(s.heading())),
		g.If(s.Late, problem("This question was closed before your answer came, so your answer changed nothing.")),
		h.P(h.Strong(g.Text(s.Preview.Headline))),
		h.Div(h.Role("status"), h.ID("status"), g.Map(s.became(), func(line string) g.Node { return h.P(g.Text(line)) })),
		h.P(h.Class("tell"), g.Text(s.tell())),
		h.P(h.Class("small"), g.Text("If another question comes, this page shows it. "+s.leave())),
	}
}

// leave says that the page is not needed any more.
func (s screen) leave() string {
	if s.Person != "" {
		return "You can close it: your assistant gives you the address of the next question."
	}
	return "You can close it: the next question opens a new one."
}

func problem(what string, more ...g.Node) g.Node {
	return h.P(h.Class("problem"), h.Role("alert"), g.Group(more), g.Text(what))
}

package approval

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// signInForm asks for a name and its passphrase.
type signInForm struct {
	To, Name string
	Problem  string
}

func (f signInForm) document() g.Node {
	return document("Sign in to approve", "plain", brand(), h.H1(g.Text("Sign in to approve")),
		h.P(g.Text("An assistant that works through aura-mcp wants something approved. You decide here, and nobody in your place: type the passphrase of your token, which no assistant has.")),
		h.Form(h.Method("post"), h.Action(signInPath),
			g.If(f.Problem != "", problem("Not signed in: "+f.Problem+".", h.ID("problem"))),
			h.Input(h.Type("hidden"), h.Name("to"), h.Value(f.To)),
			h.Label(h.For("name"), g.Text("The name of your token")),
			h.Input(h.ID("name"), h.Name("name"), h.Type("text"), h.Value(f.Name), h.AutoComplete("username"), g.Attr("autocapitalize", "none"), g.Attr("spellcheck", "false")),
			h.Label(h.For("passphrase"), g.Text("Its passphrase")),
			h.Input(h.ID("passphrase"), h.Name("passphrase"), h.Type("password"), h.AutoComplete("current-password")),
			h.Div(h.Class("buttons"), h.Button(h.Class("approve"), h.ID("sign-in"), g.Text("Sign in"))),
		))
}

// notSignedIn says why somebody is not signed in.
func notSignedIn(why string) g.Node {
	return document("Not signed in", "danger", brand(), h.H1(g.Text("Not signed in")), problem(why), h.P(h.A(h.Href(RemotePath), g.Text("Try again"))))
}

func brand() g.Node { return h.P(h.Class("brand"), g.Text("aura-mcp")) }

// account says who has signed in and what waits for them.
func account(person string, passwords int) g.Node {
	return g.Group{
		g.If(passwords > 0, h.P(h.Class("tell"), h.A(h.Href(RemotePath+"passwords"), h.ID("passwords"), g.Text("The password of a new database waits for you")), g.Text(": it is shown once."))),
		h.Form(h.Method("post"), h.Action(RemotePath+"sign-out"), h.Class("small"),
			g.Text("Signed in as "+visible(person)+". "), h.Button(h.ID("sign-out"), h.Class("refuse"), g.Text("Sign out"))),
	}
}

// passwordList offers the passwords that wait.
func passwordList(person string, names []string) g.Node {
	title := "Passwords of new databases"
	what := "Aura shows the password of a new database only once, and so does this page. Have your password manager ready."
	if len(names) == 0 {
		what = "No password waits for you. Each is shown once; Aura itself has no way to show it again or to set another."
	}
	return document(title, "plain", brand(), h.H1(g.Text(title)), h.P(g.Text(what)),
		g.Map(names, func(name string) g.Node {
			return h.Form(h.Method("post"), h.Action(RemotePath+"passwords"),
				h.Input(h.Type("hidden"), h.Name("name"), h.Value(name)),
				h.P(h.Span(h.Class("name"), g.Text(visible(name)))),
				h.Div(h.Class("buttons"), h.Button(h.Class("approve"), g.Text("Show it, once"))))
		}),
		account(person, 0))
}

// passwordShown is the one page that has a password on it.
func passwordShown(person, name, content string) g.Node {
	return document("Password of a new database", "caution", brand(), h.H1(g.Text("Keep this now")),
		h.P(g.Text("It is not shown again, and it is not on this server any more: "), h.Span(h.Class("name"), g.Text(visible(name)))),
		h.Pre(h.ID("password"), g.Text(content)),
		account(person, 0))
}

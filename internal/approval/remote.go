package approval

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"

	"aura-mcp/internal/guard"
	"aura-mcp/internal/state"
)

// RemotePath is below which the pages of a [Remote] are.
const RemotePath = "/approve/"

// Remote shows people who are elsewhere their own desk, once they have proved who they are by something that their MCP client
// does not hold: nobody sees or decides anything by knowing an address, nor with the credentials of an MCP client.
type Remote struct {
	// Desk is the desk of a principal.
	Desk func(principal string) *guard.Desk
	// Base is where browsers reach the server, without a path.
	Base *url.URL
	// Local is that Base is on this machine, which browsers reach by any of its names. Whoever passes requests on here has seen to it
	// that the name in them is one.
	Local bool
	// Proof is how people prove who they are.
	Proof Proof
	// Passwords are the one-time passwords that wait for a principal.
	Passwords Passwords
	// Store keeps who has signed in.
	Store state.Store
	Log   *slog.Logger
}

// Passwords are the one-time passwords of new databases that wait for the person who had them created. Each is told once.
type Passwords interface {
	// Waiting are the names of those that wait for a principal.
	Waiting(principal string) ([]string, error)
	// Take hands one to show, which gets it on its way to the person. It is kept where show fails. The error is fs.ErrNotExist where
	// there is none of that name.
	Take(principal, name string, show func(content string) error) error
}

// Address is the page of a plan, for a person who signs in by a name, which the form then has already.
func (m *Remote) Address(id, name string) string {
	u := m.Base.JoinPath(RemotePath, id)
	if name != "" {
		u.RawQuery = url.Values{"name": {name}}.Encode()
	}
	return u.String()
}

// PasswordsAddress is the page of the one-time passwords.
func (m *Remote) PasswordsAddress() string { return m.Base.JoinPath(RemotePath, "passwords").String() }

// ServeHTTP answers everything below [RemotePath].
func (m *Remote) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	switch {
	case r.Header.Get("Authorization") != "":
		http.Error(w, "MCP credentials count for nothing here: a person signs in with a browser", http.StatusForbidden)
	case r.Method == http.MethodPost && !m.fromItself(r):
		http.Error(w, "this form was sent by another page", http.StatusForbidden)
	default:
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		m.routes().ServeHTTP(w, r)
	}
}

func (m *Remote) fromItself(r *http.Request) bool {
	return fromItself(r, m.Base.Scheme+"://"+m.Base.Host) || m.Local && fromItself(r, m.Base.Scheme+"://"+r.Host)
}

func (m *Remote) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+RemotePath+"{$}", m.own(func(d desk, w http.ResponseWriter, r *http.Request) { d.current(w, r) }))
	mux.HandleFunc("GET "+RemotePath+"{id}", m.own(func(d desk, w http.ResponseWriter, r *http.Request) { d.one(w, r) }))
	mux.HandleFunc("POST "+RemotePath+"{id}", m.own(func(d desk, w http.ResponseWriter, r *http.Request) { d.decide(w, r) }))
	mux.HandleFunc("GET "+RemotePath+"passwords", m.own(m.passwords))
	mux.HandleFunc("POST "+RemotePath+"passwords", m.own(m.password))
	mux.HandleFunc("POST "+RemotePath+"sign-out", m.signOut)
	mux.HandleFunc("GET "+signInPath, m.signIn)
	m.Proof.routes(m, mux)
	return mux
}

// own gives the desk of whoever has signed in, and leads everybody else to where they do.
func (m *Remote) own(next func(desk, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		person, ok := m.signedInAs(r)
		if !ok && r.Method == http.MethodPost {
			send(w, m.Log, http.StatusForbidden, notSignedIn("Your sign-in has ended, so your answer was not taken. Sign in and give it again.", target(r.PathValue("id"))))
			return
		}
		if !ok {
			to := url.Values{"to": {r.PathValue("id")}}
			if name := r.URL.Query().Get("name"); name != "" {
				to.Set("name", name)
			}
			if r.URL.Path == RemotePath+"passwords" {
				to.Set("to", "passwords")
			}
			w.Header().Set("Location", signInPath+"?"+to.Encode())
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		waiting, err := m.Passwords.Waiting(person.principal)
		if err != nil {
			m.Log.ErrorContext(r.Context(), "the passwords that wait for somebody cannot be looked for", "error", err)
		}
		next(desk{Desk: m.Desk(person.principal), log: m.Log, person: person.principal, passwords: len(waiting)}, w, r)
	}
}

// passwords lists the ones that wait.
func (m *Remote) passwords(d desk, w http.ResponseWriter, _ *http.Request) {
	names, err := m.Passwords.Waiting(d.person)
	if err != nil {
		http.Error(w, "the passwords cannot be read; whoever runs this server finds why in its log", http.StatusInternalServerError)
		return
	}
	send(w, m.Log, http.StatusOK, passwordList(d.person, names))
}

// password shows one, once.
func (m *Remote) password(d desk, w http.ResponseWriter, r *http.Request) {
	name, begun := r.PostFormValue("name"), false
	err := m.Passwords.Take(d.person, name, func(content string) error {
		begun = true
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := passwordShown(d.person, name, content).Render(w); err != nil {
			return err
		}
		err := http.NewResponseController(w).Flush()
		return errors.Join(err, r.Context().Err()) // what was sent last to a browser that has gone is sent without an error
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		send(w, m.Log, http.StatusNotFound, passwordList(d.person, nil))
	case err != nil:
		m.Log.ErrorContext(r.Context(), "a password waits on", "error", err)
		if begun {
			return
		}
		http.Error(w, "the password cannot be shown and waits on; whoever runs this server finds why in its log", http.StatusInternalServerError)
	default:
		m.Log.InfoContext(r.Context(), "a password was shown to its person", "person", d.person, "name", name)
	}
}

// signOut ends with a page of its own: a form must not lead on to an identity provider, and browsers see to that.
func (m *Remote) signOut(w http.ResponseWriter, r *http.Request) {
	m.Store.Drop(browserKey(m.cookie(r)))
	m.setCookie(w, "", -1)
	send(w, m.Log, http.StatusOK, signedOut())
}

// planID is what the ID of a plan looks like. Where to go after signing in comes from the address, so nothing else is followed.
var planID = regexp.MustCompile(`^([A-Z2-7]{8}|passwords)$`)

// target is the page that somebody wanted to see before they signed in.
func target(to string) string {
	if !planID.MatchString(to) {
		return RemotePath
	}
	return RemotePath + to
}

// signIn is where people prove who they are.
func (m *Remote) signIn(w http.ResponseWriter, r *http.Request) {
	m.Proof.begin(m, w, r)
}

// signedIn begins a session of a browser.
func (m *Remote) signedIn(ctx context.Context, w http.ResponseWriter, person person, to string) {
	m.setCookie(w, m.remember(person), sessionTime)
	m.Log.InfoContext(ctx, "a person has signed in to approve", "person", person.principal)
	w.Header().Set("Location", target(to))
	w.WriteHeader(http.StatusSeeOther)
}

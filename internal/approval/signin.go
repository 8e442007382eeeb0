package approval

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aura-mcp/internal/passphrase"
	"aura-mcp/internal/state"
)

// Proof is how people prove who they are: [Passphrases] or a [Login].
type Proof interface {
	// begin shows or goes to where they do it.
	begin(m *Remote, w http.ResponseWriter, r *http.Request)
	routes(m *Remote, mux *http.ServeMux)
	// holds reports whether what somebody has proved still counts.
	holds(p person) bool
}

const (
	signInPath   = RemotePath + "sign-in"
	callbackPath = RemotePath + "signed-in"
)

const (
	// maxWrong wrong passphrases within lockedFor lock a name until that is over.
	maxWrong  = 5
	lockedFor = 15 * time.Minute
	// atOnce bounds the passphrases that are tried at a time: each takes 64 MiB for a moment.
	atOnce = 2
	// turnTime is how long somebody waits for their turn: a few who try all the time must not keep everybody else out.
	turnTime = 5 * time.Second
)

// Passphrases lets in who knows the passphrase of a name. Make one with [NewPassphrases].
type Passphrases struct {
	hash func(name string) (hash string, ok bool)
	busy chan struct{}
}

// NewPassphrases makes one. hash is the hash of a name's passphrase; ok is false for a name that has none.
func NewPassphrases(hash func(name string) (hash string, ok bool)) *Passphrases {
	return &Passphrases{hash: hash, busy: make(chan struct{}, atOnce)}
}

func (p *Passphrases) holds(who person) bool {
	hash, ok := p.hash(who.principal)
	return ok && hash == who.proof
}

func (p *Passphrases) begin(m *Remote, w http.ResponseWriter, r *http.Request) {
	send(w, m.Log, http.StatusOK, signInForm{To: r.URL.Query().Get("to"), Name: r.URL.Query().Get("name")}.document())
}

func (p *Passphrases) routes(m *Remote, mux *http.ServeMux) {
	mux.HandleFunc("POST "+signInPath, func(w http.ResponseWriter, r *http.Request) {
		form := signInForm{To: r.PostFormValue("to"), Name: r.PostFormValue("name")}
		full := time.NewTimer(turnTime)
		defer full.Stop()
		select {
		case p.busy <- struct{}{}: // first come, first served
			defer func() { <-p.busy }()
		case <-r.Context().Done():
			return
		case <-full.C:
			form.Problem = "too many people sign in at this moment; try again"
			w.Header().Set("Retry-After", "1")
			send(w, m.Log, http.StatusTooManyRequests, form.document())
			return
		}
		hash, err := p.try(m.Store, form.Name, r.PostFormValue("passphrase"))
		if err != nil {
			m.Log.WarnContext(r.Context(), "a sign-in to approve was refused", "error", err)
			form.Problem = err.Error()
			send(w, m.Log, http.StatusForbidden, form.document())
			return
		}
		m.signedIn(r.Context(), w, person{principal: form.Name, proof: hash}, form.To)
	})
}

// unknown is compared where a name has no passphrase, so that it takes as long and nobody learns which names there are.
const unknown = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// errWrong is the same for a wrong name.
var errWrong = fmt.Errorf("that is not the passphrase of that name; after %d wrong ones none is taken for %d minutes", maxWrong, int(lockedFor.Minutes()))

// try returns the hash that the words belong to. A try is counted before it is judged: tries at once must not pass each other. It is
// counted whether there is the name or not, and under its digest, since anybody may send one of any length.
func (p *Passphrases) try(store state.Store, name, words string) (string, error) {
	sum := sha256.Sum256([]byte(name))
	tries := state.Key{Kind: "passphrase", Name: string(sum[:])}
	if room, ok := store.Add(tries, maxWrong, lockedFor); !ok {
		return "", fmt.Errorf("after %d wrong passphrases none of that name is taken before %s", maxWrong, room.Format("15:04 MST"))
	}
	hash, known := p.hash(name)
	if !known {
		hash = unknown
	}
	right, err := passphrase.Matches(hash, words)
	if err != nil {
		return "", errors.New("the passphrase of that name cannot be checked: its hash in the settings of this server is damaged")
	}
	if !known || !right {
		return "", errWrong
	}
	store.Drop(tries)
	return hash, nil
}

// Provider is an identity provider that browsers are sent to.
type Provider interface {
	// Begin is the address where somebody signs in, now and not by what their browser still has from before.
	Begin(ctx context.Context, back, state, nonce, verifier string) (address string, err error)
	// Finish exchanges the code that came back for the principal who has signed in, if they did so after it was begun.
	Finish(ctx context.Context, back, code, nonce, verifier string, begun time.Time) (principal string, err error)
}

// attemptTime is how long somebody may take to sign in.
const attemptTime = 10 * time.Minute

// Login sends people to an identity provider. Make one with [NewLogin].
type Login struct {
	provider Provider
	key      []byte // of this process
}

// NewLogin makes one.
func NewLogin(p Provider) *Login { return &Login{provider: p, key: []byte(rand.Text() + rand.Text())} }

// attempt is one sign-in at the provider. The cookie of the browser that began it is all that is kept of it: this server keeps nothing
// for people who have not proved who they are, since anybody can begin as many as they like.
type attempt struct {
	begun time.Time
	to    string
	// They bind the attempt together (OAuth 2.1), so that nobody can slip in a code of another. They follow from the cookie and the key,
	// so a cookie that somebody changed has another state than the one that comes back.
	state, nonce, verifier string
}

func newCookie(to string) string {
	if !planID.MatchString(to) {
		to = ""
	}
	return fmt.Sprintf("%s.%d.%s", rand.Text()+rand.Text(), time.Now().Unix(), to)
}

// attempt is the one of a cookie; ok is false where there is none, or none any more.
func (l *Login) attempt(cookie string) (a attempt, ok bool) {
	parts := strings.Split(cookie, ".")
	if len(parts) != 3 {
		return attempt{}, false
	}
	of := func(use string) string {
		mac := hmac.New(sha256.New, l.key)
		mac.Write([]byte(use + " " + cookie))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	begun := time.Unix(seconds, 0)
	return attempt{begun, parts[2], of("state"), of("nonce"), of("verifier")}, err == nil && time.Since(begun) < attemptTime
}

func (l *Login) holds(person) bool { return true }

func (l *Login) begin(m *Remote, w http.ResponseWriter, r *http.Request) {
	cookie := newCookie(r.URL.Query().Get("to"))
	a, _ := l.attempt(cookie)
	address, err := l.provider.Begin(r.Context(), m.back(), a.state, a.nonce, a.verifier)
	if err != nil {
		m.Log.ErrorContext(r.Context(), "nobody can sign in to approve", "error", err)
		send(w, m.Log, http.StatusServiceUnavailable, notSignedIn("Signing in does not work at the moment. Try again soon; whoever runs this server finds the reason in its log.", RemotePath))
		return
	}
	m.setNamedCookie(w, "sign-in", cookie, attemptTime)
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

func (m *Remote) back() string { return m.Base.JoinPath(callbackPath).String() }

func (l *Login) routes(m *Remote, mux *http.ServeMux) {
	mux.HandleFunc("GET "+callbackPath, func(w http.ResponseWriter, r *http.Request) {
		said := r.URL.Query()
		a, ok := l.attempt(m.namedCookie(r, "sign-in"))
		if !ok || !hmac.Equal([]byte(a.state), []byte(said.Get("state"))) { // the attempt of this browser, if there is one, goes on
			send(w, m.Log, http.StatusForbidden, notSignedIn("This sign-in was not begun in this browser, or too long ago. Open the address of the question again.", RemotePath))
			return
		}
		m.setNamedCookie(w, "sign-in", "", -1)
		if why := said.Get("error"); why != "" {
			m.Log.WarnContext(r.Context(), "the identity provider signed somebody in to approve not", "error", why)
			send(w, m.Log, http.StatusForbidden, notSignedIn("The identity provider did not sign you in.", RemotePath))
			return
		}
		principal, err := l.provider.Finish(r.Context(), m.back(), said.Get("code"), a.nonce, a.verifier, a.begun)
		if err == nil && !m.first(a) {
			err = errors.New("the sign-in has served already")
		}
		if err != nil {
			m.Log.WarnContext(r.Context(), "a sign-in to approve was refused", "error", err)
			send(w, m.Log, http.StatusForbidden, notSignedIn("What the identity provider says of you does not count here; whoever runs this server finds the reason in its log.", RemotePath))
			return
		}
		m.signedIn(r.Context(), w, person{principal: principal}, a.to)
	})
}

// first reports whether an attempt has not served before: providers take a code once, and this does not depend on it.
func (m *Remote) first(a attempt) bool {
	_, ok := m.Store.Add(state.Key{Kind: "sign-in", Name: a.state}, 1, attemptTime)
	return ok
}

package approval

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"time"

	"aura-mcp/internal/state"
)

// sessionTime is how long somebody stays signed in. It is short: a browser that is left alone must not approve.
const sessionTime = 15 * time.Minute

// person is who has signed in, and by what.
type person struct {
	principal string
	proof     string // of a passphrase: its hash, so that a new one ends what the old one began
}

// browserKey is where a session is kept: under the digest of its cookie, not under what opens it.
func browserKey(cookie string) state.Key {
	sum := sha256.Sum256([]byte(cookie))
	return state.Key{Kind: "browser", Name: string(sum[:])}
}

// remember begins a session and returns what its cookie holds.
func (m *Remote) remember(p person) string {
	cookie := rand.Text() + rand.Text()
	m.Store.Put(browserKey(cookie), p.principal, p, time.Now().Add(sessionTime))
	return cookie
}

// signedInAs is who has signed in with this browser, if what they proved still counts.
func (m *Remote) signedInAs(r *http.Request) (person, bool) {
	found, _ := m.Store.Get(browserKey(m.cookie(r)))
	p, ok := found.(person)
	return p, ok && m.Proof.holds(p)
}

// cookieName: with the prefix browsers take the cookie over TLS only, and only from this very host. On plain HTTP, which is for
// one's own machine alone, there cannot be one.
func (m *Remote) cookieName(of string) string {
	if m.Base.Scheme == "https" {
		return "__Host-aura-mcp-" + of
	}
	return "aura-mcp-" + of
}

func (m *Remote) cookie(r *http.Request) string { return m.namedCookie(r, "person") }

func (m *Remote) namedCookie(r *http.Request, of string) string {
	c, err := r.Cookie(m.cookieName(of))
	if err != nil {
		return ""
	}
	return c.Value
}

func (m *Remote) setCookie(w http.ResponseWriter, value string, lives time.Duration) {
	m.setNamedCookie(w, "person", value, lives)
}

// setNamedCookie sets a cookie that no script reads and that no other site's form brings along. It is Lax and not Strict because
// people come here from their identity provider.
func (m *Remote) setNamedCookie(w http.ResponseWriter, of, value string, lives time.Duration) {
	age := int(lives.Seconds())
	if lives < 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
		Name: m.cookieName(of), Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: m.Base.Scheme == "https",
	})
}

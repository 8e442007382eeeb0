package approval

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

const (
	// sessionTime is how long somebody stays signed in. It is short: a browser that is left alone must not approve.
	sessionTime = 15 * time.Minute
	// maxBrowsers bounds the sessions that are kept; the oldest gives way.
	maxBrowsers = 1000
)

// person is who has signed in, and by what.
type person struct {
	principal string
	proof     string // of a passphrase: its hash, so that a new one ends what the old one began
	until     time.Time
}

// browsers are the sessions of browsers, by the digest of their cookie.
type browsers struct {
	mu   sync.Mutex
	byID map[[sha256.Size]byte]person
}

// remember begins a session and returns what its cookie holds.
func (b *browsers) remember(p person) string {
	id := rand.Text() + rand.Text()
	p.until = time.Now().Add(sessionTime)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byID == nil {
		b.byID = map[[sha256.Size]byte]person{}
	}
	oldest, at := [sha256.Size]byte{}, time.Time{}
	for key, each := range b.byID {
		if !time.Now().Before(each.until) {
			delete(b.byID, key)
		} else if at.IsZero() || each.until.Before(at) {
			oldest, at = key, each.until
		}
	}
	if len(b.byID) >= maxBrowsers {
		delete(b.byID, oldest)
	}
	b.byID[sha256.Sum256([]byte(id))] = p
	return id
}

func (b *browsers) find(id string) (person, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.byID[sha256.Sum256([]byte(id))]
	return p, ok && time.Now().Before(p.until)
}

func (b *browsers) forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.byID, sha256.Sum256([]byte(id)))
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

package aurasim

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const tokenLifetime = time.Hour

// auth knows the credentials and every token issued.
type auth struct {
	credentials []Credential
	quota       *window
	tokens      map[string]*token
	tokenType   string
}

type token struct {
	owner   Credential
	expires time.Time
}

func newAuth(credentials []Credential, tokenLimit int, capital bool) *auth {
	tokenType := "bearer"
	if capital {
		tokenType = "Bearer"
	}
	return &auth{credentials: credentials, quota: newWindow(tokenLimit, time.Hour), tokens: map[string]*token{}, tokenType: tokenType}
}

func (a *auth) revokeAll(now time.Time) {
	for _, t := range a.tokens {
		if t.expires.After(now) {
			t.expires = now
		}
	}
}

// owner is who a bearer token belongs to. The texts are those of Aura's gateway.
func (a *auth) owner(r *http.Request, now time.Time, expired403 bool) (Credential, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Credential{}, gateway(http.StatusUnauthorized, "Authorization field missing")
	}
	scheme, value, _ := strings.Cut(header, " ")
	t := a.tokens[value]
	switch {
	case !strings.EqualFold(scheme, "Bearer") || t == nil:
		return Credential{}, gateway(http.StatusUnauthorized, "Key not authorized")
	case t.expires.After(now):
		return t.owner, nil
	case expired403:
		return Credential{}, gateway(http.StatusForbidden, "Key not authorized: token has expired")
	default:
		return Credential{}, gateway(http.StatusUnauthorized, "Key not authorized: token has expired")
	}
}

// claimant is the client ID that a token request names, right or wrong.
func claimant(r *http.Request) string {
	id, _, _ := r.BasicAuth()
	return id
}

// issue answers a token request.
func (a *auth) issue(r *http.Request, body []byte, now time.Time) (answer, error) {
	owner, ok := a.check(r)
	if !ok {
		return answer{}, oauth(http.StatusUnauthorized, "access_denied", "Unauthorized")
	}
	if wait, ok := a.quota.admit(owner.ClientID, now); !ok {
		return answer{}, tooMany(wait)
	}
	if len(body) == 0 {
		return answer{}, oauth(http.StatusNotFound, "invalid_request", "The request body is missing")
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return answer{}, oauth(http.StatusBadRequest, "invalid_request", "Content-Type must be application/x-www-form-urlencoded")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return answer{}, oauth(http.StatusBadRequest, "invalid_request", "The request body is not a form")
	}
	if form.Get("grant_type") != "client_credentials" {
		return answer{}, oauth(http.StatusForbidden, "unsupported_grant_type", "Grant type must be client_credentials")
	}
	a.forget(now)
	text := newToken()
	a.tokens[text] = &token{owner: owner, expires: now.Add(tokenLifetime)}
	return plain(http.StatusOK, wireToken{AccessToken: text, ExpiresIn: int(tokenLifetime.Seconds()), TokenType: a.tokenType}), nil
}

// check compares as sent and unescaped: RFC 6749 wants ID and secret form-encoded inside Basic, most clients do not.
func (a *auth) check(r *http.Request) (Credential, bool) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return Credential{}, false
	}
	for _, c := range a.credentials {
		if same(id, c.ClientID) && same(secret, c.ClientSecret) {
			return c, true
		}
	}
	return Credential{}, false
}

func same(sent, want string) bool {
	if sent == want {
		return true
	}
	plain, err := url.QueryUnescape(sent)
	return err == nil && plain == want
}

// forget drops tokens that expired a day ago, so that a simulator can run for weeks.
func (a *auth) forget(now time.Time) {
	for text, t := range a.tokens {
		if now.Sub(t.expires) > 24*time.Hour {
			delete(a.tokens, text)
		}
	}
}

func tooMany(wait time.Duration) *problem {
	p := gateway(http.StatusTooManyRequests, "API rate limit exceeded")
	seconds := int((wait + time.Second - 1) / time.Second)
	p.header = http.Header{"Retry-After": {strconv.Itoa(max(1, seconds))}}
	return p
}

package app

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// ownProvider is an identity provider that signs everybody in as anna without asking, and is as careless as a test wants it.
type ownProvider struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey

	mu     sync.Mutex
	asked  map[string]url.Values       // by code: with what somebody was sent here
	claims func(claims map[string]any) // changes what the next ID token says
}

func newOwnProvider(t *testing.T) *ownProvider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &ownProvider{t: t, key: key, asked: map[string]url.Values{}, claims: func(map[string]any) {}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.say(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.say(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("/auth", p.auth)
	mux.HandleFunc("/token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *ownProvider) say(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

// auth sends somebody back with a code.
func (p *ownProvider) auth(w http.ResponseWriter, r *http.Request) {
	code, asked := rand.Text(), r.URL.Query()
	p.mu.Lock()
	p.asked[code] = asked
	p.mu.Unlock()
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {asked.Get("state")}}.Encode(), http.StatusSeeOther)
}

// token gives an ID token for a code, and again for the same code, which no provider may.
func (p *ownProvider) token(w http.ResponseWriter, r *http.Request) {
	asked := p.askedWith(r.PostFormValue("code"))
	p.mu.Lock()
	claims := p.claims
	p.mu.Unlock()
	verifier := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(verifier[:]) {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	said := map[string]any{"iss": p.URL, "aud": "approvals", "sub": "anna", "nonce": asked.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "auth_time": time.Now().Unix()}
	claims(said)
	signed := signedBy(p.t, p.key, "1", said)
	p.say(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": signed})
}

// askedWith is with what somebody was sent here who got a code.
func (p *ownProvider) askedWith(code string) url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[code]
}

// says changes what ID tokens say from now on.
func (p *ownProvider) says(claims func(map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = claims
}

// pages serves with this provider.
func (p *ownProvider) pages() *served {
	p.t.Helper()
	settings := (&provider{t: p.t, issuer: p.URL}).settings() + "client_id = \"approvals\"\nclient_secret = \"secret-of-the-page\"\n"
	return serve(p.t, settings, nil, "--demo", "--auth", "oidc", "--public-url", publicAddress)
}

// publicVisitor is a person's browser at the public address.
func (s *served) publicVisitor() *visitor {
	v := s.visitor()
	v.client.Transport = publicly{s.base} //nolint:forbidigo // this package speaks HTTP
	return v
}

// cookies are those that the browser sends somewhere.
func (v *visitor) cookies(to *url.URL) string {
	var out []string
	for _, c := range v.client.Jar.Cookies(to) {
		out = append(out, c.Name+"="+c.Value)
	}
	return strings.Join(out, "; ")
}

// begins goes as far as the address with which the provider sends people back.
func (v *visitor) begins() (back string) {
	v.t.Helper()
	address, _, _ := v.open(http.MethodGet, publicAddress+"/approve/sign-in?to=passwords", nil)
	back, _, status := v.open(http.MethodGet, address, nil)
	if !strings.HasPrefix(back, publicAddress+"/approve/signed-in?") {
		v.t.Fatalf("%s leads to %q: %d", address, back, status)
	}
	return back
}

func TestNobodyKeepsAnotherFromSigningIn(t *testing.T) {
	t.Parallel()
	s := newOwnProvider(t).pages()
	anna := s.publicVisitor()
	back := anna.begins()
	for range 300 { // by anybody, who needs no credentials for it
		s.expect(exchange{method: http.MethodGet, path: "/approve/sign-in"}, http.StatusSeeOther)
	}
	if at, page := anna.follow(back); !strings.HasSuffix(at, "/approve/passwords") || !strings.Contains(page, "#anna") {
		t.Errorf("anna ends at %s:\n%s", at, page)
	}
}

func TestASignInIsOfOneBrowserAndServesOnce(t *testing.T) {
	t.Parallel()
	s := newOwnProvider(t).pages()
	anna, eve := s.publicVisitor(), s.publicVisitor()
	back := anna.begins()
	eve.begins()
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	begun := anna.cookies(u)
	for name, browser := range map[string]*visitor{"with an attempt of its own": eve, "with none": s.publicVisitor()} {
		if _, page, status := browser.open(http.MethodGet, back, nil); status != http.StatusForbidden || !strings.Contains(page, "not begun in this browser") {
			t.Errorf("another browser, %s: %d %s", name, status, page)
		}
	}
	mixed := u.Query() // her own attempt, with a code that was meant for another
	evesBack, err := url.Parse(eve.begins())
	if err != nil {
		t.Fatal(err)
	}
	mixed.Set("state", evesBack.Query().Get("state"))
	if _, page, status := eve.open(http.MethodGet, publicAddress+u.Path+"?"+mixed.Encode(), nil); status != http.StatusForbidden || !strings.Contains(page, "does not count here") {
		t.Errorf("a code of another sign-in: %d %s", status, page)
	}
	if at, page := anna.follow(back); !strings.HasSuffix(at, "/approve/passwords") {
		t.Fatalf("anna ends at %s:\n%s", at, page)
	}
	// Nor does a browser begin earlier than it did, by another cookie, to have signed in since.
	bob := s.publicVisitor()
	hisBack, err := url.Parse(bob.begins())
	if err != nil {
		t.Fatal(err)
	}
	earlier := regexp.MustCompile(`\.\d+\.`).ReplaceAllString(bob.cookies(hisBack), fmt.Sprintf(".%d.", time.Now().Add(-5*time.Minute).Unix()))
	s.expect(exchange{method: http.MethodGet, path: hisBack.RequestURI(), headers: map[string]string{"Host": u.Host, "Cookie": earlier}}, http.StatusForbidden, "not begun in this browser")
	// Not even what the browser sent then opens it again, with a provider that takes codes twice.
	s.expect(exchange{method: http.MethodGet, path: u.RequestURI(), headers: map[string]string{"Host": u.Host, "Cookie": begun}}, http.StatusForbidden, "Not signed in")
}

func TestASignInAtTheProviderHasToBeNew(t *testing.T) {
	t.Parallel()
	p := newOwnProvider(t)
	s := p.pages()
	for name, tt := range map[string]struct {
		claims  func(map[string]any)
		refused string
	}{
		"just now":               {claims: func(map[string]any) {}},
		"by a clock that is off": {claims: func(c map[string]any) { c["auth_time"] = time.Now().Add(-30 * time.Second).Unix() }},
		"some minutes before":    {claims: func(c map[string]any) { c["auth_time"] = time.Now().Add(-5 * time.Minute).Unix() }, refused: "did not ask them to sign in anew"},
		"nobody knows when":      {claims: func(c map[string]any) { delete(c, "auth_time") }, refused: "does not say when they signed in"},
		"before there were any":  {claims: func(c map[string]any) { c["auth_time"] = 0 }, refused: "does not say when they signed in"},
	} {
		p.says(tt.claims)
		anna := s.publicVisitor()
		back := anna.begins()
		u, err := url.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		if asked := p.askedWith(u.Query().Get("code")); asked.Get("prompt") != "login" || asked.Get("max_age") != "0" {
			t.Errorf("the provider is asked with %v", asked)
		}
		if at, page := anna.follow(back); strings.HasSuffix(at, "/approve/passwords") == (tt.refused != "") || !strings.Contains(s.log.String(), tt.refused) {
			t.Errorf("%s: %s\n%s", name, at, page)
		}
	}
}

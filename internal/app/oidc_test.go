package app

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/httpd"
)

// publicAddress is where people reach the server of these tests; a proxy stands before it, which is left out.
const publicAddress = "https://aura-mcp.example.com"

// provider is a real identity provider, running beside the test.
type provider struct {
	t      *testing.T
	issuer string
}

// startProvider starts the provider that make oidc has installed.
func startProvider(t *testing.T, redirect string) *provider {
	t.Helper()
	module := os.Getenv("OIDC_PROVIDER")
	if module == "" {
		t.Skip("needs a real identity provider: make oidc runs this")
	}
	c := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "oidc", "provider.mjs"), module, redirect)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = c.Wait() })
	issuer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return &provider{t: t, issuer: strings.TrimSpace(issuer)}
}

// settings let the database team in.
func (p *provider) settings() string {
	return fmt.Sprintf("[oidc]\nissuer = %q\nclaim = \"groups\"\nprofiles = { database-team = \"default\" }\n", p.issuer)
}

// browser is somebody's browser: it keeps cookies, and stops where it is sent to somewhere else than the provider.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, client: &http.Client{Jar: jar, Timeout: 20 * time.Second}}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// open asks for a page and returns where it leads to, or what it says.
func (b *browser) open(method, address string, form url.Values) (location, page string, status int) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if to := resp.Header.Get("Location"); to != "" {
		next, err := r.URL.Parse(to)
		if err != nil {
			b.t.Fatal(err)
		}
		return next.String(), string(content), resp.StatusCode
	}
	return "", string(content), resp.StatusCode
}

var (
	formAction = regexp.MustCompile(`action="([^"]+)"`)
	formPrompt = regexp.MustCompile(`name="prompt" value="([^"]+)"`)
)

// signIn goes through the provider's pages as a person would, until they lead elsewhere.
func (b *browser) signIn(issuer, address, name string) string {
	b.t.Helper()
	for range 20 {
		if !strings.HasPrefix(address, issuer) {
			return address
		}
		location, page, status := b.open(http.MethodGet, address, nil)
		if location == "" {
			action, prompt := formAction.FindStringSubmatch(page), formPrompt.FindStringSubmatch(page)
			if action == nil || prompt == nil {
				b.t.Fatalf("%s: status %d and no form:\n%s", address, status, page)
			}
			to, err := url.Parse(address)
			if err != nil {
				b.t.Fatal(err)
			}
			if to, err = to.Parse(action[1]); err != nil {
				b.t.Fatal(err)
			}
			location, page, status = b.open(http.MethodPost, to.String(), url.Values{"prompt": {prompt[1]}, "login": {name}, "password": {"any"}})
			if location == "" {
				b.t.Fatalf("%s: status %d: %s", to, status, page)
			}
		}
		address = location
	}
	b.t.Fatal("the provider leads in a circle")
	return ""
}

// token is an access token for a resource, and the ID token beside it.
func (p *provider) token(client, name, resource string, scopes ...string) (access, id string) {
	p.t.Helper()
	verifier := oauth2.GenerateVerifier()
	c := oauth2.Config{
		ClientID: client, RedirectURL: "http://127.0.0.1/callback", Scopes: append([]string{"openid"}, scopes...),
		Endpoint: oauth2.Endpoint{AuthURL: p.issuer + "/auth", TokenURL: p.issuer + "/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	about := oauth2.SetAuthURLParam("resource", resource)
	end, err := url.Parse(newBrowser(p.t).signIn(p.issuer, c.AuthCodeURL("state", about, oauth2.S256ChallengeOption(verifier)), name))
	if err != nil || end.Query().Get("code") == "" {
		p.t.Fatalf("signing in ended at %s: %v", end, err)
	}
	token, err := c.Exchange(p.t.Context(), end.Query().Get("code"), about, oauth2.VerifierOption(verifier))
	if err != nil {
		p.t.Fatal(err)
	}
	id, _ = token.Extra("id_token").(string)
	return token.AccessToken, id
}

// parts of a JWT, decoded.
func jwtParts(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	for n, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[n])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func jwtSegment(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// publicKey is the provider's key, as everybody can have it.
func (p *provider) publicKey() *rsa.PublicKey {
	p.t.Helper()
	var set struct {
		Keys []struct {
			Kty string `json:"kty"`
			N   string `json:"n"`
		} `json:"keys"`
	}
	_, page, _ := newBrowser(p.t).open(http.MethodGet, p.issuer+"/jwks", nil)
	if err := json.Unmarshal([]byte(page), &set); err != nil {
		p.t.Fatal(err)
	}
	for _, k := range set.Keys {
		if k.Kty == "RSA" {
			n, err := base64.RawURLEncoding.DecodeString(k.N)
			if err != nil {
				p.t.Fatal(err)
			}
			return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
		}
	}
	p.t.Fatalf("no RSA key in %s", page)
	return nil
}

func TestIdentityProviderLetsInWhoBelongsThere(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "http://127.0.0.1:1/callback")
	s := serve(t, p.settings(), nil, "--demo", "--auth", "oidc", "--public-url", publicAddress)
	const resource = publicAddress + httpd.MCPPath
	a := s.expect(post("", hello), http.StatusUnauthorized, `resource_metadata="`+publicAddress+`/.well-known/oauth-protected-resource/mcp"`, `scope="aura:read"`)
	if strings.Contains(a.Header.Get("WWW-Authenticate"), "error=") {
		t.Errorf("whoever has shown no token yet is told of an error: %v", a.Header)
	}
	for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
		var m struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Scopes   []string `json:"scopes_supported"`
		}
		text := s.expect(exchange{method: http.MethodGet, path: path}, http.StatusOK).text
		if err := json.Unmarshal([]byte(text), &m); err != nil || m.Resource != resource || !slices.Equal(m.Servers, []string{p.issuer}) || len(m.Scopes) != 3 {
			t.Errorf("%s: %s", path, text)
		}
	}
	s.expect(exchange{method: http.MethodGet, path: "/readyz"}, http.StatusOK)

	reading, id := p.token("assistant", "anna", resource, httpd.ScopeRead)
	writing, _ := p.token("assistant", "anna", resource, httpd.ScopeRead, httpd.ScopeWrite)
	all, _ := p.token("assistant", "anna", resource, httpd.ScopeRead, httpd.ScopeWrite, httpd.ScopeDestroy)

	call := func(tool string) string {
		return rpc("tools/call", `{"name":"`+tool+`","arguments":{"instance":"prod-orders"}}`)
	}
	session := func(token, body string) exchange { return post(token, body, "Mcp-Session-Id", s.session(token)) }
	s.expect(session(reading, call("get_instance")), http.StatusOK, "prod-orders")
	s.expect(session(reading, rpc("tools/list", "{}")), http.StatusOK, "delete_instance") // the client can ask for more
	s.expect(session(reading, call("create_snapshot")), http.StatusForbidden, `error="insufficient_scope"`, `scope="aura:read aura:write"`, "resource_metadata")
	s.expect(session(reading, call("pause_instance")), http.StatusForbidden, `scope="aura:read aura:write"`)
	s.expect(session(writing, call("create_snapshot")), http.StatusOK, "accepted")
	s.expect(session(writing, call("delete_instance")), http.StatusForbidden, `scope="aura:read aura:write aura:destroy"`)
	s.expect(session(all, call("delete_instance")), http.StatusOK, "needs a person's approval")
	// The name in the message counts, whatever else stands in it: the guard looks again.
	s.expect(session(reading, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_snapshot","Name":"get_instance","arguments":{"instance":"prod-orders"}}}`), http.StatusOK, "prod-orders")

	none, _ := p.token("assistant", "anna", resource, "offline_access")
	s.expect(post(none, hello), http.StatusForbidden, `error="insufficient_scope"`, `scope="aura:read"`)
	eve, _ := p.token("assistant", "eve", resource, httpd.ScopeRead)
	s.expect(post(eve, hello), http.StatusForbidden, "ask whoever runs it")
	bob, _ := p.token("assistant", "bob", resource, httpd.ScopeRead)
	s.expect(post(bob, rpc("tools/list", "{}"), "Mcp-Session-Id", s.session(all)), http.StatusNotFound)
	if log := s.log.String(); strings.Contains(log, all) || !strings.Contains(log, "principal="+p.issuer+"#anna") {
		t.Error("the log has a token, or does not say who called")
	}
	p.refusesForged(s, reading, id)
}

// refusesForged shows the server tokens that are not for it, or not what they say.
func (p *provider) refusesForged(s *served, good, id string) {
	t := p.t
	t.Helper()
	header, claims := jwtParts(t, good)
	kid := header["kid"]
	elsewhere, _ := p.token("assistant", "anna", "https://another.example.com/mcp", httpd.ScopeRead)
	expired, _ := p.token("hasty", "anna", publicAddress+httpd.MCPPath, httpd.ScopeRead)
	impostor := startProvider(t, "http://127.0.0.1:1/callback")
	foreign, _ := impostor.token("assistant", "anna", publicAddress+httpd.MCPPath, httpd.ScopeRead)

	unsigned := jwtSegment(t, map[string]any{"alg": "none", "typ": "at+jwt"}) + "." + jwtSegment(t, claims) + "."
	public := p.publicKey()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	signed := func(key []byte, claims map[string]any) string {
		head := jwtSegment(t, map[string]any{"alg": "HS256", "typ": "at+jwt", "kid": kid}) + "." + jwtSegment(t, claims)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(head))
		return head + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	more := maps.Clone(claims)
	more["scope"] = "aura:read aura:write aura:destroy"
	parts := strings.Split(good, ".")
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(3500 * time.Millisecond) // until the hasty one has expired
	for name, token := range map[string]string{
		"for another server":         elsewhere,
		"expired":                    expired,
		"of another provider":        foreign,
		"without a signature":        unsigned,
		"signature left out":         parts[0] + "." + parts[1] + ".",
		"more scopes than it had":    parts[0] + "." + jwtSegment(t, more) + "." + parts[2],
		"the public key as password": signed(asPEM, claims),
		"the same in binary":         signed(der, claims),
		"the modulus":                signed(public.N.Bytes(), claims),
		"a key of its own":           signedBy(t, own, kid, claims),
		"an ID token":                id,
		"no token at all":            "rubbish",
		"two tokens":                 good + " " + good,
	} {
		a := s.expect(post(token, hello), http.StatusUnauthorized, `error="invalid_token"`)
		if strings.Contains(a.text, "oidc:") {
			t.Errorf("%s: the client is told what exactly is wrong: %s", name, a.text)
		}
	}
	s.expect(post(good, hello), http.StatusOK)
}

func TestIdentityProviderEndsStreamsWithTheirToken(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "http://127.0.0.1:1/callback")
	s := serve(t, p.settings(), nil, "--demo", "--auth", "oidc", "--public-url", publicAddress)
	token, _ := p.token("hasty", "anna", publicAddress+httpd.MCPPath, httpd.ScopeRead)
	began := time.Now()
	s.send(exchange{method: http.MethodGet, path: httpd.MCPPath, headers: map[string]string{"Authorization": "Bearer " + token, "Mcp-Session-Id": s.session(token)}})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stream stayed open for %v", took)
	}
}

func TestIdentityProviderThatIsAway(t *testing.T) {
	t.Parallel()
	p := &provider{t: t, issuer: "http://127.0.0.1:1"}
	s := serve(t, p.settings(), nil, "--demo", "--auth", "oidc", "--public-url", publicAddress)
	s.expect(exchange{method: http.MethodGet, path: "/healthz"}, http.StatusOK)
	s.expect(exchange{method: http.MethodGet, path: "/readyz"}, http.StatusServiceUnavailable)
	s.expect(post("any", hello), http.StatusServiceUnavailable, "cannot be checked at the moment")
	s.expect(post("", hello), http.StatusUnauthorized)
}

func TestIdentityProviderNamesThePrincipalInTheAudit(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "http://127.0.0.1:1/callback")
	aura := newSlowAura(t)
	close(aura.release)
	s := serve(t, "secret_sink = \"file\"\n"+p.settings(), aura.environ(), "--auth", "oidc", "--public-url", publicAddress)
	token, _ := p.token("assistant", "anna", publicAddress+httpd.MCPPath, httpd.ScopeRead, httpd.ScopeWrite)
	if text, failed := s.call(s.client(modern, token), "create_snapshot", map[string]any{"instance": "prod"}); failed {
		t.Fatal(text)
	}
	entries, _, err := audit.Open(filepath.Join(s.state, "aura-mcp", "audit")).Read(time.Now().Add(-time.Hour))
	if err != nil || len(entries) != 1 || entries[0].Principal != p.issuer+"#anna" {
		t.Errorf("the audit has %+v, %v", entries, err)
	}
}

// publicly sends what is meant for the public address to where the server really listens, as a proxy would.
type publicly struct{ base string }

// RoundTrip goes to the server.
func (p publicly) RoundTrip(r *http.Request) (*http.Response, error) {
	if "https://"+r.URL.Host == publicAddress {
		to, err := url.Parse(p.base)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Host, r.URL.Scheme, r.URL.Host = r.URL.Host, to.Scheme, to.Host
	}
	return http.DefaultTransport.RoundTrip(r)
}

// signsInAt goes through the provider's pages and comes back.
func (v *visitor) signsInAt(p *provider, address, name string) (at, page string) {
	v.t.Helper()
	for range 5 {
		location, page, _ := v.open(http.MethodGet, address, nil)
		if location == "" {
			return address, page
		}
		if address = location; strings.HasPrefix(address, p.issuer) {
			if !strings.Contains(address, "prompt=login") || !strings.Contains(address, "max_age=0") || !strings.Contains(address, "code_challenge_method=S256") || !strings.Contains(address, "client_id=approvals") {
				v.t.Errorf("people are sent to %s", address)
			}
			address = v.signIn(p.issuer, address, name)
		}
	}
	v.t.Fatal("the pages lead in a circle")
	return "", ""
}

func TestIdentityProviderSignsInWhoApproves(t *testing.T) {
	t.Parallel()
	p := startProvider(t, publicAddress+"/approve/signed-in")
	settings := p.settings() + "client_id = \"approvals\"\nclient_secret = \"secret-of-the-page\"\n"
	s := serve(t, settings, nil, "--demo", "--auth", "oidc", "--public-url", publicAddress)
	token, id := p.token("assistant", "anna", publicAddress+httpd.MCPPath, httpd.ScopeRead, httpd.ScopeWrite)
	person := func() *visitor {
		v := s.visitor()
		v.client.Transport = publicly{s.base} //nolint:forbidigo // this package speaks HTTP
		return v
	}
	c := s.client(modern, token)
	arguments := map[string]any{"instance": "prod-orders"}
	text, failed := s.call(c, "pause_instance", arguments)
	address := decidedAt(t, text, failed)

	bob := person()
	at, page := bob.signsInAt(p, address, "bob")
	if !strings.Contains(page, "Signed in as "+p.issuer+"#bob") || strings.Contains(page, "prod-orders") {
		t.Errorf("another person sees the question: %s", page)
	}
	if _, _, status := bob.post(at, url.Values{"decision": {"approve"}}); status != http.StatusNotFound {
		t.Errorf("another person's approval: status %d", status)
	}

	// What the assistant holds is of no use: neither its tokens nor an attempt to sign in that another browser began.
	for _, credential := range []string{token, id} {
		s.expect(exchange{method: http.MethodGet, path: "/approve/", headers: map[string]string{"Authorization": "Bearer " + credential}}, http.StatusForbidden)
	}
	anna := person()
	begun := address
	for !strings.HasPrefix(begun, p.issuer) {
		begun, _, _ = anna.open(http.MethodGet, begun, nil)
	}
	back := anna.signIn(p.issuer, begun, "anna")
	if _, page, status := person().open(http.MethodGet, back, nil); status != http.StatusForbidden || !strings.Contains(page, "not begun in this browser") {
		t.Errorf("another browser used the sign-in: %d %s", status, page)
	}
	at, page = anna.follow(back)
	if !strings.Contains(page, "prod-orders") || !strings.Contains(at, "/approve/") {
		t.Fatalf("%s does not show the question: %s", at, page)
	}
	if _, page, status := anna.open(http.MethodGet, back, nil); status != http.StatusForbidden {
		t.Errorf("a sign-in serves twice: %d %s", status, page)
	}
	anna.post(at, url.Values{"decision": {"approve"}})
	if text, failed := s.call(c, "pause_instance", arguments); failed || !strings.Contains(text, `"accepted"`) {
		t.Errorf("after the approval: %s", text)
	}

	// Whoever drives her browser, and tells the provider that they need not sign in anew, gets no further.
	begun, _, _ = anna.open(http.MethodGet, publicAddress+"/approve/sign-in", nil)
	silently, err := url.Parse(begun)
	if err != nil {
		t.Fatal(err)
	}
	asked := silently.Query()
	asked.Del("prompt")
	asked.Del("max_age")
	silently.RawQuery = asked.Encode()
	back = anna.signIn(p.issuer, silently.String(), "nobody, since no form is shown")
	if _, page, status := anna.open(http.MethodGet, back, nil); status != http.StatusForbidden || !strings.Contains(page, "does not count here") {
		t.Errorf("signed in by what the provider's cookies say: %d %s", status, page)
	}
}

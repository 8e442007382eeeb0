package config

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"aura-mcp/auraclient"
	"aura-mcp/internal/text"
)

// Transports. On stdio one client on this machine starts the server; over the others it serves many.
const (
	Stdio = "stdio"
	HTTP  = "http"
	SSE   = "sse"
)

// Ways to tell who a request over HTTP comes from.
const (
	AuthBearer = "bearer"
	AuthOIDC   = "oidc"
	AuthNone   = "none"
)

// Serving is how the server is reached, where that is over HTTP.
type Serving struct {
	Transport     string
	Listen        string
	PublicURL     *url.URL // nil: clients are on this machine
	TLSCert       string
	TLSKey        string
	BehindProxy   bool
	Auth          string
	Origins       []string
	MetricsListen string
	JSONLog       bool
	StateKeys     [][]byte // the first seals, any opens
	// TrustClient lets a question in somebody's client, far away, count as their approval.
	TrustClient bool
	Tokens      []Token
	OIDC        *OIDC
}

// stateKeys is the key of the one setting of a server that is a secret.
const stateKeys = "state_key"

// servingSettings are the settings of a server over HTTP.
func servingSettings() []Setting {
	return []Setting{
		{Key: "transport", Env: []string{envPrefix + "TRANSPORT"}, Flag: "transport", Default: Stdio, Help: "how clients reach the server: stdio, http (streamable HTTP), or sse (deprecated)", allowed: oneOf(Stdio, HTTP, SSE), serves: true, whole: true},
		{Key: "listen", Env: []string{envPrefix + "LISTEN"}, Flag: "listen", Default: "127.0.0.1:8080", Help: "over HTTP: address to listen on", allowed: listenAddress, serves: true, whole: true},
		{Key: "public_url", Env: []string{envPrefix + "PUBLIC_URL"}, Flag: "public-url", Help: "over HTTP: where clients reach the server, without a path, such as https://aura-mcp.example.com", allowed: publicURL, serves: true, whole: true},
		{Key: "tls_cert", Env: []string{envPrefix + "TLS_CERT"}, Flag: "tls-cert", Help: "over HTTP: file with the certificate chain; read again when it changes", allowed: filled, serves: true, whole: true},
		{Key: "tls_key", Env: []string{envPrefix + "TLS_KEY"}, Flag: "tls-key", Help: "over HTTP: file with its key", allowed: filled, serves: true, whole: true},
		{Key: "behind_proxy", Env: []string{envPrefix + "BEHIND_PROXY"}, Flag: "behind-proxy", Default: "false", Help: "over HTTP: a proxy in front does TLS, so listen beyond this machine without", kind: truth, allowed: oneOf("true", "false"), serves: true, whole: true, stricter: staysOn("false")},
		{Key: "auth", Env: []string{envPrefix + "AUTH"}, Flag: "auth", Default: AuthBearer, Help: "over HTTP: who may come in: bearer (tokens of the config file), oidc (an identity provider), none (only with --demo)", allowed: oneOf(AuthBearer, AuthOIDC, AuthNone), serves: true, whole: true, stricter: asStored},
		{Key: "allowed_origins", Env: []string{envPrefix + "ALLOWED_ORIGINS"}, Help: "over HTTP: web origins whose pages may talk to the server, such as https://inspector.example.com", kind: list, allowed: each(origin), whole: true, stricter: narrower},
		{Key: "metrics_listen", Env: []string{envPrefix + "METRICS_LISTEN"}, Flag: "metrics-listen", Help: "over HTTP: serve /metrics on this address, too, without authentication", allowed: listenAddress, serves: true, whole: true},
		{Key: "log_format", Env: []string{envPrefix + "LOG_FORMAT"}, Flag: "log-format", Default: "text", Help: "how the log is written: text or json", allowed: oneOf("text", "json"), serves: true, whole: true},
		{Key: stateKeys, Env: []string{envPrefix + "STATE_KEY"}, Help: "over HTTP: keys that seal what clients carry between requests, 32 bytes in base64 each; the first seals, all open. Random where not given", kind: list, allowed: each(stateKey), whole: true},
		{Key: "trust_client_elicitation", Default: "false", Help: "over HTTP: let an answer given in the client count as a person's approval. The config file alone can set it", kind: truth, allowed: oneOf("true", "false"), whole: true},
	}
}

func settleServing(all layer) Serving {
	s := Serving{
		Transport: Stdio, Listen: "127.0.0.1:8080", Auth: AuthBearer,
		TLSCert: all["tls_cert"].text, TLSKey: all["tls_key"].text, BehindProxy: all["behind_proxy"].text == "true",
		MetricsListen: all["metrics_listen"].text, JSONLog: all["log_format"].text == "json",
		TrustClient: all["trust_client_elicitation"].text == "true",
	}
	for key, field := range map[string]*string{"transport": &s.Transport, "listen": &s.Listen, "auth": &s.Auth} {
		if v, given := all[key]; given {
			*field = v.text
		}
	}
	if v, given := all["public_url"]; given {
		s.PublicURL = site(v.text)
	}
	for _, page := range items(all["allowed_origins"]) {
		s.Origins = append(s.Origins, site(page).String())
	}
	for _, key := range items(all[stateKeys]) {
		raw, _ := base64.StdEncoding.DecodeString(key) // likewise
		s.StateKeys = append(s.StateKeys, raw)
	}
	return s
}

// site is an address, checked before, as browsers write where a page comes from: in lower case, and without the port that goes
// without saying.
func site(v string) *url.URL {
	u, err := url.Parse(v)
	if err != nil {
		return &url.URL{}
	}
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return &url.URL{Scheme: u.Scheme, Host: strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), ":"+port), ":")}
}

// asStored keeps what is stored, where no other value is stricter than it.
func asStored(stored, _ string) string { return stored }

func listenAddress(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err == nil {
		_, err = netip.ParseAddrPort("127.0.0.1:" + port)
	}
	if err != nil {
		return fmt.Errorf("is %s; allowed: a host or address and a port, such as 127.0.0.1:8080 or :8080", text.Quote(v))
	}
	return nil
}

func publicURL(v string) error {
	u, err := url.Parse(v)
	if err == nil && u.Hostname() != "" && u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())) {
		return nil
	}
	return fmt.Errorf("is %s; allowed: https:// and a host, without a path (http only for this machine), such as https://aura-mcp.example.com", text.Quote(v))
}

func origin(v string) error {
	u, err := url.Parse(v)
	if err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") && v == u.Scheme+"://"+u.Host {
		return nil
	}
	return fmt.Errorf("has %s; allowed: a scheme and a host without a path, such as https://inspector.example.com", text.Quote(v))
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

func stateKey(v string) error {
	if raw, err := base64.StdEncoding.DecodeString(v); err == nil && len(raw) == 32 {
		return nil
	}
	return errors.New("has a key that is not 32 bytes in base64; `openssl rand -base64 32` makes one")
}

// Token lets whoever has it use a server over HTTP. The token itself is kept nowhere.
type Token struct {
	Name     string `toml:"name"`
	SHA256   string `toml:"sha256"` // of the token, in hex
	ReadOnly bool   `toml:"read_only"`
	Profile  string `toml:"profile"`
	// Passphrase is a slow salted hash of what its person types on the approval page; "" where they cannot approve there.
	Passphrase string `toml:"passphrase"`
}

// OIDC is an identity provider whose tokens let people use a server over HTTP.
type OIDC struct {
	Issuer   string            `toml:"issuer"`
	Audience string            `toml:"audience"` // "": the server's address at the path of MCP
	Claim    string            `toml:"claim"`
	Profiles map[string]string `toml:"profiles"` // by value of the claim
	// ClientID and its secret sign people in on this server's own pages.
	ClientID     string            `toml:"client_id"`
	ClientSecret auraclient.Secret `toml:"client_secret"`
}

// TokenName is what tokens may be called. They stand for people in the audit.
var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]*$`)

// CheckTokenName says what is wrong with a name, or nil.
func CheckTokenName(name string) error {
	switch {
	case len(name) > 64 || !tokenName.MatchString(name):
		return fmt.Errorf("has the name %s; allowed: letters, digits and . _ @ -, up to 64", text.Quote(name))
	case name == "local":
		return errors.New(`has the name "local", which is the person at the server's own machine; choose another`)
	}
	return nil
}

// check says what is wrong with a token; names are those of the ones before.
func (t Token) check(names map[string]bool) (problems []error) {
	if err := CheckTokenName(t.Name); err != nil {
		problems = append(problems, err)
	}
	if raw, err := hex.DecodeString(t.SHA256); err != nil || len(raw) != 32 || t.SHA256 != strings.ToLower(t.SHA256) {
		problems = append(problems, fmt.Errorf("%s needs sha256, 64 hexadecimal digits as `aura-mcp token create` makes them", text.Quote(t.Name)))
	}
	if names[t.Name] {
		problems = append(problems, fmt.Errorf("has %s twice", text.Quote(t.Name)))
	}
	names[t.Name] = true
	return problems
}

// check says what is wrong with a provider.
func (o *OIDC) check() (problems []error) {
	if err := publicURLWithPath(o.Issuer); err != nil {
		problems = append(problems, err)
	}
	if o.Claim == "" || len(o.Profiles) == 0 {
		problems = append(problems, errors.New(`needs claim and profiles, which say who may come in, such as claim = "groups" and profiles = { "database-team" = "default" }`))
	}
	if (o.ClientID == "") != (o.ClientSecret == "") {
		problems = append(problems, errors.New("needs client_id and client_secret together"))
	}
	return problems
}

func publicURLWithPath(v string) error {
	u, err := url.Parse(v)
	if err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())) {
		return nil
	}
	return fmt.Errorf("needs issuer, the https:// address of the identity provider; it is %s", text.Quote(v))
}

package httpd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
)

// Provider is an identity provider that this server trusts, and what of its tokens counts.
type Provider struct {
	Issuer   string
	Audience string // what a token must be meant for: this server's address at the path of MCP, unless the provider wants another
	Resource string // this server's address at the path of MCP, as clients are told
	// Claim is the claim that says who may come in, and Profiles what profile its values stand for. A claim may have several
	// values; they must not stand for different profiles.
	Claim    string
	Profiles map[string]string
	Client   *http.Client // to ask it with; nil for the usual one
}

// algorithms are those whose signatures only the provider can make. Keyed hashes are none of them: their key would be the
// public one, which everybody has.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// OIDC lets in who has a token of an identity provider. Make one with [NewOIDC].
type OIDC struct {
	Provider

	mu       sync.Mutex
	provider *oidc.Provider
	asked    time.Time // the last time that the provider could not be asked
	problem  error
}

// NewOIDC makes one that has not asked the provider yet: the provider may start after this server.
func NewOIDC(p Provider) *OIDC {
	next := http.DefaultTransport
	if p.Client != nil && p.Client.Transport != nil { //nolint:forbidigo // this package speaks HTTP
		next = p.Client.Transport //nolint:forbidigo // this package speaks HTTP
	}
	p.Client = &http.Client{Timeout: 10 * time.Second, Transport: &recent{next: next, kept: map[string]kept{}}} //nolint:forbidigo // this package speaks HTTP
	return &OIDC{Provider: p}
}

// askAgain is how long a provider that could not be asked is left alone.
const askAgain = 3 * time.Second

// Ready asks the provider for its keys' address, once it answers.
func (o *OIDC) Ready(ctx context.Context) error {
	_, err := o.discovered(ctx)
	return err
}

// discovered is the provider as it describes itself, asked once.
func (o *OIDC) discovered(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	if o.problem != nil && time.Since(o.asked) < askAgain {
		return nil, o.problem
	}
	// The keys are fetched again with this context, long after the request.
	lasting := oidc.ClientContext(context.WithoutCancel(ctx), o.Client)
	provider, err := oidc.NewProvider(lasting, o.Issuer)
	if err != nil {
		o.asked, o.problem = time.Now(), fmt.Errorf("ask the identity provider: %w", err)
		return nil, o.problem
	}
	o.provider = provider
	return provider, nil
}

// principal is what a subject is called here.
func (o *OIDC) principal(subject string) string { return o.Issuer + "#" + subject }

// Identify verifies a token: signature, issuer, audience, times, and the claim that lets its subject in.
func (o *OIDC) Identify(ctx context.Context, token string) (Identity, error) {
	if token == "" {
		return Identity{}, fmt.Errorf("%w: there is none", ErrToken)
	}
	provider, err := o.discovered(ctx)
	if err != nil {
		return Identity{}, err
	}
	verified, err := provider.Verifier(&oidc.Config{ClientID: o.Audience, SupportedSigningAlgs: algorithms}).Verify(ctx, token)
	switch {
	case err != nil && keysUnavailable(err):
		return Identity{}, fmt.Errorf("ask the identity provider: %w", err)
	case err != nil:
		return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
	case verified.Subject == "":
		return Identity{}, fmt.Errorf("%w: it has no subject", ErrToken)
	}
	var claims map[string]any
	if err := verified.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	profile, err := o.profile(claims)
	if err != nil {
		return Identity{}, err
	}
	scopes := slices.Concat(values(claims["scope"]), values(claims["scp"]))
	if !slices.Contains(scopes, ScopeRead) {
		return Identity{}, fmt.Errorf("%w: its scopes are %q", ErrScope, scopes)
	}
	caller := op.Caller{
		Profile: profile, Principal: o.principal(verified.Subject),
		Withheld: withheld(func(s string) bool { return slices.Contains(scopes, s) }),
	}
	return Identity{Caller: caller, Expires: verified.Expiry}, nil
}

// keysUnavailable tells a provider that cannot be reached from a signature that is wrong. The library has no type for it.
func keysUnavailable(err error) bool {
	return strings.Contains(err.Error(), "fetching keys")
}

// profile finds what the claim stands for. Nothing that is known means no access.
func (o *OIDC) profile(claims map[string]any) (string, error) {
	found := map[string]bool{}
	for _, v := range values(claims[o.Claim]) {
		if profile, ok := o.Profiles[v]; ok {
			found[profile] = true
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w: its claim %s has no value that the settings know", ErrNoAccess, o.Claim)
	case 1:
		for profile := range found {
			return profile, nil
		}
	}
	return "", fmt.Errorf("%w: its claim %s stands for several profiles", ErrNoAccess, o.Claim)
}

// values are those of a claim: one text, several, or a text of several words.
func values(claim any) []string {
	switch v := claim.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var out []string
		for _, each := range v {
			if s, ok := each.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// Metadata tells clients where to get a token (RFC 9728).
func (o *OIDC) Metadata() *server.ProtectedResourceMetadataConfig {
	return &server.ProtectedResourceMetadataConfig{
		Resource: o.Resource, AuthorizationServers: []string{o.Issuer}, ResourceName: "aura-mcp",
		ScopesSupported: []string{ScopeRead, ScopeWrite, ScopeDestroy}, BearerMethodsSupported: []string{"header"},
	}
}

// recentTime is how long an answer of the provider counts as recent.
const recentTime = 5 * time.Second

// recent keeps answers of the provider for a few seconds: the library asks for the keys anew for every token whose key it does not
// know, and anybody can send such tokens.
type recent struct {
	next http.RoundTripper

	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	at     time.Time
	status int
	header http.Header
	body   []byte
}

// RoundTrip asks, or repeats what was answered just before. Only the provider's two fixed addresses are ever asked.
func (c *recent) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		return c.next.RoundTrip(r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	last, ok := c.kept[r.URL.String()]
	if !ok || time.Since(last.at) >= recentTime {
		resp, err := c.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody))
		if err != nil {
			return nil, fmt.Errorf("read the provider's answer: %w", err)
		}
		last = kept{at: time.Now(), status: resp.StatusCode, header: resp.Header, body: body}
		c.kept[r.URL.String()] = last
	}
	return &http.Response{
		Status: http.StatusText(last.status), StatusCode: last.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: last.header.Clone(), Body: io.NopCloser(bytes.NewReader(last.body)), ContentLength: int64(len(last.body)), Request: r,
	}, nil
}

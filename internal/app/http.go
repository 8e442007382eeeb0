package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/auraclient"
	"aura-mcp/internal/approval"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/config"
	"aura-mcp/internal/httpd"
	"aura-mcp/internal/op"
	"aura-mcp/internal/passphrase"
	"aura-mcp/internal/telemetry"
	"aura-mcp/internal/text"
	"aura-mcp/internal/vault"
)

// remote is what a server over HTTP has besides.
type remote struct {
	config.Serving
	process  Process
	demo     bool
	settings config.Profiles
	log      *slog.Logger
	metrics  *httpd.Metrics
	tracing  *telemetry.Tracing // nil where no collector is named
	policy   *policySource
	token    *config.Token // of whoever started the server, where the settings have none
	base     *url.URL      // where clients and browsers reach the server, once it listens
	pages    *approval.Remote
	tls      *tls.Config // nil without a certificate
}

// overHTTP prepares the setup for a server over HTTP, if the settings want one and are good for that.
func (s *setup) overHTTP(p Process, f fleetFlags) error {
	r := &remote{Serving: s.settings.Serving, process: p, demo: f.demo, settings: s.settings}
	if r.Transport == config.Stdio {
		for _, key := range []string{"listen", "public_url", "tls_cert", "tls_key", "behind_proxy", "auth", "metrics_listen"} {
			if _, given := f.set[key]; given {
				return usageError{fmt.Errorf("--%s goes with --transport http", strings.ReplaceAll(key, "_", "-"))}
			}
		}
		return nil
	}
	var handler slog.Handler = slog.NewTextHandler(p.Stderr, &slog.HandlerOptions{Level: s.settings.LogLevel})
	if r.JSONLog {
		handler = slog.NewJSONHandler(p.Stderr, &slog.HandlerOptions{Level: s.settings.LogLevel})
	}
	s.log = slog.New(httpd.Logger(handler))
	r.log = s.log
	if err := r.check(); err != nil {
		return usageError{err}
	}
	var err error
	if r.tracing, err = telemetry.Start(p.Environ, version(), s.log); err != nil {
		return usageError{err}
	}
	r.metrics = httpd.NewMetrics(func() (left, limit int) { return s.accounts.budget() })
	s.remote = r
	return nil
}

// check judges everything that can be judged before there is a listener, for the start and for the commands that check settings.
func (r *remote) check() error { return errors.Join(r.checkListener(), r.checkAccess()) }

// checkListener: what goes over a network goes encrypted, or the person says that somebody else sees to that.
func (r *remote) checkListener() error {
	if (r.TLSCert == "") != (r.TLSKey == "") {
		return errors.New("tls_cert and tls_key go together: set both")
	}
	if r.TLSCert != "" {
		var err error
		if r.tls, err = httpd.TLS(r.TLSCert, r.TLSKey, r.log); err != nil {
			return err
		}
	}
	if r.onLoopback() {
		return nil
	}
	if r.TLSCert == "" && !r.BehindProxy {
		return fmt.Errorf("%s can be reached from other machines, and tokens would go over the network in the clear: set tls_cert and tls_key, or say with --behind-proxy that a proxy in front does TLS", r.Listen)
	}
	if r.PublicURL == nil {
		return fmt.Errorf("%s can be reached from other machines: set public_url to the address that clients use, since requests for any other host name are refused", r.Listen)
	}
	return nil
}

func (r *remote) onLoopback() bool {
	host, _, err := net.SplitHostPort(r.Listen)
	return err == nil && httpd.Loopback(host)
}

func (r *remote) checkAccess() error {
	switch {
	case r.Auth == config.AuthNone && !r.demo:
		return errors.New("auth = none goes with --demo only, where nothing is real: without authentication anybody could use your databases")
	case r.Auth == config.AuthOIDC && r.OIDC == nil:
		return errors.New("auth = oidc needs the table [oidc] in the config file, with issuer, claim and profiles")
	case r.Auth == config.AuthOIDC && r.PublicURL == nil:
		return errors.New("auth = oidc needs public_url: it is what tokens must be meant for")
	case r.Auth == config.AuthOIDC && r.OIDC.ClientID == "" && slices.ContainsFunc(r.settings.All, func(c config.Config) bool { return c.SecretSink == string(vault.Page) }):
		return errors.New("secret_sink = page needs client_id and client_secret in the table [oidc]: without them nobody can sign in to see a password")
	case r.Auth == config.AuthBearer && len(r.Tokens) == 0 && !r.onLoopback():
		return errors.New("there are no tokens, so nobody could come in: make one with `aura-mcp token create NAME`")
	}
	for _, c := range r.settings.All {
		if _, given := c.Origins["secret_sink"]; given || r.demo || c.ReadOnly || r.ownOnly() {
			continue
		}
		return errors.New("secret_sink must be set for a server over HTTP: with \"page\" whoever creates a database sees its one-time password once on the approval page; with \"file\" it stays on this machine, where whoever runs the server finds it; with \"reveal\" it goes into the conversation; a server with read_only needs none")
	}
	if r.Auth == config.AuthBearer {
		return r.checkTokens()
	}
	if r.Auth == config.AuthOIDC {
		_, err := r.profilesByClaim()
		return err
	}
	return nil
}

func (r *remote) checkTokens() error {
	for _, t := range r.Tokens {
		if _, err := profileNamed(r.settings, t.Profile); err != nil {
			return fmt.Errorf("token %s: %w", t.Name, err)
		}
		if err := passphrase.Check(t.Passphrase); t.Passphrase != "" && err != nil {
			return fmt.Errorf("token %s: its passphrase %w; `aura-mcp token passphrase %s` makes one", t.Name, err, t.Name)
		}
	}
	if len(r.Tokens) > 0 {
		return nil
	}
	_, err := profileNamed(r.settings, "") // of whoever starts the server
	return err
}

// profilesByClaim are the profiles as callers have them, by the value of the claim that stands for each.
func (r *remote) profilesByClaim() (map[string]string, error) {
	out := map[string]string{}
	for value, name := range r.OIDC.Profiles {
		profile, err := profileNamed(r.settings, name)
		if err != nil {
			return nil, fmt.Errorf("oidc: profiles: %s: %w", value, err)
		}
		out[value] = profile
	}
	return out, nil
}

// profileNamed is a profile as callers have it, by its name in the settings; "" there is the default one.
func profileNamed(p config.Profiles, name string) (string, error) {
	names := strings.Join(p.Names(), ", ")
	if name == "" && p.Default == "" {
		return "", fmt.Errorf("no profile is named, and the settings have no default_profile; allowed: %s", names)
	}
	c, ok := p.Get(cmp.Or(name, p.Default))
	if !ok {
		if _, brought := p.Get(config.EnvironmentName); brought {
			names += ". AURA_CLIENT_ID in the environment replaces the profiles of the file; for a profile to use it, set credentials = { source = \"env\" } there"
		}
		return "", fmt.Errorf("there is no profile %s; allowed: %s", text.Quote(cmp.Or(name, p.Default)), names)
	}
	return callerProfile(p, c), nil
}

// everything is what a token that is for reading withholds.
const everything = op.Write | op.Billable | op.Disruptive | op.Destructive

// tokens are the callers that the settings let in by token, at this moment.
func (r *remote) tokens() []httpd.Token {
	var out []httpd.Token
	now := r.policy.serving()
	for _, t := range now.Serving.Tokens {
		profile, err := profileNamed(now, t.Profile)
		if err != nil {
			continue // told when the settings were read
		}
		caller := op.Caller{Profile: profile, Principal: t.Name}
		if t.ReadOnly {
			caller.Withheld = everything
		}
		out = append(out, httpd.Token{Caller: caller, Digest: t.SHA256})
	}
	if r.token != nil {
		profile, _ := profileNamed(r.settings, "") // checked at the start
		out = append(out, httpd.Token{Caller: op.Caller{Profile: profile, Principal: op.Local}, Digest: r.token.SHA256})
	}
	return out
}

// callerNow is a caller as the settings know them at this moment. What an identity provider's token says holds until it expires.
func (r *remote) callerNow(c op.Caller) (op.Caller, error) {
	if r.Auth != config.AuthBearer {
		return c, nil
	}
	for _, t := range r.tokens() {
		if t.Caller.Principal == c.Principal && t.Caller.Profile == c.Profile {
			return t.Caller, nil
		}
	}
	return op.Caller{}, fmt.Errorf("the token of %s was taken back meanwhile", text.Quote(c.Principal))
}

// newAccess decides who may come in.
func (r *remote) newAccess(address string) (httpd.Access, error) {
	switch r.Auth {
	case config.AuthNone:
		return httpd.Nobody{}, nil
	case config.AuthOIDC:
		o := r.OIDC
		profiles, err := r.profilesByClaim()
		if err != nil {
			return nil, err
		}
		p := httpd.Provider{Issuer: o.Issuer, Audience: o.Audience, Resource: address, Claim: o.Claim, Profiles: profiles}
		if p.Audience == "" {
			p.Audience = address
		}
		return httpd.NewOIDC(p), nil
	}
	return httpd.Tokens(r.tokens), nil
}

// serves makes the MCP server one for many callers.
func (r *remote) serves(o *serverOptions, policy *policySource, journal *audit.Journal) {
	if r == nil {
		return
	}
	r.policy = policy
	journal.Watch(r.decided)
	o.Caller = httpd.CallerFrom
	o.ListAll = r.Auth == config.AuthOIDC
	o.More = []server.ServerOption{server.WithLogging()}
	if r.tracing != nil {
		o.More = append(o.More, r.tracing.Options()...)
	}
}

// decided counts what the guard has decided.
func (r *remote) decided(l audit.Line) {
	if l.Event == audit.Decided {
		r.metrics.Operation(l.Operation, l.Runs)
	}
}

// counted is the transport to Aura, counted where somebody looks at the figures.
func (s *setup) counted(next http.RoundTripper) http.RoundTripper {
	if s.remote == nil {
		return next
	}
	if t := s.remote.tracing; t != nil {
		next = t.Transport(next)
	}
	return s.remote.metrics.Transport(next)
}

// serveHTTP serves until ctx is cancelled.
func (s *setup) serveHTTP(ctx context.Context) error {
	r := s.remote
	if r.tracing != nil {
		defer r.tracing.Stop()
	}
	dir, release, err := r.claimState()
	if err != nil {
		return err
	}
	defer release()
	if err := s.server.ready(); err != nil {
		return err
	}
	l, err := r.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // at the latest
	r.base = r.reachedAt(l.Addr().String())
	address := r.address()
	if err := r.ownToken(dir, address); err != nil {
		return err
	}
	access, err := r.newAccess(address)
	if err != nil {
		return err
	}
	ready := func(context.Context) error { return nil }
	if o, ok := access.(*httpd.OIDC); ok {
		ready = o.Ready
	}
	var pages http.Handler
	if r.pages = r.makePages(s, access); r.pages != nil {
		pages = r.pages
	}
	h, err := httpd.New(httpd.Options{
		Transport: httpd.Transport(r.Transport), MCP: s.server.MCPServer, Access: access, OnBehalfOf: auraclient.OnBehalfOf, Effects: s.server.effects, Misused: s.server.misused,
		Pages: pages, PublicURL: r.PublicURL, Origins: r.Origins, Ready: ready, Metrics: r.metrics, Log: r.log,
	})
	if err != nil {
		return err
	}
	stop, err := r.serveMetrics(ctx)
	if err != nil {
		return err
	}
	defer stop()
	r.log.Info("serving MCP", "address", address, "listen", l.Addr().String(), "transport", r.Transport, "auth", r.Auth, "demo", r.demo)
	return h.Serve(ctx, l)
}

// claimState makes sure that no other server works with the same private state: each would know only half of what was asked
// and approved.
func (r *remote) claimState() (dir string, release func(), err error) {
	name := "http"
	if r.demo {
		name = "demo-http"
	}
	if dir = r.process.state(name); dir == "" {
		return "", nil, errors.New("this account has no directory for private state, which a server over HTTP needs: set HOME or XDG_STATE_HOME")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("private state: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	held, err := lock.TryLock()
	if err != nil {
		return "", nil, fmt.Errorf("private state: %w", err)
	}
	if !held {
		return "", nil, fmt.Errorf("another aura-mcp serves over HTTP with the private state in %s: end it, or give this one a directory of its own (XDG_STATE_HOME)", filepath.Dir(dir))
	}
	return dir, func() { _ = lock.Unlock() }, nil // the system lets go of it at the latest when the process ends
}

func (r *remote) listen(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", r.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if r.tls == nil {
		return l, nil
	}
	return tls.NewListener(l, r.tls), nil
}

// reachedAt is where clients and browsers reach the server.
func (r *remote) reachedAt(listen string) *url.URL {
	if r.PublicURL != nil {
		return r.PublicURL
	}
	base := &url.URL{Scheme: "http", Host: listen}
	if r.TLSCert != "" {
		base.Scheme = "https"
	}
	return base
}

// address is where clients find MCP.
func (r *remote) address() string {
	if r.Transport == config.SSE {
		return r.base.JoinPath(httpd.SSEPath).String()
	}
	return r.base.JoinPath(httpd.MCPPath).String()
}

// ownToken makes a token for whoever started the server, where nobody has made any. It goes into a file that only they can
// read, and nowhere else.
func (r *remote) ownToken(dir, address string) error {
	if r.Auth != config.AuthBearer || len(r.Tokens) > 0 {
		return nil
	}
	token, digest := httpd.NewToken()
	file := filepath.Join(dir, "token")
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("token: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	_, wrote := f.WriteString(token + "\n")
	if err := errors.Join(wrote, f.Close()); err != nil {
		return fmt.Errorf("token: %w", err)
	}
	r.token = &config.Token{SHA256: digest}
	fmt.Fprintf(r.process.Stderr, "aura-mcp serves %s. Clients need the token in %s\n", address, file)
	return nil
}

// serveMetrics shows the metrics on an address of their own, if the settings name one.
func (r *remote) serveMetrics(ctx context.Context) (stop func(), err error) {
	if r.MetricsListen == "" {
		return func() {}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", r.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("metrics_listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", r.metrics.Handler())
	h := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Serve(l) }() // its error is that it was closed, or that the socket broke
	return func() { _ = h.Close(); <-done }, nil
}

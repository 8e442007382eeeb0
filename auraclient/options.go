package auraclient

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"
)

// Option changes one setting of a [Client]. [New] refuses an invalid value with
// an [*ArgumentError].
type Option func(*settings) error

type settings struct {
	base      *url.URL
	auth      *url.URL // nil: the token endpoint of base's host
	transport http.RoundTripper
	userAgent string
	log       *slog.Logger
	perMinute int
	timeout   time.Duration
	attempts  int
	maxBody   int64

	metricsID      string // empty: the credentials of the client
	metricsSecret  Secret
	maxMetricsBody int64
}

func defaultSettings() settings {
	return settings{
		base:      &url.URL{Scheme: "https", Host: "api.neo4j.io"},
		transport: defaultTransport(),
		userAgent: "aura-mcp",
		log:       slog.New(slog.DiscardHandler),
		perMinute: 120, // Aura allows 125 a minute; the rest is for clocks that differ
		timeout:   30 * time.Second,
		attempts:  4,
		maxBody:   4 << 20,

		maxMetricsBody: 8 << 20,
	}
}

// defaultTransport keeps more idle connections than net/http's two: a fleet is
// read several instances at a time.
func defaultTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = 16
	return t
}

// WithBaseURL sets where the API is, [DefaultBaseURL] when not given. A trailing
// slash or /v1 makes no difference. It must be https, or http on loopback, with
// no user, query or fragment.
func WithBaseURL(base string) Option {
	return func(s *settings) error {
		u, err := parseURL("base url", base)
		if err != nil {
			return err
		}
		u.Path = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v1"), "/")
		if last := path.Base(u.Path); len(last) > 1 && last[0] == 'v' && '0' <= last[1] && last[1] <= '9' {
			return &ArgumentError{Argument: "base url", Problem: "names another version of the API than v1"}
		}
		u.RawPath = ""
		s.base = u
		return nil
	}
}

// WithAuthURL sets the token endpoint. When not given it is /oauth/token at the
// root of the base URL's host, for Aura's is not under /v1. The rules of
// [WithBaseURL] hold.
func WithAuthURL(auth string) Option {
	return func(s *settings) error {
		u, err := parseURL("auth url", auth)
		if err != nil {
			return err
		}
		s.auth = u
		return nil
	}
}

// WithTransport sets what carries requests, net/http's transport when not given.
// It sees the bearer token and the client secret.
func WithTransport(t http.RoundTripper) Option {
	return func(s *settings) error {
		if t == nil {
			return &ArgumentError{Argument: "transport", Problem: "is nil"}
		}
		s.transport = t
		return nil
	}
}

// WithUserAgent sets the User-Agent header of every request.
func WithUserAgent(agent string) Option {
	return func(s *settings) error {
		if agent == "" || strings.ContainsFunc(agent, func(r rune) bool { return r < ' ' || r > '~' }) {
			return &ArgumentError{Argument: "user agent", Problem: "must be printable ASCII"}
		}
		s.userAgent = agent
		return nil
	}
}

// WithLogger sends one debug line for each request to log: method, path, status,
// request ID and duration. Bodies and headers are never logged.
func WithLogger(log *slog.Logger) Option {
	return func(s *settings) error {
		if log == nil {
			return &ArgumentError{Argument: "logger", Problem: "is nil"}
		}
		s.log = log
		return nil
	}
}

// WithRateLimit sets how many requests the client sends in any 60 seconds, 120
// when not given. Aura allows 125 for each client ID, and 25 for free and trial
// accounts.
func WithRateLimit(perMinute int) Option {
	return func(s *settings) error {
		s.perMinute = perMinute
		return positive("rate limit", perMinute)
	}
}

// WithTimeout sets how long one attempt may take from sending the request to the
// last byte of the answer, 30 seconds when not given. Waiting for the request
// budget and between attempts does not count; for the whole call use the context.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.timeout = d
		return positive("timeout", d)
	}
}

// WithMaxAttempts sets how often a request that is safe to repeat is sent at
// most, 4 when not given. 1 switches repeating off.
func WithMaxAttempts(n int) Option {
	return func(s *settings) error {
		s.attempts = n
		return positive("max attempts", n)
	}
}

// WithMaxBody sets how many bytes of an answer are read, 4 MiB when not given. A
// larger answer is an error.
func WithMaxBody(bytes int64) Option {
	return func(s *settings) error {
		s.maxBody = bytes
		return positive("max body", bytes)
	}
}

// WithMetricsCredentials sets the API credentials that metrics are read with, those
// of the client when not given. Reading metrics needs a role in the project that
// whoever manages instances need not have.
func WithMetricsCredentials(clientID string, clientSecret Secret) Option {
	return func(s *settings) error {
		if err := credential("metrics client id", clientID); err != nil {
			return err
		}
		s.metricsID, s.metricsSecret = clientID, clientSecret
		return credential("metrics client secret", clientSecret.Reveal())
	}
}

// WithMaxMetricsBody sets how many bytes of metrics are read, after unpacking, 8
// MiB when not given, which is enough for a hundred instances. More is an error.
func WithMaxMetricsBody(bytes int64) Option {
	return func(s *settings) error {
		s.maxMetricsBody = bytes
		return positive("max metrics body", bytes)
	}
}

func positive[N int | int64 | time.Duration](argument string, n N) error {
	if n > 0 {
		return nil
	}
	return &ArgumentError{Argument: argument, Problem: fmt.Sprintf("must be positive, not %v", n)}
}

// parseURL accepts a URL that credentials may be sent to.
func parseURL(argument, raw string) (*url.URL, error) {
	refuse := func(problem string) (*url.URL, error) {
		return nil, &ArgumentError{Argument: argument, Problem: problem}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil: // whose text would repeat a password in the URL
		return refuse("cannot be parsed as a URL")
	case u.User != nil:
		return refuse("must not contain a user or password")
	case u.Hostname() == "" || u.Opaque != "":
		return refuse("must be a URL with a host, such as " + DefaultBaseURL)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("must not have a query or fragment")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	default:
		return refuse("must be https (http only on loopback): it is sent credentials")
	}
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

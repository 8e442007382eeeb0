package auraclient

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	metricsFresh    = 30 * time.Second // for so long the endpoint itself serves one answer
	metricsTimeout  = 30 * time.Second // less than that and the answer may not be ready
	metricsAttempts = 2
	metricsFlight   = 75 * time.Second // for all attempts of one scrape; callers may leave earlier
)

// MetricsService reads what the instances report about themselves. Its requests go
// to another host than the API's and do not count towards the API's request
// budget.
type MetricsService struct{ m *metrics }

// Instance reads the metrics of one instance from its [Instance.MetricsURL]. An
// address that is not on Aura's metrics host is refused with a
// [*MetricsAddressError] before anything is sent. When the refusal means that the
// credentials may not read metrics, [IsMetricsRoleMissing] says so.
//
// Aura renews the answer every 30 seconds. For as long the same Scrape is returned
// again, to all callers; [Scrape.ReadAt] says when it was read. Calls at the same
// time share one request.
func (s *MetricsService) Instance(ctx context.Context, metricsURL string) (*Scrape, error) {
	return s.m.read(ctx, metricsURL)
}

// Tenant reads the metrics of all instances of a tenant in one answer, from the
// address that [TenantsService.MetricsEndpoint] returned. Which instances are in it
// is chosen in the Aura console. Everything else is as for
// [MetricsService.Instance].
func (s *MetricsService) Tenant(ctx context.Context, endpointURL string) (*Scrape, error) {
	return s.m.read(ctx, endpointURL)
}

// metrics is what the views of a client share for reading metrics: credentials of
// its own if there are any, and what was read within the last 30 seconds.
type metrics struct {
	conn     *connection
	own      bool // the credentials are for metrics only
	loopback bool // the API is on this machine, so its metrics may be
	handle   handler
	flight   singleflight.Group

	mu        sync.Mutex
	cached    map[string]*Scrape
	lastBlame time.Time
}

func newMetrics(main *connection, auth *url.URL, s settings) *metrics {
	c := &connection{
		transport: &metricsTransport{main.transport},
		userAgent: main.userAgent,
		log:       main.log,
		timeout:   max(main.timeout, metricsTimeout),
		attempts:  min(main.attempts, metricsAttempts),
		maxBody:   s.maxMetricsBody,
		limiter:   newLimiter(main.limiter.perWindow), // its own, for the pause that a 429 asks for
		tokens:    main.tokens,
	}
	m := &metrics{conn: c, loopback: loopback(s.base.Hostname()), cached: map[string]*Scrape{}}
	if s.metricsID != "" {
		c.tokens, m.own = newTokens(s.metricsID, s.metricsSecret, auth, main), true
	}
	h := c.exchange
	h = c.limited(h)
	h = m.steadfast(h)
	h = c.typed(h)
	h = m.authorized(h)
	m.handle = c.retried(h)
	return m
}

// read returns what the address serves, not older than it would be there.
func (m *metrics) read(ctx context.Context, address string) (*Scrape, error) {
	u, err := metricsAddress(address, m.loopback)
	if err != nil {
		return nil, err
	}
	key := u.String()
	if s, ok := m.recent(key); ok {
		return s, nil
	}
	scrape := m.flight.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), metricsFlight) // others may wait for it
		defer cancel()
		return m.scrape(ctx, key, u)
	})
	select {
	case got := <-scrape:
		if got.Err != nil {
			return nil, &metricsError{own: m.own, err: got.Err}
		}
		return got.Val.(*Scrape), nil
	case <-ctx.Done():
		return nil, &metricsError{own: m.own, err: ctx.Err()}
	}
}

func (m *metrics) scrape(ctx context.Context, key string, u *url.URL) (*Scrape, error) {
	if s, ok := m.recent(key); ok { // the flight before this one has just brought it
		return s, nil
	}
	a, err := m.handle(ctx, &request{method: http.MethodGet, url: u})
	if err != nil {
		return nil, err
	}
	s, err := parseMetrics(a.body, m.conn.maxBody)
	if err != nil {
		return nil, a.unusable(err)
	}
	s.ReadAt = time.Now().UTC().Round(0)
	m.keep(key, s)
	return s, nil
}

func (m *metrics) recent(key string) (*Scrape, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.cached[key]
	return s, ok && s.fresh()
}

// keep caches s and forgets what nobody will be served any more.
func (m *metrics) keep(key string, s *Scrape) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, old := range m.cached {
		if !old.fresh() {
			delete(m.cached, k)
		}
	}
	m.cached[key] = s
}

// fresh compares without the monotonic clock, which stands still while a laptop
// sleeps; a clock that was set back makes nothing fresh.
func (s *Scrape) fresh() bool {
	age := time.Now().Round(0).Sub(s.ReadAt)
	return age >= 0 && age < metricsFresh
}

// steadfast makes an error of every redirect: the address came from the API, and
// nothing else may send the token on.
func (m *metrics) steadfast(next handler) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		a, err := next(ctx, r)
		if err != nil || !isRedirect(a.status) {
			return a, err
		}
		refusal := &MetricsAddressError{Problem: "answered with a redirect, which the token does not follow"}
		if to, err := r.url.Parse(a.header.Get("Location")); err == nil && a.header.Get("Location") != "" {
			refusal.Host = clean(to.Host, maxExcerpt)
			refusal.Problem = "is where the metrics host redirected to, and the token does not follow there"
		}
		return nil, refusal
	}
}

// authorized is [connection.authorized] for a host that answers 401 to a good
// token, too, when its owner lacks the role. Were each of those to cost a token,
// reading a fleet would use up the 15 that Aura gives out in an hour.
func (m *metrics) authorized(next handler) handler {
	tokens := m.conn.tokens
	return func(ctx context.Context, r *request) (*answer, error) {
		var fresh bool
		var err error
		if r.token, fresh, err = tokens.ensure(ctx); err != nil {
			return nil, err
		}
		a, err := next(ctx, r)
		if fresh || !hasStatus(err, http.StatusUnauthorized) || !m.mayBlame() {
			return a, err
		}
		tokens.drop(r.token)
		if r.token, _, err = tokens.ensure(ctx); err != nil {
			return nil, err
		}
		return next(ctx, r)
	}
}

// mayBlame reports whether a 401 may be put down to the token now.
func (m *metrics) mayBlame() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.lastBlame.IsZero() && time.Since(m.lastBlame) < forbiddenEvery {
		return false
	}
	m.lastBlame = time.Now()
	return true
}

// metricsTransport asks for the text format, and unpacks what comes packed from a
// transport that leaves that to its callers.
type metricsTransport struct{ next http.RoundTripper }

func (t *metricsTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	resp, err := t.next.RoundTrip(req)
	if err == nil && resp != nil && resp.Body != nil && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		resp.Body = &unpacked{packed: resp.Body}
	}
	return resp, err
}

// unpacked reads a gzip body. What limits a body comes after it, and so counts
// what was unpacked.
type unpacked struct {
	packed io.ReadCloser
	reader *gzip.Reader
}

func (u *unpacked) Read(p []byte) (int, error) {
	if u.reader == nil {
		r, err := gzip.NewReader(u.packed)
		if errors.Is(err, io.EOF) {
			return 0, io.EOF // nothing at all, as of an instance that is not running
		}
		if err != nil {
			return 0, fmt.Errorf("unpack the answer: %w", err)
		}
		u.reader = r
	}
	return u.reader.Read(p)
}

func (u *unpacked) Close() error { return u.packed.Close() }

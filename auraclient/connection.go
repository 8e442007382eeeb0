package auraclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// connection is what a client and its Bulk and Background views share.
type connection struct {
	base      string // without a trailing slash
	transport http.RoundTripper
	userAgent string
	log       *slog.Logger
	timeout   time.Duration
	attempts  int
	maxBody   int64
	limiter   *limiter
	tokens    *tokens
	handle    handler
	metrics   *metrics
}

func newConnection(clientID string, secret Secret, s settings) *connection {
	c := &connection{
		base:      s.base.String() + "/v1",
		transport: s.transport,
		userAgent: s.userAgent,
		log:       s.log,
		timeout:   s.timeout,
		attempts:  s.attempts,
		maxBody:   s.maxBody,
		limiter:   newLimiter(s.perMinute),
	}
	auth := s.auth
	if auth == nil {
		auth = &url.URL{Scheme: s.base.Scheme, Host: s.base.Host, Path: "/oauth/token"}
	}
	c.tokens = newTokens(clientID, secret, auth, c)
	c.handle = c.chain()
	c.metrics = newMetrics(c, auth, s)
	return c
}

// client returns the connection's services, whose requests count as class.
func (c *connection) client(class class) *Client {
	client := &Client{conn: c, class: class}
	client.Instances = &InstancesService{client}
	client.Snapshots = &SnapshotsService{client}
	client.Tenants = &TenantsService{client}
	client.CustomerManagedKeys = &CustomerManagedKeysService{client}
	client.GraphAnalytics = &GraphAnalyticsService{client}
	client.Metrics = &MetricsService{c.metrics}
	return client
}

// handler carries a request out, or does its part and leaves the rest to the
// handler that it wraps.
type handler func(context.Context, *request) (*answer, error)

// chain puts the handlers around each other, innermost first. The order matters:
//
//   - exchange is one send and its answer, within the body limit and the time.
//   - limited waits for the budget right before each send, so that no repetition,
//     redirect or renewed token gets around it, and the wait does not count as
//     sending time.
//   - redirected follows within the host; each hop takes a send.
//   - typed turns refusals into errors, which the two outer handlers decide by.
//   - authorized has a token ready before the budget is asked for, as fetching one
//     takes time, and renews a refused one.
//   - retried comes last: it repeats everything below it.
func (c *connection) chain() handler {
	h := c.exchange
	h = c.limited(h)
	h = c.redirected(h)
	h = c.typed(h)
	h = c.authorized(h)
	h = c.retried(h)
	return h
}

// request is one API call on its way through the chain.
type request struct {
	method string
	url    *url.URL
	body   []byte // JSON; nil for none
	class  class
	change bool // Aura's state may differ afterwards: it must not be sent twice

	token   token // the token that the last send carried
	gateway bool  // the last refusal came from the gateway, or had no body
}

// answer is an answer whose body has been read.
type answer struct {
	method, path string
	status       int
	header       http.Header
	body         []byte
}

// unusable is the error for a successful answer that does not say what it should.
func (a *answer) unusable(why error) error {
	return &TransportError{
		Method: a.method, Path: a.path, MaybeSent: true,
		Status: a.status, RequestID: clean(a.header.Get("X-Request-Id"), maxExcerpt), Err: why,
	}
}

// readable is nil when the answer to a change is empty or JSON, for a change whose
// answer need not say anything. Anything else comes from something that stands
// between, and Aura may not have seen the request.
func (a *answer) readable() error {
	if _, err := decodeData[json.RawMessage](a); err != nil && !errors.Is(err, errNoData) {
		return err
	}
	return nil
}

// get reads. query may be nil.
func (c *Client) get(ctx context.Context, r route, query url.Values) (*answer, error) {
	req, err := c.request(http.MethodGet, r, query, nil)
	if err != nil {
		return nil, err
	}
	return c.conn.handle(ctx, req)
}

// change sends what alters something. A nil body becomes {} where the method has
// one: Aura answers 415 to a POST without a JSON body, even where it needs none.
func (c *Client) change(ctx context.Context, method string, r route, body any) (*answer, error) {
	req, err := c.request(method, r, nil, body)
	if err != nil {
		return nil, err
	}
	req.change = true
	return c.conn.handle(ctx, req)
}

// ask sends a POST that only calculates, so that it may be repeated.
func (c *Client) ask(ctx context.Context, r route, body any) (*answer, error) {
	req, err := c.request(http.MethodPost, r, nil, body)
	if err != nil {
		return nil, err
	}
	a, err := c.conn.handle(ctx, req)
	if err != nil {
		return nil, &readError{err}
	}
	return a, nil
}

func (c *Client) request(method string, r route, query url.Values, body any) (*request, error) {
	if r.err != nil {
		return nil, r.err
	}
	u, err := url.Parse(c.conn.base + r.path)
	if err != nil {
		return nil, fmt.Errorf("build the address of %s: %w", r.path, err)
	}
	u.RawQuery = query.Encode()
	req := &request{method: method, url: u, class: c.class}
	switch {
	case body != nil:
		if req.body, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode the body of %s %s: %w", method, r.path, err)
		}
	case method == http.MethodPost || method == http.MethodPatch:
		req.body = []byte("{}")
	}
	return req, nil
}

package auraclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// limited waits for a place in the request budget.
func (c *connection) limited(next handler) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		if err := c.limiter.acquire(ctx, r.class, func(wait time.Duration) { c.held(ctx, r, wait) }); err != nil {
			return nil, err
		}
		return next(ctx, r)
	}
}

// held tells that a request waits for its place in the budget.
func (c *connection) held(ctx context.Context, r *request, wait time.Duration) {
	level := slog.LevelDebug
	if r.class == single {
		level = slog.LevelInfo
	}
	c.log.LogAttrs(ctx, level, "aura request waits for the request budget", slog.String("method", r.method), slog.String("path", r.url.EscapedPath()), slog.Float64("seconds", wait.Round(time.Second).Seconds()))
	if tell, ok := ctx.Value(heldKey{}).(func(time.Duration)); ok {
		tell(wait)
	}
}

type heldKey struct{}

// WithHeld returns a context whose requests tell when they have to wait for the
// request budget long enough for somebody to notice, and about how long that
// will be. Requests of several goroutines may tell at the same time.
func WithHeld(ctx context.Context, tell func(wait time.Duration)) context.Context {
	return context.WithValue(ctx, heldKey{}, tell)
}

// typed turns an answer that is not a success into an [*Error].
func (c *connection) typed(next handler) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		a, err := next(ctx, r)
		if err != nil || a.status >= 200 && a.status < 300 {
			return a, err
		}
		e, gateway := decodeError(a.status, a.header, a.body)
		e.Method, e.Path = a.method, a.path
		e.redact(r.token.value)
		r.gateway = gateway
		return nil, e
	}
}

// exchange sends a request once and reads its answer.
func (c *connection) exchange(ctx context.Context, r *request) (*answer, error) {
	r.token = c.tokens.newest(r.token)
	attempt, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	attempt, end := context.WithCancelCause(attempt)
	defer end(nil)
	var sent sentTrace
	req, err := c.httpRequest(httptrace.WithClientTrace(attempt, sent.hooks(end)), r)
	if err != nil {
		return nil, err
	}
	failed := &TransportError{Method: r.method, Path: r.url.EscapedPath()}
	began := time.Now()
	resp, err := c.transport.RoundTrip(req)
	if err == nil && (resp == nil || resp.Body == nil) {
		err = errors.New("the transport returned no answer")
	}
	if err != nil {
		c.logSend(ctx, req, nil, began, err)
		failed.MaybeSent = !sent.never(err)
		failed.Err = c.cause(ctx, attempt, err)
		return nil, failed
	}
	defer resp.Body.Close()
	traced(ctx, r, resp.Header)
	a := &answer{method: r.method, path: r.url.EscapedPath(), status: resp.StatusCode, header: resp.Header}
	a.body, err = readBody(resp.Body, c.maxBody)
	c.logSend(ctx, req, resp, began, err)
	if err != nil && a.status < 300 { // a refusal is one even if its text is cut off
		return nil, a.unusable(c.cause(ctx, attempt, err))
	}
	return a, nil
}

// cause names the end of a context where that is behind err.
func (c *connection) cause(ctx, attempt context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(context.Cause(attempt), errBrokenOff):
		return errBrokenOff
	case attempt.Err() != nil:
		return fmt.Errorf("no complete answer within %v", c.timeout)
	}
	return err
}

func (c *connection) httpRequest(ctx context.Context, r *request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), body)
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	req.GetBody = nil // nothing but the retries of this client sends a request again
	req.Header.Set("Authorization", "Bearer "+r.token.value.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// tooLargeError is a body beyond the limit. Asking again would not make it
// smaller.
type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than the limit of %d bytes", e.limit)
}

func readBody(body io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if int64(len(data)) > limit {
		return data[:limit], &tooLargeError{limit}
	}
	if err != nil {
		return data, fmt.Errorf("read the answer: %w", err)
	}
	return data, nil
}

// logSend writes the one line about a send. resp is nil when there was no answer.
func (c *connection) logSend(ctx context.Context, req *http.Request, resp *http.Response, began time.Time, err error) {
	attrs := []slog.Attr{slog.String("method", req.Method), slog.String("path", req.URL.EscapedPath())}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode),
			slog.String("request_id", clean(resp.Header.Get("X-Request-Id"), maxExcerpt)))
	}
	attrs = append(attrs, slog.Duration("duration", time.Since(began)))
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "aura request", attrs...)
}

// sentTrace watches whether a request can have reached Aura.
type sentTrace struct{ asked, got, wrote atomic.Bool }

var errBrokenOff = errors.New("the request was broken off by the other side")

// hooks end the attempt when the transport is about to send the request again.
// net/http's HTTP/2 does that to any request without a body, a DELETE too, also
// after a protocol error that came when Aura may have begun to work; in HTTP/1
// it does so only where nothing was written.
func (s *sentTrace) hooks(end context.CancelCauseFunc) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { s.asked.Store(true) },
		GotConn: func(c httptrace.GotConnInfo) {
			s.got.Store(true)
			if over, ok := c.Conn.(*tls.Conn); ok && over.ConnectionState().NegotiatedProtocol == "h2" && s.wrote.Load() {
				end(errBrokenOff)
			}
		},
		WroteHeaders: func() { s.wrote.Store(true) },
	}
}

// never reports whether a request that ended in err provably never left. A
// transport that calls the trace hooks shows it by not having got a connection;
// for any other one there are only the errors of making one. The later hook,
// WroteHeaders, proves nothing: in HTTP/2 it comes after the fact.
func (s *sentTrace) never(err error) bool {
	if s.asked.Load() {
		return !s.got.Load()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op == "dial" || op.Op == "proxyconnect"
	}
	return untrusted(err)
}

// untrusted reports whether the other side is not who it should be.
func untrusted(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.As(err, &cert)
}

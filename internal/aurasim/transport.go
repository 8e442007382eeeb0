package aurasim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// Transport carries requests to the simulator in process: no socket, no goroutine. The base URL of a client that uses
// it may name any host. Cut connections look to the client as they do over a network.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct {
	s *Server
}

// RoundTrip hands the simulator a copy of the request: a RoundTripper must not change the one it was given.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if r.URL == nil || r.URL.Host == "" {
		return nil, errors.New("aurasim: the request URL has no host")
	}
	received := r.Clone(ctx)
	if received.Body == nil {
		received.Body = http.NoBody
	}
	received.RequestURI = r.URL.RequestURI()
	out := t.s.exchange(received, "")
	switch {
	case out.err != nil:
		return nil, out.err
	case out.cut == refused:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case out.cut == cutBefore:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case out.cut == cutAfter:
		return nil, io.ErrUnexpectedEOF
	}
	return response(r, out), nil
}

func response(r *http.Request, out exchange) *http.Response {
	body := &answerBody{interrupted: interruption(r.Context()), rest: string(out.body), end: io.EOF}
	if out.slow > 0 {
		half := len(body.rest) / 2
		body.later, body.rest = body.rest[half:], body.rest[:half]
		body.wait = pause(r.Context(), out.slow)
	}
	if out.cut == cutWithin {
		body.rest, body.end = body.rest[:len(body.rest)/2], io.ErrUnexpectedEOF
	}
	return &http.Response{
		Status: statusLine(out.status), StatusCode: out.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.headers(), Body: body, ContentLength: int64(len(out.body)), Request: r,
	}
}

func statusLine(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status))) // 420 has no text
}

// answerBody fails as a network body does when the request's context ends, or the connection breaks, before it is read.
type answerBody struct {
	interrupted func() error // nil as long as the request's context goes on
	rest        string
	later       string // what comes after a wait
	wait        func() error
	end         error
	closed      bool
}

func interruption(ctx context.Context) func() error {
	return func() error { return context.Cause(ctx) }
}

func pause(ctx context.Context, d time.Duration) func() error {
	return func() error { return Fault{Delay: d}.wait(ctx) }
}

func (b *answerBody) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if err := b.interrupted(); err != nil {
		return 0, err
	}
	if b.rest == "" && b.wait != nil {
		if err := b.wait(); err != nil {
			return 0, err
		}
		b.rest, b.later, b.wait = b.later, "", nil
	}
	if b.rest == "" {
		return 0, b.end
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *answerBody) Close() error {
	b.closed = true
	return nil
}

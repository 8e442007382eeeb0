package auraclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/auraclient"
)

const (
	clientID     = "test-client"
	clientSecret = "s3cr3t-of-the-client"
)

// sent is a request as the other side got it.
type sent struct {
	method, host, path, query string // path is decoded
	escaped                   string
	header                    http.Header
	body                      string
	at                        time.Time
}

func (s sent) line() string {
	line := s.method + " " + s.path
	if s.query != "" {
		line += "?" + s.query
	}
	return strings.TrimSpace(line + " " + s.body)
}

// reply is what the fake answers. err replaces the answer, cut breaks its body
// off after what is there.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
	cut    bool
	after  time.Duration
}

func ok(body string) reply       { return reply{status: 200, body: body} }
func accepted(body string) reply { return reply{status: 202, body: body} }
func status(code int) reply      { return reply{status: code} }

func refused(code int, reason, message string) reply {
	return reply{status: code, body: fmt.Sprintf(`{"errors":[{"message":%q,"reason":%q}]}`, message, reason)}
}

func (r reply) with(key, value string) reply {
	r.header = r.header.Clone()
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(key, value)
	return r
}

func dialError() reply {
	return reply{err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}
}

func connectionReset() reply {
	return reply{err: &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}}
}

// fakeAura is a transport that answers in process, so that it works in a synctest
// bubble. Requests of the token endpoint and of the API are kept apart.
type fakeAura struct {
	t      *testing.T
	token  func(n int, s sent) reply // nil: a token for an hour
	answer func(n int, s sent) reply

	mu     sync.Mutex
	tokens []sent
	calls  []sent
}

func (f *fakeAura) RoundTrip(req *http.Request) (*http.Response, error) {
	s := sent{
		method: req.Method, host: req.URL.Host, path: req.URL.Path, query: req.URL.RawQuery,
		escaped: req.URL.EscapedPath(), header: req.Header.Clone(), at: time.Now(),
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		s.body = string(body)
		_ = req.Body.Close()
	}
	return f.record(s).response(req)
}

func (f *fakeAura) record(s sent) reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.HasSuffix(s.path, "/oauth/token") {
		f.calls = append(f.calls, s)
		return f.answer(len(f.calls)-1, s)
	}
	f.tokens = append(f.tokens, s)
	if f.token != nil {
		return f.token(len(f.tokens)-1, s)
	}
	return ok(fmt.Sprintf(`{"access_token":"token-%d","expires_in":3600,"token_type":"bearer"}`, len(f.tokens)))
}

func (r reply) response(req *http.Request) (*http.Response, error) {
	select {
	case <-time.After(r.after):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if r.err != nil {
		return nil, r.err
	}
	var body io.Reader = strings.NewReader(r.body)
	if r.cut {
		body = io.MultiReader(body, errorReader{io.ErrUnexpectedEOF})
	}
	return &http.Response{StatusCode: r.status, Header: r.header, Body: io.NopCloser(body), Request: req}, nil
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

// lines are the API requests so far.
func (f *fakeAura) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, c := range f.calls {
		lines = append(lines, c.line())
	}
	return lines
}

func (f *fakeAura) last() sent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[len(f.calls)-1]
}

func (f *fakeAura) tokenRequests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.tokens)
}

// script answers each request with the next reply; one too many fails the test.
func script(t *testing.T, replies ...reply) *fakeAura {
	t.Helper()
	return &fakeAura{t: t, answer: func(n int, s sent) reply {
		if n >= len(replies) {
			t.Errorf("request %d was not expected: %s", n+1, s.line())
			return status(500)
		}
		return replies[n]
	}}
}

// always answers every request alike.
func always(t *testing.T, r reply) *fakeAura {
	return &fakeAura{t: t, answer: func(int, sent) reply { return r }}
}

func newClient(t *testing.T, transport http.RoundTripper, opts ...auraclient.Option) *auraclient.Client {
	t.Helper()
	opts = append([]auraclient.Option{auraclient.WithTransport(transport)}, opts...)
	client, err := auraclient.New(clientID, clientSecret, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// inBubble runs a test on a fake clock, beside others.
func inBubble(t *testing.T, name string, test func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

func wantLines(t *testing.T, f *fakeAura, want ...string) {
	t.Helper()
	if got := f.lines(); !slices.Equal(got, want) {
		t.Errorf("requests:\n got %q\nwant %q", got, want)
	}
}

func wantError[E error](t *testing.T, err error) E {
	t.Helper()
	var want E
	if !errors.As(err, &want) {
		t.Fatalf("got error %v (%T), want a %T", err, err, want)
	}
	return want
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// instanceJSON is an answer about instance 2f49c2b3.
func instanceJSON(status auraclient.Status) string {
	return fmt.Sprintf(`{"data":{"id":"2f49c2b3","name":"Production","status":%q}}`, status)
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }

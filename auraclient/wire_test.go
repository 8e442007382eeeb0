package auraclient_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"aura-mcp/auraclient"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// These tests use sockets, as they are about what net/http does with them.

type seenRequest struct{ method, uri, path, auth, contentType, body string }

// wire is a server that records what arrives and hands it on to api, but for
// token requests, which it answers itself.
type wire struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seenRequest
}

func newWire(t *testing.T, api http.HandlerFunc, start func(*httptest.Server)) *wire {
	t.Helper()
	w := &wire{}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.seen = append(w.seen, seenRequest{r.Method, r.RequestURI, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)})
		w.mu.Unlock()
		if r.URL.Path == "/oauth/token" {
			_, _ = io.WriteString(rw, `{"access_token":"wire-token","expires_in":3600,"token_type":"bearer"}`)
			return
		}
		api(rw, r)
	}))
	start(w.Server)
	t.Cleanup(w.Close)
	return w
}

func (w *wire) requests() []seenRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]seenRequest(nil), w.seen...)
}

// transport trusts the server's certificate.
func (w *wire) transport() http.RoundTripper {
	return w.Client().Transport //nolint:forbidigo // it is httptest's own
}

func (w *wire) client(t *testing.T, opts ...auraclient.Option) *auraclient.Client {
	t.Helper()
	opts = append([]auraclient.Option{auraclient.WithBaseURL(w.URL), auraclient.WithTransport(w.transport())}, opts...)
	client, err := auraclient.New(clientID, clientSecret, opts...)
	noError(t, err)
	return client
}

func http2(s *httptest.Server) {
	s.EnableHTTP2 = true
	s.StartTLS()
}

func TestOnTheWire(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*httptest.Server){"HTTP/1.1": (*httptest.Server).Start, "HTTP/2": http2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, func(rw http.ResponseWriter, _ *http.Request) {
				rw.WriteHeader(http.StatusAccepted)
				_, _ = io.WriteString(rw, instanceJSON("restoring"))
			}, start)
			_, err := w.client(t).Snapshots.Restore(t.Context(), "2f49c2b3", "2023-01-20T13:44:42Z")
			noError(t, err)
			want := []seenRequest{
				{"POST", "/oauth/token", "/oauth/token", "Basic dGVzdC1jbGllbnQ6czNjcjN0LW9mLXRoZS1jbGllbnQ=", "application/x-www-form-urlencoded", "grant_type=client_credentials"},
				{"POST", "/v1/instances/2f49c2b3/snapshots/2023-01-20T13:44:42Z/restore", "/v1/instances/2f49c2b3/snapshots/2023-01-20T13:44:42Z/restore",
					"Bearer wire-token", "application/json", "{}"},
			}
			for i, got := range w.requests() {
				if i >= len(want) || got != want[i] {
					t.Errorf("request %d: got %+v", i+1, got)
				}
			}
		})
	}
}

func TestIDsArriveAsTheyWere(t *testing.T) {
	t.Parallel()
	w := newWire(t, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, `{"data":{"snapshot_id":"x"}}`)
	}, (*httptest.Server).Start)
	client := w.client(t)
	for _, id := range []string{
		"2023-01-20T18:07:25Z-adhoc", "a b", "100%", "a?b=c", "a#b", "a;b", "a+b&c", "%2e%2e", "%2F", "…ü", "...", "a:b@c",
	} {
		_, err := client.Snapshots.Get(t.Context(), "2f49c2b3", id)
		noError(t, err)
		seen := w.requests()
		last := seen[len(seen)-1]
		if want := "/v1/instances/2f49c2b3/snapshots/" + id; last.path != want {
			t.Errorf("%q arrived as %q (%s)", id, last.path, last.uri)
		}
		if element := strings.Split(last.uri, "/"); len(element) != 6 {
			t.Errorf("%q became several elements: %s", id, last.uri)
		} else if got, err := url.PathUnescape(element[5]); err != nil || got != id {
			t.Errorf("%q arrived as %q", id, got)
		}
	}
}

// A connection that ends after the request arrived: reads come again, changes do
// not, also not by net/http itself on a connection that was used before.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*httptest.Server){"HTTP/1.1": (*httptest.Server).Start, "HTTP/2": http2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			cut := true
			w := newWire(t, func(rw http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if r.URL.Path != "/v1/tenants/warm" {
					if cut = !cut; !cut {
						panic(http.ErrAbortHandler)
					}
				}
				_, _ = io.WriteString(rw, `{"data":{"id":"x"}}`)
			}, start)
			client := w.client(t)
			_, err := client.Tenants.Get(t.Context(), "warm") // so that the connection is a used one
			noError(t, err)

			_, err = client.Instances.Get(t.Context(), "a")
			noError(t, err)
			_, err = client.Instances.Pause(t.Context(), "a")
			if e := wantError[*auraclient.TransportError](t, err); !e.MaybeSent || !auraclient.OutcomeUnknown(err) {
				t.Errorf("got %v", err)
			}
			counts := map[string]int{}
			for _, r := range w.requests() {
				counts[r.method+" "+r.path]++
			}
			if counts["GET /v1/instances/a"] != 2 || counts["POST /v1/instances/a/pause"] != 1 {
				t.Errorf("the server saw %v", counts)
			}
		})
	}
}

// net/http's HTTP/2 sends what has no body again by itself after some errors, as often as they come.
func TestHTTP2SendsNothingAgainByItself(t *testing.T) {
	t.Parallel()
	w := newWire(t, nil, http2)
	address, sent := resetsAll(t, w.TLS)
	client := w.client(t, auraclient.WithAuthURL(w.URL+"/oauth/token"), auraclient.WithBaseURL(address), auraclient.WithMaxAttempts(3))
	for _, tt := range []struct {
		call func() error
		want int32
	}{
		{func() error { _, err := client.Instances.Delete(t.Context(), "a"); return err }, 1},
		{func() error { _, err := client.Instances.Pause(t.Context(), "a"); return err }, 1},
		{func() error { _, err := client.Instances.Get(t.Context(), "a"); return err }, 3},
	} {
		sent.Store(0)
		err := tt.call()
		e := wantError[*auraclient.TransportError](t, err)
		if n := sent.Load(); n != tt.want || !e.MaybeSent || auraclient.OutcomeUnknown(err) != (e.Method != http.MethodGet) {
			t.Errorf("%s was sent %d times, want %d; %v", e.Method, n, tt.want, err)
		}
	}
}

// resetsAll is an HTTP/2 server that answers every request with a protocol error, and counts them.
func resetsAll(t *testing.T, settings *tls.Config) (address string, requests *atomic.Int32) {
	t.Helper()
	const headers, reset, setup, protocolError = 1, 3, 4, 1
	settings = settings.Clone()
	settings.NextProtos = []string{"h2"}
	l, err := tls.Listen("tcp", "127.0.0.1:0", settings)
	noError(t, err)
	requests = &atomic.Int32{}
	frame := func(kind, flags byte, stream uint32, payload ...byte) []byte {
		head := []byte{0, 0, byte(len(payload)), kind, flags}
		return append(binary.BigEndian.AppendUint32(head, stream), payload...)
	}
	serve := func(c net.Conn) error {
		defer c.Close()
		context.AfterFunc(t.Context(), func() { _ = c.Close() }) // the client keeps it open
		if _, err := io.CopyN(io.Discard, c, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
			return err
		}
		answer := frame(setup, 0, 0)
		for {
			if _, err := c.Write(answer); err != nil {
				return err
			}
			head := make([]byte, 9)
			if _, err := io.ReadFull(c, head); err != nil {
				return err
			}
			if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head)>>8)); err != nil {
				return err
			}
			switch answer = nil; {
			case head[3] == headers:
				requests.Add(1)
				answer = frame(reset, 0, binary.BigEndian.Uint32(head[5:]), 0, 0, 0, protocolError)
			case head[3] == setup && head[4] == 0:
				answer = frame(setup, 1, 0)
			}
		}
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { _ = serve(c) }) // which ends with the test
		}
	})
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	return "https://" + l.Addr().String(), requests
}

func TestCutBodyOfAChange(t *testing.T) {
	t.Parallel()
	w := newWire(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "500")
		rw.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(rw, `{"data":{"id":"x","password":"`)
	}, (*httptest.Server).Start)
	_, err := w.client(t).Instances.Create(t.Context(), auraclient.CreateInstanceRequest{
		Name: "n", TenantID: "t", CloudProvider: "gcp", Region: "r", Type: auraclient.TypeFree, Memory: "1GB",
	})
	if e := wantError[*auraclient.TransportError](t, err); e.Status != 202 || !errors.Is(err, io.ErrUnexpectedEOF) || !auraclient.OutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
	if n := len(w.requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestNothingListensThere(t *testing.T) {
	t.Parallel()
	w := newWire(t, nil, (*httptest.Server).Start)
	client := w.client(t, auraclient.WithAuthURL(w.URL+"/oauth/token"), auraclient.WithBaseURL("http://127.0.0.1:1"), auraclient.WithMaxAttempts(2))
	_, err := client.Instances.Delete(t.Context(), "a")
	if e := wantError[*auraclient.TransportError](t, err); e.MaybeSent || auraclient.OutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
}

// A deadline that ends while the connection is being made is not a dial error for
// net/http, and still nothing was sent.
func TestTimeIsUpWhileConnecting(t *testing.T) {
	t.Parallel()
	w := newWire(t, nil, (*httptest.Server).Start)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	slow := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		cancel()
		<-over // net/http lets a dial go on that nobody waits for any more
		return nil, net.ErrClosed
	}}
	tokens := w.transport()
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/oauth/token" {
			return tokens.RoundTrip(r)
		}
		return slow.RoundTrip(r)
	})
	_, err := w.client(t, auraclient.WithTransport(transport)).Instances.Delete(ctx, "a")
	if e := wantError[*auraclient.TransportError](t, err); e.MaybeSent || !errors.Is(err, context.Canceled) || auraclient.OutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestUntrustedServerGetsNothing(t *testing.T) {
	t.Parallel()
	w := newWire(t, nil, (*httptest.Server).Start)
	other := newWire(t, nil, func(s *httptest.Server) {
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // net/http logs the handshake
		s.StartTLS()
	})
	client := w.client(t, auraclient.WithAuthURL(w.URL+"/oauth/token"), auraclient.WithBaseURL(other.URL))
	_, err := client.Instances.Delete(t.Context(), "a")
	if e := wantError[*auraclient.TransportError](t, err); e.MaybeSent || len(other.requests()) != 0 {
		t.Errorf("got %v", err)
	}
}

// localhost and app.localhost are what net/http would take for a domain and its
// subdomain, to which it would send the token.
func TestTokenNeverGoesToAnotherHost(t *testing.T) {
	t.Parallel()
	stranger := newWire(t, func(http.ResponseWriter, *http.Request) {}, (*httptest.Server).Start)
	_, port, err := net.SplitHostPort(stranger.Listener.Addr().String())
	noError(t, err)
	var location string
	w := newWire(t, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, location, http.StatusPermanentRedirect)
	}, (*httptest.Server).Start)
	_, ownPort, err := net.SplitHostPort(w.Listener.Addr().String())
	noError(t, err)
	// Every name leads to this machine, so that a request that is wrongly sent arrives.
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(address)
		return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
	}}
	client := w.client(t, auraclient.WithBaseURL("http://localhost:"+ownPort), auraclient.WithTransport(transport))
	for _, location = range []string{
		"http://app.localhost:" + port + "/v1/tenants", "http://localhost:" + port + "/v1/tenants",
		"http://app.localhost:" + ownPort + "/v1/tenants", "http://127.0.0.1:" + port + "/v1/tenants",
	} {
		before := len(w.requests())
		_, err := client.Tenants.List(t.Context())
		if e := wantError[*auraclient.Error](t, err); e.Status != http.StatusPermanentRedirect {
			t.Errorf("%s: got %v", location, err)
		}
		for _, r := range w.requests()[before:] {
			if r.path != "/oauth/token" && r.path != "/v1/tenants" {
				t.Errorf("%s: asked for %s", location, r.uri)
			}
		}
		if n := len(w.requests()) - before; n > 2 {
			t.Errorf("%s was followed", location)
		}
	}
	if n := len(stranger.requests()); n != 0 {
		t.Errorf("the other server got %d requests", n)
	}
}

func TestLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	f := script(t,
		reply{status: 202, body: `{"data":{"id":"x","password":"once-only"}}`}.with("X-Request-Id", "abc/1"),
		connectionReset())
	var log bytes.Buffer
	debug := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client := newClient(t, f, auraclient.WithLogger(debug), auraclient.WithMaxAttempts(1))
	_, err := client.Instances.Create(t.Context(), auraclient.CreateInstanceRequest{
		Name: "n", TenantID: "t", CloudProvider: "gcp", Region: "r", Type: auraclient.TypeFree, Memory: "1GB",
	})
	noError(t, err)
	_, err = client.Instances.Get(t.Context(), "2f49c2b3")
	wantError[*auraclient.TransportError](t, err)

	want := []map[string]any{
		{"method": "POST", "path": "/oauth/token", "status": 200.0, "request_id": ""},
		{"method": "POST", "path": "/v1/instances", "status": 202.0, "request_id": "abc/1"},
		{"method": "GET", "path": "/v1/instances/2f49c2b3", "error": "read tcp: connection reset by peer"},
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), log.String())
	}
	for i, line := range lines {
		var got map[string]any
		noError(t, json.Unmarshal([]byte(line), &got))
		if _, ok := got["duration"]; !ok || got["level"] != "DEBUG" || len(got) != len(want[i])+4 {
			t.Errorf("line %d is %s", i+1, line)
		}
		for key, value := range want[i] {
			if got[key] != value {
				t.Errorf("line %d: %s is %v, want %v", i+1, key, got[key], value)
			}
		}
	}
	for _, secret := range []string{"once-only", "token-1", clientSecret, "grant_type", "tenant_id", "Bearer"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

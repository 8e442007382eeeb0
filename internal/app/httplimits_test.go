package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"go.uber.org/goleak"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
)

func TestABodyOfAHundredMegabytesIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil, "--demo")
	token := s.ownToken()
	for name, length := range map[string]int64{"announced": 100 << 20, "not announced": -1} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.address, io.LimitReader(endless{}, 100<<20))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		began := time.Now()
		resp, err := plainClient().Do(r)
		if err != nil {
			continue // hung up on while still sending, which is a refusal, too
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || time.Since(began) > 5*time.Second {
			t.Errorf("%s: status %d after %v", name, resp.StatusCode, time.Since(began))
		}
	}
	s.expect(post(token, rpc("tools/call", `{"name":"`+strings.Repeat("x", 2<<20)+`"}`)), http.StatusRequestEntityTooLarge, "1 MiB")
	s.expect(post(token, hello), http.StatusOK)
	s.expect(post(token, hello, "Content-Type", "text/plain"), http.StatusUnsupportedMediaType)
}

// endless is a body without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestASlowClientIsHungUpOn(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil, "--demo")
	host := strings.TrimPrefix(s.base, "http://")
	head := "POST /mcp HTTP/1.1\r\nHost: " + host + "\r\n"
	var group sync.WaitGroup
	for name, says := range map[string]string{
		"nothing":         "",
		"half a header":   head + "X-Slow: ",
		"half of a body":  head + "Authorization: Bearer " + s.ownToken() + "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
		"a body unproven": head + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
	} {
		group.Go(func() {
			c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if _, err := c.Write([]byte(says)); err != nil {
				t.Error(err)
			}
			began := time.Now()
			_ = c.SetReadDeadline(began.Add(30 * time.Second))
			answer, err := io.ReadAll(c)
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Errorf("%s: still connected after %v: %s", name, time.Since(began), answer)
			}
		})
	}
	group.Wait()
}

// Not parallel: it looks at the memory and the goroutines of this process.
func TestSessionsThatAreDroppedLeaveNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	anna, annasTable := tokenFor("anna", "")
	bob, bobsTable := tokenFor("bob", "")
	s := serve(t, annasTable+bobsTable, nil, "--demo")
	keep := s.session(bob)
	open := func(n int) {
		transport := &http.Transport{MaxIdleConnsPerHost: 8}
		defer transport.CloseIdleConnections()
		c := &http.Client{Transport: transport} //nolint:forbidigo // this package speaks HTTP
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range n / 8 {
					e := post(anna, hello)
					r, err := http.NewRequestWithContext(t.Context(), e.method, s.address, strings.NewReader(e.body))
					if err != nil {
						t.Error(err)
						return
					}
					for name, value := range e.headers {
						r.Header.Set(name, value)
					}
					resp, err := c.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusOK || resp.Header.Get("Mcp-Session-Id") == "" {
						t.Errorf("status %d", resp.StatusCode)
						return
					}
				}
			})
		}
		group.Wait()
	}
	open(1000)
	warm := heap()
	open(10000)
	if grown := int64(heap()) - int64(warm); grown > 8<<20 {
		t.Errorf("10,000 sessions left %d MB behind", grown>>20)
	}
	if n := s.metric(bob, "aura_mcp_sessions"); n == "" || n == "0" || len(n) > 3 {
		t.Errorf("%s sessions are kept", n)
	}
	// Whoever opens them takes nobody else's away.
	s.expect(post(bob, rpc("tools/list", "{}"), "Mcp-Session-Id", keep), http.StatusOK)
	if code := s.end(); code != ExitOK {
		t.Errorf("exit code %d", code)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// heap is the memory in use, after everything that can be freed has been.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// metric is the value of one figure, or "".
func (s *served) metric(token, name string) string {
	s.t.Helper()
	a := s.expect(exchange{method: http.MethodGet, path: "/metrics", headers: map[string]string{"Authorization": "Bearer " + token}}, http.StatusOK)
	for line := range strings.Lines(a.text) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+" "); found {
			return value
		}
	}
	return ""
}

// A page that is read costs requests to Aura as a tool does.
func TestNobodyReadsTheBudgetOfOthersAway(t *testing.T) {
	t.Parallel()
	anna, annasTable := tokenFor("anna", "")
	bob, bobsTable := tokenFor("bob", "")
	s := serve(t, annasTable+bobsTable, nil, "--demo")
	hers, his := s.client(modern, anna), s.client(legacy, bob)
	snapshots := map[string]any{"instance": "prod-orders"}
	s.call(his, "list_snapshots", snapshots) // he is there, too
	var refused error
	for n := 0; refused == nil && n < 150; n++ {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, refused = hers.ReadResource(ctx, mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: "aura://instances/prod-orders/snapshots"}})
		cancel()
	}
	if left, err := strconv.Atoi(s.metric(bob, "aura_mcp_aura_budget_left")); err != nil || left < 50 || refused == nil {
		t.Errorf("she leaves %d of 120 requests, and was told %v", left, refused)
	}
	if text, failed := s.call(his, "list_snapshots", snapshots); failed {
		t.Errorf("he gets nothing any more: %s", text)
	}
}

func TestWhatIsCounted(t *testing.T) {
	t.Parallel()
	token, table := tokenFor("anna", "") // who has no passphrase and so cannot approve
	s := serve(t, table, nil, "--demo")
	c := s.client(modern, token)
	s.call(c, "get_instance", map[string]any{"instance": "prod-orders"})
	s.call(c, "get_instance", map[string]any{"instance": "none-such"})
	s.call(c, "create_snapshot", map[string]any{"instance": "prod-orders"})
	s.call(c, "pause_instance", map[string]any{"instance": "prod-orders"})
	for name, want := range map[string]string{
		`aura_mcp_tool_calls_total{outcome="ok",tool="get_instance"}`:              "1",
		`aura_mcp_tool_calls_total{outcome="error",tool="get_instance"}`:           "1",
		`aura_mcp_tool_call_seconds_count{tool="get_instance"}`:                    "2",
		`aura_mcp_operations_total{decision="run",operation="create_snapshot"}`:    "1",
		`aura_mcp_operations_total{decision="refused",operation="pause_instance"}`: "1",
		`aura_mcp_aura_requests_total{code="202",method="POST"}`:                   "1",
		`aura_mcp_aura_budget`: "120",
	} {
		if got := s.metric(token, name); got != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
}

// slowAura is a simulator on a socket whose snapshots wait until they are let go.
type slowAura struct {
	*httptest.Server
	begun   chan struct{}
	release chan struct{}
}

func newSlowAura(t *testing.T) *slowAura {
	t.Helper()
	sim, err := aurasim.New(aurasim.Options{State: testFleet(), NoScheduledSnapshots: true})
	if err != nil {
		t.Fatal(err)
	}
	a := &slowAura{begun: make(chan struct{}, 1), release: make(chan struct{})}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/snapshots") {
			a.begun <- struct{}{}
			<-a.release
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *slowAura) environ() []string {
	return []string{"AURA_BASE_URL=" + a.URL, "AURA_AUTH_URL=" + a.URL + "/oauth/token", "AURA_CLIENT_ID=" + aurasim.DemoClientID, "AURA_CLIENT_SECRET=" + aurasim.DemoClientSecret}
}

func TestAServerThatEndsFinishesWhatItHasStarted(t *testing.T) {
	t.Parallel()
	for name, patient := range map[string]bool{"within the time for answers": true, "after it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aura := newSlowAura(t)
			s := serve(t, `secret_sink = "file"`, aura.environ())
			c := s.client(modern, s.ownToken())
			type said struct {
				text   string
				failed bool
			}
			answer := make(chan said, 1)
			go func() {
				result, err := c.CallTool(context.WithoutCancel(t.Context()), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "create_snapshot", Arguments: map[string]any{"instance": "prod"}}})
				if err != nil {
					answer <- said{err.Error(), true}
					return
				}
				answer <- said{fmt.Sprint(result.Content), result.IsError}
			}()
			<-aura.begun
			s.expect(exchange{method: http.MethodGet, path: "/readyz"}, http.StatusOK)
			s.stop()
			s.wait("ending: no new calls", func([]string) {})
			if patient {
				close(aura.release)
				if a := <-answer; a.failed {
					t.Errorf("the call was not answered: %s", a.text)
				}
			} else {
				if a := <-answer; !strings.Contains(a.text, "had been started and goes on") {
					t.Errorf("the call was told: %s", a.text)
				}
				close(aura.release)
			}
			code := <-s.exit
			s.exit = nil
			if code != ExitOK {
				t.Errorf("exit code %d", code)
			}
			entries, _, err := audit.Open(filepath.Join(s.state, "aura-mcp", "audit")).Read(time.Now().Add(-time.Hour))
			if err != nil || len(entries) != 1 || entries[0].End == nil || entries[0].Standing != "accepted" {
				t.Errorf("the audit has %+v, %v", entries, err)
			}
		})
	}
}

func TestARenewedCertificateIsUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := writeCertificate(t, cert, key, "first")
	s := serve(t, "", nil, "--demo", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.address, "https://") {
		t.Fatalf("it serves %s", s.address)
	}
	shown := func(roots *x509.CertPool) string {
		t.Helper()
		c, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "localhost"}}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.base, "https://"))
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		return c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if name := shown(first); name != "first" {
		t.Fatalf("it shows %s", name)
	}
	if err := os.WriteFile(cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(s.log.String(), "the new certificate cannot be used") && shown(first) == "first" {
		<-time.After(200 * time.Millisecond)
	}
	if name := shown(first); name != "first" {
		t.Errorf("with a broken file it shows %s", name)
	}
	second := writeCertificateUntil(t, cert, key, "second", time.Now().Add(time.Hour))
	deadline := time.Now().Add(30 * time.Second)
	for shown(second) != "second" && time.Now().Before(deadline) {
		<-time.After(200 * time.Millisecond)
	}
	if name := shown(second); name != "second" {
		t.Errorf("it still shows %s", name)
	}
	s.wait("the certificate expires soon", func([]string) {})
}

func TestACertificateThatEndsIsSaid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		left time.Duration
		want string
	}{
		{-49 * time.Hour, `level=WARN msg="the certificate should be renewed" problem="the certificate has expired, so clients refuse this server" file=\S+ until=\S+`},
		{5 * 24 * time.Hour, `level=WARN msg="the certificate should be renewed" problem="the certificate expires soon" file=\S+ until=\S+`},
	} {
		dir := t.TempDir()
		cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		writeCertificateUntil(t, cert, key, "first", time.Now().Add(tt.left))
		s := serve(t, "", nil, "--demo", "--tls-cert", cert, "--tls-key", key)
		s.wait(tt.want, func([]string) {})
		var out bytes.Buffer
		p := Process{Args: []string{"config", "check"}, Environ: []string{"AURA_MCP_TRANSPORT=http", "AURA_MCP_TLS_CERT=" + cert, "AURA_MCP_TLS_KEY=" + key}, Stdout: &out, Stderr: &out}
		if code := Run(t.Context(), p); code != ExitOK || !strings.Contains(out.String(), cert+": the certificate ") {
			t.Errorf("config check ends with %d:\n%s", code, &out)
		}
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, "first")
	s := serve(t, "", nil, "--demo", "--tls-cert", cert, "--tls-key", key)
	if log := s.log.String(); strings.Contains(log, "expire") {
		t.Errorf("nothing is wrong with this one:\n%s", log)
	}
}

func TestTheHealthcheckOfContainers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, "first")
	check := func(args ...string) int {
		return Run(t.Context(), Process{Args: append([]string{"healthcheck"}, args...), Stdout: io.Discard, Stderr: io.Discard})
	}
	if code := check(); code != ExitOK {
		t.Errorf("of stdio, where there is nothing to ask: exit code %d", code)
	}
	served := []string{"AURA_MCP_TRANSPORT=http", "AURA_MCP_LISTEN=127.0.0.1:1"}
	if code := Run(t.Context(), Process{Args: []string{"healthcheck"}, Environ: served, Stdout: io.Discard, Stderr: io.Discard}); code != ExitFailure {
		t.Errorf("nobody listens where the settings say: exit code %d", code)
	}
	s := serve(t, "", nil, "--demo")
	if code := check("--listen", strings.TrimPrefix(s.base, "http://")); code != ExitOK {
		t.Errorf("a server that is alive: exit code %d", code)
	}
	s.end()
	if code := check("--listen", strings.TrimPrefix(s.base, "http://")); code != ExitFailure {
		t.Errorf("a server that has ended: exit code %d", code)
	}
	s = serve(t, "", nil, "--demo", "--tls-cert", cert, "--tls-key", key)
	if code := check("--listen", strings.TrimPrefix(s.base, "https://"), "--tls-cert", cert); code != ExitOK {
		t.Errorf("over TLS: exit code %d", code)
	}
}

func TestOneServerHasTheStateForItself(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil, "--demo")
	var said syncBuffer
	code := Run(t.Context(), Process{Args: []string{"--demo", "--transport", "http", "--listen", "127.0.0.1:0"}, StateDir: s.state, Stdout: io.Discard, Stderr: &said})
	if code != ExitFailure || !strings.Contains(said.String(), "another aura-mcp serves over HTTP with the private state in "+filepath.Join(s.state, "aura-mcp")) {
		t.Errorf("exit code %d: %s", code, &said)
	}
	info, err := os.Stat(filepath.Join(s.state, "aura-mcp", "demo-http", "token"))
	if err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("the token's file: %v, %v", info, err)
	}
	if strings.Contains(s.log.String(), s.ownToken()) {
		t.Error("the token stands in the log")
	}
}

// The deprecated transport answers a message before it is dealt with, and so many are dealt with at a time all the same.
func TestTheOldTransportIsBoundedToo(t *testing.T) {
	t.Parallel()
	sim, err := aurasim.New(aurasim.Options{State: testFleet(), NoScheduledSnapshots: true})
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	aura := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/snapshots") {
			<-release
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(aura.Close)
	s := serve(t, "secret_sink = \"file\"\nrequests_per_minute = 1000", (&slowAura{Server: aura}).environ(), "--transport", "sse")
	token := s.ownToken()
	heard := s.stream(exchange{method: http.MethodGet, path: "/sse", headers: map[string]string{"Authorization": "Bearer " + token}})
	to := <-heard.events
	say := func(body string) answeredWith {
		e := post(token, body)
		e.path = to
		return s.send(e)
	}
	say(hello)
	<-heard.events
	read := rpc("resources/read", `{"uri":"aura://instances/prod/snapshots"}`)
	taken := 0
	for range 200 {
		switch a := say(read); {
		case a.StatusCode == http.StatusAccepted:
			taken++
		case a.StatusCode != http.StatusTooManyRequests || !strings.Contains(a.text, "wait for some of them"):
			t.Fatalf("status %d: %s", a.StatusCode, a.text)
		}
	}
	if taken < 60 || taken > 70 {
		t.Errorf("%d messages of one principal are dealt with at a time, want 64", taken)
	}
	close(release)
	for n := range taken {
		select {
		case <-heard.events:
		case <-time.After(20 * time.Second):
			t.Fatalf("%d of %d were answered", n, taken)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for say(rpc("ping", "{}")).StatusCode != http.StatusAccepted {
		if time.Now().After(deadline) {
			t.Fatal("answered, they still count")
		}
	}
}

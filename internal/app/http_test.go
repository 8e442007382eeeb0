package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/httpd"
)

// served is the whole program in this process, serving over HTTP on a socket of loopback.
type served struct {
	t       *testing.T
	address string // of MCP
	base    string // without a path
	config  string // its config file
	state   string // its private state
	log     *syncBuffer
	stop    context.CancelFunc
	exit    chan int
}

// serve starts the program with settings and arguments and waits until it serves. Without --demo it needs an Aura, in environ.
func serve(t *testing.T, settings string, environ []string, args ...string) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{t: t, config: filepath.Join(dir, "config", "aura-mcp", "config.toml"), state: filepath.Join(dir, "state"), log: &syncBuffer{}, exit: make(chan int, 1)}
	if err := os.MkdirAll(filepath.Dir(s.config), 0o700); err != nil {
		t.Fatal(err)
	}
	s.settings(settings)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // it ends in the cleanup, after the test
	s.stop = cancel
	if !strings.Contains(strings.Join(args, " "), "--transport") {
		args = append([]string{"--transport", "http"}, args...)
	}
	if !strings.Contains(strings.Join(args, " "), "--listen") {
		args = append([]string{"--listen", "127.0.0.1:0"}, args...)
	}
	p := Process{
		Args: args, Environ: environ, ConfigDir: filepath.Join(dir, "config"), StateDir: s.state,
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: s.log,
	}
	go func() { s.exit <- Run(ctx, p) }()
	t.Cleanup(func() {
		cancel()
		if s.exit != nil {
			<-s.exit
		}
		if t.Failed() {
			t.Logf("standard error:\n%s", s.log)
		}
	})
	s.wait(`"serving MCP" address=\S+(/\S+) listen=(\S+)`, func(found []string) {
		s.base = "http://" + found[2]
		if strings.Contains(strings.Join(args, " "), "--tls-cert") {
			s.base = "https://" + found[2]
		}
		s.address = s.base + found[1]
	})
	return s
}

// settings writes the config file.
func (s *served) settings(content string) {
	s.t.Helper()
	if err := os.WriteFile(s.config, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// wait waits until the log says something.
func (s *served) wait(pattern string, found func([]string)) {
	s.t.Helper()
	expression, deadline := regexp.MustCompile(pattern), time.Now().Add(20*time.Second)
	for {
		if m := expression.FindStringSubmatch(s.log.String()); m != nil {
			found(m)
			return
		}
		select {
		case code := <-s.exit:
			s.exit = nil
			s.t.Fatalf("the server ended with %d:\n%s", code, s.log)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("nothing like %s in the log:\n%s", pattern, s.log)
		}
	}
}

// end ends the server and returns its exit code.
func (s *served) end() int {
	s.stop()
	code := <-s.exit
	s.exit = nil
	return code
}

// ownToken is the one that the server made at its start.
func (s *served) ownToken() string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.state, "aura-mcp", "*http", "token"))
	if err != nil || len(files) != 1 {
		s.t.Fatalf("token files: %v, %v", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// client connects an MCP client of an era with a token.
func (s *served) client(era, token string, options ...client.ClientOption) *client.Client {
	s.t.Helper()
	return s.clientThat(era, token, mcp.ClientCapabilities{}, options...)
}

// clientThat connects a client that declares capabilities.
func (s *served) clientThat(era, token string, declared mcp.ClientCapabilities, options ...client.ClientOption) *client.Client {
	s.t.Helper()
	t, err := transport.NewStreamableHTTP(s.address, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.connect(client.NewClient(t, options...), era, declared)
}

func (s *served) connect(c *client.Client, era string, declared mcp.ClientCapabilities) *client.Client {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	request := mcp.InitializeRequest{Params: mcp.InitializeParams{ProtocolVersion: era, Capabilities: declared, ClientInfo: mcp.Implementation{Name: "test", Version: "1"}}}
	if _, err := c.Initialize(ctx, request); err != nil {
		s.t.Fatalf("initialize: %v\n%s", err, s.log)
	}
	return c
}

// call returns what a tool says.
func (s *served) call(c *client.Client, tool string, arguments map[string]any) (text string, failed bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 60*time.Second)
	defer cancel()
	result, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}})
	if err != nil {
		s.t.Fatalf("%s: %v", tool, err)
	}
	for _, content := range result.Content {
		if said, ok := mcp.AsTextContent(content); ok {
			text += said.Text
		}
	}
	return text, result.IsError
}

// exchange is one request as any program can send it.
type exchange struct {
	method, path string
	headers      map[string]string
	body         string
}

// rpc is a message of MCP in the form that a client of 2025-06-18 sends.
func rpc(method, params string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":` + params + `}`
}

var hello = rpc("initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}`)

// post is a message with a token; more are further headers, name and value by turns.
func post(token, body string, more ...string) exchange {
	headers := map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
	if token != "" {
		headers["Authorization"] = "Bearer " + token
	}
	for n := 0; n < len(more); n += 2 {
		headers[more[n]] = more[n+1]
	}
	return exchange{method: http.MethodPost, path: httpd.MCPPath, headers: headers, body: body}
}

// answered is what came back, read whole.
type answeredWith struct {
	*http.Response
	text string
}

// send sends one request and reads the answer.
func (s *served) send(e exchange) answeredWith {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, e.method, s.base+e.path, bytes.NewBufferString(e.body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range e.headers {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	resp, err := plainClient().Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", e.method, e.path, err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil && ctx.Err() == nil {
		s.t.Fatal(err)
	}
	return answeredWith{resp, string(content)}
}

// plainClient follows nothing and keeps nothing.
func plainClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, //nolint:forbidigo // this package speaks HTTP
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// expect sends a request and wants a status and words in the answer.
func (s *served) expect(e exchange, status int, words ...string) answeredWith {
	s.t.Helper()
	a := s.send(e)
	if a.StatusCode != status {
		s.t.Errorf("%s %s: status %d, want %d: %s", e.method, e.path, a.StatusCode, status, a.text)
	}
	for _, w := range words {
		if !strings.Contains(a.text, w) && !strings.Contains(strings.Join(a.Header.Values("WWW-Authenticate"), " "), w) {
			s.t.Errorf("%s %s: the answer does not say %q: %s", e.method, e.path, w, a.text)
		}
	}
	return a
}

// session opens a session of a revision that has them.
func (s *served) session(token string) string {
	s.t.Helper()
	id := s.expect(post(token, hello), http.StatusOK).Header.Get("Mcp-Session-Id")
	if id == "" {
		s.t.Fatal("initialize gave no session")
	}
	return id
}

func TestClientsOfBothErasWorkOverHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil, "--demo")
	for era, instance := range map[string]string{legacy: "prod-orders", "2025-11-25": "staging-orders", modern: "recommendations"} {
		c := s.client(era, s.ownToken())
		listed, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
		if err != nil || len(listed.Tools) < 20 {
			t.Fatalf("%q: %d tools, %v", era, len(listed.Tools), err)
		}
		text, failed := s.call(c, "get_instance", map[string]any{"instance": instance})
		var i struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal([]byte(text), &i); failed || err != nil || i.Name != instance {
			t.Errorf("%q: get_instance: %v %s", era, err, text)
		}
		if text, failed := s.call(c, "create_snapshot", map[string]any{"instance": instance, "wait_seconds": 1}); failed {
			t.Errorf("%q: a write that needs no approval failed: %s", era, text)
		}
	}
}

func TestProgressIsToldOverHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil, "--demo")
	for _, era := range []string{legacy, modern} {
		c := s.client(era, s.ownToken())
		heard := make(chan string, 64)
		c.OnNotification(func(n mcp.JSONRPCNotification) { heard <- n.Method })
		_, err := c.CallTool(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{
			Name: "create_snapshot", Arguments: map[string]any{"instance": "staging-orders", "wait_seconds": 10}, Meta: &mcp.Meta{ProgressToken: "p"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case method := <-heard:
			if method != string(mcp.MethodNotificationProgress) {
				t.Errorf("%q: heard %s", era, method)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%q: no progress was told", era)
		}
	}
}

func TestTheOldTransportReadsAndWritesAndRefusesWhatIsGuarded(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil, "--demo", "--transport", "sse")
	c, err := client.NewSSEMCPClient(s.address, transport.WithHeaders(map[string]string{"Authorization": "Bearer " + s.ownToken()}))
	if err != nil {
		t.Fatal(err)
	}
	s.connect(c, legacy, mcp.ClientCapabilities{})
	if text, failed := s.call(c, "get_instance", map[string]any{"instance": "prod-orders"}); failed {
		t.Errorf("a read failed: %s", text)
	}
	if text, failed := s.call(c, "create_snapshot", map[string]any{"instance": "prod-orders"}); failed {
		t.Errorf("a write failed: %s", text)
	}
	text, failed := s.call(c, "pause_instance", map[string]any{"instance": "prod-orders"})
	if !failed || !strings.Contains(text, "needs a person's approval") || !strings.Contains(text, "Nothing was changed.") || !strings.Contains(text, "Aura console") {
		t.Errorf("what is guarded was not refused with where it works: %s", text)
	}
}

func TestAnAnswerOfAClientFarAwayIsNoApproval(t *testing.T) {
	t.Parallel()
	for _, era := range []string{legacy, modern} {
		for _, trusted := range []bool{false, true} {
			settings := ""
			if trusted {
				settings = "trust_client_elicitation = true\n"
			}
			s := serve(t, settings, nil, "--demo")
			asked := false
			c := s.client(era, s.ownToken(), client.WithElicitationHandler(person(func(context.Context, string) (*mcp.ElicitationResult, error) {
				asked = true
				return answered(mcp.ElicitationResponseActionAccept, "yes"), nil
			})))
			text, failed := s.call(c, "pause_instance", map[string]any{"instance": "prod-orders"})
			if failed || asked != trusted || strings.Contains(text, `"approval_pending"`) == trusted {
				t.Errorf("%q, trusted %v: asked %v, failed %v: %s", era, trusted, asked, failed, text)
			}
		}
	}
}

package app

import (
	"bufio"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"aura-mcp/internal/httpd"
)

// stream is an answer that goes on.
type stream struct {
	events chan string // what comes; closed with the stream
	leave  func()
}

// stream opens one. It ends with the test at the latest.
func (s *served) stream(e exchange) *stream {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), e.method, s.base+e.path, strings.NewReader(e.body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range e.headers {
		r.Header.Set(name, value)
	}
	resp, err := plainClient().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		s.t.Fatalf("%s %s is no stream: %d %v", e.method, e.path, resp.StatusCode, resp.Header)
	}
	opened := &stream{events: make(chan string, 64), leave: func() { _ = resp.Body.Close() }}
	go func() {
		defer close(opened.events)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			if said, found := strings.CutPrefix(in.Text(), "data: "); found {
				opened.events <- said
			}
		}
	}()
	return opened
}

// ends waits until the stream does.
func (s *stream) ends(within time.Duration) bool {
	late := time.After(within)
	for {
		select {
		case _, open := <-s.events:
			if !open {
				return true
			}
		case <-late:
			return false
		}
	}
}

// streamsEnded waits until the server is done with all but the first request.
func (s *served) streamsEnded(token string, n int) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for s.metric(token, `aura_mcp_http_requests_total{code="200",path="/mcp"}`) != strconv.Itoa(n+1) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the server has not noticed that %d streams were left", n)
		}
	}
}

// listens is a stream of a session.
func listens(token, session string) exchange {
	return exchange{method: http.MethodGet, path: httpd.MCPPath, headers: map[string]string{"Authorization": "Bearer " + token, "Mcp-Session-Id": session, "Accept": "text/event-stream"}}
}

// subscribes is a stream of the newest revision, which has no sessions.
func subscribes(token, uri string) exchange {
	return post(token, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["`+uri+`"]},`+
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
		"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen")
}

func TestAStreamEndsWhenItsTokenIsTakenBack(t *testing.T) {
	t.Parallel()
	anna, annasTable := tokenFor("anna", "")
	bob, bobsTable := tokenFor("bob", "")
	s := serve(t, annasTable+bobsTable, nil, "--demo")
	session := s.session(anna)
	hers, his := []*stream{s.stream(listens(anna, session)), s.stream(subscribes(anna, "aura://fleet"))}, s.stream(subscribes(bob, "aura://fleet"))
	s.settings(bobsTable)
	for n, each := range hers {
		if !each.ends(20 * time.Second) {
			t.Errorf("stream %d goes on", n)
		}
	}
	s.expect(post(anna, hello), http.StatusUnauthorized)
	s.settings(annasTable + bobsTable)
	s.expect(post(anna, rpc("tools/list", "{}"), "Mcp-Session-Id", session), http.StatusNotFound, "no such session") // nor what it subscribed to
	if his.ends(time.Second) {
		t.Error("another's stream ended, too")
	}
}

func TestASessionIsOfOneProfile(t *testing.T) {
	t.Parallel()
	anna, table := tokenFor("anna", `profile = "work"`)
	s, _ := twoTeams(t, table)
	quiet, listening := s.session(anna), s.session(anna)
	heard := s.stream(listens(anna, listening))
	settings, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.settings(strings.Replace(string(settings), table, strings.Replace(table, "work", "play", 1), 1))
	if !heard.ends(20 * time.Second) {
		t.Error("the stream goes on, with what the other profile tells")
	}
	for _, session := range []string{quiet, listening} {
		s.expect(post(anna, rpc("tools/list", "{}"), "Mcp-Session-Id", session), http.StatusNotFound, "no such session")
	}
	s.expect(post(anna, hello), http.StatusOK)
}

// Not parallel: it looks at the memory of this process.
func TestStreamsThatAreLeftLeaveNothingBehind(t *testing.T) {
	anna, table := tokenFor("anna", "")
	s := serve(t, table, nil, "--demo")
	session, left := s.session(anna), 0
	open := func(n int) {
		for range n {
			s.stream(listens(anna, session)).leave()
			if left++; left%32 == 0 { // a principal has 64 at a time
				s.streamsEnded(anna, left)
			}
		}
		s.streamsEnded(anna, left)
	}
	open(100)
	warm := heap()
	open(2000)
	if grown := int64(heap()) - int64(warm); grown > 1<<20 {
		t.Errorf("2000 streams of one session left %d KB behind", grown>>10)
	}
}

package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/httpd"
)

// tokenFor is a token and its table in the config file.
func tokenFor(name, more string) (token, table string) {
	token, digest := httpd.NewToken()
	return token, fmt.Sprintf("\n[[tokens]]\nname = %q\nsha256 = %q\n%s\n", name, digest, more)
}

// A page of the web, open in a browser on the machine where the server listens, tries everything that a browser lets it do without
// anybody's consent.
func TestAForeignPageCanDoNothing(t *testing.T) {
	t.Parallel()
	const evil = "https://evil.example"
	for _, transport := range []string{"http", "sse"} {
		for _, auth := range []string{"bearer", "none"} { // without authentication nothing else protects
			s := serve(t, "", nil, "--demo", "--transport", transport, "--auth", auth)
			token := ""
			if auth == "bearer" {
				token = s.ownToken() // even if a page knew it
			}
			path := strings.TrimPrefix(s.address, s.base)
			page := func(method, path, body string, headers ...string) exchange {
				e := post(token, body, headers...)
				e.method, e.path = method, path
				return e
			}
			for name, attempt := range map[string]exchange{
				"a message":               page(http.MethodPost, path, hello, "Origin", evil),
				"a simple request":        page(http.MethodPost, path, hello, "Origin", evil, "Content-Type", "text/plain"),
				"a form":                  page(http.MethodPost, path, "a=b", "Origin", evil, "Content-Type", "application/x-www-form-urlencoded"),
				"a preflight":             page(http.MethodOptions, path, "", "Origin", evil, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type"),
				"a stream":                page(http.MethodGet, path, "", "Origin", evil, "Accept", "text/event-stream"),
				"a message to a session":  page(http.MethodPost, "/message?sessionId=x", hello, "Origin", evil, "Content-Type", "text/plain"),
				"an end of a session":     page(http.MethodDelete, path, "", "Origin", evil, "Mcp-Session-Id", "x"),
				"a name that points here": page(http.MethodPost, path, hello, "Host", "evil.example"),
				"that name with its page": page(http.MethodPost, path, hello, "Host", "evil.example", "Origin", "http://evil.example"),
				"that name and a stream":  page(http.MethodGet, path, "", "Host", "evil.example:80"),
				"a name like ours":        page(http.MethodPost, path, hello, "Host", "localhost.evil.example"),
				"no name of its own":      page(http.MethodPost, path, hello, "Origin", "null"),
				"a page of another port":  page(http.MethodPost, path, hello, "Origin", "http://localhost:1"),
				"a picture":               page(http.MethodGet, path, "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"),
				"the figures":             page(http.MethodGet, "/metrics", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"),
				"the figures by name":     page(http.MethodGet, "/metrics", "", "Host", "evil.example"),
			} {
				a := s.send(attempt)
				if a.StatusCode != http.StatusForbidden {
					t.Errorf("%s, %s: %s: status %d: %s", transport, auth, name, a.StatusCode, a.text)
				}
				for header := range a.Header {
					if strings.HasPrefix(header, "Access-Control-") {
						t.Errorf("%s, %s: %s: the answer is shared: %s", transport, auth, name, header)
					}
				}
			}
		}
	}
}

func TestAPageThatTheSettingsNameCanTalkToTheServer(t *testing.T) {
	t.Parallel()
	const inspector = "https://inspector.example.com"
	s := serve(t, `allowed_origins = ["`+inspector+`", "https://Other.example.com:443"]`, nil, "--demo")
	preflight := post("", "", "Origin", inspector, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	preflight.method = http.MethodOptions
	a := s.expect(preflight, http.StatusNoContent)
	if a.Header.Get("Access-Control-Allow-Origin") != inspector || !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Authorization") || a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("the preflight was answered with %v", a.Header)
	}
	a = s.expect(post(s.ownToken(), hello, "Origin", inspector), http.StatusOK, "serverInfo")
	if a.Header.Get("Access-Control-Allow-Origin") != inspector {
		t.Errorf("the page cannot read the answer: %v", a.Header)
	}
	s.expect(post("", hello, "Origin", inspector), http.StatusUnauthorized)
	s.expect(post(s.ownToken(), hello, "Origin", "https://other.example.com"), http.StatusOK) // as its browser writes it
	s.expect(post(s.ownToken(), hello, "Origin", s.base), http.StatusOK)                      // a page of the server's own
}

func TestOnlyAValidTokenComesIn(t *testing.T) {
	t.Parallel()
	anna, table := tokenFor("anna", "")
	s := serve(t, table, nil, "--demo")
	s.expect(post(anna, hello), http.StatusOK)
	other, _ := httpd.NewToken()
	for name, e := range map[string]exchange{
		"none":             post("", hello),
		"another":          post(other, hello),
		"a part":           post(anna[:len(anna)-1], hello),
		"more":             post(anna+"x", hello),
		"its digest":       post(httpd.Digest(anna), hello),
		"another scheme":   post("", hello, "Authorization", "Basic "+anna),
		"in the address":   {method: http.MethodPost, path: "/mcp?access_token=" + anna, headers: post("", "").headers, body: hello},
		"the modern era":   post(other, `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "server/discover"),
		"a stream":         {method: http.MethodGet, path: "/mcp"},
		"end of a session": {method: http.MethodDelete, path: "/mcp", headers: map[string]string{"Mcp-Session-Id": s.session(anna)}},
		"the figures":      {method: http.MethodGet, path: "/metrics"},
	} {
		a := s.expect(e, http.StatusUnauthorized)
		if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: no challenge: %v", name, a.Header)
		}
	}
	if log := s.log.String(); strings.Contains(log, anna) || strings.Contains(log, other) {
		t.Error("a token stands in the log")
	}

	// Taken out of the file, it is a token no more.
	bob, table := tokenFor("bob", "")
	s.settings(table)
	s.expect(post(anna, hello), http.StatusUnauthorized)
	s.expect(post(bob, hello), http.StatusOK)
}

func TestATokenForReadingOnlyReads(t *testing.T) {
	t.Parallel()
	reader, table := tokenFor("dashboard", "read_only = true")
	writer, more := tokenFor("anna", "")
	s := serve(t, table+more, nil, "--demo")
	for _, era := range []string{legacy, modern} {
		c := s.client(era, reader)
		if text, failed := s.call(c, "list_instances", nil); failed {
			t.Errorf("%q: a read failed: %s", era, text)
		}
		for _, tool := range []string{"create_snapshot", "pause_instance", "delete_instance"} {
			text, failed := s.call(c, tool, map[string]any{"instance": "prod-orders"})
			if !failed || !strings.Contains(text, tool+" is not available to you") || !strings.Contains(text, "Nothing was changed.") {
				t.Errorf("%q: %s was not refused: %s", era, tool, text)
			}
		}
		names := toolNames(t, c)
		if !names["get_instance"] || names["create_snapshot"] {
			t.Errorf("%q: the list shows what the token does not allow: %v", era, names)
		}
		if names := toolNames(t, s.client(era, writer)); !names["create_snapshot"] {
			t.Errorf("%q: the other token's list lacks create_snapshot", era)
		}
	}
}

func toolNames(t *testing.T, c *client.Client) map[string]bool {
	t.Helper()
	listed, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, tool := range listed.Tools {
		names[tool.Name] = true
	}
	return names
}

func TestASessionIsItsPrincipalsAlone(t *testing.T) {
	t.Parallel()
	anna, annasTable := tokenFor("anna", "")
	eve, evesTable := tokenFor("eve", "")
	s := serve(t, annasTable+evesTable, nil, "--demo")
	id := s.session(anna)
	list := rpc("tools/list", "{}")
	s.expect(post(anna, list, "Mcp-Session-Id", id), http.StatusOK)
	steal := func(method, body string) exchange {
		e := post(eve, body, "Mcp-Session-Id", id)
		e.method = method
		return e
	}
	s.expect(steal(http.MethodPost, list), http.StatusNotFound, "no such session")
	s.expect(steal(http.MethodGet, ""), http.StatusNotFound, "no such session")
	s.expect(steal(http.MethodDelete, ""), http.StatusNotFound, "no such session")
	s.expect(steal(http.MethodPost, `{"jsonrpc":"2.0","id":1,"result":{"action":"accept","content":{"approval":"yes"}}}`), http.StatusNotFound)
	s.expect(post(anna, list, "Mcp-Session-Id", id), http.StatusOK) // it still is
	ended := steal(http.MethodDelete, "")
	ended.headers["Authorization"] = "Bearer " + anna
	s.expect(ended, http.StatusOK)
	s.expect(post(anna, list, "Mcp-Session-Id", id), http.StatusNotFound)
	s.expect(exchange{method: http.MethodGet, path: "/mcp", headers: map[string]string{"Authorization": "Bearer " + anna}}, http.StatusBadRequest, "needs a session")
	s.expect(post(anna, list, "Mcp-Session-Id", "mcp-session-00000000-0000-4000-8000-000000000000"), http.StatusNotFound)
}

func TestPrincipalsHaveTheirOwnJournal(t *testing.T) {
	t.Parallel()
	anna, annasTable := tokenFor("anna", "")
	eve, evesTable := tokenFor("eve", "")
	s := serve(t, annasTable+evesTable, nil, "--demo")
	hers, others := s.client(modern, anna), s.client(legacy, eve)
	if text, failed := s.call(hers, "create_snapshot", map[string]any{"instance": "prod-orders"}); failed {
		t.Fatal(text)
	}
	if text, _ := s.call(hers, "list_operations", nil); !strings.Contains(text, "create_snapshot") {
		t.Errorf("her own operation is not in her list: %s", text)
	}
	if text, _ := s.call(others, "list_operations", nil); strings.Contains(text, "create_snapshot") {
		t.Errorf("another's operation is in the list: %s", text)
	}
}

func TestASettingThatCountsAtTheStartOnlyIsNamedWhenItChanges(t *testing.T) {
	t.Parallel()
	token, table := tokenFor("anna", "")
	s := serve(t, "secret_sink = \"file\"\n"+table, nil, "--demo")
	s.expect(post(token, hello), http.StatusOK)
	s.settings("secret_sink = \"file\"\nread_only = true\nlog_format = \"json\"\nrequests_per_minute = 25\n[health.cpu]\nwarning = 0.5\n" + table)
	s.expect(post(token, hello), http.StatusOK)
	s.wait(`level=WARN msg="these settings have changed.*" settings="requests_per_minute, log_format, health"`, func([]string) {})
	s.settings("secret_sink = \"file\"\nread_only = true\n" + table)
	s.expect(post(token, hello), http.StatusOK)
	if n := strings.Count(s.log.String(), "these settings have changed"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, s.log)
	}
}

package aurasim_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"aura-mcp/internal/aurasim"
)

func TestRequestsThatNeverReachTheAPI(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                            string
		method, path, contentType, body string
		status                          int
		text                            string
	}{
		{"an unknown route is not found", "GET", "/databases", "", "", 404, "Not Found"},
		{"a path that only begins like a route is not found", "GET", "/graph-analytics", "", "", 404, "Not Found"},
		{"a key cannot be changed", "PATCH", "/customer-managed-keys/x", "application/json", "{}", 405, "Method Not Allowed"},
		{"a session is not sized by GET", "DELETE", "/graph-analytics/sessions", "", "", 405, "Method Not Allowed"},
		{"a trailing slash is another path", "GET", "/instances/", "", "", 404, "Not Found"},
		{"a doubled slash is another path", "GET", "//instances", "", "", 404, "Not Found"},
		{"a wrong method is not allowed", "PUT", "/instances/" + orders, "application/json", "{}", 405, "Method Not Allowed"},
		{"a route that only takes POST refuses GET", "GET", "/instances/" + orders + "/pause", "", "", 405, "Method Not Allowed"},
		{"tenants cannot be created", "POST", "/tenants", "application/json", "{}", 405, "Method Not Allowed"},
		{"a POST without a body needs a content type", "POST", "/instances/" + orders + "/pause", "", "", 415, "Unsupported Media Type"},
		{"a POST with {} needs a content type", "POST", "/instances/" + orders + "/snapshots", "", "{}", 415, "Unsupported Media Type"},
		{"text/plain is no content type", "POST", "/instances", "text/plain", "{}", 415, "Unsupported Media Type"},
		{"a PATCH needs a content type", "PATCH", "/instances/" + orders, "", "{}", 415, "Unsupported Media Type"},
		{"a body above 1 MB is too large", "POST", "/instances", "application/json", strings.Repeat(" ", 1<<20+1), 413, "Too Large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, newSim(t, aurasim.Options{}))
			req := c.request(tt.method, tt.path, tt.body)
			req.Header.Del("Content-Type")
			if tt.contentType != "" {
				req.Header.Set("Content-Type", tt.contentType)
			}
			got := c.send(req)
			got.wantGateway(tt.status, tt.text)
			if tt.status == 405 && got.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
}

func TestContentTypeMayHaveParameters(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{}))
	req := c.request("POST", "/instances/"+orders+"/pause")
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if got := c.send(req); got.status != 202 {
		t.Fatalf("%d %s", got.status, got.body)
	}
}

func TestOutsideOfV1NothingIsFound(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{}))
	req := c.request("GET", "/tenants")
	req.URL.Path = "/v2beta1/organizations"
	c.send(req).wantGateway(404, "Not Found")
}

func TestEveryAnswerHasARequestID(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{}))
	seen := map[string]bool{}
	form := regexp.MustCompile(`^[0-9a-f]{32}/[0-9]+$`)
	for _, got := range []reply{
		c.do("GET", "/instances"), c.do("GET", "/instances/ffffffff"), c.do("GET", "/nothing"), c.do("POST", "/instances", "{"),
		c.login("nobody", "x"),
	} {
		id := got.header.Get("X-Request-Id")
		if !form.MatchString(id) || seen[id] {
			t.Errorf("%d: request id %q", got.status, id)
		}
		seen[id] = true
	}
}

func TestRequestsAreLoggedAsReceived(t *testing.T) {
	t.Parallel()
	sim := newSim(t, aurasim.Options{})
	c := newClient(t, sim)
	sim.ResetRequests()
	req := c.request("PATCH", "/instances/"+orders+"?x=1&x=2", `{"name":"n"}`)
	req.Header.Set("User-Agent", "me")
	c.send(req)
	c.do("GET", "/instances/"+orders+"/snapshots/"+escaped("2026-01-20T13:44:42Z/x"))
	c.login("nobody", "x")

	got := sim.Requests()
	if len(got) != 3 {
		t.Fatalf("%d requests", len(got))
	}
	patch := got[0]
	if patch.Method != http.MethodPatch || patch.Path != "/v1/instances/"+orders || strings.Join(patch.Query["x"], ",") != "1,2" ||
		patch.Body != `{"name":"n"}` || patch.Status != 200 || patch.ClientID != aurasim.DemoClientID ||
		patch.Header.Get("User-Agent") != "me" || patch.Time.IsZero() {
		t.Errorf("%+v", patch)
	}
	if snap := got[1]; !strings.HasSuffix(snap.Path, "/2026-01-20T13:44:42Z/x") || !strings.HasSuffix(snap.RawPath, "Z%2Fx") || snap.Status != 404 {
		t.Errorf("%+v", snap)
	}
	if login := got[2]; login.Path != "/oauth/token" || login.ClientID != "nobody" || login.Status != 401 {
		t.Errorf("%+v", login)
	}
}

func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	patch, pause := "/instances/"+orders, "/instances/"+orders+"/pause"
	tests := []struct {
		name, method, path, body string
		field, message           string
	}{
		{"broken JSON says where", "PATCH", patch, "{\n \"name\": }", "", "line 2, column 10"},
		{"an empty body where one is needed", "PATCH", patch, "", "", "malformed JSON"},
		{"a list", "PATCH", patch, `[]`, "", "must be a JSON object"},
		{"null", "PATCH", patch, `null`, "", "must be a JSON object"},
		{"two values", "PATCH", patch, `{"name":"a"} {"name":"b"}`, "", "malformed JSON"},
		{"an unknown field", "PATCH", patch, `{"name":"a","colour":"red"}`, "colour", "unknown field; allowed: cdc_enrichment_mode"},
		{"a field in capitals", "PATCH", patch, `{"Name":"a"}`, "Name", "unknown field"},
		{"a field twice", "PATCH", patch, `{"name":"a","name":"b"}`, "name", "occurs twice"},
		{"null for a string", "PATCH", patch, `{"name":null}`, "name", "must be a string"},
		{"a number for a string", "PATCH", patch, `{"memory":8}`, "memory", "must be a string"},
		{"a string for a number", "PATCH", patch, `{"secondaries_count":"1"}`, "secondaries_count", "must be a whole number"},
		{"a fraction for a whole number", "PATCH", patch, `{"secondaries_count":1.5}`, "secondaries_count", "must be a whole number"},
		{"a string for a flag", "PATCH", patch, `{"vector_optimized":"true"}`, "vector_optimized", "must be true or false"},
		{"a boolean for the CDC mode, as YAML makes of OFF", "PATCH", patch, `{"cdc_enrichment_mode":false}`, "cdc_enrichment_mode", "must be a string"},
		{"no field at all", "PATCH", patch, `{}`, "", "at least one field"},
		{"a field where none is allowed", "POST", pause, `{"force":true}`, "force", "no field is allowed here"},
		{"a long value is shortened", "PATCH", patch, `{"name":["` + strings.Repeat("x", 100) + `"]}`, "name", "…: must be a string"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, newSim(t, aurasim.Options{}))
			got := c.must(400, tt.method, tt.path, tt.body)
			_, message, field := got.refusal()
			if field != tt.field || !strings.Contains(message, tt.message) {
				t.Fatalf("field %q, message %q; want %q, %q", field, message, tt.field, tt.message)
			}
		})
	}
	t.Run("nothing and {} are the same where there are no fields", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, newSim(t, aurasim.Options{}))
		c.must(202, "POST", pause)
		c.must(202, "POST", "/instances/"+shop+"/pause", " {} ")
	})
}

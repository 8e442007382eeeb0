package aurasim_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"
)

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	type request struct{ method, id, secret, contentType, body string }
	good := request{"POST", aurasim.DemoClientID, aurasim.DemoClientSecret, "application/x-www-form-urlencoded", "grant_type=client_credentials"}
	tests := []struct {
		name   string
		change func(*request)
		status int
		error  string
	}{
		{"a proper request is answered with a token", func(*request) {}, 200, ""},
		{"a wrong secret is refused", func(r *request) { r.secret = "x" }, 401, "access_denied"},
		{"an unknown client is refused", func(r *request) { r.id = "x" }, 401, "access_denied"},
		{"credentials in the body instead of Basic are refused", func(r *request) { r.id = "" }, 401, "access_denied"},
		{"a missing body is not found", func(r *request) { r.body = "" }, 404, "invalid_request"},
		{"another grant type is refused", func(r *request) { r.body = "grant_type=password" }, 403, "unsupported_grant_type"},
		{"a JSON body is malformed", func(r *request) { r.contentType = "application/json" }, 400, "invalid_request"},
		{"a body that is not a form is malformed", func(r *request) { r.body = "grant_type=%zz" }, 400, "invalid_request"},
		{"another method is not allowed", func(r *request) { r.method = "GET" }, 405, "Method Not Allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, newSim(t, aurasim.Options{}))
			r := good
			tt.change(&r)
			req, err := http.NewRequestWithContext(t.Context(), r.method, c.base+"/oauth/token", strings.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			if r.id != "" {
				req.SetBasicAuth(r.id, r.secret)
			}
			req.Header.Set("Content-Type", r.contentType)
			got := c.send(req)
			if code, _ := got.json()["error"].(string); got.status != tt.status || code != tt.error {
				t.Fatalf("got %d %s, want %d %q", got.status, got.body, tt.status, tt.error)
			}
			if tt.error == "" && (got.json()["expires_in"] != 3600.0 || got.json()["token_type"] != "bearer" ||
				strings.Count(got.json()["access_token"].(string), ".") != 2) {
				t.Fatalf("unlike Aura: %s", got.body)
			}
		})
	}
}

func TestBearerToken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		quirks aurasim.Quirks
		before func(*aurasim.Server, *client)
		status int
		text   string
	}{
		{"a missing one is 401", aurasim.Quirks{}, func(_ *aurasim.Server, c *client) { c.token = "" }, 401, "Key not authorized"},
		{"a garbled one is 401", aurasim.Quirks{}, func(_ *aurasim.Server, c *client) { c.token += "x" }, 401, "Key not authorized"},
		{"an expired one is 401", aurasim.Quirks{}, func(*aurasim.Server, *client) { advance(time.Hour) }, 401, "token has expired"},
		{"an expired one may be 403", aurasim.Quirks{Expired403: true}, func(*aurasim.Server, *client) { advance(time.Hour) }, 403, "token has expired"},
		{"a revoked one is like an expired one", aurasim.Quirks{}, func(s *aurasim.Server, _ *client) { s.RevokeTokens() }, 401, "token has expired"},
		{"that of another simulator is 401", aurasim.Quirks{}, func(_ *aurasim.Server, c *client) {
			c.token = newClient(c.t, newSim(c.t, aurasim.Options{})).token
		}, 401, "Key not authorized"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sim := newSim(t, aurasim.Options{Quirks: tt.quirks})
				c := newClient(t, sim)
				c.must(200, "GET", "/tenants")
				tt.before(sim, c)
				c.do("GET", "/tenants").wantGateway(tt.status, tt.text)
			})
		})
	}
	t.Run("no header at all is 401, and another scheme too", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, newSim(t, aurasim.Options{}))
		req := c.request("GET", "/tenants")
		req.Header.Set("Authorization", "Token "+c.token)
		c.send(req).wantGateway(401, "Key not authorized")
		req.Header.Del("Authorization")
		c.send(req).wantGateway(401, "Authorization field missing")
	})
	t.Run("it lives for an hour and not less", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, newSim(t, aurasim.Options{Speed: 100}))
			advance(time.Hour - time.Nanosecond)
			c.must(200, "GET", "/tenants")
		})
	})
}

func TestTheTokenTypeMayBeCapitalised(t *testing.T) {
	t.Parallel()
	c := newClient(t, newSim(t, aurasim.Options{Quirks: aurasim.Quirks{CapitalBearer: true}}))
	if got := c.login(aurasim.DemoClientID, aurasim.DemoClientSecret).json()["token_type"]; got != "Bearer" {
		t.Error(got)
	}
}

func TestCredentialsMayBeFormEncodedInsideBasic(t *testing.T) {
	t.Parallel()
	state := fleet()
	state.Credentials = []aurasim.Credential{{ClientID: "id/1", ClientSecret: "a+b c%"}}
	c := newClient(t, newSim(t, aurasim.Options{State: state}))
	for _, pair := range [][2]string{{"id/1", "a+b c%"}, {"id%2F1", "a%2Bb+c%25"}} {
		if got := c.login(pair[0], pair[1]); got.status != 200 {
			t.Errorf("%q: %d %s", pair, got.status, got.body)
		}
	}
	if got := c.login(aurasim.DemoClientID, aurasim.DemoClientSecret); got.status != 401 {
		t.Errorf("the demo credentials still work: %d", got.status)
	}
}

func TestTokenLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, newSim(t, aurasim.Options{TokenLimit: 2})) // the first
		c.requestToken(aurasim.DemoClientID, "wrong", "grant_type=client_credentials")
		advance(10 * time.Minute)
		c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
		got := c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
		got.wantGateway(429, "rate limit")
		if after := got.header.Get("Retry-After"); after != "3000" {
			t.Fatalf("Retry-After %q, want 3000", after)
		}
		advance(50 * time.Minute)
		if got := c.login(aurasim.DemoClientID, aurasim.DemoClientSecret); got.status != 200 {
			t.Fatalf("after Retry-After: %d", got.status)
		}
	})
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state := fleet()
		state.Credentials = []aurasim.Credential{
			{ClientID: aurasim.DemoClientID, ClientSecret: aurasim.DemoClientSecret}, {ClientID: "other", ClientSecret: "s"},
		}
		sim := newSim(t, aurasim.Options{State: state})
		c := newClient(t, sim)
		for range 100 {
			c.must(200, "GET", "/tenants")
		}
		advance(30 * time.Second)
		for range 25 {
			c.must(200, "GET", "/tenants")
		}
		got := c.do("GET", "/tenants")
		got.wantGateway(429, "rate limit")
		if after := got.header.Get("Retry-After"); after != "30" {
			t.Fatalf("Retry-After %q, want 30", after)
		}
		other := newClient(t, sim)
		other.login("other", "s")
		other.must(200, "GET", "/tenants")

		advance(30 * time.Second)
		for range 100 {
			c.must(200, "GET", "/tenants")
		}
		c.do("GET", "/tenants").wantGateway(429, "rate limit")
	})
}

func TestRestrictedCredentials(t *testing.T) {
	t.Parallel()
	state := fleet()
	state.Credentials = []aurasim.Credential{{ClientID: "beta", ClientSecret: "s", Tenants: []string{tenantB}}}
	c := newClient(t, newSim(t, aurasim.Options{State: state}))
	c.login("beta", "s")

	if got := c.must(200, "GET", "/tenants").list(); len(got) != 1 || got[0]["id"] != tenantB {
		t.Errorf("tenants: %v", got)
	}
	if got := c.must(200, "GET", "/instances").list(); len(got) != 2 {
		t.Errorf("instances: %v", got)
	}
	refused := []struct{ method, path, body string }{
		{"GET", "/tenants/" + tenantA, ""},
		{"GET", "/tenants/" + tenantA + "/metrics-integration", ""},
		{"GET", "/instances?tenantId=" + tenantA, ""},
		{"GET", "/instances/" + orders, ""},
		{"DELETE", "/instances/" + orders, ""},
		{"POST", "/instances/" + orders + "/pause", "{}"},
		{"GET", "/instances/" + orders + "/snapshots", ""},
		{"POST", "/instances", creation(nil)},
		{"POST", "/instances/" + science + "/overwrite", `{"source_instance_id":"` + orders + `"}`},
	}
	for _, r := range refused {
		t.Run(r.method+" "+r.path, func(t *testing.T) {
			c.do(r.method, r.path, r.body).wantRefusal(403, "unauthorized")
		})
	}
}

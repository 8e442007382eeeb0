package auraclient_test

import (
	"strings"
	"testing"

	"aura-mcp/auraclient"
)

func TestRedirects(t *testing.T) {
	t.Parallel()
	const base = "https://api.example"
	for _, test := range []struct{ name, base, location, want string }{
		{"on the same host", base, "https://api.example/v1/projects", ""},
		{"by path", base, "/v1/projects", ""},
		{"relative", base, "projects", ""},
		{"from http to https on the same host", "http://127.0.0.1", "https://127.0.0.1/v1/projects", ""},
		{"not to another host", base, "https://evil.example/v1", "evil.example"},
		{"not to a subdomain", base, "https://sub.api.example/v1", "sub.api.example"},
		{"not to a parent domain", base, "https://example/v1", "example"},
		{"not to another port", base, "https://api.example:8443/v1", "api.example:8443"},
		{"not to another port by an upgrade", "http://127.0.0.1:8080", "https://127.0.0.1:8443/v1", "127.0.0.1:8443"},
		{"not to http", base, "http://api.example/v1", "api.example"},
		{"not with a user", base, "https://me@api.example/v1", "api.example"},
		{"not by a trick with a user", base, "https://api.example@evil.example/v1", "evil.example"},
		{"not without a scheme to another host", base, "//evil.example/v1", "evil.example"},
		{"not by another scheme", base, "ftp://api.example/v1", "api.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, code := range []int{301, 302, 303, 307, 308} {
				f := script(t, status(code).with("Location", test.location), ok(`{"data":[]}`))
				_, err := newClient(t, f, auraclient.WithBaseURL(test.base)).Tenants.List(t.Context())
				if test.want == "" {
					noError(t, err)
					wantLines(t, f, "GET /v1/tenants", "GET /v1/projects")
					continue
				}
				e := wantError[*auraclient.Error](t, err)
				if e.Status != code || !strings.Contains(e.Message, " "+test.want+",") || len(f.lines()) != 1 {
					t.Errorf("%d: %d requests, error %v", code, len(f.lines()), err)
				}
			}
		})
	}
}

func TestRedirectsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		answer   reply
		requests int
		want     string
	}{
		{"a circle", status(307).with("Location", "/v1/tenants"), 4, "redirected more than 3 times on api.neo4j.io"},
		{"no address", status(307), 1, "redirected without a usable address"},
		{"a broken address", status(307).with("Location", "https://%zz"), 1, "redirected without a usable address"},
		{"a status that is no redirect", status(304), 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := always(t, test.answer)
			_, err := newClient(t, f).Tenants.List(t.Context())
			if e := wantError[*auraclient.Error](t, err); e.Message != test.want || len(f.lines()) != test.requests {
				t.Errorf("%d requests, error %v", len(f.lines()), err)
			}
		})
	}
}

func TestChangesFollowNoRedirect(t *testing.T) {
	t.Parallel()
	for _, change := range changes() {
		t.Run(change.name, func(t *testing.T) {
			t.Parallel()
			for code, unknown := range map[int]bool{301: true, 302: true, 303: true, 307: false, 308: false} {
				f := script(t, status(code).with("Location", "https://api.neo4j.io/v1/x"))
				err := change.call(t.Context(), newClient(t, f))
				e := wantError[*auraclient.Error](t, err)
				if e.Message != "redirected to api.neo4j.io, but only reads follow redirects: check the base url" || auraclient.OutcomeUnknown(err) != unknown {
					t.Errorf("%d: got %v, unknown %v", code, err, auraclient.OutcomeUnknown(err))
				}
			}
		})
	}
}

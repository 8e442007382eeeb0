package auraclient_test

import (
	"strings"
	"testing"

	"aura-mcp/auraclient"
)

func TestBaseURLDecidesWhereRequestsGo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, base, host, path, token string }{
		{"as it is", "https://api.example", "api.example", "/v1/tenants", "/oauth/token"},
		{"with a slash", "https://api.example/", "api.example", "/v1/tenants", "/oauth/token"},
		{"with the version", "https://api.example/v1", "api.example", "/v1/tenants", "/oauth/token"},
		{"with the version and a slash", "https://api.example/v1/", "api.example", "/v1/tenants", "/oauth/token"},
		{"below a path, where the token endpoint stays at the root", "https://proxy.example/aura/v1", "proxy.example", "/aura/v1/tenants", "/oauth/token"},
		{"http on localhost", "http://localhost:8080", "localhost:8080", "/v1/tenants", "/oauth/token"},
		{"http on 127.0.0.0/8", "http://127.9.9.9:1", "127.9.9.9:1", "/v1/tenants", "/oauth/token"},
		{"http on ::1", "http://[::1]:8080/v1", "[::1]:8080", "/v1/tenants", "/oauth/token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := script(t, ok(`{"data":[]}`))
			_, err := newClient(t, f, auraclient.WithBaseURL(test.base)).Tenants.List(t.Context())
			noError(t, err)
			if call := f.last(); call.host != test.host || call.path != test.path {
				t.Errorf("asked %s%s, want %s%s", call.host, call.path, test.host, test.path)
			}
			if token := f.tokens[0]; token.host != test.host || token.path != test.token {
				t.Errorf("token from %s%s, want %s%s", token.host, token.path, test.host, test.token)
			}
		})
	}
}

func TestAuthURLReplacesTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	f := script(t, ok(`{"data":[]}`))
	_, err := newClient(t, f, auraclient.WithAuthURL("https://login.example/x/oauth/token")).Tenants.List(t.Context())
	noError(t, err)
	if got := f.tokens[0].host + f.tokens[0].path; got != "login.example/x/oauth/token" {
		t.Errorf("token from %s", got)
	}
}

func TestNewRefusesWhatCannotBeRight(t *testing.T) {
	t.Parallel()
	option := func(o auraclient.Option) func() error {
		return func() error {
			_, err := auraclient.New("id", "secret", o)
			return err
		}
	}
	credentials := func(id string, secret auraclient.Secret) func() error {
		return func() error {
			_, err := auraclient.New(id, secret)
			return err
		}
	}
	for _, test := range []struct {
		name string
		make func() error
		want string
	}{
		{"no client id", credentials("", "x"), "client id is empty"},
		{"no client secret", credentials("x", ""), "client secret is empty"},
		{"a pasted line break", credentials("x", "y\n"), "client secret begins or ends with white space"},
		{"http to a name", option(auraclient.WithBaseURL("http://api.neo4j.io")), "base url must be https (http only on loopback): it is sent credentials"},
		{"http to a name like localhost", option(auraclient.WithBaseURL("http://localhost.example")), "base url must be https (http only on loopback): it is sent credentials"},
		{"http to an address in the network", option(auraclient.WithBaseURL("http://10.0.0.1")), "base url must be https (http only on loopback): it is sent credentials"},
		{"another scheme", option(auraclient.WithBaseURL("ftp://localhost")), "base url must be https (http only on loopback): it is sent credentials"},
		{"no scheme", option(auraclient.WithBaseURL("api.neo4j.io")), "base url must be a URL with a host, such as https://api.neo4j.io"},
		{"a user", option(auraclient.WithBaseURL("https://me:pw@api.neo4j.io")), "base url must not contain a user or password"},
		{"a query", option(auraclient.WithBaseURL("https://api.neo4j.io?x=1")), "base url must not have a query or fragment"},
		{"a fragment", option(auraclient.WithBaseURL("https://api.neo4j.io#x")), "base url must not have a query or fragment"},
		{"an unparsable URL", option(auraclient.WithBaseURL("https://me:pw@[")), "base url cannot be parsed as a URL"},
		{"another API version", option(auraclient.WithBaseURL("https://api.neo4j.io/v2beta1")), "base url names another version of the API than v1"},
		{"http for tokens", option(auraclient.WithAuthURL("http://api.neo4j.io/oauth/token")), "auth url must be https (http only on loopback): it is sent credentials"},
		{"no transport", option(auraclient.WithTransport(nil)), "transport is nil"},
		{"no logger", option(auraclient.WithLogger(nil)), "logger is nil"},
		{"a header in the user agent", option(auraclient.WithUserAgent("a\r\nX: y")), "user agent must be printable ASCII"},
		{"no rate", option(auraclient.WithRateLimit(0)), "rate limit must be positive, not 0"},
		{"no time", option(auraclient.WithTimeout(0)), "timeout must be positive, not 0s"},
		{"no attempt", option(auraclient.WithMaxAttempts(0)), "max attempts must be positive, not 0"},
		{"no body", option(auraclient.WithMaxBody(-1)), "max body must be positive, not -1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := wantError[*auraclient.ArgumentError](t, test.make())
			if err.Error() != test.want {
				t.Errorf("got %q, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "pw") {
				t.Error("the error repeats a password")
			}
		})
	}
}

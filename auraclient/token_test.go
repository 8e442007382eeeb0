package auraclient_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/auraclient"
)

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	f := script(t, ok(`{"data":[]}`))
	_, err := newClient(t, f, auraclient.WithUserAgent("tester/1")).Tenants.List(t.Context())
	noError(t, err)
	got := f.tokens[0]
	if got.line() != "POST /oauth/token grant_type=client_credentials" || got.host != "api.neo4j.io" {
		t.Errorf("asked %s for %q", got.host, got.line())
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret))
	for key, want := range map[string]string{
		"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded", "User-Agent": "tester/1",
	} {
		if got.header.Get(key) != want {
			t.Errorf("header %s is %q, want %q", key, got.header.Get(key), want)
		}
	}
}

func TestTokenIsShared(t *testing.T) {
	inBubble(t, "fifty callers make one token request", func(t *testing.T) {
		f := always(t, ok(`{"data":[]}`))
		f.token = func(int, sent) reply {
			return reply{status: 200, body: `{"access_token":"x","expires_in":3600}`, after: time.Second}
		}
		client := newClient(t, f)
		flood(t, 50, func() error { _, err := client.Bulk().Tenants.List(t.Context()); return err })
		if n := f.tokenRequests(); n != 1 {
			t.Errorf("%d token requests", n)
		}
	})
	inBubble(t, "a caller who leaves does not fail the others", func(t *testing.T) {
		f := always(t, ok(`{"data":[]}`))
		f.token = func(int, sent) reply {
			return reply{status: 200, body: `{"access_token":"x","expires_in":3600}`, after: 10 * time.Second}
		}
		client := newClient(t, f)
		var group sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		group.Go(func() {
			if _, err := client.Instances.Delete(ctx, "a"); !errors.Is(err, context.Canceled) || auraclient.OutcomeUnknown(err) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait() // the one who leaves began the fetch
		group.Go(func() {
			if _, err := client.Tenants.List(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		group.Wait()
		wantLines(t, f, "GET /v1/tenants")
		if n := f.tokenRequests(); n != 1 {
			t.Errorf("%d token requests", n)
		}
	})
}

func TestTokenIsRenewedInTime(t *testing.T) {
	for _, test := range []struct {
		name, answer  string
		good, expired time.Duration
	}{
		{"a minute early", `{"access_token":"x","expires_in":3600,"token_type":"Bearer"}`, 59*time.Minute - time.Second, 59 * time.Minute},
		{"after half of a short life", `{"access_token":"x","expires_in":40}`, 19 * time.Second, 20 * time.Second},
		{"after an hour when nothing is said", `{"access_token":"x"}`, 59*time.Minute - time.Second, 59 * time.Minute},
		{"with a lifetime in quotes", `{"access_token":"x","expires_in":"40"}`, 19 * time.Second, 20 * time.Second},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := always(t, ok(`{"data":[]}`))
			f.token = func(int, sent) reply { return ok(test.answer).with("Content-Type", "text/plain; charset=utf-8") }
			client := newClient(t, f)
			for i, d := range []time.Duration{0, test.good, test.expired - test.good} {
				pass(d)
				_, err := client.Tenants.List(t.Context())
				noError(t, err)
				if n, want := f.tokenRequests(), 1+i/2; n != want {
					t.Errorf("%d token requests after call %d, want %d", n, i+1, want)
				}
			}
		})
	}
}

func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	expired := reply{status: 401, body: `{"error":"Key not authorized: token has expired"}`}
	inBubble(t, "a 401 in the middle of a session", func(t *testing.T) {
		f := script(t, ok(`{"data":[]}`), expired, accepted(instanceJSON("pausing")))
		client := newClient(t, f)
		_, err := client.Tenants.List(t.Context())
		noError(t, err)
		_, err = client.Instances.Pause(t.Context(), "2f49c2b3")
		noError(t, err)
		if got := f.last().header.Get("Authorization"); got != "Bearer token-2" || f.tokenRequests() != 2 {
			t.Errorf("%d token requests, the last request had %q", f.tokenRequests(), got)
		}
	})
	inBubble(t, "and no more than once", func(t *testing.T) {
		f := script(t, expired, expired)
		_, err := newClient(t, f).Tenants.List(t.Context())
		if !auraclient.IsUnauthorized(err) || f.tokenRequests() != 2 {
			t.Errorf("%d token requests, error %v", f.tokenRequests(), err)
		}
	})
	inBubble(t, "fifty 401 at a time need one new token", func(t *testing.T) {
		f := &fakeAura{t: t, answer: func(_ int, s sent) reply {
			if s.header.Get("Authorization") == "Bearer token-1" {
				return reply{status: 401, after: time.Second}
			}
			return ok(`{"data":[]}`)
		}}
		client := newClient(t, f)
		flood(t, 50, func() error { _, err := client.Tenants.List(t.Context()); return err })
		if n := f.tokenRequests(); n != 2 {
			t.Errorf("%d token requests", n)
		}
	})
	inBubble(t, "a new token that cannot be had is the error, of a change that was refused", func(t *testing.T) {
		f := script(t, expired)
		f.token = func(n int, _ sent) reply {
			if n > 0 {
				return reply{status: 401, body: `{"error":"access_denied","error_description":"Unauthorized"}`}
			}
			return ok(`{"access_token":"x","expires_in":3600}`)
		}
		_, err := newClient(t, f).Instances.Pause(t.Context(), "a")
		e, _ := auraclient.AsError(err)
		if e == nil || e.Path != "/oauth/token" || e.Reason != "access_denied" || auraclient.OutcomeUnknown(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestForbiddenMayBeAnExpiredToken(t *testing.T) {
	gateway := reply{status: 403, body: `{"error":"Key not authorized: token has expired"}`}
	for _, test := range []struct {
		name    string
		refusal reply
		renewed bool
	}{
		{"in the gateway's words", gateway, true},
		{"without a body", status(403), true},
		{"not with a reason of the API", refused(403, "unauthorized", "Insufficient permissions"), false},
		{"not with another body", reply{status: 403, body: "<html>blocked</html>"}, false},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := &fakeAura{t: t, answer: func(n int, _ sent) reply {
				if n == 1 {
					return test.refusal
				}
				return ok(`{"data":[]}`)
			}}
			client := newClient(t, f)
			_, err := client.Tenants.List(t.Context())
			noError(t, err)
			_, err = client.Tenants.List(t.Context())
			if renewed := f.tokenRequests() == 2; renewed != test.renewed || renewed != (err == nil) {
				t.Errorf("%d token requests, error %v", f.tokenRequests(), err)
			}
			if err != nil && !auraclient.IsForbidden(err) {
				t.Errorf("got %v", err)
			}
		})
	}
	inBubble(t, "but not when the token is new", func(t *testing.T) {
		f := script(t, gateway)
		if _, err := newClient(t, f).Tenants.List(t.Context()); !auraclient.IsForbidden(err) || f.tokenRequests() != 1 {
			t.Errorf("%d token requests, error %v", f.tokenRequests(), err)
		}
	})
	inBubble(t, "and a missing permission does not use up the tokens of the hour", func(t *testing.T) {
		f := always(t, gateway)
		client := newClient(t, f)
		for range 50 {
			_, err := client.Tenants.List(t.Context())
			if !auraclient.IsForbidden(err) {
				t.Errorf("got %v", err)
			}
			pass(time.Minute)
		}
		if n := f.tokenRequests(); n > 6 {
			t.Errorf("%d token requests within 50 minutes", n)
		}
	})
}

func TestTokenErrors(t *testing.T) {
	for _, test := range []struct {
		name     string
		answer   reply
		requests int
		want     string
	}{
		{"OAuth", reply{status: 401, body: `{"error":"access_denied","error_description":"Unauthorized"}`}, 1,
			"get an access token: POST /oauth/token: 401 access_denied: Unauthorized (request r/1)"},
		{"OAuth without a description", reply{status: 400, body: `{"error":"invalid_request"}`}, 1,
			"get an access token: POST /oauth/token: 400 invalid_request (request r/1)"},
		{"a page", reply{status: 403, body: "<html>go away</html>"}, 1,
			"get an access token: POST /oauth/token: 403 forbidden: go away (request r/1)"},
		{"a redirect", status(308).with("Location", "https://login.example/"), 1,
			"get an access token: POST /oauth/token: 308 permanent redirect: redirected to login.example, which the client secret is not sent to: check the auth url (request r/1)"},
		{"a server error, which is tried three times", status(503), 3,
			"get an access token: POST /oauth/token: 503 service unavailable (request r/1)"},
		{"a connection error, which is tried three times", reply{err: errors.New("connection reset")}, 3,
			"get an access token: POST /oauth/token: connection reset"},
		{"no token", ok(`{}`), 3, "get an access token: POST /oauth/token: oauth2: server response missing access_token"},
		{"an echo of the credentials", reply{status: 400, body: `{"error":"bad","error_description":"got ` + clientSecret + ` and Basic ` +
			base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret)) + `"}`}, 1,
			"get an access token: POST /oauth/token: 400 bad: got [redacted] and Basic [redacted] (request r/1)"},
		{"an echo in a page", reply{status: 400, body: "<p>" + clientSecret}, 1,
			"get an access token: POST /oauth/token: 400 bad request: [redacted] (request r/1)"},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := script(t)
			f.token = func(int, sent) reply { return test.answer.with("X-Request-Id", "r/1") }
			_, err := newClient(t, f).Instances.Pause(t.Context(), "a")
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
			if n := f.tokenRequests(); n != test.requests {
				t.Errorf("%d token requests, want %d", n, test.requests)
			}
			if auraclient.OutcomeUnknown(err) {
				t.Error("the outcome of a request that was not sent is known")
			}
		})
	}
}

func TestTokenQuotaIsHeeded(t *testing.T) {
	inBubble(t, "no token is asked for before its time", func(t *testing.T) {
		f := always(t, ok(`{"data":[]}`))
		f.token = func(n int, _ sent) reply {
			if n == 0 {
				return status(429).with("Retry-After", "30")
			}
			return ok(`{"access_token":"x","expires_in":3600}`)
		}
		client := newClient(t, f)
		for range 5 {
			_, err := client.Tenants.List(t.Context())
			if e, _ := auraclient.AsError(err); !auraclient.IsRateLimited(err) || e.RetryAfter != 30*time.Second {
				t.Errorf("got %v", err)
			}
		}
		if n := f.tokenRequests(); n != 1 {
			t.Errorf("%d token requests", n)
		}
		pass(30 * time.Second)
		_, err := client.Tenants.List(t.Context())
		noError(t, err)
	})
	inBubble(t, "a token that ran out while a call waited for its turn is replaced", func(t *testing.T) {
		f := &fakeAura{t: t, answer: func(_ int, s sent) reply {
			var n, at int
			fmt.Sscanf(s.header.Get("Authorization"), "Bearer token-%d-%d", &n, &at)
			if age := s.at.Unix() - int64(at); age >= 100 {
				return status(401)
			}
			return ok(`{"data":[]}`)
		}}
		f.token = func(n int, s sent) reply {
			return ok(fmt.Sprintf(`{"access_token":"token-%d-%d","expires_in":100}`, n, s.at.Unix()))
		}
		client := newClient(t, f, auraclient.WithRateLimit(2))
		flood(t, 6, func() error { _, err := client.Tenants.List(t.Context()); return err })
	})
}

func TestAPIErrorsDoNotRepeatTheToken(t *testing.T) {
	t.Parallel()
	f := script(t, reply{status: 400, body: "<pre>Authorization: Bearer token-of-the-hour</pre>"})
	f.token = func(int, sent) reply { return ok(`{"access_token":"token-of-the-hour"}`) }
	_, err := newClient(t, f).Tenants.List(t.Context())
	if e := wantError[*auraclient.Error](t, err); e.Body != "Authorization: Bearer [redacted]" || strings.Contains(err.Error(), "of-the-hour") {
		t.Errorf("got %q", err)
	}
}

package auraclient_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/auraclient"
)

const (
	metricsHost = "customer-metrics-api.neo4j.io"
	metricsURL  = "https://" + metricsHost + "/api/v1/p1/2f49c2b3/metrics"
	tenantURL   = "https://" + metricsHost + "/api/v1/p1/metrics"
	oneSample   = `neo4j_aura_cpu_usage{aggregation="MAX",instance_id="2f49c2b3"} 0.5 1711462853000` + "\n"
)

func TestMetricsRequest(t *testing.T) {
	t.Parallel()
	f := always(t, ok(oneSample))
	client := newClient(t, f)
	s, err := client.Metrics.Instance(t.Context(), metricsURL)
	noError(t, err)
	wantLines(t, f, "GET /api/v1/p1/2f49c2b3/metrics")
	got := f.last()
	if got.host != metricsHost || got.header.Get("Authorization") != "Bearer token-1" || got.header.Get("Accept") != "text/plain;version=0.0.4" {
		t.Errorf("host %q, header %v", got.host, got.header)
	}
	if _, found := s.Family("neo4j_aura_cpu_usage"); !found || s.ReadAt.IsZero() {
		t.Errorf("got %+v", s)
	}
	if f.tokens[0].host != "api.neo4j.io" || f.tokens[0].header.Get("Accept") != "application/json" {
		t.Errorf("the token was asked for at %s as %v", f.tokens[0].host, f.tokens[0].header)
	}
}

func TestTokenGoesOnlyToTheMetricsHost(t *testing.T) {
	t.Parallel()
	const local = "http://127.0.0.1:8080"
	for _, test := range []struct{ name, base, url, want string }{
		{"an instance", "", metricsURL, ""},
		{"a tenant", "", tenantURL, ""},
		{"nothing", "", "", "is empty"},
		{"no address", "", "metrics", "it is not"},
		{"an opaque address", "", "https:customer-metrics-api.neo4j.io", "cannot be parsed"},
		{"a broken address", "", "https://" + metricsHost + "/%zz", "cannot be parsed"},
		{"another host", "", "https://evil.example/api/v1/p1/metrics", "evil.example is not " + metricsHost},
		{"a subdomain", "", "https://x." + metricsHost + "/m", "is not"},
		{"a parent domain", "", "https://neo4j.io/m", "is not"},
		{"a longer domain", "", "https://" + metricsHost + ".evil.example/m", "is not"},
		{"a dot at the end", "", "https://" + metricsHost + "./m", "is not"},
		{"capitals", "", "https://Customer-Metrics-API.neo4j.io/m", "is not"},
		{"a port", "", "https://" + metricsHost + ":443/m", "is not"},
		{"http", "", "http://" + metricsHost + "/m", "https only"},
		{"another scheme", "", "ftp://" + metricsHost + "/m", "https only"},
		{"no scheme", "", "//" + metricsHost + "/m", "https only"},
		{"a user", "", "https://me:secret@" + metricsHost + "/m", "with a user"},
		{"a host as user", "", "https://" + metricsHost + "@evil.example/m", "with a user"},
		{"a backslash", "", `https://evil.example\@` + metricsHost + `/m`, "cannot be parsed"},
		{"a query", "", metricsURL + "?to=evil.example", "with a query"},
		{"a fragment", "", metricsURL + "#x", "with a query"},
		{"the API's host", "", "https://api.neo4j.io/m", "is not"},
		{"loopback for Aura's API", "", local + "/m", "is not"},
		{"loopback over https for Aura's API", "", "https://localhost/m", "is not"},
		{"loopback for an API on loopback", local, "http://127.0.0.1:9090/m", ""},
		{"loopback over https for an API on loopback", local, "https://localhost/m", ""},
		{"IPv6 loopback for an API on loopback", local, "http://[::1]:9090/m", ""},
		{"Aura's for an API on loopback", local, metricsURL, ""},
		{"another host for an API on loopback", local, "http://evil.example/m", "is not"},
		{"a name that begins like loopback", local, "http://127.0.0.1.evil.example/m", "is not"},
		{"a number that is no loopback", local, "http://128.0.0.1/m", "is not"},
		{"a user on loopback", local, "http://me@127.0.0.1/m", "with a user"},
		{"another scheme on loopback", local, "gopher://127.0.0.1/m", "is not"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := always(t, ok(oneSample))
			var opts []auraclient.Option
			if test.base != "" {
				opts = append(opts, auraclient.WithBaseURL(test.base))
			}
			_, err := newClient(t, f, opts...).Metrics.Instance(t.Context(), test.url)
			if test.want == "" {
				noError(t, err)
				return
			}
			wantError[*auraclient.MetricsAddressError](t, err)
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
			if len(f.lines()) != 0 || f.tokenRequests() != 0 {
				t.Errorf("sent %q and asked for %d tokens", f.lines(), f.tokenRequests())
			}
		})
	}
}

func TestMetricsFollowNoRedirect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, location, want string }{
		{"to another host", "https://evil.example/m", "host evil.example is where the metrics host redirected to"},
		{"to http", "http://" + metricsHost + "/m", "host " + metricsHost + " is where"},
		{"to a subdomain", "https://x." + metricsHost + "/m", "host x." + metricsHost},
		{"to a path", "/elsewhere", "host " + metricsHost},
		{"to nowhere", "", "answered with a redirect"},
		{"to a broken address", "https://%zz", "answered with a redirect"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, code := range []int{301, 302, 303, 307, 308} {
				f := script(t, status(code).with("Location", test.location))
				_, err := newClient(t, f).Metrics.Tenant(t.Context(), tenantURL)
				wantError[*auraclient.MetricsAddressError](t, err)
				if !strings.Contains(err.Error(), test.want) || auraclient.IsMetricsRoleMissing(err) {
					t.Errorf("%d: got %v", code, err)
				}
				if calls := f.lines(); len(calls) != 1 || f.last().host != metricsHost {
					t.Errorf("%d: sent %q", code, calls)
				}
			}
		})
	}
}

func TestMetricsCredentials(t *testing.T) {
	t.Parallel()
	f := &fakeAura{t: t, answer: func(_ int, s sent) reply {
		if s.host == metricsHost {
			return ok(oneSample)
		}
		return ok(`{"data":[]}`)
	}}
	f.token = func(_ int, s sent) reply {
		id, _, _ := (&http.Request{Header: s.header}).BasicAuth()
		return ok(fmt.Sprintf(`{"access_token":"token-of-%s","expires_in":3600}`, id))
	}
	client := newClient(t, f, auraclient.WithMetricsCredentials("reader", "s3cr3t-of-the-reader"))
	_, err := client.Metrics.Instance(t.Context(), metricsURL)
	noError(t, err)
	_, err = client.Bulk().Metrics.Tenant(t.Context(), tenantURL)
	noError(t, err)
	_, err = client.Tenants.List(t.Context())
	noError(t, err)
	for _, c := range f.calls {
		want := "Bearer token-of-test-client"
		if c.host == metricsHost {
			want = "Bearer token-of-reader"
		}
		if got := c.header.Get("Authorization"); got != want {
			t.Errorf("%s: %s", c.line(), got)
		}
	}
	if n := f.tokenRequests(); n != 2 {
		t.Errorf("%d token requests", n)
	}
}

func TestMetricsCredentialsAreChecked(t *testing.T) {
	t.Parallel()
	for _, opt := range []auraclient.Option{
		auraclient.WithMetricsCredentials("", "secret"),
		auraclient.WithMetricsCredentials("id", ""),
		auraclient.WithMetricsCredentials("id", "secret\n"),
		auraclient.WithMaxMetricsBody(0),
	} {
		_, err := auraclient.New(clientID, clientSecret, opt)
		wantError[*auraclient.ArgumentError](t, err)
	}
}

func TestWrongMetricsCredentialsAreNotAMissingRole(t *testing.T) {
	t.Parallel()
	f := always(t, ok(oneSample))
	f.token = func(int, sent) reply { return status(401) }
	_, err := newClient(t, f, auraclient.WithMetricsCredentials("reader", "s3cr3t-of-the-reader")).Metrics.Instance(t.Context(), metricsURL)
	if !auraclient.IsUnauthorized(err) || auraclient.IsMetricsRoleMissing(err) || !strings.Contains(err.Error(), "with the credentials for metrics") {
		t.Errorf("got %v", err)
	}
}

func TestMetricsRoleMissing(t *testing.T) {
	const body = "User doesn't have access to Metrics resources."
	for _, code := range []int{401, 403} {
		inBubble(t, fmt.Sprint(code), func(t *testing.T) {
			f := always(t, reply{status: code, body: body})
			client := newClient(t, f)
			for range 3 {
				_, err := client.Metrics.Instance(t.Context(), metricsURL)
				if e, _ := auraclient.AsError(err); !auraclient.IsMetricsRoleMissing(err) || e.Status != code || e.Body != body {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	inBubble(t, "others are none", func(t *testing.T) {
		for _, code := range []int{400, 404, 500} {
			_, err := newClient(t, always(t, status(code))).Metrics.Instance(t.Context(), metricsURL)
			if err == nil || auraclient.IsMetricsRoleMissing(err) {
				t.Errorf("%d: %v", code, err)
			}
		}
		_, err := newClient(t, always(t, status(403))).Tenants.List(t.Context())
		if auraclient.IsMetricsRoleMissing(err) || auraclient.IsMetricsRoleMissing(nil) {
			t.Error("the API's 403 is none")
		}
	})
	inBubble(t, "costs a fleet no tokens", func(t *testing.T) {
		f := &fakeAura{t: t, answer: func(_ int, s sent) reply {
			if s.host == metricsHost {
				return status(401)
			}
			return ok(`{"data":[]}`)
		}}
		client := newClient(t, f)
		_, err := client.Tenants.List(t.Context())
		noError(t, err)
		for i := range 100 {
			_, err := client.Metrics.Instance(t.Context(), fmt.Sprintf("https://%s/api/v1/p1/%08x/metrics", metricsHost, i))
			if !auraclient.IsMetricsRoleMissing(err) {
				t.Errorf("got %v", err)
			}
		}
		if n := f.tokenRequests(); n > 2 {
			t.Errorf("%d token requests", n)
		}
	})
	inBubble(t, "an expired token is replaced", func(t *testing.T) {
		f := &fakeAura{t: t, answer: func(_ int, s sent) reply {
			switch {
			case s.host != metricsHost:
				return ok(`{"data":[]}`)
			case s.header.Get("Authorization") == "Bearer token-1":
				return status(401)
			}
			return ok(oneSample)
		}}
		client := newClient(t, f)
		_, err := client.Tenants.List(t.Context())
		noError(t, err)
		_, err = client.Metrics.Instance(t.Context(), metricsURL)
		noError(t, err)
		if n := f.tokenRequests(); n != 2 {
			t.Errorf("%d token requests", n)
		}
	})
}

func TestMetricsAreKeptForHalfAMinute(t *testing.T) {
	inBubble(t, "for each endpoint", func(t *testing.T) {
		f := always(t, ok(oneSample))
		client := newClient(t, f)
		first, err := client.Metrics.Instance(t.Context(), metricsURL)
		noError(t, err)
		pass(29 * time.Second)
		second, err := client.Background().Metrics.Instance(t.Context(), metricsURL)
		noError(t, err)
		if first != second || len(f.lines()) != 1 {
			t.Errorf("%d requests", len(f.lines()))
		}
		_, err = client.Metrics.Tenant(t.Context(), tenantURL)
		noError(t, err)
		pass(time.Second)
		third, err := client.Metrics.Instance(t.Context(), metricsURL)
		noError(t, err)
		if third == first || third.ReadAt.Sub(first.ReadAt) != 30*time.Second || len(f.lines()) != 3 {
			t.Errorf("%d requests, read at %v and %v", len(f.lines()), first.ReadAt, third.ReadAt)
		}
	})
	inBubble(t, "but not an error", func(t *testing.T) {
		f := script(t, status(404), ok(oneSample))
		client := newClient(t, f)
		if _, err := client.Metrics.Instance(t.Context(), metricsURL); err == nil {
			t.Error("no error")
		}
		_, err := client.Metrics.Instance(t.Context(), metricsURL)
		noError(t, err)
	})
}

func TestOneScrapeAtATime(t *testing.T) {
	inBubble(t, "is shared", func(t *testing.T) {
		f := always(t, reply{status: 200, body: oneSample, after: 20 * time.Second})
		client := newClient(t, f)
		flood(t, 50, func() error { _, err := client.Metrics.Instance(t.Context(), metricsURL); return err })
		if n := len(f.lines()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
	inBubble(t, "and not ended by the one who began it", func(t *testing.T) {
		f := always(t, reply{status: 200, body: oneSample, after: 10 * time.Second})
		client := newClient(t, f)
		impatient, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := client.Metrics.Instance(impatient, metricsURL); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		group.Go(func() {
			if _, err := client.Metrics.Instance(t.Context(), metricsURL); err != nil {
				t.Error(err)
			}
		})
		pass(5 * time.Second)
		cancel()
		group.Wait()
		if n := len(f.lines()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestMetricsTakeNothingFromTheBudget(t *testing.T) {
	inBubble(t, "of the API", func(t *testing.T) {
		f := &fakeAura{t: t, answer: func(_ int, s sent) reply {
			if s.host == metricsHost {
				return ok(oneSample)
			}
			return ok(`{"data":[]}`)
		}}
		client := newClient(t, f, auraclient.WithRateLimit(5))
		began := time.Now()
		for i := range 5 {
			_, err := client.Metrics.Tenant(t.Context(), fmt.Sprintf("https://%s/api/v1/p%d/metrics", metricsHost, i))
			noError(t, err)
			_, err = client.Tenants.List(t.Context())
			noError(t, err)
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("took %v", d)
		}
	})
	inBubble(t, "and pause it not", func(t *testing.T) {
		f := &fakeAura{t: t, answer: func(n int, s sent) reply {
			if s.host == metricsHost && n == 0 {
				return status(429).with("Retry-After", "20")
			}
			return ok("")
		}}
		client := newClient(t, f)
		var group sync.WaitGroup
		began := time.Now()
		group.Go(func() {
			_, err := client.Metrics.Tenant(t.Context(), tenantURL)
			if d := time.Since(began); err != nil || d != 20*time.Second {
				t.Errorf("after %v: %v", d, err)
			}
		})
		synctest.Wait()
		_, _ = client.Tenants.List(t.Context())
		if d := time.Since(began); d != 0 {
			t.Errorf("the API had to wait %v", d)
		}
		group.Wait()
	})
}

func TestMetricsTimeout(t *testing.T) {
	inBubble(t, "is never below half a minute", func(t *testing.T) {
		f := always(t, reply{status: 200, body: oneSample, after: 29 * time.Second})
		_, err := newClient(t, f, auraclient.WithTimeout(time.Second)).Metrics.Instance(t.Context(), metricsURL)
		noError(t, err)
	})
	inBubble(t, "is tried twice", func(t *testing.T) {
		f := always(t, reply{status: 200, body: oneSample, after: time.Hour})
		_, err := newClient(t, f).Metrics.Instance(t.Context(), metricsURL)
		wantError[*auraclient.TransportError](t, err)
		if n := len(f.lines()); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

func packed(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(s))
	noError(t, errors.Join(err, w.Close()))
	return b.String()
}

func TestMetricsBody(t *testing.T) {
	t.Parallel()
	line := strings.Repeat(`a{b="c"} 1 1711462853000`+"\n", 1000)
	for _, test := range []struct {
		name    string
		answer  reply
		samples int
		want    string // of the error
	}{
		{"plain", ok(oneSample), 1, ""},
		{"packed", ok(packed(t, oneSample)).with("Content-Encoding", "gzip"), 1, ""},
		{"empty", ok(""), 0, ""},
		{"empty and packed", ok("").with("Content-Encoding", "gzip"), 0, ""},
		{"no content", status(204), 0, ""},
		{"comments only", ok("# nothing to see\n\n# EOF"), 0, ""},
		{"not what it says", ok(oneSample).with("Content-Encoding", "gzip"), 0, "unpack the answer"},
		{"cut off", reply{status: 200, body: oneSample, cut: true}, 0, "unexpected EOF"},
		{"50 MB", ok(strings.Repeat(line, 2000)), 0, "larger than the limit of 8388608 bytes"},
		{"50 MB packed", ok(packed(t, strings.Repeat(line, 2000))).with("Content-Encoding", "gzip"), 0, "larger than the limit"},
		{"more samples than room", ok(strings.Repeat("a 1\n", 1<<20)), 0, "more samples than a fleet has"},
		{"a page", ok("<html><body>Sign in</body></html>"), 0, "not in the text format"},
		{"JSON", ok(`{"data":[]}`), 0, "not in the text format"},
		{"bytes", ok("\x00\xff\x1f\x8b"), 0, "not in the text format"},
		{"one endless line", ok(strings.Repeat("a", 1<<20)), 0, "not in the text format"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := newClient(t, always(t, test.answer), auraclient.WithMaxAttempts(1)).Metrics.Instance(t.Context(), metricsURL)
			if test.want != "" {
				wantError[*auraclient.TransportError](t, err)
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v", err)
				}
				return
			}
			noError(t, err)
			n := 0
			for _, f := range s.Families {
				n += len(f.Samples)
			}
			if n != test.samples {
				t.Errorf("%d samples", n)
			}
		})
	}
}

func TestMetricsBodyLimitCanBeSet(t *testing.T) {
	t.Parallel()
	_, err := newClient(t, always(t, ok(oneSample)), auraclient.WithMaxMetricsBody(10)).Metrics.Instance(t.Context(), metricsURL)
	if err == nil || !strings.Contains(err.Error(), "larger than the limit of 10 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestMetricsErrorsDoNotRepeatTheToken(t *testing.T) {
	t.Parallel()
	f := always(t, reply{status: 400, body: "<p>Bearer token-of-the-hour</p>"})
	f.token = func(int, sent) reply { return ok(`{"access_token":"token-of-the-hour"}`) }
	_, err := newClient(t, f).Metrics.Instance(t.Context(), metricsURL)
	if err == nil || strings.Contains(err.Error(), "of-the-hour") {
		t.Errorf("got %v", err)
	}
}

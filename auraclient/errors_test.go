package auraclient_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/auraclient"
)

// Every shape in which Aura's services, its gateway and its token endpoint are
// known to refuse a request.
func TestErrorShapes(t *testing.T) {
	t.Parallel()
	type detail = auraclient.ErrorDetail
	for _, test := range []struct {
		name, body string
		want       auraclient.Error
	}{
		{"a list of errors", `{"errors":[{"message":"DB not found: 2f49c2b3","reason":"db-not-found"}]}`,
			auraclient.Error{Message: "DB not found: 2f49c2b3", Reason: "db-not-found", Details: []detail{{Message: "DB not found: 2f49c2b3", Reason: "db-not-found"}}}},
		{"a list with a field and an empty reason", `{"errors":[{"message":"too big","reason":"","field":"memory"},{"message":"too long","reason":"x","field":"name"}]}`,
			auraclient.Error{Message: "too big", Field: "memory", Details: []detail{{Message: "too big", Field: "memory"}, {Message: "too long", Reason: "x", Field: "name"}}}},
		{"the gateway's sentence", `{"error":"Key not authorized: token has expired"}`,
			auraclient.Error{Message: "Key not authorized: token has expired"}},
		{"OAuth", `{"error":"access_denied","error_description":"Unauthorized"}`,
			auraclient.Error{Reason: "access_denied", Message: "Unauthorized"}},
		{"a bare object", `{"message":"nope","reason":"some-reason"}`,
			auraclient.Error{Message: "nope", Reason: "some-reason"}},
		{"a bare object with capitals", `{"Message":"nope","Reason":"Requested"}`,
			auraclient.Error{Message: "nope", Reason: "Requested"}},
		{"validation as a list", `{"errors":[{"field":"type","message":"unknown type"}],"message":"invalid","reason":"validation-error"}`,
			auraclient.Error{Message: "invalid", Reason: "validation-error", Field: "type", Details: []detail{{Message: "unknown type", Field: "type"}}}},
		{"validation as a nested object", `{"errors":{"organization_id":["Missing data."],"allow_list":{"0":{"ip_range":["Null."]}}},"message":"invalid","reason":"validation-error"}`,
			auraclient.Error{Message: "invalid", Reason: "validation-error", Field: "allow_list.0.ip_range",
				Details: []detail{{Message: "Null.", Field: "allow_list.0.ip_range"}, {Message: "Missing data.", Field: "organization_id"}}}},
		{"plain text", "at '': missing property 'id'", auraclient.Error{Body: "at '': missing property 'id'"}},
		{"billing", `{"errors":[{"error":"bad-range","message":"end before start"}]}`,
			auraclient.Error{Message: "end before start", Reason: "bad-range", Details: []detail{{Message: "end before start", Reason: "bad-range"}}}},
		{"a session", `{"data":null,"errors":[{"id":"","message":"session with id s-1 not found","reason":""}]}`,
			auraclient.Error{Message: "session with id s-1 not found", Details: []detail{{Message: "session with id s-1 not found"}}}},
		{"a session with one error as an object", `{"errors":{"message":"bad memory"}}`,
			auraclient.Error{Message: "bad memory", Details: []detail{{Message: "bad memory"}}}},
		{"the GraphQL data API", `{"data":{"status":"error"},"errors":[{"reason":"invalid-type-defs","message":"line 1"}]}`,
			auraclient.Error{Message: "line 1", Reason: "invalid-type-defs", Details: []detail{{Message: "line 1", Reason: "invalid-type-defs"}}}},
		{"the fleet manager", `{"error":"Access denied"}`, auraclient.Error{Message: "Access denied"}},
		{"an empty body", "", auraclient.Error{}},

		{"a list of sentences", `{"errors":["one","two"]}`,
			auraclient.Error{Message: "one", Details: []detail{{Message: "one"}, {Message: "two"}}}},
		{"an error object", `{"error":{"message":"no","code":7}}`,
			auraclient.Error{Message: "no", Details: []detail{{Message: "no"}}}},
		{"a JSON string", `"just text"`, auraclient.Error{Message: "just text", Details: []detail{{Message: "just text"}}}},
		{"null", `null`, auraclient.Error{}},
		{"keys of unexpected kinds", `{"message":{"a":1},"reason":7,"errors":3,"error":null}`, auraclient.Error{Reason: "7"}},
		{"an HTML page", "<html><head><title>418</title></head>\r\n<body>\x1b[31mshort\u202eand stout</body></html>", auraclient.Error{Body: "418 [31mshort and stout"}},
		{"control characters in a message", `{"errors":[{"message":"a\u001b[2Jb\nc\u202ed","reason":"r"}]}`,
			auraclient.Error{Message: "a [2Jb c d", Reason: "r", Details: []detail{{Message: "a [2Jb c d", Reason: "r"}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := script(t, reply{status: 418, body: test.body}.with("X-Request-Id", "abc/1"))
			_, err := newClient(t, f).Instances.Pause(t.Context(), "2f49c2b3")
			got := wantError[*auraclient.Error](t, err)
			test.want.Status, test.want.RequestID = 418, "abc/1"
			test.want.Method, test.want.Path = "POST", "/v1/instances/2f49c2b3/pause"
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestErrorExcerptIsShort(t *testing.T) {
	t.Parallel()
	f := script(t, reply{status: 500, body: strings.Repeat("wörd ", 1000)})
	_, err := newClient(t, f).Instances.Get(t.Context(), "x")
	if n := utf8.RuneCountInString(wantError[*auraclient.Error](t, err).Body); n != 200 {
		t.Errorf("got %d characters", n)
	}
}

func TestErrorSentences(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, got, want string }{
		{"an error with everything", (&auraclient.Error{
			Status: 409, Reason: "ongoing-database-operation", Message: "busy", Method: "POST", Path: "/v1/x", RequestID: "abc/1",
		}).Error(), "POST /v1/x: 409 ongoing-database-operation: busy (request abc/1)"},
		{"an error with nothing", (&auraclient.Error{Status: 503, Method: "GET", Path: "/v1/x"}).Error(), "GET /v1/x: 503 service unavailable"},
		{"an error with a field", (&auraclient.Error{Status: 400, Message: "bad", Field: "memory", Method: "POST", Path: "/v1/x"}).Error(),
			"POST /v1/x: 400 bad request: bad (field memory)"},
		{"an error with details", (&auraclient.Error{Status: 400, Message: "bad", Method: "POST", Path: "/v1/x",
			Details: []auraclient.ErrorDetail{{Message: "long", Field: "name"}, {Message: "wrong"}}}).Error(),
			"POST /v1/x: 400 bad request: bad; name: long; wrong"},
		{"an error with a page", (&auraclient.Error{Status: 502, Body: "oops", Method: "GET", Path: "/v1/x"}).Error(), "GET /v1/x: 502 bad gateway: oops"},
		{"a transport error", (&auraclient.TransportError{Method: "GET", Path: "/v1/x", Err: io.ErrUnexpectedEOF, RequestID: "r"}).Error(), "GET /v1/x: unexpected EOF (request r)"},
		{"a full budget", (&auraclient.BudgetError{Wait: 1600 * time.Millisecond}).Error(), "not sent: the request budget has no room for another 2s"},
		{"a pause", (&auraclient.BudgetError{Wait: time.Minute, Paused: true}).Error(), "not sent: aura asked this client to pause for another 1m0s"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
}

func TestErrorPredicates(t *testing.T) {
	t.Parallel()
	predicates := []struct {
		name string
		is   func(error) bool
	}{
		{"not found", auraclient.IsNotFound}, {"gone", auraclient.IsGone}, {"busy", auraclient.IsBusy},
		{"conflict", auraclient.IsConflict}, {"unauthorized", auraclient.IsUnauthorized}, {"forbidden", auraclient.IsForbidden},
		{"rate limited", auraclient.IsRateLimited}, {"quota exceeded", auraclient.IsQuotaExceeded},
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{&auraclient.Error{Status: 401}, "unauthorized"},
		{&auraclient.Error{Status: 402}, "quota exceeded"},
		{&auraclient.Error{Status: 403}, "forbidden"},
		{&auraclient.Error{Status: 404}, "not found, gone"},
		{&auraclient.Error{Status: 405}, "quota exceeded"},
		{&auraclient.Error{Status: 409}, "conflict"},
		{&auraclient.Error{Status: 409, Reason: "ongoing-database-operation"}, "busy, conflict"},
		{&auraclient.Error{Status: 400, Reason: "ongoing-database-operation"}, ""},
		{&auraclient.Error{Status: 410}, "gone"},
		{&auraclient.Error{Status: 404, Body: "404 Not Found nginx"}, ""},
		{&auraclient.Error{Status: 410, Body: "a page"}, ""},
		{&auraclient.Error{Status: 429}, "rate limited"},
		{fmt.Errorf("delete it: %w", &auraclient.Error{Status: 410}), "gone"},
		{&auraclient.BudgetError{}, ""},
		{errors.New("other"), ""},
		{nil, ""},
	} {
		var is []string
		for _, p := range predicates {
			if p.is(test.err) {
				is = append(is, p.name)
			}
		}
		if got := strings.Join(is, ", "); got != test.want {
			t.Errorf("%v is %q, want %q", test.err, got, test.want)
		}
	}
}

// A token endpoint that cannot be found must not look like a deleted instance.
func TestErrorsOfTheTokenEndpointSayNothingAboutInstances(t *testing.T) {
	t.Parallel()
	for code, predicate := range map[int]func(error) bool{
		404: auraclient.IsGone, 410: auraclient.IsGone, 409: auraclient.IsConflict, 402: auraclient.IsQuotaExceeded, 405: auraclient.IsQuotaExceeded,
	} {
		f := always(t, ok(`{}`))
		f.token = func(int, sent) reply { return refused(code, "ongoing-database-operation", "") }
		_, err := newClient(t, f).Instances.Delete(t.Context(), "2f49c2b3")
		if e, ok := auraclient.AsError(err); !ok || e.Status != code || e.Path != "/oauth/token" {
			t.Errorf("%d: got %v", code, err)
		}
		if predicate(err) || auraclient.IsBusy(err) || auraclient.OutcomeUnknown(err) {
			t.Errorf("%d of the token endpoint is taken for one of the API", code)
		}
	}
}

func TestOutcomeUnknownOfErrorsMadeElsewhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"no error", nil, false},
		{"a 500 for a change", &auraclient.Error{Status: 500, Method: http.MethodPost}, true},
		{"a 503 for a delete", &auraclient.Error{Status: 503, Method: http.MethodDelete}, true},
		{"a 500 for a read", &auraclient.Error{Status: 500, Method: http.MethodGet}, false},
		{"a refusal", &auraclient.Error{Status: 409, Method: http.MethodPost}, false},
		{"a lost answer", &auraclient.TransportError{Method: http.MethodPatch, MaybeSent: true}, true},
		{"a request that never left", &auraclient.TransportError{Method: http.MethodPatch}, false},
		{"a lost answer to a read", &auraclient.TransportError{Method: http.MethodGet, MaybeSent: true}, false},
		{"a full budget", &auraclient.BudgetError{}, false},
		{"a bad argument", &auraclient.ArgumentError{}, false},
	} {
		if got := auraclient.OutcomeUnknown(test.err); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}

func FuzzErrorBody(f *testing.F) {
	for _, seed := range []string{`{"errors":{"a":{"0":["x"]}}}`, `{"error":"x"}`, "<b>x", `[[[[["x"]]]]]`, "\xff\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fake := always(t, reply{status: 400, body: string(body)})
		_, err := newClient(t, fake).Tenants.List(t.Context())
		e := wantError[*auraclient.Error](t, err)
		for _, text := range []string{e.Error(), e.Body, e.Message, e.Reason, e.Field} {
			if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != ' ' }) {
				t.Errorf("unprintable characters in %q", text)
			}
		}
		if utf8.RuneCountInString(e.Body) > 200 || len(e.Details) > 20 {
			t.Errorf("too much of the body is kept: %d details, %q", len(e.Details), e.Body)
		}
	})
}

package auraclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/auraclient"
)

const sessionID = "s-04de43fe-67ab-4"

func attached() auraclient.CreateSessionRequest {
	return auraclient.CreateSessionRequest{Name: "people", Memory: "8GB", InstanceID: "2f49c2b3"}
}

func standalone() auraclient.CreateSessionRequest {
	return auraclient.CreateSessionRequest{Name: "people", Memory: "8GB", CloudProvider: "gcp", Region: "europe-west1", TenantID: "t"}
}

func TestSessionRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	list := func(f auraclient.SessionFilter) func(context.Context, *auraclient.Client) error {
		return func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.GraphAnalytics.List(ctx, f)
			return err
		}
	}
	create := func(r auraclient.CreateSessionRequest, change func(*auraclient.CreateSessionRequest)) func(context.Context, *auraclient.Client) error {
		return func(ctx context.Context, c *auraclient.Client) error {
			change(&r)
			_, _, err := c.GraphAnalytics.Create(ctx, r)
			return err
		}
	}
	estimate := func(r auraclient.SessionSizingRequest) func(context.Context, *auraclient.Client) error {
		return func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.GraphAnalytics.EstimateSize(ctx, r)
			return err
		}
	}
	asItIs := func(*auraclient.CreateSessionRequest) {}
	one := accepted(`{"data":{"id":"s-1"}}`)
	size := ok(`{"data":{"recommended_size":"8GB"}}`)
	checkOnTheWire(t, []wireFact{
		{"list all sessions", "GET /v1/graph-analytics/sessions", ok(`{"data":[]}`), list(auraclient.SessionFilter{})},
		{"list a tenant's sessions by both of its names", "GET /v1/graph-analytics/sessions?projectId=t%26x&tenantId=t%26x", ok(`{"data":[]}`), list(auraclient.SessionFilter{TenantID: "t&x"})},
		{"list by everything", "GET /v1/graph-analytics/sessions?instanceId=2f49c2b3&organizationId=o&projectId=t&tenantId=t", ok(`{"data":[]}`),
			list(auraclient.SessionFilter{TenantID: "t", InstanceID: "2f49c2b3", OrganizationID: "o"})},
		{"get a session", "GET /v1/graph-analytics/sessions/" + sessionID, ok(`{"data":{"id":"s-1"}}`), func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.GraphAnalytics.Get(ctx, sessionID)
			return err
		}},
		{"attach a session", `POST /v1/graph-analytics/sessions {"name":"people","memory":"8GB","instance_id":"2f49c2b3"}`, one, create(attached(), asItIs)},
		{"attach a session with everything", `POST /v1/graph-analytics/sessions {"name":"people","memory":"8GB","ttl":"26h0m1s","instance_id":"2f49c2b3","database_uuid":"d","tenant_id":"t"}`, one,
			create(attached(), func(r *auraclient.CreateSessionRequest) {
				r.DatabaseID, r.TenantID, r.TTL = "d", "t", 26*time.Hour+secs
			})},
		{"create a session on its own", `POST /v1/graph-analytics/sessions {"name":"people","memory":"8GB","ttl":"30m0s","cloud_provider":"gcp","region":"europe-west1","tenant_id":"t"}`, one,
			create(standalone(), func(r *auraclient.CreateSessionRequest) { r.TTL = 30 * time.Minute })},
		{"delete a session", "DELETE /v1/graph-analytics/sessions/" + sessionID, one, func(ctx context.Context, c *auraclient.Client) error {
			return c.GraphAnalytics.Delete(ctx, sessionID)
		}},
		{"delete a session and get no answer", "DELETE /v1/graph-analytics/sessions/" + sessionID, status(204), func(ctx context.Context, c *auraclient.Client) error {
			return c.GraphAnalytics.Delete(ctx, sessionID)
		}},
		{"estimate for counts", `POST /v1/graph-analytics/sessions/sizing {"node_count":10,"relationship_count":20,"node_property_count":0,"node_label_count":0,"relationship_property_count":0}`, size,
			estimate(auraclient.SessionSizingRequest{NodeCount: 10, RelationshipCount: 20})},
		{"estimate for everything", `POST /v1/graph-analytics/sessions/sizing {"node_count":1,"relationship_count":2,"node_property_count":3,"node_label_count":4,"relationship_property_count":5,"algorithm_categories":["centrality"]}`, size,
			estimate(auraclient.SessionSizingRequest{NodeCount: 1, RelationshipCount: 2, NodePropertyCount: 3, NodeLabelCount: 4, RelationshipPropertyCount: 5, AlgorithmCategories: []string{"centrality"}})},
	})
}

func TestSessionArgumentsAreRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	create := func(r auraclient.CreateSessionRequest, change func(*auraclient.CreateSessionRequest)) func(context.Context, *auraclient.Client) error {
		return func(ctx context.Context, c *auraclient.Client) error {
			change(&r)
			_, _, err := c.GraphAnalytics.Create(ctx, r)
			return err
		}
	}
	type request = *auraclient.CreateSessionRequest
	const both = "session is either attached to an instance or placed in a cloud provider's region, not both"
	checkRefusedBeforeSending(t, []refusal{
		{"an empty id", "session id is empty", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.GraphAnalytics.Get(ctx, "")
			return err
		}},
		{"a path to delete", "session id contains a slash or a control character", func(ctx context.Context, c *auraclient.Client) error {
			return c.GraphAnalytics.Delete(ctx, "../../instances/2f49c2b3")
		}},
		{"a wait for no session", "session id is empty", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.GraphAnalytics.Wait(ctx, "", nil)
			return err
		}},
		{"an estimate of less than nothing", "counts must not be negative", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.GraphAnalytics.EstimateSize(ctx, auraclient.SessionSizingRequest{NodeCount: 1, NodeLabelCount: -1})
			return err
		}},
		{"a session without a name", "name is empty", create(attached(), func(r request) { r.Name = "" })},
		{"a session without memory", "memory is empty", create(standalone(), func(r request) { r.Memory = "" })},
		{"a session that is nowhere", "session needs an instance to be attached to, or a cloud provider and region", create(attached(), func(r request) { r.InstanceID = "" })},
		{"a session in two places", both, create(standalone(), func(r request) { r.InstanceID = "2f49c2b3" })},
		{"an attached session in a region", both, create(attached(), func(r request) { r.Region = "europe-west1" })},
		{"a region of nobody", "cloud provider is empty", create(standalone(), func(r request) { r.CloudProvider = "" })},
		{"a cloud provider without a region", "region is empty", create(standalone(), func(r request) { r.Region = "" })},
		{"a session on its own without a tenant", "tenant id is empty", create(standalone(), func(r request) { r.TenantID = "" })},
		{"a database of no instance", "database id needs the instance it belongs to", create(standalone(), func(r request) { r.DatabaseID = "d" })},
		{"a ttl in the past", "ttl is not a number of seconds", create(attached(), func(r request) { r.TTL = -time.Hour })},
		{"a ttl of less than a second", "ttl is not a number of seconds", create(attached(), func(r request) { r.TTL = time.Millisecond })},
	})
}

func TestSessionIsDecodedTolerantly(t *testing.T) {
	t.Parallel()
	created, expires := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, data string
		want       auraclient.Session
	}{
		{"everything, by all names", `{"id":"s-1","name":"people","memory":"8GB","instance_id":"2f49c2b3","database_uuid":"d","database_id":"d","status":"Ready","created_at":"2026-03-01T12:00:00Z","host":"s-1.neo4j.io","expiry_date":"2026-03-08T12:00:00Z","ttl":"1h0m0s","user_id":"u","tenant_id":"t","project_id":"t","cloud_provider":"gcp","region":"europe-west1"}`,
			auraclient.Session{ID: "s-1", Name: "people", Memory: "8GB", InstanceID: "2f49c2b3", DatabaseID: "d", Status: auraclient.SessionReady, CreatedAt: created,
				Host: "s-1.neo4j.io", ExpiresAt: expires, TTL: time.Hour, UserID: "u", TenantID: "t", CloudProvider: "gcp", Region: "europe-west1"}},
		{"the older names", `{"id":"s-1","database_uuid":"d","tenant_id":"t"}`, auraclient.Session{ID: "s-1", DatabaseID: "d", TenantID: "t"}},
		{"the newer names", `{"id":"s-1","database_id":"d","project_id":"t"}`, auraclient.Session{ID: "s-1", DatabaseID: "d", TenantID: "t"}},
		{"both names, and one says nothing", `{"id":"s-1","database_id":"","database_uuid":"d","tenant_id":null,"project_id":"t"}`, auraclient.Session{ID: "s-1", DatabaseID: "d", TenantID: "t"}},
		{"right after its creation", `{"id":"s-1","memory":"4Gi","status":"","instance_id":null,"expiry_date":null,"ttl":null,"host":null}`, auraclient.Session{ID: "s-1", Memory: "4GB"}},
		{"a ttl with days", `{"id":"s-1","ttl":"1d8h1m2s"}`, auraclient.Session{ID: "s-1", TTL: 32*time.Hour + time.Minute + 2*secs}},
		{"a ttl of whole days", `{"id":"s-1","ttl":"2d"}`, auraclient.Session{ID: "s-1", TTL: 48 * time.Hour}},
		{"a short ttl", `{"id":"s-1","ttl":"8m"}`, auraclient.Session{ID: "s-1", TTL: 8 * time.Minute}},
		{"a ttl without a unit", `{"id":"s-1","ttl":3600}`, auraclient.Session{ID: "s-1"}},
		{"ids as numbers", `{"id":7,"user_id":8,"tenant_id":9}`, auraclient.Session{ID: "7", UserID: "8", TenantID: "9"}},
		{"what is not known yet", `{"id":"s-1","status":"Meditating","memory":"lots","created_by":{"type":"CONSOLE"}}`, auraclient.Session{ID: "s-1", Status: "Meditating", Memory: "lots"}},
		{"what makes no sense", `{"id":"s-1","ttl":"soon","created_at":7,"expiry_date":"never","memory":["8GB"],"name":{"a":1}}`, auraclient.Session{ID: "s-1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, script(t, ok(`{"data":`+test.data+`}`), ok(`{"data":[`+test.data+`],"errors":[]}`), accepted(`{"data":`+test.data+`,"errors":null}`)))
			read, err := client.GraphAnalytics.Get(t.Context(), "s-1")
			noError(t, err)
			listed, err := client.GraphAnalytics.List(t.Context(), auraclient.SessionFilter{})
			noError(t, err)
			made, _, err := client.GraphAnalytics.Create(t.Context(), attached())
			noError(t, err)
			if diff := cmp.Diff([]auraclient.Session{test.want, test.want, test.want}, append(listed, *read, *made)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func FuzzSessionTTL(f *testing.F) {
	for _, seed := range []string{"1d8h1m2s", "-1d", "d", "99999d", "106751d23h", "1d-2h", "1.5h", "1d1d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ttl string) {
		quoted, err := json.Marshal(ttl)
		noError(t, err)
		got, err := newClient(t, always(t, ok(`{"data":{"id":"s-1","ttl":`+string(quoted)+`}}`))).GraphAnalytics.Get(t.Context(), "s-1")
		noError(t, err)
		if got.TTL < 0 {
			t.Errorf("%q is %v", ttl, got.TTL)
		}
		if d, err := time.ParseDuration(ttl); err == nil && d >= 0 && got.TTL != d {
			t.Errorf("%q is %v", ttl, got.TTL)
		}
	})
}

// A session that failed is read with 200, and errors beside the data.
func TestSessionWarnings(t *testing.T) {
	t.Parallel()
	const failed = `"data":{"id":"s-1","status":"Failed"}`
	type warnings = []auraclient.SessionWarning
	memory := auraclient.SessionWarning{Message: "Session reached its memory limit", Reason: "OutOfMemory"}
	for _, test := range []struct {
		name, body string
		want       warnings
	}{
		{"none", `{` + failed + `}`, nil},
		{"an empty list", `{` + failed + `,"errors":[]}`, nil},
		{"null", `{` + failed + `,"errors":null}`, nil},
		{"one", `{` + failed + `,"errors":[{"id":"s-1","message":"Session reached its memory limit","reason":"OutOfMemory"}]}`, warnings{memory}},
		{"several, not all of which name the session", `{` + failed + `,"errors":[{"id":"","message":"idle","reason":"Inactivity"},{"id":"s-1","message":"Session reached its memory limit","reason":"OutOfMemory"}]}`,
			warnings{memory, {Message: "idle", Reason: "Inactivity"}}},
		{"an object", `{` + failed + `,"errors":{"message":"Session reached its memory limit","reason":"OutOfMemory"}}`, warnings{memory}},
		{"a sentence", `{` + failed + `,"errors":["Session reached\u001b[2J its limit"]}`, warnings{{Message: "Session reached [2J its limit"}}},
		{"what makes no sense", `{` + failed + `,"errors":[7,null,{"id":"s-1"},{"id":"s-1","reason":"OOM"}]}`, warnings{{Reason: "OOM"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, script(t, ok(test.body), ok(test.body)))
			read, err := client.GraphAnalytics.Get(t.Context(), "s-1")
			noError(t, err)
			made, existed, err := client.GraphAnalytics.Create(t.Context(), attached())
			noError(t, err)
			want := &auraclient.Session{ID: "s-1", Status: auraclient.SessionFailed, Warnings: test.want}
			if diff := cmp.Diff([]*auraclient.Session{want, want}, []*auraclient.Session{read, made}); diff != "" || !existed {
				t.Errorf("existed is %v; -want +got:\n%s", existed, diff)
			}
		})
	}
	t.Run("of a list belong to the session they name", func(t *testing.T) {
		t.Parallel()
		f := script(t, ok(`{"data":[{"id":"s-1"},{"id":"s-2"}],"errors":[{"id":"s-2","message":"idle","reason":"Inactivity"},{"id":"s-3","message":"x"}]}`))
		got, err := newClient(t, f).GraphAnalytics.List(t.Context(), auraclient.SessionFilter{})
		noError(t, err)
		want := []auraclient.Session{{ID: "s-1"}, {ID: "s-2", Warnings: warnings{{Message: "idle", Reason: "Inactivity"}}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestSessionRefusals(t *testing.T) {
	t.Parallel()
	client := newClient(t, script(t,
		reply{status: 404, body: `{"data":null,"errors":[{"id":"","message":"session with id s-1 not found","reason":""}]}`},
		reply{status: 400, body: `{"errors":{"message":"bad memory"}}`},
		reply{status: 409, body: `{"data":null,"errors":[{"id":"","message":"session people already exists with different parameters: Memory (is: 8GB, requested: 4GB)","reason":""}]}`},
	))
	_, err := client.GraphAnalytics.Get(t.Context(), "s-1")
	if e := wantError[*auraclient.Error](t, err); !auraclient.IsNotFound(err) || e.Message != "session with id s-1 not found" {
		t.Errorf("got %v", err)
	}
	_, _, err = client.GraphAnalytics.Create(t.Context(), attached())
	if e := wantError[*auraclient.Error](t, err); e.Status != 400 || e.Message != "bad memory" || auraclient.OutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
	_, existed, err := client.GraphAnalytics.Create(t.Context(), attached())
	if !auraclient.IsConflict(err) || auraclient.IsBusy(err) || existed {
		t.Errorf("got %v", err)
	}
}

func TestSessionCreateSaysWhetherItExisted(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]bool{200: true, 201: false, 202: false} {
		s, existed, err := newClient(t, script(t, reply{status: code, body: `{"data":{"id":"s-1","status":""}}`})).GraphAnalytics.Create(t.Context(), attached())
		noError(t, err)
		if s.ID != "s-1" || existed != want {
			t.Errorf("%d: existed is %v", code, existed)
		}
	}
}

func TestSessionChangesWithALostAnswerHaveAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]reply{
		"no answer": connectionReset(), "a page": ok("<html>Welcome to the airport</html>"), "a server error": status(500),
		"a gateway timeout": status(504), "a cut answer": {status: 202, body: `{"data":{"id":"s-1"`, cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := script(t, answer, answer) // a repetition would be one more than these two
			client := newClient(t, f)
			if _, existed, err := client.GraphAnalytics.Create(t.Context(), attached()); !auraclient.OutcomeUnknown(err) || existed {
				t.Errorf("create: got %v, %v", existed, err)
			}
			if err := client.GraphAnalytics.Delete(t.Context(), "s-1"); !auraclient.OutcomeUnknown(err) {
				t.Errorf("delete: got %v", err)
			}
		})
	}
	for name, answer := range map[string]reply{
		"nothing": ok(""), "no id": ok(`{"data":{}}`), "only errors": ok(`{"data":null,"errors":[{"message":"x"}]}`),
	} {
		if _, existed, err := newClient(t, script(t, answer)).GraphAnalytics.Create(t.Context(), attached()); !auraclient.OutcomeUnknown(err) || existed {
			t.Errorf("%s: got %v, %v", name, existed, err)
		}
	}
}

func TestSessionEstimate(t *testing.T) {
	t.Parallel()
	f := script(t, status(503), ok(`{"data":{"estimated_memory":"6Gi","recommended_size":"8GB"}}`), connectionReset(), connectionReset(), ok(`{"data":{}}`))
	client := newClient(t, f, auraclient.WithMaxAttempts(2))
	got, err := client.GraphAnalytics.EstimateSize(t.Context(), auraclient.SessionSizingRequest{NodeCount: 1})
	noError(t, err) // it changes nothing, so it is repeated
	if diff := cmp.Diff(&auraclient.SessionSizeEstimate{EstimatedMemory: "6GB", RecommendedSize: "8GB"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, want := range []string{"a lost answer", "an answer without data"} {
		if _, err := client.GraphAnalytics.EstimateSize(t.Context(), auraclient.SessionSizingRequest{}); err == nil || auraclient.OutcomeUnknown(err) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

func TestReadOfKeysAndSessionsWithAnUnusableAnswerIsAnError(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]reply{
		"empty": ok(""), "no data": ok(`{}`), "no id": ok(`{"data":{}}`), "another kind": ok(`{"data":[]}`), "a page": ok("<html>"), "a list": ok("[]"),
	} {
		client := newClient(t, always(t, answer))
		_, key := client.CustomerManagedKeys.Get(t.Context(), "x")
		_, session := client.GraphAnalytics.Get(t.Context(), "x")
		for _, err := range []error{key, session} {
			if e := wantError[*auraclient.TransportError](t, err); e.Status != 200 || auraclient.OutcomeUnknown(err) {
				t.Errorf("%s: got %+v", name, e)
			}
		}
	}
}

func TestSessionWait(t *testing.T) {
	session := func(at time.Duration, status string) step {
		return step{at, ok(`{"data":{"id":"s-1","status":"` + status + `"}}`)}
	}
	oom := ok(`{"data":{"id":"s-1","status":"Failed"},"errors":[{"id":"s-1","message":"too big","reason":"OOM"}]}`)
	for _, test := range []struct {
		name  string
		steps []step
		after time.Duration
		want  string
	}{
		{"ends when the session is ready", []step{session(0, ""), session(5*secs, "Creating"), session(60*secs, "Ready")}, 60 * secs, ""},
		{"goes on with an unknown status", []step{session(0, "Meditating"), session(20*secs, "NotReady"), session(40*secs, "Ready")}, 40 * secs, ""},
		{"goes on with a failed reading", []step{{0, status(500)}, {10 * secs, connectionReset()}, session(30*secs, "Ready")}, 30 * secs, ""},
		{"fails with the session", []step{session(0, "Creating"), {20 * secs, oom}}, 20 * secs, "wait for session s-1 to be Ready: it ended as Failed"},
		{"fails when it expired", []step{session(0, "Expired")}, 0, "wait for session s-1 to be Ready: it ended as Expired"},
		{"fails when it was deleted", []step{session(0, "Deleted")}, 0, "wait for session s-1 to be Ready: it ended as Deleted"},
		{"fails without the session", []step{session(0, "Creating"), {10 * secs, reply{status: 404, body: `{"data":null,"errors":[{"message":"not found"}]}`}}}, 10 * secs,
			"wait for session s-1 to be Ready: it does not exist; last status: Creating"},
		{"fails when time is up", []step{session(0, "")}, 5 * time.Minute, "wait for session s-1 to be Ready: context deadline exceeded; last status: not known"},
		{"fails without permission", []step{{0, refused(403, "unauthorized", "no")}}, 0, "GET /v1/graph-analytics/sessions/s-1: 403 unauthorized: no"},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := timeline(t, test.steps...)
			began := time.Now()
			var seen *auraclient.Session
			got, err := newClient(t, f).GraphAnalytics.Wait(within(t, 5*time.Minute), "s-1", func(s auraclient.Session) { seen = &s })
			wantWait(t, err, test.want, began, test.after)
			if diff := cmp.Diff(seen, got); diff != "" {
				t.Errorf("-reported +returned:\n%s", diff)
			}
			if end := waitError(err); end != nil && end.Session != got {
				t.Errorf("the error has %v", end.Session)
			}
		})
	}
	inBubble(t, "says why the session failed", func(t *testing.T) {
		_, err := newClient(t, timeline(t, step{0, oom})).GraphAnalytics.Wait(t.Context(), "s-1", nil)
		end := wantError[*auraclient.WaitError](t, err)
		if diff := cmp.Diff([]auraclient.SessionWarning{{Message: "too big", Reason: "OOM"}}, end.Session.Warnings); diff != "" || !end.Failed {
			t.Errorf("failed is %v; -want +got:\n%s", end.Failed, diff)
		}
	})
}

// wantWait compares how a wait ended, and when: not later than a poll after that.
func wantWait(t *testing.T, err error, want string, began time.Time, after time.Duration) {
	t.Helper()
	if text := errorText(err); text != want {
		t.Fatalf("got %q\nwant %q", text, want)
	}
	if d := time.Since(began); d < after || d > after+12*secs {
		t.Errorf("took %v, want about %v", d, after)
	}
}

func waitError(err error) *auraclient.WaitError {
	var end *auraclient.WaitError
	_ = errors.As(err, &end)
	return end
}

package auraclient_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/auraclient"
)

const keyID = "8c764aed-8eb3-4a1c-92f6-e4ef0c7a6ed9"

func newKey() auraclient.CreateCustomerManagedKeyRequest {
	return auraclient.CreateCustomerManagedKeyRequest{
		Name: "Prod key", KeyID: "arn:aws:kms:us-west-2:111122223333:key/1234abcd", TenantID: "t",
		CloudProvider: "aws", Region: "us-west-2", InstanceType: auraclient.TypeEnterprise,
	}
}

// wireFact is what one call sends, to the letter.
type wireFact struct {
	name, want string
	answer     reply
	call       func(context.Context, *auraclient.Client) error
}

func checkOnTheWire(t *testing.T, facts []wireFact) {
	t.Helper()
	for _, test := range facts {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := script(t, test.answer)
			noError(t, test.call(t.Context(), newClient(t, f, auraclient.WithUserAgent("tester/1"))))
			wantLines(t, f, test.want)
			wantHeaders(t, f.last())
		})
	}
}

func TestKeyRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	list := func(tenantID string) func(context.Context, *auraclient.Client) error {
		return func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.CustomerManagedKeys.List(ctx, tenantID)
			return err
		}
	}
	remove := func(ctx context.Context, c *auraclient.Client) error { return c.CustomerManagedKeys.Delete(ctx, keyID) }
	checkOnTheWire(t, []wireFact{
		{"list all keys", "GET /v1/customer-managed-keys", ok(`{"data":[]}`), list("")},
		{"list a tenant's keys", "GET /v1/customer-managed-keys?tenantId=t%26x%3D1", ok(`{"data":[]}`), list("t&x=1")},
		{"get a key", "GET /v1/customer-managed-keys/" + keyID, ok(`{"data":{"id":"k"}}`), func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.CustomerManagedKeys.Get(ctx, keyID)
			return err
		}},
		{"create a key", `POST /v1/customer-managed-keys {"name":"Prod key","key_id":"arn:aws:kms:us-west-2:111122223333:key/1234abcd","tenant_id":"t","cloud_provider":"aws","region":"us-west-2","instance_type":"enterprise-db"}`,
			accepted(`{"data":{"id":"k"}}`), func(ctx context.Context, c *auraclient.Client) error {
				_, err := c.CustomerManagedKeys.Create(ctx, newKey())
				return err
			}},
		{"delete a key", "DELETE /v1/customer-managed-keys/" + keyID, status(204), remove},
		{"delete a key and get an answer that nobody expects", "DELETE /v1/customer-managed-keys/" + keyID, ok(`{"data":{"id":"k"}}`), remove},
	})
}

func TestKeyArgumentsAreRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	create := func(change func(*auraclient.CreateCustomerManagedKeyRequest)) func(context.Context, *auraclient.Client) error {
		return func(ctx context.Context, c *auraclient.Client) error {
			r := newKey()
			change(&r)
			_, err := c.CustomerManagedKeys.Create(ctx, r)
			return err
		}
	}
	checkRefusedBeforeSending(t, []refusal{
		{"an empty id", "customer managed key id is empty", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.CustomerManagedKeys.Get(ctx, "")
			return err
		}},
		{"a path to delete", "customer managed key id contains a slash or a control character", func(ctx context.Context, c *auraclient.Client) error {
			return c.CustomerManagedKeys.Delete(ctx, "../instances/2f49c2b3")
		}},
		{"a wait for no key", "customer managed key id is empty", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.CustomerManagedKeys.Wait(ctx, "", nil)
			return err
		}},
		{"a key without a name", "name is empty", create(func(r *auraclient.CreateCustomerManagedKeyRequest) { r.Name = "" })},
		{"a key without the provider's id", "key id is empty", create(func(r *auraclient.CreateCustomerManagedKeyRequest) { r.KeyID = "" })},
		{"a key without a plan", "instance type is empty", create(func(r *auraclient.CreateCustomerManagedKeyRequest) { r.InstanceType = "" })},
	})
}

type refusal struct {
	name, want string
	call       func(context.Context, *auraclient.Client) error
}

func checkRefusedBeforeSending(t *testing.T, refusals []refusal) {
	t.Helper()
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := script(t)
			err := test.call(t.Context(), newClient(t, f))
			if got := wantError[*auraclient.ArgumentError](t, err); got.Error() != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if f.tokenRequests() != 0 || auraclient.OutcomeUnknown(err) {
				t.Error("something was sent")
			}
		})
	}
}

func TestKeyIsDecodedTolerantly(t *testing.T) {
	t.Parallel()
	created := time.Date(2024, 1, 31, 14, 6, 57, 0, time.UTC)
	for _, test := range []struct {
		name, data string
		want       auraclient.CustomerManagedKey
	}{
		{"everything", `{"id":"k","name":"Prod key","created":"2024-01-31T14:06:57Z","cloud_provider":"aws","key_id":"arn:x","region":"us-west-2","type":"enterprise-db","instance_type":"enterprise-db","tenant_id":"t","status":"pending"}`,
			auraclient.CustomerManagedKey{ID: "k", Name: "Prod key", CreatedAt: created, CloudProvider: "aws", KeyID: "arn:x", Region: "us-west-2",
				InstanceType: auraclient.TypeEnterprise, TenantID: "t", Status: auraclient.KeyPending}},
		{"the other names", `{"id":"k","created_at":"2024-01-31T15:06:57+01:00","type":"enterprise-ds"}`,
			auraclient.CustomerManagedKey{ID: "k", CreatedAt: created, InstanceType: auraclient.TypeEnterpriseDS}},
		{"both names, and one says nothing", `{"id":"k","created":null,"created_at":"2024-01-31T14:06:57Z","instance_type":"","type":"enterprise-ds"}`,
			auraclient.CustomerManagedKey{ID: "k", CreatedAt: created, InstanceType: auraclient.TypeEnterpriseDS}},
		{"nulls", `{"id":"k","name":null,"status":null,"type":null,"instance_type":null,"created":null}`, auraclient.CustomerManagedKey{ID: "k"}},
		{"what is not known yet", `{"id":"k","status":"rotating","type":"galactic-db","new":[1]}`,
			auraclient.CustomerManagedKey{ID: "k", Status: "rotating", InstanceType: "galactic-db"}},
		{"what makes no sense", `{"id":7,"name":{"a":1},"created":"Tuesday","region":3}`, auraclient.CustomerManagedKey{ID: "7", Region: "3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, script(t, ok(`{"data":`+test.data+`}`), accepted(`{"data":`+test.data+`}`)))
			read, err := client.CustomerManagedKeys.Get(t.Context(), "k")
			noError(t, err)
			made, err := client.CustomerManagedKeys.Create(t.Context(), newKey())
			noError(t, err)
			if diff := cmp.Diff([]*auraclient.CustomerManagedKey{&test.want, &test.want}, []*auraclient.CustomerManagedKey{read, made}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestKeyList(t *testing.T) {
	t.Parallel()
	f := script(t, ok(`{"data":[{"id":"k","name":"Prod key","tenant_id":"t"},{"id":"l","name":null}]}`), ok(`{"data":null}`))
	client := newClient(t, f)
	got, err := client.CustomerManagedKeys.List(t.Context(), "")
	noError(t, err)
	want := []auraclient.CustomerManagedKeySummary{{ID: "k", Name: "Prod key", TenantID: "t"}, {ID: "l"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got, err = client.CustomerManagedKeys.List(t.Context(), "")
	noError(t, err)
	if len(got) != 0 {
		t.Errorf("%v came of null", got)
	}
}

func TestKeyRefusals(t *testing.T) {
	t.Parallel()
	client := newClient(t, script(t,
		refused(404, "encryption-key-not-found", "Encryption Key not found: "+keyID),
		refused(400, "encryption-key-is-active", "cannot delete key")))
	_, err := client.CustomerManagedKeys.Get(t.Context(), keyID)
	if !auraclient.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	err = client.CustomerManagedKeys.Delete(t.Context(), keyID)
	if e := wantError[*auraclient.Error](t, err); e.Status != 400 || e.Reason != "encryption-key-is-active" || auraclient.OutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
}

func TestKeyChangesWithALostAnswerHaveAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]reply{
		"no answer": connectionReset(), "a page": ok("<html>Welcome to the airport</html>"), "a server error": status(500), "a gateway timeout": status(504),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := script(t, answer, answer) // a repetition would be one more than these two
			client := newClient(t, f)
			if _, err := client.CustomerManagedKeys.Create(t.Context(), newKey()); !auraclient.OutcomeUnknown(err) {
				t.Errorf("create: got %v", err)
			}
			if err := client.CustomerManagedKeys.Delete(t.Context(), keyID); !auraclient.OutcomeUnknown(err) {
				t.Errorf("delete: got %v", err)
			}
		})
	}
	for name, answer := range map[string]reply{"nothing": accepted(""), "no id": accepted(`{"data":{}}`), "null": accepted(`{"data":null}`)} {
		if _, err := newClient(t, script(t, answer)).CustomerManagedKeys.Create(t.Context(), newKey()); !auraclient.OutcomeUnknown(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestKeyWait(t *testing.T) {
	key := func(at time.Duration, status string) step {
		return step{at, ok(`{"data":{"id":"k","status":"` + status + `"}}`)}
	}
	for _, test := range []struct {
		name  string
		steps []step
		after time.Duration
		want  string
	}{
		{"ends when the key is ready", []step{key(0, "pending"), key(60*secs, "ready")}, 60 * secs, ""},
		{"goes on with an unknown status", []step{key(0, "rotating"), key(20*secs, "Ready?"), key(30*secs, "ready")}, 30 * secs, ""},
		{"goes on without a status", []step{key(0, ""), key(30*secs, "ready")}, 30 * secs, ""},
		{"goes on with a failed reading", []step{{0, status(503)}, key(30*secs, "ready")}, 30 * secs, ""},
		{"fails with an error", []step{key(0, "pending"), key(20*secs, "error")}, 20 * secs, "wait for customer managed key k to be ready: it ended as error"},
		{"fails with what sounds like an error", []step{key(0, "Validation Failed")}, 0, "wait for customer managed key k to be ready: it ended as Validation Failed"},
		{"fails without the key", []step{key(0, "deleting"), {10 * secs, refused(404, "encryption-key-not-found", "")}}, 10 * secs,
			"wait for customer managed key k to be ready: it does not exist; last status: deleting"},
		{"fails when time is up", []step{key(0, "pending")}, 5 * time.Minute, "wait for customer managed key k to be ready: context deadline exceeded; last status: pending"},
		{"fails without permission", []step{{0, refused(403, "unauthorized", "no")}}, 0, "GET /v1/customer-managed-keys/k: 403 unauthorized: no"},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := timeline(t, test.steps...)
			began := time.Now()
			var seen *auraclient.CustomerManagedKey
			got, err := newClient(t, f).CustomerManagedKeys.Wait(within(t, 5*time.Minute), "k", func(k auraclient.CustomerManagedKey) { seen = &k })
			wantWait(t, err, test.want, began, test.after)
			if diff := cmp.Diff(seen, got); diff != "" {
				t.Errorf("-reported +returned:\n%s", diff)
			}
			if end := waitError(err); end != nil && end.Key != got {
				t.Errorf("the error has %v", end.Key)
			}
		})
	}
}

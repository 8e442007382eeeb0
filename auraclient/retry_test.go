package auraclient_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"testing"
	"time"

	"aura-mcp/auraclient"
)

func TestReadsAreRepeated(t *testing.T) {
	for _, test := range []struct {
		name  string
		first reply
		again bool
	}{
		{"after a failed dial", dialError(), true},
		{"after a reset connection", connectionReset(), true},
		{"after a cut body", reply{status: 200, body: `{"da`, cut: true}, true},
		{"after 429", status(429), true},
		{"after 502", reply{status: 502, body: "<html>bad gateway</html>"}, true},
		{"after 503", status(503), true},
		{"after 504", status(504), true},
		{"after a timeout", reply{status: 200, after: time.Hour}, true},
		{"not after 500", status(500), false},
		{"not after 501", status(501), false},
		{"not after 400", status(400), false},
		{"not after 404", status(404), false},
		{"not after 409", refused(409, "ongoing-database-operation", "busy"), false},
		{"not after a page", ok("<html>"), false},
		{"not after too large a body", ok(`{"data":[` + string(make([]byte, 2000)) + `]}`), false},
		{"not after a wrong certificate", reply{err: &tls.CertificateVerificationError{Err: errors.New("expired")}}, false},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			f := &fakeAura{t: t, answer: func(n int, _ sent) reply {
				if n == 0 {
					return test.first
				}
				return ok(`{"data":[]}`)
			}}
			client := newClient(t, f, auraclient.WithMaxBody(1000))
			_, err := client.Tenants.List(t.Context())
			if again := len(f.lines()) == 2; again != test.again || again != (err == nil) {
				t.Errorf("%d requests, error %v", len(f.lines()), err)
			}
		})
	}
}

func TestEstimatesAreRepeatedAsReadsAre(t *testing.T) {
	inBubble(t, "after a gateway error", func(t *testing.T) {
		f := script(t, status(502), connectionReset(), ok(`{"data":{"recommended_size":"8GB"}}`))
		_, err := newClient(t, f).Instances.EstimateSize(t.Context(), auraclient.SizingRequest{})
		noError(t, err)
	})
	inBubble(t, "and never have an unknown outcome", func(t *testing.T) {
		client := newClient(t, always(t, status(500)))
		if _, err := client.Instances.EstimateSize(t.Context(), auraclient.SizingRequest{}); err == nil || auraclient.OutcomeUnknown(err) {
			t.Errorf("got %v", err)
		}
	})
}

// The promise of this package: no change is sent twice unless the first provably
// had no effect.
func TestChangesAreRepeatedOnlyWhenTheyHadNoEffect(t *testing.T) {
	for _, test := range []struct {
		name    string
		first   reply
		again   bool
		unknown bool
	}{
		{"after a failed dial", dialError(), true, false},
		{"after 429", status(429), true, false},
		{"after 401", status(401), true, false},
		{"not after a reset connection", connectionReset(), false, true},
		{"not after an end without an answer", reply{err: io.EOF}, false, true},
		{"not after a cut body", reply{status: 202, body: `{"da`, cut: true}, false, true},
		{"not after a timeout", reply{status: 202, after: time.Hour}, false, true},
		{"not after 500", status(500), false, true},
		{"not after 502", status(502), false, true},
		{"not after 503 with Retry-After", status(503).with("Retry-After", "1"), false, true},
		{"not after 504", status(504), false, true},
		{"not after 409", refused(409, "ongoing-database-operation", "busy"), false, false},
		{"not after a refusal whose text is cut", reply{status: 409, body: `{"err`, cut: true}, false, false},
		{"not after a redirect", status(308).with("Location", "https://api.neo4j.io/v1/elsewhere"), false, false},
		{"not after a wrong certificate", reply{err: &tls.CertificateVerificationError{Err: errors.New("expired")}}, false, false},
	} {
		for _, change := range changes() {
			inBubble(t, change.name+" "+test.name, func(t *testing.T) {
				f := &fakeAura{t: t, answer: func(n int, _ sent) reply {
					if n == 0 {
						return test.first
					}
					return accepted(`{"data":{"id":"2f49c2b3","snapshot_id":"s","status":"pausing"}}`)
				}}
				err := change.call(t.Context(), newClient(t, f))
				if again := len(f.lines()) == 2; again != test.again || again != (err == nil) {
					t.Errorf("%d requests, error %v", len(f.lines()), err)
				}
				if got := auraclient.OutcomeUnknown(err); got != test.unknown {
					t.Errorf("outcome unknown: %v, for %v", got, err)
				}
			})
		}
	}
}

type change struct {
	name string
	call func(context.Context, *auraclient.Client) error
}

// changes are all methods that alter something.
func changes() []change {
	return []change{
		{"create", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.Instances.Create(ctx, auraclient.CreateInstanceRequest{
				Name: "n", TenantID: "t", CloudProvider: "gcp", Region: "r", Type: auraclient.TypeFree, Memory: "1GB",
			})
			return err
		}},
		{"update", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.Instances.Update(ctx, "a", auraclient.UpdateInstanceRequest{Name: new("n")})
			return err
		}},
		{"delete", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.Instances.Delete(ctx, "a")
			return err
		}},
		{"pause", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.Instances.Pause(ctx, "a")
			return err
		}},
		{"resume", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.Instances.Resume(ctx, "a")
			return err
		}},
		{"overwrite", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.Instances.Overwrite(ctx, "a", auraclient.OverwriteRequest{SourceInstanceID: "b"})
			return err
		}},
		{"upgrade", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.Instances.Upgrade(ctx, "a", auraclient.UpgradeRequest{})
			return err
		}},
		{"snapshot", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.Snapshots.Create(ctx, "a")
			return err
		}},
		{"restore", func(ctx context.Context, c *auraclient.Client) error {
			_, err := c.Snapshots.Restore(ctx, "a", "s")
			return err
		}},
	}
}

func TestRetryLimits(t *testing.T) {
	inBubble(t, "a read is sent four times at most", func(t *testing.T) {
		f := always(t, status(503))
		_, err := newClient(t, f).Tenants.List(t.Context())
		if e, _ := auraclient.AsError(err); e == nil || e.Status != 503 || len(f.lines()) != 4 {
			t.Errorf("%d requests, error %v", len(f.lines()), err)
		}
	})
	inBubble(t, "or as often as asked for", func(t *testing.T) {
		f := always(t, connectionReset())
		_, err := newClient(t, f, auraclient.WithMaxAttempts(1)).Tenants.List(t.Context())
		if e := wantError[*auraclient.TransportError](t, err); !e.MaybeSent || len(f.lines()) != 1 {
			t.Errorf("%d requests, error %v", len(f.lines()), err)
		}
	})
	inBubble(t, "a change that cannot be dialled is sent four times at most", func(t *testing.T) {
		f := always(t, dialError())
		_, err := newClient(t, f).Instances.Pause(t.Context(), "a")
		if e := wantError[*auraclient.TransportError](t, err); e.MaybeSent || len(f.lines()) != 4 {
			t.Errorf("%d requests, error %v", len(f.lines()), err)
		}
	})
	inBubble(t, "Retry-After of 503 is heeded by this call", func(t *testing.T) {
		f := script(t, status(503).with("Retry-After", "12"), ok(`{"data":[]}`))
		began := time.Now()
		_, err := newClient(t, f).Tenants.List(t.Context())
		noError(t, err)
		if d := time.Since(began); d != 12*time.Second {
			t.Errorf("waited %v", d)
		}
	})
	inBubble(t, "a wait beyond the deadline is not begun", func(t *testing.T) {
		f := script(t, status(503).with("Retry-After", "12"))
		began := time.Now()
		_, err := newClient(t, f).Tenants.List(within(t, 10*time.Second))
		if e, _ := auraclient.AsError(err); e == nil || time.Since(began) != 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
	inBubble(t, "a context that ends between attempts keeps the cause", func(t *testing.T) {
		f := script(t, status(503).with("Retry-After", "12"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := newClient(t, f).Tenants.List(ctx)
		if e, _ := auraclient.AsError(err); e == nil || e.Status != 503 || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	inBubble(t, "a context that ends during a change leaves its outcome unknown", func(t *testing.T) {
		f := script(t, reply{status: 202, after: time.Minute})
		_, err := newClient(t, f).Instances.Delete(within(t, 5*time.Second), "a")
		if !errors.Is(err, context.DeadlineExceeded) || !auraclient.OutcomeUnknown(err) {
			t.Errorf("got %v", err)
		}
	})
	inBubble(t, "an attempt has a time of its own", func(t *testing.T) {
		f := script(t, reply{status: 200, after: time.Minute})
		began := time.Now()
		_, err := newClient(t, f, auraclient.WithTimeout(7*time.Second), auraclient.WithMaxAttempts(1)).Tenants.List(t.Context())
		if e := wantError[*auraclient.TransportError](t, err); e.Err.Error() != "no complete answer within 7s" || time.Since(began) != 7*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
	inBubble(t, "a transport without an answer is no panic", func(t *testing.T) {
		f := &fakeAura{t: t, answer: func(int, sent) reply { return reply{err: errors.New("strange")} }}
		_, err := newClient(t, f).Instances.Pause(t.Context(), "a")
		if !auraclient.OutcomeUnknown(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTooLargeAnswerNamesTheLimit(t *testing.T) {
	t.Parallel()
	large := `{"data":[` + string(make([]byte, 10<<20)) + `]}`
	f := script(t, ok(large), accepted(large), reply{status: 409, body: large})
	client := newClient(t, f)
	_, err := client.Tenants.List(t.Context())
	if e := wantError[*auraclient.TransportError](t, err); e.Err.Error() != "the answer is larger than the limit of 4194304 bytes" {
		t.Errorf("got %v", err)
	}
	if _, err = client.Instances.Pause(t.Context(), "a"); !auraclient.OutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
	if _, err = client.Instances.Pause(t.Context(), "a"); !auraclient.IsConflict(err) {
		t.Errorf("a refusal is one, however long: %v", err)
	}
}

package auraclient_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/auraclient"
)

// What each method sends, to the letter. {} is the body that Aura insists on.
func TestRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	type client = *auraclient.Client
	const one = "2f49c2b3"
	full := auraclient.CreateInstanceRequest{
		Name: "n", TenantID: "t", CloudProvider: "gcp", Region: "europe-west1", Type: auraclient.TypeEnterprise, Memory: "8GB",
		Version: "4", Storage: "16GB", SourceInstanceID: one, SourceSnapshotID: "2023-01-20T13:44:42Z", CustomerManagedKeyID: "k",
		VectorOptimized: new(false), GraphAnalyticsPlugin: new(true),
	}
	small := auraclient.CreateInstanceRequest{Name: "n", TenantID: "t", CloudProvider: "gcp", Region: "r", Type: auraclient.TypeFree, Memory: "1GB"}
	for _, test := range []struct {
		name, want, answer string
		call               func(context.Context, client) (any, error)
	}{
		{"list all instances", "GET /v1/instances", `[]`,
			func(ctx context.Context, c client) (any, error) { return c.Instances.List(ctx, "") }},
		{"list a tenant's instances", "GET /v1/instances?tenantId=t%26x%3D1", `[]`,
			func(ctx context.Context, c client) (any, error) { return c.Instances.List(ctx, "t&x=1") }},
		{"get an instance", "GET /v1/instances/2f49c2b3", `{"id":"x"}`,
			func(ctx context.Context, c client) (any, error) { return c.Instances.Get(ctx, one) }},
		{"create with what is required", `POST /v1/instances {"name":"n","tenant_id":"t","cloud_provider":"gcp","region":"r","type":"free-db","memory":"1GB","version":"5"}`, `{"id":"x"}`,
			func(ctx context.Context, c client) (any, error) { return c.Instances.Create(ctx, small) }},
		{"create with everything", `POST /v1/instances {"name":"n","tenant_id":"t","cloud_provider":"gcp","region":"europe-west1","type":"enterprise-db","memory":"8GB","version":"4","storage":"16GB","source_instance_id":"2f49c2b3","source_snapshot_id":"2023-01-20T13:44:42Z","customer_managed_key_id":"k","vector_optimized":false,"graph_analytics_plugin":true}`, `{"id":"x"}`,
			func(ctx context.Context, c client) (any, error) { return c.Instances.Create(ctx, full) }},
		{"rename only", `PATCH /v1/instances/2f49c2b3 {"name":"new"}`, `{"id":"x"}`, func(ctx context.Context, c client) (any, error) {
			return c.Instances.Update(ctx, one, auraclient.UpdateInstanceRequest{Name: new("new")})
		}},
		{"update to zero values", `PATCH /v1/instances/2f49c2b3 {"vector_optimized":false,"secondaries_count":0}`, `{"id":"x"}`, func(ctx context.Context, c client) (any, error) {
			return c.Instances.Update(ctx, one, auraclient.UpdateInstanceRequest{VectorOptimized: new(false), SecondariesCount: new(0)})
		}},
		{"update the rest", `PATCH /v1/instances/2f49c2b3 {"memory":"4GB","storage":"8GB","graph_analytics_plugin":true,"cdc_enrichment_mode":"OFF"}`, `{"id":"x"}`, func(ctx context.Context, c client) (any, error) {
			return c.Instances.Update(ctx, one, auraclient.UpdateInstanceRequest{
				Memory: new("4GB"), Storage: new("8GB"), GraphAnalyticsPlugin: new(true), CDCEnrichmentMode: new("OFF"),
			})
		}},
		{"delete", "DELETE /v1/instances/2f49c2b3", `{"id":"x"}`,
			func(ctx context.Context, c client) (any, error) { return c.Instances.Delete(ctx, one) }},
		{"pause", "POST /v1/instances/2f49c2b3/pause {}", `{"id":"x"}`,
			func(ctx context.Context, c client) (any, error) { return c.Instances.Pause(ctx, one) }},
		{"resume", "POST /v1/instances/2f49c2b3/resume {}", `{"id":"x"}`,
			func(ctx context.Context, c client) (any, error) { return c.Instances.Resume(ctx, one) }},
		{"overwrite from an instance", `POST /v1/instances/2f49c2b3/overwrite {"source_instance_id":"other"}`, `{"id":"x"}`, func(ctx context.Context, c client) (any, error) {
			return c.Instances.Overwrite(ctx, one, auraclient.OverwriteRequest{SourceInstanceID: "other"})
		}},
		{"overwrite from an own snapshot", `POST /v1/instances/2f49c2b3/overwrite {"source_instance_id":"2f49c2b3","source_snapshot_id":"s"}`, `{"id":"x"}`, func(ctx context.Context, c client) (any, error) {
			return c.Instances.Overwrite(ctx, one, auraclient.OverwriteRequest{SourceSnapshotID: "s"})
		}},
		{"upgrade as it is", "POST /v1/instances/2f49c2b3/upgrade {}", `{"id":"x"}`,
			func(ctx context.Context, c client) (any, error) {
				return c.Instances.Upgrade(ctx, one, auraclient.UpgradeRequest{})
			}},
		{"upgrade with a size", `POST /v1/instances/2f49c2b3/upgrade {"memory":"8GB","storage":"16GB"}`, `{"id":"x"}`,
			func(ctx context.Context, c client) (any, error) {
				return c.Instances.Upgrade(ctx, one, auraclient.UpgradeRequest{Memory: "8GB", Storage: "16GB"})
			}},
		{"estimate", `POST /v1/instances/sizing {"node_count":10,"relationship_count":0,"instance_type":"professional-ds","algorithm_categories":["centrality"]}`, `{"recommended_size":"8GB"}`, func(ctx context.Context, c client) (any, error) {
			return c.Instances.EstimateSize(ctx, auraclient.SizingRequest{NodeCount: 10, InstanceType: auraclient.TypeProfessionalDS, AlgorithmCategories: []string{"centrality"}})
		}},
		{"list today's snapshots", "GET /v1/instances/2f49c2b3/snapshots", `[]`,
			func(ctx context.Context, c client) (any, error) {
				return c.Snapshots.List(ctx, one, auraclient.Day{})
			}},
		{"list a day's snapshots", "GET /v1/instances/2f49c2b3/snapshots?date=2024-03-01", `[]`,
			func(ctx context.Context, c client) (any, error) {
				return c.Snapshots.List(ctx, one, auraclient.Day{Year: 2024, Month: 3, Day: 1})
			}},
		{"get a snapshot", "GET /v1/instances/2f49c2b3/snapshots/2023-01-20T18:07:25Z-adhoc", `{"snapshot_id":"x"}`,
			func(ctx context.Context, c client) (any, error) {
				return c.Snapshots.Get(ctx, one, "2023-01-20T18:07:25Z-adhoc")
			}},
		{"take a snapshot", "POST /v1/instances/2f49c2b3/snapshots {}", `{"snapshot_id":"x"}`,
			func(ctx context.Context, c client) (any, error) { return c.Snapshots.Create(ctx, one) }},
		{"restore", "POST /v1/instances/2f49c2b3/snapshots/2023-01-20T13:44:42Z/restore {}", `{"id":"x"}`,
			func(ctx context.Context, c client) (any, error) {
				return c.Snapshots.Restore(ctx, one, "2023-01-20T13:44:42Z")
			}},
		{"list tenants", "GET /v1/tenants", `[]`,
			func(ctx context.Context, c client) (any, error) { return c.Tenants.List(ctx) }},
		{"get a tenant", "GET /v1/tenants/t", `{"id":"t"}`,
			func(ctx context.Context, c client) (any, error) { return c.Tenants.Get(ctx, "t") }},
		{"metrics endpoint", "GET /v1/tenants/t/metrics-integration", `{"endpoint":"https://m"}`,
			func(ctx context.Context, c client) (any, error) { return c.Tenants.MetricsEndpoint(ctx, "t") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := script(t, accepted(`{"data":`+test.answer+`}`))
			_, err := test.call(t.Context(), newClient(t, f, auraclient.WithUserAgent("tester/1")))
			noError(t, err)
			wantLines(t, f, test.want)
			wantHeaders(t, f.last())
		})
	}
}

func wantHeaders(t *testing.T, s sent) {
	t.Helper()
	contentType := ""
	if s.method == "POST" || s.method == "PATCH" {
		contentType = "application/json"
	}
	for key, want := range map[string]string{
		"Content-Type": contentType, "Authorization": "Bearer token-1", "Accept": "application/json",
		"User-Agent": "tester/1", "Idempotency-Key": "", "X-Idempotency-Key": "",
	} {
		if got := s.header.Get(key); got != want {
			t.Errorf("header %s is %q, want %q", key, got, want)
		}
	}
}

func TestArgumentsAreRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	type client = *auraclient.Client
	valid := auraclient.CreateInstanceRequest{Name: "n", TenantID: "t", CloudProvider: "gcp", Region: "r", Type: auraclient.TypeFree, Memory: "1GB"}
	create := func(change func(*auraclient.CreateInstanceRequest)) func(context.Context, client) (any, error) {
		return func(ctx context.Context, c client) (any, error) {
			r := valid
			change(&r)
			return c.Instances.Create(ctx, r)
		}
	}
	get := func(id string) func(context.Context, client) (any, error) {
		return func(ctx context.Context, c client) (any, error) { return c.Instances.Get(ctx, id) }
	}
	for _, test := range []struct {
		name, want string
		call       func(context.Context, client) (any, error)
	}{
		{"an empty id", "instance id is empty", get("")},
		{"a blank id", "instance id is empty", get("  ")},
		{"a dot", "instance id must not be .", get(".")},
		{"two dots", "instance id must not be ..", get("..")},
		{"a path", "instance id contains a slash or a control character", get("../tenants")},
		{"a Windows path", "instance id contains a slash or a control character", get(`..\tenants`)},
		{"a line break", "instance id contains a slash or a control character", get("a\nb")},
		{"an empty tenant id", "tenant id is empty", func(ctx context.Context, c client) (any, error) { return c.Tenants.Get(ctx, "") }},
		{"an empty tenant id for metrics", "tenant id is empty", func(ctx context.Context, c client) (any, error) { return c.Tenants.MetricsEndpoint(ctx, "") }},
		{"an empty snapshot id", "snapshot id is empty", func(ctx context.Context, c client) (any, error) { return c.Snapshots.Get(ctx, "a", "") }},
		{"an empty snapshot id to restore", "snapshot id is empty", func(ctx context.Context, c client) (any, error) { return c.Snapshots.Restore(ctx, "a", "") }},
		{"the first of two bad ids", "instance id is empty", func(ctx context.Context, c client) (any, error) { return c.Snapshots.Get(ctx, "", "") }},
		{"an empty id to delete", "instance id is empty", func(ctx context.Context, c client) (any, error) { return c.Instances.Delete(ctx, "") }},
		{"an empty id to estimate nothing", "node and relationship counts must not be negative", func(ctx context.Context, c client) (any, error) {
			return c.Instances.EstimateSize(ctx, auraclient.SizingRequest{NodeCount: -1})
		}},
		{"an update of nothing", "update changes nothing", func(ctx context.Context, c client) (any, error) {
			return c.Instances.Update(ctx, "a", auraclient.UpdateInstanceRequest{})
		}},
		{"half an upgrade", "upgrade must name both memory and storage, or neither", func(ctx context.Context, c client) (any, error) {
			return c.Instances.Upgrade(ctx, "a", auraclient.UpgradeRequest{Memory: "8GB"})
		}},
		{"an overwrite by nothing", "source is neither an instance nor a snapshot", func(ctx context.Context, c client) (any, error) {
			return c.Instances.Overwrite(ctx, "a", auraclient.OverwriteRequest{})
		}},
		{"a wait for nothing", "wait names no status to wait for", func(ctx context.Context, c client) (any, error) {
			return c.Instances.Wait(ctx, "a", auraclient.InstanceWait{})
		}},
		{"a create without a name", "name is empty", create(func(r *auraclient.CreateInstanceRequest) { r.Name = "" })},
		{"a create without a tenant", "tenant id is empty", create(func(r *auraclient.CreateInstanceRequest) { r.TenantID = "" })},
		{"a create without a type", "type is empty", create(func(r *auraclient.CreateInstanceRequest) { r.Type = "" })},
		{"a snapshot of nobody", "source snapshot id needs the source instance it belongs to", create(func(r *auraclient.CreateInstanceRequest) { r.SourceSnapshotID = "s" })},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := script(t)
			_, err := test.call(t.Context(), newClient(t, f))
			if got := wantError[*auraclient.ArgumentError](t, err); got.Error() != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if f.tokenRequests() != 0 || auraclient.OutcomeUnknown(err) {
				t.Error("something was sent")
			}
		})
	}
}

func TestInstanceIsDecodedTolerantly(t *testing.T) {
	t.Parallel()
	created := time.Date(2024, 5, 14, 9, 21, 7, 0, time.UTC)
	for _, test := range []struct {
		name, data string
		want       auraclient.Instance
	}{
		{"everything", `{"id":"2f49c2b3","name":"Production","status":"running","tenant_id":"t","cloud_provider":"gcp","connection_url":"neo4j+s://x","metrics_integration_url":"https://m","region":"r","type":"enterprise-db","memory":"8GB","storage":"16GB","created_at":"2024-05-14T11:21:07+02:00","secondaries_count":1,"cdc_enrichment_mode":"OFF","vector_optimized":false,"graph_analytics_plugin":true,"customer_managed_key_id":"k"}`,
			auraclient.Instance{ID: "2f49c2b3", Name: "Production", Status: "running", TenantID: "t", CloudProvider: "gcp", ConnectionURL: "neo4j+s://x", MetricsURL: "https://m",
				Region: "r", Type: "enterprise-db", Memory: "8GB", Storage: "16GB", CreatedAt: created, SecondariesCount: new(1), CDCEnrichmentMode: "OFF",
				VectorOptimized: new(false), GraphAnalyticsPlugin: new(true), CustomerManagedKeyID: "k"}},
		{"nulls while it is created", `{"id":"x","status":"creating","connection_url":null,"memory":"","type":null,"created_at":null,"secondaries_count":null,"vector_optimized":null}`,
			auraclient.Instance{ID: "x", Status: "creating"}},
		{"counts as strings", `{"id":"x","graph_nodes":"1200","graph_relationships":"0"}`,
			auraclient.Instance{ID: "x", GraphNodes: new(int64(1200)), GraphRelationships: new(int64(0))}},
		{"counts as numbers", `{"id":"x","graph_nodes":1200,"graph_relationships":5400}`,
			auraclient.Instance{ID: "x", GraphNodes: new(int64(1200)), GraphRelationships: new(int64(5400))}},
		{"what is not known yet", `{"id":"x","status":"meditating","type":"galactic-db","new_field":{"a":[1]}}`,
			auraclient.Instance{ID: "x", Status: "meditating", Type: "galactic-db"}},
		{"what makes no sense", `{"id":"x","created_at":"Tuesday","graph_nodes":"many","memory":{"gb":8},"vector_optimized":"yes","name":7,"secondaries_count":1.5}`,
			auraclient.Instance{ID: "x", Name: "7"}},
		{"booleans as strings", `{"id":"x","vector_optimized":"true","graph_analytics_plugin":"false"}`,
			auraclient.Instance{ID: "x", VectorOptimized: new(true), GraphAnalyticsPlugin: new(false)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := newClient(t, script(t, ok(`{"data":`+test.data+`}`))).Instances.Get(t.Context(), "x")
			noError(t, err)
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestInstanceList(t *testing.T) {
	t.Parallel()
	f := script(t, ok(`{"data":[{"id":"a","name":"A","tenant_id":"t","cloud_provider":"gcp","created_at":"2024-05-14T09:21:07Z"},{"id":"b","created_at":""}]}`))
	got, err := newClient(t, f).Instances.List(t.Context(), "")
	noError(t, err)
	want := []auraclient.InstanceSummary{
		{ID: "a", Name: "A", TenantID: "t", CloudProvider: "gcp", CreatedAt: time.Date(2024, 5, 14, 9, 21, 7, 0, time.UTC)}, {ID: "b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCreateKeepsThePasswordWhateverElseIsOdd(t *testing.T) {
	t.Parallel()
	f := script(t, accepted(`{"data":{"id":"db1d1234","connection_url":7,"username":"neo4j","password":"once-only","tenant_id":null,"created_at":{},"vector_optimized":"maybe","type":["x"],"name":"n"}}`))
	got, err := newClient(t, f).Instances.Create(t.Context(), auraclient.CreateInstanceRequest{
		Name: "n", TenantID: "t", CloudProvider: "gcp", Region: "r", Type: auraclient.TypeFree, Memory: "1GB",
	})
	noError(t, err)
	want := &auraclient.CreatedInstance{ID: "db1d1234", Name: "n", ConnectionURL: "7", Username: "neo4j", Password: "once-only"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCreateWithAnUnusableAnswerHasAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]reply{
		"no body":           accepted(""),
		"no data":           accepted(`{}`),
		"no id":             accepted(`{"data":{"password":"once-only"}}`),
		"null":              accepted(`{"data":null}`),
		"a string":          accepted(`{"data":"job once-only"}`),
		"a page":            ok("<html>once-only</html>"),
		"a cut object":      accepted(`{"data":{"id":"x","password":"once-only"`),
		"a cut connection":  {status: 202, body: `{"data":{"password":"once-only`, cut: true},
		"too large a body":  accepted(`{"data":{"password":"once-only"}}` + strings.Repeat(" ", 1000)),
		"no answer":         connectionReset(),
		"a server error":    {status: 500, body: "oops"},
		"a gateway timeout": {status: 504},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := script(t, answer) // one more request would fail the test
			_, err := newClient(t, f, auraclient.WithMaxBody(1000)).Instances.Create(t.Context(), auraclient.CreateInstanceRequest{
				Name: "n", TenantID: "t", CloudProvider: "gcp", Region: "r", Type: auraclient.TypeFree, Memory: "1GB",
			})
			if !auraclient.OutcomeUnknown(err) {
				t.Errorf("got %v", err)
			}
			if strings.Contains(err.Error(), "once-only") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestAcceptedChangeWithoutAnInstanceIsReadBack(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]reply{
		"an empty body":    accepted(""),
		"an empty object":  accepted(`{}`),
		"empty data":       accepted(`{"data":{}}`),
		"data as a string": accepted(`{"data":"job-123"}`),
		"null":             accepted(`{"data":null}`),
		"no content":       status(204),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := script(t, answer, ok(instanceJSON("overwriting")))
			got, err := newClient(t, f).Instances.Overwrite(t.Context(), "2f49c2b3", auraclient.OverwriteRequest{SourceInstanceID: "b"})
			noError(t, err)
			if got.Status != auraclient.StatusOverwriting {
				t.Errorf("got %+v", got)
			}
			wantLines(t, f, `POST /v1/instances/2f49c2b3/overwrite {"source_instance_id":"b"}`, "GET /v1/instances/2f49c2b3")
		})
	}
	t.Run("and stays accepted when that fails", func(t *testing.T) {
		t.Parallel()
		f := script(t, accepted(""), refused(404, "db-not-found", ""))
		got, err := newClient(t, f).Instances.Delete(t.Context(), "2f49c2b3")
		noError(t, err)
		if diff := cmp.Diff(&auraclient.Instance{ID: "2f49c2b3"}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("but not when the answer cannot be read", func(t *testing.T) {
		t.Parallel()
		f := script(t, ok("<html>Welcome to the airport</html>"))
		if _, err := newClient(t, f).Instances.Pause(t.Context(), "2f49c2b3"); !auraclient.OutcomeUnknown(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReadWithAnUnusableAnswerIsAnError(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]reply{
		"empty": ok(""), "no data": ok(`{}`), "no id": ok(`{"data":{}}`), "another kind": ok(`{"data":[]}`), "a page": ok("<html>"), "a list": ok("[]"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, always(t, answer.with("X-Request-Id", "abc/7")))
			_, instance := client.Instances.Get(t.Context(), "x")
			_, snapshot := client.Snapshots.Get(t.Context(), "x", "y")
			_, tenant := client.Tenants.Get(t.Context(), "x")
			_, endpoint := client.Tenants.MetricsEndpoint(t.Context(), "x")
			_, estimate := client.Instances.EstimateSize(t.Context(), auraclient.SizingRequest{})
			for _, err := range []error{instance, snapshot, tenant, endpoint, estimate} {
				e := wantError[*auraclient.TransportError](t, err)
				if e.Status != 200 || e.RequestID != "abc/7" || auraclient.OutcomeUnknown(err) {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
}

func TestEstimateSize(t *testing.T) {
	t.Parallel()
	f := script(t, ok(`{"data":{"did_exceed_maximum":true,"min_required_memory":"14GB","recommended_size":"16GB"}}`))
	got, err := newClient(t, f).Instances.EstimateSize(t.Context(), auraclient.SizingRequest{NodeCount: 1})
	noError(t, err)
	want := &auraclient.SizeEstimate{DidExceedMaximum: true, MinRequiredMemory: "14GB", RecommendedSize: "16GB"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

package auraclient_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/auraclient"
)

func TestSnapshotsAreDecoded(t *testing.T) {
	t.Parallel()
	f := script(t, ok(`{"data":[
		{"instance_id":"a","snapshot_id":"afdb4e9d","profile":"AdHoc","status":"Completed","timestamp":"2026-01-20T18:07:25Z","exportable":true},
		{"instance_id":"a","snapshot_id":"2023-01-20T13:44:42Z","profile":"Lunar","status":"Thinking","timestamp":"soon"}]}`))
	got, err := newClient(t, f).Snapshots.List(t.Context(), "a", auraclient.Day{})
	noError(t, err)
	want := []auraclient.Snapshot{
		{InstanceID: "a", SnapshotID: "afdb4e9d", Profile: auraclient.ProfileAdHoc, Status: auraclient.SnapshotCompleted,
			Timestamp: time.Date(2026, 1, 20, 18, 7, 25, 0, time.UTC), Exportable: new(true)},
		{InstanceID: "a", SnapshotID: "2023-01-20T13:44:42Z", Profile: "Lunar", Status: "Thinking"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTakenSnapshotIsNamed(t *testing.T) {
	t.Parallel()
	got, err := newClient(t, script(t, accepted(`{"data":{"snapshot_id":"afdb4e9d","status":"Scheduled"}}`))).Snapshots.Create(t.Context(), "a")
	noError(t, err)
	if got.SnapshotID != "afdb4e9d" {
		t.Errorf("got %+v", got)
	}
	for _, answer := range []reply{accepted(""), accepted(`{"data":{}}`), accepted("<html>"), status(500)} {
		if _, err := newClient(t, script(t, answer)).Snapshots.Create(t.Context(), "a"); !auraclient.OutcomeUnknown(err) {
			t.Errorf("%+v: got %v", answer, err)
		}
	}
}

func TestTenantsAreDecoded(t *testing.T) {
	t.Parallel()
	f := script(t,
		ok(`{"data":[{"id":"t1","name":"One"},{"id":"t2","name":"Two"}]}`),
		ok(`{"data":{"id":"t1","name":"One","instance_configurations":[{"cloud_provider":"gcp","region":"europe-west1","region_name":"Belgium (europe-west1)","type":"professional-db","memory":"2GB","storage":"4GB","version":"5"},{"type":"free-db"}]}}`),
		ok(`{"data":{"endpoint":"https://customer-metrics-api.neo4j.io/api/v1/t1/metrics"}}`))
	client := newClient(t, f)
	tenants, err := client.Tenants.List(t.Context())
	noError(t, err)
	details, err := client.Tenants.Get(t.Context(), "t1")
	noError(t, err)
	endpoint, err := client.Tenants.MetricsEndpoint(t.Context(), "t1")
	noError(t, err)
	if diff := cmp.Diff([]auraclient.Tenant{{ID: "t1", Name: "One"}, {ID: "t2", Name: "Two"}}, tenants); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want := &auraclient.TenantDetails{ID: "t1", Name: "One", InstanceConfigurations: []auraclient.InstanceConfiguration{
		{CloudProvider: "gcp", Region: "europe-west1", RegionName: "Belgium (europe-west1)", Type: auraclient.TypeProfessional, Memory: "2GB", Storage: "4GB", Version: "5"},
		{Type: auraclient.TypeFree},
	}}
	if diff := cmp.Diff(want, details); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if endpoint != "https://customer-metrics-api.neo4j.io/api/v1/t1/metrics" {
		t.Errorf("got endpoint %q", endpoint)
	}
}

func TestNullListIsEmpty(t *testing.T) {
	t.Parallel()
	client := newClient(t, always(t, ok(`{"data":null}`)))
	instances, err := client.Instances.List(t.Context(), "")
	noError(t, err)
	snapshots, err := client.Snapshots.List(t.Context(), "a", auraclient.Day{})
	noError(t, err)
	tenants, err := client.Tenants.List(t.Context())
	noError(t, err)
	if len(instances)+len(snapshots)+len(tenants) != 0 {
		t.Error("something came of null")
	}
}

package aurasim_test

import (
	"testing"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

func TestTenants(t *testing.T) {
	t.Parallel()
	state := fleet()
	state.Tenants[1].Configurations = []aurasim.InstanceConfiguration{{
		CloudProvider: "gcp", Region: "europe-west1", RegionName: "Belgium (europe-west1)", Type: "professional-db",
		Memory: "2GB", Storage: "4GB", Version: "5",
	}}
	c := newClient(t, newSim(t, aurasim.Options{State: state}))

	want := []map[string]any{{"id": tenantA, "name": "Alpha"}, {"id": tenantB, "name": "Beta"}}
	if diff := cmp.Diff(want, c.must(200, "GET", "/tenants").list()); diff != "" {
		t.Error(diff)
	}
	details := map[string]any{"id": tenantB, "name": "Beta", "instance_configurations": []any{map[string]any{
		"cloud_provider": "gcp", "region": "europe-west1", "region_name": "Belgium (europe-west1)", "type": "professional-db",
		"memory": "2GB", "storage": "4GB", "version": "5",
	}}}
	if diff := cmp.Diff(details, c.must(200, "GET", "/tenants/"+tenantB).data()); diff != "" {
		t.Error(diff)
	}
	if rows := c.must(200, "GET", "/tenants/"+tenantA).data()["instance_configurations"].([]any); len(rows) < 100 {
		t.Errorf("a tenant without configurations has the whole catalogue, not %d rows", len(rows))
	}
	c.do("GET", "/tenants/x").wantRefusal(404, "tenant-not-found")
	c.do("GET", "/tenants/x/metrics-integration").wantRefusal(404, "tenant-not-found")
}

func TestMetricsIntegration(t *testing.T) {
	t.Parallel()
	state := fleet()
	state.Instances = state.Instances[:2]
	state.Instances = append(state.Instances, aurasim.InstanceState{ID: free, Name: "f", TenantID: tenantB, Type: "free-db", Memory: "1GB"})
	c := newClient(t, newSim(t, aurasim.Options{State: state}))
	got := c.must(200, "GET", "/tenants/"+tenantA+"/metrics-integration").text("endpoint")
	if got != "https://customer-metrics-api.neo4j.io/api/v1/"+tenantA+"/metrics" {
		t.Error(got)
	}
	c.do("GET", "/tenants/"+tenantB+"/metrics-integration").wantRefusal(400, "tenant-incapable-of-action")

	c = newClient(t, newSim(t, aurasim.Options{State: state, MetricsURL: "http://127.0.0.1:1"}))
	if got := c.must(200, "GET", "/instances/"+orders).text("metrics_integration_url"); got != "http://127.0.0.1:1/api/v1/"+tenantA+"/"+orders+"/metrics" {
		t.Error(got)
	}
}

func TestSizing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		status     int
		want       map[string]any
		field      string
	}{
		{"a small graph", `{"node_count":1000,"relationship_count":1000}`, 200,
			map[string]any{"did_exceed_maximum": false, "min_required_memory": "1GB", "recommended_size": "1GB"}, ""},
		{"a bigger one with algorithms", `{"node_count":50000000,"relationship_count":100000000,"instance_type":"enterprise-ds","algorithm_categories":["centrality","path-finding"]}`, 200,
			map[string]any{"did_exceed_maximum": false, "min_required_memory": "18GB", "recommended_size": "24GB"}, ""},
		{"one beyond every size", `{"node_count":9000000000000,"relationship_count":0,"algorithm_categories":["pathfinding"]}`, 200,
			map[string]any{"did_exceed_maximum": true, "min_required_memory": "1048577GB", "recommended_size": "512GB"}, ""},
		{"without nodes", `{"relationship_count":1}`, 400, nil, "node_count"},
		{"with a negative count", `{"node_count":1,"relationship_count":-1}`, 400, nil, "node_count"},
		{"for another type", `{"node_count":1,"relationship_count":1,"instance_type":"free-db"}`, 400, nil, "instance_type"},
		{"with an unknown category", `{"node_count":1,"relationship_count":1,"algorithm_categories":["magic"]}`, 400, nil, "algorithm_categories"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := newClient(t, newSim(t, aurasim.Options{})).must(tt.status, "POST", "/instances/sizing", tt.body)
			if tt.status == 400 {
				if _, _, field := got.refusal(); field != tt.field {
					t.Error(got.body)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got.data()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

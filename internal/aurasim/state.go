package aurasim

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// State is what a simulator starts with, as Go values or, by [LoadState], from a file.
type State struct {
	Tenants   []TenantState   `json:"tenants"`
	Instances []InstanceState `json:"instances,omitempty"`
	Snapshots []SnapshotState `json:"snapshots,omitempty"`

	// Credentials, when there are none, are [DemoClientID] and [DemoClientSecret] with every tenant.
	Credentials []Credential `json:"credentials,omitempty"`
}

// TenantState is a tenant (a "project" in Aura's console).
type TenantState struct {
	ID   string `json:"id"`
	Name string `json:"name"`

	// Configurations are the only combinations that can be created in the tenant; none means the whole catalogue
	// that the simulator knows.
	Configurations []InstanceConfiguration `json:"instance_configurations,omitempty"`

	MaxInstances     int  `json:"max_instances,omitempty"` // 0: no limit
	NoBillingDetails bool `json:"no_billing_details,omitempty"`
}

// InstanceConfiguration is one row of what a tenant may create.
type InstanceConfiguration struct {
	CloudProvider string `json:"cloud_provider"`
	Region        string `json:"region"`
	RegionName    string `json:"region_name"`
	Type          string `json:"type"`
	Memory        string `json:"memory"`
	Storage       string `json:"storage"`
	Version       string `json:"version"`
}

// InstanceState is an instance. ID, name, tenant, type and memory must be given; the rest has defaults.
type InstanceState struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	TenantID      string `json:"tenant_id"`
	Type          string `json:"type"`
	CloudProvider string `json:"cloud_provider"` // "" means gcp
	Region        string `json:"region"`         // "" means europe-west1
	Memory        string `json:"memory"`
	Storage       string `json:"storage,omitempty"` // "" means twice the memory, none on free-db

	// Status may be any of Aura's, transitional ones included; "" means running.
	Status string `json:"status,omitempty"`
	// StatusSince is when the status was entered; zero means when the simulator started.
	StatusSince time.Time `json:"status_since,omitzero"`
	// CreatedAt is when the simulator started if it is zero. It decides how many scheduled snapshots there are.
	CreatedAt time.Time `json:"created_at,omitzero"`

	// GraphNodes and GraphRelationships are kept for every instance and travel with snapshots, restores and
	// overwrites; Aura shows them for free-db only.
	GraphNodes         int64 `json:"graph_nodes,omitempty"`
	GraphRelationships int64 `json:"graph_relationships,omitempty"`

	SecondariesCount     int    `json:"secondaries_count,omitempty"`
	CDCEnrichmentMode    string `json:"cdc_enrichment_mode,omitempty"` // "" means OFF where there is CDC
	VectorOptimized      bool   `json:"vector_optimized,omitempty"`
	GraphAnalyticsPlugin bool   `json:"graph_analytics_plugin,omitempty"`
	CustomerManagedKeyID string `json:"customer_managed_key_id,omitempty"`
}

// SnapshotState is a snapshot beyond those that Aura takes by itself.
type SnapshotState struct {
	InstanceID string    `json:"instance_id"`
	ID         string    `json:"snapshot_id"`
	Profile    string    `json:"profile,omitempty"` // "" means AdHoc
	Status     string    `json:"status,omitempty"`  // "" means Completed; an unfinished one goes on from the start of the simulator
	Timestamp  time.Time `json:"timestamp,omitzero"`
	Exportable bool      `json:"exportable"`

	GraphNodes         int64 `json:"graph_nodes,omitempty"`
	GraphRelationships int64 `json:"graph_relationships,omitempty"`
}

// Credential is a client ID with its secret, and the tenants it may see; none means all.
type Credential struct {
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	Tenants      []string `json:"tenants,omitempty"`
}

func (c Credential) sees(tenantID string) bool {
	return len(c.Tenants) == 0 || slices.Contains(c.Tenants, tenantID)
}

func nameComplaint(name string) string {
	switch {
	case name == "" || utf8.RuneCountInString(name) > 30:
		return fmt.Sprintf("%q: must be 1 to 30 characters", name)
	case strings.TrimSpace(name) != name:
		return fmt.Sprintf("%q: must not begin or end with a blank", name)
	default:
		return ""
	}
}

func listed(allowed []string) string { return strings.Join(allowed, ", ") }

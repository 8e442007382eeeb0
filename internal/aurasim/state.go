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
	Keys      []KeyState      `json:"customer_managed_keys,omitempty"`
	Sessions  []SessionState  `json:"sessions,omitempty"`

	// Credentials, when there are none, are [DemoClientID] and [DemoClientSecret] with every tenant.
	Credentials []Credential `json:"credentials,omitempty"`
}

// What an instance or a session has that does not say where it is.
const (
	defaultProvider = "gcp"
	defaultRegion   = "europe-west1"
)

// TenantState is a tenant (a "project" in Aura's console).
type TenantState struct {
	ID   string `json:"id"`
	Name string `json:"name"`

	// Configurations are the only combinations that can be created in the tenant; none means the whole catalogue
	// that the simulator knows.
	Configurations []InstanceConfiguration `json:"instance_configurations,omitempty"`

	MaxInstances     int  `json:"max_instances,omitempty"` // 0: no limit
	NoBillingDetails bool `json:"no_billing_details,omitempty"`

	// ComprehensiveMetrics is the granularity of the tenant's own metrics endpoint: all its instances by zone and mode.
	ComprehensiveMetrics bool `json:"comprehensive_metrics,omitempty"`
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

	// Scenario is how the instance fares as long as it runs, one of [Scenarios]; "" means healthy.
	Scenario string `json:"scenario,omitempty"`
	// ComprehensiveMetrics is the granularity of the instance's own metrics endpoint: by zone and mode.
	ComprehensiveMetrics bool `json:"comprehensive_metrics,omitempty"`
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

// KeyState is a customer managed key. Status and Created have defaults.
type KeyState struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	TenantID      string    `json:"tenant_id"`
	KeyID         string    `json:"key_id"` // what the cloud provider calls the key
	CloudProvider string    `json:"cloud_provider"`
	Region        string    `json:"region"`
	InstanceType  string    `json:"instance_type"`
	Status        string    `json:"status,omitempty"` // "" means ready; pending stays pending, see [Console.SetKeyStatus]
	Created       time.Time `json:"created,omitzero"` // zero means when the simulator started
}

// SessionState is a Graph Analytics session. ID, name, tenant and memory must be given.
type SessionState struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	TenantID      string `json:"tenant_id"`
	Memory        string `json:"memory"`
	InstanceID    string `json:"instance_id,omitempty"` // "" means that it stands alone
	DatabaseID    string `json:"database_id,omitempty"`
	CloudProvider string `json:"cloud_provider,omitempty"` // "" means the instance's, or gcp
	Region        string `json:"region,omitempty"`         // "" means the instance's, or europe-west1

	// Status may be any of Aura's; "" means Ready. Creating goes on and Ready is idle from the start of the simulator.
	Status string `json:"status,omitempty"`
	// Reason is why a session is Expired or Failed; "" means Inactivity or OutOfMemory.
	Reason string `json:"reason,omitempty"`

	TTL       string    `json:"ttl,omitempty"`       // a Go duration, with days if need be ("1d12h"); "" means 1h
	CreatedAt time.Time `json:"created_at,omitzero"` // zero means when the simulator started
	UserID    string    `json:"user_id,omitempty"`   // "" means the user behind the first credentials
}

// Credential is a client ID with its secret, and the tenants it may see; none means all. NoMetrics is for one whose
// user does not have the role for metrics.
type Credential struct {
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	Tenants      []string `json:"tenants,omitempty"`
	NoMetrics    bool     `json:"no_metrics,omitempty"`
}

func (c Credential) sees(tenantID string) bool {
	return len(c.Tenants) == 0 || slices.Contains(c.Tenants, tenantID)
}

// credentials are those that are accepted.
func (s State) credentials() []Credential {
	if len(s.Credentials) == 0 {
		return demoCredentials()
	}
	return s.Credentials
}

func nameComplaint(name string) string {
	if wrong := lengthComplaint(name); wrong != "" || strings.TrimSpace(name) == name {
		return wrong
	}
	return fmt.Sprintf("%q: must not begin or end with a blank", name)
}

// lengthComplaint is all that is known about the name of a key.
func lengthComplaint(name string) string {
	if name == "" || utf8.RuneCountInString(name) > 30 {
		return fmt.Sprintf("%q: must be 1 to 30 characters", name)
	}
	return ""
}

func listed(allowed []string) string { return strings.Join(allowed, ", ") }

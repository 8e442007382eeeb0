package auraclient

import "time"

// InstanceSummary is what a list says about an instance.
type InstanceSummary struct {
	ID            string
	Name          string
	TenantID      string
	CloudProvider string
	CreatedAt     time.Time
}

// Instance is a database of Aura. A zero field is unknown or does not exist on
// this plan: memory and connection URL can be missing while an instance is
// created, memory while it is destroyed, and an old instance may have no type.
type Instance struct {
	ID                   string
	Name                 string
	Status               Status
	TenantID             string
	CloudProvider        string // gcp, aws or azure
	Region               string
	Type                 InstanceType
	Memory               string // such as "8GB"
	Storage              string // likewise; free instances have none
	ConnectionURL        string
	MetricsURL           string // only on plans with metrics
	CustomerManagedKeyID string
	CreatedAt            time.Time
	GraphNodes           *int64 // free instances only
	GraphRelationships   *int64 // free instances only
	SecondariesCount     *int
	CDCEnrichmentMode    string // OFF, DIFF or FULL
	VectorOptimized      *bool
	GraphAnalyticsPlugin *bool
}

// CreateInstanceRequest describes an instance to be made. The first group is
// required by Aura on every plan, a free one included. Which combinations there
// are is in [TenantDetails].
type CreateInstanceRequest struct {
	Name          string // 1 to 30 characters
	TenantID      string
	CloudProvider string
	Region        string
	Type          InstanceType
	Memory        string // such as "8GB"

	Version              string // "5" when empty, which means the latest
	Storage              string // twice the memory when empty
	SourceInstanceID     string // to clone
	SourceSnapshotID     string // of the source, and exportable; the present state when empty
	CustomerManagedKeyID string
	VectorOptimized      *bool
	GraphAnalyticsPlugin *bool
}

func (r CreateInstanceRequest) check() error {
	if err := required([]argument{
		{"name", r.Name}, {"tenant id", r.TenantID}, {"cloud provider", r.CloudProvider},
		{"region", r.Region}, {"type", string(r.Type)}, {"memory", r.Memory},
	}); err != nil {
		return err
	}
	if r.SourceSnapshotID != "" && r.SourceInstanceID == "" {
		return &ArgumentError{Argument: "source snapshot id", Problem: "needs the source instance it belongs to"}
	}
	return nil
}

func (r CreateInstanceRequest) wire() createWire {
	if r.Version == "" {
		r.Version = "5"
	}
	return createWire(r)
}

// createWire has the fields of CreateInstanceRequest in the same order.
type createWire struct {
	Name                 string       `json:"name"`
	TenantID             string       `json:"tenant_id"`
	CloudProvider        string       `json:"cloud_provider"`
	Region               string       `json:"region"`
	Type                 InstanceType `json:"type"`
	Memory               string       `json:"memory"`
	Version              string       `json:"version"`
	Storage              string       `json:"storage,omitempty"`
	SourceInstanceID     string       `json:"source_instance_id,omitempty"`
	SourceSnapshotID     string       `json:"source_snapshot_id,omitempty"`
	CustomerManagedKeyID string       `json:"customer_managed_key_id,omitempty"`
	VectorOptimized      *bool        `json:"vector_optimized,omitempty"`
	GraphAnalyticsPlugin *bool        `json:"graph_analytics_plugin,omitempty"`
}

// CreatedInstance is Aura's answer to a create, which has no status. Everything
// but ID can be missing.
type CreatedInstance struct {
	ID                   string
	Name                 string
	TenantID             string
	CloudProvider        string
	Region               string
	Type                 InstanceType
	ConnectionURL        string
	Username             string
	Password             Secret // never to be had again: Aura has no reset
	CreatedAt            time.Time
	VectorOptimized      *bool
	GraphAnalyticsPlugin *bool
}

// UpdateInstanceRequest is what to change; nil fields stay as they are and are
// not sent.
type UpdateInstanceRequest struct {
	Name                 *string `json:"name,omitempty"`
	Memory               *string `json:"memory,omitempty"` // storage grows or shrinks with it
	Storage              *string `json:"storage,omitempty"`
	VectorOptimized      *bool   `json:"vector_optimized,omitempty"`
	GraphAnalyticsPlugin *bool   `json:"graph_analytics_plugin,omitempty"`
	SecondariesCount     *int    `json:"secondaries_count,omitempty"`
	CDCEnrichmentMode    *string `json:"cdc_enrichment_mode,omitempty"`
}

// OverwriteRequest names the source of the new data. At least one field must be
// set.
type OverwriteRequest struct {
	SourceInstanceID string `json:"source_instance_id"`           // the overwritten instance itself when empty
	SourceSnapshotID string `json:"source_snapshot_id,omitempty"` // when empty Aura takes a new one of the source
}

// UpgradeRequest is the size after an upgrade: both fields, or neither for the
// present size.
type UpgradeRequest struct {
	Memory  string `json:"memory,omitempty"`
	Storage string `json:"storage,omitempty"`
}

// SizingRequest describes a graph and what is to be run on it.
type SizingRequest struct {
	NodeCount           int64        `json:"node_count"`
	RelationshipCount   int64        `json:"relationship_count"`
	InstanceType        InstanceType `json:"instance_type,omitempty"`        // professional-ds or enterprise-ds
	AlgorithmCategories []string     `json:"algorithm_categories,omitempty"` // such as "centrality"
}

// SizeEstimate is Aura's answer to a [SizingRequest].
type SizeEstimate struct {
	DidExceedMaximum  bool   // the graph needs more than Aura offers
	MinRequiredMemory string // such as "14GB"
	RecommendedSize   string // such as "16GB"
}

// instanceWire is every field that an answer about an instance may have.
type instanceWire struct {
	ID                   text   `json:"id"`
	Name                 text   `json:"name"`
	Status               text   `json:"status"`
	TenantID             text   `json:"tenant_id"`
	CloudProvider        text   `json:"cloud_provider"`
	Region               text   `json:"region"`
	Type                 text   `json:"type"`
	Memory               text   `json:"memory"`
	Storage              text   `json:"storage"`
	ConnectionURL        text   `json:"connection_url"`
	MetricsURL           text   `json:"metrics_integration_url"`
	CustomerManagedKeyID text   `json:"customer_managed_key_id"`
	CreatedAt            moment `json:"created_at"`
	GraphNodes           count  `json:"graph_nodes"`
	GraphRelationships   count  `json:"graph_relationships"`
	SecondariesCount     count  `json:"secondaries_count"`
	CDCEnrichmentMode    text   `json:"cdc_enrichment_mode"`
	VectorOptimized      flag   `json:"vector_optimized"`
	GraphAnalyticsPlugin flag   `json:"graph_analytics_plugin"`
	Username             text   `json:"username"` // these two after a create only
	Password             text   `json:"password"`
}

func (w instanceWire) summary() InstanceSummary {
	return InstanceSummary{
		ID: string(w.ID), Name: string(w.Name), TenantID: string(w.TenantID),
		CloudProvider: string(w.CloudProvider), CreatedAt: w.CreatedAt.Time,
	}
}

func (w instanceWire) instance() *Instance {
	return &Instance{
		ID: string(w.ID), Name: string(w.Name), Status: Status(w.Status), TenantID: string(w.TenantID),
		CloudProvider: string(w.CloudProvider), Region: string(w.Region), Type: InstanceType(w.Type),
		Memory: string(w.Memory), Storage: string(w.Storage), ConnectionURL: string(w.ConnectionURL),
		MetricsURL: string(w.MetricsURL), CustomerManagedKeyID: string(w.CustomerManagedKeyID),
		CreatedAt: w.CreatedAt.Time, GraphNodes: w.GraphNodes.value, GraphRelationships: w.GraphRelationships.value,
		SecondariesCount: w.SecondariesCount.int(), CDCEnrichmentMode: string(w.CDCEnrichmentMode),
		VectorOptimized: w.VectorOptimized.value, GraphAnalyticsPlugin: w.GraphAnalyticsPlugin.value,
	}
}

func (w instanceWire) created() *CreatedInstance {
	return &CreatedInstance{
		ID: string(w.ID), Name: string(w.Name), TenantID: string(w.TenantID), CloudProvider: string(w.CloudProvider),
		Region: string(w.Region), Type: InstanceType(w.Type), ConnectionURL: string(w.ConnectionURL),
		Username: string(w.Username), Password: Secret(w.Password), CreatedAt: w.CreatedAt.Time,
		VectorOptimized: w.VectorOptimized.value, GraphAnalyticsPlugin: w.GraphAnalyticsPlugin.value,
	}
}

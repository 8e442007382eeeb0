package aurasim

// The JSON of Aura's answers, written from the API's documentation and from nothing else.

type wireData struct {
	Data any `json:"data"`
}

type wireErrors struct {
	Errors []wireError `json:"errors"`
}

type wireError struct {
	Message string `json:"message"`
	Reason  string `json:"reason"`
	Field   string `json:"field,omitempty"`
}

type wireGatewayError struct {
	Error string `json:"error"`
}

type wireOAuthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

type wireToken struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
	TokenType   string `json:"token_type"`
}

type wireTenantSummary struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type wireTenant struct {
	ID             string              `json:"id"`
	Name           string              `json:"name"`
	Configurations []wireConfiguration `json:"instance_configurations"`
}

type wireConfiguration struct {
	CloudProvider string `json:"cloud_provider"`
	Region        string `json:"region"`
	RegionName    string `json:"region_name"`
	Type          string `json:"type"`
	Memory        string `json:"memory"`
	Storage       string `json:"storage"`
	Version       string `json:"version"`
}

type wireEndpoint struct {
	Endpoint string `json:"endpoint"`
}

// wireInstanceSummary is all a list says: there is no status in it.
type wireInstanceSummary struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	TenantID      string `json:"tenant_id"`
	CloudProvider string `json:"cloud_provider"`
	CreatedAt     string `json:"created_at"`
}

type wireInstance struct {
	ID                   string  `json:"id"`
	Name                 string  `json:"name"`
	Status               string  `json:"status"`
	TenantID             string  `json:"tenant_id"`
	CloudProvider        string  `json:"cloud_provider"`
	ConnectionURL        *string `json:"connection_url"`
	MetricsURL           string  `json:"metrics_integration_url,omitempty"`
	Region               string  `json:"region"`
	Type                 string  `json:"type,omitempty"`
	Memory               *string `json:"memory,omitempty"`
	Storage              string  `json:"storage,omitempty"`
	CreatedAt            string  `json:"created_at"`
	CustomerManagedKeyID string  `json:"customer_managed_key_id,omitempty"`
	GraphNodes           any     `json:"graph_nodes,omitempty"` // a string, or a number
	GraphRelationships   any     `json:"graph_relationships,omitempty"`
	SecondariesCount     *int    `json:"secondaries_count,omitempty"`
	CDCEnrichmentMode    string  `json:"cdc_enrichment_mode,omitempty"`
	VectorOptimized      *bool   `json:"vector_optimized,omitempty"`
	GraphAnalyticsPlugin *bool   `json:"graph_analytics_plugin,omitempty"`
}

// wireCreated is the only answer with a password, and it has neither status nor memory.
type wireCreated struct {
	ID                   string `json:"id"`
	ConnectionURL        string `json:"connection_url"`
	Username             string `json:"username"`
	Password             string `json:"password"`
	TenantID             string `json:"tenant_id"`
	CloudProvider        string `json:"cloud_provider"`
	Region               string `json:"region"`
	Type                 string `json:"type"`
	Name                 string `json:"name"`
	CreatedAt            string `json:"created_at,omitempty"`
	VectorOptimized      *bool  `json:"vector_optimized,omitempty"`
	GraphAnalyticsPlugin *bool  `json:"graph_analytics_plugin,omitempty"`
}

type wireSizing struct {
	DidExceedMaximum  bool   `json:"did_exceed_maximum"`
	MinRequiredMemory string `json:"min_required_memory"`
	RecommendedSize   string `json:"recommended_size"`
}

type wireSnapshot struct {
	InstanceID string `json:"instance_id"`
	SnapshotID string `json:"snapshot_id"`
	Profile    string `json:"profile"`
	Status     string `json:"status"`
	Timestamp  string `json:"timestamp"`
	Exportable bool   `json:"exportable"`
}

type wireSnapshotCreated struct {
	SnapshotID string `json:"snapshot_id"`
}

// wireKeySummary is all a list says.
type wireKeySummary struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	TenantID string `json:"tenant_id"`
}

// wireKey has "created" where an instance has "created_at", and its type under two names.
type wireKey struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Created       string `json:"created"`
	CloudProvider string `json:"cloud_provider"`
	KeyID         string `json:"key_id"`
	Region        string `json:"region"`
	Type          string `json:"type"`
	InstanceType  string `json:"instance_type"`
	TenantID      string `json:"tenant_id"`
	Status        string `json:"status"`
}

// wireSession has its tenant and its database under an old and a new name.
type wireSession struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	Memory        string  `json:"memory"`
	InstanceID    string  `json:"instance_id"`
	DatabaseUUID  string  `json:"database_uuid"`
	DatabaseID    string  `json:"database_id"`
	Status        string  `json:"status"`
	CreatedAt     string  `json:"created_at"`
	Host          string  `json:"host"`
	ExpiryDate    *string `json:"expiry_date"`
	TTL           *string `json:"ttl"`
	UserID        string  `json:"user_id"`
	TenantID      string  `json:"tenant_id"`
	ProjectID     string  `json:"project_id"`
	CloudProvider string  `json:"cloud_provider"`
	Region        string  `json:"region"`
}

// wireSessionDetails may have both: why a session has ended, and what it was.
type wireSessionDetails struct {
	Data   wireSession        `json:"data"`
	Errors []wireSessionError `json:"errors"`
}

type wireSessions struct {
	Data   []wireSession      `json:"data"`
	Errors []wireSessionError `json:"errors"`
}

type wireSessionError struct {
	ID      string `json:"id"`
	Message string `json:"message"`
	Reason  string `json:"reason"`
}

// wireSessionRefusal says that there is no data.
type wireSessionRefusal struct {
	Data   any                `json:"data"` // null
	Errors []wireSessionError `json:"errors"`
}

type wireErrorsObject struct {
	Errors wireMessage `json:"errors"`
}

type wireMessage struct {
	Message string `json:"message"`
}

type wireSessionSizing struct {
	EstimatedMemory string `json:"estimated_memory"`
	RecommendedSize string `json:"recommended_size"`
}

type wireSessionDeleted struct {
	ID string `json:"id"`
}

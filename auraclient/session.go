package auraclient

import "time"

// SessionStatus is the state of a session, an open enumeration as [Status] is.
// Right after a create it is "", which means that the session is being created.
type SessionStatus string

// The session statuses that Aura is known to use.
const (
	SessionCreating SessionStatus = "Creating"
	SessionReady    SessionStatus = "Ready"
	SessionExpired  SessionStatus = "Expired" // unused for its TTL, or a week old
	SessionFailed   SessionStatus = "Failed"
	SessionNotReady SessionStatus = "NotReady" // these two in the second version of the API
	SessionDeleted  SessionStatus = "Deleted"
)

// Failed reports whether the session cannot be used, now or later.
func (s SessionStatus) Failed() bool {
	return s == SessionFailed || s == SessionExpired || s == SessionDeleted
}

// Session is a graph analytics session. What Aura did not say is zero.
type Session struct {
	ID            string
	Name          string
	Memory        string // such as "8GB", also where Aura says 8Gi
	InstanceID    string // "" when it is attached to none
	DatabaseID    string
	TenantID      string
	Host          string
	CloudProvider string // gcp, aws or azure
	Region        string
	UserID        string // who made it
	Status        SessionStatus
	CreatedAt     time.Time
	ExpiresAt     time.Time     // at the latest
	TTL           time.Duration // how long it may go unused
	Warnings      []SessionWarning
}

// SessionWarning is what Aura has to say about a session, mostly why it ended.
type SessionWarning struct {
	Message string
	Reason  string // such as "OutOfMemory" or "Inactivity"; often missing
}

// SessionFilter chooses the sessions of a list. Empty fields do not limit it.
type SessionFilter struct {
	TenantID       string
	InstanceID     string
	OrganizationID string
}

// CreateSessionRequest describes a session to be made: attached to an instance, or
// on its own in a region of a cloud provider.
type CreateSessionRequest struct {
	Name   string
	Memory string        // such as "8GB"
	TTL    time.Duration // how long it may go unused; Aura's default of an hour when zero

	InstanceID string // to attach to
	DatabaseID string // of that instance; may be empty

	CloudProvider string // these two are for a session on its own
	Region        string

	TenantID string // of the instance, so that it may be empty; needed for a session on its own
}

func (r CreateSessionRequest) check() error {
	needed := []argument{{"name", r.Name}, {"memory", r.Memory}}
	alone := r.CloudProvider != "" || r.Region != ""
	switch {
	case r.InstanceID != "" && alone:
		return &ArgumentError{Argument: "session", Problem: "is either attached to an instance or placed in a cloud provider's region, not both"}
	case r.InstanceID == "" && !alone:
		return &ArgumentError{Argument: "session", Problem: "needs an instance to be attached to, or a cloud provider and region"}
	case alone && r.DatabaseID != "":
		return &ArgumentError{Argument: "database id", Problem: "needs the instance it belongs to"}
	case r.TTL < 0 || r.TTL%time.Second != 0:
		return &ArgumentError{Argument: "ttl", Problem: "is not a number of seconds"}
	case alone:
		needed = append(needed, argument{"cloud provider", r.CloudProvider}, argument{"region", r.Region}, argument{"tenant id", r.TenantID})
	}
	return required(needed)
}

func (r CreateSessionRequest) wire() createSessionWire {
	w := createSessionWire{
		Name: r.Name, Memory: r.Memory, InstanceID: r.InstanceID, DatabaseID: r.DatabaseID,
		CloudProvider: r.CloudProvider, Region: r.Region, TenantID: r.TenantID,
	}
	if r.TTL > 0 {
		w.TTL = r.TTL.String()
	}
	return w
}

// createSessionWire has the names of Aura's specification. Unlike in a query, the
// newer ones cannot be sent beside them: whether this version of the API takes
// unknown fields is not documented, and the second version does not.
type createSessionWire struct {
	Name          string `json:"name"`
	Memory        string `json:"memory"`
	TTL           string `json:"ttl,omitempty"` // an integer in the specification, which is wrong there
	InstanceID    string `json:"instance_id,omitempty"`
	DatabaseID    string `json:"database_uuid,omitempty"`
	CloudProvider string `json:"cloud_provider,omitempty"`
	Region        string `json:"region,omitempty"`
	TenantID      string `json:"tenant_id,omitempty"`
}

// SessionSizingRequest describes a graph and what is to be run on it.
type SessionSizingRequest struct {
	NodeCount                 int64    `json:"node_count"`
	RelationshipCount         int64    `json:"relationship_count"`
	NodePropertyCount         int64    `json:"node_property_count"`
	NodeLabelCount            int64    `json:"node_label_count"`
	RelationshipPropertyCount int64    `json:"relationship_property_count"`
	AlgorithmCategories       []string `json:"algorithm_categories,omitempty"` // such as "centrality"
}

// SessionSizeEstimate is Aura's answer to a [SessionSizingRequest].
type SessionSizeEstimate struct {
	EstimatedMemory string // such as "6GB"
	RecommendedSize string // such as "8GB"
}

package aurasim

// Quirks are the ways in which Aura has been seen to deviate from its usual behaviour. All off is the usual
// behaviour; a client should survive any combination.
type Quirks struct {
	NullConnectionURLWhileCreating bool // connection_url is null and memory "" until the instance runs
	MissingMemoryWhileDestroying   bool // no memory field in the details of an instance being destroyed
	EarlyNotFound                  bool // a new instance is unknown (404, absent from lists) for its first 10 s
	EmptyPatchBody                 bool // a PATCH answered 202 has no body at all
	Expired403                     bool // an expired token is answered 403 instead of 401
	Gone410                        bool // a destroyed instance is answered 410 db-already-deleted instead of 404
	Cap405                         bool // a create over quota is answered 405 instead of 402
	LateStatus                     bool // 202 answers still show the status from before the operation
	Resizing                       bool // the status after a PATCH of memory or storage is "resizing", not "updating"
	TimestampSnapshotIDs           bool // new ad-hoc snapshots are called 2026-01-20T18:07:25Z-adhoc, not a UUID
	MissingType                    bool // no type field in the details of a business-critical instance, as with old ones
	MissingCreatedAt               bool // no created_at in the answer to a create
	NumericGraphCounts             bool // graph_nodes and graph_relationships are numbers, not strings
	KeyStaysPending                bool // a new key is never ready, as when nobody sets up its permission at the cloud provider
	SessionMemoryGi                bool // the memory of a session is "8Gi" in answers
	SessionErrorsObject            bool // the errors of a 400 about sessions are one object, not a list of them
	NullSessionTimes               bool // expiry_date and ttl of a session are null until it is ready
	CapitalBearer                  bool // the token_type is "Bearer", not "bearer"
	APIExpires                     bool // every answer of the API announces in X-Tyk-Api-Expires that the version will go
}

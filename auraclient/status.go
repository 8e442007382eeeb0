package auraclient

import "strings"

// Status is the state of an instance. It is an open enumeration: Aura may answer
// with a value that is not listed here, and "" means that it did not say.
type Status string

// The statuses that Aura is known to use.
const (
	StatusCreating      Status = "creating"
	StatusDestroying    Status = "destroying"
	StatusRunning       Status = "running"
	StatusPausing       Status = "pausing"
	StatusPaused        Status = "paused"
	StatusSuspending    Status = "suspending"
	StatusSuspended     Status = "suspended"
	StatusResuming      Status = "resuming"
	StatusLoading       Status = "loading"        // data of a clone or overwrite is read in
	StatusLoadingFailed Status = "loading failed" // with a space, on the wire too
	StatusRestoring     Status = "restoring"
	StatusUpdating      Status = "updating"
	StatusResizing      Status = "resizing" // not in Aura's specification, but seen after a change of memory
	StatusOverwriting   Status = "overwriting"
	StatusUpgrading     Status = "upgrading" // likewise known from the second version of the API only

	StatusEncryptionKeyDeleted  Status = "encryption key deleted"
	StatusEncryptionKeyError    Status = "encryption key error"
	StatusEncryptionKeyNotFound Status = "encryption key not found"
)

// Known reports whether s is one of the statuses listed in this package.
func (s Status) Known() bool {
	switch s {
	case StatusCreating, StatusDestroying, StatusRunning, StatusPausing, StatusPaused, StatusSuspending,
		StatusSuspended, StatusResuming, StatusLoading, StatusLoadingFailed, StatusRestoring, StatusUpdating,
		StatusResizing, StatusOverwriting, StatusUpgrading,
		StatusEncryptionKeyDeleted, StatusEncryptionKeyError, StatusEncryptionKeyNotFound:
		return true
	}
	return false
}

// Transitional reports whether the instance is on its way to another status. A
// status that this package does not know counts as transitional; a missing one
// does not.
func (s Status) Transitional() bool {
	switch s {
	case "", StatusRunning, StatusPaused, StatusSuspended:
		return false
	}
	return !s.Failed()
}

// Failed reports whether the instance is stuck until somebody does something.
func (s Status) Failed() bool {
	return s == StatusLoadingFailed || strings.HasPrefix(string(s), "encryption key ")
}

// InstanceType is the plan of an instance, an open enumeration as [Status] is.
type InstanceType string

// The plans that Aura is known to offer.
const (
	TypeFree             InstanceType = "free-db"
	TypeProfessional     InstanceType = "professional-db"
	TypeBusinessCritical InstanceType = "business-critical"
	TypeEnterprise       InstanceType = "enterprise-db" // sold as Virtual Dedicated Cloud
	TypeProfessionalDS   InstanceType = "professional-ds"
	TypeEnterpriseDS     InstanceType = "enterprise-ds"
)

// SnapshotStatus is the state of a snapshot, an open enumeration as [Status] is.
type SnapshotStatus string

// The snapshot statuses that Aura is known to use.
const (
	SnapshotPending    SnapshotStatus = "Pending"
	SnapshotInProgress SnapshotStatus = "InProgress"
	SnapshotCompleted  SnapshotStatus = "Completed"
	SnapshotFailed     SnapshotStatus = "Failed"
	SnapshotCancelled  SnapshotStatus = "Cancelled"
)

// Failed reports whether the snapshot will never be complete.
func (s SnapshotStatus) Failed() bool { return s == SnapshotFailed || s == SnapshotCancelled }

// SnapshotProfile says why a snapshot was taken, an open enumeration as [Status]
// is.
type SnapshotProfile string

// The snapshot profiles that Aura is known to use.
const (
	ProfileAdHoc     SnapshotProfile = "AdHoc" // somebody asked for it
	ProfileScheduled SnapshotProfile = "Scheduled"
)

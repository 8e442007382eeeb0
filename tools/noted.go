package tools

import (
	"fmt"
	"maps"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/health"
)

// noted is what reads for other purposes have shown of an instance: nobody asked Aura for it again.
type noted struct {
	verdict  VerdictNote
	snapshot auraclient.Snapshot            // the newest complete one
	recent   map[string]auraclient.Snapshot // of the last days, by ID, as polls have seen them
	turn     int                            // counts what polls have seen change in recent
}

// VerdictNote is the last health verdict on a database. The zero note is none.
type VerdictNote struct {
	Status string
	Gist   string // the gravest finding, or why nothing is known
	At     time.Time
}

// noteVerdict keeps a verdict. One without a judgement makes the one before it out of date.
func (f *Fleet) noteVerdict(v health.Verdict) {
	note := VerdictNote{Status: string(v.Status), Gist: v.Message, At: v.AssessedAt}
	if len(v.Findings) > 0 && v.Findings[0].Severity != health.SeverityInfo {
		note.Gist = gist(v.Findings[0])
	}
	if v.Status == health.StatusNotMonitored || (v.Status == health.StatusUnknown && v.Reason == health.ReasonNotRunning) {
		note = VerdictNote{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.noted[v.InstanceID]
	n.verdict = note
	f.noted[v.InstanceID] = n
}

// noteSnapshots keeps the newest complete one of snapshots that a read reaching to the present has shown.
func (f *Fleet) noteSnapshots(id string, all ...auraclient.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.noted[id]
	for _, s := range all {
		if s.Status == auraclient.SnapshotCompleted && s.Timestamp.After(n.snapshot.Timestamp) {
			n.snapshot = s
		}
	}
	f.noted[id] = n
}

// recentDays is how long a snapshot that a poll has seen is remembered.
const recentDays = 3

// noteRecent merges what a poll has read of an instance's snapshots and returns a mark that differs when something did.
func (f *Fleet) noteRecent(id string, all []auraclient.Snapshot) (mark string, unfinished bool) {
	f.noteSnapshots(id, all...)
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.noted[id]
	if n.recent == nil {
		n.recent = map[string]auraclient.Snapshot{}
	}
	changed := false
	for _, s := range all {
		if before, known := n.recent[s.SnapshotID]; !known || before.Status != s.Status {
			changed = true
		}
		n.recent[s.SnapshotID] = s
		unfinished = unfinished || !finished(s.Status)
	}
	maps.DeleteFunc(n.recent, func(_ string, s auraclient.Snapshot) bool {
		return !s.Timestamp.IsZero() && time.Since(s.Timestamp) > recentDays*24*time.Hour
	})
	if changed {
		n.turn++
	}
	f.noted[id] = n
	return fmt.Sprint(n.turn), unfinished
}

// notes are what is known of all instances besides their details.
func (f *Fleet) notes() map[string]noted {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.noted)
}

// signs are the parts of an instance whose change somebody may wait for, in one comparable value.
func signs(i auraclient.Instance) string {
	secondaries := -1
	if i.SecondariesCount != nil {
		secondaries = *i.SecondariesCount
	}
	return fmt.Sprintf("%q %q %q %q %q %d", i.Name, i.Status, i.Type, i.Memory, i.Storage, secondaries)
}

package tools

import (
	"context"
	"fmt"
	"sync"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

func (f *Fleet) snapshotOps() []op.Operation {
	return []op.Operation{
		op.Reads(op.Spec{
			Name: "list_snapshots", Title: "List snapshots", Toolset: toolsetSnapshots, Idempotent: true,
			Description: "Lists the snapshots (backups) of a database, newest first: of the last 7 days, of a range, or with near those before and after a moment. For a single one use get_snapshot.",
		}, f.listSnapshots),
		op.Reads(op.Spec{
			Name: "get_snapshot", Title: "Look at a snapshot", Toolset: toolsetSnapshots, Idempotent: true,
			Description: "Shows one snapshot of a database; with wait_seconds, waits until it is finished.",
		}, f.getSnapshot),
		op.Acts(op.Spec{
			Name: "create_snapshot", Title: "Take a snapshot", Toolset: toolsetSnapshots, Effects: op.Write | op.Disruptive,
			Description: "Takes a snapshot (backup) of a running database, or of several, now; it takes about a minute and disturbs nobody. On a free database it replaces the only snapshot, so there a person is asked.",
		}, f.planSnapshot, f.createSnapshot),
		op.Acts(op.Spec{
			Name: "restore_snapshot", Title: "Restore a snapshot", Toolset: toolsetSnapshots, Effects: op.Destructive,
			Description: "Puts a database back to one of its own snapshots, in place; later writes are lost. A person has to type its name. To look at a snapshot's data without that, create_instance makes a clone of it.",
		}, f.planRestore, f.restore),
	}
}

// SnapshotRow is one snapshot.
type SnapshotRow struct {
	SnapshotID string `json:"snapshot_id"`
	Status     string `json:"status"`
	Profile    string `json:"profile,omitempty" jsonschema:"AdHoc or Scheduled"`
	TakenAt    string `json:"taken_at,omitempty"`
	Exportable *bool  `json:"exportable,omitempty" jsonschema:"whether a database can be created or overwritten from it"`
}

func newSnapshotRow(s auraclient.Snapshot) SnapshotRow {
	return SnapshotRow{
		SnapshotID: s.SnapshotID, Status: shown(string(s.Status)), Profile: string(s.Profile), TakenAt: instant(s.Timestamp), Exportable: s.Exportable,
	}
}

type getSnapshotIn struct {
	Instance    string `json:"instance" jsonschema:"ID or name of the database"`
	SnapshotID  string `json:"snapshot_id" jsonschema:"as list_snapshots or create_snapshot gave it"`
	WaitSeconds int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait for it to finish; default 0" min:"0" max:"50"`
}

// SnapshotDetails is one snapshot of an instance.
type SnapshotDetails struct {
	InstanceID string `json:"instance_id"`
	Name       string `json:"name"`
	SnapshotRow
	Next string `json:"next,omitempty"`
}

func (f *Fleet) getSnapshot(ctx context.Context, call op.Call, in getSnapshotIn) (SnapshotDetails, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return SnapshotDetails{}, err
	}
	found, err := f.find(ctx, aura, in.Instance, loosely)
	if err != nil {
		return SnapshotDetails{}, err
	}
	s, err := aura.Snapshots.Get(ctx, found.ID, in.SnapshotID)
	if err != nil {
		return SnapshotDetails{}, fmt.Errorf("read the snapshot %s of %s: %w", text.Quote(in.SnapshotID), found.ID, err)
	}
	if !finished(s.Status) && in.WaitSeconds > 0 {
		if s, err = f.awaitSnapshot(ctx, call, aura, *s, time.Duration(in.WaitSeconds)*time.Second); err != nil {
			return SnapshotDetails{}, err
		}
	}
	if time.Since(s.Timestamp) < time.Hour { // an older one need not be the newest
		f.noteSnapshots(found.ID, *s)
	}
	out := SnapshotDetails{InstanceID: found.ID, Name: found.Name, SnapshotRow: newSnapshotRow(*s)}
	if !finished(s.Status) {
		out.Next = "not finished yet; call get_snapshot again with wait_seconds"
	}
	return out, nil
}

func finished(s auraclient.SnapshotStatus) bool {
	switch s {
	case auraclient.SnapshotCompleted, auraclient.SnapshotFailed, auraclient.SnapshotCancelled:
		return true
	}
	return false
}

// awaitSnapshot waits until the snapshot is finished, well or badly. Not finished in time is no error.
func (f *Fleet) awaitSnapshot(ctx context.Context, call op.Call, aura *auraclient.Client, s auraclient.Snapshot, limit time.Duration) (*auraclient.Snapshot, error) {
	return outlast(ctx, call, limit, "snapshot "+text.Quote(s.SnapshotID), s,
		func(ctx context.Context, update func(auraclient.Snapshot)) (*auraclient.Snapshot, error) {
			return aura.Snapshots.Wait(ctx, s.InstanceID, s.SnapshotID, update)
		}, func(s auraclient.Snapshot) string { return "the snapshot is " + shown(string(s.Status)) })
}

type createSnapshotIn struct {
	targetsIn
	WaitSeconds int `json:"wait_seconds,omitempty" jsonschema:"how long to wait until it is finished; default 0: do not wait" min:"0" max:"50"`
}

// SnapshotCreated is how far taking one or several snapshots has come.
type SnapshotCreated struct {
	State        op.State    `json:"state" enum:"accepted,done,failed,unknown,approval_pending,in_progress"`
	Message      string      `json:"message"`
	SnapshotID   string      `json:"snapshot_id,omitempty"`
	Status       string      `json:"status,omitempty"`
	InstanceID   string      `json:"instance_id,omitempty"`
	Name         string      `json:"name,omitempty"`
	UsuallyTakes string      `json:"usually_takes,omitempty"`
	Next         string      `json:"next,omitempty"`
	Results      []ChangeRow `json:"results,omitempty" jsonschema:"of several: what became of each"`
}

const (
	snapshotTakes   = "about a minute"
	snapshotSeconds = 60
)

func (f *Fleet) planSnapshot(ctx context.Context, in createSnapshotIn) (op.Plan, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	targets, bulk, err := f.targets(ctx, aura, in.targetsIn)
	if err != nil {
		return op.Plan{}, err
	}
	plan := op.Plan{Bulk: bulk}
	for _, t := range targets {
		if t.instance.Status != auraclient.StatusRunning {
			refusal := notNow(t.instance, auraclient.StatusRunning)
			if !bulk {
				return op.Plan{}, refusal
			}
			plan.Skipped = append(plan.Skipped, op.Skip{Resource: t.resource(), Reason: refusal.What})
			continue
		}
		plan.Targets = append(plan.Targets, t.resource())
		plan.Effects |= op.Write
		if t.instance.Type == auraclient.TypeFree || t.instance.Type == "" { // an unknown type may be a free one
			plan.Effects |= op.Disruptive
			plan.Facts = []op.Fact{{Label: "what is lost", Value: "a free database keeps only its latest snapshot: the one before is replaced"}}
			if !bulk {
				plan.Facts = append(plan.Facts, f.newestSnapshot(aura, t.instance, "; this is the one that is replaced"))
			}
			plan.Facts = append(plan.Facts, op.Fact{Label: "can be undone", Value: "no"})
		}
	}
	plan.Headline = headline("Take a snapshot of", plan)
	return plan, nil
}

func (f *Fleet) createSnapshot(ctx context.Context, call op.Call, in createSnapshotIn, plan op.Plan) (SnapshotCreated, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return SnapshotCreated{}, err
	}
	limit := time.Duration(in.WaitSeconds) * time.Second
	if plan.Bulk {
		return f.createSnapshots(ctx, call, aura, plan, limit), nil
	}
	target := plan.Targets[0]
	created, err := aura.Snapshots.Create(ctx, target.ID)
	if err != nil {
		return SnapshotCreated{}, fmt.Errorf("take a snapshot of %s: %w", target.ID, err)
	}
	out := SnapshotCreated{
		State: op.Accepted, SnapshotID: created.SnapshotID, Status: string(auraclient.SnapshotPending),
		InstanceID: target.ID, Name: target.Name, UsuallyTakes: snapshotTakes,
		Message: fmt.Sprintf("Aura is taking a snapshot of %s; it is not finished yet", text.Quote(target.Name)),
		Next:    "call get_snapshot with wait_seconds before you rely on it",
	}
	if limit > 0 {
		f.settleSnapshot(ctx, call, aura, limit, &out)
	}
	return out, nil
}

// settleSnapshot waits for a snapshot that was begun and tells how it ended. A wait that breaks off is no failure of it.
func (f *Fleet) settleSnapshot(ctx context.Context, call op.Call, aura *auraclient.Client, limit time.Duration, out *SnapshotCreated) {
	begun := auraclient.Snapshot{InstanceID: out.InstanceID, SnapshotID: out.SnapshotID, Status: auraclient.SnapshotPending}
	last, err := f.awaitSnapshot(ctx, call, aura, begun, limit)
	if last != nil {
		out.Status = shown(string(last.Status))
	}
	switch {
	case err != nil:
		out.Status = unknownValue
		out.Message = fmt.Sprintf("Aura accepted the snapshot of %s, but how it stands could not be read", text.Quote(out.Name))
	case last.Status == auraclient.SnapshotCompleted:
		out.State, out.UsuallyTakes, out.Next = op.Done, "", ""
		out.Message = fmt.Sprintf("the snapshot of %s is finished", text.Quote(out.Name))
	case finished(last.Status):
		out.State, out.UsuallyTakes = op.Failed, ""
		out.Message = fmt.Sprintf("the snapshot of %s ended as %s: there is no new backup", text.Quote(out.Name), last.Status)
		out.Next = "tell the person; try create_snapshot again, and if it fails again, Aura's support can help"
	}
}

func (f *Fleet) createSnapshots(ctx context.Context, call op.Call, aura *auraclient.Client, plan op.Plan, limit time.Duration) SnapshotCreated {
	rows := f.each(ctx, call, aura, plan, func(t op.Resource) (ChangeRow, error) {
		created, err := aura.Snapshots.Create(ctx, t.ID)
		if err != nil {
			return ChangeRow{}, fmt.Errorf("take a snapshot of %s: %w", t.ID, err)
		}
		return ChangeRow{Outcome: outcomeAccepted, Status: string(auraclient.SnapshotPending), SnapshotID: created.SnapshotID}, nil
	})
	if limit > 0 {
		f.awaitSnapshots(ctx, call, aura, rows, limit)
	}
	out := SnapshotCreated{Results: rows}
	out.Message, out.State = tally(rows, plan)
	if accepted(rows) > 0 {
		out.UsuallyTakes, out.Next = snapshotTakes, "call get_snapshot with wait_seconds before you rely on one"
	}
	if out.State == op.Unknown {
		out.Next = "call list_snapshots for those of unknown outcome before you call this for them again"
	}
	return out
}

// awaitSnapshots waits for all accepted rows together.
func (f *Fleet) awaitSnapshots(ctx context.Context, call op.Call, aura *auraclient.Client, rows []ChangeRow, limit time.Duration) {
	quiet := call
	quiet.Progress = nil // many waits at once would contradict each other
	var group sync.WaitGroup
	var done progress
	waiting := accepted(rows)
	for n := range rows {
		if rows[n].Outcome != outcomeAccepted {
			continue
		}
		group.Go(func() {
			one := SnapshotCreated{InstanceID: rows[n].InstanceID, Name: rows[n].Name, SnapshotID: rows[n].SnapshotID}
			f.settleSnapshot(ctx, quiet, aura, limit, &one)
			rows[n].Status = one.Status
			switch one.State {
			case op.Done:
				rows[n].Outcome = outcomeDone
			case op.Failed:
				rows[n].Outcome, rows[n].Reason = outcomeFailed, one.Message
			default:
				return
			}
			done.step(call, waiting, "snapshots have ended")
		})
	}
	group.Wait()
}

package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

func (f *Fleet) snapshotOps() []op.Operation {
	return []op.Operation{
		op.Reads(op.Spec{
			Name: "list_snapshots", Title: "List snapshots", Toolset: toolsetSnapshots, Idempotent: true,
			Description: "Lists the snapshots (backups) of a database on one day, newest first. Days are UTC.",
		}, f.listSnapshots),
		op.Reads(op.Spec{
			Name: "get_snapshot", Title: "Look at a snapshot", Toolset: toolsetSnapshots, Idempotent: true,
			Description: "Shows one snapshot of a database; with wait_seconds, waits until it is finished.",
		}, f.getSnapshot),
		op.Acts(op.Spec{
			Name: "create_snapshot", Title: "Take a snapshot", Toolset: toolsetSnapshots, Effects: op.Write | op.Disruptive,
			Description: "Takes a snapshot (backup) of a running database now; it takes about a minute and disturbs nobody. On a free database it replaces the only snapshot, so there a person is asked.",
		}, f.planSnapshot, f.createSnapshot),
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

type listSnapshotsIn struct {
	Instance string `json:"instance" jsonschema:"ID or name of the database"`
	Date     string `json:"date,omitempty" jsonschema:"the day, as YYYY-MM-DD in UTC; default today"`
}

// SnapshotList is the snapshots of one day.
type SnapshotList struct {
	InstanceID string        `json:"instance_id"`
	Name       string        `json:"name"`
	Date       string        `json:"date"`
	Total      int           `json:"total"`
	Snapshots  []SnapshotRow `json:"snapshots"`
	Note       string        `json:"note,omitempty"`
}

func (f *Fleet) listSnapshots(ctx context.Context, _ op.Call, in listSnapshotsIn) (SnapshotList, error) {
	day := auraclient.DayOf(time.Now())
	if in.Date != "" {
		parsed, err := auraclient.ParseDay(in.Date)
		if err != nil {
			return SnapshotList{}, &op.Error{What: fmt.Sprintf("argument `date` is %s; allowed: a day as YYYY-MM-DD", text.Quote(in.Date)), Next: "call again with such a date"}
		}
		day = parsed
	}
	aura, err := f.client(ctx)
	if err != nil {
		return SnapshotList{}, err
	}
	found, err := f.find(ctx, aura, in.Instance, loosely)
	if err != nil {
		return SnapshotList{}, err
	}
	all, err := aura.Snapshots.List(ctx, found.ID, day)
	if err != nil {
		return SnapshotList{}, fmt.Errorf("list the snapshots of %s: %w", found.ID, err)
	}
	slices.SortStableFunc(all, func(a, b auraclient.Snapshot) int { return b.Timestamp.Compare(a.Timestamp) })
	out := SnapshotList{InstanceID: found.ID, Name: found.Name, Date: day.String(), Total: len(all), Snapshots: []SnapshotRow{}}
	for _, s := range all {
		out.Snapshots = append(out.Snapshots, newSnapshotRow(s))
	}
	if len(all) == 0 {
		out.Note = "none on this day; try the days before"
	}
	return out, nil
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
	ctx, cancel := call.Patience(ctx, limit)
	defer cancel()
	begun := time.Now()
	last, err := aura.Snapshots.Wait(ctx, s.InstanceID, s.SnapshotID, func(s auraclient.Snapshot) {
		call.Progress(time.Since(begun).Seconds(), limit.Seconds(), "the snapshot is "+string(s.Status))
	})
	if _, waited := errors.AsType[*auraclient.WaitError](err); err != nil && !waited {
		return nil, fmt.Errorf("wait for the snapshot %s: %w", text.Quote(s.SnapshotID), err)
	}
	if last == nil {
		last = &s
	}
	return last, nil
}

type createSnapshotIn struct {
	Instance    string `json:"instance" jsonschema:"ID or exact name of the database"`
	WaitSeconds int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait until it is finished; default 0: do not wait" min:"0" max:"50"`
}

// SnapshotCreated is how far taking a snapshot has come.
type SnapshotCreated struct {
	State        op.State `json:"state" enum:"accepted,done,approval_pending,in_progress"`
	Message      string   `json:"message"`
	SnapshotID   string   `json:"snapshot_id,omitempty"`
	Status       string   `json:"status,omitempty"`
	InstanceID   string   `json:"instance_id"`
	Name         string   `json:"name"`
	UsuallyTakes string   `json:"usually_takes,omitempty"`
	Next         string   `json:"next,omitempty"`
}

func (f *Fleet) planSnapshot(ctx context.Context, in createSnapshotIn) (op.Plan, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	i, tenant, err := f.look(ctx, aura, in.Instance, exactly)
	if err != nil {
		return op.Plan{}, err
	}
	if i.Status != auraclient.StatusRunning {
		return op.Plan{}, notNow(i, auraclient.StatusRunning)
	}
	plan := op.Plan{
		Effects:  op.Write,
		Headline: fmt.Sprintf("Take a snapshot of the database %s.", text.Quote(i.Name)),
		Targets:  []op.Resource{resource(i, tenant)},
	}
	if i.Type == auraclient.TypeFree || i.Type == "" {
		plan.Effects |= op.Disruptive
		plan.Facts = []op.Fact{
			{Label: "what is lost", Value: "a free database keeps only its latest snapshot: the one before is replaced"},
			{Label: "can be undone", Value: "no"},
		}
	}
	return plan, nil
}

func (f *Fleet) createSnapshot(ctx context.Context, call op.Call, in createSnapshotIn, plan op.Plan) (SnapshotCreated, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return SnapshotCreated{}, err
	}
	target := plan.Targets[0]
	created, err := aura.Snapshots.Create(ctx, target.ID)
	if err != nil {
		return SnapshotCreated{}, fmt.Errorf("take a snapshot of %s: %w", target.ID, err)
	}
	out := SnapshotCreated{
		State: op.Accepted, SnapshotID: created.SnapshotID, Status: string(auraclient.SnapshotPending),
		InstanceID: target.ID, Name: target.Name, UsuallyTakes: "about a minute",
		Message: fmt.Sprintf("Aura is taking a snapshot of %s; it is not finished yet", text.Quote(target.Name)),
		Next:    "call get_snapshot with wait_seconds before you rely on it",
	}
	if in.WaitSeconds == 0 {
		return out, nil
	}
	begun := auraclient.Snapshot{InstanceID: target.ID, SnapshotID: created.SnapshotID, Status: auraclient.SnapshotPending}
	last, err := f.awaitSnapshot(ctx, call, aura, begun, time.Duration(in.WaitSeconds)*time.Second)
	if last != nil {
		out.Status = shown(string(last.Status))
	}
	switch {
	case err != nil: // a wait that breaks off is no failure of the snapshot
		out.Status = unknownValue
		out.Message = fmt.Sprintf("Aura accepted the snapshot of %s, but how it stands could not be read", text.Quote(target.Name))
	case last.Status == auraclient.SnapshotCompleted:
		out.State, out.UsuallyTakes, out.Next = op.Done, "", ""
		out.Message = fmt.Sprintf("the snapshot of %s is finished", text.Quote(target.Name))
	case finished(last.Status):
		out.State, out.UsuallyTakes = op.Done, ""
		out.Message = fmt.Sprintf("the snapshot of %s ended as %s: there is no new backup", text.Quote(target.Name), last.Status)
		out.Next = "tell the person; try create_snapshot again, and if it fails again, Aura's support can help"
	}
	return out, nil
}

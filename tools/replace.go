package tools

import (
	"context"
	"fmt"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

type deleteInstanceIn struct {
	Instance    string `json:"instance" jsonschema:"ID or exact name of the database"`
	WaitSeconds int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait until it is gone; default 0" min:"0" max:"50"`
}

func (f *Fleet) planDelete(ctx context.Context, in deleteInstanceIn) (op.Plan, error) {
	aura, t, err := f.aim(ctx, in.Instance)
	if err != nil {
		return op.Plan{}, err
	}
	plan := op.Plan{
		Headline: fmt.Sprintf("Delete the database %s for good.", text.Quote(t.instance.Name)),
		Targets:  []op.Resource{t.resource()},
		Confirm:  t.confirm(),
	}
	switch {
	case t.instance.Status == auraclient.StatusDestroying:
		return plan, nil // on its way already
	case t.instance.Status.Transitional():
		return op.Plan{}, notNow(t.instance, auraclient.StatusRunning)
	}
	plan.Effects = op.Destructive
	plan.Facts = []op.Fact{
		{Label: "what is lost", Value: "the database with everything in it, and all its snapshots"},
		f.newestSnapshot(aura, t.instance, "; it goes with the database"),
		f.inUse(aura, t.instance),
		{Label: "can be undone", Value: "no"},
	}
	return plan, nil
}

func (f *Fleet) delete(ctx context.Context, call op.Call, in deleteInstanceIn, plan op.Plan) (InstanceChange, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceChange{}, err
	}
	target := plan.Targets[0]
	out := InstanceChange{InstanceID: target.ID, Name: target.Name, Status: string(auraclient.StatusDestroying)}
	if plan.Effects == op.Read {
		out.Message = fmt.Sprintf("%s is being deleted already; nothing was sent", text.Quote(target.Name))
	} else {
		f.touch(target)
		_, err := aura.Instances.Delete(ctx, target.ID)
		switch {
		case auraclient.IsGone(err): // somebody else was faster, or it was answered twice: gone is what was wanted
			out.State, out.Status, out.Message = op.Done, statusDeleted, fmt.Sprintf("%s is deleted", text.Quote(target.Name))
			return out, nil
		case err != nil:
			return InstanceChange{}, fmt.Errorf("delete the instance %s: %w", target.ID, err)
		}
	}
	return f.accepted(ctx, call, aura, out, auraclient.StatusDestroying, statusDeleted, in.WaitSeconds), nil
}

type overwriteInstanceIn struct {
	Instance         string `json:"instance" jsonschema:"ID or exact name of the database whose data is REPLACED"`
	SourceInstance   string `json:"source_instance" jsonschema:"ID or exact name of the database that the data comes from"`
	SourceSnapshotID string `json:"source_snapshot_id,omitempty" jsonschema:"a snapshot of the source instead of its present state; must be exportable"`
	WaitSeconds      int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait for the outcome; default 0" min:"0" max:"50"`
}

func (f *Fleet) planOverwrite(ctx context.Context, in overwriteInstanceIn) (op.Plan, error) {
	aura, t, err := f.aim(ctx, in.Instance)
	if err != nil {
		return op.Plan{}, err
	}
	s, err := f.look(ctx, aura, in.SourceInstance, exactly)
	if err != nil {
		return op.Plan{}, err
	}
	if err := overwritable(t, s); err != nil {
		return op.Plan{}, err
	}
	source := s.resource()
	request := auraclient.OverwriteRequest{SourceInstanceID: s.instance.ID, SourceSnapshotID: in.SourceSnapshotID}
	comes := asOf(s.instance, nil) + "; Aura takes a fresh snapshot of it first"
	if in.SourceSnapshotID != "" {
		snapshot, err := f.sourceSnapshot(ctx, aura, s.instance, in.SourceSnapshotID)
		if err != nil {
			return op.Plan{}, err
		}
		source.Detail, comes = "snapshot "+snapshot.SnapshotID, asOf(s.instance, snapshot)
	}
	plan := op.Plan{
		Effects: op.Destructive, Targets: []op.Resource{t.resource()}, Source: &source, Confirm: t.confirm(), Prepared: request,
		Headline: fmt.Sprintf("Replace all data of the database %s by that of %s.", text.Quote(t.instance.Name), text.Quote(source.Name)),
		Facts: []op.Fact{
			{Label: "what is lost", Value: fmt.Sprintf("everything in %s as it is now", text.Quote(t.instance.Name))},
			f.newestSnapshot(aura, t.instance, f.writtenSince(t.instance)),
			{Label: "what comes instead", Value: comes},
			f.inUse(aura, t.instance),
			{Label: "can be undone", Value: "only by restoring a snapshot of it from before"},
		},
	}
	handOver(&plan, s, t.tenant)
	f.promise(&plan, t.instance)
	return plan, nil
}

// overwritable refuses pairs that Aura refuses, some of which it would refuse with an error 500.
func overwritable(t, s target) error {
	can, known := capabilities(t.instance.Type)
	switch {
	case t.instance.ID == s.instance.ID:
		return &op.Error{What: "source and target are the same database", Next: "to put a database back to one of its own snapshots use restore_snapshot", Unchanged: true}
	case known && !can.overwritten:
		return cannot("being overwritten", t.instance.Type, "tell the person; create_instance with source_instance makes a new copy")
	case t.instance.Status != auraclient.StatusRunning:
		return notNow(t.instance, auraclient.StatusRunning)
	case s.instance.Status != auraclient.StatusRunning && s.instance.Status != auraclient.StatusPaused:
		return notNow(s.instance, auraclient.StatusRunning)
	}
	for _, size := range []struct{ what, source, target string }{
		{"memory", s.instance.Memory, t.instance.Memory}, {"storage", s.instance.Storage, t.instance.Storage},
	} {
		if from, to := op.Gigabytes(size.source), op.Gigabytes(size.target); from > 0 && to > 0 && from > to {
			return &op.Error{
				What:      fmt.Sprintf("%s is smaller than %s: %s %s against %s", text.Quote(t.instance.Name), text.Quote(s.instance.Name), size.what, size.target, size.source),
				Next:      "make the target as large as the source with update_instance first, if the person wants that",
				Unchanged: true,
			}
		}
	}
	return nil
}

// sourceSnapshot reads a snapshot that data is to come from.
func (f *Fleet) sourceSnapshot(ctx context.Context, aura *auraclient.Client, i *auraclient.Instance, id string) (*auraclient.Snapshot, error) {
	s, err := f.completedSnapshot(ctx, aura, i, id)
	if err == nil && s.Exportable != nil && !*s.Exportable {
		return nil, &op.Error{
			What:      fmt.Sprintf("the snapshot %s is not exportable, so no other database can be made from it", text.Quote(id)),
			Next:      "choose one that list_snapshots shows as exportable, or take one with create_snapshot",
			Unchanged: true,
		}
	}
	return s, err
}

func (f *Fleet) completedSnapshot(ctx context.Context, aura *auraclient.Client, i *auraclient.Instance, id string) (*auraclient.Snapshot, error) {
	s, err := aura.Snapshots.Get(ctx, i.ID, id)
	switch {
	case auraclient.IsNotFound(err):
		return nil, &op.Error{What: fmt.Sprintf("%s has no snapshot %s", text.Quote(i.Name), text.Quote(id)), Next: "call list_snapshots to see what there is", Unchanged: true, Err: err}
	case err != nil:
		return nil, fmt.Errorf("read the snapshot %s: %w", text.Quote(id), err)
	case s.Status != auraclient.SnapshotCompleted:
		return nil, &op.Error{What: fmt.Sprintf("the snapshot %s is not complete (%s)", text.Quote(id), shown(string(s.Status))), Next: "call get_snapshot with wait_seconds, or choose another", Unchanged: true}
	}
	return s, nil
}

func (f *Fleet) overwrite(ctx context.Context, call op.Call, in overwriteInstanceIn, plan op.Plan) (InstanceChange, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceChange{}, err
	}
	target := plan.Targets[0]
	safety, err := f.safely(ctx, call, aura, plan, func() (op.Plan, error) { return f.planOverwrite(ctx, in) })
	if err != nil {
		return InstanceChange{}, err
	}
	f.touch(target)
	answered, err := aura.Instances.Overwrite(ctx, target.ID, plan.Prepared.(auraclient.OverwriteRequest))
	if err != nil {
		return InstanceChange{}, secured(fmt.Errorf("overwrite the instance %s: %w", target.ID, err), safety)
	}
	out := InstanceChange{InstanceID: target.ID, Name: target.Name, Status: shown(string(answered.Status)), SafetyID: safety}
	return f.accepted(ctx, call, aura, out, auraclient.StatusOverwriting, auraclient.StatusRunning, in.WaitSeconds), nil
}

type restoreSnapshotIn struct {
	Instance    string `json:"instance" jsonschema:"ID or exact name of the database"`
	SnapshotID  string `json:"snapshot_id" jsonschema:"one of its own snapshots, as list_snapshots gave it"`
	WaitSeconds int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait for the outcome; default 0" min:"0" max:"50"`
}

func (f *Fleet) planRestore(ctx context.Context, in restoreSnapshotIn) (op.Plan, error) {
	aura, t, err := f.aim(ctx, in.Instance)
	if err != nil {
		return op.Plan{}, err
	}
	if t.instance.Status != auraclient.StatusRunning && !t.instance.Status.Failed() {
		return op.Plan{}, notNow(t.instance, auraclient.StatusRunning)
	}
	s, err := f.completedSnapshot(ctx, aura, t.instance, in.SnapshotID)
	if err != nil {
		return op.Plan{}, err
	}
	plan := op.Plan{
		Effects: op.Destructive, Targets: []op.Resource{t.resource()}, Confirm: t.confirm(),
		Source:   &op.Resource{Kind: "snapshot", ID: s.SnapshotID, Name: t.instance.Name, Status: string(s.Status), Detail: "taken " + instant(s.Timestamp)},
		Headline: fmt.Sprintf("Put the database %s back to its snapshot of %s.", text.Quote(t.instance.Name), moment(s.Timestamp)),
		Facts: []op.Fact{
			{Label: "what is lost", Value: fmt.Sprintf("everything written to %s since %s, %s", text.Quote(t.instance.Name), moment(s.Timestamp), since(s.Timestamp))},
			{Label: "what happens", Value: "it happens in place; applications are interrupted meanwhile"},
			f.newestSnapshot(aura, t.instance, f.writtenSince(t.instance)),
			f.inUse(aura, t.instance),
			{Label: "can be undone", Value: "only by restoring a later snapshot"},
		},
	}
	f.promise(&plan, t.instance)
	return plan, nil
}

func (f *Fleet) restore(ctx context.Context, call op.Call, in restoreSnapshotIn, plan op.Plan) (InstanceChange, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceChange{}, err
	}
	target := plan.Targets[0]
	safety, err := f.safely(ctx, call, aura, plan, func() (op.Plan, error) { return f.planRestore(ctx, in) })
	if err != nil {
		return InstanceChange{}, err
	}
	f.touch(target)
	answered, err := aura.Snapshots.Restore(ctx, target.ID, plan.Source.ID)
	if err != nil {
		return InstanceChange{}, secured(fmt.Errorf("restore the instance %s: %w", target.ID, err), safety)
	}
	out := InstanceChange{InstanceID: target.ID, Name: target.Name, Status: shown(string(answered.Status)), SafetyID: safety}
	return f.accepted(ctx, call, aura, out, auraclient.StatusRestoring, auraclient.StatusRunning, in.WaitSeconds), nil
}

type upgradeInstanceIn struct {
	Instance    string `json:"instance" jsonschema:"ID or exact name of the database; must be professional-db"`
	Memory      string `json:"memory,omitempty" jsonschema:"memory after the upgrade; with storage, or neither" size:"GB"`
	Storage     string `json:"storage,omitempty" jsonschema:"storage after the upgrade; with memory, or neither" size:"GB"`
	WaitSeconds int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait for the outcome; default 0" min:"0" max:"50"`
}

func (f *Fleet) planUpgrade(ctx context.Context, in upgradeInstanceIn) (op.Plan, error) {
	aura, t, err := f.aim(ctx, in.Instance)
	if err != nil {
		return op.Plan{}, err
	}
	can, known := capabilities(t.instance.Type)
	switch {
	case (in.Memory == "") != (in.Storage == ""):
		return op.Plan{}, &op.Error{What: "`memory` and `storage` go together", Next: "call again with both, or with neither to keep the size", Unchanged: true}
	case t.instance.Type == auraclient.TypeBusinessCritical:
		return op.Plan{}, &op.Error{What: fmt.Sprintf("%s is business-critical already", text.Quote(t.instance.Name)), Next: "for more memory use update_instance", Unchanged: true}
	case known && !can.upgrade:
		return op.Plan{}, cannot("the upgrade to business-critical", t.instance.Type, "only professional-db can be upgraded; tell the person")
	case t.instance.Status != auraclient.StatusRunning:
		return op.Plan{}, notNow(t.instance, auraclient.StatusRunning)
	}
	size := "the size stays as it is"
	if in.Memory != "" {
		size = fmt.Sprintf("memory %s, storage %s", text.Quote(in.Memory), text.Quote(in.Storage))
	}
	return op.Plan{
		Effects: op.Destructive | op.Billable, Targets: []op.Resource{t.resource()}, Confirm: t.confirm(),
		Prepared: auraclient.UpgradeRequest{Memory: in.Memory, Storage: in.Storage},
		Wants:    &op.Wants{Memory: in.Memory, Type: string(auraclient.TypeBusinessCritical)},
		Headline: fmt.Sprintf("Move the database %s to the Business Critical plan for good.", text.Quote(t.instance.Name)),
		Facts: []op.Fact{
			{Label: "what happens", Value: "its ID and data stay; " + size},
			{Label: "what is lost", Value: "the Graph Data Science plugin, if it has it"},
			{Label: "what it costs", Value: "it is billed as Business Critical from then on"},
			f.newestSnapshot(aura, t.instance, ""),
			f.inUse(aura, t.instance),
			{Label: "can be undone", Value: "no: there is no way back to Professional"},
		},
	}, nil
}

func (f *Fleet) upgrade(ctx context.Context, call op.Call, in upgradeInstanceIn, plan op.Plan) (InstanceChange, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceChange{}, err
	}
	target := plan.Targets[0]
	f.touch(target)
	answered, err := aura.Instances.Upgrade(ctx, target.ID, plan.Prepared.(auraclient.UpgradeRequest))
	if err != nil {
		return InstanceChange{}, fmt.Errorf("upgrade the instance %s: %w", target.ID, err)
	}
	out := InstanceChange{InstanceID: target.ID, Name: target.Name, Status: shown(string(answered.Status))}
	return f.accepted(ctx, call, aura, out, auraclient.StatusUpgrading, auraclient.StatusRunning, in.WaitSeconds), nil
}

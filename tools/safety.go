package tools

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// promise says in a plan whether a safety snapshot comes first. Where none can be taken, that stands in the first line, so that
// whoever types the name has read it.
func (f *Fleet) promise(plan *op.Plan, i *auraclient.Instance) {
	switch {
	case !f.safety:
	case f.safeguarded(i.Type, string(i.Status)):
		plan.Facts = append(plan.Facts, op.Fact{Label: "safety", Value: "a snapshot of it is taken first, which takes about a minute; only when that is complete does this run"})
	default:
		plan.Headline = "WITHOUT A SAFETY SNAPSHOT, which it cannot have now: " + plan.Headline
	}
}

// safeguarded reports whether a safety snapshot is possible and does no harm: a free database keeps one snapshot only, and a
// new one would replace it.
func (f *Fleet) safeguarded(kind auraclient.InstanceType, status string) bool {
	return f.safety && status == string(auraclient.StatusRunning) && kind != auraclient.TypeFree && kind != ""
}

// safely takes the promised snapshot of the target and looks once more at everything: again makes the plan anew. When either
// fails, nothing has been replaced; the error tells of a snapshot that is there now. It returns the snapshot's ID, or "" where
// none was promised.
func (f *Fleet) safely(ctx context.Context, call op.Call, aura *auraclient.Client, plan op.Plan, again func() (op.Plan, error)) (string, error) {
	target := plan.Targets[0]
	if !f.safeguarded(auraclient.InstanceType(target.Type), target.Status) {
		return "", nil
	}
	created, err := aura.Snapshots.Create(ctx, target.ID)
	switch {
	case auraclient.OutcomeUnknown(err):
		return "", noSafety(target, "whether it was begun is not known: "+cause(err), "tell the person; look with list_snapshots whether there is a new one, and try again later", err)
	case err != nil:
		told := noSafety(target, fmt.Sprintf("it could not be started (%s)", brief(err)), "tell the person; try again later", err)
		told.Unchanged = true
		return "", told
	}
	begun := time.Now()
	tell := func(auraclient.Snapshot) {
		call.Report(max(1, time.Since(begun).Seconds()), snapshotSeconds, "taking a safety snapshot of "+text.Quote(target.Name))
	}
	tell(auraclient.Snapshot{})
	if _, err := aura.Snapshots.Wait(ctx, target.ID, created.SnapshotID, tell); err != nil {
		return "", noSafety(target, fmt.Sprintf("it did not complete (%s)", brief(err)), "tell the person; try again later", err)
	}
	fresh, err := again()
	if err != nil {
		return "", secured(unsent(err), created.SnapshotID)
	}
	if !fresh.Same(plan) {
		return "", secured(&op.Error{
			What:      fmt.Sprintf("%s or its source has changed while the safety snapshot was taken", text.Quote(target.Name)),
			Next:      "look at it again, tell the person what changed, and call again if they still want it",
			Unchanged: true,
		}, created.SnapshotID)
	}
	return created.SnapshotID, nil
}

// noSafety tells why nothing was replaced. Who knows that no snapshot was begun either says so.
func noSafety(target op.Resource, why, next string, err error) *op.Error {
	return &op.Error{What: fmt.Sprintf("the safety snapshot of %s failed, so its data was not touched: %s", text.Quote(target.Name), why), Next: next, Err: err}
}

// secured tells of an error after a safety snapshot, which is a change that stays; "" where none was taken.
func secured(err error, snapshotID string) error {
	told, ok := errors.AsType[*op.Error](explain(err))
	if !ok || snapshotID == "" {
		return err
	}
	out := *told
	if out.Unchanged {
		out.What += "; its data is as it was"
	}
	out.What += fmt.Sprintf("; its safety snapshot %s was taken before", text.Quote(snapshotID))
	out.Unchanged = false
	return &out
}

package tools

import (
	"context"
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
// fails, nothing has been replaced. It returns the snapshot's ID, or "" where none was promised.
func (f *Fleet) safely(ctx context.Context, call op.Call, aura *auraclient.Client, plan op.Plan, again func() (op.Plan, error)) (string, error) {
	target := plan.Targets[0]
	if !f.safeguarded(auraclient.InstanceType(target.Type), target.Status) {
		return "", nil
	}
	created, err := aura.Snapshots.Create(ctx, target.ID)
	if err != nil {
		return "", noSafety(target, "it could not be started", err)
	}
	begun := time.Now()
	tell := func(auraclient.Snapshot) {
		call.Report(max(1, time.Since(begun).Seconds()), snapshotSeconds, "taking a safety snapshot of "+text.Quote(target.Name))
	}
	tell(auraclient.Snapshot{})
	if _, err := aura.Snapshots.Wait(ctx, target.ID, created.SnapshotID, tell); err != nil {
		return "", noSafety(target, "it did not complete", err)
	}
	fresh, err := again()
	if err != nil {
		return "", unsent(err)
	}
	if !fresh.Same(plan) {
		return "", &op.Error{
			What:      fmt.Sprintf("%s or its source has changed while the safety snapshot was taken; the data is as it was", text.Quote(target.Name)),
			Next:      "look at it again, tell the person what changed, and call again if they still want it",
			Unchanged: true,
		}
	}
	return created.SnapshotID, nil
}

func noSafety(target op.Resource, why string, err error) error {
	return &op.Error{
		What:      fmt.Sprintf("the safety snapshot of %s failed, so its data was not touched: %s (%s)", text.Quote(target.Name), why, brief(err)),
		Next:      "tell the person; try again later",
		Unchanged: true, Err: err,
	}
}

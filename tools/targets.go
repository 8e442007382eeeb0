package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// maxTargets bounds a bulk operation: a person has to read the list before approving it.
const maxTargets = 50

// targetsIn names one database, or several at once.
type targetsIn struct {
	Instance  string   `json:"instance,omitempty" jsonschema:"ID or exact name of one database"`
	Instances []string `json:"instances,omitempty" jsonschema:"instead of instance: up to 50 IDs, exact names or patterns such as dev-*, done in one approval"`
}

// target is an instance that an operation is about, as just read.
type target struct {
	instance *auraclient.Instance
	tenant   TenantRef
	shared   bool // another instance has the same name, or this name as its ID
}

func (t target) resource() op.Resource { return resource(t.instance, t.tenant) }

func (t target) confirm() string { return confirm(named{t.instance.ID, t.instance.Name}, t.shared) }

// confirm is what a person types to approve something destructive: the name where it can be typed and means nothing else.
func confirm(n named, shared bool) string {
	if shared || !text.Plain(n.name) {
		return n.id
	}
	return n.name
}

// aim finds the one database that a change is about, by ID or exact name, and reads it anew.
func (f *Fleet) aim(ctx context.Context, given string) (*auraclient.Client, target, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return nil, target{}, err
	}
	t, err := f.look(ctx, aura, given, exactly)
	return aura, t, err
}

// targets reads what is named. bulk tells whether a list was given, be it of one.
func (f *Fleet) targets(ctx context.Context, aura *auraclient.Client, in targetsIn) (found []target, bulk bool, err error) {
	if (in.Instance == "") == (len(in.Instances) == 0) {
		return nil, false, &op.Error{What: "exactly one of `instance` and `instances` is needed", Next: "call again with one of them", Unchanged: true}
	}
	if in.Instance != "" {
		t, err := f.look(ctx, aura, in.Instance, exactly)
		return []target{t}, false, err
	}
	all, err := aura.Instances.List(ctx, "")
	if err != nil {
		return nil, true, fmt.Errorf("list the instances: %w", err)
	}
	named, err := expand(in.Instances, all)
	if err != nil {
		return nil, true, err
	}
	found, err = f.readTargets(ctx, aura, named)
	return found, true, err
}

// expand resolves IDs, names and patterns, each instance once. A pattern without a match is most likely a mistake.
func expand(given []string, all []auraclient.InstanceSummary) ([]auraclient.InstanceSummary, error) {
	var out []auraclient.InstanceSummary
	for _, g := range given {
		hits, err := matching(g, all)
		if err != nil {
			return nil, err
		}
		for _, hit := range hits {
			if !slices.ContainsFunc(out, func(i auraclient.InstanceSummary) bool { return i.ID == hit.ID }) {
				out = append(out, hit)
			}
		}
	}
	if len(out) > maxTargets {
		return nil, &op.Error{What: fmt.Sprintf("%d databases match; at most %d at once", len(out), maxTargets), Next: "call again with narrower patterns", Unchanged: true}
	}
	return out, nil
}

func matching(given string, all []auraclient.InstanceSummary) ([]auraclient.InstanceSummary, error) {
	if !strings.Contains(given, "*") {
		hit, err := pickInstance(given, all, exactly)
		return []auraclient.InstanceSummary{hit}, err
	}
	hits := slices.DeleteFunc(slices.Clone(all), func(i auraclient.InstanceSummary) bool { return !text.Match(given, i.Name) })
	if len(hits) == 0 {
		return nil, unknown("instance", given, all, instanceNamed)
	}
	return hits, nil
}

// readTargets reads the details of each, side by side. One that is gone is left out of the plan by whoever makes it.
func (f *Fleet) readTargets(ctx context.Context, aura *auraclient.Client, all []auraclient.InstanceSummary) ([]target, error) {
	names, err := tenantNames(ctx, aura)
	if err != nil {
		return nil, err
	}
	out := make([]target, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for n, summary := range all {
		out[n].tenant = TenantRef{ID: summary.TenantID, Name: names[summary.TenantID]}
		group.Go(func() error {
			i, err := aura.Instances.Get(ctx, summary.ID)
			if auraclient.IsGone(err) {
				i, err = &auraclient.Instance{ID: summary.ID, Name: summary.Name, Status: statusDeleted}, nil
			}
			out[n].instance = i
			if err != nil {
				return fmt.Errorf("read the instance %s: %w", summary.ID, err)
			}
			return nil
		})
	}
	return out, group.Wait()
}

// ChangeRow is what became of one database of a bulk operation.
type ChangeRow struct {
	InstanceID string `json:"instance_id"`
	Name       string `json:"name"`
	Outcome    string `json:"outcome" enum:"done,accepted,left_alone,failed,unknown"`
	Status     string `json:"status,omitempty"`
	SnapshotID string `json:"snapshot_id,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

// Outcomes of a row.
const (
	outcomeDone      = "done"
	outcomeAccepted  = "accepted"
	outcomeLeftAlone = "left_alone"
	outcomeFailed    = "failed"
	outcomeUnknown   = "unknown"
)

// each acts on every target of an approved bulk that still is as the person saw it. One that fails does not stop the others.
func (f *Fleet) each(ctx context.Context, call op.Call, aura *auraclient.Client, plan op.Plan, act func(op.Resource) (ChangeRow, error)) []ChangeRow {
	rows := make([]ChangeRow, 0, len(plan.Targets)+len(plan.Skipped))
	var done progress
	for _, planned := range plan.Targets {
		row := ChangeRow{InstanceID: planned.ID, Name: planned.Name, Outcome: outcomeLeftAlone}
		now, err := aura.Instances.Get(ctx, planned.ID)
		switch {
		case auraclient.IsGone(err):
			row.Reason = "it was deleted meanwhile"
		case err != nil:
			row.Reason = "it could not be read again: " + brief(err)
		case resource(now, TenantRef{Name: planned.Tenant}) != planned:
			row.Status, row.Reason = shown(string(now.Status)), "it changed after the plan was made"
		default:
			row, err = act(planned)
			row.InstanceID, row.Name = planned.ID, planned.Name
			if err != nil {
				row.Outcome, row.Reason = outcomeFailed, brief(err)
				if auraclient.OutcomeUnknown(err) {
					row.Outcome = outcomeUnknown
				}
			}
		}
		rows = append(rows, row)
		done.step(call, len(plan.Targets), "databases sent to Aura")
	}
	for _, s := range plan.Skipped {
		rows = append(rows, ChangeRow{InstanceID: s.ID, Name: s.Name, Outcome: outcomeLeftAlone, Status: s.Status, Reason: s.Reason})
	}
	return rows
}

// accepted counts the rows whose change Aura has accepted.
func accepted(rows []ChangeRow) int {
	n := 0
	for _, r := range rows {
		if r.Outcome == outcomeAccepted {
			n++
		}
	}
	return n
}

// brief is an error in the space of a row.
func brief(err error) string {
	what, _, _ := strings.Cut(explain(err).Error(), "\n")
	return what
}

// tally says in a sentence how the rows came out, and how far all of them have come: the worst of them counts.
func tally(rows []ChangeRow, plan op.Plan) (message string, state op.State) {
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.Outcome]++
	}
	nothing := counts[outcomeDone]+counts[outcomeAccepted]+counts[outcomeUnknown] == 0
	switch {
	case counts[outcomeUnknown] > 0:
		state = op.Unknown
	case counts[outcomeFailed] > 0, counts[outcomeLeftAlone] > len(plan.Skipped), nothing && slices.ContainsFunc(plan.Skipped, func(s op.Skip) bool { return !s.Already }):
		state = op.Failed
	case counts[outcomeAccepted] > 0:
		state = op.Accepted
	default:
		state = op.Done
	}
	var parts []string
	for _, o := range []struct{ outcome, says string }{
		{outcomeDone, "done"}, {outcomeAccepted, "accepted by Aura and under way"}, {outcomeFailed, "failed"},
		{outcomeUnknown, "of unknown outcome"}, {outcomeLeftAlone, "left alone"},
	} {
		if n := counts[o.outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o.says))
		}
	}
	message = fmt.Sprintf("%s: %s", plural(len(rows), "database"), strings.Join(parts, ", "))
	if nothing {
		message = "nothing was done; " + message + "; the results say why"
	}
	return message, state
}

// headline names the target. Of several it leaves the count to whoever shows the plan: policies may still take some out.
func headline(verb string, plan op.Plan) string {
	if plan.Bulk || len(plan.Targets) != 1 {
		return verb + " these databases."
	}
	return fmt.Sprintf("%s the database %s.", verb, text.Quote(plan.Targets[0].Name))
}

package tools

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// power is pausing or resuming: the two differ in words and direction only.
type power struct {
	fleet         *Fleet
	verb          string // for a headline, capitalised
	from, via, to auraclient.Status
	effects       op.Effects
	facts         []op.Fact
	send          func(context.Context, *auraclient.Client, string) (*auraclient.Instance, error)
}

func (f *Fleet) pausing() power {
	return power{
		fleet: f, verb: "Pause", effects: op.Disruptive,
		from: auraclient.StatusRunning, via: auraclient.StatusPausing, to: auraclient.StatusPaused,
		facts: []op.Fact{
			{Label: "what happens", Value: "applications lose their connection, and every query fails until it is resumed; Aura takes a backup first"},
			{Label: "can be undone", Value: "yes, by resuming it, which takes some minutes; Aura itself resumes it after 30 days"},
		},
		send: func(ctx context.Context, aura *auraclient.Client, id string) (*auraclient.Instance, error) {
			return aura.Instances.Pause(ctx, id)
		},
	}
}

func (f *Fleet) resuming() power {
	return power{
		fleet: f, verb: "Resume", effects: op.Billable,
		from: auraclient.StatusPaused, via: auraclient.StatusResuming, to: auraclient.StatusRunning,
		facts: []op.Fact{
			{Label: "what happens", Value: "it starts again with its data as it was, and can be used in some minutes"},
			{Label: "what it costs", Value: "it is billed as a running database from now on"},
			{Label: "can be undone", Value: "yes, by pausing it again"},
		},
		send: func(ctx context.Context, aura *auraclient.Client, id string) (*auraclient.Instance, error) {
			return aura.Instances.Resume(ctx, id)
		},
	}
}

type powerIn struct {
	targetsIn
	WaitSeconds int `json:"wait_seconds,omitempty" jsonschema:"how long to wait for the outcome; default 0: do not wait" min:"0" max:"50"`
}

// InstanceChange is how far a change of one or several instances has come.
type InstanceChange struct {
	State        op.State    `json:"state" enum:"accepted,done,failed,unknown,approval_pending,in_progress"`
	Message      string      `json:"message"`
	InstanceID   string      `json:"instance_id,omitempty"`
	Name         string      `json:"name,omitempty"`
	Status       string      `json:"status,omitempty" jsonschema:"as last read"`
	SafetyID     string      `json:"safety_snapshot_id,omitempty" jsonschema:"the snapshot taken of it just before"`
	UsuallyTakes string      `json:"usually_takes,omitempty"`
	Next         string      `json:"next,omitempty"`
	Results      []ChangeRow `json:"results,omitempty" jsonschema:"of several: what became of each"`
}

func (p power) plan(ctx context.Context, in powerIn) (op.Plan, error) {
	aura, err := p.fleet.client(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	targets, bulk, err := p.fleet.targets(ctx, aura, in.targetsIn)
	if err != nil {
		return op.Plan{}, err
	}
	plan := op.Plan{Bulk: bulk, Facts: p.facts}
	if p.effects.Has(op.Disruptive) {
		plan.Facts = append([]op.Fact{p.fleet.inUse(aura, instancesOf(targets)...)}, p.facts...)
	}
	for _, t := range targets {
		done, err := p.check(t.instance)
		switch {
		case err != nil && !bulk:
			return op.Plan{}, err
		case err != nil:
			plan.Skipped = append(plan.Skipped, op.Skip{Resource: t.resource(), Reason: err.What})
		case done && bulk:
			plan.Skipped = append(plan.Skipped, op.Skip{Resource: t.resource(), Reason: fmt.Sprintf("it is %s already", t.instance.Status), Already: true})
		default:
			plan.Targets = append(plan.Targets, t.resource())
			if !done {
				plan.Effects = p.effects
			}
		}
	}
	plan.Headline = headline(p.verb, plan)
	return plan, nil
}

// check says whether there is anything left to do, or why it cannot be done.
func (p power) check(i *auraclient.Instance) (done bool, _ *op.Error) {
	switch {
	case i.Type == auraclient.TypeFree:
		return false, &op.Error{
			What:      fmt.Sprintf("%s is a free database: the API can neither pause nor resume it; Aura pauses it by itself after 3 days without use", text.Quote(i.Name)),
			Next:      "tell the person; a paused free database is resumed in the Aura console",
			Unchanged: true,
		}
	case i.Status == p.via || i.Status == p.to:
		return true, nil // nothing left to do, so nobody needs to approve it
	case i.Status != p.from:
		return false, notNow(i, p.from)
	}
	return false, nil
}

func (p power) run(ctx context.Context, call op.Call, in powerIn, plan op.Plan) (InstanceChange, error) {
	aura, err := p.fleet.client(ctx)
	if err != nil {
		return InstanceChange{}, err
	}
	limit := time.Duration(in.WaitSeconds) * time.Second
	if plan.Bulk {
		return p.runAll(ctx, call, aura, plan, limit), nil
	}
	target := plan.Targets[0]
	out := InstanceChange{State: op.Done, InstanceID: target.ID, Name: target.Name, Status: target.Status}
	if target.Status == string(p.to) {
		out.Message = fmt.Sprintf("%s is %s already; nothing was sent", text.Quote(target.Name), p.to)
		return out, nil
	}
	if target.Status == string(p.from) {
		if out.Status, err = p.start(ctx, aura, target); err != nil {
			return InstanceChange{}, err
		}
	}
	out.State, out.UsuallyTakes = op.Accepted, usuallyTakes[p.via]
	out.Message = fmt.Sprintf("Aura accepted it; %s is not %s yet", text.Quote(target.Name), p.to)
	if target.Status == string(p.via) {
		out.Message = fmt.Sprintf("%s is %s already; nothing was sent", text.Quote(target.Name), p.via)
	}
	out.Next = fmt.Sprintf("call wait_for_instance with status %s before you say that it is done", p.to)
	if limit > 0 {
		p.fleet.settle(ctx, call, aura, awaited{id: target.ID, want: string(p.to), limit: limit}, &out)
	}
	return out, nil
}

// start sends the change and returns the status that Aura answered with, which is a hint at most.
func (p power) start(ctx context.Context, aura *auraclient.Client, target op.Resource) (string, error) {
	p.fleet.touch(target)
	answered, err := p.send(ctx, aura, target.ID)
	if err != nil {
		return "", fmt.Errorf("%s the instance %s: %w", strings.ToLower(p.verb), target.ID, err)
	}
	return shown(string(answered.Status)), nil
}

func (p power) runAll(ctx context.Context, call op.Call, aura *auraclient.Client, plan op.Plan, limit time.Duration) InstanceChange {
	rows := p.fleet.each(ctx, call, aura, plan, func(t op.Resource) (ChangeRow, error) {
		status, err := p.start(ctx, aura, t)
		return ChangeRow{Outcome: outcomeAccepted, Status: status}, err
	})
	if limit > 0 {
		p.fleet.awaitRows(ctx, call, aura, rows, string(p.to), limit)
	}
	out := InstanceChange{Results: rows}
	out.Message, out.State = tally(rows, plan)
	if accepted(rows) > 0 {
		out.UsuallyTakes = usuallyTakes[p.via]
		out.Next = "call list_instances in some minutes before you say that it is done"
	}
	if out.State == op.Unknown {
		out.Next = "call list_instances to see how those of unknown outcome stand before you call this for them again"
	}
	return out
}

// awaitRows waits for all accepted rows together.
func (f *Fleet) awaitRows(ctx context.Context, call op.Call, aura *auraclient.Client, rows []ChangeRow, want string, limit time.Duration) {
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
			last, reached, _ := f.await(ctx, quiet, aura, awaited{id: rows[n].InstanceID, want: want, limit: limit})
			if last != nil {
				rows[n].Status = shown(string(last.Status))
			}
			if reached {
				rows[n].Outcome = outcomeDone
				done.step(call, waiting, "databases are "+want)
			}
		})
	}
	group.Wait()
}

// settle waits for the outcome of a change that is under way and tells it. A wait that breaks off is no failure of the change.
func (f *Fleet) settle(ctx context.Context, call op.Call, aura *auraclient.Client, a awaited, out *InstanceChange) {
	last, reached, err := f.await(ctx, call, aura, a)
	if last != nil {
		out.Status = shown(string(last.Status))
	}
	switch {
	case reached:
		f.settled(a.id)
		out.State, out.UsuallyTakes, out.Next, out.Status = op.Done, "", "", a.want
		out.Message = fmt.Sprintf("%s is %s", text.Quote(out.Name), a.want)
	case last != nil && last.Status.Failed():
		out.State, out.UsuallyTakes = op.Failed, ""
		out.Message = fmt.Sprintf("it was under way, but %s did not become %s: its status is %s", text.Quote(out.Name), a.want, last.Status)
		out.Next = "tell the person; get_instance says what can be done"
	case err != nil:
		out.UsuallyTakes = ""
		out.Message = fmt.Sprintf("it was under way, but whether %s became %s is not known", text.Quote(out.Name), a.want)
		out.Next = "call get_instance to see how it stands"
	}
}

// notNow is the refusal of a change that the instance's status does not allow.
func notNow(i *auraclient.Instance, need auraclient.Status) *op.Error {
	e := &op.Error{
		What:      fmt.Sprintf("%s has the status %s; this works only with the status %s", text.Quote(i.Name), shown(string(i.Status)), need),
		Next:      "tell the person",
		Unchanged: true,
	}
	if i.Status.Failed() {
		e.What = fmt.Sprintf("%s has failed (%s) and works again only once a person has mended it", text.Quote(i.Name), i.Status)
		e.Next = "tell the person; restore_snapshot puts it back to a snapshot, and the Aura console may say more"
	}
	if i.Status == auraclient.StatusPaused {
		e.Next = "if the person wants that, resume_instance starts it first; it is billed as running then"
	}
	if i.Status.Transitional() && i.Status != statusDeleted {
		e.What = fmt.Sprintf("%s is busy (%s, which usually takes %s)", text.Quote(i.Name), shown(string(i.Status)), usual(i))
		e.Next = "call wait_for_instance, then call this again"
	}
	return e
}

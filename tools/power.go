package tools

import (
	"context"
	"fmt"
	"slices"
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

type changeInstanceIn struct {
	Instance    string `json:"instance" jsonschema:"ID or exact name of the database"`
	WaitSeconds int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait for the outcome; default 0: do not wait" min:"0" max:"50"`
}

// InstanceChange is how far a change of an instance has come.
type InstanceChange struct {
	State        op.State `json:"state" enum:"accepted,done,approval_pending,in_progress"`
	Message      string   `json:"message"`
	InstanceID   string   `json:"instance_id"`
	Name         string   `json:"name"`
	Status       string   `json:"status" jsonschema:"as last read"`
	UsuallyTakes string   `json:"usually_takes,omitempty"`
	Next         string   `json:"next,omitempty"`
}

func (p power) plan(ctx context.Context, in changeInstanceIn) (op.Plan, error) {
	aura, err := p.fleet.client(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	i, tenant, err := p.fleet.look(ctx, aura, in.Instance, exactly)
	if err != nil {
		return op.Plan{}, err
	}
	plan := op.Plan{
		Headline: fmt.Sprintf("%s the database %s.", p.verb, text.Quote(i.Name)),
		Targets:  []op.Resource{resource(i, tenant)},
		Facts:    p.facts,
	}
	switch {
	case i.Type == auraclient.TypeFree:
		return op.Plan{}, &op.Error{
			What:      fmt.Sprintf("%s is a free database: the API can neither pause nor resume it; Aura pauses it by itself after 3 days without use", text.Quote(i.Name)),
			Next:      "tell the person; a paused free database is resumed in the Aura console",
			Unchanged: true,
		}
	case slices.Contains([]auraclient.Status{p.via, p.to}, i.Status):
		return plan, nil // nothing left to do, so nobody needs to approve it
	case i.Status != p.from:
		return op.Plan{}, notNow(i, p.from)
	}
	plan.Effects = p.effects
	return plan, nil
}

func (p power) run(ctx context.Context, call op.Call, in changeInstanceIn, plan op.Plan) (InstanceChange, error) {
	aura, err := p.fleet.client(ctx)
	if err != nil {
		return InstanceChange{}, err
	}
	target := plan.Targets[0]
	out := InstanceChange{State: op.Done, InstanceID: target.ID, Name: target.Name, Status: target.Status}
	if target.Status == string(p.to) {
		out.Message = fmt.Sprintf("%s is %s already; nothing was sent", text.Quote(target.Name), p.to)
		return out, nil
	}
	sent := target.Status == string(p.from)
	if sent {
		p.fleet.touch(target.ID)
		answered, err := p.send(ctx, aura, target.ID)
		if err != nil {
			return InstanceChange{}, fmt.Errorf("%s the instance %s: %w", p.verb, target.ID, err)
		}
		out.Status = string(answered.Status)
	}
	out.State, out.UsuallyTakes = op.Accepted, usuallyTakes[p.via]
	out.Message = fmt.Sprintf("Aura accepted it; %s is not %s yet", text.Quote(target.Name), p.to)
	out.Next = fmt.Sprintf("call wait_for_instance with status %s before you say that it is done", p.to)
	if in.WaitSeconds > 0 {
		p.settle(ctx, call, aura, time.Duration(in.WaitSeconds)*time.Second, sent, &out)
	}
	return out, nil
}

// settle waits for the outcome of an accepted change and tells it. A wait that breaks off is no failure of the change.
func (p power) settle(ctx context.Context, call op.Call, aura *auraclient.Client, limit time.Duration, sent bool, out *InstanceChange) {
	last, reached, err := p.fleet.await(ctx, call, aura, out.InstanceID, string(p.to), limit, sent)
	if last != nil {
		out.Status = shown(string(last.Status))
	}
	switch {
	case reached:
		out.State, out.UsuallyTakes, out.Next = op.Done, "", ""
		out.Message = fmt.Sprintf("%s is %s", text.Quote(out.Name), p.to)
	case err != nil || (last != nil && last.Status.Failed()):
		out.UsuallyTakes = ""
		out.Message = fmt.Sprintf("Aura accepted it, but whether %s became %s is not known", text.Quote(out.Name), p.to)
		out.Next = "call get_instance to see how it stands"
	}
}

// notNow is the refusal of a change that the instance's status does not allow.
func notNow(i *auraclient.Instance, need auraclient.Status) error {
	e := &op.Error{
		What:      fmt.Sprintf("%s is %s; this works only while it is %s", text.Quote(i.Name), shown(string(i.Status)), need),
		Next:      "tell the person",
		Unchanged: true,
	}
	if i.Status.Transitional() {
		e.What = fmt.Sprintf("%s is busy (%s, which usually takes %s)", text.Quote(i.Name), shown(string(i.Status)), usual(i))
		e.Next = "call wait_for_instance, then call this again"
	}
	return e
}

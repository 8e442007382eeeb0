package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

type updateInstanceIn struct {
	Instance             string  `json:"instance" jsonschema:"ID or exact name of the database"`
	Name                 *string `json:"name,omitempty" jsonschema:"a new name"`
	Memory               *string `json:"memory,omitempty" jsonschema:"a new size, such as 8GB; storage goes along" size:"GB"`
	Storage              *string `json:"storage,omitempty" jsonschema:"such as 16GB" size:"GB"`
	VectorOptimized      *bool   `json:"vector_optimized,omitempty" jsonschema:"set memory aside for vector search"`
	GraphAnalyticsPlugin *bool   `json:"graph_analytics_plugin,omitempty" jsonschema:"the Graph Data Science plugin"`
	SecondariesCount     *int    `json:"secondaries_count,omitempty" jsonschema:"read copies; enterprise-db only" min:"0"`
	CDCEnrichmentMode    *string `json:"cdc_enrichment_mode,omitempty" jsonschema:"change data capture" enum:"OFF,DIFF,FULL"`
	WaitSeconds          int     `json:"wait_seconds,omitempty" jsonschema:"how long to wait for the outcome; default 0" min:"0" max:"50"`
}

// updating is an update as planned.
type updating struct {
	request auraclient.UpdateInstanceRequest
	words   string // the changes, for the result
}

// change is one field of an update that differs from what is there.
type change struct {
	field, from, to string
	effects         op.Effects
}

func (c change) String() string { return fmt.Sprintf("%s from %s to %s", c.field, c.from, c.to) }

func (f *Fleet) planUpdate(ctx context.Context, in updateInstanceIn) (op.Plan, error) {
	aura, t, err := f.aim(ctx, in.Instance)
	if err != nil {
		return op.Plan{}, err
	}
	i := t.instance
	if given(in) == 0 {
		return op.Plan{}, &op.Error{What: "nothing to change was given", Next: "call again with name, memory, storage or one of the options", Unchanged: true}
	}
	request, changes := differences(i, in)
	plan := op.Plan{Targets: []op.Resource{t.resource()}, Prepared: updating{}, Headline: fmt.Sprintf("Leave the database %s as it is.", text.Quote(i.Name))}
	if len(changes) == 0 {
		return plan, nil
	}
	if err := f.updatable(ctx, aura, i, request); err != nil {
		return op.Plan{}, err
	}
	if request.Name != nil {
		alike, where, _, err := f.alike(ctx, aura, *request.Name)
		if err != nil {
			return op.Plan{}, err
		}
		itself := func(s string) bool { return strings.HasPrefix(s, i.ID) }                                    // an equal call may have renamed it just now
		if alike, where = slices.DeleteFunc(alike, itself), slices.DeleteFunc(where, itself); len(alike) > 0 { // whoever goes by the name then gets one of them, or none
			plan.Asks = fmt.Sprintf("%s is the name of another database already (%s): by that name nobody can tell them apart any more", text.Quote(*request.Name), strings.Join(where, ", "))
			plan.Targets[0].Detail = alsoNamed(alike)
		}
	}
	var words, current []string
	for _, c := range changes {
		plan.Effects |= c.effects
		words = append(words, c.String())
		current = append(current, c.field+" "+c.from)
	}
	plan.Targets[0].Detail = joined(strings.Join(current, ", "), plan.Targets[0].Detail)
	plan.Headline = fmt.Sprintf("Change the database %s: %s.", text.Quote(i.Name), strings.Join(words, "; "))
	if request.Name != nil {
		plan.Rename = *request.Name
	}
	if request.Memory != nil {
		plan.Wants = &op.Wants{Memory: *request.Memory}
	}
	if request != (auraclient.UpdateInstanceRequest{Name: request.Name}) {
		plan.Facts = append(plan.Facts, f.inUse(aura, i))
	}
	plan.Facts = append(plan.Facts, updateFacts(plan.Effects, request)...)
	plan.What = strings.Join(words, "; ")
	plan.Prepared = updating{request, plan.What}
	return plan, nil
}

// given counts the fields to change.
func given(in updateInstanceIn) int {
	n := 0
	for _, set := range []bool{in.Name != nil, in.Memory != nil, in.Storage != nil, in.VectorOptimized != nil, in.GraphAnalyticsPlugin != nil, in.SecondariesCount != nil, in.CDCEnrichmentMode != nil} {
		if set {
			n++
		}
	}
	return n
}

// differences keeps of the fields given those that are not so already. Where the present value is not known, neither is the
// direction of the change, so it counts as the worse of both.
func differences(i *auraclient.Instance, in updateInstanceIn) (r auraclient.UpdateInstanceRequest, changes []change) {
	add := func(field, from, to string, effects op.Effects) {
		changes = append(changes, change{field, from, to, effects})
	}
	if in.Name != nil && *in.Name != i.Name {
		r.Name = in.Name
		add("name", text.Quote(i.Name), text.Quote(*in.Name), op.Write)
	}
	if in.Memory != nil && *in.Memory != i.Memory {
		r.Memory = in.Memory
		add("memory", shown(i.Memory), *in.Memory, direction(op.Gigabytes(i.Memory), op.Gigabytes(*in.Memory)))
	}
	if in.Storage != nil && *in.Storage != i.Storage {
		r.Storage = in.Storage
		add("storage", shown(i.Storage), *in.Storage, direction(op.Gigabytes(i.Storage), op.Gigabytes(*in.Storage)))
	}
	if in.VectorOptimized != nil && (i.VectorOptimized == nil || *in.VectorOptimized != *i.VectorOptimized) {
		r.VectorOptimized = in.VectorOptimized
		add("vector optimisation", flag(i.VectorOptimized), flag(in.VectorOptimized), op.Disruptive)
	}
	if in.GraphAnalyticsPlugin != nil && (i.GraphAnalyticsPlugin == nil || *in.GraphAnalyticsPlugin != *i.GraphAnalyticsPlugin) {
		r.GraphAnalyticsPlugin = in.GraphAnalyticsPlugin
		add("graph analytics plugin", flag(i.GraphAnalyticsPlugin), flag(in.GraphAnalyticsPlugin), op.Disruptive)
	}
	if in.SecondariesCount != nil && (i.SecondariesCount == nil || *in.SecondariesCount != *i.SecondariesCount) {
		r.SecondariesCount = in.SecondariesCount
		from, effects := unknownValue, op.Billable|op.Disruptive
		if i.SecondariesCount != nil {
			from = fmt.Sprint(*i.SecondariesCount)
			effects = direction(float64(*i.SecondariesCount)+1, float64(*in.SecondariesCount)+1) // +1: none is a known number here
		}
		add("secondaries", from, fmt.Sprint(*in.SecondariesCount), effects)
	}
	if in.CDCEnrichmentMode != nil && *in.CDCEnrichmentMode != i.CDCEnrichmentMode {
		r.CDCEnrichmentMode = in.CDCEnrichmentMode
		add("change data capture", shown(i.CDCEnrichmentMode), *in.CDCEnrichmentMode, op.Disruptive)
	}
	return r, changes
}

// direction says what growing or shrinking means; zero is a size that is not known.
func direction(from, to float64) op.Effects {
	switch {
	case from == 0 || to == 0:
		return op.Billable | op.Disruptive
	case to > from:
		return op.Billable
	}
	return op.Disruptive
}

func flag(b *bool) string {
	switch {
	case b == nil:
		return unknownValue
	case *b:
		return "on"
	}
	return "off"
}

// updatable refuses what the type, the status or the tenant's offer does not allow.
func (f *Fleet) updatable(ctx context.Context, aura *auraclient.Client, i *auraclient.Instance, r auraclient.UpdateInstanceRequest) error {
	if r.Name != nil {
		if err := checkName(*r.Name); err != nil {
			return err
		}
	}
	onlyName := r == auraclient.UpdateInstanceRequest{Name: r.Name}
	if i.Status.Transitional() || (!onlyName && i.Status != auraclient.StatusRunning) {
		return notNow(i, auraclient.StatusRunning)
	}
	can, known := capabilities(i.Type)
	memory := i.Memory
	if r.Memory != nil {
		memory = *r.Memory
	}
	switch {
	case !known:
	case (r.Memory != nil || r.Storage != nil) && !can.resize:
		return cannot("another size", i.Type, "tell the person; a free database grows only by moving its data to a new one (create_instance with source_instance)")
	case r.VectorOptimized != nil && *r.VectorOptimized && (!can.vector || (op.Gigabytes(memory) > 0 && op.Gigabytes(memory) < vectorMemory)):
		return cannot(fmt.Sprintf("vector optimisation with %s of memory", shown(memory)), i.Type, fmt.Sprintf("it needs at least %dGB of memory on a type that has it", vectorMemory))
	case r.GraphAnalyticsPlugin != nil && *r.GraphAnalyticsPlugin && !can.plugin:
		return cannot("the graph analytics plugin", i.Type, "tell the person")
	case r.CDCEnrichmentMode != nil && !can.cdc:
		return cannot("change data capture", i.Type, "tell the person; business-critical and enterprise-db have it")
	case r.SecondariesCount != nil && !can.secondaries:
		return cannot("secondaries", i.Type, "tell the person; enterprise-db has them")
	}
	if r.Memory == nil && r.Storage == nil {
		return nil
	}
	return f.sizeOffered(ctx, aura, i, r)
}

// sizeOffered checks a new size against what the tenant may have of this type in this place.
func (f *Fleet) sizeOffered(ctx context.Context, aura *auraclient.Client, i *auraclient.Instance, r auraclient.UpdateInstanceRequest) error {
	tenant, err := aura.Tenants.Get(ctx, i.TenantID)
	if err != nil {
		return fmt.Errorf("read what the tenant offers: %w", err)
	}
	all := offered(tenant.InstanceConfigurations, i.Type, i.CloudProvider, i.Region)
	fits := func(c auraclient.InstanceConfiguration) bool {
		return (r.Memory == nil || c.Memory == *r.Memory) && (r.Storage == nil || c.Storage == *r.Storage) && (r.Memory != nil || c.Memory == i.Memory)
	}
	if len(all) == 0 || slices.ContainsFunc(all, fits) { // an empty offer says nothing
		return nil
	}
	what := fmt.Sprintf("this size is not on offer for %s in %s/%s", i.Type, i.CloudProvider, i.Region)
	if r.Memory == nil {
		what = fmt.Sprintf("storage %s does not go with the memory of %s, %s", *r.Storage, text.Quote(i.Name), shown(i.Memory))
	}
	permitted, forbidden := f.permitted(all, false)
	if forbidden != nil {
		return forbidden
	}
	sizes := distinct(permitted, func(c auraclient.InstanceConfiguration) string { return c.Memory + "/" + c.Storage })
	return &op.Error{
		What:      what,
		Next:      "call again with one of these (memory/storage): " + strings.Join(sizes, ", "),
		Unchanged: true,
	}
}

const maxName = 30

// checkName keeps to Aura's rule for the names of instances and keys.
func checkName(name string) error {
	if n := utf8.RuneCountInString(name); n == 0 || n > maxName || strings.TrimSpace(name) != name {
		return &op.Error{
			What:      fmt.Sprintf("%s is no name that Aura takes: 1 to %d characters, no blank at either end (this has %d)", text.Quote(name), maxName, n),
			Next:      "call again with such a name",
			Unchanged: true,
		}
	}
	return nil
}

func updateFacts(effects op.Effects, r auraclient.UpdateInstanceRequest) []op.Fact {
	var facts []op.Fact
	if r.Memory != nil || r.Storage != nil || r.SecondariesCount != nil {
		facts = append(facts, op.Fact{Label: "what happens", Value: "Aura moves the database to the new size, which takes some minutes; it stays available meanwhile"})
	}
	if effects.Has(op.Billable) {
		facts = append(facts, op.Fact{Label: "what it costs", Value: "it is billed at the new size from then on"})
	}
	if effects.Has(op.Disruptive) {
		facts = append(facts, op.Fact{Label: "who notices", Value: "whoever works with the database may: less room or capacity, another behaviour, or another name"})
	}
	return append(facts, op.Fact{Label: "can be undone", Value: "yes, by changing it back"})
}

func (f *Fleet) update(ctx context.Context, call op.Call, in updateInstanceIn, plan op.Plan) (InstanceChange, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceChange{}, err
	}
	target := plan.Targets[0]
	out := InstanceChange{State: op.Done, InstanceID: target.ID, Name: target.Name, Status: target.Status}
	planned := plan.Prepared.(updating)
	request := planned.request
	if request == (auraclient.UpdateInstanceRequest{}) {
		out.Message = fmt.Sprintf("%s is so already; nothing was sent", text.Quote(target.Name))
		return out, nil
	}
	f.touch(target)
	answered, err := aura.Instances.Update(ctx, target.ID, request)
	if err != nil {
		return InstanceChange{}, fmt.Errorf("update the instance %s: %w", target.ID, err)
	}
	if request.Name != nil {
		out.Name = *request.Name
	}
	out.Status = shown(string(answered.Status))
	if request == (auraclient.UpdateInstanceRequest{Name: request.Name}) {
		out.Message = fmt.Sprintf("%s (%s) is now called %s", text.Quote(target.Name), target.ID, text.Quote(out.Name))
		return out, nil
	}
	out = f.accepted(ctx, call, aura, out, auraclient.StatusUpdating, auraclient.StatusRunning, in.WaitSeconds)
	out.Message += ": " + planned.words
	return out, nil
}

// accepted tells of a change that Aura has taken on, unless out has a message already, and waits for its end if asked to.
func (f *Fleet) accepted(ctx context.Context, call op.Call, aura *auraclient.Client, out InstanceChange, via, to auraclient.Status, waitSeconds int) InstanceChange {
	out.State, out.UsuallyTakes = op.Accepted, usuallyTakes[via]
	switch {
	case out.Message != "":
	case to == statusDeleted:
		out.Message = fmt.Sprintf("Aura accepted it; %s is being deleted", text.Quote(out.Name))
	default:
		out.Message = fmt.Sprintf("Aura accepted it; %s is not %s again yet", text.Quote(out.Name), to)
	}
	out.Next = fmt.Sprintf("call wait_for_instance with status %s before you say that it is done", to)
	if waitSeconds > 0 {
		f.settle(ctx, call, aura, awaited{id: out.InstanceID, want: string(to), limit: time.Duration(waitSeconds) * time.Second, accepted: true}, &out)
	}
	return out
}

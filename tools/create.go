package tools

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
	"aura-mcp/internal/vault"
)

type createInstanceIn struct {
	Name                 string `json:"name" jsonschema:"1 to 30 characters"`
	Type                 string `json:"type,omitempty" jsonschema:"of a clone: the source's type" enum:"free-db,professional-db,business-critical,enterprise-db,professional-ds,enterprise-ds"`
	Tenant               string `json:"tenant,omitempty" jsonschema:"ID or exact name; may be left out when there is only one"`
	CloudProvider        string `json:"cloud_provider,omitempty" enum:"aws,azure,gcp" jsonschema:"needed where the tenant offers several"`
	Region               string `json:"region,omitempty" jsonschema:"such as europe-west1"`
	Memory               string `json:"memory,omitempty" jsonschema:"such as 8GB" size:"GB"`
	Storage              string `json:"storage,omitempty" jsonschema:"such as 16GB; default twice the memory" size:"GB"`
	SourceInstance       string `json:"source_instance,omitempty" jsonschema:"clone this database (ID or exact name)"`
	SourceSnapshotID     string `json:"source_snapshot_id,omitempty" jsonschema:"clone this exportable snapshot of source_instance instead of its present state"`
	VectorOptimized      *bool  `json:"vector_optimized,omitempty" jsonschema:"set memory aside for vector search"`
	GraphAnalyticsPlugin *bool  `json:"graph_analytics_plugin,omitempty" jsonschema:"the Graph Data Science plugin"`
	CustomerManagedKeyID string `json:"customer_managed_key_id,omitempty" jsonschema:"a ready key; enterprise types only"`
	WaitSeconds          int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait until it runs; default 0" min:"0" max:"50"`
}

// InstanceCreated is a new database and how far it is.
type InstanceCreated struct {
	State         op.State `json:"state" enum:"accepted,done,approval_pending,in_progress"`
	Message       string   `json:"message"`
	InstanceID    string   `json:"instance_id,omitempty"`
	Name          string   `json:"name,omitempty"`
	Status        string   `json:"status,omitempty"`
	ConnectionURL string   `json:"connection_url,omitempty"`
	Username      string   `json:"username,omitempty"`
	PasswordAt    string   `json:"password_at,omitempty" jsonschema:"where the one-time password was put; the assistant has not seen it"`
	Password      string   `json:"password,omitempty" jsonschema:"only where it could be kept nowhere else, or the settings say so"`
	UsuallyTakes  string   `json:"usually_takes,omitempty"`
	Next          string   `json:"next,omitempty"`
}

// Made is its ID.
func (c InstanceCreated) Made() string { return c.InstanceID }

// creation is a create as planned.
type creation struct {
	request auraclient.CreateInstanceRequest
	alike   []string // IDs of instances of that name
}

func (f *Fleet) planCreate(ctx context.Context, in createInstanceIn) (op.Plan, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	tenant, noTenant := f.findTenant(ctx, aura, in.Tenant, loosely) // a person reads which it is
	source, snapshot, noSource := f.cloneSource(ctx, aura, in)
	if err := together(checkName(in.Name), noTenant, noSource); err != nil {
		return op.Plan{}, err
	}
	if err := f.notLost(in.Name); err != nil {
		return op.Plan{}, err
	}
	details, err := aura.Tenants.Get(ctx, tenant.ID)
	if err != nil {
		return op.Plan{}, fmt.Errorf("read what the tenant offers: %w", err)
	}
	request, filled, err := f.complete(in, details.InstanceConfigurations, source)
	if err != nil {
		return op.Plan{}, err
	}
	request.TenantID = tenant.ID
	alike, where, existing, err := f.alike(ctx, aura, in.Name)
	if err != nil {
		return op.Plan{}, err
	}
	if err := f.canKeep(); err != nil {
		return op.Plan{}, err
	}
	plan := op.Plan{
		Effects: op.Billable, Unforeseen: len(alike) > 0, Prepared: creation{request, alike}, What: joined(string(request.Type), request.Memory, place(request.CloudProvider, request.Region)),
		Wants:    &op.Wants{New: true, Memory: request.Memory, Region: request.Region, Type: string(request.Type), Instances: len(existing)},
		Headline: fmt.Sprintf("Create the database %s.", text.Quote(in.Name)),
		Targets: []op.Resource{{
			Kind: "new instance", ID: op.NoID, Name: in.Name, Tenant: cmp.Or(tenant.Name, tenant.ID), Type: string(request.Type), Memory: request.Memory,
			Detail: joined(request.CloudProvider+"/"+request.Region, prefixed("storage ", request.Storage), alsoNamed(alike)),
		}},
	}
	if source != nil {
		from := source.resource()
		if snapshot != nil {
			from.Detail = "snapshot " + snapshot.SnapshotID
		}
		plan.Source = &from
	}
	plan.Facts = createFacts(request, filled, where)
	if other := f.knownFree(existing); request.Type == auraclient.TypeFree && other != "" {
		plan.Facts = append(plan.Facts, op.Fact{Label: "limit", Value: other + " is a free database already; an account has one, so Aura will most likely refuse this"})
	}
	if source != nil {
		plan.Facts = append([]op.Fact{{Label: "what is in it", Value: asOf(source.instance, snapshot)}}, plan.Facts...)
		handOver(&plan, *source, TenantRef{ID: tenant.ID, Name: tenant.Name})
	}
	return plan, nil
}

// together is several mistakes in one error, so that they are mended in one go. What is none of the caller's goes first.
func together(all ...error) error {
	var mistakes []*op.Error
	for _, err := range all {
		mistake, told := errors.AsType[*op.Error](err)
		switch {
		case err == nil:
		case !told:
			return err
		default:
			mistakes = append(mistakes, mistake)
		}
	}
	if len(mistakes) == 0 {
		return nil
	}
	out := *mistakes[0]
	for _, m := range mistakes[1:] {
		out.What += "; " + m.What
		out.Next += "; " + m.Next
	}
	return &out
}

// joined puts together those parts that there are.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

func alsoNamed(alike []string) string { return prefixed("also named so: ", strings.Join(alike, ", ")) }

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func createFacts(r auraclient.CreateInstanceRequest, filled, alike []string) []op.Fact {
	var facts []op.Fact
	if len(filled) > 0 {
		facts = append(facts, op.Fact{Label: "filled in", Value: strings.Join(filled, ", ") + " (the only value there is, or the usual one)"})
	}
	facts = append(facts, sameName(alike)...)
	cost := "it is billed from its creation on"
	if r.Type == auraclient.TypeFree {
		cost = "nothing: free databases are not billed; an account has one"
	}
	facts = append(facts, op.Fact{Label: "what it costs", Value: cost})
	return append(facts, op.Fact{Label: "can be undone", Value: "yes, by deleting it"})
}

// sameName tells of things that have the name already.
func sameName(alike []string) []op.Fact {
	if len(alike) == 0 {
		return nil
	}
	are := "are"
	if len(alike) == 1 {
		are = "is"
	}
	return []op.Fact{{Label: "same name", Value: fmt.Sprintf("there %s %d already: %s; this makes another one", are, len(alike), strings.Join(alike, ", "))}}
}

// cloneSource reads what is to be cloned; nil where nothing is.
func (f *Fleet) cloneSource(ctx context.Context, aura *auraclient.Client, in createInstanceIn) (*target, *auraclient.Snapshot, error) {
	if in.SourceInstance == "" {
		if in.SourceSnapshotID != "" {
			return nil, nil, &op.Error{What: "`source_snapshot_id` needs the `source_instance` that it belongs to", Next: "call again with both", Unchanged: true}
		}
		return nil, nil, nil
	}
	source, err := f.look(ctx, aura, in.SourceInstance, exactly)
	if err != nil {
		return nil, nil, err
	}
	if in.SourceSnapshotID == "" {
		if source.instance.Status != auraclient.StatusRunning && source.instance.Status != auraclient.StatusPaused {
			return nil, nil, notNow(source.instance, auraclient.StatusRunning)
		}
		return &source, nil, nil
	}
	snapshot, err := f.sourceSnapshot(ctx, aura, source.instance, in.SourceSnapshotID)
	return &source, snapshot, err
}

// alike lists the instances of a name in all tenants, by their IDs and in words, and all that the account has.
func (f *Fleet) alike(ctx context.Context, aura *auraclient.Client, name string) (ids, where []string, all []auraclient.InstanceSummary, err error) {
	if all, err = aura.Instances.List(ctx, ""); err != nil {
		return nil, nil, nil, fmt.Errorf("look for instances of the same name: %w", err)
	}
	if ids = idsOf(name, all, instanceNamed); len(ids) == 0 {
		return nil, nil, all, nil
	}
	tenants, err := tenantNames(ctx, aura)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, id := range ids {
		of := all[slices.IndexFunc(all, func(i auraclient.InstanceSummary) bool { return i.ID == id })].TenantID
		where = append(where, id+" in "+text.Quote(TenantRef{ID: of, Name: tenants[of]}.shown()))
	}
	return ids, where, all, nil
}

// knownFree names a free database among those that there are, as far as reads for other purposes have shown their types.
func (f *Fleet) knownFree(all []auraclient.InstanceSummary) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range all {
		if f.details[i.ID].instance.Type == auraclient.TypeFree {
			return instanceNamed(i).String()
		}
	}
	return ""
}

// canKeep refuses a create whose password could not be kept.
func (f *Fleet) canKeep() error {
	slot, err := f.vault.Prepare(rand.Text(), "")
	if err != nil {
		return &op.Error{
			What:      "the one-time password of a new database could not be kept safe, so none is created: " + err.Error(),
			Next:      "tell the person to mend that, or to choose another place with the setting secret_sink",
			Unchanged: true, Err: err,
		}
	}
	slot.Discard()
	return nil
}

func (f *Fleet) create(ctx context.Context, call op.Call, in createInstanceIn, plan op.Plan) (InstanceCreated, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceCreated{}, err
	}
	planned := plan.Prepared.(creation)
	created, kept, err := f.createAlone(ctx, call, aura, planned)
	if err != nil {
		return InstanceCreated{}, err
	}
	out := InstanceCreated{
		State: op.Accepted, InstanceID: created.ID, Name: planned.request.Name, Status: string(auraclient.StatusCreating),
		ConnectionURL: created.ConnectionURL, Username: created.Username, UsuallyTakes: usuallyTakes[auraclient.StatusCreating],
		Message: fmt.Sprintf("Aura is creating %s; it does not run yet", text.Quote(planned.request.Name)),
		Next:    "call wait_for_instance before you say that it runs",
	}
	if in.WaitSeconds > 0 {
		change := InstanceChange{State: out.State, Message: out.Message, InstanceID: out.InstanceID, Name: out.Name, Status: out.Status, UsuallyTakes: out.UsuallyTakes, Next: out.Next}
		f.settle(ctx, call, aura, awaited{id: created.ID, want: string(auraclient.StatusRunning), limit: time.Duration(in.WaitSeconds) * time.Second, accepted: true, creating: true}, &change)
		out.State, out.Message, out.Status, out.UsuallyTakes, out.Next = change.State, change.Message, change.Status, change.UsuallyTakes, change.Next
	}
	out.tellPassword(created, kept)
	return out, nil
}

// tellPassword says where the password is. In the result itself it is only where it would otherwise be lost, or where the
// settings ask for that.
func (c *InstanceCreated) tellPassword(created *auraclient.CreatedInstance, kept vault.Kept) {
	switch {
	case created.Password == "":
		c.Message += ". Its one-time password was lost with Aura's answer, and Aura has no way to set another: the person may want to delete it and create it anew"
	case kept.Revealed:
		c.Password = created.Password.Reveal()
		if kept.Trouble != nil {
			c.Message += fmt.Sprintf(". Its password could not be kept (%v), so it is in this result and nowhere else: tell the person to store it now", kept.Trouble)
		}
	default:
		c.PasswordAt = kept.Where
		c.Message += fmt.Sprintf(". Its one-time password, which the assistant has not seen, is here: %s", kept.Where)
	}
}

// createAlone sends the create while no other process of this account does, after a last look at the names.
func (f *Fleet) createAlone(ctx context.Context, call op.Call, aura *auraclient.Client, planned creation) (*auraclient.CreatedInstance, vault.Kept, error) {
	release, err := f.alone(ctx)
	if err != nil {
		return nil, vault.Kept{}, &op.Error{What: "another aura-mcp is creating a database right now: " + err.Error(), Next: "call again in a minute", Unchanged: true, Err: err}
	}
	defer release()
	alike, _, _, err := f.alike(ctx, aura, planned.request.Name)
	if err != nil {
		return nil, vault.Kept{}, unsent(err)
	}
	if !slices.Equal(alike, planned.alike) {
		return nil, vault.Kept{}, &op.Error{What: fmt.Sprintf("another database named %s has appeared since the approval", text.Quote(planned.request.Name)), Next: "call list_instances, and ask the person whether they still want this one", Unchanged: true}
	}
	slot, err := f.vault.Prepare(rand.Text(), call.Caller.Principal)
	if err != nil {
		return nil, vault.Kept{}, &op.Error{What: "the password could not be kept safe, so nothing was created: " + err.Error(), Next: "tell the person", Unchanged: true, Err: err}
	}
	sent := time.Now()
	created, err := aura.Instances.Create(ctx, planned.request)
	if auraclient.OutcomeUnknown(err) {
		slot.Discard()
		created, err = f.findLost(ctx, call, aura, planned, sent)
		return created, vault.Kept{}, err
	}
	if err != nil {
		slot.Discard()
		return nil, vault.Kept{}, fmt.Errorf("create the instance %s: %w", text.Quote(planned.request.Name), err)
	}
	if created.Password == "" {
		slot.Discard()
		return created, vault.Kept{}, nil
	}
	return created, slot.Keep(vault.Credentials{
		InstanceID: created.ID, Name: planned.request.Name, URI: created.ConnectionURL, Username: created.Username, Password: created.Password,
	}), nil
}

const (
	lostFor   = 30 * time.Minute // how long a create of unknown outcome stops an equal one
	lostLooks = 8
	lostEvery = 4 * time.Second
	// clocksDiffer is how far Aura's clock may be behind ours. What was there before is known by its ID.
	clocksDiffer = time.Hour
)

// findLost looks whether a create whose answer got lost was carried out.
func (f *Fleet) findLost(ctx context.Context, call op.Call, aura *auraclient.Client, planned creation, sent time.Time) (*auraclient.CreatedInstance, error) {
	r := planned.request
	i, found := search(ctx, call,
		func() ([]auraclient.InstanceSummary, error) { return aura.Instances.List(ctx, r.TenantID) },
		func(i auraclient.InstanceSummary) bool {
			return i.Name == r.Name && !slices.Contains(planned.alike, i.ID) && (i.CreatedAt.IsZero() || i.CreatedAt.After(sent.Add(-clocksDiffer)))
		})
	if found {
		return &auraclient.CreatedInstance{ID: i.ID, Name: i.Name, TenantID: i.TenantID, CreatedAt: i.CreatedAt}, nil
	}
	return nil, &op.Error{
		What:    fmt.Sprintf("it is not known whether %s was created: the request was sent and Aura's answer got lost; no such database has appeared so far", text.Quote(r.Name)),
		Next:    fmt.Sprintf("do not repeat it before %s; look with list_instances then, and tell the person", sent.Add(lostFor).Format("15:04 MST")),
		Unknown: true,
	}
}

// search looks for a while for something that may have been created.
func search[T any](ctx context.Context, call op.Call, list func() ([]T, error), is func(T) bool) (found T, ok bool) {
	var looks progress
	for range lostLooks {
		all, err := list()
		looks.step(call, lostLooks, "looks for what was sent, since Aura's answer got lost")
		if n := slices.IndexFunc(all, is); err == nil && n >= 0 {
			return all[n], true
		}
		timer := time.NewTimer(lostEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return found, false
}

// notLost stops a create that may have been carried out already. It goes by the journal, which other processes write too and
// which outlives this one.
func (f *Fleet) notLost(name string) error {
	entries, _, err := f.journal.Read(time.Now().Add(-lostFor))
	if err != nil {
		return fmt.Errorf("read the audit: %w", err)
	}
	for _, e := range entries {
		open := e.Standing == audit.Unknown || e.Standing == audit.Running
		if e.Operation != "create_instance" || !open || !e.About(name) {
			continue
		}
		return &op.Error{
			What:      fmt.Sprintf("a create of %s was sent at %s and its outcome is not known: it may yet appear, and cost money", text.Quote(name), e.Time.Format("15:04 MST")),
			Next:      fmt.Sprintf("look with list_instances; do not create it again before %s", e.Time.Add(lostFor).Format("15:04 MST")),
			Unchanged: true,
		}
	}
	return nil
}

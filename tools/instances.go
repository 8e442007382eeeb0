package tools

import (
	"context"
	"fmt"
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

func (f *Fleet) instanceOps() []op.Operation {
	pause, resume := f.pausing(), f.resuming()
	return []op.Operation{
		op.Reads(op.Spec{
			Name: "list_instances", Title: "List databases", Toolset: toolsetInstances, Idempotent: true,
			Description: "Lists the Aura databases (instances) with status, type, size and place, and counts them. Answers \"which are paused?\" or \"what do we run?\". For one database in detail use get_instance.",
		}, f.listInstances),
		op.Reads(op.Spec{
			Name: "get_instance", Title: "Look at a database", Toolset: toolsetInstances, Idempotent: true,
			Description: "Shows one database in detail, read just now: status, type, memory, storage, place, connection URL, options. Not its health or the data inside.",
		}, f.getInstance),
		op.Acts(op.Spec{
			Name: "create_instance", Title: "Create a database", Toolset: toolsetInstances, Effects: op.Billable,
			Description: "Creates a database, new or as a clone (source_instance, source_snapshot_id). What is left out is filled in where only one value is possible, else asked for. The one-time password is stored for the person and not shown. To replace the data of an existing database use overwrite_instance.",
		}, f.planCreate, f.create),
		op.Acts(op.Spec{
			Name: "update_instance", Title: "Change a database", Toolset: toolsetInstances, Idempotent: true, Effects: op.Write | op.Billable | op.Disruptive,
			Description: "Renames a database or changes its memory, storage or options; for a bigger or smaller database use this. A person is asked, except for a mere rename to a free name.",
		}, f.planUpdate, f.update),
		op.Acts(op.Spec{
			Name: "pause_instance", Title: "Pause databases", Toolset: toolsetInstances, Idempotent: true, Effects: op.Disruptive,
			Description: "Pauses a running database, or several in one approval: nobody can use it until resume_instance. Its data is kept. A person is asked to approve. Not for free databases.",
		}, pause.plan, pause.run),
		op.Acts(op.Spec{
			Name: "resume_instance", Title: "Resume databases", Toolset: toolsetInstances, Idempotent: true, Effects: op.Billable,
			Description: "Starts a paused database again, or several in one approval; they are billed as running from then on. A person is asked to approve.",
		}, resume.plan, resume.run),
		op.Acts(op.Spec{
			Name: "delete_instance", Title: "Delete a database", Toolset: toolsetInstances, Effects: op.Destructive,
			Description: "Deletes a database with everything in it and all its snapshots, for good. A person has to type its name. To stop paying and keep the data use pause_instance.",
		}, f.planDelete, f.delete),
		op.Acts(op.Spec{
			Name: "overwrite_instance", Title: "Replace a database's data", Toolset: toolsetInstances, Effects: op.Destructive,
			Description: "REPLACES all data of `instance` by that of `source_instance`. A person has to type its name. For a new copy use create_instance; to go back to one of its own snapshots use restore_snapshot.",
		}, f.planOverwrite, f.overwrite),
		op.Acts(op.Spec{
			Name: "upgrade_instance", Title: "Upgrade to Business Critical", Toolset: toolsetInstances, Effects: op.Destructive | op.Billable,
			Description: "Moves a Professional database to the Business Critical plan and cannot be undone; not for more memory (update_instance) and not for a newer Neo4j. A person has to type its name.",
		}, f.planUpgrade, f.upgrade),
		op.Reads(op.Spec{
			Name: "estimate_instance_size", Title: "Estimate a size", Toolset: toolsetInstances, Idempotent: true,
			Description: "Estimates the memory that a graph needs on a graph data science database (AuraDS), from its counts of nodes and relationships.",
		}, f.estimateSize),
		op.Reads(op.Spec{
			Name: "wait_for_instance", Title: "Wait for a database", Toolset: toolsetInstances, Idempotent: true,
			Description: "Waits up to 50 seconds until a database has a status (default running) and says whether it got there. Use it after starting a change or on \"busy\"; when it is not there yet, tell the person rather than calling it again and again.",
		}, f.waitForInstance),
		op.Reads(op.Spec{
			Name: "list_operations", Title: "What was done here", Toolset: toolsetInstances, Idempotent: true,
			Description: "Lists what this server did, asked a person for or refused, newest first: \"who deleted it last week?\". Reads and what was done elsewhere, such as in the Aura console, are not in it.",
		}, f.listOperations),
	}
}

type listInstancesIn struct {
	Name     string `json:"name,omitempty" jsonschema:"only names like this: a pattern with *, or a part of the name"`
	Tenant   string `json:"tenant,omitempty" jsonschema:"only this tenant (called project in the console), by name or ID"`
	Status   string `json:"status,omitempty" jsonschema:"only this status, such as running or paused"`
	Type     string `json:"type,omitempty" jsonschema:"only this type, such as business-critical"`
	Provider string `json:"provider,omitempty" jsonschema:"only this cloud provider" enum:"aws,azure,gcp"`
	Region   string `json:"region,omitempty" jsonschema:"only this region"`
	Limit    int    `json:"limit,omitempty" jsonschema:"how many rows at most; default 200; the counts are of all" min:"1" max:"200"`
	Cursor   string `json:"cursor,omitempty" jsonschema:"next_cursor of the answer before, for the rows after it"`
}

func (f *Fleet) listInstances(ctx context.Context, call op.Call, in listInstancesIn) (InstanceList, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceList{}, err
	}
	tenantID, err := f.tenantFilter(ctx, aura, in.Tenant)
	if err != nil {
		return InstanceList{}, err
	}
	names, err := tenantNames(ctx, aura)
	if err != nil {
		return InstanceList{}, err
	}
	all, err := aura.Instances.List(ctx, tenantID)
	if err != nil {
		return InstanceList{}, fmt.Errorf("list the instances: %w", err)
	}
	all = slicesMatching(all, in)
	read, err := f.readAll(ctx, aura, call, all)
	if err != nil {
		return InstanceList{}, err
	}
	list := newInstanceList(read, names, in)
	err = list.page(in)
	return list, err
}

type instanceIn struct {
	Instance string `json:"instance" jsonschema:"ID or name of the database"`
}

func (f *Fleet) getInstance(ctx context.Context, _ op.Call, in instanceIn) (InstanceDetails, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceDetails{}, err
	}
	t, err := f.look(ctx, aura, in.Instance, loosely)
	if err != nil {
		return InstanceDetails{}, err
	}
	return newInstanceDetails(f.remember(*t.instance), t.tenant), nil
}

// look finds an instance and reads its details and its tenant's name anew.
func (f *Fleet) look(ctx context.Context, aura *auraclient.Client, given string, same match) (target, error) {
	all, err := aura.Instances.List(ctx, "")
	if err != nil {
		return target{}, fmt.Errorf("look for the instance %s: %w", text.Quote(given), err)
	}
	found, err := pickInstance(given, all, same)
	if err != nil {
		return target{}, err
	}
	i, err := aura.Instances.Get(ctx, found.ID)
	if err != nil {
		return target{}, fmt.Errorf("read the instance %s: %w", found.ID, err)
	}
	if i.TenantID == "" {
		i.TenantID = found.TenantID
	}
	names, err := tenantNames(ctx, aura)
	if err != nil {
		return target{}, err
	}
	return target{
		instance: i, tenant: TenantRef{ID: i.TenantID, Name: names[i.TenantID]}, shared: shared(named{i.ID, i.Name}, all, instanceNamed),
	}, nil
}

type waitForInstanceIn struct {
	Instance    string `json:"instance" jsonschema:"ID or name of the database"`
	Status      string `json:"status,omitempty" jsonschema:"the status to wait for; default running; deleted: until it is gone"`
	WaitSeconds *int   `json:"wait_seconds,omitempty" jsonschema:"how long to wait at most; default 45" min:"0" max:"50"`
}

// Waited is the outcome of waiting for an instance.
type Waited struct {
	Reached       bool   `json:"reached" jsonschema:"whether the status asked for was reached"`
	Status        string `json:"status" jsonschema:"the status last seen; deleted when it is gone"`
	InstanceID    string `json:"instance_id"`
	Name          string `json:"name"`
	WaitedSeconds int    `json:"waited_seconds"`
	UsuallyTakes  string `json:"usually_takes,omitempty"`
	Next          string `json:"next,omitempty"`
}

const statusDeleted = "deleted"

func (f *Fleet) waitForInstance(ctx context.Context, call op.Call, in waitForInstanceIn) (Waited, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return Waited{}, err
	}
	found, err := f.find(ctx, aura, in.Instance, loosely)
	if err != nil {
		return Waited{}, err
	}
	want, limit := in.Status, 45*time.Second
	if want == "" {
		want = string(auraclient.StatusRunning)
	}
	if want = strings.ReplaceAll(want, "_", " "); want != statusDeleted && !auraclient.Status(want).Known() {
		return Waited{}, &op.Error{What: fmt.Sprintf("argument `status` is %s, which no database ever has", text.Quote(in.Status)), Next: "call again with running, paused or deleted"}
	}
	if in.WaitSeconds != nil {
		limit = time.Duration(*in.WaitSeconds) * time.Second
	}
	begun := time.Now()
	last, reached, err := f.await(ctx, call, aura, awaited{id: found.ID, want: want, limit: limit, accepted: f.stale(found.ID, want)})
	if err != nil {
		return Waited{}, err
	}
	out := Waited{Reached: reached, Status: want, InstanceID: found.ID, Name: found.Name, WaitedSeconds: int(time.Since(begun).Seconds())}
	if last != nil {
		out.Status = shown(string(last.Status))
	}
	if !reached {
		out.UsuallyTakes = usual(last)
		out.Next = nextAfterWait(found.Name, out.Status, want, last)
	}
	return out, nil
}

func nextAfterWait(name, status, want string, last *auraclient.Instance) string {
	switch {
	case last != nil && last.Status.Failed():
		return fmt.Sprintf("%s has failed and will not become %s by itself: tell the person; restoring a snapshot or the Aura console may help", text.Quote(name), want)
	case last != nil && last.Status.Transitional():
		return fmt.Sprintf("%s is still %s: tell the person and look again in a few minutes, rather than waiting in a loop", text.Quote(name), status)
	}
	next := fmt.Sprintf("%s is %s and nothing is under way, so it will not become %s by itself", text.Quote(name), status, want)
	switch {
	case status == string(auraclient.StatusPaused) && want == string(auraclient.StatusRunning):
		next += "; if the person wants that, resume_instance starts it"
	case status == string(auraclient.StatusRunning) && want == string(auraclient.StatusPaused):
		next += "; if the person wants that, pause_instance pauses it"
	}
	return next
}

package tools

import (
	"context"
	"fmt"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
)

// What follows is the fleet as context: the same as the tools show, from memory where that is fresh, for whoever shows it in
// another form. Errors are put into words as those of the tools are.

// InstanceRef names an instance that exists.
type InstanceRef struct {
	ID       string
	Name     string
	TenantID string
}

// Overview is every database of the fleet with what is known of it.
type Overview struct {
	InstanceList
	Known map[string]Known // by instance
}

// Known is what the process has seen of a database besides its details.
type Known struct {
	Snapshot time.Time // of the newest complete snapshot
	Verdict  VerdictNote
}

// Overview reads the list of the fleet and the details that are not fresh, one request for each.
func (f *Fleet) Overview(ctx context.Context) (Overview, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return Overview{}, explain(err)
	}
	list, err := f.listed(ctx, aura)
	if err != nil {
		return Overview{}, explain(err)
	}
	read, err := f.readAll(ctx, aura, op.Call{}, list.all)
	if err != nil {
		return Overview{}, explain(err)
	}
	out := Overview{InstanceList: newInstanceList(read, list.tenants, listInstancesIn{}), Known: map[string]Known{}}
	for id, n := range f.notes() {
		out.Known[id] = Known{Snapshot: n.snapshot.Timestamp, Verdict: n.verdict}
	}
	return out, nil
}

// FindInstance finds an instance by ID or name, in the list of the last minute, and in a new one before it says that there is
// none or that there are several; that error is [ErrNoMatch].
func (f *Fleet) FindInstance(ctx context.Context, given string) (InstanceRef, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceRef{}, explain(err)
	}
	found, _, err := f.locate(ctx, aura, given)
	return InstanceRef{ID: found.ID, Name: found.Name, TenantID: found.TenantID}, explain(err)
}

func (f *Fleet) locate(ctx context.Context, aura *auraclient.Client, given string) (auraclient.InstanceSummary, listing, error) {
	for again := false; ; again = true {
		list, err := f.listed(ctx, aura)
		if err != nil {
			return auraclient.InstanceSummary{}, listing{}, err
		}
		found, err := pickInstance(given, list.all, loosely)
		if err == nil || again || time.Since(list.at) < freshWhileChangingBy {
			return found, list, err
		}
		f.vitals.outdate()
	}
}

// FindTenant does for tenants what [Fleet.FindInstance] does for instances.
func (f *Fleet) FindTenant(ctx context.Context, given string) (TenantRef, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return TenantRef{}, explain(err)
	}
	for again := false; ; again = true {
		list, err := f.listed(ctx, aura)
		if err != nil {
			return TenantRef{}, explain(err)
		}
		id, err := list.tenantNamed(given)
		if err == nil || again || time.Since(list.at) < freshWhileChangingBy {
			return TenantRef{ID: id, Name: list.tenants[id]}, explain(err)
		}
		f.vitals.outdate()
	}
}

// current finds an instance and has its details as of the last minute.
func (f *Fleet) current(ctx context.Context, given string) (aura *auraclient.Client, t target, s seen, err error) {
	if aura, err = f.client(ctx); err != nil {
		return nil, target{}, seen{}, explain(err)
	}
	found, list, err := f.locate(ctx, aura, given)
	if err != nil {
		return nil, target{}, seen{}, explain(err)
	}
	if s, err = f.fresh(ctx, aura, found.ID); err != nil {
		return nil, target{}, seen{}, explain(err)
	}
	if s.instance.TenantID == "" {
		s.instance.TenantID = found.TenantID
	}
	return aura, target{instance: &s.instance, tenant: TenantRef{ID: s.instance.TenantID, Name: list.tenants[s.instance.TenantID]}}, s, nil
}

// fresh has the details of an instance from memory, or from Aura where they are no longer fresh.
func (f *Fleet) fresh(ctx context.Context, aura *auraclient.Client, id string) (seen, error) {
	if s, ok := f.recall(id); ok {
		return s, nil
	}
	i, err := aura.Instances.Get(ctx, id)
	if err != nil {
		return seen{}, fmt.Errorf("read the instance %s: %w", id, err)
	}
	return f.remember(*i), nil
}

// Instance is one database as of the last minute.
func (f *Fleet) Instance(ctx context.Context, given string) (InstanceDetails, error) {
	_, t, s, err := f.current(ctx, given)
	if err != nil {
		return InstanceDetails{}, err
	}
	return newInstanceDetails(s, t.tenant), nil
}

// Snapshots are the newest snapshots of the last seven days.
func (f *Fleet) Snapshots(ctx context.Context, given string) (SnapshotList, error) {
	found, err := f.FindInstance(ctx, given)
	if err != nil {
		return SnapshotList{}, err
	}
	out, err := f.listSnapshots(ctx, op.Call{}, listSnapshotsIn{Instance: found.ID})
	return out, explain(err)
}

// RecentSnapshots are all snapshots of the last seven days, newest first.
func (f *Fleet) RecentSnapshots(ctx context.Context, id string) ([]auraclient.Snapshot, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return nil, err
	}
	want, err := listSnapshotsIn{}.span(time.Now())
	if err != nil {
		return nil, err
	}
	return f.walk(ctx, op.Call{}, aura, id, want)
}

// Health is the verdict on one database, from one reading and what was read before.
func (f *Fleet) Health(ctx context.Context, given string) (InstanceHealth, error) {
	aura, t, _, err := f.current(ctx, given)
	if err != nil {
		return InstanceHealth{}, err
	}
	v, missed, err := f.assess(ctx, op.Call{}, aura, t.instance, 0)
	if err != nil {
		return InstanceHealth{}, explain(err)
	}
	out := newInstanceHealth(v, t)
	out.Next = missed.Next
	return out, nil
}

// Tenant is a tenant with everything that can be created in it.
func (f *Fleet) Tenant(ctx context.Context, given string) (TenantOffers, error) {
	found, err := f.FindTenant(ctx, given)
	if err != nil {
		return TenantOffers{}, err
	}
	aura, err := f.client(ctx)
	if err != nil {
		return TenantOffers{}, explain(err)
	}
	out, err := f.tenantOffers(ctx, aura, auraclient.Tenant{ID: found.ID, Name: found.Name}, getTenantIn{})
	return out, explain(err)
}

// Operations is what the caller's last operations here were, newest first.
func (f *Fleet) Operations(ctx context.Context, caller op.Caller, since time.Time, most int) (OperationList, error) {
	out, err := f.listOperations(ctx, op.Call{Caller: caller}, listOperationsIn{From: since.UTC().Format(time.RFC3339), Limit: most})
	return out, explain(err)
}

// Names are the instances and tenants there are, for somebody who is about to type one.
func (f *Fleet) Names(ctx context.Context) (instances []InstanceRef, tenants []TenantRef, err error) {
	aura, err := f.client(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, err := f.listed(ctx, aura)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range list.all {
		instances = append(instances, InstanceRef{ID: i.ID, Name: i.Name, TenantID: i.TenantID})
	}
	for id, name := range list.tenants {
		tenants = append(tenants, TenantRef{ID: id, Name: name})
	}
	return instances, tenants, nil
}

// Configurations are all that can be created in a tenant and the settings allow, one by one.
func (f *Fleet) Configurations(ctx context.Context, tenantID string) ([]auraclient.InstanceConfiguration, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return nil, err
	}
	tenant, err := aura.Tenants.Get(ctx, tenantID)
	if err != nil {
		return nil, fmt.Errorf("read the tenant %s: %w", tenantID, err)
	}
	all, _ := f.permitted(tenant.InstanceConfigurations, true)
	return all, nil
}

package resources

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
	"aura-mcp/tools"
)

const (
	// completionPatience is how long somebody who types is made to wait: nothing comes sooner than something late.
	completionPatience = 300 * time.Millisecond
	// mostCompletions is the protocol's bound.
	mostCompletions = 100
)

// severalInstances is an argument that takes names and IDs, separated by commas: the last one is completed.
const severalInstances = "instances"

// Completion is what a value that somebody has begun to type may become.
type Completion struct {
	Values []string
	Total  int // of which Values are the first
}

// names are the instances and tenants there are.
type names struct {
	instances []tools.InstanceRef
	tenants   []tools.TenantRef
}

// completions are the arguments that can be completed, by name, whatever template or prompt they are of.
func completions() map[string]func(*Resources, context.Context, map[string]string) []string {
	of := func(pick func(auraclient.InstanceConfiguration) string, argument string) func(*Resources, context.Context, map[string]string) []string {
		return func(r *Resources, ctx context.Context, chosen map[string]string) []string {
			return r.offered(ctx, chosen, argument, pick)
		}
	}
	memory := func(c auraclient.InstanceConfiguration) string { return c.Memory }
	provider := func(c auraclient.InstanceConfiguration) string { return c.CloudProvider }
	kind := func(c auraclient.InstanceConfiguration) string { return string(c.Type) }
	return map[string]func(*Resources, context.Context, map[string]string) []string{
		"instance":        (*Resources).instanceNames,
		"source_instance": (*Resources).instanceNames,
		"target_instance": (*Resources).instanceNames,
		"tenant":          (*Resources).tenantNames,
		"project":         (*Resources).tenantNames,
		"snapshot_id": func(r *Resources, ctx context.Context, chosen map[string]string) []string {
			return r.snapshotIDs(ctx, chosen["instance"], false)
		},
		"source_snapshot_id": func(r *Resources, ctx context.Context, chosen map[string]string) []string {
			return r.snapshotIDs(ctx, cmp.Or(chosen["source_instance"], chosen["instance"]), true)
		},
		"type":           of(kind, "type"),
		"cloud_provider": of(provider, "cloud_provider"),
		"provider":       of(provider, "cloud_provider"),
		"region":         of(func(c auraclient.InstanceConfiguration) string { return c.Region }, "region"),
		"memory":         of(memory, "memory"),
		"size":           of(memory, "memory"),
		"storage":        of(func(c auraclient.InstanceConfiguration) string { return c.Storage }, "storage"),
	}
}

// Complete offers values for an argument of a template or a prompt, by the argument's name. chosen are the arguments that have
// a value already. It answers within 300 ms, from what is remembered, with nothing rather than late.
func (r *Resources) Complete(ctx context.Context, argument, begun string, chosen map[string]string) Completion {
	before := ""
	if last := strings.LastIndex(begun, ",") + 1; argument == severalInstances {
		blanks := len(begun[last:]) - len(strings.TrimLeft(begun[last:], " "))
		before, begun, argument = begun[:last+blanks], begun[last+blanks:], "instance"
	}
	values, ok := completions()[argument]
	if !ok {
		return Completion{}
	}
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	fitting := matching(begun, values(r, ctx, chosen))
	for n := range fitting {
		fitting[n] = before + fitting[n]
	}
	return Completion{Values: fitting[:min(len(fitting), mostCompletions)], Total: len(fitting)}
}

// matching keeps the values that begin with what is typed, and after them those that contain it, without regard to case.
func matching(begun string, values []string) []string {
	begun = strings.ToLower(begun)
	var first, then []string
	for _, v := range values {
		switch low := strings.ToLower(v); {
		case strings.HasPrefix(low, begun):
			first = append(first, v)
		case strings.Contains(low, begun):
			then = append(then, v)
		}
	}
	return append(first, then...)
}

func (r *Resources) known(ctx context.Context) names {
	all, _ := r.names.get(ctx, "", func(ctx context.Context) (names, error) {
		instances, tenants, err := r.o.Fleet.Names(ctx)
		return names{instances, tenants}, err
	})
	return all
}

func (r *Resources) instanceNames(ctx context.Context, _ map[string]string) []string {
	var all [][2]string
	for _, i := range r.known(ctx).instances {
		all = append(all, [2]string{i.ID, i.Name})
	}
	return namesThenIDs(all)
}

func (r *Resources) tenantNames(ctx context.Context, _ map[string]string) []string {
	var all [][2]string
	for _, t := range r.known(ctx).tenants {
		all = append(all, [2]string{t.ID, t.Name})
	}
	return namesThenIDs(all)
}

// namesThenIDs offers every ID, and before them the names that stand for one thing only and hide nothing.
func namesThenIDs(all [][2]string) []string {
	slices.SortFunc(all, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[1], b[1]), strings.Compare(a[0], b[0])) })
	taken := map[string]int{}
	for _, one := range all {
		taken[strings.ToLower(one[1])]++
		taken[strings.ToLower(one[0])]++
	}
	var byName, ids []string
	for _, one := range all {
		ids = append(ids, one[0])
		if taken[strings.ToLower(one[1])] == 1 && text.Plain(one[1]) {
			byName = append(byName, one[1])
		}
	}
	slices.Sort(ids)
	return append(byName, ids...)
}

// snapshotIDs are those of the last days, newest first; where another database is to be made from one, those that can serve.
func (r *Resources) snapshotIDs(ctx context.Context, instance string, asSource bool) []string {
	id, _ := r.instance(ctx, instance)
	if id == "" {
		return nil
	}
	all, _ := r.backups.get(ctx, id, func(ctx context.Context) ([]auraclient.Snapshot, error) { return r.o.Fleet.RecentSnapshots(ctx, id) })
	var ids []string
	for _, s := range all {
		if !asSource || (s.Status == auraclient.SnapshotCompleted && s.Exportable != nil && *s.Exportable) {
			ids = append(ids, s.SnapshotID)
		}
	}
	return ids
}

// instance resolves an instance that was chosen, and says which tenant it is in; "" where it is not clear.
func (r *Resources) instance(ctx context.Context, given string) (id, tenantID string) {
	hits := 0
	for _, i := range r.known(ctx).instances {
		if given != "" && (i.ID == given || strings.EqualFold(i.Name, given)) {
			id, tenantID = i.ID, i.TenantID
			hits++
		}
	}
	if hits != 1 {
		return "", ""
	}
	return id, tenantID
}

// tenant is the tenant that was chosen: by itself, by an instance, or because it is the only one. "" where it is not clear.
func (r *Resources) tenant(ctx context.Context, chosen map[string]string) string {
	given := cmp.Or(chosen["tenant"], chosen["project"])
	all := r.known(ctx).tenants
	if given == "" {
		if _, tenantID := r.instance(ctx, cmp.Or(chosen["instance"], chosen["source_instance"])); tenantID != "" {
			return tenantID
		}
		if len(all) == 1 {
			return all[0].ID
		}
		return ""
	}
	id, hits := "", 0
	for _, t := range all {
		if t.ID == given || strings.EqualFold(t.Name, given) {
			id = t.ID
			hits++
		}
	}
	if hits != 1 {
		return ""
	}
	return id
}

// offered are the values of one kind that the chosen tenant offers together with what else is chosen.
func (r *Resources) offered(ctx context.Context, chosen map[string]string, argument string, pick func(auraclient.InstanceConfiguration) string) []string {
	tenantID := r.tenant(ctx, chosen)
	if tenantID == "" {
		return nil
	}
	all, _ := r.offers.get(ctx, tenantID, func(ctx context.Context) ([]auraclient.InstanceConfiguration, error) {
		return r.o.Fleet.Configurations(ctx, tenantID)
	})
	var out []string
	for _, c := range all {
		if v := pick(c); v != "" && !slices.Contains(out, v) && goesWith(c, chosen, argument) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(cmp.Compare(op.Gigabytes(a), op.Gigabytes(b)), strings.Compare(a, b))
	})
	return out
}

// goesWith reports whether a configuration has what else was chosen.
func goesWith(c auraclient.InstanceConfiguration, chosen map[string]string, argument string) bool {
	for _, other := range []struct{ name, given, has string }{
		{"type", chosen["type"], string(c.Type)},
		{"cloud_provider", cmp.Or(chosen["cloud_provider"], chosen["provider"]), c.CloudProvider},
		{"region", chosen["region"], c.Region},
		{"memory", cmp.Or(chosen["memory"], chosen["size"]), c.Memory},
		{"storage", chosen["storage"], c.Storage},
	} {
		if other.name != argument && other.given != "" && !strings.EqualFold(other.given, other.has) {
			return false
		}
	}
	return true
}

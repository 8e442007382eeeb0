package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// ErrNoMatch marks an error about a name or an ID that stands for nothing, or for several things.
var ErrNoMatch = errors.New("not the name of exactly one")

// match says how a name given by a model is compared with the names that exist.
type match func(given, name string) bool

func exactly(given, name string) bool { return given == name }

// loosely is for reads: whoever asks how "Prod" is means "prod".
func loosely(given, name string) bool { return strings.EqualFold(given, name) }

// find resolves an instance given by ID or name, from a fresh list.
func (f *Fleet) find(ctx context.Context, aura *auraclient.Client, given string, same match) (auraclient.InstanceSummary, error) {
	all, err := aura.Instances.List(ctx, "")
	if err != nil {
		return auraclient.InstanceSummary{}, fmt.Errorf("look for the instance %s: %w", text.Quote(given), err)
	}
	return pickInstance(given, all, same)
}

func pickInstance(given string, all []auraclient.InstanceSummary, same match) (auraclient.InstanceSummary, error) {
	return pick("instance", given, all, same, instanceNamed)
}

func instanceNamed(i auraclient.InstanceSummary) named { return named{i.ID, i.Name} }

// findTenant resolves a tenant given by ID or name. Nothing given means the only tenant there is.
func (f *Fleet) findTenant(ctx context.Context, aura *auraclient.Client, given string, same match) (auraclient.Tenant, error) {
	all, err := aura.Tenants.List(ctx)
	if err != nil {
		return auraclient.Tenant{}, fmt.Errorf("look for the tenant: %w", err)
	}
	asNamed := func(t auraclient.Tenant) named { return named{t.ID, t.Name} }
	if given == "" {
		if len(all) == 1 {
			return all[0], nil
		}
		return auraclient.Tenant{}, &op.Error{
			What:      fmt.Sprintf("there are %d tenants, so `tenant` is needed", len(all)),
			Next:      "call again with `tenant` as one of " + list(all, asNamed),
			Unchanged: true,
		}
	}
	return pick("tenant", given, all, same, asNamed)
}

// tenantFilter is the ID of the tenant that a list is limited to; "" where none is given.
func (f *Fleet) tenantFilter(ctx context.Context, aura *auraclient.Client, given string) (string, error) {
	if given == "" {
		return "", nil
	}
	tenant, err := f.findTenant(ctx, aura, given, loosely)
	return tenant.ID, err
}

type named struct{ id, name string }

func (n named) String() string { return fmt.Sprintf("%s (%s)", text.Quote(n.name), n.id) }

// pick finds the one thing whose ID or name was given. Two that could be meant, be it by one name or by a name that is
// another's ID, are for the caller to tell apart.
func pick[T any](kind, given string, all []T, same match, as func(T) named) (T, error) {
	var none T
	hits := slices.DeleteFunc(slices.Clone(all), func(t T) bool {
		n := as(t)
		return n.id != given && !same(given, n.name)
	})
	switch len(hits) {
	case 1:
		return hits[0], nil
	case 0:
		return none, unknown(kind, given, all, as)
	}
	return none, &op.Error{
		What:      fmt.Sprintf("%s %s is ambiguous: %d match", kind, text.Quote(given), len(hits)),
		Next:      fmt.Sprintf("ask the person which one they mean, then call again with its ID: %s", list(hits, as)),
		Unchanged: true, Err: ErrNoMatch,
	}
}

func unknown[T any](kind, given string, all []T, as func(T) named) error {
	names := make([]string, 0, len(all))
	for _, t := range all {
		names = append(names, as(t).name)
	}
	near, pattern := text.Nearest(given, names), strings.Contains(given, "*")
	if pattern {
		near = slices.DeleteFunc(names, func(name string) bool { return !text.Match(given, name) })
	}
	similar := list(slices.DeleteFunc(slices.Clone(all), func(t T) bool { return !slices.Contains(near, as(t).name) }), as)
	lister := "list_" + strings.ReplaceAll(kind, " ", "_") + "s"
	next := fmt.Sprintf("call %s to see what there is", lister)
	switch {
	case len(near) > 0 && pattern:
		next = fmt.Sprintf("here goes one name or ID; a pattern goes into `instances`, where a tool has it, or into `name` of a list. It fits: %s", similar)
	case len(near) > 0:
		next = fmt.Sprintf("check whether one of these is meant: %s. %s shows all", similar, lister)
	}
	return &op.Error{
		What:      fmt.Sprintf("there is no %s %s among the %d that these credentials can see", kind, text.Quote(given), len(all)),
		Next:      next,
		Unchanged: true, Err: ErrNoMatch,
	}
}

// shared reports whether another thing has the same name, or this name as its ID.
func shared[T any](one named, all []T, as func(T) named) bool {
	return slices.ContainsFunc(all, func(t T) bool {
		other := as(t)
		return other.id != one.id && (other.name == one.name || other.id == one.name)
	})
}

// idsOf are the IDs of the things that have a name, sorted.
func idsOf[T any](name string, all []T, as func(T) named) []string {
	var ids []string
	for _, t := range all {
		if n := as(t); n.name == name {
			ids = append(ids, n.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// list names things for a sentence, ten at most.
func list[T any](things []T, as func(T) named) string {
	words := make([]string, 0, len(things))
	for _, t := range things[:min(10, len(things))] {
		words = append(words, as(t).String())
	}
	if more := len(things) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

// tenantNames maps IDs to names. Credentials that may not list tenants still get an answer, with IDs in place of names.
func tenantNames(ctx context.Context, aura *auraclient.Client) (map[string]string, error) {
	tenants, err := aura.Tenants.List(ctx)
	if err != nil && !auraclient.IsForbidden(err) {
		return nil, fmt.Errorf("list the tenants: %w", err)
	}
	names := make(map[string]string, len(tenants))
	for _, t := range tenants {
		names[t.ID] = t.Name
	}
	return names, nil
}

package tools

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// dimension is one thing that has to be chosen for a new database.
type dimension struct {
	name  string
	given *string
	usual string // taken where it is possible and nothing was given
	of    func(auraclient.InstanceConfiguration) string
}

// complete checks the arguments of a create against what the tenant offers and fills in what has one possible value, so that
// Aura is not asked for what it would refuse, and nobody for what the settings forbid. It returns what it filled in, for the
// plan.
func (f *Fleet) complete(in createInstanceIn, offer []auraclient.InstanceConfiguration, source *target) (r auraclient.CreateInstanceRequest, filled []string, err error) {
	if source != nil {
		in.Type = cmp.Or(in.Type, string(source.instance.Type))
	}
	if in.Type == string(auraclient.TypeFree) && len(offered(offer, auraclient.TypeFree, "", "")) == 0 {
		// Free databases are not in every tenant's list, and there is one kind of them.
		offer = append(slices.Clone(offer), auraclient.InstanceConfiguration{Type: auraclient.TypeFree, CloudProvider: "gcp", Region: "europe-west1", Memory: "1GB", Version: version5})
	}
	version := ""
	dimensions := in.dimensions(&version, source)
	left := offer
	var missing []string
	for _, d := range dimensions {
		allowed, forbidden := f.permitted(left, true)
		values := distinct(allowed, d.of)
		switch {
		case *d.given == "" && len(values) == 1:
			*d.given = values[0]
			filled = append(filled, d.name+" "+values[0])
		case *d.given == "" && slices.Contains(values, d.usual):
			*d.given = d.usual
			filled = append(filled, d.name+" "+d.usual)
		case *d.given == "" && d.name == "storage" && in.Memory == "":
			continue // it follows from the memory, which is asked for
		case *d.given == "" && len(values) > 1 && forbidden != nil:
			return r, nil, forbidden // nobody is to choose among what is refused then
		case *d.given == "" && len(values) > 1 && len(missing) > 0:
			missing = append(missing, fmt.Sprintf("then `%s`", d.name)) // its values depend on what comes before
			continue
		case *d.given == "" && len(values) > 1:
			missing = append(missing, fmt.Sprintf("`%s` (%s)", d.name, strings.Join(values, ", ")))
			continue
		case *d.given != "" && len(values) > 0 && !slices.Contains(distinct(left, d.of), *d.given):
			return r, nil, cmp.Or(forbidden, notOffered(d, in, values))
		}
		left = slices.DeleteFunc(slices.Clone(left), func(c auraclient.InstanceConfiguration) bool { return *d.given != "" && d.of(c) != *d.given })
	}
	if len(missing) > 0 {
		return r, nil, &op.Error{What: "still to be chosen: " + strings.Join(missing, ", "), Next: "ask the person where it is not clear, then call again", Unchanged: true}
	}
	if err := in.possible(source); err != nil {
		return r, nil, err
	}
	return in.request(version, source), filled, nil
}

const version5 = "5" // stands for the latest version since January 2025

// dimensions in the order in which they narrow the offer down; they point into in.
func (in *createInstanceIn) dimensions(version *string, source *target) []dimension {
	place, region, memory := "", "", ""
	if source != nil {
		place, region, memory = source.instance.CloudProvider, source.instance.Region, source.instance.Memory
	}
	double := ""
	if gb := op.Gigabytes(cmp.Or(in.Memory, memory)); gb > 0 {
		double = sum(2 * gb)
	}
	return []dimension{
		{"type", &in.Type, "", func(c auraclient.InstanceConfiguration) string { return string(c.Type) }},
		{"cloud_provider", &in.CloudProvider, place, func(c auraclient.InstanceConfiguration) string { return c.CloudProvider }},
		{"region", &in.Region, region, func(c auraclient.InstanceConfiguration) string { return c.Region }},
		{"memory", &in.Memory, memory, func(c auraclient.InstanceConfiguration) string { return c.Memory }},
		{"storage", &in.Storage, double, func(c auraclient.InstanceConfiguration) string { return c.Storage }},
		{"version", version, version5, func(c auraclient.InstanceConfiguration) string { return c.Version }},
	}
}

func notOffered(d dimension, in createInstanceIn, values []string) error {
	chosen := slices.DeleteFunc([]string{in.Type, in.CloudProvider, in.Region, in.Memory, in.Storage}, func(s string) bool { return s == "" || s == *d.given })
	return &op.Error{
		What:      fmt.Sprintf("%s %s is not on offer in this tenant with %s", d.name, text.Quote(*d.given), strings.Join(chosen, ", ")),
		Next:      fmt.Sprintf("call again with one of: %s; get_tenant shows everything on offer", strings.Join(values, ", ")),
		Unchanged: true,
	}
}

// possible refuses options that the type does not have, and a clone into too little room.
func (in createInstanceIn) possible(source *target) error {
	kind := auraclient.InstanceType(in.Type)
	can, known := capabilities(kind)
	on := func(b *bool) bool { return b != nil && *b }
	switch {
	case known && on(in.VectorOptimized) && (!can.vector || op.Gigabytes(in.Memory) < vectorMemory):
		return cannot(fmt.Sprintf("vector optimisation with %s of memory", shown(in.Memory)), kind, fmt.Sprintf("it needs at least %dGB of memory on a type that has it", vectorMemory))
	case known && on(in.GraphAnalyticsPlugin) && !can.plugin:
		return cannot("the graph analytics plugin", kind, "leave it out, or choose another type")
	case known && in.CustomerManagedKeyID != "" && !can.ownKey:
		return cannot("a customer managed key", kind, "choose enterprise-db or enterprise-ds")
	case source != nil && op.Gigabytes(in.Storage) > 0 && op.Gigabytes(in.Storage) < op.Gigabytes(source.instance.Storage):
		return &op.Error{
			What: fmt.Sprintf("the storage of %s is too small for a clone of %s, which has %s", in.Storage, text.Quote(source.instance.Name), source.instance.Storage),
			Next: "call again with as much memory and storage as the source has, or more", Unchanged: true,
		}
	}
	return nil
}

func (in createInstanceIn) request(version string, source *target) auraclient.CreateInstanceRequest {
	r := auraclient.CreateInstanceRequest{
		Name: in.Name, CloudProvider: in.CloudProvider, Region: in.Region, Type: auraclient.InstanceType(in.Type), Memory: in.Memory,
		Storage: in.Storage, Version: version, SourceSnapshotID: in.SourceSnapshotID, CustomerManagedKeyID: in.CustomerManagedKeyID,
		VectorOptimized: in.VectorOptimized, GraphAnalyticsPlugin: in.GraphAnalyticsPlugin,
	}
	if source != nil {
		r.SourceInstanceID = source.instance.ID
	}
	return r
}

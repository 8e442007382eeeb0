package tools

import (
	"cmp"
	"fmt"
	"slices"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
)

// capability is what Aura lets one type of database do. What a type cannot do is refused here, with the reason, rather than
// by an error of Aura's that says less.
type capability struct {
	resize, upgrade, overwritten, vector, plugin, cdc, secondaries, ownKey bool
}

// capabilities by type, from Neo4j's documentation of the plans. A type that is not listed is Aura's to judge.
func capabilities(t auraclient.InstanceType) (c capability, known bool) {
	switch t {
	case auraclient.TypeFree:
		return capability{}, true
	case auraclient.TypeProfessional:
		return capability{resize: true, upgrade: true, overwritten: true, vector: true, plugin: true}, true
	case auraclient.TypeBusinessCritical:
		return capability{resize: true, overwritten: true, vector: true, plugin: true, cdc: true}, true
	case auraclient.TypeEnterprise:
		return capability{resize: true, overwritten: true, vector: true, plugin: true, cdc: true, secondaries: true, ownKey: true}, true
	case auraclient.TypeProfessionalDS:
		return capability{resize: true, overwritten: true}, true
	case auraclient.TypeEnterpriseDS:
		return capability{resize: true, overwritten: true, ownKey: true}, true
	}
	return capability{}, false
}

// vectorMemory is the least memory, in GB, of a vector-optimised database.
const vectorMemory = 4

// cannot refuses what a type does not offer.
func cannot(what string, t auraclient.InstanceType, instead string) *op.Error {
	return &op.Error{What: fmt.Sprintf("%s is not possible for the type %s", what, t), Next: instead, Unchanged: true}
}

// offered are the tenant's configurations for a type in a place; an empty argument fits any.
func offered(all []auraclient.InstanceConfiguration, kind auraclient.InstanceType, provider, region string) []auraclient.InstanceConfiguration {
	return slices.DeleteFunc(slices.Clone(all), func(c auraclient.InstanceConfiguration) bool {
		return (kind != "" && c.Type != kind) || (provider != "" && c.CloudProvider != provider) || (region != "" && c.Region != region)
	})
}

// distinct are the different values that the configurations have of something, in the order of their sizes or their alphabet.
func distinct(all []auraclient.InstanceConfiguration, of func(auraclient.InstanceConfiguration) string) []string {
	var out []string
	for _, c := range all {
		if v := of(c); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, bySize)
	return out
}

// permitted are the configurations that the settings allow for a new database, or for the memory of one that there is. Where they
// allow none of them, all are left, and why is the rule that forbids the smallest.
func (f *Fleet) permitted(all []auraclient.InstanceConfiguration, isNew bool) (kept []auraclient.InstanceConfiguration, why error) {
	for _, c := range slices.SortedStableFunc(slices.Values(all), func(a, b auraclient.InstanceConfiguration) int { return bySize(a.Memory, b.Memory) }) {
		wants := op.Wants{Memory: c.Memory}
		if isNew {
			wants = op.Wants{New: true, Memory: c.Memory, Region: c.Region, Type: string(c.Type)}
		}
		if err := f.allows(wants); err != nil {
			why = cmp.Or(why, err)
		} else {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return all, why
	}
	return kept, nil
}

package aurasim

import (
	"net/http"
	"slices"
)

// region is a place to run instances, and what is on offer there.
type region struct {
	provider, id, place string
	types               []string
}

// catalogue is everything the simulator knows how to offer: for a tenant that does not name its own configurations.
func catalogue() []InstanceConfiguration {
	all := []string{typeProfessional, typeBusinessCritical, typeEnterprise, typeProfessionalDS, typeEnterpriseDS}
	return configurations([]region{
		{"gcp", "europe-west1", "Belgium", append([]string{typeFree}, all...)},
		{"gcp", "us-central1", "Iowa", all},
		{"aws", "us-east-1", "N. Virginia", all},
		{"aws", "eu-central-1", "Frankfurt", all},
		{"azure", "westeurope", "Netherlands", all},
	})
}

// configurations spells out the rows that a tenant with these regions is offered.
func configurations(regions []region) []InstanceConfiguration {
	var out []InstanceConfiguration
	for _, r := range regions {
		for _, name := range r.types {
			for _, memory := range memoriesOf(name) {
				for _, storage := range storagesOf(name, memory) {
					out = append(out, InstanceConfiguration{
						CloudProvider: r.provider, Region: r.id, RegionName: r.place + " (" + r.id + ")",
						Type: name, Memory: memory, Storage: storage, Version: "5",
					})
				}
			}
		}
	}
	return out
}

func memoriesOf(typeName string) []string {
	switch typeName {
	case typeFree:
		return sizes(1)
	case typeProfessional:
		return sizes(1, 2, 4, 8, 16, 32, 64)
	case typeBusinessCritical:
		return sizes(2, 4, 8, 16, 32, 64)
	case typeProfessionalDS:
		return sizes(4, 8, 16, 32)
	case typeEnterpriseDS:
		return sizes(8, 16, 32, 64, 128)
	default:
		return sizes(4, 8, 16, 32, 64, 128)
	}
}

// storagesOf lists the usual storage first; the dedicated plans can have twice that.
func storagesOf(typeName, memory string) []string {
	usual := doubled(memory)
	if typeName == typeEnterprise {
		return []string{usual, size(2 * gigabytes(usual))}
	}
	return []string{usual}
}

// offers tells whether the tenant may have something of the type, or of any for "", in a region.
func (t TenantState) offers(provider, regionID, typeName string) bool {
	return slices.ContainsFunc(t.Configurations, func(row InstanceConfiguration) bool {
		return row.CloudProvider == provider && row.Region == regionID && (typeName == "" || row.Type == typeName)
	})
}

// offered checks a wish against the rows of the tenant. A version of "" is any: it cannot be chosen after the create.
func offered(tenant TenantState, want InstanceState, version string) error {
	for _, row := range tenant.Configurations {
		if row.CloudProvider == want.CloudProvider && row.Region == want.Region && row.Type == want.Type &&
			row.Memory == want.Memory && (row.Storage == want.Storage || want.Storage == "") &&
			(version == "" || row.Version == version) {
			return nil
		}
	}
	return refuse(http.StatusBadRequest, "invalid-memory-size",
		"%s memory with %s storage is not on offer for %s in %s %s", want.Memory, orNo(want.Storage), want.Type, want.CloudProvider, want.Region)
}

func orNo(storage string) string {
	if storage == "" {
		return "no"
	}
	return storage
}

// allocated is what a copy of the instance needs, in GB.
func allocated(in InstanceState) int {
	if in.Storage == "" {
		return gigabytes(doubled(in.Memory))
	}
	return gigabytes(in.Storage)
}

package tools

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
)

func (f *Fleet) tenantOps() []op.Operation {
	return []op.Operation{
		op.Reads(op.Spec{
			Name: "list_tenants", Title: "List tenants", Toolset: toolsetTenants, Idempotent: true,
			Description: "Lists the tenants (called projects in the Aura console) that these credentials can see.",
		}, f.listTenants),
		op.Reads(op.Spec{
			Name: "get_tenant", Title: "Look at a tenant", Toolset: toolsetTenants, Idempotent: true,
			Description: "Shows which databases can be created in a tenant: types, clouds, regions, sizes. For the databases that exist use list_instances.",
		}, f.getTenant),
	}
}

type noArguments struct{}

// TenantList is the tenants that the credentials can see.
type TenantList struct {
	Total   int         `json:"total"`
	Tenants []TenantRef `json:"tenants"`
}

func (f *Fleet) listTenants(ctx context.Context, _ op.Call, _ noArguments) (TenantList, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return TenantList{}, err
	}
	all, err := aura.Tenants.List(ctx)
	if err != nil {
		return TenantList{}, fmt.Errorf("list the tenants: %w", err)
	}
	out := TenantList{Total: len(all), Tenants: []TenantRef{}}
	for _, t := range all {
		out.Tenants = append(out.Tenants, TenantRef{ID: t.ID, Name: t.Name})
	}
	return out, nil
}

type getTenantIn struct {
	Tenant   string `json:"tenant,omitempty" jsonschema:"ID or name; may be left out when there is only one"`
	Type     string `json:"type,omitempty" jsonschema:"only this type, such as business-critical"`
	Provider string `json:"provider,omitempty" jsonschema:"only this cloud provider" enum:"aws,azure,gcp"`
	Region   string `json:"region,omitempty" jsonschema:"only this region"`
}

// Offer is what a tenant may create: each of the sizes in each of the regions.
type Offer struct {
	Type          string   `json:"type"`
	CloudProvider string   `json:"cloud_provider"`
	Version       string   `json:"version,omitempty"`
	Sizes         []string `json:"sizes" jsonschema:"memory/storage"`
	Regions       []string `json:"regions"`
}

// TenantOffers is a tenant with what it may create.
type TenantOffers struct {
	ID             string  `json:"id"`
	Name           string  `json:"name"`
	Configurations int     `json:"configurations" jsonschema:"how many combinations there are, after the filters"`
	Offers         []Offer `json:"offers"`
	Note           string  `json:"note,omitempty"`
}

func (f *Fleet) getTenant(ctx context.Context, _ op.Call, in getTenantIn) (TenantOffers, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return TenantOffers{}, err
	}
	found, err := f.findTenant(ctx, aura, in.Tenant, loosely)
	if err != nil {
		return TenantOffers{}, err
	}
	return f.tenantOffers(ctx, aura, found, in)
}

func (f *Fleet) tenantOffers(ctx context.Context, aura *auraclient.Client, found auraclient.Tenant, in getTenantIn) (TenantOffers, error) {
	tenant, err := aura.Tenants.Get(ctx, found.ID)
	if err != nil {
		return TenantOffers{}, fmt.Errorf("read the tenant %s: %w", found.ID, err)
	}
	all := slices.DeleteFunc(slices.Clone(tenant.InstanceConfigurations), func(c auraclient.InstanceConfiguration) bool {
		return (in.Type != "" && !strings.EqualFold(in.Type, string(c.Type))) || (in.Provider != "" && in.Provider != c.CloudProvider) ||
			(in.Region != "" && !strings.EqualFold(in.Region, c.Region))
	})
	possible := len(all)
	all, forbidden := f.permitted(all, true)
	out := TenantOffers{ID: tenant.ID, Name: tenant.Name, Configurations: len(all), Offers: offers(all)}
	if n := possible - len(all); n > 0 {
		out.Note = fmt.Sprintf("%d more combinations are on offer that this server's settings do not allow", n)
	}
	if forbidden != nil {
		out.Note = "this server's settings allow none of these for a new database"
	}
	if len(all) == 0 && len(tenant.InstanceConfigurations) > 0 {
		regions := distinct(offered(tenant.InstanceConfigurations, auraclient.InstanceType(in.Type), in.Provider, ""), func(c auraclient.InstanceConfiguration) string { return c.Region })
		out.Note = "nothing matches; call again without filters to see what there is"
		if in.Region != "" && len(regions) > 0 {
			out.Note = "nothing matches; the regions that there are: " + strings.Join(regions, ", ")
		}
	}
	return out, nil
}

// offers groups hundreds of flat configurations: first the sizes of each region, then the regions with the same sizes.
func offers(all []auraclient.InstanceConfiguration) []Offer {
	type place struct{ kind, provider, version, region string }
	sizes := map[place][]string{}
	for _, c := range all {
		p := place{string(c.Type), c.CloudProvider, c.Version, c.Region}
		size := shown(c.Memory) + "/" + shown(c.Storage)
		if !slices.Contains(sizes[p], size) {
			sizes[p] = append(sizes[p], size)
		}
	}
	type group struct{ kind, provider, version, sizes string }
	grouped := map[group]*Offer{}
	for p, s := range sizes {
		slices.SortFunc(s, bySize)
		g := group{p.kind, p.provider, p.version, strings.Join(s, ",")}
		if grouped[g] == nil {
			grouped[g] = &Offer{Type: p.kind, CloudProvider: p.provider, Version: p.version, Sizes: s}
		}
		grouped[g].Regions = append(grouped[g].Regions, p.region)
	}
	out := []Offer{}
	for _, o := range slices.Collect(maps.Values(grouped)) {
		slices.Sort(o.Regions)
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b Offer) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.CloudProvider, b.CloudProvider), cmp.Compare(a.Version, b.Version), slices.Compare(a.Regions, b.Regions))
	})
	return out
}

// bySize orders sizes such as 8GB or 8GB/16GB as numbers, and what is no size by its letters.
func bySize(a, b string) int {
	memoryA, storageA, _ := strings.Cut(a, "/")
	memoryB, storageB, _ := strings.Cut(b, "/")
	return cmp.Or(cmp.Compare(op.Gigabytes(memoryA), op.Gigabytes(memoryB)), cmp.Compare(op.Gigabytes(storageA), op.Gigabytes(storageB)), cmp.Compare(a, b))
}

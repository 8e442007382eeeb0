package auraclient

import "context"

// TenantsService reads tenants, which the console calls projects.
type TenantsService struct{ c *Client }

// Tenant is what a list says about a tenant.
type Tenant struct {
	ID   string
	Name string
}

// TenantDetails is a tenant with what may be created in it.
type TenantDetails struct {
	ID                     string
	Name                   string
	InstanceConfigurations []InstanceConfiguration
}

// InstanceConfiguration is one combination that an instance can be created with.
// A tenant has hundreds.
type InstanceConfiguration struct {
	CloudProvider string
	Region        string
	RegionName    string // for people
	Type          InstanceType
	Memory        string // such as "8GB"
	Storage       string
	Version       string
}

// List returns the tenants that the credentials can see.
func (s *TenantsService) List(ctx context.Context) ([]Tenant, error) {
	a, err := s.c.get(ctx, at("tenants"), nil)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[[]tenantWire](a)
	if err != nil {
		return nil, err
	}
	tenants := make([]Tenant, len(wire))
	for i, w := range wire {
		tenants[i] = Tenant{ID: string(w.ID), Name: string(w.Name)}
	}
	return tenants, nil
}

// Get returns one tenant.
func (s *TenantsService) Get(ctx context.Context, id string) (*TenantDetails, error) {
	a, err := s.c.get(ctx, at("tenants").id("tenant id", id), nil)
	if err != nil {
		return nil, err
	}
	wire, err := decodeData[tenantWire](a)
	if err != nil {
		return nil, err
	}
	if wire.ID == "" {
		return nil, a.unusable(errNoData)
	}
	t := &TenantDetails{ID: string(wire.ID), Name: string(wire.Name)}
	for _, w := range wire.Configurations {
		t.InstanceConfigurations = append(t.InstanceConfigurations, InstanceConfiguration{
			CloudProvider: string(w.CloudProvider), Region: string(w.Region), RegionName: string(w.RegionName),
			Type: InstanceType(w.Type), Memory: string(w.Memory), Storage: string(w.Storage), Version: string(w.Version),
		})
	}
	return t, nil
}

// MetricsEndpoint returns the URL that serves the metrics of the tenant's
// instances. A tenant whose plans have none is refused with the reason
// tenant-incapable-of-action.
func (s *TenantsService) MetricsEndpoint(ctx context.Context, id string) (string, error) {
	a, err := s.c.get(ctx, at("tenants").id("tenant id", id).then("metrics-integration"), nil)
	if err != nil {
		return "", err
	}
	wire, err := decodeData[struct {
		Endpoint text `json:"endpoint"`
	}](a)
	if err == nil && wire.Endpoint == "" {
		err = a.unusable(errNoData)
	}
	return string(wire.Endpoint), err
}

type tenantWire struct {
	ID             text `json:"id"`
	Name           text `json:"name"`
	Configurations []struct {
		CloudProvider text `json:"cloud_provider"`
		Region        text `json:"region"`
		RegionName    text `json:"region_name"`
		Type          text `json:"type"`
		Memory        text `json:"memory"`
		Storage       text `json:"storage"`
		Version       text `json:"version"`
	} `json:"instance_configurations"`
}

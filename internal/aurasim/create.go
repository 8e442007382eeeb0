package aurasim

import (
	"net/http"
	"time"
)

// creation is a request for a new instance.
type creation struct {
	state          InstanceState
	version        string
	sourceInstance string
	sourceSnapshot string
}

func (s *Server) createInstance(c *call) (answer, error) {
	want, err := readCreation(c)
	if err != nil {
		return answer{}, err
	}
	tenant, ok := s.store.tenant(want.state.TenantID)
	if !ok || !c.who.sees(tenant.ID) {
		return answer{}, unauthorized()
	}
	if err := s.permitCreation(tenant, &want, c.now); err != nil {
		return answer{}, err
	}
	op, contents := opCreate, graph{}
	if want.sourceInstance != "" {
		op = opClone
		if contents, err = s.cloneSource(c, want); err != nil {
			return answer{}, err
		}
	}
	in := s.newInstance(c, want.state, contents)
	s.store.start(in, transitionOf(op), 0, c.now, nil)
	return data(http.StatusAccepted, s.wireCreated(in)), nil
}

func readCreation(c *call) (creation, error) {
	var want creation
	err := c.fields(func(o *object) {
		want.state = InstanceState{
			Name: o.requireText("name"), Region: o.requireText("region"), TenantID: o.requireText("tenant_id"),
			VectorOptimized: o.flag("vector_optimized"), GraphAnalyticsPlugin: o.flag("graph_analytics_plugin"),
			CustomerManagedKeyID: o.filled("customer_managed_key_id"),
			Memory:               o.requireText("memory"), Storage: o.text("storage"),
			Type: o.oneOf("type", typeNames()), CloudProvider: o.oneOf("cloud_provider", providers()),
		}
		want.version = o.oneOf("version", versions())
		o.require("type")
		o.require("cloud_provider")
		o.require("version")
		if wrong := nameComplaint(want.state.Name); wrong != "" && o.has("name") {
			o.complain("name", "%s", wrong)
		}
		want.sourceInstance, want.sourceSnapshot = o.filled("source_instance_id"), o.filled("source_snapshot_id")
		if o.has("source_snapshot_id") && !o.has("source_instance_id") {
			o.complain("source_instance_id", "is required with source_snapshot_id")
		}
	})
	return want, err
}

// permitCreation checks money, offer, capabilities and quota, in this order, and completes the request.
func (s *Server) permitCreation(tenant TenantState, want *creation, now time.Time) error {
	p := planOf(want.state.Type)
	if tenant.NoBillingDetails && p.name != typeFree {
		return refuse(http.StatusBadRequest, "missing-billing-details",
			"Billing details must be entered in the Aura Console before creating an instance")
	}
	want.state = withDefaults(want.state)
	if err := offered(tenant, want.state, want.version); err != nil {
		return err
	}
	if !p.storage {
		want.state.Storage = ""
	}
	if err := s.permitOptions(p, want.state, now); err != nil {
		return err
	}
	return s.permitAnother(tenant, p)
}

func (s *Server) permitOptions(p plan, want InstanceState, now time.Time) error {
	switch {
	case want.VectorOptimized && !p.vector:
		return invalidField("vector_optimized", "is not supported for %s", p.name)
	case want.VectorOptimized && gigabytes(want.Memory) < vectorMemory:
		return invalidField("vector_optimized", "needs at least %dGB memory", vectorMemory)
	case want.GraphAnalyticsPlugin && !p.plugin:
		return invalidField("graph_analytics_plugin", "is not supported for %s", p.name)
	case want.CustomerManagedKeyID != "" && !p.customerKey:
		return invalidField("customer_managed_key_id", "is not supported for %s", p.name)
	case want.CustomerManagedKeyID != "":
		return s.permitKey(want, now)
	default:
		return nil
	}
}

// permitAnother counts: one free-db for the whole account, and the tenant's own limit.
func (s *Server) permitAnother(tenant TenantState, p plan) error {
	free, mine := 0, 0
	for _, in := range s.store.all() {
		if in.Type == typeFree {
			free++
		}
		if in.TenantID == tenant.ID {
			mine++
		}
	}
	if !(p.name == typeFree && free > 0) && (tenant.MaxInstances == 0 || mine < tenant.MaxInstances) {
		return nil
	}
	if s.quirks.Cap405 {
		return refuse(http.StatusMethodNotAllowed, "", "The maximum number of instances has been reached")
	}
	return refuse(http.StatusPaymentRequired, "quota-exceeded",
		"User is not permitted to create any more instances of type %s", p.name)
}

// cloneSource is what the new instance will hold.
func (s *Server) cloneSource(c *call, want creation) (graph, error) {
	source, err := s.visible(c, want.sourceInstance)
	if err != nil {
		return graph{}, err
	}
	if allocated(source.InstanceState) > allocated(want.state) {
		return graph{}, refuse(http.StatusBadRequest, "invalid-memory-size",
			"%s memory and %s storage are too small for the data of instance %s", want.state.Memory, want.state.Storage, source.ID)
	}
	return s.contents(c, source, want.sourceSnapshot)
}

func (s *Server) newInstance(c *call, state InstanceState, g graph) *instance {
	state.ID = s.store.newInstanceID()
	state.Status, state.StatusSince, state.CreatedAt = statusCreating, c.now, c.now
	in := &instance{InstanceState: state, scheduled: c.now, born: c.now}
	in.load(g)
	in.undergo(scenarioHealthy, c.now)
	s.store.add(in)
	return in
}

func (s *Server) wireCreated(in *instance) wireCreated {
	p := planOf(in.Type)
	out := wireCreated{
		ID: in.ID, ConnectionURL: in.connectionURL(), Username: "neo4j", Password: s.store.names.password(),
		TenantID: in.TenantID, CloudProvider: in.CloudProvider, Region: in.Region, Type: in.Type, Name: in.Name,
		CreatedAt: stamp(in.CreatedAt),
	}
	if s.quirks.MissingCreatedAt {
		out.CreatedAt = ""
	}
	if p.vector {
		out.VectorOptimized = new(in.VectorOptimized)
	}
	if p.plugin {
		out.GraphAnalyticsPlugin = new(in.GraphAnalyticsPlugin)
	}
	return out
}

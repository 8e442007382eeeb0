package aurasim

import "net/http"

func (s *Server) listTenants(c *call) (answer, error) {
	out := []wireTenantSummary{}
	for _, t := range s.store.tenants {
		if c.who.sees(t.ID) {
			out = append(out, wireTenantSummary{ID: t.ID, Name: t.Name})
		}
	}
	return data(http.StatusOK, out), nil
}

func (s *Server) getTenant(c *call) (answer, error) {
	t, err := s.tenant(c)
	if err != nil {
		return answer{}, err
	}
	out := wireTenant{ID: t.ID, Name: t.Name, Configurations: []wireConfiguration{}}
	for _, row := range t.Configurations {
		out.Configurations = append(out.Configurations, wireConfiguration(row))
	}
	return data(http.StatusOK, out), nil
}

func (s *Server) metricsIntegration(c *call) (answer, error) {
	t, err := s.tenant(c)
	if err != nil {
		return answer{}, err
	}
	for _, in := range s.store.all() {
		if in.TenantID == t.ID && planOf(in.Type).metrics {
			return data(http.StatusOK, wireEndpoint{Endpoint: c.tenantMetricsURL(t.ID)}), nil
		}
	}
	return answer{}, refuse(http.StatusBadRequest, "tenant-incapable-of-action",
		"The project %s has no instances eligible for metrics integration", t.ID)
}

// tenantFilter is the tenant that a list is limited to, "" for none. The lists declare no 404: a tenant that does not
// exist looks like one that is somebody else's.
func (s *Server) tenantFilter(c *call, name string) (string, error) {
	id := c.query.Get(name)
	if id == "" {
		return "", nil
	}
	if _, ok := s.store.tenant(id); !ok || !c.who.sees(id) {
		return "", unauthorized()
	}
	return id, nil
}

func (s *Server) tenant(c *call) (TenantState, error) {
	t, ok := s.store.tenant(c.params["tenantId"])
	if !ok {
		return TenantState{}, tenantNotFound()
	}
	if !c.who.sees(t.ID) {
		return TenantState{}, unauthorized()
	}
	return t, nil
}

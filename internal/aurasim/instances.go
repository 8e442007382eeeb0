package aurasim

import (
	"net/http"
	"strconv"
	"time"
)

// hiddenFor is how long a new instance stays unknown under [Quirks.EarlyNotFound].
const hiddenFor = 10 * time.Second

func (s *Server) listInstances(c *call) (answer, error) {
	tenant, err := s.tenantFilter(c, "tenantId")
	if err != nil {
		return answer{}, err
	}
	out := []wireInstanceSummary{}
	for _, in := range s.store.all() {
		if s.hidden(in, c.now) || !c.who.sees(in.TenantID) || tenant != "" && in.TenantID != tenant {
			continue
		}
		out = append(out, wireInstanceSummary{
			ID: in.ID, Name: in.Name, TenantID: in.TenantID, CloudProvider: in.CloudProvider, CreatedAt: stamp(in.CreatedAt),
		})
	}
	return data(http.StatusOK, out), nil
}

func (s *Server) getInstance(c *call) (answer, error) {
	in, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	return data(http.StatusOK, s.wireInstance(in, c)), nil
}

func (s *Server) deleteInstance(c *call) (answer, error) {
	in, err := s.target(c)
	if err != nil {
		return answer{}, err
	}
	if in.doing(c.now) == statusDestroying { // Aura accepts a delete once; a repeat finds nothing to delete
		return answer{}, s.notFound(in.ID)
	}
	if err := s.store.begin(in, opDelete, c.now, nil); err != nil {
		return answer{}, err
	}
	return s.accepted(in, c), nil
}

// target is the instance that the path names.
func (s *Server) target(c *call) (*instance, error) {
	return s.visible(c, c.params["instanceId"])
}

// visible is an instance that the caller may see.
func (s *Server) visible(c *call, id string) (*instance, error) {
	in, ok := s.store.instances[id]
	switch {
	case !ok && s.store.gone[id]:
		return nil, s.notFound(id)
	case !ok || s.hidden(in, c.now):
		return nil, instanceNotFound(id)
	case !c.who.sees(in.TenantID):
		return nil, unauthorized()
	default:
		return in, nil
	}
}

// notFound is the answer about an instance that used to be there.
func (s *Server) notFound(id string) error {
	if s.quirks.Gone410 {
		return refuse(http.StatusGone, "db-already-deleted", "DB already deleted: %s", id)
	}
	return instanceNotFound(id)
}

func (s *Server) hidden(in *instance, now time.Time) bool {
	return s.quirks.EarlyNotFound && now.Sub(in.born) < hiddenFor
}

// accepted is the 202 to an operation just begun.
func (s *Server) accepted(in *instance, c *call) answer {
	out := s.wireInstance(in, c)
	if s.quirks.LateStatus && in.op != nil {
		out.Status = in.op.before
	}
	return data(http.StatusAccepted, out)
}

func (s *Server) wireInstance(in *instance, c *call) wireInstance {
	p := planOf(in.Type)
	out := wireInstance{
		ID: in.ID, Name: in.Name, Status: in.status(c.now), TenantID: in.TenantID, CloudProvider: in.CloudProvider,
		ConnectionURL: new(in.connectionURL()), Region: in.Region, Type: in.Type,
		Memory: new(in.Memory), Storage: in.Storage, CreatedAt: stamp(in.CreatedAt),
		CustomerManagedKeyID: in.CustomerManagedKeyID, CDCEnrichmentMode: in.CDCEnrichmentMode,
	}
	if p.metrics {
		out.MetricsURL = c.instanceMetricsURL(in)
	}
	if p.graphCounts {
		out.GraphNodes, out.GraphRelationships = s.quirks.graphCount(in.GraphNodes), s.quirks.graphCount(in.GraphRelationships)
	}
	if p.secondaries {
		out.SecondariesCount = new(in.SecondariesCount)
	}
	if p.vector {
		out.VectorOptimized = new(in.VectorOptimized)
	}
	if p.plugin {
		out.GraphAnalyticsPlugin = new(in.GraphAnalyticsPlugin)
	}
	s.quirks.distort(&out)
	return out
}

func (q Quirks) distort(out *wireInstance) {
	switch {
	case q.NullConnectionURLWhileCreating && out.Status == statusCreating:
		out.ConnectionURL, out.Memory = nil, new("")
	case q.MissingMemoryWhileDestroying && out.Status == statusDestroying:
		out.Memory = nil
	}
	if q.MissingType && out.Type == typeBusinessCritical {
		out.Type = ""
	}
}

func (q Quirks) graphCount(n int64) any {
	if q.NumericGraphCounts {
		return n
	}
	return strconv.FormatInt(n, 10)
}

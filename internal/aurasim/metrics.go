package aurasim

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"time"
)

const (
	metricsHost   = "https://customer-metrics-api.neo4j.io"
	metricsPrefix = "/api/v1/"

	// scrapedFor is how long an endpoint gives the same answer.
	scrapedFor = 30 * time.Second
)

// scrape is an answer that an endpoint remembers.
type scrape struct {
	at   time.Time
	body []byte
}

// tenantMetricsURL is where the metrics of a tenant's instances are.
func (c *call) tenantMetricsURL(tenantID string) string {
	return c.metricsURL + metricsPrefix + tenantID + "/metrics"
}

func (c *call) instanceMetricsURL(in *instance) string {
	return c.metricsURL + metricsPrefix + in.TenantID + "/" + in.ID + "/metrics"
}

// metrics answers for the metrics host. It has the tokens in common with the API, and neither rate limit nor shapes.
func (s *Server) metrics(r *http.Request, entry *Request, now time.Time) (answer, error) {
	who, err := s.auth.owner(r, now, s.quirks.Expired403)
	if err != nil {
		return answer{}, err
	}
	entry.ClientID = who.ClientID
	params, ok := match(metricsPrefix+"{tenantId}/metrics", r.URL.EscapedPath())
	if !ok {
		params, ok = match(metricsPrefix+"{tenantId}/{instanceId}/metrics", r.URL.EscapedPath())
	}
	switch {
	case !ok:
		return answer{}, gateway(http.StatusNotFound, "Not Found")
	case r.Method != http.MethodGet:
		return answer{}, wrongMethod(http.MethodGet)
	}
	tenant, ok := s.store.tenant(params["tenantId"])
	switch {
	case who.NoMetrics, ok && !who.sees(tenant.ID):
		return text(http.StatusUnauthorized, []byte("User doesn't have access to Metrics resources.")), nil
	case !ok:
		return answer{}, gateway(http.StatusNotFound, "Not Found")
	}
	body, err := s.scraped(tenant, params["instanceId"], now)
	if err != nil {
		return answer{}, err
	}
	return exposed(body, acceptsGzip(r.Header)), nil
}

// scraped is the body of an endpoint, that of the whole tenant for no instance.
func (s *Server) scraped(tenant TenantState, instanceID string, now time.Time) ([]byte, error) {
	eligible, comprehensive := []*instance{}, tenant.ComprehensiveMetrics
	for _, in := range s.store.all() {
		if in.TenantID != tenant.ID || !planOf(in.Type).metrics || s.hidden(in, now) {
			continue
		}
		if instanceID == "" || instanceID == in.ID {
			eligible = append(eligible, in)
		}
	}
	if len(eligible) == 0 {
		return nil, gateway(http.StatusNotFound, "Not Found")
	}
	if instanceID != "" {
		comprehensive = eligible[0].ComprehensiveMetrics
		if eligible[0].measurable(now) && eligible[0].Scenario == scenarioUnavailable {
			return nil, gateway(http.StatusServiceUnavailable, "Service Unavailable")
		}
	}
	key := tenant.ID + "/" + instanceID
	if last, ok := s.scrapes[key]; ok && now.Sub(last.at) < scrapedFor {
		return last.body, nil
	}
	for old, last := range s.scrapes {
		if now.Sub(last.at) >= scrapedFor {
			delete(s.scrapes, old)
		}
	}
	body := s.exposition(withSamples(eligible, now), comprehensive, now)
	s.scrapes[key] = scrape{at: now, body: body}
	return body, nil
}

// withSamples are those of which there is something to see.
func withSamples(instances []*instance, now time.Time) []*instance {
	var out []*instance
	for _, in := range instances {
		if in.measurable(now) && in.Scenario != scenarioUnavailable && in.Scenario != scenarioNoMetrics {
			out = append(out, in)
		}
	}
	return out
}

func text(status int, body []byte) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, body: body}
}

// exposed is an answer with metrics.
func exposed(body []byte, compressed bool) answer {
	out := text(http.StatusOK, body)
	out.header.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	out.header.Set("Vary", "Accept-Encoding")
	if !compressed {
		return out
	}
	out.header.Set("Content-Encoding", "gzip")
	out.body = gzipped(body)
	return out
}

func gzipped(body []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// acceptsGzip takes only a plain wish for it: an asterisk is not one.
func acceptsGzip(h http.Header) bool {
	for part := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			value := strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.")
			return weight == "" || value != ""
		}
	}
	return false
}

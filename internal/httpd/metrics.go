package httpd

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// Metrics is what the server counts. Principals are no label: there may be any number of them, and the audit knows who did what.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	calls     *prometheus.CounterVec
	durations *prometheus.HistogramVec
	open      prometheus.Gauge
	approvals *prometheus.CounterVec
	aura      *prometheus.CounterVec
	auraTime  prometheus.Histogram
}

// NewMetrics makes them, with what Go knows of its own process. budget is how many requests to Aura the next minute still
// allows; nil where nobody counts.
func NewMetrics(budget func() (left, limit int)) *Metrics {
	seconds := []float64{.005, .02, .1, .25, .5, 1, 2.5, 5, 10, 25, 50}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aura_mcp_http_requests_total", Help: "HTTP requests answered."}, []string{"path", "code"}),
		calls:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aura_mcp_tool_calls_total", Help: "Tool calls, by outcome: ok, or error for a result that says what went wrong."}, []string{"tool", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aura_mcp_tool_call_seconds", Help: "How long tool calls take, waiting for a person included.", Buckets: seconds,
		}, []string{"tool"}),
		open:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "aura_mcp_sessions", Help: "Sessions of clients on protocol revisions before 2026-07-28."}),
		approvals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aura_mcp_operations_total", Help: "Operations that change something, by how they were decided: run, or refused."}, []string{"operation", "decision"}),
		aura:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aura_mcp_aura_requests_total", Help: "Requests to Aura, by HTTP status; 0 where no answer came."}, []string{"method", "code"}),
		auraTime:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "aura_mcp_aura_request_seconds", Help: "How long Aura takes to answer.", Buckets: seconds}),
	}
	m.registry.MustRegister(m.requests, m.calls, m.durations, m.open, m.approvals, m.aura, m.auraTime,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if budget != nil {
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "aura_mcp_aura_budget_left", Help: "Requests to Aura that can be sent at once, of those that any minute allows."}, func() float64 { left, _ := budget(); return float64(left) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "aura_mcp_aura_budget", Help: "Requests to Aura that any minute allows."}, func() float64 { _, limit := budget(); return float64(limit) }))
	}
	return m
}

// Handler shows them in Prometheus's format. The library's own handler brings compressors along that cost every process memory.
func (m *Metrics) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		families, err := m.registry.Gather()
		if err != nil {
			plain(w, http.StatusInternalServerError, "the metrics cannot be gathered")
			return
		}
		format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultAcceptedFormats()...)
		w.Header().Set("Content-Type", string(format))
		encoder := expfmt.NewEncoder(w, format)
		for _, f := range families {
			if encoder.Encode(f) != nil {
				return // the scraper has gone
			}
		}
	})
}

func (m *Metrics) sessions(n int) { m.open.Set(float64(n)) }

// Operation counts a decision about an operation that changes something.
func (m *Metrics) Operation(name string, runs bool) {
	decision := "refused"
	if runs {
		decision = "run"
	}
	m.approvals.WithLabelValues(name, decision).Inc()
}

// Transport counts the requests to Aura that go through it.
func (m *Metrics) Transport(next http.RoundTripper) http.RoundTripper {
	return counted{next, m}
}

type counted struct {
	next http.RoundTripper
	m    *Metrics
}

// RoundTrip sends and counts. It passes everything on as it is, hooks included, by which the client tells what has left.
func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := c.next.RoundTrip(r)
	c.m.auraTime.Observe(time.Since(began).Seconds())
	code := 0
	if resp != nil {
		code = resp.StatusCode
	}
	c.m.aura.WithLabelValues(r.Method, strconv.Itoa(code)).Inc()
	return resp, err
}

// called counts tool calls.
func (s *Server) called(next server.ToolHandlerFunc) server.ToolHandlerFunc {
	return func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		// The request's own context stays: without it the library would not send what the call still says.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.calls, cancel)() //nolint:contextcheck // the context of the server
		began := time.Now()
		result, err := next(ctx, request)
		outcome := "ok"
		if err != nil || result != nil && result.IsError {
			outcome = "error"
		}
		s.Metrics.calls.WithLabelValues(request.Params.Name, outcome).Inc()
		s.Metrics.durations.WithLabelValues(request.Params.Name).Observe(time.Since(began).Seconds())
		return result, err
	}
}

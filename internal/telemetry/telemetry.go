// Package telemetry sends traces to where the standard OTEL variables say: a span for each message of MCP, for each tool
// call, and for each request to Aura under it. Where they say nothing it does nothing. Spans carry names, numbers and statuses,
// never arguments or results.
package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/mark3labs/mcp-go/tracing"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing is on its way to a collector. Make one with [Start].
type Tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// flushTime is how long the last spans may take to leave when the program ends.
const flushTime = 5 * time.Second

// Wanted reports whether the variables name a collector.
func Wanted(environ []string) bool {
	set := func(name, value string) bool {
		return slices.ContainsFunc(environ, func(e string) bool {
			given, v, _ := strings.Cut(e, "=")
			return given == name && v != "" && (value == "" || strings.EqualFold(v, value))
		})
	}
	if set("OTEL_SDK_DISABLED", "true") || set("OTEL_TRACES_EXPORTER", "none") {
		return false
	}
	return set("OTEL_EXPORTER_OTLP_ENDPOINT", "") || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
}

// Start makes the way to the collector. Nothing is sent before there is a span, and a collector that is not there stops nothing.
func Start(ctx context.Context, version string) (*Tracing, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "aura-mcp"), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	t := &Tracing{provider: sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))}
	t.tracer = t.provider.Tracer("aura-mcp")
	return t, nil
}

// Stop sends what is left.
func (t *Tracing) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	return nil
}

// Options make an MCP server trace. A client's own trace goes on, from its headers or from the message.
func (t *Tracing) Options() []server.ServerOption {
	return []server.ServerOption{server.WithTracer(tracer{t.tracer}), server.WithPropagator(propagator{}), server.WithMetaPropagator(propagator{})}
}

// Transport makes a span of each request that goes through it.
func (t *Tracing) Transport(next http.RoundTripper) http.RoundTripper { return traced{next, t.tracer} }

type traced struct {
	next   http.RoundTripper
	tracer trace.Tracer
}

// RoundTrip sends and measures. Aura is told nothing of the trace.
func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	_, span := t.tracer.Start(r.Context(), "aura "+r.Method, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname())))
	defer span.End()
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		span.SetStatus(codes.Error, "no answer")
		return resp, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	if resp.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, "status "+strconv.Itoa(resp.StatusCode))
	}
	return resp, nil
}

// tracer speaks the library's words for tracing.
type tracer struct{ trace.Tracer }

// Start begins a span.
func (t tracer) Start(ctx context.Context, name string, kind tracing.SpanKind, attrs ...tracing.Attribute) (context.Context, tracing.Span) {
	kinds := map[tracing.SpanKind]trace.SpanKind{tracing.SpanKindServer: trace.SpanKindServer, tracing.SpanKindClient: trace.SpanKindClient}
	ctx, started := t.Tracer.Start(ctx, name, trace.WithSpanKind(kinds[kind]), trace.WithAttributes(attributes(attrs)...))
	s := span{started}
	return tracing.ContextWithSpan(ctx, s), s
}

type span struct{ trace.Span }

// SetAttributes adds to the span.
func (s span) SetAttributes(attrs ...tracing.Attribute) { s.Span.SetAttributes(attributes(attrs)...) }

// RecordError notes that there was an error. What it says may hold anything, so it stays here.
func (s span) RecordError(error) { s.AddEvent("error") }

// SetStatus says how it ended.
func (s span) SetStatus(code tracing.StatusCode, _ string) {
	codeOf := map[tracing.StatusCode]codes.Code{tracing.StatusOK: codes.Ok, tracing.StatusError: codes.Error}
	s.Span.SetStatus(codeOf[code], "")
}

// End ends the span.
func (s span) End() { s.Span.End() }

// attributes leaves the session's ID out: it is a key to the session.
func attributes(attrs []tracing.Attribute) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(attrs))
	for _, a := range attrs {
		if a.Key != "mcp.session.id" {
			out = append(out, attribute.String(a.Key, a.Value))
		}
	}
	return out
}

// propagator takes up the trace of a client (W3C Trace Context).
type propagator struct{}

var _ tracing.MetaPropagator = propagator{}

// Inject does nothing: this is a server.
func (propagator) Inject(context.Context, http.Header) {}

// Extract reads headers.
func (propagator) Extract(ctx context.Context, headers http.Header) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(headers))
}

// InjectMeta does nothing.
func (propagator) InjectMeta(_ context.Context, meta *mcp.Meta) *mcp.Meta { return meta }

// ExtractMeta reads the message's own fields.
func (propagator) ExtractMeta(ctx context.Context, meta *mcp.Meta) context.Context {
	if meta == nil {
		return ctx
	}
	carrier := propagation.MapCarrier{}
	for _, key := range (propagation.TraceContext{}).Fields() {
		if v, ok := meta.AdditionalFields[key].(string); ok {
			carrier[key] = v
		}
	}
	return propagation.TraceContext{}.Extract(ctx, carrier)
}

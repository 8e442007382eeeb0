// Package telemetry sends traces to where the standard OTEL variables say: a span for each message of MCP, for each tool call,
// and for each request to Aura under it. Where they say nothing it does nothing. Spans carry names, numbers and statuses, never
// arguments, results or session IDs.
//
// It speaks OTLP over HTTP in its JSON form by itself. OpenTelemetry's own libraries would make every process of this program
// several megabytes larger, most of which run on somebody's laptop and trace nothing.
package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/mark3labs/mcp-go/tracing"
)

const (
	// maxWaiting bounds the spans that wait to be sent; more are dropped, and counted.
	maxWaiting = 2048
	// batch is how many go at once, every how often they go at the latest.
	batch = 512
	every = 5 * time.Second
	// flushTime is how long the last spans may take to leave when the program ends.
	flushTime = 5 * time.Second
)

// Tracing is the way to a collector. Make one with [Start].
type Tracing struct {
	life context.Context //nolint:containedctx // sending outlasts every request
	collector
	log *slog.Logger

	mu      sync.Mutex
	waiting []*span
	dropped int
	full    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
}

// Start makes the way to the collector that the environment names, or nil where it names none. A collector that is not there
// stops nothing.
func Start(environ []string, version string, log *slog.Logger) (*Tracing, error) {
	c, err := newCollector(environ, version)
	if err != nil || c == nil {
		return nil, err
	}
	t := &Tracing{collector: *c, log: log, full: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}), life: context.Background()}
	go t.run()
	return t, nil
}

// Stop sends what is left. It is called once.
func (t *Tracing) Stop() {
	close(t.stop)
	<-t.stopped
}

// run sends what waits, now and then.
func (t *Tracing) run() {
	defer close(t.stopped)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.flush(t.life)
		case <-t.full:
			t.flush(t.life)
		case <-t.stop:
			ctx, cancel := context.WithTimeout(t.life, flushTime)
			t.flush(ctx)
			cancel()
			return
		}
	}
}

// flush sends all that waits. What cannot be sent is lost: traces are worth no more.
func (t *Tracing) flush(ctx context.Context) {
	t.mu.Lock()
	spans, dropped := t.waiting, t.dropped
	t.waiting, t.dropped = nil, 0
	t.mu.Unlock()
	if dropped > 0 {
		t.log.Warn("traces dropped: the collector is too slow", "spans", dropped)
	}
	for len(spans) > 0 {
		n := min(batch, len(spans))
		if err := t.send(ctx, spans[:n]); err != nil {
			t.log.Warn("traces not sent", "spans", len(spans), "error", err)
			return
		}
		spans = spans[n:]
	}
}

func (t *Tracing) ended(s *span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= maxWaiting {
		t.dropped++
		return
	}
	if t.waiting = append(t.waiting, s); len(t.waiting) >= batch {
		select {
		case t.full <- struct{}{}:
		default:
		}
	}
}

// Options make an MCP server trace. A client's own trace goes on, from its headers or from the message.
func (t *Tracing) Options() []server.ServerOption {
	return []server.ServerOption{server.WithTracer(t), server.WithPropagator(propagator{}), server.WithMetaPropagator(propagator{})}
}

// Start begins a span below the one of the context.
func (t *Tracing) Start(ctx context.Context, name string, kind tracing.SpanKind, attrs ...tracing.Attribute) (context.Context, tracing.Span) {
	s := &span{to: t, name: name, kind: kind, began: time.Now()}
	above, ok := ctx.Value(parentKey{}).(parent)
	if !ok {
		above = parent{trace: randomHex(16), sampled: true}
	}
	s.parent, s.id = above, randomHex(8)
	s.SetAttributes(attrs...)
	ctx = context.WithValue(ctx, parentKey{}, parent{trace: above.trace, span: s.id, sampled: above.sampled})
	return tracing.ContextWithSpan(ctx, s), s
}

// parent is what a span hangs on: IDs in hex, as the wire has them.
type parent struct {
	trace, span string
	sampled     bool // whoever began the trace wants it kept
}

type parentKey struct{}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // ends the program rather than fail
	return hex.EncodeToString(b)
}

// span is a piece of work.
type span struct {
	parent
	to    *Tracing
	id    string
	name  string
	kind  tracing.SpanKind
	began time.Time

	mu     sync.Mutex
	end    time.Time
	attrs  []tracing.Attribute
	status tracing.StatusCode
}

// SetAttributes adds to the span. The session's ID stays out: it is a key to the session.
func (s *span) SetAttributes(attrs ...tracing.Attribute) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range attrs {
		if a.Key != "mcp.session.id" {
			s.attrs = append(s.attrs, a)
		}
	}
}

// RecordError notes nothing: what an error says may hold anything, and the status says that there was one.
func (s *span) RecordError(error) {}

// SetStatus says how it ended, without the words.
func (s *span) SetStatus(code tracing.StatusCode, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = code
}

// End ends the span.
func (s *span) End() {
	s.mu.Lock()
	s.end = time.Now()
	s.mu.Unlock()
	if s.sampled {
		s.to.ended(s)
	}
}

// Transport makes a span of each request that goes through it. Whoever is asked is told nothing of the trace.
func (t *Tracing) Transport(next http.RoundTripper) http.RoundTripper { return traced{next, t} }

type traced struct {
	next http.RoundTripper
	t    *Tracing
}

// RoundTrip sends and measures.
func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	_, s := t.t.Start(r.Context(), "aura "+r.Method, tracing.SpanKindClient,
		tracing.String("http.request.method", r.Method), tracing.String("server.address", r.URL.Hostname()))
	defer s.End()
	resp, err := t.next.RoundTrip(r)
	if resp != nil {
		s.SetAttributes(tracing.String("http.response.status_code", strconv.Itoa(resp.StatusCode)))
	}
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		s.SetStatus(tracing.StatusError, "")
	}
	return resp, err
}

// propagator takes up the trace of a client (W3C Trace Context).
type propagator struct{}

// Inject does nothing: this is a server.
func (propagator) Inject(context.Context, http.Header) {}

// Extract reads headers.
func (propagator) Extract(ctx context.Context, headers http.Header) context.Context {
	return continued(ctx, headers.Get("Traceparent"))
}

// InjectMeta does nothing.
func (propagator) InjectMeta(_ context.Context, meta *mcp.Meta) *mcp.Meta { return meta }

// ExtractMeta reads the message's own fields.
func (propagator) ExtractMeta(ctx context.Context, meta *mcp.Meta) context.Context {
	if meta == nil {
		return ctx
	}
	said, _ := meta.AdditionalFields["traceparent"].(string)
	return continued(ctx, said)
}

// continued hangs what follows on a parent such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.
func continued(ctx context.Context, said string) context.Context {
	if len(said) < 55 || said[2] != '-' || said[35] != '-' || said[52] != '-' || said[:2] == "ff" {
		return ctx
	}
	trace, span, flags := said[3:35], said[36:52], said[53:55]
	if !lowerHex(trace) || !lowerHex(span) || !lowerHex(flags) || (said[:2] == "00" && len(said) != 55) || trace == zeros[:32] || span == zeros[:16] {
		return ctx
	}
	set, err := strconv.ParseUint(flags, 16, 8)
	return context.WithValue(ctx, parentKey{}, parent{trace: trace, span: span, sampled: err == nil && set&1 == 1})
}

const zeros = "00000000000000000000000000000000"

func lowerHex(s string) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

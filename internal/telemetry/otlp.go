package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/tracing"
)

// collector is where traces go.
type collector struct {
	address  string
	headers  map[string]string
	timeout  time.Duration
	client   *http.Client
	resource []attribute // what this process is
}

// newCollector reads the standard variables. It is nil where they want no traces.
func newCollector(environ []string, version string) (*collector, error) {
	env := map[string]string{}
	for _, e := range environ {
		if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(name, "OTEL_") {
			env[name] = strings.TrimSpace(value)
		}
	}
	// The variable for traces alone wins over the one for everything.
	pick := func(name string) string {
		if v := env["OTEL_EXPORTER_OTLP_TRACES_"+name]; v != "" {
			return v
		}
		return env["OTEL_EXPORTER_OTLP_"+name]
	}
	if pick("ENDPOINT") == "" || strings.EqualFold(env["OTEL_SDK_DISABLED"], "true") || env["OTEL_TRACES_EXPORTER"] == "none" {
		return nil, nil
	}
	if p := pick("PROTOCOL"); p != "" && p != "http/json" && p != "http/protobuf" {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; allowed: http/json (collectors take it on the same port as http/protobuf)", p)
	}
	c := &collector{headers: map[string]string{}, timeout: 10 * time.Second, client: &http.Client{}}
	c.address = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
	if c.address == "" {
		c.address = strings.TrimSuffix(env["OTEL_EXPORTER_OTLP_ENDPOINT"], "/") + "/v1/traces"
	}
	if u, err := url.Parse(c.address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT is %q; allowed: an address such as http://localhost:4318", pick("ENDPOINT"))
	}
	maps.Copy(c.headers, pairs(pick("HEADERS")))
	if n, err := strconv.Atoi(pick("TIMEOUT")); err == nil && n > 0 {
		c.timeout = time.Duration(n) * time.Millisecond
	}
	about := pairs(env["OTEL_RESOURCE_ATTRIBUTES"])
	for key, usual := range map[string]string{"service.name": "aura-mcp", "service.version": version} {
		if about[key] == "" {
			about[key] = usual
		}
	}
	if name := env["OTEL_SERVICE_NAME"]; name != "" {
		about["service.name"] = name
	}
	for key, value := range about {
		c.resource = append(c.resource, text(key, value))
	}
	return c, nil
}

// pairs reads a=b,c=d with values in URL encoding.
func pairs(list string) map[string]string {
	out := map[string]string{}
	for item := range strings.SplitSeq(list, ",") {
		name, value, found := strings.Cut(item, "=")
		if decoded, err := url.PathUnescape(strings.TrimSpace(value)); found && err == nil {
			out[strings.TrimSpace(name)] = decoded
		}
	}
	return out
}

// What follows is OTLP's JSON form, as far as it is needed: IDs in hex, 64-bit numbers as text, enumerations as numbers.
type (
	export struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope      `json:"scope"`
		Spans []wireSpan `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	wireSpan struct {
		TraceID      string      `json:"traceId"`
		SpanID       string      `json:"spanId"`
		ParentSpanID string      `json:"parentSpanId,omitempty"`
		Name         string      `json:"name"`
		Kind         int         `json:"kind"`
		Start        string      `json:"startTimeUnixNano"`
		End          string      `json:"endTimeUnixNano"`
		Attributes   []attribute `json:"attributes,omitempty"`
		Status       wireStatus  `json:"status"`
	}
	wireStatus struct {
		Code int `json:"code,omitempty"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value struct {
			String string `json:"stringValue"`
		} `json:"value"`
	}
)

func text(key, value string) attribute {
	a := attribute{Key: key}
	a.Value.String = value
	return a
}

func (s *span) wire() wireSpan {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := wireSpan{
		TraceID: s.trace, SpanID: s.id, ParentSpanID: s.span, Name: s.name,
		Start: strconv.FormatInt(s.began.UnixNano(), 10), End: strconv.FormatInt(s.end.UnixNano(), 10),
		Kind:   map[tracing.SpanKind]int{tracing.SpanKindInternal: 1, tracing.SpanKindServer: 2, tracing.SpanKindClient: 3}[s.kind],
		Status: wireStatus{map[tracing.StatusCode]int{tracing.StatusOK: 1, tracing.StatusError: 2}[s.status]},
	}
	for _, a := range s.attrs {
		w.Attributes = append(w.Attributes, text(a.Key, a.Value))
	}
	return w
}

func (c *collector) send(ctx context.Context, spans []*span) error {
	out := scopeSpans{Scope: scope{"aura-mcp"}}
	for _, s := range spans {
		out.Spans = append(out.Spans, s.wire())
	}
	body, err := json.Marshal(export{[]resourceSpans{{Resource: resource{c.resource}, ScopeSpans: []scopeSpans{out}}}})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range c.headers {
		r.Header.Set(name, value)
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // read, so that the connection can serve again
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the collector answers %s", resp.Status)
	}
	return nil
}

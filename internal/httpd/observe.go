package httpd

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// note is what is learnt of a request on its way, for its line in the log.
type note struct {
	id        string
	from      string // address and port of whoever sent it: the proxy's, where there is one
	principal string
	method    string // MCP's
	tool      string
	problem   string
}

type noteKey struct{}

// noteOf returns a request's note. There is one from the beginning.
func noteOf(r *http.Request) *note {
	if n, ok := r.Context().Value(noteKey{}).(*note); ok {
		return n
	}
	return &note{}
}

// observed gives each request an ID and a line in the log, counts it, and keeps a panic from saying more than that there was one.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := &note{id: strings.ToLower(rand.Text()[:12]), from: r.RemoteAddr}
		r = r.WithContext(context.WithValue(r.Context(), noteKey{}, n))
		w.Header().Set("X-Request-Id", n.id)
		a := &answer{ResponseWriter: w, control: http.NewResponseController(w)}
		inTime(w, r)
		began := time.Now()
		defer func() { //nolint:contextcheck // the request has it
			if p := recover(); p != nil {
				s.Log.ErrorContext(r.Context(), "panic in a request", "panic", p, "stack", string(debug.Stack()))
				if !a.began() {
					refuse(a, http.StatusInternalServerError, "the server failed inside; its log has the details under the request "+n.id)
				}
			}
			a.end()
			s.Metrics.requests.WithLabelValues(known(r.URL.Path), strconv.Itoa(a.code())).Inc()
			s.logRequest(r, n, a, time.Since(began))
		}()
		next.ServeHTTP(a, r)
	})
}

func (s *Server) logRequest(r *http.Request, n *note, a *answer, took time.Duration) {
	level := slog.LevelInfo
	if path := r.URL.Path; a.code() < http.StatusBadRequest && (path == HealthPath || path == readyPath || path == metricsPath || n.method != "" && n.tool == "") {
		level = slog.LevelDebug // probes and the protocol's small talk
	}
	attrs := []slog.Attr{slog.String("http", r.Method+" "+known(r.URL.Path)), slog.Int("status", a.code()), slog.Float64("seconds", took.Round(time.Millisecond).Seconds())}
	for _, each := range []struct{ key, value string }{{"method", n.method}, {"tool", n.tool}, {"problem", n.problem}} {
		if each.value != "" {
			attrs = append(attrs, slog.String(each.key, each.value))
		}
	}
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// known is a path of ours, or "other": whoever asks for anything must not fill the log or the metrics with it.
func known(path string) string {
	switch path {
	case MCPPath, SSEPath, messagePath, HealthPath, readyPath, metricsPath:
		return path
	}
	if strings.HasPrefix(path, "/.well-known/oauth-protected-resource") {
		return "/.well-known/oauth-protected-resource"
	}
	if strings.HasPrefix(path, PagesPath) {
		return PagesPath // without the ID of the plan
	}
	return "other"
}

// Logger adds to each line written within a request which one it was, from where and whose.
func Logger(next slog.Handler) slog.Handler { return requestLog{next} }

type requestLog struct{ slog.Handler }

// Handle adds request, address and principal.
func (l requestLog) Handle(ctx context.Context, record slog.Record) error {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		record = record.Clone()
		record.AddAttrs(slog.String("request", n.id), slog.String("from", n.from))
		if n.principal != "" {
			record.AddAttrs(slog.String("principal", n.principal))
		}
	}
	return l.Handler.Handle(ctx, record)
}

// WithAttrs keeps the addition.
func (l requestLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestLog{l.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the addition.
func (l requestLog) WithGroup(name string) slog.Handler {
	return requestLog{l.Handler.WithGroup(name)}
}

// quieter makes what the library finds worth telling a matter for debugging: what of it matters is logged here.
func quieter(log *slog.Logger) *slog.Logger { return slog.New(debugOnly{log.Handler()}) }

type debugOnly struct{ slog.Handler }

// Enabled goes by whether debugging is.
func (d debugOnly) Enabled(ctx context.Context, _ slog.Level) bool {
	return d.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle lowers the level.
func (d debugOnly) Handle(ctx context.Context, record slog.Record) error {
	record = record.Clone()
	record.Level = slog.LevelDebug
	return d.Handler.Handle(ctx, record)
}

// keepAlive is how long a stream is silent before it gets a comment, so that nothing between here and the client takes it
// for dead.
const keepAlive = 25 * time.Second

// answer watches an answer: its status, that the client takes it in, and that a stream is never silent for long.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController

	mu     sync.Mutex
	status int
	ended  bool
	beat   *time.Timer
}

// WriteHeader notes the status and begins to keep a stream alive.
func (a *answer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writeHeader(status)
}

func (a *answer) writeHeader(status int) {
	if a.status == 0 {
		a.status = status
		if strings.HasPrefix(a.Header().Get("Content-Type"), "text/event-stream") {
			a.beat = time.AfterFunc(keepAlive, a.comment)
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write sends a piece, which is always whole events where it is a stream. A client that does not take it in time has gone.
func (a *answer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status == 0 {
		a.writeHeader(http.StatusOK)
	}
	a.inTime()
	if a.beat != nil {
		a.beat.Reset(keepAlive)
	}
	return a.ResponseWriter.Write(p)
}

// Flush sends what is there. Where that fails the next write does, too.
func (a *answer) Flush() { _ = a.FlushError() }

// FlushError is [answer.Flush] for whoever writes no more and has to know.
func (a *answer) FlushError() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inTime()
	return a.control.Flush()
}

func (a *answer) inTime() { _ = a.control.SetWriteDeadline(time.Now().Add(writeTime)) }

// comment is a line that event streams ignore.
func (a *answer) comment() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return
	}
	a.inTime()
	if _, err := a.ResponseWriter.Write([]byte(":\n\n")); err == nil {
		_ = a.control.Flush()
		a.beat.Reset(keepAlive)
	}
}

// end stops the comments: after the handler nothing may be written. The next request on the connection has deadlines of its own.
func (a *answer) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	if a.beat != nil {
		a.beat.Stop()
	}
	_ = a.control.SetWriteDeadline(time.Time{})
}

func (a *answer) began() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status != 0
}

func (a *answer) code() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status == 0 {
		return http.StatusOK
	}
	return a.status
}

// Unwrap lets a response controller reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Package httpd serves an MCP server over HTTP to people who are elsewhere: streamable HTTP, and the older SSE transport where
// it is asked for. It decides who a request comes from and whether it may come in at all: host, origin, token, scopes, size and
// number. What a call may then do is up to the guard, which gets the caller from here.
//
// The library's servers underneath accept any origin, any length of body and anybody's session, so nothing reaches them
// before it has passed here.
package httpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
)

// Transport is one of MCP's ways over HTTP.
type Transport string

// The transports. SSE is deprecated in the protocol and serves only clients that know nothing newer.
const (
	Streamable Transport = "http"
	SSE        Transport = "sse"
)

// The paths that clients use.
const (
	MCPPath     = "/mcp"
	SSEPath     = "/sse"
	messagePath = "/message"
	PagesPath   = "/approve/"
	HealthPath  = "/healthz"
	readyPath   = "/readyz"
	metricsPath = "/metrics"
)

const (
	// MaxBody bounds one message from a client. Arguments of our tools are a few kilobytes at most.
	MaxBody = 1 << 20
	// headerTime and bodyTime are how long a client may take to send a request, idleTime how long a connection may do nothing,
	// writeTime how long it may take to accept one piece of an answer. An answer as a whole has no limit: some are streams.
	headerTime = 10 * time.Second
	bodyTime   = 10 * time.Second
	idleTime   = 2 * time.Minute
	writeTime  = 20 * time.Second
	maxHeader  = 32 << 10
	// drainTime is how long calls may go on when the server ends; then they are told that it does.
	drainTime = 5 * time.Second
	// closeTime is how long they then have to send that.
	closeTime = 10 * time.Second
)

// Options are what a server is made of.
type Options struct {
	Transport Transport
	MCP       *server.MCPServer
	Access    Access
	// OnBehalfOf marks the context of everything that a principal asks for, tools or not, so that what it costs elsewhere is counted as
	// theirs. Nil: nobody counts.
	OnBehalfOf func(ctx context.Context, principal string) context.Context
	// Effects is the worst that a tool can do, whatever its arguments.
	Effects func(tool string) (op.Effects, bool)
	// Misused is the answer to a message that the library would answer worse, or nil. Nil: there is none.
	Misused func(ctx context.Context, message []byte) map[string]any
	// Pages are for browsers of people who approve, below [PagesPath]; nil where there are none. They know by themselves who comes.
	Pages http.Handler
	// PublicURL is where clients reach the server, without a path; nil where they are all on this machine.
	PublicURL *url.URL
	// Origins are the web origins whose pages may talk to the server, such as https://inspector.example.com.
	Origins []string
	// Ready says why the server cannot serve yet, or nil.
	Ready   func(context.Context) error
	Metrics *Metrics
	Log     *slog.Logger
}

// Server serves one MCP server over HTTP. Make one with [New].
type Server struct {
	Options
	handler  http.Handler
	sessions *sessions
	limits   *limits
	ending   atomic.Bool
	calls    context.Context //nolint:containedctx // ends when the server cannot wait for calls any longer
	hangUp   context.CancelFunc
	close    func(context.Context) // ends all streams
}

// New makes a server that does not listen yet.
func New(o Options) (*Server, error) {
	s := &Server{Options: o, limits: newLimits()}
	s.calls, s.hangUp = context.WithCancel(context.Background())
	s.sessions = newSessions(o.Access, o.Metrics.sessions)
	o.MCP.Use(s.called)
	var mcp http.Handler
	mux := http.NewServeMux()
	switch o.Transport {
	case Streamable:
		mcp = s.streamable()
		mux.Handle(MCPPath, s.guarded(mcp))
	case SSE:
		mcp = s.sse()
		mux.Handle(SSEPath, s.guarded(mcp))
		mux.Handle(messagePath, s.guarded(mcp))
	default:
		return nil, fmt.Errorf("there is no transport %q over HTTP", o.Transport)
	}
	if metadata := o.Access.Metadata(); metadata != nil {
		h := server.NewProtectedResourceMetadataHandler(*metadata)
		mux.Handle(server.WellKnownProtectedResourcePath, h)
		mux.Handle(server.WellKnownProtectedResourcePath+MCPPath, h)
	}
	if o.Pages != nil {
		mux.Handle(PagesPath, o.Pages)
	}
	mux.HandleFunc("GET "+HealthPath, func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET "+readyPath, s.ready)
	mux.Handle("GET "+metricsPath, s.authenticated(o.Metrics.Handler()))
	s.handler = s.observed(s.local(mux))
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// streamable is the library's streamable HTTP server, whose sessions are ours.
func (s *Server) streamable() http.Handler {
	h := server.NewStreamableHTTPServer(s.MCP,
		server.WithSessionIdManagerResolver(s.sessions),
		server.WithDisableLocalhostProtection(true), // ours is stricter, and knows of a proxy in front
		server.WithStreamableHTTPLogger(quieter(s.Log)),
	)
	s.sessions.endsBy(h)
	s.close = h.CloseSessions
	return s.sessions.bound(h)
}

// sse is the library's server for the deprecated transport.
func (s *Server) sse() http.Handler {
	h := server.NewSSEServer(s.MCP,
		server.WithSSEEndpoint(SSEPath), server.WithMessageEndpoint(messagePath),
		server.WithUseFullURLForMessageEndpoint(false),
		server.WithSSEDisableLocalhostProtection(true),
		server.WithSessionIDGenerator(sessionOf),
		// Without origins of its own it would let every page of the web read its streams.
		server.WithSSECORS(server.WithCORSAllowedOrigins(append([]string{"https://none.invalid"}, s.Origins...)...)),
	)
	s.close = func(context.Context) { h.CloseSessions() }
	s.countMessages()
	return s.sessions.boundSSE(h)
}

// countMessages has a message of the deprecated transport take one of its principal's places until it has been dealt with, which is
// after its request was answered. The library deals with each in a context of its own, and ends that when the answer is on its way.
func (s *Server) countMessages() {
	hooks := s.MCP.GetHooks()
	if hooks == nil {
		hooks = &server.Hooks{}
		server.WithHooks(hooks)(s.MCP)
	}
	hooks.AddOnRequestInitialization(func(ctx context.Context, _, _ any) error {
		caller, err := CallerFrom(ctx)
		if err == nil {
			context.AfterFunc(ctx, s.limits.hold(lane{principal: caller.Principal}))
		}
		return err
	})
}

// Serve answers requests until ctx is cancelled, and then lets running calls come to an end. What they have started at Aura
// is not waited for here.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer s.hangUp()
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(l) }()
	go s.sessions.sweep(s.calls) //nolint:contextcheck // it goes on while calls come to an end
	select {
	case err := <-served:
		return fmt.Errorf("serve over HTTP: %w", err)
	case <-ctx.Done():
	}
	s.ending.Store(true)
	s.Log.Info("ending: no new calls, running ones are finished")
	return s.shutdown(context.WithoutCancel(ctx), h)
}

// shutdown lets calls come to an end. Those that do not are told that nobody waits any more, and have a moment to say so.
func (s *Server) shutdown(ctx context.Context, h *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, drainTime+closeTime)
	defer cancel()
	impatient := time.AfterFunc(drainTime, s.hangUp)
	defer impatient.Stop()
	streams := time.NewTicker(50 * time.Millisecond)
	defer streams.Stop()
	done := make(chan error, 1)
	go func() { done <- h.Shutdown(ctx) }()
	for {
		s.close(ctx) // also what began while others were ended
		select {
		case err := <-done:
			if errors.Is(err, context.DeadlineExceeded) {
				s.Log.Warn("ending while connections are still open")
				return h.Close()
			}
			return err
		case <-streams.C:
		}
	}
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.ending.Load() {
		plain(w, http.StatusServiceUnavailable, "ending")
		return
	}
	if err := s.Ready(r.Context()); err != nil {
		s.Log.Warn("not ready", "error", err)
		plain(w, http.StatusServiceUnavailable, "not ready")
		return
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprintln(w, message)
}

// Package approval is how a person decides outside their MCP client: on a page in their browser, or at a terminal. Both work
// on the guard's desk and decide nothing themselves.
package approval

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"aura-mcp/internal/guard"
)

const (
	// alive is how long after its last request a page counts as open. Open pages ask again every refresh.
	alive   = 8 * time.Second
	refresh = 2 * time.Second
	// maxForm bounds what a page may send: a name and a PIN.
	maxForm = 8 << 10
)

// Page shows the plans on a desk in the person's browser. Its server listens on loopback and starts with the first plan.
type Page struct {
	// Open opens a file in the person's browser. An error says that there is none.
	Open func(ctx context.Context, file string) error
	// Dir is for the files that lead browsers to the page. Only the person's account may look into it.
	Dir func(context.Context) (string, error)
	Log *slog.Logger

	mu      sync.Mutex
	desk    *guard.Desk
	server  *http.Server
	host    string // 127.0.0.1:port
	secret  string // the first part of every path: whoever does not know it sees nothing
	fetched time.Time
	forward string // the file that leads to the page now
}

// Show brings the plan whose turn it is before the person: on the page that is open already, else on a new one.
func (p *Page) Show(ctx context.Context, desk *guard.Desk) error {
	if err := p.start(ctx, desk); err != nil {
		return err
	}
	if p.picksUp() {
		return nil
	}
	dir, err := p.Dir(ctx)
	if err != nil {
		return err
	}
	file, err := writeForward(dir, p.address())
	if err != nil {
		return err
	}
	p.mu.Lock()
	old := p.forward
	p.forward = file
	p.mu.Unlock()
	removeForward(old)
	if err := p.Open(ctx, file); err != nil {
		return fmt.Errorf("open a browser: %w", err)
	}
	return nil
}

// picksUp waits for an open page to ask again, and reports whether one did.
func (p *Page) picksUp() bool {
	asked := time.Now()
	p.mu.Lock()
	open := asked.Sub(p.fetched) < alive
	p.mu.Unlock()
	if !open {
		return false
	}
	tick := time.NewTicker(refresh / 4)
	defer tick.Stop()
	for time.Since(asked) < 2*refresh {
		<-tick.C
		p.mu.Lock()
		again := p.fetched.After(asked)
		p.mu.Unlock()
		if again {
			return true
		}
	}
	return false
}

func (p *Page) start(ctx context.Context, desk *guard.Desk) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("approval page: %w", err)
	}
	p.desk, p.host, p.secret = desk, listener.Addr().String(), rand.Text()+rand.Text()
	p.server = &http.Server{
		Handler: p.handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(p.Log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.Log.Error("the approval page ended", "error", err)
		}
	}()
	return nil
}

func (p *Page) address() string { return "http://" + p.host + "/" + p.secret + "/" }

// Close ends the page.
func (p *Page) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	removeForward(p.forward)
	if p.server != nil {
		_ = p.server.Close() // nothing is lost: decisions are taken by the desk
	}
}

// handler serves the page. Every request has to know the secret path and to be meant for this very host; what changes
// something has to come from the page itself.
func (p *Page) handler() http.Handler {
	mux := http.NewServeMux()
	shown := desk{Desk: p.desk, log: p.Log}
	mux.HandleFunc("GET /{secret}/{$}", shown.current)
	mux.HandleFunc("GET /{secret}/{id}", shown.one)
	mux.HandleFunc("POST /{secret}/{id}", shown.decide)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		protect(w.Header())
		switch {
		case r.Host != p.host: // a name that somebody made point to this machine
			http.Error(w, "not found", http.StatusNotFound)
		case subtle.ConstantTimeCompare([]byte(secret), []byte(p.secret)) != 1:
			http.Error(w, "not found", http.StatusNotFound)
		case r.Method == http.MethodPost && !fromItself(r, "http://"+r.Host):
			http.Error(w, "this form was sent by another page", http.StatusForbidden)
		default:
			p.mu.Lock()
			p.fetched = time.Now()
			p.mu.Unlock()
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			mux.ServeHTTP(w, r)
		}
	})
}

// protect keeps the page from being framed, kept, or told on to others. With no-referrer, browsers would send the form with the
// origin null, which could be anybody's; same-origin tells others as little.
func protect(h http.Header) {
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+styleSource()+"; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
}

// fromItself: browsers name the origin with every form that is sent.
func fromItself(r *http.Request, origin string) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") == origin && (site == "" || site == "same-origin")
}

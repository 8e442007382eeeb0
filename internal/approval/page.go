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
	"net/url"
	"slices"
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
	mux.HandleFunc("GET /{secret}/{$}", p.current)
	mux.HandleFunc("GET /{secret}/{id}", p.one)
	mux.HandleFunc("POST /{secret}/{id}", p.decide)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		protect(w.Header())
		switch {
		case r.Host != p.host: // a name that somebody made point to this machine
			http.Error(w, "not found", http.StatusNotFound)
		case subtle.ConstantTimeCompare([]byte(secret), []byte(p.secret)) != 1:
			http.Error(w, "not found", http.StatusNotFound)
		case r.Method == http.MethodPost && !fromItself(r):
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
func fromItself(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") == "http://"+r.Host && (site == "" || site == "same-origin")
}

// current shows the plan whose turn it is. Where none waits, it shows what became of the one before.
func (p *Page) current(w http.ResponseWriter, r *http.Request) {
	before, _ := p.desk.Look(r.URL.Query().Get("after"))
	for _, a := range p.desk.List() {
		if a.Stage == guard.Shown && decidedHere(a) {
			p.render(w, http.StatusOK, screen{Approval: a, Before: &before})
			return
		}
	}
	if before.ID == "" {
		before.Stage = idle
	}
	p.render(w, http.StatusOK, screen{Approval: before})
}

// idle is the stage of a page that has nothing to show.
const idle guard.Stage = "idle"

// one shows one plan, however far it has come.
func (p *Page) one(w http.ResponseWriter, r *http.Request) {
	a, known := p.desk.Look(r.PathValue("id"))
	if !known || !decidedHere(a) {
		p.render(w, http.StatusNotFound, screen{Approval: guard.Approval{Stage: idle}})
		return
	}
	p.render(w, http.StatusOK, screen{Approval: a})
}

func decidedHere(a guard.Approval) bool { return slices.Contains(a.Ways, guard.Page) }

// decide takes what the person said, and shows what comes of it on a page that can be loaded again without saying it twice.
func (p *Page) decide(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form could not be read", http.StatusBadRequest)
		return
	}
	said := r.PostForm.Get("decision")
	if said != "approve" && said != "refuse" {
		http.Error(w, "the form says neither approve nor refuse", http.StatusBadRequest)
		return
	}
	d := guard.Decision{Approve: said == "approve", Typed: r.PostForm.Get("typed"), PIN: r.PostForm.Get("pin"), Way: guard.Page}
	err := p.desk.Decide(id, d)
	mistake, again := errors.AsType[*guard.MistakeError](err)
	a, known := p.desk.Look(id)
	switch {
	case err == nil:
		w.Header().Set("Location", url.PathEscape(id))
		w.WriteHeader(http.StatusSeeOther)
	case again:
		p.render(w, http.StatusUnprocessableEntity, screen{Approval: a, Problem: mistake.What, AtPIN: mistake.PIN, Typed: d.Typed})
	case known:
		p.render(w, http.StatusConflict, screen{Approval: a, Late: true})
	default:
		p.render(w, http.StatusNotFound, screen{Approval: guard.Approval{Stage: idle}})
	}
}

func (p *Page) render(w http.ResponseWriter, status int, s screen) {
	if s.Stage == guard.Shown {
		p.desk.Seen(s.ID)
	}
	if wait, to := s.refresh(); wait > 0 {
		w.Header().Set("Refresh", fmt.Sprintf("%d; url=%s", int(wait.Seconds()), to))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := s.document().Render(w); err != nil {
		p.Log.Debug("the approval page was not sent whole", "error", err)
	}
}

package approval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"aura-mcp/internal/guard"
)

// Socket lets terminals of the same account work on the desk of this process. It is there from the first plan on.
type Socket struct {
	Dir string // private to the account; "" where there is none
	Log *slog.Logger

	mu       sync.Mutex
	listener net.Listener
	seen     chan string // IDs of plans that a terminal shows
}

// watchTime is how long a terminal that watches has to show a plan.
const watchTime = 2 * time.Second

// Listen makes the socket.
func (s *Socket) Listen(ctx context.Context, desk *guard.Desk) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	if s.Dir == "" {
		return errors.New("there is no private directory for a socket")
	}
	if err := private(s.Dir); err != nil {
		return err
	}
	name := filepath.Join(s.Dir, strconv.Itoa(os.Getpid())+socketEnd)
	_ = os.Remove(name) // of a process that had our number before
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", name)
	if err != nil {
		return fmt.Errorf("socket for terminals: %w", err)
	}
	s.listener, s.seen = listener, make(chan string, 16)
	server := &http.Server{Handler: s.handler(desk), ReadTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug)}
	go func() { _ = server.Serve(sameAccount{listener, s.Log}) }() // it ends with the listener
	return nil
}

// Close removes the socket.
func (s *Socket) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		_ = s.listener.Close() // which removes the file, too
	}
}

// Show waits for a terminal that watches to show the plan whose turn it is. Where none does, the person has to run the command.
func (s *Socket) Show(ctx context.Context, desk *guard.Desk) error {
	if err := s.Listen(ctx, desk); err != nil {
		return err
	}
	var id string
	for _, a := range desk.List() {
		if a.Stage == guard.Shown {
			id = a.ID
		}
	}
	ctx, cancel := context.WithTimeout(ctx, watchTime)
	defer cancel()
	for {
		select {
		case shown := <-s.seen:
			if shown == id {
				return nil
			}
		case <-ctx.Done():
			return guard.ErrUnseen
		}
	}
}

// sameAccount takes connections of this account only.
type sameAccount struct {
	net.Listener
	log *slog.Logger
}

func (l sameAccount) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := samePeer(c); err != nil {
			l.log.Warn("a connection to the approval socket was refused", "error", err)
			_ = c.Close()
			continue
		}
		return c, nil
	}
}

// verdict is the answer to a decision.
type verdict struct {
	Mistake string `json:"mistake,omitempty"`
	PIN     bool   `json:"pin,omitempty"`
	Closed  string `json:"closed,omitempty"`
}

func (s *Socket) handler(desk *guard.Desk) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /approvals", func(w http.ResponseWriter, _ *http.Request) { s.send(w, desk.List()) })
	mux.HandleFunc("GET /approvals/{id}", func(w http.ResponseWriter, r *http.Request) {
		a, known := desk.Look(r.PathValue("id"))
		if !known {
			http.NotFound(w, r)
			return
		}
		s.send(w, a)
	})
	mux.HandleFunc("POST /approvals/{id}/seen", func(_ http.ResponseWriter, r *http.Request) {
		desk.Seen(r.PathValue("id"))
		select {
		case s.seen <- r.PathValue("id"):
		default:
		}
	})
	mux.HandleFunc("POST /approvals/{id}", func(w http.ResponseWriter, r *http.Request) {
		var d guard.Decision
		if err := json.NewDecoder(io.LimitReader(r.Body, maxForm)).Decode(&d); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d.Way = guard.Terminal
		err := desk.Decide(r.PathValue("id"), d)
		mistake, again := errors.AsType[*guard.MistakeError](err)
		switch {
		case again:
			s.send(w, verdict{Mistake: mistake.What, PIN: mistake.PIN})
		case err != nil:
			s.send(w, verdict{Closed: err.Error()})
		default:
			s.send(w, verdict{})
		}
	})
	return mux
}

func (s *Socket) send(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.Log.Debug("a terminal was not answered", "error", err)
	}
}

const socketEnd = ".sock"

// Server is a running server of this account, seen through its socket.
type Server struct {
	client *http.Client
}

// Servers finds the running servers of this account. Sockets that processes left behind are removed.
func Servers(ctx context.Context, dir string) ([]*Server, error) {
	if dir == "" {
		return nil, nil
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"+socketEnd))
	if err != nil {
		return nil, fmt.Errorf("find running servers: %w", err)
	}
	var out []*Server
	for _, name := range names {
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", name)
			if err != nil {
				return nil, err
			}
			if err := samePeer(c); err != nil {
				return nil, errors.Join(err, c.Close())
			}
			return c, nil
		}
		c, err := dial(ctx, "", "")
		if err != nil {
			if errors.Is(err, syscall.ECONNREFUSED) && older(name, beginTime) {
				_ = os.Remove(name) // nobody listens there any more
			}
			continue
		}
		_ = c.Close()
		out = append(out, &Server{client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}) //nolint:forbidigo // over a socket
	}
	return out, nil
}

// beginTime is how long a process may take from making its socket to listening there: in between, it looks like that of a dead
// process.
const beginTime = time.Minute

func older(name string, age time.Duration) bool {
	info, err := os.Stat(name)
	return err == nil && time.Since(info.ModTime()) > age
}

// List returns what can be decided there.
func (s *Server) List(ctx context.Context) ([]guard.Approval, error) {
	var out []guard.Approval
	err := s.do(ctx, http.MethodGet, "", nil, &out)
	return out, err
}

// Look returns one plan.
func (s *Server) Look(id string) (guard.Approval, bool) {
	var out guard.Approval
	err := s.do(context.Background(), http.MethodGet, "/"+id, nil, &out)
	return out, err == nil
}

// Seen says that the person has the plan before them.
func (s *Server) Seen(id string) {
	_ = s.do(context.Background(), http.MethodPost, "/"+id+"/seen", nil, nil) // it only spares a hint
}

// Decide hands a decision on.
func (s *Server) Decide(id string, d guard.Decision) error {
	var v verdict
	if err := s.do(context.Background(), http.MethodPost, "/"+id, d, &v); err != nil {
		return err
	}
	switch {
	case v.Mistake != "":
		return &guard.MistakeError{What: v.Mistake, PIN: v.PIN}
	case v.Closed == guard.ErrNotShown.Error():
		return guard.ErrNotShown
	case v.Closed != "":
		return guard.ErrGone
	}
	return nil
}

func (s *Server) do(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://aura-mcp/approvals"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("ask a running server: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a running server answered %s", response.Status)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("read a running server's answer: %w", err)
	}
	return nil
}

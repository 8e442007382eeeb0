package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// guarded puts everything that has to hold before a message of MCP: a known caller, a place among its requests, a body of
// bounded size that came in time, and the scopes that the tool needs.
func (s *Server) guarded(next http.Handler) http.Handler {
	return s.authenticated(s.limited(s.read(s.scoped(next))))
}

// limited gives each principal so many requests at a time, so that one cannot take the server away from the others.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := CallerFrom(r.Context())
		if err != nil {
			refuse(w, http.StatusUnauthorized, err.Error())
			return
		}
		leave, ok := s.limits.enter(caller.Principal, r.Method == http.MethodGet)
		if !ok {
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusTooManyRequests, "too many requests of yours are being answered already; wait for some of them")
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
}

// message is what matters here of a message.
type message struct {
	Method string `json:"method"`
	Params struct {
		Name string `json:"name"`
	} `json:"params"`
}

// read takes the body in, which must be JSON: what a page can send without asking, a form or plain text, is not.
func (s *Server) read(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Accel-Buffering", "no") // or nginx would keep a stream to itself
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
			refuse(w, http.StatusUnsupportedMediaType, "the body must be application/json")
			return
		}
		body, err := bounded(w, r)
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			_, _ = io.CopyN(io.Discard, r.Body, 4*MaxBody) // whoever is still sending does not see the answer
			refuse(w, http.StatusRequestEntityTooLarge, "the message is larger than 1 MiB")
			return
		}
		if err != nil {
			h.Set("Connection", "close")
			refuse(w, http.StatusRequestTimeout, "the message did not arrive whole, or not in time")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// inTime gives the body its time, whoever reads it: where nobody does, the server itself waits for the rest.
func inTime(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // not there without a socket, where nobody is slow
	}
}

// bounded reads the body within its limits of size and time. The time limit ends with the body: the answer may be a stream.
func bounded(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > MaxBody {
		return nil, &http.MaxBytesError{Limit: MaxBody}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err == nil && r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	return body, err
}

// misused answers a message in place of the library, where that is due.
func (s *Server) misused(w http.ResponseWriter, r *http.Request, body []byte) bool {
	if s.Misused == nil {
		return false
	}
	answer := s.Misused(r.Context(), body)
	if answer == nil {
		return false
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	if mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) {
		w.WriteHeader(http.StatusBadRequest) // so wants the newest revision
	}
	_, _ = w.Write(encoded)
	return true
}

// scoped asks for more rights where the tool needs them, so that a client can get them and call again. Tokens whose rights
// nobody can add to get their refusal from the guard, in words.
func (s *Server) scoped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		var m message
		body, err := io.ReadAll(r.Body)
		if err == nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			_ = json.Unmarshal(body, &m) // what is no message is answered by whoever is next
		}
		note := noteOf(r)
		note.method = m.Method
		if s.misused(w, r, body) {
			return
		}
		if m.Method != string(mcp.MethodToolsCall) {
			next.ServeHTTP(w, r)
			return
		}
		effects, known := s.Effects(m.Params.Name)
		if known {
			note.tool = m.Params.Name
		}
		caller, err := CallerFrom(r.Context())
		if err == nil && s.Access.Metadata() != nil && effects&caller.Withheld != 0 {
			s.challenge(w, http.StatusForbidden, true, scopesFor(effects))
			return
		}
		next.ServeHTTP(w, r)
	})
}

package aurasim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"
)

const (
	maxBody     = 1 << 20
	hugePadding = 10 << 20
)

// cut is where a connection breaks.
type cut int

const (
	whole     cut = iota
	cutBefore     // nothing was read
	cutAfter      // nothing was answered
	cutWithin     // half of the body was answered
	refused       // there was no connection
)

// exchange is the fate of one request, the same whether it came through [Server.Transport] or a socket.
type exchange struct {
	answer
	cut  cut
	slow time.Duration // between the halves of the body
	date time.Time     // by Aura's clock
	err  error         // the request's context ended, or its body could not be read
}

// exchange is for a request that has come to a place, scheme and host; "" is nowhere in particular.
func (s *Server) exchange(r *http.Request, place string) exchange {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return exchange{err: err}
	}
	fault, entry := s.receive(r, body)
	out := fault.suffer(r.Context(), func() answer { return s.carryOut(r, place, body, entry) })
	out.date = s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if out.err == nil && out.cut == whole {
		entry.Status = out.status
	}
	return out
}

// headers is the complete header of the answer.
func (e exchange) headers() http.Header {
	h := e.answer.headers()
	h.Set("Date", e.date.UTC().Format(http.TimeFormat))
	return h
}

func (s *Server) receive(r *http.Request, body []byte) (Fault, *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	fault := s.faults.next(r.Method, r.URL.Path, now)
	if fault.Kind == Refused {
		return fault, &Request{}
	}
	return fault, s.log.add(r, body, now)
}

// suffer lets a request be carried out under a fault, the zero fault included.
func (f Fault) suffer(ctx context.Context, carryOut func() answer) exchange {
	if !f.After && f.Kind != SlowBody {
		if err := f.wait(ctx); err != nil {
			return exchange{err: err}
		}
	}
	switch f.Kind {
	case CutBefore:
		return exchange{cut: cutBefore}
	case Refused:
		return exchange{cut: refused}
	}
	var out exchange
	if f.carriesOut() {
		out.answer = carryOut()
	}
	if f.After {
		if err := f.wait(ctx); err != nil {
			return exchange{err: err}
		}
	}
	switch {
	case f.replaces():
		out.answer = f.answer()
	case f.Kind == CutAfter, f.Kind == CutInBody && len(out.body) < 2:
		out.cut = cutAfter
	case f.Kind == CutInBody:
		out.cut = cutWithin
	case f.Kind == SlowBody:
		out.slow = f.Delay
	case f.Kind == HugeBody:
		out.body = append(out.padding(), out.body...) // in front, where no decoder can skip it
	}
	return out
}

func (s *Server) carryOut(r *http.Request, place string, body []byte, entry *Request) answer {
	if len(body) > maxBody {
		return gateway(http.StatusRequestEntityTooLarge, "Request Entity Too Large").answer()
	}
	out := s.handle(r, place, body, entry)
	s.mu.Lock()
	defer s.mu.Unlock()
	entry.Done = out.status
	return out
}

// placeOf is where the client has reached us, as it says itself.
func placeOf(r *http.Request) string {
	switch {
	case r.Host == "":
		return ""
	case r.TLS != nil:
		return "https://" + r.Host
	default:
		return "http://" + r.Host
	}
}

// ServeHTTP answers one request. Cut connections need a ResponseWriter that can be hijacked, as those of
// [Server.Listen] can; any other gets 502 with no body instead.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := s.exchange(r, placeOf(r))
	switch {
	case out.err != nil || out.cut == cutBefore || out.cut == cutAfter || out.cut == refused:
		hangUp(w, nil)
	case out.cut == cutWithin:
		hangUp(w, &out.answer)
	default:
		maps.Copy(w.Header(), out.headers())
		w.WriteHeader(out.status)
		half := 0
		if out.slow > 0 {
			half = len(out.body) / 2
			_, _ = w.Write(out.body[:half])
			_ = http.NewResponseController(w).Flush() // whoever cannot gets it in one piece
			_ = Fault{Delay: out.slow}.wait(r.Context())
		}
		_, _ = w.Write(out.body[half:]) // an error means that the client is gone
	}
}

// hangUp closes the connection, after half of an answer if there is one.
func hangUp(w http.ResponseWriter, half *answer) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if errors.Is(err, http.ErrNotSupported) {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if err != nil {
		return
	}
	defer conn.Close()
	if half == nil {
		return
	}
	resp := http.Response{
		StatusCode: half.status, ProtoMajor: 1, ProtoMinor: 1, Header: half.headers(),
		Body: io.NopCloser(bytes.NewReader(half.body[:len(half.body)/2])), ContentLength: int64(len(half.body)),
	}
	_ = resp.Write(buf) // complains that the body is too short, which is the point
	_ = buf.Flush()
}

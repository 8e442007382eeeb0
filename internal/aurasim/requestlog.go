package aurasim

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

const logLength = 10_000

// Request is a request as it was received.
type Request struct {
	Time     time.Time
	Method   string
	Path     string // decoded
	RawPath  string // as sent, escapes included
	Query    url.Values
	Header   http.Header // as received, secrets included
	Body     string
	Done     int    // status of the answer that the API itself gave, whatever became of it; 0 if the request was not carried out
	Status   int    // of the answer; 0 if the connection was cut or the answer is not out yet
	ClientID string // "" if the request did not say who sent it, or nobody known
}

// requestLog keeps the last requests. An entry is there from the moment the request arrives.
type requestLog struct {
	entries []*Request
}

func (l *requestLog) add(r *http.Request, body []byte, now time.Time) *Request {
	entry := &Request{
		Time: now, Method: r.Method, Path: r.URL.Path, RawPath: r.URL.EscapedPath(),
		Query: r.URL.Query(), Header: r.Header.Clone(), Body: string(body),
	}
	if len(l.entries) >= logLength {
		l.entries = slices.Delete(l.entries, 0, len(l.entries)-logLength+1)
	}
	l.entries = append(l.entries, entry)
	return entry
}

func (l *requestLog) copy() []Request {
	out := make([]Request, len(l.entries))
	for i, e := range l.entries {
		out[i] = *e
		out[i].Header = e.Header.Clone()
	}
	return out
}

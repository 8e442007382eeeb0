package httpd

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
)

const (
	// sessionsEach is how many sessions a principal can have, sessionsInAll how many there are at most. The one that was used
	// least recently gives way: its client opens another when it comes back.
	sessionsEach  = 128
	sessionsInAll = 4096
	// sessionTime is how long a session lives without a request.
	sessionTime = 30 * time.Minute
	sweepEvery  = time.Minute
	// lookEvery is how often it is looked whether a stream may go on, lookAgain how soon once more where it may not: settings that
	// are being saved may look like that for a moment.
	lookEvery = 5 * time.Second
	lookAgain = time.Second
)

// sessions are those of protocol revisions that have them. A session is its principal's alone: with another's ID one could
// hear its notices, and answer the questions that are put to its person. And it is of one profile, whose databases it may have
// subscribed to.
type sessions struct {
	access Access
	gauge  func(int)
	end    func(id string) // makes the library forget a session; set by endsBy

	mu   sync.Mutex
	byID map[string]*session
}

type session struct {
	owner
	used   time.Time
	busy   int             // requests and streams under way
	done   context.Context //nolint:containedctx // ends with the session, and its streams with it
	cancel context.CancelFunc
}

// owner is whose a session is. What they may do counts anew with every request.
type owner struct{ principal, profile string }

func ownerOf(c op.Caller) owner { return owner{c.Principal, c.Profile} }

func newSessions(access Access, gauge func(int)) *sessions {
	return &sessions{access: access, gauge: gauge, end: func(string) {}, byID: map[string]*session{}}
}

// endsBy lets sessions end in the library, too. It offers no other way to end one than the request with which a client does.
func (s *sessions) endsBy(h http.Handler) {
	s.end = func(id string) {
		header := http.Header{}
		header.Set(server.HeaderKeySessionID, id)
		h.ServeHTTP(nowhere{}, &http.Request{Method: http.MethodDelete, URL: &url.URL{Path: MCPPath}, Header: header, Body: http.NoBody})
	}
}

// nowhere takes an answer that nobody reads.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// open makes a session and ends those that have to give way.
func (s *sessions) open(of owner) string {
	id := "aura-mcp-" + rand.Text()
	done, cancel := context.WithCancel(context.Background())
	s.mu.Lock()
	over := s.crowded(of.principal)
	s.byID[id] = &session{owner: of, used: time.Now(), done: done, cancel: cancel}
	s.mu.Unlock()
	for _, old := range over {
		s.close(old)
	}
	s.gauge(s.count())
	return id
}

// crowded is whom a new session of the principal drives out.
func (s *sessions) crowded(principal string) (out []string) {
	var mine, oldestMine, oldest = 0, "", ""
	older := func(id, than string) bool { return than == "" || s.byID[id].used.Before(s.byID[than].used) }
	for id, each := range s.byID {
		if older(id, oldest) {
			oldest = id
		}
		if each.principal != principal {
			continue
		}
		if mine++; older(id, oldestMine) {
			oldestMine = id
		}
	}
	switch {
	case mine >= sessionsEach:
		return []string{oldestMine}
	case len(s.byID) >= sessionsInAll:
		return []string{oldest}
	}
	return nil
}

// close ends a session and its streams.
func (s *sessions) close(id string) {
	s.mu.Lock()
	ended := s.byID[id]
	delete(s.byID, id)
	s.mu.Unlock()
	if ended != nil {
		ended.cancel()
		s.end(id)
	}
}

func (s *sessions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// enter notes that a request uses a session. It is false for one that there is not, or that is another's.
func (s *sessions) enter(id string, by owner) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byID[id]
	if found == nil || found.owner != by {
		return nil, false
	}
	found.used = time.Now()
	found.busy++
	return found, true
}

func (s *sessions) leave(used *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used.busy--
	used.used = time.Now()
}

// sweep ends sessions that nobody uses any more.
func (s *sessions) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.expire()
		}
	}
}

func (s *sessions) expire() {
	var idle []string
	s.mu.Lock()
	for id, each := range s.byID {
		if each.busy == 0 && time.Since(each.used) >= sessionTime {
			idle = append(idle, id)
		}
	}
	s.mu.Unlock()
	for _, id := range idle {
		s.close(id)
	}
	s.gauge(s.count())
}

// bound lets a request through only with a session of its own principal, or with none where it needs none.
func (s *sessions) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := CallerFrom(r.Context())
		if err != nil {
			refuse(w, http.StatusUnauthorized, err.Error())
			return
		}
		id := r.Header.Get(server.HeaderKeySessionID)
		modern := mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
		switch {
		case id == "" && r.Method != http.MethodPost && !modern:
			refuse(w, http.StatusBadRequest, "this needs a session: send the Mcp-Session-Id that initialize gave you")
		case id == "" || modern:
			r.Header.Del(server.HeaderKeySessionID) // the newest revision has no sessions
			r, cancel := s.ofStream(r, "", nil)
			defer cancel()
			next.ServeHTTP(w, r)
		default:
			used, ok := s.enter(id, ownerOf(caller))
			if !ok {
				refuse(w, http.StatusNotFound, "there is no such session; start over with initialize")
				return
			}
			defer s.leave(used)
			r, cancel := s.ofStream(r, id, used)
			defer cancel()
			next.ServeHTTP(w, r)
		}
	})
}

// ofStream makes a stream end with its session, with the token that opened it, and with what its caller may do here.
func (s *sessions) ofStream(r *http.Request, id string, used *session) (*http.Request, context.CancelFunc) {
	if r.Method != http.MethodGet && noteOf(r).method != string(mcp.MethodSubscriptionsListen) {
		return r, func() {}
	}
	ctx, cancel := context.WithCancel(r.Context())
	var over <-chan struct{}
	if used != nil {
		over = used.done.Done()
	}
	go func() {
		defer cancel()
		if s.taken(ctx, over, bearer(r)) {
			s.close(id)
		}
	}()
	return r.WithContext(ctx), cancel
}

// taken waits until a stream is over, and reports whether that is because its caller is not let in any more as when it was opened.
// An identity provider that is away takes nothing back.
func (s *sessions) taken(ctx context.Context, over <-chan struct{}, token string) bool {
	opened, _ := ctx.Value(identityKey{}).(Identity)
	var expired <-chan time.Time
	if !opened.Expires.IsZero() {
		expired = time.After(time.Until(opened.Expires))
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for before := false; ; {
		select {
		case <-ctx.Done():
			return false
		case <-over:
			return false
		case <-expired:
			return false
		case <-look.C:
		}
		now, err := s.access.Identify(ctx, token)
		taken := err == nil && now.Caller != opened.Caller || errors.Is(err, ErrToken) || errors.Is(err, ErrScope) || errors.Is(err, ErrNoAccess)
		switch {
		case taken && before:
			return true
		case taken:
			look.Reset(lookAgain)
		case before:
			look.Reset(lookEvery)
		}
		before = taken
	}
}

type sessionKey struct{}

// boundSSE is the same for the deprecated transport, where the session is the stream.
func (s *sessions) boundSSE(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := CallerFrom(r.Context())
		if err != nil {
			refuse(w, http.StatusUnauthorized, err.Error())
			return
		}
		stream, id := r.URL.Path == SSEPath, r.URL.Query().Get("sessionId")
		if stream {
			id = s.open(ownerOf(caller))
			defer s.close(id)
		}
		used, ok := s.enter(id, ownerOf(caller))
		if !ok {
			refuse(w, http.StatusNotFound, "there is no such session; open the stream again")
			return
		}
		defer s.leave(used)
		r, cancel := s.ofStream(r, id, used)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, id))) //nolint:contextcheck // it is the request's
	})
}

// sessionOf names the session that boundSSE has opened.
func sessionOf(ctx context.Context, _ *http.Request) (string, error) {
	id, ok := ctx.Value(sessionKey{}).(string)
	if !ok {
		return "", errNoSession
	}
	return id, nil
}

// ResolveSessionIdManager gives the library the sessions as the request's principal may see them. Without a request, or with
// ours that ends a session, it is nobody's view.
func (s *sessions) ResolveSessionIdManager(r *http.Request) server.SessionIdManager { //nolint:revive // the library names it
	view := managed{sessions: s}
	if r != nil {
		if caller, err := CallerFrom(r.Context()); err == nil {
			view.owner = ownerOf(caller)
		}
	}
	return view
}

// managed is the sessions of one owner, in the library's words.
type managed struct {
	*sessions
	owner
}

var errNoSession = errors.New("no such session")

// Generate opens a session.
func (m managed) Generate() string { return m.open(m.owner) }

// Validate refuses what is not the owner's. A session that has ended is not there any more.
func (m managed) Validate(id string) (isTerminated bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.byID[id]; found == nil || found.owner != m.owner {
		return false, errNoSession
	}
	return false, nil
}

// Terminate ends a session.
func (m managed) Terminate(id string) (isNotAllowed bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.byID[id]; found != nil && found.owner == m.owner {
		delete(m.byID, id)
		found.cancel()
	}
	return false, nil
}

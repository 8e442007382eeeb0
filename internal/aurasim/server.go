// Package aurasim is a strict in-process simulator of the Neo4j Aura v1 management API: the token endpoint, tenants,
// instances, snapshots, customer managed keys, Graph Analytics sessions and the metrics of all this. It is for tests of anything that talks to
// Aura, for the demo mode, and for running the API on loopback without an account.
//
// It computes every state from the clock when it is asked: there is nothing to shut down (except a [Listener]), and
// testing/synctest drives it. It refuses what Aura refuses, with Aura's error bodies, and it invents no leniency
// because a test would be easier to write. It does not run databases, does not persist anything, and shares no type
// with any client, so that a misspelt JSON tag on the other side shows up instead of being wrong on both.
package aurasim

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

// Options configure a simulator. The zero value is an empty fleet behind the demo credentials.
type Options struct {
	State State

	// Speed divides the durations of operations (a pause, a snapshot, …) and nothing else: timestamps, token
	// lifetimes, rate limits and snapshot schedules keep real time. 0 means 1.
	Speed float64

	RateLimit  int // requests per client in any 60 s; 0 means Aura's 125
	TokenLimit int // tokens per client in any hour (Aura: 15); 0 means no limit

	Quirks Quirks

	// Faults makes things go wrong again and again, in an order that depends on Seed only.
	Faults Preset
	// Seed also decides the IDs and passwords of what is created, and how metrics swing, so that a demo can be
	// repeated exactly.
	Seed uint64

	// ClockSkew is how far Aura's clock is ahead of ours; negative: behind. Every time that it tells is by its clock.
	ClockSkew time.Duration

	// NoScheduledSnapshots switches off the snapshots Aura takes by itself, for tests that count snapshots.
	NoScheduledSnapshots bool

	// MetricsURL is the scheme and host of the metrics addresses in answers. "" means Aura's own host in answers of
	// [Server.Transport], which serves that host too, and where the client has reached us in those over a socket.
	MetricsURL string
}

// Server is the simulated Aura. It is safe for concurrent use.
type Server struct {
	quirks     Quirks
	skew       time.Duration
	seed       uint64
	metricsURL string // "" if it was not set
	routes     []route

	mu     sync.Mutex // guards everything below
	store  *store
	auth   *auth
	rate   *window
	log    *requestLog
	faults *faults

	scrapes map[string]scrape // by endpoint
}

// New builds a simulator; an error names the place in the state or the option that is wrong.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	s := &Server{
		quirks:     o.Quirks,
		skew:       o.ClockSkew,
		seed:       o.Seed,
		metricsURL: o.MetricsURL,
		routes:     routeTable(),
		store:      newStore(o, time.Now().Add(o.ClockSkew)),
		auth:       newAuth(o.State.credentials(), o.TokenLimit, o.Quirks.CapitalBearer),
		rate:       newWindow(o.rateLimit(), time.Minute),
		log:        &requestLog{},
		faults:     newFaults(o.Faults, o.Seed),
		scrapes:    map[string]scrape{},
	}
	return s, nil
}

func (o Options) validate() error {
	if o.Speed < 0 || math.IsNaN(o.Speed) || math.IsInf(o.Speed, 0) {
		return fmt.Errorf("aurasim: Speed %v: must be a positive number, or 0 for real time", o.Speed)
	}
	if o.RateLimit < 0 || o.TokenLimit < 0 {
		return errors.New("aurasim: RateLimit and TokenLimit must not be negative")
	}
	if !o.Faults.known() {
		return fmt.Errorf("aurasim: unknown fault preset %q; allowed: %s", o.Faults, listed(presetNames()))
	}
	if err := o.State.validate(); err != nil {
		return fmt.Errorf("aurasim: %w", err)
	}
	return nil
}

func (o Options) rateLimit() int {
	switch {
	case o.RateLimit > 0:
		return o.RateLimit
	case o.Faults.rateLimit() > 0:
		return o.Faults.rateLimit()
	default:
		return 125
	}
}

// now is the time by Aura's clock.
func (s *Server) now() time.Time { return time.Now().Add(s.skew) }

// Instance is the state of an instance as of now, whatever faults and quirks would do to an answer about it.
// A destroyed instance is not found.
func (s *Server) Instance(id string) (InstanceState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.store.settle(now)
	in, ok := s.store.instances[id]
	if !ok {
		return InstanceState{}, false
	}
	return in.state(now), true
}

// Instances is the state of every instance as of now, in the order of their creation here.
func (s *Server) Instances() []InstanceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.store.settle(now)
	out := make([]InstanceState, 0, len(s.store.order))
	for _, in := range s.store.all() {
		out = append(out, in.state(now))
	}
	return out
}

// Snapshots is every snapshot an instance has as of now, newest first, scheduled ones included.
func (s *Server) Snapshots(instanceID string) []SnapshotState {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.store.settle(now)
	in, ok := s.store.instances[instanceID]
	if !ok {
		return nil
	}
	var out []SnapshotState
	for _, snap := range s.store.snapshotsOf(in, now) {
		out = append(out, s.store.snapshotState(in, snap, now))
	}
	return out
}

// Keys is the state of every customer managed key as of now, in the order of their creation here.
func (s *Server) Keys() []KeyState {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.store.settle(now)
	var out []KeyState
	for _, k := range s.store.keys {
		out = append(out, s.store.keyState(k, now))
	}
	return out
}

// Sessions is the state of every session as of now, in the order of their creation here. Deleted ones are gone.
func (s *Server) Sessions() []SessionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.store.settle(now)
	var out []SessionState
	for _, x := range s.store.sessions {
		out = append(out, s.store.sessionState(x, now))
	}
	return out
}

// Requests is everything received so far (at most the last 10,000), oldest first, refused and cut requests included.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.copy()
}

// ResetRequests empties the log of [Server.Requests].
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.entries = nil
}

// RevokeTokens makes every token issued so far answer as an expired one does.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth.revokeAll(s.now())
}

// Fail arms a one-shot fault: it strikes the next request that matches, and Times-1 more after it. Of several armed
// faults that match, the oldest strikes.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.arm(f)
}

// Relent disarms what [Server.Fail] has armed and has not struck yet.
func (s *Server) Relent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.armed = nil
}

// PendingFaults counts the armed faults that have not yet struck as often as they should: a test that ends with
// some left has not tested what it thinks.
func (s *Server) PendingFaults() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.faults.armed)
}

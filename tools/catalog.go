// Package tools is the catalogue of operations on a fleet of Aura databases. Each family has a file of its own with its
// table on top and the handlers below in the same order. Handlers take and return plain structs: what a call needs before
// it may run is the guard's business, and how it travels is the server's.
package tools

import (
	"context"
	"slices"
	"sync"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/health"
	"aura-mcp/internal/op"
	"aura-mcp/internal/vault"
)

// Toolsets of the catalogue.
const (
	toolsetInstances = "instances"
	toolsetSnapshots = "snapshots"
	toolsetTenants   = "tenants"
	toolsetHealth    = "health"
	toolsetKeys      = "keys"
	toolsetAnalytics = "analytics"
)

// Fleet is what the tools work on: one Aura account, seen through its client, and what is remembered of it between calls.
type Fleet struct {
	connect func(context.Context) (*auraclient.Client, error)
	vault   *vault.Vault
	alone   func(context.Context) (release func(), err error)
	journal *audit.Journal
	waiting func(op.Caller) []Waiting
	allows  func(op.Wants) error
	safety  bool // take a snapshot before data is replaced
	vitals  *vitals

	mu      sync.Mutex
	aura    *auraclient.Client
	details map[string]seen
	started map[string]begun                    // by instance: the last change
	noted   map[string]noted                    // by instance: what other reads have shown of it
	stir    func(id string, soon time.Duration) // told of an instance that changes; nil where nobody listens
}

// Options are what a fleet needs from its surroundings.
type Options struct {
	// Connect makes the client. It is called at the first use and again until it succeeds, so that a server without
	// credentials can still start, list its tools and say what is missing.
	Connect func(context.Context) (*auraclient.Client, error)
	// Vault keeps the one-time passwords of new databases.
	Vault *vault.Vault
	// Alone waits until no other process of this account is creating a database. Nil where there is only this one.
	Alone func(context.Context) (release func(), err error)
	// SafetySnapshots takes a snapshot of a database before its data is replaced.
	SafetySnapshots bool
	// Journal is what this server did and was asked. Nil for a catalogue that is only described.
	Journal *audit.Journal
	// Waiting are the operations of a caller that wait for a person outside the client. Nil where there are none.
	Waiting func(op.Caller) []Waiting
	// Allows says which limit forbids a database as it is wished for. Nil where there are none.
	Allows func(op.Wants) error
	// Thresholds are the bounds of the health check for a database of a name. Nil has the usual ones.
	Thresholds func(name string) health.Thresholds
}

// New makes a fleet.
func New(o Options) *Fleet {
	f := &Fleet{
		connect: o.Connect, vault: o.Vault, alone: o.Alone, journal: o.Journal, safety: o.SafetySnapshots, vitals: newVitals(o.Thresholds),
		details: map[string]seen{}, started: map[string]begun{}, noted: map[string]noted{},
	}
	if f.waiting = o.Waiting; f.waiting == nil {
		f.waiting = func(op.Caller) []Waiting { return nil }
	}
	if f.allows = o.Allows; f.allows == nil {
		f.allows = func(op.Wants) error { return nil }
	}
	if f.alone == nil {
		f.alone = func(context.Context) (func(), error) { return func() {}, nil }
	}
	return f
}

// Catalog is every operation, each with its errors put into words.
func (f *Fleet) Catalog() []op.Operation {
	all := slices.Concat(f.instanceOps(), f.snapshotOps(), f.tenantOps(), f.healthOps(), f.keyOps(), f.analyticsOps())
	for i, o := range all {
		all[i] = o.Explaining(explain)
	}
	return all
}

func (f *Fleet) client(ctx context.Context) (*auraclient.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.aura == nil {
		aura, err := f.connect(ctx)
		if err != nil {
			return nil, err
		}
		f.aura = aura
	}
	return f.aura, nil
}

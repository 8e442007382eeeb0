package aurasim

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// store is the fleet. [store.settle] has to be called before anything is read from it.
type store struct {
	speed       float64
	noSchedules bool
	names       *names
	tenants     []TenantState
	order       []string // of instance IDs
	instances   map[string]*instance
	keys        []*key
	sessions    []*session
	gone        map[string]bool // IDs of destroyed instances; they are never used again
}

// instance is a stored instance. Its Status is the one it is at rest in, or was before op began.
type instance struct {
	InstanceState
	op        *ongoing
	snapshots []*snapshot
	scheduled time.Time // up to here scheduled snapshots have been taken
	born      time.Time // when a create was accepted here; zero for what was there from the start
	up        time.Time // when the database last started, if it is there
	history   []stretch // the last one goes on
}

func newStore(o Options, now time.Time) *store {
	s := &store{
		speed:       o.Speed,
		noSchedules: o.NoScheduledSnapshots,
		names:       newNames(o.Seed),
		instances:   map[string]*instance{},
		gone:        map[string]bool{},
	}
	for _, t := range o.State.Tenants {
		if len(t.Configurations) == 0 {
			t.Configurations = catalogue()
		}
		t.Configurations = slices.Clone(t.Configurations)
		s.tenants = append(s.tenants, t)
	}
	for _, in := range o.State.Instances {
		s.add(s.loaded(in, now))
	}
	for _, snap := range o.State.Snapshots {
		s.addLoadedSnapshot(snap, now)
	}
	for _, k := range o.State.Keys {
		s.addLoadedKey(k, now)
	}
	for _, x := range o.State.Sessions {
		x.UserID = cmp.Or(x.UserID, userOf(o.State.credentials()[0].ClientID))
		s.addLoadedSession(x, now)
	}
	return s
}

// loaded is an instance of the initial state with its defaults filled in.
func (s *store) loaded(state InstanceState, now time.Time) *instance {
	if state.Status == "" {
		state.Status = statusRunning
	}
	if state.CreatedAt.IsZero() {
		state.CreatedAt = now
	}
	started := state.StatusSince
	if started.IsZero() {
		started, state.StatusSince = state.CreatedAt, now
	}
	state.CloudProvider, state.Region = cmp.Or(state.CloudProvider, defaultProvider), cmp.Or(state.Region, defaultRegion)
	in := &instance{InstanceState: withDefaults(state)}
	s.backlog(in, now)
	s.show(in, state.Status, state.StatusSince)
	in.up = started
	in.remember(now)
	return in
}

// withDefaults fills in what follows from the type.
func withDefaults(state InstanceState) InstanceState {
	p := planOf(state.Type)
	if p.storage && state.Storage == "" {
		state.Storage = doubled(state.Memory)
	}
	if p.cdc && state.CDCEnrichmentMode == "" {
		state.CDCEnrichmentMode = "OFF"
	}
	return state
}

// show puts an instance into a status as if it had come there by itself.
func (s *store) show(in *instance, status string, since time.Time) {
	if !in.measurable(since) {
		in.up = since
	}
	in.op = nil
	in.Status, in.StatusSince = status, since
	op, phase, ok := showing(status)
	if !ok {
		return
	}
	in.Status = statusRunning
	s.start(in, transitionOf(op), phase, since, nil)
}

func (s *store) add(in *instance) {
	s.instances[in.ID] = in
	s.order = append(s.order, in.ID)
}

// remove takes the sessions attached to the instance along.
func (s *store) remove(in *instance) {
	delete(s.instances, in.ID)
	s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == in.ID })
	s.gone[in.ID] = true
	for _, x := range slices.Clone(s.sessions) {
		if x.InstanceID == in.ID {
			s.removeSession(x)
		}
	}
}

// all is every instance in the order of creation; the slice may be kept while instances come and go.
func (s *store) all() []*instance {
	out := make([]*instance, len(s.order))
	for i, id := range s.order {
		out[i] = s.instances[id]
	}
	return out
}

func (s *store) tenant(id string) (TenantState, bool) {
	for _, t := range s.tenants {
		if t.ID == id {
			return t, true
		}
	}
	return TenantState{}, false
}

func (s *store) newInstanceID() string {
	for {
		id := s.names.instanceID()
		if s.instances[id] == nil && !s.gone[id] {
			return id
		}
	}
}

// status is the one Aura would show.
func (in *instance) status(now time.Time) string {
	if in.op == nil {
		return in.Status
	}
	return in.op.phase(now).status
}

// doing is the status, except where an operation is not visible in it.
func (in *instance) doing(now time.Time) string {
	if in.op != nil {
		if p := in.op.phase(now); p.doing != "" {
			return p.doing
		}
	}
	return in.status(now)
}

func (in *instance) state(now time.Time) InstanceState {
	out := in.InstanceState
	out.Status = in.status(now)
	if in.op != nil {
		out.StatusSince = in.op.began
	}
	return out
}

func (in *instance) connectionURL() string {
	return fmt.Sprintf("neo4j+s://%s.databases.neo4j.io", in.ID)
}

// Package state is what the processes of one server would have to share if there were several: plans that wait for an answer and
// serve once, people who have signed in, tries that are counted. There is one process so far, and [Memory] keeps it there: after a
// restart nothing is approved and nobody is signed in.
package state

import (
	"sync"
	"time"
)

// Store keeps values for a while. Each of its methods is one step: of two that do the same at the same moment, one comes first.
type Store interface {
	// Put keeps a value under a key until a time. An owner's values of a kind are bounded: the oldest gives way, so that no owner's
	// values alone drive out another's. Only where there are too many of all owners together does the oldest of all give way.
	Put(k Key, owner string, value any, until time.Time)
	// Get returns a value; ok is false where there is none, or none any more.
	Get(k Key) (value any, ok bool)
	// Take is Get for a value that serves once.
	Take(k Key) (value any, ok bool)
	// Add counts one under a key, unless there are limit of them within the time before already; then it says when there is room.
	// What is counted of a kind is bounded: the key under which nothing was counted for longest is forgotten.
	Add(k Key, limit int, within time.Duration) (room time.Time, ok bool)
	// Drop forgets what is kept or counted under a key.
	Drop(k Key)
}

// Key is the kind of a value and its name.
type Key struct{ Kind, Name string }

const (
	// each is how many values of a kind an owner has at most, inAll how many there are of all owners, and under how many keys of a
	// kind is counted.
	each  = 256
	inAll = 16384
)

// Memory is the store of one process. Make one with [NewMemory].
type Memory struct {
	mu      sync.Mutex
	values  map[Key]value
	counted map[Key]tally
	swept   time.Time
}

type value struct {
	owner string
	value any
	put   time.Time
	until time.Time
}

// tally is what was counted under a key.
type tally struct {
	times []time.Time
	until time.Time // the last of them counts until then
}

// NewMemory makes an empty store.
func NewMemory() *Memory {
	return &Memory{values: map[Key]value{}, counted: map[Key]tally{}}
}

// Put keeps a value.
func (m *Memory) Put(k Key, owner string, v any, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	m.makeRoom(k.Kind, owner)
	m.values[k] = value{owner, v, time.Now(), until}
}

// makeRoom drops the oldest value of an owner who has too many of a kind, or of all where there are too many.
func (m *Memory) makeRoom(kind, owner string) {
	var own int
	var oldestOwn, oldest Key
	before := func(k, than Key) bool { return than == Key{} || m.values[k].put.Before(m.values[than].put) }
	for k, v := range m.values {
		if before(k, oldest) {
			oldest = k
		}
		if k.Kind != kind || v.owner != owner {
			continue
		}
		if own++; before(k, oldestOwn) {
			oldestOwn = k
		}
	}
	switch {
	case own >= each:
		delete(m.values, oldestOwn)
	case len(m.values) >= inAll:
		delete(m.values, oldest)
	}
}

// Get returns a value.
func (m *Memory) Get(k Key) (any, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[k]
	if !ok || !time.Now().Before(v.until) {
		return nil, false
	}
	return v.value, true
}

// Take returns a value and forgets it.
func (m *Memory) Take(k Key) (any, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[k]
	delete(m.values, k)
	if !ok || !time.Now().Before(v.until) {
		return nil, false
	}
	return v.value, true
}

// Add counts one.
func (m *Memory) Add(k Key, limit int, within time.Duration) (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	now := time.Now()
	times := m.counted[k].times
	for len(times) > 0 && now.Sub(times[0]) >= within {
		times = times[1:]
	}
	if len(times) >= limit {
		return times[len(times)-limit].Add(within), false
	}
	if len(times) == 0 && len(m.counted) >= inAll {
		m.makeRoomToCount(k.Kind)
	}
	m.counted[k] = tally{append(times, now), now.Add(within)}
	return time.Time{}, true
}

// makeRoomToCount forgets a key of a kind that has too many.
func (m *Memory) makeRoomToCount(kind string) {
	var keys int
	var oldest Key
	for k, c := range m.counted {
		if k.Kind != kind {
			continue
		}
		if keys++; oldest == (Key{}) || c.until.Before(m.counted[oldest].until) {
			oldest = k
		}
	}
	if keys >= inAll {
		delete(m.counted, oldest)
	}
}

// Drop forgets.
func (m *Memory) Drop(k Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, k)
	delete(m.counted, k)
}

// sweepEvery is how often values are looked through whose time is over.
const sweepEvery = time.Minute

func (m *Memory) sweep() {
	now := time.Now()
	if now.Sub(m.swept) < sweepEvery {
		return
	}
	m.swept = now
	for k, v := range m.values {
		if !now.Before(v.until) {
			delete(m.values, k)
		}
	}
	for k, c := range m.counted {
		if !now.Before(c.until) {
			delete(m.counted, k)
		}
	}
}

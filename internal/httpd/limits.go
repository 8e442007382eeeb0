package httpd

import "sync"

const (
	// callsAtOnce is how many requests of one principal are answered at a time, streamsAtOnce how many streams it may keep open.
	callsAtOnce   = 64
	streamsAtOnce = 64
)

// limits counts what is under way, by principal. Who has nothing under way is not kept.
type limits struct {
	mu   sync.Mutex
	busy map[lane]int
}

// lane is a principal's calls, or its streams.
type lane struct {
	principal string
	streams   bool
}

func newLimits() *limits { return &limits{busy: map[lane]int{}} }

// enter takes a place and returns how to give it back.
func (l *limits) enter(principal string, stream bool) (leave func(), ok bool) {
	in, limit := lane{principal, stream}, callsAtOnce
	if stream {
		limit = streamsAtOnce
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[in] >= limit {
		return nil, false
	}
	return l.take(in), true
}

// hold takes a place whether there is one left or not: what was let in already needs it.
func (l *limits) hold(in lane) (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(in)
}

func (l *limits) take(in lane) (leave func()) {
	l.busy[in]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.busy[in]--; l.busy[in] == 0 {
			delete(l.busy, in)
		}
	}
}

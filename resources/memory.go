package resources

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// memory keeps what somebody who types may be offered, by key. It never makes anybody wait longer than their context says:
// what takes longer is there at the next key they press.
type memory[T any] struct {
	fresh  time.Duration
	flight singleflight.Group

	mu   sync.Mutex
	kept map[string]kept[T]
}

type kept[T any] struct {
	value T
	at    time.Time
}

// loadPatience bounds a load that nobody waits for any more.
const loadPatience = 15 * time.Second

func newMemory[T any](fresh time.Duration) *memory[T] {
	return &memory[T]{fresh: fresh, kept: map[string]kept[T]{}}
}

// get returns what is kept, and has it loaded where it is not fresh. What is kept serves on where the load fails or takes too
// long.
func (m *memory[T]) get(ctx context.Context, key string, load func(context.Context) (T, error)) (T, bool) {
	m.mu.Lock()
	known, ok := m.kept[key]
	m.mu.Unlock()
	if ok && time.Since(known.at) < m.fresh {
		return known.value, true
	}
	loaded := m.flight.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadPatience)
		defer cancel()
		value, err := load(ctx)
		if err == nil {
			m.keep(key, value)
		}
		return value, err
	})
	select {
	case got := <-loaded:
		if got.Err == nil {
			return got.Val.(T), true
		}
	case <-ctx.Done():
	}
	return known.value, ok
}

// mostKept bounds what a memory holds: keys are what there is at Aura, but over a long life that changes.
const mostKept = 1000

func (m *memory[T]) keep(key string, value T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) >= mostKept {
		clear(m.kept)
	}
	m.kept[key] = kept[T]{value: value, at: time.Now()}
}

package state_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/state"
)

func key(n int) state.Key { return state.Key{Kind: "plan", Name: fmt.Sprint(n)} }

func TestAValueServesOnce(t *testing.T) {
	t.Parallel()
	m := state.NewMemory()
	m.Put(key(1), "anna", "x", time.Now().Add(time.Minute))
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, ok := m.Take(key(1)); ok {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 {
		t.Errorf("taken %d times", taken.Load())
	}
}

func TestValuesEndWithTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := state.NewMemory()
		m.Put(key(1), "anna", "x", time.Now().Add(time.Minute))
		m.Put(key(2), "anna", "y", time.Now().Add(time.Minute))
		<-time.After(59 * time.Second)
		if v, ok := m.Get(key(1)); !ok || v != "x" {
			t.Errorf("before its time: %v, %v", v, ok)
		}
		<-time.After(time.Second)
		if v, ok := m.Get(key(1)); ok {
			t.Errorf("after its time: %v", v)
		}
		if v, ok := m.Take(key(2)); ok {
			t.Errorf("after its time: %v", v)
		}
	})
}

func TestNobodyDrivesOutWhatIsAnothers(t *testing.T) {
	t.Parallel()
	m := state.NewMemory()
	later := time.Now().Add(time.Hour)
	m.Put(key(0), "anna", "hers", later)
	for n := 1; n <= 1000; n++ {
		m.Put(key(n), "eve", n, later)
	}
	if _, ok := m.Get(key(0)); !ok {
		t.Error("anna's value was driven out")
	}
	if _, ok := m.Get(key(1)); ok {
		t.Error("eve keeps a thousand values")
	}
	if v, ok := m.Get(key(1000)); !ok || v != 1000 {
		t.Error("eve's newest value is gone")
	}
}

func TestTriesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, begun := state.NewMemory(), time.Now()
		for n := range 5 {
			if _, ok := m.Add(key(1), 5, time.Hour); !ok {
				t.Fatalf("the try %d was refused", n+1)
			}
			<-time.After(time.Minute)
		}
		if room, ok := m.Add(key(1), 5, time.Hour); ok || !room.Equal(begun.Add(time.Hour)) {
			t.Errorf("the sixth: %v, %v", room, ok)
		}
		<-time.After(55 * time.Minute)
		if _, ok := m.Add(key(1), 5, time.Hour); !ok {
			t.Error("there is no room when the first is an hour old")
		}
		if _, ok := m.Add(key(1), 5, time.Hour); ok {
			t.Error("there is room for a second one")
		}
		m.Drop(key(1))
		if _, ok := m.Add(key(1), 5, time.Hour); !ok {
			t.Error("nothing was forgotten")
		}
	})
}

// Names that anybody may make up are counted, too.
func TestWhatIsCountedIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := state.NewMemory()
		other := state.Key{Kind: "other", Name: "0"}
		m.Add(other, 1, time.Hour)
		for n := range 16385 {
			m.Add(key(n), 1, time.Hour)
			<-time.After(time.Millisecond)
		}
		if _, ok := m.Add(key(16384), 1, time.Hour); ok {
			t.Error("the newest was forgotten")
		}
		if _, ok := m.Add(key(1), 1, time.Hour); ok {
			t.Error("more was forgotten than had to be")
		}
		if _, ok := m.Add(other, 1, time.Hour); ok {
			t.Error("another kind was forgotten")
		}
		if _, ok := m.Add(key(0), 1, time.Hour); !ok {
			t.Error("the oldest was kept")
		}
	})
}

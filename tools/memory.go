package tools

import (
	"maps"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
)

const (
	freshFor             = 60 * time.Second // how long the list shows details as once read
	freshWhileChangingBy = 5 * time.Second
	// graceAfterStart is how long Aura may go on showing the old status of a change that it has accepted.
	graceAfterStart = 30 * time.Second
	// startTakes is how long it takes at most, usually, until Aura shows what we are about to begin.
	startTakes = 2 * time.Second
	// forgottenAfter is when nothing is remembered any more of an instance that nobody has read: it may be gone.
	forgottenAfter = 24 * time.Hour
)

// seen is an instance's details and when they were read.
type seen struct {
	instance auraclient.Instance
	at       time.Time
}

// begun is a change that this process began on an instance.
type begun struct {
	at   time.Time
	from auraclient.Status // before it
}

// recall returns details fresh enough for a list. Whoever is about to change something reads anew.
func (f *Fleet) recall(id string) (seen, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.details[id]
	limit := freshFor
	if s.instance.Status.Transitional() {
		limit = freshWhileChangingBy
	}
	if !ok || time.Since(s.at) >= limit {
		return seen{}, false
	}
	return s, true
}

// remember keeps details that were just read, and has whoever watches the instance look where it differs from before.
func (f *Fleet) remember(i auraclient.Instance) seen {
	s, differs := f.keep(i)
	if differs {
		f.stirred(i.ID, 0)
	}
	return s
}

func (f *Fleet) keep(i auraclient.Instance) (s seen, differs bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, known := f.details[i.ID]
	s = seen{instance: i, at: time.Now()}
	f.details[i.ID] = s
	return s, known && signs(before.instance) != signs(i)
}

// touch notes that a change was started: what was known of the instance is no longer true.
func (f *Fleet) touch(i op.Resource) {
	f.vitals.outdate()
	defer f.stirred(i.ID, startTakes)
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.details, func(_ string, s seen) bool { return time.Since(s.at) >= forgottenAfter })
	maps.DeleteFunc(f.started, func(_ string, b begun) bool { return time.Since(b.at) >= forgottenAfter })
	delete(f.details, i.ID)
	f.started[i.ID] = begun{at: time.Now(), from: auraclient.Status(i.Status)}
}

// stale reports whether an instance that shows the status may show it still from before a change of ours, rather than again.
func (f *Fleet) stale(id, status string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.started[id]
	if ok && time.Since(b.at) >= graceAfterStart {
		delete(f.started, id)
		return false
	}
	return ok && string(b.from) == status
}

// settled notes that the end of a change was seen: from here on the status means what it says.
func (f *Fleet) settled(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.started, id)
}

package resources

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"aura-mcp/tools"
)

// The kinds of what is polled and of what is watched.
type what int

const (
	theFleet what = iota // which instances there are; of a page: all of them
	details              // status, size, name
	snapshots
	verdict
)

// topic is one thing that is polled, or a page that shows it. The page of the fleet shows the details of all instances, too.
type topic struct {
	what what
	id   string
}

const (
	pollEvery       = 60 * time.Second
	pollWhileMoving = 15 * time.Second
	// pollsAtOnce keeps one slow answer from holding up the others.
	pollsAtOnce = 4
	// owedEvery is how soon a subscriber that could not take an update is tried again.
	owedEvery = time.Second
)

// watcher polls what somebody watches, each thing once for all of them, and nothing where nobody does. How much it asks of
// Aura is bounded by the client: polls have a fifth of the request budget.
type watcher struct {
	fleet *tools.Fleet

	mu        sync.Mutex
	listeners map[*listener]bool
	polled    map[topic]*polled
	ids       []string           // the instances of the fleet, once the list has been polled
	wake      chan struct{}      // of the running poller
	stop      context.CancelFunc // of the running poller; nil where none runs
}

// listener is a subscription.
type listener struct {
	page    topic
	changed func() bool
	owed    bool // changed could not take the last update
}

// polled is what is known of one thing.
type polled struct {
	last  tools.Sight
	known bool // last is of a poll, and not the zero value
	busy  bool // a poll is under way
	due   time.Time
	again bool // due was set while a poll was under way, and counts all the same
}

func newWatcher(fleet *tools.Fleet) *watcher {
	return &watcher{fleet: fleet, listeners: map[*listener]bool{}, polled: map[topic]*polled{}}
}

// Watch has changed called after each change of what a page shows, until stop is called; once stop has returned it is not
// called any more. changed must not wait: where it cannot pass the update on it returns false and is called again later. It
// returns the reason where the page cannot be watched, a [NotFoundError] where there is none.
func (r *Resources) Watch(ctx context.Context, uri string, changed func() bool) (stop func(), err error) {
	page, err := r.topicOf(ctx, uri)
	if err != nil {
		return nil, err
	}
	l := &listener{page: page, changed: changed}
	r.watcher.add(l) //nolint:contextcheck // the poller outlives this request and serves others, too
	return sync.OnceFunc(func() { r.watcher.remove(l) }), nil
}

// Watchable returns why [Resources.Watch] would fail, or nil.
func (r *Resources) Watchable(ctx context.Context, uri string) error {
	_, err := r.topicOf(ctx, uri)
	return err
}

func (r *Resources) topicOf(ctx context.Context, uri string) (topic, error) {
	page, given, err := match(uri)
	switch {
	case err != nil:
		return topic{}, err
	case page.of == nil:
		return topic{}, errNotWatched(page)
	case !page.Template():
		return page.of(""), nil
	}
	found, err := r.o.Fleet.FindInstance(ctx, given)
	if err != nil {
		return topic{}, located(err)
	}
	return page.of(found.ID), nil
}

func (w *watcher) add(l *listener) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listeners[l] = true
	if w.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		w.stop, w.wake = stop, make(chan struct{}, 1)
		w.fleet.Stirring(w.stirred)
		go w.run(ctx, w.wake)
	}
	w.poke()
}

// remove ends the poller with the last listener, and forgets what it saw: whoever comes next begins anew.
func (w *watcher) remove(l *listener) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.listeners, l)
	if len(w.listeners) > 0 || w.stop == nil {
		return
	}
	w.stop()
	w.stop, w.ids, w.polled = nil, nil, map[topic]*polled{}
	w.fleet.Stirring(nil)
}

// stirred has an instance looked at soon, since it changes.
func (w *watcher) stirred(id string, soon time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := w.polled[topic{details, id}]; ok {
		p.due, p.again = time.Now().Add(soon), p.busy
		w.poke()
	}
}

func (w *watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run polls what is due until nobody listens any more.
func (w *watcher) run(ctx context.Context, wake <-chan struct{}) {
	var group sync.WaitGroup
	defer group.Wait()
	places := make(chan struct{}, pollsAtOnce)
	for ctx.Err() == nil {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		next, wait := w.next(ctx)
		if next != nil {
			group.Go(func() {
				w.poll(ctx, *next)
				<-places
			})
			continue
		}
		<-places
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// next takes what is to be polled now, or says how long nothing is. What was never seen comes first, then what is on its way,
// then what has waited longest. It also tries what is owed.
func (w *watcher) next(ctx context.Context) (*topic, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return nil, 0
	}
	now, wait := time.Now(), pollEvery
	for l := range w.listeners {
		if l.owed && !l.tell() {
			wait = owedEvery
		}
	}
	wanted := w.wanted()
	maps.DeleteFunc(w.polled, func(t topic, p *polled) bool { return !p.busy && !wanted[t] })
	var best *topic
	for t := range wanted {
		p := w.polled[t]
		if p == nil {
			p = &polled{due: now}
			w.polled[t] = p
		}
		switch {
		case p.busy || p.last.Gone:
		case p.due.After(now):
			wait = min(wait, p.due.Sub(now))
		case best == nil || w.polled[*best].later(p):
			best = &t
		}
	}
	if best != nil {
		w.polled[*best].busy = true
	}
	return best, wait
}

// later reports whether other comes before p.
func (p *polled) later(other *polled) bool {
	if p.known != other.known {
		return p.known
	}
	if p.last.Moving != other.last.Moving {
		return other.last.Moving
	}
	return other.due.Before(p.due)
}

// wanted is what the pages that somebody watches show.
func (w *watcher) wanted() map[topic]bool {
	set := map[topic]bool{}
	for l := range w.listeners {
		set[l.page] = true
		if l.page.what == theFleet {
			for _, id := range w.ids {
				set[topic{details, id}] = true
			}
		}
	}
	return set
}

// poll looks at one thing and tells the listeners when it has changed.
func (w *watcher) poll(ctx context.Context, t topic) {
	w.mu.Lock()
	p, since := w.polled[t], time.Time{}
	if p != nil {
		since = p.last.At
	}
	w.mu.Unlock()
	if p == nil {
		return
	}
	sight, ids, err := w.look(ctx, t, since)
	w.mu.Lock()
	defer w.mu.Unlock()
	p.busy = false
	if ctx.Err() != nil || w.polled[t] != p {
		return
	}
	changed := err == nil && p.known && p.last.Mark != sight.Mark
	if err == nil {
		p.last, p.known = sight, true
	}
	if p.again {
		p.again = false
	} else {
		p.due = p.nextDue(err)
	}
	if t.what == theFleet && err == nil {
		w.ids = ids
	}
	if changed {
		w.tell(t, sight)
	}
	w.poke()
}

// nextDue is when to look again. What another has read counts from when that was.
func (p *polled) nextDue(err error) time.Time {
	every := pollEvery
	if p.last.Moving {
		every = pollWhileMoving
	}
	if err != nil {
		return time.Now().Add(pollEvery)
	}
	return p.last.At.Add(every)
}

func (w *watcher) look(ctx context.Context, t topic, since time.Time) (sight tools.Sight, ids []string, err error) {
	switch t.what {
	case theFleet:
		ids, err = w.fleet.PollList(ctx)
		return tools.Sight{Mark: joined(ids), At: time.Now()}, ids, err
	case snapshots:
		sight, err = w.fleet.PollSnapshots(ctx, t.id)
	case verdict:
		sight, err = w.fleet.PollHealth(ctx, t.id)
	default:
		sight, err = w.fleet.PollDetails(ctx, t.id, since)
	}
	return sight, nil, err
}

// tell tells the listeners of the pages that show a thing. That an instance is gone the page of the fleet shows by its list.
func (w *watcher) tell(t topic, sight tools.Sight) {
	if sight.Gone {
		if list, ok := w.polled[topic{what: theFleet}]; ok {
			list.due = time.Now()
		}
	}
	for l := range w.listeners {
		if l.page == t || (l.page.what == theFleet && !sight.Gone) {
			l.tell()
		}
	}
}

// tell passes an update on, or keeps it for later.
func (l *listener) tell() bool {
	l.owed = !l.changed()
	return !l.owed
}

func joined(ids []string) string { return strings.Join(ids, " ") }

func errNotWatched(p Page) error {
	return fmt.Errorf("nobody can subscribe to %s: it does not change by itself, or only by what is done here; %s can be subscribed to", p.URI, watchable())
}

func watchable() string {
	var all []string
	for _, p := range Pages() {
		if p.of != nil {
			all = append(all, p.URI)
		}
	}
	return strings.Join(all, ", ")
}

package auraclient

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// class says what a request is for and so how much of the budget it may use.
type class int

const (
	single class = iota // somebody waits for this one call
	bulk
	background
)

const (
	window     = time.Minute
	longPause  = time.Minute // nobody is made to wait longer than this for a pause
	noticeable = 2 * time.Second
	pauseLimit = 15 * time.Minute // a nonsense Retry-After must not switch the client off
)

// limiter allows at most perWindow sends in any window, by keeping the times of
// the sends of the last one. A token bucket would allow twice that at its start,
// or make a fleet read wait although the minute is free.
type limiter struct {
	perWindow int

	mu          sync.Mutex
	lines       map[line]*queue
	sends       []send // within the last window, oldest first
	pausedUntil time.Time
	paused      chan struct{} // closed when a pause begins
}

type send struct {
	at time.Time
	line
}

// line is who waits together: requests of one class on one party's behalf.
type line struct {
	class class
	party string
}

// queue is a line's. Its turn is held by the first; Go serves the others in order.
type queue struct {
	turn   chan struct{}
	length int
}

func newLimiter(perWindow int) *limiter {
	return &limiter{perWindow: perWindow, paused: make(chan struct{}), lines: map[line]*queue{}}
}

// acquire waits until a request of the class may be sent and counts it as sent.
// It returns a [*BudgetError] at once when that would be too late. held is told
// how long it will be where somebody would notice.
func (l *limiter) acquire(ctx context.Context, c class, held func(time.Duration)) error {
	in := line{c, partyOf(ctx)}
	q, wait, err := l.join(ctx, in)
	defer l.leave(in)
	if err != nil {
		return err
	}
	if wait >= noticeable {
		held(wait)
	}
	select {
	case q.turn <- struct{}{}:
		defer func() { <-q.turn }()
	case <-ctx.Done():
		return interrupted(ctx)
	}
	for {
		wait, paused, err := l.take(ctx, in)
		if wait <= 0 || err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-paused:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func interrupted(ctx context.Context) error {
	return fmt.Errorf("wait for the request budget: %w", ctx.Err())
}

// join stands in line, unless the line is too long already.
func (l *limiter) join(ctx context.Context, in line) (*queue, time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.lines[in]
	if q == nil {
		q = &queue{turn: make(chan struct{}, 1)}
		l.lines[in] = q
	}
	q.length++
	wait, err := l.estimate(ctx, in, q.length-1)
	return q, wait, err
}

func (l *limiter) leave(in line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if q := l.lines[in]; q.length > 1 {
		q.length--
		return
	}
	delete(l.lines, in)
}

// take counts a send if there is room now, and else says when to look again.
func (l *limiter) take(ctx context.Context, in line) (time.Duration, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait, err := l.estimate(ctx, in, 0)
	if err == nil && wait <= 0 {
		l.sends = append(l.sends, send{time.Now(), in})
	}
	return wait, l.paused, err
}

// estimate says how long a request with so many others of its class ahead of it
// will have to wait, and refuses what the caller cannot wait out.
func (l *limiter) estimate(ctx context.Context, in line, ahead int) (time.Duration, error) {
	if ctx.Err() != nil {
		return 0, interrupted(ctx)
	}
	now := time.Now()
	l.sends = slices.DeleteFunc(l.sends, func(s send) bool { return now.Sub(s.at) >= window })
	pause := max(0, l.pausedUntil.Sub(now))
	wait := max(pause, l.room(in, now, ahead).Sub(now))
	deadline, limited := ctx.Deadline()
	if limited && wait > 0 && now.Add(wait).After(deadline) || pause > longPause {
		return 0, &BudgetError{Wait: wait, Paused: pause > 0}
	}
	return wait, nil
}

// room returns when the class has room for one more send after those ahead, if
// nobody else came: each send has to be a window after the one that is its
// class's limit before it.
func (l *limiter) room(in line, now time.Time, ahead int) time.Time {
	// Beside its own fifth, polling keeps out of the reserve as bulk reads do.
	at := now
	if in.class == background {
		var own []time.Time
		for _, s := range l.sends {
			if s.class == background {
				own = append(own, s.at)
			}
		}
		at = after(own, max(1, l.perWindow/5), now, ahead)
	}
	if shared, own := l.sharedWith(in.party); shared {
		if t := after(own, max(1, l.perWindow/2), now, 0); t.After(at) {
			at = t
		}
	}
	limit := l.perWindow
	if in.class != single {
		limit = max(1, l.perWindow-l.perWindow/8)
	}
	all := make([]time.Time, len(l.sends), len(l.sends)+ahead+1)
	for i, s := range l.sends {
		all[i] = s.at
	}
	if t := after(all, limit, now, ahead); t.After(at) {
		at = t
	}
	return at
}

// sharedWith reports whether others have sent within the window or want to, and
// when the party itself has. Alone, a party may use all there is; with others, half.
func (l *limiter) sharedWith(party string) (shared bool, own []time.Time) {
	if party == "" {
		return false, nil
	}
	for _, s := range l.sends {
		if s.party == party {
			own = append(own, s.at)
		} else if s.party != "" {
			shared = true
		}
	}
	if !shared {
		for waiting := range l.lines {
			shared = shared || waiting.party != "" && waiting.party != party
		}
	}
	return shared, own
}

// budget says how many single requests could be sent at once, and how many any
// window allows.
func (l *limiter) budget() (left, limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	recent := 0
	for _, s := range l.sends {
		if now.Sub(s.at) < window {
			recent++
		}
	}
	if l.pausedUntil.After(now) {
		return 0, l.perWindow
	}
	return max(0, l.perWindow-recent), l.perWindow
}

// after continues the send times by ahead+1 sends and returns the last.
func after(times []time.Time, limit int, now time.Time, ahead int) time.Time {
	next := now
	for range ahead + 1 {
		if i := len(times) - limit; i >= 0 {
			if t := times[i].Add(window); t.After(next) {
				next = t
			}
		}
		times = append(times, next)
	}
	return next
}

// pause keeps all requests back for a while, because Aura asked for it.
func (l *limiter) pause(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(min(d, pauseLimit)); until.After(l.pausedUntil) {
		l.pausedUntil = until
		close(l.paused)
		l.paused = make(chan struct{})
	}
}

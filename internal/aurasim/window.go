package aurasim

import "time"

// window is a sliding-window rate limit per client: never more than limit in any span. What it refuses is not
// counted, so that a client that waits for Retry-After is let through.
type window struct {
	limit int // 0: no limit
	span  time.Duration
	past  map[string][]time.Time
}

func newWindow(limit int, span time.Duration) *window {
	return &window{limit: limit, span: span, past: map[string][]time.Time{}}
}

// admit counts a request, or says how long to wait.
func (w *window) admit(client string, now time.Time) (wait time.Duration, ok bool) {
	if w.limit == 0 {
		return 0, true
	}
	past := w.past[client]
	for len(past) > 0 && now.Sub(past[0]) >= w.span {
		past = past[1:]
	}
	if len(past) >= w.limit {
		w.past[client] = past
		return past[0].Add(w.span).Sub(now), false
	}
	w.past[client] = append(past, now)
	return 0, true
}

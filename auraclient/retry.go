package auraclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// unsaidPause is how long a 429 without Retry-After holds requests back.
const unsaidPause = 5 * time.Second

// retried repeats a request as often as the settings allow, when that is safe.
func (c *connection) retried(next handler) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		var last error
		pace := &pacing{BackOff: newBackOff()}
		pace.deadline, pace.limited = ctx.Deadline()
		a, err := backoff.RetryWithData(func() (*answer, error) {
			a, err := next(ctx, r)
			last = err
			if err == nil {
				return a, nil
			}
			pace.hint(err)
			if e, ok := AsError(err); ok && e.Status == http.StatusTooManyRequests && !fromTokenEndpoint(err) {
				c.limiter.pause(orElse(e.RetryAfter, unsaidPause))
			}
			if ctx.Err() != nil || !repeatable(r, err) {
				return nil, backoff.Permanent(err)
			}
			return nil, err
		}, backoff.WithContext(backoff.WithMaxRetries(pace, uint64(c.attempts-1)), ctx))
		if err != nil && last != nil && !errors.Is(last, err) && !errors.Is(err, last) {
			// The context ended between two attempts; the cause of the repetition
			// tells more than that.
			err = fmt.Errorf("%w (not repeated: %w)", last, err)
		}
		return a, err
	}
}

// repeatable reports whether sending r again may help and cannot do harm.
func repeatable(r *request, err error) bool {
	if fromTokenEndpoint(err) { // has been repeated on its own
		return false
	}
	if e, ok := AsError(err); ok {
		switch e.Status {
		case http.StatusTooManyRequests:
			return true
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return !r.change
		}
		return false
	}
	var t *TransportError
	var large *tooLargeError
	if !errors.As(err, &t) || errors.As(err, &large) || untrusted(err) {
		return false
	}
	return !r.change || !t.MaybeSent
}

// pacing is the time between attempts: exponential, unless Aura named a time.
type pacing struct {
	backoff.BackOff
	deadline time.Time     // the caller's
	limited  bool          // whether there is one
	paused   bool          // the limiter does the waiting
	after    time.Duration // what Aura asked for
}

func (p *pacing) hint(err error) {
	p.paused, p.after = false, 0
	if e, ok := AsError(err); ok {
		p.after = e.RetryAfter
		if p.paused = e.Status == http.StatusTooManyRequests; p.paused {
			p.after = orElse(e.RetryAfter, unsaidPause)
		}
	}
}

// NextBackOff returns how long to wait, and stops when the caller could not or
// should not wait that long.
func (p *pacing) NextBackOff() time.Duration {
	wait := max(p.BackOff.NextBackOff(), p.after)
	if p.paused {
		wait = p.after
	}
	if p.after > longPause || p.limited && time.Until(p.deadline) < wait {
		return backoff.Stop
	}
	if p.paused {
		return 0
	}
	return wait
}

func newBackOff() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(500*time.Millisecond),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(8*time.Second),
		backoff.WithMaxElapsedTime(0), // attempts and the context are the limits
	)
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

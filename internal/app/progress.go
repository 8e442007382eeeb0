package app

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

const (
	// progressEvery bounds notices to five a second.
	progressEvery = 200 * time.Millisecond
	// progressSettles is how long the library needs to write a notice: notices and answers take different ways out, and one
	// that is overtaken by its answer is lost at the client. Two milliseconds were enough in every measured run.
	progressSettles = 5 * time.Millisecond
)

// reporter sends the progress of one call to its client, if the client asked for it.
type reporter struct {
	token  mcp.ProgressToken
	notify func(params map[string]any)

	mu     sync.Mutex
	last   time.Time
	value  float64
	closed bool
}

func newReporter(ctx context.Context, request mcp.CallToolRequest) *reporter {
	r := &reporter{}
	s := server.ServerFromContext(ctx)
	if request.Params.Meta == nil || request.Params.Meta.ProgressToken == nil || s == nil {
		return r
	}
	r.token = request.Params.Meta.ProgressToken
	r.notify = func(params map[string]any) {
		_ = s.SendNotificationToClient(ctx, string(mcp.MethodNotificationProgress), params) // a client that does not listen misses no result
	}
	return r
}

// report tells how far the call has come. The protocol wants values that grow, so one that does not is left out.
func (r *reporter) report(done, total float64, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	done = math.Ceil(done*10) / 10
	if r.notify == nil || r.closed || done <= r.value || now.Sub(r.last) < progressEvery {
		return
	}
	r.last, r.value = now, done
	params := map[string]any{"progressToken": r.token, "progress": done, "message": message}
	if total > 0 {
		params["total"] = max(total, done)
	}
	r.notify(params)
}

// close ends the progress before the answer leaves.
func (r *reporter) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if rest := progressSettles - time.Since(r.last); rest > 0 && !r.last.IsZero() {
		timer := time.NewTimer(rest)
		defer timer.Stop()
		<-timer.C
	}
}

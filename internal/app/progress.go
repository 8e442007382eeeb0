package app

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

const (
	// progressEvery is the least time between two notices of a call. Four a second leave room for the last one, which waits for
	// nothing: no second sees more than five.
	progressEvery = 250 * time.Millisecond
	// progressSettles is how long the library needs to write a notice: it hands notices and answers on by different ways, and
	// one that is overtaken by its answer is lost at the client. Two milliseconds were enough in every measured run.
	progressSettles = 5 * time.Millisecond
)

// notice is what one progress notification says.
type notice map[string]any

// directly is the key in a call's context of a func(notice) that has sent it when it returns. A transport that puts one there
// needs no other care for the order: the answer is written later. Without one, notices go by way of the library.
type directly struct{}

// reporter sends the progress of one call to its client, if the client asked for it: at most five notices a second, in order,
// the last report always among them, and none after the answer.
type reporter struct {
	token   mcp.ProgressToken
	send    func(notice) // nil where nobody listens
	settles time.Duration

	sending sync.Mutex // held while a notice leaves; taken before mu

	mu      sync.Mutex
	waiting notice // the newest report, not sent yet
	armed   *time.Timer
	left    time.Time // when the last notice was out
	closed  bool
	// Where the client has been led to believe the call is. Operations report in stages that each count from the start; base is
	// what the stages before have come to.
	value, base, done, total float64
}

func newReporter(ctx context.Context, request mcp.CallToolRequest) *reporter {
	r := &reporter{}
	s := server.ServerFromContext(ctx)
	if request.Params.Meta == nil || request.Params.Meta.ProgressToken == nil || s == nil {
		return r
	}
	r.token = request.Params.Meta.ProgressToken
	if send, ok := ctx.Value(directly{}).(func(notice)); ok {
		r.send = send
		return r
	}
	r.settles = progressSettles
	r.send = func(n notice) {
		_ = s.SendNotificationToClient(ctx, string(mcp.MethodNotificationProgress), n) // a client that does not listen misses no result
	}
	return r
}

// held tells that requests wait, since so many have been sent in this minute.
func (r *reporter) held(wait time.Duration) {
	r.report(0.1, 0, fmt.Sprintf("waiting for Aura's request budget, about %.0f s (setting requests_per_minute)", wait.Seconds()))
}

// report tells how far the call has come. It does not block: what comes too soon after the notice before waits, and the newest
// takes its place.
func (r *reporter) report(done, total float64, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.send == nil || r.closed {
		return
	}
	done = math.Ceil(done*10) / 10
	if done < r.done || (done == r.done && total != r.total) { // a new stage
		r.base = math.Ceil(r.value)
	}
	r.done, r.total = done, total
	if r.base+done <= r.value {
		return // the protocol wants values that grow
	}
	r.value = r.base + done
	r.waiting = notice{"progressToken": r.token, "progress": r.value, "message": message}
	if total > 0 {
		r.waiting["total"] = max(r.base+total, r.value)
	}
	r.arm()
}

// arm has what waits sent in due time. Under mu.
func (r *reporter) arm() {
	if r.waiting != nil && r.armed == nil && !r.closed {
		r.armed = time.AfterFunc(time.Until(r.left.Add(progressEvery)), r.flush)
	}
}

// flush sends what waits.
func (r *reporter) flush() {
	r.sending.Lock()
	defer r.sending.Unlock()
	r.mu.Lock()
	n := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	if n != nil {
		r.send(n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n != nil {
		r.left = time.Now()
	}
	r.armed = nil
	r.arm()
}

// close ends the progress before the answer leaves: the last report goes out now, and none after it.
func (r *reporter) close() {
	r.mu.Lock()
	r.closed = true
	if r.armed != nil {
		r.armed.Stop()
	}
	r.mu.Unlock()
	r.flush()
	if rest := r.settles - time.Since(r.left); rest > 0 && !r.left.IsZero() {
		timer := time.NewTimer(rest)
		defer timer.Stop()
		<-timer.C
	}
}

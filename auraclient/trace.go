package auraclient

import (
	"context"
	"net/http"
	"slices"
	"sync"
)

// maxTraced bounds a trace: nobody's support looks at more.
const maxTraced = 200

// Trace collects Aura's request IDs of the changes that were sent, for a record of what was done: whatever the answer
// said, and also where it could not be read. Requests that only read are not in it.
type Trace struct {
	mu  sync.Mutex
	ids []string
}

type traceKey struct{}

// WithTrace returns a context whose requests are traced. Requests of several goroutines may share it.
func WithTrace(ctx context.Context) (context.Context, *Trace) {
	t := &Trace{}
	return context.WithValue(ctx, traceKey{}, t), t
}

// RequestIDs returns the IDs in the order in which the answers came.
func (t *Trace) RequestIDs() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.ids)
}

// traced notes the answer to a change.
func traced(ctx context.Context, r *request, header http.Header) {
	t, ok := ctx.Value(traceKey{}).(*Trace)
	id := clean(header.Get("X-Request-Id"), maxExcerpt)
	if !ok || !r.change || id == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ids) < maxTraced {
		t.ids = append(t.ids, id)
	}
}

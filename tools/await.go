package tools

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// usuallyTakes is our experience, not a promise of Aura's.
var usuallyTakes = map[auraclient.Status]string{
	auraclient.StatusCreating:    "2 to 5 minutes",
	auraclient.StatusDestroying:  "1 to 5 minutes",
	auraclient.StatusPausing:     "1 to 5 minutes",
	auraclient.StatusResuming:    "1 to 5 minutes",
	auraclient.StatusUpdating:    "a few minutes",
	auraclient.StatusResizing:    "a few minutes",
	auraclient.StatusRestoring:   "a few minutes, more for much data",
	auraclient.StatusOverwriting: "a few minutes, more for much data",
	auraclient.StatusLoading:     "a few minutes, more for much data",
	auraclient.StatusUpgrading:   "a few minutes",
}

func usual(i *auraclient.Instance) string {
	if i == nil || !i.Status.Transitional() {
		return ""
	}
	if t, ok := usuallyTakes[i.Status]; ok {
		return t
	}
	return "a few minutes"
}

// awaited is what is waited for.
type awaited struct {
	id, want string // want is a status, or deleted
	limit    time.Duration
	accepted bool // a change was accepted just now, so that the status from before may still show
	creating bool // the instance is so new that Aura may not know it yet
}

// await waits for a status, or until the instance is gone. Not reached in time is no error: the answer says what was seen last.
func (f *Fleet) await(ctx context.Context, call op.Call, aura *auraclient.Client, a awaited) (last *auraclient.Instance, reached bool, err error) {
	if a.limit <= 0 {
		return f.glance(ctx, aura, a)
	}
	ctx, cancel := call.Patience(ctx, a.limit)
	defer cancel()
	begun := time.Now()
	wait := auraclient.InstanceWait{
		For: []auraclient.Status{auraclient.Status(a.want)}, Gone: a.want == statusDeleted, Accepted: a.accepted, Creating: a.creating,
		OnUpdate: func(i auraclient.Instance) {
			call.Report(time.Since(begun).Seconds(), a.limit.Seconds(), fmt.Sprintf("%s is %s", text.Quote(i.Name), i.Status))
		},
	}
	if wait.Gone {
		wait.For = nil
	}
	last, err = aura.Instances.Wait(ctx, a.id, wait)
	if last != nil {
		f.remember(*last)
	}
	stopped, waited := errors.AsType[*auraclient.WaitError](err)
	switch {
	case err == nil && wait.Gone:
		return nil, true, nil
	case err == nil:
		return last, true, nil
	case waited && stopped.Gone:
		return nil, false, &op.Error{What: fmt.Sprintf("the instance %s is gone: it was deleted meanwhile", a.id), Next: "tell the person; list_instances shows what there is"}
	case waited:
		return last, false, nil
	}
	return last, false, err
}

// outlast waits for something that is on its way to one certain state, by the client's own wait. It returns what was seen last,
// be it there, failed or still on its way: only what is gone, or cannot be read, is an error.
func outlast[T any](ctx context.Context, call op.Call, limit time.Duration, what string, seen T, wait func(context.Context, func(T)) (*T, error), words func(T) string) (*T, error) {
	ctx, cancel := call.Patience(ctx, limit)
	defer cancel()
	begun := time.Now()
	last, err := wait(ctx, func(now T) { call.Report(time.Since(begun).Seconds(), limit.Seconds(), words(now)) })
	stopped, waited := errors.AsType[*auraclient.WaitError](err)
	switch {
	case waited && stopped.Gone:
		return nil, &op.Error{What: fmt.Sprintf("the %s is gone: it was deleted meanwhile", what), Next: "tell the person"}
	case err != nil && !waited:
		return nil, fmt.Errorf("wait for the %s: %w", what, err)
	case last == nil:
		return &seen, nil
	}
	return last, nil
}

// progress counts what is done of several things, be it side by side.
type progress struct {
	mu   sync.Mutex
	done int
}

// step tells that one more of total is done.
func (p *progress) step(call op.Call, total int, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	call.Report(float64(p.done), float64(total), fmt.Sprintf("%d of %d %s", p.done, total, what))
}

// glance looks once. A status from before a change that was accepted just now does not count as its outcome.
func (f *Fleet) glance(ctx context.Context, aura *auraclient.Client, a awaited) (*auraclient.Instance, bool, error) {
	i, err := aura.Instances.Get(ctx, a.id)
	switch {
	case auraclient.IsGone(err) && a.want == statusDeleted:
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("read the instance %s: %w", a.id, err)
	}
	f.remember(*i)
	return i, string(i.Status) == a.want && !a.accepted, nil
}

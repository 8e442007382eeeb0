package tools

import (
	"context"
	"fmt"
	"slices"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
)

// Sight is what a poll saw: a mark that differs when something that a person would see does.
type Sight struct {
	Mark   string
	Moving bool // it is on its way to another state: look again soon
	Gone   bool // there is no such instance any more
	At     time.Time
}

// Stirring has stir told of instances that a read saw differ, or that will have changed soon, as something is about to be begun
// on them. It may be called by several goroutines and must not wait.
func (f *Fleet) Stirring(stir func(id string, soon time.Duration)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stir = stir
}

func (f *Fleet) stirred(id string, soon time.Duration) {
	f.mu.Lock()
	stir := f.stir
	f.mu.Unlock()
	if stir != nil {
		stir(id, soon)
	}
}

// PollList reads which instances there are. Polls use the share of the request budget that is theirs.
func (f *Fleet) PollList(ctx context.Context) (ids []string, err error) {
	aura, err := f.client(ctx)
	if err != nil {
		return nil, err
	}
	all, err := aura.Background().Instances.List(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("list the instances: %w", err)
	}
	for _, i := range all {
		ids = append(ids, i.ID)
	}
	slices.Sort(ids)
	f.vitals.relist(all)
	return ids, nil
}

// relist puts a list that was read anew in place of the one that is remembered. With a tenant that has no name there yet it is
// forgotten instead.
func (v *vitals) relist(all []auraclient.InstanceSummary) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fleet.at.IsZero() {
		return
	}
	for _, i := range all {
		if _, named := v.fleet.tenants[i.TenantID]; !named {
			v.fleet = listing{}
			return
		}
	}
	v.fleet.all = all
}

// PollDetails looks at an instance. What somebody else has read since the time given will do.
func (f *Fleet) PollDetails(ctx context.Context, id string, since time.Time) (Sight, error) {
	s, err := f.poll(ctx, id, since)
	if auraclient.IsGone(err) {
		return Sight{Mark: "gone", Gone: true, At: time.Now()}, nil
	}
	if err != nil {
		return Sight{}, err
	}
	status := s.instance.Status
	return Sight{Mark: signs(s.instance), Moving: status.Transitional() || f.stale(id, string(status)), At: s.at}, nil
}

func (f *Fleet) poll(ctx context.Context, id string, since time.Time) (seen, error) {
	if s, ok := f.recall(id); ok && s.at.After(since) {
		return s, nil
	}
	aura, err := f.client(ctx)
	if err != nil {
		return seen{}, err
	}
	i, err := aura.Background().Instances.Get(ctx, id)
	if err != nil {
		return seen{}, fmt.Errorf("read the instance %s: %w", id, err)
	}
	s, _ := f.keep(*i)
	return s, nil
}

// PollSnapshots looks at the snapshots of today, and shortly after midnight at those of the day before.
func (f *Fleet) PollSnapshots(ctx context.Context, id string) (Sight, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return Sight{}, err
	}
	now := time.Now()
	today := auraclient.DayOf(now)
	days := []auraclient.Day{today}
	if now.UTC().Hour() == 0 {
		days = append(days, today.AddDays(-1))
	}
	var all []auraclient.Snapshot
	for _, day := range days {
		read, err := aura.Background().Snapshots.List(ctx, id, day)
		if auraclient.IsGone(err) {
			return Sight{Mark: "gone", Gone: true, At: now}, nil
		}
		if err != nil {
			return Sight{}, fmt.Errorf("list the snapshots of %s: %w", id, err)
		}
		all = append(all, read...)
	}
	mark, unfinished := f.noteRecent(id, all)
	return Sight{Mark: mark, Moving: unfinished, At: now}, nil
}

// PollHealth judges an instance. Its mark is the verdict without the findings: these come and go with every reading that is
// close to a threshold. A verdict that could not be reached for want of an answer is an error and no change.
func (f *Fleet) PollHealth(ctx context.Context, id string) (Sight, error) {
	s, err := f.poll(ctx, id, time.Now().Add(-freshFor))
	if auraclient.IsGone(err) {
		return Sight{Mark: "gone", Gone: true, At: time.Now()}, nil
	}
	if err != nil {
		return Sight{}, err
	}
	aura, err := f.client(ctx)
	if err != nil {
		return Sight{}, err
	}
	v, missed, err := f.assess(ctx, op.Call{}, aura.Background(), &s.instance, 0)
	if err != nil {
		return Sight{}, err
	}
	if v.Reason == reasonNotReadable {
		return Sight{}, fmt.Errorf("judge the instance %s: %s", id, missed.What)
	}
	return Sight{Mark: fmt.Sprint(v.Status, " ", v.Reason), At: v.AssessedAt}, nil
}

package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

const (
	// defaultDays is what a list without a range shows.
	defaultDays = 7
	// maxDays bounds a list: Aura's API gives one day at a time, so each costs a request.
	maxDays = 62
	// maxSnapshots bounds the rows of a list; hourly snapshots of a week would fill a conversation.
	maxSnapshots = 20
)

type listSnapshotsIn struct {
	Instance string `json:"instance" jsonschema:"ID or name of the database"`
	From     string `json:"from,omitempty" jsonschema:"first day (YYYY-MM-DD, UTC) or moment (RFC 3339 with offset); default 7 days ago"`
	To       string `json:"to,omitempty" jsonschema:"last day or moment; default now"`
	Near     string `json:"near,omitempty" jsonschema:"instead of a range: a moment; gives the completed snapshots before and after it"`
	Status   string `json:"status,omitempty" jsonschema:"only this status" enum:"Pending,InProgress,Completed,Failed"`
}

// SnapshotList is the snapshots of a range.
type SnapshotList struct {
	InstanceID string        `json:"instance_id"`
	Name       string        `json:"name"`
	From       string        `json:"from"`
	To         string        `json:"to"`
	Total      int           `json:"total"`
	Note       string        `json:"note,omitempty"`
	Snapshots  []SnapshotRow `json:"snapshots"`
}

// span is a range of time, both ends included.
type span struct{ from, to time.Time }

func (s span) holds(t time.Time) bool { return !t.Before(s.from) && !t.After(s.to) }

func (f *Fleet) listSnapshots(ctx context.Context, call op.Call, in listSnapshotsIn) (SnapshotList, error) {
	want, err := in.span(time.Now())
	if err != nil {
		return SnapshotList{}, err
	}
	aura, err := f.client(ctx)
	if err != nil {
		return SnapshotList{}, err
	}
	found, err := f.find(ctx, aura, in.Instance, loosely)
	if err != nil {
		return SnapshotList{}, err
	}
	all, err := f.walk(ctx, call, aura, found.ID, want)
	if err != nil {
		return SnapshotList{}, err
	}
	out := SnapshotList{InstanceID: found.ID, Name: found.Name, From: instant(want.from), To: instant(want.to)}
	if in.Near != "" {
		at, _ := parseMoment(in.Near, false) // span has read it already
		all = around(all, at)
		out.Note = "the completed snapshots next to " + instant(at)
	} else if in.Status != "" {
		all = slices.DeleteFunc(all, func(s auraclient.Snapshot) bool { return string(s.Status) != in.Status })
	}
	out.fill(all)
	return out, nil
}

func (l *SnapshotList) fill(all []auraclient.Snapshot) {
	l.Total, l.Snapshots = len(all), []SnapshotRow{}
	for _, s := range all[:min(len(all), maxSnapshots)] {
		l.Snapshots = append(l.Snapshots, newSnapshotRow(s))
	}
	switch {
	case len(all) > maxSnapshots:
		l.Note = fmt.Sprintf("the newest %d of %d; a narrower range shows the others", maxSnapshots, len(all))
		// Where snapshots are hourly, the only ones that can be copied are a day apart and would not be among these.
		if n := slices.IndexFunc(all, copyable); n >= maxSnapshots {
			l.Snapshots = append(l.Snapshots, newSnapshotRow(all[n]))
			l.Note += "; the last row is the newest one that is exportable"
		}
	case len(all) == 0:
		l.Note = "none in this range; try an earlier one"
	}
}

// copyable reports whether a database can be made from the snapshot.
func copyable(s auraclient.Snapshot) bool {
	return s.Exportable != nil && *s.Exportable && s.Status == auraclient.SnapshotCompleted
}

// span works out which stretch of time is asked for.
func (in listSnapshotsIn) span(now time.Time) (span, error) {
	s := span{from: auraclient.DayOf(now).AddDays(1 - defaultDays).Start(), to: now}
	if in.Near != "" {
		if in.From != "" || in.To != "" || in.Status != "" {
			return s, &op.Error{What: "`near` does not go with `from`, `to` or `status`", Next: "call again with `near` alone, or with a range"}
		}
		at, err := parseMoment(in.Near, false)
		s = span{from: at.AddDate(0, 0, -defaultDays), to: at.AddDate(0, 0, defaultDays)}
		if s.to.After(now) && at.Before(now) {
			s.to = now
		}
		return s, argument("near", in.Near, err)
	}
	var err error
	if in.To != "" {
		if s.to, err = parseMoment(in.To, true); err != nil {
			return s, argument("to", in.To, err)
		}
		s.from = auraclient.DayOf(s.to).AddDays(1 - defaultDays).Start()
	}
	if in.From != "" {
		if s.from, err = parseMoment(in.From, false); err != nil {
			return s, argument("from", in.From, err)
		}
	}
	if s.from.After(s.to) {
		return s, &op.Error{What: fmt.Sprintf("`from` (%s) is after `to` (%s)", instant(s.from), instant(s.to)), Next: "call again with `from` before `to`"}
	}
	if days := int(s.to.Sub(s.from).Hours() / 24); days > maxDays {
		return s, &op.Error{What: fmt.Sprintf("the range is %d days; at most %d at once, since Aura gives one day at a time", days, maxDays), Next: "call again with a shorter range"}
	}
	return s, nil
}

// parseMoment reads a day (its start, or its end) or a moment with an offset.
func parseMoment(s string, end bool) (time.Time, error) {
	if day, err := auraclient.ParseDay(s); err == nil {
		if end {
			return day.AddDays(1).Start().Add(-time.Nanosecond), nil
		}
		return day.Start(), nil
	}
	return time.Parse(time.RFC3339, s)
}

func argument(name, given string, err error) error {
	if err == nil {
		return nil
	}
	return &op.Error{
		What: fmt.Sprintf("argument `%s` is %s; allowed: a day as YYYY-MM-DD (UTC), or a moment with offset such as 2026-03-01T18:00:00+01:00", name, text.Quote(given)),
		Next: "call again with such a date",
	}
}

// walk reads the days of a span side by side and returns its snapshots, newest first.
func (f *Fleet) walk(ctx context.Context, call op.Call, aura *auraclient.Client, id string, want span) ([]auraclient.Snapshot, error) {
	last := min(want.to.UnixNano(), time.Now().UnixNano())
	var days []auraclient.Day
	for day := auraclient.DayOf(want.from); day.Start().UnixNano() <= last; day = day.AddDays(1) {
		days = append(days, day)
	}
	patience, cancel := call.Patience(ctx, 45*time.Second)
	defer cancel()
	found := make([][]auraclient.Snapshot, len(days))
	group, patience := errgroup.WithContext(patience)
	group.SetLimit(readAtOnce)
	bulk := aura.Bulk()
	var done progress
	for n, day := range days {
		group.Go(func() error {
			defer done.step(call, len(days), "days looked at")
			all, err := bulk.Snapshots.List(patience, id, day)
			if err != nil {
				return fmt.Errorf("list the snapshots of %s on %s: %w", id, day, err)
			}
			found[n] = all
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(slices.Concat(found...), func(s auraclient.Snapshot) bool { return !s.Timestamp.IsZero() && !want.holds(s.Timestamp) })
	slices.SortStableFunc(all, func(a, b auraclient.Snapshot) int { return b.Timestamp.Compare(a.Timestamp) })
	if time.Since(want.to) < time.Minute {
		f.noteSnapshots(id, all...)
	}
	return slices.CompactFunc(all, func(a, b auraclient.Snapshot) bool { return strings.EqualFold(a.SnapshotID, b.SnapshotID) }), nil
}

// around keeps the completed snapshots next to a moment: the last one before it and the first one after it.
func around(newestFirst []auraclient.Snapshot, at time.Time) []auraclient.Snapshot {
	var before, after *auraclient.Snapshot
	for n, s := range newestFirst {
		switch {
		case s.Status != auraclient.SnapshotCompleted:
		case s.Timestamp.After(at):
			after = &newestFirst[n]
		case before == nil:
			before = &newestFirst[n]
		}
	}
	var out []auraclient.Snapshot
	for _, s := range []*auraclient.Snapshot{after, before} {
		if s != nil {
			out = append(out, *s)
		}
	}
	return out
}

package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"aura-mcp/auraclient"
	"aura-mcp/internal/health"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// What a person is told before they decide and that is read only then. It never fails a plan: what cannot be read is said.

const (
	// factTime is how long somebody who is about to be asked waits for such a figure.
	factTime = 3 * time.Second
	// factAge is how old one may be that was read earlier, for something else.
	factAge = 5 * time.Minute
	// factUnread stands in a plan that is not shown to anybody.
	factUnread = "not read"
)

// snapshotDays is how far back the newest snapshot is looked for.
const snapshotDays = 7

// newestSnapshot tells of the newest completed snapshot of an instance, and then says what that means.
func (f *Fleet) newestSnapshot(aura *auraclient.Client, i *auraclient.Instance, meaning string) op.Fact {
	return op.Fact{Label: "newest snapshot", Value: factUnread, Read: func(ctx context.Context, _ op.Plan) string {
		ctx, cancel := context.WithTimeout(ctx, factTime)
		defer cancel()
		today := auraclient.DayOf(time.Now())
		for back := range snapshotDays {
			all, err := aura.Bulk().Snapshots.List(ctx, i.ID, today.AddDays(-back))
			if err != nil && back == 0 {
				return "not known: the list of snapshots could not be read" + inTime(err)
			}
			if err != nil {
				return fmt.Sprintf("none since %s 00:00 UTC; further back could not be read%s", today.AddDays(1-back), inTime(err))
			}
			var newest time.Time
			for _, s := range all {
				if s.Status == auraclient.SnapshotCompleted && s.Timestamp.After(newest) {
					newest = s.Timestamp
				}
			}
			if !newest.IsZero() {
				return fmt.Sprintf("%s, %s ago%s", moment(newest), since(newest), meaning)
			}
		}
		return fmt.Sprintf("none in the last %d days", snapshotDays)
	}}
}

// inTime says so where time was what lacked.
func inTime(err error) string {
	_, budget := errors.AsType[*auraclient.BudgetError](err)
	if budget || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf(" within %s", seconds(factTime))
	}
	return ""
}

// writtenSince is what becomes of the data that is in no snapshot, when an instance's data is replaced.
func (f *Fleet) writtenSince(i *auraclient.Instance) string {
	if f.safeguarded(i.Type, string(i.Status)) {
		return fmt.Sprintf("; what was written to %s since then will be in its safety snapshot only", text.Quote(i.Name))
	}
	return fmt.Sprintf("; what was written to %s since then is lost for good", text.Quote(i.Name))
}

// asOf says which data of a source it is; without a snapshot it is the present.
func asOf(source *auraclient.Instance, s *auraclient.Snapshot) string {
	if s == nil {
		return fmt.Sprintf("the data of %s as it is now", text.Quote(source.Name))
	}
	return fmt.Sprintf("the data of %s as of %s, %s ago", text.Quote(source.Name), moment(s.Timestamp), since(s.Timestamp))
}

// handOver says whose data a plan puts where. Where that is into another tenant it stands in the first line.
func handOver(plan *op.Plan, source target, to TenantRef) {
	where := fmt.Sprintf("the data of %s stays within the tenant %s", text.Quote(source.instance.Name), text.Quote(to.shown()))
	if source.tenant.ID != to.ID {
		plan.Headline = "ACROSS TENANTS: " + plan.Headline
		where = fmt.Sprintf("the data of %s leaves the tenant %s for the tenant %s, and whoever has access there can read it then",
			text.Quote(source.instance.Name), text.Quote(source.tenant.shown()), text.Quote(to.shown()))
	}
	plan.Facts = append([]op.Fact{{Label: "whose data goes where", Value: where}}, plan.Facts...)
}

// inUse tells how much the targets of a plan are used right now.
func (f *Fleet) inUse(aura *auraclient.Client, all ...*auraclient.Instance) op.Fact {
	return op.Fact{Label: "in use now", Value: factUnread, Read: func(ctx context.Context, plan op.Plan) string {
		ctx, cancel := context.WithTimeout(ctx, factTime)
		defer cancel()
		uses := make([]usage, len(plan.Targets))
		var group errgroup.Group
		group.SetLimit(readAtOnce)
		for n, t := range plan.Targets {
			at := slices.IndexFunc(all, func(i *auraclient.Instance) bool { return i.ID == t.ID })
			if at < 0 {
				uses[n].why = "it was not read"
				continue
			}
			group.Go(func() error {
				uses[n] = f.usage(ctx, aura, all[at])
				return nil
			})
		}
		_ = group.Wait() // none of them fails
		if len(uses) == 1 {
			return uses[0].String()
		}
		return usedOf(plan.Targets, uses)
	}}
}

func instancesOf(targets []target) []*auraclient.Instance {
	out := make([]*auraclient.Instance, 0, len(targets))
	for _, t := range targets {
		out = append(out, t.instance)
	}
	return out
}

// usage is how much an instance is used, as far as its metrics say.
type usage struct {
	idle       bool     // it is certain that nobody can use it
	why        string   // why nothing is known, or why nobody can
	open, busy *float64 // connections of the member that has most: an upper bound, as Aura gives the maximum of each
	rate       *float64 // queries per second
	at         time.Time
}

// usage reads an instance's metrics. Where that fails, or says nothing of rates, it goes by what was read lately.
func (f *Fleet) usage(ctx context.Context, aura *auraclient.Client, i *auraclient.Instance) usage {
	switch {
	case i.Status == auraclient.StatusPaused:
		return usage{idle: true, why: "by nobody: it is paused"}
	case !monitored(i):
		return usage{why: fmt.Sprintf("not known on this plan: %s has no metrics", shown(string(i.Type)))}
	case !health.Serves(i.Status):
		return usage{why: fmt.Sprintf("not known: there are no metrics while its status is %s", oneWord(string(i.Status)))}
	case i.MetricsURL == "":
		return usage{why: "not known: Aura gives no address for its metrics"}
	}
	_, err := f.read(ctx, op.Call{}, 0, i.MetricsURL, aura.Metrics.Instance)
	u := usage{why: "not known: its metrics have no samples of it; it may be too new"}
	if err != nil {
		u.why = "not known: " + whyUnread(err)
	}
	for _, r := range f.vitals.lately(i, factAge) {
		own := r.now.Instance(i.ID)
		taken := newestSample(own)
		if time.Since(taken) > factAge {
			if !taken.IsZero() {
				u.why = fmt.Sprintf("not known: the newest sample is %s old", since(taken))
			}
			continue
		}
		if running, idle := most(own, "neo4j_dbms_bolt_connections_running"), most(own, "neo4j_dbms_bolt_connections_idle"); u.open == nil && running != nil && idle != nil {
			sum := *running + *idle
			u.open, u.busy, u.at = &sum, running, earliest(u.at, taken)
		}
		if rate := queryRate(r, i.ID); u.rate == nil && rate != nil {
			u.rate, u.at = rate, earliest(u.at, taken)
		}
	}
	return u
}

// whyUnread is short: what to do about it says the health check.
func whyUnread(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("its metrics could not be read within %s", seconds(factTime))
	}
	if auraclient.IsMetricsRoleMissing(err) {
		return "these credentials may not read metrics (the role Metrics Reader)"
	}
	return oneWord(unreadable(err).What)
}

// oneWord quotes what is not plainly a line of text.
func oneWord(s string) string {
	if text.Plain(s) {
		return s
	}
	return text.Quote(s)
}

// newestSample is when the newest sample was taken, or read where none says so; zero where there is none.
func newestSample(s *auraclient.Scrape) time.Time {
	var newest time.Time
	for _, f := range s.Families {
		for _, sample := range f.Samples {
			if taken := sample.Time; taken.After(newest) {
				newest = taken
			} else if taken.IsZero() && newest.IsZero() {
				newest = s.ReadAt
			}
		}
	}
	return newest
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// String is the usage of one instance in words.
func (u usage) String() string {
	if u.open == nil && u.rate == nil {
		return u.why
	}
	open := "open connections not known"
	switch {
	case u.open != nil && *u.open == 0:
		open = "no open connections"
	case u.open != nil:
		busy := "none"
		if *u.busy > 0 {
			busy = fmt.Sprintf("%.0f", *u.busy)
		}
		open = fmt.Sprintf("up to %s on one member, %s at work", plural(int(*u.open), "open connection"), busy)
	}
	rate := "queries per second not known, as that takes two readings"
	if u.rate != nil {
		rate = fmt.Sprintf("%g queries per second", *u.rate)
	}
	as := u.at.UTC().Format("as of 15:04:05 UTC") // a question may lie there for minutes
	if old := time.Since(u.at); old >= 5*time.Second {
		as += fmt.Sprintf(", %s before this was asked", seconds(old.Round(time.Second)))
	}
	return fmt.Sprintf("%s; %s (%s)", open, rate, as)
}

// usedOf is the usage of several: who is disturbed by name, the others as numbers.
func usedOf(targets []op.Resource, uses []usage) string {
	var used []string
	unused, unknown := 0, 0
	for n, u := range uses {
		switch {
		case u.open != nil && *u.open > 0:
			used = append(used, fmt.Sprintf("%s %.0f", text.Quote(targets[n].Name), *u.open))
		case u.idle || u.open != nil:
			unused++
		default:
			unknown++
		}
	}
	parts := []string{fmt.Sprintf("%d of %d have open connections", len(used), len(uses))}
	if more := len(used) - maxUsed; more > 0 {
		used = append(used[:maxUsed], fmt.Sprintf("and %d more", more))
	}
	if len(used) > 0 {
		parts[0] += " (" + strings.Join(used, ", ") + ")"
	}
	if unused > 0 {
		parts = append(parts, fmt.Sprintf("%d have none", unused))
	}
	if unknown > 0 {
		parts = append(parts, fmt.Sprintf("of %d it is not known: no metrics on their plan, or none that could be read", unknown))
	}
	return strings.Join(parts, "; ")
}

// maxUsed is how many are named in one line.
const maxUsed = 10

// moment is a time for a person: in UTC, and in the server's own zone where that differs.
func moment(t time.Time) string { return momentIn(t, time.Local) }

func momentIn(t time.Time, here *time.Location) string {
	if t.IsZero() {
		return "an unknown time"
	}
	utc, local := t.UTC(), t.In(here)
	said := utc.Format("2 Jan 2006 15:04 UTC")
	switch _, offset := local.Zone(); {
	case offset == 0:
		return said
	case local.Day() != utc.Day():
		return said + local.Format(" (2 Jan 15:04 here)")
	}
	return said + local.Format(" (15:04 here)")
}

// since is how long ago t was, such as "14 h 20 min".
func since(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	minutes := int(time.Since(t).Minutes())
	switch {
	case minutes < 60:
		return fmt.Sprintf("%d min", max(minutes, 0))
	case minutes < 48*60:
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%d days", minutes/60/24)
}

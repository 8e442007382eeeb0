package tools

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/health"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

const (
	// keepReadings of one address are enough to find two that make a rate, however often somebody asks.
	keepReadings = 4
	// goodWindow is how far apart two readings are certain to be different ones: Aura renews them every 30 s.
	goodWindow = 35 * time.Second
	// firstReading may be so old where a second one is waited for.
	firstReading = 90 * time.Second
	// tellReserve is what of a call's time is kept for the second reading and the answer.
	tellReserve = 4 * time.Second
)

// vitals is what is remembered of metrics between calls.
type vitals struct {
	thresholds func(name string) health.Thresholds

	mu        sync.Mutex
	readings  map[string][]*auraclient.Scrape // by address, oldest first
	stored    map[string][]*auraclient.Scrape // the same, of storage alone and over a day
	addresses map[string]tenantAddress        // by tenant
	fleet     listing
}

func newVitals(t func(name string) health.Thresholds) *vitals {
	if t == nil {
		t = func(string) health.Thresholds { return health.Thresholds{} }
	}
	return &vitals{thresholds: t, readings: map[string][]*auraclient.Scrape{}, stored: map[string][]*auraclient.Scrape{}, addresses: map[string]tenantAddress{}}
}

// keep remembers a reading and returns the earlier one of the same address that makes rates with it, or nil.
func (v *vitals) keep(address string, s *auraclient.Scrape) *auraclient.Scrape {
	v.mu.Lock()
	defer v.mu.Unlock()
	kept := v.readings[address]
	if len(kept) == 0 || s.ReadAt.After(kept[len(kept)-1].ReadAt) {
		kept = append(kept, s)
	}
	v.readings[address] = kept[max(0, len(kept)-keepReadings):]
	for a, of := range v.readings {
		of = slices.DeleteFunc(of, func(r *auraclient.Scrape) bool { return s.ReadAt.Sub(r.ReadAt) > health.MaxWindow })
		if v.readings[a] = of; len(of) == 0 {
			delete(v.readings, a)
		}
	}
	return before(s, v.readings[address])
}

// before is the one of older readings that makes rates with s, or nil.
func before(s *auraclient.Scrape, kept []*auraclient.Scrape) *auraclient.Scrape {
	var earlier *auraclient.Scrape
	for _, r := range kept {
		if apart := s.ReadAt.Sub(r.ReadAt); apart >= goodWindow || (apart >= health.MinWindow && earlier == nil) {
			earlier = r
		}
	}
	return earlier
}

// lately are the newest readings that have to do with an instance, its own and its tenant's, each with the earlier one that
// makes rates with it. The newest comes first; none is older than age.
func (v *vitals) lately(i *auraclient.Instance, age time.Duration) []readings {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []readings
	for _, address := range []string{i.MetricsURL, v.addresses[i.TenantID].url} {
		kept := v.readings[address]
		if len(kept) == 0 || time.Since(kept[len(kept)-1].ReadAt) > age {
			continue
		}
		newest := kept[len(kept)-1]
		out = append(out, readings{address: address, now: newest, earlier: before(newest, kept)})
	}
	slices.SortStableFunc(out, func(a, b readings) int { return b.now.ReadAt.Compare(a.now.ReadAt) })
	return out
}

// growth of storage shows over hours, of which a day is kept.
const (
	leastGrowth = time.Hour
	mostGrowth  = 24 * time.Hour
	growthEvery = 30 * time.Minute
)

// store remembers what a reading says about storage, and returns the oldest such one that is at least an hour older, or nil.
func (v *vitals) store(address string, s *auraclient.Scrape) *auraclient.Scrape {
	v.mu.Lock()
	defer v.mu.Unlock()
	for a, of := range v.stored {
		of = slices.DeleteFunc(of, func(r *auraclient.Scrape) bool { return s.ReadAt.Sub(r.ReadAt) > mostGrowth })
		if v.stored[a] = of; len(of) == 0 {
			delete(v.stored, a)
		}
	}
	kept := v.stored[address]
	if len(kept) == 0 || s.ReadAt.Sub(kept[len(kept)-1].ReadAt) >= growthEvery {
		only := &auraclient.Scrape{ReadAt: s.ReadAt}
		for _, name := range []string{"neo4j_aura_storage_limit", "neo4j_database_store_size_database"} {
			if f, ok := s.Family(name); ok {
				only.Families = append(only.Families, f)
			}
		}
		v.stored[address] = append(kept, only)
	}
	if len(kept) > 0 && s.ReadAt.Sub(kept[0].ReadAt) >= leastGrowth {
		return kept[0]
	}
	return nil
}

// judge makes the verdict on one instance, by the thresholds for its name. Rates come from readings minutes apart and the growth of storage from readings
// hours apart, so the latter is judged by itself and added.
func (v *vitals) judge(name string, in health.Input, address string) health.Verdict {
	const growth = "storage_growth"
	in.Thresholds = v.thresholds(name)
	out := health.Assess(in)
	old := v.store(address, in.Scrape)
	if old == nil || out.Reason == health.ReasonStale || out.Reason == health.ReasonClock {
		return out
	}
	in.Earlier = old
	long := health.Assess(in)
	signal, ok := long.Signals[growth]
	if !ok {
		return out
	}
	out.Signals[growth] = signal
	for _, f := range long.Findings {
		if f.ID != growth {
			continue
		}
		n := 0
		for n < len(out.Findings) && rank(string(out.Findings[n].Severity)) <= rank(string(f.Severity)) {
			n++
		}
		out.Findings = slices.Insert(out.Findings, n, f)
		if status := string(f.Severity); f.Severity != health.SeverityInfo && (out.Status == health.StatusUnknown || rank(status) < rank(string(out.Status))) {
			out.Status, out.Reason, out.Message = health.Status(status), "", ""
		}
	}
	out.Advice = health.AdviceFor(out.Findings)
	return out
}

// rank orders severities and statuses, worst first.
func rank(s string) int {
	n := slices.Index(severity, health.Status(s))
	if n < 0 {
		return len(severity)
	}
	return n
}

// last is the newest reading of an address that is not older than age, or nil.
func (v *vitals) last(address string, age time.Duration) *auraclient.Scrape {
	v.mu.Lock()
	defer v.mu.Unlock()
	kept := v.readings[address]
	if len(kept) == 0 || time.Since(kept[len(kept)-1].ReadAt) > age {
		return nil
	}
	return kept[len(kept)-1]
}

// readings are one or two of the same address.
type readings struct {
	address      string
	now, earlier *auraclient.Scrape
	note         string // what went wrong with the second one
}

// read reads the metrics of an address, and where a window is given a second time after that.
func (f *Fleet) read(ctx context.Context, call op.Call, window time.Duration, address string, get func(context.Context, string) (*auraclient.Scrape, error)) (readings, error) {
	var first *auraclient.Scrape
	if window > 0 {
		first = f.vitals.last(address, firstReading)
	}
	if first == nil {
		s, err := get(ctx, address)
		if err != nil {
			return readings{}, err
		}
		first = s
	}
	earlier := f.vitals.keep(address, first)
	if window == 0 {
		return readings{address: address, now: first, earlier: earlier}, nil
	}
	if err := pauseUntil(ctx, call, first.ReadAt.Add(window), window); err != nil {
		return readings{}, err
	}
	second, err := get(ctx, address)
	switch {
	case ctx.Err() != nil:
		return readings{}, ctx.Err()
	case err != nil:
		return readings{address: address, now: first, earlier: earlier, note: "there are no rates: the second reading failed: " + unreadable(err).What}, nil
	}
	return readings{address: address, now: second, earlier: f.vitals.keep(address, second)}, nil
}

// pauseUntil waits and says so. It ends early enough for the call to be answered in time.
func pauseUntil(ctx context.Context, call op.Call, until time.Time, window time.Duration) error {
	if latest := call.Deadline.Add(-tellReserve); !call.Deadline.IsZero() && until.After(latest) {
		until = latest
	}
	begun := until.Add(-window)
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		left := time.Until(until)
		if left <= 0 {
			return nil
		}
		call.Report(max(0.1, time.Since(begun).Seconds()), window.Seconds(), fmt.Sprintf("the second reading is due in %s", seconds(left)))
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
			return nil
		case <-tick.C:
			timer.Stop()
		}
	}
}

// unread says why metrics could not be read, and what to do.
type unread struct {
	What, Next string
	// Fix says that it stays like this until a person does something about it.
	Fix bool
}

// unreadable puts an error of reading metrics into words.
func unreadable(err error) unread {
	_, wrongAddress := errors.AsType[*auraclient.MetricsAddressError](err)
	answer, answered := auraclient.AsError(err)
	switch {
	case auraclient.IsMetricsRoleMissing(err):
		return unread{
			What: "Aura does not let these credentials read the metrics of this project" + said(err),
			Next: "tell the person: the user whose API key this is needs the role Metrics Reader in the project (Aura console, Users); a new role counts after about 5 minutes",
			Fix:  true,
		}
	case wrongAddress:
		return unread{
			What: "the metrics were not read and nothing was sent there: " + err.Error(),
			Next: "tell the person: Aura gave an address for the metrics that is not Aura's metrics host over https; check the base URL setting, and what answers there",
			Fix:  true,
		}
	case answered && strings.HasSuffix(answer.Path, "/oauth/token"):
		what, next := aboutAnswer(answer)
		return unread{What: what, Next: next, Fix: answer.Status < http.StatusInternalServerError && answer.Status != http.StatusTooManyRequests}
	case answered && answer.Status == http.StatusNotFound:
		return unread{What: "Aura's metrics host does not know it" + said(err), Next: "a new database takes some minutes to appear there: call again then"}
	case answered:
		return unread{What: fmt.Sprintf("Aura's metrics host answered %d%s", answer.Status, said(err)), Next: "call again in a minute; if it stays so, tell the person to look at https://status.neo4j.io"}
	case errors.Is(err, context.DeadlineExceeded):
		return unread{What: "Aura's metrics host did not answer in time, for which it may need 30 seconds", Next: "call again"}
	}
	return unread{What: "the metrics could not be read: " + err.Error(), Next: "call again in a minute; if it stays so, tell the person to check the network"}
}

func said(err error) string {
	e, ok := auraclient.AsError(err)
	if !ok {
		return ""
	}
	return saying(e)
}

// tenantAddress is where the metrics of a whole tenant are.
type tenantAddress struct {
	url   string // "" where the tenant has none
	at    time.Time
	lasts time.Duration
}

// tenantAddress asks where the metrics of a tenant are, and remembers it: the answer does not change by the hour.
func (f *Fleet) tenantAddress(ctx context.Context, aura *auraclient.Client, tenantID string) (string, error) {
	f.vitals.mu.Lock()
	known, ok := f.vitals.addresses[tenantID]
	f.vitals.mu.Unlock()
	if ok && time.Since(known.at) < known.lasts {
		return known.url, nil
	}
	found := tenantAddress{at: time.Now(), lasts: time.Hour}
	var err error
	if found.url, err = aura.Tenants.MetricsEndpoint(ctx, tenantID); err != nil {
		if e, ok := auraclient.AsError(err); !ok || e.Status != http.StatusBadRequest {
			return "", err
		}
		found.url, found.lasts = "", 10*time.Minute // no database there has metrics, until one is created
	}
	f.vitals.mu.Lock()
	defer f.vitals.mu.Unlock()
	f.vitals.addresses[tenantID] = found
	return found.url, nil
}

// listing is the list of all databases with the names of their tenants.
type listing struct {
	all     []auraclient.InstanceSummary
	tenants map[string]string
	at      time.Time
}

// listed is the list of all databases, as it was within the last minute.
func (f *Fleet) listed(ctx context.Context, aura *auraclient.Client) (listing, error) {
	f.vitals.mu.Lock()
	known := f.vitals.fleet
	f.vitals.mu.Unlock()
	if !known.at.IsZero() && time.Since(known.at) < freshFor {
		return known, nil
	}
	all, err := aura.Instances.List(ctx, "")
	if err != nil {
		return listing{}, fmt.Errorf("list the instances: %w", err)
	}
	names, err := tenantNames(ctx, aura)
	if err != nil {
		return listing{}, err
	}
	now := listing{all: all, tenants: names, at: time.Now()}
	f.vitals.mu.Lock()
	defer f.vitals.mu.Unlock()
	f.vitals.fleet = now
	return now, nil
}

// outdate drops the list, as something in it changes.
func (v *vitals) outdate() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fleet = listing{}
}

// tenantNamed finds a tenant in the list, by ID or name.
func (l listing) tenantNamed(given string) (string, error) {
	names := maps.Clone(l.tenants) // which credentials that may not list tenants do not have
	for _, i := range l.all {
		if names[i.TenantID] == "" {
			names[i.TenantID] = i.TenantID
		}
	}
	var all []named
	for _, id := range slices.Sorted(maps.Keys(names)) {
		all = append(all, named{id, names[id]})
	}
	found, err := pick("tenant", given, all, loosely, func(n named) named { return n })
	return found.id, err
}

// ofTenantsLike tells of tenants that a name of databases fits as well: whoever says it may mean all that is in there.
func (l listing) ofTenantsLike(name string) (notes []string) {
	for _, id := range slices.Sorted(maps.Keys(l.tenants)) {
		if !like(name, l.tenants[id]) {
			continue
		}
		members, others := 0, 0
		for _, i := range l.all {
			if i.TenantID == id {
				members++
				if !like(name, i.Name) {
					others++
				}
			}
		}
		if others > 0 {
			notes = append(notes, fmt.Sprintf("the name fits the tenant %s, too, which has %s, %d of them not looked at here: for these call again with `tenant` in place of `name`", text.Quote(l.tenants[id]), plural(members, "database"), others))
		}
	}
	return notes
}

// nearest says what somebody may have meant whose name fits no database.
func (l listing) nearest(name string) string {
	told, _ := errors.AsType[*op.Error](unknown("instance", strings.Trim(name, "*"), l.all, instanceNamed))
	return told.Next
}

// quoted names things in a sentence, a few of them.
func quoted(names []string) string {
	const most = 10
	if more := len(names) - most; more > 0 {
		return text.QuoteAll(names[:most]) + fmt.Sprintf(" and %d more", more)
	}
	return text.QuoteAll(names)
}

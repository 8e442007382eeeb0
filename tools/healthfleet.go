package tools

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"aura-mcp/auraclient"
	"aura-mcp/internal/health"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

const (
	// scrapePatience leaves time for the details of those that the metrics of their tenant say nothing about.
	scrapePatience = 32 * time.Second
	// recentSample is a sample that shows by itself that its instance is running.
	recentSample = 2 * time.Minute
	// fleetRows is how many rows are shown where nobody says.
	fleetRows = 50
)

type checkFleetHealthIn struct {
	Tenant string `json:"tenant,omitempty" jsonschema:"only this tenant (called project in the console), by name or ID"`
	Name   string `json:"name,omitempty" jsonschema:"only names like this: a pattern with *, or a part of the name"`
	Limit  int    `json:"limit,omitempty" jsonschema:"how many rows at most; default 50; the counts are of all" min:"1" max:"200"`
}

// checkup is what is known of one instance in a look at the fleet.
type checkup struct {
	summary auraclient.InstanceSummary
	details *auraclient.Instance // nil: not needed, or not read
	kind    string               // of the endpoint
	read    readings
	missed  *unread // why there is no reading
	verdict health.Verdict
}

func (f *Fleet) checkFleetHealth(ctx context.Context, call op.Call, in checkFleetHealthIn) (FleetHealth, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return FleetHealth{}, err
	}
	list, err := f.listed(ctx, aura)
	if err != nil {
		return FleetHealth{}, err
	}
	var tenantID string
	if in.Tenant != "" {
		if tenantID, err = list.tenantNamed(in.Tenant); err != nil {
			return FleetHealth{}, err
		}
	}
	var all []*checkup
	for _, i := range list.all {
		if like(in.Name, i.Name) && (tenantID == "" || i.TenantID == tenantID) {
			all = append(all, &checkup{summary: i})
		}
	}
	patience, cancel := call.Patience(ctx, callPatience)
	defer cancel()
	f.readTenants(patience, call, aura, all)
	f.readRest(patience, call, aura, all)
	if err := ctx.Err(); err != nil {
		return FleetHealth{}, fmt.Errorf("check the fleet: %w", err)
	}
	now := time.Now()
	all = slices.DeleteFunc(all, func(c *checkup) bool { return !c.judge(f.vitals, now) })
	for _, c := range all {
		f.noteVerdict(c.verdict)
	}
	out := newFleetHealth(all, list.tenants, cmp.Or(in.Limit, fleetRows), now)
	if in.Name != "" && in.Tenant == "" {
		out.Notes = append(out.Notes, list.ofTenantsLike(in.Name)...)
	}
	if len(all) == 0 && in.Name != "" {
		out.Next = list.nearest(in.Name)
	}
	return out, nil
}

// readTenants reads the metrics of each tenant that has an address for all of them: one request serves its whole fleet.
func (f *Fleet) readTenants(ctx context.Context, call op.Call, aura *auraclient.Client, all []*checkup) {
	ctx, cancel := call.Patience(ctx, scrapePatience)
	defer cancel()
	tenants := map[string][]*checkup{}
	for _, c := range all {
		tenants[c.summary.TenantID] = append(tenants[c.summary.TenantID], c)
	}
	var group errgroup.Group
	group.SetLimit(readAtOnce)
	var done progress
	for tenantID, members := range tenants {
		group.Go(func() error {
			defer done.step(call, len(tenants), "tenants read")
			address, err := f.tenantAddress(ctx, aura, tenantID)
			if err == nil && address == "" {
				return nil // its databases may have addresses of their own
			}
			var read readings
			if err == nil {
				read, err = f.read(ctx, call, 0, address, aura.Metrics.Tenant)
			}
			for _, c := range members {
				c.kind, c.read = kindTenant, read
				if err != nil {
					missed := unreadable(err)
					c.missed = &missed
				}
			}
			return nil // each keeps its own reason
		})
	}
	_ = group.Wait()
}

// readRest reads the details of the instances that do not show by a fresh sample that they run, and the metrics of those among
// them that no tenant's answer is for.
func (f *Fleet) readRest(ctx context.Context, call op.Call, aura *auraclient.Client, all []*checkup) {
	rest := map[string]*checkup{}
	var summaries []auraclient.InstanceSummary
	for _, c := range all {
		if s, ok := f.recall(c.summary.ID); ok {
			c.details = &s.instance
		} else if !c.sampled() {
			summaries = append(summaries, c.summary)
		}
		if c.kind == "" || !c.sampled() {
			rest[c.summary.ID] = c
		}
	}
	read, err := f.readAll(ctx, aura, call, summaries)
	if err != nil {
		for _, s := range summaries {
			read = append(read, reading{summary: s, err: err})
		}
	}
	gone := maps.Clone(rest)
	for _, r := range read {
		c := rest[r.summary.ID]
		delete(gone, r.summary.ID)
		if r.err == nil {
			c.details = &r.instance
		} else if c.missed == nil {
			c.missed = &unread{What: "its details could not be read: " + explainedWhat(r.err), Next: "call again in a minute"}
		}
	}
	for _, c := range gone {
		if c.details == nil {
			c.verdict.Reason = reasonGone
		}
	}
	f.readOwn(ctx, call, aura, rest)
}

// reasonGone marks an instance that was deleted since the list was read.
const reasonGone health.Reason = "gone"

// readOwn reads the metrics of instances at their own addresses, where their tenant has none.
func (f *Fleet) readOwn(ctx context.Context, call op.Call, aura *auraclient.Client, rest map[string]*checkup) {
	var group errgroup.Group
	group.SetLimit(readAtOnce)
	for _, c := range rest {
		if c.kind != "" || c.details == nil || c.details.MetricsURL == "" || !health.Serves(c.details.Status) {
			continue
		}
		group.Go(func() error {
			read, err := f.read(ctx, call, 0, c.details.MetricsURL, aura.Metrics.Instance)
			if c.kind, c.read = kindInstance, read; err != nil {
				missed := unreadable(err)
				c.missed = &missed
			}
			return nil // each keeps its own reason
		})
	}
	_ = group.Wait()
}

// sampled reports whether the tenant's metrics have a fresh sample of the instance.
func (c *checkup) sampled() bool {
	if c.read.now == nil {
		return false
	}
	for _, f := range c.read.now.Instance(c.summary.ID).Families {
		for _, s := range f.Samples {
			if s.Time.IsZero() || time.Since(s.Time) < recentSample {
				return true
			}
		}
	}
	return false
}

// judge makes the verdict. It is false for an instance that is gone.
func (c *checkup) judge(vitals *vitals, now time.Time) bool {
	id := c.summary.ID
	switch d := c.details; {
	case c.verdict.Reason == reasonGone:
		return false
	case d != nil && !monitored(d) && !d.Status.Failed():
		c.verdict = health.NotMonitored(id, d.Type, now)
	case d != nil && !health.Serves(d.Status):
		c.verdict = health.NotRunning(id, d.Status, now)
	case c.missed != nil:
		c.verdict = notReadable(id, *c.missed)
	case c.read.now == nil:
		c.verdict = notReadable(id, unread{What: "Aura gives no address for its metrics, although its plan has some"})
	default:
		in := health.Input{InstanceID: id, EndpointKind: c.kind, Scrape: c.read.now, Earlier: c.read.earlier, Now: now}
		if d != nil {
			in.Status = d.Status
		}
		c.verdict = vitals.judge(c.summary.Name, in, c.read.address)
	}
	return true
}

// paused reports whether somebody has switched the instance off, so that there is nothing to be known.
func (c *checkup) paused() bool {
	return c.details != nil && c.details.Status == auraclient.StatusPaused && c.verdict.Reason == health.ReasonNotRunning
}

func explainedWhat(err error) string {
	if told, ok := explain(err).(*op.Error); ok { //nolint:errorlint // explain makes exactly this
		return told.What
	}
	return err.Error()
}

// FleetHealth says how the databases are, worst first.
type FleetHealth struct {
	Status       string           `json:"status" jsonschema:"the worst; what is paused or not monitored does not count"`
	Summary      string           `json:"summary" jsonschema:"for the person"`
	Total        int              `json:"total"`
	Counts       map[string]int   `json:"counts"`
	Instances    []FleetHealthRow `json:"instances" jsonschema:"worst first"`
	NotAssessed  []NotAssessed    `json:"not_assessed,omitempty"`
	NotMonitored string           `json:"not_monitored,omitempty"`
	Next         string           `json:"next,omitempty"`
	Notes        []string         `json:"notes,omitempty"`
	AssessedAt   string           `json:"assessed_at"`
}

// FleetHealthRow is one database that was assessed.
type FleetHealthRow struct {
	ID               string   `json:"id"`
	Name             string   `json:"name"`
	Status           string   `json:"status"`
	Findings         []string `json:"findings,omitempty"`
	CPU              *float64 `json:"cpu,omitempty"`
	Heap             *float64 `json:"heap,omitempty"`
	Storage          *float64 `json:"storage,omitempty"`
	QueriesPerSecond *float64 `json:"queries_per_second,omitempty"`
	Connections      *float64 `json:"connections,omitempty" jsonschema:"busy ones"`
	Memory           string   `json:"memory,omitempty"`
	Tenant           string   `json:"tenant"`
}

// NotAssessed are databases of which nothing can be said, for the same reason.
type NotAssessed struct {
	Reason    string   `json:"reason"`
	Message   string   `json:"message"`
	Count     int      `json:"count"`
	Instances []string `json:"instances"`
	Next      string   `json:"next,omitempty"`
}

// severity orders the statuses, worst first.
var severity = []health.Status{health.StatusCritical, health.StatusWarning, health.StatusUnknown, health.StatusHealthy, health.StatusNotMonitored}

func newFleetHealth(all []*checkup, tenants map[string]string, limit int, now time.Time) FleetHealth {
	slices.SortStableFunc(all, func(a, b *checkup) int {
		return cmp.Or(cmp.Compare(rank(string(a.verdict.Status)), rank(string(b.verdict.Status))), cmp.Compare(graveness(b), graveness(a)), cmp.Compare(a.summary.Name, b.summary.Name), cmp.Compare(a.summary.ID, b.summary.ID))
	})
	out := FleetHealth{Status: string(health.StatusNotMonitored), Total: len(all), Counts: map[string]int{}, Instances: []FleetHealthRow{}, AssessedAt: instant(now)}
	worst := len(severity) - 1
	plans := map[string][]string{}
	read, rated, left := false, false, 0
	for _, c := range all {
		status := c.verdict.Status
		out.Counts[string(status)]++
		if !c.paused() {
			worst = min(worst, rank(string(status)))
		}
		switch {
		case status == health.StatusNotMonitored:
			plan := shown(string(c.details.Type))
			plans[plan] = append(plans[plan], c.named())
		case status == health.StatusUnknown:
			out.notAssessed(c)
		case len(out.Instances) < limit:
			row := c.row(tenants)
			read, rated = read || c.read.now != nil, rated || row.QueriesPerSecond != nil
			out.Instances = append(out.Instances, row)
		default:
			left++
		}
	}
	out.Status = string(severity[worst])
	out.NotMonitored = notMonitoredLine(plans)
	out.Summary = out.sentence()
	if left > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d more were assessed and are left out, none of them worse than the last row; limit shows more", left))
	}
	if read && !rated {
		out.Notes = append(out.Notes, "one reading has no rates (queries per second, garbage collection, failed queries): the same call after 35 seconds has them")
	}
	if len(out.Instances) > 0 && out.Instances[0].Status != string(health.StatusHealthy) {
		out.Next = fmt.Sprintf("check_instance_health of %s says what to do", text.Quote(out.Instances[0].Name))
	}
	return out
}

// graveness orders instances of the same status: by how many findings there are of the worst kind.
func graveness(c *checkup) int {
	n := 0
	for _, f := range c.verdict.Findings {
		if string(f.Severity) == string(c.verdict.Status) {
			n++
		}
	}
	return n
}

func (l *FleetHealth) notAssessed(c *checkup) {
	v := c.verdict
	message, next := v.Message, ""
	switch {
	case c.missed != nil && v.Reason == reasonNotReadable:
		next = c.missed.Next
	case v.Reason == health.ReasonNoSamples && c.kind == kindTenant:
		next = "check_instance_health reads the address of the database itself"
	}
	same := func(n NotAssessed) bool {
		return n.Reason == string(v.Reason) && (n.Message == message || v.Reason == health.ReasonStale || v.Reason == health.ReasonClock)
	}
	n := slices.IndexFunc(l.NotAssessed, same)
	if n < 0 {
		l.NotAssessed = append(l.NotAssessed, NotAssessed{Reason: string(v.Reason), Message: message, Next: next, Instances: []string{}})
		n = len(l.NotAssessed) - 1
	}
	group := &l.NotAssessed[n]
	if group.Count++; group.Count <= 20 {
		group.Instances = append(group.Instances, c.summary.Name)
	}
}

func (l *FleetHealth) sentence() string {
	if l.Total == 0 {
		return "There is no database like that."
	}
	var parts []string
	for _, s := range severity {
		if n := l.Counts[string(s)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(string(s), "_", " ")))
		}
	}
	sentence := fmt.Sprintf("Of %s %s.", plural(l.Total, "database"), strings.Join(parts, ", "))
	if len(l.Instances) > 0 && len(l.Instances[0].Findings) > 0 && l.Instances[0].Status != string(health.StatusHealthy) {
		sentence += fmt.Sprintf(" Worst: %s: %s.", text.Quote(l.Instances[0].Name), l.Instances[0].Findings[0])
	}
	return sentence
}

func (c *checkup) row(tenants map[string]string) FleetHealthRow {
	v := c.verdict
	out := FleetHealthRow{
		ID: c.summary.ID, Name: c.summary.Name, Status: string(v.Status), Tenant: TenantRef{ID: c.summary.TenantID, Name: tenants[c.summary.TenantID]}.shown(),
		CPU: v.Signals["cpu"].Value, Heap: v.Signals["heap"].Value, Storage: v.Signals["storage"].Value,
		QueriesPerSecond: queryRate(c.read, c.summary.ID), Connections: most(c.read.now.Instance(c.summary.ID), "neo4j_dbms_bolt_connections_running"),
	}
	if c.details != nil {
		out.Memory = c.details.Memory
	}
	for _, f := range v.Findings {
		if f.Severity != health.SeverityInfo && len(out.Findings) < 3 {
			out.Findings = append(out.Findings, gist(f))
		}
	}
	return out
}

// most is the largest value of a metric, or nil.
func most(s *auraclient.Scrape, metric string) *float64 {
	f, _ := s.Family(metric)
	var out *float64
	for _, sample := range f.Samples {
		if v := sample.Value; !math.IsNaN(v) && !math.IsInf(v, 0) && (out == nil || v > *out) {
			out = &v
		}
	}
	return out
}

// queryRate is how many queries a second ended between two readings, over all databases and members; nil where it is not
// known, as after a restart.
func queryRate(r readings, id string) *float64 {
	if r.earlier == nil {
		return nil
	}
	now, before := r.now.Instance(id), r.earlier.Instance(id)
	var total, span float64
	for _, metric := range []string{"neo4j_db_query_execution_success_total", "neo4j_db_query_execution_failure_total"} {
		after, _ := now.Family(metric)
		earlier, _ := before.Family(metric)
		if len(after.Samples) != len(earlier.Samples) || len(after.Samples) == 0 {
			return nil
		}
		for _, a := range after.Samples {
			n := slices.IndexFunc(earlier.Samples, func(b auraclient.Sample) bool { return maps.Equal(a.Labels, b.Labels) })
			if n < 0 || !(a.Value >= earlier.Samples[n].Value) {
				return nil
			}
			total += a.Value - earlier.Samples[n].Value
			span = max(span, a.Time.Sub(earlier.Samples[n].Time).Seconds())
		}
	}
	if span < health.MinWindow.Seconds() || span > health.MaxWindow.Seconds() || math.IsInf(total, 0) {
		return nil
	}
	rate := math.Round(total/span*10) / 10
	return &rate
}

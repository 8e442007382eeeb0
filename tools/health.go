package tools

import (
	"context"
	"fmt"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/chart"
	"aura-mcp/internal/health"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

func (f *Fleet) healthOps() []op.Operation {
	return []op.Operation{
		op.Reads(op.Spec{
			Name: "check_instance_health", Title: "Check a database's health", Toolset: toolsetHealth, Idempotent: true,
			Description: "Tells whether this database is well and what to do: use it for \"slow\", \"down\", \"overloaded\". Judges CPU, memory, storage, queries and members by the worst series. For all databases use check_fleet_health.",
		}, f.checkInstanceHealth),
		op.Reads(op.Spec{
			Name: "check_fleet_health", Title: "Check the fleet's health", Toolset: toolsetHealth, Idempotent: true,
			Description: "Checks all databases at once, worst first: status, findings, activity, memory, and what could not be assessed and why. What to do about one says check_instance_health.",
		}, f.checkFleetHealth),
		op.Reads(op.Spec{
			Name: "get_instance_metrics", Title: "Raw metrics of a database", Toolset: toolsetHealth, Idempotent: true,
			Description: "Shows raw metric values of one database, only for when check_instance_health does not have the number.",
		}, f.getInstanceMetrics),
	}
}

type checkInstanceHealthIn struct {
	Instance      string `json:"instance" jsonschema:"ID or name of the database"`
	WindowSeconds int    `json:"window_seconds,omitempty" jsonschema:"0 (default): one reading; 35 to 45: a second one after so long, for what only two can tell (garbage collection, failed queries)" min:"0" max:"45"`
	Chart         bool   `json:"chart,omitempty" jsonschema:"adds a picture of the signals against their thresholds"`
}

// leastWindow is the shortest time between two readings that somebody can ask for: Aura renews them every 30 s.
const leastWindow = 35

func (f *Fleet) checkInstanceHealth(ctx context.Context, call op.Call, in checkInstanceHealthIn) (InstanceHealth, error) {
	if in.WindowSeconds > 0 && in.WindowSeconds < leastWindow {
		return InstanceHealth{}, &op.Error{
			What:      fmt.Sprintf("argument `window_seconds` is %d; allowed: 0, or %d to 45, as Aura renews its metrics every 30 seconds", in.WindowSeconds, leastWindow),
			Next:      "call again with one of these",
			Unchanged: true,
		}
	}
	aura, err := f.client(ctx)
	if err != nil {
		return InstanceHealth{}, err
	}
	t, err := f.look(ctx, aura, in.Instance, loosely)
	if err != nil {
		return InstanceHealth{}, err
	}
	f.remember(*t.instance)
	v, missed, err := f.assess(ctx, call, aura, t.instance, time.Duration(in.WindowSeconds)*time.Second)
	if err != nil {
		return InstanceHealth{}, err
	}
	out := newInstanceHealth(v, t)
	out.Next = missed.Next
	if in.Chart {
		if out.picture, err = chart.Health(t.instance.Name, v); err != nil {
			out.Notes = append(out.Notes, "the chart could not be drawn: "+err.Error())
		}
	}
	return out, nil
}

// assess judges one instance by its own metrics. What keeps them from being read leaves the verdict unknown; what stays like
// that until a person mends it is an error.
func (f *Fleet) assess(ctx context.Context, call op.Call, aura *auraclient.Client, i *auraclient.Instance, window time.Duration) (health.Verdict, unread, error) {
	switch {
	case !monitored(i) && !i.Status.Failed():
		return health.NotMonitored(i.ID, i.Type, time.Now()), unread{}, nil
	case !health.Serves(i.Status):
		return health.NotRunning(i.ID, i.Status, time.Now()), unread{}, nil
	case i.MetricsURL == "":
		missed := unread{What: "Aura gives no address for the metrics of this database, although its plan has metrics", Next: "call again in some minutes; if it stays so, tell the person to contact Neo4j support"}
		return notReadable(i.ID, missed), missed, nil
	}
	patience, cancel := call.Patience(ctx, callPatience)
	defer cancel()
	read, err := f.read(patience, call, window, i.MetricsURL, aura.Metrics.Instance)
	if ctx.Err() != nil {
		return health.Verdict{}, unread{}, ctx.Err()
	}
	if err != nil {
		missed := unreadable(err)
		if missed.Fix {
			return health.Verdict{}, missed, missed.asError(err)
		}
		return notReadable(i.ID, missed), missed, nil
	}
	v := f.vitals.judge(i.Name, health.Input{
		InstanceID: i.ID, Status: i.Status, EndpointKind: kindInstance, Scrape: read.now, Earlier: read.earlier, Now: time.Now(),
	}, read.address)
	if read.note != "" {
		v.Notes = append(v.Notes, read.note)
	}
	f.noteVerdict(v)
	return v, unread{}, nil
}

// callPatience is how long a call may work at most; the call's own deadline is nearer when much of it is gone.
const callPatience = 48 * time.Second

// Where readings come from.
const (
	kindInstance = "instance"
	kindTenant   = "tenant"
)

// reasonNotReadable is the reason of a verdict without a reading.
const reasonNotReadable health.Reason = "not_readable"

func notReadable(id string, why unread) health.Verdict {
	return health.Verdict{InstanceID: id, Status: health.StatusUnknown, Reason: reasonNotReadable, Message: why.What, AssessedAt: time.Now(), Findings: []health.Finding{}}
}

func (u unread) asError(err error) *op.Error {
	told := &op.Error{What: u.What, Next: u.Next, Err: err}
	if e, ok := auraclient.AsError(err); ok {
		told.RequestID = e.RequestID
	}
	return told
}

// monitored reports whether the plan has metrics. A type that is not known counts by whether Aura gives an address.
func monitored(i *auraclient.Instance) bool {
	switch i.Type {
	case auraclient.TypeBusinessCritical, auraclient.TypeEnterprise, auraclient.TypeEnterpriseDS:
		return true
	}
	return i.MetricsURL != ""
}

// rawMetrics reads the metrics of one instance for somebody who wants to see them: without any there is nothing to show.
func (f *Fleet) rawMetrics(ctx context.Context, call op.Call, aura *auraclient.Client, i *auraclient.Instance) (*auraclient.Scrape, error) {
	none := func(why string) error {
		return &op.Error{What: fmt.Sprintf("there are no metrics of %s: %s", text.Quote(i.Name), why), Next: "tell the person"}
	}
	switch {
	case !monitored(i):
		return nil, none(health.NotMonitored(i.ID, i.Type, time.Now()).Message)
	case !health.Serves(i.Status):
		return nil, none(health.NotRunning(i.ID, i.Status, time.Now()).Message)
	case i.MetricsURL == "":
		return nil, none("Aura gives no address for them")
	}
	patience, cancel := call.Patience(ctx, callPatience)
	defer cancel()
	read, err := f.read(patience, call, 0, i.MetricsURL, aura.Metrics.Instance)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, unreadable(err).asError(err)
	}
	own := read.now.Instance(i.ID)
	if len(own.Families) == 0 {
		return nil, none("it is too new for its zone to report, or was just started; call again in some minutes")
	}
	return own, nil
}

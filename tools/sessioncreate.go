package tools

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

type createSessionIn struct {
	Name          string `json:"name" jsonschema:"a name that no other session of the tenant has"`
	Memory        string `json:"memory" jsonschema:"how much memory it gets" enum:"2GB,4GB,8GB,16GB,24GB,32GB,48GB,64GB,96GB,128GB,192GB,256GB,384GB,512GB" size:"GB"`
	Instance      string `json:"instance,omitempty" jsonschema:"attach it to this database (ID or exact name); instead of tenant, cloud_provider and region"`
	Tenant        string `json:"tenant,omitempty" jsonschema:"of a session on its own: ID or exact name; may be left out when there is only one"`
	CloudProvider string `json:"cloud_provider,omitempty" jsonschema:"of a session on its own" enum:"aws,azure,gcp"`
	Region        string `json:"region,omitempty" jsonschema:"of a session on its own, such as europe-west1"`
	TTLMinutes    int    `json:"ttl_minutes,omitempty" jsonschema:"how long it may go unused before it ends; Aura's default is 60" min:"1" max:"10080"`
	WaitSeconds   int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait until it is ready; default 0" min:"0" max:"50"`
}

// SessionChange is how far a change of a graph analytics session has come.
type SessionChange struct {
	State        op.State         `json:"state" enum:"accepted,done,failed,approval_pending,in_progress"`
	Message      string           `json:"message"`
	SessionID    string           `json:"session_id,omitempty"`
	Name         string           `json:"name,omitempty"`
	Status       string           `json:"status,omitempty" jsonschema:"as last read"`
	Warnings     []SessionWarning `json:"warnings,omitempty" jsonschema:"Aura's own words, mostly why it ended"`
	Host         string           `json:"host,omitempty"`
	UsuallyTakes string           `json:"usually_takes,omitempty"`
	Next         string           `json:"next,omitempty"`
}

// Made is the ID of a new session.
func (c SessionChange) Made() string { return c.SessionID }

// maxSessionName bounds what Aura sets no limit to that we know of: a person is shown the name whole.
const maxSessionName = 200

func (f *Fleet) planSession(ctx context.Context, in createSessionIn) (op.Plan, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	if err := notBlank("name", in.Name); err != nil {
		return op.Plan{}, err
	}
	if n := utf8.RuneCountInString(in.Name); n > maxSessionName {
		return op.Plan{}, &op.Error{What: fmt.Sprintf("`name` has %d characters; at most %d are taken", n, maxSessionName), Next: "call again with a shorter one", Unchanged: true}
	}
	where, err := f.whereTo(ctx, aura, in)
	if err != nil {
		return op.Plan{}, err
	}
	request := auraclient.CreateSessionRequest{
		Name: in.Name, Memory: in.Memory, TTL: time.Duration(in.TTLMinutes) * time.Minute,
		TenantID: where.tenant.ID, InstanceID: where.instanceID(), CloudProvider: in.CloudProvider, Region: in.Region,
	}
	there, err := sessionOfName(ctx, aura, request)
	if err != nil {
		return op.Plan{}, err
	}
	if there != nil {
		return op.Plan{ // nothing left to do, so nobody needs to approve it
			Headline: fmt.Sprintf("Leave the graph analytics session %s as it is.", text.Quote(in.Name)),
			Targets:  []op.Resource{ownSession{there, where.tenant}.resource()},
		}, usable(there, request)
	}
	return op.Plan{
		Effects: op.Billable, Prepared: request, Source: where.instance, Facts: sessionFacts(request),
		Headline: fmt.Sprintf("Start the graph analytics session %s.", text.Quote(in.Name)),
		Targets: []op.Resource{{
			Kind: "new " + kindSession, ID: op.NoID, Name: in.Name, Tenant: where.tenant.shown(), Memory: in.Memory, Detail: place(in.CloudProvider, in.Region),
		}},
	}, nil
}

// whereabouts are where a session is to be: beside a database, or on its own in a tenant.
type whereabouts struct {
	tenant   TenantRef
	instance *op.Resource // nil for a session on its own
}

func (w whereabouts) instanceID() string {
	if w.instance == nil {
		return ""
	}
	return w.instance.ID
}

func (f *Fleet) whereTo(ctx context.Context, aura *auraclient.Client, in createSessionIn) (whereabouts, error) {
	switch {
	case in.Instance == "" && (in.CloudProvider == "" || in.Region == ""):
		return whereabouts{}, &op.Error{What: "it is not said where the session is to be", Next: "call again with `instance` to attach it to a database, or with `cloud_provider` and `region` for one on its own", Unchanged: true}
	case in.Instance == "":
		tenant, err := f.findTenant(ctx, aura, in.Tenant, exactly)
		if err != nil {
			return whereabouts{}, err
		}
		return whereabouts{tenant: TenantRef{ID: tenant.ID, Name: tenant.Name}}, placeOffered(ctx, aura, tenant.ID, "", in.CloudProvider, in.Region)
	case cmp.Or(in.Tenant, in.CloudProvider, in.Region) != "":
		return whereabouts{}, &op.Error{What: "`instance` does not go with `tenant`, `cloud_provider` or `region`: an attached session is where its database is", Next: "call again with `instance` alone, or without it", Unchanged: true}
	}
	t, err := f.look(ctx, aura, in.Instance, exactly)
	if err != nil {
		return whereabouts{}, err
	}
	if t.instance.Status != auraclient.StatusRunning {
		return whereabouts{}, notNow(t.instance, auraclient.StatusRunning)
	}
	beside := t.resource()
	return whereabouts{tenant: t.tenant, instance: &beside}, nil
}

func sessionFacts(r auraclient.CreateSessionRequest) []op.Fact {
	what, idle := "a machine for graph algorithms starts, attached to no database", "an hour (Aura's default)"
	if r.InstanceID != "" {
		what = "a machine for graph algorithms starts beside the database, whose data stays as it is"
	}
	if r.TTL > 0 {
		idle = inMinutes(r.TTL)
	}
	return []op.Fact{
		{Label: "what happens", Value: what},
		{Label: "what it costs", Value: "it is billed until it is deleted or ends by itself"},
		{Label: "when it ends", Value: "after " + idle + " without use, and after about 7 days at the latest"},
		{Label: "can be undone", Value: "yes, by deleting it"},
	}
}

// inMinutes is a time to live in words; "" where it is not known.
func inMinutes(ttl time.Duration) string {
	if ttl == 0 {
		return ""
	}
	return fmt.Sprintf("%g minutes", ttl.Minutes())
}

// sessionOfName is the session that has the name already, rather one that can be used than one that has ended; nil where
// there is none.
func sessionOfName(ctx context.Context, aura *auraclient.Client, r auraclient.CreateSessionRequest) (*auraclient.Session, error) {
	all, err := aura.GraphAnalytics.List(ctx, auraclient.SessionFilter{TenantID: r.TenantID})
	if err != nil {
		return nil, fmt.Errorf("look for sessions of the same name: %w", err)
	}
	var there *auraclient.Session
	for n, s := range all {
		if s.Name == r.Name && s.Status != auraclient.SessionDeleted && (there == nil || there.Status.Failed()) {
			there = &all[n]
		}
	}
	return there, nil
}

// usable refuses a session of the name that has ended, or is not the one that was asked for.
func usable(there *auraclient.Session, r auraclient.CreateSessionRequest) error {
	refuse := func(is string) error {
		return &op.Error{
			What:      fmt.Sprintf("the tenant has a session named %s already (%s), which %s", text.Quote(r.Name), there.ID, is),
			Next:      "choose another name, or delete that one first with delete_graph_analytics_session, if the person wants that",
			Unchanged: true,
		}
	}
	if there.Status.Failed() {
		return refuse("has ended as " + string(there.Status))
	}
	var other []string
	for _, p := range []struct{ what, is, wanted string }{
		{"the memory", there.Memory, r.Memory}, {"the cloud provider", there.CloudProvider, r.CloudProvider}, {"the region", there.Region, r.Region},
		{"the time to live", inMinutes(there.TTL), inMinutes(r.TTL)},
	} {
		if p.is != p.wanted && p.is != "" && p.wanted != "" {
			other = append(other, fmt.Sprintf("%s %s and not %s", p.what, p.is, text.Quote(p.wanted)))
		}
	}
	if there.InstanceID != r.InstanceID {
		other = append(other, fmt.Sprintf("as its database %s and not %s", cmp.Or(there.InstanceID, "none"), cmp.Or(r.InstanceID, "none")))
	}
	if len(other) > 0 {
		return refuse("has " + strings.Join(other, ", "))
	}
	return nil
}

func (f *Fleet) createSession(ctx context.Context, call op.Call, in createSessionIn, plan op.Plan) (SessionChange, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return SessionChange{}, err
	}
	var s *auraclient.Session
	note := "; it was there before, and nothing was sent"
	if plan.Effects == op.Read {
		s, err = aura.GraphAnalytics.Get(ctx, plan.Targets[0].ID)
	} else {
		s, note, err = startSession(ctx, call, aura, plan.Prepared.(auraclient.CreateSessionRequest))
	}
	if err != nil {
		return SessionChange{}, fmt.Errorf("create the graph analytics session %s: %w", text.Quote(in.Name), err)
	}
	s.Name = in.Name
	if in.WaitSeconds == 0 {
		return newSessionChange(s, note), nil
	}
	if last, err := awaitSession(ctx, call, aura, *s, time.Duration(in.WaitSeconds)*time.Second); err == nil {
		return newSessionChange(last, note), nil
	}
	return SessionChange{ // a wait that breaks off is no failure of the creation
		State: op.Accepted, SessionID: s.ID, Name: s.Name, Status: unknownValue, Next: "call get_graph_analytics_session to see how it stands",
		Message: fmt.Sprintf("Aura accepted the session %s, but how it stands could not be read%s", text.Quote(s.Name), note),
	}, nil
}

// startSession sends the request and says what is to be noted of its outcome.
func startSession(ctx context.Context, call op.Call, aura *auraclient.Client, r auraclient.CreateSessionRequest) (s *auraclient.Session, note string, err error) {
	s, existed, err := aura.GraphAnalytics.Create(ctx, r)
	switch {
	case existed:
		return s, "; it was there before, and no second one was started", nil
	case !auraclient.OutcomeUnknown(err):
		return s, "", err
	}
	lost, found := search(ctx, call,
		func() ([]auraclient.Session, error) {
			return aura.GraphAnalytics.List(ctx, auraclient.SessionFilter{TenantID: r.TenantID})
		},
		func(s auraclient.Session) bool { return s.Name == r.Name && !s.Status.Failed() })
	if !found {
		return nil, "", &op.Error{
			What:    fmt.Sprintf("it is not known whether the session %s was started: the request was sent and Aura's answer got lost; no such session has appeared so far", text.Quote(r.Name)),
			Next:    "look with list_graph_analytics_sessions in a minute; calling this again with the same arguments finds it by its name, if it is there then",
			Unknown: true,
		}
	}
	return &lost, "; Aura's answer got lost, and it exists as " + lost.ID, nil
}

func newSessionChange(s *auraclient.Session, note string) SessionChange {
	out := SessionChange{
		State: op.Done, SessionID: s.ID, Name: s.Name, Status: sessionStatus(*s), Warnings: warnings(*s), Host: s.Host, Next: nextOfSession(*s),
	}
	switch {
	case s.Status == auraclient.SessionReady:
		out.Message = fmt.Sprintf("the session %s is ready", text.Quote(s.Name))
	case s.Status.Failed():
		out.State = op.Failed
		out.Message = fmt.Sprintf("the session %s has ended as %s and cannot be used", text.Quote(s.Name), s.Status)
	default:
		out.State, out.UsuallyTakes = op.Accepted, sessionTakes
		out.Message = fmt.Sprintf("the session %s is starting; it is not ready yet", text.Quote(s.Name))
	}
	out.Message += note
	return out
}

package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

func (f *Fleet) analyticsOps() []op.Operation {
	return []op.Operation{
		op.Reads(op.Spec{
			Name: "list_graph_analytics_sessions", Title: "List analytics sessions", Toolset: toolsetAnalytics, Idempotent: true,
			Description: "Lists the graph analytics sessions (machines that run graph algorithms) with status, size and place, ended ones included where Aura still has them. For one in detail use get_graph_analytics_session.",
		}, f.listSessions),
		op.Reads(op.Spec{
			Name: "get_graph_analytics_session", Title: "Look at an analytics session", Toolset: toolsetAnalytics, Idempotent: true,
			Description: "Shows one graph analytics session and why it ended, if it has; with wait_seconds, waits until it is ready.",
		}, f.getSession),
		op.Acts(op.Spec{
			Name: "create_graph_analytics_session", Title: "Start an analytics session", Toolset: toolsetAnalytics, Idempotent: true, Effects: op.Billable,
			Description: "Starts a graph analytics session beside a database (instance) or on its own (cloud_provider, region); a tenant has one of a name, so an equal call finds that one. A person is asked to approve. For the memory that a graph needs use estimate_graph_analytics_session.",
		}, f.planSession, f.createSession),
		op.Acts(op.Spec{
			Name: "delete_graph_analytics_session", Title: "End an analytics session", Toolset: toolsetAnalytics, Effects: op.Disruptive,
			Description: "Ends a graph analytics session; the graphs in its memory are lost, databases stay as they are. A person is asked to approve. To delete a database use delete_instance.",
		}, f.planDeleteSession, f.deleteSession),
		op.Reads(op.Spec{
			Name: "estimate_graph_analytics_session", Title: "Estimate a session's size", Toolset: toolsetAnalytics, Idempotent: true,
			Description: "Estimates the memory of a graph analytics session for a graph, from its counts. For an AuraDS database use estimate_instance_size.",
		}, f.estimateSession),
	}
}

type listSessionsIn struct {
	Tenant   string `json:"tenant,omitempty" jsonschema:"only this tenant (called project in the console), by name or ID"`
	Instance string `json:"instance,omitempty" jsonschema:"only those attached to this database, by name or ID"`
}

// SessionWarning is what Aura has to say about a session, mostly why it ended.
type SessionWarning struct {
	Message string `json:"message"`
	Reason  string `json:"reason,omitempty"`
}

// SessionRow is one graph analytics session in a list.
type SessionRow struct {
	SessionID  string           `json:"session_id"`
	Name       string           `json:"name"`
	Status     string           `json:"status"`
	Memory     string           `json:"memory"`
	InstanceID string           `json:"instance_id,omitempty" jsonschema:"the database it is attached to"`
	Cloud      string           `json:"cloud,omitempty" jsonschema:"provider/region"`
	Tenant     string           `json:"tenant"`
	Warnings   []SessionWarning `json:"warnings,omitempty" jsonschema:"Aura's own words, mostly why it ended"`
}

// SessionList is the graph analytics sessions that the credentials can see.
type SessionList struct {
	Total    int          `json:"total"`
	Sessions []SessionRow `json:"sessions"`
}

func (f *Fleet) listSessions(ctx context.Context, _ op.Call, in listSessionsIn) (SessionList, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return SessionList{}, err
	}
	var filter auraclient.SessionFilter
	if filter.TenantID, err = f.tenantFilter(ctx, aura, in.Tenant); err != nil {
		return SessionList{}, err
	}
	if in.Instance != "" {
		found, err := f.find(ctx, aura, in.Instance, loosely)
		if err != nil {
			return SessionList{}, err
		}
		filter.InstanceID = found.ID
	}
	names, err := tenantNames(ctx, aura)
	if err != nil {
		return SessionList{}, err
	}
	all, err := aura.GraphAnalytics.List(ctx, filter)
	if err != nil {
		return SessionList{}, fmt.Errorf("list the graph analytics sessions: %w", err)
	}
	out := SessionList{Total: len(all), Sessions: []SessionRow{}}
	for _, s := range all {
		out.Sessions = append(out.Sessions, newSessionRow(s, TenantRef{ID: s.TenantID, Name: names[s.TenantID]}))
	}
	slices.SortStableFunc(out.Sessions, func(a, b SessionRow) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name), cmp.Compare(a.SessionID, b.SessionID))
	})
	return out, nil
}

func newSessionRow(s auraclient.Session, tenant TenantRef) SessionRow {
	return SessionRow{
		SessionID: s.ID, Name: s.Name, Status: sessionStatus(s), Memory: shown(s.Memory), InstanceID: s.InstanceID,
		Cloud: place(s.CloudProvider, s.Region), Tenant: tenant.shown(), Warnings: warnings(s),
	}
}

// sessionStatus is Aura's word, and Creating where it has none yet.
func sessionStatus(s auraclient.Session) string {
	return string(cmp.Or(s.Status, auraclient.SessionCreating))
}

// place is a cloud provider and a region, as far as they are known.
func place(provider, region string) string {
	return strings.Join(slices.DeleteFunc([]string{provider, region}, func(s string) bool { return s == "" }), "/")
}

func warnings(s auraclient.Session) []SessionWarning {
	var out []SessionWarning
	for _, w := range s.Warnings {
		out = append(out, SessionWarning{Message: w.Message, Reason: w.Reason})
	}
	return out
}

type getSessionIn struct {
	SessionID   string `json:"session_id" jsonschema:"ID or name of the session"`
	WaitSeconds int    `json:"wait_seconds,omitempty" jsonschema:"how long to wait for it to be ready; default 0" min:"0" max:"50"`
}

// SessionDetails is one graph analytics session.
type SessionDetails struct {
	SessionRow
	DatabaseID string  `json:"database_id,omitempty"`
	Host       string  `json:"host,omitempty"`
	CreatedAt  string  `json:"created_at,omitempty"`
	TTLMinutes float64 `json:"ttl_minutes,omitempty" jsonschema:"how long it may go unused before it ends"`
	ExpiresAt  string  `json:"expires_at,omitempty" jsonschema:"when it ends at the latest"`
	Next       string  `json:"next,omitempty"`
}

func (f *Fleet) getSession(ctx context.Context, call op.Call, in getSessionIn) (SessionDetails, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return SessionDetails{}, err
	}
	found, err := f.lookAtSession(ctx, aura, in.SessionID, loosely)
	if err != nil {
		return SessionDetails{}, err
	}
	s := found.session
	if in.WaitSeconds > 0 {
		if s, err = awaitSession(ctx, call, aura, *s, time.Duration(in.WaitSeconds)*time.Second); err != nil {
			return SessionDetails{}, err
		}
	}
	return SessionDetails{
		SessionRow: newSessionRow(*s, found.tenant), DatabaseID: s.DatabaseID, Host: s.Host, CreatedAt: instant(s.CreatedAt),
		TTLMinutes: s.TTL.Minutes(), ExpiresAt: instant(s.ExpiresAt), Next: nextOfSession(*s),
	}, nil
}

// awaitSession waits until the session is ready or has ended. Neither in time is no error.
func awaitSession(ctx context.Context, call op.Call, aura *auraclient.Client, s auraclient.Session, limit time.Duration) (*auraclient.Session, error) {
	return outlast(ctx, call, limit, "graph analytics session "+text.Quote(s.Name), s,
		func(ctx context.Context, update func(auraclient.Session)) (*auraclient.Session, error) {
			return aura.GraphAnalytics.Wait(ctx, s.ID, update)
		}, func(s auraclient.Session) string { return "the session is " + sessionStatus(s) })
}

func nextOfSession(s auraclient.Session) string {
	outOfMemory := func(w auraclient.SessionWarning) bool { return w.Reason == "OutOfMemory" || w.Reason == "OOM" }
	switch {
	case s.Status == auraclient.SessionReady:
		return ""
	case s.Status.Failed() && slices.ContainsFunc(s.Warnings, outOfMemory):
		return "it ran out of memory and cannot be used any more: tell the person; estimate_graph_analytics_session says what a graph needs"
	case s.Status.Failed():
		return "it cannot be used any more: tell the person; for another of this name, delete it first with delete_graph_analytics_session"
	}
	return "not ready yet; call get_graph_analytics_session with wait_seconds before you rely on it"
}

const (
	kindSession  = "graph analytics session"
	sessionTakes = "1 to 3 minutes" // no promise of Aura's
)

func sessionNamed(s auraclient.Session) named { return named{s.ID, s.Name} }

// ownSession is a session that an operation is about, as just read.
type ownSession struct {
	session *auraclient.Session
	tenant  TenantRef
}

func (s ownSession) resource() op.Resource {
	return op.Resource{
		Kind: kindSession, ID: s.session.ID, Name: s.session.Name, Tenant: s.tenant.shown(), Memory: s.session.Memory, Status: sessionStatus(*s.session),
		Detail: joined(place(s.session.CloudProvider, s.session.Region), prefixed("attached to ", s.session.InstanceID)),
	}
}

// lookAtSession finds a session and reads its details and its tenant's name anew.
func (f *Fleet) lookAtSession(ctx context.Context, aura *auraclient.Client, given string, same match) (ownSession, error) {
	all, err := aura.GraphAnalytics.List(ctx, auraclient.SessionFilter{})
	if err != nil {
		return ownSession{}, fmt.Errorf("look for the graph analytics session %s: %w", text.Quote(given), err)
	}
	found, err := pick(kindSession, given, all, same, sessionNamed)
	if err != nil {
		return ownSession{}, err
	}
	s, err := aura.GraphAnalytics.Get(ctx, found.ID)
	if err != nil {
		return ownSession{}, fmt.Errorf("read the graph analytics session %s: %w", found.ID, err)
	}
	s.TenantID = cmp.Or(s.TenantID, found.TenantID)
	names, err := tenantNames(ctx, aura)
	if err != nil {
		return ownSession{}, err
	}
	return ownSession{session: s, tenant: TenantRef{ID: s.TenantID, Name: names[s.TenantID]}}, nil
}

type deleteSessionIn struct {
	SessionID string `json:"session_id" jsonschema:"ID or exact name of the session"`
}

func (f *Fleet) planDeleteSession(ctx context.Context, in deleteSessionIn) (op.Plan, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return op.Plan{}, err
	}
	s, err := f.lookAtSession(ctx, aura, in.SessionID, exactly)
	if err != nil {
		return op.Plan{}, err
	}
	plan := op.Plan{Headline: fmt.Sprintf("End the graph analytics session %s.", text.Quote(s.session.Name)), Targets: []op.Resource{s.resource()}}
	if s.session.Status == auraclient.SessionDeleted {
		return plan, nil // nothing left to do, so nobody needs to approve it
	}
	lost := "the graphs in its memory, and results that were not written back to a database; whatever runs in it stops"
	if s.session.Status.Failed() {
		lost = "nothing that could still be used: it has ended already"
	}
	plan.Effects = op.Disruptive
	plan.Facts = []op.Fact{
		{Label: "what is lost", Value: lost},
		{Label: "what stays", Value: "databases and their data"},
		{Label: "can be undone", Value: "no; another session can be started, and graphs loaded into it again"},
	}
	return plan, nil
}

func (f *Fleet) deleteSession(ctx context.Context, _ op.Call, _ deleteSessionIn, plan op.Plan) (SessionChange, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return SessionChange{}, err
	}
	target := plan.Targets[0]
	out := SessionChange{State: op.Done, SessionID: target.ID, Name: target.Name, Status: statusDeleted, Message: fmt.Sprintf("the session %s is deleted", text.Quote(target.Name))}
	if plan.Effects == op.Read {
		out.Message += " already; nothing was sent"
		return out, nil
	}
	err = aura.GraphAnalytics.Delete(ctx, target.ID)
	switch {
	case auraclient.IsGone(err): // somebody else was faster: gone is what was wanted
		return out, nil
	case err != nil:
		return SessionChange{}, fmt.Errorf("delete the graph analytics session %s: %w", target.ID, err)
	}
	left, err := aura.GraphAnalytics.Get(ctx, target.ID)
	if auraclient.IsGone(err) || (err == nil && left.Status == auraclient.SessionDeleted) {
		return out, nil
	}
	out.State, out.Status = op.Accepted, unknownValue
	if err == nil {
		out.Status = sessionStatus(*left)
	}
	out.Message = fmt.Sprintf("Aura accepted it; the session %s is being deleted", text.Quote(target.Name))
	out.Next = "call list_graph_analytics_sessions in a minute before you say that it is gone"
	return out, nil
}

type estimateSessionIn struct {
	NodeCount                 int64    `json:"node_count" jsonschema:"nodes of the graph" min:"0"`
	RelationshipCount         int64    `json:"relationship_count" jsonschema:"relationships of the graph" min:"0"`
	NodePropertyCount         int64    `json:"node_property_count,omitempty" jsonschema:"properties of nodes that are loaded" min:"0"`
	NodeLabelCount            int64    `json:"node_label_count,omitempty" jsonschema:"labels of nodes" min:"0"`
	RelationshipPropertyCount int64    `json:"relationship_property_count,omitempty" jsonschema:"properties of relationships that are loaded" min:"0"`
	AlgorithmCategories       []string `json:"algorithm_categories,omitempty" jsonschema:"what will be run: centrality, community-detection, machine-learning, node-embedding, path-finding, similarity"`
}

// SessionEstimate is the size of session that Aura recommends.
type SessionEstimate struct {
	RecommendedSize string `json:"recommended_size" jsonschema:"the memory to create a session with"`
	EstimatedMemory string `json:"estimated_memory"`
}

func (f *Fleet) estimateSession(ctx context.Context, _ op.Call, in estimateSessionIn) (SessionEstimate, error) {
	aura, err := f.client(ctx)
	if err != nil {
		return SessionEstimate{}, err
	}
	e, err := aura.GraphAnalytics.EstimateSize(ctx, auraclient.SessionSizingRequest{
		NodeCount: in.NodeCount, RelationshipCount: in.RelationshipCount, NodePropertyCount: in.NodePropertyCount,
		NodeLabelCount: in.NodeLabelCount, RelationshipPropertyCount: in.RelationshipPropertyCount, AlgorithmCategories: in.AlgorithmCategories,
	})
	if err != nil {
		return SessionEstimate{}, fmt.Errorf("estimate the size of the session: %w", err)
	}
	return SessionEstimate{RecommendedSize: shown(e.RecommendedSize), EstimatedMemory: shown(e.EstimatedMemory)}, nil
}

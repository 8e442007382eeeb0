package aurasim

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"
)

const maxStateFile = 32 << 20

// LoadState reads a state file, which the README of this package describes. It takes nothing it does not understand:
// an unknown field, a value that Aura does not have, an ID used twice or a reference to nothing is an error that
// names the place, the value and what is allowed; all of them are reported at once. Times relative to now ("-36h")
// keep a file from ageing.
func LoadState(r io.Reader, now time.Time) (State, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxStateFile+1))
	if err != nil {
		return State{}, fmt.Errorf("read state: %w", err)
	}
	if len(raw) > maxStateFile {
		return State{}, fmt.Errorf("state: longer than %d MB", maxStateFile>>20)
	}
	var found []complaint
	top, err := parseObject(bytes.TrimPrefix(raw, []byte("\ufeff")), "", &found)
	if err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	state := stateFile{now: now.UTC()}.read(top)
	if err := complaints(found); err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	if err := state.validate(); err != nil {
		return State{}, fmt.Errorf("state: %w", err)
	}
	return state, nil
}

// stateFile turns the objects of a file into the parts of a [State]; what the values may be is checked afterwards.
type stateFile struct {
	now time.Time
}

func (f stateFile) read(o *object) State {
	out := State{Tenants: []TenantState{}} // written again it is a list, not null
	o.require("tenants")
	for _, t := range o.objects("tenants") {
		out.Tenants = append(out.Tenants, f.tenant(t))
	}
	for _, in := range o.objects("instances") {
		out.Instances = append(out.Instances, f.instance(in))
	}
	for _, snap := range o.objects("snapshots") {
		out.Snapshots = append(out.Snapshots, f.snapshot(snap))
	}
	for _, k := range o.objects("customer_managed_keys") {
		out.Keys = append(out.Keys, f.key(k))
	}
	for _, x := range o.objects("sessions") {
		out.Sessions = append(out.Sessions, f.session(x))
	}
	for _, cred := range o.objects("credentials") {
		out.Credentials = append(out.Credentials, f.credential(cred))
	}
	o.done()
	return out
}

func (f stateFile) tenant(o *object) TenantState {
	out := TenantState{
		ID: o.requireText("id"), Name: o.requireText("name"),
		MaxInstances: int(o.whole("max_instances")), NoBillingDetails: o.flag("no_billing_details"),
		ComprehensiveMetrics: o.flag("comprehensive_metrics"),
	}
	for _, row := range o.objects("instance_configurations") {
		out.Configurations = append(out.Configurations, InstanceConfiguration{
			CloudProvider: row.requireText("cloud_provider"), Region: row.requireText("region"), RegionName: row.text("region_name"),
			Type: row.requireText("type"), Memory: row.requireText("memory"), Storage: row.requireText("storage"),
			Version: row.requireText("version"),
		})
		row.done()
	}
	o.done()
	return out
}

func (f stateFile) instance(o *object) InstanceState {
	out := InstanceState{
		ID: o.requireText("id"), Name: o.requireText("name"), TenantID: o.requireText("tenant_id"),
		Type: o.requireText("type"), CloudProvider: o.text("cloud_provider"), Region: o.text("region"),
		Memory: o.requireText("memory"), Storage: o.text("storage"),
		Status: o.text("status"), StatusSince: f.time(o, "status_since"), CreatedAt: f.time(o, "created_at"),
		GraphNodes: o.whole("graph_nodes"), GraphRelationships: o.whole("graph_relationships"),
		SecondariesCount: int(o.whole("secondaries_count")), CDCEnrichmentMode: o.text("cdc_enrichment_mode"),
		VectorOptimized: o.flag("vector_optimized"), GraphAnalyticsPlugin: o.flag("graph_analytics_plugin"),
		CustomerManagedKeyID: o.text("customer_managed_key_id"), Scenario: o.text("scenario"), ComprehensiveMetrics: o.flag("comprehensive_metrics"),
	}
	o.done()
	return out
}

func (f stateFile) snapshot(o *object) SnapshotState {
	out := SnapshotState{
		InstanceID: o.requireText("instance_id"), ID: o.requireText("snapshot_id"), Profile: o.text("profile"),
		Status: o.text("status"), Timestamp: f.time(o, "timestamp"),
		Exportable: o.flag("exportable") || !o.has("exportable"), // as most snapshots are
		GraphNodes: o.whole("graph_nodes"), GraphRelationships: o.whole("graph_relationships"),
	}
	o.done()
	return out
}

func (f stateFile) key(o *object) KeyState {
	out := KeyState{
		ID: o.requireText("id"), Name: o.requireText("name"), TenantID: o.requireText("tenant_id"), KeyID: o.requireText("key_id"),
		CloudProvider: o.requireText("cloud_provider"), Region: o.requireText("region"), InstanceType: o.requireText("instance_type"),
		Status: o.text("status"), Created: f.time(o, "created"),
	}
	o.done()
	return out
}

func (f stateFile) session(o *object) SessionState {
	out := SessionState{
		ID: o.requireText("id"), Name: o.requireText("name"), TenantID: o.requireText("tenant_id"), Memory: o.requireText("memory"),
		InstanceID: o.text("instance_id"), DatabaseID: o.text("database_id"),
		CloudProvider: o.text("cloud_provider"), Region: o.text("region"), Status: o.text("status"), Reason: o.text("reason"),
		TTL: o.text("ttl"), CreatedAt: f.time(o, "created_at"), UserID: o.text("user_id"),
	}
	o.done()
	return out
}

func (f stateFile) credential(o *object) Credential {
	out := Credential{
		ClientID: o.requireText("client_id"), ClientSecret: o.requireText("client_secret"), Tenants: o.texts("tenants"),
		NoMetrics: o.flag("no_metrics"),
	}
	o.done()
	return out
}

// time is zero if the field is absent.
func (f stateFile) time(o *object, name string) time.Time {
	before := len(*o.found)
	text := o.text(name)
	if !o.has(name) || len(*o.found) > before {
		return time.Time{}
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC()
	}
	if ago, ok := parseAgo(text); ok {
		return f.now.Add(-ago)
	}
	o.complain(name, `%q is not a time; allowed: RFC 3339, or how long ago, such as "-36h", "-45m" or "-10d12h"`, text)
	return time.Time{}
}

// parseAgo reads a negative duration, with days in front if there are any. A century is enough, and keeps it from
// overflowing.
func parseAgo(text string) (time.Duration, bool) {
	const day = 24 * time.Hour
	parts := regexp.MustCompile(`^-(?:(\d{1,5})d)?(.*)$`).FindStringSubmatch(text)
	if len(parts) != 3 || parts[1] == "" && parts[2] == "" {
		return 0, false
	}
	days, _ := strconv.Atoi("0" + parts[1])
	rest := time.Duration(0)
	if parts[2] != "" {
		var err error
		if rest, err = time.ParseDuration(parts[2]); err != nil || rest < 0 || rest > 36_500*day {
			return 0, false
		}
	}
	ago := time.Duration(days)*day + rest
	return ago, ago <= 36_500*day
}

package docgen_test

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/docgen"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/internal/vault"
	"aura-mcp/tools"
)

// exampleCalls has a call that works and one that is refused for every tool. They run in this order on one demo fleet, at a
// fixed time.
func exampleCalls() map[string][2]string {
	return map[string][2]string{
		"list_instances":         {`{"name":"*orders*"}`, `{"stauts":"paused"}`},
		"get_instance":           {`{"instance":"prod-orders"}`, `{"instance":"prod-order"}`},
		"create_instance":        {`{"name":"orders-copy","tenant":"Development","source_instance":"staging-orders"}`, `{"name":"test","tenant":"Development","type":"business-critical","memory":"9GB"}`},
		"update_instance":        {`{"instance":"staging-orders","memory":"32GB"}`, `{"instance":"playground","memory":"2GB"}`},
		"pause_instance":         {`{"instances":["staging-*","dev-*"]}`, `{"instance":"playground"}`},
		"resume_instance":        {`{"instance":"dev-campaign-2025","wait_seconds":30}`, `{"instance":"dev-supplier-import"}`},
		"delete_instance":        {`{"instance":"dev-supplier-import"}`, `{"instance":"dev-supplier"}`},
		"overwrite_instance":     {`{"instance":"staging-orders","source_instance":"prod-orders"}`, `{"instance":"recommendations","source_instance":"recommendations-v2"}`},
		"upgrade_instance":       {`{"instance":"recommendations"}`, `{"instance":"prod-orders"}`},
		"estimate_instance_size": {`{"node_count":1000000,"relationship_count":5000000}`, `{"node_count":1000000}`},
		"wait_for_instance":      {`{"instance":"prod-orders"}`, `{"instance":"prod-orders","wait_seconds":300}`},
		"list_operations":        {`{"instance":"prod-orders"}`, `{"from":"last week"}`},
		"list_snapshots":         {`{"instance":"prod-orders","near":"1999-12-30T12:00:00Z"}`, `{"instance":"prod-orders","from":"last week"}`},
		"get_snapshot":           {"", `{"instance":"prod-orders","snapshot_id":"no-such-snapshot"}`},
		"create_snapshot":        {`{"instance":"prod-orders"}`, `{"instance":"dev-campaign-2025"}`},
		"restore_snapshot":       {"", `{"instance":"prod-orders","snapshot_id":"no-such-snapshot"}`},
		"list_tenants":           {`{}`, `{"tenant":"Production"}`},
		"get_tenant":             {`{"tenant":"Production","type":"business-critical"}`, `{}`},

		"check_instance_health": {`{"instance":"staging-orders","chart":true}`, `{"instance":"staging-orders","window_seconds":10}`},
		"check_fleet_health":    {`{}`, `{"tenant":"Prodction"}`},
		"get_instance_metrics":  {`{"instance":"prod-orders","name":"page_cache"}`, `{"instance":"recommendations"}`},

		"list_customer_managed_keys":  {`{}`, `{"tenant":"Prodction"}`},
		"get_customer_managed_key":    {`{"key_id":"fraud-analytics"}`, `{"key_id":"fraud"}`},
		"create_customer_managed_key": {`{"name":"orders","tenant":"Production","cloud_key_id":"arn:aws:kms:us-east-1:111122223333:key/0e6d","cloud_provider":"aws","region":"us-east-1","instance_type":"enterprise-db"}`, `{"name":"orders","tenant":"Production","cloud_key_id":"arn:aws:kms:us-east-1:111122223333:key/0e6d","cloud_provider":"aws","region":"us-east-1","instance_type":"enterprise-ds"}`},
		"delete_customer_managed_key": {`{"key_id":"fraud-analytics"}`, `{"key_id":"customer-360"}`},

		"list_graph_analytics_sessions":    {`{}`, `{"instance":"recommendation"}`},
		"get_graph_analytics_session":      {`{"session_id":"supplier-clusters"}`, `{"session_id":"supplier"}`},
		"create_graph_analytics_session":   {`{"name":"order-clusters","memory":"8GB","instance":"prod-orders","ttl_minutes":120,"wait_seconds":30}`, `{"name":"supplier-clusters","memory":"8GB","tenant":"Development","cloud_provider":"gcp","region":"europe-west1"}`},
		"delete_graph_analytics_session":   {`{"session_id":"product-similarity"}`, `{"session_id":"product"}`},
		"estimate_graph_analytics_session": {`{"node_count":1000000,"relationship_count":5000000,"algorithm_categories":["centrality"]}`, `{"relationship_count":5000000}`},
	}
}

// examples plays the example calls. Each starts from the same fleet, so that one does not depend on another.
func examples(t *testing.T) map[string]docgen.Example {
	t.Helper()
	out := map[string]docgen.Example{}
	for _, o := range tools.New(tools.Options{}).Catalog() {
		name := o.Spec.Name
		calls, has := exampleCalls()[name]
		if !has {
			t.Errorf("%s has no example: add a row to exampleCalls", name)
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			if calls[0] == "" { // it needs the ID of a snapshot, which depends on the clock
				calls[0] = `{"instance":"prod-orders","snapshot_id":"` + s.sim.Snapshots("4c8e1f07")[3].ID + `"}`
			}
			e := docgen.Example{Arguments: calls[0], Refused: calls[1]}
			var err error
			if e.Question, e.Answer, err = s.call(t, name, calls[0]); err != nil {
				t.Errorf("%s %s: %v", name, calls[0], err)
			}
			if _, answer, err := s.call(t, name, calls[1]); err == nil {
				t.Errorf("%s %s should fail and answers %s", name, calls[1], answer)
			} else {
				e.Error = withoutRequestID(err.Error())
			}
			out[name] = e
		})
	}
	return out
}

// stage is a demo fleet with everything an operation needs.
type stage struct {
	sim     *aurasim.Server
	fleet   *tools.Fleet
	catalog map[string]op.Operation
	secrets string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	sim, err := aurasim.New(aurasim.Options{State: aurasim.DemoState(time.Now()), Speed: 20})
	if err != nil {
		t.Fatal(err)
	}
	aura, err := auraclient.New(aurasim.DemoClientID, aurasim.DemoClientSecret, auraclient.WithBaseURL("https://demo.invalid"), auraclient.WithTransport(sim.Transport()))
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{sim: sim, catalog: map[string]op.Operation{}, secrets: filepath.Join(t.TempDir(), "credentials")}
	s.fleet = tools.New(tools.Options{
		Connect: func(context.Context) (*auraclient.Client, error) { return aura, nil },
		Vault:   vault.New(vault.File, s.secrets),
		Journal: audit.InMemory(), SafetySnapshots: true,
	})
	for _, o := range s.fleet.Catalog() {
		s.catalog[o.Spec.Name] = o
	}
	return s
}

func (s *stage) call(t *testing.T, name, arguments string) (question, answer string, err error) {
	t.Helper()
	var given map[string]any
	if err := json.Unmarshal([]byte(arguments), &given); err != nil {
		t.Fatal(err)
	}
	r, err := s.catalog[name].Prepare(given)
	if err != nil {
		return "", "", err
	}
	plan, err := r.Plan(t.Context())
	if err != nil {
		return "", "", err
	}
	if plan.Effects.Guarded() {
		question = guard.NewPreview(plan.Shown(t.Context())).String()
	}
	out, err := r.Run(t.Context(), op.Call{}, plan)
	if err != nil {
		return "", "", err
	}
	encoded, err := op.Encode(out)
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, encoded, "", "  "); err != nil {
		t.Fatal(err)
	}
	return question, strings.ReplaceAll(pretty.String(), filepath.ToSlash(s.secrets), "~/.local/state/aura-mcp/credentials"), nil
}

// withoutRequestID drops the line that differs in every run.
func withoutRequestID(message string) string {
	before, _, _ := strings.Cut(message, "\nAura request ID:")
	return before
}

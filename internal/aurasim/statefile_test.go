package aurasim_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"aura-mcp/internal/aurasim"

	"github.com/google/go-cmp/cmp"
)

func loadedAt() time.Time { return time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC) }

// readmeExample is the state file that the README shows.
func readmeExample(t testing.TB) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```json\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("no ```json block in README.md")
	}
	return example
}

func TestTheExampleOfTheREADME(t *testing.T) {
	t.Parallel()
	state, err := aurasim.LoadState(strings.NewReader(readmeExample(t)), loadedAt())
	if err != nil {
		t.Fatal(err)
	}
	sim, err := aurasim.New(aurasim.Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, sim)
	c.login("my-client-id", "my-client-secret")
	if got := c.must(200, "GET", "/instances").list(); len(got) != 2 || got[0]["created_at"] != "2025-01-17T12:00:00Z" {
		t.Errorf("%v", got)
	}
	if got := state.Snapshots[0].Timestamp; !got.Equal(loadedAt().Add(-36 * time.Hour)) {
		t.Error(got)
	}
}

func TestTimesInAStateFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"-36h": 36 * time.Hour, "-90m": 90 * time.Minute, "-10d": 240 * time.Hour, "-2d12h30m": 60*time.Hour + 30*time.Minute, "-0s": 0,
		"2026-02-01T11:00:00Z": time.Hour, "2026-02-01T13:00:00+02:00": time.Hour,
	} {
		state, err := aurasim.LoadState(strings.NewReader(withInstance(`"created_at":"`+text+`"`)), loadedAt())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := loadedAt().Sub(state.Instances[0].CreatedAt); got != want {
			t.Errorf("%s: %v ago, want %v", text, got, want)
		}
	}
	for _, text := range []string{"", "-", "yesterday", "36h", "+36h", "-36", "--36h", "-1d-2h", "-d", "-99999d", "-2600000h", "2026-02-01"} {
		_, err := aurasim.LoadState(strings.NewReader(withInstance(`"created_at":"`+text+`"`)), loadedAt())
		if err == nil || !strings.Contains(err.Error(), "instances[0].created_at: \""+text+"\" is not a time; allowed: RFC 3339") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// withInstance is a state file with one instance that also has these fields.
func withInstance(fields string) string {
	base := map[string]string{"id": "aaaa0001", "name": "x", "tenant_id": tenantA, "type": "business-critical", "memory": "8GB"}
	var parts []string
	for name, value := range base {
		if !strings.Contains(fields, `"`+name+`":`) {
			parts = append(parts, `"`+name+`":"`+value+`"`)
		}
	}
	if fields != "" {
		parts = append(parts, fields)
	}
	return `{"tenants":[{"id":"` + tenantA + `","name":"A"}],"instances":[{` + strings.Join(parts, ",") + `}]}`
}

const (
	fileKey = `{"id":"` + readyKey + `","name":"k","tenant_id":"` + tenantA + `","key_id":"k","cloud_provider":"gcp","region":"europe-west1","instance_type":"enterprise-db"}`

	fileSession = `{"id":"s-04de43fe-67ab-4","name":"n","tenant_id":"` + tenantA + `","memory":"2GB"}`
)

func TestLoadStateIsStrict(t *testing.T) {
	t.Parallel()
	tenants := `{"tenants":[{"id":"` + tenantA + `","name":"A"}],`
	tests := []struct {
		name, file string
		want       []string
	}{
		{"nothing", "", []string{"malformed JSON"}},
		{"a list", "[]", []string{"must be a JSON object"}},
		{"a comma too many", "{\n  \"tenants\": [],\n}", []string{"line 3, column 1"}},
		{"no tenants", "{}", []string{"tenants: is required"}},
		{"a list of something else", `{"tenants":[1]}`, []string{"tenants[0]: must be a JSON object"}},
		{"an object instead of a list", `{"tenants":{}}`, []string{"tenants: {}: must be a list"}},
		{"an unknown part", `{"tenants":[],"databases":[]}`, []string{"databases: unknown field; allowed: credentials, customer_managed_keys, instances, sessions, snapshots, tenants"}},
		{"an unknown field", withInstance(`"memmory":"8GB"`), []string{"instances[0].memmory: unknown field; allowed: cdc_enrichment_mode,"}},
		{"a field twice", withInstance(`"region":"a","region":"b"`), []string{"instances[0].region: occurs twice"}},
		{"a wrong type", withInstance(`"secondaries_count":"2"`), []string{`instances[0].secondaries_count: "2": must be a whole number`}},
		{"null", withInstance(`"storage":null`), []string{`instances[0].storage: null: must be a string`}},
		{"a bad type", withInstance(`"type":"profesional-db"`), []string{`instances[0].type: "profesional-db" is not allowed; allowed: free-db, professional-db`}},
		{"a bad status", withInstance(`"status":"ready"`), []string{`instances[0].status: "ready" is not allowed; allowed: creating`}},
		{"a bad provider", withInstance(`"cloud_provider":"ibm"`), []string{`"ibm" is not allowed; allowed: gcp, aws, azure`}},
		{"bad memory", withInstance(`"memory":"3GB"`), []string{`instances[0].memory: "3GB" is not allowed; allowed: 1GB, 2GB`}},
		{"bad storage", withInstance(`"storage":"3GB"`), []string{`instances[0].storage: "3GB" is not allowed`}},
		{"a bad ID", withInstance(`"id":"XYZ"`), []string{`instances[0].id: "XYZ": must be 8 lower-case hexadecimal digits`}},
		{"a bad name", withInstance(`"name":" x"`), []string{`instances[0].name: " x": must not begin or end with a blank`}},
		{"a tenant that is not there", withInstance(`"tenant_id":"` + tenantB + `"`), []string{`instances[0].tenant_id: "` + tenantB + `" is none of the tenants`}},
		{"secondaries on the wrong type", withInstance(`"secondaries_count":1`), []string{"instances[0].secondaries_count: business-critical has no secondaries"}},
		{"a CDC mode that does not exist", withInstance(`"cdc_enrichment_mode":"on"`), []string{`"on" is not allowed; allowed: OFF, DIFF, FULL`}},
		{"vector with too little memory", withInstance(`"memory":"2GB","vector_optimized":true`), []string{"needs at least 4GB memory"}},
		{"the plugin on the wrong type", withInstance(`"graph_analytics_plugin":true`), []string{"business-critical has no such plugin"}},
		{"a key on the wrong type", withInstance(`"customer_managed_key_id":"k"`), []string{"business-critical has no customer managed keys", `"k" is none of the tenant's customer_managed_keys`}},
		{"storage on free-db", withInstance(`"type":"free-db","storage":"2GB"`), []string{"free-db has no storage setting"}},
		{"a scenario that does not exist", withInstance(`"scenario":"bad"`), []string{`instances[0].scenario: "bad" is not allowed; allowed: healthy, idle, busy, warning, critical`}},
		{"a scenario and granularity without metrics", withInstance(`"type":"professional-db","scenario":"idle","comprehensive_metrics":true`), []string{
			`instances[0].scenario: "idle" professional-db has no metrics`, "instances[0].comprehensive_metrics: professional-db has no metrics",
		}},
		{"a scenario of clusters only", withInstance(`"type":"enterprise-ds","scenario":"leaderless"`), []string{`"leaderless" enterprise-ds is not a cluster`}},
		{"roles and granularities that are no flags", `{"tenants":[{"id":"` + tenantA + `","name":"A","comprehensive_metrics":1}],"credentials":[{"client_id":"a","client_secret":"b","no_metrics":"yes"}]}`, []string{
			"tenants[0].comprehensive_metrics: 1: must be true or false", `credentials[0].no_metrics: "yes": must be true or false`,
		}},
		{"a negative count", withInstance(`"graph_nodes":-1`), []string{"must not be negative"}},
		{"a tenant twice", `{"tenants":[{"id":"` + tenantA + `","name":"A"},{"id":"` + tenantA + `","name":"B"}]}`, []string{`tenants[1].id: "` + tenantA + `" is used twice`}},
		{"a tenant ID that is no UUID", `{"tenants":[{"id":"a","name":""}]}`, []string{`tenants[0].id: "a" is not a lower-case UUID`, "tenants[0].name: must not be empty"}},
		{"a bad configuration", `{"tenants":[{"id":"` + tenantA + `","name":"A","instance_configurations":[{"cloud_provider":"x","region":"","type":"free","memory":"","storage":"","version":"6"}]}]}`, []string{
			`tenants[0].instance_configurations[0].cloud_provider: "x"`, ".type:", ".memory:", ".storage:", ".version:", ".region: must not be empty",
		}},
		{"a snapshot of nothing", tenants + `"snapshots":[{"instance_id":"aaaa0009","snapshot_id":""}]}`, []string{`snapshots[0].instance_id: "aaaa0009" is none of the instances`, "snapshots[0].snapshot_id: must not be empty"}},
		{"a bad profile and status", tenants + `"snapshots":[{"instance_id":"x","snapshot_id":"s","profile":"Manual","status":"Done"}]}`, []string{`"Manual" is not allowed; allowed: AdHoc, Scheduled`, `"Done" is not allowed; allowed: Pending`}},
		{"a snapshot twice", tenants + `"snapshots":[{"instance_id":"x","snapshot_id":"s"},{"instance_id":"x","snapshot_id":"s"}]}`, []string{`snapshots[1].snapshot_id: "s": the instance already has`}},
		{"a key with everything wrong", tenants + `"customer_managed_keys":[{"id":"k","name":"","tenant_id":"t","key_id":"","cloud_provider":"ibm","region":"","instance_type":"free-db","status":"Ready"}]}`, []string{
			`customer_managed_keys[0].id: "k" is not a lower-case UUID`, `customer_managed_keys[0].name: "": must be 1 to 30 characters`,
			`customer_managed_keys[0].tenant_id: "t" is none of the tenants`, "customer_managed_keys[0].key_id: must not be empty",
			`customer_managed_keys[0].cloud_provider: "ibm" is not allowed; allowed: gcp, aws, azure`, "customer_managed_keys[0].region: must not be empty",
			`customer_managed_keys[0].instance_type: "free-db" is not allowed; allowed: enterprise-db, enterprise-ds`,
			`customer_managed_keys[0].status: "Ready" is not allowed; allowed: pending, ready, deleting, error`,
		}},
		{"a key with nothing", tenants + `"customer_managed_keys":[{"created_at":"-1d"}]}`, []string{
			"customer_managed_keys[0].id: is required", ".key_id: is required", ".instance_type: is required", "customer_managed_keys[0].created_at: unknown field; allowed: cloud_provider, created,",
		}},
		{"a key twice", tenants + `"customer_managed_keys":[` + fileKey + `,` + fileKey + `]}`, []string{`customer_managed_keys[1].id: "` + readyKey + `" is used twice`}},
		{"the key of another tenant", `{"tenants":[{"id":"` + tenantA + `","name":"A"},{"id":"` + tenantB + `","name":"B"}],"customer_managed_keys":[` + fileKey + `],"instances":[{"id":"aaaa0001","name":"x","tenant_id":"` + tenantB + `","type":"enterprise-db","memory":"8GB","customer_managed_key_id":"` + readyKey + `"}]}`, []string{
			"is none of the tenant's customer_managed_keys",
		}},
		{"the key of another region", tenants + `"customer_managed_keys":[` + fileKey + `],"instances":[{"id":"aaaa0001","name":"x","tenant_id":"` + tenantA + `","type":"enterprise-db","memory":"8GB","region":"us-central1","customer_managed_key_id":"` + readyKey + `"}]}`, []string{
			"instances[0].customer_managed_key_id: the key is for enterprise-db in gcp europe-west1",
		}},
		{"a session with everything wrong", tenants + `"sessions":[{"id":"s-1","name":"","tenant_id":"t","memory":"1GB","database_id":"d","cloud_provider":"ibm","status":"ready","reason":"Boredom","ttl":"8d","user_id":"me"}]}`, []string{
			`sessions[0].id: "s-1": must look like s-04de43fe-67ab-4`, "sessions[0].name: must not be empty", `sessions[0].tenant_id: "t" is none of the tenants`,
			`sessions[0].memory: "1GB" is not allowed; allowed: 2GB, 4GB`, "sessions[0].database_id: needs instance_id", `sessions[0].cloud_provider: "ibm"`,
			`sessions[0].status: "ready" is not allowed; allowed: Creating, Ready, Expired, Failed`, `sessions[0].reason: "Boredom" is not allowed with status "ready"`,
			`sessions[0].ttl: "8d": must be more than nothing and at most 7 days`, `sessions[0].user_id: "me" is not a lower-case UUID`,
		}},
		{"a session attached to nothing", tenants + `"sessions":[{"id":"s-04de43fe-67ab-4","name":"n","tenant_id":"` + tenantA + `","memory":"2GB","instance_id":"aaaa0009"}]}`, []string{
			`sessions[0].id: "s-04de43fe-67ab-4": must be aaaa0009- and 8 lower-case`, `sessions[0].instance_id: "aaaa0009" is none of the instances`,
		}},
		{"a session elsewhere than its instance", `{"tenants":[{"id":"` + tenantA + `","name":"A"},{"id":"` + tenantB + `","name":"B"}],"instances":[{"id":"aaaa0001","name":"x","tenant_id":"` + tenantA + `","type":"free-db","memory":"1GB"}],
			"sessions":[{"id":"aaaa0001-04de43fe","name":"n","tenant_id":"` + tenantB + `","memory":"2GB","instance_id":"aaaa0001","cloud_provider":"aws","region":"eastus"}]}`, []string{
			`sessions[0].tenant_id: "` + tenantB + `" is not the tenant of instance aaaa0001`, `sessions[0].cloud_provider: "aws" is not that`, `sessions[0].region: "eastus" is not that`,
		}},
		{"a session twice", tenants + `"sessions":[` + fileSession + `,` + fileSession + `]}`, []string{
			`sessions[1].id: "s-04de43fe-67ab-4" is used twice`, `sessions[1].name: "n": the tenant already has a session of this name`,
		}},
		{"a reason without an end", tenants + `"sessions":[` + strings.Replace(fileSession, "{", `{"reason":"OOM",`, 1) + `]}`, []string{`sessions[0].reason: "OOM" is not allowed with status ""`}},
		{"a client twice, and one with no secret", tenants + `"credentials":[{"client_id":"c","client_secret":"s"},{"client_id":"c","client_secret":"","tenants":["nope"]}]}`, []string{
			`credentials[1].client_id: "c" is used twice`, "credentials[1].client_secret: must not be empty", `credentials[1].tenants[0]: "nope" is none of the tenants`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := aurasim.LoadState(strings.NewReader(tt.file), loadedAt())
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

func TestAStateSurvivesBeingWrittenAndRead(t *testing.T) {
	t.Parallel()
	want := aurasim.DemoState(loadedAt())
	file, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := aurasim.LoadState(strings.NewReader("\ufeff"+string(file)), loadedAt())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzLoadState(f *testing.F) {
	f.Add(readmeExample(f))
	f.Add(withInstance(`"created_at":"-36h","status":"paused"`))
	f.Add(withInstance(`"type":"enterprise-db","secondaries_count":1e2,"storage":null`))
	f.Add(withInstance(`"created_at":"2000-01-01T00:00:00Z","status_since":"9999-01-01T00:00:00Z","status":"paused"`))
	f.Add(`{"tenants":[{"id":"` + tenantA + `","name":"A"}],"customer_managed_keys":[` + fileKey + `],"sessions":[` + fileSession + `]}`)
	f.Add(withInstance(`"region":"a\"b\\\n","comprehensive_metrics":true,"secondaries_count":0,"scenario":"critical","status_since":"9999-01-01T00:00:00Z"`))
	f.Add(withInstance(`"type":"enterprise-db","comprehensive_metrics":true,"secondaries_count":1000000000`))
	f.Add(`{"tenants":[]}`)
	f.Add("{\"tenants\":[],\n}")
	f.Add(`{"tenants":[{"id":`)
	f.Fuzz(func(t *testing.T, file string) {
		state, err := aurasim.LoadState(strings.NewReader(file), loadedAt())
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		if _, err := aurasim.New(aurasim.Options{State: state}); err != nil {
			t.Fatalf("loaded and refused: %v", err)
		}
		open := state
		open.Credentials = nil
		sim := newSim(t, aurasim.Options{State: open})
		c := newClient(t, sim)
		for _, in := range sim.Instances() {
			sim.Snapshots(in.ID)
			if got := c.scrape(scrapePath(in.TenantID, in.ID)); got.status >= 500 && in.Scenario != "unavailable" {
				t.Errorf("metrics of %s: %d", in.ID, got.status)
			}
		}
		sim.Sessions()
		again, err := json.Marshal(state)
		if err != nil {
			t.Fatal(err)
		}
		reread, err := aurasim.LoadState(strings.NewReader(string(again)), loadedAt())
		if err != nil {
			t.Fatalf("written again and refused: %v\n%s", err, again)
		}
		if diff := cmp.Diff(state, reread); diff != "" {
			t.Error(diff)
		}
	})
}

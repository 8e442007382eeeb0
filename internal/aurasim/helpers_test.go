package aurasim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"aura-mcp/internal/aurasim"
)

const (
	tenantA = "11111111-1111-4111-8111-111111111111"
	tenantB = "22222222-2222-4222-8222-222222222222"

	orders  = "aaaa0001" // business-critical, tenant A
	shop    = "aaaa0002" // professional-db, tenant A
	vdc     = "aaaa0003" // enterprise-db, tenant A
	science = "aaaa0004" // enterprise-ds, tenant B
	free    = "aaaa0005" // free-db, tenant B
)

// fleet has one instance of each kind that behaves differently; all were created at the start, so that none has
// scheduled snapshots yet.
func fleet() aurasim.State {
	return aurasim.State{
		Tenants: []aurasim.TenantState{{ID: tenantA, Name: "Alpha"}, {ID: tenantB, Name: "Beta"}},
		Instances: []aurasim.InstanceState{
			{ID: orders, Name: "orders", TenantID: tenantA, Type: "business-critical", Memory: "8GB", GraphNodes: 100},
			{ID: shop, Name: "shop", TenantID: tenantA, Type: "professional-db", Memory: "4GB", GraphNodes: 40, GraphAnalyticsPlugin: true},
			{ID: vdc, Name: "vdc", TenantID: tenantA, Type: "enterprise-db", Memory: "8GB", SecondariesCount: 1, GraphNodes: 800},
			{ID: science, Name: "science", TenantID: tenantB, Type: "enterprise-ds", Memory: "16GB"},
			{ID: free, Name: "free", TenantID: tenantB, Type: "free-db", Memory: "1GB", GraphNodes: 1200, GraphRelationships: 5400},
		},
	}
}

func newSim(t *testing.T, o aurasim.Options) *aurasim.Server {
	t.Helper()
	if o.State.Tenants == nil {
		o.State = fleet()
	}
	sim, err := aurasim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

// client is as small as a client of Aura can be. It knows nothing of the simulator's types.
type client struct {
	t     *testing.T
	http  *http.Client
	base  string
	token string
}

func newClient(t *testing.T, sim *aurasim.Server) *client {
	t.Helper()
	return loggedIn(t, sim.Transport(), "https://api.neo4j.io")
}

func loggedIn(t *testing.T, over http.RoundTripper, base string) *client {
	t.Helper()
	c := &client{t: t, http: &http.Client{}, base: base}
	c.http.Transport = over //nolint:forbidigo // tests may speak HTTP, but their exemption misses a field: it is named without its package
	c.login(aurasim.DemoClientID, aurasim.DemoClientSecret)
	return c
}

func (c *client) login(id, secret string) reply {
	c.t.Helper()
	got := c.requestToken(id, secret, "grant_type=client_credentials")
	if token, ok := got.json()["access_token"].(string); ok {
		c.token = token
	}
	return got
}

func (c *client) requestToken(id, secret, form string) reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.base+"/oauth/token", strings.NewReader(form))
	if err != nil {
		c.t.Fatal(err)
	}
	req.SetBasicAuth(id, secret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.send(req)
}

// do sends a request that must be answered; the path is below /v1.
func (c *client) do(method, path string, body ...string) reply {
	c.t.Helper()
	return c.send(c.request(method, path, body...))
}

func (c *client) request(method, path string, body ...string) *http.Request {
	c.t.Helper()
	var content io.Reader
	if len(body) > 0 {
		content = strings.NewReader(body[0])
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+"/v1"+path, content)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if method == "POST" || method == "PATCH" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

func (c *client) send(req *http.Request) reply {
	c.t.Helper()
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{t: c.t, status: resp.StatusCode, header: resp.Header, body: string(body)}
}

// must is do, and fails the test if the status is another.
func (c *client) must(status int, method, path string, body ...string) reply {
	c.t.Helper()
	got := c.do(method, path, body...)
	if got.status != status {
		c.t.Fatalf("%s %s: status %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}

// session creates a session, or gets one.
func (c *client) session(status int, changes map[string]any) reply {
	c.t.Helper()
	return c.must(status, "POST", "/graph-analytics/sessions", sessionWish(changes))
}

// status is what a GET says about an instance, "gone" for a 404.
func (c *client) status(id string) string {
	c.t.Helper()
	got := c.do("GET", "/instances/"+id)
	if got.status == http.StatusNotFound {
		return "gone"
	}
	return got.text("status")
}

type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (r reply) json() map[string]any {
	r.t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(r.body), &out); err != nil {
		r.t.Fatalf("not JSON: %v: %s", err, r.body)
	}
	return out
}

// data is the object in the envelope.
func (r reply) data() map[string]any {
	r.t.Helper()
	out, ok := r.json()["data"].(map[string]any)
	if !ok {
		r.t.Fatalf("no data object: %d %s", r.status, r.body)
	}
	return out
}

func (r reply) list() []map[string]any {
	r.t.Helper()
	rows, ok := r.json()["data"].([]any)
	if !ok {
		r.t.Fatalf("no data list: %d %s", r.status, r.body)
	}
	out := make([]map[string]any, len(rows))
	for i, row := range rows {
		out[i] = row.(map[string]any)
	}
	return out
}

func (r reply) text(field string) string {
	r.t.Helper()
	value, _ := r.data()[field].(string)
	return value
}

// refusal is the first error in the shape of the API.
func (r reply) refusal() (reason, message, field string) {
	r.t.Helper()
	errs, _ := r.json()["errors"].([]any)
	if len(errs) == 0 {
		r.t.Fatalf("no errors: %d %s", r.status, r.body)
	}
	first := errs[0].(map[string]any)
	reason, _ = first["reason"].(string)
	message, _ = first["message"].(string)
	field, _ = first["field"].(string)
	return reason, message, field
}

func (r reply) wantRefusal(status int, reason string) {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if got, message, _ := r.refusal(); got != reason || message == "" {
		r.t.Fatalf("reason %q, want %q: %s", got, reason, r.body)
	}
}

// wantGateway checks the shape of the API gateway.
func (r reply) wantGateway(status int, text string) {
	r.t.Helper()
	if got, _ := r.json()["error"].(string); r.status != status || !strings.Contains(got, text) {
		r.t.Fatalf("got %d %s, want %d with error %q", r.status, r.body, status, text)
	}
}

func creation(changes map[string]any) string {
	return changed(map[string]any{
		"name": "new", "version": "5", "region": "europe-west1", "memory": "8GB", "type": "professional-db",
		"tenant_id": tenantA, "cloud_provider": "gcp",
	}, changes)
}

func keyWish(changes map[string]any) string {
	return changed(map[string]any{
		"key_id": "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k", "name": "new key", "cloud_provider": "gcp",
		"instance_type": "enterprise-db", "region": "europe-west1", "tenant_id": tenantA,
	}, changes)
}

// sessionWish stands alone; without cloud_provider and region, and with instance_id, it is attached.
func sessionWish(changes map[string]any) string {
	return changed(map[string]any{
		"name": "people", "memory": "8GB", "cloud_provider": "gcp", "region": "europe-west1", "tenant_id": tenantA,
	}, changes)
}

// changed is a body with some fields replaced, and those left out that are nil.
func changed(body, changes map[string]any) string {
	for k, v := range changes {
		if v == nil {
			delete(body, k)
			continue
		}
		body[k] = v
	}
	out, _ := json.Marshal(body)
	return string(out)
}

// advance lets time pass; only inside synctest.
func advance(d time.Duration) { <-time.After(d) }

func escaped(s string) string { return url.PathEscape(s) }

package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
	"aura-mcp/resources"
	"aura-mcp/tools"
)

// everyEra runs a test once for each way of starting a conversation.
func everyEra(t *testing.T, test func(t *testing.T, era string)) {
	t.Helper()
	t.Parallel()
	for name, era := range map[string]string{"legacy": legacy, "modern": modern} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, era) })
		})
	}
}

func (r *rig) tryPage(c *client.Client, uri string) (*mcp.ReadResourceResult, error) {
	r.t.Helper()
	return c.ReadResource(r.t.Context(), mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: uri}})
}

// page reads a page that there has to be.
func (r *rig) page(c *client.Client, uri string) mcp.TextResourceContents {
	r.t.Helper()
	result, err := r.tryPage(c, uri)
	if err != nil {
		r.t.Fatalf("%s: %v", uri, err)
	}
	content, ok := result.Contents[0].(mcp.TextResourceContents)
	if len(result.Contents) != 1 || !ok || content.Text == "" {
		r.t.Fatalf("%s: %+v, want one text", uri, result.Contents)
	}
	return content
}

func TestEveryPageIsListedAndReads(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t)
		c := r.connect(era, nil)
		listed := map[string]string{} // MIME type by address
		all, err := c.ListResources(t.Context(), mcp.ListResourcesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all.Resources {
			listed[one.URI] = one.MIMEType
			if one.Title == "" || one.Description == "" || one.Annotations == nil || one.Annotations.Priority == nil {
				t.Errorf("%s is listed without what a client shows of it: %+v", one.URI, one)
			}
			if one.URI != "aura://fleet" && (one.Size == nil || *one.Size != int64(len(r.page(c, one.URI).Text)) || one.Annotations.LastModified == "") {
				t.Errorf("%s is listed with size %v, last modified %q; its text has %d bytes", one.URI, one.Size, one.Annotations.LastModified, len(r.page(c, one.URI).Text))
			}
		}
		templates, err := c.ListResourceTemplates(t.Context(), mcp.ListResourceTemplatesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range templates.ResourceTemplates {
			listed[one.URITemplate.Raw()] = one.MIMEType
		}
		if len(listed) != len(resources.Pages()) {
			t.Errorf("%d pages and templates are listed, want %d: %v", len(listed), len(resources.Pages()), listed)
		}
		for _, p := range resources.Pages() {
			uri := strings.NewReplacer("{instance}", "prod", "{tenant}", "production").Replace(p.URI)
			content := r.page(c, uri)
			if content.URI != uri || content.MIMEType != listed[p.URI] {
				t.Errorf("%s reads as %s of type %q, listed with %q", uri, content.URI, content.MIMEType, listed[p.URI])
			}
			if isJSON := json.Valid([]byte(content.Text)); isJSON != (content.MIMEType == "application/json") {
				t.Errorf("%s says it is %s and is %.80s", uri, content.MIMEType, content.Text)
			}
			result, err := r.tryPage(c, uri)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case era == legacy && result.TTLMs != nil:
				t.Errorf("%s: an old client is given cache hints, which it does not know", uri)
			case era == modern && (result.CacheScope != mcp.CacheScopePrivate || result.TTLMs == nil || *result.TTLMs != p.Fresh.Milliseconds()):
				t.Errorf("%s: cached for %v, %q; want %s, private", uri, result.TTLMs, result.CacheScope, p.Fresh)
			}
		}
		if len(r.changes()) > 0 {
			t.Errorf("reading changed something: %v", r.changes())
		}
	})
}

func TestFleetPageShowsWhatIsKnownAndAsksOnceForEach(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t)
		c := r.connect(era, nil)
		first := r.page(c, "aura://fleet").Text
		const bare = "| prod | aaaaaaa1 | running | business-critical | 8GB | gcp/europe-west1 |  |  |"
		if !strings.Contains(first, bare) || !strings.Contains(first, "# Fleet: 6 databases") {
			t.Errorf("the page has no row %q:\n%s", bare, first)
		}
		if n := r.asked("/instances/"); n != 6 {
			t.Errorf("%d requests for the details of 6 databases", n)
		}
		before := len(r.sim.Requests())
		r.page(c, "aura://fleet")
		if n := len(r.sim.Requests()) - before; n != 0 {
			t.Errorf("the page again, at once, costs %d requests", n)
		}
		must[tools.InstanceHealth](r, c, "check_instance_health", map[string]any{"instance": "prod"})
		must[tools.SnapshotList](r, c, "list_snapshots", map[string]any{"instance": "prod"})
		after(4 * time.Minute)
		const full = "| prod | aaaaaaa1 | running | business-critical | 8GB | gcp/europe-west1 | 2 h | healthy 4 min |"
		if second := r.page(c, "aura://fleet").Text; !strings.Contains(second, full) {
			t.Errorf("the page has no row %q:\n%s", full, second)
		}
		all, err := c.ListResources(t.Context(), mcp.ListResourcesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		n := slices.IndexFunc(all.Resources, func(l mcp.Resource) bool { return l.URI == "aura://fleet" })
		if l := all.Resources[n]; l.Size == nil || l.Annotations.LastModified == "" {
			t.Errorf("the page was read and is listed without size and time: %+v", l)
		}
	})
}

// asked counts the requests to Aura whose path contains a part.
func (r *rig) asked(part string) int {
	n := 0
	for _, q := range r.sim.Requests() {
		if strings.Contains(q.Path, part) {
			n++
		}
	}
	return n
}

func TestPagesOfUnknownAndAmbiguousNames(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t, func(o *rigOptions) {
			o.sim.State.Instances = append(o.sim.State.Instances, aurasim.InstanceState{ID: "bbbbbbb1", Name: "staging", TenantID: productionID, Type: "professional-db", Memory: "2GB", Status: "running"})
		})
		c := r.connect(era, nil)
		code := mcp.ErrResourceNotFound
		if era == modern {
			code = mcp.ErrInvalidParams
		}
		for uri, want := range map[string][]string{
			"aura://instances/prd":                {`There is no instance "prd"`, `"prod" (aaaaaaa1)`, "aura://instances/prd"},
			"aura://instances/staging/health":     {"is ambiguous: 2 match", `"staging" (aaaaaaa2)`, `"staging" (bbbbbbb1)`},
			"aura://instances/Staging/snapshots":  {"is ambiguous", "aaaaaaa2", "bbbbbbb1"},
			"aura://instances/no%0A%E2%80%AEsuch": {`\n`, `\u202e`},
			"aura://tenants/Prodction":            {`There is no tenant "Prodction"`, `"Production"`},
			"aura://instances":                    {"there is no such page", "aura://instances/{instance}/health"},
			"aura://instances/prod/secrets":       {"there is no such page"},
			"file:///etc/passwd":                  {"there is no such page"},
		} {
			_, err := r.tryPage(c, uri)
			if !errors.Is(err, code) {
				t.Errorf("%s: error %v, want %v", uri, err, code)
				continue
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s: the error does not say %q: %v", uri, w, err)
				}
			}
			if strings.Contains(err.Error(), "Nothing was changed") {
				t.Errorf("%s: the error speaks of changes: %v", uri, err)
			}
		}
	})
}

func TestPageOfADatabaseThatIsGone(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t)
		c := r.connect(era, nil)
		r.page(c, "aura://instances/shop")
		if err := r.sim.Console().Delete(shopID); err != nil {
			t.Fatal(err)
		}
		after(30 * time.Minute)
		if _, err := r.tryPage(c, "aura://instances/shop"); err == nil || !strings.Contains(err.Error(), `There is no instance "shop"`) {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestNamesThatNeedEscaping(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		const odd = "a|b *c* [d](e) <f>"
		r := newRig(t, func(o *rigOptions) { o.sim.State.Instances[5].Name = odd })
		c := r.connect(era, nil)
		for _, uri := range []string{"aura://instances/a%7Cb%20%2Ac%2A%20%5Bd%5D%28e%29%20%3Cf%3E", "aura://instances/a|b *c* [d](e) <f>"} {
			if got := r.page(c, uri); !strings.Contains(got.Text, `"id":"`+shopID+`"`) {
				t.Errorf("%s reads as %s", uri, got.Text)
			}
		}
		const row = `| "a\|b \*c\* \[d\]\(e\) \<f\>" | ` + shopID + ` |`
		if fleet := r.page(c, "aura://fleet").Text; !strings.Contains(fleet, row) {
			t.Errorf("the fleet's page has no row %q:\n%s", row, fleet)
		}
	})
}

func TestPagesStayReadableOnAReadOnlyServer(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t, func(o *rigOptions) {
			o.policy = guard.Policy{ReadOnly: true, Toolsets: []string{"tenants"}, Denied: []string{"get_tenant"}}
		})
		c := r.connect(era, nil)
		if text := r.page(c, "aura://policy").Text; !strings.Contains(text, "**It is read-only**") || strings.Contains(text, "delete_instance") {
			t.Errorf("the policy's page:\n%s", text)
		}
		for _, uri := range []string{"aura://fleet", "aura://instances/prod", "aura://instances/prod/health", "aura://operations", "aura://guide"} {
			r.page(c, uri)
		}
	})
}

func TestPolicyPage(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t, func(o *rigOptions) {
			o.policy = guard.Policy{
				Approval:  guard.WayByEffect{Destructive: guard.Terminal},
				Protected: []string{"prod*"}, Locked: []string{"archive"}, Denied: []string{"upgrade_instance"}, MaxMemory: "64GB", MaxInstances: 9,
				Regions: []string{"europe-west1"}, Types: []string{"free-db"},
				Standing: []guard.Standing{{Operations: []string{"pause_instance"}, Names: []string{"ci-*"}, Tenant: "Development", MaxPerDay: 20}},
			}
			o.policyErr = errors.New("/home/somebody/.config/aura-mcp/config.toml:3: no such key")
		})
		text := r.page(r.connect(era, nil), "aura://policy").Text
		for _, want := range []string{
			"cannot be read at the moment, so everything that changes something is refused", `"prod\*"`, "archive", "switched off: upgrade_instance", "64GB", "there are 9",
			"europe-west1", "free-db", `pause_instance of "ci-\*" in the tenant Development, for at most 20 databases a day`,
			"| a person types the name | delete_instance, overwrite_instance, restore_snapshot, delete_customer_managed_key |", "What costs or interrupts is put to the person by their MCP client",
			"What destroys is put to the person at a terminal",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the page does not say %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "/home") || strings.Contains(text, ".toml") {
			t.Errorf("the page shows a path:\n%s", text)
		}
	})
}

func TestOperationsPageHasTheCallersOwnEntriesEscaped(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t, func(o *rigOptions) { o.sim.State.Instances[1].Name = "a|b\u202e" })
		c := r.connect(era, types("yes"))
		r.call(c, "pause_instance", map[string]any{"instance": stagingID})
		text := r.page(c, "aura://operations").Text
		const row = `| pause_instance | "a\|b\\u202e" \(aaaaaaa2\) |  | approved | accepted |`
		if !strings.Contains(text, row) || !strings.Contains(text, "1 of 1") {
			t.Errorf("the page has no row %q:\n%s", row, text)
		}
	})
}

func TestPagesWithoutAura(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t, func(o *rigOptions) {
			o.transport = func(http.RoundTripper) http.RoundTripper {
				return roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") })
			}
		})
		c := r.connect(era, nil)
		for _, uri := range []string{"aura://policy", "aura://operations", "aura://guide"} {
			r.page(c, uri)
		}
		for _, uri := range []string{"aura://fleet", "aura://instances/prod"} {
			if _, err := r.tryPage(c, uri); !errors.Is(err, mcp.ErrInternalError) || !strings.Contains(err.Error(), "Aura could not be reached") {
				t.Errorf("%s: the error is %v", uri, err)
			}
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// completed asks for the completion of an argument; ref is a template, or the name of a prompt.
func (r *rig) completed(c *client.Client, ref, argument, begun string, chosen map[string]string) mcp.Completion {
	r.t.Helper()
	request := mcp.CompleteRequest{Params: mcp.CompleteParams{
		Ref:      mcp.PromptReference{Type: "ref/prompt", Name: ref},
		Argument: mcp.CompleteArgument{Name: argument, Value: begun}, Context: mcp.CompleteContext{Arguments: chosen},
	}}
	if strings.Contains(ref, "://") {
		request.Params.Ref = mcp.ResourceReference{Type: "ref/resource", URI: ref}
	}
	result, err := c.Complete(r.t.Context(), request)
	if err != nil {
		r.t.Fatalf("complete %s of %s: %v", argument, ref, err)
	}
	return result.Completion
}

func TestCompletion(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t, func(o *rigOptions) {
			o.sim.State.Instances = append(o.sim.State.Instances,
				aurasim.InstanceState{ID: "bbbbbbb1", Name: "staging", TenantID: productionID, Type: "professional-db", Memory: "2GB", Status: "running"},
				aurasim.InstanceState{ID: "bbbbbbb2", Name: "hid\u200bden", TenantID: productionID, Type: "professional-db", Memory: "2GB", Status: "running"})
		})
		c := r.connect(era, nil)
		type chosen = map[string]string
		for _, tt := range []struct {
			name, ref, argument, begun string
			chosen                     chosen
			want                       []string
		}{
			{"names, then what contains it", "aura://instances/{instance}", "instance", "P", nil, []string{"playground", "prod", "importer", "shop"}},
			{"IDs", "aura://instances/{instance}/health", "instance", "aaaaaaa", nil, []string{prodID, stagingID, pausedID, freeID, busyID, shopID}},
			{"a shared name stands for nothing", "aura://instances/{instance}/snapshots", "instance", "stag", nil, nil},
			{"a name that hides something has its ID only", "a_prompt", "instance", "bbbb", nil, []string{"bbbbbbb1", "bbbbbbb2"}},
			{"tenants", "aura://tenants/{tenant}", "tenant", "", nil, []string{"Development", "Production", productionID, developmentID}},
			{"the source of a clone", "a_prompt", "source_instance", "pr", nil, []string{"prod"}},
			{"the last of several", "a_prompt", "instances", "staging, pr", nil, []string{"staging, prod"}},
			{"snapshots, newest first", "a_prompt", "snapshot_id", "", chosen{"instance": "Prod"}, []string{"hourly", oldSnapshot}},
			{"snapshots that a database can be made from", "a_prompt", "source_snapshot_id", "", chosen{"source_instance": prodID}, []string{oldSnapshot}},
			{"snapshots of nothing yet", "a_prompt", "snapshot_id", "", nil, nil},
			{"regions of the tenant and type", "a_prompt", "region", "", chosen{"tenant": "development", "type": "free-db"}, []string{"europe-west1"}},
			{"sizes by size", "a_prompt", "memory", "", chosen{"tenant": "Production", "type": "business-critical", "region": "europe-west1"}, []string{"2GB", "4GB", "8GB", "16GB", "32GB", "64GB"}},
			{"sizes of the database's tenant", "a_prompt", "memory", "128", chosen{"instance": "prod"}, []string{"128GB"}},
			{"sizes of no tenant yet", "a_prompt", "memory", "", nil, nil},
			{"an argument that nobody knows", "a_prompt", "colour", "", nil, nil},
		} {
			got := r.completed(c, tt.ref, tt.argument, tt.begun, tt.chosen)
			if !slices.Equal(got.Values, tt.want) || got.HasMore || got.Total != len(tt.want) {
				t.Errorf("%s: got %v of %d, want %v", tt.name, got.Values, got.Total, tt.want)
			}
		}
	})
}

func TestCompletionIsBounded(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t, func(o *rigOptions) {
			for n := range 150 {
				taken := time.Now().Add(-time.Duration(n+3) * time.Minute)
				o.sim.State.Snapshots = append(o.sim.State.Snapshots, aurasim.SnapshotState{InstanceID: shopID, ID: taken.UTC().Format(time.RFC3339), Timestamp: taken})
			}
		})
		got := r.completed(r.connect(era, nil), "a_prompt", "snapshot_id", "", map[string]string{"instance": "shop"})
		if len(got.Values) != 100 || got.Total != 150 || !got.HasMore || !slices.IsSortedFunc(got.Values, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Errorf("%d values of %d, more %v: %v", len(got.Values), got.Total, got.HasMore, got.Values[:3])
		}
	})
}

func TestCompletionDoesNotWaitForASlowAura(t *testing.T) {
	everyEra(t, func(t *testing.T, era string) {
		r := newRig(t, func(o *rigOptions) {
			o.transport = func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(q *http.Request) (*http.Response, error) {
					after(2 * time.Second)
					return next.RoundTrip(q)
				})
			}
		})
		c := r.connect(era, nil)
		begun := time.Now()
		got := r.completed(c, "aura://instances/{instance}", "instance", "prod", nil)
		if took := time.Since(begun); took > 300*time.Millisecond || len(got.Values) != 0 {
			t.Errorf("took %s and offered %v, want nothing after 300 ms", took, got.Values)
		}
		after(20 * time.Second)
		begun = time.Now()
		got = r.completed(c, "aura://instances/{instance}", "instance", "prod", nil)
		if took := time.Since(begun); took > 300*time.Millisecond || !slices.Equal(got.Values, []string{"prod"}) {
			t.Errorf("later it took %s and offered %v, want prod", took, got.Values)
		}
	})
}

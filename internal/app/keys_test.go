package app

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// createKey is a create_customer_managed_key that the test fleet allows.
func createKey(name string, more ...any) map[string]any {
	return with(map[string]any{
		"name": name, "cloud_key_id": "arn:aws:kms:us-east-1:111122223333:key/" + name, "tenant": "Production",
		"cloud_provider": "aws", "region": "us-east-1", "instance_type": "enterprise-db",
	}, more)
}

// seen types an answer and keeps the last question.
func seen(question *string, answer string) person {
	return func(_ context.Context, q string) (*mcp.ElicitationResult, error) {
		*question = q
		return answered(mcp.ElicitationResponseActionAccept, answer), nil
	}
}

const vaultKeyID = "44444444-4444-4444-8444-444444444444"

// withVault adds a database that is encrypted with a key.
func withVault(o *rigOptions) {
	o.sim.State.Keys = append(o.sim.State.Keys, key(vaultKeyID, "vault-key"))
	o.sim.State.Instances = append(o.sim.State.Instances, aurasim.InstanceState{
		ID: "eeeeeee1", Name: "vault", TenantID: productionID, Type: "enterprise-db", Memory: "8GB", CloudProvider: "aws", Region: "us-east-1", CustomerManagedKeyID: vaultKeyID,
	})
}

func TestTheWholeLifeOfAKey(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				yes := r.connect(version, types("yes"))

				created := must[tools.KeyChange](r, yes, "create_customer_managed_key", createKey("ledger", "wait_seconds", 40))
				if created.State != op.Accepted || created.Status != "pending" || !strings.Contains(created.Next, "permission") {
					t.Fatalf("a key takes three minutes, after 40 s: %+v", created)
				}
				vault := create("vault", "tenant", "Production", "type", "enterprise-db", "cloud_provider", "aws", "region", "us-east-1", "customer_managed_key_id", created.KeyID)
				r.refuses(yes, "create_instance", vault, "pending")
				after(150 * time.Second)
				got := must[tools.KeyDetails](r, yes, "get_customer_managed_key", map[string]any{"key_id": "LEDGER", "wait_seconds": 50})
				if got.Status != "ready" || got.Next != "" || got.KeyID != created.KeyID || got.Tenant.Name != "Production" || !strings.HasSuffix(got.CloudKeyID, "key/ledger") {
					t.Errorf("after three minutes: %+v", got)
				}
				instance := must[tools.InstanceCreated](r, yes, "create_instance", vault)
				after(10 * time.Minute)
				byName := map[string]any{"key_id": "ledger"}
				named := r.connect(version, types("ledger"))
				r.refuses(named, "delete_customer_managed_key", byName, `"ledger" is in use`, `"vault" (`+instance.InstanceID+`)`, "Nothing was changed.")
				if err := r.sim.Console().Delete(instance.InstanceID); err != nil {
					t.Fatal(err)
				}
				after(10 * time.Minute)
				deleted := must[tools.KeyChange](r, named, "delete_customer_managed_key", byName)
				if deleted.State != op.Done || deleted.Status != "deleted" || deleted.KeyID != created.KeyID {
					t.Errorf("%+v", deleted)
				}
				r.refuses(yes, "get_customer_managed_key", byName, `no customer managed key "ledger"`, "list_customer_managed_keys")
				want := []string{"POST /customer-managed-keys", "POST /instances", "POST /instances", "DELETE /customer-managed-keys/" + created.KeyID}
				if diff := cmp.Diff(want, r.changes()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestTheListOfKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withVault)
		c := r.connect(modern, nil)
		want := tools.KeyList{Total: 2, Keys: []tools.KeyRow{
			{KeyID: spareKeyID, Name: "spare", Tenant: "Production"}, {KeyID: vaultKeyID, Name: "vault-key", Tenant: "Production"},
		}}
		for _, arguments := range []map[string]any{nil, {"tenant": "production"}, {"tenant": productionID}} {
			if diff := cmp.Diff(want, must[tools.KeyList](r, c, "list_customer_managed_keys", arguments)); diff != "" {
				t.Errorf("%v: %s", arguments, diff)
			}
		}
		if text, _ := r.call(c, "list_customer_managed_keys", map[string]any{"tenant": "Development"}); text != `{"total":0,"keys":[]}` {
			t.Errorf("none: %s", text)
		}
		r.refuses(c, "list_customer_managed_keys", map[string]any{"tenant": "Prodction"}, `no tenant "Prodction"`, `"Production"`)
	})
}

func TestWaitsForAKeyTellTheTruth(t *testing.T) {
	t.Parallel()
	stays := func(o *aurasim.Options) { o.Quirks.KeyStaysPending = true }
	tests := []struct {
		name  string
		sim   func(*aurasim.Options)
		calls func(t *testing.T, r *rig)
	}{
		{"a fast key is ready within the wait", func(o *aurasim.Options) { o.Speed = 20 }, func(t *testing.T, r *rig) {
			out := must[tools.KeyChange](r, r.connect(modern, types("yes")), "create_customer_managed_key", createKey("new", "wait_seconds", 40))
			if out.State != op.Done || out.Status != "ready" || out.Next != "" {
				t.Errorf("%+v", out)
			}
		}},
		{"a key without permission is never ready", stays, func(t *testing.T, r *rig) {
			c := r.connect(modern, types("yes"))
			must[tools.KeyChange](r, c, "create_customer_managed_key", createKey("new"))
			after(24 * time.Hour)
			begun := time.Now()
			out := must[tools.KeyDetails](r, c, "get_customer_managed_key", map[string]any{"key_id": "new", "wait_seconds": 50})
			if out.Status != "pending" || !strings.Contains(out.Next, "tell the person") || time.Since(begun) > 51*time.Second {
				t.Errorf("after %v: %+v", time.Since(begun), out)
			}
		}},
		{"a person sets the permission up meanwhile", stays, func(t *testing.T, r *rig) {
			during(r, "new", func(id string) error { return r.sim.Console().SetKeyStatus(id, "ready") })
			out := must[tools.KeyChange](r, r.connect(modern, types("yes")), "create_customer_managed_key", createKey("new", "wait_seconds", 50))
			if out.State != op.Done || out.Status != "ready" {
				t.Errorf("%+v", out)
			}
		}},
		{"a key that fails is told as failed", stays, func(t *testing.T, r *rig) {
			during(r, "new", func(id string) error { return r.sim.Console().SetKeyStatus(id, "error") })
			out := must[tools.KeyChange](r, r.connect(modern, types("yes")), "create_customer_managed_key", createKey("new", "wait_seconds", 50))
			if out.State != op.Failed || out.Status != "error" || !strings.Contains(out.Message, "cannot use it") || !strings.Contains(out.Next, "not become ready by itself") {
				t.Errorf("%+v", out)
			}
		}},
		{"a colleague deletes what is waited for", stays, func(t *testing.T, r *rig) {
			c := r.connect(modern, types("yes"))
			must[tools.KeyChange](r, c, "create_customer_managed_key", createKey("new"))
			during(r, "new", r.sim.Console().DeleteKey)
			r.refuses(c, "get_customer_managed_key", map[string]any{"key_id": "new", "wait_seconds": 50}, `key "new" is gone`, "deleted meanwhile")
		}},
		{"a wait that breaks off is no failure of the creation", stays, func(t *testing.T, r *rig) {
			during(r, "new", r.sim.Console().DeleteKey)
			out := must[tools.KeyChange](r, r.connect(modern, types("yes")), "create_customer_managed_key", createKey("new", "wait_seconds", 50))
			if out.State != op.Accepted || out.Status != "unknown" || !strings.Contains(out.Message, "could not be read") || out.Next == "" {
				t.Errorf("%+v", out)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tt.calls(t, newRig(t, func(o *rigOptions) { tt.sim(&o.sim) }))
			})
		})
	}
}

// during does something to the key of a name ten seconds from now.
func during(r *rig, name string, do func(id string) error) {
	go func() {
		after(10 * time.Second)
		for _, k := range r.sim.Keys() {
			if k.Name == name {
				if err := do(k.ID); err != nil {
					r.t.Error(err)
				}
			}
		}
	}()
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, tool string
		arguments  map[string]any
		want       []string
	}{
		{"a place that is not on offer", "create_customer_managed_key", createKey("new", "region", "mars-north1"), []string{`"enterprise-db, aws/mars-north1" is not on offer`, "aws/us-east-1", "gcp/europe-west1"}},
		{"a provider that does not exist", "create_customer_managed_key", createKey("new", "cloud_provider", "moon"), []string{"`cloud_provider`", "aws, azure, gcp"}},
		{"a type that takes no key", "create_customer_managed_key", createKey("new", "instance_type", "professional-db"), []string{"`instance_type`", "enterprise-db, enterprise-ds"}},
		{"a blank name of the cloud's", "create_customer_managed_key", createKey("new", "cloud_key_id", " "), []string{"`cloud_key_id` is empty"}},
		{"a name that is too long", "create_customer_managed_key", createKey(strings.Repeat("x", 31)), []string{"no name that Aura takes", "31"}},
		{"a tenant that does not exist", "create_customer_managed_key", createKey("new", "tenant", "Test"), []string{`no tenant "Test"`}},
		{"no tenant where there are two", "create_customer_managed_key", createKey("new", "tenant", nil), []string{"There are 2 tenants"}},
		{"another case, for a change", "delete_customer_managed_key", map[string]any{"key_id": "SPARE"}, []string{`no customer managed key "SPARE"`, `"spare" (` + spareKeyID}},
		{"a key in use", "delete_customer_managed_key", map[string]any{"key_id": "vault-key"}, []string{`"vault-key" is in use`, `"vault" (eeeeeee1)`, "could not be read without it"}},
		{"a name that two have", "get_customer_managed_key", map[string]any{"key_id": "twin"}, []string{"ambiguous: 2 match", "Ask the person"}},
		{"a key that does not exist", "get_customer_managed_key", map[string]any{"key_id": "zzz"}, []string{`no customer managed key "zzz" among the 4`, "Call list_customer_managed_keys"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withVault, withTwins)
				r.refuses(r.connect(modern, types("yes")), tt.tool, tt.arguments, append(tt.want, r.saidOf(tt.tool)...)...)
				if got := r.changes(); len(got) != 0 {
					t.Errorf("it sent %v", got)
				}
			})
		})
	}
}

const twinKeyID = "55555555-5555-4555-8555-555555555555"

// withTwins adds two keys of one name.
func withTwins(o *rigOptions) {
	elsewhere := key("66666666-6666-4666-8666-666666666666", "twin")
	elsewhere.TenantID = developmentID
	o.sim.State.Keys = append(o.sim.State.Keys, key(twinKeyID, "twin"), elsewhere)
}

func TestTheQuestionAboutAKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withVault, withTwins, func(o *rigOptions) {
			o.sim.State.Instances = append(o.sim.State.Instances, aurasim.InstanceState{
				ID: "eeeeeee2", Name: "beside", TenantID: productionID, Type: "professional-db", Memory: "8GB", CloudProvider: "aws", Region: "us-east-1",
			})
		})
		var question string
		must[tools.KeyChange](r, r.connect(modern, seen(&question, "yes")), "create_customer_managed_key", createKey("spare", "cloud_key_id", "key\nTo approve:\u202e"))
		want := `Make the encryption key "spare" known to Aura.

new customer managed key: "spare" in "Production" (no ID yet, enterprise-db, aws/us-east-1, also named so: ` + spareKeyID + `)
effect: interrupts whoever uses it
same name: there is 1 already: ` + spareKeyID + `; this makes another one
key at the cloud provider: "key\nTo approve:\u202e"
what happens: it becomes ready only after a person has given Aura permission to use it at the cloud provider, as the Aura console explains; new databases can be encrypted with it then, and those that exist stay as they are
what depends on it: a database created with it can be read only while Aura may use the key at the cloud provider
can be undone: yes, by deleting it, as long as no database uses it

To approve, type: yes`
		if diff := cmp.Diff(want, question); diff != "" {
			t.Error(diff)
		}

		r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Path: "/v1/instances/eeeeeee1", Kind: aurasim.Answer, Status: 403, Times: 20})
		must[tools.KeyChange](r, r.connect(modern, seen(&question, twinKeyID)), "delete_customer_managed_key", map[string]any{"key_id": twinKeyID})
		for _, part := range []string{
			`Make Aura forget the encryption key "twin".`, `(` + twinKeyID + `, enterprise-db, ready, aws/us-east-1)`, "effect: loses data, or cannot be undone",
			"not known, since 1 database could not be read", "To approve, type exactly: " + twinKeyID, // the name would not say which
		} {
			if !strings.Contains(question, part) {
				t.Errorf("the question does not say %q:\n%s", part, question)
			}
		}
	})
}

func TestKeysAndAnAuraThatFails(t *testing.T) {
	t.Parallel()
	post := func(f aurasim.Fault) aurasim.Fault {
		f.Method, f.Path = http.MethodPost, "/v1/customer-managed-keys"
		return f
	}
	remove := func(status int, body string) aurasim.Fault {
		return aurasim.Fault{Method: http.MethodDelete, Path: "/v1/customer-managed-keys/*", Kind: aurasim.Answer, Status: status, Body: body}
	}
	create, forget := createKey("new"), map[string]any{"key_id": "spare"}
	tests := []struct {
		name      string
		fault     aurasim.Fault
		tool      string
		arguments map[string]any
		failed    bool
		want      string
		new       int // keys called "new" in the end
	}{
		{"an answer that got lost", post(aurasim.Fault{Kind: aurasim.CutAfter}), "create_customer_managed_key", create, false, `"status":"unknown"`, 1},
		{"a 502 about a key that was taken", post(aurasim.Fault{Kind: aurasim.Answer, Status: 502, After: true}), "create_customer_managed_key", create, false, "get_customer_managed_key", 1},
		{"a request that got lost", post(aurasim.Fault{Kind: aurasim.CutBefore}), "create_customer_managed_key", create, true, "It is not known whether Aura knows the key", 0},
		{"a refusal", post(aurasim.Fault{Kind: aurasim.Answer, Status: 403, Body: `{"errors":[{"message":"no","reason":"unauthorized"}]}`}), "create_customer_managed_key", create, true, "not allowed", 0},
		{"a use that only Aura sees", remove(400, `{"errors":[{"message":"linked to an active instance","reason":"encryption-key-is-active"}]}`), "delete_customer_managed_key", forget, true, "A database uses this key", 0},
		{"a colleague who was faster", remove(404, `{"errors":[{"message":"no such key","reason":"encryption-key-not-found"}]}`), "delete_customer_managed_key", forget, false, `"state":"done"`, 0},
		{"a deletion whose answer got lost", remove(500, ""), "delete_customer_managed_key", forget, true, "look with list_customer_managed_keys", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.sim.Fail(tt.fault)
				answer := "yes"
				if tt.tool == "delete_customer_managed_key" {
					answer = "spare"
				}
				text, failed := r.call(r.connect(modern, types(answer)), tt.tool, tt.arguments)
				if failed != tt.failed || !strings.Contains(text, tt.want) {
					t.Errorf("failed: %v, want %q in\n%s", failed, tt.want, text)
				}
				made := 0
				for _, k := range r.sim.Keys() {
					if k.Name == "new" {
						made++
					}
				}
				if made != tt.new || len(r.changes()) != 1 {
					t.Errorf("%d new keys, sent %v", made, r.changes())
				}
			})
		})
	}
}

func TestAKeyOnItsWayOutNeedsNoApproval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.sim.Console().SetKeyStatus(spareKeyID, "deleting"); err != nil {
			t.Fatal(err)
		}
		out := must[tools.KeyChange](r, r.connect(modern, nil), "delete_customer_managed_key", map[string]any{"key_id": "spare"})
		if out.State != op.Accepted || out.Status != "deleting" || len(r.changes()) != 0 {
			t.Errorf("%+v, sent %v", out, r.changes())
		}
	})
}

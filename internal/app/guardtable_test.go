package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
)

// attempt is one way around the guard. What Aura got to hear is the witness.
type attempt struct {
	name   string
	policy guard.Policy
	before func(*rig) error // how the fleet is, beside the usual
	tool   string
	call   map[string]any
	// typed is what the person answers; "" where there is nobody to ask. Meanwhile the world changes.
	typed     string
	meanwhile func(*aurasim.Console) error
	want      []string // what the refusal says; none where it runs
	sent      []string
}

func (a attempt) run(t *testing.T) {
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(a.name+" "+era, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) { o.policy = a.policy })
				if a.before != nil {
					if err := a.before(r); err != nil {
						t.Fatal(err)
					}
				}
				var asks client.ElicitationHandler
				asked := false
				if a.typed != "" {
					asks = person(func(context.Context, string) (*mcp.ElicitationResult, error) {
						asked = true
						if a.meanwhile != nil {
							if err := a.meanwhile(r.sim.Console()); err != nil {
								t.Error(err)
							}
						}
						return answered(mcp.ElicitationResponseActionAccept, a.typed), nil
					})
				}
				text, failed := r.call(r.connect(version, asks), a.tool, a.call)
				if failed != (len(a.want) > 0) || a.meanwhile != nil && !asked {
					t.Errorf("failed %v, asked %v: %s", failed, asked, text)
				}
				wants := slices.Clone(a.want)
				if failed {
					wants = append(wants, "Nothing was changed.", "What to do:")
				}
				for _, want := range wants {
					if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
						t.Errorf("it does not say %q: %s", want, text)
					}
				}
				if diff := cmp.Diff(a.sent, r.changes()); diff != "" {
					t.Errorf("Aura was told: %s", diff)
				}
				entries, _, err := r.journal.Read(time.Time{})
				if err != nil || len(entries) == 0 || entries[0].Operation != a.tool || (entries[0].Standing == audit.Refused) != failed {
					t.Errorf("the audit has %+v, %v; want how it ended first", entries, err)
				}
			})
		})
	}
}

const patchProd, patchStaging = "PATCH /instances/" + prodID, "PATCH /instances/" + stagingID

func TestANameCannotBeChangedToGetAroundARule(t *testing.T) {
	t.Parallel()
	rename := func(from, to string) map[string]any { return map[string]any{"instance": from, "name": to} }
	protected, locked := guard.Policy{Protected: []string{"prod*"}}, guard.Policy{Locked: []string{"prod*"}}
	jobs := guard.Policy{Standing: []guard.Standing{{Operations: []string{"pause_instance", "update_instance"}, Names: []string{"ci-*"}, MaxPerDay: 9}}}
	isCI := func(r *rig) error { return r.sim.Console().Rename(stagingID, "ci-1") }
	for _, a := range []attempt{
		{name: "out of a protected pattern, nobody there", policy: protected, tool: "update_instance", call: rename("prod", "x"), want: []string{"needs a person's approval"}},
		{name: "out of a protected pattern, refused", policy: protected, tool: "update_instance", call: rename("prod", "x"), typed: "no", want: []string{"not approved"}},
		{name: "out of a protected pattern, approved", policy: protected, tool: "update_instance", call: rename("prod", "x"), typed: "yes", sent: []string{patchProd}},
		{name: "into a protected pattern, nobody there", policy: protected, tool: "update_instance", call: rename("staging", "production"), want: []string{"needs a person's approval"}},
		{name: "into a protected pattern, approved", policy: protected, tool: "update_instance", call: rename("staging", "production"), typed: "yes", sent: []string{patchStaging}},
		{name: "within a protected pattern", policy: protected, tool: "update_instance", call: rename("prod", "prod-eu"), sent: []string{patchProd}},
		{name: "out of a locked pattern, approved all the same", policy: locked, tool: "update_instance", call: rename("prod", "x"), typed: "yes", want: []string{"setting locked"}},
		{name: "out of a locked pattern, by its ID", policy: locked, tool: "update_instance", call: rename(prodID, "x"), typed: "yes", want: []string{"setting locked"}},
		{name: "of one locked by its ID", policy: guard.Policy{Locked: []string{prodID}}, tool: "update_instance", call: rename("prod", "x"), typed: "yes", want: []string{"setting locked"}},
		{name: "into a locked pattern, nobody there", policy: locked, tool: "update_instance", call: rename("staging", "prod-2"), want: []string{"needs a person's approval"}},
		{name: "into a locked pattern, approved", policy: locked, tool: "update_instance", call: rename("staging", "prod-2"), typed: "yes", sent: []string{patchStaging}},
		{name: "locked while the person decides", policy: locked, tool: "update_instance", call: map[string]any{"instance": stagingID, "memory": "16GB"}, typed: "yes",
			meanwhile: func(k *aurasim.Console) error { return k.Rename(stagingID, "prod-2") }, want: []string{"setting locked"}},

		{name: "into what jobs may do, nobody there", policy: jobs, tool: "update_instance", call: rename("staging", "ci-9"), want: []string{"needs a person's approval"}},
		{name: "into what jobs may do, approved", policy: jobs, tool: "update_instance", call: rename("staging", "ci-9"), typed: "yes", sent: []string{patchStaging}},
		{name: "out of what jobs may do, by a job", policy: jobs, before: isCI, tool: "update_instance", call: rename("ci-1", "x"), want: []string{"needs a person's approval"}},
		{name: "within what jobs may do", policy: jobs, before: isCI, tool: "update_instance", call: rename("ci-1", "ci-2"), sent: []string{patchStaging}},

		{name: "a name with a slash is in the pattern", policy: locked, before: func(r *rig) error { return r.sim.Console().Rename(prodID, "prod/orders") },
			tool: "pause_instance", call: map[string]any{"instance": prodID}, typed: "yes", want: []string{"setting locked"}},
		{name: "a pattern has no other wildcard than *", policy: guard.Policy{Locked: []string{"p?od", `p[a-z]od`}}, tool: "pause_instance", call: map[string]any{"instance": "prod"}, typed: "yes",
			sent: []string{"POST /instances/" + prodID + "/pause"}},
		{name: "a pattern with a backslash is one, too", policy: guard.Policy{Locked: []string{`a\*`}}, before: func(r *rig) error { return r.sim.Console().Rename(prodID, `a\b`) },
			tool: "pause_instance", call: map[string]any{"instance": prodID}, typed: "yes", want: []string{"setting locked"}},
	} {
		a.run(t)
	}
}

func TestTheQuestionOfARenameSaysWhatItChanges(t *testing.T) {
	t.Parallel()
	const rules = "the new name changes which rules of this server's settings hold"
	for _, tt := range []struct {
		more, effect, also string
	}{
		{"", "effect: " + rules, ""},
		{"16GB", "effect: uses what the account pays for", "also: " + rules},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(o *rigOptions) { o.policy = guard.Policy{Protected: []string{"prod*"}} })
			var question string
			c := r.connect(modern, person(func(_ context.Context, asked string) (*mcp.ElicitationResult, error) {
				question = asked
				after(3 * time.Second)
				return answered(mcp.ElicitationResponseActionDecline, ""), nil
			}))
			call := map[string]any{"instance": "prod", "name": "x"}
			if tt.more != "" {
				call["memory"] = tt.more
			}
			r.refuses(c, "update_instance", call, "the person declined")
			if !strings.Contains(question, tt.effect) || !strings.Contains(question, tt.also) || strings.Contains(question, "interrupts whoever uses it") {
				t.Errorf("asked: %s", question)
			}
		})
	}
}

func TestADecisionMadeBeforehandCoversItsOwn(t *testing.T) {
	t.Parallel()
	one := func(name string) map[string]any { return map[string]any{"instance": name} }
	covering := func(names ...string) guard.Policy {
		return guard.Policy{Standing: []guard.Standing{{Operations: []string{"pause_instance", "delete_instance", "upgrade_instance"}, Names: names, Tenant: "Development", MaxPerDay: 2}}}
	}
	with := func(p guard.Policy, adjust func(*guard.Policy)) guard.Policy { adjust(&p); return p }
	pause := func(id string) string { return "POST /instances/" + id + "/pause" }
	const asks = "needs a person's approval"
	for _, a := range []attempt{
		{name: "what it names", policy: covering("stag*"), tool: "pause_instance", call: one("staging"), sent: []string{pause(stagingID)}},
		{name: "another name", policy: covering("stag*"), tool: "pause_instance", call: one("shop"), want: []string{asks}},
		{name: "another name, by its ID", policy: covering("stag*"), tool: "pause_instance", call: one(shopID), want: []string{asks}},
		{name: "an ID for a name", policy: covering(shopID), tool: "pause_instance", call: one("shop"), want: []string{asks}},
		{name: "another tenant", policy: covering("prod"), tool: "pause_instance", call: one("prod"), want: []string{asks}},
		{name: "another operation", policy: covering("stag*"), tool: "update_instance", call: map[string]any{"instance": "staging", "memory": "16GB"}, want: []string{asks}},
		{name: "what destroys", policy: covering("stag*"), tool: "delete_instance", call: one("staging"), want: []string{asks}},
		{name: "what cannot be undone", policy: covering("shop"), tool: "upgrade_instance", call: one("shop"), want: []string{asks}},
		{name: "a protected one", policy: with(covering("stag*"), func(p *guard.Policy) { p.Protected = []string{"staging"} }), tool: "pause_instance", call: one("staging"), want: []string{asks}},
		{name: "one protected by its ID", policy: with(covering("stag*"), func(p *guard.Policy) { p.Protected = []string{stagingID} }), tool: "pause_instance", call: one("staging"), want: []string{asks}},
		{name: "a locked one", policy: with(covering("stag*"), func(p *guard.Policy) { p.Locked = []string{"staging"} }), tool: "pause_instance", call: one("staging"), want: []string{"setting locked"}},
		{name: "everything", policy: covering("*"), tool: "pause_instance", call: one("staging"), want: []string{asks}},
		{name: "everything, written otherwise", policy: covering("**", " * ", "", "?*", "[^x]*"), tool: "pause_instance", call: one("staging"), want: []string{asks}},
		{name: "several, all of them named", policy: covering("s*"), tool: "pause_instance", call: map[string]any{"instances": []any{"staging", "shop"}}, sent: []string{pause(stagingID), pause(shopID)}},
		{name: "several, one of them not", policy: covering("stag*"), tool: "pause_instance", call: map[string]any{"instances": []any{"staging", "shop"}}, want: []string{asks}},
		{name: "several, more than a day has", policy: with(covering("s*"), func(p *guard.Policy) { p.Standing[0].MaxPerDay = 1 }), tool: "pause_instance", call: map[string]any{"instances": []any{"staging", "shop"}}, want: []string{asks}},
		{name: "none a day", policy: with(covering("s*"), func(p *guard.Policy) { p.Standing[0].MaxPerDay = 0 }), tool: "pause_instance", call: one("staging"), want: []string{asks}},
		{name: "one more than a day has", policy: covering("s*"), before: func(r *rig) error {
			c := r.connect(modern, nil)
			for _, name := range []string{"staging", "shop"} {
				if text, failed := r.call(c, "pause_instance", map[string]any{"instance": name}); failed {
					return errors.New(text)
				}
			}
			return r.sim.Console().SetStatus(stagingID, "running")
		}, tool: "pause_instance", call: one("staging"), want: []string{asks}, sent: []string{pause(stagingID), pause(shopID)}},
	} {
		a.run(t)
	}
}

func TestWhatIsSwappedWhileAPersonDecidesIsNotTouched(t *testing.T) {
	t.Parallel()
	overwrite := map[string]any{"instance": "staging", "source_instance": "prod"}
	ofSnapshot := map[string]any{"instance": "staging", "source_instance": "prod", "source_snapshot_id": oldSnapshot}
	clone := map[string]any{"name": "copy", "tenant": "Development", "source_instance": "prod"}
	const other = "what was approved is no longer what is there"
	swap := func(id, with string) func(*aurasim.Console) error {
		return func(k *aurasim.Console) error { // the one takes the other's name
			name := map[string]string{prodID: "prod", stagingID: "staging", shopID: "shop"}[id]
			return errors.Join(k.Rename(id, "old"), k.Rename(with, name))
		}
	}
	status := func(id, to string) func(*aurasim.Console) error {
		return func(k *aurasim.Console) error { return k.SetStatus(id, to) }
	}
	renamed := func(id string) func(*aurasim.Console) error {
		return func(k *aurasim.Console) error { return k.Rename(id, "other") }
	}
	gone := func(id string) func(*aurasim.Console) error {
		return func(k *aurasim.Console) error { return k.SetStatus(id, "destroying") }
	}
	for _, a := range []attempt{
		{name: "overwrite, the source's name is another's", tool: "overwrite_instance", call: overwrite, typed: "staging", meanwhile: swap(prodID, shopID), want: []string{other}},
		{name: "overwrite, the source has another name", tool: "overwrite_instance", call: overwrite, typed: "staging", meanwhile: renamed(prodID), want: []string{`no instance "prod"`}},
		{name: "overwrite, the source by its ID has another name", tool: "overwrite_instance", call: map[string]any{"instance": "staging", "source_instance": prodID}, typed: "staging", meanwhile: renamed(prodID), want: []string{other}},
		{name: "overwrite, the source was paused", tool: "overwrite_instance", call: overwrite, typed: "staging", meanwhile: status(prodID, "paused"), want: []string{other}},
		{name: "overwrite, the source goes", tool: "overwrite_instance", call: overwrite, typed: "staging", meanwhile: gone(prodID), want: []string{`"prod" is busy (destroying`}},
		{name: "overwrite, a name that two have", tool: "overwrite_instance", call: overwrite, typed: "staging",
			meanwhile: func(k *aurasim.Console) error { return k.Rename(shopID, "prod") }, want: []string{"ambiguous"}},
		{name: "overwrite, the target's name is another's", tool: "overwrite_instance", call: overwrite, typed: "staging", meanwhile: swap(stagingID, shopID), want: []string{other}},
		{name: "overwrite by a snapshot, the source's name is another's", tool: "overwrite_instance", call: ofSnapshot, typed: "staging", meanwhile: swap(prodID, shopID), want: []string{`"prod" has no snapshot`}},
		{name: "clone, the source's name is another's", tool: "create_instance", call: clone, typed: "yes", meanwhile: swap(prodID, stagingID), want: []string{other}},
		{name: "clone, the source's name is one's of another type", tool: "create_instance", call: clone, typed: "yes", meanwhile: swap(prodID, shopID), want: []string{other}},
		{name: "clone, the source was paused", tool: "create_instance", call: clone, typed: "yes", meanwhile: status(prodID, "paused"), want: []string{other}},
		{name: "clone, the source goes", tool: "create_instance", call: clone, typed: "yes", meanwhile: gone(prodID), want: []string{`"prod" is busy (destroying`}},
		{name: "restore, the target's name is another's", tool: "restore_snapshot", call: map[string]any{"instance": "prod", "snapshot_id": oldSnapshot}, typed: "prod", meanwhile: swap(prodID, shopID), want: []string{`"prod" has no snapshot`}},
		{name: "delete, the name is another's", tool: "delete_instance", call: map[string]any{"instance": "prod"}, typed: "prod", meanwhile: swap(prodID, shopID), want: []string{other}},
		{name: "upgrade, the name is another's", tool: "upgrade_instance", call: map[string]any{"instance": "shop"}, typed: "shop",
			before: func(r *rig) error { return r.sim.Console().SetStatus(pausedID, "running") }, meanwhile: swap(shopID, pausedID), want: []string{other}},
		{name: "another size, the name is another's", tool: "update_instance", call: map[string]any{"instance": "prod", "memory": "16GB"}, typed: "yes", meanwhile: swap(prodID, stagingID), want: []string{other}},
		{name: "nothing changed", tool: "overwrite_instance", call: overwrite, typed: "staging", meanwhile: func(*aurasim.Console) error { return nil },
			sent: []string{"POST /instances/" + stagingID + "/overwrite"}},
	} {
		a.run(t)
	}
}

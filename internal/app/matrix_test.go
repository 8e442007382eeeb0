package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/docgen"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// trouble is a column of the matrix of faults.
type trouble struct {
	name  string
	fault aurasim.Fault
	token *aurasim.Fault // of the token endpoint, at a time when a new token is needed
	skew  time.Duration  // of Aura's clock
}

func troubles() []trouble {
	answer := func(status int, header, body string) aurasim.Fault {
		f := aurasim.Fault{Status: status, Body: body}
		if name, value, ok := strings.Cut(header, ": "); ok {
			f.Header = http.Header{name: {value}}
		}
		return f
	}
	after := func(f aurasim.Fault) aurasim.Fault { f.After = true; return f }
	refusal := func(status int, reason string) aurasim.Fault {
		return answer(status, "", `{"errors":[{"message":"what Aura says","reason":"`+reason+`"}]}`)
	}
	const page = "<html><head><title>502 Bad Gateway</title></head><body><script>alert(1)</script></body></html>"
	soon := time.Date(2000, 1, 1, 0, 0, 5, 0, time.UTC).Format(http.TimeFormat) // a bubble's clock begins at midnight
	return []trouble{
		{name: "the connection is refused", fault: aurasim.Fault{Kind: aurasim.Refused}},
		{name: "the connection is reset before the request is read", fault: aurasim.Fault{Kind: aurasim.CutBefore}},
		{name: "the connection is reset after the request was taken", fault: aurasim.Fault{Kind: aurasim.CutAfter}},
		{name: "no answer for an hour", fault: aurasim.Fault{Kind: aurasim.Delay, Delay: time.Hour}},
		{name: "no answer for an hour, and the request was taken", fault: aurasim.Fault{Kind: aurasim.Delay, Delay: time.Hour, After: true}},
		{name: "an answer after 20 seconds", fault: aurasim.Fault{Kind: aurasim.Delay, Delay: 20 * time.Second}},
		{name: "401", fault: answer(401, "", "")},
		{name: "403 without the permission", fault: refusal(403, "unauthorized")},
		{name: "403 of the gateway", fault: answer(403, "", "")},
		{name: "404", fault: refusal(404, "db-not-found")},
		{name: "404 with a page", fault: answer(404, "Content-Type: text/html", page)},
		{name: "409 busy", fault: refusal(409, "ongoing-database-operation")},
		{name: "410", fault: refusal(410, "db-already-deleted")},
		{name: "415", fault: answer(415, "", "")},
		{name: "420", fault: answer(420, "", "")},
		{name: "429, come back in 2 seconds", fault: answer(429, "Retry-After: 2", "")},
		{name: "429, come back in 2 hours", fault: answer(429, "Retry-After: 7200", "")},
		{name: "429, come back at a time", fault: answer(429, "Retry-After: "+soon, "")},
		{name: "429 without a time", fault: answer(429, "", "")},
		{name: "429 with a time that is none", fault: answer(429, "Retry-After: soon", "")},
		{name: "500", fault: answer(500, "", "")},
		{name: "500 as plain text, and the request was taken", fault: after(answer(500, "Content-Type: text/plain", "no rows in result set"))},
		{name: "502 with a page", fault: answer(502, "Content-Type: text/html", page)},
		{name: "502 with a page, and the request was taken", fault: after(answer(502, "Content-Type: text/html", page))},
		{name: "503, come back in 3 seconds", fault: answer(503, "Retry-After: 3", "")},
		{name: "an empty body", fault: aurasim.Fault{Status: 200, NoBody: true, After: true}},
		{name: "a body that is cut off", fault: aurasim.Fault{Kind: aurasim.CutInBody}},
		{name: "a page where JSON should be", fault: after(answer(200, "Content-Type: text/html", "<html>Please log in</html>"))},
		{name: "JSON of wrong types", fault: after(answer(200, "", `{"data":{"id":7,"name":["x"],"status":{"a":1},"tenant_id":false,"memory":3.5,"did_exceed_maximum":"no","snapshot_id":[]}}`))},
		{name: "JSON of another shape", fault: after(answer(200, "", `{"data":"job-123"}`))},
		{name: "10 MB of body", fault: aurasim.Fault{Kind: aurasim.HugeBody}},
		{name: "a body whose second half never comes", fault: aurasim.Fault{Kind: aurasim.SlowBody, Delay: time.Hour}},
		{name: "the token endpoint is down when a token is needed", fault: answer(401, "", ""), token: &aurasim.Fault{Status: 503}},
		{name: "the token endpoint refuses the credentials", fault: answer(401, "", ""), token: &aurasim.Fault{Status: 401, Body: `{"error":"access_denied","error_description":"Unauthorized"}`}},
		{name: "the answer gets lost, and Aura's clock is 10 minutes ahead", fault: aurasim.Fault{Kind: aurasim.CutAfter}, skew: 10 * time.Minute},
		{name: "the answer gets lost, and Aura's clock is 10 minutes behind", fault: aurasim.Fault{Kind: aurasim.CutAfter}, skew: -10 * time.Minute},
	}
}

// callsOfAll has a call of every tool that succeeds on the test fleet.
func callsOfAll() map[string]guardedCall {
	prod := map[string]any{"instance": "prod"}
	counts := map[string]any{"node_count": 1000, "relationship_count": 5000}
	calls := map[string]guardedCall{
		"list_instances": {}, "get_instance": {arguments: prod}, "estimate_instance_size": {arguments: counts}, "list_operations": {},
		"wait_for_instance": {arguments: map[string]any{"instance": "archive", "status": "paused", "wait_seconds": 30}},
		"list_snapshots":    {arguments: prod}, "get_snapshot": {arguments: map[string]any{"instance": "prod", "snapshot_id": oldSnapshot}},
		"list_tenants": {}, "get_tenant": {arguments: map[string]any{"tenant": "Production"}},
		"check_instance_health": {arguments: prod}, "check_fleet_health": {}, "get_instance_metrics": {arguments: prod},
		"list_customer_managed_keys": {}, "get_customer_managed_key": {arguments: map[string]any{"key_id": "spare"}},
		"list_graph_analytics_sessions": {}, "get_graph_analytics_session": {arguments: map[string]any{"session_id": "people"}},
		"estimate_graph_analytics_session": {arguments: counts},
	}
	maps.Copy(calls, guardedCalls())
	return calls
}

// verdict is a cell of the matrix, one letter for a fault that strikes once and one for a fault that stays.
type verdict rune

const (
	succeeds verdict = '+' // it succeeded
	tells    verdict = '-' // an error with cause and next step; nothing was changed
	unknown  verdict = '?' // an error that says that the outcome is not known
)

// cell is one call under one fault.
type cell struct {
	tool    string
	call    guardedCall
	trouble trouble
	change  string // "POST /path" of the change that is struck; empty strikes what is read
	stays   bool
}

func (c cell) run(t *testing.T) (v verdict) {
	r := newRig(t, func(o *rigOptions) { o.sim.ClockSkew = c.trouble.skew })
	assistant := r.connect(modern, types(c.call.typed))
	must[tools.TenantList](r, assistant, "list_tenants", nil) // the token is there, and nothing of the instances
	r.sim.ResetRequests()
	c.arm(r)
	before := r.truth()
	text, failed := c.settled(t, r, assistant)
	v = c.judge(t, text, failed, !gocmp.Equal(before, r.truth()))
	c.oneChange(t, r)
	c.audited(t, r, v)
	if log := r.log.String(); strings.Contains(log, "panic") || strings.Contains(log+text, aurasim.DemoClientSecret) {
		t.Errorf("a panic, or the secret:\n%s\n%s", text, log)
	}
	return v
}

// settled calls until the answer is more than that it goes on, as that answer asks for.
func (c cell) settled(t *testing.T, r *rig, client *client.Client) (text string, failed bool) {
	t.Helper()
	for range 20 {
		begun := time.Now()
		result, err := client.CallTool(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: c.tool, Arguments: c.call.arguments}})
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		if took := time.Since(begun); took > 50*time.Second {
			t.Errorf("it took %v", took)
		}
		if text = c.text(t, r, result); !strings.Contains(text, `"state":"in_progress"`) {
			return text, result.IsError
		}
	}
	t.Fatalf("it never ends: %s", text)
	return "", false
}

// text is what the answer says; a picture may go with it.
func (c cell) text(t *testing.T, r *rig, result *mcp.CallToolResult) string {
	t.Helper()
	if result.IsError {
		return r.told(c.tool, result)
	}
	structured, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.catalog[c.tool].Validate(structured); err != nil {
		t.Errorf("the result does not fit the output schema: %v\n%s", err, structured)
	}
	return string(structured)
}

// arm strikes every request that reads, or the one that changes.
func (c cell) arm(r *rig) {
	times := 1
	if c.stays {
		times = 1000
	}
	if c.trouble.token != nil {
		down := *c.trouble.token
		down.Path, down.Times = "/oauth/token", max(times, tokenTries)
		r.sim.Fail(down)
	}
	fault := c.trouble.fault
	fault.Times, fault.Method = times, http.MethodGet
	if c.change != "" {
		method, path, _ := strings.Cut(c.change, " ")
		fault.Method, fault.Path = method, "/v1"+path
	} else if strings.HasPrefix(c.tool, "estimate_") {
		fault.Method = http.MethodPost
	}
	r.sim.Fail(fault)
}

// tokenTries is how often a token is asked for before an operation gives up.
const tokenTries = 3

// judge reads the answer: whatever it says has to be true.
func (c cell) judge(t *testing.T, text string, failed, changed bool) verdict {
	t.Helper()
	acts := guardedCalls()[c.tool].arguments != nil
	if !failed {
		gone := strings.HasPrefix(c.tool, "delete_") && slices.Contains([]string{"404", "410"}, c.trouble.name)
		if acts && !changed && !gone { // what Aura no longer knows counts as deleted
			t.Errorf("a success, and nothing has changed: %s", text)
		}
		if c.tool == "create_instance" && !strings.Contains(text, `"password_at"`) && !strings.Contains(text, "password was lost") {
			t.Errorf("where is the password? %s", text)
		}
		return succeeds
	}
	what, next, found := strings.Cut(text, "\nWhat to do: ")
	if len(what) < 20 || !found || len(next) < 10 || len(text) > 1200 || strings.Contains(text, "<script>") {
		t.Errorf("no cause, or no next step: %q", text)
	}
	unsure, untouched := strings.Contains(what, "ot known whether"), strings.Contains(what, "Nothing was changed.")
	secured := strings.Contains(what, "its data was not touched") || strings.Contains(what, "its data is as it was") // but for a snapshot
	switch {
	case acts && unsure == (untouched || secured):
		t.Errorf("it has to say that nothing was changed, or that this is not known: %s", text)
	case changed && !unsure:
		t.Errorf("something has changed: %s", text)
	}
	if unsure {
		return unknown
	}
	return tells
}

// oneChange looks at what Aura got: only what it refused for the token or the rate may come again.
func (c cell) oneChange(t *testing.T, r *rig) {
	t.Helper()
	sent := map[string]int{}
	for _, q := range r.sim.Requests() {
		if q.Method != http.MethodGet && q.Path != "/oauth/token" && q.Status != http.StatusUnauthorized && q.Status != http.StatusTooManyRequests && !strings.HasSuffix(q.Path, "/sizing") &&
			!(q.Status == http.StatusForbidden && c.trouble.fault.Status == http.StatusForbidden) {
			sent[q.Method+" "+q.Path]++
		}
	}
	for what, n := range sent {
		if n > 1 {
			t.Errorf("%s was sent %d times", what, n)
		}
	}
}

// audited: what was sent is in the journal with its outcome, in the same words as in the answer.
func (c cell) audited(t *testing.T, r *rig, v verdict) {
	t.Helper()
	entries, _, err := r.journal.Read(time.Time{})
	if err != nil || len(entries) > 1 {
		t.Fatalf("%d entries in the audit, %v", len(entries), err)
	}
	sent := len(r.changes()) > 0
	if len(entries) == 0 {
		if sent || v != tells && guardedCalls()[c.tool].arguments != nil {
			t.Error("the audit knows nothing of it")
		}
		return
	}
	standing := entries[0].Standing
	fits := map[verdict][]audit.Standing{
		succeeds: {audit.Standing(op.Accepted), audit.Standing(op.Done)}, tells: {"failed", audit.Refused}, unknown: {audit.Unknown},
	}[v]
	if !slices.Contains(fits, standing) || sent && standing == audit.Refused {
		t.Errorf("the answer is %c and the audit says %s", v, standing)
	}
}

// truth is the fleet as it is, without what moves by itself.
func (r *rig) truth() map[string]string {
	out := map[string]string{}
	for _, i := range r.sim.Instances() {
		if i.ID != busyID {
			out[i.ID] = fmt.Sprintf("%s %s %s %s %s", i.Name, i.Type, i.Memory, i.Storage, i.Status)
		}
		for _, s := range r.sim.Snapshots(i.ID) {
			out[i.ID+" "+s.ID] = "snapshot"
		}
	}
	for _, k := range r.sim.Keys() {
		out[k.ID] = "key"
	}
	for _, s := range r.sim.Sessions() {
		out[s.ID] = "session"
	}
	return out
}

// changesSent are the changes that each guarded call sends when all goes well.
func changesSent(t *testing.T) map[string]string {
	out := map[string]string{}
	for name, call := range guardedCalls() {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			if text, failed := r.call(r.connect(modern, types(call.typed)), name, call.arguments); failed || len(r.changes()) != 1 {
				t.Fatalf("%s: %v, %s", name, r.changes(), text)
			}
			out[name] = r.changes()[0]
		})
	}
	return out
}

// matrix is a table of cells, by tool.
type matrix map[string][]string

func (m matrix) String() string {
	var b strings.Builder
	b.WriteString("| tool |")
	for n := range troubles() {
		fmt.Fprintf(&b, " %d |", n+1)
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(troubles())) + "|\n")
	for _, tool := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", tool, strings.Join(m[tool], " | "))
	}
	return b.String()
}

// cells are the rows of a table as it stands between the markers of the page; none where the table has other columns.
func cells(page, name string) matrix {
	_, table, _ := strings.Cut(page, "<!-- "+name+":begin -->")
	table, _, _ = strings.Cut(table, "<!-- "+name+":end -->")
	m := matrix{}
	for line := range strings.Lines(table) {
		row := strings.Split(strings.Trim(line, "| \n"), " | ")
		if tool := strings.Trim(row[0], "`"); len(row) == len(troubles())+1 && tool != row[0] {
			m[tool] = row[1:]
		}
	}
	return m
}

// reliabilityPage has the matrix, between markers.
const reliabilityPage = "../../docs/reliability.md"

// TestEveryToolUnderEveryFault calls every tool under every fault, once and again and again, and compares what came of it with
// the page. Without FAULTS=all it tries one cell in ten and believes the page for the rest.
func TestEveryToolUnderEveryFault(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.FromSlash(reliabilityPage))
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(raw), "\r\n", "\n")
	all := os.Getenv("FAULTS") == "all"
	tables := map[string]matrix{"read": {}, "changed": {}}
	if !all {
		tables = map[string]matrix{"read": cells(page, "read"), "changed": cells(page, "changed")}
	}
	for name := range newRig(t).catalog {
		if _, known := callsOfAll()[name]; !known {
			t.Errorf("%s has no call in callsOfAll", name)
		}
	}
	sample := 10
	if testing.Short() { // with the race detector, where each takes ten times as long
		sample = 100
	}
	fillIn(t, tables, func(n int) bool { return all || n%sample == 0 })

	var list strings.Builder
	for n, trouble := range troubles() {
		fmt.Fprintf(&list, "%d. %s\n", n+1, trouble.name)
	}
	want := page
	for name, content := range map[string]string{"faults": list.String(), "read": tables["read"].String(), "changed": tables["changed"].String()} {
		if want, err = docgen.Replace(want, name, content); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv("UPDATE") != "" && all {
		if err := os.WriteFile(filepath.FromSlash(reliabilityPage), []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(page, want); diff != "" {
		t.Errorf("%s is not what comes of the faults; where that is meant: make faults UPDATE=1\n%s", reliabilityPage, diff)
	}
}

// fillIn runs the cells that are picked by a number that goes through all of them.
func fillIn(t *testing.T, tables map[string]matrix, picked func(int) bool) {
	t.Helper()
	changes, mu, number := changesSent(t), sync.Mutex{}, 0
	t.Run("cells", func(t *testing.T) {
		for _, tool := range slices.Sorted(maps.Keys(callsOfAll())) {
			for _, struck := range []string{"read", "changed"} {
				if struck == "changed" && changes[tool] == "" {
					continue
				}
				m, c := tables[struck], cell{tool: tool, call: callsOfAll()[tool]}
				if struck == "changed" {
					c.change = changes[tool]
				}
				if len(m[tool]) == 0 {
					m[tool] = make([]string, len(troubles()))
				}
				for n, trouble := range troubles() {
					if number++; !picked(number) {
						continue
					}
					here := c
					here.trouble = trouble
					t.Run(fmt.Sprintf("%s: what is %s: %s", tool, struck, trouble.name), func(t *testing.T) {
						t.Parallel()
						both := here.onceAndAlways(t)
						mu.Lock()
						defer mu.Unlock()
						m[tool][n] = both
					})
				}
			}
		}
	})
}

func (c cell) onceAndAlways(t *testing.T) (both string) {
	for _, c.stays = range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { both += string(c.run(t)) })
	}
	return both
}

// TestAnyReadOfAChangeMayFail lets the first, the second, the third read of a change fail, and so on, with all after it: those for
// the plan, those of the last look, those between the approval and the change, those after it.
func TestAnyReadOfAChangeMayFail(t *testing.T) {
	t.Parallel()
	for tool, call := range guardedCalls() {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			struck := true
			for skip := 0; struck; skip++ {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, func(o *rigOptions) { o.safety = true })
					c := r.connect(modern, types(call.typed))
					must[tools.TenantList](r, c, "list_tenants", nil)
					r.sim.ResetRequests()
					r.sim.Fail(aurasim.Fault{Method: http.MethodGet, Status: http.StatusInternalServerError, Skip: skip, Times: 1000})
					here := cell{tool: tool, call: call}
					text, failed := here.settled(t, r, c)
					changed, begun := false, false
					struck = false
					for _, q := range r.sim.Requests() {
						safety := strings.HasSuffix(q.Path, "/snapshots") && tool != "create_snapshot"
						sent := q.Method != http.MethodGet && q.Done/100 == 2
						changed, begun = changed || sent && !safety, begun || sent && safety
						struck = struck || q.Status == http.StatusInternalServerError
					}
					if begun && strings.Contains(text, "Nothing was changed.") {
						t.Errorf("a snapshot was begun: %s", text)
					}
					v := here.judge(t, text, failed, changed)
					here.oneChange(t, r)
					here.audited(t, r, v)
					if t.Failed() {
						t.Fatalf("after %d reads", skip)
					}
				})
			}
		})
	}
}

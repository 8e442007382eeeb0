package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aura-mcp/tools"
)

// The lines themselves, as a client of the test's own writes and reads them: what a well-behaved SDK never sends, and the
// order in which things come back, which it hides.

// peer is a client that writes its own lines.
type peer struct {
	*process
	modern  bool // 2026-07-28: no handshake, every request says who asks and what it can do
	elicits bool
}

// bothEras are the two ways in which a call can be made.
var bothEras = []struct {
	name   string
	modern bool
}{{"2025-11-25", false}, {"2026-07-28", true}}

// talk starts the demo server and shakes hands where the era has that.
func talk(t *testing.T, modern, elicits bool) peer {
	t.Helper()
	return introduced(start(t, environment(t), "--demo", "--log-level", "debug"), modern, elicits)
}

func introduced(p *process, modern, elicits bool) peer {
	p.t.Helper()
	out := peer{p, modern, elicits}
	if !modern {
		out.request(1, "initialize", map[string]any{
			"protocolVersion": "2025-11-25", "capabilities": out.capabilities(), "clientInfo": map[string]any{"name": "raw", "version": "1"},
		})
		if m := p.answer("1"); m.Error != nil {
			p.t.Fatalf("initialize: %s", m.raw)
		}
		p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	}
	return out
}

func (p peer) capabilities() map[string]any {
	if p.elicits {
		return map[string]any{"elicitation": map[string]any{"form": map[string]any{}}}
	}
	return map[string]any{}
}

func (p peer) request(id int, method string, params map[string]any) {
	p.t.Helper()
	p.write(p.encoded(id, method, params) + "\n")
}

// encoded is a request as one line, without its newline.
func (p peer) encoded(id int, method string, params map[string]any) string {
	p.t.Helper()
	params = maps.Clone(params)
	if params == nil {
		params = map[string]any{}
	}
	if p.modern {
		meta, _ := params["_meta"].(map[string]any)
		meta = maps.Clone(meta)
		if meta == nil {
			meta = map[string]any{}
		}
		meta["io.modelcontextprotocol/protocolVersion"] = "2026-07-28"
		meta["io.modelcontextprotocol/clientCapabilities"] = p.capabilities()
		meta["io.modelcontextprotocol/clientInfo"] = map[string]any{"name": "raw", "version": "1"}
		params["_meta"] = meta
	}
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	return string(line)
}

// call sends a tool call; more goes into its params beside name and arguments.
func (p peer) call(id int, tool string, arguments, more map[string]any) {
	p.t.Helper()
	params := map[string]any{"name": tool, "arguments": arguments}
	maps.Copy(params, more)
	p.request(id, "tools/call", params)
}

// cancel sends what a client sends that no longer wants an answer.
func (p peer) cancel(id int) {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id))
}

// fence sends a request that has nothing to do with anything and waits for its answer.
func (p peer) fence(id int) {
	p.t.Helper()
	p.request(id, "tools/list", nil)
	if m := p.answer(strconv.Itoa(id)); m.Error != nil {
		p.t.Fatalf("tools/list: %s", m.raw)
	}
}

func withToken(token string) map[string]any {
	return map[string]any{"_meta": map[string]any{"progressToken": token}}
}

// toolResult is a tool's answer, of any kind.
type toolResult struct {
	Meta              map[string]any                `json:"_meta"`
	Content           []struct{ Type, Text string } `json:"content"`
	StructuredContent json.RawMessage               `json:"structuredContent"`
	IsError           bool                          `json:"isError"`
	ResultType        string                        `json:"resultType"`
	InputRequests     map[string]any                `json:"inputRequests"`
	RequestState      string                        `json:"requestState"`
}

// result reads the answer to a tool call that must not be a protocol error.
func (p peer) result(id int) toolResult {
	p.t.Helper()
	m := p.answer(strconv.Itoa(id))
	if m.Error != nil {
		p.t.Fatalf("call %d: %s", id, m.raw)
	}
	return decode[toolResult](p.t, m.Result)
}

func (r toolResult) said() string {
	var texts []string
	for _, c := range r.Content {
		texts = append(texts, c.Text)
	}
	return strings.Join(texts, "\n")
}

// status asks how a database is.
func (p peer) status(id int, instance string) string {
	p.t.Helper()
	p.call(id, "get_instance", map[string]any{"instance": instance}, nil)
	return decode[tools.InstanceDetails](p.t, p.result(id).StructuredContent).Status
}

// progress is a progress notification's content.
type progress struct {
	Token    string  `json:"progressToken"`
	Progress float64 `json:"progress"`
	Total    float64 `json:"total"`
	Message  string  `json:"message"`
}

func progressOf(t *testing.T, m message) (progress, bool) {
	t.Helper()
	if m.Method != "notifications/progress" {
		return progress{}, false
	}
	return decode[progress](t, m.Params), true
}

func TestWhatIsNoRequestIsRefusedAndTheNextOneAnswered(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line string
		want       int // the error's code; 0: no answer at all
	}{
		{"no JSON", "How do you do?", -32700},
		{"half a message", `{"jsonrpc":"2.0","id":`, -32700},
		{"two messages in a line", `{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}`, -32700},
		{"a list", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, -32700},
		{"a number", "42", -32700},
		{"bytes that are no text", "\xff\xfe\x00", -32700},
		{"no version", `{"method":"ping"}`, -32600},
		{"two megabytes", `{"jsonrpc":"2.0","id":3,"method":"ping","params":{"x":"` + strings.Repeat("x", 2<<20) + `"}}`, -32600},
		{"nothing", "", 0},
		{"blanks", " \t\r", 0},
	}
	p := talk(t, false, false)
	for n, tt := range tests { // one after another, to one server: each has to leave it well
		p.send(tt.line)
		if tt.want != 0 {
			if m, _ := p.next(); m.Error == nil || m.Error.Code != tt.want || string(m.ID) != "null" {
				t.Errorf("%s: got %.200s, want error %d without an ID", tt.name, m.raw, tt.want)
			}
		}
		p.request(100+n, "ping", nil)
		if m, _ := p.next(); string(m.ID) != strconv.Itoa(100+n) || m.Error != nil {
			t.Errorf("after %s: got %.200s, want the answer to the ping %d", tt.name, m.raw, 100+n)
		}
	}
	if rest := p.finish(); len(rest) > 0 {
		t.Errorf("got %+v beside", rest)
	}
}

func TestUnknownNamesAreProtocolErrorsWithTheirID(t *testing.T) {
	t.Parallel()
	for _, era := range bothEras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			p := talk(t, era.modern, false)
			p.request(5, "nonsense/method", nil)
			if m := p.answer("5"); m.Error == nil || m.Error.Code != -32601 {
				t.Errorf("an unknown method: got %s, want error -32601", m.raw)
			}
			p.call(6, "delete_everything", nil, nil)
			if m := p.answer("6"); m.Error == nil || m.Error.Code != -32602 {
				t.Errorf("an unknown tool: got %s, want error -32602", m.raw)
			}
			p.finish()
		})
	}
}

func TestPromptsThatCannotBeGivenAreProtocolErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		params map[string]any
		want   string
	}{
		{map[string]any{"name": "restore_dril"}, `There is no prompt "restore_dril" (did you mean restore_drill?)`},
		{map[string]any{"name": "restore_drill"}, "Prompt restore_drill: argument `instance` is missing"},
		{map[string]any{"name": "restore_drill", "arguments": map[string]any{"instnace": "prod-orders"}}, "unknown argument \"instnace\" (did you mean `instance`?)"},
		{map[string]any{"name": "restore_drill", "arguments": map[string]any{"instance": 7}}, `argument "instance" must be text`},
	}
	for _, era := range bothEras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			p := talk(t, era.modern, false)
			for n, tt := range tests {
				p.request(10+n, "prompts/get", tt.params)
				if m := p.answer(strconv.Itoa(10 + n)); m.Error == nil || m.Error.Code != -32602 || !strings.Contains(m.Error.Message, tt.want) {
					t.Errorf("%v: got %s, want error -32602 with %q", tt.params, m.raw, tt.want)
				}
			}
			p.request(20, "prompts/get", map[string]any{"name": "restore_drill", "arguments": map[string]any{"instance": "prod-orders"}})
			if m := p.answer("20"); m.Error != nil || !strings.Contains(string(m.Result), "DEMO") {
				t.Errorf("got %s, want the prompt, marked as the demo's", m.raw)
			}
			p.finish()
		})
	}
}

func TestRequestsBeforeTheEndOfTheInputAreAnswered(t *testing.T) {
	t.Parallel()
	for _, era := range bothEras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			p := talk(t, era.modern, false)
			want := []string{"10", "11", "12", "13", "14"}
			p.call(10, "list_instances", nil, nil)
			p.call(11, "get_instance", map[string]any{"instance": "prod-orders"}, nil)
			p.call(12, "create_snapshot", map[string]any{"instance": "prod-orders"}, nil)
			p.request(13, "tools/list", nil)
			p.write(p.encoded(14, "tools/call", map[string]any{"name": "list_tenants"})) // without a newline
			var got []string
			for _, m := range p.finish() {
				if m.Error != nil || decode[toolListOrResult](t, m.Result).IsError {
					t.Errorf("got %s", m.raw)
				}
				got = append(got, string(m.ID))
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("answers to %v, want %v", got, want)
			}
		})
	}
}

// toolListOrResult is as much of an answer as tells a failed one.
type toolListOrResult struct {
	toolResult
	Tools      []any  `json:"tools"`
	TTL        int    `json:"ttlMs"`
	CacheScope string `json:"cacheScope"`
}

func TestServerEndsSoonAfterItsInputThoughACallWaits(t *testing.T) {
	t.Parallel()
	for _, era := range bothEras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			p := talk(t, era.modern, false)
			p.call(2, "wait_for_instance", map[string]any{"instance": "prod-orders", "status": "paused", "wait_seconds": 50}, withToken("wait"))
			p.until("the first progress", func(m message) bool { return m.Method == "notifications/progress" })
			begun := time.Now()
			p.finish()
			if took := time.Since(begun); took > soon {
				t.Errorf("it took %s to end", took)
			}
		})
	}
}

func TestManyWaitingCallsDoNotKeepAnotherFromItsAnswer(t *testing.T) {
	t.Parallel()
	const waiting, seen = 30, 20 // polling has a fifth of the request budget, so not all of them report at once
	p := talk(t, false, false)
	for n := range waiting {
		p.call(100+n, "wait_for_instance", map[string]any{"instance": "prod-orders", "status": "paused", "wait_seconds": 50}, withToken(strconv.Itoa(n)))
	}
	tokens := map[string]bool{}
	p.until("most of the calls wait", func(m message) bool {
		if report, is := progressOf(t, m); is {
			tokens[report.Token] = true
		} else {
			t.Fatalf("only %d of the calls were seen waiting before this: %s", len(tokens), m.raw)
		}
		return len(tokens) == seen
	})
	p.call(2, "get_instance", map[string]any{"instance": "staging-orders"}, nil)
	m := p.until("an answer", func(m message) bool { return m.Method == "" })
	if string(m.ID) != "2" || m.Error != nil {
		t.Errorf("the first answer is %s, want that of get_instance", m.raw)
	}
	p.finish()
}

func TestProgressComesBeforeTheAnswerAndNoneAfterIt(t *testing.T) {
	t.Parallel()
	for _, era := range bothEras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			p := talk(t, era.modern, false)
			p.call(2, "wait_for_instance", map[string]any{"instance": "prod-orders", "status": "paused", "wait_seconds": 3}, withToken("mine"))
			p.call(3, "get_instance", map[string]any{"instance": "prod-orders"}, nil) // asks for no progress and gets none
			result := p.result(2)
			waited := decode[tools.Waited](t, result.StructuredContent)
			if waited.Reached || waited.WaitedSeconds < 2 {
				t.Errorf("waited %+v, want three seconds in vain", waited)
			}
			var last float64
			for _, m := range p.passed {
				report, is := progressOf(t, m)
				if !is {
					continue
				}
				if report.Token != "mine" || report.Progress <= last || report.Total < report.Progress || !strings.Contains(report.Message, "running") {
					t.Errorf("progress %+v after %v", report, last)
				}
				last = report.Progress
			}
			if last == 0 {
				t.Error("no progress before the answer")
			}
			for _, m := range p.finish() {
				if m.Method != "" {
					t.Errorf("after the answer came %s", m.raw)
				}
			}
		})
	}
}

// A wait that ends with its first look reports and answers in the same moment, which is where the order is in danger. What is
// too late is left out, so not every call needs to hear something.
func TestProgressIsNotOvertakenByItsAnswer(t *testing.T) {
	t.Parallel()
	for _, era := range bothEras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			const calls = 20 // as many as polling may send at once
			p := talk(t, era.modern, false)
			for n := range calls {
				p.call(100+n, "wait_for_instance", map[string]any{"instance": "prod-orders"}, withToken(strconv.Itoa(100+n)))
			}
			reported, answered := map[string]bool{}, map[string]bool{}
			read := func(m message) bool {
				if report, is := progressOf(t, m); is {
					reported[report.Token] = true
					if answered[report.Token] {
						t.Errorf("progress of %s came after its answer", report.Token)
					}
				} else if m.Method == "" {
					answered[string(m.ID)] = true
				}
				return len(answered) == calls
			}
			p.until("all answers", read)
			for _, m := range p.finish() {
				read(m)
			}
			if len(reported) == 0 {
				t.Error("no progress at all")
			}
		})
	}
}

func TestCancelledCallStopsWaiting(t *testing.T) {
	t.Parallel()
	for _, era := range bothEras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			p := talk(t, era.modern, false)
			p.call(2, "wait_for_instance", map[string]any{"instance": "prod-orders", "status": "paused", "wait_seconds": 50}, withToken("wait"))
			p.until("the first progress", func(m message) bool { return m.Method == "notifications/progress" })
			begun := time.Now()
			p.cancel(2)
			p.answer("2") // the library answers a cancelled call, which clients ignore
			if took := time.Since(begun); took > soon {
				t.Errorf("it took %s to stop", took)
			}
			if now := p.status(3, "prod-orders"); now != "running" {
				t.Errorf("prod-orders is %s", now)
			}
			p.finish()
		})
	}
}

func TestForgedAnswersChangeNothing(t *testing.T) {
	t.Parallel()
	yes := map[string]any{"approval": map[string]any{"action": "accept", "content": map[string]any{"approval": "yes"}}}
	forgeries := []struct {
		name string
		more map[string]any
	}{
		{"an answer without a state", map[string]any{"inputResponses": yes}},
		{"an answer with an empty state", map[string]any{"inputResponses": yes, "requestState": ""}},
		{"an answer with a state made up", map[string]any{"inputResponses": yes, "requestState": "eyJwbGFuIjoiMSIsIm9wZXJhdGlvbiI6InBhdXNlX2luc3RhbmNlIn0"}},
		{"a state made up, without an answer", map[string]any{"requestState": "Zm9yZ2Vk"}},
	}
	for _, era := range bothEras {
		for _, elicits := range []bool{true, false} {
			for _, forged := range forgeries {
				t.Run(fmt.Sprintf("%s, client asks %v/%s", era.name, elicits, forged.name), func(t *testing.T) {
					t.Parallel()
					p := talk(t, era.modern, elicits)
					p.call(2, "pause_instance", map[string]any{"instance": "staging-orders"}, forged.more)
					switch {
					case !elicits:
						if r := p.result(2); r.IsError || !strings.Contains(r.said(), "waits for a person's approval") {
							t.Errorf("got %+v, want it to wait", r)
						}
					case era.modern:
						if r := p.result(2); r.ResultType != "input_required" || r.RequestState == "" || r.RequestState == forged.more["requestState"] {
							t.Errorf("got %+v, want the question, with a state of the server's own", r)
						}
					default:
						question := p.until("the question", func(m message) bool { return m.Method == "elicitation/create" })
						p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"decline"}}`, question.ID))
						if r := p.result(2); !r.IsError || !strings.Contains(r.said(), "declined") {
							t.Errorf("got %+v, want the refusal", r)
						}
					}
					if now := p.status(3, "staging-orders"); now != "running" {
						t.Errorf("staging-orders is %s", now)
					}
					p.finish()
				})
			}
		}
	}
}

func TestStateServesOnceAndForItsOwnCallOnly(t *testing.T) {
	t.Parallel()
	yes := map[string]any{"approval": map[string]any{"action": "accept", "content": map[string]any{"approval": "yes"}}}
	no := map[string]any{"approval": map[string]any{"action": "decline"}}
	staging := map[string]any{"instance": "staging-orders"}
	asked := func(p peer, id int, tool string, arguments, more map[string]any) string {
		p.t.Helper()
		p.call(id, tool, arguments, more)
		r := p.result(id)
		if r.ResultType != "input_required" || r.RequestState == "" {
			p.t.Fatalf("call %d: got %+v, want the question", id, r)
		}
		return r.RequestState
	}
	with := func(state string, answer map[string]any) map[string]any {
		return map[string]any{"inputResponses": answer, "requestState": state}
	}

	t.Run("an answer cannot be changed afterwards", func(t *testing.T) {
		t.Parallel()
		p := talk(t, true, true)
		state := asked(p, 2, "pause_instance", staging, nil)
		p.call(3, "pause_instance", staging, with(state, no))
		if r := p.result(3); !r.IsError {
			t.Errorf("got %+v, want the refusal", r)
		}
		asked(p, 4, "pause_instance", staging, with(state, yes))
		if now := p.status(5, "staging-orders"); now != "running" {
			t.Errorf("staging-orders is %s", now)
		}
		p.finish()
	})
	t.Run("an approval is for the database that was shown", func(t *testing.T) {
		t.Parallel()
		p := talk(t, true, true)
		state := asked(p, 2, "pause_instance", staging, nil)
		asked(p, 3, "pause_instance", map[string]any{"instance": "prod-orders"}, with(state, yes))
		asked(p, 4, "pause_instance", staging, with(state, yes)) // used up by that
		for id, name := range map[int]string{5: "staging-orders", 6: "prod-orders"} {
			if now := p.status(id, name); now != "running" {
				t.Errorf("%s is %s", name, now)
			}
		}
		p.finish()
	})
	t.Run("an approval is for the operation that was shown", func(t *testing.T) {
		t.Parallel()
		p := talk(t, true, true)
		state := asked(p, 2, "pause_instance", staging, nil)
		asked(p, 3, "resume_instance", map[string]any{"instance": "dev-campaign-2025"}, with(state, yes))
		if now := p.status(4, "dev-campaign-2025"); now != "paused" {
			t.Errorf("dev-campaign-2025 is %s", now)
		}
		p.finish()
	})
	t.Run("another server's state is worth nothing", func(t *testing.T) {
		t.Parallel()
		other := talk(t, true, true)
		state := asked(other, 2, "pause_instance", staging, nil)
		p := talk(t, true, true)
		asked(p, 2, "pause_instance", staging, with(state, yes))
		if now := p.status(3, "staging-orders"); now != "running" {
			t.Errorf("staging-orders is %s", now)
		}
		p.finish()
		other.finish()
	})
	t.Run("an approval runs what was shown, once", func(t *testing.T) {
		t.Parallel()
		p := talk(t, true, true)
		state := asked(p, 2, "pause_instance", staging, nil)
		p.call(3, "pause_instance", staging, with(state, yes))
		if r := p.result(3); r.IsError || decode[tools.InstanceChange](t, r.StructuredContent).State != "accepted" {
			t.Errorf("got %+v, want it accepted", r)
		}
		if now := p.status(4, "staging-orders"); now == "running" {
			t.Error("staging-orders is running")
		}
		p.finish()
	})
}

// What the client says about a question that is no longer open goes nowhere: the library would take an error for a request
// and answer it, under an ID that may be one of the client's own.
func TestLateAnswerToAQuestionIsNeitherObeyedNorAnswered(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, late string }{
		{"an error", `"error":{"code":-32603,"message":"nobody there"}`},
		{"an error beside a null", `"error":{"code":-32603,"message":"nobody there"},"result":null`},
		{"a null", `"result":null`},
		{"an approval", `"result":{"action":"accept","content":{"approval":"yes"}}`},
		{"a decline", `"result":{"action":"decline"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := talk(t, false, true)
			p.call(7, "pause_instance", map[string]any{"instance": "staging-orders"}, nil)
			question := p.until("the question", func(m message) bool { return m.Method == "elicitation/create" })
			p.cancel(7)
			p.answer("7")
			for _, id := range []string{string(question.ID), string(question.ID), "99", `"never"`} {
				p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, id, tt.late))
			}
			if now := p.status(8, "staging-orders"); now != "running" {
				t.Errorf("staging-orders is %s", now)
			}
			p.fence(9)
			if rest := slices.Concat(p.passed, p.finish()); len(rest) > 0 {
				t.Errorf("besides the answers came %+v", rest)
			}
		})
	}
}

func TestErrorInsteadOfAnAnswerIsARefusal(t *testing.T) {
	t.Parallel()
	p := talk(t, false, true)
	p.call(7, "pause_instance", map[string]any{"instance": "staging-orders"}, nil)
	question := p.until("the question", func(m message) bool { return m.Method == "elicitation/create" })
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`, question.ID))
	if r := p.result(7); !r.IsError || !strings.Contains(r.said(), "the client could not ask") || !strings.Contains(r.said(), "Nothing was changed.") {
		t.Errorf("got %+v, want a refusal that says that the client could not ask", r)
	}
	if now := p.status(8, "staging-orders"); now != "running" {
		t.Errorf("staging-orders is %s", now)
	}
	p.finish()
}

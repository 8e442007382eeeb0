package app

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/auraclient"
)

// inexhaustible keeps a fuzzer from looking at the request budget only.
func inexhaustible(o *rigOptions) {
	o.sim.RateLimit = 1 << 30
	o.client = []auraclient.Option{auraclient.WithRateLimit(1 << 20)}
}

// FuzzArguments calls any tool with any arguments, for a client that cannot ask anybody: whatever they are, the answer is a
// result that fits its schema or an error in words, and nothing that needs a person happens.
func FuzzArguments(f *testing.F) {
	if testing.Short() {
		f.Skip("the seeds take a minute with the race detector")
	}
	names := slices.Sorted(maps.Keys(callsOfAll()))
	for n, name := range names {
		seed, err := json.Marshal(callsOfAll()[name].arguments)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(n), string(seed))
	}
	tool := func(name string) uint8 { return uint8(slices.Index(names, name)) }
	f.Add(tool("list_instances"), `{"name":"[^a","cursor":"bm90IGEgY3Vyc29y","limit":1}`)
	f.Add(tool("list_snapshots"), `{"instance":"prod","from":"2026-02-30","near":"2000-01-01T00:00:00+25:00"}`)
	f.Add(tool("pause_instance"), `{"instances":["*","prod",""],"instance":"prod"}`)
	f.Add(tool("update_instance"), `{"instance":"aaaaaaa1","memory":"-8GB","secondaries_count":1e300,"name":"\u202e"}`)
	f.Add(tool("get_snapshot"), `{"instance":"../x","snapshot_id":"..%2f\u0000","wait_seconds":1.5}`)
	f.Add(tool("create_instance"), `{"name":"","type":"FREE-DB","tenant":null,"x":{"y":[]}}`)
	f.Add(tool("estimate_instance_size"), `{"node_count":9223372036854775807,"relationship_count":-1}`)
	f.Fuzz(func(t *testing.T, which uint8, arguments string) {
		var decoded map[string]any
		if json.Unmarshal([]byte(arguments), &decoded) != nil {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, inexhaustible)
			name := names[int(which)%len(names)]
			result, err := r.connect(modern, nil).CallTool(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: name, Arguments: decoded}})
			if err != nil {
				t.Fatalf("%s %s: %v", name, arguments, err)
			}
			if text := (cell{tool: name}).text(t, r, result); strings.Contains(text+r.log.String(), "incident") {
				t.Errorf("a panic: %s\n%s", text, r.log)
			}
			for _, change := range r.changes() {
				if !strings.HasPrefix(change, "PATCH /instances/") && !strings.HasSuffix(change, "/snapshots") { // a mere rename, a mere snapshot
					t.Errorf("%s %s: without a person, %s", name, arguments, change)
				}
			}
		})
	})
}

// FuzzStdio feeds the server any bytes: it answers each request at most once, in lines of JSON, and ends with its input.
func FuzzStdio(f *testing.F) {
	if testing.Short() {
		f.Skip("the seeds take a minute with the race detector")
	}
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"f","version":"1"}}}` + "\n" +
		`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`,
		`{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"get_instance","arguments":{"instance":"prod"},"_meta":{"progressToken":1}}}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"delete_instance","arguments":{"instance":"prod"},"inputResponses":{"approval":{"action":"accept","content":{"approval":"prod"}}},"requestState":"AAAA"}}`,
		`{"jsonrpc":"2.0","id":2,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`,
		`[{"jsonrpc":"2.0","id":2,"method":"ping"}]`, `{"jsonrpc":"2.0","id":null,"method":"ping"}`, `{"id":1,"result":null}`, `{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}`,
		`{"jsonrpc":"2.0","id":3,"method":"resources/read","params":{"uri":"aura://instances/%ff"}}`, "{", "\x00", `{"jsonrpc":"2.0","id":1e400,"method":"ping"}`,
		`{"jsonrpc":"2.0","id":4,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"save_costs"},"argument":{"name":"instance","value":"p"}}}`,
		`{"jsonrpc":"2.0","id":5,"method":"prompts/get","params":{"name":"diagnose_instance","arguments":{"instance":"prod"}}}`, `{"jsonrpc":"2.0","id":6,"method":"logging/setLevel","params":{"level":"x"}}`,
	} {
		f.Add([]byte(hello + seed + "\n"))
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		// In real time: the library's one session of stdio is older than any bubble.
		r := newRig(t, inexhaustible)
		out := &syncBuffer{}
		if err := serveStdio(t.Context(), r.server, bytes.NewReader(input), out, slog.New(slog.NewTextHandler(r.log, nil))); err != nil {
			t.Fatal(err)
		}
		asked := map[string]int{}
		for line := range bytes.SplitSeq(input, []byte("\n")) {
			var e envelope
			if json.Unmarshal(line, &e) == nil {
				asked[string(e.ID)]++
			}
		}
		for line := range strings.Lines(out.String()) {
			var e envelope
			if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.HasSuffix(line, "\n") {
				t.Fatalf("%q: %v", line, err)
			}
			if e.Method != "" || !e.hasID() {
				continue
			}
			if asked[string(e.ID)]--; asked[string(e.ID)] < 0 {
				t.Errorf("an answer that nobody waits for: %s", line)
			}
		}
		if strings.Contains(r.log.String(), "incident") {
			t.Errorf("a panic: %s", r.log)
		}
		if got := r.changes(); slices.ContainsFunc(got, func(c string) bool { return strings.HasPrefix(c, "DELETE") }) {
			t.Errorf("without a person, %v", got)
		}
	})
}

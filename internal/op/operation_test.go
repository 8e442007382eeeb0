package op_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/internal/op"
)

type resize struct {
	Instance    string   `json:"instance" jsonschema:"ID or name"`
	Memory      string   `json:"memory,omitempty" enum:"8GB,16GB"`
	Count       int      `json:"count,omitempty" min:"1" max:"5"`
	Share       float64  `json:"share,omitempty" min:"0"`
	Disk        string   `json:"disk,omitempty" size:"GB"`
	Force       *bool    `json:"force,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	WaitSeconds int      `json:"wait_seconds,omitempty" max:"50"`
}

type outcome struct {
	State op.State `json:"state" enum:"accepted,done"`
	Got   resize   `json:"got"`
}

func spec(e op.Effects) op.Spec {
	return op.Spec{Name: "resize_thing", Title: "Resize", Description: "Resizes.", Toolset: "things", Effects: e}
}

func reading() op.Operation {
	return op.Reads(spec(op.Read), func(_ context.Context, _ op.Call, in resize) (outcome, error) {
		return outcome{State: op.Done, Got: in}, nil
	})
}

func TestBadArgumentsAreNamedAndNothingIsChanged(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, arguments, want string }{
		{"a misspelt name", `{"instnce":"a"}`, "Unknown argument \"instnce\" (did you mean `instance`?); argument `instance` is missing."},
		{"a name like no other", `{"instance":"a","zzz":1}`, "Unknown argument \"zzz\"."},
		{"a missing argument", `{}`, "Argument `instance` is missing."},
		{"a null counts as missing", `{"instance":null}`, "Argument `instance` is missing."},
		{"a number for a text", `{"instance":5}`, "Argument `instance` must be a string, not 5."},
		{"a text for a number", `{"instance":"a","count":"3"}`, "Argument `count` must be a whole number, not the string \"3\"."},
		{"a fraction for a whole number", `{"instance":"a","count":1.5}`, "Argument `count` must be a whole number, not 1.5."},
		{"too large", `{"instance":"a","count":6}`, "Argument `count` is 6; allowed: 1 to 5."},
		{"too small, without an upper bound", `{"instance":"a","share":-1}`, "Argument `share` is -1; allowed: 0 or more."},
		{"too large, without a lower bound", `{"instance":"a","wait_seconds":51}`, "Argument `wait_seconds` is 51; allowed: 50 or less."},
		{"not one of the words", `{"instance":"a","memory":"9GB"}`, "Argument `memory` is \"9GB\"; allowed: 8GB, 16GB."},
		{"a text for a truth value", `{"instance":"a","force":"yes"}`, "Argument `force` must be true or false, not the string \"yes\"."},
		{"a truth value for a text", `{"instance":true}`, "Argument `instance` must be a string, not true."},
		{"a text for a list", `{"instance":"a","tags":"x"}`, "Argument `tags` must be a list such as [\"x\"], not the string \"x\"."},
		{"several in a text for a list", `{"instance":"a","tags":"x, y-*"}`, "Argument `tags` must be a list such as [\"x\", \"y-*\"], not the string \"x, y-*\"."},
		{"a size in another unit", `{"instance":"a","disk":"512MB","memory":"16MB"}`, "Argument `memory` is \"16MB\"; allowed: 8GB, 16GB."},
		{"a list for a text", `{"instance":["a"]}`, "Argument `instance` must be a string, not a list."},
		{"a wrong item of a list", `{"instance":"a","tags":["x",2]}`, "Argument `tags` item 2 must be a string, not 2."},
		{"an object for a text", `{"instance":{"id":"a"}}`, "Argument `instance` must be a string, not an object."},
		{"no object at all", `["a"]`, "The arguments of resize_thing must be an object."},
		{"hostile text is quoted", `{"instance":"a","x\u202e\n":1}`, `Unknown argument "x\u202e\n".`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var arguments any
			if err := json.Unmarshal([]byte(tt.arguments), &arguments); err != nil {
				t.Fatal(err)
			}
			_, err := reading().Prepare(arguments)
			told, ok := errors.AsType[*op.Error](err)
			if !ok {
				t.Fatalf("got %v, want an *op.Error", err)
			}
			first, _, _ := strings.Cut(told.Error(), " Nothing was changed.")
			if first != tt.want {
				t.Errorf("got  %s\nwant %s", first, tt.want)
			}
			if !told.Unchanged {
				t.Error("it does not say that nothing was changed")
			}
		})
	}
}

func TestArgumentsArriveTyped(t *testing.T) {
	t.Parallel()
	r, err := reading().Prepare(map[string]any{"instance": "a", "count": 3.0, "tags": []any{"x"}, "force": nil, "wait_seconds": 20.0})
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.Run(t.Context(), op.Call{}, op.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	want := outcome{State: op.Done, Got: resize{Instance: "a", Count: 3, Tags: []string{"x"}, WaitSeconds: 20}}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
	if got, want := string(r.Arguments()), `{"count":3,"instance":"a","tags":["x"]}`; got != want {
		t.Errorf("canonical arguments are %s, want %s: how long to wait is no part of what is approved", got, want)
	}
}

// What cannot be meant otherwise is taken, and is the same request however it was written.
func TestSizesAndWordsAreTakenAsTheyAreMeant(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"instance":"a","disk":"32 gb"}`:                     `{"disk":"32GB","instance":"a"}`,
		`{"instance":"a","disk":"32"}`:                        `{"disk":"32GB","instance":"a"}`,
		`{"instance":"a","disk":32}`:                          `{"disk":"32GB","instance":"a"}`,
		`{"instance":"a","disk":"8 gigs"}`:                    `{"disk":"8GB","instance":"a"}`,
		`{"instance":"a","disk":" 8 Gigabytes "}`:             `{"disk":"8GB","instance":"a"}`,
		`{"instance":"a","memory":"16gb"}`:                    `{"instance":"a","memory":"16GB"}`,
		`{"instance":"32 gb","disk":"512MB","tags":["8 gb"]}`: `{"disk":"512MB","instance":"32 gb","tags":["8 gb"]}`,
		`{"instance":"a","disk":"lots"}`:                      `{"disk":"lots","instance":"a"}`,
		`{"instance":"a","disk":-1.5}`:                        ``,
	} {
		var arguments any
		if err := json.Unmarshal([]byte(given), &arguments); err != nil {
			t.Fatal(err)
		}
		r, err := reading().Prepare(arguments)
		if (err != nil) != (want == "") || string(r.Arguments()) != want {
			t.Errorf("%s: %s, %v; want %s", given, r.Arguments(), err, want)
		}
	}
}

func TestValuesThatDoNotFitNeedNoListOfArguments(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		`{"instance":"a","memory":"9GB"}`: "call resize_thing again with what is allowed",
		`{"instnce":"a"}`:                 "and optionally `count`",
	} {
		var given any
		if err := json.Unmarshal([]byte(arguments), &given); err != nil {
			t.Fatal(err)
		}
		_, err := reading().Prepare(given)
		if told, ok := errors.AsType[*op.Error](err); !ok || !strings.Contains(told.Next, want) {
			t.Errorf("%s: %v", arguments, err)
		}
	}
}

func TestSchemasSayWhatTheTagsSay(t *testing.T) {
	t.Parallel()
	tool := reading().Tool()
	want := `{"type":"object","properties":{"instance":{"type":"string","description":"ID or name"},"memory":{"type":"string","enum":["8GB","16GB"]},"count":{"type":"integer","minimum":1,"maximum":5},"share":{"type":"number","minimum":0},"disk":{"type":"string"},"force":{"type":"boolean"},"tags":{"type":"array","items":{"type":"string"}},"wait_seconds":{"type":"integer","maximum":50}},"required":["instance"],"additionalProperties":false}`
	if diff := cmp.Diff(want, string(tool.RawInputSchema)); diff != "" {
		t.Error(diff)
	}
	if err := reading().Validate([]byte(`{"state":"done","got":{"instance":"a"}}`)); err != nil {
		t.Error(err)
	}
	if err := reading().Validate([]byte(`{"state":"perhaps","got":{"instance":"a"}}`)); err == nil {
		t.Error("a state that is not in the enumeration passed")
	}
}

func TestRowsThatCannotBeOfferedAreRefused(t *testing.T) {
	t.Parallel()
	type badTag struct {
		N int `json:"n" min:"many"`
	}
	type badSchema struct {
		F func() `json:"f"`
	}
	read := func(s op.Spec) op.Operation {
		return op.Reads(s, func(context.Context, op.Call, resize) (outcome, error) { return outcome{}, nil })
	}
	renamed := spec(op.Read)
	renamed.Name = "Resize"
	nameless := spec(op.Read)
	nameless.Description = ""
	noPlan := func(context.Context, resize) (op.Plan, error) { return op.Plan{}, nil }
	tests := []struct {
		name string
		o    op.Operation
		want string
	}{
		{"a reading row with effects", read(spec(op.Disruptive)), "needs a plan"},
		{"an acting row without effects", op.Acts(spec(op.Read), noPlan, func(context.Context, op.Call, resize, op.Plan) (outcome, error) { return outcome{}, nil }), "without effects"},
		{"a name that is not snake_case", read(renamed), "snake_case"},
		{"no description", read(nameless), "required"},
		{"a tag that is no number", op.Reads(spec(op.Read), func(context.Context, op.Call, badTag) (outcome, error) { return outcome{}, nil }), "tag min"},
		{"a type that has no schema", op.Reads(spec(op.Read), func(context.Context, op.Call, badSchema) (outcome, error) { return outcome{}, nil }), "schema"},
		{"a result that is no object", op.Reads(spec(op.Read), func(context.Context, op.Call, resize) ([]string, error) { return nil, nil }), "objects only"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.o.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something about %q", err, tt.want)
			}
		})
	}
	if err := reading().Check(); err != nil {
		t.Errorf("a good row is refused: %v", err)
	}
}

func TestAPlanMayNotExceedItsRow(t *testing.T) {
	t.Parallel()
	o := op.Acts(spec(op.Disruptive),
		func(context.Context, resize) (op.Plan, error) { return op.Plan{Effects: op.Destructive}, nil },
		func(context.Context, op.Call, resize, op.Plan) (outcome, error) { return outcome{}, nil })
	r, err := o.Prepare(map[string]any{"instance": "a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "beyond those its row declares") {
		t.Errorf("got %v", err)
	}
}

func TestPlansDifferInWhatCounts(t *testing.T) {
	t.Parallel()
	target := op.Resource{Kind: "instance", ID: "1", Name: "prod", Status: "running"}
	source := op.Resource{ID: "2"}
	base := op.Plan{Effects: op.Disruptive, Targets: []op.Resource{target}, Source: &source, Facts: []op.Fact{{Label: "age", Value: "1 h"}}}
	change := func(f func(*op.Plan)) op.Plan {
		p := base
		p.Targets = []op.Resource{target}
		f(&p)
		return p
	}
	for name, tt := range map[string]struct {
		plan op.Plan
		same bool
	}{
		"nothing changed":             {change(func(*op.Plan) {}), true},
		"a figure for the reader":     {change(func(p *op.Plan) { p.Facts = nil }), true},
		"an equal source read anew":   {change(func(p *op.Plan) { s := source; p.Source = &s }), true},
		"another status":              {change(func(p *op.Plan) { p.Targets[0].Status = "pausing" }), false},
		"another ID behind the name":  {change(func(p *op.Plan) { p.Targets[0].ID = "3" }), false},
		"one target more":             {change(func(p *op.Plan) { p.Targets = append(p.Targets, source) }), false},
		"another source":              {change(func(p *op.Plan) { p.Source = &op.Resource{ID: "4"} }), false},
		"no source any more":          {change(func(p *op.Plan) { p.Source = nil }), false},
		"stricter effects":            {change(func(p *op.Plan) { p.Effects |= op.Destructive }), false},
		"something else to be typed":  {change(func(p *op.Plan) { p.Confirm = "x" }), false},
		"another size of the machine": {change(func(p *op.Plan) { p.Targets[0].Memory = "1GB" }), false},
	} {
		if got := base.Same(tt.plan); got != tt.same {
			t.Errorf("%s: Same = %v, want %v", name, got, tt.same)
		}
	}
}

func TestFactsAreReadWhenAPlanIsShown(t *testing.T) {
	t.Parallel()
	reads := 0
	both := make(chan string) // each fact hands the other its value, so that neither can be read alone
	p := op.Plan{Targets: []op.Resource{{Name: "prod"}}, Facts: []op.Fact{
		{Label: "fixed", Value: "as it is"},
		{Label: "moves", Value: "not read", Read: func(_ context.Context, p op.Plan) string { reads++; both <- p.Targets[0].Name; return "a" }},
		{Label: "moves too", Read: func(context.Context, op.Plan) string { return <-both }},
	}}
	shown := p.Shown(t.Context())
	again := shown.Shown(t.Context())
	if reads != 1 {
		t.Errorf("read %d times, want once", reads)
	}
	for _, got := range []op.Plan{shown, again} {
		want := []op.Fact{{Label: "fixed", Value: "as it is"}, {Label: "moves", Value: "a"}, {Label: "moves too", Value: "prod"}}
		if diff := cmp.Diff(want, got.Facts); diff != "" {
			t.Error(diff)
		}
	}
	if p.Facts[1].Value != "not read" {
		t.Errorf("showing a plan changed it: %q", p.Facts[1].Value)
	}
	if !p.Same(shown) {
		t.Error("a plan is not the same once it has been shown")
	}
}

func TestErrorsSayWhatWhyAndNext(t *testing.T) {
	t.Parallel()
	err := &op.Error{What: "pause_instance is not available", Next: "tell the person", Unchanged: true, RequestID: "abc/1"}
	want := "pause_instance is not available. Nothing was changed.\nWhat to do: Tell the person.\nAura request ID: abc/1"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestResultsHideNothing(t *testing.T) {
	t.Parallel()
	result, err := op.Result(map[string]string{"name": "prod<&>\u202e"})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(encoded), "\u202e") {
		t.Errorf("a bidirectional mark reaches the reader: %s", encoded)
	}
	if !strings.Contains(string(encoded), `{\"name\":\"prod<&>\\u202e\"}`) && !strings.Contains(string(encoded), `\"prod\u003c\u0026\u003e\\u202e\"`) {
		t.Errorf("the text is not the compact JSON: %s", encoded)
	}
}

func TestEffectsNameThemselves(t *testing.T) {
	t.Parallel()
	for e, want := range map[op.Effects]string{
		op.Read: "read", op.Write: "write", op.Billable | op.Disruptive: "billable, disruptive", op.Destructive: "destructive",
	} {
		if got := e.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if e.Guarded() != (e != op.Read && e != op.Write) {
			t.Errorf("%s: Guarded = %v", e, e.Guarded())
		}
	}
}

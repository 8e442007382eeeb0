package tools_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// FuzzPrepare decodes any arguments for any tool: either they are refused with a reason, or their canonical form says all of
// them, so that what a person approves is what runs.
func FuzzPrepare(f *testing.F) {
	catalog := tools.New(tools.Options{}).Catalog()
	for n := range catalog {
		f.Add(uint8(n), `{"instance":"prod","wait_seconds":10}`)
		f.Add(uint8(n), `{"instances":["a*",""],"name":"\u202e","memory":"8GB","limit":1.0,"from":null}`)
		f.Add(uint8(n), `{"node_count":9e18,"relationship_count":-0,"secondaries_count":1e300}`)
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		o := catalog[int(which)%len(catalog)]
		var arguments any
		if json.Unmarshal([]byte(text), &arguments) != nil {
			return
		}
		request, err := o.Prepare(arguments)
		if err != nil {
			if told, ok := errors.AsType[*op.Error](err); !ok || !told.Unchanged || len(told.What) < 10 {
				t.Errorf("%s %s: %v", o.Spec.Name, text, err)
			}
			return
		}
		var canonical map[string]any
		if err := json.Unmarshal(request.Arguments(), &canonical); err != nil {
			t.Fatalf("%s %s: %v", o.Spec.Name, text, err)
		}
		again, err := o.Prepare(canonical)
		if err != nil || !bytes.Equal(again.Arguments(), request.Arguments()) {
			t.Errorf("%s: %s became %s and then %s, %v", o.Spec.Name, text, request.Arguments(), again.Arguments(), err)
		}
	})
}

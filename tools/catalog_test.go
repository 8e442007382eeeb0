package tools_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

func catalog() []op.Operation {
	return tools.New(tools.Options{Connect: func(context.Context) (*auraclient.Client, error) { return nil, errors.New("no account here") }}).Catalog()
}

// schemaOf is the part of a JSON schema that the rules below look at.
type schemaOf struct {
	Type        any                  `json:"type"`
	Description string               `json:"description"`
	Properties  map[string]*schemaOf `json:"properties"`
	Items       *schemaOf            `json:"items"`
	Required    []string             `json:"required"`
	AnyOf       []json.RawMessage    `json:"anyOf"`
	OneOf       []json.RawMessage    `json:"oneOf"`
	AllOf       []json.RawMessage    `json:"allOf"`
}

func decodeSchema(t *testing.T, raw []byte) *schemaOf {
	t.Helper()
	var s schemaOf
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestEveryOperationKeepsTheRules(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, o := range catalog() {
		t.Run(o.Spec.Name, func(t *testing.T) {
			if err := o.Check(); err != nil {
				t.Error(err)
			}
			if seen[o.Spec.Name] {
				t.Error("the name is taken twice")
			}
			seen[o.Spec.Name] = true
			tool := o.Tool()
			a := tool.Annotations
			if a.ReadOnlyHint == nil || a.DestructiveHint == nil || a.IdempotentHint == nil || a.OpenWorldHint == nil {
				t.Fatal("an annotation is not stated, so the client takes the protocol's default")
			}
			if *a.ReadOnlyHint != (o.Spec.Effects == op.Read) || (*a.ReadOnlyHint && *a.DestructiveHint) {
				t.Errorf("the annotations say read-only %v, destructive %v; the effects are %s", *a.ReadOnlyHint, *a.DestructiveHint, o.Spec.Effects)
			}
			if n := len(o.Spec.Description); n > 320 || !strings.HasSuffix(o.Spec.Description, ".") {
				t.Errorf("a description of %d characters; at most 320 and a full stop, since every conversation pays for it", n)
			}
			input, output := decodeSchema(t, tool.RawInputSchema), decodeSchema(t, tool.RawOutputSchema)
			for _, s := range []*schemaOf{input, output} {
				if s.Type != "object" || s.AnyOf != nil || s.OneOf != nil || s.AllOf != nil {
					t.Error("the root must be an object without combinators: some models refuse the whole list otherwise")
				}
				checkTypes(t, "", s)
			}
			for name, p := range input.Properties {
				if p.Description == "" {
					t.Errorf("argument %s has no description", name)
				}
			}
			if o.Spec.Effects != op.Read && !slices.Equal(output.Required, []string{"state", "message"}) {
				t.Errorf("an operation with effects requires state and message in its result and no more, so that it can say that it goes on; it requires %v", output.Required)
			}
		})
	}
}

var propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func checkTypes(t *testing.T, path string, s *schemaOf) {
	t.Helper()
	if _, plain := s.Type.(string); !plain {
		t.Errorf("%s: the type is %v; a list of types makes some clients drop the tool", path, s.Type)
	}
	for name, p := range s.Properties {
		if !propertyName.MatchString(name) {
			t.Errorf("%s: %q is not snake_case", path, name)
		}
		checkTypes(t, path+"."+name, p)
	}
	if s.Items != nil {
		checkTypes(t, path+"[]", s.Items)
	}
}

// TestToolSnapshots keeps what clients see of each tool under review: a change of name or schema shows in the diff.
func TestToolSnapshots(t *testing.T) {
	t.Parallel()
	const dir = "testdata/tools"
	update := os.Getenv("UPDATE") != ""
	known := map[string]bool{}
	for _, o := range catalog() {
		file := filepath.Join(dir, o.Spec.Name+".json")
		known[file] = true
		raw, err := json.Marshal(o.Tool())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := json.Indent(&b, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
		if update {
			if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file, b.Bytes(), 0o644)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v; run make generate and look at the diff", err)
			continue
		}
		if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), b.String()); diff != "" {
			t.Errorf("%s changed; if it is meant, run make generate:\n%s", o.Spec.Name, diff)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		switch file = filepath.ToSlash(file); {
		case known[file]:
		case update:
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s belongs to no tool; run make generate", file)
		}
	}
}

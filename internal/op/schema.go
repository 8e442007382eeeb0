package op

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// schema is a JSON schema ready for use: resolved for checking, encoded once for clients.
type schema struct {
	root     *jsonschema.Schema
	resolved *jsonschema.Resolved
	encoded  json.RawMessage
	sizes    map[string]string // of the arguments that are one: their unit
}

// schemaFor infers the schema of a struct. Beyond the json tag (omitempty: optional) and the jsonschema tag (description),
// fields take tags of our own: enum:"a,b", min:"0", max:"50".
func schemaFor[T any]() (*schema, error) {
	t := reflect.TypeFor[T]()
	root, err := jsonschema.For[T](nil)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t, err)
	}
	if root.Type != "object" {
		return nil, fmt.Errorf("schema of %s: the root is %q; clients take objects only", t, root.Type)
	}
	if err := refine(t, root); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t, err)
	}
	s, err := newSchema(root)
	if err != nil {
		return nil, fmt.Errorf("schema of %s %w", t, err)
	}
	s.sizes = sizes(t)
	return s, nil
}

func newSchema(root *jsonschema.Schema) (*schema, error) {
	resolved, err := root.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		return nil, fmt.Errorf("does not resolve: %w", err)
	}
	encoded, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("cannot be encoded: %w", err)
	}
	return &schema{root: root, resolved: resolved, encoded: encoded}, nil
}

// refine applies our tags and takes "null" out of the types: inference adds it to slices and pointers, some clients drop a
// tool whose types are lists, and we neither want null in nor send it out.
func refine(t reflect.Type, s *jsonschema.Schema) error {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	dropNull(s)
	if s.Items != nil {
		return refine(t, s.Items)
	}
	if s.AdditionalProperties != nil && t.Kind() == reflect.Map {
		return refine(t.Elem(), s.AdditionalProperties)
	}
	if t.Kind() != reflect.Struct || s.Properties == nil {
		return nil
	}
	var problems []error
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		property := s.Properties[name]
		if property == nil {
			continue
		}
		if err := errors.Join(refine(field.Type, property), constrain(field, property)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

func dropNull(s *jsonschema.Schema) {
	if len(s.Types) == 0 {
		return
	}
	types := slices.DeleteFunc(slices.Clone(s.Types), func(t string) bool { return t == "null" })
	if len(types) == 1 {
		s.Type, s.Types = types[0], nil
	}
}

func constrain(field reflect.StructField, s *jsonschema.Schema) error {
	if values := field.Tag.Get("enum"); values != "" {
		for v := range strings.SplitSeq(values, ",") {
			s.Enum = append(s.Enum, v)
		}
	}
	for tag, bound := range map[string]**float64{"min": &s.Minimum, "max": &s.Maximum} {
		value, present := field.Tag.Lookup(tag)
		if !present {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("tag %s: %w", tag, err)
		}
		*bound = &n
	}
	return nil
}

func (s *schema) validate(encoded []byte) error {
	var value any
	if err := json.Unmarshal(encoded, &value); err != nil {
		return err
	}
	return s.resolved.Validate(value)
}

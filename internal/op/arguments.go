package op

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"aura-mcp/internal/text"
)

// waitSeconds is the argument that says how long to wait for the outcome, in every operation that starts something.
const waitSeconds = "wait_seconds"

// arguments checks what a model sent and encodes it twice: for decoding, and in the canonical form of [Request.Arguments].
// An argument given as null counts as left out, since many models fill optional arguments so.
func (s *schema) arguments(operation string, given any) (encoded, canonical []byte, err error) {
	args, ok := given.(map[string]any)
	if given != nil && !ok {
		return nil, nil, &Error{What: fmt.Sprintf("the arguments of %s must be an object", operation), Unchanged: true}
	}
	args = maps.Clone(args)
	maps.DeleteFunc(args, func(_ string, v any) bool { return v == nil })
	if args == nil {
		args = map[string]any{}
	}
	for name, value := range args {
		args[name] = s.tidy(name, value)
	}
	problems, values := s.problems(args)
	if len(problems) > 0 {
		next := fmt.Sprintf("call %s again with %s", operation, s.usage())
		if values { // all that was wrong stands above
			next = fmt.Sprintf("call %s again with what is allowed", operation)
		}
		return nil, nil, &Error{What: strings.Join(problems, "; "), Next: next, Unchanged: true}
	}
	if err := s.resolved.Validate(args); err != nil { // what problems does not know, the schema still refuses
		return nil, nil, &Error{What: fmt.Sprintf("the arguments of %s do not fit: %v", operation, err), Unchanged: true}
	}
	if encoded, err = json.Marshal(args); err != nil {
		return nil, nil, fmt.Errorf("encode the arguments of %s: %w", operation, err)
	}
	delete(args, waitSeconds)
	delete(args, ProfileArgument)                        // it is part of the caller
	if canonical, err = json.Marshal(args); err != nil { // maps encode with sorted keys
		return nil, nil, fmt.Errorf("encode the arguments of %s: %w", operation, err)
	}
	return encoded, canonical, nil
}

// problems are what is wrong with the arguments. values says that it is the values alone: all names are right.
func (s *schema) problems(args map[string]any) (problems []string, values bool) {
	values = true
	for _, name := range slices.Sorted(maps.Keys(args)) {
		property := s.root.Properties[name]
		if property == nil {
			problems = append(problems, unknownArgument(name, slices.Sorted(maps.Keys(s.root.Properties))))
			values = false
			continue
		}
		if problem := misfit(property, args[name]); problem != "" {
			problems = append(problems, fmt.Sprintf("argument `%s` %s", name, problem))
		}
	}
	for _, name := range s.root.Required {
		if _, present := args[name]; !present {
			problems = append(problems, fmt.Sprintf("argument `%s` is missing", name))
			values = false
		}
	}
	return problems, values
}

func unknownArgument(name string, known []string) string {
	problem := "unknown argument " + text.Quote(name)
	switch near := text.Nearest(name, known); {
	case len(near) > 0:
		return problem + fmt.Sprintf(" (did you mean `%s`?)", near[0])
	case len(known) == 0:
		return problem + " (there are none)"
	}
	return problem
}

// misfit says how a value differs from what its schema allows, or "".
func misfit(s *jsonschema.Schema, value any) string {
	switch v := value.(type) {
	case string:
		if s.Type == "array" {
			return fmt.Sprintf("must be a list such as %s, not the string %s", example(v), text.Quote(v))
		}
		if s.Type != "string" {
			return fmt.Sprintf("must be %s, not the string %s", article(s.Type), text.Quote(v))
		}
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
			return fmt.Sprintf("is %s; allowed: %s", text.Quote(v), enumeration(s.Enum))
		}
	case float64:
		if s.Type != "number" && (s.Type != "integer" || v != math.Trunc(v)) {
			return fmt.Sprintf("must be %s, not %v", article(s.Type), v)
		}
		if (s.Minimum != nil && v < *s.Minimum) || (s.Maximum != nil && v > *s.Maximum) {
			return fmt.Sprintf("is %v; allowed: %s", v, interval(s))
		}
	case bool:
		if s.Type != "boolean" {
			return fmt.Sprintf("must be %s, not %v", article(s.Type), v)
		}
	case []any:
		if s.Type != "array" {
			return fmt.Sprintf("must be %s, not a list", article(s.Type))
		}
		for i, item := range v {
			if problem := misfit(s.Items, item); problem != "" {
				return fmt.Sprintf("item %d %s", i+1, problem)
			}
		}
	default:
		if s.Type != "object" {
			return fmt.Sprintf("must be %s, not an object", article(s.Type))
		}
	}
	return ""
}

func article(kind string) string {
	switch kind {
	case "integer":
		return "a whole number"
	case "boolean":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	}
	return "a " + kind
}

func enumeration(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}

func interval(s *jsonschema.Schema) string {
	switch {
	case s.Maximum == nil:
		return fmt.Sprintf("%v or more", *s.Minimum)
	case s.Minimum == nil:
		return fmt.Sprintf("%v or less", *s.Maximum)
	}
	return fmt.Sprintf("%v to %v", *s.Minimum, *s.Maximum)
}

// usage lists the arguments, required ones first: "`instance`, and optionally `wait_seconds`".
func (s *schema) usage() string {
	var required, optional []string
	for _, name := range slices.Sorted(maps.Keys(s.root.Properties)) {
		if slices.Contains(s.root.Required, name) {
			required = append(required, "`"+name+"`")
		} else {
			optional = append(optional, "`"+name+"`")
		}
	}
	switch {
	case len(required) == 0 && len(optional) == 0:
		return "no arguments"
	case len(required) == 0:
		return "any of " + strings.Join(optional, ", ")
	case len(optional) == 0:
		return strings.Join(required, ", ")
	}
	return strings.Join(required, ", ") + ", and optionally " + strings.Join(optional, ", ")
}

package aurasim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// complaint is one thing that is wrong with a request body or a state file, and where.
type complaint struct {
	path, message string
}

func (c complaint) String() string { return strings.TrimPrefix(c.path+": "+c.message, ": ") }

// complaints is one error with a line for each, or nil.
func complaints(found []complaint) error {
	var errs []error
	for _, c := range found {
		errs = append(errs, errors.New(c.String()))
	}
	return errors.Join(errs...)
}

// object reads a JSON object strictly. encoding/json would take "Name" for "name", the second of two equal keys, and
// null for anything; a simulator that does so hides the mistakes it is there to show.
type object struct {
	path   string // "" at the top
	fields map[string]json.RawMessage
	keys   []string // in the order of the document
	used   map[string]bool
	found  *[]complaint // shared with the objects inside
}

// parseObject needs raw to be valid JSON or says why it is not.
func parseObject(raw []byte, path string, found *[]complaint) (*object, error) {
	o := &object{path: path, fields: map[string]json.RawMessage{}, used: map[string]bool{}, found: found}
	if !json.Valid(raw) {
		return nil, syntaxError(raw)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, fmt.Errorf("%smust be a JSON object", prefix(path))
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := fmt.Sprint(key)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if _, twice := o.fields[name]; twice {
			o.complain(name, "occurs twice")
		}
		o.fields[name] = value
		o.keys = append(o.keys, name)
	}
	return o, nil
}

func syntaxError(raw []byte) error {
	var ignored json.RawMessage
	err := json.Unmarshal(raw, &ignored)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return fmt.Errorf("malformed JSON: %w", err)
	}
	before := raw[:min(int(syntax.Offset), len(raw))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return fmt.Errorf("malformed JSON at line %d, column %d: %w", line, column, err)
}

func prefix(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

func (o *object) at(name string) string { return strings.TrimPrefix(o.path+"."+name, ".") }

func (o *object) complain(name, format string, args ...any) {
	*o.found = append(*o.found, complaint{path: o.at(name), message: fmt.Sprintf(format, args...)})
}

func (o *object) has(name string) bool {
	_, ok := o.fields[name]
	return ok
}

// optional is the field's value, or T's zero value if it is absent or, which is complained about, of another type.
func optional[T any](o *object, name, kind string) T {
	var out T
	raw, ok := o.fields[name]
	o.used[name] = true
	if !ok {
		return out
	}
	if string(raw) == "null" || json.Unmarshal(raw, &out) != nil {
		o.complain(name, "%s: must be %s", shortened(raw), kind)
		return *new(T)
	}
	return out
}

func (o *object) text(name string) string     { return optional[string](o, name, "a string") }
func (o *object) flag(name string) bool       { return optional[bool](o, name, "true or false") }
func (o *object) whole(name string) int64     { return optional[int64](o, name, "a whole number") }
func (o *object) texts(name string) []string  { return optional[[]string](o, name, "a list of strings") }
func (o *object) requireText(n string) string { o.require(n); return o.text(n) }

// anyObject takes an object as it is.
func (o *object) anyObject(name string) {
	optional[map[string]json.RawMessage](o, name, "an object")
}

// filled is a text that must not be empty if it is given.
func (o *object) filled(name string) string {
	value := o.text(name)
	if string(o.fields[name]) == `""` {
		o.complain(name, "must not be empty")
	}
	return value
}

func (o *object) require(name string) {
	if !o.has(name) {
		o.complain(name, "is required")
	}
}

// oneOf complains about a text that is given and not one of the allowed.
func (o *object) oneOf(name string, allowed []string) string {
	before := len(*o.found)
	value := o.text(name)
	if o.has(name) && len(*o.found) == before && !slices.Contains(allowed, value) {
		o.complain(name, "%q is not allowed; allowed: %s", value, listed(allowed))
	}
	return value
}

// eachOf complains about every text of a list that is not one of the allowed.
func (o *object) eachOf(name string, allowed []string) []string {
	values := o.texts(name)
	for _, value := range values {
		if !slices.Contains(allowed, value) {
			o.complain(name, "%q is not allowed; allowed: %s", value, listed(allowed))
		}
	}
	return values
}

// objects is a list of objects.
func (o *object) objects(name string) []*object {
	var out []*object
	for i, raw := range optional[[]json.RawMessage](o, name, "a list") {
		inner, err := parseObject(raw, fmt.Sprintf("%s[%d]", o.at(name), i), o.found)
		if err != nil {
			*o.found = append(*o.found, complaint{message: err.Error()})
			continue
		}
		out = append(out, inner)
	}
	return out
}

// done complains about every field that nobody asked for; what was asked for is what is allowed.
func (o *object) done() {
	allowed := make([]string, 0, len(o.used))
	for name := range o.used {
		allowed = append(allowed, name)
	}
	slices.Sort(allowed)
	for _, name := range o.keys {
		if o.used[name] {
			continue
		}
		if len(allowed) == 0 {
			o.complain(name, "unknown field; no field is allowed here")
			continue
		}
		o.complain(name, "unknown field; allowed: %s", listed(allowed))
	}
}

func shortened(raw []byte) string {
	const most = 60
	if len(raw) > most {
		return strings.ToValidUTF8(string(raw[:most]), "") + "…"
	}
	return string(raw)
}

package op

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// ProfileArgument chooses, of several sets of credentials, the one that a call goes by. Who serves a call reads it; no handler
// does.
const ProfileArgument = "profile"

// InProfile returns the operation as a profile with a name has it: every plan says which it is. Where there are several, the
// operation takes the argument profile, too, and the result of one that can change something says whose it is. byDefault serves
// a call that names none; empty where each call has to name one.
func (o Operation) InProfile(name string, all []string, byDefault string) Operation {
	if plan := o.plan; plan != nil {
		o.plan = func(ctx context.Context, in any) (Plan, error) {
			p, err := plan(ctx, in)
			p.Facts = append([]Fact{{Label: ProfileArgument, Value: name}}, p.Facts...)
			return p, err
		}
	}
	if len(all) < 2 {
		return o
	}
	description := "which account: " + strings.Join(all, ", ")
	if byDefault != "" {
		description += "; default " + byDefault
	}
	property := &jsonschema.Schema{Type: "string", Description: description}
	for _, n := range all {
		property.Enum = append(property.Enum, n)
	}
	o.input = o.with(o.input, property, false)
	if o.Spec.Effects == Read {
		return o
	}
	o.output = o.with(o.output, &jsonschema.Schema{Type: "string", Description: "the account it was"}, true)
	run := o.run
	o.run = func(ctx context.Context, c Call, in any, p Plan) (any, error) {
		out, err := run(ctx, c, in, p)
		return inProfile{out, name}, err
	}
	return o
}

// inProfile is a result together with the profile it is of.
type inProfile struct {
	out     any
	profile string
}

// MarshalJSON puts the profile last into the result's own object.
func (r inProfile) MarshalJSON() ([]byte, error) {
	encoded, err := Encode(r.out)
	if err != nil {
		return nil, err
	}
	profile, err := json.Marshal(r.profile)
	if err != nil {
		return nil, err
	}
	body := bytes.TrimSuffix(encoded, []byte("}"))
	if !bytes.HasSuffix(body, []byte("{")) {
		body = append(body, ',')
	}
	return fmt.Appendf(body, "%q:%s}", ProfileArgument, profile), nil
}

// Images are those of the result.
func (r inProfile) Images() []Image {
	if pictured, ok := r.out.(interface{ Images() []Image }); ok {
		return pictured.Images()
	}
	return nil
}

// Made is that of the result.
func (r inProfile) Made() string { return Made(r.out) }

// with returns a schema with one more property, which comes last.
func (o *Operation) with(s *schema, property *jsonschema.Schema, required bool) *schema {
	if s == nil { // the row is unusable; Check tells
		return nil
	}
	if _, taken := s.root.Properties[ProfileArgument]; taken {
		o.err = errors.Join(o.err, fmt.Errorf("it has a property %s of its own", ProfileArgument))
		return s
	}
	root := *s.root
	root.Properties = maps.Clone(root.Properties)
	if root.Properties == nil {
		root.Properties = map[string]*jsonschema.Schema{}
	}
	root.Properties[ProfileArgument] = property
	root.PropertyOrder = append(slices.Clone(root.PropertyOrder), ProfileArgument)
	if required {
		root.Required = append(slices.Clone(root.Required), ProfileArgument)
	}
	out, err := newSchema(root.CloneSchemas())
	if err != nil {
		o.err = errors.Join(o.err, fmt.Errorf("schema with a profile: %w", err))
		return s
	}
	out.sizes = s.sizes
	return out
}

// Package op says what an operation is: its name and effects, its arguments and results as schemas, how it is planned and
// run, and how its outcome or error is told. It knows neither Aura nor transports, and decides nothing: whether a call may
// run is up to the guard.
package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// Spec is what is known of an operation before any call. Annotations, read-only filtering, approval and the docs all follow
// from it, so that they cannot disagree.
type Spec struct {
	Name        string // snake_case, verb first; never changes once released
	Title       string // for a person's eyes, a few words
	Description string // for the model: what it does; when to use another tool instead
	Toolset     string
	Effects     Effects // the worst that any arguments can make of it
	Idempotent  bool    // a second equal call changes nothing more
}

// Caller is on whose behalf a call comes. Nothing that one caller asked, was told or was refused reaches another.
type Caller struct {
	Profile   string `json:"profile,omitempty"` // which credentials it goes by; "" where there is only one set
	Principal string `json:"principal"`         // who calls: [Local] on the person's own machine, the name of a token or an identity over HTTP
	// Withheld are the effects that this caller may not bring about, whatever anybody approves.
	Withheld Effects `json:"-"`
}

// Local is the principal of whoever started the server.
const Local = "local"

// Call is what a handler gets besides its arguments.
type Call struct {
	Caller Caller
	// Client is what the calling program says it is, such as claude-ai. It proves nothing.
	Client string
	// Progress is who hears what [Call.Report] says; it never blocks. Nil: nobody does.
	Progress func(done, total float64, message string)
	// Gone is closed when the caller no longer waits for the answer. A handler then stops waiting; what it has started at
	// Aura it leaves running.
	Gone <-chan struct{}
	// Deadline is when the answer must be on its way, since hosts cut calls off at 60 s.
	Deadline time.Time
}

// Report tells the caller how far a wait has come, in steps out of total (0: unknown).
func (c Call) Report(done, total float64, message string) {
	if c.Progress != nil {
		c.Progress(done, total, message)
	}
}

// Patience returns a context for waiting up to limit: it ends earlier when the caller has gone or the deadline comes near.
func (c Call) Patience(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if left := time.Until(c.Deadline); !c.Deadline.IsZero() && left < limit {
		limit = left
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	if c.Gone == nil {
		return ctx, cancel
	}
	stopped := make(chan struct{})
	go func() {
		select {
		case <-c.Gone:
			cancel()
		case <-stopped:
		}
	}()
	return ctx, func() { close(stopped); cancel() }
}

// Operation is one row of the catalogue: a [Spec], its schemas and its code. Make one with [Reads] or [Acts].
type Operation struct {
	Spec   Spec
	input  *schema
	output *schema
	decode func([]byte) (any, error)
	plan   func(context.Context, any) (Plan, error)
	run    func(context.Context, Call, any, Plan) (any, error)
	err    error // why the row is unusable; told by [Operation.Check]
}

// Reads is an operation that changes nothing.
func Reads[In, Out any](s Spec, run func(context.Context, Call, In) (Out, error)) Operation {
	o := define[In, Out](s, func(ctx context.Context, c Call, in In, _ Plan) (Out, error) { return run(ctx, c, in) })
	if s.Effects != Read {
		o.err = errors.Join(o.err, errors.New("an operation with effects needs a plan: use Acts"))
	}
	return o
}

// Acts is an operation with effects. plan looks at the live state, says what would happen and to what, and refuses what
// cannot work; it must read from Aura itself, never from a cache. run acts on the plan's resources, by their IDs.
func Acts[In, Out any](s Spec, plan func(context.Context, In) (Plan, error), run func(context.Context, Call, In, Plan) (Out, error)) Operation {
	o := define[In, Out](s, run)
	if s.Effects == Read {
		o.err = errors.Join(o.err, errors.New("an operation without effects has no plan: use Reads"))
	}
	o.plan = func(ctx context.Context, in any) (Plan, error) { return plan(ctx, in.(In)) }
	return o
}

func define[In, Out any](s Spec, run func(context.Context, Call, In, Plan) (Out, error)) Operation {
	input, errIn := schemaFor[In]()
	output, errOut := schemaFor[Out]()
	return Operation{
		Spec:   s,
		input:  input,
		output: output,
		err:    errors.Join(errIn, errOut),
		decode: func(b []byte) (any, error) {
			var in In
			err := json.Unmarshal(b, &in)
			return in, err
		},
		run: func(ctx context.Context, c Call, in any, p Plan) (any, error) { return run(ctx, c, in.(In), p) },
	}
}

var toolName = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)

// Check reports why the operation cannot be offered: a schema that does not resolve would leave its arguments unchecked
// without a word, so a server refuses to start with one.
func (o Operation) Check() error {
	var problems []error
	if o.err != nil {
		problems = append(problems, o.err)
	}
	if !toolName.MatchString(o.Spec.Name) || len(o.Spec.Name) > 40 {
		problems = append(problems, fmt.Errorf("name %q is not snake_case of at most 40 characters", o.Spec.Name))
	}
	if o.Spec.Title == "" || o.Spec.Description == "" || o.Spec.Toolset == "" {
		problems = append(problems, errors.New("title, description and toolset are required"))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("operation %s: %w", o.Spec.Name, err)
	}
	return nil
}

// Tool describes the operation to an MCP client. All four hints are stated, since the protocol's defaults are the worst case.
func (o Operation) Tool() mcp.Tool {
	readOnly := o.Spec.Effects == Read
	disturbs := o.Spec.Effects&(Disruptive|Destructive) != 0
	closedWorld := false // it acts on the person's own account only
	tool := mcp.NewToolWithRawSchema(o.Spec.Name, o.Spec.Description, o.input.encoded)
	tool.RawOutputSchema = o.output.encoded
	tool.Title = o.Spec.Title
	tool.Annotations = mcp.ToolAnnotation{
		ReadOnlyHint:    &readOnly,
		DestructiveHint: &disturbs,
		IdempotentHint:  &o.Spec.Idempotent,
		OpenWorldHint:   &closedWorld,
	}
	return tool
}

// Validate checks an encoded result against the operation's output schema.
func (o Operation) Validate(result []byte) error { return o.output.validate(result) }

// Request is an operation with its arguments, decoded and checked.
type Request struct {
	Operation Operation
	in        any
	canonical []byte
}

// Prepare decodes the arguments strictly. Its error is an [*Error] that names the argument, what is allowed and what to do.
func (o Operation) Prepare(arguments any) (Request, error) {
	encoded, canonical, err := o.input.arguments(o.Spec.Name, arguments)
	if err != nil {
		return Request{}, err
	}
	in, err := o.decode(encoded)
	if err != nil {
		return Request{}, &Error{What: fmt.Sprintf("the arguments of %s do not fit: %v", o.Spec.Name, err), Unchanged: true}
	}
	return Request{Operation: o, in: in, canonical: canonical}, nil
}

// Arguments are the arguments in canonical form, without wait_seconds: that one changes how long an answer is waited for and
// nothing about what is done, so it is no part of what a person approves.
func (r Request) Arguments() []byte { return r.canonical }

// Plan reads the live state and says what the request would do. For a read it is the empty plan.
func (r Request) Plan(ctx context.Context) (Plan, error) {
	if r.Operation.plan == nil {
		return Plan{}, nil
	}
	p, err := r.Operation.plan(ctx, r.in)
	if err == nil && p.Effects&^r.Operation.Spec.Effects != 0 {
		return Plan{}, fmt.Errorf("the plan of %s has effects (%s) beyond those its row declares (%s)", r.Operation.Spec.Name, p.Effects, r.Operation.Spec.Effects)
	}
	return p, err
}

// Run carries the request out on the plan's resources.
func (r Request) Run(ctx context.Context, c Call, p Plan) (any, error) {
	return r.Operation.run(ctx, c, r.in, p)
}

// Explaining returns the operation with its errors put into words by explain.
func (o Operation) Explaining(explain func(error) error) Operation {
	plan, run := o.plan, o.run
	if plan != nil {
		o.plan = func(ctx context.Context, in any) (Plan, error) {
			p, err := plan(ctx, in)
			return p, explain(err)
		}
	}
	o.run = func(ctx context.Context, c Call, in any, p Plan) (any, error) {
		out, err := run(ctx, c, in, p)
		return out, explain(err)
	}
	return o
}

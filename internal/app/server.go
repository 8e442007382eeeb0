package app

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/auraclient"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
	"aura-mcp/prompts"
	"aura-mcp/resources"
)

// demoMark stands in every result of the demo, so that nobody takes its databases for real ones.
const demoMark = "aura-mcp/demo"

// serverOptions is what a server is made of.
type serverOptions struct {
	Catalog      func() []op.Operation // of the first account; those of the others have the same operations
	Accounts     accounts              // none where there is nothing to choose
	Prompts      []prompts.Prompt
	Gate         *guard.Gate
	Resources    func(context.Context) (*resources.Resources, error) // of whom a request comes from; nil: there are none
	Instructions string
	Demo         bool
	Log          *slog.Logger
	// Caller says on whose behalf a request comes, and whose profile it goes by; nil where everybody is the person who started the
	// server.
	Caller func(context.Context) (op.Caller, error)
	// ListAll lists what a caller lacks the rights for, too: for callers who can get more.
	ListAll bool
	// More are further options of the library's server.
	More []server.ServerOption
}

func (o serverOptions) caller(ctx context.Context) (op.Caller, error) {
	if o.Caller == nil {
		return op.Caller{Principal: op.Local}, nil
	}
	return o.Caller(ctx)
}

// mcpServer is the MCP server and its offer, which is made once the client has shaken hands: inferring the schemas of some
// thirty operations takes longer than everything else at the start.
type mcpServer struct {
	*server.MCPServer
	make    func()             // makes the offer, once
	offered chan struct{}      // closed when the tools are there, or cannot be
	err     error              // why they cannot; read after offered
	specs   map[string]op.Spec // by name; read after offered
	desk    *promptDesk
}

// effects is the worst that a tool can do.
func (s *mcpServer) effects(tool string) (op.Effects, bool) {
	s.make()
	spec, known := s.specs[tool]
	return spec.Effects, known
}

// newServer puts every operation behind the gate and offers it over MCP.
func newServer(o serverOptions) *mcpServer {
	title := "Aura databases"
	if o.Demo {
		title += " (DEMO)"
	}
	hooks := &server.Hooks{}
	s := &mcpServer{offered: make(chan struct{}), specs: map[string]op.Spec{}, desk: &promptDesk{withholds: o.withholds, catalog: o.Prompts, demo: o.Demo}}
	pages := pages{of: o.Resources, demo: o.Demo, log: o.Log}
	s.MCPServer = server.NewMCPServer("aura-mcp", version(), append(slices.Concat(pages.capabilities(), o.More),
		server.WithTitle(title),
		server.WithDescription("Runs a fleet of Neo4j Aura databases"),
		server.WithInstructions(o.Instructions),
		server.WithToolCapabilities(false),
		server.WithPromptCapabilities(false),
		server.WithHooks(hooks),
	)...)
	s.make = sync.OnceFunc(func() {
		economize()
		defer close(s.offered)
		pages.offer(s.MCPServer)
		s.err = o.offer(s)
		debug.FreeOSMemory() // schemas leave a megabyte of garbage behind, in a process that sits on a laptop all day
	})
	hooks.AddOnSuccess(func(context.Context, any, mcp.MCPMethod, any, any) { go s.make() })
	hooks.AddBeforeListTools(func(context.Context, any, *mcp.ListToolsRequest) { s.make() })
	hooks.AddBeforeCallTool(func(context.Context, any, *mcp.CallToolRequest) { s.make() })
	hooks.AddBeforeListPrompts(func(context.Context, any, *mcp.ListPromptsRequest) { s.make() })
	hooks.AddBeforeGetPrompt(func(context.Context, any, *mcp.GetPromptRequest) { s.make() })
	hooks.AddBeforeListResources(func(context.Context, any, *mcp.ListResourcesRequest) { s.make() })
	hooks.AddBeforeListResourceTemplates(func(context.Context, any, *mcp.ListResourceTemplatesRequest) { s.make() })
	hooks.AddBeforeReadResource(func(context.Context, any, *mcp.ReadResourceRequest) { s.make() })
	pages.hook(hooks)
	// The library's own tool filter would answer a call of a hidden tool with "not found"; the gate says which rule hides it.
	hooks.AddAfterListTools(func(ctx context.Context, _ any, _ *mcp.ListToolsRequest, result *mcp.ListToolsResult) {
		result.Tools = slices.DeleteFunc(slices.Clone(result.Tools), func(t mcp.Tool) bool { return o.withholds(ctx, s.specs[t.Name]) != nil })
	})
	hooks.AddAfterListPrompts(func(ctx context.Context, _ any, _ *mcp.ListPromptsRequest, result *mcp.ListPromptsResult) {
		result.Prompts = slices.DeleteFunc(slices.Clone(result.Prompts), func(p mcp.Prompt) bool { return s.desk.hides(ctx, p.Name) })
	})
	return s
}

// offer adds the tools and prompts. It fails where an operation cannot be offered safely, rather than offering it with arguments
// unchecked.
func (o serverOptions) offer(s *mcpServer) error {
	var tools []server.ServerTool
	for _, operation := range o.Catalog() {
		if err := operation.Check(); err != nil {
			return err
		}
		s.specs[operation.Spec.Name] = operation.Spec
		s.desk.tools = append(s.desk.tools, operation.Spec)
		tools = append(tools, server.ServerTool{Tool: operation.Tool(), Handler: o.handler(operation)})
	}
	s.AddTools(tools...)
	s.AddPrompts(s.desk.prompts()...)
	return nil
}

// withholds says which rule keeps an operation out of a caller's list of tools, or nil. A caller who can choose among profiles has
// what the policy of any leaves in.
func (o serverOptions) withholds(ctx context.Context, s op.Spec) error {
	caller, err := o.caller(ctx)
	if err != nil {
		return err
	}
	if o.ListAll {
		caller.Withheld = op.Read
	}
	if o.Caller != nil || len(o.Accounts.all) == 0 {
		return o.Gate.Withholds(caller, s)
	}
	var rule error
	for _, a := range o.Accounts.all {
		caller.Profile = a.caller
		if rule = o.Gate.Withholds(caller, s); rule == nil {
			return nil
		}
	}
	return rule
}

// economize makes the collector run more often from now on: a server waits all day for its person, so its memory counts more
// than its time. While it started, it was the other way round. What a person has set with GOGC stays.
func economize() {
	const usual = 100
	if set := debug.SetGCPercent(usual / 2); set != usual {
		debug.SetGCPercent(set)
	}
}

// ready makes the offer and says why there is none.
func (s *mcpServer) ready() error {
	s.make()
	return s.err
}

func (o serverOptions) handler(operation op.Operation) server.ToolHandlerFunc {
	return func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		reporter := newReporter(ctx, request)
		defer reporter.close()
		ctx = auraclient.WithHeld(ctx, reporter.held)
		operation, caller, err := o.inProfile(ctx, operation, request)
		if err != nil {
			return op.Failure(err), nil
		}
		result := o.Gate.Handle(ctx, operation, op.Call{Caller: caller, Client: clientName(ctx), Progress: reporter.report}, request)
		if o.Demo {
			result.Meta = mcp.NewMetaFromMap(map[string]any{demoMark: true})
		}
		return result, nil
	}
}

// inProfile returns the operation as the profile has it that the call is about, and who calls. Where callers prove who they are,
// that decides the profile, and no argument of theirs.
func (o serverOptions) inProfile(ctx context.Context, operation op.Operation, request mcp.CallToolRequest) (op.Operation, op.Caller, error) {
	caller, err := o.caller(ctx)
	switch {
	case err != nil:
		return operation, caller, err
	case o.Caller != nil && len(o.Accounts.all) > 0:
		a := o.Accounts.of(caller.Profile)
		if a == nil {
			return operation, caller, &op.Error{What: "there is no profile " + text.Quote(caller.Profile), Next: "tell the person; whoever runs this server decides", Unchanged: true}
		}
		return a.operation(operation.Spec.Name), caller, nil
	case o.Accounts.several():
		a, err := o.Accounts.choose(ctx, operation.Spec, request.Params.Arguments)
		if err != nil {
			return operation, caller, err
		}
		caller.Profile = a.caller
		return a.operation(operation.Spec.Name), caller, nil
	case len(o.Accounts.all) == 1:
		caller.Profile = o.Accounts.all[0].caller
	}
	return operation, caller, nil
}

// clientName is what the calling program says it is.
func clientName(ctx context.Context) string {
	if server.IsModernRequest(ctx) {
		if info := server.RequestProtocolInfoFromContext(ctx).ClientInfo; info != nil {
			return info.Name
		}
		return ""
	}
	if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		return session.GetClientInfo().Name
	}
	return ""
}

package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
)

// demoMark stands in every result of the demo, so that nobody takes its databases for real ones.
const demoMark = "aura-mcp/demo"

// serverOptions is what a server is made of.
type serverOptions struct {
	Catalog      []op.Operation
	Gate         *guard.Gate
	Instructions string
	Demo         bool
	Log          *slog.Logger
}

// newServer puts every operation behind the gate and offers it over MCP. It fails where an operation cannot be offered
// safely, rather than offering it with arguments unchecked.
func newServer(o serverOptions) (*server.MCPServer, error) {
	title := "Aura databases"
	if o.Demo {
		title += " (DEMO)"
	}
	hooks := &server.Hooks{}
	s := server.NewMCPServer("aura-mcp", version(),
		server.WithTitle(title),
		server.WithDescription("Runs a fleet of Neo4j Aura databases"),
		server.WithInstructions(o.Instructions),
		server.WithToolCapabilities(false),
		server.WithHooks(hooks),
	)
	hidden := map[string]bool{}
	for _, operation := range o.Catalog {
		if err := operation.Check(); err != nil {
			return nil, err
		}
		hidden[operation.Spec.Name] = !o.Gate.Offers(operation.Spec)
		s.AddTool(operation.Tool(), o.handler(operation))
	}
	// The library's own tool filter would answer a call of a hidden tool with "not found"; the gate says which rule hides it.
	hooks.AddAfterListTools(func(_ context.Context, _ any, _ *mcp.ListToolsRequest, result *mcp.ListToolsResult) {
		result.Tools = slices.DeleteFunc(result.Tools, func(t mcp.Tool) bool { return hidden[t.Name] })
	})
	return s, nil
}

func (o serverOptions) handler(operation op.Operation) server.ToolHandlerFunc {
	return func(ctx context.Context, request mcp.CallToolRequest) (result *mcp.CallToolResult, _ error) {
		defer func() {
			if r := recover(); r != nil {
				result = o.incident(operation.Spec.Name, r)
			}
		}()
		reporter := newReporter(ctx, request)
		defer reporter.close()
		result = o.Gate.Handle(ctx, operation, op.Call{Progress: reporter.report}, request)
		if o.Demo {
			result.Meta = mcp.NewMetaFromMap(map[string]any{demoMark: true})
		}
		return result, nil
	}
}

// incident keeps what a panic says in the log: it may hold anything, and a client has no use for it.
func (o serverOptions) incident(operation string, recovered any) *mcp.CallToolResult {
	id := rand.Text()[:8]
	o.Log.Error("panic in an operation", "incident", id, "operation", operation, "panic", recovered, "stack", string(debug.Stack()))
	return op.Failure(&op.Error{
		What: fmt.Sprintf("%s failed inside aura-mcp (incident %s); whether anything was changed is not known", operation, id),
		Next: "look at the state with list_instances before you do anything else, and tell the person; the server's log has the details under the incident",
	})
}

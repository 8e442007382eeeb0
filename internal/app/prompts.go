package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
	"aura-mcp/prompts"
)

// promptDesk hands out the prompts that the policy leaves something to do. It asks the policy each time, since that may change
// while the server runs.
type promptDesk struct {
	withholds func(context.Context, op.Spec) error // says which rule keeps a tool from being offered to the caller, or nil
	catalog   []prompts.Prompt
	tools     []op.Spec // there once the offer is made
	demo      bool
}

// withheld says why a tool is not on offer, or nil where it is, or is none.
func (d *promptDesk) withheld(ctx context.Context) func(tool string) error {
	return func(tool string) error {
		n := slices.IndexFunc(d.tools, func(s op.Spec) bool { return s.Name == tool })
		if n < 0 {
			return nil
		}
		return d.withholds(ctx, d.tools[n])
	}
}

// hides reports whether a prompt is left out of the list.
func (d *promptDesk) hides(ctx context.Context, name string) bool {
	p, err := d.find(name)
	return err != nil || p.Offered(d.withheld(ctx)) != nil
}

func (d *promptDesk) find(name string) (prompts.Prompt, error) {
	var names []string
	for _, p := range d.catalog {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	what := "there is no prompt " + text.Quote(name)
	if near := text.Nearest(name, names); len(near) > 0 {
		what += fmt.Sprintf(" (did you mean %s?)", near[0])
	}
	return prompts.Prompt{}, &op.Error{What: what, Next: "list the prompts to see what there is"}
}

// prompts are all of them for the library, the hidden ones included: asked for by name, they say which rule hides them.
func (d *promptDesk) prompts() []server.ServerPrompt {
	var out []server.ServerPrompt
	for _, p := range d.catalog {
		out = append(out, server.ServerPrompt{Prompt: p.MCP(), Handler: func(ctx context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return d.get(ctx, p, request.Params.Arguments)
		}})
	}
	return out
}

func (d *promptDesk) get(ctx context.Context, p prompts.Prompt, arguments map[string]string) (*mcp.GetPromptResult, error) {
	body, err := p.Render(arguments, d.withheld(ctx))
	if err != nil {
		return nil, err
	}
	if d.demo {
		body += "\nThis server runs the DEMO: the databases are simulated and nothing is real. Say so in the report.\n"
	}
	result := mcp.NewGetPromptResult(p.Description, []mcp.PromptMessage{mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(body))})
	if d.demo {
		result.Meta = mcp.NewMetaFromMap(map[string]any{demoMark: true})
	}
	return result, nil
}

// misused is the answer to a request for a prompt that is not there or whose arguments do not fit, and nil for every other
// message. The library passes on what a prompt says as an internal error (-32603), where the protocol wants invalid parameters
// (-32602), so a transport asks here first.
func (s *mcpServer) misused(ctx context.Context, line []byte) map[string]any {
	if !bytes.Contains(line, []byte(mcp.MethodPromptsGet)) {
		return nil
	}
	var request struct {
		envelope
		Params struct {
			Name      string         `json:"name"`
			Arguments map[string]any `json:"arguments"`
		} `json:"params"`
	}
	if json.Unmarshal(line, &request) != nil || request.Method != string(mcp.MethodPromptsGet) || !request.hasID() || s.ready() != nil {
		return nil // the library has an answer to that
	}
	err := s.desk.check(ctx, request.Params.Name, request.Params.Arguments)
	if err == nil {
		return nil
	}
	return map[string]any{
		"jsonrpc": mcp.JSONRPC_VERSION, "id": request.ID,
		"error": map[string]any{"code": mcp.INVALID_PARAMS, "message": err.Error()},
	}
}

// check says what is wrong with a request for a prompt.
func (d *promptDesk) check(ctx context.Context, name string, given map[string]any) error {
	p, err := d.find(name)
	if err != nil {
		return err
	}
	arguments := map[string]string{}
	for key, value := range given {
		words, isText := value.(string)
		if !isText {
			return &op.Error{What: fmt.Sprintf("prompt %s: argument %s must be text", name, text.Quote(key)), Next: "get it again with text"}
		}
		arguments[key] = words
	}
	_, err = p.Render(arguments, d.withheld(ctx))
	return err
}

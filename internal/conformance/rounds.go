package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// ask is a question of a tool that asks by its answer (2026-07-28) and is called again with what the client says.
type ask = func(*server.InputRequestBuilder) *server.InputRequestBuilder

func askFor(id, message, field, kind string) ask {
	return func(b *server.InputRequestBuilder) *server.InputRequestBuilder {
		return b.Elicit(id, form(message, map[string]any{field: map[string]any{"type": kind}}, field))
	}
}

// rounds are tools that ask in rounds.
func (f *fixture) rounds() {
	name := askFor("user_name", "What is your name?", "name", "string")
	capital := func(b *server.InputRequestBuilder) *server.InputRequestBuilder {
		return b.Sample("capital_question", sampling("What is the capital of France?", 100))
	}
	roots := func(b *server.InputRequestBuilder) *server.InputRequestBuilder { return b.Roots("client_roots") }
	greeting := func(b *server.InputRequestBuilder) *server.InputRequestBuilder {
		return b.Sample("greeting", sampling("Generate a greeting", 50))
	}
	f.once("test_input_required_result_elicitation", "", func(r mcp.InputResponses) string {
		if answer := server.ElicitationResponse(r, "user_name"); answer != nil {
			content, _ := answer.Content.(map[string]any)
			return fmt.Sprintf("Hello, %v!", content["name"])
		}
		return ""
	}, name)
	f.once("test_streaming_elicitation", "", has("user_name"), name)
	f.once("test_input_required_result_sampling", "", func(r mcp.InputResponses) string {
		if answer := server.SamplingResponse(r, "capital_question"); answer != nil {
			return fmt.Sprintf("The model says: %v", answer.Content)
		}
		return ""
	}, capital)
	f.once("test_input_required_result_list_roots", "", func(r mcp.InputResponses) string {
		if answer := server.RootsResponse(r, "client_roots"); answer != nil {
			return fmt.Sprintf("Roots: %v", answer.Roots)
		}
		return ""
	}, roots)
	key := make([]byte, 32)
	_, _ = rand.Read(key) // ends the program rather than fail
	sealed := func(words string) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(words))
		return words + "." + hex.EncodeToString(mac.Sum(nil))
	}
	f.once("test_input_required_result_request_state", sealed("one"), has("confirm"), askFor("confirm", "Please confirm", "ok", "boolean"))
	f.once("test_input_required_result_tampered_state", sealed("two"), has("confirm"), askFor("confirm", "Please confirm", "ok", "boolean"))
	f.once("test_input_required_result_multiple_inputs", sealed("three"), has("user_name", "greeting", "client_roots"), name, greeting, roots)
	f.multiRound(sealed)
	f.byCapability("test_input_required_result_capabilities", name, capital)
	f.tool("test_missing_capability", func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if info := server.RequestProtocolInfoFromContext(ctx); info.ClientCapabilities == nil || info.ClientCapabilities.Sampling == nil {
			return nil, mcp.MissingRequiredClientCapabilityError{Capability: "sampling"}
		}
		return mcp.NewToolResultText("the client has it"), nil
	})
}

// has says that all questions are answered.
func has(ids ...string) func(mcp.InputResponses) string {
	return func(r mcp.InputResponses) string {
		for _, id := range ids {
			if _, ok := server.InputResponse(r, id); !ok {
				return ""
			}
		}
		return "complete, state-ok"
	}
}

// once is a tool with one round of questions. A state that was tampered with is refused.
func (f *fixture) once(tool, state string, answered func(mcp.InputResponses) string, asks ...ask) {
	f.tool(tool, func(_ context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		said := answered(request.Params.InputResponses)
		if said != "" && state != "" && request.Params.RequestState != state {
			return nil, errors.New("the state is not ours")
		}
		if said != "" {
			return mcp.NewToolResultText(said), nil
		}
		b := server.NewInputRequestBuilder(state)
		for _, a := range asks {
			b = a(b)
		}
		return b.ToolResult(), nil
	})
}

func (f *fixture) multiRound(sealed func(string) string) {
	f.tool("test_input_required_result_multi_round", func(_ context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		switch request.Params.RequestState {
		case "":
			return askFor("step1", "Step 1: What is your name?", "name", "string")(server.NewInputRequestBuilder(sealed("first"))).ToolResult(), nil
		case sealed("first"):
			return askFor("step2", "Step 2: What is your favorite color?", "color", "string")(server.NewInputRequestBuilder(sealed("second"))).ToolResult(), nil
		case sealed("second"):
			return mcp.NewToolResultText("complete"), nil
		}
		return nil, errors.New("the state is not ours")
	})
}

// byCapability asks only what the client has declared that it can answer.
func (f *fixture) byCapability(tool string, elicits, samples ask) {
	f.tool(tool, func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if len(request.Params.InputResponses) > 0 {
			return mcp.NewToolResultText("complete"), nil
		}
		b, can := server.NewInputRequestBuilder(""), server.RequestProtocolInfoFromContext(ctx).ClientCapabilities
		if can != nil && can.Elicitation != nil {
			b = elicits(b)
		}
		if can != nil && can.Sampling != nil {
			b = samples(b)
		}
		return b.ToolResult(), nil
	})
}

func (f *fixture) resources() {
	read := func(content mcp.ResourceContents) server.ResourceHandlerFunc {
		return func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{content}, nil
		}
	}
	f.server.AddResource(mcp.NewResource("test://static-text", "static text", mcp.WithMIMEType("text/plain")),
		read(mcp.TextResourceContents{URI: "test://static-text", MIMEType: "text/plain", Text: "This is the content of the static text resource."}))
	f.server.AddResource(mcp.NewResource("test://static-binary", "static binary", mcp.WithMIMEType("image/png")),
		read(mcp.BlobResourceContents{URI: "test://static-binary", MIMEType: "image/png", Blob: dot}))
	f.server.AddResource(mcp.NewResource("test://watched-resource", "watched", mcp.WithMIMEType("text/plain")),
		read(mcp.TextResourceContents{URI: "test://watched-resource", MIMEType: "text/plain", Text: "watched"}))
	f.server.AddResourceTemplate(mcp.NewResourceTemplate("test://template/{id}/data", "template", mcp.WithTemplateMIMEType("application/json")),
		func(_ context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			id := strings.TrimSuffix(strings.TrimPrefix(request.Params.URI, "test://template/"), "/data")
			return []mcp.ResourceContents{mcp.TextResourceContents{
				URI: request.Params.URI, MIMEType: "application/json", Text: fmt.Sprintf(`{"id":%q,"templateTest":true,"data":%q}`, id, "Data for ID: "+id),
			}}, nil
		})
}

func (f *fixture) prompts() {
	add := func(name string, says func(map[string]string) []mcp.Content, arguments ...string) {
		options := []mcp.PromptOption{mcp.WithPromptDescription("A fixture of the conformance suite")}
		for _, a := range arguments {
			options = append(options, mcp.WithArgument(a, mcp.RequiredArgument(), mcp.ArgumentDescription(a)))
		}
		f.server.AddPrompt(mcp.NewPrompt(name, options...), func(_ context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			out := &mcp.GetPromptResult{}
			for _, c := range says(request.Params.Arguments) {
				out.Messages = append(out.Messages, mcp.PromptMessage{Role: mcp.RoleUser, Content: c})
			}
			return out, nil
		})
	}
	add("test_simple_prompt", func(map[string]string) []mcp.Content {
		return []mcp.Content{mcp.NewTextContent("This is a simple prompt for testing.")}
	})
	add("test_prompt_with_arguments", func(a map[string]string) []mcp.Content {
		return []mcp.Content{mcp.NewTextContent(fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", a["arg1"], a["arg2"]))}
	}, "arg1", "arg2")
	add("test_prompt_with_embedded_resource", func(a map[string]string) []mcp.Content {
		return []mcp.Content{
			mcp.NewEmbeddedResource(mcp.TextResourceContents{URI: a["resourceUri"], MIMEType: "text/plain", Text: "Embedded resource content for testing."}),
			mcp.NewTextContent("Please process the embedded resource above."),
		}
	}, "resourceUri")
	add("test_prompt_with_image", func(map[string]string) []mcp.Content {
		return []mcp.Content{mcp.NewImageContent(dot, "image/png"), mcp.NewTextContent("Please analyze the image above.")}
	})
	f.server.AddPrompt(mcp.NewPrompt("test_input_required_result_prompt", mcp.WithPromptDescription("A fixture of the conformance suite")), func(_ context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		if answer := server.ElicitationResponse(request.Params.InputResponses, "user_context"); answer != nil {
			return &mcp.GetPromptResult{Messages: []mcp.PromptMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(fmt.Sprint(answer.Content))}}}, nil
		}
		return askFor("user_context", "What context should the prompt use?", "context", "string")(server.NewInputRequestBuilder("")).PromptResult(), nil
	})
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// A picture of one dot and a sound of one sample, in base64.
const (
	dot   = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
	click = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
)

// pause lets a notice leave before the next one; the suite wants them apart.
func pause(ctx context.Context) {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (f *fixture) tool(name string, handler server.ToolHandlerFunc, arguments ...string) {
	options := []mcp.ToolOption{mcp.WithDescription("A fixture of the conformance suite")}
	for _, a := range arguments {
		options = append(options, mcp.WithString(a, mcp.Required(), mcp.Description(a)))
	}
	f.server.AddTool(mcp.NewTool(name, options...), handler)
}

// contents are tools that answer with each kind of content.
func (f *fixture) contents() {
	text := mcp.NewTextContent
	embedded := func(uri, kind, content string) mcp.Content {
		return mcp.NewEmbeddedResource(mcp.TextResourceContents{URI: uri, MIMEType: kind, Text: content})
	}
	for name, content := range map[string][]mcp.Content{
		"test_simple_text":       {text("This is a simple text response for testing.")},
		"test_image_content":     {mcp.NewImageContent(dot, "image/png")},
		"test_audio_content":     {mcp.NewAudioContent(click, "audio/wav")},
		"test_embedded_resource": {embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")},
		"test_multiple_content_types": {
			text("Multiple content types test:"), mcp.NewImageContent(dot, "image/png"),
			embedded("test://mixed-content-resource", "application/json", `{"test":"data","value":123}`),
		},
	} {
		f.tool(name, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: content}, nil
		})
	}
	f.tool("test_error_handling", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultError("This tool intentionally returns an error for testing"), nil
	})
	f.server.AddTool(mcp.NewToolWithRawSchema("json_schema_2020_12_tool", "A fixture of the conformance suite", []byte(schema2020)),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText("ok"), nil
		})
}

// schema2020 has the keywords that the suite looks for.
const schema2020 = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
	"$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
	"properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}, "contactMethod": {"type": "string", "enum": ["phone", "email"]}, "phone": {"type": "string"}, "email": {"type": "string"}},
	"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
	"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]}, "then": {"required": ["phone"]}, "else": {"required": ["email"]},
	"additionalProperties": false
}`

// questions are tools that ask the client, as revisions before 2026-07-28 do it.
func (f *fixture) questions() {
	f.tool("test_sampling", func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		answer, err := f.server.RequestSampling(ctx, mcp.CreateMessageRequest{ //nolint:staticcheck // deprecated in the protocol, and the suite asks for it
			Request: mcp.Request{Method: string(mcp.MethodSamplingCreateMessage)}, CreateMessageParams: sampling(request.GetString("prompt", ""), 100),
		})
		if err != nil {
			return mcp.NewToolResultError(err.Error()), nil
		}
		said, _ := mcp.AsTextContent(answer.Content)
		if said == nil {
			return mcp.NewToolResultError("no text in the answer"), nil
		}
		return mcp.NewToolResultText("LLM response: " + said.Text), nil
	}, "prompt")
	plain := func(kind, describes string) map[string]any {
		return map[string]any{"type": kind, "description": describes}
	}
	f.tool("test_elicitation", func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return f.elicit(ctx, request.GetString("message", ""), "User response", map[string]any{
			"username": plain("string", "User's response"), "email": plain("string", "User's email address"),
		}, "username", "email")
	}, "message")
	f.tool("test_elicitation_sep1034_defaults", func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return f.elicit(ctx, "Please provide your information", "Elicitation completed", map[string]any{
			"name":     map[string]any{"type": "string", "default": "John Doe"},
			"age":      map[string]any{"type": "integer", "default": 30},
			"score":    map[string]any{"type": "number", "default": 95.5},
			"status":   map[string]any{"type": "string", "enum": []string{"active", "inactive", "pending"}, "default": "active"},
			"verified": map[string]any{"type": "boolean", "default": true},
		})
	})
	titled := func(value, title string) map[string]any { return map[string]any{"const": value, "title": title} }
	f.tool("test_elicitation_sep1330_enums", func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return f.elicit(ctx, "Please choose", "Elicitation completed", map[string]any{
			"untitledSingle": map[string]any{"type": "string", "enum": []string{"option1", "option2", "option3"}},
			"titledSingle":   map[string]any{"type": "string", "oneOf": []any{titled("value1", "First Option"), titled("value2", "Second Option")}},
			"legacyEnum":     map[string]any{"type": "string", "enum": []string{"opt1", "opt2"}, "enumNames": []string{"Option One", "Option Two"}},
			"untitledMulti":  map[string]any{"type": "array", "items": map[string]any{"type": "string", "enum": []string{"option1", "option2"}}},
			"titledMulti":    map[string]any{"type": "array", "items": map[string]any{"anyOf": []any{titled("value1", "First Choice"), titled("value2", "Second Choice")}}},
		})
	})
}

func sampling(prompt string, tokens int) mcp.CreateMessageParams {
	return mcp.CreateMessageParams{Messages: []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(prompt)}}, MaxTokens: tokens}
}

func form(message string, properties map[string]any, required ...string) mcp.ElicitationParams {
	schema := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return mcp.ElicitationParams{Message: message, RequestedSchema: schema}
}

func (f *fixture) elicit(ctx context.Context, message, says string, properties map[string]any, required ...string) (*mcp.CallToolResult, error) {
	answer, err := f.server.RequestElicitation(ctx, mcp.ElicitationRequest{
		Request: mcp.Request{Method: string(mcp.MethodElicitationCreate)}, Params: form(message, properties, required...),
	})
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	return mcp.NewToolResultText(fmt.Sprintf("%s: action=%s, content=%v", says, answer.Action, answer.Content)), nil
}

// notices are tools that tell of themselves while they run.
func (f *fixture) notices() {
	log := func(ctx context.Context, lines ...string) *mcp.CallToolResult {
		for _, line := range lines {
			_ = f.server.SendLogMessageToClient(ctx, mcp.NewLoggingMessageNotification(mcp.LoggingLevelInfo, "conformance", line)) // unwanted ones are refused
			pause(ctx)
		}
		return mcp.NewToolResultText("logged")
	}
	f.tool("test_tool_with_logging", func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return log(ctx, "Tool execution started", "Tool processing data", "Tool execution completed"), nil
	})
	f.tool("test_logging_tool", func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return log(ctx, "one line"), nil
	})
	f.tool("test_tool_with_progress", func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if request.Params.Meta == nil || request.Params.Meta.ProgressToken == nil {
			return mcp.NewToolResultText("nobody listens"), nil
		}
		for _, done := range []int{0, 50, 100} {
			err := f.server.SendNotificationToClient(ctx, string(mcp.MethodNotificationProgress), map[string]any{
				"progressToken": request.Params.Meta.ProgressToken, "progress": done, "total": 100,
			})
			if err != nil {
				return nil, err
			}
			pause(ctx)
		}
		return mcp.NewToolResultText("progress told"), nil
	})
	f.tool("test_trigger_tool_change", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		f.server.SendNotificationToAllClients(string(mcp.MethodNotificationToolsListChanged), nil)
		return mcp.NewToolResultText("told"), nil
	})
	f.tool("test_trigger_prompt_change", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		f.server.SendNotificationToAllClients(string(mcp.MethodNotificationPromptsListChanged), nil)
		return mcp.NewToolResultText("told"), nil
	})
}

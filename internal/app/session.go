package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
)

// quiet is what the commands for a terminal log: a person there reads the answer.
func quiet() map[string]string { return map[string]string{"log_level": "warn"} }

// session is a real MCP client in this process, joined to the server: what the commands do goes the same way as what an
// assistant does, gate included.
type session struct {
	client *client.Client
	notify func(message string) // told the progress of the running call; set before a call
}

// newSession connects a client. asks is nil for one that cannot ask a person, and says so to the server.
func newSession(ctx context.Context, s *mcpServer, asks client.ElicitationHandler) (*session, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	var options []client.ClientOption
	if asks != nil {
		options = append(options, client.WithElicitationHandler(asks))
	}
	c, err := client.NewInProcessClientWithOptions(s.MCPServer, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	out := &session{client: c}
	c.OnNotification(out.notified)
	if err := c.Start(ctx); err != nil {
		return nil, fmt.Errorf("connect to the server: %w", err)
	}
	if _, err := c.Initialize(ctx, mcp.InitializeRequest{Params: mcp.InitializeParams{
		ClientInfo: mcp.Implementation{Name: "aura-mcp command line", Version: version()},
	}}); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the server: %w", err), c.Close())
	}
	return out, nil
}

func (s *session) close() { _ = s.client.Close() } // in process: nothing to lose

func (s *session) notified(n mcp.JSONRPCNotification) {
	if message, ok := n.Params.AdditionalFields["message"].(string); ok && s.notify != nil {
		s.notify(message)
	}
}

// toolError is what a tool says in an error result.
type toolError string

func (e toolError) Error() string { return string(e) }

// call calls a tool and returns its text. An error result comes back as a [toolError] with that text.
func (s *session) call(ctx context.Context, tool string, arguments map[string]any, progress func(string)) (string, error) {
	s.notify = progress
	request := mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}}
	if progress != nil {
		request.Params.Meta = &mcp.Meta{ProgressToken: tool}
	}
	result, err := s.client.CallTool(ctx, request)
	if err != nil {
		return "", fmt.Errorf("call %s: %w", tool, err)
	}
	var texts []string
	for _, c := range result.Content {
		if t, ok := mcp.AsTextContent(c); ok {
			texts = append(texts, t.Text)
		}
	}
	if result.IsError {
		return "", toolError(strings.Join(texts, "\n"))
	}
	return strings.Join(texts, "\n"), nil
}

// terminalAsker puts the server's questions to the person at the terminal.
type terminalAsker struct {
	open func() (io.ReadWriteCloser, error)
}

// Elicit shows the question and reads one line. What is typed is the answer, and an empty line declines.
func (t terminalAsker) Elicit(ctx context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	terminal, err := t.open()
	if err != nil {
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	defer terminal.Close()
	if _, err := fmt.Fprintf(terminal, "\n%s\n(an empty line declines) > ", request.Params.Message); err != nil {
		return nil, fmt.Errorf("write to the terminal: %w", err)
	}
	line := make(chan string, 1)
	go func() {
		text, err := bufio.NewReader(terminal).ReadString('\n')
		if err != nil {
			text = ""
		}
		line <- strings.TrimSpace(text)
	}()
	select {
	case <-ctx.Done():
		return answered(mcp.ElicitationResponseActionCancel, ""), nil
	case typed := <-line:
		if typed == "" {
			return answered(mcp.ElicitationResponseActionDecline, ""), nil
		}
		return answered(mcp.ElicitationResponseActionAccept, typed), nil
	}
}

// answered fills the one field of the guard's form.
func answered(action mcp.ElicitationResponseAction, typed string) *mcp.ElicitationResult {
	result := &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: action}}
	if action == mcp.ElicitationResponseActionAccept {
		result.Content = map[string]any{"approval": typed}
	}
	return result
}

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"aura-mcp/internal/config"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
	"aura-mcp/tools"
)

func callCommand(p Process) *cobra.Command {
	flags := &fleetFlags{set: map[string]string{}, defaults: quiet(), atTerminal: true}
	c := &cobra.Command{
		Use:   "call TOOL [key=value …]",
		Short: "Call one tool from the shell and print its answer as JSON",
		Long: `call does from the shell what an assistant does: the same tools, the same checks, the same approvals. What needs an
approval is asked at the terminal; where there is none (cron), it is refused.`,
		Example: "  aura-mcp call list_instances status=paused\n  aura-mcp call create_snapshot instance=prod-orders wait_seconds=50",
		Args: usageArgs(func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("which tool? There are " + strings.Join(config.Tools(), ", "))
			}
			return nil
		}),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := p.setup(*flags)
			if err != nil {
				return err
			}
			defer s.gate.Settle()
			return p.call(c.Context(), s, args[0], args[1:])
		},
	}
	addFleetFlags(c.Flags(), flags)
	c.ValidArgsFunction = completeTools
	return c
}

// completeTools offers the names of tools.
func completeTools(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if len(args) == 0 {
		for _, o := range tools.New(tools.Options{}).Catalog() {
			out = append(out, cobra.CompletionWithDesc(o.Spec.Name, o.Spec.Title))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (p Process) call(ctx context.Context, s *setup, tool string, pairs []string) error {
	session, err := newSession(ctx, s.server, nil) // approvals are asked by the gate itself, at the terminal
	if err != nil {
		return err
	}
	defer session.close()
	schema, err := session.tool(ctx, tool)
	if err != nil {
		return err
	}
	arguments, err := parsePairs(pairs, schema)
	if err != nil {
		return usageError{err}
	}
	answer, state, err := session.finish(ctx, tool, arguments)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(answer), "", "  ") != nil {
		pretty.Reset()
		pretty.WriteString(answer)
	}
	if _, err := fmt.Fprintln(p.Stdout, pretty.String()); err != nil {
		return err
	}
	if state == op.Failed || state == op.Unknown { // for cron
		return fmt.Errorf("%s did not do all that was asked for, as its answer says", tool)
	}
	return nil
}

// finish calls a tool and stays until the outcome is there: a call answers within a minute, while the person at the terminal
// thinks or the operation runs on. An equal call picks up the one before.
func (s *session) finish(ctx context.Context, tool string, arguments map[string]any) (answer string, state op.State, err error) {
	for {
		answer, err := s.call(ctx, tool, arguments, nil)
		if err != nil {
			return "", "", err
		}
		var told struct {
			State op.State `json:"state"`
		}
		_ = json.Unmarshal([]byte(answer), &told) // what has no state is an outcome
		if told.State != op.ApprovalPending && told.State != op.InProgress {
			return answer, told.State, nil
		}
	}
}

// tool returns the properties of a tool's arguments.
func (s *session) tool(ctx context.Context, name string) (map[string]any, error) {
	listed, err := s.client.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return nil, fmt.Errorf("list the tools: %w", err)
	}
	var names []string
	for _, t := range listed.Tools {
		if t.Name == name {
			return t.InputSchema.Properties, nil
		}
		names = append(names, t.Name)
	}
	// One that is not offered may be hidden by a rule. The server then answers a call with that rule and nothing else.
	if _, err := s.call(ctx, name, nil, nil); err != nil {
		if rule, ok := errors.AsType[toolError](err); ok {
			return nil, rule
		}
	}
	slices.Sort(names)
	problem := "there is no tool " + text.Quote(name)
	if near := text.Nearest(name, names); len(near) > 0 {
		problem += fmt.Sprintf("; did you mean %s?", near[0])
	}
	return nil, usageError{fmt.Errorf("%s\ntools: %s", problem, strings.Join(names, ", "))}
}

// parsePairs reads key=value by the type that the tool's schema gives the key. What does not parse is passed on as text: the
// tool's own message about it is the better one.
func parsePairs(pairs []string, properties map[string]any) (map[string]any, error) {
	arguments := map[string]any{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("%s is no argument: write key=value", text.Quote(pair))
		}
		if _, twice := arguments[key]; twice {
			return nil, fmt.Errorf("argument %s is given twice", text.Quote(key))
		}
		arguments[key] = value
		property, _ := properties[key].(map[string]any)
		if property["type"] == "string" || property == nil {
			continue
		}
		var parsed any
		switch {
		case json.Unmarshal([]byte(value), &parsed) == nil:
			arguments[key] = parsed
		case property["type"] == "array":
			arguments[key] = strings.Split(value, ",")
		}
	}
	return arguments, nil
}

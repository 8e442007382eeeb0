package app

import (
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/guard"
	"aura-mcp/prompts"
)

// prompt gets a prompt's text.
func (r *rig) prompt(c *client.Client, name string, arguments map[string]string) (string, error) {
	r.t.Helper()
	result, err := c.GetPrompt(r.t.Context(), mcp.GetPromptRequest{Params: mcp.GetPromptParams{Name: name, Arguments: arguments}})
	if err != nil {
		return "", err
	}
	if len(result.Messages) != 1 || result.Messages[0].Role != mcp.RoleUser || result.Description == "" {
		r.t.Fatalf("%s: %+v", name, result)
	}
	content, ok := mcp.AsTextContent(result.Messages[0].Content)
	if !ok {
		r.t.Fatalf("%s: %+v", name, result.Messages[0])
	}
	return content.Text, nil
}

func (r *rig) promptNames(c *client.Client) []string {
	r.t.Helper()
	list, err := c.ListPrompts(r.t.Context(), mcp.ListPromptsRequest{})
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, p := range list.Prompts {
		names = append(names, p.Name)
	}
	return names
}

func TestEveryPromptIsListedAndGiven(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c := r.connect(version, nil)
			list, err := c.ListPrompts(t.Context(), mcp.ListPromptsRequest{})
			if err != nil || len(list.Prompts) != len(prompts.All()) {
				t.Fatalf("%v %+v", err, list)
			}
			for _, p := range list.Prompts {
				arguments := map[string]string{}
				for _, a := range p.Arguments {
					if a.Description == "" {
						t.Errorf("%s: %s has no description", p.Name, a.Name)
					}
					if a.Required {
						arguments[a.Name] = "prod"
					}
				}
				body, err := r.prompt(c, p.Name, arguments)
				if err != nil || !strings.Contains(body, "## Report") || len(arguments) > 0 && !strings.Contains(body, `"prod"`) {
					t.Errorf("%s: %v\n%s", p.Name, err, body)
				}
				if len(arguments) == 0 {
					continue
				}
				if _, err := r.prompt(c, p.Name, nil); err == nil || !strings.Contains(err.Error(), "is missing") {
					t.Errorf("%s without arguments: %v", p.Name, err)
				}
			}
		})
	}
}

// What the policy rules out is not listed, and says why when it is asked for by name; what merely loses a step says which.
func TestPromptsFollowThePolicy(t *testing.T) {
	t.Parallel()
	reading := []string{"diagnose_instance", "fleet_review", "save_costs"}
	everything := []string{
		"before_maintenance", "clone_for_testing", "decommission", "diagnose_instance", "fleet_review", "provision_database", "restore_drill", "save_costs",
	}
	tests := []struct {
		name   string
		policy guard.Policy
		listed []string
		hidden string // of one that is not listed, asked for by name
		why    string
		lacks  string // said by save_costs
	}{
		{"everything", guard.Policy{}, everything, "", "", ""},
		{"read only", guard.Policy{ReadOnly: true}, reading, "decommission", "the prompt decommission is not available on this server: it needs a tool that is not (delete_instance is not available: this server is read-only (setting read_only)", "- pause_instance is not available: this server is read-only"},
		{
			"a tool is denied", guard.Policy{Denied: []string{"create_instance", "pause_instance"}},
			[]string{"before_maintenance", "decommission", "diagnose_instance", "fleet_review", "save_costs"},
			"restore_drill", "create_instance is not available on this server (setting denied_tools)", "- pause_instance is not available on this server (setting denied_tools)",
		},
		{
			"a toolset is off", guard.Policy{Toolsets: []string{"instances", "tenants"}},
			[]string{"clone_for_testing", "decommission", "fleet_review", "provision_database", "save_costs"},
			"diagnose_instance", "the toolset health is not switched on (setting toolsets)", "- check_fleet_health is not available: the toolset health is not switched on",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(o *rigOptions) { o.policy = tt.policy })
			c := r.connect(modern, nil)
			if names := r.promptNames(c); !slices.Equal(names, tt.listed) {
				t.Errorf("listed %v, want %v", names, tt.listed)
			}
			if tt.hidden != "" {
				if _, err := r.prompt(c, tt.hidden, map[string]string{"instance": "prod"}); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(tt.why)) {
					t.Errorf("%s: %v", tt.hidden, err)
				}
			}
			body, err := r.prompt(c, "save_costs", nil)
			if err != nil || !strings.Contains(body, tt.lacks) || strings.Contains(body, "not available") != (tt.lacks != "") {
				t.Errorf("%v\n%s", err, body)
			}
		})
	}
}

// A rule counts from the moment it is saved, for prompts as for tools.
func TestPromptsFollowAPolicyThatChanges(t *testing.T) {
	t.Parallel()
	var policy guard.Policy
	r := newRig(t, func(o *rigOptions) { o.policies = func(string) (guard.Policy, error) { return policy, nil } })
	c := r.connect(modern, nil)
	before := r.promptNames(c)
	policy = guard.Policy{Denied: []string{"delete_instance"}}
	if after := r.promptNames(c); len(after) != len(before)-1 || slices.Contains(after, "decommission") {
		t.Errorf("before %v, after %v", before, after)
	}
	if body, err := r.prompt(c, "restore_drill", map[string]string{"instance": "prod"}); err != nil || !strings.Contains(body, "- delete_instance is not available") {
		t.Errorf("%v\n%s", err, body)
	}
}

package config_test

import (
	"strings"
	"testing"

	"aura-mcp/internal/config"
)

func TestTheWayToAskIsOneWordOrATable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		env        []string
		flags      map[string]string
		want       config.Approval
		notice     string
	}{
		{"nothing said", "", nil, nil, config.Approval{Billable: "auto", Disruptive: "auto", Destructive: "auto"}, ""},
		{"one word", `approval = "page"`, nil, nil, config.Approval{Billable: "page", Disruptive: "page", Destructive: "page"}, ""},
		{"a table", `approval = { default = "elicitation", destructive = "terminal" }`, nil, nil, config.Approval{Billable: "elicitation", Disruptive: "elicitation", Destructive: "terminal"}, ""},
		{"a table without default", `approval = { disruptive = "never" }`, nil, nil, config.Approval{Billable: "auto", Disruptive: "never", Destructive: "auto"}, ""},
		{"in the environment", "", []string{"AURA_MCP_APPROVAL=default=page, destructive=terminal"}, nil, config.Approval{Billable: "page", Disruptive: "page", Destructive: "terminal"}, ""},
		{"a flag that is stricter than the file", `approval = "elicitation"`, nil, map[string]string{"approval": "page"}, config.Approval{Billable: "page", Disruptive: "page", Destructive: "page"}, ""},
		{"an environment that is weaker than the file", `approval = "page"`, []string{"AURA_MCP_APPROVAL=elicitation"}, nil, config.Approval{Billable: "page", Disruptive: "page", Destructive: "page"}, "can only be tightened"},
		{"one that is both", `approval = { default = "auto", destructive = "page" }`, []string{"AURA_MCP_APPROVAL=default=terminal,destructive=auto"}, nil, config.Approval{Billable: "terminal", Disruptive: "terminal", Destructive: "page"}, "can only be tightened"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(sources(tt.file, tt.env, tt.flags))
			if err != nil {
				t.Fatal(err)
			}
			notices := strings.Join(c.Notices, "\n")
			if c.Approval != tt.want || (tt.notice == "") != (notices == "") || !strings.Contains(notices, tt.notice) {
				t.Errorf("%+v, notices %q", c.Approval, notices)
			}
		})
	}
	for file, want := range map[string]string{
		`approval = "browser"`:                     `config.toml:1: approval is "browser"; allowed: auto, elicitation, page, terminal, never`,
		`approval = { destroy = "page" }`:          `approval has a row "destroy"; allowed: default, billable, disruptive, destructive`,
		`approval = { destructive = true }`:        "approval must be text in quotes, or a table",
		`approval = {}`:                            "approval must be text in quotes, or a table",
		`approval = "page,default=auto"`:           "approval has two values for default",
		"\n\napproval = { destructive = \"yes\" }": `config.toml:3: approval is "yes"`,
	} {
		if _, err := config.Load(sources(file, nil, nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
}

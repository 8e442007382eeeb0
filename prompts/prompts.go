// Package prompts is the catalogue of prompts: tasks that a person picks by name, each with the tools in order, the places
// where a person decides, and what to report. The texts are Markdown in text/, one file for each prompt.
//
// What is filled into a prompt comes from a person or a model and is shown quoted, as a value and never as an instruction.
package prompts

import "github.com/mark3labs/mcp-go/mcp"

// Prompt is one row of the catalogue.
type Prompt struct {
	Name        string // snake_case; never changes once released; text/NAME.md is its text
	Title       string // for a person's eyes, a few words
	Description string // for whoever picks one
	Arguments   []Argument
	// Needs are the tools without which the task makes no sense: where the server does not offer one of them, it does not offer
	// the prompt. Other tools of the text may be missing; the text says so then.
	Needs []string
}

// Argument is filled in by whoever picks the prompt. It is named like the argument of the tools that it goes to.
type Argument struct {
	Name        string
	Description string
	Required    bool
	List        bool // several values, separated by commas
}

// All is the catalogue, in the order of a database's life.
func All() []Prompt {
	instance := func(what string) Argument {
		return Argument{Name: "instance", Description: what + ", by name or ID", Required: true}
	}
	tenant := Argument{Name: "tenant", Description: "only this tenant (called project in the console), by name or ID"}
	return []Prompt{
		{
			Name: "fleet_review", Title: "Review the fleet",
			Description: "How all databases are: status, health, backups, recent changes, and what to do first. Looks only.",
			Arguments:   []Argument{tenant},
			Needs:       []string{"list_instances"},
		},
		{
			Name: "diagnose_instance", Title: "Diagnose a database",
			Description: "Why a database is slow, down or failing: evidence from its status, metrics and recent changes, and what to do.",
			Arguments: []Argument{
				instance("the database"),
				{Name: "symptom", Description: "what was noticed, and since when"},
			},
			Needs: []string{"get_instance", "check_instance_health"},
		},
		{
			Name: "provision_database", Title: "Provision a database",
			Description: "Creates a database: what is on offer, what a person has to choose, one approval, and where its password is.",
			Arguments: []Argument{
				{Name: "name", Description: "its name, 1 to 30 characters", Required: true},
				{Name: "tenant", Description: "the tenant (called project in the console), by name or ID"},
				{Name: "type", Description: "such as professional-db or business-critical"},
				{Name: "cloud_provider", Description: "aws, azure or gcp"},
				{Name: "region", Description: "such as europe-west1"},
				{Name: "memory", Description: "such as 8GB"},
			},
			Needs: []string{"get_tenant", "create_instance"},
		},
		{
			Name: "clone_for_testing", Title: "Clone a database for testing",
			Description: "A copy of a database, or of one of its snapshots, to test on, and the offer to delete it afterwards.",
			Arguments: []Argument{
				instance("the database to copy"),
				{Name: "name", Description: "the name of the copy, 1 to 30 characters"},
				{Name: "snapshot_id", Description: "copy this snapshot instead of the present state"},
				{Name: "tenant", Description: "where the copy goes, by name or ID; otherwise the tenant of the source"},
				{Name: "memory", Description: "memory of the copy, such as 16GB; not less than that of the source, which it otherwise is"},
			},
			Needs: []string{"get_instance", "create_instance"},
		},
		{
			Name: "before_maintenance", Title: "Snapshots before maintenance",
			Description: "Snapshots of several databases in one call, checked to the end, with the way back for each.",
			Arguments: []Argument{
				{Name: "instances", Description: "the databases, separated by commas: names, IDs or patterns such as dev-*", Required: true, List: true},
			},
			Needs: []string{"list_instances", "create_snapshot", "get_snapshot"},
		},
		{
			Name: "restore_drill", Title: "Rehearse a restore",
			Description: "Proves that a backup can be used: clones the newest exportable snapshot, verifies it, compares counts, and cleans up.",
			Arguments: []Argument{
				instance("the database whose backup is tried"),
				{Name: "snapshot_id", Description: "try this snapshot instead of the newest exportable one"},
				{Name: "tenant", Description: "where the copy goes, by name or ID; otherwise the tenant of the source"},
			},
			Needs: []string{"get_instance", "list_snapshots", "create_instance"},
		},
		{
			Name: "save_costs", Title: "Find what could cost less",
			Description: "Databases that look idle or too large, with the evidence; those that the person chooses are paused together or made smaller, where this server may.",
			Arguments:   []Argument{tenant},
			Needs:       []string{"list_instances"},
		},
		{
			Name: "decommission", Title: "Delete a database safely",
			Description: "The safe way to delete a database: who uses it, what is lost, what to keep, a trial pause, and the deletion.",
			Arguments:   []Argument{instance("the database to delete")},
			Needs:       []string{"get_instance", "delete_instance"},
		},
	}
}

// MCP describes the prompt to a client.
func (p Prompt) MCP() mcp.Prompt {
	out := mcp.Prompt{Name: p.Name, Title: p.Title, Description: p.Description}
	for _, a := range p.Arguments {
		out.Arguments = append(out.Arguments, mcp.PromptArgument{Name: a.Name, Description: a.Description, Required: a.Required})
	}
	return out
}

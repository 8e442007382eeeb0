// Package docgen renders what the catalogue and the settings say as Markdown, for the generated parts of the docs. A test
// compares them with what is committed; make generate writes them.
package docgen

import (
	"fmt"
	"strings"

	"aura-mcp/internal/config"
	"aura-mcp/internal/op"
	"aura-mcp/prompts"
)

// Tools is the table of operations: what each is for and what it needs before it runs.
func Tools(catalog []op.Operation) string {
	var b strings.Builder
	b.WriteString("| tool | toolset | what it does | effect | approval |\n|---|---|---|---|---|\n")
	for _, o := range catalog {
		what, _, _ := strings.Cut(o.Spec.Description, ". ")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", o.Spec.Name, o.Spec.Toolset, cell(strings.TrimSuffix(what, ".")), o.Spec.Effects, approval(o.Spec.Effects))
	}
	return b.String()
}

func approval(worst op.Effects) string {
	switch {
	case worst.Has(op.Destructive):
		return "a person types the name"
	case worst.Guarded() && worst.Has(op.Write):
		return "a person says yes, where it is more than a write"
	case worst.Guarded():
		return "a person says yes"
	}
	return "none"
}

// Prompts is the table of prompts, with the arguments that each takes.
func Prompts(all []prompts.Prompt) string {
	var b strings.Builder
	b.WriteString("| prompt | what it is for | arguments |\n|---|---|---|\n")
	for _, p := range all {
		names := make([]string, len(p.Arguments))
		for n, a := range p.Arguments {
			names[n] = "`" + a.Name + "`"
			if a.Required {
				names[n] = "**" + names[n] + "**"
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Name, cell(p.Description), strings.Join(names, ", "))
	}
	return b.String()
}

// Settings is the table of settings, with every place that can set them.
func Settings() string {
	var b strings.Builder
	b.WriteString("| in the config file | environment | flag | default | what it is |\n|---|---|---|---|---|\n")
	for _, s := range config.Settings() {
		flag := ""
		if s.Flag != "" {
			flag = "`--" + s.Flag + "`"
		}
		env := make([]string, len(s.Env))
		for i, e := range s.Env {
			env[i] = "`" + e + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Key, strings.Join(env, ", "), flag, cell(s.Default), cell(s.Help))
	}
	return b.String()
}

// cell keeps text from ending its table cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// Replace puts content between the markers of a block, which look like <!-- name:begin --> and <!-- name:end -->.
func Replace(document, name, content string) (string, error) {
	begin, end := "<!-- "+name+":begin -->", "<!-- "+name+":end -->"
	head, rest, found := strings.Cut(document, begin)
	if !found {
		return "", fmt.Errorf("no marker %s", begin)
	}
	_, tail, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("no marker %s after %s", end, begin)
	}
	return head + begin + "\n" + content + end + tail, nil
}

package prompts

import (
	"fmt"
	"strings"
	"text/template/parse"
)

// filling writes a text with its values. The texts are templates of text/template, read by its parser and written here: its own
// Execute can name any method, so the linker would have to keep all of them, which costs every process 2 MB of memory.
type filling struct {
	values  map[string]string
	offered func(tool string) bool
	out     strings.Builder
}

// fill returns a text with its values filled in, and what all prompts end with.
func (p Prompt) fill(shown map[string]string, withheld Withheld) (string, error) {
	f := &filling{values: shown, offered: func(tool string) bool { return withheld(tool) == nil }}
	for _, name := range []string{p.Name + ".md", "rules.md"} {
		text, err := texts.ReadFile("text/" + name)
		if err != nil {
			return "", fmt.Errorf("the text of the prompt %s: %w", p.Name, err)
		}
		tree := parse.New(name)
		tree.Mode = parse.SkipFuncCheck // value and condition know what there is
		if tree, err = tree.Parse(string(text), "", "", map[string]*parse.Tree{}); err == nil {
			err = f.write(tree.Root)
		}
		if err != nil {
			return "", fmt.Errorf("the text of the prompt %s: %w", p.Name, err)
		}
	}
	return f.out.String(), nil
}

// write knows {{.value}} and {{if}}.
func (f *filling) write(n parse.Node) error {
	switch n := n.(type) {
	case *parse.TextNode:
		f.out.Write(n.Text)
		return nil
	case *parse.ListNode:
		if n == nil { // no else
			return nil
		}
		for _, each := range n.Nodes {
			if err := f.write(each); err != nil {
				return err
			}
		}
		return nil
	case *parse.ActionNode:
		if words, ok := only(n.Pipe); ok && len(words) == 1 {
			value, err := f.value(words[0])
			f.out.WriteString(value)
			return err
		}
	case *parse.IfNode:
		holds, err := f.condition(n.Pipe)
		switch {
		case err != nil:
			return err
		case holds:
			return f.write(n.List)
		}
		return f.write(n.ElseList)
	}
	return fmt.Errorf("%s is not understood", n)
}

// only is the one command of a pipe.
func only(p *parse.PipeNode) ([]parse.Node, bool) {
	if len(p.Cmds) != 1 || len(p.Decl) > 0 {
		return nil, false
	}
	return p.Cmds[0].Args, true
}

// condition knows {{if .value}}, {{if not .value}}, {{if or .value .value}} and {{if offered "tool"}}. A value that is not given
// is empty, and does not hold.
func (f *filling) condition(p *parse.PipeNode) (bool, error) {
	words, ok := only(p)
	if !ok {
		return false, fmt.Errorf("%s is not understood", p)
	}
	function, isFunction := words[0].(*parse.IdentifierNode)
	if isFunction {
		words = words[1:]
		if function.Ident == "offered" && len(words) == 1 {
			if tool, ok := words[0].(*parse.StringNode); ok {
				return f.offered(tool.Text), nil
			}
		}
	}
	some := false
	for _, word := range words {
		value, err := f.value(word)
		if err != nil {
			return false, err
		}
		some = some || value != ""
	}
	switch {
	case !isFunction && len(words) == 1, isFunction && function.Ident == "or":
		return some, nil
	case isFunction && function.Ident == "not" && len(words) == 1:
		return !some, nil
	}
	return false, fmt.Errorf("%s is not understood", p)
}

func (f *filling) value(n parse.Node) (string, error) {
	field, ok := n.(*parse.FieldNode)
	if !ok || len(field.Ident) != 1 {
		return "", fmt.Errorf("%s is not understood", n)
	}
	value, ok := f.values[field.Ident[0]]
	if !ok {
		return "", fmt.Errorf("there is no argument %s", field.Ident[0])
	}
	return value, nil
}

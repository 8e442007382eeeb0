package prompts

import (
	"embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

//go:embed text/*.md
var texts embed.FS

const (
	// longest is how long a value may be, in characters: no name or ID of Aura's comes near it, and a quotation would be cut.
	longest = 240
	// most is how many values a list may have, which is what the tools take in one call.
	most = 50
)

// Withheld says why the server does not offer a tool, or nil where it does.
type Withheld func(tool string) error

// Offered is nil where the server has the tools without which the prompt makes no sense.
func (p Prompt) Offered(withheld Withheld) error {
	for _, tool := range p.Needs {
		if why := withheld(tool); why != nil {
			return &op.Error{
				What: fmt.Sprintf("the prompt %s is not available on this server: it needs a tool that is not (%s)", p.Name, reason(why)),
				Next: "tell the person; what is not possible here is possible in the Aura console", Err: why,
			}
		}
	}
	return nil
}

// Render is the text of the prompt with its arguments filled in. Its error names the argument, what is allowed and what to do.
func (p Prompt) Render(arguments map[string]string, withheld Withheld) (string, error) {
	if err := p.Offered(withheld); err != nil {
		return "", err
	}
	shown, err := p.quoted(arguments)
	if err != nil {
		return "", err
	}
	body, err := p.fill(shown, withheld)
	if err != nil {
		return "", err
	}
	missing, err := p.missing(shown, withheld)
	if err != nil {
		return "", err
	}
	return body + missing, nil
}

// quoted checks the arguments and makes of each what the text shows: a JSON string, or several. One that was left out is "".
func (p Prompt) quoted(arguments map[string]string) (map[string]string, error) {
	shown := map[string]string{}
	var problems []string
	for _, a := range p.Arguments {
		value := strings.TrimSpace(arguments[a.Name])
		values := []string{value}
		if a.List {
			values = slices.DeleteFunc(strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '\n' }), func(s string) bool { return strings.TrimSpace(s) == "" })
		}
		switch {
		case value == "" || len(values) == 0:
			shown[a.Name] = ""
			if a.Required {
				problems = append(problems, fmt.Sprintf("argument `%s` is missing: %s", a.Name, a.Description))
			}
			continue
		case len(values) > most:
			problems = append(problems, fmt.Sprintf("argument `%s` has %d values; allowed: at most %d", a.Name, len(values), most))
		case slices.ContainsFunc(values, func(s string) bool { return utf8.RuneCountInString(s) > longest }):
			problems = append(problems, fmt.Sprintf("argument `%s` is too long; allowed: at most %d characters", a.Name, longest))
		}
		for n, v := range values {
			values[n] = text.Quote(strings.TrimSpace(v))
		}
		shown[a.Name] = strings.Join(values, ", ")
	}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		if _, known := shown[name]; !known {
			problems = append(problems, p.unknown(name))
		}
	}
	if len(problems) > 0 {
		return nil, &op.Error{What: fmt.Sprintf("prompt %s: %s", p.Name, strings.Join(problems, "; ")), Next: "get it again with " + p.usage()}
	}
	return shown, nil
}

func (p Prompt) unknown(name string) string {
	var names []string
	for _, a := range p.Arguments {
		names = append(names, a.Name)
	}
	problem := "unknown argument " + text.Quote(name)
	if near := text.Nearest(name, names); len(near) > 0 {
		problem += fmt.Sprintf(" (did you mean `%s`?)", near[0])
	}
	return problem
}

// usage lists the arguments, required ones first: "`instance`, and optionally `symptom`".
func (p Prompt) usage() string {
	var required, optional []string
	for _, a := range p.Arguments {
		if a.Required {
			required = append(required, "`"+a.Name+"`")
		} else {
			optional = append(optional, "`"+a.Name+"`")
		}
	}
	switch {
	case len(required) == 0:
		return "any of " + strings.Join(optional, ", ")
	case len(optional) == 0:
		return strings.Join(required, ", ") + " and nothing else"
	}
	return strings.Join(required, ", ") + ", and optionally " + strings.Join(optional, ", ")
}

// Rules is the part that all texts end with.
func Rules() (string, error) {
	rules, err := texts.ReadFile("text/rules.md")
	if err != nil {
		return "", fmt.Errorf("the rules of the prompts: %w", err)
	}
	return string(rules), nil
}

// mention is a name as the texts write it.
var mention = regexp.MustCompile("`([a-z]+(?:_[a-z]+)+)`")

// missing names the tools of the text that the server does not offer, and why. It looks at the text without what was filled in,
// so that no value can pass for a tool.
func (p Prompt) missing(shown map[string]string, withheld Withheld) (string, error) {
	blank := maps.Clone(shown)
	for name, value := range blank {
		if value != "" {
			blank[name] = `"…"`
		}
	}
	body, err := p.fill(blank, withheld)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, m := range mention.FindAllStringSubmatch(body, -1) {
		if why := withheld(m[1]); why != nil {
			if line := "- " + reason(why) + "\n"; !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	if len(lines) == 0 {
		return "", nil
	}
	return "\nThis server does not offer everything that is named above. Leave out what needs it, and say in the report what that was:\n\n" + strings.Join(lines, ""), nil
}

// reason is what an error says happened, in a line.
func reason(err error) string {
	if told, ok := err.(*op.Error); ok { //nolint:errorlint // the gate returns exactly this
		return told.What
	}
	return err.Error()
}

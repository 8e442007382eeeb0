package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"aura-mcp/internal/text"
)

// Tables are the parts of the config file that are more than one value; neither flags nor environment can set them.
type Tables struct {
	// Preapproved are decisions that a person made beforehand.
	Preapproved []Preapproved `toml:"preapproved"`
	// Health are thresholds of the health check, by signal.
	Health map[string]Bounds `toml:"health"`
	// HealthFor are thresholds of databases with certain names.
	HealthFor []HealthFor `toml:"health_for"`
	// Tokens and OIDC are who may use a server over HTTP.
	Tokens []Token `toml:"tokens"`
	OIDC   *OIDC   `toml:"oidc"`
}

// HealthFor sets thresholds for the databases whose name fits a pattern.
type HealthFor struct {
	Names   []string          `toml:"names"` // patterns, with * as a wildcard
	Signals map[string]Bounds `toml:"signals"`
}

// Fits reports whether a name fits one of the patterns.
func (h HealthFor) Fits(name string) bool {
	return slices.ContainsFunc(h.Names, func(pattern string) bool {
		return text.Match(pattern, name)
	})
}

// Preapproved lets operations run on databases without asking, as far as it goes.
type Preapproved struct {
	Operations []string `toml:"operations"`
	Names      []string `toml:"names"` // patterns, with * as a wildcard
	Tenant     string   `toml:"tenant"`
	MaxPerDay  int      `toml:"max_per_day"`
}

// Bounds are where a signal becomes a warning and where critical; nil keeps the usual value.
type Bounds struct {
	Warning  *float64 `toml:"warning"`
	Critical *float64 `toml:"critical"`
}

func tableKeys() []string { return []string{"preapproved", "health", "health_for", "tokens", "oidc"} }

// parseTables decodes the tables of the file. Its problems name the line where a table begins.
func parseTables(name, content string, raw map[string]any) (t Tables, problems []error) {
	for _, key := range tableKeys() {
		if _, given := raw[key]; !given {
			continue
		}
		problem := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("%s:%d: %s %s", name, lineOf(content, key), key, fmt.Sprintf(format, args...)))
		}
		var one Tables
		decoded, err := toml.Decode(content, &one)
		if err != nil {
			if at, ok := errors.AsType[toml.ParseError](err); ok {
				return t, []error{fmt.Errorf("%s:%d: %s", name, at.Position.Line, at.Message)}
			}
			return t, []error{fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "toml: "))} // it names the line itself
		}
		for _, unknown := range decoded.Undecoded() {
			if len(unknown) > 1 && unknown[0] == key {
				problem("has no setting %s", text.Quote(strings.Join(unknown[1:], ".")))
			}
		}
		t = one
	}
	for _, h := range t.HealthFor {
		if len(h.Names) == 0 || len(h.Signals) == 0 {
			problems = append(problems, fmt.Errorf("%s:%d: health_for needs names and signals, such as names = [\"batch-*\"] and [health_for.signals.cpu]", name, lineOf(content, "health_for")))
		}
	}
	for _, p := range t.Preapproved {
		if err := p.check(); err != nil {
			problems = append(problems, fmt.Errorf("%s:%d: preapproved %w", name, lineOf(content, "preapproved"), err))
		}
	}
	for key, found := range t.checkServing() {
		for _, err := range found {
			problems = append(problems, fmt.Errorf("%s:%d: %s %w", name, lineOf(content, key), key, err))
		}
	}
	return t, problems
}

func (p Preapproved) check() error {
	switch {
	case len(p.Operations) == 0 || len(p.Names) == 0:
		return errors.New(`needs operations and names, such as operations = ["pause_instance"], names = ["ci-*"]`)
	case slices.ContainsFunc(p.Names, func(n string) bool { return strings.Trim(n, "* ") == "" }):
		return errors.New("has the pattern *, which would approve everything: name what it is for")
	case p.MaxPerDay < 1:
		return errors.New("needs max_per_day, a whole number from 1")
	}
	return nil
}

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
	// Tokens and OIDC are who may use a server over HTTP. They hold for all profiles.
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

// table decodes one of the tables. Its problems name the line where the table begins, of several that of the one they are in.
func (r *reader) table(t *Tables, p toml.Primitive, path []string) {
	key, origin := path[len(path)-1], r.origin(path...)
	if key == "health" && !r.isTable(p) {
		r.problem(origin, "health must be tables, such as [health.cpu]")
		return
	}
	if (key == "tokens" || key == "oidc") && len(path) > 1 {
		r.problem(origin, "%s holds for all profiles: move it to the top of the file, out of the profile", key)
		return
	}
	into := map[string]any{"preapproved": &t.Preapproved, "health": &t.Health, "health_for": &t.HealthFor, "tokens": &t.Tokens, "oidc": &t.OIDC}[key]
	if err := r.meta.PrimitiveDecode(p, into); err != nil {
		r.problems = append(r.problems, r.located(err))
		return
	}
	for _, unknown := range r.unknown(path) {
		at := append(slices.Clone(path), strings.Split(unknown, ".")...)
		r.problem(r.origin(at...), "%s has no setting %s", key, text.Quote(unknown))
	}
	for n, h := range t.HealthFor {
		if key == "health_for" && (len(h.Names) == 0 || len(h.Signals) == 0) {
			r.problem(r.originOf(n, path), "health_for needs names and signals, such as names = [\"batch-*\"] and [health_for.signals.cpu]")
		}
	}
	for n, p := range t.Preapproved {
		if err := p.check(); key == "preapproved" && err != nil {
			r.problem(r.originOf(n, path), "preapproved %s", err)
		}
	}
	switch key {
	case "tokens":
		names := map[string]bool{}
		for n, token := range t.Tokens {
			for _, err := range token.check(names) {
				r.problem(r.originOf(n, path), "tokens %s", err)
			}
		}
	case "oidc":
		if t.OIDC == nil {
			return
		}
		for _, err := range t.OIDC.check() {
			r.problem(origin, "oidc %s", err)
		}
	}
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
	for _, o := range p.Operations {
		if err := known("tool", Tools())(o); err != nil {
			return err
		}
		if slices.Contains(Destroying(), o) {
			return fmt.Errorf("has %s: what destroys is asked about each time, whatever the settings say, so take it out", o)
		}
	}
	return nil
}

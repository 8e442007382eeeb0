package config_test

import (
	"regexp"
	"strings"
	"testing"

	"aura-mcp/internal/config"
)

var shown = regexp.MustCompile(`(?m)^#([a-z0-9_]+ = |\[)`)

func TestTheTemplateSetsNothingAndShowsEverything(t *testing.T) {
	t.Parallel()
	template := config.Template(nil)
	for i, e := range single(t, sources(template, nil, nil)).Effective() {
		if e.Origin != "default" {
			t.Errorf("%d: %+v is set", i, e)
		}
	}
	one, several, found := strings.Cut(template, "\n# Several accounts")
	if !found {
		t.Fatal("it has no part about profiles")
	}
	c := single(t, sources(shown.ReplaceAllString(one, "$1"), nil, nil))
	for _, e := range c.Effective() {
		if e.Origin == "default" {
			t.Errorf("%s is not shown", e.Key)
		}
	}
	if len(c.Preapproved) != 1 || len(c.Health) != 1 || len(c.HealthFor) != 1 || c.Credentials.Source != config.Keyring {
		t.Errorf("%+v", c)
	}
	p := load(t, shown.ReplaceAllString("# Several accounts"+several, "$1"), nil, nil)
	if p.Default != "work" || len(p.All) != 2 {
		t.Errorf("%+v", p)
	}
	for line := range strings.Lines(template) {
		if len(line) > 121 {
			t.Errorf("a long line: %s", line)
		}
	}
}

func TestTheTemplateTakesValues(t *testing.T) {
	t.Parallel()
	c := single(t, sources(config.Template(map[string]string{"protected": `["prod*", "main"]`, "base_url": `"http://127.0.0.1:8474"`}), nil, nil))
	if len(c.Protected) != 2 || c.BaseURL != "http://127.0.0.1:8474" {
		t.Errorf("%+v", c)
	}
	for _, e := range c.Effective() {
		if given := e.Key == "protected" || e.Key == "base_url"; given == (e.Origin == "default") {
			t.Errorf("%+v", e)
		}
	}
}

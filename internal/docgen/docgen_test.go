package docgen_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/internal/config"
	"aura-mcp/internal/docgen"
	"aura-mcp/prompts"
	"aura-mcp/resources"
	"aura-mcp/tools"
)

func TestGeneratedPartsOfTheReadme(t *testing.T) {
	t.Parallel()
	const file = "../../README.md"
	want := read(t, file)
	for name, content := range map[string]string{
		"tools": docgen.Tools(tools.New(tools.Options{}).Catalog()), "prompts": docgen.Prompts(prompts.All()), "settings": docgen.Settings(),
		"resources": docgen.Resources(resources.Pages()),
	} {
		var err error
		if want, err = docgen.Replace(want, name, content); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	inSync(t, file, want)
}

func TestGeneratedToolsPage(t *testing.T) {
	t.Parallel()
	inSync(t, "../../docs/tools.md", docgen.ToolsPage(tools.New(tools.Options{}).Catalog(), examples(t)))
}

func TestGeneratedPromptsPage(t *testing.T) {
	t.Parallel()
	page, err := docgen.PromptsPage(prompts.All())
	if err != nil {
		t.Fatal(err)
	}
	inSync(t, "../../docs/prompts.md", page)
}

// inSync compares a file with what it should be, or writes it where UPDATE is set.
func inSync(t *testing.T, file, want string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, read(t, file)); diff != "" {
		t.Errorf("%s is not what the code says; run make generate:\n%s", file, diff)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(raw), "\r\n", "\n")
}

// The bundle's manifest shows a person what they install before anything of it has run.
func TestGeneratedToolsOfTheBundle(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{ReadFile: os.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	const file = "../../packaging/mcpb/manifest.json"
	var lines []string
	for _, o := range tools.New(tools.Options{}).Catalog() {
		if slices.Contains(c.All[0].Toolsets, o.Spec.Toolset) {
			lines = append(lines, fmt.Sprintf("\n    { \"name\": %q, \"description\": %q }", o.Spec.Name, o.Spec.Title))
		}
	}
	list := regexp.MustCompile(`(?s)"tools": \[.*?\]`)
	inSync(t, file, list.ReplaceAllLiteralString(read(t, file), `"tools": [`+strings.Join(lines, ",")+"\n  ]"))
}

package docgen_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/internal/docgen"
	"aura-mcp/tools"
)

func TestGeneratedPartsOfTheReadme(t *testing.T) {
	t.Parallel()
	const file = "../../README.md"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(string(raw), "\r\n", "\n")
	want := got
	catalog := tools.New(tools.Options{}).Catalog()
	for name, content := range map[string]string{"tools": docgen.Tools(catalog), "settings": docgen.Settings()} {
		if want, err = docgen.Replace(want, name, content); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README.md is not what the code says; run make generate:\n%s", diff)
	}
}

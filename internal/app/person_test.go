package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"aura-mcp/internal/op"
)

func TestWordsForAModelAreTurnedToThePerson(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"do not call again unless the person asks for it":                                       "",
		"tell the person to set AURA_CLIENT_ID":                                                 "What to do: Set AURA_CLIENT_ID.",
		"tell the person":                                                                       "",
		"tell the person; limits are in the Aura console":                                       "What to do: Limits are in the Aura console.",
		"only professional-db can be upgraded; tell the person":                                 "What to do: Only professional-db can be upgraded.",
		"ask the person which one they mean, then call again with its ID: \"tell the person\"":  "What to do: Run it again with the ID of the one you mean: \"tell the person\".",
		"call get_instance to see its type":                                                     "What to do: Run `aura-mcp call get_instance` to see its type.",
		"if the person wants that, resume_instance starts it first":                             "What to do: If you want that, resume_instance starts it first.",
		"look at it again, tell the person what changed, and call again if they still want it":  "What to do: Look at it again, and run it again if you still want it.",
		"tell the person; try create_snapshot again, and if it fails again, Aura can help":      "What to do: Try create_snapshot again, and if it fails again, Aura can help.",
		"create_instance with source_instance makes a new copy":                                 "What to do: create_instance with source_instance makes a new copy.",
		"tell the person to run `aura-mcp approve X` in a terminal here, where they can decide": "What to do: Run `aura-mcp approve X` in a terminal here, where you can decide.",
	} {
		got := forPerson((&op.Error{What: "it failed", Next: next}).Error())
		if want = strings.TrimSpace("It failed.\n" + want); got != want {
			t.Errorf("%s\n got %q\nwant %q", next, got, want)
		}
	}
}

var thirdPerson = regexp.MustCompile(`(?i)\b(tell|ask) (the|a) person|the person\b|this person|\bthey (can|decide|set|still|mean|want)|\bcall again`)

// A sentence that speaks of the person and that forPerson does not know would be said to them as if they were somebody else.
func TestNothingSaidAtTheTerminalSpeaksOfThePersonAsSomebodyElse(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	said := 0
	for _, dir := range []string{"tools", "internal/guard", "internal/op", "internal/app"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", dir, files, err)
		}
		for _, f := range files {
			switch filepath.Base(f) {
			case "instructions.go", "resources.go", "demo.go", "person.go": // to the model, twice; about the model; the phrases themselves
				continue
			}
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			for _, s := range sentences(t, f) {
				said++
				what := "it failed"
				if !strings.HasPrefix(s, "tell ") && !strings.HasPrefix(s, "ask ") {
					what = s
				}
				told := forPerson((&op.Error{What: what, Next: s}).Error())
				if left := thirdPerson.FindString(told); left != "" {
					t.Errorf("%s: %q is said to the person as %q: add %q to turns", filepath.Base(f), s, told, left)
				}
			}
		}
	}
	if said < 50 {
		t.Errorf("only %d sentences were found: look again where they are", said)
	}
}

// sentences are the texts of a file that speak of the person, without descriptions, which are for the model.
func sentences(t *testing.T, file string) (out []string) {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			key, ok := n.Key.(*ast.Ident)
			return !ok || key.Name != "Description"
		case *ast.Field:
			return false // the tags of a struct
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && thirdPerson.MatchString(s) && !strings.HasSuffix(s, "tell the person to ") {
				out = append(out, s)
			}
		}
		return true
	})
	return out
}

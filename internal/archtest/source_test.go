package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// longFile is where a file needs a reason to be this long, given as a comment that starts with longReason.
const (
	longFile   = 450
	longReason = "// Longer than 450 lines because "
	longTop    = 20 // lines from the top within which the reason stands
)

// sourceRules are habits of the Go source. Each returns what is wrong with a file, with the line where it helps.
var sourceRules = []struct {
	name  string
	check func(goFile) []string
}{
	{"nothing runs at import", noInit},
	{"packages have no mutable state", noGlobals},
	{"files are short or say why not", notLong},
	{"tests do not sleep", noSleep},
}

func TestSourceKeepsItsHabits(t *testing.T) {
	t.Parallel()
	m := loadModule(t)
	for _, r := range sourceRules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, f := range m.files {
				for _, problem := range r.check(f) {
					t.Error(problem)
				}
			}
		})
	}
}

// machinePath is an absolute path that exists on the machines this was written on and nowhere else.
// It is put together here so that this file passes its own test.
var machinePath = regexp.MustCompile(`(^|[^\w./-])/` + `work/`)

func TestNoFileNamesTheMachineItWasWrittenOn(t *testing.T) {
	t.Parallel()
	root := moduleRoot(t)
	err := walk(root, func(rel string) error {
		text, err := os.ReadFile(filepath.Join(root, rel))
		if err != nil || bytes.IndexByte(text, 0) >= 0 { // a zero byte: not text
			return err
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if machinePath.Match(line) {
				t.Errorf("%s:%d has a path of one machine: %q; use a path relative to the repository or t.TempDir()", rel, i+1, line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func noInit(f goFile) (problems []string) {
	for _, d := range f.tree.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && !f.test && fn.Recv == nil && fn.Name.Name == "init" {
			problems = append(problems, f.at(fn)+" has func init: importing must do nothing; call it from where it is needed")
		}
	}
	return problems
}

// noGlobals is deliberately simple: a variable of a package that starts empty is one that somebody fills later, and one
// of sync's types guards something that changes. Sentinel errors, regular expressions and tables have a value.
func noGlobals(f goFile) (problems []string) {
	if f.test {
		return nil
	}
	for _, d := range f.tree.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.VAR {
			continue
		}
		for _, s := range decl.Specs {
			v := s.(*ast.ValueSpec)
			if what := mutable(v); what != "" && !embedded(decl, v) {
				problems = append(problems, fmt.Sprintf(
					"%s: package variable %s is %s: make it a field of what uses it, or a constant table with its value here",
					f.at(v), v.Names[0].Name, what))
			}
		}
	}
	return problems
}

// mutable says what makes a package variable state, or nothing.
func mutable(v *ast.ValueSpec) string {
	if len(v.Values) == 0 && !fromPackage(v.Type, "sync", "atomic") {
		return "declared without a value"
	}
	for _, e := range append(slices.Clone(v.Values), v.Type) {
		switch e := e.(type) {
		case *ast.UnaryExpr: // &sync.Mutex{}
			if lit, ok := e.X.(*ast.CompositeLit); ok && fromPackage(lit.Type, "sync", "atomic") {
				return "one of sync's or sync/atomic's types"
			}
		case *ast.CompositeLit:
			if fromPackage(e.Type, "sync", "atomic") {
				return "one of sync's or sync/atomic's types"
			}
			if _, ok := e.Type.(*ast.MapType); ok && len(e.Elts) == 0 {
				return "an empty map"
			}
		case *ast.CallExpr:
			if fn, ok := e.Fun.(*ast.Ident); ok && (fn.Name == "make" || fn.Name == "new") {
				return "made empty"
			}
		case ast.Expr:
			if fromPackage(e, "sync", "atomic") {
				return "one of sync's or sync/atomic's types"
			}
		}
	}
	return ""
}

// fromPackage reports whether a type is one of those packages', with or without a pointer or type parameters.
func fromPackage(typ ast.Expr, packages ...string) bool {
	switch e := typ.(type) {
	case *ast.StarExpr:
		return fromPackage(e.X, packages...)
	case *ast.IndexExpr:
		return fromPackage(e.X, packages...)
	case *ast.SelectorExpr:
		p, ok := e.X.(*ast.Ident)
		return ok && slices.Contains(packages, p.Name)
	}
	return false
}

// embedded reports whether the compiler fills the variable, by a go:embed directive.
func embedded(decl *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{decl.Doc, v.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return true
		}
	}
	return false
}

func notLong(f goFile) []string {
	lines := f.fset.File(f.tree.FileStart).LineCount()
	if f.test || lines <= longFile {
		return nil
	}
	for _, g := range f.tree.Comments {
		for _, c := range g.List {
			if strings.HasPrefix(c.Text, longReason) && f.fset.Position(c.Pos()).Line <= longTop {
				return nil
			}
		}
	}
	return []string{fmt.Sprintf("%s has %d lines: split it by what it is about, or say in its first %d lines %q",
		f.path, lines, longTop, longReason+"…")}
}

func noSleep(f goFile) (problems []string) {
	if !f.test {
		return nil // the linter forbids it there, with exceptions
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" && fromPackage(sel, "time") {
			problems = append(problems, f.at(call)+" sleeps: wait for the event itself; "+
				"where time is the subject use testing/synctest, in which <-time.After(d) costs nothing")
		}
		return true
	})
	return problems
}

func TestSourceRulesCatchWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("//\n", longFile)
	tests := []struct {
		name   string
		check  func(goFile) []string
		file   string
		source string
		want   int
	}{
		{"an init function", noInit, "a.go", `func init() {}`, 1},
		{"a method called init", noInit, "a.go", `type t int; func (t) init() {}`, 0},
		{"a variable to be filled", noGlobals, "a.go", `var cache map[string]int`, 1},
		{"an empty map", noGlobals, "a.go", `var cache = map[string]int{}`, 1},
		{"a made map", noGlobals, "a.go", `var cache = make(map[string]int)`, 1},
		{"a lock", noGlobals, "a.go", `var mu sync.Mutex`, 1},
		{"a pointer to a lock", noGlobals, "a.go", `var mu = &sync.Mutex{}`, 1},
		{"a counter", noGlobals, "a.go", `var n atomic.Int64`, 1},
		{"a pointer swapped atomically", noGlobals, "a.go", `var p atomic.Pointer[int]`, 1},
		{"a variable of a test", noGlobals, "a_test.go", `var cache map[string]int`, 0},
		{"a sentinel error", noGlobals, "a.go", `var ErrGone = errors.New("gone")`, 0},
		{"a regular expression", noGlobals, "a.go", `var re = regexp.MustCompile("x")`, 0},
		{"a table", noGlobals, "a.go", `var days = map[string]int{"mon": 1}`, 0},
		{"an interface check", noGlobals, "a.go", `var _ error = (*E)(nil)`, 0},
		{"embedded files", noGlobals, "a.go", "//go:embed text\nvar files embed.FS", 0},
		{"embedded files in a group", noGlobals, "a.go", "var (\n//go:embed text\nfiles embed.FS\n)", 0},
		{"a long file", notLong, "a.go", long, 1},
		{"a long file with a reason", notLong, "a.go", longReason + "it is one table.\n" + long, 0},
		{"a long test", notLong, "a_test.go", long, 0},
		{"a sleeping test", noSleep, "a_test.go", `func f() { time.Sleep(1) }`, 1},
		{"a test that names sleep", noSleep, "a_test.go", `const s = "time.Sleep(1)"`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := parse(tt.file, []byte("package a\n"+tt.source))
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.check(f); len(got) != tt.want {
				t.Errorf("found %q, want %d problems", got, tt.want)
			}
		})
	}
}

func TestMachinePathsAreToldFromOthers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"cd /" + "work/main":       true,
		`"/` + `work/shared"`:      true,
		"https://x.y/" + "work/":   false,
		"docs/" + "work/notes.md":  false,
		"[profiles.work] in place": false,
	} {
		if got := machinePath.MatchString(text); got != want {
			t.Errorf("machinePath in %q = %v, want %v", text, got, want)
		}
	}
}

// module is the source of the whole module; files of other platforms are in it too, which go list would leave out.
type module struct {
	name  string
	files []goFile
}

type goFile struct {
	path string // inside the module, with slashes
	pkg  string // its folder; "." is main
	test bool
	fset *token.FileSet
	tree *ast.File
}

func (f goFile) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(n.Pos()).Line)
}

func (f goFile) imports() []string {
	paths := make([]string, len(f.tree.Imports))
	for i, spec := range f.tree.Imports {
		paths[i], _ = strconv.Unquote(spec.Path.Value) // the parser has checked it
	}
	return paths
}

func parse(rel string, source []byte) (goFile, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, rel, source, parser.ParseComments|parser.SkipObjectResolution)
	return goFile{path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), fset: fset, tree: tree}, err
}

// loadModule parses the module. Each test parses for itself: it takes milliseconds and nothing needs sharing.
func loadModule(t *testing.T) module {
	t.Helper()
	root := moduleRoot(t)
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`(?m)^module (\S+)`).FindSubmatch(gomod)
	if name == nil {
		t.Fatal("go.mod has no module line")
	}
	m := module{name: string(name[1])}
	err = walk(root, func(rel string) error {
		if path.Ext(rel) != ".go" || slices.Contains(strings.Split(rel, "/"), "testdata") {
			return nil
		}
		source, err := os.ReadFile(filepath.Join(root, rel))
		if err != nil {
			return err
		}
		f, err := parse(rel, source)
		m.files = append(m.files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.files) == 0 {
		t.Fatalf("no Go file under %s: the rules would hold for nothing", root)
	}
	return m
}

// walk calls visit for every file that could be in the repository, by its path with slashes. What .gitignore lists and
// folders of editors are left out by name: asking git would fail in an unpacked source archive.
func walk(root string, visit func(rel string) error) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" && d.Name() != ".github"
		ignored := slices.Contains([]string{"bin", "dist", "node_modules"}, d.Name())
		if d.IsDir() && p != root && (hidden || ignored) {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(rel))
	})
}

// moduleRoot is the folder of go.mod, two above this package.
func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return root
}

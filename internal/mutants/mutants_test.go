package mutants_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/internal/mutants"
)

const guardDir = "../guard"

// gateTests are the files with the tests of the guard that go through the public door.
func gateTests() []string {
	return []string{"gate_test.go", "guardtable_test.go", "desk_test.go", "deskhistory_test.go", "guardedges_test.go", "policy_test.go", "audit_test.go", "safety_test.go", "refusal_test.go", "facts_test.go", "life_test.go", "person_test.go", "profiles_test.go", "progress_test.go", "model_test.go"}
}

func TestConditionsAreBrokenInEveryWay(t *testing.T) {
	t.Parallel()
	source := `package p

import "errors"

func f(a, b, c bool, err error) (int, bool) {
	if x := a; x && (b || !c) {
		return 1, a == b
	}
	switch {
	case a:
		return 2, true
	case errors.Is(err, nil):
	}
	g := func() bool { return b }
	return 3, g()
}
`
	got, all, err := mutants.Rewrite("p.go", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range all {
		names = append(names, m.Name())
	}
	want := []string{
		"p.go f: inverted x && (b || !c)", "p.go f: without x", "p.go f: without (b || !c)", "p.go f: without b", "p.go f: without !c", "p.go f: inverted a == b",
		"p.go f: inverted a", "p.go f: inverted errors.Is(err, nil)", "p.go f: inverted b", "p.go f: inverted g()",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	for _, code := range []string{
		`if x := a; mutantInverts("1", mutantOmits("2", x, true) && mutantOmits("3", (mutantOmits("4", b, false) || mutantOmits("5", !c, false)), true)) {`,
		`return 1, mutantInverts("6", a == b)`, `return 2, true`, `case mutantInverts("7", a):`, `return mutantInverts("9", b)`,
	} {
		if !bytes.Contains(got, []byte(code)) {
			t.Errorf("no %s in\n%s", code, got)
		}
	}
	if _, _, err := mutants.Rewrite("p.go", []byte("package"), nil); err == nil {
		t.Error("what is no Go was taken")
	}
}

// equivalent are the mutants that change nothing that anybody could see, each with the reason, as survivors.txt has them.
func equivalent(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	name := ""
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		switch reason, indented := strings.CutPrefix(line, "    "); {
		case line == "" || strings.HasPrefix(line, "#"):
		case indented:
			out[name] += reason
		default:
			name = line
			out[name] = ""
		}
	}
	return out
}

// broken is the guard with all its mutants in it: its files by name, and the overlay that puts them in place.
func broken(t *testing.T) (all []mutants.Mutant, overlay string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	put := func(name string, content []byte) {
		at, err := filepath.Abs(filepath.Join(guardDir, name))
		if err != nil {
			t.Fatal(err)
		}
		replace[at] = filepath.Join(dir, name)
		if err := os.WriteFile(replace[at], content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(guardDir + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rewritten []byte
		if rewritten, all, err = mutants.Rewrite(filepath.Base(file), source, all); err != nil {
			t.Fatal(err)
		}
		put(filepath.Base(file), rewritten)
	}
	put("mutant.go", []byte("package guard\n"+mutants.Helpers))
	encoded, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	return all, overlay
}

func TestEverySurvivorStillExistsAndHasAReason(t *testing.T) {
	t.Parallel()
	all, _ := broken(t)
	names := map[string]bool{}
	for _, m := range all {
		names[m.Name()] = true
	}
	for name, reason := range equivalent(t) {
		if !names[name] || len(reason) < 20 {
			t.Errorf("%q in survivors.txt: there is such a condition: %v; the reason: %q", name, names[name], reason)
		}
	}
}

// suite is a test program with all mutants in it.
type suite struct {
	program, dir string
	arguments    []string
}

func (s suite) passes(t *testing.T, mutant int) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, s.program, append([]string{"-test.failfast", "-test.timeout=4m"}, s.arguments...)...)
	command.Dir = s.dir
	command.Env = append(os.Environ(), "MUTANT="+strconv.Itoa(mutant))
	out, err := command.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if mutant == 0 && err != nil {
		t.Fatalf("with nothing broken: %v\n%s", err, out)
	}
	return err == nil
}

// TestEveryConditionOfTheGuardIsTested breaks one condition after another, with MUTANTS=all or a pattern for the names.
func TestEveryConditionOfTheGuardIsTested(t *testing.T) {
	pattern := os.Getenv("MUTANTS")
	if pattern == "" {
		t.Skip("takes long: make mutants")
	}
	if pattern == "all" {
		pattern = ""
	}
	all, overlay := broken(t)
	chosen := regexp.MustCompile(pattern)
	suites := []suite{
		build(t, overlay, guardDir, "guard.test", nil),
		build(t, overlay, "../app", "app.test", []string{"-test.run=^(" + strings.Join(testsIn(t, gateTests()), "|") + ")$", "-rapid.checks=20", "-rapid.nofailfile", "-test.parallel=16"}),
	}
	for _, s := range suites {
		s.passes(t, 0)
	}
	expected, survived, killed := equivalent(t), map[string]bool{}, 0
	var mu sync.Mutex
	work := make(chan mutants.Mutant)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for m := range work {
				lives := !slices.ContainsFunc(suites, func(s suite) bool { return !s.passes(t, m.Number) })
				mu.Lock()
				if lives {
					survived[m.Name()] = true
					fmt.Fprintf(os.Stderr, "survived: %s (line %d)\n", m.Name(), m.Line)
				} else {
					killed++
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range all {
		if chosen.MatchString(m.Name()) {
			work <- m
		}
	}
	close(work)
	workers.Wait()
	fmt.Fprintf(os.Stderr, "%d mutants were killed, %d survived\n", killed, len(survived))
	for _, name := range slices.Sorted(maps.Keys(survived)) {
		if expected[name] == "" {
			t.Errorf("no test notices: %s", name)
		}
	}
	for name := range expected {
		if chosen.MatchString(name) && !survived[name] {
			t.Errorf("a test notices, so it does not belong into survivors.txt: %s", name)
		}
	}
}

func build(t *testing.T, overlay, dir, name string, arguments []string) suite {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	command := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", program, ".")
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return suite{program: program, dir: dir, arguments: arguments}
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// testsIn are the names of the tests in files of internal/app.
func testsIn(t *testing.T, files []string) []string {
	t.Helper()
	var names []string
	for _, file := range files {
		source, err := os.ReadFile(filepath.Join("..", "app", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range testFunc.FindAllSubmatch(source, -1) {
			names = append(names, string(found[1]))
		}
	}
	return names
}

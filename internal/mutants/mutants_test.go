package mutants_test

import (
	"bytes"
	"encoding/json"
	"errors"
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
	return []string{"gate_test.go", "guardtable_test.go", "desk_test.go", "deskhistory_test.go", "guardedges_test.go", "policy_test.go", "audit_test.go", "safety_test.go", "refusal_test.go", "facts_test.go", "life_test.go", "person_test.go", "profiles_test.go", "progress_test.go", "model_test.go", "remotepage_test.go"}
}

// guardTests are the files with the guard's own tests.
func guardTests(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(guardDir + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for n, file := range files {
		files[n] = filepath.Base(file)
	}
	return files
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

// program is the tests of a package with all mutants in it.
type program struct {
	path, dir string
	flags     []string
}

func build(t *testing.T, overlay, dir string, flags ...string) program {
	t.Helper()
	p := program{path: filepath.Join(t.TempDir(), "tests"), dir: dir, flags: flags}
	command := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", p.path, ".")
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return p
}

// passes runs tests with one condition broken, or none.
func (p program) passes(t *testing.T, tests []string, limit time.Duration, environment ...string) (bool, []byte) {
	t.Helper()
	flags := append([]string{"-test.failfast", "-test.parallel=16", "-test.timeout=" + limit.String(), "-test.run=^(" + strings.Join(tests, "|") + ")$"}, p.flags...)
	command := exec.CommandContext(t.Context(), p.path, flags...)
	command.Dir = p.dir
	command.Env = append(os.Environ(), environment...)
	out, err := command.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Error(err)
	}
	return err == nil, out
}

// witness is a test: how long it takes, and which conditions it comes to.
type witness struct {
	program program
	name    string
	took    time.Duration
	reaches map[int]bool
}

// observe runs a test alone, with nothing broken.
func observe(t *testing.T, p program, name string) witness {
	t.Helper()
	reached := filepath.Join(t.TempDir(), "reached")
	w := witness{program: p, name: name, reaches: map[int]bool{}}
	start := time.Now()
	if ok, out := p.passes(t, []string{name}, 5*time.Minute, "MUTANTS_REACHED="+reached); !ok {
		t.Errorf("with nothing broken: %s", out)
	}
	w.took = time.Since(start)
	raw, err := os.ReadFile(reached)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for number := range strings.FieldsSeq(string(raw)) {
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Error(err)
		}
		w.reaches[n] = true
	}
	return w
}

// observeAll is observe for the tests in files, the quick ones first.
func observeAll(t *testing.T, p program, files []string) []witness {
	t.Helper()
	var out []witness
	for _, name := range testsIn(t, p.dir, files) {
		out = append(out, observe(t, p, name))
	}
	slices.SortStableFunc(out, func(a, b witness) int { return int(a.took - b.took) })
	return out
}

// notice says whether a test among the witnesses fails when a condition is broken. The quick ones go first: most of what is
// broken costs a second or two that way, and only what survives costs them all.
func notice(t *testing.T, witnesses []witness, mutant int) bool {
	t.Helper()
	var batch []string
	var took time.Duration
	for n, w := range witnesses {
		if w.reaches[mutant] {
			batch = append(batch, w.name)
			took += w.took
		}
		last := n == len(witnesses)-1
		if len(batch) == 0 || !last && took < 3*time.Second && witnesses[n+1].program.path == w.program.path {
			continue
		}
		if ok, _ := w.program.passes(t, batch, 30*time.Second+5*took, "MUTANT="+strconv.Itoa(mutant)); !ok {
			return true
		}
		batch, took = nil, 0
	}
	return false
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
	rapid := []string{"-rapid.checks=20", "-rapid.seed=1", "-rapid.nofailfile"}
	witnesses := slices.Concat(
		observeAll(t, build(t, overlay, guardDir), guardTests(t)),
		observeAll(t, build(t, overlay, "../app", rapid...), gateTests()))
	expected, survived, killed := equivalent(t), map[string]bool{}, 0
	var mu sync.Mutex
	work := make(chan mutants.Mutant)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for m := range work {
				noticed := notice(t, witnesses, m.Number)
				mu.Lock()
				if noticed {
					killed++
				} else {
					survived[m.Name()] = true
					t.Logf("survived: %s (line %d)", m.Name(), m.Line)
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
	t.Logf("%d mutants were killed, %d survived", killed, len(survived))
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

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// testsIn are the names of the tests in files of a package.
func testsIn(t *testing.T, dir string, files []string) []string {
	t.Helper()
	var names []string
	for _, file := range files {
		source, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range testFunc.FindAllSubmatch(source, -1) {
			names = append(names, string(found[1]))
		}
	}
	return names
}

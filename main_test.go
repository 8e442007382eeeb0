package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary the program itself when it is started as aura-mcp, so that the tests run what main runs,
// race detector included.
func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // or every one of the many processes would take a second to end
	}
	testscript.Main(sideBySide{m}, map[string]func(){program: func() {
		detach()
		os.Exit(run())
	}})
}

// sideBySide runs more tests side by side than there are processors: most of the time they wait for other processes.
type sideBySide struct{ *testing.M }

// Run keeps to the number that the command line asks for, if it does.
func (s sideBySide) Run() int {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if parallel := flag.Lookup("test.parallel"); !asked && parallel != nil {
		_ = parallel.Value.Set("8") // a number, so it has no reason to fail
	}
	return s.M.Run()
}

const program = "aura-mcp"

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "onlylines": onlyLines},
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			for _, v := range homeVariables(home) {
				name, value, _ := strings.Cut(v, "=")
				e.Setenv(name, value)
			}
			e.Setenv("CONFIG", filepath.Join(configDir(home), "aura-mcp"))
			return os.MkdirAll(e.Getenv("CONFIG"), 0o700)
		},
	})
}

// exits runs a program and wants exactly the exit code: exits 2 aura-mcp --nonsense.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%s did not run: %v", args[1], err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// onlyLines wants every line of standard output to match one of a file's lines, which are regular expressions, and each of
// those to match something: onlylines file.
func onlyLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: onlylines file")
	}
	allowed := map[string]*regexp.Regexp{}
	for expression := range strings.Lines(ts.ReadFile(args[0])) {
		expression = strings.TrimSuffix(expression, "\n")
		matches, err := regexp.Compile("^(?:" + expression + ")$")
		ts.Check(err)
		allowed[expression] = matches
	}
	unused := maps.Clone(allowed)
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		line = strings.TrimSuffix(line, "\n")
		known := line == ""
		for expression, matches := range allowed {
			if matches.MatchString(line) {
				known = true
				delete(unused, expression)
			}
		}
		if !known {
			ts.Fatalf("a line that is not allowed: %q", line)
		}
	}
	for expression := range unused {
		ts.Fatalf("no line like %q", expression)
	}
}

// homeVariables lead the program to a home of the test's own, on every system.
func homeVariables(home string) []string {
	return []string{
		"HOME=" + home, "USERPROFILE=" + home,
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "AppData=" + filepath.Join(home, "config"),
		"XDG_STATE_HOME=" + filepath.Join(home, "state"), "LocalAppData=" + filepath.Join(home, "state"),
	}
}

// configDir is where os.UserConfigDir then leads.
func configDir(home string) string {
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support")
	}
	return filepath.Join(home, "config")
}

// environment is that of a person who has set nothing up: no config file, no credentials.
func environment(t *testing.T, extra ...string) []string {
	t.Helper()
	var env []string
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.Contains(strings.ToUpper(name), "AURA") {
			env = append(env, v)
		}
	}
	env = append(env, homeVariables(t.TempDir())...)
	return append(env, extra...)
}

// command is the program, not yet started.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(fmt.Errorf("the program is not where TestMain puts it: %w", err))
	}
	c := exec.Command(path, args...)
	c.Env = env
	return c
}

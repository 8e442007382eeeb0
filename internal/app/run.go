// Package app puts the program together: settings, client or simulator, gate, server, commands. It owns starting and
// stopping and knows no business rule.
package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"aura-mcp/auraclient"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/config"
	"aura-mcp/internal/credentials"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/internal/vault"
	"aura-mcp/prompts"
	"aura-mcp/tools"
)

// Process is what the program gets from the system, so that tests can hand it another.
type Process struct {
	Args      []string // without the program's name
	Environ   []string
	ConfigDir string // the user's configuration directory; empty where there is none
	StateDir  string // where the user's programs keep private state; empty where there is none
	Stdin     io.Reader
	Stdout    io.Writer
	Stderr    io.Writer
	// Open shows a file in the person's browser, and fails where there is none. Nil: there is none.
	Open func(ctx context.Context, file string) error
	// ForwardDir is a private directory from which the browser can open files. RunDir is one for what lives as long as a
	// process; empty where there is none.
	ForwardDir func(ctx context.Context, runDir string) (string, error)
	RunDir     string
	// Keyring has the API keys of profiles; nil is the system's.
	Keyring credentials.Ring
	// Executable is the absolute path of this program, by the name that outlives an upgrade; empty where the system does not say.
	Executable string
	// Terminal opens the terminal the person sits at, which is neither standard input nor output of a program that a client
	// launched. It fails where there is none.
	Terminal func() (io.ReadWriteCloser, error)
}

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1 // the call or the command failed
	ExitUsage   = 2 // the command line or a setting is wrong
)

// usageError is a mistake in the command line or the settings, which trying again does not mend.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitError ends the program with an exit code that says something else than failed.
type exitError struct {
	code    int
	message string // "" where the output has said everything
}

func (e exitError) Error() string { return e.message }

// Run executes one command line and returns the exit code.
func Run(ctx context.Context, p Process) int {
	out := &output{Writer: p.Stdout}
	p.Stdout = out
	root := rootCommand(p) //nolint:contextcheck // cobra hands the context to each command
	mistake := strict(root)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = mistake()
	}
	verdict, isVerdict := errors.AsType[exitError](err)
	if out.err != nil && command != root && (err == nil || isVerdict && verdict.message == "") { // the server sees for itself
		err = exitError{code: max(verdict.code, ExitFailure), message: "standard output: " + out.err.Error()}
	}
	if err == nil {
		return ExitOK
	}
	message := err.Error()
	if _, tool := errors.AsType[toolError](err); tool {
		message = forPerson(message)
	}
	if message != "" {
		fmt.Fprintf(p.Stderr, "aura-mcp: %s\n", message)
	}
	if _, usage := errors.AsType[usageError](err); usage {
		return ExitUsage
	}
	if told, ok := errors.AsType[exitError](err); ok {
		return told.code
	}
	return ExitFailure
}

// setup is what the commands that work on a fleet share.
type setup struct {
	settings config.Profiles
	accounts accounts
	demo     bool
	log      *slog.Logger
	server   *mcpServer
	gate     *guard.Gate
	journal  *audit.Journal
	sim      *aurasim.Server // the demo's
	remote   *remote         // nil on stdio and in commands
	close    func()          // ends the ways to the person

	mu      sync.Mutex // of clients
	clients map[keyed]*auraclient.Client
}

// flags of the commands that work on a fleet.
type fleetFlags struct {
	demo     bool
	simState string
	set      map[string]string // settings given as flags, by key
	defaults map[string]string // settings that the command takes where none are given
	// serves says that assistants are served, so that a person can be asked outside their client.
	serves bool
	// atTerminal says that the command asks for approvals at the person's own terminal.
	atTerminal bool
	// toolset has the tools that the command itself needs, whatever assistants are offered.
	toolset string
}

// probeTime is how long something may take that is only there to say more in an answer.
const probeTime = 15 * time.Second

// demoSpeed makes minutes of Aura seconds of the demo.
const demoSpeed = 20

// sources are where the settings of a command come from.
func (p Process) sources(f fleetFlags) config.Sources {
	return config.Sources{
		Flags: f.set, Defaults: f.defaults, Environ: p.Environ, Dir: p.ConfigDir, ReadFile: os.ReadFile, Exposed: credentials.Exposed,
		GOOS: runtime.GOOS, Demo: f.demo,
	}
}

func (p Process) setup(f fleetFlags) (*setup, error) {
	sources := p.sources(f)
	settings, err := config.Load(sources)
	if err != nil {
		return nil, usageError{err}
	}
	s := &setup{settings: settings, demo: f.demo, log: slog.New(slog.NewTextHandler(p.Stderr, &slog.HandlerOptions{Level: settings.LogLevel}))}
	if f.serves {
		if err := s.overHTTP(p, f); err != nil {
			return nil, err
		}
	}
	for _, notice := range settings.Notices {
		s.log.Warn("settings", "notice", notice)
	}
	if f.simState != "" && !f.demo {
		return nil, usageError{errors.New("--sim-state goes with --demo or simulate only")}
	}
	if s.journal = audit.Open(p.state("audit")); s.demo {
		s.journal = audit.InMemory()
	}
	if err := p.addAccounts(s, f.simState); err != nil {
		return nil, usageError{err}
	}
	policy := newPolicySource(settings, func() (config.Profiles, error) { return config.Load(sources) }, s.log)
	options := guard.Options{Policy: f.adding(policy.policy), Journal: s.journal, Log: s.log, Trace: traced, AtTerminal: f.atTerminal, Demo: f.demo, Waiting: stdioWorkers / 2}
	if pin := p.pin(); pin != "" && !s.demo {
		options.PIN = pin
	}
	options.Doors, s.close = p.doors(f, s.log)
	s.remote.guards(&options)
	gate, err := guard.New(options)
	if err != nil {
		return nil, err
	}
	s.gate = gate
	served := serverOptions{
		Catalog: s.accounts.all[0].catalog, Accounts: s.accounts, Prompts: prompts.All(), Gate: gate, Demo: s.demo, Log: s.log,
		Instructions: instructions(time.Now(), s.demo, s.readOnly(), s.remote != nil),
	}
	if s.remote == nil {
		served.Instructions += s.accounts.instructions()
	}
	s.remote.serves(&served, policy, s.journal)
	served.Resources = s.resources(policy, served.caller)
	s.server = newServer(served)
	return s, nil
}

// traced lets the audit have Aura's request IDs.
func traced(ctx context.Context) (context.Context, func() []string) {
	ctx, trace := auraclient.WithTrace(ctx)
	return ctx, trace.RequestIDs
}

// readOnly reports whether no profile may change anything.
func (s *setup) readOnly() bool {
	return !slices.ContainsFunc(s.settings.All, func(c config.Config) bool { return !c.ReadOnly })
}

// addAccounts readies every profile, and the simulator for the demo.
func (p Process) addAccounts(s *setup, simState string) error {
	if s.demo {
		state, err := fleetState(simState)
		if err != nil {
			return err
		}
		if s.sim, err = aurasim.New(aurasim.Options{State: state, Speed: demoSpeed}); err != nil {
			return err
		}
	}
	for _, c := range s.settings.All {
		a, err := p.newAccount(s, c)
		if err != nil {
			return err
		}
		s.accounts.all = append(s.accounts.all, a)
		if c.Name == s.settings.Default {
			s.accounts.byDefault = a
		}
	}
	return nil
}

// fleetOptions gives the tools their surroundings. The demo keeps its passwords apart: they open nothing.
func (p Process) fleetOptions(s *setup, a *account) tools.Options {
	o := tools.Options{
		Connect: a.connect, Vault: vault.New(s.sink(a.config), p.secrets(s.demo)).WithPage(s.passwordsPage),
		Journal: s.journal, SafetySnapshots: a.config.SafetySnapshots,
		Allows:  func(w op.Wants) error { return s.gate.Allows(a.caller, w) },
		Waiting: func(c op.Caller) []tools.Waiting { return undecided(s.gate, c) },
	}
	if !s.demo {
		o.Alone = p.creator(a.clientID)
	}
	return o
}

// passwordsPage is where the people of a server over HTTP see the one-time passwords that wait for them.
func (s *setup) passwordsPage() string { return s.remote.pages.PasswordsAddress() }

// undecided is what a caller has asked for and a person has not decided yet.
func undecided(gate *guard.Gate, c op.Caller) (out []tools.Waiting) {
	for _, a := range gate.Desk(c.Principal).List() {
		if a.Caller.Profile == c.Profile && a.Caller.Principal == c.Principal { // whatever the token of this request allows
			out = append(out, tools.Waiting{ID: a.ID, Operation: a.Tool, What: a.What, Where: a.Where, Targets: a.About, Asked: a.Asked, Expires: a.Expires})
		}
	}
	return out
}

// secrets is the directory of one-time passwords.
func (p Process) secrets(demo bool) string {
	if demo {
		return p.state("demo-credentials")
	}
	return p.state("credentials")
}

// state is a directory for private state, or "" where the account has no place for any.
func (p Process) state(name string) string {
	if p.StateDir == "" {
		return ""
	}
	return filepath.Join(p.StateDir, "aura-mcp", name)
}

// creator lets one process of an account at a time create a database: two that look for a name at the same moment would both
// find it free.
func (p Process) creator(clientID func() string) func(context.Context) (func(), error) {
	dir := p.state("locks")
	if dir == "" {
		return nil
	}
	return func(ctx context.Context) (func(), error) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("lock for creating: %w", err)
		}
		name := sha256.Sum256([]byte(clientID()))
		lock := flock.New(filepath.Join(dir, hex.EncodeToString(name[:8])+".lock"))
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
			return nil, fmt.Errorf("lock for creating: %w", err)
		}
		return func() { _ = lock.Unlock() }, nil // the system lets go of it at the latest when the process ends
	}
}

// fleetState reads a state file, or makes the demo fleet where none is given.
func fleetState(file string) (aurasim.State, error) {
	now := time.Now()
	if file == "" {
		return aurasim.DemoState(now), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return aurasim.State{}, fmt.Errorf("--sim-state: %w", err)
	}
	defer f.Close()
	state, err := aurasim.LoadState(f, now)
	if err != nil {
		return aurasim.State{}, fmt.Errorf("--sim-state %s: %w", file, err)
	}
	return state, nil
}

// version is the module's version, or the commit for a build from a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}

// settingFlags are the flags that stand for settings, by the key they set. Some belong to the server alone.
func settingFlags(serves bool) []config.Setting {
	var out []config.Setting
	for _, s := range config.Settings() {
		if s.Flag != "" && (serves || !s.Serves()) {
			out = append(out, s)
		}
	}
	return out
}

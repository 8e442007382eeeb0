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
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"aura-mcp/auraclient"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/config"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/health"
	"aura-mcp/internal/install"
	"aura-mcp/internal/op"
	"aura-mcp/internal/vault"
	"aura-mcp/prompts"
	"aura-mcp/resources"
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
	// Executable is the absolute path of this program, by the name that outlives an upgrade; empty where the system does not say.
	Executable string
	// Keys is where the person's API keys are stored.
	Keys install.CredentialStore
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
	err := rootCommand(p).ExecuteContext(ctx) //nolint:contextcheck // cobra hands the context to each command
	if err == nil {
		return ExitOK
	}
	if message := err.Error(); message != "" {
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
	config config.Config
	demo   bool
	log    *slog.Logger
	server *mcpServer
	gate   *guard.Gate
	sim    *aurasim.Server // the demo's
	close  func()          // ends the ways to the person

	thresholds func(name string) health.Thresholds
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

// demoSpeed makes minutes of Aura seconds of the demo.
const demoSpeed = 20

func (p Process) setup(f fleetFlags) (*setup, error) {
	sources := config.Sources{Flags: f.set, Defaults: f.defaults, Environ: p.Environ, Dir: p.ConfigDir, ReadFile: os.ReadFile, Demo: f.demo}
	c, err := config.Load(sources)
	if err != nil {
		return nil, usageError{err}
	}
	s := &setup{config: c, demo: f.demo, log: slog.New(slog.NewTextHandler(p.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))}
	for _, notice := range c.Notices {
		s.log.Warn("setting without effect", "notice", notice)
	}
	if f.simState != "" && !f.demo {
		return nil, usageError{errors.New("--sim-state goes with --demo or simulate only")}
	}
	if s.thresholds, err = thresholds(c); err != nil {
		return nil, usageError{err}
	}
	connect, err := s.connector(f.simState)
	if err != nil {
		return nil, usageError{err}
	}
	journal := audit.Open(p.state("audit"))
	if s.demo {
		journal = audit.InMemory()
	}
	policy := newPolicySource(c, func() (config.Config, error) { return config.Load(sources) }, s.log)
	options := guard.Options{Policy: f.adding(policy.policy), Journal: journal, Log: s.log, Trace: traced, AtTerminal: f.atTerminal, Demo: f.demo, Waiting: stdioWorkers / 2}
	if pin := p.pin(); pin != "" && !s.demo {
		options.PIN = pin
	}
	options.Doors, s.close = p.doors(f, s.log)
	gate, err := guard.New(options)
	if err != nil {
		return nil, err
	}
	s.gate = gate
	fleet := tools.New(p.fleetOptions(s, connect, journal))
	catalog := sync.OnceValue(fleet.Catalog)
	s.server = newServer(serverOptions{
		Catalog: catalog, Prompts: prompts.All(), Gate: gate, Demo: s.demo, Log: s.log,
		Resources:    resources.New(resources.Options{Fleet: fleet, Catalog: catalog, Policy: s.policyPage(policy), Caller: callerOf, Demo: s.demo}),
		Instructions: instructions(time.Now(), s.demo, c.ReadOnly),
	})
	return s, nil
}

// traced lets the audit have Aura's request IDs.
func traced(ctx context.Context) (context.Context, func() []string) {
	ctx, trace := auraclient.WithTrace(ctx)
	return ctx, trace.RequestIDs
}

// fleetOptions gives the tools their surroundings. The demo keeps its passwords apart: they open nothing.
func (p Process) fleetOptions(s *setup, connect func(context.Context) (*auraclient.Client, error), journal *audit.Journal) tools.Options {
	dir := p.state("credentials")
	if s.demo {
		dir = p.state("demo-credentials")
	}
	return tools.Options{Connect: connect, Vault: vault.New(vault.Sink(s.config.SecretSink), dir), Alone: p.creator(s.config.ClientID), Journal: journal, SafetySnapshots: s.config.SafetySnapshots, Thresholds: s.thresholds}
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
func (p Process) creator(clientID string) func(context.Context) (func(), error) {
	dir := p.state("locks")
	if dir == "" || clientID == "" {
		return nil
	}
	return func(ctx context.Context) (func(), error) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("lock for creating: %w", err)
		}
		name := sha256.Sum256([]byte(clientID))
		lock := flock.New(filepath.Join(dir, hex.EncodeToString(name[:8])+".lock"))
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
			return nil, fmt.Errorf("lock for creating: %w", err)
		}
		return func() { _ = lock.Unlock() }, nil // the system lets go of it at the latest when the process ends
	}
}

// connector returns what makes the client at the first call. Settings that can be judged without the network are judged now.
func (s *setup) connector(simState string) (func(context.Context) (*auraclient.Client, error), error) {
	if s.demo {
		state, err := fleetState(simState)
		if err != nil {
			return nil, err
		}
		sim, err := aurasim.New(aurasim.Options{State: state, Speed: demoSpeed})
		if err != nil {
			return nil, err
		}
		s.sim = sim
		return s.client(aurasim.DemoClientID, aurasim.DemoClientSecret, "https://demo.invalid", "", sim.Transport())
	}
	id, secret := s.config.ClientID, s.config.ClientSecret
	if !s.config.HasCredentials() {
		id, secret = "none", "none" // to judge the addresses all the same
	}
	connect, err := s.client(id, secret, s.config.BaseURL, s.config.AuthURL, http.DefaultTransport)
	if err != nil || s.config.HasCredentials() {
		return connect, err
	}
	return func(context.Context) (*auraclient.Client, error) { return nil, errNoCredentials() }, nil
}

func (s *setup) client(id string, secret auraclient.Secret, baseURL, authURL string, transport http.RoundTripper) (func(context.Context) (*auraclient.Client, error), error) {
	options := []auraclient.Option{
		auraclient.WithBaseURL(baseURL), auraclient.WithTransport(transport), auraclient.WithLogger(s.log),
		auraclient.WithUserAgent("aura-mcp/" + version()), auraclient.WithRateLimit(s.config.RequestsPerMinute),
	}
	if !s.demo && s.config.MetricsClientID != "" {
		options = append(options, auraclient.WithMetricsCredentials(s.config.MetricsClientID, s.config.MetricsClientSecret))
	}
	if authURL != "" {
		options = append(options, auraclient.WithAuthURL(authURL))
	}
	client, err := auraclient.New(id, secret, options...)
	if wrong, ok := errors.AsType[*auraclient.ArgumentError](err); ok {
		key := strings.ReplaceAll(wrong.Argument, " ", "_") // the client names its arguments as the settings are named
		err = fmt.Errorf("%s: %s %s", s.config.Origins[key], key, wrong.Problem)
	}
	return func(context.Context) (*auraclient.Client, error) { return client, nil }, err
}

func errNoCredentials() error {
	return &op.Error{
		What: "there are no Aura credentials, so nothing can be read or changed",
		Next: "tell the person to run aura-mcp install, which asks for an API key, or to set AURA_CLIENT_ID and AURA_CLIENT_SECRET in the environment of this server (API keys are made in the Aura console under Account, API keys), or to start it with --demo to try it on a simulated fleet",
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

// settingFlags are the flags that stand for settings, by the key they set.
func settingFlags() []config.Setting {
	var out []config.Setting
	for _, s := range config.Settings() {
		if s.Flag != "" {
			out = append(out, s)
		}
	}
	return out
}

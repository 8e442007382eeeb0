// Command aura-mcp runs a fleet of Neo4j Aura databases through an AI assistant. See README.md.
package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"aura-mcp/internal/app"
	"aura-mcp/internal/approval"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	configDir, err := os.UserConfigDir()
	if err != nil {
		configDir = "" // no home: no config file, which is fine
	}
	browser := approval.Browser{Environ: os.Environ(), Stderr: os.Stderr}
	return app.Run(ctx, app.Process{
		Args:      os.Args[1:],
		Environ:   os.Environ(),
		ConfigDir: configDir,
		StateDir:  stateDir(),
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Terminal:  openTerminal,

		Open: browser.Open, ForwardDir: browser.ForwardDir, RunDir: runDir(),

		Executable: executable(),
	})
}

// executable is where this program is. A link in PATH that leads to it is the better name: package managers move it on when
// they upgrade.
func executable() string {
	running, err := os.Executable()
	if err != nil {
		return ""
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return running
	}
	if called, err = filepath.Abs(called); err != nil {
		return running
	}
	one, err1 := os.Stat(running)
	other, err2 := os.Stat(called) //nolint:gosec // it is only compared with the program that runs
	if err1 == nil && err2 == nil && os.SameFile(one, other) {
		return called
	}
	return running
}

// stateDir is where programs of this user keep private state, by the custom of the system; empty where there is no home.
func stateDir() string {
	switch runtime.GOOS {
	case "windows":
		return os.Getenv("LocalAppData")
	case "darwin":
		if dir, err := os.UserConfigDir(); err == nil {
			return dir
		}
		return ""
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state")
}

// runDir is where programs of this user keep what lives as long as a process, on systems that have a place for it.
func runDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return dir
	}
	return ""
}

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"aura-mcp/internal/install"
	"aura-mcp/tools"
)

// A client starts what its file says, with next to nothing in the environment.
func TestWhatInstallWritesStartsTheServer(t *testing.T) {
	t.Parallel()
	for _, client := range install.Clients() {
		t.Run(client.ID, func(t *testing.T) {
			t.Parallel()
			env := environment(t)
			succeeds(t, env, "install", "--client", client.ID, "--demo", "--yes")
			file, err := client.File(install.System{GOOS: runtime.GOOS, Home: variable(env, "HOME"), Environ: env})
			if err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			type entry struct {
				Command string   `json:"command"`
				Args    []string `json:"args"`
			}
			var servers map[string]map[string]entry
			if err := json.Unmarshal(content, &servers); err != nil {
				t.Fatal(err)
			}
			key := "mcpServers"
			if client.ID == "vscode" {
				key = "servers"
			}
			launched := servers[key]["aura-demo"]
			if !filepath.IsAbs(launched.Command) {
				t.Fatalf("the file is %s", content)
			}
			c := exec.Command(launched.Command, launched.Args...)
			c.Env = launchedWith(env)
			fleet := use[tools.InstanceList](t, connectTo(t, "", nil, c), "list_instances", nil)
			if fleet.Total != 10 {
				t.Errorf("%d databases, want the ten of the demo", fleet.Total)
			}
		})
	}
}

// variable is the last value of a variable, which is the one that counts.
func variable(env []string, name string) (value string) {
	for _, e := range env {
		if v, found := strings.CutPrefix(e, name+"="); found {
			value = v
		}
	}
	return value
}

// launchedWith is what is left of the environment when a program with a window starts another.
func launchedWith(env []string) []string {
	out := []string{"HOME=" + variable(env, "HOME"), "USERPROFILE=" + variable(env, "USERPROFILE")}
	for _, system := range []string{"SystemRoot", "GORACE"} { // Windows' sockets need the first, the race detector the second
		if v := os.Getenv(system); v != "" {
			out = append(out, system+"="+v)
		}
	}
	return out
}

// From nothing to the first answer: a home without a keyring, a key in the environment, and afterwards only what install has
// stored.
func TestWhatInstallStoresServesTheFirstCall(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere the keyring of whoever runs this could not be kept out of it")
	}
	sim := simulate(t)
	programs := t.TempDir()
	if err := os.WriteFile(filepath.Join(programs, "xdg-open"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	alone := environment(t, "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent", "DISPLAY=:0", "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out := succeeds(t, append(alone, sim.env...), "install", "--client", "cursor", "--yes"); !strings.Contains(out, `credentials.json, entry "default"`) {
		t.Errorf("it says\n%s", out)
	}
	settings := filepath.Join(configDir(variable(alone, "HOME")), "aura-mcp")
	if info, err := os.Stat(filepath.Join(settings, "credentials.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the key: %v, %v", info, err)
	}
	written, err := os.ReadFile(filepath.Join(settings, "config.toml"))
	for _, want := range []string{"\nprotected = [\"prod*\"]\n", "\napproval = { default = \"auto\", destructive = \"page\" }\n", "\nbase_url = \"http://127.0.0.1:"} {
		if err != nil || !strings.Contains(string(written), want) {
			t.Errorf("the settings do not say %q: %v\n%s", want, err, written)
		}
	}
	if out := succeeds(t, alone, "call", "list_tenants"); !strings.Contains(out, `"name": "Production"`) {
		t.Errorf("the first call answers\n%s", out)
	}
	if out := succeeds(t, alone, "doctor"); !strings.Contains(out, "Everything works.") {
		t.Errorf("doctor says\n%s", out)
	}
}

// The keyring of the desktop, for once: a session bus and GNOME's keyring of the test's own, where there are such programs.
func TestARealKeyringKeepsTheKey(t *testing.T) {
	t.Parallel()
	for _, needed := range []string{"dbus-run-session", "dbus-send", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skipf("no %s here; Debian has it in dbus-daemon, dbus-bin and gnome-keyring", needed)
		}
	}
	sim := simulate(t)
	env := environment(t, sim.env...)
	home := variable(env, "HOME")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	// Whoever asks before the daemon has its name on the bus makes the bus start a second one.
	const script = `set -e
printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
until dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets | grep -q true; do :; done
aura-mcp install --client cursor --yes
unset AURA_CLIENT_ID AURA_CLIENT_SECRET AURA_BASE_URL AURA_AUTH_URL
aura-mcp install --client cursor --yes
aura-mcp call list_tenants
dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login
! aura-mcp call list_tenants
! aura-mcp doctor`
	c := exec.Command("dbus-run-session", "--", "sh", "-c", script)
	for _, e := range env {
		if !strings.HasPrefix(e, "XDG_RUNTIME_DIR=") && !strings.HasPrefix(e, "DBUS_") && !strings.HasPrefix(e, "DISPLAY=") { // those of whoever runs the test
			c.Env = append(c.Env, e)
		}
	}
	output, err := c.CombinedOutput()
	out := string(output)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`It is stored: the system's keyring, entry "default" of aura-mcp.`, `The API key is there: the system's keyring`, `"name": "Production"`,
		"aura-mcp: The system's keyring cannot be read", "What to do: Unlock it", "✗ credentials the system's keyring cannot be read", "→ unlock it",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	}
	secret := variable(env, "AURA_CLIENT_SECRET")
	err = filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), secret) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

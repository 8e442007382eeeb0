package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/credentials"
)

// brokenRing is a keyring that cannot be used.
type brokenRing struct{ err error }

func (r brokenRing) Get(_, _ string) (string, error) { return "", r.err }
func (r brokenRing) Set(_, _, _ string) error        { return r.err }

// setting is a home with a simulated Aura on a socket.
type setting struct {
	home    string
	environ []string
	ring    ring
	broken  credentials.Ring // in place of ring
}

func newSetting(t *testing.T, environ ...string) setting {
	t.Helper()
	sim, err := aurasim.New(aurasim.Options{State: aurasim.DemoState(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	home := t.TempDir()
	return setting{
		home: home, ring: ring{},
		environ: append([]string{"HOME=" + home, "AURA_BASE_URL=" + listener.URL(), "AURA_AUTH_URL=" + listener.URL() + "/oauth/token"}, environ...),
	}
}

// install runs the command.
func (s setting) install(t *testing.T, terminal func() (io.ReadWriteCloser, error), args ...string) (code int, out, problems string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	var keyring credentials.Ring = s.ring
	if s.broken != nil {
		keyring = s.broken
	}
	code = Run(t.Context(), Process{
		Args: append([]string{"install"}, args...), Environ: s.environ, Executable: "/usr/local/bin/aura-mcp",
		ConfigDir: filepath.Join(s.home, ".config"), StateDir: filepath.Join(s.home, ".local", "state"),
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Terminal: terminal, Keyring: keyring,
	})
	return code, stdout.String(), stderr.String()
}

func (s setting) file(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.home, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(content)
}

func TestInstallAsksForAKeyTriesItAndStoresIt(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	p := sits(t,
		[2]string{"Write this? (yes/no) > ", "yes"},
		[2]string{"Client ID > ", "mistyped"}, [2]string{"(not shown) > ", "wrong-secret"},
		[2]string{"Client ID > ", aurasim.DemoClientID}, [2]string{"(not shown) > ", aurasim.DemoClientSecret},
		[2]string{"Write them? (yes/no) > ", "yes"},
	)
	code, out, problems := s.install(t, p.open, "--client", "claude-code")
	if code != ExitOK || problems != "" {
		t.Fatalf("exit code %d: %s\n%s", code, problems, out)
	}
	for _, want := range []string{
		"does not accept this client ID and secret; nothing was stored", "The key works. It sees 2 tenants:", `"Production"`,
		`stored: the system's keyring, entry "default" of aura-mcp.`, "The key will be sent to http://127.0.0.1:", "Next: start a new session",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	}
	if want := fmt.Sprintf(`{"client_id":%q,"client_secret":%q}`, aurasim.DemoClientID, aurasim.DemoClientSecret); s.ring["default"] != want || len(s.ring) != 1 {
		t.Errorf("stored: %+v", s.ring)
	}
	entry, settings := s.file(t, ".claude.json"), s.file(t, ".config/aura-mcp/config.toml")
	if !strings.Contains(entry, "/usr/local/bin/aura-mcp") || !strings.Contains(settings, `protected = ["prod*"]`) || !strings.Contains(settings, "base_url = \"http://127.0.0.1:") {
		t.Errorf("the client's file: %s\nthe settings: %s", entry, settings)
	}
	for where, text := range map[string]string{"the terminal": p.screen(), "the output": out, "the client's file": entry, "the settings": settings} {
		for _, secret := range []string{aurasim.DemoClientSecret, "wrong-secret"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %q: %q", where, secret, text)
			}
		}
	}

	code, out, problems = s.install(t, noTerminal, "--client", "claude-code")
	if code != ExitOK || problems != "" || !strings.Contains(out, "The API key is there: the system's keyring, entry \"default\" of aura-mcp.\n--new-key stores another.") || !strings.Contains(out, "Next: ") {
		t.Errorf("a second time: exit code %d, %s\n%s", code, problems, out)
	}
	if s.file(t, ".claude.json") != entry || s.file(t, ".config/aura-mcp/config.toml") != settings {
		t.Error("a second time changed the files")
	}
}

func TestInstallLeavesTheKeyForLater(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	p := sits(t, [2]string{"Write this?", "y"}, [2]string{"Client ID > ", ""})
	code, out, problems := s.install(t, p.open, "--client", "cursor")
	if code != ExitOK || problems != "" || !strings.Contains(out, "The server has no API key yet, so every call will say so") || strings.Contains(out, "Next: ") {
		t.Errorf("exit code %d, %s\n%s", code, problems, out)
	}
	if len(s.ring) != 0 || s.file(t, ".config/aura-mcp/config.toml") != "" {
		t.Errorf("stored: %v", s.ring)
	}
}

func TestANoWritesNothing(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	p := sits(t, [2]string{"Write this?", "no"})
	code, _, problems := s.install(t, p.open, "--client", "cursor")
	if code != ExitFailure || !strings.Contains(problems, "the answer was not yes; nothing was changed") || s.file(t, ".cursor/mcp.json") != "" {
		t.Errorf("exit code %d, %s", code, problems)
	}
}

func TestInstallTakesTheKeyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	s := newSetting(t, "AURA_CLIENT_ID="+aurasim.DemoClientID, "AURA_CLIENT_SECRET="+aurasim.DemoClientSecret)
	code, out, problems := s.install(t, noTerminal, "--client", "vscode", "--yes")
	if code != ExitOK || problems != "" || !strings.Contains(out, "clients do not pass your shell's variables on") || len(s.ring) != 1 {
		t.Errorf("exit code %d, %s\n%s", code, problems, out)
	}
	if strings.Contains(out, aurasim.DemoClientSecret) {
		t.Errorf("the output shows the secret:\n%s", out)
	}
}

func TestAKeyThatCannotBeUsedIsExplained(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		environ []string
		store   error
		want    []string
	}{
		{"refused", []string{"AURA_CLIENT_ID=mistyped", "AURA_CLIENT_SECRET=hunter2"}, nil, []string{"Aura does not accept this client ID and secret; nothing was stored"}},
		{"nobody there", []string{"AURA_CLIENT_ID=some-id", "AURA_CLIENT_SECRET=hunter2", "AURA_AUTH_URL=", "AURA_BASE_URL=http://127.0.0.1:1"}, nil, []string{"could not be tried, so nothing was stored", "see that this machine reaches http://127.0.0.1:1"}},
		{"no place for it", []string{"AURA_CLIENT_ID=" + aurasim.DemoClientID, "AURA_CLIENT_SECRET=" + aurasim.DemoClientSecret}, errors.New("the keyring is locked"), []string{"could not be stored: the system's keyring cannot be used: the keyring is locked", "credentials.json"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSetting(t)
			if tt.store != nil {
				s.broken = brokenRing{tt.store}
				if err := os.MkdirAll(filepath.Join(s.home, ".config", "aura-mcp", "credentials.json"), 0o700); err != nil { // nor a file
					t.Fatal(err)
				}
			}
			s.environ = replaced(s.environ, tt.environ)
			code, _, problems := s.install(t, noTerminal, "--client", "vscode", "--yes", "--new-key")
			for _, want := range tt.want {
				if code != ExitFailure || !strings.Contains(problems, want) || strings.Contains(problems, "hunter2") {
					t.Errorf("exit code %d, %s", code, problems)
				}
			}
			if len(s.ring) != 0 {
				t.Errorf("stored: %v", s.ring)
			}
		})
	}
}

// replaced is an environment with some variables given anew.
func replaced(environ, anew []string) (out []string) {
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		taken := false
		for _, a := range anew {
			taken = taken || strings.HasPrefix(a, name+"=")
		}
		if !taken {
			out = append(out, e)
		}
	}
	return append(out, anew...)
}

func TestSettingsThatAreThereAreNotRewritten(t *testing.T) {
	t.Parallel()
	s := newSetting(t, "AURA_CLIENT_ID="+aurasim.DemoClientID, "AURA_CLIENT_SECRET="+aurasim.DemoClientSecret)
	dir := filepath.Join(s.home, ".config", "aura-mcp")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const mine = "# mine\nread_only = true\n"
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, problems := s.install(t, noTerminal, "--client", "vscode", "--yes")
	if code != ExitOK || problems != "" || s.file(t, ".config/aura-mcp/config.toml") != mine {
		t.Errorf("exit code %d, %s\n%s", code, problems, s.file(t, ".config/aura-mcp/config.toml"))
	}
	for _, want := range []string{"stay as they are. For the key to go where it was tried, add:", "\n  protected = [\"prod*\"]\n", "\n  base_url = "} {
		if !strings.Contains(out+"\n", want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	}
}

func TestProposedSettingsCanBeDeclined(t *testing.T) {
	t.Parallel()
	s := newSetting(t, "AURA_CLIENT_ID="+aurasim.DemoClientID, "AURA_CLIENT_SECRET="+aurasim.DemoClientSecret)
	p := sits(t, [2]string{"Write this?", "yes"}, [2]string{"Write them?", "no"})
	code, out, problems := s.install(t, p.open, "--client", "vscode")
	written := s.file(t, ".config/aura-mcp/config.toml")
	if code != ExitOK || problems != "" || !strings.Contains(out, "\n  protected = [\"prod*\"]\n") {
		t.Errorf("exit code %d, %s\n%s", code, problems, out)
	}
	if strings.Contains(written, "\nprotected") || !strings.Contains(written, "\nbase_url = \"http://127.0.0.1:") { // without which no call works
		t.Errorf("the settings are\n%s", written)
	}
}

func TestEveryProfileGetsItsKey(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	dir := filepath.Join(s.home, ".config", "aura-mcp")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	addresses := strings.NewReplacer("AURA_BASE_URL=", "base_url = \"", "AURA_AUTH_URL=", "auth_url = \"").Replace(s.environ[1] + "\"\n" + s.environ[2] + "\"\n")
	settings := "[profiles.work]\n" + addresses + "[profiles.play]\ncredentials = { source = \"file\" }\n" + addresses +
		"[profiles.job]\ncredentials = { source = \"env\", prefix = \"JOB_\" }\n"
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	s.environ = s.environ[:1]
	s.ring["work"] = fmt.Sprintf(`{"client_id":%q,"client_secret":%q}`, aurasim.DemoClientID, aurasim.DemoClientSecret)
	p := sits(t, [2]string{"Write this?", "yes"}, [2]string{"Client ID > ", aurasim.DemoClientID}, [2]string{"(not shown) > ", aurasim.DemoClientSecret})
	code, out, problems := s.install(t, p.open, "--client", "cursor")
	for _, want := range []string{
		`The API key of the profile work is there: the system's keyring, entry "work" of aura-mcp.`, "The server needs an API key of Aura for the profile play.",
		`credentials.json, entry "play"`, "The API key of the profile job comes from environment JOB_AURA_CLIENT_ID and JOB_AURA_CLIENT_SECRET",
		"Consider adding to the profile play:\n  protected",
	} {
		if code != ExitOK || problems != "" || !strings.Contains(out, want) {
			t.Errorf("exit code %d, %s; no %q in\n%s", code, problems, want, out)
		}
	}
	if stored := s.file(t, ".config/aura-mcp/credentials.json"); !strings.Contains(stored, `"play"`) || len(s.ring) != 1 {
		t.Errorf("stored: %s, %v", stored, s.ring)
	}

	if code, _, problems := s.install(t, noTerminal, "--new-key"); code != ExitUsage || !strings.Contains(problems, "say whose API key this is with --profile: work, play, job") {
		t.Errorf("exit code %d, %s", code, problems)
	}
	if code, _, problems := s.install(t, noTerminal, "--new-key", "--profile", "job"); code != ExitFailure || !strings.Contains(problems, "JOB_AURA_CLIENT_ID") {
		t.Errorf("exit code %d, %s", code, problems)
	}
	before := s.ring["work"]
	s.ring["work"] = "spoilt"
	s.environ = append(s.environ, "AURA_CLIENT_ID="+aurasim.DemoClientID, "AURA_CLIENT_SECRET="+aurasim.DemoClientSecret)
	if code, out, problems := s.install(t, noTerminal, "--new-key", "--profile", "work", "--yes"); code != ExitOK || s.ring["work"] != before {
		t.Errorf("exit code %d, %s\n%s\n%s", code, problems, out, s.ring["work"])
	}
}

func TestAKeyInTheSettingsIsEnough(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	s.environ = []string{"HOME=" + s.home}
	dir := filepath.Join(s.home, ".config", "aura-mcp")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte("client_id = \"a\"\nclient_secret = \"b\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, problems := s.install(t, noTerminal, "--client", "vscode", "--yes")
	if code != ExitOK || problems != "" || !strings.Contains(out, "The API key is there: "+filepath.Join(dir, "config.toml")+":1.") {
		t.Errorf("exit code %d, %s\n%s", code, problems, out)
	}
}

func TestWhatGoRunBuildsIsNotInstalled(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := Run(t.Context(), Process{
		Args: []string{"install", "--client", "cursor", "--demo"}, Environ: []string{"HOME=" + t.TempDir()}, Executable: "/tmp/go-build123/b001/exe/aura-mcp",
		Stdout: io.Discard, Stderr: &stderr, Terminal: noTerminal,
	})
	if code != ExitFailure || !strings.Contains(stderr.String(), "make build") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}

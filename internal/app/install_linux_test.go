package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aura-mcp/internal/approval"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/credentials"
)

// brokenRing is a keyring that cannot be used.
type brokenRing struct{ err error }

func (r brokenRing) Get(_, _ string) (string, error) { return "", r.err }
func (r brokenRing) Set(_, _, _ string) error        { return r.err }

// sitter is somebody at a real terminal of the kernel's, who answers what they are asked.
type sitter struct {
	control *os.File
	device  string
	seen    bytes.Buffer
	mu      sync.Mutex
}

// sits opens a terminal. Each turn is what the person waits to see and what they type then; a secret is typed when the terminal
// hides it.
func sits(t *testing.T, turns ...[2]string) *sitter {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &sitter{control: control, device: "/dev/pts/" + strconv.Itoa(n)}
	held, err := p.open() // or what is said between two questions would be lost
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	go func() { defer close(left); p.answer(turns) }()
	t.Cleanup(func() {
		held.Close()
		_, _ = control.WriteString("\n") // ends a reading that nobody waits for any more, and with it the last hold on the device
		<-left
		control.Close()
	})
	return p
}

func (p *sitter) open() (io.ReadWriteCloser, error) {
	return os.OpenFile(p.device, os.O_RDWR|unix.O_NOCTTY, 0)
}

func (p *sitter) answer(turns [][2]string) {
	chunk := make([]byte, 1024)
	from := 0
	for len(turns) > 0 {
		n, err := p.control.Read(chunk)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.seen.Write(chunk[:n])
		text := p.seen.String()
		p.mu.Unlock()
		if at := strings.Index(text[from:], turns[0][0]); at >= 0 {
			from += at + len(turns[0][0])
			p.awaitHiding(strings.Contains(turns[0][0], "not shown"))
			_, _ = p.control.WriteString(turns[0][1] + "\n")
			turns = turns[1:]
		}
	}
	for {
		n, err := p.control.Read(chunk)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.seen.Write(chunk[:n])
		p.mu.Unlock()
	}
}

// awaitHiding waits until the terminal hides what is typed, as a person who reads "not shown" is slow enough to do.
func (p *sitter) awaitHiding(hidden bool) {
	for hidden {
		state, err := unix.IoctlGetTermios(int(p.control.Fd()), unix.TCGETS)
		if err != nil || state.Lflag&unix.ECHO == 0 {
			return
		}
		<-time.After(time.Millisecond)
	}
}

func (p *sitter) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

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
	for _, want := range []string{"stay as they are. Consider adding:", "\n  protected = [\"prod*\"]\n", "\n  base_url = "} {
		if !strings.Contains(out+"\n", want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
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

// A person who gives up at the secret gets a terminal back that shows what they type.
func TestATerminalIsGivenBackWhenThePersonInterrupts(t *testing.T) {
	t.Parallel()
	p := sits(t)
	asks, err := approval.OpenTerminal(p.open)
	if err != nil {
		t.Fatal(err)
	}
	defer asks.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		p.awaitHiding(true)
		cancel()
	}()
	if _, err := asks.Hidden(ctx, "PIN"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	state, err := unix.IoctlGetTermios(int(p.control.Fd()), unix.TCGETS)
	if err != nil || state.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal hides what is typed: %v", err)
	}
}

// Colour is for a person who wants it: on a terminal, and not with NO_COLOR. A dumb terminal cannot write over a line either.
func TestColourIsForTerminals(t *testing.T) {
	t.Parallel()
	device, err := sits(t).open()
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	terminal, ok := device.(*os.File)
	if !ok {
		t.Fatalf("the terminal is a %T", device)
	}
	for _, tt := range []struct {
		out              *os.File
		environ          []string
		colour, replaces bool
	}{
		{terminal, []string{"TERM=xterm"}, true, true},
		{terminal, []string{"TERM=xterm", "NO_COLOR="}, true, true},
		{terminal, []string{"TERM=xterm", "NO_COLOR=1"}, false, true},
		{terminal, []string{"TERM=dumb"}, false, false},
		{file, []string{"TERM=xterm"}, false, false},
	} {
		if s := newScreen(tt.out, tt.environ); s.colour != tt.colour || s.replaces != tt.replaces || (s.paint(red, "x") == "x") == tt.colour {
			t.Errorf("%s %v: %+v", tt.out.Name(), tt.environ, s)
		}
	}
}

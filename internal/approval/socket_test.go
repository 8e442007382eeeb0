package approval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
)

// script is a terminal at which a person types what stands in it.
type script struct {
	io.Reader
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *script) Close() error { return nil }

func (s *script) printed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// socketStand is a server with a socket, and how often its operation has run.
type socketStand struct {
	t    *testing.T
	dir  string
	gate *guard.Gate
	mu   sync.Mutex
	ran  int
}

func newSocketStand(t *testing.T, pin guard.PIN) *socketStand {
	t.Helper()
	s := &socketStand{t: t, dir: filepath.Join(t.TempDir(), "run")}
	socket := &Socket{Dir: s.dir, Log: slog.New(slog.DiscardHandler)}
	t.Cleanup(socket.Close)
	var err error
	s.gate, err = guard.New(guard.Options{Policy: guard.Fixed(guard.Policy{}), Journal: audit.InMemory(), Log: socket.Log, PIN: pin, Doors: guard.Doors{Terminal: socket.Show}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call asks for a thing to be destroyed and returns what the model will be told.
func (s *socketStand) call(ctx context.Context, thingName string, effects op.Effects) <-chan string {
	plan := op.Plan{Effects: effects, Headline: "Destroy it.", Confirm: thingName, Targets: []op.Resource{{Kind: "thing", ID: thingName}}}
	o := op.Acts(op.Spec{Name: "destroy_thing", Title: "t", Description: "d", Toolset: "t", Effects: effects},
		func(context.Context, thing) (op.Plan, error) { return plan, nil },
		func(context.Context, op.Call, thing, op.Plan) (outcome, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ran++
			return outcome{op.Done, "it is gone"}, nil
		})
	said := make(chan string, 1)
	go func() {
		r := s.gate.Handle(ctx, o, op.Call{Caller: op.Caller{Principal: op.Local}}, mcp.CallToolRequest{Params: mcp.CallToolParams{Arguments: map[string]any{"thing": thingName}}})
		content, _ := mcp.AsTextContent(r.Content[0])
		said <- content.Text
	}()
	return said
}

// waiting waits for the question to appear at the socket.
func (s *socketStand) waiting() (*Server, guard.Approval) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		servers, err := Servers(s.t.Context(), s.dir)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, server := range servers {
			if list, err := server.List(s.t.Context()); err == nil && len(list) > 0 && list[0].Stage == guard.Shown {
				return server, list[0]
			}
		}
	}
	s.t.Fatal("no question came")
	return nil, guard.Approval{}
}

func TestATerminalDecidesForAnotherProcess(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, typed string
		effects     op.Effects
		pin         guard.PIN
		ran         int
		printed     []string
		told        string
	}{
		{"yes", "yes\n", op.Disruptive, nil, 1, []string{"To approve, type: yes", "Done. it is gone"}, "it is gone"},
		{"another word", "nope\n", op.Disruptive, nil, 0, []string{"Refused."}, "the person declined"},
		{"an empty line", "\n", op.Destructive, nil, 0, []string{"Refused."}, "the person declined"},
		{"the end of the terminal", "", op.Disruptive, nil, 0, []string{"Refused."}, "the person declined"},
		{"the name, mended", "presious\nprecious\n", op.Destructive, nil, 1, []string{"type exactly: precious", "not the exact name; it can be typed 2 times more", "Done."}, "it is gone"},
		{"the wrong name three times", "a\nb\nc\n", op.Destructive, nil, 0, []string{"Not approved: what was typed was not the exact name, 3 times"}, "was not the exact name"},
		{"the PIN, mended", "precious\n0000\nprecious\n4711\n", op.Destructive, onlyPIN("4711"), 1, []string{"your approval PIN", "that PIN is wrong", "Done."}, "it is gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSocketStand(t, tt.pin)
			said := s.call(t.Context(), "precious", tt.effects)
			server, a := s.waiting()
			person := &script{Reader: strings.NewReader(tt.typed)}
			terminal := NewTerminal(person)
			if err := terminal.Ask(t.Context(), server, a); err != nil {
				t.Fatal(err)
			}
			terminal.Follow(t.Context(), server, a.ID)
			for _, want := range tt.printed {
				if !strings.Contains(person.printed(), want) {
					t.Errorf("the terminal does not say %q:\n%s", want, person.printed())
				}
			}
			if told := <-said; !strings.Contains(told, tt.told) || s.ran != tt.ran {
				t.Errorf("ran %d times, told %s", s.ran, told)
			}
		})
	}
}

// Enter pressed twice, or typing on while something runs, decides nothing that was not on the screen yet.
func TestWhatIsTypedAheadIsNoAnswer(t *testing.T) {
	t.Parallel()
	s := newSocketStand(t, nil)
	person := &script{Reader: strings.NewReader("yes\nyes\n")}
	terminal := NewTerminal(person)
	for n, want := range []string{"it is gone", "the person declined"} {
		said := s.call(t.Context(), fmt.Sprintf("thing %d", n), op.Disruptive)
		server, a := s.waiting()
		if err := terminal.Ask(t.Context(), server, a); err != nil {
			t.Fatal(err)
		}
		terminal.Follow(t.Context(), server, a.ID)
		if told := <-said; !strings.Contains(told, want) || s.ran != 1 {
			t.Errorf("question %d: ran %d, told %s", n, s.ran, told)
		}
	}
}

func TestATerminalThatComesLateSaysWhy(t *testing.T) {
	t.Parallel()
	s := newSocketStand(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	said := s.call(ctx, "precious", op.Disruptive)
	server, a := s.waiting()
	server.Seen(a.ID) // so that the call waits on
	cancel()
	<-said
	person := &script{Reader: strings.NewReader("yes\n")}
	if err := NewTerminal(person).Ask(t.Context(), server, a); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(person.printed(), "closed: the program that asked has taken it back") || s.ran != 0 {
		t.Errorf("ran %d times, printed %s", s.ran, person.printed())
	}
	if err := server.Decide("AAAAAAAA", guard.Decision{Approve: true}); !errors.Is(err, guard.ErrGone) {
		t.Errorf("an unknown question: %v", err)
	}
}

func TestTheSocketIsForThisAccountAlone(t *testing.T) {
	t.Parallel()
	s := newSocketStand(t, nil)
	s.call(t.Context(), "precious", op.Disruptive)
	s.waiting()
	info, err := os.Stat(s.dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v, %v", info.Mode(), err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := (&Socket{Dir: open, Log: slog.New(slog.DiscardHandler)}).Listen(t.Context(), s.gate.Desk(op.Local)); err == nil || !strings.Contains(err.Error(), "only you can use") {
		t.Errorf("a directory for everybody was taken: %v", err)
	}
}

// A socket at which nobody listens is of a process that is dead, or of one that is just beginning to listen.
func TestSocketsOfDeadProcessesAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dead, begins := filepath.Join(dir, "1"+socketEnd), filepath.Join(dir, "2"+socketEnd)
	for _, name := range []string{dead, begins} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * time.Minute)
	if err := os.Chtimes(dead, old, old); err != nil {
		t.Fatal(err)
	}
	servers, err := Servers(t.Context(), dir)
	if err != nil || len(servers) != 0 {
		t.Errorf("%v, %v", servers, err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("that of a dead process is still there")
	}
	if _, err := os.Stat(begins); err != nil {
		t.Errorf("the new one is gone: %v", err)
	}
}

func TestThePINFile(t *testing.T) {
	t.Parallel()
	file := PINFile(filepath.Join(t.TempDir(), "settings", "approval-pin"))
	if set, err := file.Set(); err != nil || set {
		t.Fatalf("before: %v, %v", set, err)
	}
	if err := file.Change("4711"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(string(file))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for pin, want := range map[string]bool{"4711": true, "4712": false, "": false} {
		if got, err := file.Matches(pin); err != nil || got != want {
			t.Errorf("%q: %v, %v", pin, got, err)
		}
	}
	if err := os.WriteFile(string(file), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ok, err := file.Matches("4711"); ok || err == nil {
		t.Errorf("a broken file matches: %v, %v", ok, err)
	}
	if err := errors.Join(file.Change("4711"), file.Change("")); err != nil {
		t.Fatal(err)
	}
	if set, err := file.Set(); err != nil || set {
		t.Errorf("after removing: %v, %v", set, err)
	}
}

func TestTheBrowserIsGivenNoSecrets(t *testing.T) {
	t.Parallel()
	given := cleaned([]string{"PATH=/bin", "HOME=/home/me", "AURA_CLIENT_SECRET=x", "GITHUB_TOKEN=x", "DISPLAY=:0", "LC_ALL=C", "XDG_RUNTIME_DIR=/run", "ANTHROPIC_API_KEY=x", "SystemRoot=C:\\Windows"})
	want := "PATH=/bin HOME=/home/me DISPLAY=:0 LC_ALL=C XDG_RUNTIME_DIR=/run SystemRoot=C:\\Windows"
	if got := strings.Join(given, " "); got != want {
		t.Errorf("given %s", got)
	}
}

func TestTheOpenerOfEachSystem(t *testing.T) {
	t.Parallel()
	find := func(have ...string) func(string) (string, error) {
		return func(name string) (string, error) {
			if slices.Contains(have, name) {
				return "/usr/bin/" + name, nil
			}
			return "", errors.New("not found")
		}
	}
	tests := []struct {
		system  string
		environ []string
		find    func(string) (string, error)
		want    string
	}{
		{"darwin", nil, find(), "/usr/bin/open"},
		{"windows", nil, find(), "rundll32 url.dll,FileProtocolHandler"},
		{"linux", []string{"DISPLAY=:0"}, find("xdg-open", "x-www-browser"), "/usr/bin/xdg-open"},
		{"linux", []string{"WAYLAND_DISPLAY=wayland-0"}, find("x-www-browser"), "/usr/bin/x-www-browser"},
		{"linux", []string{"DISPLAY=:0"}, find(), ""},
		{"linux", []string{"DISPLAY="}, find("xdg-open"), ""}, // over SSH, in a container
	}
	for _, tt := range tests {
		words, err := Browser{Environ: tt.environ}.opener(tt.system, tt.find)
		if got := strings.Join(words, " "); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s %v: %q, %v", tt.system, tt.environ, got, err)
		}
	}
}

package app

import (
	"bytes"
	"context"
	"errors"
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
	"aura-mcp/tools"
)

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

// The question says what is at stake, and standard output has the answer only.
func TestAChangeIsAskedAtTheTerminal(t *testing.T) {
	t.Parallel()
	for typed, approved := range map[string]bool{"yes": true, "no": false, "": false} {
		t.Run("typed "+strconv.Quote(typed), func(t *testing.T) {
			t.Parallel()
			p := sits(t, [2]string{"(an empty line refuses) > ", typed})
			var stdout, stderr bytes.Buffer
			exit := Run(t.Context(), Process{
				Args: []string{"call", "--demo", "pause_instance", "instance=staging-orders"}, ConfigDir: t.TempDir(), StateDir: t.TempDir(),
				Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Terminal: p.open,
			})
			for _, want := range []string{`Pause the database "staging-orders"`, "interrupts whoever uses it", "To approve, type: yes"} {
				if !strings.Contains(p.screen(), want) {
					t.Errorf("the terminal does not show %q:\n%s", want, p.screen())
				}
			}
			if approved && (exit != 0 || !strings.HasPrefix(stdout.String(), "{\n") || !strings.Contains(stdout.String(), `"state": "accepted"`) || strings.Contains(stdout.String(), "To approve")) {
				t.Errorf("exit %d, standard output:\n%s", exit, &stdout)
			}
			if !approved && (exit != 1 || stdout.Len() > 0 || !strings.Contains(stderr.String(), "Not approved: you declined. Nothing was changed")) {
				t.Errorf("exit %d, standard error:\n%s%s", exit, &stderr, &stdout)
			}
		})
	}
}

// What was typed before a question was on the screen waits in the terminal, in the system's own buffer.
func TestWhatIsTypedAheadApprovesNothing(t *testing.T) {
	t.Parallel()
	prompt := "(an empty line refuses) > "
	p := sits(t, [2]string{prompt, ""}, [2]string{prompt, "yes"})
	if _, err := p.control.WriteString("yes\n"); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(p.screen(), "yes") { // its echo: it is there
		<-time.After(time.Millisecond)
	}
	r := newRig(t, func(o *rigOptions) { o.doors = Process{Terminal: p.open}.ownTerminal() })
	c := r.connect(modern, nil)
	r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "the person declined")
	must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instance": "staging"})
	if got := r.changes(); len(got) != 1 || r.status(prodID) != "running" {
		t.Errorf("sent %v", got)
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

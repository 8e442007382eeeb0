package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// patience is how long a test waits for what must come. Nothing takes this long unless something is broken.
	patience = 60 * time.Second
	// soon is what a person would call so: far below the 50 seconds that a waiting call may take.
	soon = 15 * time.Second
)

// process is the program while it runs, with its input and output in the test's hands.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	lines  chan string // of standard output, closed at its end
	ended  chan struct{}
	stderr buffer
	passed []message // what was read while looking for something else
}

// buffer collects output while somebody else may look at it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start runs the program until the test ends, at the latest.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: command(t, env, args...), lines: make(chan string), ended: make(chan struct{})}
	p.cmd.Stderr = &p.stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.stdout, err = p.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended already, in most tests
		for range p.lines {
		}
		<-p.ended
		switch log := p.stderr.String(); {
		case strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic"):
			t.Errorf("standard error of %s:\n%s", p.cmd, log)
		case t.Failed():
			t.Logf("the end of standard error of %s:\n%s", p.cmd, log[max(0, len(log)-4000):])
		}
	})
	return p
}

// read hands the lines on and then waits for the process, in the order that os/exec demands.
func (p *process) read() {
	defer close(p.ended)
	in := bufio.NewReader(p.stdout)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			p.lines <- line
		}
		if err != nil {
			break
		}
	}
	close(p.lines)
	_ = p.cmd.Wait() // what there is to know is in ProcessState
}

// line is the next line of standard output; false when there are no more.
func (p *process) line() (string, bool) {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		return line, ok
	case <-time.After(patience):
		p.t.Fatalf("no line within %s", patience)
		return "", false
	}
}

// code waits for the end of the process and returns its exit code.
func (p *process) code() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("still running after %s", patience)
		return -1
	}
}

// message is one JSON-RPC message of the server.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	} `json:"error"`
	raw string
}

// next reads a message. Anything else on standard output breaks the protocol, so each line is checked.
func (p *process) next() (message, bool) {
	p.t.Helper()
	line, ok := p.line()
	if !ok {
		return message{}, false
	}
	m := message{raw: strings.TrimSpace(line)}
	in := json.NewDecoder(strings.NewReader(line))
	in.DisallowUnknownFields()
	if err := in.Decode(&m); err != nil || in.More() || !strings.HasSuffix(line, "\n") {
		p.t.Fatalf("not one JSON-RPC message to a line: %q (%v)", line, err)
	}
	kinds := 0
	for _, is := range []bool{m.Method != "", m.Result != nil, m.Error != nil} {
		if is {
			kinds++
		}
	}
	if m.Version != "2.0" || kinds != 1 || (m.Method == "" && m.ID == nil) {
		p.t.Fatalf("not a JSON-RPC message: %s", line)
	}
	return m, true
}

// until reads up to the message that is wanted, and keeps the others in passed.
func (p *process) until(what string, wanted func(message) bool) message {
	p.t.Helper()
	for {
		m, ok := p.next()
		if !ok {
			p.t.Fatalf("the output ended before %s", what)
		}
		if wanted(m) {
			return m
		}
		p.passed = append(p.passed, m)
	}
}

// answer reads up to the answer to a request.
func (p *process) answer(id string) message {
	p.t.Helper()
	return p.until("the answer to "+id, func(m message) bool { return m.Method == "" && string(m.ID) == id })
}

// rest reads what comes until the output ends.
func (p *process) rest() []message {
	p.t.Helper()
	var all []message
	for {
		m, ok := p.next()
		if !ok {
			return all
		}
		all = append(all, m)
	}
}

// send writes lines as they are, each with its newline.
func (p *process) send(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		p.write(line + "\n")
	}
}

func (p *process) write(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, text); err != nil {
		p.t.Fatalf("write to the server: %v", err)
	}
}

// hangUp ends the input.
func (p *process) hangUp() {
	p.t.Helper()
	if err := p.stdin.Close(); err != nil {
		p.t.Fatal(err)
	}
}

// finish ends the input, wants a clean end, and returns what still came.
func (p *process) finish() []message {
	p.t.Helper()
	p.hangUp()
	rest := p.rest()
	if code := p.code(); code != 0 {
		p.t.Errorf("exit code %d, want 0", code)
	}
	return rest
}

// simulator is the simulated Aura in a process of its own.
type simulator struct {
	*process
	env []string // what leads the program to it
}

// simulate starts a simulator and waits until it listens.
func simulate(t *testing.T, args ...string) simulator {
	t.Helper()
	s := simulator{process: start(t, environment(t), append([]string{"simulate", "--listen", "127.0.0.1:0"}, args...)...)}
	for len(s.env) < 4 {
		line, ok := s.line()
		if !ok {
			t.Fatal("the simulator ended before it listened")
		}
		if v, is := strings.CutPrefix(strings.TrimSpace(line), "export "); is {
			s.env = append(s.env, v)
		}
	}
	return s
}

// succeeds runs one command line to its end, wants exit code 0, and returns its standard output.
func succeeds(t *testing.T, env []string, args ...string) string {
	t.Helper()
	code, stdout, stderr := runs(t, env, args...)
	if code != 0 {
		t.Fatalf("aura-mcp %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

func runs(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := command(t, env, args...)
	var out, log bytes.Buffer
	c.Stdout, c.Stderr = &out, &log
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), log.String()
}

// decode reads a value strictly: a field that the type does not have is an error.
func decode[T any](t *testing.T, encoded []byte) T {
	t.Helper()
	var v T
	in := json.NewDecoder(bytes.NewReader(encoded))
	in.DisallowUnknownFields()
	if err := in.Decode(&v); err != nil {
		t.Fatalf("decode %T from %s: %v", v, encoded, err)
	}
	return v
}

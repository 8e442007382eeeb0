package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// programs are the binaries that are compared.
type programs struct {
	product, bare string
	home          string // a home of its own, so that nobody's settings are measured, with a config file as people have one
}

// buildPrograms builds both as make build does.
func buildPrograms(b *testing.B) programs {
	b.Helper()
	dir := b.TempDir()
	build := func(name, pkg string) string {
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		binary := filepath.Join(dir, name)
		c := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", binary, pkg)
		c.Dir = filepath.Join("..", "..")
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("build %s: %v\n%s", pkg, err, out)
		}
		return binary
	}
	return programs{product: build("aura-mcp", "."), bare: build("bareserver", "./internal/bench/bareserver"), home: homeWithSettings(b)}
}

// settings is a config file as people have one.
const settings = `protected = ["prod*", "billing"]
max_memory = "64GB"
approval = { default = "auto", destructive = "page" }
log_level = "warn"

[[preapproved]]
operations = ["pause_instance", "resume_instance"]
names = ["ci-*"]
tenant = "Development"
max_per_day = 20

[health.cpu]
warning = 0.70
[[health_for]]
names = ["batch-*"]
[health_for.signals.cpu]
warning = 0.95
critical = 0.99
`

// homeWithSettings puts the config file where each system looks for it.
func homeWithSettings(b *testing.B) string {
	b.Helper()
	home := b.TempDir()
	for _, dir := range []string{filepath.Join(home, ".config"), filepath.Join(home, "Library", "Application Support"), home} {
		dir = filepath.Join(dir, "aura-mcp")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(settings), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return home
}

// compare measures sessions with both programs by turns, so that what else the machine does falls on both.
func (p programs) compare(b *testing.B, measure func(*session) float64) reading {
	b.Helper()
	once := func(binary string) float64 {
		s := p.start(b, binary)
		defer s.stop()
		return measure(s)
	}
	var product, bare []float64
	for b.Loop() {
		product = append(product, once(p.product))
		bare = append(bare, once(p.bare))
	}
	return reading{measured: median(product), baseline: median(bare)}
}

// session is a running server on standard input and output. It is spoken to in plain lines: a client library would take
// time of its own, and hide how large the answers are.
type session struct {
	begun  time.Time
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	log    *bytes.Buffer // to be read when the process has ended
	cancel context.CancelFunc
}

// sessionTime ends a server that hangs.
const sessionTime = 20 * time.Second

// start runs a server with credentials, as for an account: with them it sets up all it has, and contacts nobody yet.
func (p programs) start(b *testing.B, binary string, args ...string) *session {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), sessionTime)
	s := &session{cmd: exec.CommandContext(ctx, binary, args...), log: &bytes.Buffer{}, cancel: cancel}
	s.cmd.Env = []string{"HOME=" + p.home, "AppData=" + p.home, "AURA_CLIENT_ID=bench", "AURA_CLIENT_SECRET=bench"}
	s.cmd.Stderr = s.log
	in, err := s.cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	s.in, s.out = in, bufio.NewReader(out)
	s.begun = time.Now()
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return s
}

// stop ends the server and waits for it, so that it does not run into the next measurement.
func (s *session) stop() {
	_ = s.in.Close()
	_ = s.cmd.Wait() // how it ends is tested elsewhere
	s.cancel()
}

func (s *session) initialize(b *testing.B) {
	b.Helper()
	s.ask(b, 1, "initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}`)
}

func (s *session) listTools(b *testing.B) json.RawMessage {
	b.Helper()
	if _, err := io.WriteString(s.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n"); err != nil {
		s.fail(b, err)
	}
	return s.ask(b, 2, "tools/list", `{}`)
}

// ask sends a request and returns the result, as it came. Notifications before it are skipped.
func (s *session) ask(b *testing.B, id int, method, params string) json.RawMessage {
	b.Helper()
	if _, err := fmt.Fprintf(s.in, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", id, method, params); err != nil {
		s.fail(b, err)
	}
	for {
		line, err := s.out.ReadBytes('\n')
		if err != nil {
			s.fail(b, err)
		}
		var answer struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
		}
		if err := json.Unmarshal(line, &answer); err != nil || answer.ID == id && answer.Result == nil {
			s.fail(b, fmt.Errorf("%s: unexpected answer %s", method, line))
		}
		if answer.ID == id {
			return answer.Result
		}
	}
}

func (s *session) fail(b *testing.B, err error) {
	b.Helper()
	s.stop()
	b.Fatalf("%s: %v\n%s", filepath.Base(s.cmd.Path), err, s.log)
}

var residentLine = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

func (s *session) residentMB(b *testing.B) float64 {
	b.Helper()
	return residentOf(b, s.cmd.Process.Pid)
}

// residentOf is the resident memory of a process in MB.
func residentOf(b *testing.B, pid int) float64 {
	b.Helper()
	if runtime.GOOS != "linux" {
		b.Skip("resident memory is read from /proc, which only Linux has")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	found := residentLine.FindSubmatch(status)
	if found == nil {
		b.Fatalf("no resident memory in %s", status)
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kilobytes) / 1024
}

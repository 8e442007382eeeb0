package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aura-mcp/internal/aurasim"
)

const (
	httpClients = 200
	// httpTeam is how many clients share a token: one principal has so many requests at a time.
	httpTeam = 10
	// A client calls every httpPause, and httpReads times less often it asks Aura: that leaves all of them within the most that the
	// settings allow in a minute, as a team has to.
	httpPause, httpReads = 500 * time.Millisecond, 128
	// httpWarmUp is left out of the figures, httpTime is what they are of.
	httpWarmUp, httpTime = 10 * time.Second, time.Minute
)

const (
	httpTenant   = "6f1d3c52-8a0e-4b7c-9d35-2e41c07b9a16"
	httpInstance = "4c8e1f07"
)

// crowd is a server over HTTP and what its clients found.
type crowd struct {
	address string
	pid     int
	tokens  []string

	mu     sync.Mutex
	calls  int
	took   []time.Duration // by get_instance
	failed string
}

// httpLatency is the 99th percentile of get_instance, over its median, while many clients call that and, more often,
// list_operations, which asks nobody.
func httpLatency(b *testing.B, p programs) reading {
	c := startCrowd(b, p)
	c.run(b, httpWarmUp)
	c.calls, c.took = 0, nil
	before := residentOf(b, c.pid)
	c.run(b, httpTime)
	after := residentOf(b, c.pid)
	if c.failed != "" {
		b.Fatalf("a call failed: %s", c.failed)
	}
	if limit := before*1.25 + 8; after > limit {
		b.Errorf("memory is not flat: %.0f MB after the warm-up, %.0f MB a minute later", before, after)
	}
	b.Logf("%d calls of %d clients, %d of them of get_instance; memory %.0f MB after the warm-up, %.0f MB at the end", c.calls, httpClients, len(c.took), before, after)
	for range b.N { // measured once, whatever the benchmark's time
	}
	return reading{measured: ms(percentile(c.took, 99)), baseline: ms(median(c.took))}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

var servingAt = regexp.MustCompile(`"serving MCP" address=(\S+)`)

func startCrowd(b *testing.B, p programs) *crowd {
	b.Helper()
	c := &crowd{}
	home := b.TempDir()
	sim, err := aurasim.New(aurasim.Options{RateLimit: unlimited, State: aurasim.State{
		Tenants:   []aurasim.TenantState{{ID: httpTenant, Name: "team"}},
		Instances: []aurasim.InstanceState{{ID: httpInstance, Name: "prod-orders", TenantID: httpTenant, Type: "professional-db", Memory: "8GB", Status: "running"}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	aura, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = aura.Close() })
	var tokens strings.Builder
	for n := range httpClients / httpTeam {
		token := fmt.Sprintf("aura-mcp-bench-%d", n)
		digest := sha256.Sum256([]byte(token))
		c.tokens = append(c.tokens, token)
		fmt.Fprintf(&tokens, "[[tokens]]\nname = \"team-%d\"\nsha256 = %q\n", n, hex.EncodeToString(digest[:]))
	}
	file := filepath.Join(home, "config.toml")
	if err := os.WriteFile(file, []byte("read_only = true\nrequests_per_minute = 1000\n"+tokens.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	cmd := exec.CommandContext(ctx, p.product, "--config", file, "--transport", "http", "--listen", "127.0.0.1:0")
	cmd.Env = []string{"HOME=" + home, "AppData=" + home, "AURA_CLIENT_ID=" + aurasim.DemoClientID, "AURA_CLIENT_SECRET=" + aurasim.DemoClientSecret, "AURA_BASE_URL=" + aura.URL()}
	log, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cancel(); _ = cmd.Wait() }) // it was ended
	lines := bufio.NewScanner(log)
	var said strings.Builder
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if found := servingAt.FindStringSubmatch(lines.Text()); found != nil {
			c.address, c.pid = found[1], cmd.Process.Pid
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return c
		}
	}
	b.Fatalf("the server does not start:\n%s", said.String())
	return nil
}

// run lets all clients work for a while.
func (c *crowd) run(b *testing.B, during time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), during)
	defer cancel()
	var all sync.WaitGroup
	for n := range httpClients {
		all.Go(func() { c.client(ctx, c.tokens[n%len(c.tokens)], n) })
	}
	all.Wait()
}

func (c *crowd) client(ctx context.Context, token string, n int) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	h := &http.Client{Transport: transport, Timeout: 30 * time.Second} //nolint:forbidigo // a client over HTTP is what is measured
	session := ""
	send := func(body string) (string, error) {
		r, err := http.NewRequest(http.MethodPost, c.address, bytes.NewBufferString(body))
		if err != nil {
			return "", err
		}
		r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Authorization": {"Bearer " + token}}
		if session != "" {
			r.Header.Set("Mcp-Session-Id", session)
		}
		resp, err := h.Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d: %s", resp.StatusCode, answer)
		}
		if session == "" {
			session = resp.Header.Get("Mcp-Session-Id")
		}
		return string(answer), err
	}
	if _, err := send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`); err != nil {
		c.fail(err.Error())
		return
	}
	pause := time.NewTimer(time.Duration(n) * httpPause / httpClients)
	for id := 2; ; id++ {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		began := time.Now()
		call, reads := `{"name":"list_operations","arguments":{}}`, (id+n)%httpReads == 0
		if reads {
			call = `{"name":"get_instance","arguments":{"instance":"` + httpInstance + `"}}`
		}
		answer, err := send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":%s}`, id, call))
		took := time.Since(began)
		if err != nil || strings.Contains(answer, `"isError":true`) || !strings.Contains(answer, `"structuredContent"`) {
			c.fail(fmt.Sprintf("%v: %s", err, answer))
			return
		}
		c.mu.Lock()
		c.calls++
		if reads {
			c.took = append(c.took, took)
		}
		c.mu.Unlock()
		pause.Reset(httpPause)
	}
}

func (c *crowd) fail(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == "" {
		c.failed = why
	}
}

// percentile is the value that so many of a hundred do not exceed.
func percentile(values []time.Duration, of int) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)*of/100]
}

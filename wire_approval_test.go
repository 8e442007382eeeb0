//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// browserScript stands in for xdg-open: it notes what it was called with and waits until the test has looked.
const browserScript = `#!/bin/sh
env > "$(dirname "$0")/environment"
echo "$0 $*" > "$(dirname "$0")/called.new"
mv "$(dirname "$0")/called.new" "$(dirname "$0")/called"
`

// TestThePageReachesThePersonAndItsAddressNobodyElse plays a host that shows no questions, as Claude Desktop is, and a person who
// approves in the browser that opens.
func TestThePageReachesThePersonAndItsAddressNobodyElse(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(browserScript), 0o700); err != nil {
		t.Fatal(err)
	}
	sim := simulate(t)
	env := environment(t, append(sim.env, "DISPLAY=:99", "PATH="+bin+":"+os.Getenv("PATH"), "XDG_RUNTIME_DIR="+t.TempDir(), "SOME_TOKEN=hush")...)
	p := start(t, env, "--log-level", "debug")
	p.send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"claude-ai","version":"1"}}}`, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	p.answer("1")
	p.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"pause_instance","arguments":{"instance":"staging-orders"}}}`)

	called := strings.TrimSpace(waitForFile(t, filepath.Join(bin, "called")))
	_, file, _ := strings.Cut(called, " ")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the browser was sent to %s: %v, %v", file, info, err)
	}
	forward, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`url=(http://127\.0\.0\.1:\d+/(\w+)/)`).FindSubmatch(forward)
	if found == nil {
		t.Fatalf("it leads nowhere: %s", forward)
	}
	address, secret := string(found[1]), string(found[2])

	page := fetch(t, address)
	if !strings.Contains(page, "Pause the database &#34;staging-orders&#34;.") || !strings.Contains(page, "claude-ai") {
		t.Errorf("the page shows %s", page)
	}
	action := regexp.MustCompile(`action="(\w+)"`).FindStringSubmatch(page)
	if action == nil {
		t.Fatal("the page has no form")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+action[1], strings.NewReader(url.Values{"decision": {"approve"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", strings.TrimSuffix(address, "/"+secret+"/"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("after approving: %s", response.Status)
	}
	answer := p.answer("2")
	if !strings.Contains(answer.raw, `\"state\":\"accepted\"`) {
		t.Errorf("the model is told %s", answer.raw)
	}
	for place, text := range map[string]string{
		"the command line of the browser": called, "its environment": waitForFile(t, filepath.Join(bin, "environment")), "the log": p.stderr.String(),
		"the answer": answer.raw, "the process list": processList(t), "the audit": succeeds(t, env, "audit", "--json"),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the address stands in %s:\n%s", place, text)
		}
	}
	for _, private := range []string{"SECRET", "hush", "AURA_"} {
		if given := waitForFile(t, filepath.Join(bin, "environment")); strings.Contains(given, private) {
			t.Errorf("the browser was given %s:\n%s", private, given)
		}
	}
	p.finish()
	if _, err := os.Stat(file); err == nil {
		t.Error("the file that leads to the page was left behind")
	}
}

// TestAPersonDecidesAtAnotherTerminal: where no browser can be opened, the answer names a command, and the command finds the
// server.
func TestAPersonDecidesAtAnotherTerminal(t *testing.T) {
	t.Parallel()
	sim := simulate(t)
	env := environment(t, append(sim.env, "DISPLAY=", "WAYLAND_DISPLAY=", "XDG_RUNTIME_DIR="+t.TempDir())...)
	p := start(t, env)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"claude-ai","version":"1"}}}`, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	p.answer("1")
	p.send(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"delete_instance","arguments":{"instance":"staging-orders"}}}`)
	told := p.answer("2").raw
	id := regexp.MustCompile("`aura-mcp approve (\\w+)`").FindStringSubmatch(told)
	if id == nil || !strings.Contains(told, "approval_pending") {
		t.Fatalf("the model is told %s", told)
	}
	if list := succeeds(t, env, "approve", "--list"); !strings.Contains(list, id[1]) || !strings.Contains(list, `Delete the database "staging-orders" for good.`) {
		t.Errorf("waiting:\n%s", list)
	}
	if code, _, said := runs(t, env, "approve", id[1]); code == 0 || !strings.Contains(said, "at a terminal only") {
		t.Errorf("without a terminal: %d, %s", code, said)
	}
	p.finish()
	if list := succeeds(t, env, "approve", "--list"); !strings.Contains(list, "nothing waits") {
		t.Errorf("after the server has ended:\n%s", list)
	}
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func waitForFile(t *testing.T, name string) string {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		if content, err := os.ReadFile(name); err == nil {
			return string(content)
		}
	}
	t.Fatalf("no %s within %s", name, patience)
	return ""
}

// processList is what every user of the machine can see of every process.
func processList(t *testing.T) string {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, line := range lines {
		if content, err := os.ReadFile(line); err == nil { // some have ended meanwhile
			fmt.Fprintf(&all, "%s\n", content)
		}
	}
	return all.String()
}

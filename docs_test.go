package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// block is a fenced block of a page with the mark before it: an HTML comment that says what the tests do with it.
type block struct {
	page, language, mark, text string
	line                       int
}

var fenced = regexp.MustCompile("(?:<!-- (.+) -->)?\n```([a-z]+)\n((?s:.*?\n))```\n")

// blocks are those of all pages for people.
func blocks(t *testing.T) (out []block) {
	t.Helper()
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md", "SECURITY.md", "internal/aurasim/README.md") {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		content := strings.ReplaceAll(string(raw), "\r\n", "\n")
		for _, at := range fenced.FindAllStringSubmatchIndex(content, -1) {
			part := func(n int) string {
				if at[2*n] < 0 {
					return ""
				}
				return content[at[2*n]:at[2*n+1]]
			}
			out = append(out, block{page: filepath.ToSlash(page), mark: part(1), language: part(2), text: part(3), line: 1 + strings.Count(content[:at[0]], "\n")})
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d blocks: the pattern does not find them", len(out))
	}
	return out
}

func (b block) name() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// commands are the lines of a block that do something, continued ones joined.
func (b block) commands() (out []string) {
	for line := range strings.Lines(strings.ReplaceAll(b.text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// shell runs a command line as a person would, in a home of its own.
func shell(t *testing.T, env []string, dir, line string) (code int, out string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-c", line)
	c.Env, c.Dir = env, dir
	output, err := c.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return failed.ExitCode(), string(output)
	}
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return 0, string(output)
}

// reader is the environment of somebody who tries the docs. Their keyring is out of reach.
func reader(t *testing.T, extra ...string) []string {
	t.Helper()
	return environment(t, append([]string{"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent"}, extra...)...)
}

// A command in the docs works, or carries the reason why nobody tries it: <!-- not run: … -->. One that ends otherwise than with
// success is marked with the exit codes of the block: <!-- exits: 0 1 -->, or <!-- on the simulator, exits: 0 1 -->. A block with the
// mark <!-- file: NAME --> is a file that the commands of its page find.
func TestEveryCommandOfTheDocsWorks(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the docs are for a POSIX shell")
	}
	ran := 0
	all := blocks(t)
	var sim simulator
	for _, b := range all {
		if !slices.Contains([]string{"sh", "bash", "console", "shell"}, b.language) {
			continue
		}
		if reason, marked := strings.CutPrefix(b.mark, "not run: "); marked {
			if len(strings.Fields(reason)) < 3 {
				t.Errorf("%s: %q is no reason", b.name(), reason)
			}
			continue
		}
		commands := b.commands()
		want := slices.Repeat([]string{"0"}, len(commands))
		mark, simulated := strings.CutPrefix(b.mark, "on the simulator, ")
		if simulated && sim.env == nil {
			sim = simulate(t)
		}
		if codes, marked := strings.CutPrefix(mark, "exits: "); marked {
			want = strings.Fields(codes)
		} else if mark != "" {
			t.Errorf("%s: the mark %q is not one of a command", b.name(), b.mark)
		}
		if len(want) != len(commands) {
			t.Errorf("%s: %d exit codes for %d commands", b.name(), len(want), len(commands))
			continue
		}
		ran += len(commands)
		t.Run(b.name(), func(t *testing.T) {
			t.Parallel()
			env, dir := reader(t), t.TempDir()
			if simulated {
				env = reader(t, sim.env...)
			}
			for _, other := range all {
				if name, marked := strings.CutPrefix(other.mark, "file: "); marked && other.page == b.page {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(other.text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			for n, line := range commands {
				if code, out := shell(t, env, dir, line); fmt.Sprint(code) != want[n] {
					t.Errorf("%s ends with %d, want %s\n%s", line, code, want[n], out)
				}
			}
		})
	}
	if ran < 20 {
		t.Errorf("only %d commands were run", ran)
	}
}

// A message in the docs is one that the program prints: <!-- prints: COMMAND --> (or "prints, on the simulator") runs the command
// and looks for each line, in which … stands for anything; <!-- in: FILE --> looks for each line in the source.
func TestEveryMessageOfTheDocsIsOneOfTheProgram(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the docs are for a POSIX shell")
	}
	var sim simulator
	checked := 0
	for _, b := range blocks(t) {
		if b.page != "docs/troubleshooting.md" || b.language != "text" {
			continue
		}
		kind, what, _ := strings.Cut(b.mark, ": ")
		if kind == "prints, on the simulator" && sim.env == nil {
			sim = simulate(t)
		}
		checked++
		t.Run(b.name(), func(t *testing.T) {
			t.Parallel()
			var in string
			switch kind {
			case "prints":
				_, in = shell(t, reader(t), t.TempDir(), what)
			case "prints, on the simulator":
				_, in = shell(t, reader(t, sim.env...), t.TempDir(), what)
			case "in":
				source, err := os.ReadFile(what)
				if err != nil {
					t.Fatal(err)
				}
				in = string(source)
			default:
				t.Fatalf("the message has no mark that says where it is from, but %q", b.mark)
			}
			for line := range strings.Lines(b.text) {
				if !fits(line, in) {
					t.Errorf("no %q in\n%s", strings.TrimSpace(line), in)
				}
			}
		})
	}
	if checked < 15 {
		t.Errorf("only %d messages were checked", checked)
	}
}

// The conversation of the README happens as it is told: a deletion that a person declines, and another whose name they type.
func TestTheConversationOfTheReadmeIsReal(t *testing.T) {
	t.Parallel()
	said := map[string]string{}
	for _, b := range blocks(t) {
		if b.page == "README.md" {
			said[b.mark] = b.text
		}
	}
	asked := ""
	session := connect(t, "", func(ctx context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
		if asked == "" {
			asked = r.Params.Message
			<-time.After(1100 * time.Millisecond) // a decline within a second is taken for the client's own
			return &mcp.ElicitResult{Action: "decline"}, nil
		}
		return answering("accept", map[string]any{"approval": "dev-campaign-2025"})(ctx, r)
	})
	deletes := func(name string) string {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "delete_instance", Arguments: map[string]any{"instance": name}})
		if err != nil {
			t.Fatal(err)
		}
		return words(result)
	}
	declined := deletes("staging-orders")
	for mark, got := range map[string]string{"asks, with other numbers: staging-orders": asked, "answers: decline": declined, "answers: dev-campaign-2025": deletes("dev-campaign-2025")} {
		for line := range strings.Lines(said[mark]) {
			if strings.Contains(mark, "other numbers") {
				line, got = unnumbered(line), unnumbered(got)
			}
			if !fits(line, got) {
				t.Errorf("%s: no %q in\n%s", mark, strings.TrimSpace(line), got)
			}
		}
		if said[mark] == "" {
			t.Errorf("the README does not show %s", mark)
		}
	}
}

// unnumbered is a text without its numbers and months, which no two runs share.
func unnumbered(text string) string {
	return regexp.MustCompile(`\d+( [A-Z][a-z]{2} \d{4})?`).ReplaceAllString(text, "#")
}

// fits reports whether a line of the docs is in what the program said. … stands for anything.
func fits(line, said string) bool {
	return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(line)), "…", ".*")).MatchString(said)
}

// What a person copies into a client's file by hand is what install writes.
func TestTheEntriesOfTheDocsAreThoseOfInstall(t *testing.T) {
	t.Parallel()
	shown := map[string]string{}
	for _, b := range blocks(t) {
		if client, marked := strings.CutPrefix(b.mark, "print: "); marked {
			shown[client] = b.text
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"claude-desktop", "claude-code", "cursor", "vscode"} {
		got := succeeds(t, environment(t), "install", "--client", client, "--print")
		got = strings.Replace(got, strings.ReplaceAll(path, `\`, `\\`), "/usr/local/bin/aura-mcp", 1)
		if got != shown[client] {
			t.Errorf("docs/clients.md shows for %s\n%s\ninstall prints\n%s", client, shown[client], got)
		}
	}
}

// A config file in the docs is one that the server takes.
func TestEveryConfigFileOfTheDocsIsValid(t *testing.T) {
	t.Parallel()
	for _, b := range blocks(t) {
		if b.language != "toml" {
			continue
		}
		file := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := runs(t, environment(t), "call", "list_tenants", "--demo", "--config", file); code != 0 {
			t.Errorf("%s: %s", b.name(), stderr)
		}
	}
}

// A link in the docs leads somewhere.
func TestEveryLinkOfTheDocsLeadsSomewhere(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^):#]+)(?:#([a-z0-9-]+))?\)`)
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md") {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(content), -1) {
			target, err := os.ReadFile(filepath.Join(filepath.Dir(page), found[1]))
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			heading := regexp.MustCompile(`(?mi)^#+ ` + strings.ReplaceAll(regexp.QuoteMeta(found[2]), "-", "[ -]"))
			if found[2] != "" && !heading.Match(target) {
				t.Errorf("%s: %s has no heading %s", page, found[1], found[2])
			}
		}
	}
}

package install

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailscale/hujson"
)

func client(t *testing.T, id string) Client {
	t.Helper()
	c, err := Find(id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// command is where the program is in these tests.
const command = "/usr/local/bin/aura-mcp"

func TestTheConfigurationOfEachClientGetsTheEntryAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	for _, c := range Clients() {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			before := read(t, filepath.Join("testdata", c.ID+".before.json"))
			file := filepath.Join(t.TempDir(), "config.json")
			write(t, file, before)
			apply(t, c, file, Entry{Name: "aura", Command: command})
			golden(t, filepath.Join("testdata", c.ID+".after.json"), read(t, file))

			change := planned(t, c, file, Entry{Name: "aura", Command: command})
			if !change.Nothing() || change.Diff() != "" {
				t.Errorf("a second time would change\n%s", change.Diff())
			}
		})
	}
}

func TestTheDifferenceShownHidesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	for _, c := range Clients() {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "config.json")
			write(t, file, read(t, filepath.Join("testdata", c.ID+".before.json")))
			shown := planned(t, c, file, Entry{Name: "aura", Command: command}).Diff()
			for _, secret := range []string{"somebodyelsestoken", "hunter2", "ada@example.com", "perplexity-key}", "Mondays"} {
				if strings.Contains(shown, secret) {
					t.Errorf("%s is shown:\n%s", secret, shown)
				}
			}
			golden(t, filepath.Join("testdata", c.ID+".diff"), []byte(strings.ReplaceAll(shown, file, "FILE")))
		})
	}
}

// The shapes a file can have beside those of testdata. MARK stands for where Windows' editors put a byte order mark.
var shapes = []struct{ name, before, after string }{
	{"empty", "", "{\n  \"mcpServers\": {\n    \"aura\": ENTRY4\n  }\n}\n"},
	{"spaces only", " \n", "{\n  \"mcpServers\": {\n    \"aura\": ENTRY4\n  }\n}\n"},
	{"empty object", "{}", "{\n  \"mcpServers\": {\n    \"aura\": ENTRY4\n  }\n}"},
	{"no servers", "{\n    \"a\": 1\n}\n", "{\n    \"a\": 1,\n    \"mcpServers\": {\n        \"aura\": ENTRY8\n    }\n}\n"},
	{"no servers yet", "{\n  \"mcpServers\": {}\n}\n", "{\n  \"mcpServers\": {\n    \"aura\": ENTRY4\n  }\n}\n"},
	{"one line", `{"a":1,"mcpServers":{"b":{"url":"x"}}}`, `{"a":1,"mcpServers":{"b":{"url":"x"},"aura":{"command":"/usr/local/bin/aura-mcp","args":[]}}}`},
	{"one line with spaces", `{ "mcpServers": { "b": { "url": "x" } } }`, `{ "mcpServers": { "b": { "url": "x" }, "aura": {"command":"/usr/local/bin/aura-mcp","args":[]} } }`},
	{"one line without servers", `{"a":1}`, `{"a":1,"mcpServers":{"aura":{"command":"/usr/local/bin/aura-mcp","args":[]}}}`},
	{"a remark at the end", "{\n  \"a\": 1 // one\n}\n", "{\n  \"a\": 1, // one\n  \"mcpServers\": {\n    \"aura\": ENTRY4\n  }\n}\n"},
	{"a remark alone", "{\n  \"mcpServers\": {\n    // none yet\n  }\n}\n", "{\n  \"mcpServers\": {\n    // none yet\n    \"aura\": ENTRY4\n  }\n}\n"},
	{"a comma at the end", "{\n  \"mcpServers\": {\n    \"b\": {},\n  },\n}\n", "{\n  \"mcpServers\": {\n    \"b\": {},\n    \"aura\": ENTRY4,\n  },\n}\n"},
	{"tabs and Windows' line ends", "MARK{\r\n\t\"a\": 1\r\n}\r\n", "MARK{\r\n\t\"a\": 1,\r\n\t\"mcpServers\": {\r\n\t\t\"aura\": {\r\n\t\t\t\"command\": \"/usr/local/bin/aura-mcp\",\r\n\t\t\t\"args\": []\r\n\t\t}\r\n\t}\r\n}\r\n"},
	{"old path, arguments and more of a person's own", "{\n  \"mcpServers\": {\n    \"aura\": {\n      \"disabled\": true, // for now\n      \"args\": [\"--demo\", \"--read-only\"],\n      \"command\": \"C:\\\\old\\\\aura-mcp.exe\"\n    }\n  }\n}",
		"{\n  \"mcpServers\": {\n    \"aura\": {\n      \"disabled\": true, // for now\n      \"args\": [\n        \"--read-only\"\n      ],\n      \"command\": \"/usr/local/bin/aura-mcp\"\n    }\n  }\n}"},
}

func fill(s string) string {
	s = strings.Replace(s, "MARK", string(byteOrderMark), 1)
	for _, indent := range []string{"8", "4"} {
		unit := map[string]string{"4": "  ", "8": "    "}[indent]
		outer := unit + unit
		s = strings.ReplaceAll(s, "ENTRY"+indent, "{\n"+outer+unit+`"command": "`+command+`",`+"\n"+outer+unit+`"args": []`+"\n"+outer+"}")
	}
	return s
}

func TestShapesOfAFile(t *testing.T) {
	t.Parallel()
	for _, tt := range shapes {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "claude.json")
			write(t, file, []byte(fill(tt.before)))
			c := client(t, "claude-desktop")
			apply(t, c, file, Entry{Name: "aura", Command: command})
			if diff := cmp.Diff(fill(tt.after), string(read(t, file))); diff != "" {
				t.Errorf("the file (-want +got):\n%s", diff)
			}
			if change := planned(t, c, file, Entry{Name: "aura", Command: command}); !change.Nothing() {
				t.Errorf("a second time would change\n%s", change.Diff())
			}
		})
	}
}

func TestWhatCannotBeMergedIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content string
		want          []string
	}{
		{"a missing brace", "{\n  \"mcpServers\": {\n", []string{"line 3, column 1", "mend that place"}},
		{"a missing comma", "{\n  \"a\": 1\n  \"b\": 2\n}", []string{"line 3, column 3", "expecting ','"}},
		{"merge marks", "<<<<<<< HEAD\n{}", []string{"line 1, column 1"}},
		{"a list", "[]", []string{"line 1, column 1: the file should be an object in braces"}},
		{"servers in a list", "{\n  \"mcpServers\": []\n}", []string{`line 2, column 17: "mcpServers" should be an object in braces`}},
		{"servers twice", "{\n \"mcpServers\": {},\n \"mcpServers\": {}\n}", []string{`line 3, column 2: "mcpServers" is here for the second time`}},
		{"the entry twice", `{"mcpServers": {"aura": {}, "aura": {}}}`, []string{`column 29: "aura" is here for the second time`}},
		{"another program's entry", `{"mcpServers": {"aura": {"command": "npx", "args": ["neo4j-aura"]}}}`, []string{`the entry "aura" is another program's`, "--name"}},
		{"a server on the network", `{"mcpServers": {"aura": {"url": "https://example.com"}}}`, []string{`is another program's`}},
		{"no object", `{"mcpServers": {"aura": "x"}}`, []string{`"aura" should be an object`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "claude.json")
			write(t, file, []byte(tt.content))
			_, err := Plan(client(t, "claude-desktop"), file, Entry{Name: "aura", Command: command})
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, want := range append(tt.want, file, "nothing was changed") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if got := string(read(t, file)); got != tt.content {
				t.Errorf("the file is %q", got)
			}
		})
	}
}

func TestLinksAreFollowedAndModesKept(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there, and modes say little")
	}
	dir := t.TempDir()
	file, link := filepath.Join(dir, "dotfiles", "mcp.json"), filepath.Join(dir, "mcp.json")
	if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, file, []byte("{}\n"))
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("dotfiles", "mcp.json"), link); err != nil {
		t.Fatal(err)
	}
	c := client(t, "cursor")
	backups := apply(t, c, link, Entry{Name: "aura", Command: command})
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v; want 0640", info.Mode(), err)
	}
	if !strings.Contains(string(read(t, file)), command) {
		t.Errorf("the file is %s", read(t, file))
	}
	undo(t, c, backups)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || string(read(t, file)) != "{}\n" {
		t.Errorf("after the undo: %v, %v, %q", info.Mode(), err, read(t, file))
	}

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := Plan(c, link, Entry{Name: "aura", Command: command}); err == nil || !strings.Contains(err.Error(), "link to a file that is not there") {
		t.Errorf("a link to nothing: %v", err)
	}
}

func TestUndoBringsTheBytesBack(t *testing.T) {
	t.Parallel()
	for _, tt := range shapes {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "claude.json")
			before := fill(tt.before)
			write(t, file, []byte(before))
			c := client(t, "claude-desktop")
			backups := apply(t, c, file, Entry{Name: "aura", Command: command})
			undo(t, c, backups)
			if got := string(read(t, file)); got != before {
				t.Errorf("the file is %q, was %q", got, before)
			}
		})
	}
}

func TestUndoGoesBackStepByStepToWhereThereWasNoFile(t *testing.T) {
	t.Parallel()
	file, backups := filepath.Join(t.TempDir(), "new", "mcp.json"), filepath.Join(t.TempDir(), "install")
	c := client(t, "vscode")
	for _, e := range []Entry{{Name: "aura-demo", Command: command, Demo: true}, {Name: "aura", Command: command}} {
		if err := planned(t, c, file, e).Apply(backups); err != nil {
			t.Fatal(err)
		}
	}
	undo(t, c, backups)
	if got := string(read(t, file)); !strings.Contains(got, "aura-demo") || strings.Contains(got, `"aura"`) {
		t.Errorf("after one undo:\n%s", got)
	}
	undo(t, c, backups)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("after two the file is still there: %v", err)
	}
	if _, err := PlanUndo(c, "", backups); err == nil || !strings.Contains(err.Error(), "nothing to undo") {
		t.Errorf("a third undo: %v", err)
	}
}

// Claude Code writes its file all the time, so an undo must not take the rest back with it.
func TestUndoTakesBackOnlyTheEntryWhereSomebodyHasWrittenSince(t *testing.T) {
	t.Parallel()
	c := client(t, "claude-code")
	for _, tt := range []struct{ name, before, since, want string }{
		{"a new entry", "{\n  \"mcpServers\": {\n    \"b\": {} // mine\n  },\n  \"n\": 1\n}\n", `"n": 1`, "{\n  \"mcpServers\": {\n    \"b\": {} // mine\n  },\n  \"n\": 2\n}\n"},
		{"an entry that was there", "{\n  \"mcpServers\": {\n    \"aura\": {\"command\": \"/old/aura-mcp\"}\n  },\n  \"n\": 1\n}\n", `"n": 1`, "{\n  \"mcpServers\": {\n    \"aura\": {\"command\": \"/old/aura-mcp\"}\n  },\n  \"n\": 2\n}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "claude.json")
			write(t, file, []byte(tt.before))
			backups := apply(t, c, file, Entry{Name: "aura", Command: command})
			write(t, file, bytes.Replace(read(t, file), []byte(tt.since), []byte(`"n": 2`), 1))
			change := undo(t, c, backups)
			if diff := cmp.Diff(tt.want, string(read(t, file))); diff != "" {
				t.Errorf("the file (-want +got):\n%s", diff)
			}
			if len(change.Notes) != 1 || !strings.Contains(change.Notes[0], "has changed since") {
				t.Errorf("notes: %q", change.Notes)
			}
		})
	}
}

func TestAFileThatChangesWhileAPersonDecidesIsLeftAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "claude.json")
	write(t, file, []byte("{}"))
	change := planned(t, client(t, "claude-code"), file, Entry{Name: "aura", Command: command})
	write(t, file, []byte(`{"n": 2}`))
	err := change.Apply(filepath.Join(t.TempDir(), "install"))
	if err == nil || !strings.Contains(err.Error(), "changed by somebody else") || string(read(t, file)) != `{"n": 2}` {
		t.Errorf("%v, the file is %s", err, read(t, file))
	}
}

func TestNothingIsWrittenWithoutABackup(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "claude.json")
	write(t, file, []byte("{}"))
	err := planned(t, client(t, "claude-code"), file, Entry{Name: "aura", Command: command}).Apply("")
	if err == nil || !strings.Contains(err.Error(), "backup") || string(read(t, file)) != "{}" {
		t.Errorf("%v, the file is %s", err, read(t, file))
	}
}

func TestOldBackupsGo(t *testing.T) {
	t.Parallel()
	file, dir := filepath.Join(t.TempDir(), "claude.json"), filepath.Join(t.TempDir(), "install")
	c := client(t, "claude-code")
	for n := range maxBackups + 3 {
		if err := planned(t, c, file, Entry{Name: "aura", Command: command + strings.Repeat("x", n) + "/aura-mcp"}).Apply(dir); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := backups(c, dir)
	if err != nil || len(kept) != maxBackups {
		t.Errorf("%d backups, %v", len(kept), err)
	}
}

// FuzzPut holds whatever a client's file looks like: it stays readable, nothing but our entry is new, doing it again changes
// nothing, and taking the entry out leaves what was there.
func FuzzPut(f *testing.F) {
	for _, tt := range shapes {
		f.Add([]byte(fill(tt.before)))
	}
	for _, c := range Clients() {
		content, err := os.ReadFile(filepath.Join("testdata", c.ID+".before.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		c := client(t, "cursor")
		doc, err := parse(content)
		if err != nil {
			return
		}
		wasStandard := doc.standard()
		if there, err := doc.entry(c, "aura"); err != nil || there != nil {
			return
		}
		changed, err := doc.put(c, Entry{Name: "aura", Command: command})
		if err != nil {
			return
		}
		if !changed {
			t.Fatal("nothing changed")
		}
		after, err := parse(doc.pack())
		if err != nil {
			t.Fatalf("%q became %q: %v", content, doc.pack(), err)
		}
		if wasStandard != after.standard() {
			t.Fatalf("%q became %q: comments or commas that were not there", content, doc.pack())
		}
		if changed, err := after.put(c, Entry{Name: "aura", Command: command}); changed || err != nil {
			t.Fatalf("%q: a second time changes it: %v", doc.pack(), err)
		}
		if changed, err := after.restore(c, "aura", nil); !changed || err != nil {
			t.Fatalf("%q: %v, %v", doc.pack(), changed, err)
		}
		back, err := parse(after.pack())
		if err != nil || back.standard() != wasStandard {
			t.Fatalf("%q came back as %q: %v", content, after.pack(), err)
		}
		if diff := cmp.Diff(values(t, content, true), values(t, after.pack(), true)); diff != "" {
			t.Fatalf("%q came back as %q:\n%s", content, after.pack(), diff)
		}
	})
}

// values are the values of a file; a missing list of servers counts as an empty one where that is the only difference.
func values(t *testing.T, content []byte, withServers bool) map[string]any {
	t.Helper()
	out := map[string]any{}
	content = bytes.TrimPrefix(content, byteOrderMark)
	if len(bytes.TrimSpace(content)) > 0 {
		plain, err := hujson.Standardize(bytes.Clone(content))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(plain, &out); err != nil {
			t.Skip("two members of one name, which Go reads in a way of its own")
		}
	}
	if _, has := out["mcpServers"]; !has && withServers {
		out["mcpServers"] = map[string]any{}
	}
	return out
}

func planned(t *testing.T, c Client, file string, e Entry) Change {
	t.Helper()
	change, err := Plan(c, file, e)
	if err != nil {
		t.Fatal(err)
	}
	return change
}

// apply enters an entry and returns the directory with the backup.
func apply(t *testing.T, c Client, file string, e Entry) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "install")
	if err := planned(t, c, file, e).Apply(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func undo(t *testing.T, c Client, dir string) Change {
	t.Helper()
	change, err := PlanUndo(c, "", dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := change.Apply(dir); err != nil {
		t.Fatal(err)
	}
	return change
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// golden compares with a file, or writes it where UPDATE is set.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		write(t, file, got)
		return
	}
	if diff := cmp.Diff(string(read(t, file)), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

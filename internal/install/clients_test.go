package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhereClientsKeepTheirServers(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	elsewhere := filepath.Join(home, "elsewhere")
	tests := []struct {
		name, client, goos string
		environ            []string
		want               string // below home
	}{
		{"Claude Desktop on macOS", "claude-desktop", "darwin", nil, "Library/Application Support/Claude/claude_desktop_config.json"},
		{"Claude Desktop on Windows", "claude-desktop", "windows", nil, "AppData/Roaming/Claude/claude_desktop_config.json"},
		{"Claude Desktop on Windows, a profile that is elsewhere", "claude-desktop", "windows", []string{"AppData=" + elsewhere}, "elsewhere/Claude/claude_desktop_config.json"},
		{"Claude Desktop on Linux", "claude-desktop", "linux", nil, ".config/Claude/claude_desktop_config.json"},
		{"Claude Desktop on Linux, settings that are elsewhere", "claude-desktop", "linux", []string{"XDG_CONFIG_HOME=" + elsewhere}, "elsewhere/Claude/claude_desktop_config.json"},
		{"Claude Code on macOS", "claude-code", "darwin", nil, ".claude.json"},
		{"Claude Code on Windows", "claude-code", "windows", nil, ".claude.json"},
		{"Claude Code on Linux", "claude-code", "linux", nil, ".claude.json"},
		{"Claude Code with a directory of its own", "claude-code", "linux", []string{"CLAUDE_CONFIG_DIR=" + elsewhere}, "elsewhere/.claude.json"},
		{"Cursor on macOS", "cursor", "darwin", nil, ".cursor/mcp.json"},
		{"Cursor on Windows", "cursor", "windows", nil, ".cursor/mcp.json"},
		{"Cursor on Linux", "cursor", "linux", nil, ".cursor/mcp.json"},
		{"VS Code on macOS", "vscode", "darwin", nil, "Library/Application Support/Code/User/mcp.json"},
		{"VS Code on Windows", "vscode", "windows", []string{"APPDATA=" + elsewhere}, "elsewhere/Code/User/mcp.json"},
		{"VS Code on Linux", "vscode", "linux", nil, ".config/Code/User/mcp.json"},
		{"a variable that leads nowhere in particular", "vscode", "linux", []string{"XDG_CONFIG_HOME=settings"}, ".config/Code/User/mcp.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := client(t, tt.client).File(System{GOOS: tt.goos, Home: home, Environ: tt.environ})
			if want := filepath.Join(home, filepath.FromSlash(tt.want)); err != nil || got != want {
				t.Errorf("got %s, %v; want %s", got, err, want)
			}
		})
	}
}

// Windows shows an app of an MSIX package another roaming directory than everybody else, and Claude Desktop is such an app.
func TestClaudeDesktopFromAPackage(t *testing.T) {
	t.Parallel()
	packaged := func(home, id string) string {
		return filepath.Join(home, "AppData", "Local", "Packages", id, "LocalCache", "Roaming", "Claude", "claude_desktop_config.json")
	}
	c := client(t, "claude-desktop")
	t.Run("one", func(t *testing.T) {
		t.Parallel()
		home := filepath.Join(t.TempDir(), "[ada]")
		mkdir(t, filepath.Join(home, "AppData", "Local", "Packages", "Claude_pzs8sxrjxfjjc"))
		mkdir(t, filepath.Join(home, "AppData", "Roaming", "Claude"))
		s := System{GOOS: "windows", Home: home}
		file, err := c.File(s)
		if want := packaged(home, "Claude_pzs8sxrjxfjjc"); err != nil || file != want {
			t.Errorf("got %s, %v; want %s", file, err, want)
		}
		if other, err := c.File(System{GOOS: "linux", Home: home}); err != nil || strings.Contains(other, "Packages") {
			t.Errorf("on Linux: %s, %v", other, err)
		}
	})
	t.Run("two, of which one is in use", func(t *testing.T) {
		t.Parallel()
		home := t.TempDir()
		mkdir(t, filepath.Dir(packaged(home, "Claude_a")))
		mkdir(t, filepath.Dir(packaged(home, "Claude_b")))
		write(t, packaged(home, "Claude_b"), []byte("{}"))
		if file, err := c.File(System{GOOS: "windows", Home: home}); err != nil || file != packaged(home, "Claude_b") {
			t.Errorf("got %s, %v", file, err)
		}
	})
	t.Run("two", func(t *testing.T) {
		t.Parallel()
		home := t.TempDir()
		mkdir(t, filepath.Dir(packaged(home, "Claude_a")))
		mkdir(t, filepath.Dir(packaged(home, "Claude_b")))
		_, err := c.File(System{GOOS: "windows", Home: home})
		for _, want := range []string{"several configurations of Claude Desktop", "--file", packaged(home, "Claude_a"), packaged(home, "Claude_b")} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %s", err, want)
			}
		}
	})
}

func TestAnAccountWithoutAHome(t *testing.T) {
	t.Parallel()
	for _, c := range Clients() {
		if _, err := c.File(System{GOOS: "linux"}); err == nil || !strings.Contains(err.Error(), "--file") {
			t.Errorf("%s: %v", c.ID, err)
		}
	}
}

func TestSignsOfAClient(t *testing.T) {
	t.Parallel()
	for _, c := range Clients() {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			s := System{GOOS: "linux", Home: t.TempDir()}
			file, err := c.File(s)
			if err != nil {
				t.Fatal(err)
			}
			if c.Installed(s, file) {
				t.Error("found in an empty home")
			}
			dir := filepath.Dir(file)
			if c.ID == "claude-code" {
				dir = filepath.Join(s.Home, ".claude")
			}
			mkdir(t, dir)
			if !c.Installed(s, file) {
				t.Errorf("not found with %s", dir)
			}
		})
	}
}

func TestAMisspeltClient(t *testing.T) {
	t.Parallel()
	_, err := Find("vs-code")
	if err == nil || err.Error() != `--client is "vs-code"; did you mean vscode?; allowed: claude-desktop, claude-code, cursor, vscode` {
		t.Errorf("got %v", err)
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

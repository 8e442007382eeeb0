// Package install enters this program into the configuration of an MCP client, for the command of the same name: where each
// client keeps its servers, what an entry looks like there, how it gets into a file that belongs to somebody else without
// touching the rest, and how it is taken back. It asks nobody: internal/app does.
package install

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aura-mcp/internal/text"
)

// System is what the location of a client's files depends on. Paths are joined for the system that this program runs on, so a
// test can look at all of them on any.
type System struct {
	GOOS    string
	Home    string
	Environ []string // as os.Environ gives it
}

// env reads a variable. Of two the last counts, and Windows takes no account of case in their names.
func (s System) env(name string) string {
	for _, e := range slices.Backward(s.Environ) {
		given, value, _ := strings.Cut(e, "=")
		if given == name || s.GOOS == "windows" && strings.EqualFold(given, name) {
			return value
		}
	}
	return ""
}

// absolute is a directory from the environment, or the usual one where that is missing or relative.
func (s System) absolute(name string, usual ...string) string {
	if dir := s.env(name); filepath.IsAbs(dir) {
		return dir
	}
	return s.home(usual...)
}

func (s System) home(names ...string) string {
	return filepath.Join(append([]string{s.Home}, names...)...)
}

// applications is where programs with a window keep their settings.
func (s System) applications() string {
	switch s.GOOS {
	case "windows":
		return s.absolute("APPDATA", "AppData", "Roaming")
	case "darwin":
		return s.home("Library", "Application Support")
	}
	return s.absolute("XDG_CONFIG_HOME", ".config")
}

// Client is a program that launches MCP servers.
type Client struct {
	ID    string // as the command line names it
	Title string
	// After is what makes the client notice a new entry.
	After string

	servers   string                          // the member of the file that holds the servers, by name
	typed     bool                            // an entry says that it is spoken to on standard input and output
	plainJSON bool                            // the client does not read comments
	file      func(System) string             // where its configuration is, whether it exists or not
	marks     func(System, string) []string   // files and directories of which one is there when the client is installed
	ambiguous func(System) (several []string) // configuration files of which nobody can tell the right one; may be nil
}

// Clients are the ones this program knows, in the order of the docs.
func Clients() []Client {
	return []Client{
		{
			ID: "claude-desktop", Title: "Claude Desktop", After: "quit Claude Desktop completely and start it again",
			servers: "mcpServers", plainJSON: true,
			file: claudeDesktopFile, ambiguous: severalClaudeDesktops,
			marks: func(_ System, file string) []string { return []string{filepath.Dir(file)} },
		},
		{
			// The file is written as for the others rather than by `claude mcp add --scope user`, which puts the same entry into
			// the same place: that needs the program in PATH, and could be neither shown beforehand nor taken back.
			ID: "claude-code", Title: "Claude Code", After: "start a new session; /mcp shows the server",
			servers: "mcpServers", typed: true, plainJSON: true,
			file: func(s System) string { return filepath.Join(s.absolute("CLAUDE_CONFIG_DIR"), ".claude.json") },
			marks: func(s System, file string) []string {
				return []string{file, s.absolute("CLAUDE_CONFIG_DIR", ".claude")}
			},
		},
		{
			ID: "cursor", Title: "Cursor", After: "see that the server is switched on in Cursor's settings, under MCP; if it is not listed, restart Cursor",
			servers: "mcpServers", typed: true,
			file:  func(s System) string { return s.home(".cursor", "mcp.json") },
			marks: func(_ System, file string) []string { return []string{filepath.Dir(file)} },
		},
		{
			ID: "vscode", Title: "VS Code", After: "run \"MCP: List Servers\" from the command palette and start the server; its tools are offered in agent mode",
			servers: "servers", typed: true,
			file:  func(s System) string { return filepath.Join(s.applications(), "Code", "User", "mcp.json") },
			marks: func(_ System, file string) []string { return []string{filepath.Dir(file)} },
		},
	}
}

const claudeDesktopConfig = "claude_desktop_config.json"

// claudeDesktopFile is the file that the app reads. The installer for Windows is an MSIX package: Windows shows such an app a
// roaming directory of its own, and what others write to the usual one goes unread.
func claudeDesktopFile(s System) string {
	if packaged := claudeDesktopPackages(s); len(packaged) > 0 {
		return packaged[0]
	}
	return filepath.Join(s.applications(), "Claude", claudeDesktopConfig)
}

// claudeDesktopPackages are the files of the packages there are, those that exist if any does.
func claudeDesktopPackages(s System) []string {
	if s.GOOS != "windows" {
		return nil
	}
	dirs, err := filepath.Glob(filepath.Join(escapeGlob(s.absolute("LOCALAPPDATA", "AppData", "Local")), "Packages", "Claude_*"))
	if err != nil {
		return nil // only a malformed pattern is an error, and this one is not
	}
	var all, existing []string
	for _, dir := range dirs {
		file := filepath.Join(dir, "LocalCache", "Roaming", "Claude", claudeDesktopConfig)
		all = append(all, file)
		if exists(file) {
			existing = append(existing, file)
		}
	}
	if len(existing) > 0 {
		return existing
	}
	return all
}

// escapeGlob keeps a directory's own brackets from being read as a pattern. On Windows nothing can escape them, but a name
// there rarely has any.
func escapeGlob(dir string) string {
	if os.PathSeparator == '\\' {
		return dir
	}
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "*", `\*`, "?", `\?`).Replace(dir)
}

func severalClaudeDesktops(s System) []string {
	if packaged := claudeDesktopPackages(s); len(packaged) > 1 {
		return packaged
	}
	return nil
}

// Find returns the client with an ID.
func Find(id string) (Client, error) {
	all := Clients()
	i := slices.IndexFunc(all, func(c Client) bool { return c.ID == id })
	if i >= 0 {
		return all[i], nil
	}
	ids := make([]string, len(all))
	for n, c := range all {
		ids[n] = c.ID
	}
	hint := ""
	if near := text.Nearest(id, ids); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", near[0])
	}
	return Client{}, fmt.Errorf("--client is %s%s; allowed: %s", text.Quote(id), hint, strings.Join(ids, ", "))
}

// File is where the client's configuration is, whether it exists or not.
func (c Client) File(s System) (string, error) {
	if s.Home == "" {
		return "", fmt.Errorf("this account has no home directory, so the configuration of %s cannot be found: set HOME (on Windows USERPROFILE), or name it with --file", c.Title)
	}
	if c.ambiguous != nil {
		if several := c.ambiguous(s); len(several) > 0 {
			return "", fmt.Errorf("there are several configurations of %s: name the right one with --file\n  %s", c.Title, strings.Join(several, "\n  "))
		}
	}
	return c.file(s), nil
}

// Installed reports whether there are signs of the client on this machine.
func (c Client) Installed(s System, file string) bool {
	return slices.ContainsFunc(c.marks(s, file), exists)
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

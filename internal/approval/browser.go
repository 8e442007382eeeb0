package approval

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Browser opens files in the person's default browser. The library that everybody takes for this hands its whole environment
// on, credentials included, writes to standard output and waits for the browser to end, none of which may happen here.
type Browser struct {
	Environ []string
	Stderr  io.Writer // for what the browser says
}

// errNoBrowser is no failure: many servers run where nobody looks at a screen.
var errNoBrowser = errors.New("there is no browser here")

// openTime is how long an opener may take to say that it failed. Some go on for as long as the browser does.
const openTime = 3 * time.Second

// Open opens a file. That it returns nil does not mean that somebody sees it.
func (b Browser) Open(ctx context.Context, file string) error {
	words, err := b.opener(runtime.GOOS, exec.LookPath)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), words[0], append(words[1:], file)...) //nolint:gosec // from the table below
	cmd.Env, cmd.Stdout, cmd.Stderr = cleaned(b.Environ), b.Stderr, b.Stderr
	cmd.WaitDelay = openTime
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the browser: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	timer := time.NewTimer(openTime)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return nil
	}
}

// opener is the command that opens a file on a system.
func (b Browser) opener(system string, find func(string) (string, error)) ([]string, error) {
	switch system {
	case "darwin":
		return []string{"/usr/bin/open"}, nil
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}, nil
	}
	if b.value("DISPLAY") == "" && b.value("WAYLAND_DISPLAY") == "" {
		return nil, errNoBrowser
	}
	for _, name := range []string{"xdg-open", "x-www-browser"} {
		if found, err := find(name); err == nil {
			return []string{found}, nil
		}
	}
	return nil, errNoBrowser
}

func (b Browser) value(name string) string {
	for _, e := range b.Environ {
		if n, v, ok := strings.Cut(e, "="); ok && n == name {
			return v
		}
	}
	return ""
}

// cleaned keeps of an environment what a browser needs to find its screen, its user and its programs. Whatever else is in
// there, such as credentials, is none of its business.
func cleaned(environ []string) []string {
	keep := []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS",
		"DESKTOP_SESSION", "GNOME_DESKTOP_SESSION_ID", "KDE_FULL_SESSION", "KDE_SESSION_VERSION", "BROWSER", "TMPDIR", "__CF_USER_TEXT_ENCODING",
		"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME", "USERDOMAIN", "APPDATA", "LOCALAPPDATA",
		"PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "PUBLIC", "TEMP", "TMP", "HOMEDRIVE", "HOMEPATH",
	}
	var out []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		name = strings.ToUpper(name)
		if slices.Contains(keep, name) || strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "XDG_") {
			out = append(out, e)
		}
	}
	return out
}

// ForwardDir is where files for the browser go: the private directory run, unless the default browser is confined to the visible
// part of the home directory, as those from Snap and Flatpak are.
func (b Browser) ForwardDir(ctx context.Context, run string) (string, error) {
	dir := run
	if home := b.value("HOME"); runtime.GOOS == "linux" && filepath.IsAbs(home) && b.confined(ctx, home) {
		dir = filepath.Join(home, "aura-mcp-approval")
	}
	if dir == "" {
		return "", errors.New("there is no private directory to lead a browser from")
	}
	if err := private(dir); err != nil {
		return "", err
	}
	return dir, nil
}

// confined reports whether the default browser comes from Snap or Flatpak.
func (b Browser) confined(ctx context.Context, home string) bool {
	settings, err := exec.LookPath("xdg-settings")
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, settings, "get", "default-web-browser") //nolint:gosec // a fixed command
	cmd.Env, cmd.WaitDelay = cleaned(b.Environ), time.Second
	out, err := cmd.Output()
	entry := strings.TrimSpace(string(out))
	if err != nil || entry == "" || entry != filepath.Base(entry) {
		return false
	}
	for _, dir := range []string{
		"/var/lib/snapd/desktop/applications", "/var/lib/flatpak/exports/share/applications",
		filepath.Join(home, ".local", "share", "flatpak", "exports", "share", "applications"),
	} {
		if _, err := os.Stat(filepath.Join(dir, entry)); err == nil {
			return true
		}
	}
	return false
}

// private makes a directory that only this account may use, or fails where one is there that others may.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("private directory: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("private directory: %w", err)
	}
	if !info.IsDir() || (runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0) {
		return fmt.Errorf("%s must be a directory that only you can use (mode 0700)", dir)
	}
	return owned(info)
}

// writeForward writes the file that leads a browser to an address. The address itself goes into no command line, where every
// process of the machine could read it.
func writeForward(dir, address string) (string, error) {
	f, err := os.CreateTemp(dir, "approval-*.html") // mode 0600
	if err != nil {
		return "", fmt.Errorf("lead a browser to the approval page: %w", err)
	}
	_, wrote := fmt.Fprintf(f, "<!doctype html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<meta http-equiv=\"refresh\" content=\"0; url=%[1]s\">\n<title>aura-mcp</title>\n<p><a href=\"%[1]s\">Go to the approval page of aura-mcp</a></p>\n", html.EscapeString(address))
	if err := errors.Join(wrote, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("lead a browser to the approval page: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func removeForward(file string) {
	if file != "" {
		_ = os.Remove(file) // it leads nowhere any more
	}
}

package credentials

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"aura-mcp/internal/config"
)

var another = Key{ID: "an-id", Secret: "hunter2"}

func TestAKeyIsStoredWhereItIsLookedFor(t *testing.T) {
	t.Parallel()
	locked := fakeRing{err: errors.New("the collection is locked")}
	tests := []struct {
		name   string
		ring   Ring
		source config.Source
		file   bool // it is to go into the file
	}{
		{"the keyring", fakeRing{entries: map[string]string{}}, config.Keyring, false},
		{"the file", fakeRing{entries: map[string]string{}}, config.File, true},
		{"nothing said", fakeRing{entries: map[string]string{}}, config.Anywhere, false},
		{"nothing said, and no keyring", locked, config.Anywhere, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config.Credentials{Source: tt.source, Name: "work", File: filepath.Join(t.TempDir(), "aura-mcp", "credentials.json")}
			f := New(tt.ring)
			where, err := f.Store(t.Context(), c, another)
			if want := map[bool]string{true: c.File + `, entry "work"`, false: `the system's keyring, entry "work" of aura-mcp`}[tt.file]; err != nil || where != want {
				t.Errorf("stored: %s, %v; want %s", where, err, want)
			}
			if got, err := f.Find(t.Context(), c); err != nil || got.ID != another.ID || got.Secret != another.Secret || got.Warning != "" {
				t.Errorf("found: %+v, %v", got, err)
			}
			info, err := os.Stat(c.File)
			if tt.file == errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the file: %v", err)
			}
			if tt.file && runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("others can read the file: %v", info.Mode())
			}
		})
	}
}

func TestWhatElseIsStoredStays(t *testing.T) {
	t.Parallel()
	const before = `{"home": {"client_id": "h", "client_secret": "i"}, "work": {"client_id": "old", "client_secret": "old", "metrics_client_id": "m", "metrics_client_secret": "n"}}`
	c := config.Credentials{Source: config.File, Name: "work", File: write(t, before, 0o644)} // which is mended, too
	if _, err := New(fakeRing{}).Store(t.Context(), c, another); err != nil {
		t.Fatal(err)
	}
	if got, err := New(fakeRing{}).Find(t.Context(), c); err != nil || got.ID != "an-id" || got.MetricsID != "m" || got.MetricsSecret.Reveal() != "n" {
		t.Errorf("%+v, %v", got, err)
	}
	c.Name = "home"
	if got, err := New(fakeRing{}).Find(t.Context(), c); err != nil || got.ID != "h" {
		t.Errorf("%+v, %v", got, err)
	}
	ring := fakeRing{entries: map[string]string{"aura-mcp/work": `{"client_id": "old", "client_secret": "old", "metrics_client_id": "m", "metrics_client_secret": "n"}`}}
	c = config.Credentials{Source: config.Keyring, Name: "work"}
	if _, err := New(ring).Store(t.Context(), c, another); err != nil {
		t.Fatal(err)
	}
	if got, err := New(ring).Find(t.Context(), c); err != nil || got.ID != "an-id" || got.MetricsID != "m" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhyAKeyIsNotStored(t *testing.T) {
	t.Parallel()
	locked := fakeRing{err: errors.New("the collection is locked")}
	stuck := readOnlyRing{fakeRing{entries: map[string]string{"aura-mcp/work": good}}}
	spoilt := write(t, "{\n not JSON", 0o600)
	tests := []struct {
		name string
		ring Ring
		c    config.Credentials
		want []string
	}{
		{"a locked keyring", locked, config.Credentials{Source: config.Keyring, Name: "work"}, []string{"the collection is locked"}},
		{"a locked keyring and no directory", locked, config.Credentials{Name: "work"}, []string{"the collection is locked"}},
		{"a file that is something else", locked, config.Credentials{Source: config.File, Name: "work", File: spoilt}, []string{spoilt + ":2", "no JSON"}},
		{"neither", locked, config.Credentials{Name: "work", File: spoilt}, []string{"the collection is locked", spoilt + ":2"}},
		{"a keyring that keeps an older key and comes first", stuck, config.Credentials{Name: "work", File: filepath.Join(t.TempDir(), "credentials.json")}, []string{"keyring", "has another key, and comes first"}},
		{"the CLI's file", locked, config.Credentials{Source: config.AuraCLI, Name: "work", File: "/cli.json"}, []string{"/cli.json", "does not write"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			where, err := New(tt.ring).Store(t.Context(), tt.c, another)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: %v, want %q", where, err, want)
				}
			}
		})
	}
	if content, err := os.ReadFile(spoilt); err != nil || string(content) != "{\n not JSON" {
		t.Errorf("it became %s, %v", content, err)
	}
}

// readOnlyRing shows its entries and takes none.
type readOnlyRing struct{ fakeRing }

func (readOnlyRing) Set(_, _, _ string) error { return errors.New("it is locked") }

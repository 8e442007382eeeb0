package install

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/zalando/go-keyring"
)

// TestMain keeps the tests away from the keyring of whoever runs them.
func TestMain(m *testing.M) {
	keyring.MockInit()
	os.Exit(m.Run())
}

var key = Credentials{ClientID: "an-id", ClientSecret: "hunter2"}

// The two tests of the keyring are not run side by side: it is one for the process.
func TestKeysGoToTheKeyring(t *testing.T) {
	keyring.MockInit()
	dir := t.TempDir()
	store := NewCredentialStore(dir)
	if _, err := store.Load("work"); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("before: %v", err)
	}
	where, err := store.Save("work", key)
	if err != nil || where != `the system's keyring, entry "work" of "aura-mcp"` {
		t.Errorf("stored in %s, %v", where, err)
	}
	if got, err := store.Load("work"); err != nil || got != key {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := store.Load(DefaultProfile); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("another profile: %v", err)
	}
	if value, err := keyring.Get("aura-mcp", "work"); err != nil || value != `{"client_id":"an-id","client_secret":"hunter2"}` {
		t.Errorf("the entry is %s, %v", value, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("files as well: %v, %v", left, err)
	}
	if err := keyring.Set("aura-mcp", "work", "something else"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load("work"); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("another program's entry: %v", err)
	}
}

func TestKeysGoToAPrivateFileWithoutAKeyring(t *testing.T) {
	keyring.MockInitWithError(errors.New("no bus"))
	defer keyring.MockInit()
	dir := filepath.Join(t.TempDir(), "aura-mcp")
	file := filepath.Join(dir, "credentials.json")
	store := NewCredentialStore(dir)
	if _, err := store.Load(DefaultProfile); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("before: %v", err)
	}
	for _, profile := range []string{DefaultProfile, "work"} {
		if where, err := store.Save(profile, key); err != nil || where != file+", which only your account can read" {
			t.Errorf("stored in %s, %v", where, err)
		}
	}
	want := "{\n  \"default\": {\n    \"client_id\": \"an-id\",\n    \"client_secret\": \"hunter2\"\n  },\n  \"work\": {\n    \"client_id\": \"an-id\",\n    \"client_secret\": \"hunter2\"\n  }\n}\n"
	if got := string(read(t, file)); got != want {
		t.Errorf("the file is %s", got)
	}
	if got, err := store.Load("work"); err != nil || got != key {
		t.Errorf("got %+v, %v", got, err)
	}
	const more = `{"work": {"client_id": "old", "client_secret": "old", "metrics_client_id": "m", "metrics_client_secret": "n"}}`
	write(t, file, []byte(more))
	if _, err := store.Save("work", key); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, file)); !strings.Contains(got, `"metrics_client_secret": "n"`) || strings.Contains(got, "old") {
		t.Errorf("an entry with a key for metrics: %s", got)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Save("work", key); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the mode is %v, %v; want 0600", info.Mode(), err)
		}
	}
	write(t, file, []byte("not JSON"))
	if _, err := store.Save("work", key); err == nil || !strings.Contains(err.Error(), file) || string(read(t, file)) != "not JSON" {
		t.Errorf("a file that is something else: %v", err)
	}
	if _, err := NewCredentialStore("").Save("work", key); err == nil || !strings.Contains(err.Error(), "no bus") || !strings.Contains(err.Error(), "no directory") {
		t.Errorf("no place at all: %v", err)
	}
}

func TestANewConfigFileSaysWhatItShould(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "aura-mcp", "config.toml")
	s := Settings{BaseURL: "http://127.0.0.1:8474", Where: "the keyring"}
	if written, err := s.Write(file); !written || err != nil {
		t.Fatalf("%v, %v", written, err)
	}
	var got map[string]any
	if _, err := toml.Decode(string(read(t, file)), &got); err != nil {
		t.Fatal(err)
	}
	if protected, ok := got["protected"].([]any); len(got) != 2 || !ok || len(protected) != 1 || protected[0] != "prod*" || got["base_url"] != s.BaseURL {
		t.Errorf("it says %v", got)
	}
	if !strings.Contains(string(read(t, file)), "\n# approval = { default = \"auto\", destructive = \"page\" }\n") {
		t.Errorf("it is %s", read(t, file))
	}

	write(t, file, []byte("read_only = true\n"))
	if written, err := s.Write(file); written || err != nil || string(read(t, file)) != "read_only = true\n" {
		t.Errorf("one that is there: %v, %v, %s", written, err, read(t, file))
	}
	lines := s.Lines(func(key string) bool { return key == "protected" })
	if len(lines) != 1 || lines[0] != `base_url = "http://127.0.0.1:8474"` {
		t.Errorf("lines to add: %q", lines)
	}
}

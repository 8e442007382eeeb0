package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"aura-mcp/internal/config"
)

// fakeRing is a keyring with entries by account; one that hangs waits for a person who never comes.
type fakeRing struct {
	entries map[string]string
	err     error
	hangs   chan struct{}
}

func (r fakeRing) Get(service, user string) (string, error) {
	if r.hangs != nil {
		<-r.hangs
	}
	if r.err != nil {
		return "", r.err
	}
	if e, ok := r.entries[service+"/"+user]; ok {
		return e, nil
	}
	return "", keyring.ErrNotFound
}

func (r fakeRing) Set(service, user, entry string) error {
	if r.err == nil {
		r.entries[service+"/"+user] = entry
	}
	return r.err
}

const good = `{"client_id": "id", "client_secret": "hunter2"}`

func write(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestKeysAreFoundWhereTheSettingsSay(t *testing.T) {
	t.Parallel()
	ring := fakeRing{entries: map[string]string{"aura-mcp/work": good, "aura-mcp/both": `{"client_id":"id","client_secret":"hunter2","metrics_client_id":"m","metrics_client_secret":"hunter3"}`}}
	ours := write(t, "{\"work\": "+good+",\n \"default\": "+good+"}", 0o600)
	cli := write(t, `{"aura": {"default-credential": "two", "credentials": [{"name": "one", "client-id": "1", "client-secret": "hunter2", "access-token": "", "token-expiry": 0}, {"name": "two", "client-id": "2", "client-secret": "hunter2"}]}, "dbms": {}}`, 0o600)
	tests := []struct {
		name     string
		c        config.Credentials
		id, from string
	}{
		{"the settings", config.Credentials{Source: config.Inline, ID: "id", Secret: "hunter2", Origin: "config.toml:3"}, "id", "config.toml:3"},
		{"the environment", config.Credentials{Source: config.Environment, ID: "id", Secret: "hunter2", Prefix: "W_"}, "id", "W_AURA_CLIENT_ID"},
		{"the keyring", config.Credentials{Source: config.Keyring, Name: "work"}, "id", `entry "work" of aura-mcp`},
		{"our file", config.Credentials{Source: config.File, Name: "work", File: ours}, "id", ours},
		{"the CLI's default", config.Credentials{Source: config.AuraCLI, File: cli}, "2", `entry "two"`},
		{"another of the CLI's", config.Credentials{Source: config.AuraCLI, File: cli, Name: "one"}, "1", `entry "one"`},
		{"nothing said, the keyring has it", config.Credentials{Name: "work", File: ours}, "id", "keyring"},
		{"nothing said, our file has it", config.Credentials{Name: "default", File: ours}, "id", ours},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := New(ring).Find(t.Context(), tt.c)
			if err != nil || key.ID != tt.id || key.Secret.Reveal() != "hunter2" || !strings.Contains(key.From, tt.from) || key.Warning != "" {
				t.Errorf("%+v, %v", key, err)
			}
		})
	}
	if key, err := New(ring).Find(t.Context(), config.Credentials{Source: config.Keyring, Name: "both"}); err != nil || key.MetricsID != "m" || key.MetricsSecret.Reveal() != "hunter3" {
		t.Errorf("a key for metrics alone: %+v, %v", key, err)
	}
}

func TestWhyThereIsNoKey(t *testing.T) {
	t.Parallel()
	locked := fakeRing{err: errors.New("the collection is locked")}
	none := fakeRing{}
	absent := fakeRing{err: errors.New(`exec: "dbus-launch": executable file not found in $PATH`)}
	odd := fakeRing{entries: map[string]string{"aura-mcp/work": "hunter2", "aura-mcp/half": `{"client_id": "x"}`}}
	inRing := config.Credentials{Source: config.Keyring, Name: "work", Origin: "config.toml:7"}
	inFile := func(content string, mode os.FileMode) config.Credentials {
		return config.Credentials{Source: config.File, Name: "work", File: write(t, content, mode), Origin: "config.toml:7"}
	}
	inCLI := func(content string) config.Credentials {
		return config.Credentials{Source: config.AuraCLI, File: write(t, content, 0o600), Origin: "config.toml:7"}
	}
	anywhere := config.Credentials{Name: "default", File: filepath.Join(t.TempDir(), "none.json")}
	misled := anywhere
	misled.File, misled.Redirected = write(t, `{"default": `+good+`}`, 0o600), errors.New("environment AURA_BASE_URL would send them elsewhere")
	tests := []struct {
		name string
		ring Ring
		c    config.Credentials
		want []string
		none bool
	}{
		{"a locked keyring", locked, inRing, []string{"config.toml:7", "cannot be read", "the collection is locked", "unlock it"}, false},
		{"no keyring where one is asked for", absent, inRing, []string{"config.toml:7", "dbus-launch"}, false},
		{"a keyring without the entry", none, inRing, []string{`no entry "work" of aura-mcp`, "config.toml:7", "aura-mcp install"}, true},
		{"an entry that is something else", odd, inRing, []string{"config.toml:7", "no JSON object"}, false},
		{"half an entry", odd, config.Credentials{Source: config.Keyring, Name: "half"}, []string{"client_id and client_secret"}, false},
		{"no file", none, config.Credentials{Source: config.File, File: "/nowhere/credentials.json", Name: "work", Origin: "config.toml:7"}, []string{"/nowhere/credentials.json", "config.toml:7"}, true},
		{"a directory for a file", none, config.Credentials{Source: config.File, File: t.TempDir(), Name: "work", Origin: "config.toml:7"}, []string{"cannot be read", "config.toml:7"}, false},
		{"a file that is no JSON", none, inFile("{\n  \"work\": hunter2\n}", 0o600), []string{"credentials.json:2", "no JSON"}, false},
		{"a file that is something else", none, inFile("[]", 0o600), []string{"credentials.json:1"}, false},
		{"a file without the entry", none, inFile(`{"home": `+good+`}`, 0o600), []string{`no entry "work"`, `it has "home"`, "config.toml:7"}, true},
		{"a file with half an entry", none, inFile("{\n\"work\": {\"client_secret\": \"hunter2\"}}", 0o600), []string{"credentials.json:2", `the entry "work"`}, false},
		{"a CLI without a default", none, inCLI(`{"aura": {"credentials": []}}`), []string{"no default credential", "aura-cli credential use"}, true},
		{"a CLI whose default is gone", none, inCLI(`{"aura": {"default-credential": "x", "credentials": [{"name": "y"}]}}`), []string{`no entry "x"`, `it has "y"`}, true},
		{"a CLI that keeps its secrets elsewhere", none, inCLI(`{"aura": {"default-credential": "x", "credentials": [{"name": "x", "client-id": "i"}]}}`), []string{"no client secret", "elsewhere"}, false},
		{"variables that are not set", none, config.Credentials{Source: config.Environment, Prefix: "W_", Origin: "config.toml:7"}, []string{"W_AURA_CLIENT_ID and W_AURA_CLIENT_SECRET are not set", "config.toml:7"}, false},
		{"nothing anywhere", none, anywhere, []string{"no Aura credentials", "aura-mcp install", "AURA_CLIENT_ID"}, true},
		{"nothing anywhere and no keyring", absent, anywhere, []string{"no Aura credentials"}, true},
		{"nothing in the file and a locked keyring", locked, anywhere, []string{"the collection is locked"}, false},
		{"credentials that would go elsewhere", none, misled, []string{"environment AURA_BASE_URL"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			key, err := New(tt.ring).Find(t.Context(), tt.c)
			problem, ok := errors.AsType[*NoKeyError](err)
			if !ok || problem.Fix == "" || key.ID != "" {
				t.Fatalf("%+v, %v", key, err)
			}
			if errors.Is(err, ErrNone) != tt.none {
				t.Errorf("there is none: %v, want %v: %v", !tt.none, tt.none, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it does not say %q: %v", want, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("it tells the secret: %v", err)
			}
		})
	}
}

func TestFilesThatOthersCanRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes of this kind are Unix'")
	}
	ours := write(t, `{"work": `+good+`}`, 0o644)
	if _, err := New(fakeRing{}).Find(t.Context(), config.Credentials{Source: config.File, Name: "work", File: ours, Origin: "config.toml:7"}); err == nil || !strings.Contains(err.Error(), ours+" can be read by others") || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
	theirs := write(t, `{"aura": {"default-credential": "x", "credentials": [{"name": "x", "client-id": "i", "client-secret": "s"}]}}`, 0o644)
	if key, err := New(fakeRing{}).Find(t.Context(), config.Credentials{Source: config.AuraCLI, File: theirs}); err != nil || !strings.Contains(key.Warning, theirs) {
		t.Errorf("%+v, %v", key, err)
	}
}

func TestAKeyringThatWaitsForItsPasswordIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		defer close(hangs)
		begun := time.Now()
		_, err := New(fakeRing{hangs: hangs}).Find(t.Context(), config.Credentials{Source: config.Keyring, Name: "work"})
		if err == nil || !strings.Contains(err.Error(), "waiting for its password") || time.Since(begun) > 25*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("the client has gone"))
		if _, err := New(fakeRing{hangs: hangs}).Find(ctx, config.Credentials{Source: config.Keyring, Name: "work"}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestAKeyPrintsNoSecret(t *testing.T) {
	t.Parallel()
	key, err := New(fakeRing{entries: map[string]string{"aura-mcp/work": good}}).Find(t.Context(), config.Credentials{Source: config.Keyring, Name: "work"})
	if err != nil || strings.Contains(fmt.Sprintf("%v %+v %#v", key, key, key), "hunter2") {
		t.Errorf("%v, %v", key, err)
	}
}

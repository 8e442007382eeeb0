package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zalando/go-keyring"
)

// fakeRing is a keyring that a test can break.
type fakeRing struct {
	entries map[string]string
	err     error
	after   int // how many writes work before it breaks
}

func (r *fakeRing) Set(_, user, password string) error {
	if r.err != nil && r.after <= 0 {
		return r.err
	}
	r.after--
	r.entries[user] = password
	return nil
}

func (r *fakeRing) Delete(_, user string) error { delete(r.entries, user); return nil }

func secret() Credentials {
	return Credentials{InstanceID: "2f49c2b3", Name: "prod", URI: "neo4j+s://2f49c2b3.databases.neo4j.io", Username: "neo4j", Password: "hunter2hunter2"}
}

func TestAPasswordGoesToTheNextPlaceRatherThanGettingLost(t *testing.T) {
	t.Parallel()
	locked := errors.New("the keyring is locked")
	tests := []struct {
		name     string
		sink     Sink
		ring     *fakeRing
		breakDir bool // after the place was made ready
		kept     string
	}{
		{"the file", File, &fakeRing{err: locked}, false, "file"},
		{"a file that breaks, then the keyring", File, &fakeRing{}, true, "keyring"},
		{"a file that breaks and no keyring", File, &fakeRing{err: locked}, true, "result"},
		{"the keyring", Keyring, &fakeRing{}, false, "keyring"},
		{"a keyring that locks itself, then a file", Keyring, &fakeRing{err: locked, after: 1}, false, "file"},
		{"the result, when that is asked for", Reveal, &fakeRing{}, false, "result"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "credentials")
			tt.ring.entries = map[string]string{}
			v := New(tt.sink, dir)
			v.ring = tt.ring
			slot, err := v.Prepare("label", "")
			if err != nil {
				t.Fatal(err)
			}
			if tt.breakDir {
				if err := slot.file.file.Close(); err != nil { // as a disk that goes away
					t.Fatal(err)
				}
			}
			kept := slot.Keep(secret())
			files, err := filepath.Glob(filepath.Join(dir, "Neo4j-2f49c2b3-Created-*.txt"))
			if err != nil {
				t.Fatal(err)
			}
			got := "result"
			switch {
			case len(files) == 1:
				got = "file"
			case strings.Contains(tt.ring.entries["instance 2f49c2b3"], "hunter2hunter2"):
				got = "keyring"
			}
			if got != tt.kept || kept.Revealed != (tt.kept == "result") || (kept.Where == "") != kept.Revealed {
				t.Errorf("it went to the %s: %+v", got, kept)
			}
			if meant := map[Sink]string{File: "file", Keyring: "keyring", Reveal: "result"}[tt.sink]; (kept.Trouble != nil) != (meant != tt.kept) {
				t.Errorf("trouble: %v", kept.Trouble)
			}
		})
	}
}

// sharedRing is a keyring that two use at the same moment: neither removes anything before both have written.
type sharedRing struct {
	mu      sync.Mutex
	entries map[string]string
	both    sync.WaitGroup
}

func (r *sharedRing) Set(_, user, password string) error {
	r.mu.Lock()
	r.entries[user] = password
	r.mu.Unlock()
	r.both.Done()
	r.both.Wait()
	return nil
}

func (r *sharedRing) Delete(_, user string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.entries[user]; !there {
		return keyring.ErrNotFound
	}
	delete(r.entries, user)
	return nil
}

func TestTwoCreatesTryTheKeyringAtOnce(t *testing.T) {
	t.Parallel()
	ring := &sharedRing{entries: map[string]string{}}
	ring.both.Add(2)
	v := New(Keyring, "")
	v.ring = ring
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := v.Prepare("label", ""); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if len(ring.entries) != 0 {
		t.Errorf("left behind: %v", ring.entries)
	}
}

func TestAPlaceThatIsNotSafeIsRefused(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes and links of this kind are Unix'")
	}
	parent := t.TempDir()
	open, linked, file := filepath.Join(parent, "open"), filepath.Join(parent, "linked"), filepath.Join(parent, "file")
	if err := errors.Join(os.Mkdir(open, 0o755), os.Chmod(open, 0o755), os.Symlink(t.TempDir(), linked), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{open: "can be read by others", linked: "not a directory of its own", file: "", "": "no directory for private state"} {
		if _, err := New(File, dir).Prepare("label", ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", dir, err, want)
		}
	}
	broken := New(Keyring, "")
	broken.ring = &fakeRing{err: errors.New("no keyring here")}
	if _, err := broken.Prepare("label", ""); err == nil || !strings.Contains(err.Error(), "no keyring here") {
		t.Errorf("a keyring that is not there: %v", err)
	}
}

func TestAPlaceThatIsNotNeededIsGivenBack(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "credentials")
	slot, err := New(File, dir).Prepare("label", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(File, dir).Prepare("label", ""); err == nil {
		t.Error("one place was given to two")
	}
	slot.Discard()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// waits returns the passwords that wait for anna on a shelf.
func waits(t *testing.T, s Shelf) []string {
	t.Helper()
	names, err := s.Waiting("anna")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// forAnna has a database of anna's created, as far as its password is concerned.
func forAnna(t *testing.T, s Shelf) {
	t.Helper()
	slot, err := New(Page, string(s)).WithPage(func() string { return "the page" }).Prepare("label", "anna")
	if err != nil {
		t.Fatal(err)
	}
	if kept := slot.Keep(secret()); kept.Trouble != nil || !strings.Contains(kept.Where, "the page") {
		t.Fatalf("%+v", kept)
	}
}

func TestAPasswordIsShownUntilItWasShownWhole(t *testing.T) {
	t.Parallel()
	s := Shelf(t.TempDir())
	forAnna(t, s)
	if _, err := New(Page, string(s)).Prepare("another", "anna"); err != nil { // a database that is being created meanwhile
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		show func(string) error
		left int
	}{
		{"what is shown fails", func(string) error { return errors.New("broken pipe") }, 1},
		{"the process ends while it is shown", func(string) error { panic("killed") }, 1},
		{"it is shown", func(content string) error {
			if !strings.Contains(content, "hunter2hunter2") {
				t.Errorf("shown is %q", content)
			}
			return nil
		}, 0},
	} {
		names := waits(t, s)
		if len(names) != 1 {
			t.Fatalf("%s: before, %q wait", tt.name, names)
		}
		func() {
			defer func() { _ = recover() }()
			if err := s.Take("anna", names[0], tt.show); (err == nil) != (tt.left == 0) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}()
		if left := waits(t, s); len(left) != tt.left {
			t.Errorf("%s: after it, %q wait", tt.name, left)
		}
	}
	for _, name := range []string{"pending-another.txt", "../label", "lock", ""} {
		if err := s.Take("anna", name, func(string) error { t.Error("it is shown"); return nil }); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that cannot get its name has the password all the same, and the answer has said that it is on the page.
func TestAPasswordUnderItsFirstNameWaitsToo(t *testing.T) {
	t.Parallel()
	s := Shelf(t.TempDir())
	inTheWay := filepath.Join(s.of("anna"), "Neo4j-2f49c2b3-Created-"+time.Now().Format("2006-01-02")+".txt")
	if err := os.MkdirAll(filepath.Join(inTheWay, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	forAnna(t, s)
	names := waits(t, s)
	if len(names) != 1 {
		t.Fatalf("%q wait", names)
	}
	shown := ""
	if err := s.Take("anna", names[0], func(content string) error { shown = content; return nil }); err != nil || !strings.Contains(shown, "hunter2hunter2") {
		t.Errorf("shown is %q, %v", shown, err)
	}
}

func TestOfTwoThatTakeAPasswordOneGetsIt(t *testing.T) {
	t.Parallel()
	s := Shelf(t.TempDir())
	forAnna(t, s)
	name := waits(t, s)[0]
	var shown atomic.Int32
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			err := s.Take("anna", name, func(string) error { shown.Add(1); return nil })
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if n := shown.Load(); n != 1 {
		t.Errorf("it was shown %d times", n)
	}
}

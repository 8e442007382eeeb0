package atomicfile

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestAFileIsReplacedWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "new", "file")
	holds := func(want string, mode os.FileMode) {
		t.Helper()
		content, err := os.ReadFile(file)
		if err != nil || string(content) != want {
			t.Errorf("it holds %q, %v; want %q", content, err, want)
		}
		if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("its mode is %v, %v; want %v", info.Mode(), err, mode)
		}
		if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
			t.Errorf("beside it: %v, %v", left, err)
		}
	}
	if err := Write(file, []byte("one")); err != nil {
		t.Fatal(err)
	}
	holds("one", 0o600)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, []byte("two")); err != nil {
		t.Fatal(err)
	}
	holds("two", 0o644)
	if err := WritePrivate(file, []byte("three")); err != nil {
		t.Fatal(err)
	}
	holds("three", 0o600)

	if err := Write(filepath.Join(file, "below"), nil); err == nil {
		t.Error("a file was made below a file")
	}
	if err := Write(filepath.Dir(file), []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	holds("three", 0o600)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("a failure leaves %v, %v", left, err)
	}
}

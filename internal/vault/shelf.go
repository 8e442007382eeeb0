package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Shelf is the directory of passwords that wait for the people who had the databases created. It is on the disk, so that a server
// that is started again still has them.
type Shelf string

// of is the directory of an owner. Their name is anything, so it is no name for a directory.
func (s Shelf) of(owner string) string {
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(owner))
	return filepath.Join(string(s), "for-"+hex.EncodeToString(sum[:16]))
}

// Waiting are the names of those that wait for an owner.
func (s Shelf) Waiting(owner string) ([]string, error) {
	root, err := os.OpenRoot(s.of(owner))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("passwords: %w", err)
	}
	defer func() { _ = root.Close() }() // it is only looked into
	return waiting(root)
}

// waiting goes by what is in the files: one that could not get its last name has the only copy, too.
func waiting(root *os.Root) (names []string, err error) {
	files, err := fs.ReadDir(root.FS(), ".")
	for _, f := range files {
		if !f.Type().IsRegular() || filepath.Ext(f.Name()) != ".txt" {
			continue
		}
		content, unread := root.ReadFile(f.Name())
		if errors.Is(unread, fs.ErrNotExist) { // another has just taken it, or it has just got its name
			continue
		}
		if unread != nil || strings.Contains(string(content), "\n"+passwordKey+"=") { // who takes it hears why it cannot be read
			names = append(names, f.Name())
		}
	}
	if err != nil {
		return names, fmt.Errorf("passwords: %w", err)
	}
	return names, nil
}

// patience is how long one waits for another of the same owner that is being shown.
const patience = 30 * time.Second

// Take hands a password to show and removes it once that was done: where show fails, or the process ends meanwhile, it waits on.
// Of two that take it at the same moment one gets it. The error is fs.ErrNotExist where there is none of that name.
func (s Shelf) Take(owner, name string, show func(content string) error) error {
	root, err := os.OpenRoot(s.of(owner))
	if err != nil {
		return fmt.Errorf("passwords: %w", err)
	}
	defer func() { _ = root.Close() }() // what was removed is gone by then
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	turn := flock.New(filepath.Join(s.of(owner), "turn"), flock.SetPermissions(0o600)) // it stays: two could hold it, if one removed it
	if _, err := turn.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return fmt.Errorf("passwords: another is being shown: %w", err)
	}
	defer func() { _ = turn.Close() }() // closed or not, it ends with the process
	names, err := waiting(root)
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) {
		return fs.ErrNotExist
	}
	content, err := root.ReadFile(name)
	if err == nil {
		err = show(string(content))
	}
	if err != nil {
		return fmt.Errorf("passwords: not shown whole: %w", err)
	}
	if err := root.Remove(name); err != nil {
		return fmt.Errorf("passwords: shown, and cannot be removed: %w", err)
	}
	return nil
}

package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// kept is how the files begin that have a password.
const kept = "Neo4j-"

// Waiting are the names of those that wait for an owner.
func (s Shelf) Waiting(owner string) ([]string, error) {
	entries, err := os.ReadDir(s.of(owner))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("passwords: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutPrefix(e.Name(), kept); ok {
			names = append(names, kept+name)
		}
	}
	return names, nil
}

// Take hands a password to show and removes it. Of two that take it at the same moment one gets it; where show fails it waits on.
// The error is fs.ErrNotExist where there is none of that name.
func (s Shelf) Take(owner, name string, show func(content string) error) error {
	if !strings.HasPrefix(name, kept) || filepath.Base(name) != name {
		return fs.ErrNotExist
	}
	root, err := os.OpenRoot(s.of(owner))
	if err != nil {
		return fmt.Errorf("passwords: %w", err)
	}
	defer func() { _ = root.Close() }() // it is only looked into
	taken := "shown-" + name
	if err := root.Rename(name, taken); err != nil {
		return fmt.Errorf("passwords: %w", err)
	}
	content, err := root.ReadFile(taken)
	if err == nil {
		err = show(string(content))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("passwords: %w", err), root.Rename(taken, name))
	}
	return root.Remove(taken)
}

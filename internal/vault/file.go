package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// room is how much a slot's file holds before there is a password, so that a full disk shows before anything is created.
const room = 4096

// slotFile is a file made ready for one password.
type slotFile struct {
	dir  string
	root *os.Root
	file *os.File
	name string
}

// newSlotFile makes the directory if need be and creates the file, which nobody else may have made before.
func newSlotFile(dir, label string) (*slotFile, error) {
	if dir == "" {
		return nil, errors.New("this account has no directory for private state, so there is no place for a password file")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := private(dir); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &slotFile{dir: dir, root: root, name: "pending-" + safe(label) + ".txt"}
	if s.file, err = root.OpenFile(s.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if err := s.write("# aura-mcp is creating a database; its password will be here.\n" + strings.Repeat("#", room)); err != nil {
		s.discard()
		return nil, err
	}
	return s, nil
}

// private refuses a directory in which others could read or exchange files.
func private(dir string) error {
	info, err := os.Lstat(dir) //nolint:gosec // of a caller only a digest is in it
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 || !info.IsDir() {
		return fmt.Errorf("%s is not a directory of its own", dir)
	}
	return ours(dir, info)
}

func (s *slotFile) write(content string) error {
	if _, err := s.file.WriteAt([]byte(content), 0); err != nil {
		return err
	}
	if err := s.file.Truncate(int64(len(content))); err != nil {
		return err
	}
	return s.file.Sync()
}

// keep writes the credentials through the handle that is open already, and only then gives the file its name.
func (s *slotFile) keep(c Credentials) (where string, err error) {
	if err := s.write(c.lines()); err != nil {
		return "", err
	}
	name := fmt.Sprintf("Neo4j-%s-Created-%s.txt", safe(c.InstanceID), time.Now().Format("2006-01-02"))
	closed := s.file.Close()
	if err := s.root.Rename(s.name, name); err == nil {
		s.name = name
	}
	// Under its first name the password is as safe; what matters is to say where it is.
	return filepath.Join(s.dir, s.name), errors.Join(closed, s.root.Close())
}

func (s *slotFile) discard() {
	_ = s.file.Close()
	_ = s.root.Remove(s.name) // an empty file that stays behind harms nobody
	_ = s.root.Close()
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// safe keeps of an ID what a file name may hold: it comes from an answer.
func safe(id string) string {
	return strings.Trim(notPlain.ReplaceAllString(id[:min(len(id), 40)], "-"), "-")
}

// Package atomicfile replaces files of the person, so that they have the old content or the new one whatever happens in between.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts content into a file. Mode and owner stay; a new file, and any directory that is missing, is for its owner alone.
func Write(file string, content []byte) error {
	info, err := os.Stat(file)
	if err != nil {
		return write(file, content, 0o600, nil)
	}
	return write(file, content, info.Mode().Perm(), info)
}

// WritePrivate is [Write] with the result for its owner alone, whoever could read the file before.
func WritePrivate(file string, content []byte) error {
	info, err := os.Stat(file)
	if err != nil {
		info = nil
	}
	return write(file, content, 0o600, info)
}

func write(file string, content []byte, mode fs.FileMode, old fs.FileInfo) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(file)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil && old != nil {
		err = sameOwner(f, old)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

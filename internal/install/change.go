package install

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"aura-mcp/internal/atomicfile"
)

// Change is what a client's configuration would become. Making one writes nothing.
type Change struct {
	Client Client
	File   string // as a person knows it; it may be a link
	Name   string // of the entry
	// Notes are what the person should know before saying yes.
	Notes []string

	target  string // the file itself
	existed bool
	before  []byte
	after   []byte
	removes bool   // the file goes away altogether: it was not there before us
	undoes  string // the backup that this change uses up
}

// Plan works out how the entry gets into a client's configuration. Its error names file, line and column.
func Plan(c Client, file string, e Entry) (Change, error) {
	change, doc, err := open(c, file, e.Name)
	if err != nil {
		return Change{}, err
	}
	changed, err := doc.put(c, e)
	if err != nil {
		return Change{}, fmt.Errorf("%s: %w; nothing was changed", file, err)
	}
	change.after = change.before
	if changed {
		change.after = doc.pack()
	}
	if c.plainJSON && !doc.standard() {
		change.Notes = append(change.Notes, fmt.Sprintf("%s reads JSON without comments and trailing commas, and this file has some", c.Title))
	}
	if v, err := doc.entry(c, e.Name); err == nil && v != nil && v.Find("/env/AURA_CLIENT_SECRET") != nil {
		change.Notes = append(change.Notes, fmt.Sprintf("the entry has an API key in its env, which wins over one that is stored; with one stored, take AURA_CLIENT_ID and AURA_CLIENT_SECRET out of %s", file))
	}
	return change, nil
}

// open reads a configuration, following links.
func open(c Client, file, name string) (Change, *document, error) {
	change := Change{Client: c, File: file, Name: name, target: file}
	target, err := filepath.EvalSymlinks(file)
	switch {
	case err == nil:
		change.target = target
	case errors.Is(err, fs.ErrNotExist) && exists(file):
		return change, nil, fmt.Errorf("%s is a link to a file that is not there: make that file, or remove the link", file)
	case !errors.Is(err, fs.ErrNotExist):
		return change, nil, err
	}
	change.before, err = os.ReadFile(change.target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return change, nil, err
	}
	change.existed = err == nil
	doc, err := parse(change.before)
	if err != nil {
		return change, nil, fmt.Errorf("%s: %w\nthe file is not what %s can read; mend that place, then run this again; nothing was changed", file, err, c.Title)
	}
	return change, doc, nil
}

// Nothing reports whether everything is as it should be already.
func (c Change) Nothing() bool { return !c.removes && bytes.Equal(c.before, c.after) }

// Creates reports whether the file is not there yet.
func (c Change) Creates() bool { return !c.existed }

// Removes reports whether the file goes away.
func (c Change) Removes() bool { return c.removes }

// Diff shows the change to a person. Texts that are not of our entry are hidden.
func (c Change) Diff() string {
	masked := func(content []byte) string {
		doc, err := parse(content)
		if err != nil {
			return "" // both have been parsed before
		}
		return doc.masked(c.Client, c.Name)
	}
	after := ""
	if !c.removes {
		after = masked(c.after)
	}
	return difference(c.File, masked(c.before), c.File+" (new)", after)
}

// Apply writes the change and keeps what was there in dir, for an undo. The file must still be what it was when the change was
// made; a person may have taken a while to decide.
func (c Change) Apply(dir string) error {
	current, err := os.ReadFile(c.target)
	if (err == nil) != c.existed || !bytes.Equal(current, c.before) {
		return fmt.Errorf("%s was changed by somebody else in the meantime: run this again; nothing was changed", c.File)
	}
	if info, err := os.Stat(c.target); err == nil && info.Mode().Perm()&0o200 == 0 {
		return fmt.Errorf("%s is read-only: allow writing to it (chmod u+w), then run this again; nothing was changed", c.File)
	}
	if c.undoes == "" {
		if err := c.keep(dir); err != nil {
			return fmt.Errorf("keep a backup of %s: %w; nothing was changed", c.File, err)
		}
	}
	switch {
	case c.removes:
		err = os.Remove(c.target)
	case !c.Nothing():
		err = atomicfile.Write(c.target, c.after)
	default:
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%w; %s is as it was", err, c.File)
	}
	if c.undoes != "" {
		return os.Remove(c.undoes)
	}
	return nil
}

func fingerprint(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

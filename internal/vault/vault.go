// Package vault keeps one-time passwords in a safe place: Aura shows the password of a new database once and has no way to
// set another, so losing it means losing the database. The place is made ready before anything is created, and where it fails
// afterwards the others are tried.
package vault

import (
	"errors"
	"fmt"
	"strings"

	"aura-mcp/auraclient"
)

// Sink names a place for passwords, as in the setting secret_sink.
type Sink string

// The sinks.
const (
	File    Sink = "file"    // a file only the person's account can read
	Keyring Sink = "keyring" // the system's keyring
	Reveal  Sink = "reveal"  // the result itself: the assistant and its provider see it
	Page    Sink = "page"    // a page of a server over HTTP, which shows it once to whoever had the database created
)

// Credentials are what a new database is reached with.
type Credentials struct {
	InstanceID, Name, URI, Username string
	Password                        auraclient.Secret
}

// Kept says where a password went.
type Kept struct {
	Where string // for the person: a path, or what to look for in the keyring; "" when it is only in the result
	// Revealed says that the password has to be in the result, since it is nowhere else.
	Revealed bool
	// Trouble is why it is not where it was meant to be.
	Trouble error
}

// Vault keeps passwords where the settings say.
type Vault struct {
	sink Sink
	dir  string // of the file sink
	ring ring
	page func() string // the address of the page
}

// New makes a vault. dir is where the file sink keeps its files; empty where the account has no such place.
func New(sink Sink, dir string) *Vault { return &Vault{sink: sink, dir: dir, ring: systemRing{}} }

// WithPage says where the page is, for the sink of that name. The address is asked for once there is a password.
func (v *Vault) WithPage(address func() string) *Vault {
	v.page = address
	return v
}

// Slot is a place made ready for one password.
type Slot struct {
	vault *Vault
	file  *slotFile
}

// Prepare makes a place ready for a password of an owner, who is whoever has the database created. An error means that a password
// could not be kept, so that nothing may be created.
func (v *Vault) Prepare(label, owner string) (*Slot, error) {
	switch v.sink {
	case Page:
		file, err := newSlotFile(Shelf(v.dir).of(owner), label)
		return &Slot{vault: v, file: file}, err
	case File:
		file, err := newSlotFile(v.dir, label)
		return &Slot{vault: v, file: file}, err
	case Keyring:
		return &Slot{vault: v}, v.probe()
	case Reveal:
		return &Slot{vault: v}, nil
	}
	return nil, fmt.Errorf("unknown secret sink %q", v.sink)
}

// Keep stores the credentials. It never fails: when no place takes them, they have to be in the result.
func (s *Slot) Keep(c Credentials) Kept {
	var trouble error
	if s.vault.sink == Reveal {
		return Kept{Revealed: true}
	}
	if s.file != nil {
		where, err := s.file.keep(c)
		if err == nil && s.vault.sink == Page {
			return Kept{Where: s.vault.page() + " (it is shown there once, to whoever had the database created)"}
		}
		if err == nil {
			return Kept{Where: where}
		}
		trouble = fmt.Errorf("file: %w", err)
	}
	where, err := s.vault.store(c)
	if err == nil {
		return Kept{Where: where, Trouble: trouble}
	}
	trouble = errors.Join(trouble, fmt.Errorf("keyring: %w", err))
	if s.file == nil { // the keyring was the one meant; a file is the next best
		if file, err := newSlotFile(s.vault.dir, c.InstanceID); err == nil {
			if where, err := file.keep(c); err == nil {
				return Kept{Where: where, Trouble: trouble}
			}
		}
	}
	return Kept{Revealed: true, Trouble: trouble}
}

// Discard gives the place back when nothing was created.
func (s *Slot) Discard() {
	if s.file != nil {
		s.file.discard()
	}
}

const passwordKey = "NEO4J_PASSWORD"

// lines are the credentials as the file that the Aura console offers has them, quoted so that a shell that reads the file
// takes a name for a name, whatever is in it.
func (c Credentials) lines() string {
	var b strings.Builder
	b.WriteString("# Made by aura-mcp. Aura shows this password only once: keep this file, or move it to your password manager.\n")
	for _, v := range []struct{ key, value string }{
		{"NEO4J_URI", c.URI}, {"NEO4J_USERNAME", c.Username}, {passwordKey, c.Password.Reveal()},
		{"NEO4J_DATABASE", "neo4j"}, {"AURA_INSTANCEID", c.InstanceID}, {"AURA_INSTANCENAME", c.Name},
	} {
		fmt.Fprintf(&b, "%s='%s'\n", v.key, strings.ReplaceAll(v.value, "'", `'\''`))
	}
	return b.String()
}

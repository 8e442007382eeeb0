package approval

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"aura-mcp/internal/atomicfile"
	"aura-mcp/internal/passphrase"
)

// PINFile keeps the approval PIN as a slow salted hash, in a file that only this account can read. It is set at a terminal and
// nowhere else; no setting and no environment variable changes it.
type PINFile string

// Set reports whether there is a PIN.
func (f PINFile) Set() (bool, error) {
	_, err := f.hash()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

// Matches reports whether this is the PIN.
func (f PINFile) Matches(pin string) (bool, error) {
	hash, err := f.hash()
	if err != nil {
		return false, err
	}
	ok, err := passphrase.Matches(hash, pin)
	if err != nil {
		return false, fmt.Errorf("%s %w", string(f), err)
	}
	return ok, nil
}

func (f PINFile) hash() (string, error) {
	if f == "" {
		return "", fs.ErrNotExist
	}
	content, err := os.ReadFile(string(f))
	if err != nil {
		return "", fmt.Errorf("approval PIN: %w", err)
	}
	return string(content), nil
}

// Change sets the PIN, or removes it where pin is empty.
func (f PINFile) Change(pin string) error {
	if f == "" {
		return errors.New("approval PIN: this account has no directory for settings to keep it in")
	}
	if pin == "" {
		return os.Remove(string(f))
	}
	if err := atomicfile.WritePrivate(string(f), []byte(passphrase.Hash(pin)+"\n")); err != nil { // a full disk leaves the PIN that there was
		return fmt.Errorf("approval PIN: %w", err)
	}
	return nil
}

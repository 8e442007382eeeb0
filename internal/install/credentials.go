package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zalando/go-keyring"

	"aura-mcp/auraclient"
)

// DefaultProfile is whose credentials are meant where nobody names another.
const DefaultProfile = "default"

// service is under what name the keyring shows our entries; the account of an entry is the profile.
const service = "aura-mcp"

// Credentials are an API key of Aura.
type Credentials struct {
	ClientID     string
	ClientSecret auraclient.Secret
}

// stored is how credentials are written down.
type stored struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// ErrNoCredentials means that none are stored for a profile.
var ErrNoCredentials = errors.New("no credentials are stored")

// CredentialStore keeps the credentials of profiles.
type CredentialStore interface {
	// Load returns a profile's credentials, or [ErrNoCredentials].
	Load(profile string) (Credentials, error)
	// Save stores them and says where, for a person.
	Save(profile string, c Credentials) (where string, err error)
}

// NewCredentialStore keeps credentials in the system's keyring, and in a file of dir, the directory with the settings, where
// there is no keyring that can be used.
func NewCredentialStore(dir string) CredentialStore {
	return firstOf{keyringStore{}, fileStore{dir}}
}

// keyringStore is the system's keyring.
type keyringStore struct{}

func (keyringStore) Load(profile string) (Credentials, error) {
	value, err := keyring.Get(service, profile)
	if errors.Is(err, keyring.ErrNotFound) {
		return Credentials{}, ErrNoCredentials
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("the system's keyring cannot be used: %w", err)
	}
	var s stored
	if json.Unmarshal([]byte(value), &s) != nil || s.ClientID == "" || s.ClientSecret == "" {
		return Credentials{}, fmt.Errorf("the entry %q of %q in the system's keyring is not one of this program", profile, service)
	}
	return s.credentials(), nil
}

func (keyringStore) Save(profile string, c Credentials) (string, error) {
	existing, _ := keyring.Get(service, profile) // nothing, where there is none
	value, err := c.into([]byte(existing))
	if err != nil {
		return "", err
	}
	if err := keyring.Set(service, profile, string(value)); err != nil {
		return "", fmt.Errorf("the system's keyring cannot be used: %w", err)
	}
	return fmt.Sprintf("the system's keyring, entry %q of %q", profile, service), nil
}

// fileStore is a file that its owner alone can read, with an object of all profiles.
type fileStore struct{ dir string }

// credentialsFile is the name of the file with credentials, beside the config file.
const credentialsFile = "credentials.json"

func (f fileStore) Load(profile string) (Credentials, error) {
	all, err := f.read()
	if err != nil {
		return Credentials{}, err
	}
	var s stored
	if json.Unmarshal(all[profile], &s) != nil || s.ClientID == "" || s.ClientSecret == "" {
		return Credentials{}, ErrNoCredentials
	}
	return s.credentials(), nil
}

func (f fileStore) read() (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	if f.dir == "" {
		return all, nil
	}
	content, err := os.ReadFile(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil && json.Unmarshal(content, &all) != nil {
		err = errors.New("it is no JSON object") // the decoder's own words could quote a secret
	}
	if err != nil {
		return nil, fmt.Errorf("stored credentials in %s: %w", f.path(), err)
	}
	return all, nil
}

func (f fileStore) Save(profile string, c Credentials) (string, error) {
	if f.dir == "" {
		return "", errors.New("this account has no directory for settings, so there is no place for credentials")
	}
	all, err := f.read()
	if err != nil {
		return "", err
	}
	if all[profile], err = c.into(all[profile]); err != nil {
		return "", err
	}
	content, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(f.path()); err == nil && info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(f.path(), 0o600); err != nil { // replacing it keeps the mode
			return "", err
		}
	}
	if err := replace(f.path(), append(content, '\n')); err != nil {
		return "", fmt.Errorf("store credentials: %w", err)
	}
	return f.path() + ", which only your account can read", nil
}

func (f fileStore) path() string { return filepath.Join(f.dir, credentialsFile) }

// firstOf asks each of its stores in turn.
type firstOf []CredentialStore

func (all firstOf) Load(profile string) (Credentials, error) {
	for _, s := range all {
		c, err := s.Load(profile)
		if err == nil {
			return c, nil
		}
	}
	return Credentials{}, ErrNoCredentials // a keyring that cannot be used has none, as far as anybody can tell
}

func (all firstOf) Save(profile string, c Credentials) (string, error) {
	var problems []error
	for _, s := range all {
		where, err := s.Save(profile, c)
		if err == nil {
			return where, nil
		}
		problems = append(problems, err)
	}
	return "", errors.Join(problems...)
}

func (s stored) credentials() Credentials {
	return Credentials{ClientID: s.ClientID, ClientSecret: auraclient.Secret(s.ClientSecret)}
}

// into puts the key into an entry as it was. What else the entry has stays: a key for metrics, for one.
func (c Credentials) into(existing []byte) ([]byte, error) {
	entry := map[string]any{}
	if json.Unmarshal(existing, &entry) != nil {
		entry = map[string]any{}
	}
	entry["client_id"], entry["client_secret"] = c.ClientID, c.ClientSecret.Reveal()
	return json.Marshal(entry)
}

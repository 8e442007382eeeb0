package vault

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/zalando/go-keyring"
)

// service is under what name the keyring shows our entries.
const service = "aura-mcp"

// ring is the system's keyring; tests have one of their own.
type ring interface {
	Set(service, user, password string) error
	Delete(service, user string) error
}

type systemRing struct{}

func (systemRing) Set(service, user, password string) error {
	return keyring.Set(service, user, password)
}
func (systemRing) Delete(service, user string) error { return keyring.Delete(service, user) }

// probe writes and removes an entry, since a keyring says only then whether it is locked or missing. Its name is its own: of two
// that share one the second finds nothing to remove.
func (v *Vault) probe() error {
	user := "probe " + rand.Text()[:8]
	if err := v.ring.Set(service, user, "probe"); err != nil {
		return fmt.Errorf("the system's keyring cannot be used: %w", err)
	}
	if err := v.ring.Delete(service, user); err != nil {
		return fmt.Errorf("the system's keyring cannot be used: %w", err)
	}
	return nil
}

func (v *Vault) store(c Credentials) (where string, err error) {
	entry, err := json.Marshal(map[string]string{
		"uri": c.URI, "username": c.Username, "password": c.Password.Reveal(), "instance_id": c.InstanceID, "name": c.Name,
	})
	if err != nil {
		return "", err
	}
	user := "instance " + c.InstanceID
	if err := v.ring.Set(service, user, string(entry)); err != nil {
		return "", err
	}
	return fmt.Sprintf("the system's keyring, entry %q of %q", user, service), nil
}

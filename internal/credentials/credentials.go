// Package credentials reads the API key of a profile from where the settings say it is kept, and stores one there. It is asked at
// the first call that needs a key and never before: a keyring may ask the person to unlock it, and a server that only lists its tools has no use
// for the key.
package credentials

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"aura-mcp/auraclient"
	"aura-mcp/internal/config"
	"aura-mcp/internal/text"
)

// Key is an API key of Aura.
type Key struct {
	ID     string
	Secret auraclient.Secret
	// MetricsID and its secret are a second key, for metrics alone, where one is kept with the first.
	MetricsID     string
	MetricsSecret auraclient.Secret
	// From is where it was found, for a person.
	From string
	// Warning is what the person should know about that place; usually empty.
	Warning string
}

// NoKeyError is why there is no key.
type NoKeyError struct {
	What string
	Fix  string // in the imperative, to a person
	Err  error
}

// Error is both parts.
func (e *NoKeyError) Error() string { return e.What + "; " + e.Fix }

// Unwrap returns the cause.
func (e *NoKeyError) Unwrap() error { return e.Err }

// ErrNone is the cause where nothing is set and nothing is stored.
var ErrNone = errors.New("no credentials")

// Ring is the system's keyring.
type Ring interface {
	Get(service, user string) (string, error)
	Set(service, user, entry string) error
}

type systemRing struct{}

func (systemRing) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (systemRing) Set(service, user, entry string) error    { return keyring.Set(service, user, entry) }

// Finder finds keys, and stores them where it finds them. Make one with [New].
type Finder struct {
	ring Ring
	// patience is how long the keyring gets: one that is locked waits for the person.
	patience time.Duration
}

// New returns a finder. A nil ring is the system's.
func New(r Ring) Finder {
	if r == nil {
		r = systemRing{}
	}
	return Finder{ring: r, patience: 20 * time.Second}
}

// Find returns the key. Its error is a [*NoKeyError].
func (f Finder) Find(ctx context.Context, c config.Credentials) (Key, error) {
	switch c.Source {
	case config.Inline, config.Environment:
		if c.ID == "" {
			return Key{}, &NoKeyError{What: fmt.Sprintf("%s are not set%s", strings.Join(c.Variables(), " and "), by(c)), Fix: "set them in the environment of this program"}
		}
		return Key{ID: c.ID, Secret: c.Secret, From: c.String()}, nil
	case config.Keyring:
		return f.fromRing(ctx, c)
	case config.File:
		return fromFile(c)
	case config.AuraCLI:
		return fromCLI(c)
	case config.Anywhere:
	}
	return f.fromAnywhere(ctx, c)
}

// by says where the source was chosen.
func by(c config.Credentials) string {
	if c.Origin == "" {
		return ""
	}
	return " (" + c.Origin + ")"
}

// fromAnywhere looks into the keyring and then into our file. What is found there by chance is not sent to an address that
// somebody else has set.
func (f Finder) fromAnywhere(ctx context.Context, c config.Credentials) (Key, error) {
	key, ringErr := f.fromRing(ctx, c)
	err := ringErr
	if err != nil && c.File != "" {
		key, err = fromFile(c)
	}
	switch {
	case err == nil && c.Redirected != nil:
		return Key{}, &NoKeyError{What: c.Redirected.Error(), Fix: "take that address away, or set your own credentials with it", Err: c.Redirected}
	case err == nil:
		return key, nil
	case errors.Is(err, ErrNone) && errors.Is(ringErr, ErrNone):
		return Key{}, &NoKeyError{What: "there are no Aura credentials", Fix: "run `aura-mcp install`, which stores an API key, or set AURA_CLIENT_ID and AURA_CLIENT_SECRET", Err: ErrNone}
	case errors.Is(err, ErrNone):
		return Key{}, ringErr
	}
	return Key{}, err
}

// ask lets the keyring answer, and waits no longer than patience: a keyring cannot be told to stop.
func (f Finder) ask(ctx context.Context, question func() (string, error)) (string, error) {
	type answer struct {
		entry string
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		entry, err := question()
		answers <- answer{entry, err}
	}()
	timer := time.NewTimer(f.patience)
	defer timer.Stop()
	select {
	case got := <-answers:
		return got.entry, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	case <-timer.C:
		return "", fmt.Errorf("no answer in %s; it may be waiting for its password", f.patience)
	}
}

func (f Finder) fromRing(ctx context.Context, c config.Credentials) (Key, error) {
	entry, err := f.ask(ctx, func() (string, error) { return f.ring.Get(config.KeyringService, c.Name) })
	const others = "use another place, such as credentials = { source = \"file\" }"
	switch where := fmt.Sprintf("the system's keyring has no entry %s of %s%s", text.Quote(c.Name), config.KeyringService, by(c)); {
	case errors.Is(err, keyring.ErrNotFound):
		return Key{}, &NoKeyError{What: where, Fix: "store the API key with `aura-mcp install --new-key`, or " + others, Err: ErrNone}
	case err != nil && c.Source == config.Anywhere && !errors.Is(err, context.Canceled) && unavailable(err):
		return Key{}, &NoKeyError{What: where, Fix: others, Err: ErrNone}
	case err != nil && unavailable(err):
		return Key{}, &NoKeyError{What: fmt.Sprintf("there is no keyring here that could be read%s: %v", by(c), err), Fix: others, Err: err}
	case err != nil:
		return Key{}, &NoKeyError{What: fmt.Sprintf("the system's keyring cannot be read%s: %v", by(c), err), Fix: "unlock it, or " + others, Err: err}
	}
	e, err := parseEntry([]byte(entry))
	if err != nil {
		return Key{}, &NoKeyError{What: fmt.Sprintf("the entry %s of %s in the system's keyring%s cannot be used: %v", text.Quote(c.Name), config.KeyringService, by(c), err), Fix: "store the API key anew with `aura-mcp install --new-key`", Err: err}
	}
	return e.key(ringPlace(c)), nil
}

func ringPlace(c config.Credentials) string {
	c.Source = config.Keyring
	return c.String()
}

// unavailable is a system without any keyring, such as a container: where none was asked for, that is no problem.
func unavailable(err error) bool {
	message := err.Error()
	for _, sign := range []string{"dbus-launch", "org.freedesktop.secrets", "DBUS_SESSION_BUS_ADDRESS", "connect: no such file", "unsupported platform"} {
		if strings.Contains(message, sign) {
			return true
		}
	}
	return false
}

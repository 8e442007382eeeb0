package credentials

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zalando/go-keyring"

	"aura-mcp/internal/atomicfile"
	"aura-mcp/internal/config"
)

// Store keeps a key where [Finder.Find] looks for it: in the keyring or our file, as the settings say; where they say nothing,
// in the keyring, and in our file where there is no keyring that can be used. It says where, for a person. What is stored is
// read back before it is believed. Places that are not ours, such as the CLI's file, are never written.
func (f Finder) Store(ctx context.Context, c config.Credentials, key Key) (where string, err error) {
	switch c.Source {
	case config.Keyring:
		err = f.intoRing(ctx, c, key)
	case config.File:
		err = intoFile(c, key)
	case config.Anywhere:
		ringErr := f.intoRing(ctx, c, key)
		if err = ringErr; ringErr != nil && c.File != "" {
			if err = intoFile(c, key); err != nil {
				err = errors.Join(ringErr, err)
			}
		}
	case config.Inline, config.Environment, config.AuraCLI:
		err = fmt.Errorf("the settings say that the API key is in %s, which this program does not write", c)
	}
	if err != nil {
		return "", err
	}
	stored, err := f.Find(ctx, c)
	if err == nil && (stored.ID != key.ID || stored.Secret != key.Secret) {
		err = fmt.Errorf("%s has another key, and comes first", stored.From)
	}
	return stored.From, err
}

func (f Finder) intoRing(ctx context.Context, c config.Credentials, key Key) error {
	existing, err := f.ask(ctx, func() (string, error) { return f.ring.Get(config.KeyringService, c.Name) })
	if err == nil || errors.Is(err, keyring.ErrNotFound) {
		var content []byte
		if content, err = key.into([]byte(existing)); err != nil {
			return err
		}
		_, err = f.ask(ctx, func() (string, error) { return "", f.ring.Set(config.KeyringService, c.Name, string(content)) })
	}
	if err != nil {
		return fmt.Errorf("the system's keyring cannot be used: %w", err)
	}
	return nil
}

func intoFile(c config.Credentials, key Key) error {
	entries := map[string]json.RawMessage{}
	content, _, err := read(c)
	if err == nil {
		err = decode(c, content, &entries)
	}
	if errors.Is(err, ErrNone) { // no such file yet
		err = nil
	}
	if err == nil {
		if entries == nil { // it said null
			entries = map[string]json.RawMessage{}
		}
		entries[c.Name], err = key.into(entries[c.Name])
	}
	if err == nil {
		content, err = json.MarshalIndent(entries, "", "  ")
	}
	if err == nil {
		err = atomicfile.WritePrivate(c.File, append(content, '\n'))
	}
	if err != nil {
		return fmt.Errorf("the credentials file cannot be written: %w", err)
	}
	return nil
}

// into puts the key into an entry as it was. What else the entry has stays: a key for metrics, for one.
func (k Key) into(existing []byte) ([]byte, error) {
	entry := map[string]any{}
	if json.Unmarshal(existing, &entry) != nil || entry == nil {
		entry = map[string]any{}
	}
	entry["client_id"], entry["client_secret"] = k.ID, k.Secret.Reveal()
	return json.Marshal(entry)
}

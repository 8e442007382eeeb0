package credentials

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"

	"aura-mcp/auraclient"
	"aura-mcp/internal/config"
	"aura-mcp/internal/text"
)

// entry is a key as our file and the keyring keep it.
type entry struct {
	ID            string            `json:"client_id"`
	Secret        auraclient.Secret `json:"client_secret"`
	MetricsID     string            `json:"metrics_client_id"`
	MetricsSecret auraclient.Secret `json:"metrics_client_secret"`
}

func (e entry) key(from string) Key {
	return Key{ID: e.ID, Secret: e.Secret, MetricsID: e.MetricsID, MetricsSecret: e.MetricsSecret, From: from}
}

func (e entry) check() error {
	if e.ID == "" || e.Secret.Reveal() == "" {
		return errors.New(`it needs client_id and client_secret, such as {"client_id": "…", "client_secret": "…"}`)
	}
	if (e.MetricsID == "") != (e.MetricsSecret.Reveal() == "") {
		return errors.New("it has one of metrics_client_id and metrics_client_secret, and needs both or none")
	}
	return nil
}

func parseEntry(content []byte) (e entry, err error) {
	if json.Unmarshal(content, &e) != nil {
		return e, errors.New("it is no JSON object of texts") // the decoder's own words could quote a secret
	}
	return e, e.check()
}

// fromFile reads our own file: a JSON object with an entry for each profile.
func fromFile(c config.Credentials) (Key, error) {
	content, exposed, err := read(c)
	if err != nil {
		return Key{}, err
	}
	if exposed {
		return Key{}, &NoKeyError{What: fmt.Sprintf("the file %s can be read by others, so it is not used%s", c.File, by(c)), Fix: "run `chmod 600 " + c.File + "`; make a new API key in the Aura console if somebody may have read it"}
	}
	entries := map[string]json.RawMessage{}
	if err := decode(c, content, &entries); err != nil {
		return Key{}, err
	}
	raw, has := entries[c.Name]
	if !has {
		return Key{}, missing(c, slices.Sorted(maps.Keys(entries)))
	}
	e, err := parseEntry(raw)
	if err != nil {
		return Key{}, &NoKeyError{What: fmt.Sprintf("in %s:%d the entry %s cannot be used: %v", c.File, lineOf(content, bytes.Index(content, raw)), text.Quote(c.Name), err), Fix: "mend it, or store the API key anew with `aura-mcp install --new-key`", Err: err}
	}
	c.Source = config.File
	return e.key(c.String()), nil
}

// fromCLI reads the file of the official CLI, as its version 1.7 writes it.
func fromCLI(c config.Credentials) (Key, error) {
	content, exposed, err := read(c)
	if err != nil {
		return Key{}, err
	}
	var file struct {
		Aura struct {
			Default     string `json:"default-credential"`
			Credentials []struct {
				Name   string            `json:"name"`
				ID     string            `json:"client-id"`
				Secret auraclient.Secret `json:"client-secret"`
			} `json:"credentials"`
		} `json:"aura"`
	}
	if err := decode(c, content, &file); err != nil {
		return Key{}, err
	}
	wanted := c.Name
	if wanted == "" {
		wanted = file.Aura.Default
	}
	if wanted == "" {
		return Key{}, &NoKeyError{What: fmt.Sprintf("the file %s has no default credential%s", c.File, by(c)), Fix: "choose one with `aura-cli credential use`, or name it: credentials = { source = \"aura-cli\", name = \"…\" }", Err: ErrNone}
	}
	var names []string
	for _, one := range file.Aura.Credentials {
		if names = append(names, one.Name); one.Name != wanted {
			continue
		}
		if one.ID == "" || one.Secret.Reveal() == "" {
			return Key{}, &NoKeyError{What: fmt.Sprintf("the file %s has no client secret for %s: this version of the CLI keeps it elsewhere", c.File, text.Quote(wanted)), Fix: "store the API key with `aura-mcp install --new-key` and use credentials = { source = \"keyring\" }"}
		}
		c.Name = wanted
		key := Key{ID: one.ID, Secret: one.Secret, From: c.String()}
		if exposed {
			key.Warning = fmt.Sprintf("%s holds client secrets and can be read by others: chmod 600 it", c.File)
		}
		return key, nil
	}
	c.Name = wanted
	return Key{}, missing(c, names)
}

func missing(c config.Credentials, names []string) error {
	what := fmt.Sprintf("the file %s has no entry %s%s", c.File, text.Quote(c.Name), by(c))
	if len(names) > 0 {
		what += "; it has " + text.QuoteAll(names)
	}
	return &NoKeyError{What: what, Fix: "store the API key there, or name the entry to use: credentials = { …, name = \"…\" }", Err: ErrNone}
}

// most is more than any such file has.
const most = 1 << 20

// read reads a file of credentials, and reports whether others than its owner can.
func read(c config.Credentials) (content []byte, exposed bool, err error) {
	f, err := os.Open(c.File)
	switch {
	case c.File == "" || errors.Is(err, fs.ErrNotExist):
		return nil, false, &NoKeyError{What: fmt.Sprintf("there is no credentials file %s%s", c.File, by(c)), Fix: "store the API key with `aura-mcp install --new-key`, or name the file: credentials = { …, file = \"…\" }", Err: ErrNone}
	case err != nil:
		return nil, false, unreadable(c, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, unreadable(c, err)
	}
	if content, err = io.ReadAll(io.LimitReader(f, most)); err != nil {
		return nil, false, unreadable(c, err)
	}
	return content, exposedMode(info), nil
}

func unreadable(c config.Credentials, err error) error {
	return &NoKeyError{What: fmt.Sprintf("the credentials file cannot be read%s: %v", by(c), err), Fix: "mend that, or use another place", Err: err}
}

// Exposed reports whether others than its owner can read a file.
func Exposed(name string) bool {
	info, err := os.Stat(name)
	return err == nil && exposedMode(info)
}

// exposedMode: on Windows the profile directory's own access list keeps others out, and a mode says nothing.
func exposedMode(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0
}

// decode says the line of a mistake, and nothing of what stands there: it may be a secret.
func decode(c config.Credentials, content []byte, out any) error {
	err := json.Unmarshal(content, out)
	if err == nil {
		return nil
	}
	line, what := 1, "it is not what was expected there"
	if at, ok := errors.AsType[*json.SyntaxError](err); ok {
		line, what = lineOf(content, int(at.Offset)), "it is no JSON"
	}
	if at, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		line = lineOf(content, int(at.Offset))
	}
	return &NoKeyError{What: fmt.Sprintf("in %s:%d: %s%s", c.File, line, what, by(c)), Fix: "mend it", Err: errors.New(what)}
}

func lineOf(content []byte, offset int) int {
	return 1 + bytes.Count(content[:max(0, min(offset, len(content)))], []byte("\n"))
}

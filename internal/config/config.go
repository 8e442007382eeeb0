// Package config reads the settings: flag over environment over config file. It only reads what it is handed, never the
// process or the working directory, and it refuses what it does not understand: a misspelt safety setting that is ignored
// is worse than none.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"aura-mcp/auraclient"
)

// Config is the settings of one profile: a set of credentials with its policy.
type Config struct {
	// Name of the profile: [DefaultName] where the file names none.
	Name        string
	Credentials Credentials
	// MetricsClientID and its secret are a second API key, for metrics alone; empty where the first serves.
	MetricsClientID     string
	MetricsClientSecret auraclient.Secret

	BaseURL           string
	AuthURL           string // empty: the base URL's own
	RequestsPerMinute int
	ReadOnly          bool
	Toolsets          []string
	Approval          Approval
	Protected         []string // patterns of names, and IDs
	SafetySnapshots   bool
	DeniedTools       []string
	Locked            []string // patterns of names, and IDs
	MaxMemory         string
	MaxInstances      int // 0: no limit
	AllowedRegions    []string
	AllowedTypes      []string
	SecretSink        string // file, keyring, page or reveal
	LogLevel          slog.Level
	Serving           Serving
	Tables
	// File is the config file, whether it exists or not; "" where there is no place for one.
	File string
	// Origins say where a setting was found, by key, for messages.
	Origins map[string]string
	// Notices are things that the person should know and that stop nothing, such as a setting without effect.
	Notices []string

	values layer
}

// Sources is where settings come from.
type Sources struct {
	Flags    map[string]string // by key, only those given
	Defaults map[string]string // by key: what a command takes instead of the usual default
	Environ  []string          // as os.Environ gives it
	Dir      string            // the user's configuration directory; empty where there is none
	ReadFile func(name string) ([]byte, error)
	// Exposed reports whether others than the person can read a file. Nil where that cannot be told.
	Exposed func(name string) bool
	// GOOS is the system, which decides where the official CLI keeps its credentials.
	GOOS string
	// Demo leaves credentials and addresses of the environment and the file aside: the demo talks to nobody.
	Demo bool
}

// Stored leaves aside what a person's shell has set: a program that starts without that shell, such as an MCP client, hands none of
// it on.
func (s Sources) Stored() Sources {
	ours := []string{configVariable, profileVariable}
	for _, one := range Settings() {
		ours = append(ours, one.Env...)
	}
	s.Environ = slices.DeleteFunc(slices.Clone(s.Environ), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains(ours, name)
	})
	return s
}

// FileName is where the config file is looked for in the user's configuration directory, with forward slashes.
const FileName = "aura-mcp/config.toml"

// value is a setting as one layer gives it.
type value struct {
	text   string
	origin string // for messages: where the person finds it
}

type layer map[string]value

// layers are all places that settings come from, read and checked.
type layers struct {
	Sources
	flags, env, defaults layer
	file                 file
	fileName             string
}

// Load reads all layers and applies the rules between them. Its error names the setting, where it stands and what is allowed; the
// file is told all the same.
func Load(s Sources) (Profiles, error) {
	l := layers{Sources: s, flags: layer{}, defaults: layer{}}
	for key, text := range s.Flags {
		l.flags[key] = value{text, "--" + strings.ReplaceAll(key, "_", "-")}
		if key == "toolsets" {
			l.flags[key] = value{strings.Join(fields(text), listMark), l.flags[key].origin}
		}
	}
	for key, text := range s.Defaults {
		l.defaults[key] = value{text, defaultOrigin}
	}
	var err error
	if l.env, err = environment(s.Environ); err != nil {
		return Profiles{}, err
	}
	l.fileName = s.fileName(l.flags, l.env)
	l.file, err = l.readFile()
	problems := []error{err}
	for _, layer := range append([]layer{l.flags, l.env}, l.file.layers()...) {
		problems = append(problems, layer.check())
	}
	if err := errors.Join(problems...); err != nil {
		return Profiles{File: l.fileName, Exists: l.file.exists}, err
	}
	return l.profiles()
}

// profile joins the layers for one profile. Two rules protect a person from an environment that is not their own, such as a
// repository's .mcp.json: stored credentials go only to the addresses stored with them, and stored policy can only be
// tightened.
func (l layers) profile(s section) (Config, error) {
	credentials, err := l.credentials(s)
	if err != nil {
		return Config{}, err
	}
	env, notices := l.env, slices.Clone(s.notices)
	if v, given := env["metrics_client_id"]; given && l.several() && !credentials.fromEnvironment() {
		env = nil // they belong to one account, and nobody says to which
		notices = append(notices, fmt.Sprintf("%s is not used for the profile %s: with several profiles, metrics_client_id goes into the profile", v.origin, s.name))
	}
	metrics, err := pair("metrics_client", env, s.values)
	if err != nil {
		return Config{}, err
	}
	all := overlay(l.flags, l.env, s.values, l.defaults)
	redirected := l.redirected(all, s.values)
	if err := redirected(credentials.String()); credentials.Source == Anywhere {
		credentials.Redirected = err // there may be none; whoever finds some has to refuse
	} else if err != nil && !credentials.fromEnvironment() {
		return Config{}, err
	}
	if stored, used := s.values["metrics_client_id"], metrics["metrics_client_id"]; stored.text != "" && used == stored {
		if err := redirected(stored.origin); err != nil {
			return Config{}, err
		}
	}
	all, more := tighten(all, s.values)
	c := settle(all)
	c.Name, c.File, c.Credentials = s.name, l.fileName, credentials
	c.has(s.tables)
	if c.Name == "" {
		c.Name = DefaultName
	}
	c.MetricsClientID, c.MetricsClientSecret = metrics["metrics_client_id"].text, auraclient.Secret(metrics["metrics_client_secret"].text)
	c.Notices = slices.Concat(notices, more)
	return c, nil
}

// redirected says why credentials that are stored must not be used: something outside the file names another address.
func (l layers) redirected(all, stored layer) func(origin string) error {
	return func(origin string) error {
		for _, address := range []string{"base_url", "auth_url"} {
			if all[address].text != stored[address].text {
				return fmt.Errorf("%s (%s) would send the credentials stored in %s to another address: set AURA_CLIENT_ID and AURA_CLIENT_SECRET together with it, or store %s in the file",
					address, all[address].origin, origin, address)
			}
		}
		return nil
	}
}

// demo keeps what does not name an account.
func (l layers) demo(s section) (Config, error) {
	all, ignored := overlay(l.flags, l.env, s.values, l.defaults), []string{}
	for _, key := range accountKeys() {
		v, given := all[key]
		if !given {
			continue
		}
		if _, flag := l.flags[key]; flag {
			return Config{}, fmt.Errorf("%s does not go with the demo, which talks to its own simulator: leave out one of the two", v.origin)
		}
		ignored = append(ignored, v.origin)
		delete(all, key)
	}
	all, notices := tighten(all, s.values)
	c := settle(all)
	c.Name, c.File, c.Notices = DefaultName, l.fileName, slices.Concat(s.notices, notices)
	c.has(s.tables)
	if len(ignored) > 0 {
		c.Notices = append(c.Notices, "the demo ignores "+strings.Join(ignored, ", "))
	}
	return c, nil
}

// accountKeys name an account or where it is.
func accountKeys() []string {
	return []string{"client_id", "client_secret", "metrics_client_id", "metrics_client_secret", "base_url", "auth_url"}
}

// has gives a profile the tables of its section.
func (c *Config) has(t Tables) {
	c.Tables, c.Serving.Tokens, c.Serving.OIDC = t, t.Tokens, t.OIDC
}

func overlay(layers ...layer) layer {
	all := layer{}
	for _, l := range layers { // the first that has it wins
		for key, v := range l {
			if _, has := all[key]; !has {
				all[key] = v
			}
		}
	}
	return all
}

// check reports the first values that no setting allows, all of them at once.
func (l layer) check() error {
	var problems []error
	for _, s := range Settings() {
		v, given := l[s.Key]
		if !given {
			continue
		}
		if err := s.allows(v.text); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", v.origin, err))
		}
	}
	return errors.Join(problems...)
}

// Package config reads the settings: flag over environment over config file. It only reads what it is handed, never the
// process or the working directory, and it refuses what it does not understand: a misspelt safety setting that is ignored
// is worse than none.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"aura-mcp/auraclient"
)

// Config is the settings in force.
type Config struct {
	ClientID     string
	ClientSecret auraclient.Secret
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
	SecretSink        string // file, keyring or reveal
	LogLevel          slog.Level
	Serving           Serving
	Tables
	// File is the config file, whether it exists or not; "" where there is no place for one.
	File string
	// Origins say where a setting was found, by key, for messages.
	Origins map[string]string
	// Notices are things that the person should know and that stop nothing, such as a setting without effect.
	Notices []string
}

// HasCredentials reports whether there is an account to work with.
func (c Config) HasCredentials() bool { return c.ClientID != "" }

// Sources is where settings come from.
type Sources struct {
	Flags    map[string]string // by key, only those given
	Defaults map[string]string // by key: what a command takes instead of the usual default
	Environ  []string          // as os.Environ gives it
	Dir      string            // the user's configuration directory; empty where there is none
	ReadFile func(name string) ([]byte, error)
	// Demo leaves credentials and addresses of the environment and the file aside: the demo talks to nobody.
	Demo bool
}

// FileName is where the config file is looked for in the user's configuration directory, with forward slashes.
const FileName = "aura-mcp/config.toml"

// value is a setting as one layer gives it.
type value struct {
	text   string
	origin string // for messages: where the person finds it
}

type layer map[string]value

// Load reads all layers and applies the rules between them. Its error names the setting, where it stands and what is allowed.
func Load(s Sources) (Config, error) {
	flags := layer{}
	for key, text := range s.Flags {
		flags[key] = value{text, "--" + strings.ReplaceAll(key, "_", "-")}
		if key == "toolsets" {
			flags[key] = value{strings.Join(fields(text), listMark), flags[key].origin}
		}
	}
	env, err := environment(s.Environ)
	if err != nil {
		return Config{}, err
	}
	file, tables, err := s.file(flags, env)
	if err != nil {
		return Config{}, err
	}
	for _, l := range []layer{flags, env, file} {
		if err := l.check(); err != nil {
			return Config{}, err
		}
	}
	defaults := layer{}
	for key, text := range s.Defaults {
		defaults[key] = value{text, "default"}
	}
	var c Config
	if s.Demo {
		c, err = demo(flags, overlay(flags, env, file, defaults))
	} else {
		c, err = merge(flags, env, file, defaults)
	}
	c.Tables, c.File = tables, s.fileName(flags, env)
	return c, err
}

// merge joins the layers. Two rules protect a person from an environment that is not their own, such as a repository's
// .mcp.json: stored credentials go only to the addresses stored with them, and stored policy can only be tightened.
func merge(flags, env, file, defaults layer) (Config, error) {
	credentials, err := credentialLayer("client", env, file)
	if err != nil {
		return Config{}, err
	}
	metrics, err := credentialLayer("metrics_client", env, file)
	if err != nil {
		return Config{}, err
	}
	all := overlay(flags, env, file, defaults)
	for key, used := range map[string]layer{"client_id": credentials, "metrics_client_id": metrics} {
		stored := file[key]
		if stored.text == "" || used[key] != stored {
			continue
		}
		for _, address := range []string{"base_url", "auth_url"} {
			if all[address] != file[address] {
				return Config{}, fmt.Errorf("%s (%s) would send the credentials stored in %s to another address: set AURA_CLIENT_ID and AURA_CLIENT_SECRET together with it, or store %s in the file",
					address, all[address].origin, stored.origin, address)
			}
		}
	}
	c := settle(all)
	c.ClientID, c.ClientSecret = credentials["client_id"].text, auraclient.Secret(credentials["client_secret"].text)
	c.MetricsClientID, c.MetricsClientSecret = metrics["metrics_client_id"].text, auraclient.Secret(metrics["metrics_client_secret"].text)
	c.tighten(all, file)
	return c, nil
}

// tighten holds stored policy against flags and environment, which may only add to it.
func (c *Config) tighten(all, file layer) {
	if file["read_only"].text == "true" && !c.ReadOnly {
		c.ReadOnly = true
		c.Notices = append(c.Notices, fmt.Sprintf("%s has no effect: %s says read_only = true, which can only be tightened", all["read_only"].origin, file["read_only"].origin))
	}
	if stored, given := file["toolsets"]; given && all["toolsets"] != stored {
		allowed := expand(items(stored))
		narrowed := slices.DeleteFunc(slices.Clone(c.Toolsets), func(t string) bool { return !slices.Contains(allowed, t) })
		if len(narrowed) < len(c.Toolsets) {
			c.Notices = append(c.Notices, fmt.Sprintf("%s adds no toolset to those of %s, which can only be tightened", all["toolsets"].origin, stored.origin))
		}
		c.Toolsets = narrowed
	}
	if stored, given := file["safety_snapshots"]; given && stored.text == "true" && !c.SafetySnapshots {
		c.SafetySnapshots = true
		c.Notices = append(c.Notices, fmt.Sprintf("%s has no effect: %s keeps safety snapshots on", all["safety_snapshots"].origin, stored.origin))
	}
	if stored, given := file["approval"]; given {
		least, _ := newApproval(stored.text) // checked before
		if held := c.Approval.stricter(least); held != c.Approval {
			c.Approval = held
			c.Notices = append(c.Notices, fmt.Sprintf("%s asks in a weaker way than %s, which can only be tightened", all["approval"].origin, stored.origin))
		}
	}
	for key, list := range map[string]*[]string{"protected": &c.Protected, "locked": &c.Locked, "denied_tools": &c.DeniedTools} {
		for _, p := range items(file[key]) {
			if !slices.Contains(*list, p) {
				*list = append(*list, p)
			}
		}
	}
	if stored := file["max_memory"].text; stored != "" && (c.MaxMemory == "" || gigabytes(c.MaxMemory) > gigabytes(stored)) {
		c.MaxMemory = stored
	}
	for key, list := range map[string]*[]string{"allowed_regions": &c.AllowedRegions, "allowed_types": &c.AllowedTypes} {
		if stored := items(file[key]); len(stored) > 0 && slices.ContainsFunc(*list, func(v string) bool { return !slices.Contains(stored, v) }) {
			*list = stored // an empty list would allow everything, so what is stored counts where the two disagree
		}
	}
	if stored, err := strconv.Atoi(file["max_instances"].text); err == nil && (c.MaxInstances == 0 || c.MaxInstances > stored) {
		c.MaxInstances = stored
	}
	c.Serving.tighten(all, file)
	if stored, given := file["secret_sink"]; given && c.SecretSink == "reveal" && stored.text != "reveal" {
		c.SecretSink = stored.text
		c.Notices = append(c.Notices, fmt.Sprintf("%s has no effect: %s keeps passwords out of the conversation", all["secret_sink"].origin, stored.origin))
	}
}

// gigabytes of a size that has been checked.
func gigabytes(size string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(size, "GB"))
	return n
}

// demo keeps what does not name an account.
func demo(flags, all layer) (Config, error) {
	ignored := []string{}
	for _, key := range []string{"client_id", "client_secret", "metrics_client_id", "metrics_client_secret", "base_url", "auth_url"} {
		v, given := all[key]
		if !given {
			continue
		}
		if _, flag := flags[key]; flag {
			return Config{}, fmt.Errorf("%s does not go with the demo, which talks to its own simulator: leave out one of the two", v.origin)
		}
		ignored = append(ignored, v.origin)
		delete(all, key)
	}
	c := settle(all)
	if len(ignored) > 0 {
		c.Notices = append(c.Notices, "the demo ignores "+strings.Join(ignored, ", "))
	}
	return c, nil
}

// credentialLayer picks the layer that brings the credentials: both halves from one place, so that an ID of one account never
// meets the secret of another.
func credentialLayer(kind string, env, file layer) (layer, error) {
	for _, l := range []layer{env, file} {
		id, secret := l[kind+"_id"], l[kind+"_secret"]
		switch {
		case id.text != "" && secret.text != "":
			return l, nil
		case id.text != "":
			return nil, fmt.Errorf("%s is set, but the client secret is not: set both in the same place", id.origin)
		case secret.text != "":
			return nil, fmt.Errorf("%s is set, but the client ID is not: set both in the same place", secret.origin)
		}
	}
	return layer{}, nil
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

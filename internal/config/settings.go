package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"aura-mcp/auraclient"
	"aura-mcp/internal/text"
)

// envPrefix and a setting's key in capitals make its variable.
const envPrefix = "AURA_MCP_"

// Setting is one setting, as the docs show it.
type Setting struct {
	Key     string
	Env     []string // the variables that set it, the usual one first
	Flag    string   // empty: no flag, because a command line can be read by every process of the machine
	Default string
	Help    string
	kind    kind
	allowed func(string) error
	// stricter keeps what is stored from being loosened; nil for what is no policy.
	stricter stricter
	// adds says that what is stored and what is wanted add up, so that neither is without effect.
	adds bool
	// whole says that it holds for the whole process and not for a profile.
	whole bool
	// serves says that only the server itself has the flag.
	serves bool
}

// Serves reports whether the setting's flag belongs to the server alone, and to no other command.
func (s Setting) Serves() bool { return s.serves }

// kind is how a setting is written in the config file.
type kind int

const (
	words kind = iota // text in quotes
	truth             // true or false
	number
	list     // a list of texts; separated by commas in the environment
	byEffect // text, or a table with a text for each effect
)

// listMark separates the items of a list inside a value.
const listMark = "\n"

// Settings is every setting, in the order of the docs.
func Settings() []Setting {
	return append([]Setting{
		{Key: "client_id", Env: []string{"AURA_CLIENT_ID", "NEO4J_AURA_CLIENT_ID"}, Help: "client ID of an Aura API key", allowed: filled},
		{Key: "client_secret", Env: []string{"AURA_CLIENT_SECRET", "NEO4J_AURA_CLIENT_SECRET"}, Help: "its secret", allowed: filled},
		{Key: "metrics_client_id", Env: []string{"AURA_METRICS_CLIENT_ID"}, Help: "client ID of another API key for metrics alone, whose user has the role Metrics Reader", allowed: filled},
		{Key: "metrics_client_secret", Env: []string{"AURA_METRICS_CLIENT_SECRET"}, Help: "its secret", allowed: filled},
		{Key: "base_url", Env: []string{"AURA_BASE_URL"}, Flag: "base-url", Default: auraclient.DefaultBaseURL, Help: "address of the Aura API, with or without /v1", allowed: address},
		{Key: "auth_url", Env: []string{"AURA_AUTH_URL"}, Flag: "auth-url", Default: "the base URL's host + /oauth/token", Help: "address of the token endpoint", allowed: address},
		{Key: "read_only", Env: []string{envPrefix + "READ_ONLY"}, Flag: "read-only", Default: "false", Help: "offer only what changes nothing", kind: truth, allowed: oneOf("true", "false"), stricter: staysOn("true")},
		{Key: "toolsets", Env: []string{envPrefix + "TOOLSETS"}, Flag: "toolsets", Default: "default", Help: "which tools are offered: " + strings.Join(toolsets(), ", ") + ", default (the first four) or all", kind: list, allowed: each(oneOf(append(toolsets(), "default", "all")...)), stricter: narrowerToolsets},
		{Key: "approval", Env: []string{envPrefix + "APPROVAL"}, Flag: "approval", Default: "auto", Help: "how a person is asked: auto (the client where it can show a question, else the approval page in the browser, else a terminal), elicitation (only the client), page, terminal (aura-mcp approve), or never, which switches off what needs an approval; or a table by effect, such as { default = \"auto\", destructive = \"page\" }", kind: byEffect, allowed: approval, stricter: strictestWay},
		{Key: "protected", Env: []string{envPrefix + "PROTECTED"}, Help: "names, with * as a wildcard, and IDs of databases that are never part of a bulk operation, and destroyed only by a person on the approval page or at a terminal", kind: list, allowed: each(pattern), stricter: both, adds: true},
		{Key: "locked", Env: []string{envPrefix + "LOCKED"}, Help: "names, with * as a wildcard, and IDs of databases that nothing may change", kind: list, allowed: each(pattern), stricter: both, adds: true},
		{Key: "denied_tools", Env: []string{envPrefix + "DENIED_TOOLS"}, Help: "tools that are not offered", kind: list, allowed: each(known("tool", Tools())), stricter: both, adds: true},
		{Key: "max_memory", Env: []string{envPrefix + "MAX_MEMORY"}, Help: "the largest memory that a database may be given, such as 64GB", allowed: size, stricter: smaller},
		{Key: "max_instances", Env: []string{envPrefix + "MAX_INSTANCES"}, Help: "no database is created when there are this many", kind: number, allowed: between(1, 10000), stricter: smaller},
		{Key: "allowed_regions", Env: []string{envPrefix + "ALLOWED_REGIONS"}, Help: "the only regions to create databases in", kind: list, allowed: each(filled), stricter: narrower},
		{Key: "allowed_types", Env: []string{envPrefix + "ALLOWED_TYPES"}, Help: "the only types of databases to create", kind: list, allowed: each(known("type", types())), stricter: narrower},
		{Key: "safety_snapshots", Env: []string{envPrefix + "SAFETY_SNAPSHOTS"}, Default: "true", Help: "take a snapshot of a database before its data is replaced (overwrite, restore)", kind: truth, allowed: oneOf("true", "false"), stricter: staysOn("true")},
		{Key: "secret_sink", Env: []string{envPrefix + "SECRET_SINK"}, Default: "file", Help: "where the one-time password of a new database goes: file (private to your account), keyring, page (over HTTP: the approval page shows it once to whoever had it created), or reveal (into the assistant's conversation)", allowed: oneOf("file", "keyring", "page", "reveal"), stricter: outOfSight},
		{Key: "requests_per_minute", Env: []string{envPrefix + "REQUESTS_PER_MINUTE"}, Default: "120", Help: "most requests to Aura in any 60 s; 25 for trial accounts", kind: number, allowed: between(1, 1000)},
		{Key: byDefaultKey, Help: "of several profiles, the one that serves a call that names none", allowed: filled, whole: true},
		{Key: "log_level", Env: []string{envPrefix + "LOG_LEVEL"}, Flag: "log-level", Default: "info", Help: "what is logged on standard error", allowed: oneOf("debug", "info", "warn", "error"), whole: true},
	}, servingSettings()...)
}

func (s Setting) allows(text string) error {
	if err := s.allowed(text); err != nil {
		return fmt.Errorf("%s %w", s.Key, err)
	}
	return nil
}

func filled(v string) error {
	if strings.TrimSpace(v) == "" {
		return fmt.Errorf("is empty: set it or leave it out")
	}
	return nil
}

func address(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("is %s; allowed: an address such as %s", text.Quote(v), auraclient.DefaultBaseURL)
	}
	return nil
}

func oneOf(values ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(values, v) {
			return nil
		}
		return fmt.Errorf("is %s; allowed: %s", text.Quote(v), strings.Join(values, ", "))
	}
}

// toolsets are the ones there are; the first four are the default.
func toolsets() []string {
	return []string{"instances", "snapshots", "tenants", "health", "keys", "analytics"}
}

func each(check func(string) error) func(string) error {
	return func(v string) error {
		for item := range strings.SplitSeq(v, listMark) {
			if err := check(item); err != nil {
				return err
			}
		}
		return nil
	}
}

func approval(v string) error {
	_, err := newApproval(v)
	return err
}

func pattern(v string) error {
	if strings.Trim(v, "* ") == "" {
		return fmt.Errorf("has the pattern %s; allowed: a name or an ID, with * as a wildcard", text.Quote(v))
	}
	return nil
}

func size(v string) error {
	if n, err := strconv.Atoi(strings.TrimSuffix(v, "GB")); err == nil && n > 0 && strings.HasSuffix(v, "GB") {
		return nil
	}
	return fmt.Errorf("is %s; allowed: a size such as 64GB", text.Quote(v))
}

func between(low, high int) func(string) error {
	return func(v string) error {
		if n, err := strconv.Atoi(v); err == nil && n >= low && n <= high {
			return nil
		}
		return fmt.Errorf("is %s; allowed: a whole number from %d to %d", text.Quote(v), low, high)
	}
}

// settle turns checked values into a Config, defaults included.
func settle(all layer) Config {
	c := Config{BaseURL: auraclient.DefaultBaseURL, RequestsPerMinute: 120, AuthURL: all["auth_url"].text, Origins: map[string]string{}, values: all}
	for key, v := range all {
		c.Origins[key] = v.origin
	}
	if v, given := all["base_url"]; given {
		c.BaseURL = v.text
	}
	if n, err := strconv.Atoi(all["requests_per_minute"].text); err == nil {
		c.RequestsPerMinute = n
	}
	c.ReadOnly = all["read_only"].text == "true"
	c.Protected = items(all["protected"])
	c.Approval, _ = newApproval(cmp.Or(all["approval"].text, approvalWays()[0])) // checked before
	c.SafetySnapshots = all["safety_snapshots"].text != "false"
	c.Locked, c.DeniedTools = items(all["locked"]), items(all["denied_tools"])
	c.AllowedRegions, c.AllowedTypes, c.MaxMemory = items(all["allowed_regions"]), items(all["allowed_types"]), all["max_memory"].text
	if n, err := strconv.Atoi(all["max_instances"].text); err == nil {
		c.MaxInstances = n
	}
	c.SecretSink = cmp.Or(all["secret_sink"].text, "file")
	c.Serving = settleServing(all)
	c.Toolsets = expand(items(all["toolsets"]))
	if v, given := all["log_level"]; given {
		_ = c.LogLevel.UnmarshalText([]byte(v.text)) // checked before
	} else {
		c.LogLevel = slog.LevelInfo
	}
	return c
}

func items(v value) []string {
	if v.text == "" {
		return nil
	}
	return strings.Split(v.text, listMark)
}

// expand replaces the words that stand for several toolsets. Nothing given means the default.
func expand(names []string) []string {
	if len(names) == 0 {
		names = []string{"default"}
	}
	var out []string
	for _, n := range names {
		switch n {
		case "all":
			out = append(out, toolsets()...)
		case "default":
			out = append(out, toolsets()[:4]...)
		default:
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// environment picks our variables. An unknown one with our prefix is an error, since it is most likely a misspelt setting.
func environment(environ []string) (layer, error) {
	given := map[string]string{}
	for _, e := range environ {
		if name, v, ok := strings.Cut(e, "="); ok && v != "" {
			given[name] = v
		}
	}
	env := layer{}
	known := []string{configVariable, profileVariable}
	for _, s := range Settings() {
		known = append(known, s.Env...)
		for _, name := range s.Env {
			v, set := given[name]
			if !set {
				continue
			}
			if other, twice := env[s.Key]; twice && other.text != v {
				return nil, fmt.Errorf("%s and %s are both set, to different values: unset one", strings.TrimPrefix(other.origin, "environment "), name)
			}
			if s.kind == list {
				v = strings.Join(fields(v), listMark)
			}
			env[s.Key] = value{v, "environment " + name}
		}
	}
	for name := range given {
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(known, name) {
			return nil, fmt.Errorf("environment %s: there is no such setting%s", name, suggestion(name, known))
		}
	}
	for key, name := range map[string]string{configKey: configVariable, profileKey: profileVariable} {
		if v, set := given[name]; set {
			env[key] = value{v, "environment " + name}
		}
	}
	return env, nil
}

// fields splits a list at its commas.
func fields(v string) []string {
	var out []string
	for item := range strings.SplitSeq(v, ",") {
		out = append(out, strings.TrimSpace(item))
	}
	return out
}

func suggestion(given string, known []string) string {
	if near := text.Nearest(given, known); len(near) > 0 {
		return fmt.Sprintf("; did you mean %s?", near[0])
	}
	return "; known: " + strings.Join(known, ", ")
}

package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"aura-mcp/auraclient"
	"aura-mcp/internal/text"
)

// Source is a kind of place for credentials.
type Source string

// The sources. The first two are read with the settings, the others when the credentials are first needed.
const (
	Inline      Source = "settings" // client_id and client_secret in the config file
	Environment Source = "env"
	Keyring     Source = "keyring"  // the system's
	File        Source = "file"     // a file of ours that the person's account alone can read
	AuraCLI     Source = "aura-cli" // the credentials file of Neo4j's own CLI
	Anywhere    Source = ""         // nothing is said: the keyring, then the file, if they have any
)

// Credentials say where the API key of a profile is kept.
type Credentials struct {
	Source Source
	Name   string // under which it is kept; of the CLI's file "" is its default
	File   string // of the sources file, aura-cli and anywhere
	Prefix string // of the variables in the environment
	// ID and Secret are known already where they stand in the settings or the environment.
	ID     string
	Secret auraclient.Secret
	// Origin is where the source is set, for messages.
	Origin string
	// Redirected is why credentials of the source [Anywhere], if there are any, must not be used: something outside the file
	// would send them to another address.
	Redirected error
}

func (c Credentials) fromEnvironment() bool { return c.Source == Environment }

// String says where they are, to a person.
func (c Credentials) String() string {
	switch c.Source {
	case Inline:
		return c.Origin
	case Environment:
		return fmt.Sprintf("environment %s", strings.Join(c.Variables(), " and "))
	case Keyring:
		return fmt.Sprintf("the system's keyring, entry %s of %s", text.Quote(c.Name), KeyringService)
	case File:
		return fmt.Sprintf("%s, entry %s", c.File, text.Quote(c.Name))
	case AuraCLI:
		if c.Name == "" {
			return fmt.Sprintf("%s, its default", c.File)
		}
		return fmt.Sprintf("%s, entry %s", c.File, text.Quote(c.Name))
	case Anywhere:
	}
	if c.File == "" {
		return fmt.Sprintf("the system's keyring, entry %s of %s", text.Quote(c.Name), KeyringService)
	}
	return fmt.Sprintf("the system's keyring, or %s, entry %s", c.File, text.Quote(c.Name))
}

// Variables are the names of the variables of the source environment.
func (c Credentials) Variables() []string {
	return []string{c.Prefix + "AURA_CLIENT_ID", c.Prefix + "AURA_CLIENT_SECRET"}
}

// KeyringService is the name under which the system's keyring shows our entries; their account is the name of the profile.
const KeyringService = "aura-mcp"

// CredentialsName is where the file of the source file is, in the user's configuration directory, with forward slashes.
const CredentialsName = "aura-mcp/credentials.json"

// declared is the table credentials of a profile.
type declared struct {
	Source Source `toml:"source"`
	File   string `toml:"file"`
	Name   string `toml:"name"`
	Prefix string `toml:"prefix"`
	origin string
}

func (d declared) given() bool { return d.origin != "" }

func (d declared) check() error {
	const allowed = "keyring, env, file, aura-cli"
	switch {
	case d.Source == "":
		return fmt.Errorf("credentials needs source, one of %s, such as { source = \"keyring\" }", allowed)
	case !slices.Contains([]Source{Keyring, Environment, File, AuraCLI}, d.Source):
		return fmt.Errorf("credentials has the source %s; allowed: %s", text.Quote(string(d.Source)), allowed)
	case d.File != "" && d.Source != File && d.Source != AuraCLI:
		return fmt.Errorf("credentials: file goes with the sources file and aura-cli")
	case strings.HasPrefix(d.File, "~"):
		return fmt.Errorf("credentials: file is %s; write the whole path, or one relative to this file", text.Quote(d.File))
	case d.Name != "" && d.Source == Environment:
		return fmt.Errorf("credentials: name does not go with the source env; prefix does")
	case d.Prefix != "" && d.Source != Environment:
		return fmt.Errorf("credentials: prefix goes with the source env")
	case strings.HasPrefix(d.Prefix, envPrefix):
		return fmt.Errorf("credentials: variables that begin with %s are settings; choose another prefix", envPrefix)
	}
	return nil
}

// credentials says where the API key of a profile is: in the environment where that brings one and the profile has no name
// of its own, else where the file says.
func (l layers) credentials(s section) (Credentials, error) {
	unnamed := s.name == "" || s.name == EnvironmentName
	var none layer
	env := none
	if unnamed {
		env = l.env
	}
	found, err := pair("client", env, s.values)
	if err != nil {
		return Credentials{}, err
	}
	id := found["client_id"]
	c := Credentials{ID: id.text, Secret: auraclient.Secret(found["client_secret"].text), Origin: id.origin}
	switch {
	case id.text != "" && id == l.env["client_id"]:
		c.Source = Environment
		return c, nil
	case id.text != "" && s.credentials.given():
		return c, fmt.Errorf("%s: client_id and credentials (%s) are both set: leave out one", id.origin, s.credentials.origin)
	case id.text != "":
		c.Source = Inline
		return c, nil
	}
	return l.declared(s)
}

func (l layers) declared(s section) (Credentials, error) {
	d := s.credentials
	c := Credentials{Source: d.Source, Name: d.Name, File: d.File, Prefix: d.Prefix, Origin: d.origin}
	switch {
	case d.Source == AuraCLI && d.File == "":
		c.File = CLIFile(l.GOOS, l.Environ)
	case d.Source == AuraCLI, d.Source == File && d.File != "":
		if !filepath.IsAbs(d.File) {
			c.File = filepath.Join(filepath.Dir(l.fileName), d.File)
		}
	case (d.Source == File || d.Source == Anywhere) && l.Dir != "":
		c.File = filepath.Join(l.Dir, filepath.FromSlash(CredentialsName))
	}
	if c.Name == "" && d.Source != AuraCLI && d.Source != Environment {
		if c.Name = s.name; c.Name == "" {
			c.Name = DefaultName
		}
	}
	if d.Source != Environment {
		return c, nil
	}
	env := l.env
	if d.Prefix != "" {
		env = layer{}
		for key, name := range map[string]string{"client_id": c.Variables()[0], "client_secret": c.Variables()[1]} {
			if v := variable(l.Environ, name); v != "" {
				env[key] = value{v, "environment " + name}
			}
		}
	}
	found, err := pair("client", env, nil)
	c.ID, c.Secret = found["client_id"].text, auraclient.Secret(found["client_secret"].text)
	return c, err
}

// pair picks the layer that brings a client ID and its secret: both from one place, so that an ID of one account never meets
// the secret of another.
func pair(kind string, env, file layer) (layer, error) {
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

// CLIFile is where the official CLI keeps its credentials, which depends on the system; "" where there is no home.
func CLIFile(goos string, environ []string) string {
	var prefix string
	switch goos {
	case "windows":
		prefix = variable(environ, "LOCALAPPDATA")
	case "darwin":
		if home := variable(environ, "HOME"); home != "" {
			prefix = filepath.Join(home, "Library", "Preferences") // and not Application Support, where Go looks for settings
		}
	default:
		if prefix = variable(environ, "XDG_CONFIG_HOME"); prefix == "" && variable(environ, "HOME") != "" {
			prefix = filepath.Join(variable(environ, "HOME"), ".config")
		}
	}
	if prefix == "" {
		return ""
	}
	return filepath.Join(prefix, "neo4j", "cli", "credentials.json")
}

// variable reads a variable of the environment. Windows takes no account of case in their names, and nobody has two that
// differ in nothing else.
func variable(environ []string, name string) (found string) {
	for _, e := range environ {
		if given, v, _ := strings.Cut(e, "="); strings.EqualFold(given, name) {
			found = v
		}
	}
	return found
}

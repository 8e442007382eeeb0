package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"aura-mcp/auraclient"
	"aura-mcp/internal/approval"
	"aura-mcp/internal/config"
	"aura-mcp/internal/credentials"
	"aura-mcp/internal/text"
)

// Where an API key comes from, for messages.
const consoleKeys = "API keys are made in the Aura console under Account, API keys"

// keyAttempts is how often a person may mistype a key.
const keyAttempts = 3

// surroundings are the settings twice: with this shell's variables, and as a server will see them that a client launches.
type surroundings struct{ here, there config.Profiles }

func (i *installer) surroundings() (s surroundings, err error) {
	sources := i.process.sources(fleetFlags{demo: i.demo})
	if s.here, err = config.Load(sources); err == nil {
		sources.Flags = i.set // the profile; chosen above, it would keep the variables from bringing a key
		s.there, err = config.Load(sources.Stored())
	}
	if err != nil {
		return s, usageError{err} // the server would not start with it
	}
	if i.newKey && len(s.there.All) > 1 {
		return s, usageError{fmt.Errorf("the settings have several profiles; say whose API key this is with --profile: %s", strings.Join(s.there.Names(), ", "))}
	}
	return s, nil
}

// given is the API key that this shell's variables hold.
func (s surroundings) given() (config.Credentials, bool) {
	for _, c := range s.here.All {
		if c.Credentials.Source == config.Environment && c.Credentials.Prefix == "" && c.Credentials.ID != "" {
			return c.Credentials, true
		}
	}
	return config.Credentials{}, false
}

// at is a profile with the addresses that its key is tried at: this shell's, where it has some.
func (s surroundings) at(c config.Config) config.Config {
	here := s.here.All[0] // the variables are the same for all
	if strings.HasPrefix(here.Origins["base_url"], "environment ") {
		c.BaseURL, c.AuthURL = here.BaseURL, here.AuthURL
	}
	if strings.HasPrefix(here.Origins["auth_url"], "environment ") {
		c.AuthURL = here.AuthURL
	}
	return c
}

// keys sees to it that the server finds an API key for every profile, and reports whether it does.
func (i *installer) keys(ctx context.Context, s surroundings) (ready bool, err error) {
	ready = true
	for _, c := range s.there.All {
		found, err := keyOf{i, s, c}.settle(ctx)
		if err != nil {
			return false, err
		}
		ready = ready && found
	}
	return ready, nil
}

// keyOf is the API key of one profile.
type keyOf struct {
	*installer
	surroundings
	profile config.Config // as the server will see it
}

// whose says of, for or to which profile; nothing where the settings name none.
func (k keyOf) whose(preposition string) string {
	if !k.there.Named {
		return ""
	}
	return fmt.Sprintf(" %s the profile %s", preposition, k.profile.Name)
}

// settle finds the key or stores one, and reports whether the server will have it.
func (k keyOf) settle(ctx context.Context) (bool, error) {
	finder, place := credentials.New(k.process.Keyring), k.profile.Credentials
	writable := slices.Contains([]config.Source{config.Anywhere, config.Keyring, config.File}, place.Source)
	switch {
	case k.newKey && !writable:
		return false, fmt.Errorf("the settings say that the API key%s is in %s, which this program does not write", k.whose("of"), place)
	case place.Source == config.Environment:
		k.screen.line("The API key%s comes from %s (%s): give the client these variables, in the env of its entry.", k.whose("of"), place, place.Origin)
		return true, nil
	case !k.newKey:
		key, err := finder.Find(ctx, place)
		if err == nil {
			k.screen.line("The API key%s is there: %s.", k.whose("of"), key.From)
			if writable {
				k.screen.line("--new-key stores another.")
			}
			return true, nil
		}
		if !writable || !errors.Is(err, credentials.ErrNone) {
			return false, err
		}
	}
	at := k.at(k.profile)
	key, err := k.obtain(ctx, at)
	if err != nil || key.ID == "" {
		return false, err
	}
	where, err := finder.Store(ctx, place, key)
	if err != nil {
		return false, fmt.Errorf("the key could not be stored: %w", err)
	}
	k.screen.line("It is stored: %s.", where)
	return true, k.propose(ctx, at)
}

// obtain takes the key of this shell's variables, or asks for one; either is tried. An empty key means that the person would
// rather not now.
func (k keyOf) obtain(ctx context.Context, at config.Config) (credentials.Key, error) {
	given, found := k.given()
	if !found || len(k.there.All) > 1 {
		return k.ask(ctx, at)
	}
	k.screen.line("\nThe API key of the environment, client ID %s, is tried and stored: clients do not pass your shell's variables on.", text.Quote(given.ID))
	key := credentials.Key{ID: given.ID, Secret: given.Secret}
	return key, k.try(ctx, at, key)
}

// ask asks until a key works.
func (k keyOf) ask(ctx context.Context, at config.Config) (none credentials.Key, err error) {
	later := fmt.Sprintf("The server has no API key%s yet, so every call will say so. %s. Then run this again, or set AURA_CLIENT_ID and AURA_CLIENT_SECRET and run it with --yes.", k.whose("of"), consoleKeys)
	if !k.canAsk() {
		k.screen.line("\n%s", later)
		return none, nil
	}
	k.screen.line("\nThe server needs an API key of Aura%s. %s. An empty line leaves it for later.", k.whose("for"), consoleKeys)
	if at.BaseURL != auraclient.DefaultBaseURL || at.AuthURL != "" {
		k.screen.line("The key will be sent to %s", strings.TrimSuffix(at.BaseURL+" and "+at.AuthURL, " and "))
	}
	for attempt := 1; ; attempt++ {
		id, err := k.terminal.Line(ctx, "Client ID")
		if err != nil || id == "" {
			k.screen.line("%s", later)
			return none, err
		}
		secret, err := k.terminal.Hidden(ctx, "Client secret (not shown)")
		if secret = strings.TrimSpace(secret); err != nil || secret == "" {
			k.screen.line("%s", later)
			return none, err
		}
		key := credentials.Key{ID: id, Secret: auraclient.Secret(secret)}
		err = k.try(ctx, at, key)
		if err == nil {
			return key, nil
		}
		if !errors.Is(err, errKeyRefused) || attempt == keyAttempts {
			return none, err
		}
		k.screen.line("%v", err)
	}
}

// errKeyRefused means that Aura does not know a key; another may work.
var errKeyRefused = errors.New("Aura does not accept this client ID and secret; nothing was stored") //nolint:staticcheck // it is a name

// try asks Aura for something harmless with a key.
func (k keyOf) try(ctx context.Context, at config.Config, key credentials.Key) error {
	options := []auraclient.Option{auraclient.WithBaseURL(at.BaseURL), auraclient.WithUserAgent("aura-mcp/" + version())}
	if at.AuthURL != "" {
		options = append(options, auraclient.WithAuthURL(at.AuthURL))
	}
	aura, err := auraclient.New(key.ID, key.Secret, options...)
	if err != nil {
		return fmt.Errorf("%w: %w", errKeyRefused, err)
	}
	tenants, err := aura.Tenants.List(ctx)
	switch refused, ok := auraclient.AsError(err); {
	case err == nil:
	case ok && refused.Status >= 400 && refused.Status < 500 && !auraclient.IsRateLimited(err):
		return fmt.Errorf("%w: %w", errKeyRefused, err)
	default:
		return fmt.Errorf("the key could not be tried, so nothing was stored: %w\nsee that this machine reaches %s, then run this again", err, at.BaseURL)
	}
	names := make([]string, 0, len(tenants))
	for _, t := range tenants[:min(len(tenants), 5)] {
		names = append(names, t.Name)
	}
	more := ""
	if n := len(tenants) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	k.screen.line("The key works. It sees %s: %s%s", quantity(len(tenants), "tenant"), text.QuoteAll(names), more)
	return nil
}

// propose offers the settings that a server with this key should have. A config file that is there stays as it is.
func (k keyOf) propose(ctx context.Context, at config.Config) error {
	needed, wanted := k.proposals(at)
	maps.Copy(wanted, needed)
	lines := make([]string, 0, len(wanted))
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		lines = append(lines, key+" = "+wanted[key])
	}
	file, shown := k.there.File, strings.Join(lines, "\n  ")
	if file == "" || len(lines) == 0 {
		return nil
	}
	if k.there.Exists {
		advice := "Consider adding"
		if len(needed) > 0 {
			advice = "For the key to go where it was tried, add"
		}
		k.screen.line("The settings in %s stay as they are. %s%s:\n  %s", file, advice, k.whose("to"), shown)
		return nil
	}
	k.screen.line("\nSettings to begin with, in %s:\n  %s", file, shown)
	if !k.yes && k.canAsk() {
		yes, err := k.confirms(ctx, "Write them?")
		if err != nil {
			return err
		}
		if !yes {
			wanted = needed // without which no call works
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	if err := writeNew(file, config.Template(wanted)); err != nil {
		return err
	}
	k.screen.line("They are written; every other setting is explained there.")
	return nil
}

// proposals are the addresses that the key was tried at, where the settings have others, and a guard for what has a name like
// production and for what destroys.
func (k keyOf) proposals(at config.Config) (needed, wanted map[string]string) {
	needed, wanted = map[string]string{}, map[string]string{}
	if at.BaseURL != k.profile.BaseURL {
		needed["base_url"] = strconv.Quote(at.BaseURL)
	}
	if at.AuthURL != k.profile.AuthURL {
		needed["auth_url"] = strconv.Quote(at.AuthURL)
	}
	if _, has := k.profile.Origins["protected"]; !has {
		wanted["protected"] = `["prod*"]`
	}
	_, has := k.profile.Origins["approval"]
	if _, err := (approval.Browser{Environ: k.process.Environ}).Find(); err == nil && !has {
		wanted["approval"] = `{ default = "auto", destructive = "page" }`
	}
	return needed, wanted
}

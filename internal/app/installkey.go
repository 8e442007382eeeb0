package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aura-mcp/auraclient"
	"aura-mcp/internal/config"
	"aura-mcp/internal/install"
	"aura-mcp/internal/text"
)

// Where an API key comes from, for messages.
const consoleKeys = "API keys are made in the Aura console under Account, API keys"

// keyAttempts is how often a person may mistype a key.
const keyAttempts = 3

// credentials sees to it that the server finds an API key, and reports whether it does.
func (i *installer) credentials(ctx context.Context, settings config.Config) (ready bool, err error) {
	inEnvironment := settings.HasCredentials() && strings.HasPrefix(settings.Origins["client_id"], "environment ")
	if settings.HasCredentials() && !inEnvironment {
		i.screen.line("The API key is in %s.", settings.Origins["client_id"])
		return true, nil
	}
	if _, err := i.process.Keys.Load(install.DefaultProfile); err == nil && !i.newKey {
		i.screen.line("An API key is stored already; --new-key stores another.")
		return true, nil
	}
	if inEnvironment {
		i.screen.line("\nThe API key of the environment, client ID %s, is tried and stored: clients do not pass your shell's variables on.", text.Quote(settings.ClientID))
		key := install.Credentials{ClientID: settings.ClientID, ClientSecret: settings.ClientSecret}
		if err := i.try(ctx, settings, key); err != nil {
			return false, err
		}
		return true, i.keep(key, settings)
	}
	key, err := i.askKey(ctx, settings)
	if err != nil || key.ClientID == "" {
		return false, err
	}
	return true, i.keep(key, settings)
}

// askKey asks until a key works. An empty one means that the person would rather not now.
func (i *installer) askKey(ctx context.Context, settings config.Config) (install.Credentials, error) {
	var none install.Credentials
	later := fmt.Sprintf("The server has no API key yet, so every call will say so. %s. Then run this again, or set AURA_CLIENT_ID and AURA_CLIENT_SECRET and run it with --yes.", consoleKeys)
	if !i.canAsk() {
		i.screen.line("\n%s", later)
		return none, nil
	}
	i.screen.line("\nThe server needs an API key of Aura. %s. An empty line leaves it for later.", consoleKeys)
	if settings.BaseURL != auraclient.DefaultBaseURL || settings.AuthURL != "" {
		i.screen.line("The key will be sent to %s", strings.TrimSuffix(settings.BaseURL+" and "+settings.AuthURL, " and "))
	}
	for attempt := 1; ; attempt++ {
		id, err := i.asks.line(ctx, "Client ID > ")
		if err != nil || id == "" {
			i.screen.line("%s", later)
			return none, err
		}
		secret, err := i.asks.secret(ctx, "Client secret (not shown) > ")
		if err != nil || secret == "" {
			i.screen.line("%s", later)
			return none, err
		}
		key := install.Credentials{ClientID: id, ClientSecret: auraclient.Secret(secret)}
		err = i.try(ctx, settings, key)
		if err == nil {
			return key, nil
		}
		if !errors.Is(err, errKeyRefused) || attempt == keyAttempts {
			return none, err
		}
		i.screen.line("%v", err)
	}
}

// errKeyRefused means that Aura does not know a key; another may work.
var errKeyRefused = errors.New("Aura does not accept this client ID and secret; nothing was stored") //nolint:staticcheck // it is a name

// try asks Aura for something harmless with a key.
func (i *installer) try(ctx context.Context, settings config.Config, key install.Credentials) error {
	options := []auraclient.Option{auraclient.WithBaseURL(settings.BaseURL), auraclient.WithUserAgent("aura-mcp/" + version())}
	if settings.AuthURL != "" {
		options = append(options, auraclient.WithAuthURL(settings.AuthURL))
	}
	aura, err := auraclient.New(key.ClientID, key.ClientSecret, options...)
	if err != nil {
		return fmt.Errorf("%w: %w", errKeyRefused, err)
	}
	tenants, err := aura.Tenants.List(ctx)
	switch refused, ok := auraclient.AsError(err); {
	case err == nil:
	case ok && refused.Status >= 400 && refused.Status < 500 && !auraclient.IsRateLimited(err):
		return fmt.Errorf("%w: %w", errKeyRefused, err)
	default:
		return fmt.Errorf("the key could not be tried, so nothing was stored: %w\nsee that this machine reaches %s, then run this again", err, settings.BaseURL)
	}
	names := make([]string, 0, len(tenants))
	for _, t := range tenants[:min(len(tenants), 5)] {
		names = append(names, t.Name)
	}
	if more := len(tenants) - len(names); more > 0 {
		i.screen.line("The key works. It sees the tenants %s and %d more.", text.QuoteAll(names), more)
		return nil
	}
	i.screen.line("The key works. It sees %d tenants: %s", len(tenants), text.QuoteAll(names))
	return nil
}

// keep stores a key that works, and makes a config file where there is none.
func (i *installer) keep(key install.Credentials, settings config.Config) error {
	where, err := i.process.Keys.Save(install.DefaultProfile, key)
	if err != nil {
		return fmt.Errorf("the key could not be stored: %w", err)
	}
	i.screen.line("It is stored in %s.", where)
	wanted := install.Settings{AuthURL: settings.AuthURL, Where: where}
	if settings.BaseURL != auraclient.DefaultBaseURL {
		wanted.BaseURL = settings.BaseURL
	}
	if settings.File == "" {
		return nil
	}
	written, err := wanted.Write(settings.File)
	if err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	if written {
		i.screen.line("The settings are in %s; they guard databases named prod* most.", settings.File)
		return nil
	}
	inFile := func(key string) bool { return strings.HasPrefix(settings.Origins[key], settings.File+":") }
	if lines := wanted.Lines(inFile); len(lines) > 0 {
		i.screen.line("The settings in %s stay as they are. Consider adding:\n  %s", settings.File, strings.Join(lines, "\n  "))
	}
	return nil
}

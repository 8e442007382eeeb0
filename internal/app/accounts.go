package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"aura-mcp/auraclient"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/config"
	"aura-mcp/internal/credentials"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
	"aura-mcp/tools"
)

// account is one profile at work: its settings, its client, and its tools, which are made when they are first needed.
type account struct {
	config  config.Config
	caller  string // the profile as callers have it: "" where there is only one, without a name
	connect func(context.Context) (*auraclient.Client, error)
	fleet   *tools.Fleet
	catalog func() []op.Operation

	mu     sync.Mutex
	key    credentials.Key    // once found
	client *auraclient.Client // the newest; nil until the first connection
}

// clientID is whose account it is; "" until the first connection.
func (a *account) clientID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.key.ID
}

// find reads the credentials, which may ask the person to unlock a keyring.
func (a *account) find(ctx context.Context, f credentials.Finder) (credentials.Key, error) {
	key, err := f.Find(ctx, a.config.Credentials)
	if err != nil {
		return key, err
	}
	if a.config.MetricsClientID != "" {
		key.MetricsID, key.MetricsSecret = a.config.MetricsClientID, a.config.MetricsClientSecret
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key = key
	return key, nil
}

// newAccount readies a profile. Settings that can be judged without the network and the credentials are judged now.
func (p Process) newAccount(s *setup, c config.Config) (*account, error) {
	a := &account{config: c, caller: callerProfile(s.settings, c)}
	thresholds, err := thresholds(c)
	if err != nil {
		return nil, err
	}
	if a.connect, err = p.connector(s, a); err != nil {
		return nil, err
	}
	options := p.fleetOptions(s, a)
	options.Thresholds = thresholds
	a.fleet = tools.New(options)
	a.catalog = sync.OnceValue(func() []op.Operation {
		catalog := a.fleet.Catalog()
		if s.settings.Named {
			choice := s.settings.Names()
			if s.remote != nil {
				choice = []string{c.Name} // who calls decides, not the call
			}
			for i, o := range catalog {
				catalog[i] = o.InProfile(c.Name, choice, s.settings.Default)
			}
		}
		return catalog
	})
	return a, nil
}

// connector returns what makes the client at the first call.
func (p Process) connector(s *setup, a *account) (func(context.Context) (*auraclient.Client, error), error) {
	if s.demo {
		a.key = credentials.Key{ID: aurasim.DemoClientID, Secret: aurasim.DemoClientSecret, From: "the demo"}
		client, err := s.shared(a, a.key, func() (*auraclient.Client, error) {
			return s.client(a.config, a.key, "https://demo.invalid", "", s.sim.Transport())
		})
		a.client = client
		return func(context.Context) (*auraclient.Client, error) { return client, nil }, err
	}
	// A key of no account judges the addresses; it is never sent.
	if _, err := s.client(a.config, credentials.Key{ID: "none", Secret: "none", MetricsID: a.config.MetricsClientID, MetricsSecret: a.config.MetricsClientSecret}, a.config.BaseURL, a.config.AuthURL, http.DefaultTransport); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*auraclient.Client, error) {
		key, err := a.find(ctx, credentials.New(p.Keyring))
		if err != nil {
			return nil, withoutKey(err)
		}
		if key.Warning != "" {
			s.log.Warn("credentials", "warning", key.Warning)
		}
		client, err := s.shared(a, key, func() (*auraclient.Client, error) {
			return s.client(a.config, key, a.config.BaseURL, a.config.AuthURL, http.DefaultTransport)
		})
		if err == nil {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.client = client
		}
		return client, err
	}, nil
}

// keyed tells one use of an API key at Aura from another. Aura counts the requests of a key, so profiles that use one alike have one
// client, and with it one budget.
type keyed struct {
	id, metricsID         string
	secret, metricsSecret auraclient.Secret
	baseURL, authURL      string
	perMinute             int
}

func (a *account) keyed(k credentials.Key) keyed {
	return keyed{
		id: k.ID, secret: k.Secret, metricsID: k.MetricsID, metricsSecret: k.MetricsSecret,
		baseURL: a.config.BaseURL, authURL: a.config.AuthURL, perMinute: a.config.RequestsPerMinute,
	}
}

// shared returns the client of a key, which it makes where there is none yet.
func (s *setup) shared(a *account, k credentials.Key, fresh func() (*auraclient.Client, error)) (*auraclient.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if client := s.clients[a.keyed(k)]; client != nil {
		return client, nil
	}
	client, err := fresh()
	if err == nil {
		if s.clients == nil {
			s.clients = map[keyed]*auraclient.Client{}
		}
		s.clients[a.keyed(k)] = client
	}
	return client, err
}

// budget is how many requests to Aura can be sent at once, of those that any minute allows, and by which key.
func (a *account) budget() (left, limit int, by keyed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client != nil {
		left, limit = a.client.Budget()
		return left, limit, a.keyed(a.key)
	}
	k := credentials.Key{ID: a.config.Credentials.ID, Secret: a.config.Credentials.Secret, MetricsID: a.config.MetricsClientID, MetricsSecret: a.config.MetricsClientSecret}
	if k.ID == "" { // it is looked for when it is needed
		k.ID = "of profile " + a.config.Name
	}
	return a.config.RequestsPerMinute, a.config.RequestsPerMinute, a.keyed(k)
}

// client makes a client that has sent nothing yet.
func (s *setup) client(c config.Config, key credentials.Key, baseURL, authURL string, transport http.RoundTripper) (*auraclient.Client, error) {
	options := []auraclient.Option{
		auraclient.WithBaseURL(baseURL), auraclient.WithTransport(s.counted(transport)), auraclient.WithLogger(s.log),
		auraclient.WithUserAgent("aura-mcp/" + version()), auraclient.WithRateLimit(c.RequestsPerMinute),
	}
	if key.MetricsID != "" {
		options = append(options, auraclient.WithMetricsCredentials(key.MetricsID, key.MetricsSecret))
	}
	if authURL != "" {
		options = append(options, auraclient.WithAuthURL(authURL))
	}
	client, err := auraclient.New(key.ID, key.Secret, options...)
	if wrong, ok := errors.AsType[*auraclient.ArgumentError](err); ok {
		name := strings.ReplaceAll(wrong.Argument, " ", "_") // the client names its arguments as the settings are named
		origin, set := c.Origins[name]
		if !set {
			origin = key.From
		}
		err = fmt.Errorf("%s: %s %s", origin, name, wrong.Problem)
	}
	return client, err
}

// operation is one of the account's, by the name of one of the catalogue.
func (a *account) operation(name string) op.Operation {
	catalog := a.catalog()
	return catalog[slices.IndexFunc(catalog, func(o op.Operation) bool { return o.Spec.Name == name })]
}

// withoutKey says to a model why there are no credentials.
func withoutKey(err error) error {
	problem, ok := errors.AsType[*credentials.NoKeyError](err)
	if !ok {
		return err
	}
	next := "tell the person to " + problem.Fix
	if errors.Is(err, credentials.ErrNone) {
		next += " (API keys are made in the Aura console under Account, API keys); aura-mcp --demo tries it on a simulated fleet"
	}
	return &op.Error{What: problem.What, Next: next, Err: err}
}

// accounts are the profiles of a server.
type accounts struct {
	all       []*account
	byDefault *account // nil where each call has to name its profile
}

// of returns the account of a caller's profile, or nil.
func (a accounts) of(profile string) *account {
	for _, one := range a.all {
		if one.caller == profile {
			return one
		}
	}
	return nil
}

// budget is that of all accounts together, in which each key counts once.
func (a accounts) budget() (left, limit int) {
	keys := map[keyed][2]int{}
	for _, one := range a.all {
		l, m, by := one.budget()
		if known, has := keys[by]; !has || l < known[0] {
			keys[by] = [2]int{l, m}
		}
	}
	for _, k := range keys {
		left, limit = left+k[0], limit+k[1]
	}
	return left, limit
}

// several reports whether a call can choose.
func (a accounts) several() bool { return len(a.all) > 1 }

func (a accounts) names() []string {
	out := make([]string, len(a.all))
	for i, one := range a.all {
		out[i] = one.config.Name
	}
	return out
}

// instructions tell a model that there are several accounts; nothing where there is one.
func (a accounts) instructions() string {
	if !a.several() {
		return ""
	}
	names := strings.Join(a.names(), ", ")
	if a.byDefault != nil {
		names += "; without it, " + a.byDefault.config.Name
	}
	return fmt.Sprintf("\n- There are several accounts. The argument profile says which one a call is about: %s.", names)
}

// choose returns the account that a call's arguments name.
func (a accounts) choose(ctx context.Context, o op.Spec, arguments any) (*account, error) {
	acts := o.Effects != op.Read
	given, _ := arguments.(map[string]any)
	wanted := given[op.ProfileArgument]
	if wanted == nil || wanted == "" {
		if a.byDefault != nil {
			return a.byDefault, nil
		}
		return nil, &op.Error{
			What:      "argument `profile` is missing, and the settings name no default_profile; there are " + a.describe(ctx),
			Next:      "call again with the profile that has what this is about; where that is not clear, ask the person",
			Unchanged: acts,
		}
	}
	for _, one := range a.all {
		if one.config.Name == wanted {
			return one, nil
		}
	}
	name, ok := wanted.(string)
	if !ok {
		return nil, &op.Error{What: "argument `profile` must be one of " + strings.Join(a.names(), ", "), Next: "call again with one of them", Unchanged: acts}
	}
	next := "call again with one of them"
	if near := text.Nearest(name, a.names()); len(near) > 0 {
		next = fmt.Sprintf("if %s was meant, call again with that", near[0])
	}
	return nil, &op.Error{What: fmt.Sprintf("there is no profile %s; there are %s", text.Quote(name), strings.Join(a.names(), ", ")), Next: next, Unchanged: acts}
}

// describe lists the profiles with the tenants of each, read now, all at a time.
func (a accounts) describe(ctx context.Context) string {
	parts := make([]string, len(a.all))
	var wait sync.WaitGroup
	for i, one := range a.all {
		wait.Go(func() {
			tenants, err := one.tenants(ctx)
			if err != nil {
				tenants = "its tenants could not be read"
			}
			parts[i] = fmt.Sprintf("%s (%s)", one.config.Name, tenants)
		})
	}
	wait.Wait()
	return strings.Join(parts, ", ")
}

// tenants names the tenants of an account.
func (a *account) tenants(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	client, err := a.connect(ctx)
	if err != nil {
		return "", err
	}
	list, err := client.Tenants.List(ctx)
	if err != nil {
		return "", err
	}
	names := make([]string, 0, len(list))
	for _, t := range list {
		names = append(names, t.Name)
	}
	const most = 10
	switch {
	case len(names) == 0:
		return "no tenants", nil
	case len(names) > most:
		return fmt.Sprintf("tenants %s and %d more", text.QuoteAll(names[:most]), len(names)-most), nil
	}
	return "tenants " + text.QuoteAll(names), nil
}

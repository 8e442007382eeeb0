package app

import (
	"fmt"
	"io/fs"

	"aura-mcp/internal/approval"
	"aura-mcp/internal/config"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/httpd"
	"aura-mcp/internal/op"
	"aura-mcp/internal/vault"
)

// guards makes the gate one for callers who are elsewhere. The page and the terminal of this machine are for whoever started the
// server, if they are among the callers, and for nobody else.
func (r *remote) guards(o *guard.Options) {
	if r == nil {
		return
	}
	o.OverNetwork, o.Remote, o.Caller, o.StateKeys, o.Waiting = true, r.away, r.callerNow, r.StateKeys, 0
	if !r.ownOnly() {
		o.Doors, o.PIN = guard.Doors{}, nil
	}
}

// ownOnly reports whether whoever started the server is the only one whom the settings know: on their own machine, with the token
// that the server made for them, or with the demo.
func (r *remote) ownOnly() bool {
	here := r.onLoopback() && (r.PublicURL == nil || httpd.Loopback(r.PublicURL.Hostname()))
	return here && (r.Auth == config.AuthNone || r.Auth == config.AuthBearer && len(r.Tokens) == 0)
}

// away is the way to the person behind a principal, or nil for whoever started the server on their own machine.
func (r *remote) away(principal string) *guard.Remote {
	if r.Transport == config.SSE {
		return &guard.Remote{Why: "the deprecated SSE transport is for what needs none", Fix: "use a client that speaks streamable HTTP, with a server started with --transport http"}
	}
	switch r.Auth {
	case config.AuthOIDC:
		if r.OIDC.ClientID == "" {
			return &guard.Remote{Why: "this server has no page for it", Fix: "whoever runs the server can set one up (settings client_id and client_secret of [oidc])"}
		}
		return &guard.Remote{As: "with the account they use here", Page: func(id string) string { return r.pages.Address(id, "") }}
	case config.AuthNone:
		if r.onLoopback() {
			return nil
		}
		return &guard.Remote{Why: "a server that lets in everybody asks nobody", Fix: "run the demo with tokens"}
	}
	if principal == op.Local {
		return nil
	}
	if _, ok := r.passphrase(principal); !ok {
		return &guard.Remote{
			Why: "the token " + principal + " has no passphrase to prove themselves with",
			Fix: fmt.Sprintf("whoever runs the server can set one: `aura-mcp token passphrase %s`", principal),
		}
	}
	return &guard.Remote{
		As: fmt.Sprintf("as %s with the passphrase of their token", principal), Page: func(id string) string { return r.pages.Address(id, principal) },
	}
}

// passphrase is the hash of the one that belongs to a token, as the settings have it at this moment.
func (r *remote) passphrase(name string) (hash string, ok bool) {
	for _, t := range r.policy.serving().Serving.Tokens {
		if t.Name == name && t.Passphrase != "" {
			return t.Passphrase, true
		}
	}
	return "", false
}

// makePages makes the pages on which people approve; nil where nobody can prove who they are.
func (r *remote) makePages(s *setup, access httpd.Access) *approval.Remote {
	pages := &approval.Remote{Desk: s.gate.Desk, Base: r.base, Local: httpd.Loopback(r.base.Hostname()), Log: r.log, Store: s.gate.Store, Passwords: r.passwords(s)}
	switch provider, isProvider := access.(*httpd.OIDC); {
	case isProvider && r.OIDC.ClientID != "":
		pages.Proof = approval.NewLogin(provider.Login(r.OIDC.ClientID, r.OIDC.ClientSecret.Reveal()))
	case r.Auth == config.AuthBearer:
		pages.Proof = approval.NewPassphrases(r.passphrase)
	default:
		return nil
	}
	return pages
}

// passwords are those that wait for somebody, where the settings keep any for that.
func (r *remote) passwords(s *setup) approval.Passwords {
	for _, a := range s.accounts.all {
		if s.sink(a.config) == vault.Page {
			return vault.Shelf(r.process.secrets(r.demo))
		}
	}
	return noPasswords{}
}

// sink is where one-time passwords go. The page is for people who are elsewhere; at one's own machine a file does the same.
func (s *setup) sink(c config.Config) vault.Sink {
	sink := vault.Sink(c.SecretSink)
	if sink == vault.Page && (s.remote == nil || s.remote.ownOnly()) {
		return vault.File
	}
	return sink
}

// noPasswords is where passwords go elsewhere.
type noPasswords struct{}

// Waiting is none.
func (noPasswords) Waiting(string) ([]string, error) { return nil, nil }

// Take has none.
func (noPasswords) Take(string, string, func(string) error) error { return fs.ErrNotExist }

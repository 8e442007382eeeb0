package app

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"aura-mcp/internal/config"
	"aura-mcp/internal/httpd"
	"aura-mcp/internal/text"
)

// newRemote is the server over HTTP that settings ask for, or nil, for whoever tells of it and starts none.
func newRemote(settings config.Profiles) *remote {
	if settings.Serving.Transport == config.Stdio {
		return nil
	}
	return &remote{Serving: settings.Serving, settings: settings, log: slog.New(slog.DiscardHandler)}
}

// checkServing judges settings as the start of a server over HTTP does. Where it takes a flag to start one, what would be wrong
// then is a warning.
func (p Process) checkServing(settings config.Profiles) (config.Profiles, error) {
	if r := newRemote(settings); r != nil {
		if err := r.check(); err != nil {
			return settings, usageError{err}
		}
		if r.tls != nil {
			c, err := r.tls.GetCertificate(nil)
			if problem, end := httpd.Expiry(c); err == nil && problem != "" {
				settings.Notices = append(slices.Clone(settings.Notices), fmt.Sprintf("%s: %s, until %s", r.TLSCert, problem, end.Format(time.RFC3339)))
			}
		}
		return settings, nil
	}
	if len(settings.Serving.Tokens) == 0 && settings.Serving.OIDC == nil {
		return settings, nil
	}
	later := settings
	later.Serving.Transport = config.HTTP
	if err := newRemote(later).check(); err != nil {
		settings.Notices = append(slices.Clone(settings.Notices), fmt.Sprintf("with --transport http this does not start: %v", err))
	}
	return settings, nil
}

// means says in words how the server is reached, who comes in, and how each approves.
func (r *remote) means() (out []string) {
	if r == nil {
		return nil
	}
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	r.base = r.reachedAt(r.Listen)
	protection := "without TLS, on this machine only"
	switch {
	case r.TLSCert != "":
		protection = "with TLS"
	case r.BehindProxy:
		protection = "without TLS, which the proxy in front does (behind_proxy)"
	}
	transport := "streamable HTTP"
	if r.Transport == config.SSE {
		transport = "the deprecated SSE transport"
	}
	say("serves %s on %s, %s", transport, r.Listen, protection)
	say("clients use %s", r.address())
	if r.MetricsListen != "" {
		say("shows metrics on %s, to whoever asks", r.MetricsListen)
	}
	return append(out, r.callers()...)
}

// callers says who comes in, and how each approves.
func (r *remote) callers() (out []string) {
	switch {
	case r.Auth == config.AuthOIDC:
		var groups []string
		for _, value := range slices.Sorted(maps.Keys(r.OIDC.Profiles)) {
			groups = append(groups, text.Quote(value)+r.inProfile(r.OIDC.Profiles[value]))
		}
		return []string{fmt.Sprintf("whoever has an account at %s comes in by the claim %s: %s", r.OIDC.Issuer, r.OIDC.Claim, strings.Join(groups, "; ")),
			"they " + r.approval("approve", r.OIDC.ClientID != "", "with their account", "client_id of [oidc] is not set")}
	case len(r.Tokens) == 0 && r.ownOnly():
		return []string{"you alone come in, with a token that is made at each start, and are asked as without HTTP"}
	case len(r.Tokens) == 0:
		return []string{"you alone come in, with a token that is made at each start; " + r.approval("approve", false, "", "that token has no passphrase")}
	}
	for _, t := range r.Tokens {
		rights := ", for reading only"
		if !t.ReadOnly {
			rights = "; " + r.approval("approves", t.Passphrase != "", "with a passphrase", "the token has no passphrase")
		}
		out = append(out, fmt.Sprintf("%s comes in with a token%s%s", t.Name, r.inProfile(t.Profile), rights))
	}
	return out
}

// approval says how somebody approves, by what they prove themselves with, or why they cannot.
func (r *remote) approval(approves string, can bool, proof, lacking string) string {
	switch {
	case r.Transport == config.SSE:
		return "cannot approve anything, since the SSE transport is for what needs no approval"
	case r.TrustClient && can:
		return approves + " in the client (trust_client_elicitation), or on the approval page, " + proof
	case r.TrustClient:
		return approves + " in the client alone (trust_client_elicitation)"
	case can:
		return approves + " on the approval page, " + proof
	}
	return "cannot approve, since " + lacking
}

// inProfile says where somebody works; nothing where there is only one place.
func (r *remote) inProfile(name string) string {
	if !r.settings.Named {
		return ""
	}
	return " in the profile " + cmp.Or(name, r.settings.Default)
}

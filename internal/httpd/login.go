package httpd

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Login signs people in with their browser, at the identity provider that tokens come from, as a client of its own: what an MCP
// client has of the provider is of no use for it.
type Login struct {
	from         *OIDC
	clientID     string
	clientSecret string
}

// Login makes one for the client that the provider knows this server's pages as.
func (o *OIDC) Login(clientID, clientSecret string) *Login {
	return &Login{from: o, clientID: clientID, clientSecret: clientSecret}
}

// clocksDiffer is how much the provider's clock may be behind ours.
const clocksDiffer = time.Minute

func (l *Login) config(ctx context.Context, back string) (*oauth2.Config, *oidc.Provider, error) {
	provider, err := l.from.discovered(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &oauth2.Config{ClientID: l.clientID, ClientSecret: l.clientSecret, Endpoint: provider.Endpoint(), RedirectURL: back, Scopes: []string{oidc.ScopeOpenID}}, provider, nil
}

// Begin is the address where somebody signs in. They have to do so anew: whoever drives their browser might only have its cookies. Such
// a one could also take both wishes out of the address, so Finish looks at what came of them; max_age obliges the provider to tell.
func (l *Login) Begin(ctx context.Context, back, state, nonce, verifier string) (string, error) {
	c, _, err := l.config(ctx, back)
	if err != nil {
		return "", err
	}
	return c.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0")), nil
}

// Finish exchanges the code for the principal who has signed in since it was begun, and who is called as the callers of MCP are.
func (l *Login) Finish(ctx context.Context, back, code, nonce, verifier string, begun time.Time) (string, error) {
	c, provider, err := l.config(ctx, back)
	if err != nil {
		return "", err
	}
	ctx = oidc.ClientContext(ctx, l.from.Client)
	tokens, err := c.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", fmt.Errorf("exchange the code: %w", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: l.clientID, SupportedSigningAlgs: algorithms}).Verify(ctx, raw)
	if err != nil {
		return "", fmt.Errorf("ID token: %w", err)
	}
	var claims struct {
		AuthTime int64 `json:"auth_time"`
	}
	if err := verified.Claims(&claims); err != nil {
		return "", fmt.Errorf("ID token: %w", err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1:
		return "", errors.New("ID token: it is of another sign-in")
	case verified.Subject == "":
		return "", errors.New("ID token: it has no subject")
	case claims.AuthTime == 0:
		return "", errors.New("ID token: it does not say when they signed in (auth_time), so the provider may not have asked them to do so anew")
	case time.Unix(claims.AuthTime, 0).Before(begun.Add(-clocksDiffer)):
		return "", fmt.Errorf("ID token: the provider did not ask them to sign in anew, or its clock is more than %s behind: they signed in at %s", clocksDiffer, time.Unix(claims.AuthTime, 0).UTC().Format(time.RFC3339))
	}
	return l.from.principal(verified.Subject), nil
}

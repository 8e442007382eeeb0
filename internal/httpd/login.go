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

// freshTime is how long ago somebody may have proved themselves to the provider.
const freshTime = 15 * time.Minute

func (l *Login) config(ctx context.Context, back string) (*oauth2.Config, *oidc.Provider, error) {
	provider, err := l.from.discovered(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &oauth2.Config{ClientID: l.clientID, ClientSecret: l.clientSecret, Endpoint: provider.Endpoint(), RedirectURL: back, Scopes: []string{oidc.ScopeOpenID}}, provider, nil
}

// Begin is the address where somebody signs in. They have to do so anew: whoever drives their browser might only have its cookies.
func (l *Login) Begin(ctx context.Context, back, state, nonce, verifier string) (string, error) {
	c, _, err := l.config(ctx, back)
	if err != nil {
		return "", err
	}
	return c.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "login")), nil
}

// Finish exchanges the code for the principal who has signed in, who is called as the callers of MCP are.
func (l *Login) Finish(ctx context.Context, back, code, nonce, verifier string) (string, error) {
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
		AuthTime int64 `json:"auth_time"` // optional
	}
	if err := verified.Claims(&claims); err != nil {
		return "", fmt.Errorf("ID token: %w", err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1:
		return "", errors.New("ID token: it is of another sign-in")
	case verified.Subject == "":
		return "", errors.New("ID token: it has no subject")
	case claims.AuthTime > 0 && time.Since(time.Unix(claims.AuthTime, 0)) > freshTime:
		return "", errors.New("ID token: the provider did not ask them to sign in anew")
	}
	return l.from.principal(verified.Subject), nil
}

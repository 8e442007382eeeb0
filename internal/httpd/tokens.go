package httpd

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
)

// tokenPrefix lets a person, and a scanner for leaked secrets, see what a token is for.
const tokenPrefix = "aura-mcp-"

// NewToken makes a random token and the digest that is kept of it.
func NewToken() (token, digest string) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // ends the program rather than fail
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(secret)
	return token, Digest(token)
}

// Digest is what is kept of a token. It needs no salt and no slowness: nobody guesses 32 random bytes.
func Digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Token is a token that the settings allow.
type Token struct {
	Caller op.Caller
	Digest string
}

// Tokens lets in who has one of the tokens. The list is asked for at every request, so that a token taken out of it is one
// no more.
type Tokens func() []Token

// Identify looks for the token. Which part of which digest differs cannot be told from the time it takes.
func (t Tokens) Identify(_ context.Context, token string) (Identity, error) {
	if token == "" {
		return Identity{}, fmt.Errorf("%w: there is none", ErrToken)
	}
	digest := []byte(Digest(token))
	var found *op.Caller
	for _, known := range t() {
		if subtle.ConstantTimeCompare(digest, []byte(known.Digest)) == 1 {
			found = &known.Caller
		}
	}
	if found == nil {
		return Identity{}, fmt.Errorf("%w: unknown", ErrToken)
	}
	return Identity{Caller: *found}, nil
}

// Metadata is nil: these tokens are handed out by a person.
func (Tokens) Metadata() *server.ProtectedResourceMetadataConfig { return nil }

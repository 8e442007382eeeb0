package httpd

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/op"
)

// Identity is who a request comes from, as its token proves.
type Identity struct {
	op.Caller
	Expires time.Time // of the token; zero for one that does not
}

// Access tells who may come in.
type Access interface {
	// Identify returns whom a bearer token belongs to. "" is no token at all. The error is one of those below where it is not
	// let in, and anything else where that could not be found out.
	Identify(ctx context.Context, token string) (Identity, error)
	// Metadata is what clients are told of where to get a token; nil where they cannot get one by themselves.
	Metadata() *server.ProtectedResourceMetadataConfig
}

// Errors of [Access]. What exactly is wrong goes into the log and not to the client.
var (
	ErrToken    = errors.New("no valid token")        // missing, unknown, expired or meant for somebody else
	ErrScope    = errors.New("not even " + ScopeRead) // good, and it allows nothing here
	ErrNoAccess = errors.New("nothing lets them in")  // good, and of somebody whom the settings do not know
)

// Scopes of tokens from an identity provider.
const (
	ScopeRead    = "aura:read"
	ScopeWrite   = "aura:write"
	ScopeDestroy = "aura:destroy"
)

// scopesFor are the scopes that effects need.
func scopesFor(e op.Effects) []string {
	scopes := []string{ScopeRead}
	if e&(op.Write|op.Billable|op.Disruptive) != 0 || e.Has(op.Destructive) {
		scopes = append(scopes, ScopeWrite)
	}
	if e.Has(op.Destructive) {
		scopes = append(scopes, ScopeDestroy)
	}
	return scopes
}

// withheld are the effects that somebody with these scopes may not bring about.
func withheld(has func(scope string) bool) op.Effects {
	var out op.Effects
	if !has(ScopeWrite) {
		out |= op.Write | op.Billable | op.Disruptive
	}
	if !has(ScopeWrite) || !has(ScopeDestroy) {
		out |= op.Destructive
	}
	return out
}

type identityKey struct{}

// CallerFrom returns on whose behalf a call comes that this package let in.
func CallerFrom(ctx context.Context) (op.Caller, error) {
	id, ok := ctx.Value(identityKey{}).(Identity)
	if !ok {
		return op.Caller{}, errors.New("the call came past the check of who calls")
	}
	return id.Caller, nil
}

// authenticated lets only known callers through and says who they are.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := s.Access.Identify(r.Context(), bearer(r))
		switch {
		case errors.Is(err, ErrToken):
			noteOf(r).problem = err.Error()
			s.challenge(w, http.StatusUnauthorized, bearer(r) != "", []string{ScopeRead})
			return
		case errors.Is(err, ErrScope):
			noteOf(r).problem = err.Error()
			s.challenge(w, http.StatusForbidden, true, []string{ScopeRead})
			return
		case errors.Is(err, ErrNoAccess):
			noteOf(r).problem = err.Error()
			refuse(w, http.StatusForbidden, "you are known here, and nothing in this server's settings lets you in; ask whoever runs it")
			return
		case err != nil:
			s.Log.ErrorContext(r.Context(), "a token could not be checked", "error", err)
			w.Header().Set("Retry-After", "5")
			refuse(w, http.StatusServiceUnavailable, "the token cannot be checked at the moment; try again soon")
			return
		}
		noteOf(r).principal = id.Principal
		ctx := context.WithValue(r.Context(), identityKey{}, id)
		if s.OnBehalfOf != nil {
			ctx = s.OnBehalfOf(ctx, id.Principal)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// bearer is the token of a request. Only the header counts: an address ends up in logs and histories.
func bearer(r *http.Request) string {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// challenge refuses and says what it takes (RFC 6750, RFC 9728).
func (s *Server) challenge(w http.ResponseWriter, status int, given bool, scopes []string) {
	parameters := []string{}
	say := func(name, value string) { parameters = append(parameters, name+`="`+value+`"`) }
	message := "this server needs a token: send it as Authorization: Bearer …"
	switch {
	case status == http.StatusForbidden:
		say("error", "insufficient_scope")
		message = "the token does not allow this; it needs the scopes " + strings.Join(scopes, " ")
	case given:
		say("error", "invalid_token")
		message = "the token is not valid here: unknown, expired, or meant for another server"
	}
	if metadata := s.Access.Metadata(); metadata != nil {
		say("scope", strings.Join(scopes, " "))
		say("resource_metadata", metadataURL(metadata.Resource))
	}
	w.Header().Set("WWW-Authenticate", strings.TrimSpace("Bearer "+strings.Join(parameters, ", ")))
	refuse(w, status, message)
}

// metadataURL is where the metadata of a resource are (RFC 9728, section 3.1).
func metadataURL(resource string) string {
	return strings.TrimSuffix(resource, MCPPath) + server.ProtectedResourceMetadataPath(resource)
}

// Nobody lets everybody in, as one and the same caller: for the demo, where nothing is real.
type Nobody struct{}

// Identify returns the one caller.
func (Nobody) Identify(context.Context, string) (Identity, error) {
	return Identity{Caller: op.Caller{Principal: "anybody"}}, nil
}

// Metadata is nil.
func (Nobody) Metadata() *server.ProtectedResourceMetadataConfig { return nil }

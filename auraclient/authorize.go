package auraclient

import (
	"context"
	"net/http"
)

// authorized has a token ready before a request is sent. When Aura refuses the
// token it fetches another and sends the request once more: a refused request has
// changed nothing.
func (c *connection) authorized(next handler) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		var fresh bool
		var err error
		if r.token, fresh, err = c.tokens.ensure(ctx); err != nil {
			return nil, err
		}
		a, err := next(ctx, r)
		if !c.blamesToken(r, err, fresh) {
			return a, err
		}
		c.tokens.drop(r.token)
		if r.token, _, err = c.tokens.ensure(ctx); err != nil {
			return nil, err
		}
		return next(ctx, r)
	}
}

// blamesToken reports whether a new token may help. An expired one is answered
// with 401 today and was with 403; a 403 that the API itself gave a reason for is
// about permissions.
func (c *connection) blamesToken(r *request, err error, fresh bool) bool {
	e, ok := AsError(err)
	if !ok {
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized:
		return true
	case http.StatusForbidden:
		return r.gateway && !fresh && c.tokens.mayBlame()
	}
	return false
}

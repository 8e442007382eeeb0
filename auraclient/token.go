package auraclient

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/singleflight"
)

const (
	tokenAttempts = 3
	tokenLifetime = time.Hour   // when the answer does not say
	tokenEarly    = time.Minute // before its end a token is renewed
	// A permission that is missing looks like an expired token if the gateway
	// says so. Aura gives out 15 tokens an hour, so a 403 may cost six of them.
	forbiddenEvery = 10 * time.Minute
	// A shorter secret is one of a test; taking it out would garble other words.
	minSecret = 8
)

// token is an access token. The zero token is none.
type token struct {
	value   Secret
	renewAt time.Time
}

// tokens keeps the current access token. Aura's token endpoint allows few
// requests, so there is never more than one under way.
type tokens struct {
	config  clientcredentials.Config
	client  *http.Client
	path    string
	timeout time.Duration
	flight  singleflight.Group

	mu            sync.Mutex
	current       token
	lastForbidden time.Time
	refused       error // by a 429, valid until refusedUntil
	refusedUntil  time.Time
}

func newTokens(clientID string, secret Secret, endpoint *url.URL, c *connection) *tokens {
	return &tokens{
		config: clientcredentials.Config{
			ClientID:     clientID,
			ClientSecret: secret.Reveal(),
			TokenURL:     endpoint.String(),
			AuthStyle:    oauth2.AuthStyleInHeader, // or x/oauth2 would try out the other, too
		},
		client: &http.Client{
			Transport: &tokenTransport{c}, //nolint:forbidigo // this package speaks HTTP
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // the client secret goes nowhere else
			},
		},
		path:    endpoint.EscapedPath(),
		timeout: c.timeout,
	}
}

// ensure returns a token that is good for a while. fresh says that it was fetched
// for this call. The fetch does not end with ctx, as others may wait for it.
func (t *tokens) ensure(ctx context.Context) (tok token, fresh bool, err error) {
	if tok, ok := t.usable(); ok {
		return tok, false, nil
	}
	if err := t.stillRefused(); err != nil {
		return token{}, false, err
	}
	fetch := t.flight.DoChan("", func() (any, error) { return t.fetch(context.WithoutCancel(ctx)) })
	select {
	case got := <-fetch:
		if got.Err != nil {
			return token{}, true, &tokenError{got.Err}
		}
		return got.Val.(token), true, nil
	case <-ctx.Done():
		return token{}, true, &tokenError{ctx.Err()}
	}
}

func (t *tokens) usable() (token, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current, t.current.value != "" && time.Now().Before(t.current.renewAt)
}

func (t *tokens) stillRefused() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.refusedUntil) {
		return t.refused
	}
	return nil
}

// newest returns the current token, or the one given while there is none. A
// request may have waited long for its turn since it had its token ready.
func (t *tokens) newest(otherwise token) token {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current.value != "" {
		return t.current
	}
	return otherwise
}

// drop forgets a refused token, unless another one has taken its place already.
func (t *tokens) drop(refused token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current.value == refused.value {
		t.current = token{}
	}
}

// mayBlame reports whether a 403 may be put down to the token now.
func (t *tokens) mayBlame() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.lastForbidden.IsZero() && time.Since(t.lastForbidden) < forbiddenEvery {
		return false
	}
	t.lastForbidden = time.Now()
	return true
}

func (t *tokens) fetch(ctx context.Context) (token, error) {
	if tok, ok := t.usable(); ok { // the flight before this one has just brought it
		return tok, nil
	}
	tok, err := backoff.RetryWithData(func() (token, error) {
		tok, err := t.request(ctx)
		var refusal *Error
		if errors.As(err, &refusal) && refusal.Status < 500 || untrusted(err) {
			return token{}, backoff.Permanent(err)
		}
		return tok, err
	}, backoff.WithMaxRetries(newBackOff(), tokenAttempts-1))

	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.current = tok
	} else if e, ok := AsError(err); ok && e.Status == http.StatusTooManyRequests {
		t.refused, t.refusedUntil = &tokenError{err}, time.Now().Add(min(e.RetryAfter, pauseLimit))
	}
	return tok, err
}

func (t *tokens) request(ctx context.Context) (token, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	asked := time.Now()
	got, err := t.config.Token(context.WithValue(ctx, oauth2.HTTPClient, t.client))
	if err != nil {
		return token{}, t.typed(err)
	}
	lifetime := tokenLifetime
	if !got.Expiry.IsZero() {
		lifetime = got.Expiry.Sub(asked)
	}
	// Without Round the comparison would use the monotonic clock, which stands
	// still while a laptop sleeps.
	renewAt := asked.Round(0).Add(lifetime - min(tokenEarly, lifetime/2))
	return token{value: Secret(got.AccessToken), renewAt: renewAt}, nil
}

// typed gives an error of x/oauth2 the types of this package.
func (t *tokens) typed(err error) error {
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return &TransportError{Method: http.MethodPost, Path: t.path, Err: err}
	}
	e, _ := decodeError(refusal.Response.StatusCode, refusal.Response.Header, refusal.Body)
	e.Method, e.Path = http.MethodPost, t.path
	if refusal.ErrorCode != "" { // here, and only here, "error" is a code and not a sentence
		e.Reason = clean(refusal.ErrorCode, maxMessage)
		e.Message = clean(refusal.ErrorDescription, maxMessage)
	}
	if isRedirect(e.Status) {
		location, _ := refusal.Response.Location()
		if location == nil {
			location = &url.URL{}
		}
		e.Message = "redirected to " + clean(location.Host, maxExcerpt) + ", which the client secret is not sent to: check the auth url"
	}
	id, secret := t.config.ClientID, t.config.ClientSecret
	e.redact(Secret(secret), Secret(url.QueryEscape(secret)),
		Secret(base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))))
	return e
}

// redact takes credentials out of texts that an answer sent back.
func (e *Error) redact(secrets ...Secret) {
	texts := []*string{&e.Reason, &e.Message, &e.Field, &e.Body}
	for i := range e.Details {
		d := &e.Details[i]
		texts = append(texts, &d.Message, &d.Reason, &d.Field)
	}
	for _, s := range secrets {
		for _, text := range texts {
			if len(s) >= minSecret {
				*text = strings.ReplaceAll(*text, s.Reveal(), s.String())
			}
		}
	}
}

// tokenTransport sends token requests the way the others are sent.
type tokenTransport struct{ c *connection }

func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	req = req.Clone(ctx)
	req.Header.Set("User-Agent", t.c.userAgent)
	req.Header.Set("Accept", "application/json")
	began := time.Now()
	resp, err := t.c.transport.RoundTrip(req)
	t.c.logSend(ctx, req, resp, began, err)
	if resp != nil {
		// x/oauth2 takes an answer labelled as plain text for form encoded.
		resp.Header = resp.Header.Clone()
		if resp.Header == nil {
			resp.Header = http.Header{}
		}
		resp.Header.Set("Content-Type", "application/json")
	}
	return resp, err
}

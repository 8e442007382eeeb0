package auraclient

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

const maxRedirects = 3

// redirected follows the redirects that are safe and makes an error of the
// others. net/http would not do: it keeps the Authorization header for
// subdomains, which need not belong to the same people.
func (c *connection) redirected(next handler) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		asked := r.url
		defer func() { r.url = asked }()
		for hops := 0; ; hops++ {
			a, err := next(ctx, r)
			if err != nil || !isRedirect(a.status) {
				return a, err
			}
			to := &url.URL{}
			if location := a.header.Get("Location"); location != "" {
				if u, err := r.url.Parse(location); err == nil {
					to = u
				}
			}
			if hops == maxRedirects || r.method != http.MethodGet || !sameHost(r.url, to) {
				return nil, redirectError(a, to, hops)
			}
			r.url = to
		}
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// sameHost reports whether the token may go from one URL to the other: same
// scheme, host and port, or a change from http to https on them.
func sameHost(from, to *url.URL) bool {
	upgrade := from.Scheme == "http" && to.Scheme == "https"
	if to.User != nil || from.Scheme != to.Scheme && !upgrade {
		return false
	}
	return from.Host == to.Host || upgrade && from.Port() == "" && to.Port() == "" && from.Hostname() == to.Hostname()
}

func redirectError(a *answer, to *url.URL, hops int) error {
	e, _ := decodeError(a.status, a.header, nil)
	e.Method, e.Path = a.method, a.path
	host := clean(to.Host, maxExcerpt)
	switch {
	case host == "":
		e.Message = "redirected without a usable address"
	case hops == maxRedirects:
		e.Message = fmt.Sprintf("redirected more than %d times on %s", maxRedirects, host)
	case a.method != http.MethodGet:
		e.Message = fmt.Sprintf("redirected to %s, but only reads follow redirects: check the base url", host)
	default:
		e.Message = fmt.Sprintf("redirected to %s, which is not where the credentials belong: check the base url", host)
	}
	return e
}

package auraclient

import (
	"errors"
	"net/http"
	"net/url"
)

// metricsHost serves the metrics of all instances in Aura.
const metricsHost = "customer-metrics-api.neo4j.io"

// MetricsAddressError means that metrics were not read because their address is
// not one that the token may be sent to, or because it redirected. The token has
// not gone to Host.
type MetricsAddressError struct {
	Host    string // as far as there is one
	Problem string // what is wrong with it
}

// Error names the host and what is wrong.
func (e *MetricsAddressError) Error() string {
	if e.Host == "" {
		return "the address of the metrics: it " + e.Problem
	}
	return "the address of the metrics: host " + e.Host + " " + e.Problem
}

// metricsAddress accepts what the token may be sent to: https on exactly Aura's
// metrics host, or loopback when the API is there, too.
func metricsAddress(raw string, onLoopback bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" { // the error would repeat a password in the address
		return nil, &MetricsAddressError{Problem: "cannot be parsed as a URL"}
	}
	refuse := func(problem string) (*url.URL, error) {
		return nil, &MetricsAddressError{Host: clean(u.Host, maxExcerpt), Problem: problem}
	}
	switch {
	case raw == "":
		return refuse("is empty: the plan has no metrics, or the instance is not running")
	case u.User != nil:
		return refuse("comes with a user, which an address of Aura's never does")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("comes with a query or fragment, which an address of Aura's never does")
	case onLoopback && (u.Scheme == "http" || u.Scheme == "https") && loopback(u.Hostname()):
		return u, nil
	case u.Host != metricsHost:
		return refuse("is not " + metricsHost + ", the only one that the token goes to")
	case u.Scheme != "https":
		return refuse("is to be reached by " + clean(u.Scheme, maxExcerpt) + ", but the token goes over https only")
	}
	return u, nil
}

// metricsError marks an error of reading metrics: its 401 is about a role, and its
// 404 says nothing about an instance.
type metricsError struct {
	own bool // the credentials are for metrics only
	err error
}

func (e *metricsError) Error() string {
	if e.own {
		return "read metrics with the credentials for metrics: " + e.err.Error()
	}
	return "read metrics: " + e.err.Error()
}

func (e *metricsError) Unwrap() error { return e.err }

// IsMetricsRoleMissing reports whether the metrics host refused good credentials
// (401 or 403): the person who made them needs the role Metrics Reader in the
// project. A new role counts after about five minutes. [IsUnauthorized] is true of
// the same error and means something else elsewhere, so ask this first.
func IsMetricsRoleMissing(err error) bool {
	var m *metricsError
	return errors.As(err, &m) && resourceStatus(err, http.StatusUnauthorized, http.StatusForbidden)
}

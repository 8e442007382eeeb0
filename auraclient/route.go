package auraclient

import (
	"net/url"
	"strings"
	"unicode"
)

// route is the path of a request below /v1. It is put together from fixed words
// and from values; the first bad value is kept until the request is made.
type route struct {
	path string
	err  error
}

func at(fixed string) route { return route{path: "/" + fixed} }

func (r route) then(fixed string) route {
	r.path += "/" + fixed
	return r
}

// id appends a value. It is the only way for one into a path. Values that would
// name another path are refused rather than escaped: gateways have been known to
// decode %2F and to resolve the result.
func (r route) id(argument, value string) route {
	if r.err != nil {
		return r
	}
	switch {
	case strings.TrimSpace(value) == "":
		r.err = &ArgumentError{Argument: argument, Problem: "is empty"}
	case value == "." || value == "..":
		r.err = &ArgumentError{Argument: argument, Problem: "must not be " + value}
	case strings.ContainsAny(value, `/\`) || strings.ContainsFunc(value, unicode.IsControl):
		r.err = &ArgumentError{Argument: argument, Problem: "contains a slash or a control character"}
	}
	r.path += "/" + url.PathEscape(value)
	return r
}

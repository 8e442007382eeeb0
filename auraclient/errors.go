package auraclient

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Error is an answer by which Aura, its gateway or its token endpoint refused a
// request. Decide by Status and Reason; the wording of Message changes.
type Error struct {
	Status  int           // HTTP status
	Reason  string        // such as "ongoing-database-operation"; often missing
	Message string        // for people; missing when the body was not JSON
	Field   string        // the argument it is about, for validation errors
	Details []ErrorDetail // everything the answer listed; the first is repeated above

	RequestID  string        // Aura's X-Request-Id, which its support asks for
	Method     string        // of the refused request
	Path       string        // of the refused request, escaped
	RetryAfter time.Duration // when Aura said to come back later, else 0
	Body       string        // the first 200 printable characters of a body that was not JSON, without tags
}

// ErrorDetail is one entry of an [Error].
type ErrorDetail struct {
	Message string
	Reason  string
	Field   string // nested fields are joined by dots
}

// Error says what was refused, how and why.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d", e.Method, e.Path, e.Status)
	if e.Reason != "" {
		b.WriteString(" " + e.Reason)
	} else if text := http.StatusText(e.Status); text != "" {
		b.WriteString(" " + strings.ToLower(text))
	}
	switch {
	case e.Message != "":
		b.WriteString(": " + e.Message)
	case e.Body != "":
		b.WriteString(": " + e.Body)
	}
	for _, d := range e.Details {
		if d.Message != "" && d.Message != e.Message {
			b.WriteString("; " + strings.TrimPrefix(d.Field+": ", ": ") + d.Message)
		}
	}
	if e.Field != "" && len(e.Details) < 2 {
		b.WriteString(" (field " + e.Field + ")")
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// TransportError means that a request got no usable answer: the connection could
// not be made or broke, time ran out, or the answer was too large or not what
// Aura documents.
type TransportError struct {
	Method string
	Path   string
	// MaybeSent is false only when the request provably never left: Aura has not
	// seen it.
	MaybeSent bool
	// Status and RequestID are those of an answer that began well but could not
	// be read; zero when there was none.
	Status    int
	RequestID string
	Err       error
}

// Error says which request got no usable answer and why.
func (e *TransportError) Error() string {
	text := fmt.Sprintf("%s %s: %v", e.Method, e.Path, e.Err)
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// ArgumentError is a mistake that was noticed before anything was sent.
type ArgumentError struct {
	Argument string // in words, such as "instance id"
	Problem  string // such as "is empty"
}

// Error puts argument and problem together.
func (e *ArgumentError) Error() string { return e.Argument + " " + e.Problem }

// argument is one by its name in words and its value.
type argument struct{ name, value string }

// required refuses the first argument that is empty.
func required(arguments []argument) error {
	for _, a := range arguments {
		if a.value == "" {
			return &ArgumentError{Argument: a.name, Problem: "is empty"}
		}
	}
	return nil
}

// BudgetError means that a request was not sent because its turn in the request
// budget would have come after the context's deadline, or because Aura asked for
// a longer pause than a caller should sit through.
type BudgetError struct {
	Wait   time.Duration // until the request could have been sent, as estimated
	Paused bool          // Aura asked for a pause by an earlier 429
}

// Error says how long it would have taken.
func (e *BudgetError) Error() string {
	wait := e.Wait.Round(time.Second)
	if e.Paused {
		return fmt.Sprintf("not sent: aura asked this client to pause for another %v", wait)
	}
	return fmt.Sprintf("not sent: the request budget has no room for another %v", wait)
}

// tokenError marks an error of the token endpoint. Nothing of the caller's
// request was sent, and its 404 says nothing about an instance.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "get an access token: " + e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// readError marks an error of a POST that changes nothing.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// AsError finds the [*Error] in err's chain.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// OutcomeUnknown reports whether err leaves open if a change was carried out: it
// was sent, or may have been, and its answer is missing, unreadable, a 5xx, or a
// redirect that may come after the work is done. (307 and 308 ask for the same
// request elsewhere.) Repeating it may do it twice; look first.
func OutcomeUnknown(err error) bool {
	var read *readError
	if fromTokenEndpoint(err) || errors.As(err, &read) {
		return false
	}
	if e, ok := AsError(err); ok {
		after := e.Status >= 300 && e.Status < http.StatusTemporaryRedirect
		return e.Method != http.MethodGet && (e.Status >= 500 || after)
	}
	var t *TransportError
	return errors.As(err, &t) && t.Method != http.MethodGet && t.MaybeSent
}

// IsNotFound reports whether Aura does not know the resource (404). A web page
// with that status comes from something that stands between, and says nothing
// about the resource.
func IsNotFound(err error) bool { return ofAura(err) && resourceStatus(err, http.StatusNotFound) }

// IsGone reports whether the resource does not exist (404) or does no longer
// (410), as [IsNotFound] does.
func IsGone(err error) bool {
	return ofAura(err) && resourceStatus(err, http.StatusNotFound, http.StatusGone)
}

// IsConflict reports whether the resource is not in a state for the request (409).
func IsConflict(err error) bool { return resourceStatus(err, http.StatusConflict) }

// IsBusy reports whether another operation on the instance has to end first (409
// with the reason ongoing-database-operation).
func IsBusy(err error) bool {
	e, ok := AsError(err)
	return ok && IsConflict(err) && e.Reason == "ongoing-database-operation"
}

// IsQuotaExceeded reports whether the account may not have more of this. Aura's
// specification says 405 for it, the service answers 402.
func IsQuotaExceeded(err error) bool {
	return resourceStatus(err, http.StatusPaymentRequired, http.StatusMethodNotAllowed)
}

// IsUnauthorized reports whether the credentials were refused (401), by the token
// endpoint or by the API.
func IsUnauthorized(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsForbidden reports whether the credentials lack a permission (403).
func IsForbidden(err error) bool { return hasStatus(err, http.StatusForbidden) }

// IsRateLimited reports whether Aura answered that it gets too many requests
// (429). A [*BudgetError] is not that: it was refused by this client.
func IsRateLimited(err error) bool { return hasStatus(err, http.StatusTooManyRequests) }

func hasStatus(err error, statuses ...int) bool {
	e, ok := AsError(err)
	if !ok {
		return false
	}
	return slices.Contains(statuses, e.Status)
}

// resourceStatus is hasStatus for statuses that mean something else when the
// token endpoint answers them: a mistyped auth URL is a 404 too.
func resourceStatus(err error, statuses ...int) bool {
	return !fromTokenEndpoint(err) && hasStatus(err, statuses...)
}

// ofAura reports whether an answer was in Aura's own words, or had none.
func ofAura(err error) bool {
	e, ok := AsError(err)
	return ok && e.Body == ""
}

func fromTokenEndpoint(err error) bool {
	var t *tokenError
	return errors.As(err, &t)
}

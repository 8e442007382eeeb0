package auraclient

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxExcerpt = 200 // characters of a body that is not JSON
	maxMessage = 600 // characters of a message; validation errors can quote whole documents
	maxDetails = 20
	maxNesting = 8
)

// errorBody is every top-level key of the error shapes that Aura's services
// answer with. encoding/json matches keys without case, which some of them need.
type errorBody struct {
	Errors           json.RawMessage `json:"errors"`
	Error            json.RawMessage `json:"error"`
	ErrorDescription text            `json:"error_description"`
	Message          text            `json:"message"`
	Reason           text            `json:"reason"`
	Field            text            `json:"field"`
}

// decodeError turns an answer that is not a success into an [*Error] without
// Method and Path. The second result says that it came from the gateway in front
// of the API, or had no body: only then can a 403 mean an expired token.
func decodeError(status int, header http.Header, body []byte) (*Error, bool) {
	e := &Error{Status: status, RequestID: clean(header.Get("X-Request-Id"), maxExcerpt), RetryAfter: retryAfter(header, time.Now())}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return e, true
	}
	if !json.Valid(body) {
		e.Body = clean(withoutTags(string(body)), maxExcerpt)
		return e, false
	}
	var b errorBody
	if json.Unmarshal(body, &b) != nil { // JSON, but no object
		e.Details = nested(body, "", 0)
	}
	e.Message, e.Reason, e.Field = b.Message.clean(), b.Reason.clean(), b.Field.clean()
	word, isWord := asString(b.Error)
	gateway := isWord && len(b.Errors) == 0 && e.Message == "" && e.Reason == ""
	switch {
	case isWord && b.ErrorDescription != "":
		e.Reason, e.Message = clean(word, maxMessage), b.ErrorDescription.clean()
	case isWord && e.Message == "":
		e.Message = clean(word, maxMessage)
	case !isWord:
		e.Details = append(e.Details, nested(b.Error, "", 0)...)
	}
	e.Details = append(e.Details, nested(b.Errors, "", 0)...)
	e.Details = e.Details[:min(len(e.Details), maxDetails)]
	e.promote()
	return e, gateway
}

// promote fills what the answer did not say at its top from its first detail.
func (e *Error) promote() {
	if len(e.Details) == 0 {
		return
	}
	first := e.Details[0]
	if e.Message == "" {
		e.Message = first.Message
	}
	if e.Reason == "" {
		e.Reason = first.Reason
	}
	if e.Field == "" {
		e.Field = first.Field
	}
}

// nested collects details from a list of errors, one error, a bare message, or an
// object that mirrors the request with messages at its leaves.
func nested(raw json.RawMessage, field string, depth int) []ErrorDetail {
	if depth > maxNesting {
		return nil
	}
	if message, ok := asString(raw); ok {
		return []ErrorDetail{{Message: clean(message, maxMessage), Field: field}}
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		var details []ErrorDetail
		for _, item := range list {
			details = append(details, nested(item, field, depth+1)...)
		}
		return details
	}
	if d, ok := oneDetail(raw, field); ok {
		return []ErrorDetail{d}
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return nil
	}
	var details []ErrorDetail
	for _, key := range slices.Sorted(maps.Keys(object)) {
		name := strings.TrimPrefix(field+"."+clean(key, maxExcerpt), ".")
		details = append(details, nested(object[key], name, depth+1)...)
	}
	return details
}

// oneDetail reads an object with a message, or with the error key that billing
// uses for the reason.
func oneDetail(raw json.RawMessage, field string) (ErrorDetail, bool) {
	var b errorBody
	if json.Unmarshal(raw, &b) != nil {
		return ErrorDetail{}, false
	}
	d := ErrorDetail{Message: b.Message.clean(), Reason: b.Reason.clean(), Field: field}
	if b.Field != "" {
		d.Field = b.Field.clean()
	}
	if word, ok := asString(b.Error); ok && d.Reason == "" {
		d.Reason = clean(word, maxMessage)
	}
	return d, d.Message != "" || d.Reason != ""
}

func asString(raw json.RawMessage) (string, bool) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// retryAfter reads the Retry-After header, which is seconds or a date. A date is
// taken against the answer's own Date when there is one: the clocks may differ.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now))
}

// withoutTags drops everything between < and >, the way to the words of an HTML
// error page.
func withoutTags(s string) string {
	var b strings.Builder
	inTag := false
	for _, r := range s {
		switch {
		case r == '<':
			inTag = true
		case r == '>' && inTag:
			inTag = false
			b.WriteByte(' ')
		case !inTag:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// clean makes one line of at most limit printable characters of text from
// outside: no control characters, nor those that turn the reading direction.
func clean(s string, limit int) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) })
	line := []rune(strings.Join(words, " "))
	if len(line) > limit {
		line = append(line[:limit-1], '…')
	}
	return string(line)
}

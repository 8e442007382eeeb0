package auraclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// The types in this file decode single values of Aura's answers and never fail:
// what they do not understand is left out. Between API versions, plans and
// moments of an instance's life the same field is a string, a number, null or
// missing, and one surprise must not cost the other fields, least of all a
// password that is shown once.

type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	*t = ""
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*t = text(s)
	} else if _, err := strconv.ParseFloat(string(raw), 64); err == nil {
		*t = text(raw)
	}
	return nil
}

func (t text) clean() string { return clean(string(t), maxMessage) }

// memory writes an amount of memory as the rest of the API does: sessions have been
// seen to answer 4Gi for what was asked for as 4GB.
func (t text) memory() string {
	if number, ok := strings.CutSuffix(string(t), "Gi"); ok {
		return number + "GB"
	}
	return string(t)
}

type count struct{ value *int64 }

func (c *count) UnmarshalJSON(raw []byte) error {
	c.value = nil
	if n, err := strconv.ParseInt(string(bytes.Trim(raw, `"`)), 10, 64); err == nil {
		c.value = &n
	}
	return nil
}

func (c count) int() *int {
	if c.value == nil {
		return nil
	}
	n := int(*c.value)
	return &n
}

type flag struct{ value *bool }

func (f *flag) UnmarshalJSON(raw []byte) error {
	f.value = nil
	switch string(bytes.Trim(raw, `"`)) {
	case "true":
		f.value = new(true)
	case "false":
		f.value = new(false)
	}
	return nil
}

type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(raw []byte) error {
	m.Time = time.Time{}
	if t, err := time.Parse(time.RFC3339, string(bytes.Trim(raw, `"`))); err == nil {
		m.Time = t.UTC()
	}
	return nil
}

// span is a length of time such as 1d8h1m2s: Go's own notation with days in front.
// A bare number is left out, as nobody says of what.
type span time.Duration

func (s *span) UnmarshalJSON(raw []byte) error {
	*s = 0
	word, _ := asString(raw)
	days, rest, found := strings.Cut(word, "d")
	if !found {
		days, rest = "0", word
	}
	n, errDays := strconv.ParseUint(days, 10, 15)
	d, errRest := time.ParseDuration(cmp.Or(rest, "0"))
	if errDays == nil && errRest == nil {
		*s = max(0, span(time.Duration(n)*24*time.Hour+d))
	}
	return nil
}

var (
	// errNoData means that an answer is JSON, but without the data asked for.
	errNoData = errors.New("the answer has no data of the expected kind")
	errNoJSON = errors.New("the answer is not the JSON that aura documents")
)

// decodeData takes the data out of a successful answer. An error that wraps
// errNoData means that Aura accepted the request and did not say more, which some
// changes do; any other error means that the answer cannot be read.
func decodeData[T any](a *answer) (T, error) {
	var data, none T
	if len(bytes.TrimSpace(a.body)) == 0 {
		return none, a.unusable(errNoData)
	}
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(a.body, &envelope) != nil {
		return none, a.unusable(errNoJSON) // the parser's own message could quote the answer
	}
	if len(envelope.Data) == 0 || json.Unmarshal(envelope.Data, &data) != nil {
		return none, a.unusable(errNoData)
	}
	return data, nil
}

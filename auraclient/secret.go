package auraclient

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a string that prints as [redacted]: by fmt with any verb, in JSON, as
// text and in slog. An empty secret prints as nothing, so that "none" stays
// visible. [Secret.Reveal] is the only way to its value.
//
// Reading one from JSON or text works as for a string. Two traps are left, as the
// standard library calls no methods there: a Secret in an unexported struct field
// that is printed by fmt, unless it is behind a pointer, and a Secret as a map key
// in JSON.
type Secret string

// Reveal returns the value.
func (s Secret) Reveal() string { return string(s) }

// String returns [redacted], or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[redacted]"
}

// GoString is what %#v prints, the same as [Secret.String].
func (s Secret) GoString() string { return s.String() }

// Format prints [Secret.String] whatever the verb; %x would otherwise spell the
// value out.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText returns [Secret.String].
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON returns [Secret.String] as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// UnmarshalText takes the value as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

// LogValue is what slog prints, the same as [Secret.String].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

package config

import "strings"

// defaultOrigin is the origin of what nobody has set.
const defaultOrigin = "default"

// Effective is a setting as it counts, for a person.
type Effective struct {
	Key    string `json:"setting"`
	Value  string `json:"value"` // secrets are redacted
	Origin string `json:"from"`
}

// Effective are all settings of the profile, in the order of the docs.
func (c Config) Effective() []Effective {
	var out []Effective
	for _, s := range Settings() {
		if s.apart() {
			continue
		}
		e := Effective{Key: s.Key, Value: s.Default, Origin: defaultOrigin}
		if v, given := c.values[s.Key]; given {
			e.Value, e.Origin = s.show(v.text), v.origin
		}
		out = append(out, e)
	}
	return out
}

// apart reports whether a setting is not told with the others: credentials are told as a whole, and a key is a secret, of which
// not even a sample should stand where it could be taken over.
func (s Setting) apart() bool {
	return s.Key == byDefaultKey || s.Key == stateKeys || strings.HasSuffix(s.Key, "client_id") || strings.HasSuffix(s.Key, "client_secret")
}

// show is a value as a person writes it.
func (s Setting) show(v string) string { return strings.ReplaceAll(v, listMark, ", ") }

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
		if s.Key == byDefaultKey || strings.HasSuffix(s.Key, "client_id") || strings.HasSuffix(s.Key, "client_secret") {
			continue // credentials are told as a whole
		}
		e := Effective{Key: s.Key, Value: s.Default, Origin: defaultOrigin}
		if v, given := c.values[s.Key]; given {
			e.Value, e.Origin = s.show(v.text), v.origin
		}
		out = append(out, e)
	}
	return out
}

// show is a value as a person writes it.
func (s Setting) show(v string) string { return strings.ReplaceAll(v, listMark, ", ") }

package text_test

import (
	"testing"

	"aura-mcp/internal/text"
)

func TestAPatternHasOneWildcard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"prod", "prod", true}, {"prod", "Prod", false}, {"prod", "prod-eu", false}, {"", "", true}, {"", "a", false},
		{"prod*", "prod", true}, {"prod*", "prod-eu", true}, {"prod*", "prod/eu", true}, {"prod*", "my-prod", false},
		{"*prod", "my-prod", true}, {"*prod*", "my-prod-eu", true}, {"a*b*c", "abc", true}, {"a*b*c", "acb", false}, {"a*b*b", "ab", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"*", "", true}, {"*", "a/b", true}, {"**", "a", true},
		{"p?od", "prod", false}, {"p?od", "p?od", true}, {"p[a-z]od", "prod", false}, {"p[a-z]od", "p[a-z]od", true}, {`a\*`, `a\b`, true}, {`a\*`, "a*", false},
	} {
		if got := text.Match(tt.pattern, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
}

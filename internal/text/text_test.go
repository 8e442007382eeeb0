package text_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/internal/text"
)

func TestQuoteShowsWhatIsHidden(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"a plain name stays as it is", "prod-orders", `"prod-orders"`},
		{"quotes are escaped", `prod" approved`, `"prod\" approved"`},
		{"newlines are escaped", "a\nb", `"a\nb"`},
		{"a right-to-left override is shown", "a\u202eb", `"a\u202eb"`},
		{"a zero-width space is shown", "a\u200bb", `"a\u200bb"`},
		{"a tag character is shown", "a\U000E0041", `"a\U000e0041"`},
		{"emoji stay readable", "🛒🛒", `"🛒🛒"`},
		{"broken UTF-8 is shown", "a\xff", `"a\xff"`},
		{"long text is cut and says so", strings.Repeat("x", 300), `"` + strings.Repeat("x", 240) + `" (cut, 300 characters in all)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := text.Quote(tt.in); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPlainNamesCanBeTyped(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"prod-orders": true, "Orders (EU) 2": true, "заказы": true, "commandé": true,
		"": false, " prod": false, "prod ": false, "a\nb": false, "prod\u202e": false, "prоd": false /* Cyrillic o */, "🛒": false, "a\xff": false,
	} {
		if got := text.Plain(in); got != want {
			t.Errorf("Plain(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestEscapeJSONKeepsTheValue(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"plain", "a\u202eb\u200b", "tag\U000E0041", "emoji 🛒", "é"} {
		encoded, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		escaped := text.EscapeJSON(encoded)
		var out string
		if err := json.Unmarshal(escaped, &out); err != nil || out != in {
			t.Errorf("%q came back as %q (%v) from %s", in, out, err, escaped)
		}
		if strings.ContainsAny(string(escaped), "\u202e\u200b\U000E0041") {
			t.Errorf("%s still hides something", escaped)
		}
	}
}

func TestNearestFindsWhatWasMeant(t *testing.T) {
	t.Parallel()
	candidates := []string{"instance", "wait_seconds", "prod-orders", "prod-orders-staging", "analytics"}
	tests := []struct {
		name, word string
		want       []string
	}{
		{"a missing letter", "instnce", []string{"instance"}},
		{"swapped letters", "insatnce", []string{"instance"}},
		{"another case", "Analytics", []string{"analytics"}},
		{"a part of several", "orders", []string{"prod-orders", "prod-orders-staging"}},
		{"nothing like it", "zzz", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, text.Nearest(tt.word, candidates)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

package auraclient_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"aura-mcp/auraclient"
)

func TestSecretPrintsAsRedacted(t *testing.T) {
	t.Parallel()
	type holder struct{ Password auraclient.Secret }
	full, empty := auraclient.Secret("hunter2"), auraclient.Secret("")
	inJSON := func(v any) string {
		b, err := json.Marshal(v)
		noError(t, err)
		return string(b)
	}
	inLog := func(v any) string {
		var b bytes.Buffer
		drop := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: drop})).Info("m", "secret", v)
		return b.String()
	}
	for _, test := range []struct{ name, got, want string }{
		{"by %v", fmt.Sprintf("%v", full), "[redacted]"},
		{"by %+v", fmt.Sprintf("%+v", full), "[redacted]"},
		{"by %#v", fmt.Sprintf("%#v", full), "[redacted]"},
		{"by %s", fmt.Sprintf("%s", full), "[redacted]"},
		{"by %q", fmt.Sprintf("%q", full), "[redacted]"},
		{"by %x", fmt.Sprintf("%x", full), "[redacted]"},
		{"by %d", fmt.Sprintf("%d", full), "[redacted]"},
		{"by String", full.String(), "[redacted]"},
		{"by GoString", full.GoString(), "[redacted]"},
		{"by Print", fmt.Sprint(full), "[redacted]"},
		{"in a struct by %v", fmt.Sprintf("%v", holder{full}), "{[redacted]}"},
		{"in a struct by %+v", fmt.Sprintf("%+v", holder{full}), "{Password:[redacted]}"},
		{"in a struct by %#v", fmt.Sprintf("%#v", holder{full}), "auraclient_test.holder{Password:[redacted]}"},
		{"behind a pointer", fmt.Sprintf("%v", &full), "[redacted]"},
		{"in an error", fmt.Errorf("bad: %v", full).Error(), "bad: [redacted]"},
		{"in JSON", inJSON(holder{full}), `{"Password":"[redacted]"}`},
		{"in a list in JSON", inJSON([]auraclient.Secret{full}), `["[redacted]"]`},
		{"in slog", inLog(full), "level=INFO msg=m secret=[redacted]\n"},
		{"in a struct in slog", inLog(holder{full}), "level=INFO msg=m secret={Password:[redacted]}\n"},
		{"as nothing when empty by %v", fmt.Sprintf("%v", empty), ""},
		{"as nothing when empty by %s", fmt.Sprintf("%s", empty), ""},
		{"as nothing when empty by %#v", fmt.Sprintf("%#v", empty), ""},
		{"as nothing when empty in JSON", inJSON(holder{}), `{"Password":""}`},
		{"as nothing when empty in slog", inLog(empty), "level=INFO msg=m secret=\"\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.got != test.want {
				t.Errorf("got %q, want %q", test.got, test.want)
			}
		})
	}
}

func TestSecretIsReadAndRevealed(t *testing.T) {
	t.Parallel()
	var fromJSON struct {
		Password auraclient.Secret `json:"Password"`
	}
	noError(t, json.Unmarshal([]byte(`{"Password":"hun\nter2"}`), &fromJSON))
	var fromText auraclient.Secret
	noError(t, fromText.UnmarshalText([]byte("hun\nter2")))
	for name, s := range map[string]auraclient.Secret{"JSON": fromJSON.Password, "text": fromText} {
		if s.Reveal() != "hun\nter2" {
			t.Errorf("from %s: got %q", name, s.Reveal())
		}
	}
}

func TestClientPrintsWithoutItsSecret(t *testing.T) {
	t.Parallel()
	f := always(t, ok(`{"data":[]}`))
	client := newClient(t, f)
	_, err := client.Instances.List(t.Context(), "")
	noError(t, err)
	for _, format := range []string{"%v", "%+v", "%#v"} {
		for _, v := range []any{client, *client, client.Instances, *client.Instances} {
			if text := fmt.Sprintf(format, v); strings.Contains(text, clientSecret) || strings.Contains(text, "token-1") {
				t.Errorf("%s of %T shows a secret: %s", format, v, text)
			}
		}
	}
}

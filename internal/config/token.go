package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"

	"aura-mcp/internal/text"
)

// ErrNoTable says that a token stands in a file in another way than as a table of its own.
var ErrNoTable = errors.New("the token has no [[tokens]] table of its own")

// WithPassphrase puts the hash of a passphrase into the table of a token, in the text of a config file, and leaves everything
// else as it is.
func WithPassphrase(content, name, hash string) (string, error) {
	lines := strings.SplitAfter(content, "\n")
	for from := range lines {
		if !beginsTable(lines[from], "[[tokens]]") {
			continue
		}
		to := from + 1
		for to < len(lines) && !beginsTable(lines[to], "[") {
			to++
		}
		var table struct {
			Tokens []Token `toml:"tokens"`
		}
		if _, err := toml.Decode(strings.Join(lines[from:to], ""), &table); err != nil {
			return "", fmt.Errorf("the table of a token cannot be read: %w", err)
		}
		if len(table.Tokens) != 1 || table.Tokens[0].Name != name {
			continue
		}
		return strings.Join(lines[:from+1], "") + PassphraseLine(hash) + "\n" + strings.Join(without(lines[from+1:to], "passphrase"), "") + strings.Join(lines[to:], ""), nil
	}
	return "", fmt.Errorf("%s: %w", text.Quote(name), ErrNoTable)
}

// PassphraseLine is a hash as it stands in the table of a token.
func PassphraseLine(hash string) string { return fmt.Sprintf("passphrase = %q", hash) }

func beginsTable(line, with string) bool { return strings.HasPrefix(strings.TrimSpace(line), with) }

func without(lines []string, key string) (out []string) {
	for _, line := range lines {
		if k, _, ok := strings.Cut(line, "="); !ok || strings.TrimSpace(k) != key {
			out = append(out, line)
		}
	}
	return out
}

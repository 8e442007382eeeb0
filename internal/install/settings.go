package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Settings is what a new config file should say beside its remarks.
type Settings struct {
	BaseURL string // empty: Aura's own
	AuthURL string // empty: the one that goes with the base URL
	Where   string // where the credentials are, for the remark about them
}

// protectedLine guards what has a name like production.
const protectedLine = `protected = ["prod*"]`

// Lines are the settings proper, for a person to add to a file that is there already. has reports whether a setting is in it.
func (s Settings) Lines(has func(key string) bool) []string {
	var out []string
	for _, l := range []struct{ key, line string }{
		{"base_url", address("base_url", s.BaseURL)}, {"auth_url", address("auth_url", s.AuthURL)}, {"protected", protectedLine},
	} {
		if l.line != "" && !has(l.key) {
			out = append(out, l.line)
		}
	}
	return out
}

// Content is a config file for somebody who has none.
func (s Settings) Content() string {
	var b strings.Builder
	b.WriteString("# Settings of aura-mcp. Its README lists all of them; a misspelt one is an error that names its line.\n")
	if s.Where != "" {
		fmt.Fprintf(&b, "# The API key is not in here. It is in %s.\n", strings.ReplaceAll(s.Where, "\n", " "))
	}
	if s.BaseURL+s.AuthURL != "" {
		b.WriteString("\n# Where the API key is sent, and nowhere else.\n")
	}
	for _, line := range []string{address("base_url", s.BaseURL), address("auth_url", s.AuthURL)} {
		if line != "" {
			b.WriteString(line + "\n")
		}
	}
	fmt.Fprintf(&b, `
# Databases with these names are never part of a bulk operation, and destroyed only by a person on the approval page or at a
# terminal: the answer of a client is not enough.
%s

# Databases that nothing may change at all.
# locked = ["prod-orders"]

# Offer only what changes nothing.
# read_only = true

# The largest memory that a database may be given.
# max_memory = "64GB"

# How a person is asked, by what an operation does.
# approval = { default = "auto", destructive = "page" }
`, protectedLine)
	return b.String()
}

func address(key, url string) string {
	if url == "" {
		return ""
	}
	return key + " = " + strconv.Quote(url)
}

// Write makes the config file. One that is there is left as it is, and the answer is false.
func (s Settings) Write(file string) (written bool, err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, replace(file, []byte(s.Content()))
}

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aura-mcp/internal/config"
	"aura-mcp/internal/httpd"
)

func tokenCommand(p Process) *cobra.Command {
	c := &cobra.Command{
		Use: "token", Short: "Tokens of a server over HTTP", Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(tokenCreateCommand(p))
	return c
}

func tokenCreateCommand(p Process) *cobra.Command {
	f := &fleetFlags{set: map[string]string{}}
	t := config.Token{}
	var show bool
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token for somebody who uses a server over HTTP",
		Long: `create makes a random token and prints it, once: only its digest is kept, in the config file. Whoever has the token uses the
server as NAME, which stands in the audit. A running server takes it at once. To take it back, delete its table from the file.`,
		Example: "  aura-mcp token create anna\n  aura-mcp token create dashboard --read-only",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			t.Name = args[0]
			return p.createToken(*f, t, show)
		},
	}
	c.Flags().VarP(&settingFlag{set: f.set, key: "config"}, "config", "", "use this config `file` instead of the user's own")
	c.Flags().BoolVar(&t.ReadOnly, "read-only", false, "the token is for reading only")
	c.Flags().StringVar(&t.Profile, "profile", "", "the profile that the token works with")
	c.Flags().BoolVar(&show, "print", false, "print what goes into the config file instead of writing it there")
	return c
}

func (p Process) createToken(f fleetFlags, t config.Token, show bool) error {
	c, err := config.Load(config.Sources{Flags: f.set, Environ: p.Environ, Dir: p.ConfigDir, ReadFile: readOrNothing})
	if err != nil {
		return usageError{err}
	}
	if err := config.CheckTokenName(t.Name); err != nil {
		return usageError{fmt.Errorf("the token %w", err)}
	}
	if _, err := profileNamed(c, t.Profile); err != nil {
		return usageError{err}
	}
	if slices.ContainsFunc(c.Serving.Tokens, func(other config.Token) bool { return other.Name == t.Name }) {
		return usageError{fmt.Errorf("%s has a token named %s already: delete its table first, or choose another name", c.File, t.Name)}
	}
	token, digest := httpd.NewToken()
	t.SHA256 = digest
	if show {
		_, err := fmt.Fprintf(p.Stdout, "%s\n", token)
		fmt.Fprintf(p.Stderr, "Add this at the end of the config file:\n%s", tokenTable(t))
		return err
	}
	if c.File == "" {
		return errors.New("this account has no directory for settings: name a file with --config, or use --print")
	}
	if err := appendTo(c.File, tokenTable(t)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "%s\n", token)
	fmt.Fprintf(p.Stderr, "This is the token of %s; it is shown this once. Its digest is in %s\n", t.Name, c.File)
	return err
}

// readOrNothing lets a command write a file that is not there yet.
func readOrNothing(name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// tokenTable is a token as the config file has it. Nothing in it needs escaping.
func tokenTable(t config.Token) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n[[tokens]]\nname = %q\nsha256 = %q\n", t.Name, t.SHA256)
	if t.ReadOnly {
		b.WriteString("read_only = true\n")
	}
	if t.Profile != "" {
		fmt.Fprintf(&b, "profile = %q\n", t.Profile)
	}
	return b.String()
}

// appendTo adds to the end of a file, where a table is always one of its own. A new file is the account's alone.
func appendTo(name, content string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	_, wrote := f.WriteString(content)
	if err := errors.Join(wrote, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	return nil
}

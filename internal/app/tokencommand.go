package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aura-mcp/internal/approval"
	"aura-mcp/internal/atomicfile"
	"aura-mcp/internal/config"
	"aura-mcp/internal/httpd"
	"aura-mcp/internal/passphrase"
	"aura-mcp/internal/text"
)

func tokenCommand(p Process) *cobra.Command {
	c := &cobra.Command{
		Use: "token", Short: "Tokens of a server over HTTP", Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(tokenCreateCommand(p), tokenPassphraseCommand(p))
	return c
}

func tokenCreateCommand(p Process) *cobra.Command {
	f := &fleetFlags{set: map[string]string{}}
	t := config.Token{}
	var show, withPassphrase bool
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token for somebody who uses a server over HTTP",
		Long: `create makes a random token and prints it, once: only its digest is kept, in the config file. Whoever has the token uses the
server as NAME, which stands in the audit. A running server takes it at once. To take it back, delete its table from the file.
What costs, interrupts or destroys needs an approval, which is given on a page of the server, with a passphrase that comes not with
the token: --passphrase asks for one at this terminal, and "aura-mcp token passphrase NAME" sets one later.`,
		Example: "  aura-mcp token create anna --passphrase\n  aura-mcp token create dashboard --read-only",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			t.Name = args[0]
			return p.createToken(c.Context(), *f, t, show, withPassphrase)
		},
	}
	c.Flags().VarP(&settingFlag{set: f.set, key: "config"}, "config", "", "use this config `file` instead of the user's own")
	c.Flags().BoolVar(&t.ReadOnly, "read-only", false, "the token is for reading only")
	c.Flags().StringVar(&t.Profile, "profile", "", "the profile that the token works with")
	c.Flags().BoolVar(&show, "print", false, "print what goes into the config file instead of writing it there; the token goes to standard error")
	c.Flags().BoolVar(&withPassphrase, "passphrase", false, "ask for the passphrase with which its person approves, too")
	return c
}

func tokenPassphraseCommand(p Process) *cobra.Command {
	f := &fleetFlags{set: map[string]string{}}
	var show bool
	c := &cobra.Command{
		Use:   "passphrase NAME",
		Short: "Set the passphrase with which the holder of a token approves",
		Long: `passphrase asks for a passphrase at this terminal and keeps a slow salted hash of it with the token, in the config file. With it
its holder signs in on the approval page of the server. Nobody gets at it by the token, so an assistant that has the
token cannot approve. A running server takes it at once, and whoever had signed in with another one is signed out.`,
		Example: "  aura-mcp token passphrase anna",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return p.changePassphrase(c.Context(), *f, args[0], show)
		},
	}
	c.Flags().VarP(&settingFlag{set: f.set, key: "config"}, "config", "", "use this config `file` instead of the user's own")
	c.Flags().BoolVar(&show, "print", false, "print the line for the config file instead of writing it there")
	return c
}

func (p Process) changePassphrase(ctx context.Context, f fleetFlags, name string, show bool) error {
	c, err := config.Load(config.Sources{Flags: f.set, Environ: p.Environ, Dir: p.ConfigDir, ReadFile: readOrNothing})
	if err != nil {
		return usageError{err}
	}
	if !show && !slices.ContainsFunc(c.Serving.Tokens, func(t config.Token) bool { return t.Name == name }) {
		return usageError{fmt.Errorf("%s has no token named %s; `aura-mcp token create` makes one", c.File, text.Quote(name))}
	}
	hash, err := p.askPassphrase(ctx)
	if err != nil {
		return err
	}
	if show {
		_, err := fmt.Fprintln(p.Stdout, config.PassphraseLine(hash))
		return err
	}
	content, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	changed, err := config.WithPassphrase(string(content), name, hash)
	if errors.Is(err, config.ErrNoTable) {
		return fmt.Errorf("%w: add this line to it in %s yourself:\n%s", err, c.File, config.PassphraseLine(hash))
	}
	if err != nil {
		return err
	}
	if err := p.replaceSettings(f, c.File, changed); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "the passphrase of %s is set in %s\n", name, c.File)
	return err
}

// askPassphrase asks for a passphrase at the terminal, twice, and returns its hash.
func (p Process) askPassphrase(ctx context.Context) (hash string, err error) {
	terminal, err := approval.OpenTerminal(p.Terminal)
	if err != nil {
		return "", fmt.Errorf("a passphrase is typed at a terminal only: %w", err)
	}
	defer terminal.Close()
	first, err := terminal.Hidden(ctx, fmt.Sprintf("the passphrase, at least %d characters", minPassphrase))
	switch {
	case err != nil:
		return "", err
	case len([]rune(first)) < minPassphrase:
		return "", fmt.Errorf("a passphrase has at least %d characters; nothing was changed", minPassphrase)
	}
	second, err := terminal.Hidden(ctx, "once more")
	switch {
	case err != nil:
		return "", err
	case first != second:
		return "", errors.New("the two differ; nothing was changed")
	}
	return passphrase.Hash(first), nil
}

// minPassphrase: guessing is stopped after a few tries, and whoever has the hash still has to guess slowly.
const minPassphrase = 10

func (p Process) createToken(ctx context.Context, f fleetFlags, t config.Token, show, withPassphrase bool) error {
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
	if withPassphrase {
		if t.Passphrase, err = p.askPassphrase(ctx); err != nil {
			return err
		}
	}
	token, digest := httpd.NewToken()
	t.SHA256 = digest
	if show {
		_, err := fmt.Fprint(p.Stdout, tokenTable(t))
		fmt.Fprintf(p.Stderr, "Standard output goes to the end of the config file. This is the token of %s; it is shown this once:\n%s\n", t.Name, token)
		return err
	}
	if c.File == "" {
		return errors.New("this account has no directory for settings: name a file with --config, or use --print")
	}
	content, err := readOrNothing(c.File)
	if err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	if err := p.replaceSettings(f, c.File, string(content)+tokenTable(t)); err != nil {
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
	if t.Passphrase != "" {
		b.WriteString(config.PassphraseLine(t.Passphrase) + "\n")
	}
	if t.ReadOnly {
		b.WriteString("read_only = true\n")
	}
	if t.Profile != "" {
		fmt.Fprintf(&b, "profile = %q\n", t.Profile)
	}
	return b.String()
}

// replaceSettings puts new content into the config file, which it can be read with: a mistake would stop every server.
func (p Process) replaceSettings(f fleetFlags, file, content string) error {
	read := func(string) ([]byte, error) { return []byte(content), nil }
	if _, err := config.Load(config.Sources{Flags: f.set, Environ: p.Environ, Dir: p.ConfigDir, ReadFile: read}); err != nil {
		return fmt.Errorf("%s would be a mistake with the table of the token, so nothing was written: %w\nwrite each token that is in a list, tokens = […], as a table of its own, [[tokens]], and try again", file, err)
	}
	if target, err := filepath.EvalSymlinks(file); err == nil { // else there is no such file yet
		file = target
	}
	if err := atomicfile.Write(file, []byte(content)); err != nil {
		return fmt.Errorf("config file: %w", err)
	}
	return nil
}

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"aura-mcp/internal/config"
	"aura-mcp/internal/text"
	"aura-mcp/internal/vault"
)

func configCommand(p Process) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Make, show and check the config file",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return usageError{errors.New("choose init, show or check; see aura-mcp config --help")}
		},
	}
	c.AddCommand(configInitCommand(p), configShowCommand(p), configCheckCommand(p))
	return c
}

func configInitCommand(p Process) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a config file in which everything is explained and nothing is set",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			check := "aura-mcp config check"
			if name != "" {
				check += " --config " + name
			}
			if name == "" && p.ConfigDir != "" {
				name = filepath.Join(p.ConfigDir, filepath.FromSlash(config.FileName))
			}
			if name == "" {
				return usageError{errors.New("this account has no directory for settings: name a file with --config")}
			}
			if err := writeNew(name, config.Template(nil)); err != nil {
				return err
			}
			fmt.Fprintf(p.Stdout, "%s is there now, and only your account can read it. Nothing in it is set yet.\nEdit it, then see what it means with: %s\n", name, check)
			return nil
		},
	}
	c.Flags().StringVar(&name, "config", "", "write this `file` instead of the usual one")
	return c
}

// writeNew writes a file that only its owner can read, and never over one that is there.
func writeNew(name, content string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and stays as it is; aura-mcp config show says what counts", name)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}

// shownProfile is a profile as config show and config check tell of it.
type shownProfile struct {
	Name        string             `json:"name"`
	Default     bool               `json:"default,omitempty"`
	Credentials string             `json:"credentials"`
	Settings    []config.Effective `json:"settings"`
	Means       []string           `json:"means"`
}

// shownSettings is everything that the settings say.
type shownSettings struct {
	OK       bool           `json:"ok"`
	File     string         `json:"file,omitempty"`
	Exists   bool           `json:"exists"`
	Problems []string       `json:"problems,omitempty"`
	Warnings []string       `json:"warnings,omitempty"`
	Serves   []string       `json:"serves,omitempty"` // how the server is reached and by whom, where that is over HTTP
	Profiles []shownProfile `json:"profiles,omitempty"`
}

// settings loads the settings and judges all that can be judged without the network.
func (p Process) settings(f fleetFlags) (config.Profiles, error) {
	loaded, err := config.Load(p.sources(f))
	if err != nil {
		return loaded, usageError{err}
	}
	s := &setup{settings: loaded, demo: f.demo, log: slog.New(slog.DiscardHandler)}
	if err := p.addAccounts(s, f.simState); err != nil {
		return loaded, usageError{err}
	}
	return p.checkServing(loaded)
}

func (p Process) shown(f fleetFlags) (shownSettings, config.Profiles, error) {
	loaded, err := p.settings(f)
	out := shownSettings{OK: err == nil, File: loaded.File, Exists: loaded.Exists, Warnings: loaded.Notices}
	if err != nil {
		out.Problems = strings.Split(err.Error(), "\n")
		return out, loaded, err
	}
	r := newRemote(loaded)
	out.Serves = r.means()
	for _, c := range loaded.All {
		one := shownProfile{Name: c.Name, Default: len(loaded.All) > 1 && c.Name == loaded.Default, Credentials: credentialsOf(c), Settings: c.Effective(), Means: meaning(c, (&setup{remote: r}).sink(c))}
		out.Profiles = append(out.Profiles, one)
	}
	return out, loaded, nil
}

// credentialsOf says where a profile's API key is, and nothing of the secret.
func credentialsOf(c config.Config) string {
	if c.Credentials.Source == config.Anywhere {
		return fmt.Sprintf("none in the settings; a tool looks in %s when it needs them (aura-mcp doctor looks now)", c.Credentials)
	}
	if c.Credentials.ID == "" {
		return c.Credentials.String()
	}
	return fmt.Sprintf("%s: client ID %s, secret [redacted]", c.Credentials, text.Quote(c.Credentials.ID))
}

func configShowCommand(p Process) *cobra.Command {
	flags := &fleetFlags{set: map[string]string{}}
	var asJSON bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the settings that count, and where each is from",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			shown, loaded, err := p.shown(*flags)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.Stdout, shown)
			}
			s := newScreen(p.Stdout, p.Environ)
			s.line("%s", fileLine(loaded))
			for _, one := range shown.Profiles {
				if loaded.Named {
					s.line("\n%s", s.paint(bold, "profile "+one.Name+defaultMark(one)))
				}
				s.line("\ncredentials: %s\n", one.Credentials)
				rows := make([][]string, 0, len(one.Settings))
				for _, e := range one.Settings {
					rows = append(rows, []string{e.Key, e.Value, e.Origin})
				}
				s.table([]string{"SETTING", "VALUE", "FROM"}, rows, func(column int, cell string) string {
					if column == 2 && cell == "default" {
						return s.paint(dim, cell)
					}
					return cell
				})
			}
			s.warnings(shown.Warnings)
			return nil
		},
	}
	addSettingFlags(c.Flags(), flags)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func configCheckCommand(p Process) *cobra.Command {
	flags := &fleetFlags{set: map[string]string{}}
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the settings and say in words what counts",
		Long: `check reads the settings as the server does and says in words what counts. It asks nobody and sends nothing; aura-mcp doctor
tries them. Exit status: 0 they are good, 2 there are mistakes, each named with its file and line.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			shown, loaded, err := p.shown(*flags)
			switch {
			case asJSON && err != nil:
				return errors.Join(printJSON(p.Stdout, shown), exitError{code: ExitUsage})
			case asJSON:
				return printJSON(p.Stdout, shown)
			case err != nil:
				return err
			}
			s := newScreen(p.Stdout, p.Environ)
			s.line("%s %s", s.paint(green, "✓"), fileLine(loaded))
			for n, m := range shown.Serves {
				if n == 0 {
					s.line("")
				}
				s.item(m)
			}
			for _, one := range shown.Profiles {
				if loaded.Named {
					s.line("\n%s", s.paint(bold, "profile "+one.Name+defaultMark(one)))
				} else {
					s.line("")
				}
				for _, m := range append([]string{"credentials: " + one.Credentials}, one.Means...) {
					s.item(m)
				}
			}
			s.warnings(shown.Warnings)
			return nil
		},
	}
	addSettingFlags(c.Flags(), flags)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func fileLine(p config.Profiles) string {
	switch {
	case p.File == "":
		return "There is no config file, and this account has no place for one."
	case !p.Exists:
		return fmt.Sprintf("There is no config file (it would be %s; aura-mcp config init writes one).", p.File)
	}
	return p.File + " is good."
}

func defaultMark(p shownProfile) string {
	if p.Default {
		return " (default)"
	}
	return ""
}

// meaning says in words what a profile's policy does, and where passwords go in the end.
func meaning(c config.Config, sink vault.Sink) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if c.ReadOnly {
		say("looks only: nothing can be changed (read_only)")
	} else {
		say("asks a person before what costs (%s), interrupts (%s) or destroys (%s)", c.Approval.Billable, c.Approval.Disruptive, c.Approval.Destructive)
	}
	say("offers the tools of %s", strings.Join(c.Toolsets, ", "))
	if len(c.DeniedTools) > 0 {
		say("never offers %s", strings.Join(c.DeniedTools, ", "))
	}
	if len(c.Locked) > 0 {
		say("changes nothing of databases named %s", text.QuoteAll(c.Locked))
	}
	if len(c.Protected) > 0 {
		say("keeps databases named %s out of bulk operations, and lets them be destroyed only on the approval page or at a terminal", text.QuoteAll(c.Protected))
	}
	out = append(out, limits(c)...)
	for _, s := range c.Preapproved {
		say("does without asking: %s", standingRule(s))
	}
	if !c.SafetySnapshots {
		say("takes no snapshot before it replaces the data of a database")
	}
	say("one-time passwords go to: %s", map[vault.Sink]string{
		vault.File: "a private file", vault.Keyring: "the system's keyring", vault.Reveal: "the assistant's conversation",
		vault.Page: "the approval page, which shows each once to whoever had the database created",
	}[sink])
	if n := len(c.Health) + len(c.HealthFor); n > 0 {
		say("judges health by thresholds of your own (%d)", n)
	}
	return out
}

func limits(c config.Config) (out []string) {
	var limits []string
	if c.MaxMemory != "" {
		limits = append(limits, "at most "+c.MaxMemory+" of memory")
	}
	if c.MaxInstances > 0 {
		limits = append(limits, fmt.Sprintf("at most %d databases", c.MaxInstances))
	}
	if len(c.AllowedRegions) > 0 {
		limits = append(limits, "only in "+strings.Join(c.AllowedRegions, ", "))
	}
	if len(c.AllowedTypes) > 0 {
		limits = append(limits, "only "+strings.Join(c.AllowedTypes, ", "))
	}
	if len(limits) > 0 {
		out = append(out, "creates and resizes within limits: "+strings.Join(limits, "; "))
	}
	return out
}

// standingRule is a decision that a person made beforehand.
func standingRule(s config.Preapproved) string {
	rule := fmt.Sprintf("%s on %s", strings.Join(s.Operations, ", "), text.QuoteAll(s.Names))
	if s.Tenant != "" {
		rule += " in " + text.Quote(s.Tenant)
	}
	return rule + fmt.Sprintf(", at most %d a day", s.MaxPerDay)
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

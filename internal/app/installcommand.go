package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aura-mcp/internal/approval"
	"aura-mcp/internal/install"
)

// installer enters this program into a client's configuration and stores an API key for it.
type installer struct {
	process  Process
	screen   screen
	system   install.System
	terminal *approval.Terminal // nil until somebody is asked
	set      map[string]string  // settings given as flags

	client, name, file     string
	demo, yes, undo, print bool
	newKey, json           bool
}

func installCommand(p Process) *cobra.Command {
	i := &installer{process: p, set: map[string]string{}}
	c := &cobra.Command{
		Use:   "install",
		Short: "Enter this server into an MCP client's configuration, and store an API key for it",
		Long: `install puts this server into the configuration file of an MCP client, after showing the change and asking. Everything else in
the file stays as it is, and --undo takes the change back. It then asks for an API key of Aura, tries it, and stores it in the
system's keyring (a private file where there is none); the client's file never holds it. A key in AURA_CLIENT_ID and
AURA_CLIENT_SECRET is taken instead of asking. Without --client it shows which clients there are and what it would do; with
--new-key alone it stores an API key and touches no client.`,
		Example: "  aura-mcp install --client claude-code --demo\n  aura-mcp install --client vscode\n  aura-mcp install --client cursor --undo\n  aura-mcp install --new-key",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			i.screen = newScreen(p.Stdout, p.Environ)
			i.system = install.System{GOOS: runtime.GOOS, Home: p.home(), Environ: p.Environ}
			defer i.close()
			return i.run(c.Context())
		},
	}
	ids := make([]string, 0, len(install.Clients()))
	for _, client := range install.Clients() {
		ids = append(ids, client.ID)
	}
	c.Flags().StringVar(&i.client, "client", "", "the `client` to configure: "+strings.Join(ids, ", "))
	c.Flags().StringVar(&i.name, "name", "", "the `name` of the entry (default aura, with --demo aura-demo)")
	c.Flags().StringVar(&i.file, "file", "", "the client's configuration `file`, where it is not in its usual place")
	c.Flags().BoolVar(&i.demo, "demo", false, "enter the server on the simulated fleet: no account, no API key")
	c.Flags().BoolVar(&i.yes, "yes", false, "do not ask: for scripts")
	c.Flags().BoolVar(&i.undo, "undo", false, "take the last change of this client's configuration back")
	c.Flags().BoolVar(&i.print, "print", false, "print the entry and write nothing")
	c.Flags().BoolVar(&i.newKey, "new-key", false, "store another API key in place of the stored one")
	c.Flags().Var(&settingFlag{set: i.set, key: "profile"}, "profile", "store the API key of this profile of the config file, by its `name`")
	c.Flags().BoolVar(&i.json, "json", false, "print the list of clients as JSON")
	_ = c.RegisterFlagCompletionFunc("client", cobra.FixedCompletions(ids, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return c
}

// home is the person's home directory, empty where there is none.
func (p Process) home() string {
	variable := "HOME"
	if runtime.GOOS == "windows" {
		variable = "USERPROFILE"
	}
	for _, e := range p.Environ {
		if name, value, _ := strings.Cut(e, "="); strings.EqualFold(name, variable) && filepath.IsAbs(value) {
			return value
		}
	}
	return ""
}

func (i *installer) run(ctx context.Context) error {
	switch {
	case i.undo && (i.print || i.demo || i.newKey || i.name != ""):
		return usageError{errors.New("--undo takes the last change back, whatever it was: it goes with --client, --file and --yes only")}
	case (i.newKey || i.set["profile"] != "") && (i.demo || i.print):
		return usageError{errors.New("--new-key and --profile do not go with --demo or --print, which need no API key")}
	}
	if i.json && (i.client != "" || i.newKey) {
		return usageError{errors.New("--json goes with the list of clients, which aura-mcp install alone prints")}
	}
	if i.client == "" {
		switch {
		case i.undo || i.print || i.file != "" || i.yes && !i.newKey:
			return usageError{errors.New("name the client with --client; aura-mcp install alone shows which there are")}
		case i.newKey:
			s, err := i.surroundings()
			if err == nil {
				_, err = i.keys(ctx, s)
			}
			return err
		}
		return i.list()
	}
	client, err := install.Find(i.client)
	if err != nil {
		return usageError{err}
	}
	if i.undo {
		return i.takeBack(ctx, client)
	}
	entry, err := i.entry()
	if err != nil {
		return err
	}
	if i.print {
		i.screen.line("%s", strings.TrimSuffix(entry.Print(client), "\n"))
		return nil
	}
	s, err := i.surroundings()
	if err != nil {
		return err
	}
	if err := i.enter(ctx, client, entry); err != nil {
		return err
	}
	if i.demo {
		i.screen.line("\nNext: %s. Then ask: Which databases are there, and is prod-orders well?", client.After)
		return nil
	}
	ready, err := i.keys(ctx, s)
	if err != nil {
		return err
	}
	if ready {
		i.screen.line("\nNext: %s. Then ask: Which databases do I have?", client.After)
	}
	return nil
}

// entry is what the client is to launch. A program that go run has built is gone when it ends.
func (i *installer) entry() (install.Entry, error) {
	e := install.Entry{Name: i.name, Command: i.process.Executable, Demo: i.demo}
	if e.Name == "" {
		e.Name = "aura"
		if i.demo {
			e.Name = "aura-demo"
		}
	}
	if !filepath.IsAbs(e.Command) {
		return e, errors.New("the system does not say where this program is, so no client could be told: start it by its whole path")
	}
	built := slices.ContainsFunc(strings.Split(filepath.ToSlash(e.Command), "/"), func(dir string) bool { return strings.HasPrefix(dir, "go-build") })
	if built {
		return e, errors.New("go run builds a program that is gone afterwards: build it with make build, then run bin/aura-mcp install")
	}
	return e, nil
}

func (i *installer) configuration(client install.Client) (string, error) {
	if i.file != "" {
		return filepath.Abs(i.file)
	}
	return client.File(i.system)
}

// prospect is a client and what would happen to it.
type prospect struct {
	Client    string `json:"client"`
	Installed bool   `json:"installed"`
	Would     string `json:"would"`
	File      string `json:"file"`
}

// list shows every client and what would happen to it.
func (i *installer) list() error {
	entry, err := i.entry()
	if err != nil {
		return err
	}
	var all []prospect
	var rows [][]string
	found := ""
	for _, client := range install.Clients() {
		file, err := client.File(i.system)
		if err != nil {
			return err
		}
		p := prospect{Client: client.ID, Installed: client.Installed(i.system, file), Would: "not found on this machine", File: file}
		if p.Installed {
			p.Would = plans(client, file, entry)
			if found == "" {
				found = client.ID
			}
		}
		all = append(all, p)
		rows = append(rows, []string{p.Client, p.Would, p.File})
	}
	if i.json {
		return printJSON(i.process.Stdout, map[string]any{"clients": all})
	}
	i.screen.table([]string{"CLIENT", "WHAT INSTALL WOULD DO", "CONFIGURATION"}, rows, func(_ int, cell string) string { return cell })
	if found == "" {
		found = "claude-code"
	}
	i.screen.line("\nNothing was changed. Install with: aura-mcp install --client %s (with --demo: on a simulated fleet)", found)
	return nil
}

func plans(client install.Client, file string, entry install.Entry) string {
	change, err := install.Plan(client, file, entry)
	switch {
	case err != nil:
		first, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), file+": "), "\n")
		return "refuse: " + first
	case change.Nothing():
		return fmt.Sprintf("nothing: it has the entry %q", entry.Name)
	case change.Creates():
		return fmt.Sprintf("make the file, with the entry %q", entry.Name)
	}
	return fmt.Sprintf("add or update the entry %q", entry.Name)
}

// enter puts the entry into the client's configuration.
func (i *installer) enter(ctx context.Context, client install.Client, entry install.Entry) error {
	file, err := i.configuration(client)
	if err != nil {
		return err
	}
	change, err := install.Plan(client, file, entry)
	if err != nil {
		return err
	}
	if i.file == "" && !client.Installed(i.system, file) {
		i.screen.line("note: %s does not seem to be installed here", client.Title)
	}
	if change.Nothing() {
		i.notes(change)
		i.screen.line("%s has the entry %q already: %s", client.Title, entry.Name, file)
		return nil
	}
	if err := i.approve(ctx, change); err != nil {
		return err
	}
	i.screen.line("%s has the entry %q now: %s\nTake it back with: aura-mcp install --client %s --undo", client.Title, entry.Name, file, client.ID)
	return nil
}

// takeBack undoes the last change.
func (i *installer) takeBack(ctx context.Context, client install.Client) error {
	file := i.file
	if file != "" {
		var err error
		if file, err = filepath.Abs(file); err != nil {
			return err
		}
	}
	change, err := install.PlanUndo(client, file, i.process.state("install"))
	if err != nil {
		return err
	}
	if change.Removes() {
		i.screen.line("note: the file was not there before, so it goes away")
	}
	if err := i.approve(ctx, change); err != nil {
		return err
	}
	i.screen.line("%s is as it was before: %s\nA stored API key and the settings stay.", client.Title, change.File)
	return nil
}

// approve shows a change, asks, and makes it.
func (i *installer) approve(ctx context.Context, change install.Change) error {
	i.screen.line("%s", strings.TrimSuffix(change.Diff(), "\n"))
	i.notes(change)
	if !i.yes {
		if !i.canAsk() {
			return errors.New("there is no terminal here to ask at: look at the change above, then run this with --yes; nothing was changed")
		}
		yes, err := i.confirms(ctx, "Write this?")
		if err != nil {
			return err
		}
		if !yes {
			return errors.New("the answer was not yes; nothing was changed")
		}
	}
	return change.Apply(i.process.state("install"))
}

func (i *installer) notes(change install.Change) {
	for _, note := range change.Notes {
		i.screen.line("note: %s", note)
	}
}

// canAsk reports whether there is somebody to ask, and readies the terminal.
func (i *installer) canAsk() bool {
	if i.terminal == nil && !i.yes {
		i.terminal, _ = approval.OpenTerminal(i.process.Terminal) // without a terminal there is nobody, whatever the reason
	}
	return i.terminal != nil
}

func (i *installer) close() {
	if i.terminal != nil {
		_ = i.terminal.Close()
	}
}

// confirms asks for a yes. Anything else, nothing included, is a no.
func (i *installer) confirms(ctx context.Context, question string) (bool, error) {
	answer, err := i.terminal.Line(ctx, question+" (yes/no)")
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(answer)), err
}

package app

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aura-mcp/internal/text"
)

// Command is the whole command line, for whoever describes it.
func Command() *cobra.Command { return rootCommand(Process{}) }

// rootCommand serves on stdio; everything else is a command below it.
func rootCommand(p Process) *cobra.Command {
	flags := &fleetFlags{set: map[string]string{}, serves: true}
	root := &cobra.Command{
		Use:   "aura-mcp",
		Short: "Run a fleet of Neo4j Aura databases through an AI assistant (MCP server)",
		Long: `aura-mcp is an MCP server for Neo4j Aura. Without a command it speaks MCP on standard input and output: that is what
an assistant's configuration launches. With --transport http it serves a team. "aura-mcp demo" shows it at work without an
account, "aura-mcp install" enters it into an assistant's configuration, and "aura-mcp doctor" says what to mend. Exit status: 0 done, 1 the call failed or was refused,
2 the command line or a setting is wrong; of "aura-mcp health" it is the verdict.`,
		Args:          usageArgs(cobra.NoArgs),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := p.setup(*flags)
			if err != nil {
				return err
			}
			defer s.close()
			ctx, cancel := context.WithCancelCause(c.Context())
			defer cancel(nil)
			go func() {
				select {
				case <-s.server.offered:
					if s.server.err != nil {
						cancel(s.server.err)
					}
				case <-ctx.Done():
				}
			}()
			if s.remote != nil {
				err = s.serveHTTP(ctx)
			} else {
				err = serveStdio(ctx, s.server, p.Stdin, p.Stdout, s.log)
			}
			s.gate.Settle()
			if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
				return cause
			}
			return err
		},
	}
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	addFleetFlags(root.Flags(), flags)
	root.AddCommand(demoCommand(p), callCommand(p), approveCommand(p), auditCommand(p), configCommand(p), doctorCommand(p), healthCommand(p), healthcheckCommand(p), simulateCommand(p), tokenCommand(p), versionCommand())
	root.AddCommand(installCommand(p))
	return root
}

// usageArgs makes a wrong number of arguments a mistake of the command line.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		err := check(c, args)
		if err == nil && c.ValidateFlagGroups() != nil {
			err = errors.New(excluding(c))
		}
		if err == nil {
			return nil
		}
		hint := fmt.Sprintf("see %s --help", c.CommandPath())
		var names []string
		for _, below := range c.Commands() {
			names = append(names, below.Name())
		}
		if len(args) > 0 {
			if near := text.Nearest(args[0], names); len(near) > 0 {
				hint = fmt.Sprintf("did you mean %s? %s", near[0], hint)
			}
		}
		return usageError{fmt.Errorf("%w; %s", err, hint)}
	}
}

// excluding names the flags that were given and exclude each other.
func excluding(c *cobra.Command) string {
	var given []string
	c.Flags().Visit(func(f *pflag.Flag) {
		if len(f.Annotations) > 0 {
			given = append(given, "--"+f.Name)
		}
	})
	return strings.Join(given, " and ") + " exclude each other"
}

func addFleetFlags(fs *pflag.FlagSet, f *fleetFlags) {
	fs.BoolVar(&f.demo, "demo", false, "use a simulated fleet: no account, no network")
	fs.StringVar(&f.simState, "sim-state", "", "with --demo: load the simulated fleet from this JSON `file`")
	addSettingFlags(fs, f)
}

func addSettingFlags(fs *pflag.FlagSet, f *fleetFlags) {
	fs.VarP(&settingFlag{set: f.set, key: "config"}, "config", "", "use this config `file` instead of the user's own")
	fs.VarP(&settingFlag{set: f.set, key: "profile"}, "profile", "", "use this profile of the config file alone, by its `name`")
	for _, s := range settingFlags(f.serves) {
		flag := fs.VarPF(&settingFlag{set: f.set, key: s.Key}, s.Flag, "", s.Help)
		if s.Default == "false" {
			flag.NoOptDefVal = "true"
		}
	}
}

// settingFlag keeps a flag's text for config to judge, with the other layers.
type settingFlag struct {
	set map[string]string
	key string
}

func (f *settingFlag) String() string     { return "" }
func (f *settingFlag) Type() string       { return "value" }
func (f *settingFlag) Set(v string) error { f.set[f.key] = v; return nil }

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print version and protocol revisions", Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "aura-mcp %s\n%s %s/%s\nMCP %s\n",
				version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.Join(mcp.ValidProtocolVersions, ", "))
			return err
		},
	}
}

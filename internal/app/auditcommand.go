package app

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

func auditCommand(p Process) *cobra.Command {
	since := period(7 * 24 * time.Hour)
	var instance, profile, principal string
	var asJSON bool
	c := &cobra.Command{
		Use:     "audit",
		Short:   "Show what was done, asked and refused",
		Example: "  aura-mcp audit --since 30d --instance prod-orders",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			entries, broken, err := audit.Open(p.state("audit")).Read(time.Now().Add(-time.Duration(since)))
			if err != nil {
				return err
			}
			shown := []audit.Entry{}
			for _, e := range entries {
				if (instance == "" || e.About(instance)) && (profile == "" || e.Profile == profile) && (principal == "" || e.Principal == principal) {
					shown = append(shown, e)
				}
			}
			if broken > 0 {
				fmt.Fprintf(p.Stderr, "aura-mcp: lines that could not be read: %d\n", broken)
			}
			if asJSON {
				return printJSON(p.Stdout, shown)
			}
			if len(shown) == 0 && len(entries) > 0 {
				return p.auditWithout(len(entries), [][2]string{{"by", principal}, {"that is about", instance}, {"in the profile", profile}})
			}
			p.auditTable(shown)
			return nil
		},
	}
	c.Flags().Var(&since, "since", "how far back, such as 36h or 30d")
	c.Flags().StringVar(&instance, "instance", "", "only what was about this database, by `name` or ID")
	c.Flags().StringVar(&profile, "profile", "", "only what was done in this profile, by its `name`")
	c.Flags().StringVar(&principal, "principal", "", "only what this one asked for: the `name` of a token, or local")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// auditWithout says that nothing is left of what there is, and by what.
func (p Process) auditWithout(entries int, filters [][2]string) error {
	var by strings.Builder
	for _, f := range filters {
		if f[1] != "" {
			by.WriteString(" " + f[0] + " " + text.Quote(f[1]))
		}
	}
	_, err := fmt.Fprintf(p.Stdout, "nothing in this time%s; of %s none is shown\n", &by, quantity(entries, "operation"))
	return err
}

func (p Process) auditTable(entries []audit.Entry) {
	s := newScreen(p.Stdout, p.Environ)
	if len(entries) == 0 {
		s.line("nothing in this time; what was done with --demo ends with the demo and is not kept")
		return
	}
	header := []string{"TIME", "OPERATION", "OUTCOME", "ABOUT", "DECISION"}
	named := slices.ContainsFunc(entries, func(e audit.Entry) bool { return e.Profile != "" })
	if named {
		header = append(header, "PROFILE")
	}
	others := slices.ContainsFunc(entries, func(e audit.Entry) bool { return e.Principal != op.Local })
	if others {
		header = append(header, "WHO")
	}
	rows := make([][]string, 0, len(entries))
	for _, e := range entries {
		var targets []string
		for _, t := range e.Targets {
			targets = append(targets, text.Quote(t.Name)+" "+t.ID)
		}
		about := strings.Join(targets, ", ")
		if e.What != "" {
			about += ": " + e.What
		}
		row := []string{e.Time.Local().Format("2006-01-02 15:04:05"), e.Operation, string(e.Standing), about, e.Decision}
		if named {
			row = append(row, e.Profile)
		}
		if others {
			row = append(row, who(e))
		}
		rows = append(rows, row)
	}
	s.table(header, rows, func(column int, cell string) string {
		colour := map[string]string{"done": green, "accepted": green, "failed": red, "unknown": red, "refused": yellow}[cell]
		if column != 2 || colour == "" {
			return cell
		}
		return s.paint(colour, cell)
	})
}

// period is a flag for a length of time, which people count in days where it is long.
type period time.Duration

// Set reads 30d, or what Go reads.
func (p *period) Set(s string) error {
	days, inDays := strings.CutSuffix(s, "d")
	n, err := strconv.Atoi(days)
	length := time.Duration(n) * 24 * time.Hour
	if !inDays {
		length, err = time.ParseDuration(s)
	}
	if err != nil || length < 0 || n > 36500 {
		return fmt.Errorf("%s is no length of time; write it as 30d, 36h or 15m", text.Quote(s))
	}
	*p = period(length)
	return nil
}

// String is the length as it would be written.
func (p *period) String() string {
	if day := 24 * time.Hour; time.Duration(*p)%day == 0 {
		return fmt.Sprintf("%dd", time.Duration(*p)/day)
	}
	return time.Duration(*p).String()
}

// Type is what the help calls it.
func (*period) Type() string { return "time" }

// who asked; what an identity provider calls somebody may be anything.
func who(e audit.Entry) string {
	if text.Plain(e.Principal) {
		return e.Principal
	}
	return text.Quote(e.Principal)
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"aura-mcp/internal/config"
	"aura-mcp/internal/op"
)

// condition is how a check of the doctor ended.
type condition string

const (
	fine    condition = "ok"
	note    condition = "note"    // nothing to mend, and good to know
	warning condition = "warning" // it works, and could be better
	problem condition = "problem" // something does not work
)

// finding is one line of the doctor.
type finding struct {
	Check   string    `json:"check"`
	Profile string    `json:"profile,omitempty"`
	Status  condition `json:"status"`
	Message string    `json:"message"`
	Next    string    `json:"next,omitempty"` // what to do
}

// doctor looks at everything that has to work before a call can, and says what to mend.
type doctor struct {
	process  Process
	flags    fleetFlags
	findings []finding
	told     func(finding) // each as it is found
}

func doctorCommand(p Process) *cobra.Command {
	flags := &fleetFlags{set: map[string]string{}, defaults: map[string]string{"log_level": "error"}}
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check settings, credentials, network, metrics, and the ways to ask you",
		Long: `doctor tries what the server needs: the settings, the credentials (with a harmless question to Aura), the clock, the role that
metrics need, the places for passwords and for the audit, and the ways to ask you. Each line says what to do where something
is amiss. It changes nothing. Exit status: 0 all works (there may be warnings), 1 something does not, 2 the settings are wrong.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			screen := newScreen(p.Stdout, p.Environ)
			d := &doctor{process: p, flags: *flags, told: screen.finding}
			if asJSON {
				d.told = func(finding) {}
			}
			code := d.examine(c.Context())
			if asJSON {
				worst := d.worst()
				if err := printJSON(p.Stdout, map[string]any{"status": worst, "checks": d.findings}); err != nil {
					return err
				}
			} else {
				screen.line("\n%s", d.summary())
			}
			if code == ExitOK {
				return nil
			}
			return exitError{code: code}
		},
	}
	addFleetFlags(c.Flags(), flags)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (d *doctor) tell(f finding) {
	d.findings = append(d.findings, f)
	d.told(f)
}

func (d *doctor) count(s condition) (n int) {
	for _, f := range d.findings {
		if f.Status == s {
			n++
		}
	}
	return n
}

func (d *doctor) worst() condition {
	for _, s := range []condition{problem, warning} {
		if d.count(s) > 0 {
			return s
		}
	}
	return fine
}

func (d *doctor) summary() string {
	problems, warnings := d.count(problem), d.count(warning)
	switch {
	case problems > 0:
		return fmt.Sprintf("%s to mend, %s.", quantity(problems, "problem"), quantity(warnings, "warning"))
	case warnings > 0:
		return fmt.Sprintf("Everything works, with %s.", quantity(warnings, "warning"))
	}
	return "Everything works."
}

func quantity(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// examine runs all checks and returns the exit code.
func (d *doctor) examine(ctx context.Context) int {
	settings, err := d.process.settings(d.flags)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			d.tell(finding{Check: "settings", Status: problem, Message: line, Next: "mend it; aura-mcp config check says when it is good"})
		}
		return ExitUsage
	}
	d.tell(finding{Check: "settings", Status: fine, Message: settingsLine(settings, d.flags.demo)})
	remote := newRemote(settings)
	for _, m := range remote.means() {
		d.tell(finding{Check: "serving", Status: note, Message: m})
	}
	for _, n := range settings.Notices {
		d.tell(finding{Check: "settings", Status: warning, Message: n})
	}
	quiet := d.process
	quiet.Stderr = io.Discard      // what the server would log about the settings has just been said
	s, err := quiet.setup(d.flags) //nolint:contextcheck // what it starts outlasts a call
	if err != nil {
		d.tell(finding{Check: "settings", Status: problem, Message: err.Error()})
		return ExitFailure
	}
	defer s.close()
	for _, a := range s.accounts.all {
		d.account(ctx, s, a)
	}
	d.places(s, remote)
	if remote == nil || remote.ownOnly() {
		d.ways(s)
	} else {
		d.waysOverHTTP(s, remote)
	}
	d.beforehand(s)
	if d.count(problem) > 0 {
		return ExitFailure
	}
	return ExitOK
}

func settingsLine(p config.Profiles, demo bool) string {
	line := fileLine(p)
	switch {
	case demo:
		return line + " This is the demo: a simulated fleet, and nothing is real."
	case p.Named && p.Default != "" && len(p.All) > 1:
		return line + fmt.Sprintf(" Profiles: %s; %s where none is named.", strings.Join(p.Names(), ", "), p.Default)
	case p.Named:
		return line + fmt.Sprintf(" Profiles: %s.", strings.Join(p.Names(), ", "))
	}
	return line
}

// unwell is a finding about an error.
func unwell(check, profile string, err error) finding {
	f := finding{Check: check, Profile: profile, Status: problem, Message: err.Error()}
	if told, ok := errors.AsType[*op.Error](err); ok {
		what, next, _ := strings.Cut(forPerson((&op.Error{What: told.What, Next: told.Next}).Error()), "\n"+advice)
		f.Message, f.Next = what, next
		if told.RequestID != "" {
			f.Message += " Aura request ID: " + told.RequestID
		}
	}
	return f
}

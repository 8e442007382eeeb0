package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aura-mcp/internal/config"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/health"
	"aura-mcp/internal/text"
	"aura-mcp/tools"
)

// healthEvery is how often --watch looks: Aura renews its metrics as often.
const healthEvery = 30 * time.Second

// healthExit is the exit code of a verdict, for cron and for monitoring systems. A check that failed knows nothing.
func healthExit(status string) int {
	switch health.Status(status) {
	case health.StatusHealthy:
		return ExitOK
	case health.StatusWarning:
		return 1
	case health.StatusCritical:
		return 2
	}
	return 3
}

func healthCommand(p Process) *cobra.Command {
	flags := &fleetFlags{set: map[string]string{}, defaults: quiet(), toolset: "health"}
	h := &healthView{process: p, screen: newScreen(p.Stdout, p.Environ)}
	var fleet bool
	c := &cobra.Command{
		Use:   "health [NAME|--fleet]",
		Short: "Say whether one database, or all, are well",
		Long: `health says whether a database is well and what to do, as the assistant's tools do, or how all of them are.

The exit code is the verdict: 0 healthy, 1 warning, 2 critical, 3 unknown, which is also the code where the check itself failed
or the plan has no metrics. A mistake in the command line or the settings ends with 2 as well, and with a message on standard
error. Of a fleet the worst counts; databases that are paused or whose plan has no metrics do not. A database that Aura itself
calls failed is critical, whatever its plan.`,
		Example: "  aura-mcp health prod-orders --window 40\n  aura-mcp health --fleet --json\n  aura-mcp health --watch",
		Args:    usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				h.instance = args[0]
			}
			switch {
			case fleet && h.instance != "":
				return usageError{errors.New("give a name or --fleet, not both")}
			case h.window != 0 && (h.instance == "" || h.watch || h.window < 35 || h.window > 45):
				return usageError{errors.New("--window goes with a name and without --watch, and is 35 to 45")}
			}
			s, err := p.setup(*flags)
			if err != nil {
				return err
			}
			defer s.gate.Settle()
			return h.run(c.Context(), s)
		},
	}
	addFleetFlags(c.Flags(), flags)
	c.Flags().BoolVar(&fleet, "fleet", false, "all databases, which is also what no name means")
	c.Flags().BoolVar(&h.watch, "watch", false, "look again every 30 seconds, until Ctrl-C")
	c.Flags().BoolVar(&h.json, "json", false, "print the verdict as JSON")
	c.Flags().IntVar(&h.window, "window", 0, "read twice, so many `seconds` apart (35 to 45), for what one reading cannot tell")
	return c
}

// healthView is a verdict at the terminal.
type healthView struct {
	process     Process
	screen      screen
	instance    string // "" means the fleet
	watch, json bool
	window      int
}

func (h *healthView) run(ctx context.Context, s *setup) error {
	session, err := newSession(ctx, s.server, nil)
	if err != nil {
		return err
	}
	defer session.close()
	code := healthExit("")
	for {
		now, err := h.look(ctx, session)
		if ctx.Err() != nil && h.watch {
			break
		}
		if code = now; err != nil && !h.watch {
			return exitError{code: code, message: forPerson(err.Error())}
		}
		if err != nil {
			h.begin()
			h.screen.line("%s", forPerson(err.Error()))
		}
		if !h.watch {
			break
		}
		if !h.json {
			h.screen.line("\n%s", h.screen.paint(dim, time.Now().Format("15:04:05")+", again every 30 s; Ctrl-C ends"))
		}
		pause := time.NewTimer(healthEvery) // from here on, so that the next reading is another one
		select {
		case <-pause.C:
			continue
		case <-ctx.Done():
			pause.Stop()
		}
		break
	}
	if code == ExitOK {
		return nil
	}
	return exitError{code: code}
}

// look checks once, prints the verdict and returns its exit code.
func (h *healthView) look(ctx context.Context, session *session) (int, error) {
	tool, arguments := "check_fleet_health", map[string]any{}
	if h.instance != "" {
		tool, arguments = "check_instance_health", map[string]any{"instance": h.instance, "window_seconds": h.window}
	}
	var progress func(string)
	if h.window > 0 && h.screen.replaces && !h.json {
		progress = func(message string) { h.screen.status(message) }
	}
	answer, err := session.call(ctx, tool, arguments, progress)
	if progress != nil {
		h.screen.status("")
	}
	if err != nil {
		return healthExit(""), err
	}
	if h.json {
		return h.print(answer)
	}
	if h.instance == "" {
		var fleet tools.FleetHealth
		if err := decodeAnswer(tool, answer, &fleet); err != nil {
			return healthExit(""), err
		}
		h.begin()
		h.fleet(fleet)
		return healthExit(fleet.Status), nil
	}
	var one tools.InstanceHealth
	if err := decodeAnswer(tool, answer, &one); err != nil {
		return healthExit(""), err
	}
	h.begin()
	h.one(one)
	return healthExit(one.Status), nil
}

// print prints the answer as it is; under --watch each on a line of its own.
func (h *healthView) print(answer string) (int, error) {
	var verdict struct{ Status string }
	if err := decodeAnswer("the health check", answer, &verdict); err != nil {
		return healthExit(""), err
	}
	var out bytes.Buffer
	if h.watch || json.Indent(&out, []byte(answer), "", "  ") != nil {
		out.Reset()
		out.WriteString(answer)
	}
	if _, err := fmt.Fprintln(h.process.Stdout, out.String()); err != nil {
		return healthExit(""), err
	}
	return healthExit(verdict.Status), nil
}

// begin makes room for a verdict: over the one before on a terminal, below it elsewhere.
func (h *healthView) begin() {
	if h.watch && h.screen.replaces {
		h.screen.clear()
	}
}

func statusColour(status string) string {
	return map[string]string{"healthy": green, "warning": yellow, "critical": red, "info": cyan}[status]
}

// paintStatus colours a status, and dims what is none of them.
func (h *healthView) paintStatus(status string) string {
	if colour := statusColour(status); colour != "" {
		return h.screen.paint(bold+";"+colour, status)
	}
	return h.screen.paint(dim, strings.ReplaceAll(status, "_", " "))
}

// one shows the verdict on one database.
func (h *healthView) one(v tools.InstanceHealth) {
	s := h.screen
	s.line("%s  %s", h.paintStatus(v.Status), v.Summary)
	if v.Next != "" {
		s.line("%s", forPerson(v.Next))
	}
	if len(v.Findings) > 0 {
		s.line("")
	}
	var found []health.Finding
	for _, f := range v.Findings {
		s.line("%s  %s", h.paintStatus(f.Severity), f.Message)
		one := health.Finding{}
		for _, topic := range f.WhatToDo {
			one.Recommendations = append(one.Recommendations, health.Topic(topic))
		}
		found = append(found, one)
	}
	for n, a := range health.AdviceFor(found) {
		if n == 0 {
			s.line("\n%s", s.paint(bold, "What to do"))
		}
		s.line("  %s %s", s.paint(dim, "·"), a.Text)
	}
	if len(v.Signals) > 0 {
		s.line("")
		s.table([]string{"SIGNAL", "VALUE", "STATUS", "WHERE OR WHY"}, signalRows(v), func(column int, cell string) string {
			if column != 2 {
				return cell
			}
			return s.paint(statusColour(cell), cell)
		})
	}
	if v.Source != nil && v.Source.SampleTime != "" {
		line := fmt.Sprintf("Sampled at %s", v.Source.SampleTime)
		if v.Source.WindowSeconds != nil {
			line += fmt.Sprintf(", rates over %.0f s", *v.Source.WindowSeconds)
		}
		s.line("\n%s", s.paint(dim, line))
	}
	h.notes(v.Notes)
}

// notes are those of a tool. A later call of an assistant goes on from an earlier reading; a command starts with none.
func (h *healthView) notes(all []string) {
	how := "--window 40 reads twice and has them"
	switch {
	case h.watch:
		how = "the next look has them"
	case h.instance == "":
		how = "--watch has them after 30 seconds"
	}
	for _, n := range all {
		h.screen.line("%s", h.screen.paint(dim, strings.Replace(n, "the same call after 35 seconds has them", how, 1)))
	}
}

func signalRows(v tools.InstanceHealth) [][]string {
	var rows [][]string
	for _, info := range health.Signals() {
		signal, ok := v.Signals[info.ID]
		if !ok {
			continue
		}
		value, why := "-", strings.ReplaceAll(signal.Reason, "_", " ")
		if signal.Value != nil {
			value = amount(*signal.Value, signal.Unit)
		}
		if signal.Scope != "" {
			why = strings.Trim(printable(signal.Scope)+"; "+why, "; ")
		}
		rows = append(rows, []string{strings.ReplaceAll(info.ID, "_", " "), value, signal.Status, why})
	}
	return rows
}

func amount(value float64, unit string) string {
	if unit == "ratio" {
		return strconv.FormatFloat(value*100, 'f', 1, 64) + " %"
	}
	return strings.TrimSpace(strconv.FormatFloat(math.Round(value*10)/10, 'f', -1, 64) + " " + unit)
}

// printable is a name for a table: what would act on the terminal is shown as an escape.
func printable(name string) string {
	if quoted := text.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// fleet shows how all databases are.
func (h *healthView) fleet(v tools.FleetHealth) {
	s := h.screen
	s.line("%s  %s", h.paintStatus(v.Status), v.Summary)
	rows := [][]string{}
	part := func(f *float64) string {
		if f == nil {
			return "-"
		}
		return fmt.Sprintf("%.0f %%", *f*100)
	}
	plain := func(f *float64) string {
		if f == nil {
			return "-"
		}
		return strconv.FormatFloat(*f, 'f', -1, 64)
	}
	for _, i := range v.Instances {
		rows = append(rows, []string{printable(i.Name), i.Status, part(i.CPU), part(i.Heap), part(i.Storage), plain(i.QueriesPerSecond), plain(i.Connections), printable(i.Tenant)})
	}
	if len(rows) > 0 {
		s.line("")
		s.table([]string{"NAME", "STATUS", "CPU", "HEAP", "STORAGE", "QUERIES/S", "BUSY", "TENANT"}, rows, func(column int, cell string) string {
			if column != 1 {
				return cell
			}
			return s.paint(statusColour(cell), cell)
		})
	}
	for _, i := range v.Instances {
		for n, finding := range i.Findings {
			if n == 0 {
				s.line("\n%s  %s", h.paintStatus(i.Status), text.Quote(i.Name))
			}
			s.line("  %s", finding)
		}
	}
	for _, n := range v.NotAssessed {
		s.line("\n%s  %d: %s", h.paintStatus(string(health.StatusUnknown)), n.Count, text.QuoteAll(n.Instances))
		s.line("  %s", n.Message)
		if n.Next != "" {
			s.line("  %s", forPerson(n.Next))
		}
	}
	if v.NotMonitored != "" {
		s.line("\n%s  %s", h.paintStatus(string(health.StatusNotMonitored)), v.NotMonitored)
	}
	h.notes(v.Notes)
}

// adding lets the command use its own tools. Which ones assistants are offered is another matter.
func (f fleetFlags) adding(policy func(string) (guard.Policy, error)) func(string) (guard.Policy, error) {
	if f.toolset == "" {
		return policy
	}
	return func(profile string) (guard.Policy, error) {
		p, err := policy(profile)
		if len(p.Toolsets) > 0 && !slices.Contains(p.Toolsets, f.toolset) {
			p.Toolsets = append(slices.Clone(p.Toolsets), f.toolset)
		}
		return p, err
	}
}

// thresholds are the usual ones with those of the settings in their place: first for all databases, then for those whose name
// fits a pattern, in the order of the file.
func thresholds(c config.Config) (func(name string) health.Thresholds, error) {
	all, err := override(health.Thresholds{}, c.Health, c.File+": [health.%s]: %w")
	if err != nil {
		return nil, err
	}
	for _, special := range c.HealthFor { // a mistake shows at the start, not at the first check
		if _, err := override(all, special.Signals, c.File+": [health_for.signals.%s]: %w"); err != nil {
			return nil, err
		}
	}
	return func(name string) health.Thresholds {
		t := all
		for _, special := range c.HealthFor {
			if special.Fits(name) {
				t, _ = override(t, special.Signals, "%s: %w") // checked above
			}
		}
		return t
	}, nil
}

func override(t health.Thresholds, signals map[string]config.Bounds, format string) (health.Thresholds, error) {
	for _, id := range slices.Sorted(maps.Keys(signals)) {
		var err error
		if t, err = t.Override(id, health.Bound{Warning: signals[id].Warning, Critical: signals[id].Critical}); err != nil {
			return t, fmt.Errorf(format, id, err)
		}
	}
	return t, nil
}

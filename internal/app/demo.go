package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"aura-mcp/tools"
)

// The databases of the demo fleet that the tour touches.
const (
	demoProduction = "prod-orders"
	demoStaging    = "staging-orders"
)

func demoCommand(p Process) *cobra.Command {
	flags := &fleetFlags{demo: true, set: map[string]string{}, defaults: quiet()}
	return &cobra.Command{
		Use:   "demo",
		Short: "A guided tour in the terminal: no account, no network",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := p.setup(*flags)
			if err != nil {
				return err
			}
			t := &tour{screen: newScreen(p.Stdout, p.Environ), process: p, setup: s}
			return t.run(c.Context())
		},
	}
}

// tour shows the product at work: a real MCP client, the real server, the simulator.
type tour struct {
	screen  screen
	process Process
	setup   *setup
	session *session
}

func (t *tour) run(ctx context.Context) error {
	asks := client.ElicitationHandler(decliner{t})
	if t.screen.terminal {
		if terminal, err := t.process.Terminal(); err == nil {
			asks = terminalAsker{t.process.Terminal}
			_ = terminal.Close() // it was only to see whether there is one
		}
	}
	session, err := newSession(ctx, t.setup.server, asks)
	if err != nil {
		return err
	}
	defer session.close()
	t.session = session
	t.screen.line("%s", t.screen.paint(bold, "aura-mcp demo"))
	t.screen.line("A real MCP client talks to the real server here; only Aura is simulated (minutes pass as seconds). Nothing is real.")
	for n, step := range []struct {
		says string
		does func(context.Context) error
	}{
		{`"Which databases do we have?"`, t.showFleet},
		{`"Take a snapshot of ` + demoProduction + `."`, t.takeSnapshot},
		{`"Pause ` + demoStaging + `, nobody needs it this week."`, t.pauseStaging},
		{"The same from a client that cannot ask a person", t.refusal},
	} {
		t.screen.line("\n%s %s", t.screen.paint(cyan, fmt.Sprintf("%d.", n+1)), t.screen.paint(bold, step.says))
		if err := step.does(ctx); err != nil {
			return fmt.Errorf("demo, step %d: %w", n+1, err)
		}
	}
	t.screen.line("\nTo use it with an assistant, run %s: on this fleet with --demo,", t.screen.paint(bold, "aura-mcp install"))
	t.screen.line("or with your own account, for which it asks. See README.md.")
	return nil
}

// tool calls a tool as an assistant does and decodes its answer.
func (t *tour) tool(ctx context.Context, name string, arguments map[string]any, out any) error {
	t.called(name, arguments)
	answer, err := t.session.call(ctx, name, arguments, nil)
	if err != nil {
		return err
	}
	return decodeAnswer(name, answer, out)
}

func (t *tour) called(name string, arguments map[string]any) {
	b, err := json.Marshal(arguments)
	if err != nil || arguments == nil {
		b = nil
	}
	t.screen.line("%s", t.screen.paint(dim, strings.TrimRight(fmt.Sprintf("   → %s %s", name, b), " ")))
}

func decodeAnswer(name, answer string, out any) error {
	if err := json.Unmarshal([]byte(answer), out); err != nil {
		return fmt.Errorf("read the answer of %s: %w", name, err)
	}
	return nil
}

func (t *tour) showFleet(ctx context.Context) error {
	var fleet tools.InstanceList
	if err := t.tool(ctx, "list_instances", nil, &fleet); err != nil {
		return err
	}
	rows := make([][]string, 0, len(fleet.Instances))
	for _, i := range fleet.Instances {
		rows = append(rows, []string{i.Name, i.Status, i.Type, i.Memory, i.Cloud, i.Tenant})
	}
	t.screen.table([]string{"NAME", "STATUS", "TYPE", "MEMORY", "CLOUD", "TENANT"}, rows, func(column int, cell string) string {
		colour := map[string]string{"running": green, "paused": yellow}[cell]
		if column != 1 || colour == "" {
			return cell
		}
		return t.screen.paint(colour, cell)
	})
	t.screen.line("  %d databases; memory running %s, paused %s", fleet.Total, fleet.Memory.Running, fleet.Memory.Paused)
	return nil
}

func (t *tour) takeSnapshot(ctx context.Context) error {
	var snapshot tools.SnapshotCreated
	if err := t.patiently(ctx, "create_snapshot", map[string]any{"instance": demoProduction, "wait_seconds": 15}, &snapshot); err != nil {
		return err
	}
	t.screen.line("  %s %s (%s)", t.screen.paint(green, "✓"), snapshot.Message, snapshot.SnapshotID)
	return nil
}

// pauseStaging ends well either way: the person may approve or decline.
func (t *tour) pauseStaging(ctx context.Context) error {
	t.screen.line("  It would interrupt whoever uses the database, so the server asks a person, not the model:")
	var change tools.InstanceChange
	if err := t.tool(ctx, "pause_instance", map[string]any{"instance": demoStaging}, &change); err != nil {
		t.refused(err)
		return ctx.Err()
	}
	t.screen.line("  %s %s", t.screen.paint(green, "✓"), change.Message)
	var waited tools.Waited
	if err := t.patiently(ctx, "wait_for_instance", map[string]any{"instance": demoStaging, "status": "paused", "wait_seconds": 20}, &waited); err != nil {
		return err
	}
	t.screen.line("  %s %s is %s", t.screen.paint(green, "✓"), waited.Name, waited.Status)
	return nil
}

// refusal shows what a client gets where there is no way to ask.
func (t *tour) refusal(ctx context.Context) error {
	mute, err := newSession(ctx, t.setup.server, nil)
	if err != nil {
		return err
	}
	defer mute.close()
	t.screen.line("  Claude Desktop shows no questions. There the server opens an approval page in your browser, or you run `aura-mcp approve`.")
	t.screen.line("  This tour does neither, and where nobody can be asked nothing runs:")
	arguments := map[string]any{"instance": demoProduction}
	t.called("pause_instance", arguments)
	if _, err = mute.call(ctx, "pause_instance", arguments, nil); err == nil {
		return fmt.Errorf("pause_instance ran without an approval")
	}
	t.refused(err)
	return ctx.Err()
}

func (t *tour) refused(err error) {
	t.screen.line("  %s the assistant is told:", t.screen.paint(red, "✗"))
	for line := range strings.SplitSeq(err.Error(), "\n") {
		t.screen.line("    %s", line)
	}
}

// patiently calls a tool that waits, with a bar while it does. The bar's end is the longest wait, not the expected one.
func (t *tour) patiently(ctx context.Context, name string, arguments map[string]any, out any) error {
	t.called(name, arguments)
	type outcome struct {
		answer string
		err    error
	}
	done := make(chan outcome, 1)
	messages := make(chan string, 16)
	go func() {
		answer, err := t.session.call(ctx, name, arguments, func(message string) {
			select {
			case messages <- message:
			default: // the bar shows the newest it got; a notice more or less does not matter
			}
		})
		done <- outcome{answer, err}
	}()
	begun, limit, message := time.Now(), float64(arguments["wait_seconds"].(int)), "…"
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case message = <-messages:
			if !t.screen.replaces {
				t.screen.line("  … %s", message)
			}
		case <-tick.C:
			if t.screen.replaces {
				t.screen.bar(time.Since(begun).Seconds()/limit, message)
			}
		case o := <-done:
			if t.screen.replaces {
				t.screen.bar(1, "")
				t.screen.line("")
			}
			if o.err != nil {
				return o.err
			}
			return decodeAnswer(name, o.answer, out)
		}
	}
}

// decliner answers for nobody: where no person sits at a terminal, every approval is declined.
type decliner struct{ tour *tour }

// Elicit shows the question and declines it.
func (d decliner) Elicit(_ context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	for line := range strings.SplitSeq(request.Params.Message, "\n") {
		d.tour.screen.line("    │ %s", line)
	}
	d.tour.screen.line("  (no terminal: declined)")
	return answered(mcp.ElicitationResponseActionDecline, ""), nil
}

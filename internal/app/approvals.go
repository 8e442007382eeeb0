package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aura-mcp/internal/approval"
	"aura-mcp/internal/guard"
)

// maxSocketDir is how long the path of a directory for sockets may be: systems end the path of a socket at 104 bytes or little more.
const maxSocketDir = 104 - len("/4194304.sock") - 1

// runDir is the private directory for the sockets and pages of running servers.
func (p Process) runDir() string {
	dir := p.state("run")
	if p.RunDir != "" {
		dir = filepath.Join(p.RunDir, "aura-mcp")
	}
	if len(dir) > maxSocketDir {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("aura-mcp-%d", os.Getuid()))
	}
	return dir
}

// pin is where the approval PIN is kept: with the settings, or nowhere.
func (p Process) pin() approval.PINFile {
	if p.ConfigDir == "" {
		return ""
	}
	return approval.PINFile(filepath.Join(p.ConfigDir, "aura-mcp", "approval-pin"))
}

// doors are the ways to the person outside the client: for a server the page and the socket of `aura-mcp approve`, for a command
// its own terminal.
func (p Process) doors(f fleetFlags, log *slog.Logger) (guard.Doors, func()) {
	switch {
	case f.atTerminal:
		return p.ownTerminal(), func() {}
	case !f.serves:
		return guard.Doors{}, func() {}
	}
	socket := &approval.Socket{Dir: p.runDir(), Log: log}
	page := &approval.Page{Open: p.Open, Log: log, Dir: func(ctx context.Context) (string, error) { return p.ForwardDir(ctx, p.runDir()) }}
	doors := guard.Doors{Terminal: socket.Show}
	if p.Open != nil {
		doors.Page = func(ctx context.Context, desk *guard.Desk) error {
			// Where the page cannot be seen, the person is sent to a terminal, so that way is open from the beginning.
			if err := socket.Listen(ctx, desk); err != nil {
				log.Debug("terminals cannot decide", "error", err)
			}
			return page.Show(ctx, desk)
		}
	}
	return doors, func() { page.Close(); socket.Close() }
}

// ownTerminal asks at the terminal of whoever runs the command, if they sit at one.
func (p Process) ownTerminal() guard.Doors {
	terminal, err := approval.OpenTerminal(p.Terminal)
	if err != nil {
		return guard.Doors{}
	}
	_ = terminal.Close() // nothing was written
	return guard.Doors{Terminal: func(ctx context.Context, desk *guard.Desk) error {
		terminal, err := approval.OpenTerminal(p.Terminal)
		if err != nil {
			return err
		}
		defer terminal.Close()
		for _, a := range desk.List() {
			if a.Stage == guard.Shown {
				return terminal.Ask(ctx, desk, a)
			}
		}
		return nil
	}}
}

func approveCommand(p Process) *cobra.Command {
	var list, asJSON, watch, setPIN, removePIN bool
	c := &cobra.Command{
		Use:   "approve [ID]",
		Short: "Decide what running servers want to do, at this terminal",
		Long: `approve shows what assistants have asked for and what waits for your approval, one question after the other, and carries
out what you approve. It reads your terminal itself, never standard input, so that no script can answer for you.`,
		Example: "  aura-mcp approve\n  aura-mcp approve --watch\n  aura-mcp approve --set-pin",
		Args:    usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if asJSON && !list {
				return usageError{errors.New("--json goes with --list")}
			}
			if list {
				return p.listApprovals(c.Context(), asJSON)
			}
			terminal, err := approval.OpenTerminal(p.Terminal)
			if err != nil {
				return fmt.Errorf("approvals are decided at a terminal only: %w; run this in a window of your own", err)
			}
			defer terminal.Close()
			switch {
			case setPIN || removePIN:
				return p.changePIN(c.Context(), terminal, removePIN)
			case watch:
				return p.watchApprovals(c.Context(), terminal)
			}
			return p.approve(c.Context(), terminal, args)
		},
	}
	c.Flags().BoolVar(&list, "list", false, "only list what waits")
	c.Flags().BoolVar(&asJSON, "json", false, "with --list: print JSON")
	c.Flags().BoolVar(&watch, "watch", false, "stay, and ask as questions come")
	c.Flags().BoolVar(&setPIN, "set-pin", false, "set a PIN that is asked, on the page and here, before anything is destroyed")
	c.Flags().BoolVar(&removePIN, "remove-pin", false, "remove the PIN")
	c.MarkFlagsMutuallyExclusive("list", "watch", "set-pin", "remove-pin")
	return c
}

// waiting is a plan that waits at a running server.
type waiting struct {
	guard.Approval
	server *approval.Server
}

// waiting returns what waits at all running servers of this account and can be decided at a terminal.
func (p Process) waiting(ctx context.Context) ([]waiting, error) {
	servers, err := approval.Servers(ctx, p.runDir())
	if err != nil {
		return nil, err
	}
	var out []waiting
	for _, s := range servers {
		list, err := s.List(ctx)
		if err != nil {
			continue // it has ended since
		}
		for _, a := range list {
			if slices.Contains(a.Ways, guard.Terminal) {
				out = append(out, waiting{a, s})
			}
		}
	}
	return out, nil
}

func (p Process) listApprovals(ctx context.Context, asJSON bool) error {
	all, err := p.waiting(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		list := make([]guard.Approval, 0, len(all))
		for _, a := range all {
			list = append(list, a.Approval)
		}
		return printJSON(p.Stdout, list)
	}
	s := newScreen(p.Stdout, p.Environ)
	if len(all) == 0 {
		s.line("nothing waits for an approval on this machine; what is asked of a team's server waits on its page")
		return nil
	}
	rows := make([][]string, 0, len(all))
	for _, a := range all {
		until := "after the others"
		if a.Stage == guard.Shown {
			until = a.Expires.Local().Format("15:04:05 MST")
		}
		rows = append(rows, []string{a.ID, a.Tool, until, a.Preview.Headline})
	}
	s.table([]string{"ID", "TOOL", "OPEN UNTIL", "WHAT"}, rows, func(_ int, cell string) string { return cell })
	return nil
}

// approve asks about one plan, or about all that wait, each when its turn comes.
func (p Process) approve(ctx context.Context, terminal *approval.Terminal, ids []string) error {
	asked := map[string]bool{}
	for {
		all, err := p.waiting(ctx)
		if err != nil {
			return err
		}
		next := slices.IndexFunc(all, func(a waiting) bool {
			return !asked[a.ID] && (len(ids) == 0 || a.ID == ids[0]) && (a.Stage == guard.Shown || len(ids) > 0)
		})
		if next < 0 {
			if len(asked) > 0 {
				return nil
			}
			if len(ids) > 0 {
				return fmt.Errorf("no question with the ID %s is open; see aura-mcp approve --list", ids[0])
			}
			fmt.Fprintln(p.Stdout, "nothing waits for an approval")
			return nil
		}
		a := all[next]
		if a.Stage == guard.Queued {
			return fmt.Errorf("another question comes first; `aura-mcp approve` asks one after the other: %s", a.Preview.Headline)
		}
		asked[a.ID] = true
		if err := terminal.Ask(ctx, a.server, a.Approval); err != nil {
			return err
		}
		terminal.Follow(ctx, a.server, a.ID)
	}
}

// watchEvery is how often a watching terminal looks for questions.
const watchEvery = 500 * time.Millisecond

// watchApprovals asks as questions come, until the person ends it.
func (p Process) watchApprovals(ctx context.Context, terminal *approval.Terminal) error {
	fmt.Fprintln(p.Stdout, "waiting for questions; end with Ctrl-C")
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		all, err := p.waiting(ctx)
		if err != nil {
			return err
		}
		for _, a := range all {
			if a.Stage != guard.Shown {
				continue
			}
			if err := terminal.Ask(ctx, a.server, a.Approval); err != nil {
				return ended(err)
			}
			terminal.Follow(ctx, a.server, a.ID)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ended is nil for the person's own Ctrl-C.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// changePIN sets or removes the PIN. Whoever changes one has to know it.
func (p Process) changePIN(ctx context.Context, terminal *approval.Terminal, remove bool) error {
	pin := p.pin()
	set, err := pin.Set()
	switch {
	case err != nil:
		return err
	case remove && !set:
		fmt.Fprintln(p.Stdout, "there is no PIN")
		return nil
	case set:
		old, err := terminal.Hidden(ctx, "the PIN as it is now")
		if err != nil {
			return err
		}
		if ok, err := pin.Matches(old); err != nil || !ok {
			return errors.Join(errors.New("that is not the PIN; nothing was changed"), err)
		}
	}
	if remove {
		if err := pin.Change(""); err != nil {
			return err
		}
		fmt.Fprintln(p.Stdout, "the PIN is removed")
		return nil
	}
	first, err := terminal.Hidden(ctx, "the new PIN, at least 4 characters")
	switch {
	case err != nil:
		return err
	case len([]rune(first)) < 4:
		return errors.New("a PIN has at least 4 characters; nothing was changed")
	}
	second, err := terminal.Hidden(ctx, "once more")
	switch {
	case err != nil:
		return err
	case first != second:
		return errors.New("the two differ; nothing was changed")
	}
	if err := pin.Change(first); err != nil {
		return err
	}
	fmt.Fprintln(p.Stdout, "the PIN is set: it is asked on the approval page and at the terminal before anything is destroyed")
	return nil
}

package approval

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"aura-mcp/internal/guard"
	"aura-mcp/internal/text"
)

// Desk is a desk that a terminal works on: the one of this process, or of a server behind a socket.
type Desk interface {
	Look(id string) (guard.Approval, bool)
	Seen(id string)
	Decide(id string, d guard.Decision) error
}

// Terminal asks a person at their terminal.
type Terminal struct {
	io.ReadWriteCloser
	lines *bufio.Reader
}

// NewTerminal works on an open terminal.
func NewTerminal(t io.ReadWriteCloser) *Terminal {
	return &Terminal{ReadWriteCloser: t, lines: bufio.NewReader(t)}
}

// Ask shows a plan and takes what the person types from then on, until it is taken, refused or closed. It returns when the plan
// is decided, not when it has run; an error says that the person could not be asked.
func (t *Terminal) Ask(ctx context.Context, d Desk, a guard.Approval) error {
	d.Seen(a.ID)
	t.printf("\n%s\n", question(a))
	t.forget()
	for {
		decision, err := t.answer(ctx, a)
		if err != nil {
			return err
		}
		err = d.Decide(a.ID, decision)
		mistake, again := errors.AsType[*guard.MistakeError](err)
		switch {
		case err == nil && !decision.Approve:
			t.printf("Refused.\n")
			return nil
		case errors.Is(err, guard.ErrGone):
			t.printf("This question is closed: %s.\n", whyClosed(d, a.ID))
			return nil
		case errors.Is(err, guard.ErrNotShown):
			t.printf("Another question comes first.\n")
			return nil
		case again:
			t.printf("Not taken: %s.\n", mistake.What)
		case err != nil:
			return err
		default:
			if now, known := d.Look(a.ID); known && now.Stage == guard.Denied {
				t.printf("Not approved: %s.\n", now.Outcome)
			}
			return nil
		}
	}
}

func whyClosed(d Desk, id string) string {
	a, known := d.Look(id)
	switch {
	case !known:
		return "the server that asked it is gone"
	case a.Stage == guard.Expired:
		return "nobody decided in time"
	case a.Stage == guard.Withdrawn && a.Outcome != "":
		return a.Outcome
	case a.Stage == guard.Withdrawn:
		return "the program that asked has taken it back"
	case a.Stage == guard.Denied:
		return "it was refused"
	}
	return "it was approved elsewhere"
}

// question is the plan, with who asks.
func question(a guard.Approval) string {
	var b strings.Builder
	if a.Demo {
		b.WriteString("DEMO: nothing here is real.\n")
	}
	if a.Caller.Profile != "" {
		fmt.Fprintf(&b, "profile: %s\n", text.Quote(a.Caller.Profile))
	}
	if a.Client != "" {
		fmt.Fprintf(&b, "asked by the program that calls itself %s\n", text.Quote(a.Client))
	}
	b.WriteString(a.Preview.String())
	return b.String()
}

// answer reads one answer. An empty line refuses.
func (t *Terminal) answer(ctx context.Context, a guard.Approval) (guard.Decision, error) {
	d := guard.Decision{Way: guard.Terminal}
	t.printf("(an empty line refuses) > ")
	typed, err := t.line(ctx, t.read)
	if err != nil {
		return d, err
	}
	if a.Preview.Confirm == "" {
		d.Approve = strings.EqualFold(strings.TrimSpace(typed), "yes")
		return d, nil
	}
	if typed == "" {
		return d, nil
	}
	d.Approve, d.Typed = true, typed
	if a.PIN {
		t.printf("your approval PIN > ")
		if d.PIN, err = t.hidden(ctx); err != nil {
			return d, err
		}
	}
	return d, nil
}

// Hidden asks for something that is not shown while it is typed.
func (t *Terminal) Hidden(ctx context.Context, what string) (string, error) {
	t.printf("%s > ", what)
	return t.hidden(ctx)
}

// Line asks for a line, which comes without the spaces around it.
func (t *Terminal) Line(ctx context.Context, what string) (string, error) {
	t.printf("%s > ", what)
	line, err := t.line(ctx, t.read)
	return strings.TrimSpace(line), err
}

// forget drops what was typed so far: it was no answer to a question that was not on the screen.
func (t *Terminal) forget() {
	_, _ = t.lines.Discard(t.lines.Buffered())
	if fd, ok := t.device(); ok {
		_ = forgetTyped(fd) // a terminal that cannot do so is asked all the same
	}
}

// device is the terminal as the system knows it; false where it is none, as in tests.
func (t *Terminal) device() (fd int, ok bool) {
	device, ok := t.ReadWriteCloser.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(device.Fd())) {
		return 0, false
	}
	return int(device.Fd()), true
}

// line reads in the background, since nothing interrupts a terminal that is being read. A context that ends gives the person up.
func (t *Terminal) line(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		line string
		err  error
	}
	read1 := make(chan answer, 1)
	go func() {
		line, err := read()
		read1 <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case a := <-read1:
		return a.line, a.err
	}
}

// read reads a line as it was typed; its end is no part of it. Where the terminal ends, nothing more was typed.
func (t *Terminal) read() (string, error) {
	line, err := t.lines.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the terminal: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (t *Terminal) hidden(ctx context.Context) (string, error) {
	fd, ok := t.device()
	if !ok {
		return t.line(ctx, t.read)
	}
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("the terminal cannot hide what is typed: %w", err)
	}
	typed, err := t.line(ctx, func() (string, error) {
		typed, err := term.ReadPassword(fd)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the terminal: %w", err)
		}
		return string(typed), nil
	})
	if ctx.Err() != nil {
		_ = term.Restore(fd, before) // the reading goes on until the process ends, but the screen shows what is typed again
	}
	t.printf("\n") // the Enter was hidden, too
	return typed, err
}

func (t *Terminal) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(t, format, args...) // what cannot be shown cannot be answered either
}

// Follow waits until an approved plan has run and prints what became of it.
func (t *Terminal) Follow(ctx context.Context, d Desk, id string) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		a, known := d.Look(id)
		switch {
		case !known:
			t.printf("The server that ran it is gone; `aura-mcp audit` shows what became of it.\n")
			return
		case a.Stage == guard.Finished:
			t.printf("%s. %s\nYour assistant hears of it when it asks again.\n", verdictOf(a), text.EscapeJSON([]byte(a.Outcome)))
			return
		case a.Stage != guard.Running:
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

var _ Desk = (*guard.Desk)(nil)

// ErrNoTerminal says that there is nobody to ask.
var ErrNoTerminal = errors.New("there is no terminal here")

// OpenTerminal opens the terminal with open, or says that there is none.
func OpenTerminal(open func() (io.ReadWriteCloser, error)) (*Terminal, error) {
	if open == nil {
		return nil, ErrNoTerminal
	}
	device, err := open()
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
		}
		return nil, ErrNoTerminal
	}
	return NewTerminal(device), nil
}

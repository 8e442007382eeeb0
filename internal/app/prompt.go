package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/term"
)

// prompter asks the person at the terminal, one question after another.
type prompter struct {
	terminal io.ReadWriteCloser
	lines    *bufio.Reader
}

func newPrompter(open func() (io.ReadWriteCloser, error)) (*prompter, error) {
	terminal, err := open()
	if err != nil {
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	return &prompter{terminal, bufio.NewReader(terminal)}, nil
}

// close may be called on nil: nobody was asked.
func (t *prompter) close() {
	if t != nil {
		_ = t.terminal.Close()
	}
}

// yes asks for a yes. Anything else, nothing included, is a no.
func (t *prompter) yes(ctx context.Context, question string) (bool, error) {
	answer, err := t.line(ctx, question+" (yes/no) > ")
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(answer)), err
}

// line asks for a line, which comes without the spaces around it. The end of input is an empty line.
func (t *prompter) line(ctx context.Context, question string) (string, error) {
	return t.ask(ctx, question, func() (string, error) {
		line, err := t.lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return line, err
	})
}

// secret asks for a line that does not appear on the screen.
func (t *prompter) secret(ctx context.Context, question string) (string, error) {
	device, ok := t.terminal.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(device.Fd())) {
		return "", errors.New("the terminal cannot hide what is typed")
	}
	fd := int(device.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("the terminal cannot hide what is typed: %w", err)
	}
	typed, err := t.ask(ctx, question, func() (string, error) {
		line, err := term.ReadPassword(fd)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return string(line), err
	})
	if ctx.Err() != nil {
		_ = term.Restore(fd, before) // the reading goes on until the process ends, but the screen shows what is typed again
	}
	fmt.Fprintln(t.terminal) // the Enter was hidden, too
	return typed, err
}

// ask shows a question and reads the answer in a goroutine of its own, which a terminal cannot be kept from finishing.
func (t *prompter) ask(ctx context.Context, question string, read func() (string, error)) (string, error) {
	if _, err := fmt.Fprint(t.terminal, question); err != nil {
		return "", fmt.Errorf("write to the terminal: %w", err)
	}
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := read()
		done <- answer{strings.TrimSpace(text), err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case a := <-done:
		return a.text, a.err
	}
}

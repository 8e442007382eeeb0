package main

import (
	"errors"
	"io"
	"os"
)

// console is Windows' terminal: reading and writing are two devices there.
type console struct{ in, out *os.File }

func (c console) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c console) Write(p []byte) (int, error) { return c.out.Write(p) }
func (c console) Close() error                { return errors.Join(c.in.Close(), c.out.Close()) }

// Fd is the device that is read: the one that hides what is typed.
func (c console) Fd() uintptr { return c.in.Fd() }

// openTerminal opens the console of this process itself: standard input may be a pipe or belong to a client.
func openTerminal() (io.ReadWriteCloser, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return console{in, out}, nil
}

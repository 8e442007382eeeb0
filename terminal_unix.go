//go:build !windows

package main

import (
	"io"
	"os"
)

// openTerminal opens the terminal of this process itself: standard input may be a pipe or belong to a client.
func openTerminal() (io.ReadWriteCloser, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }

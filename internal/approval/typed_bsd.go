//go:build darwin || freebsd

package approval

import "golang.org/x/sys/unix"

// forgetTyped drops what was typed at a terminal and not read.
func forgetTyped(fd int) error {
	const reading = 1 // FREAD in sys/fcntl.h, which the package has no name for
	return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, reading)
}

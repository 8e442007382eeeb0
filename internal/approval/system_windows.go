package approval

import (
	"io/fs"
	"net"
	"os/exec"

	"golang.org/x/sys/windows"
)

// detach does nothing: on Windows a process does not die with the one that started it.
func detach(*exec.Cmd) {}

// forgetTyped drops what was typed at a console and not read.
func forgetTyped(fd int) error { return windows.FlushConsoleInputBuffer(windows.Handle(fd)) }

// owned does nothing: the directories of an account are closed to others by their access lists.
func owned(fs.FileInfo) error { return nil }

// samePeer does nothing: the access list of the directory keeps others from the socket.
func samePeer(net.Conn) error { return nil }

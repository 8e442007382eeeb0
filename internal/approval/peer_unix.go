//go:build !windows

package approval

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// samePeer fails unless the other end of a socket is a process of this account.
func samePeer(c net.Conn) error {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return errors.New("not a socket of this machine")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("who is at the other end: %w", err)
	}
	uid, asked := -1, error(nil)
	if err := raw.Control(func(fd uintptr) { uid, asked = peerUID(int(fd)) }); err != nil || asked != nil {
		return fmt.Errorf("who is at the other end: %w", errors.Join(err, asked))
	}
	if uid != os.Getuid() {
		return fmt.Errorf("the other end belongs to another account (%d)", uid)
	}
	return nil
}

//go:build !windows

package approval

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// detach lets the browser live on when the host ends this process and its group.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// owned fails for what belongs to another account.
func owned(info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Getuid() {
		return errors.New(info.Name() + " belongs to another account")
	}
	return nil
}

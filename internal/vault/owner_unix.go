//go:build !windows

package vault

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ours refuses a directory that belongs to somebody else or that others may look into.
func ours(dir string, info fs.FileInfo) error {
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be read by others: chmod 700 it", dir)
	}
	return nil
}

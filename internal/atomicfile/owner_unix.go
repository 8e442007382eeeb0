//go:build !windows

package atomicfile

import (
	"io/fs"
	"os"
	"syscall"
)

// sameOwner leaves a file with whom it belongs to, when the superuser replaces it.
func sameOwner(f *os.File, info fs.FileInfo) error {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() && int(owner.Gid) == os.Getegid() {
		return nil
	}
	err := f.Chown(int(owner.Uid), int(owner.Gid))
	if err != nil && int(owner.Uid) == os.Geteuid() {
		return nil // only the group could not be kept, which belongs to the directory
	}
	return err
}

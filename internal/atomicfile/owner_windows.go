package atomicfile

import (
	"io/fs"
	"os"
)

// sameOwner: a new file takes the access list of its directory, which in a profile is the person's.
func sameOwner(*os.File, fs.FileInfo) error { return nil }

package vault

import "io/fs"

// ours: on Windows the profile directory's own access list keeps others out.
func ours(string, fs.FileInfo) error { return nil }

// Command manpages writes the manual pages of aura-mcp and its commands into a directory, for packages. It is a program of its
// own so that what makes pages is no part of the server.
package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra/doc"

	"aura-mcp/internal/app"
)

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("usage: manpages DIRECTORY"))
	}
	if err := write(os.Args[1]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	_, _ = os.Stderr.WriteString("manpages: " + err.Error() + "\n")
	os.Exit(1)
}

func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // pages are for everybody
		return err
	}
	root := app.Command()
	root.DisableAutoGenTag = true
	// The date is that of SOURCE_DATE_EPOCH, so that one commit makes one page.
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "aura-mcp", Manual: "aura-mcp"}, dir)
}

package app

import (
	"io"

	"github.com/spf13/cobra"
)

// output is standard output that remembers the first failure: what nobody could read was not told.
type output struct {
	io.Writer
	err error
}

// Write writes, and remembers.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// strict makes mistakes of the commands that the library adds, and of a command line that asks for help, mistakes of the command line.
// The library tells them all as help, with success.
func strict(root *cobra.Command) (mistake func() error) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				about, rest, err := root.Find(args)
				if err != nil || !about.HasSubCommands() {
					return err
				}
				return usageArgs(cobra.NoArgs)(about, rest)
			}
		case "completion":
			c.Args = usageArgs(cobra.NoArgs)
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	}
	var wrong error
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if c.HasSubCommands() {
			wrong = c.ValidateArgs(c.Flags().Args())
		}
		if wrong == nil {
			help(c, args)
		}
	})
	return func() error { return wrong }
}

package install

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
)

// Entry is what a client has to know to launch this program. It holds no secret.
type Entry struct {
	Name    string // under which the client shows it
	Command string // the absolute path of this program
	Demo    bool   // on the simulated fleet
}

// demoFlag starts the server on the simulated fleet.
const demoFlag = "--demo"

// member is one member of an entry, in the order of writing.
type member struct {
	name  string
	value any
}

// members are what the entry looks like in a client's file. args are those that are there already: a person may have added
// some, and only the one that says demo is ours to add or take away.
func (e Entry) members(c Client, args []string) []member {
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == demoFlag })
	if e.Demo {
		args = append([]string{demoFlag}, args...)
	}
	if args == nil {
		args = []string{}
	}
	var out []member
	if c.typed {
		out = append(out, member{"type", "stdio"})
	}
	return append(out, member{"command", e.Command}, member{"args", args})
}

// Print is the entry as it stands in the client's file, with what is around it.
func (e Entry) Print(c Client) string {
	d := &document{newline: "\n"}
	if _, err := d.put(c, e); err != nil {
		return "" // an empty document takes every entry
	}
	return string(d.pack())
}

// ours reports whether a command is this program, wherever it was when it was entered.
func (e Entry) ours(command string) bool {
	name := program(command)
	return name == "aura-mcp" || name == program(e.Command)
}

// program is the name of a program by its path, in the notation of any system.
func program(path string) string {
	path = filepath.ToSlash(strings.ReplaceAll(path, `\`, "/"))
	return strings.TrimSuffix(path[strings.LastIndex(path, "/")+1:], ".exe")
}

// encode is JSON as a person would write it: paths keep their characters, and lines after the first begin with indent.
func encode(v any, indent, unit string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if unit != "" {
		e.SetIndent(indent, unit)
	}
	if err := e.Encode(v); err != nil {
		return []byte("null") // texts, lists and maps of them always encode
	}
	return bytes.TrimSpace(b.Bytes())
}

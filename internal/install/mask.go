package install

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/tailscale/hujson"
)

// hidden stands for a text that is nobody's business on a screen: the files of clients hold keys of other servers.
const hidden = `"…"`

// masked is the file with every text hidden that is not of our entry, remarks included. The document is of no use afterwards.
func (d *document) masked(c Client, name string) string {
	if d.root.Value == nil {
		return ""
	}
	maskRemarks(&d.root)
	top, ok := d.root.Value.(*hujson.Object)
	if !ok {
		return ""
	}
	for i := range top.Members {
		servers, ok := top.Members[i].Value.Value.(*hujson.Object)
		if !ok || nameOf(top.Members[i]) != c.servers {
			maskTexts(&top.Members[i].Value)
			continue
		}
		for j := range servers.Members {
			maskServer(&servers.Members[j], name)
		}
	}
	return string(d.root.Pack())
}

// maskServer hides the texts of a server, but for what launches our own.
func maskServer(m *hujson.ObjectMember, name string) {
	o, ok := m.Value.Value.(*hujson.Object)
	if !ok || nameOf(*m) != name {
		maskTexts(&m.Value)
		return
	}
	for i := range o.Members {
		if !slices.Contains([]string{"type", "command", "args"}, nameOf(o.Members[i])) {
			maskTexts(&o.Members[i].Value)
		}
	}
}

// maskTexts hides the texts of a value and of all below it; the names of members stay.
func maskTexts(v *hujson.Value) {
	switch t := v.Value.(type) {
	case *hujson.Object:
		for i := range t.Members {
			maskTexts(&t.Members[i].Value)
		}
	case *hujson.Array:
		for i := range t.Elements {
			maskTexts(&t.Elements[i])
		}
	case hujson.Literal:
		if t.Kind() == '"' {
			v.Value = hujson.Literal(hidden)
		}
	}
}

// remark is a comment of one line, or one line of a longer one.
var remark = regexp.MustCompile(`//[^\n]*|/\*(?s:.*?)\*/`)

func maskRemarks(root *hujson.Value) {
	hide := func(e *hujson.Extra) {
		if len(*e) > 0 {
			*e = remark.ReplaceAll(*e, []byte("// …"))
		}
	}
	for v := range root.All() {
		hide(&v.BeforeExtra)
		hide(&v.AfterExtra)
		switch t := v.Value.(type) {
		case *hujson.Object:
			hide(&t.AfterExtra)
		case *hujson.Array:
			hide(&t.AfterExtra)
		}
	}
}

// difference shows what changes as a unified diff for a person.
func difference(oldName, before, newName, after string) string {
	lines := func(s string) []byte {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		if s != "" && !strings.HasSuffix(s, "\n") {
			s += "\n"
		}
		return []byte(s)
	}
	shown := string(diff.Diff(oldName, lines(before), newName, lines(after)))
	_, shown, _ = strings.Cut(shown, "\n") // the line that says diff
	return shown
}

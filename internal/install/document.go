package install

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"aura-mcp/internal/text"
)

// document is a client's configuration with every byte that is not ours as it was: comments, spacing, order, line ends.
type document struct {
	mark    []byte // a byte order mark, which Windows' editors leave
	newline string
	root    hujson.Value // without a value for a file that is missing or empty
	source  []byte
}

// byteOrderMark of UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// parse reads a configuration. Its error has line and column.
func parse(content []byte) (*document, error) {
	d := &document{newline: "\n"}
	if rest, found := bytes.CutPrefix(content, byteOrderMark); found {
		d.mark, content = byteOrderMark, rest
	}
	if bytes.Contains(content, []byte("\r\n")) {
		d.newline = "\r\n"
	}
	d.source = content
	if len(bytes.TrimSpace(content)) == 0 {
		return d, nil
	}
	var err error
	if d.root, err = hujson.Parse(slices.Clone(content)); err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "hujson: "))
	}
	return d, nil
}

func (d *document) pack() []byte { return append(slices.Clone(d.mark), d.root.Pack()...) }

// standard reports whether the file is JSON without comments and trailing commas.
func (d *document) standard() bool { return d.root.Value == nil || d.root.IsStandard() }

// at names a place in the file as it was read.
func (d *document) at(v *hujson.Value, problem string, args ...any) error {
	before := d.source[:v.StartOffset]
	return fmt.Errorf("line %d, column %d: %s", 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'), fmt.Sprintf(problem, args...))
}

// object is the object that a value should be.
func (d *document) object(v *hujson.Value, what string) (*hujson.Object, error) {
	if o, ok := v.Value.(*hujson.Object); ok {
		return o, nil
	}
	return nil, d.at(v, "%s should be an object in braces", what)
}

// find is the value of an object's member, nil where there is none. Of two with one name each reader takes another.
func (d *document) find(o *hujson.Object, name string) (*hujson.Value, error) {
	var found *hujson.Value
	for i := range o.Members {
		if nameOf(o.Members[i]) != name {
			continue
		}
		if found != nil {
			return nil, d.at(&o.Members[i].Name, "%s is here for the second time", text.Quote(name))
		}
		found = &o.Members[i].Value
	}
	return found, nil
}

// servers is the object with the client's servers and the whole it is in; nil where it is missing.
func (d *document) servers(c Client) (root, servers *hujson.Object, err error) {
	if d.root.Value == nil {
		return nil, nil, nil
	}
	if root, err = d.object(&d.root, "the file"); err != nil {
		return nil, nil, err
	}
	v, err := d.find(root, c.servers)
	if err != nil || v == nil {
		return root, nil, err
	}
	servers, err = d.object(v, text.Quote(c.servers))
	return root, servers, err
}

// entry is the value of the entry with a name; nil where it is missing.
func (d *document) entry(c Client, name string) (*hujson.Value, error) {
	_, servers, err := d.servers(c)
	if err != nil || servers == nil {
		return nil, err
	}
	return d.find(servers, name)
}

// put adds an entry, or brings the one of that name up to date, and reports whether that changed anything.
func (d *document) put(c Client, e Entry) (changed bool, err error) {
	root, servers, err := d.servers(c)
	if err != nil {
		return false, err
	}
	unit := d.unit(root)
	if root == nil {
		d.root.Value, d.root.AfterExtra = &hujson.Object{}, hujson.Extra(d.newline)
		root = d.root.Value.(*hujson.Object)
	}
	if servers == nil {
		d.add(root, c.servers, map[string]any{}, "", unit)
		servers = root.Members[len(root.Members)-1].Value.Value.(*hujson.Object)
	}
	outer := indentation(root, unit)
	existing, err := d.find(servers, e.Name)
	if err != nil {
		return false, err
	}
	if existing != nil {
		return d.update(c, existing, e, indentation(servers, outer+unit), unit)
	}
	d.add(servers, e.Name, ordered(e.members(c, nil)), outer, unit)
	return true, nil
}

// update changes of an entry only what is ours, so that variables and remarks that a person has put there stay.
func (d *document) update(c Client, v *hujson.Value, e Entry, outer, unit string) (changed bool, err error) {
	o, err := d.object(v, text.Quote(e.Name))
	if err != nil {
		return false, err
	}
	var now struct {
		Command string   `json:"command"`
		Args    []string `json:"args"`
	}
	if json.Unmarshal(standard(*v), &now) != nil || !e.ours(now.Command) {
		return false, d.at(v, "the entry %s is another program's: choose another name for this one with --name", text.Quote(e.Name))
	}
	for _, m := range e.members(c, now.Args) {
		there, err := d.find(o, m.name)
		switch {
		case err != nil:
			return false, err
		case there == nil:
			d.add(o, m.name, m.value, outer, unit)
			changed = true
		case !bytes.Equal(standard(*there), encode(m.value, "", "")):
			there.Value = d.value(m.value, indentation(o, outer+unit), unit)
			changed = true
		}
	}
	return changed, nil
}

// restore puts an entry back to what it was, which may be to nothing, and reports whether that changed anything.
func (d *document) restore(c Client, name string, before *hujson.Value) (changed bool, err error) {
	now, err := d.entry(c, name)
	switch {
	case err != nil || now == nil:
		return false, err // who took it out did not want it back either
	case before != nil:
		changed = !bytes.Equal(now.Pack(), before.Pack())
		now.Value = before.Clone().Value
		return changed, nil
	}
	_, servers, err := d.servers(c)
	if err != nil {
		return false, err
	}
	d.remove(servers, slices.IndexFunc(servers.Members, func(m hujson.ObjectMember) bool { return nameOf(m) == name }))
	return true, nil
}

// nameOf a member is always a text.
func nameOf(m hujson.ObjectMember) string {
	if l, ok := m.Name.Value.(hujson.Literal); ok {
		return l.String()
	}
	return ""
}

// standard is a value as JSON without comments and spacing.
func standard(v hujson.Value) []byte {
	v = v.Clone()
	v.Minimize()
	return v.Pack()
}

// ordered keeps the order of members when they are encoded.
type ordered []member

// MarshalJSON writes an object.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(m.name, "", ""))
		b.WriteByte(':')
		b.Write(encode(m.value, "", ""))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// value makes a value whose lines after the first begin with indent.
func (d *document) value(v any, indent, unit string) hujson.ValueTrimmed {
	encoded := bytes.ReplaceAll(encode(v, indent, unit), []byte("\n"), []byte(d.newline))
	made, err := hujson.Parse(encoded)
	if err != nil {
		return hujson.Literal("null") // what encode makes always parses
	}
	return made.Value
}

// add puts a member at the end of an object, written as the members before it are: on lines of their own or on one line. outer
// is the indentation of the line on which the object begins.
func (d *document) add(o *hujson.Object, name string, v any, outer, unit string) {
	m := hujson.ObjectMember{Name: hujson.Value{Value: hujson.String(name)}}
	var last *hujson.ObjectMember
	if n := len(o.Members); n > 0 {
		last = &o.Members[n-1]
		if last.Value.AfterExtra != nil {
			m.Value.AfterExtra = hujson.Extra{} // a comma behind the last, as before
		}
	}
	if oneLine(o, unit) {
		d.addInLine(o, m, v)
		return
	}
	indent := indentation(o, outer+unit)
	m.Value.Value, m.Value.BeforeExtra = d.value(v, indent, unit), hujson.Extra(" ")
	// A remark behind the last member stays where it is: on the line of that member, now behind the comma.
	m.Name.BeforeExtra = append(bytes.TrimRight(slices.Clone(o.AfterExtra), " \t\r\n"), d.newline+indent...)
	closing := d.newline + outer
	if i := bytes.LastIndexByte(o.AfterExtra, '\n'); last != nil && i >= 0 {
		closing = d.newline + string(o.AfterExtra[i+1:])
	}
	o.AfterExtra = hujson.Extra(closing)
	o.Members = append(o.Members, m)
}

// oneLine reports whether an object's members stand on one line.
func oneLine(o *hujson.Object, unit string) bool {
	if n := len(o.Members); n > 0 {
		return !bytes.Contains(o.Members[n-1].Name.BeforeExtra, []byte("\n"))
	}
	return unit == ""
}

// addInLine puts a member behind the others on their line.
func (d *document) addInLine(o *hujson.Object, m hujson.ObjectMember, v any) {
	m.Value.Value = d.value(v, "", "")
	if n := len(o.Members); n > 0 {
		last := o.Members[n-1]
		m.Value.BeforeExtra = slices.Clone(blank(last.Value.BeforeExtra))
		m.Name.BeforeExtra = slices.Clone(m.Value.BeforeExtra)
		if n > 1 {
			m.Name.BeforeExtra = slices.Clone(blank(last.Name.BeforeExtra))
		}
	}
	if len(blank(o.AfterExtra)) == 0 && len(o.AfterExtra) > 0 { // a remark, which belongs to what is before it
		m.Name.BeforeExtra = append(slices.Clone(o.AfterExtra), m.Name.BeforeExtra...)
		o.AfterExtra = nil
	}
	o.Members = append(o.Members, m)
}

// blank is an extra when it is nothing but spaces.
func blank(e hujson.Extra) hujson.Extra {
	if len(bytes.TrimSpace(e)) > 0 {
		return nil
	}
	return e
}

// remove takes a member out and keeps the remarks around it.
func (d *document) remove(o *hujson.Object, i int) {
	gone := o.Members[i]
	remarks := bytes.TrimRight(gone.Name.BeforeExtra, " \t\r\n")
	wasLast := i == len(o.Members)-1
	o.Members = slices.Delete(o.Members, i, i+1)
	if !wasLast {
		next := &o.Members[i].Name
		next.BeforeExtra = append(slices.Clone(remarks), next.BeforeExtra...)
		return
	}
	if len(o.Members) > 0 {
		last := &o.Members[len(o.Members)-1].Value
		if gone.Value.AfterExtra == nil { // no comma behind the last
			remarks = append(slices.Clone(last.AfterExtra), remarks...)
			last.AfterExtra = nil
		} else if last.AfterExtra == nil {
			last.AfterExtra = hujson.Extra{}
		}
	}
	if len(remarks) > 0 && !bytes.Contains(o.AfterExtra, []byte("\n")) {
		remarks = append(remarks, d.newline...) // or a remark would swallow the brace
	}
	o.AfterExtra = append(slices.Clone(remarks), o.AfterExtra...)
}

// indentation is that of an object's members, or the usual one where they say nothing.
func indentation(o *hujson.Object, usual string) string {
	if n := len(o.Members); n > 0 {
		extra := o.Members[n-1].Name.BeforeExtra
		if i := bytes.LastIndexByte(extra, '\n'); i >= 0 {
			return string(blank(extra[i+1:]))
		}
	}
	return usual
}

// unit is by how much the file indents; empty where it is all on one line.
func (d *document) unit(root *hujson.Object) string {
	const usual = "  "
	if root == nil || len(root.Members) == 0 {
		return usual
	}
	if !bytes.Contains(bytes.TrimSpace(d.source), []byte("\n")) {
		return ""
	}
	if unit := indentation(root, usual); unit != "" {
		return unit
	}
	return usual
}

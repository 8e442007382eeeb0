package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"aura-mcp/internal/text"
)

// Keys that are no settings of a profile: the config file itself and the profile to use are named by flag or environment.
const (
	configKey       = "config"
	configVariable  = envPrefix + "CONFIG"
	profileKey      = "profile"
	profileVariable = envPrefix + "PROFILE"
	profilesKey     = "profiles"
	credentialsKey  = "credentials"
	byDefaultKey    = "default_profile"
)

// file is the config file, read.
type file struct {
	exists    bool
	blank     bool      // there is nothing in it, or no file
	top       section   // what holds for every profile
	profiles  []section // in the order of the file
	byDefault value
}

// section is a part of the file that settings stand in: the top, or a profile.
type section struct {
	name        string // "" is the top
	values      layer
	tables      Tables
	credentials declared
	notices     []string
}

// layers are the values of every section.
func (f file) layers() []layer {
	out := []layer{f.top.values}
	for _, s := range f.profiles {
		out = append(out, s.values)
	}
	return out
}

func (f file) names() []string {
	var out []string
	for _, s := range f.profiles {
		out = append(out, s.name)
	}
	return out
}

// under puts what stands at the top of the file under a profile, which may only tighten the policy there.
func (s section) under(top section) section {
	var notices []string
	s.values, notices = tighten(overlay(s.values, top.values), top.values)
	s.notices = notices
	s.tables = s.tables.under(top.tables)
	return s
}

// readFile reads the config file: the one named by flag or environment, which must exist, else the user's own, if there is one.
func (l layers) readFile() (file, error) {
	if l.fileName == "" {
		return file{blank: true}, nil
	}
	content, err := l.ReadFile(l.fileName)
	switch named := overlay(l.flags, l.env)[configKey]; {
	case errors.Is(err, fs.ErrNotExist) && named.text == "":
		return file{blank: true}, nil
	case err != nil:
		return file{exists: !errors.Is(err, fs.ErrNotExist)}, fmt.Errorf("config file: %w", err)
	}
	return parse(l.fileName, string(content))
}

// fileName is the file named by flag or environment, else the user's own.
func (s Sources) fileName(flags, env layer) string {
	if named := overlay(flags, env)[configKey].text; named != "" || s.Dir == "" {
		return named
	}
	return filepath.Join(s.Dir, filepath.FromSlash(FileName))
}

// reader takes a file that has been parsed apart, and collects what is wrong with it.
type reader struct {
	name, content string
	meta          toml.MetaData
	problems      []error
}

func parse(name, content string) (file, error) {
	r := reader{name: name, content: content}
	var raw map[string]toml.Primitive
	var err error
	if r.meta, err = toml.Decode(content, &raw); err != nil {
		return file{exists: true}, r.located(err)
	}
	f := file{exists: true, blank: strings.TrimSpace(content) == ""}
	if p, given := raw[profilesKey]; given {
		f.profiles = r.profiles(p)
	}
	delete(raw, profilesKey)
	f.top = r.section(raw)
	f.byDefault = f.top.values[byDefaultKey]
	delete(f.top.values, byDefaultKey)
	if len(f.profiles) > 0 {
		r.homeless(f.top)
	}
	slices.SortFunc(r.problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return f, errors.Join(r.problems...)
}

// located says where a mistake stands, in the way of our other messages.
func (r *reader) located(err error) error {
	if at, ok := errors.AsType[toml.ParseError](err); ok {
		return fmt.Errorf("%s:%d: %s", r.name, at.Position.Line, at.Message)
	}
	return fmt.Errorf("%s: %s", r.name, strings.TrimPrefix(err.Error(), "toml: ")) // it names the line itself
}

func (r *reader) origin(path ...string) string {
	return fmt.Sprintf("%s:%d", r.name, lineOf(r.content, path...))
}

// originOf is the origin of one of the tables of an array.
func (r *reader) originOf(n int, path []string) string {
	return fmt.Sprintf("%s:%d", r.name, lineOfTable(r.content, n, path...))
}

func (r *reader) problem(origin, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s: %s", origin, fmt.Sprintf(format, args...)))
}

// isTable: the library takes anything else for an empty table without a word.
func (r *reader) isTable(p toml.Primitive) bool {
	var v any
	err := r.meta.PrimitiveDecode(p, &v)
	_, table := v.(map[string]any)
	return err == nil && table
}

// homeless are credentials that stand above the profiles, where nobody can tell whose they are.
func (r *reader) homeless(top section) {
	const where = "belongs to no profile here: move it below the [profiles.NAME] it is for"
	for _, key := range []string{"client_id", "client_secret", "metrics_client_id", "metrics_client_secret"} {
		if v, given := top.values[key]; given {
			r.problem(v.origin, "%s %s", key, where)
		}
	}
	if top.credentials.given() {
		r.problem(top.credentials.origin, "%s %s", credentialsKey, where)
	}
}

// profiles reads the sections of the profiles, in their order.
func (r *reader) profiles(p toml.Primitive) (out []section) {
	var each map[string]toml.Primitive
	if !r.isTable(p) || r.meta.PrimitiveDecode(p, &each) != nil {
		r.problem(r.origin(profilesKey), "profiles must be tables, such as [profiles.work]")
		return nil
	}
	var order []string
	for _, key := range r.meta.Keys() {
		if len(key) > 1 && key[0] == profilesKey && !slices.Contains(order, key[1]) {
			order = append(order, key[1])
		}
	}
	for _, name := range order {
		var raw map[string]toml.Primitive
		if !r.isTable(each[name]) || r.meta.PrimitiveDecode(each[name], &raw) != nil {
			r.problem(r.origin(profilesKey, name), "the profile %s must be a table, such as [profiles.work]", text.Quote(name))
			continue
		}
		s := r.section(raw, profilesKey, name)
		s.name = name
		out = append(out, s)
		switch {
		case name == EnvironmentName:
			r.problem(r.origin(profilesKey, name), "the name %s is taken by credentials in the environment: choose another", name)
		case len(name) > 40 || !profileName.MatchString(name):
			r.problem(r.origin(profilesKey, name), "the profile's name %s may have letters, digits, - and _, at most 40", text.Quote(name))
		}
	}
	if len(order) == 0 {
		r.problem(r.origin(profilesKey), "profiles is empty: name one, such as [profiles.work], or leave it out")
	}
	return out
}

// section reads the settings that stand below a path, which is empty for the top.
func (r *reader) section(raw map[string]toml.Primitive, path ...string) section {
	s := section{values: layer{}}
	known, settings := []string{credentialsKey}, map[string]Setting{}
	for _, setting := range Settings() {
		settings[setting.Key] = setting
		if len(path) == 0 || !setting.whole {
			known = append(known, setting.Key)
		}
	}
	known = append(known, tableKeys()...)
	if len(path) == 0 {
		known = append(known, profilesKey)
	}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		at := append(slices.Clone(path), key)
		origin := r.origin(at...)
		setting, isSetting := settings[key]
		switch {
		case key == credentialsKey:
			s.credentials = r.declared(raw[key], at)
		case slices.Contains(tableKeys(), key):
			r.table(&s.tables, raw[key], at)
		case !isSetting:
			r.problem(origin, "there is no setting %s%s", text.Quote(key), suggestion(key, known))
		case setting.whole && len(path) > 0:
			r.problem(origin, "%s holds for all profiles: move it to the top of the file, above the first [table]", key)
		default:
			var v any
			if err := r.meta.PrimitiveDecode(raw[key], &v); err != nil {
				r.problems = append(r.problems, r.located(err))
				continue
			}
			words, err := scalar(key, setting.kind, v)
			if err != nil {
				r.problem(origin, "%s", err)
				continue
			}
			s.values[key] = value{words, origin}
		}
	}
	return s
}

// declared reads the table credentials.
func (r *reader) declared(p toml.Primitive, path []string) (d declared) {
	origin := r.origin(path...)
	if !r.isTable(p) || r.meta.PrimitiveDecode(p, &d) != nil {
		r.problem(origin, "%s must be a table of texts, such as credentials = { source = \"keyring\" }", credentialsKey)
		return d
	}
	if unknown := r.unknown(path); len(unknown) > 0 {
		r.problem(r.origin(append(path, unknown[0])...), "%s has no setting %s%s", credentialsKey, text.Quote(unknown[0]), suggestion(unknown[0], []string{"source", "name", "file", "prefix"}))
		return d
	}
	if err := d.check(); err != nil {
		r.problem(origin, "%s", err)
	}
	d.origin = origin
	return d
}

// unknown are the keys below a path that went nowhere, each as a dotted path from there.
func (r *reader) unknown(path []string) (out []string) {
	for _, key := range r.meta.Undecoded() {
		if len(key) > len(path) && slices.Equal(key[:len(path)], path) {
			out = append(out, strings.Join(key[len(path):], "."))
		}
	}
	return out
}

// scalar keeps TOML's types apart: read_only = "true" in quotes is a mistake and is called one.
func scalar(key string, k kind, v any) (string, error) {
	var wants string
	switch k {
	case truth:
		if b, ok := v.(bool); ok {
			return strconv.FormatBool(b), nil
		}
		wants = "true or false, without quotes"
	case number:
		if n, ok := v.(int64); ok {
			return strconv.FormatInt(n, 10), nil
		}
		wants = "a whole number, without quotes"
	case list:
		if items, ok := texts(v); ok {
			return strings.Join(items, listMark), nil
		}
		wants = `a list of texts, such as ["prod*"]`
	case byEffect:
		if s, ok := v.(string); ok {
			return s, nil
		}
		if s, ok := approvalTable(v); ok {
			return s, nil
		}
		wants = `text in quotes, or a table such as { default = "auto", destructive = "page" }`
	case words:
		if s, ok := v.(string); ok {
			return s, nil
		}
		wants = "text in quotes"
	}
	return "", fmt.Errorf("%s must be %s", key, wants)
}

func texts(v any) ([]string, bool) {
	all, ok := v.([]any)
	if !ok || len(all) == 0 {
		return nil, false
	}
	out := make([]string, len(all))
	for n, item := range all {
		s, ok := item.(string)
		if !ok || strings.Contains(s, listMark) {
			return nil, false
		}
		out[n] = s
	}
	return out, true
}

// under joins the tables of a profile with those at the top: standing approvals and special thresholds are added, thresholds
// replace those they name.
func (t Tables) under(top Tables) Tables {
	out := Tables{
		Preapproved: slices.Concat(top.Preapproved, t.Preapproved),
		HealthFor:   slices.Concat(top.HealthFor, t.HealthFor),
		Health:      maps.Clone(top.Health),
		Tokens:      top.Tokens,
		OIDC:        top.OIDC,
	}
	if out.Health == nil {
		out.Health = t.Health
		return out
	}
	for signal, b := range t.Health {
		out.Health[signal] = Bounds{Warning: cmp.Or(b.Warning, top.Health[signal].Warning), Critical: cmp.Or(b.Critical, top.Health[signal].Critical)}
	}
	return out
}

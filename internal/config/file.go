package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"aura-mcp/internal/text"
)

// configKey names the config file itself, among the flags and in the environment.
const (
	configKey      = "config"
	configVariable = envPrefix + "CONFIG"
)

// file reads the config file: the one named by flag or environment, which must exist, else the user's own, if there is one.
func (s Sources) file(flags, env layer) (layer, Tables, error) {
	named := overlay(flags, env)[configKey]
	name := s.fileName(flags, env)
	if name == "" {
		return layer{}, Tables{}, nil
	}
	content, err := s.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && named.text == "":
		return layer{}, Tables{}, nil
	case err != nil:
		return nil, Tables{}, fmt.Errorf("config file: %w", err)
	}
	return parse(name, string(content))
}

// fileName is the file named by flag or environment, else the user's own.
func (s Sources) fileName(flags, env layer) string {
	if named := overlay(flags, env)[configKey].text; named != "" || s.Dir == "" {
		return named
	}
	return filepath.Join(s.Dir, filepath.FromSlash(FileName))
}

func parse(name, content string) (layer, Tables, error) {
	var raw map[string]any
	if _, err := toml.Decode(content, &raw); err != nil {
		if at, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, Tables{}, fmt.Errorf("%s:%d: %s", name, at.Position.Line, at.Message)
		}
		return nil, Tables{}, fmt.Errorf("%s: %w", name, err)
	}
	tables, tableProblems := parseTables(name, content, raw)
	known, kinds := []string{}, map[string]kind{}
	for _, s := range Settings() {
		known, kinds[s.Key] = append(known, s.Key), s.kind
	}
	l := layer{}
	problems := tableProblems
	for key, v := range raw {
		if slices.Contains(tableKeys(), key) {
			continue
		}
		origin := fmt.Sprintf("%s:%d", name, lineOf(content, key))
		if !slices.Contains(known, key) {
			problems = append(problems, fmt.Errorf("%s: there is no setting %s%s", origin, text.Quote(key), suggestion(key, append(tableKeys(), known...))))
			continue
		}
		words, err := scalar(key, kinds[key], v)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", origin, err))
			continue
		}
		l[key] = value{words, origin}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return l, tables, errors.Join(problems...)
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

// lineOf finds the line of a key of the top level. The TOML library knows it but does not tell for keys that decode well.
func lineOf(content, key string) int {
	for n, line := range strings.Split(content, "\n") {
		line = strings.TrimLeft(line, " \t[")
		for _, spelling := range []string{key, `"` + key + `"`, "'" + key + "'"} {
			rest, found := strings.CutPrefix(line, spelling)
			if found && (rest == "" || strings.ContainsAny(rest[:1], " \t=.]")) {
				return n + 1
			}
		}
	}
	return 1
}

package config

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"aura-mcp/internal/text"
)

// Profiles is every profile that the settings have, one at least, and what holds for the whole process.
type Profiles struct {
	All []Config // in the order of the file
	// Default serves a call that names no profile; "" where each call has to.
	Default string
	// Named says that the file gives its profiles names, so that a person knows them by these.
	Named    bool
	LogLevel slog.Level
	Serving  Serving
	// File is the config file, whether it exists or not; "" where there is no place for one.
	File string
	// Exists says that there is such a file.
	Exists bool
	// Blank says that there is nothing in it, or no file.
	Blank bool
	// Notices are those of all profiles, each once.
	Notices []string
}

// Names of profiles that the file does not name.
const (
	DefaultName     = "default"     // of a file without [profiles], and of no file at all
	EnvironmentName = "environment" // of credentials in the environment, beside a file with [profiles]
)

// Names are the names of all profiles.
func (p Profiles) Names() []string {
	names := make([]string, len(p.All))
	for i, c := range p.All {
		names[i] = c.Name
	}
	return names
}

// Get returns the profile of a name.
func (p Profiles) Get(name string) (Config, bool) {
	for _, c := range p.All {
		if c.Name == name {
			return c, true
		}
	}
	return Config{}, false
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

func (l layers) several() bool { return len(l.file.profiles) > 1 }

// profiles makes the profile of every section that counts.
func (l layers) profiles() (Profiles, error) {
	p := Profiles{File: l.fileName, Exists: l.file.exists, Blank: l.file.blank, Named: len(l.file.profiles) > 0 && !l.Demo}
	if !p.Named && l.file.byDefault.text != "" && l.file.byDefault.text != DefaultName && !l.Demo {
		return p, fmt.Errorf("%s: default_profile is %s, and the file has no [profiles]", l.file.byDefault.origin, text.Quote(l.file.byDefault.text))
	}
	sections, notices, err := l.sections()
	if err != nil {
		return p, err
	}
	read := l.profile
	if l.Demo {
		read = l.demo
	}
	var problems []error
	for _, s := range sections {
		c, err := read(s)
		problems = append(problems, err)
		p.All = append(p.All, c)
		notices = append(notices, c.Notices...)
	}
	p.Notices = unique(append(notices, l.exposed()...))
	p.LogLevel, p.Serving = p.All[0].LogLevel, p.All[0].Serving
	if p.Default = l.file.byDefault.text; len(p.All) == 1 {
		p.Default = p.All[0].Name
	}
	return p, errors.Join(problems...)
}

// sections are the ones that count, each with what stands at the top of the file, which holds for all.
func (l layers) sections() (sections []section, notices []string, err error) {
	chosen := overlay(l.flags, l.env)[profileKey]
	named := l.file.names()
	switch {
	case l.Demo && (chosen.text == "" || len(named) == 0):
		return []section{l.file.top}, nil, nil
	case chosen.text != "" && len(named) == 0 && chosen.text != DefaultName:
		return nil, nil, fmt.Errorf("%s: there is no profile %s: the settings have only one, %s", chosen.origin, text.Quote(chosen.text), DefaultName)
	case len(named) == 0:
		return []section{l.file.top}, nil, nil
	case chosen.text != "" && !slices.Contains(named, chosen.text):
		return nil, nil, fmt.Errorf("%s: there is no profile %s%s", chosen.origin, text.Quote(chosen.text), suggestion(chosen.text, named))
	case chosen.text == "" && l.file.byDefault.text != "" && !slices.Contains(named, l.file.byDefault.text):
		return nil, nil, fmt.Errorf("%s: default_profile is %s, and there is no such profile%s", l.file.byDefault.origin, text.Quote(l.file.byDefault.text), suggestion(l.file.byDefault.text, named))
	}
	brought := l.env["client_id"].text != "" || l.env["client_secret"].text != ""
	awaited := slices.ContainsFunc(l.file.profiles, func(s section) bool { return s.credentials.Source == Environment && s.credentials.Prefix == "" })
	switch {
	case chosen.text != "":
		if brought && !awaited && !l.Demo {
			notices = append(notices, fmt.Sprintf("%s chooses a profile, so the credentials in the environment are not used", chosen.origin))
		}
	case brought && !awaited: // they bring their own profile, under what holds for every profile
		own := l.file.top
		own.name = EnvironmentName
		return []section{own}, []string{fmt.Sprintf("the credentials in the environment are used, and not the profiles in %s (%s)", l.fileName, strings.Join(named, ", "))}, nil
	}
	for _, s := range l.file.profiles {
		if chosen.text == "" || s.name == chosen.text {
			sections = append(sections, s.under(l.file.top))
		}
	}
	return sections, notices, nil
}

// exposed are the places of secrets in a file that others can read.
func (l layers) exposed() (notices []string) {
	if l.Exposed == nil || !l.file.exists || l.Demo {
		return nil
	}
	for _, values := range l.file.layers() {
		for _, key := range []string{"client_secret", "metrics_client_secret", stateKeys} {
			if v, given := values[key]; given && l.Exposed(l.fileName) {
				notices = append(notices, fmt.Sprintf("%s: %s stands in a file that others can read: chmod 600 %s", v.origin, key, l.fileName))
			}
		}
	}
	return notices
}

func unique(notices []string) []string {
	var out []string
	for _, n := range notices {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

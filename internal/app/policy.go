package app

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"aura-mcp/internal/config"
	"aura-mcp/internal/guard"
)

// policyOf is the part of the settings that the gate goes by.
func policyOf(c config.Config) guard.Policy {
	p := guard.Policy{
		ReadOnly: c.ReadOnly, Toolsets: c.Toolsets, Denied: c.DeniedTools, Protected: c.Protected, Locked: c.Locked,
		MaxMemory: c.MaxMemory, MaxInstances: c.MaxInstances, Regions: c.AllowedRegions, Types: c.AllowedTypes, TrustClient: c.Serving.TrustClient,
	}
	p.Approval = guard.WayByEffect{Billable: guard.Way(c.Approval.Billable), Disruptive: guard.Way(c.Approval.Disruptive), Destructive: guard.Way(c.Approval.Destructive)}
	for _, s := range c.Preapproved {
		p.Standing = append(p.Standing, guard.Standing{Operations: s.Operations, Names: s.Names, Tenant: s.Tenant, MaxPerDay: s.MaxPerDay})
	}
	return p
}

// policySource reads the settings again when their file has changed, so that a rule counts from the moment it is saved.
type policySource struct {
	load func() (config.Profiles, error)
	file string // "" where there is none to watch
	log  *slog.Logger

	begun time.Time
	start config.Profiles

	mu   sync.Mutex
	last map[string]guard.Policy // by profile, as callers have it: the last that could be read
	from config.Profiles         // the settings that last is from
	err  error                   // why the file as it is now cannot be
	seen stamp                   // the version of the file that last and err are about
}

// stamp tells one version of a file from another; the zero stamp is no file.
type stamp struct{ size, modified int64 }

func stampOf(file string) stamp {
	info, err := os.Stat(file)
	if err != nil {
		return stamp{}
	}
	return stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
}

// newPolicySource begins with the settings as they were read at the start.
func newPolicySource(p config.Profiles, load func() (config.Profiles, error), log *slog.Logger) *policySource {
	return &policySource{load: load, file: p.File, log: log, begun: time.Now(), start: p, last: policies(p), from: p, seen: stampOf(p.File)}
}

// callerProfile is a profile as callers have it: without a name where the settings give none.
func callerProfile(p config.Profiles, c config.Config) string {
	if !p.Named {
		return ""
	}
	return c.Name
}

func policies(p config.Profiles) map[string]guard.Policy {
	out := map[string]guard.Policy{}
	for _, c := range p.All {
		out[callerProfile(p, c)] = policyOf(c)
	}
	return out
}

// policy returns the policy of a profile. With an error it is the one before.
func (s *policySource) policy(profile string) (guard.Policy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := stampOf(s.file); s.file != "" && now != s.seen {
		s.seen = now
		s.read()
	}
	return s.last[profile], s.err
}

// read reads the settings again. The profiles stay those of the start: one that has gone has no policy to go by.
func (s *policySource) read() {
	var p config.Profiles
	p, s.err = s.load()
	if s.err == nil && p.Blank && !s.from.Blank { // as it is while an editor writes it anew
		s.err = fmt.Errorf("%s is empty or not there, and it was not so before: save it, or start this server again without it", s.file)
	}
	if s.err == nil {
		next := policies(p)
		for name := range s.last {
			if _, has := next[name]; !has {
				s.err = fmt.Errorf("%s has other profiles than when this server started: start it again", s.file)
			}
		}
		if s.err == nil {
			s.last, s.from = next, p
			s.log.Info("settings read again", "file", s.file)
			s.tellRestart(p)
			return
		}
	}
	s.log.Error("the settings cannot be read any more; what changes something is refused until they can", "error", s.err)
}

// since returns the policy of a profile and when its settings were last changed or read.
func (s *policySource) since(profile string) (guard.Policy, time.Time, error) {
	p, err := s.policy(profile)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen.modified == 0 {
		return p, s.begun, err
	}
	return p, time.Unix(0, s.seen.modified), err
}

// serving is who may use the server over HTTP, as the settings have it now. Where they cannot be read it is as before.
func (s *policySource) serving() config.Profiles {
	_, _ = s.policy("") // reads them again where they have changed; what is wrong with them is logged there
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from
}

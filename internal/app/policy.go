package app

import (
	"log/slog"
	"os"
	"sync"

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
	load func() (config.Config, error)
	file string // "" where there is none to watch
	log  *slog.Logger

	mu   sync.Mutex
	last guard.Policy  // the last that could be read
	read config.Config // where it is from
	err  error         // why the file as it is now cannot be
	seen stamp         // the version of the file that last and err are about
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
func newPolicySource(c config.Config, load func() (config.Config, error), log *slog.Logger) *policySource {
	return &policySource{load: load, file: c.File, log: log, last: policyOf(c), read: c, seen: stampOf(c.File)}
}

// policy returns the policy in force. With an error it is the one before.
func (s *policySource) policy(string) (guard.Policy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := stampOf(s.file)
	if s.file == "" || now == s.seen {
		return s.last, s.err
	}
	s.seen = now
	c, err := s.load()
	if s.err = err; err != nil {
		s.log.Error("the settings cannot be read any more; what changes something is refused until they can", "error", err)
		return s.last, err
	}
	s.last, s.read = policyOf(c), c
	s.log.Info("settings read again", "file", s.file)
	return s.last, nil
}

// tokens are those that the settings allow now. Where they cannot be read they are the ones before.
func (s *policySource) tokens() []config.Token {
	_, _ = s.policy("") // reads them again where they have changed; what is wrong with them is logged there
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read.Tokens
}

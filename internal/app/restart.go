package app

import (
	"reflect"
	"slices"
	"strings"

	"aura-mcp/internal/config"
)

// atOnce are the settings that count from the moment they are saved; the tables [[preapproved]] and [[tokens]] do, too. All others
// count from the next start.
func atOnce() []string {
	return []string{
		"read_only", "toolsets", "approval", "protected", "locked", "denied_tools", "max_memory", "max_instances", "allowed_regions", "allowed_types",
		"trust_client_elicitation",
	}
}

// afterRestart names what differs from the settings of the start, and counts from the next.
func afterRestart(start, now config.Profiles) (names []string) {
	differs := func(name string, a, b any) {
		if !reflect.DeepEqual(a, b) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, c := range now.All {
		was, has := start.Get(c.Name)
		if !has {
			continue // other profiles are told of elsewhere
		}
		before := was.Effective()
		for n, setting := range c.Effective() {
			if !slices.Contains(atOnce(), setting.Key) {
				differs(setting.Key, before[n].Value, setting.Value)
			}
		}
		key, keyNow := was.Credentials, c.Credentials
		key.Origin, key.Redirected, keyNow.Origin, keyNow.Redirected = "", nil, "", nil // the line may have moved
		differs("credentials", key, keyNow)
		differs("metrics_client_id", [2]string{was.MetricsClientID, was.MetricsClientSecret.Reveal()}, [2]string{c.MetricsClientID, c.MetricsClientSecret.Reveal()})
		differs("health", was.Health, c.Health)
		differs("health_for", was.HealthFor, c.HealthFor)
		differs("state_key", was.Serving.StateKeys, c.Serving.StateKeys)
		differs("oidc", was.Serving.OIDC, c.Serving.OIDC)
	}
	return names
}

// tellRestart says in the log which settings wait for a restart.
func (s *policySource) tellRestart(now config.Profiles) {
	if names := afterRestart(s.start, now); len(names) > 0 {
		s.log.Warn("these settings have changed, and count when this server is started again", "settings", strings.Join(names, ", "), "file", s.file)
	}
}

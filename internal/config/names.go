package config

import (
	"fmt"
	"slices"

	"aura-mcp/auraclient"
	"aura-mcp/internal/text"
)

// Tools are the names of all tools, which rules can be about: a rule about a misspelt one would hold for nothing.
func Tools() []string {
	return []string{
		"list_instances", "get_instance", "create_instance", "update_instance", "pause_instance", "resume_instance", "delete_instance",
		"overwrite_instance", "upgrade_instance", "estimate_instance_size", "wait_for_instance", "list_operations",
		"list_snapshots", "get_snapshot", "create_snapshot", "restore_snapshot",
		"list_tenants", "get_tenant",
		"check_instance_health", "check_fleet_health", "get_instance_metrics",
		"list_customer_managed_keys", "get_customer_managed_key", "create_customer_managed_key", "delete_customer_managed_key",
		"list_graph_analytics_sessions", "get_graph_analytics_session", "create_graph_analytics_session", "delete_graph_analytics_session",
		"estimate_graph_analytics_session",
	}
}

// Destroying are the names of the tools that destroy, which nobody can approve beforehand.
func Destroying() []string {
	return []string{"delete_instance", "overwrite_instance", "upgrade_instance", "restore_snapshot", "delete_customer_managed_key"}
}

// types are the types of databases that can be created.
func types() []string {
	return []string{
		string(auraclient.TypeFree), string(auraclient.TypeProfessional), string(auraclient.TypeBusinessCritical),
		string(auraclient.TypeEnterprise), string(auraclient.TypeProfessionalDS), string(auraclient.TypeEnterpriseDS),
	}
}

// known allows the names of a kind of thing.
func known(kind string, names []string) func(string) error {
	return func(v string) error {
		if slices.Contains(names, v) {
			return nil
		}
		return fmt.Errorf("has %s, and there is no such %s%s", text.Quote(v), kind, suggestion(v, names))
	}
}

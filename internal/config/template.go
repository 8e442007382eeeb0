package config

import (
	"fmt"
	"strings"
)

// Template is a config file in which everything is explained and nothing is set but what set has: settings by their keys, as TOML
// writes the values. A remark begins with "# ", a setting that is only shown with "#" and its key.
func Template(set map[string]string) string {
	var b strings.Builder
	b.WriteString(`# Settings of aura-mcp. Take the # away to set something; "aura-mcp config check" says what it means. A misspelt
# setting is an error that names its line. What is set here as policy can only be tightened by environment and flags.

# Where the API key is: keyring (of the system), file, aura-cli (of Neo4j's own CLI) or env. Where nothing is said, the
# environment counts, then the keyring, then the file credentials.json beside this one.
#credentials = { source = "keyring" }
`)
	for _, s := range Settings() {
		if s.apart() {
			continue
		}
		b.WriteString("\n" + remark(s.Help))
		if s.Default != "" {
			b.WriteString(remark("Default: " + s.Default))
		}
		if v, given := set[s.Key]; given {
			fmt.Fprintf(&b, "%s = %s\n", s.Key, v)
			continue
		}
		fmt.Fprintf(&b, "#%s = %s\n", s.Key, samples()[s.Key])
	}
	b.WriteString(`
# What you approve beforehand, for jobs that run without you. Never what destroys, nor a protected database.
#[[preapproved]]
#operations = ["pause_instance", "resume_instance"]
#names = ["ci-*"]
#tenant = "Development"
#max_per_day = 20

# Thresholds of the health check, for all databases and for some.
#[health.cpu]
#warning = 0.70
#[[health_for]]
#names = ["batch-*"]
#[health_for.signals.cpu]
#warning = 0.95

# Who may use a server over HTTP: the holders of tokens, as "aura-mcp token create NAME" makes them, or the people of an
# identity provider, by a claim.
#[[tokens]]
#name = "ci"
#sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
#read_only = true
#[oidc]
#issuer = "https://login.example.com"
#claim = "groups"
#profiles = { "database-team" = "default" }
`)
	b.WriteString("\n" + profilesRemark + `
# above holds for every profile, and a profile can only tighten it. Credentials go into the profile they are for.
#default_profile = "work"
#[profiles.work]
#credentials = { source = "keyring" }
#protected = ["prod*"]
#[profiles.test]
#credentials = { source = "aura-cli", name = "test" }
`)
	return b.String()
}

// profilesRemark begins the last part of the template.
const profilesRemark = "# Several accounts: a profile for each, which the argument profile of every tool chooses. What stands"

// samples are values that show how a setting is written.
func samples() map[string]string {
	return map[string]string{
		"base_url":            `"https://api.neo4j.io"`,
		"auth_url":            `"https://api.neo4j.io/oauth/token"`,
		"read_only":           "true",
		"toolsets":            `["default", "keys"]`,
		"approval":            `{ default = "auto", destructive = "page" }`,
		"protected":           `["prod*"]`,
		"locked":              `["prod-orders"]`,
		"denied_tools":        `["delete_instance"]`,
		"max_memory":          `"64GB"`,
		"max_instances":       "20",
		"allowed_regions":     `["europe-west1"]`,
		"allowed_types":       `["professional-db", "free-db"]`,
		"safety_snapshots":    "true",
		"secret_sink":         `"keyring"`,
		"requests_per_minute": "25",
		"log_level":           `"warn"`,

		"transport":                `"http"`,
		"listen":                   `"127.0.0.1:8080"`,
		"public_url":               `"https://aura-mcp.example.com"`,
		"tls_cert":                 `"/etc/aura-mcp/tls.crt"`,
		"tls_key":                  `"/etc/aura-mcp/tls.key"`,
		"behind_proxy":             "true",
		"auth":                     `"oidc"`,
		"allowed_origins":          `["https://inspector.example.com"]`,
		"metrics_listen":           `"127.0.0.1:9090"`,
		"log_format":               `"json"`,
		"trust_client_elicitation": "true",
	}
}

// remark wraps a text into lines of a comment, which begins with a capital.
func remark(s string) string {
	var b strings.Builder
	line := "#"
	for i, word := range strings.Fields(s) {
		if i == 0 {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		if len(line)+1+len(word) > 120 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}

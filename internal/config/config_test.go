package config_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/internal/config"
)

// sources are settings as a test gives them: the config file, the environment, flags.
func sources(file string, env []string, flags map[string]string) config.Sources {
	return config.Sources{
		Flags: flags, Environ: env, Dir: "/home/somebody/.config",
		ReadFile: func(name string) ([]byte, error) {
			if file == "" || filepath.ToSlash(name) != "/home/somebody/.config/aura-mcp/config.toml" {
				return nil, fs.ErrNotExist
			}
			return []byte(file), nil
		},
	}
}

// single loads settings that have one profile.
func single(t testing.TB, s config.Sources) config.Config {
	t.Helper()
	p, err := config.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.All) != 1 || p.Default != p.All[0].Name {
		t.Fatalf("%d profiles, default %q", len(p.All), p.Default)
	}
	return p.All[0]
}

func TestMistakesInSettingsAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		env        []string
		flags      map[string]string
		want       []string
	}{
		{"a misspelt key", "\n\nread_nly = true\n", nil, nil, []string{"config.toml:3", `"read_nly"`, "did you mean read_only?"}},
		{"a key like no other", "zzz = 1\n", nil, nil, []string{"config.toml:1", "known:", "read_only"}},
		{"quotes around a truth value", `read_only = "true"`, nil, nil, []string{"config.toml:1", "true or false, without quotes"}},
		{"a number for text", "base_url = 5", nil, nil, []string{"text in quotes"}},
		{"text for a list", `protected = "prod"`, nil, nil, []string{`a list of texts, such as ["prod*"]`}},
		{"a list with a number", `protected = ["a", 5]`, nil, nil, []string{"a list of texts"}},
		{"broken TOML", "read_only = \n", nil, nil, []string{"config.toml:1"}},
		{"a value that is not allowed", `secret_sink = "desk"`, nil, nil, []string{"secret_sink", `"desk"`, "file, keyring, page, reveal"}},
		{"a pattern for everything", `protected = ["*"]`, nil, nil, []string{"protected", `"*"`}},
		{"a size that is none", `max_memory = "lots"`, nil, nil, []string{"max_memory", "64GB"}},
		{"an unknown toolset", `toolsets = ["instance"]`, nil, nil, []string{"toolsets", `"instance"`, "instances"}},
		{"a misspelt tool", "\ndenied_tools = [\"pause_instance\", \"delete_instnce\"]", nil, nil, []string{"config.toml:2", "denied_tools", `"delete_instnce"`, "did you mean delete_instance?"}},
		{"a misspelt tool in the environment", "", []string{"AURA_MCP_DENIED_TOOLS=delete_instances"}, nil, []string{"environment AURA_MCP_DENIED_TOOLS", "did you mean delete_instance?"}},
		{"a misspelt type", `allowed_types = ["profesional-db"]`, nil, nil, []string{"config.toml:1", "allowed_types", `"profesional-db"`, "did you mean professional-db?"}},
		{"a standing approval for a misspelt tool", "[[preapproved]]\noperations = [\"pause_instances\"]\nnames = [\"ci-*\"]\nmax_per_day = 1\n", nil, nil, []string{"config.toml:1", "preapproved", "did you mean pause_instance?"}},
		{"an empty region", `allowed_regions = ["europe-west1", ""]`, nil, nil, []string{"allowed_regions", "empty"}},
		{"several mistakes at once", "a = 1\nb = 2\n", nil, nil, []string{`"a"`, `"b"`}},
		{"half of the credentials", `client_id = "x"`, nil, nil, []string{"config.toml:1", "client secret"}},
		{"halves from two places", `client_id = "x"`, []string{"AURA_CLIENT_SECRET=y"}, nil, []string{"environment AURA_CLIENT_SECRET", "client ID"}},
		{"two spellings", "", []string{"AURA_CLIENT_ID=a", "NEO4J_AURA_CLIENT_ID=b", "AURA_CLIENT_SECRET=c"}, nil, []string{"AURA_CLIENT_ID", "NEO4J_AURA_CLIENT_ID", "different values"}},
		{"a misspelt variable", "", []string{"AURA_MCP_READ_NLY=true"}, nil, []string{"AURA_MCP_READ_NLY", "did you mean AURA_MCP_READ_ONLY?"}},
		{"stored credentials to another address", "client_id = \"x\"\nclient_secret = \"y\"\n", []string{"AURA_BASE_URL=https://evil.example"}, nil, []string{"environment AURA_BASE_URL", "another address"}},
		{"by a flag as well", "client_id = \"x\"\nclient_secret = \"y\"\n", nil, map[string]string{"auth_url": "https://evil.example/t"}, []string{"--auth-url", "another address"}},
		{"an address that is none", "", nil, map[string]string{"base_url": "api.neo4j.io"}, []string{"--base-url", "api.neo4j.io"}},
		{"a standing approval without a name", "[[preapproved]]\noperations = [\"pause_instance\"]\nmax_per_day = 1\n", nil, nil, []string{"config.toml:1", "preapproved", "names"}},
		{"a standing approval for everything", "[[preapproved]]\noperations = [\"pause_instance\"]\nnames = [\"*\"]\nmax_per_day = 1\n", nil, nil, []string{"pattern *"}},
		{"a standing approval without a limit", "[[preapproved]]\noperations = [\"pause_instance\"]\nnames = [\"ci-*\"]\n", nil, nil, []string{"max_per_day"}},
		{"a standing approval for what destroys", "[[preapproved]]\noperations = [\"pause_instance\", \"delete_instance\"]\nnames = [\"ci-*\"]\nmax_per_day = 1\n", nil, nil, []string{"preapproved", "delete_instance", "destroys", "asked about each time"}},
		{"a misspelt key of a table", "[[preapproved]]\noperation = [\"pause_instance\"]\n", nil, nil, []string{"preapproved", `"operation"`}},
		{"a bound of the wrong kind", "[health.cpu]\nwarning = \"high\"\n", nil, nil, []string{"config.toml: line 2", "health.cpu.warning"}},
		{"thresholds for no names", "[[health_for]]\n[health_for.signals.cpu]\nwarning = 0.5\n", nil, nil, []string{"config.toml:1", "health_for", "names"}},
		{"half of the metrics credentials", `metrics_client_id = "x"`, nil, nil, []string{"config.toml:1", "client secret"}},
		{"stored metrics credentials to another address", "metrics_client_id = \"x\"\nmetrics_client_secret = \"y\"\n", []string{"AURA_BASE_URL=https://evil.example", "AURA_CLIENT_ID=a", "AURA_CLIENT_SECRET=b"}, nil, []string{"environment AURA_BASE_URL", "another address"}},
		{"an unknown bound", "[health.cpu]\nwarn = 0.5\n", nil, nil, []string{"health", `"cpu.warn"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, sources(tt.file, tt.env, tt.flags), tt.want)
		})
	}
}

// refuses loads settings that are wrong and looks for what the error has to say.
func refuses(t *testing.T, from config.Sources, wants []string) {
	t.Helper()
	_, err := config.Load(from)
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range wants {
		if !strings.Contains(filepath.ToSlash(err.Error()), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
}

func TestWhichLayerWins(t *testing.T) {
	t.Parallel()
	file := "client_id = \"stored\"\nclient_secret = \"s\"\nlog_level = \"error\"\nrequests_per_minute = 25\n"
	c := single(t, sources(file, []string{"AURA_MCP_LOG_LEVEL=warn", "AURA_CLIENT_ID=env", "AURA_CLIENT_SECRET=e", "AURA_MCP_TOOLSETS=instances, keys"}, map[string]string{"log_level": "debug"}))
	if c.Credentials.ID != "env" || c.Credentials.Secret.Reveal() != "e" || c.LogLevel.String() != "DEBUG" || c.RequestsPerMinute != 25 || c.Origins["log_level"] != "--log-level" {
		t.Errorf("%+v", c)
	}
	if diff := cmp.Diff([]string{"instances", "keys"}, c.Toolsets); diff != "" {
		t.Error(diff)
	}
}

func TestStoredPolicyIsOnlyTightened(t *testing.T) {
	t.Parallel()
	file := `read_only = true
protected = ["prod*"]
locked = ["vault"]
toolsets = ["instances", "snapshots"]
max_memory = "16GB"
max_instances = 5
allowed_regions = ["europe-west1"]
safety_snapshots = true
secret_sink = "file"
`
	loose := []string{
		"AURA_MCP_READ_ONLY=false", "AURA_MCP_PROTECTED=ci-*", "AURA_MCP_LOCKED=x", "AURA_MCP_TOOLSETS=all", "AURA_MCP_MAX_MEMORY=512GB",
		"AURA_MCP_MAX_INSTANCES=99", "AURA_MCP_ALLOWED_REGIONS=us-east-1", "AURA_MCP_SAFETY_SNAPSHOTS=false", "AURA_MCP_SECRET_SINK=reveal",
		"AURA_CLIENT_ID=own", "AURA_CLIENT_SECRET=own",
	}
	c := single(t, sources(file, loose, nil))
	if !c.ReadOnly || !c.SafetySnapshots || c.SecretSink != "file" || c.MaxMemory != "16GB" || c.MaxInstances != 5 {
		t.Errorf("loosened: %+v", c)
	}
	for name, lists := range map[string][2][]string{
		"protected": {c.Protected, {"ci-*", "prod*"}}, "locked": {c.Locked, {"x", "vault"}},
		"toolsets": {c.Toolsets, {"instances", "snapshots"}}, "regions": {c.AllowedRegions, {"europe-west1"}},
	} {
		if diff := cmp.Diff(lists[1], lists[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if len(c.Notices) < 4 {
		t.Errorf("the person is not told what has no effect: %v", c.Notices)
	}
	tight := single(t, sources("max_memory = \"64GB\"\n", []string{"AURA_MCP_MAX_MEMORY=8GB", "AURA_MCP_READ_ONLY=true"}, nil))
	if tight.MaxMemory != "8GB" || !tight.ReadOnly {
		t.Errorf("not tightened: %+v", tight)
	}
}

// policySettings has a row for each setting that limits what may happen: as the file has it, as a repository's environment or a
// command line would loosen it, what counts then, and a value that tightens it.
func policySettings() map[string]policySetting {
	text := func(of func(config.Config) string) func(config.Config) any {
		return func(c config.Config) any { return of(c) }
	}
	list := func(of func(config.Config) []string) func(config.Config) any {
		return func(c config.Config) any { return strings.Join(of(c), " ") }
	}
	return map[string]policySetting{
		"read_only": {`true`, []string{"false"}, true, "", nil, func(c config.Config) any { return c.ReadOnly }},
		"toolsets": {`["instances", "snapshots"]`, []string{"all", "default", "instances,snapshots,keys"}, "instances snapshots", "snapshots", "snapshots",
			list(func(c config.Config) []string { return c.Toolsets })},
		"protected": {`["prod*"]`, []string{"ci-*"}, "ci-* prod*", "x", "x prod*", list(func(c config.Config) []string { return c.Protected })},
		"locked":    {`["vault"]`, []string{"ci-*"}, "ci-* vault", "x", "x vault", list(func(c config.Config) []string { return c.Locked })},
		"denied_tools": {`["delete_instance"]`, []string{"list_tenants"}, "list_tenants delete_instance", "pause_instance", "pause_instance delete_instance",
			list(func(c config.Config) []string { return c.DeniedTools })},
		"max_memory":    {`"16GB"`, []string{"512GB", "17GB"}, "16GB", "8GB", "8GB", text(func(c config.Config) string { return c.MaxMemory })},
		"max_instances": {`5`, []string{"6", "10000"}, 5, "3", 3, func(c config.Config) any { return c.MaxInstances }},
		"allowed_regions": {`["europe-west1", "us-east-1"]`, []string{"eu-west-1"}, "europe-west1 us-east-1", "us-east-1", "us-east-1",
			list(func(c config.Config) []string { return c.AllowedRegions })},
		"allowed_types": {`["professional-db", "free-db"]`, []string{"enterprise-db"}, "professional-db free-db", "free-db", "free-db",
			list(func(c config.Config) []string { return c.AllowedTypes })},
		"approval": {`{ default = "auto", destructive = "page" }`, []string{"auto", "destructive=elicitation", "default=auto,destructive=auto"},
			config.Approval{Billable: "auto", Disruptive: "auto", Destructive: "page"}, "terminal",
			config.Approval{Billable: "terminal", Disruptive: "terminal", Destructive: "terminal"}, func(c config.Config) any { return c.Approval }},
		"auth":         {`"oidc"`, []string{"bearer", "none"}, "oidc", "", nil, text(func(c config.Config) string { return c.Serving.Auth })},
		"behind_proxy": {`false`, []string{"true"}, false, "", nil, func(c config.Config) any { return c.Serving.BehindProxy }},
		"allowed_origins": {`["https://a.example", "https://b.example"]`, []string{"https://c.example"}, "https://a.example https://b.example", "https://b.example", "https://b.example",
			list(func(c config.Config) []string { return c.Serving.Origins })},
		"safety_snapshots": {`true`, []string{"false"}, true, "", nil, func(c config.Config) any { return c.SafetySnapshots }},
		"secret_sink":      {`"file"`, []string{"reveal"}, "file", "keyring", "keyring", text(func(c config.Config) string { return c.SecretSink })},
	}
}

type policySetting struct {
	stored  string   // in TOML
	loose   []string // by environment or flag
	counts  any      // whatever of loose is given
	tighter string   // "" where there is nothing tighter
	then    any
	of      func(config.Config) any
}

// noPolicy are the settings that limit nothing: who one is and in which profile, where Aura is, how much is logged.
func noPolicy() []string {
	return []string{"default_profile", "client_id", "client_secret", "metrics_client_id", "metrics_client_secret", "base_url", "auth_url", "requests_per_minute", "log_level",
		"transport", "listen", "public_url", "tls_cert", "tls_key", "metrics_listen", "log_format", "state_key",
		"trust_client_elicitation", // neither environment nor flags can set it at all
	}
}

func TestNeitherEnvironmentNorFlagsLoosenStoredPolicy(t *testing.T) {
	t.Parallel()
	table := policySettings()
	for _, setting := range config.Settings() {
		row, ok := table[setting.Key]
		if !ok {
			if !slices.Contains(noPolicy(), setting.Key) {
				t.Errorf("%s is new: give it a row in policySettings, or name it in noPolicy", setting.Key)
			}
			continue
		}
		t.Run(setting.Key, func(t *testing.T) {
			t.Parallel()
			file := setting.Key + " = " + row.stored + "\n"
			stored := "client_id = \"own\"\nclient_secret = \"own\"\n" + file
			check := func(file, given string, want any) {
				t.Helper()
				layers := map[string]config.Sources{}
				for _, name := range setting.Env {
					layers[name] = sources(file, []string{name + "=" + given}, nil)
					// Credentials of one's own make no difference.
					layers[name+" with credentials"] = sources(file, []string{name + "=" + given, "AURA_CLIENT_ID=e", "AURA_CLIENT_SECRET=e"}, nil)
				}
				if setting.Flag != "" {
					layers["--"+setting.Flag] = sources(file, nil, map[string]string{setting.Key: given})
				}
				for layer, s := range layers {
					c, err := config.Load(s)
					if err != nil {
						t.Fatalf("%s %s: %v", layer, given, err)
					}
					if diff := cmp.Diff(want, row.of(c.All[0])); diff != "" {
						t.Errorf("%s %s over %q: %s", layer, given, file, diff)
					}
				}
			}
			for _, given := range row.loose {
				check(file, given, row.counts)
				check(stored, given, row.counts)
			}
			if row.tighter != "" {
				check(file, row.tighter, row.then)
			}
			c, err := config.Load(sources("", []string{setting.Env[0] + "=" + row.loose[0]}, nil))
			if err != nil || cmp.Equal(row.of(c.All[0]), row.counts) {
				t.Errorf("where nothing is stored %s counts for itself: %v, %v", row.loose[0], row.of(c.All[0]), err)
			}
		})
	}
}

// What is more than one value cannot be given from outside at all.
func TestTablesAreTheFilesAlone(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"PREAPPROVED", "HEALTH", "HEALTH_FOR", "TOKENS", "OIDC", "TRUST_CLIENT_ELICITATION"} {
		if _, err := config.Load(sources("", []string{"AURA_MCP_" + key + "=x"}, nil)); err == nil || !strings.Contains(err.Error(), "there is no such setting") {
			t.Errorf("%s: %v", key, err)
		}
	}
	file := "[[preapproved]]\noperations = [\"pause_instance\"]\nnames = [\"ci-*\"]\nmax_per_day = 1\n"
	c, err := config.Load(sources(file, []string{"AURA_MCP_READ_ONLY=false"}, nil))
	if err != nil || len(c.All[0].Preapproved) != 1 {
		t.Errorf("%+v, %v", c.All, err)
	}
}

// FuzzConfigFile: whatever stands in the file, it is read or refused, and never taken half.
func FuzzConfigFile(f *testing.F) {
	f.Add("read_only = true\nprotected = [\"prod*\"]\n[[preapproved]]\noperations = [\"pause_instance\"]\nnames = [\"a*\"]\nmax_per_day = 1\n[health.cpu]\nwarning = 0.8\n")
	f.Add("[profiles.work]\nread_only = true\n")
	f.Add("read_only = \"yes\"")
	f.Fuzz(func(t *testing.T, file string) {
		p, err := config.Load(sources(file, nil, nil))
		if err != nil || !strings.HasPrefix(file, "read_only = true\n") {
			return
		}
		for _, c := range p.All {
			if !c.ReadOnly {
				t.Errorf("read_only was ignored in %q", file)
			}
		}
	})
}

func TestAPassphraseGoesIntoTheTableOfItsToken(t *testing.T) {
	t.Parallel()
	const table = "[[tokens]]\nname = \"anna\"\nsha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n"
	for name, of := range map[string]struct{ before, after string }{
		"alone":                {table, strings.Replace(table, "]]\n", "]]\npassphrase = \"$new\"\n", 1)},
		"in place of another":  {table + "passphrase = \"$old\"\n", strings.Replace(table, "]]\n", "]]\npassphrase = \"$new\"\n", 1)},
		"without a line's end": {strings.TrimSpace(table), strings.Replace(strings.TrimSpace(table), "]]\n", "]]\npassphrase = \"$new\"\n", 1)},
		"among others": {
			"# a\nread_only = true\n[[tokens]]\nname = \"bob\"\n # b\n" + table + "\n# c\n[health.cpu]\nwarning = 0.7\n",
			"# a\nread_only = true\n[[tokens]]\nname = \"bob\"\n # b\n" + strings.Replace(table, "]]\n", "]]\npassphrase = \"$new\"\n", 1) + "\n# c\n[health.cpu]\nwarning = 0.7\n",
		},
	} {
		got, err := config.WithPassphrase(of.before, "anna", "$new")
		if diff := cmp.Diff(of.after, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	if _, err := config.WithPassphrase("tokens = [{ name = \"anna\" }]\n", "anna", "$new"); !errors.Is(err, config.ErrNoTable) {
		t.Errorf("a token on one line: %v", err)
	}
}

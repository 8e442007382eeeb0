package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aura-mcp/internal/config"
)

func load(t *testing.T, file string, env []string, flags map[string]string) config.Profiles {
	t.Helper()
	p, err := config.Load(sources(file, env, flags))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const twoProfiles = `read_only = false
protected = ["prod*"]
max_memory = "64GB"
toolsets = ["default"]
[[preapproved]]
operations = ["pause_instance"]
names = ["ci-*"]
max_per_day = 3

[health.cpu]
warning = 0.5

[profiles.work]
credentials = { source = "keyring" }
read_only = true
protected = ["shop"]
max_memory = "512GB"
[profiles.work.health.cpu]
critical = 0.9

[profiles.home]
client_id = "id"
client_secret = "hunter2"
toolsets = ["instances", "keys"]
max_memory = "8GB"
[[profiles.home.preapproved]]
operations = ["resume_instance"]
names = ["dev-*"]
max_per_day = 1
`

func TestProfilesStandUnderTheTopOfTheFile(t *testing.T) {
	t.Parallel()
	p := load(t, twoProfiles, nil, nil)
	if diff := cmp.Diff([]string{"work", "home"}, p.Names()); diff != "" || !p.Named || p.Default != "" {
		t.Fatalf("names in the order of the file, none the default: %s %+v", diff, p)
	}
	work, home := p.All[0], p.All[1]
	if !work.ReadOnly || home.ReadOnly {
		t.Error("read_only of one profile is not that of the other")
	}
	if diff := cmp.Diff([][]string{{"shop", "prod*"}, {"prod*"}}, [][]string{work.Protected, home.Protected}); diff != "" {
		t.Error(diff)
	}
	if work.MaxMemory != "64GB" || home.MaxMemory != "8GB" {
		t.Errorf("a profile loosens: %s, %s", work.MaxMemory, home.MaxMemory)
	}
	if diff := cmp.Diff([]string{"instances"}, home.Toolsets); diff != "" {
		t.Error(diff)
	}
	if len(work.Preapproved) != 1 || len(home.Preapproved) != 2 {
		t.Errorf("standing approvals: %v, %v", work.Preapproved, home.Preapproved)
	}
	if b := work.Health["cpu"]; b.Warning == nil || *b.Warning != 0.5 || b.Critical == nil || *b.Critical != 0.9 {
		t.Errorf("thresholds: %+v", b)
	}
	if b := home.Health["cpu"]; b.Critical != nil {
		t.Error("a threshold of one profile has reached the other")
	}
	if work.Credentials.Source != config.Keyring || work.Credentials.Name != "work" || home.Credentials.ID != "id" || home.Credentials.Source != config.Inline {
		t.Errorf("%+v, %+v", work.Credentials, home.Credentials)
	}
	want := []string{
		"config.toml:17 has no effect: ", // max_memory of work
		"config.toml:24 counts only as toolsets = instances: ",
	}
	for _, w := range want {
		if !strings.Contains(filepath.ToSlash(strings.Join(p.Notices, "\n")), w) {
			t.Errorf("no notice %q in %q", w, p.Notices)
		}
	}
}

func TestWhichProfilesCount(t *testing.T) {
	t.Parallel()
	env := []string{"AURA_CLIENT_ID=e", "AURA_CLIENT_SECRET=s"}
	fromEnv := "[profiles.ci]\ncredentials = { source = \"env\" }\nread_only = true\n[profiles.dev]\n"
	tests := []struct {
		name, file string
		env        []string
		flags      map[string]string
		names      string
		byDefault  string
	}{
		{"no file", "", nil, nil, "default", "default"},
		{"a file without profiles", "read_only = true\n", nil, nil, "default", "default"},
		{"one by its usual name", "", nil, map[string]string{"profile": "default"}, "default", "default"},
		{"one with a name", "[profiles.work]\n", nil, nil, "work", "work"},
		{"two", twoProfiles, nil, nil, "work home", ""},
		{"two and a default", "default_profile = \"home\"\n" + twoProfiles, nil, nil, "work home", "home"},
		{"one chosen by a flag", twoProfiles, nil, map[string]string{"profile": "home"}, "home", "home"},
		{"one chosen by the environment", twoProfiles, []string{"AURA_MCP_PROFILE=work"}, nil, "work", "work"},
		{"credentials in the environment bring a profile of their own", twoProfiles, env, nil, "environment", "environment"},
		{"unless one is chosen", twoProfiles, env, map[string]string{"profile": "home"}, "home", "home"},
		{"or awaits them", fromEnv, env, nil, "ci dev", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := load(t, tt.file, tt.env, tt.flags)
			if got := strings.Join(p.Names(), " "); got != tt.names || p.Default != tt.byDefault {
				t.Errorf("%s, default %q", got, p.Default)
			}
		})
	}
	own := load(t, twoProfiles, env, nil)
	if c := own.All[0]; c.ReadOnly || len(c.Protected) != 1 || c.Credentials.ID != "e" || len(c.Preapproved) != 1 {
		t.Errorf("what stands at the top holds for the environment's own profile, and nothing else: %+v", c)
	}
	if len(own.Notices) != 1 || !strings.Contains(own.Notices[0], "not the profiles in") {
		t.Errorf("the person is not told: %q", own.Notices)
	}
	if c := load(t, fromEnv, env, nil).All[0]; !c.ReadOnly || c.Credentials.ID != "e" {
		t.Errorf("a profile that awaits the environment's credentials keeps its policy: %+v", c)
	}
}

func TestWhereCredentialsAre(t *testing.T) {
	t.Parallel()
	dir := "/home/somebody/.config/aura-mcp/"
	tests := []struct {
		name, file string
		env        []string
		source     config.Source
		entry, at  string
		id         string
	}{
		{"nothing said", "", nil, config.Anywhere, "default", dir + "credentials.json", ""},
		{"nothing said of a profile", "[profiles.work]\n", nil, config.Anywhere, "work", dir + "credentials.json", ""},
		{"in the environment", "", []string{"AURA_CLIENT_ID=i", "AURA_CLIENT_SECRET=s"}, config.Environment, "", "", "i"},
		{"in the environment rather than where the file says", "credentials = { source = \"keyring\" }\n", []string{"AURA_CLIENT_ID=i", "AURA_CLIENT_SECRET=s"}, config.Environment, "", "", "i"},
		{"in variables of another name", "credentials = { source = \"env\", prefix = \"WORK_\" }\n", []string{"WORK_AURA_CLIENT_ID=w", "WORK_AURA_CLIENT_SECRET=s"}, config.Environment, "", "", "w"},
		{"awaited in the environment", "[profiles.a]\ncredentials = { source = \"env\" }\n[profiles.b]\n", nil, config.Environment, "", "", ""},
		{"in the keyring under another name", "[profiles.a]\ncredentials = { source = \"keyring\", name = \"shared\" }\n", nil, config.Keyring, "shared", "", ""},
		{"in a file beside the settings", "credentials = { source = \"file\", file = \"keys.json\" }\n", nil, config.File, "default", dir + "keys.json", ""},
		{"in the CLI's file", "credentials = { source = \"aura-cli\" }\n", []string{"HOME=/home/somebody"}, config.AuraCLI, "", "/home/somebody/.config/neo4j/cli/credentials.json", ""},
		{"in the CLI's file under a name", "credentials = { source = \"aura-cli\", name = \"test\" }\n", []string{"XDG_CONFIG_HOME=/conf"}, config.AuraCLI, "test", "/conf/neo4j/cli/credentials.json", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := load(t, tt.file, tt.env, nil).All[0].Credentials
			if c.Source != tt.source || c.Name != tt.entry || filepath.ToSlash(c.File) != tt.at || c.ID != tt.id {
				t.Errorf("%+v", c)
			}
		})
	}
	for system, want := range map[string]string{
		"linux": "/h/.config/neo4j/cli/credentials.json", "darwin": "/h/Library/Preferences/neo4j/cli/credentials.json", "windows": "/l/neo4j/cli/credentials.json",
	} {
		if got := filepath.ToSlash(config.CLIFile(system, []string{"HOME=/h", "LocalAppData=/l"})); got != want {
			t.Errorf("%s: %s", system, got)
		}
		if got := config.CLIFile(system, nil); got != "" {
			t.Errorf("%s without a home: %s", system, got)
		}
	}
}

func TestMistakesInProfilesAreNamed(t *testing.T) {
	t.Parallel()
	evil := []string{"AURA_BASE_URL=https://evil.example"}
	tests := []struct {
		name, file string
		env        []string
		flags      map[string]string
		want       []string
	}{
		{"a misspelt key in a profile", "[profiles.a]\nread_only = true\n\n[profiles.b]\nread_nly = true\n", nil, nil, []string{"config.toml:5", `"read_nly"`, "did you mean read_only?"}},
		{"a wrong type in a profile", "read_only = true\n[profiles.a]\n[profiles.b]\nread_only = \"true\"\n", nil, nil, []string{"config.toml:4: read_only must be true or false"}},
		{"a wrong value in a profile", "[profiles.a]\nmax_memory = \"lots\"\n", nil, nil, []string{"config.toml:2", "max_memory", "64GB"}},
		{"a wrong value in a dotted key", "profiles.a.max_memory = \"lots\"\n", nil, nil, []string{"config.toml:1"}},
		{"profiles in one line", "\nprofiles = { a = { max_memory = \"lots\" } }\n", nil, nil, []string{"config.toml:2"}},
		{"profiles that are no tables", "profiles = 5\n", nil, nil, []string{"config.toml:1: profiles must be tables"}},
		{"a profile that is no table", "profiles.a = 5\n", nil, nil, []string{"config.toml:1", "the profile \"a\" must be a table"}},
		{"thresholds that are no table", "health = 5\n", nil, nil, []string{"config.toml:1: health must be tables"}},
		{"a signal that is no table", "health.cpu = 5\n", nil, nil, []string{"config.toml"}},
		{"standing approvals that are no tables", "preapproved = 5\n", nil, nil, []string{"config.toml"}},
		{"credentials that are no table", "credentials = \"keyring\"\n", nil, nil, []string{"config.toml:1", "credentials = {"}},
		{"profiles that are none", "[profiles]\n", nil, nil, []string{"config.toml:1: profiles is empty"}},
		{"a profile's name that is none", "[profiles.\"my work\"]\n", nil, nil, []string{"config.toml:1", `"my work"`, "letters"}},
		{"our own name", "[profiles.environment]\n", nil, nil, []string{"config.toml:1", "choose another"}},
		{"an unknown profile by flag", twoProfiles, nil, map[string]string{"profile": "workk"}, []string{"--profile", `"workk"`, "did you mean work?"}},
		{"an unknown profile by the environment", twoProfiles, []string{"AURA_MCP_PROFILE=x"}, nil, []string{"environment AURA_MCP_PROFILE", "known: work, home"}},
		{"an unknown profile where there is one", "", nil, map[string]string{"profile": "work"}, []string{"--profile", "only one, default"}},
		{"a default that is none", "\ndefault_profile = \"hom\"\n" + twoProfiles, nil, nil, []string{"config.toml:2", `"hom"`, "did you mean home?"}},
		{"a default without profiles", "default_profile = \"work\"\n", nil, nil, []string{"config.toml:1", "no [profiles]"}},
		{"a default in a profile", "[profiles.a]\ndefault_profile = \"a\"\n", nil, nil, []string{"config.toml:2", "move it to the top"}},
		{"the log level in a profile", "[profiles.a]\nlog_level = \"warn\"\n", nil, nil, []string{"config.toml:2", "move it to the top"}},
		{"credentials above the profiles", "client_id = \"a\"\nclient_secret = \"b\"\n[profiles.a]\n", nil, nil, []string{"config.toml:1", "config.toml:2", "belongs to no profile"}},
		{"a source above the profiles", "credentials = { source = \"keyring\" }\n[profiles.a]\n", nil, nil, []string{"config.toml:1", "belongs to no profile"}},
		{"no source", "credentials = { name = \"x\" }\n", nil, nil, []string{"config.toml:1", "keyring, env, file, aura-cli"}},
		{"an unknown source", "[profiles.a]\ncredentials = { source = \"keychain\" }\n", nil, nil, []string{"config.toml:2", `"keychain"`, "keyring, env, file, aura-cli"}},
		{"a misspelt key of credentials", "credentials = { source = \"file\", pat = \"x\" }\n", nil, nil, []string{"config.toml:1", `"pat"`, "source, name, file, prefix"}},
		{"a source that is no text", "credentials = { source = 5 }\n", nil, nil, []string{"config.toml:1", "table of texts"}},
		{"a home that nobody expands", "credentials = { source = \"file\", file = \"~/x\" }\n", nil, nil, []string{"config.toml:1", "whole path"}},
		{"a file for the keyring", "credentials = { source = \"keyring\", file = \"x\" }\n", nil, nil, []string{"config.toml:1"}},
		{"a prefix for the keyring", "credentials = { source = \"keyring\", prefix = \"x\" }\n", nil, nil, []string{"config.toml:1"}},
		{"a prefix of ours", "credentials = { source = \"env\", prefix = \"AURA_MCP_\" }\n", nil, nil, []string{"config.toml:1", "another prefix"}},
		{"credentials twice", "client_id = \"a\"\nclient_secret = \"b\"\ncredentials = { source = \"keyring\" }\n", nil, nil, []string{"config.toml:1", "config.toml:3", "leave out one"}},
		{"half of those with a prefix", "credentials = { source = \"env\", prefix = \"W_\" }\n", []string{"W_AURA_CLIENT_ID=x"}, nil, []string{"environment W_AURA_CLIENT_ID", "client secret"}},
		{"the keyring's to another address", "[profiles.a]\ncredentials = { source = \"keyring\" }\n", evil, nil, []string{"environment AURA_BASE_URL", "keyring", "another address"}},
		{"the CLI's to another address", "credentials = { source = \"aura-cli\" }\n", evil, nil, []string{"environment AURA_BASE_URL", "another address"}},
		{"one profile's to another address", twoProfiles, evil, nil, []string{"environment AURA_BASE_URL", "config.toml:22", "another address"}},
		{"a threshold of the wrong kind in a profile", "[profiles.a.health.cpu]\nwarning = \"high\"\n", nil, nil, []string{"config.toml", "line 2", "warning"}},
		{"a misspelt threshold in a profile", "[profiles.a.health.cpu]\nwarn = 0.5\n", nil, nil, []string{"config.toml:2", `"cpu.warn"`}},
		{"a standing approval for everything in a profile", "[profiles.a]\n[[profiles.a.preapproved]]\noperations = [\"pause_instance\"]\nnames = [\"*\"]\nmax_per_day = 1\n", nil, nil, []string{"config.toml:2", "pattern *"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, sources(tt.file, tt.env, tt.flags), tt.want)
		})
	}
}

// Where nothing is said, nobody knows yet whether there are stored credentials; if there are, they must not follow an address
// from elsewhere.
func TestCredentialsThatMayBeStoredDoNotFollowAnAddressFromElsewhere(t *testing.T) {
	t.Parallel()
	c := load(t, "", []string{"AURA_BASE_URL=https://evil.example"}, nil).All[0].Credentials
	if c.Redirected == nil || !strings.Contains(c.Redirected.Error(), "environment AURA_BASE_URL") {
		t.Errorf("%v", c.Redirected)
	}
	if c := load(t, "base_url = \"https://other.example\"\n", nil, nil).All[0].Credentials; c.Redirected != nil {
		t.Errorf("the address stands in the person's own file: %v", c.Redirected)
	}
}

func TestASecretThatOthersCanReadIsTold(t *testing.T) {
	t.Parallel()
	s := sources("[profiles.a]\nclient_id = \"i\"\nclient_secret = \"hunter2\"\n", nil, nil)
	s.Exposed = func(string) bool { return true }
	p, err := config.Load(s)
	if err != nil || len(p.Notices) != 1 || !strings.Contains(filepath.ToSlash(p.Notices[0]), "config.toml:3: client_secret stands in a file that others can read: chmod 600 /home") {
		t.Errorf("%q, %v", p.Notices, err)
	}
	s = sources("read_only = true\n", nil, nil)
	s.Exposed = func(string) bool { return true }
	if p, err := config.Load(s); err != nil || len(p.Notices) > 0 {
		t.Errorf("a file without secrets may be read by anybody: %q, %v", p.Notices, err)
	}
}

func TestEffectiveSettingsSayWhereTheyAreFrom(t *testing.T) {
	t.Parallel()
	p := load(t, twoProfiles, []string{"AURA_MCP_PROTECTED=ci-*"}, map[string]string{"log_level": "debug"})
	found := map[string]config.Effective{}
	for _, e := range p.All[1].Effective() {
		e.Origin = filepath.ToSlash(e.Origin)
		found[e.Key] = e
		if strings.Contains(e.Value, "hunter2") {
			t.Errorf("a secret: %+v", e)
		}
	}
	const at = "/home/somebody/.config/aura-mcp/config.toml:"
	for _, want := range []config.Effective{
		{Key: "protected", Value: "ci-*, prod*", Origin: "environment AURA_MCP_PROTECTED, " + at + "2"},
		{Key: "max_memory", Value: "8GB", Origin: at + "25"},
		{Key: "log_level", Value: "debug", Origin: "--log-level"},
		{Key: "secret_sink", Value: "file", Origin: "default"},
	} {
		if diff := cmp.Diff(want, found[want.Key]); diff != "" {
			t.Error(diff)
		}
	}
}

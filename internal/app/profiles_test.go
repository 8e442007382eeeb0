package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/zalando/go-keyring"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// home is a person's machine with two accounts, each with a simulated Aura of its own that listens on a socket.
type home struct {
	process    Process
	work, play *aurasim.Server
	log        *syncBuffer
}

// ring is a keyring in memory.
type ring map[string]string

func (r ring) Get(_, user string) (string, error) {
	if e, ok := r[user]; ok {
		return e, nil
	}
	return "", keyring.ErrNotFound
}

func (r ring) Set(_, user, entry string) error { r[user] = entry; return nil }

// newHome writes a config file in which WORK and PLAY stand for the addresses of the two simulators.
func newHome(t *testing.T, settings string) *home {
	t.Helper()
	h := &home{log: &syncBuffer{}}
	address := func(tenant, id string) (*aurasim.Server, string) {
		sim, err := aurasim.New(aurasim.Options{Speed: 1000, NoScheduledSnapshots: true, State: aurasim.State{
			Tenants:   []aurasim.TenantState{{ID: productionID, Name: tenant}},
			Instances: []aurasim.InstanceState{{ID: id, Name: "shop", TenantID: productionID, Type: "professional-db", Memory: "8GB", Status: "running"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		l, err := sim.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return sim, l.URL()
	}
	var work, play string
	h.work, work = address("Acme", "aaaaaaa1")
	h.play, play = address("Hobby", "bbbbbbb1")
	dir := t.TempDir()
	config := filepath.Join(dir, "config", "aura-mcp")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	settings = strings.NewReplacer("WORK", work, "PLAY", play).Replace(settings)
	if err := os.WriteFile(filepath.Join(config, "config.toml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := json.Marshal(map[string]string{"client_id": aurasim.DemoClientID, "client_secret": aurasim.DemoClientSecret})
	if err != nil {
		t.Fatal(err)
	}
	h.process = Process{
		ConfigDir: filepath.Join(dir, "config"), StateDir: filepath.Join(dir, "state"), Stderr: h.log, Stdout: io.Discard,
		Keyring:  ring{"work": string(key), "play": string(key)},
		Terminal: func() (io.ReadWriteCloser, error) { return nil, os.ErrNotExist },
	}
	return h
}

const twoAccounts = `
[profiles.work]
credentials = { source = "keyring" }
base_url = "WORK"
denied_tools = ["delete_instance"]

[profiles.play]
credentials = { source = "keyring" }
base_url = "PLAY"
`

// start serves the settings to a client with a person who answers.
func (h *home) start(t *testing.T, answer person, flags map[string]string) (*setup, *session) {
	t.Helper()
	s, err := h.process.setup(fleetFlags{set: flags, defaults: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := newSession(t.Context(), s.server, answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return s, c
}

func called[Out any](t *testing.T, c *session, tool string, arguments map[string]any) Out {
	t.Helper()
	var out Out
	answer, err := c.call(t.Context(), tool, arguments, nil)
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestACallGoesToTheProfileItNames(t *testing.T) {
	t.Parallel()
	h := newHome(t, twoAccounts)
	var question string
	asked := person(func(_ context.Context, q string) (*mcp.ElicitationResult, error) {
		question = q
		return answered(mcp.ElicitationResponseActionAccept, "yes"), nil
	})
	s, c := h.start(t, asked, nil)
	list := called[tools.InstanceList](t, c, "list_instances", map[string]any{"profile": "play"})
	if len(list.Instances) != 1 || list.Instances[0].ID != "bbbbbbb1" {
		t.Errorf("%+v", list)
	}
	paused := called[struct {
		Profile string
		State   op.State
	}](t, c, "pause_instance", map[string]any{"instance": "shop", "profile": "work"})
	if paused.Profile != "work" || paused.State != op.Accepted {
		t.Errorf("the result does not say whose it is: %+v", paused)
	}
	if !strings.Contains(question, "\nprofile: work\n") {
		t.Errorf("the question does not say whose it is:\n%s", question)
	}
	if one, _ := h.play.Instance("bbbbbbb1"); one.Status != "running" {
		t.Error("the other account's database was touched")
	}
	entries, _, err := s.journal.Read(time.Now().Add(-time.Hour))
	if err != nil || len(entries) != 1 || entries[0].Profile != "work" || entries[0].Standing != audit.Standing(op.Accepted) {
		t.Errorf("the audit: %+v, %v", entries, err)
	}
	// What one did is not told to the other.
	if did := called[tools.OperationList](t, c, "list_operations", map[string]any{"profile": "play"}); did.Total != 0 {
		t.Errorf("%+v", did)
	}
	if did := called[tools.OperationList](t, c, "list_operations", map[string]any{"profile": "work"}); did.Total != 1 {
		t.Errorf("%+v", did)
	}
}

func TestACallWithoutAProfileIsToldWhichThereAre(t *testing.T) {
	t.Parallel()
	h := newHome(t, twoAccounts)
	_, c := h.start(t, types("yes"), nil)
	for name, tt := range map[string]struct {
		arguments map[string]any
		want      []string
	}{
		"none":       {nil, []string{"Argument `profile` is missing", "default_profile", `work (tenants "Acme")`, `play (tenants "Hobby")`}},
		"null":       {map[string]any{"profile": nil}, []string{"Argument `profile` is missing"}},
		"misspelt":   {map[string]any{"profile": "workk"}, []string{`There is no profile "workk"`, "work, play", "If work was meant"}},
		"no text":    {map[string]any{"profile": 5}, []string{"`profile` must be one of work, play"}},
		"its name":   {map[string]any{"profil": "work", "profile": "work"}, []string{`Unknown argument "profil"`, "did you mean `profile`"}},
		"other case": {map[string]any{"profile": "WORK"}, []string{"If work was meant"}},
	} {
		_, err := c.call(t.Context(), "list_instances", tt.arguments, nil)
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: it does not say %q: %v", name, want, err)
			}
		}
	}
	if _, err := c.call(t.Context(), "pause_instance", map[string]any{"instance": "shop"}, nil); err == nil || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Errorf("%v", err)
	}
}

func TestTheDefaultProfileServesWhatNamesNone(t *testing.T) {
	t.Parallel()
	h := newHome(t, "default_profile = \"play\"\n"+twoAccounts)
	_, c := h.start(t, types("yes"), nil)
	if list := called[tools.InstanceList](t, c, "list_instances", nil); list.Instances[0].ID != "bbbbbbb1" {
		t.Errorf("%+v", list)
	}
	paused := called[struct{ Profile string }](t, c, "pause_instance", map[string]any{"instance": "shop"})
	if paused.Profile != "play" {
		t.Errorf("%+v", paused)
	}
}

func TestEachProfileHasItsOwnPolicy(t *testing.T) {
	t.Parallel()
	h := newHome(t, twoAccounts)
	_, c := h.start(t, types("shop"), nil)
	if _, err := c.call(t.Context(), "delete_instance", map[string]any{"instance": "shop", "profile": "work"}, nil); err == nil || !strings.Contains(err.Error(), "denied_tools") {
		t.Errorf("%v", err)
	}
	called[any](t, c, "delete_instance", map[string]any{"instance": "shop", "profile": "play"})
}

// The command that a person is given for their terminal goes to the account that the call was about.
func TestTheCommandForATerminalNamesTheProfile(t *testing.T) {
	t.Parallel()
	h := newHome(t, "approval = \"elicitation\"\ndefault_profile = \"work\"\n"+twoAccounts)
	s, err := h.process.setup(fleetFlags{defaults: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	mute, err := newSession(t.Context(), s.server, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.close()
	if _, err := mute.call(t.Context(), "pause_instance", map[string]any{"instance": "shop", "profile": "play"}, nil); err == nil || !strings.Contains(err.Error(), "`aura-mcp call pause_instance --profile play instance=bbbbbbb1`") {
		t.Errorf("%v", err)
	}
}

// A client sees the argument only where there is something to choose.
func TestTheArgumentIsThereOnlyWhereThereAreSeveral(t *testing.T) {
	t.Parallel()
	h := newHome(t, twoAccounts)
	s, c := h.start(t, types("yes"), nil)
	both, err := c.tool(t.Context(), "list_instances")
	if err != nil {
		t.Fatal(err)
	}
	property, _ := both["profile"].(map[string]any)
	if fmt.Sprint(property["enum"]) != "[work play]" {
		t.Errorf("%v", both["profile"])
	}
	if text := s.accounts.instructions(); !strings.Contains(text, "work, play") {
		t.Errorf("the instructions: %q", text)
	}
	chosen, one := h.start(t, types("yes"), map[string]string{"profile": "work"})
	alone, err := one.tool(t.Context(), "list_instances")
	if err != nil || alone["profile"] != nil || chosen.accounts.instructions() != "" {
		t.Errorf("%v, %v", alone["profile"], err)
	}
	if _, err := one.call(t.Context(), "list_instances", map[string]any{"profile": "play"}, nil); err == nil {
		t.Error("a profile that was not chosen could be reached")
	}
	// The only one has a name all the same, for the audit and the person.
	called[any](t, one, "pause_instance", map[string]any{"instance": "shop"})
	entries, _, err := chosen.journal.Read(time.Now().Add(-time.Hour))
	if err != nil || len(entries) != 1 || entries[0].Profile != "work" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// A keyring may ask the person to unlock it, so nobody looks into it before a call needs it.
func TestTheKeyringIsReadAtTheFirstCall(t *testing.T) {
	t.Parallel()
	h := newHome(t, twoAccounts)
	read := 0
	h.process.Keyring = ringFunc(func(user string) (string, error) {
		read++
		return "", fmt.Errorf("the collection is locked")
	})
	_, c := h.start(t, types("yes"), nil)
	if read != 0 {
		t.Errorf("read %d times at the start", read)
	}
	_, err := c.call(t.Context(), "list_instances", map[string]any{"profile": "work"}, nil)
	for _, want := range []string{"keyring cannot be read", "the collection is locked", "config.toml:3", "unlock it"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
}

type ringFunc func(user string) (string, error)

func (f ringFunc) Get(_, user string) (string, error) { return f(user) }
func (f ringFunc) Set(_, _, _ string) error           { return errors.ErrUnsupported }

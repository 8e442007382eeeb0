package app

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aura-mcp/internal/audit"
)

// examined runs the doctor and returns what it found, by check and profile.
func (h *home) examined(t *testing.T, want int, args ...string) map[string]finding {
	t.Helper()
	var out bytes.Buffer
	p := h.process
	p.Stdout, p.Args = &out, append([]string{"doctor", "--json"}, args...)
	if code := Run(t.Context(), p); code != want {
		t.Errorf("exit code %d, want %d\n%s\n%s", code, want, &out, h.log)
	}
	var told struct {
		Status condition `json:"status"`
		Checks []finding `json:"checks"`
	}
	if err := json.Unmarshal(out.Bytes(), &told); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	found := map[string]finding{}
	for _, f := range told.Checks {
		found[f.Check+" "+f.Profile] = f
		if f.Status == problem && f.Next == "" {
			t.Errorf("it does not say what to do: %+v", f)
		}
		if strings.Contains(f.Message+f.Next, "the person") {
			t.Errorf("it speaks of the person as of somebody else: %+v", f)
		}
	}
	return found
}

func TestTheDoctorLooksAtEveryProfile(t *testing.T) {
	t.Parallel()
	h := newHome(t, twoAccounts)
	found := h.examined(t, ExitOK)
	for _, check := range []string{"credentials work", "credentials play", "network work", "clock work", "access work", "access play", "passwords ", "audit "} {
		if found[check].Status != fine {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
	if f := found["access play"]; !strings.Contains(f.Message, `"Hobby"`) {
		t.Errorf("%+v", f)
	}
	if f := found["metrics work"]; f.Status != note {
		t.Errorf("no database has metrics here: %+v", f)
	}
	entries, _, err := audit.Open(h.process.state("audit")).Read(time.Now().Add(-time.Hour))
	if err != nil || len(entries) != 0 {
		t.Errorf("looking left something in the audit: %v, %v", entries, err)
	}
}

func TestTheDoctorNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHome(t, twoAccounts)
	h.process.Keyring = ring{"work": `{"client_id":"nobody","client_secret":"hunter2"}`}
	found := h.examined(t, ExitFailure)
	if f := found["access work"]; f.Status != problem || !strings.Contains(f.Message, "refused the client ID and secret") || !strings.Contains(f.Next, "Check both") {
		t.Errorf("%+v", f)
	}
	if f := found["credentials play"]; f.Status != problem || !strings.Contains(f.Message, `no entry "play" of aura-mcp`) || !strings.Contains(f.Message, "config.toml:8") {
		t.Errorf("%+v", f)
	}
	if _, tried := found["access play"]; tried {
		t.Error("without a key there is nothing to try")
	}
	// Places that cannot be written.
	h.process.StateDir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(h.process.StateDir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found = h.examined(t, ExitFailure)
	for _, check := range []string{"passwords ", "audit "} {
		if found[check].Status != problem {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
}

func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]string{
		0: "agree", 40 * time.Second: "agree", -40 * time.Second: "agree",
		10 * time.Minute: "10m0s ahead of", -2 * time.Hour: "2h0m0s behind",
	} {
		f := clock("", ahead)
		if !strings.Contains(f.Message, want) || (f.Status == fine) != (want == "agree") {
			t.Errorf("%s: %+v", ahead, f)
		}
	}
}

package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"aura-mcp/internal/aurasim"
)

// The tests run the program as a process of its own, which this binary turns into.
const asProgram = "BACKUP_EXAMPLE"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const source = "2ab6f730" // catalogue-search of the demo fleet

// aura is a simulator with the demo fleet, so fast that no step of the drill takes more than a few seconds.
func aura(t *testing.T) (*aurasim.Server, string) {
	t.Helper()
	sim, err := aurasim.New(aurasim.Options{State: aurasim.DemoState(time.Now()), Speed: 300, NoScheduledSnapshots: true})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := sim.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim, listener.URL()
}

// backup runs the program in a folder of its own.
func backup(t *testing.T, url string, args ...string) (stdout, stderr, folder string, code int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &out, &errs
	cmd.Env = append(os.Environ(), asProgram+"=1", "AURA_CLIENT_ID="+aurasim.DemoClientID, "AURA_CLIENT_SECRET="+aurasim.DemoClientSecret,
		"AURA_BASE_URL="+url, "AURA_AUTH_URL="+url+"/oauth/token")
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.Dir, cmd.ProcessState.ExitCode()
}

// changes are the requests that were to alter something.
func changes(sim *aurasim.Server) []string {
	var lines []string
	for _, r := range sim.Requests() {
		if r.Method != http.MethodGet && r.Path != "/oauth/token" {
			lines = append(lines, r.Method+" "+r.Path)
		}
	}
	return lines
}

func TestDrillClonesSnapshotsAndRestores(t *testing.T) {
	t.Parallel()
	sim, url := aura(t)
	original, _ := sim.Instance(source)
	stdout, stderr, folder, code := backup(t, url, source)
	if code != 0 {
		t.Fatalf("ended with %d: %s", code, stderr)
	}

	all := sim.Instances()
	clone := all[len(all)-1]
	if clone.Name != "backup-drill" || clone.Status != "running" || clone.GraphNodes != original.GraphNodes || clone.Type != original.Type {
		t.Errorf("the clone is %+v", clone)
	}
	if now, _ := sim.Instance(source); now != original {
		t.Errorf("the original became %+v", now)
	}
	snapshots := sim.Snapshots(clone.ID)
	if len(snapshots) != 1 || snapshots[0].Status != "Completed" {
		t.Fatalf("the snapshots are %+v", snapshots)
	}
	wantChanges := []string{
		"POST /v1/instances", "POST /v1/instances/" + clone.ID + "/snapshots",
		"POST /v1/instances/" + clone.ID + "/snapshots/" + snapshots[0].ID + "/restore",
	}
	if got := changes(sim); !slices.Equal(got, wantChanges) {
		t.Errorf("it sent %q, want %q", got, wantChanges)
	}
	for _, said := range []string{
		"there is " + source + " catalogue-search\n", "cloning into " + clone.ID + " with the password [redacted]", "taking snapshot " + snapshots[0].ID + "\n",
		"restoring it, now restoring\n", "the clone is running and costs money until you delete it\n",
	} {
		if !strings.Contains(stdout, said) {
			t.Errorf("it did not say %q but\n%s", said, stdout)
		}
	}
	wantPasswordOnlyInFile(t, folder, stdout+stderr)
}

func wantPasswordOnlyInFile(t *testing.T, folder, said string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("it left %q, %v", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the password is %v", info.Mode())
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`^NEO4J_URI=neo4j\+s://\S+\nNEO4J_USERNAME=neo4j\nNEO4J_PASSWORD=(\S+)\n$`).FindSubmatch(text)
	if match == nil {
		t.Fatal("the file has no password")
	}
	if strings.Contains(said, string(match[1])) {
		t.Error("it printed the password")
	}
}

func TestWithoutAnInstanceItOnlyLists(t *testing.T) {
	t.Parallel()
	sim, url := aura(t)
	stdout, stderr, _, code := backup(t, url)
	if code != 0 || strings.Count(stdout, "there is ") != len(sim.Instances()) || !strings.Contains(stdout, "name one of them") {
		t.Errorf("ended with %d: %s%s", code, stdout, stderr)
	}
	if got := changes(sim); len(got) != 0 {
		t.Errorf("it sent %q", got)
	}
}

func TestItFailsWithTheReason(t *testing.T) {
	t.Parallel()
	t.Run("of an instance that is not there", func(t *testing.T) {
		t.Parallel()
		sim, url := aura(t)
		_, stderr, _, code := backup(t, url, "00000000")
		if code != 1 || !strings.HasPrefix(stderr, "backup: GET /v1/instances/00000000: 404 db-not-found") || len(changes(sim)) != 0 {
			t.Errorf("ended with %d: %s", code, stderr)
		}
	})
	t.Run("of a lost answer, after which the clone may exist", func(t *testing.T) {
		t.Parallel()
		sim, url := aura(t)
		sim.Fail(aurasim.Fault{Kind: aurasim.CutAfter, Method: http.MethodPost, Path: "/v1/instances"})
		_, stderr, _, code := backup(t, url, source)
		if code != 1 || !strings.HasPrefix(stderr, "nobody knows whether this was done") {
			t.Errorf("ended with %d: %s", code, stderr)
		}
		if got := changes(sim); len(got) != 1 {
			t.Errorf("it sent %q", got)
		}
	})
}

func TestExampleStaysSmall(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n >= 60 {
		t.Errorf("main.go has %d lines, and is to show that fewer than 60 do", n)
	}
	if ours := regexp.MustCompile(`"aura-mcp/[^"]*"`).FindAllString(string(text), -1); !slices.Equal(ours, []string{`"aura-mcp/auraclient"`}) {
		t.Errorf("main.go imports %q: it is to show what auraclient can do alone", ours)
	}
}

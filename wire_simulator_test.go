package main

import (
	"strings"
	"testing"

	"aura-mcp/tools"
)

func TestOneProcessSimulatesAuraAndAnotherWorksOnIt(t *testing.T) {
	t.Parallel()
	sim := simulate(t, "--speed", "1000")
	env := environment(t, sim.env...)

	fleet := decode[tools.InstanceList](t, []byte(succeeds(t, env, "call", "list_instances")))
	if fleet.Total != 10 || fleet.Counts.Status["running"] != 8 || fleet.Counts.Status["paused"] != 1 {
		t.Errorf("got %+v, want the ten databases of the demo", fleet)
	}

	before := snapshots(t, env, "catalogue-search")
	made := decode[tools.SnapshotCreated](t, []byte(succeeds(t, env, "call", "create_snapshot", "instance=catalogue-search", "wait_seconds=50")))
	if made.State != "done" || made.Status != "Completed" {
		t.Errorf("got %+v, want a snapshot that is done", made)
	}
	after := snapshots(t, env, "catalogue-search")
	if len(before) != 0 || len(after) != 1 || after[0].SnapshotID != made.SnapshotID {
		t.Errorf("snapshots taken by hand: %+v before, %+v after; want just %s", before, after, made.SnapshotID)
	}
}

func TestWrongSecretIsExplained(t *testing.T) {
	t.Parallel()
	sim := simulate(t)
	const wrong = "not-the-secret"
	code, stdout, stderr := runs(t, environment(t, append(sim.env, "AURA_CLIENT_SECRET="+wrong)...), "call", "list_instances")
	if code != 1 || stdout != "" {
		t.Errorf("exit code %d and %q on standard output, want 1 and nothing", code, stdout)
	}
	for _, want := range []string{"Aura refused the client ID and secret", "What to do: Check both"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("standard error is %q, want %q in it", stderr, want)
		}
	}
	if strings.Contains(stderr, wrong) {
		t.Errorf("standard error shows the secret: %q", stderr)
	}
}

func TestAuraThatIsNotThereIsExplained(t *testing.T) {
	t.Parallel()
	env := environment(t, "AURA_BASE_URL=http://127.0.0.1:1", "AURA_CLIENT_ID=id", "AURA_CLIENT_SECRET=secret")
	code, stdout, stderr := runs(t, env, "call", "create_snapshot", "instance=orders")
	if code != 1 || stdout != "" || !strings.Contains(stderr, "Aura could not be reached") {
		t.Errorf("exit code %d, %q on standard output, %q on standard error; want 1, nothing, and the reason", code, stdout, stderr)
	}
}

// snapshots are those of the last days that somebody took, beside Aura's own.
func snapshots(t *testing.T, env []string, instance string) []tools.SnapshotRow {
	t.Helper()
	var taken []tools.SnapshotRow
	for _, s := range decode[tools.SnapshotList](t, []byte(succeeds(t, env, "call", "list_snapshots", "instance="+instance))).Snapshots {
		if s.Profile == "AdHoc" {
			taken = append(taken, s)
		}
	}
	return taken
}

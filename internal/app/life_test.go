package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/internal/vault"
	"aura-mcp/tools"
)

// create is a create_instance that the test fleet allows.
func create(name string, more ...any) map[string]any {
	arguments := map[string]any{"name": name, "tenant": "Development", "type": "business-critical", "cloud_provider": "gcp", "region": "europe-west1", "memory": "4GB"}
	for n := 0; n < len(more); n += 2 {
		arguments[more[n].(string)] = more[n+1]
	}
	return arguments
}

func (r *rig) named(name string) aurasim.InstanceState {
	r.t.Helper()
	all := r.sim.Instances()
	n := slices.IndexFunc(all, func(i aurasim.InstanceState) bool { return i.Name == name })
	if n < 0 {
		r.t.Fatalf("Aura has no instance called %q", name)
	}
	return all[n]
}

func TestTheWholeLifeOfADatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		yes := r.connect(modern, types("yes"))
		name := r.connect(modern, types("life"))
		settle := func(what, id, want string) {
			t.Helper()
			after(15 * time.Minute)
			if got := r.status(id); got != want {
				t.Fatalf("after %s Aura says %s, want %s", what, got, want)
			}
		}

		created := must[tools.InstanceCreated](r, yes, "create_instance", create("life", "wait_seconds", 50))
		if created.State != op.Accepted || created.Password != "" || created.PasswordAt == "" || r.status(created.InstanceID) != "creating" {
			t.Fatalf("%+v", created)
		}
		id := created.InstanceID
		after(5 * time.Minute)
		if waited := must[tools.Waited](r, yes, "wait_for_instance", map[string]any{"instance": "life"}); !waited.Reached {
			t.Fatalf("%+v", waited)
		}
		snapshot := must[tools.SnapshotCreated](r, yes, "create_snapshot", map[string]any{"instance": "life"})
		after(2 * time.Minute)
		if got := must[tools.SnapshotDetails](r, yes, "get_snapshot", map[string]any{"instance": "life", "snapshot_id": snapshot.SnapshotID, "wait_seconds": 50}); got.Status != "Completed" {
			t.Fatalf("%+v", got)
		}
		clone := must[tools.InstanceCreated](r, yes, "create_instance", map[string]any{"name": "life-clone", "tenant": "Development", "source_instance": "life", "source_snapshot_id": snapshot.SnapshotID})
		settle("cloning", clone.InstanceID, "running")
		if got := r.named("life-clone"); got.Memory != "4GB" || got.Type != "business-critical" {
			t.Errorf("the clone is %+v", got)
		}

		if out := must[tools.InstanceChange](r, yes, "update_instance", map[string]any{"instance": "life", "memory": "8GB"}); out.State != op.Accepted {
			t.Errorf("%+v", out)
		}
		settle("resizing", id, "running")
		if got := r.named("life").Memory; got != "8GB" {
			t.Errorf("memory is %s", got)
		}
		must[tools.InstanceChange](r, name, "overwrite_instance", map[string]any{"instance": "life", "source_instance": "life-clone"})
		settle("overwriting", id, "running")
		must[tools.InstanceChange](r, name, "restore_snapshot", map[string]any{"instance": "life", "snapshot_id": snapshot.SnapshotID})
		settle("restoring", id, "running")
		must[tools.InstanceChange](r, yes, "pause_instance", map[string]any{"instance": "life"})
		settle("pausing", id, "paused")
		must[tools.InstanceChange](r, yes, "resume_instance", map[string]any{"instance": "life"})
		settle("resuming", id, "running")
		must[tools.InstanceChange](r, name, "delete_instance", map[string]any{"instance": "life"})
		if waited := must[tools.Waited](r, yes, "wait_for_instance", map[string]any{"instance": "life", "status": "deleted", "wait_seconds": 50}); waited.Reached {
			t.Errorf("a delete takes two minutes: %+v", waited)
		}
		settle("deleting", id, "gone")
		r.refuses(yes, "get_instance", map[string]any{"instance": "life"}, `no instance "life"`, `"life-clone"`)

		at, instance := "/instances/"+id, "/instances"
		want := []string{
			"POST " + instance, "POST " + at + "/snapshots", "POST " + instance, "PATCH " + at, "POST " + at + "/overwrite",
			"POST " + at + "/snapshots/" + snapshot.SnapshotID + "/restore", "POST " + at + "/pause", "POST " + at + "/resume", "DELETE " + at,
		}
		if diff := cmp.Diff(want, r.changes()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestACreateIsNeverSentTwice cuts the connection at random points of a create: whatever happens, there is at most one new
// database, and what is told about it and its password is true.
func TestACreateIsNeverSentTwice(t *testing.T) {
	t.Parallel()
	kinds := []aurasim.Fault{
		{Kind: aurasim.CutBefore}, {Kind: aurasim.CutAfter}, {Kind: aurasim.CutInBody}, {Kind: aurasim.Answer, Status: 502, After: true},
		{Kind: aurasim.Answer, Status: 500}, {Kind: aurasim.HugeBody}, {Kind: aurasim.Delay, Delay: time.Hour, After: true}, {},
	}
	for run := range 200 {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(run), 1))
				r := newRig(t)
				fault := kinds[random.IntN(len(kinds))]
				if fault.Kind != aurasim.Answer || fault.Status != 0 {
					fault.Method, fault.Path = http.MethodPost, "/v1/instances"
					r.sim.Fail(fault)
				}
				c := r.connect(modern, types("yes"))
				text, failed := r.call(c, "create_instance", create("once"))
				again, _ := r.call(c, "create_instance", create("once")) // a model that tries again at once

				var made []aurasim.InstanceState
				for _, i := range r.sim.Instances() {
					if i.Name == "once" {
						made = append(made, i)
					}
				}
				creates := slices.DeleteFunc(r.changes(), func(s string) bool { return s != "POST /instances" })
				if failed && len(creates) != 1 {
					t.Errorf("after %q it was sent %d times", text, len(creates))
				}
				password := strings.Contains(text, `"password_at"`)
				switch {
				case len(made) == 0 && (!failed || !strings.Contains(text, "not known")):
					t.Errorf("nothing was created, and it says %q", text)
				case len(made) == 0 && !strings.Contains(again, "its outcome is not known"):
					t.Errorf("the second try was not stopped: %q", again)
				case len(made) > 0 && failed:
					t.Errorf("%s was created, and it says %q", made[0].ID, text)
				case len(made) > 0 && !strings.Contains(text, made[0].ID):
					t.Errorf("%s was created, and it says %q", made[0].ID, text)
				case len(made) > 0 && !password && !strings.Contains(text, "password was lost"):
					t.Errorf("no word about the password: %q", text)
				}
				left, err := filepath.Glob(filepath.Join(r.secrets, "pending-*"))
				if err != nil || len(left) > 0 {
					t.Errorf("left behind: %v %v", left, err)
				}
			})
		})
	}
}

func TestPasswordsArriveWhereTheyAreSafe(t *testing.T) {
	t.Parallel()
	names := []string{"plain", strings.Repeat("🛒", 30), `it's "quoted"`, "two\nlines", "a\u202eb", "$(touch pwned)", "`id`", "../../etc", `\'; exit 1 #`}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				created := must[tools.InstanceCreated](r, r.connect(modern, types("yes")), "create_instance", create(name))
				if got := r.named(name); got.ID != created.InstanceID {
					t.Errorf("created %+v, Aura has %+v", created, got)
				}
				info, err := os.Stat(created.PasswordAt)
				if err != nil {
					t.Fatal(err)
				}
				if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
					t.Errorf("the file has mode %v", info.Mode())
				}
				if filepath.Dir(created.PasswordAt) != r.secrets || !strings.HasPrefix(filepath.Base(created.PasswordAt), "Neo4j-"+created.InstanceID+"-Created-") {
					t.Errorf("the file is %s", created.PasswordAt)
				}
				content, err := os.ReadFile(created.PasswordAt)
				if err != nil {
					t.Fatal(err)
				}
				password := passwordSent(t, r)
				if !strings.Contains(string(content), "NEO4J_PASSWORD='"+password+"'\n") {
					t.Errorf("the file has no password %q:\n%s", password, content)
				}
				for where, text := range map[string]string{"the log": r.log.String(), "the result": created.Message} {
					if strings.Contains(text, password) {
						t.Errorf("%s has the password", where)
					}
				}
				sourced(t, created.PasswordAt, name)
			})
		})
	}
}

// passwordSent finds the one password that the simulator gave out: it is nowhere else to be had.
func passwordSent(t *testing.T, r *rig) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.secrets, "Neo4j-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "NEO4J_PASSWORD='")
	password, _, found := strings.Cut(rest, "'")
	if !found || len(password) < 8 {
		t.Fatalf("no password in\n%s", content)
	}
	return password
}

// sourced reads the file with a shell, as a person would, and sees that the name is a name and nothing ran.
func sourced(t *testing.T, file, name string) {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Log("no sh here: the file was not sourced")
		return
	}
	dir := t.TempDir()
	command := exec.CommandContext(t.Context(), shell, "-c", `. "$1"; printf %s "$AURA_INSTANCENAME"`, "sh", file)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil || string(out) != name {
		t.Errorf("a shell reads %q (%v), want %q", out, err, name)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("sourcing it made %v", left)
	}
}

func TestAPasswordThatCannotBeKeptStopsTheCreate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if err := os.WriteFile(r.secrets, []byte("a file where the directory should be"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.refuses(r.connect(modern, types("yes")), "create_instance", create("x"), "could not be kept safe", "secret_sink", "Nothing was changed.")
		if got := r.changes(); len(got) != 0 {
			t.Errorf("sent %v", got)
		}
		revealing := newRig(t, func(o *rigOptions) { o.sink = vault.Reveal })
		created := must[tools.InstanceCreated](revealing, revealing.connect(modern, types("yes")), "create_instance", create("x"))
		if created.Password == "" || created.PasswordAt != "" {
			t.Errorf("%+v", created)
		}
	})
}

func TestPausingManyAtOnce(t *testing.T) {
	t.Parallel()
	for era, version := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *rigOptions) {
					for n := range 14 {
						i := aurasim.InstanceState{ID: fmt.Sprintf("dddddd%02d", n), Name: fmt.Sprintf("dev-%02d", n), TenantID: developmentID, Type: "professional-db", Memory: "2GB"}
						if n == 3 {
							i.Status = "resuming"
						}
						o.sim.State.Instances = append(o.sim.State.Instances, i)
					}
					o.policy = guard.Policy{Protected: []string{"dev-05"}}
				})
				var asked int
				c := r.connect(version, person(func(_ context.Context, question string) (*mcp.ElicitationResult, error) {
					asked++
					for _, want := range []string{"how many: 12 (12 in \"Development\")\n", `left alone: "dev-03" in`, `left alone: "dev-05" in`, "protected"} {
						if !strings.Contains(question, want) {
							t.Errorf("the question does not say %q:\n%s", want, question)
						}
					}
					if err := r.sim.Console().Delete("dddddd07"); err != nil { // a colleague, meanwhile
						t.Error(err)
					}
					after(40 * time.Second)
					return answered(mcp.ElicitationResponseActionAccept, "yes"), nil
				}))
				out := must[tools.InstanceChange](r, c, "pause_instance", map[string]any{"instances": []any{"dev-*"}})
				outcomes := map[string][]string{}
				for _, row := range out.Results {
					outcomes[row.Outcome] = append(outcomes[row.Outcome], row.Name)
					if row.Outcome == "left_alone" && row.Reason == "" {
						t.Errorf("%s was left alone without a reason", row.Name)
					}
				}
				if asked != 1 || len(outcomes["accepted"]) != 11 {
					t.Errorf("asked %d times, outcomes %v", asked, outcomes)
				}
				slices.Sort(outcomes["left_alone"])
				if diff := cmp.Diff([]string{"dev-03", "dev-05", "dev-07"}, outcomes["left_alone"]); diff != "" {
					t.Error(diff)
				}
				if len(r.changes()) != 11 {
					t.Errorf("sent %v", r.changes())
				}
			})
		})
	}
}

// A name is no property of a tenant: whoever says it means one database, wherever that is.
func TestANameThatAnotherTenantHasIsSaid(t *testing.T) {
	t.Parallel()
	for name, era := range map[string]string{"2025-06-18": legacy, "2026-07-28": modern} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				var asked string
				c := r.connect(era, person(func(_ context.Context, question string) (*mcp.ElicitationResult, error) {
					asked = question
					return answered(mcp.ElicitationResponseActionDecline, ""), nil
				}))
				r.refuses(c, "create_instance", create("prod"), "declined")
				if want := `same name: there is 1 already: ` + prodID + ` in "Production"; this makes another one`; !strings.Contains(asked, want) {
					t.Errorf("a create: the question does not say %s:\n%s", want, asked)
				}
				asked = ""
				r.refuses(c, "update_instance", map[string]any{"instance": "shop", "name": "prod"}, "declined")
				if want := `effect: "prod" is the name of another database already (` + prodID + ` in "Production"): by that name nobody can tell them apart any more`; !strings.Contains(asked, want) {
					t.Errorf("a rename: the question does not say %s:\n%s", want, asked)
				}
				if strings.Contains(asked, "interrupts") {
					t.Errorf("a rename interrupts nobody:\n%s", asked)
				}
				asked = ""
				must[tools.InstanceChange](r, c, "update_instance", map[string]any{"instance": "shop", "name": "shop-2"})
				if asked != "" || len(r.changes()) != 1 {
					t.Errorf("a free name: asked %q, sent %v", asked, r.changes())
				}
			})
		})
	}
}

package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func decided(id string) Line {
	return Line{Time: time.Now(), Event: Decided, ID: id, Principal: "local", Operation: "delete_instance", Decision: "approved", Runs: true}
}

func finished(id string) Line {
	return Line{Time: time.Now(), Event: Finished, ID: id, Principal: "local", Operation: "delete_instance", Outcome: "done"}
}

func write(t *testing.T, j *Journal, l Line) {
	t.Helper()
	if err := j.Write(l); err != nil {
		t.Fatal(err)
	}
}

// stands is how an operation stands in a journal; "" where it is not in it.
func stands(t *testing.T, j *Journal, id string) Standing {
	t.Helper()
	entries, broken, err := j.Read(time.Now().Add(-time.Hour))
	if err != nil || broken > 0 {
		t.Fatalf("%d broken, %v", broken, err)
	}
	for _, e := range entries {
		if e.ID == id {
			return e.Standing
		}
	}
	return ""
}

func TestWhoReadsKnowsWhetherItStillRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		writer, reader := Open(dir), Open(dir) // as in two processes
		both := func(id string, want Standing) {
			t.Helper()
			for name, j := range map[string]*Journal{"the one that runs it": writer, "another": reader} {
				if got := stands(t, j, id); got != want {
					t.Errorf("for %s, %s is %q, want %q", name, id, got, want)
				}
			}
		}
		write(t, writer, decided("lives"))
		write(t, writer, decided("ends"))
		write(t, writer, decided("dies"))
		both("lives", Running)
		both("ends", Running)
		write(t, writer, finished("ends"))
		both("ends", "done")
		writer.end("dies") // what the system does to the locks of a process that is killed
		both("dies", Unknown)
		<-time.After(9 * time.Minute)
		both("lives", Running) // a safety snapshot may take that long
		<-time.After(2 * time.Minute)
		both("lives", Unknown)
		write(t, writer, finished("lives"))
		both("lives", "done")
		if left, err := os.ReadDir(filepath.Join(dir, "running")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

func TestWhatIsTooLongIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	j := Open(t.TempDir())
	l, long := decided("long"), strings.Repeat("é<", 1<<20)
	l.What, l.Decision, l.Arguments = long, long, []byte(`{"name":"short"}`)
	write(t, j, l)
	end := finished("long")
	end.Error = long
	write(t, j, end)
	entries, broken, err := j.Read(time.Now().Add(-time.Hour))
	if err != nil || broken > 0 || len(entries) != 1 || entries[0].End == nil || string(entries[0].Arguments) != `{"name":"short"}` {
		t.Fatalf("%d broken, %v: %.200v", broken, err, entries)
	}
	for _, told := range []string{entries[0].What, entries[0].Decision, entries[0].End.Error} {
		if !strings.HasPrefix(told, "é<é<") || !strings.HasSuffix(told, "< (cut, 3145728 bytes in all)") {
			t.Errorf("%.20s ... %s", told, told[len(told)-40:])
		}
	}
	l.ID, l.Targets = "never", []Target{{Name: long}}
	if err := j.Write(l); err == nil {
		t.Error("a line was written that nobody will read")
	}
}

func TestAnIDOfAForgedLineLeadsNowhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := Open(dir)
	write(t, j, finished("any")) // makes the directory and its file
	l := decided("../../elsewhere")
	if err := j.append(l, []byte(`{"time":"`+l.Time.Format(time.RFC3339Nano)+`","event":"decided","id":"../../elsewhere","principal":"local","operation":"x","runs":true}`)); err != nil {
		t.Fatal(err)
	}
	if got := stands(t, j, l.ID); got != Running {
		t.Errorf("it stands as %q; by its age alone it is running", got)
	}
}

func TestWithoutAPlaceNothingIsReadFromTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, Open(dir), decided("forged"))
	t.Chdir(dir)
	for name, j := range map[string]*Journal{"no place": Open(""), "in memory": InMemory()} {
		if got := stands(t, j, "forged"); got != "" {
			t.Errorf("%s: it reads %q from the working directory", name, got)
		}
	}
	if err := Open("").Write(decided("x")); err == nil {
		t.Error("a line was written nowhere")
	}
}

package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// An operation that has a decision and no end either runs, or its process is gone. What tells them apart is a lock, named for
// the operation and held as long as it runs: the system lets go of it when the process ends, however that ends.

// begin takes the lock of an operation. Where that is not possible, others go by its age.
func (j *Journal) begin(id string) {
	lock := flock.New(j.lockOf(id))
	if os.MkdirAll(filepath.Dir(lock.Path()), 0o700) == nil {
		_, _ = lock.TryLock()
	}
	if j.running == nil {
		j.running = map[string]*flock.Flock{}
	}
	j.running[id] = lock
}

// end lets go of it.
func (j *Journal) end(id string) {
	lock := j.running[id]
	if lock == nil {
		return
	}
	delete(j.running, id)
	_ = lock.Close() // an open file cannot be removed everywhere
	_ = os.Remove(lock.Path())
}

func (j *Journal) lockOf(id string) string { return filepath.Join(j.dir, "running", id) }

// gone are the operations without an end that no process runs any more.
func (j *Journal) gone(entries map[string]*Entry) map[string]bool {
	out := map[string]bool{}
	for id, e := range entries {
		if j.dir != "" && e.standing(false) == Running && filepath.Base(id) == id && !j.alive(id) {
			out[id] = true
		}
	}
	return out
}

func (j *Journal) alive(id string) bool {
	j.mu.Lock()
	own := j.running[id] != nil
	j.mu.Unlock()
	if own {
		return true
	}
	lock := flock.New(j.lockOf(id), flock.SetFlag(os.O_RDONLY)) // does not make the file
	free, err := lock.TryRLock()
	if free {
		_ = lock.Close()
	}
	return !free && !errors.Is(err, fs.ErrNotExist) // with any other error it cannot be told
}

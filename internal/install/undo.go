package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tailscale/hujson"

	"aura-mcp/internal/atomicfile"
)

// maxBackups is how many are kept of a client; the oldest goes.
const maxBackups = 10

// backup is a configuration as it was before one change of ours.
type backup struct {
	Client  string `json:"client"`
	File    string `json:"file"`
	Name    string `json:"name"`
	Existed bool   `json:"existed"`
	Before  []byte `json:"before"`       // base64 in the file, so that it survives byte for byte
	After   string `json:"after_sha256"` // of what we wrote: as long as it is that, the bytes come back as they were
}

// keep stores the file as it is now. Only this account can read it: configurations hold keys of other servers.
func (c Change) keep(dir string) error {
	if dir == "" {
		return errors.New("this account has no directory for private state: set HOME (on Windows LOCALAPPDATA)")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	encoded, err := json.Marshal(backup{Client: c.Client.ID, File: c.File, Name: c.Name, Existed: c.existed, Before: c.before, After: fingerprint(c.after)})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%s.json", c.Client.ID, time.Now().UTC().Format("20060102T150405.000000000"))
	if err := atomicfile.Write(filepath.Join(dir, name), encoded); err != nil {
		return err
	}
	kept, err := backups(c.Client, dir)
	if err != nil {
		return err
	}
	for len(kept) > maxBackups {
		if err := os.Remove(kept[0]); err != nil {
			return err
		}
		kept = kept[1:]
	}
	return nil
}

// backups are the files of a client's backups, the oldest first.
func backups(c Client, dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), c.ID+"-"); ok && strings.HasPrefix(rest, "2") && strings.HasSuffix(rest, ".json") {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(out)
	return out, err
}

// ErrNothingToUndo means that there is no backup of a client's configuration.
var ErrNothingToUndo = errors.New("nothing was installed from here, so there is nothing to undo")

// PlanUndo works out how the last change of a client's configuration is taken back. As long as the file is what we wrote, its
// bytes become what they were. Where somebody has written since, Claude Code itself for one, only our entry is taken back.
// file may be empty: the last one changed.
func PlanUndo(c Client, file, dir string) (Change, error) {
	kept, err := backups(c, dir)
	if err != nil {
		return Change{}, err
	}
	for _, path := range slices.Backward(kept) {
		var b backup
		content, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(content, &b)
		}
		if err != nil {
			return Change{}, fmt.Errorf("the backup %s cannot be read: %w", path, err)
		}
		if file == "" || b.File == file {
			return b.plan(c, path)
		}
	}
	return Change{}, fmt.Errorf("%s: %w", c.Title, ErrNothingToUndo)
}

func (b backup) plan(c Client, path string) (Change, error) {
	change, doc, err := open(c, b.File, b.Name)
	change.undoes = path
	if err != nil {
		return Change{}, err
	}
	if change.existed && fingerprint(change.before) == b.After {
		change.after, change.removes = b.Before, !b.Existed
		return change, nil
	}
	if !change.existed {
		return Change{}, fmt.Errorf("%s is not there any more, so there is nothing to take back; its backup is %s", b.File, path)
	}
	var earlier *hujson.Value
	if was, err := parse(b.Before); err == nil {
		earlier, _ = was.entry(c, b.Name) // none where what was there cannot be read
	}
	changed, err := doc.restore(c, b.Name, earlier)
	if err != nil {
		return Change{}, fmt.Errorf("%s: %w; nothing was changed", b.File, err)
	}
	change.after = change.before
	if changed {
		change.after = doc.pack()
	}
	change.Notes = append(change.Notes, fmt.Sprintf("%s has changed since, so only the entry %q is taken back and the rest stays", b.File, b.Name))
	return change, nil
}

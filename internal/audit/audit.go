// Package audit keeps a journal of what was asked, decided and done: two lines for each operation that is not a read, one
// before anything is sent and one after. The journal is append-only, a file for each month, and only the account that runs
// the server can read it. It proves nothing against that account itself.
package audit

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Event is what a line tells of.
type Event string

// The events.
const (
	Decided  Event = "decided"  // before anything is sent; the decision says whether anything will be
	Finished Event = "finished" // after a run
)

// Standing is how an operation stands, as far as the journal tells.
type Standing string

// The standings; an operation that ended stands as its outcome.
const (
	Refused Standing = "refused"
	Running Standing = "running"
	Unknown Standing = "unknown" // it was started, and its end is not known
)

// Line is one line of the journal.
type Line struct {
	Time      time.Time       `json:"time"`
	Event     Event           `json:"event"`
	ID        string          `json:"id"` // joins the two lines of an operation
	Profile   string          `json:"profile,omitempty"`
	Principal string          `json:"principal"`
	Operation string          `json:"operation"`
	Arguments json.RawMessage `json:"arguments,omitempty"` // of very many the length alone
	Targets   []Target        `json:"targets,omitempty"`   // at the end: what was made, now that it has an ID
	What      string          `json:"what,omitempty"`      // what changes, and where data comes from, in a few words
	Effects   string          `json:"effects,omitempty"`
	Decision  string          `json:"decision,omitempty"` // approved, not needed, or why it was refused
	Way       string          `json:"way,omitempty"`      // how a person was asked
	Runs      bool            `json:"runs,omitempty"`     // of a decision: the operation is started now
	Outcome   string          `json:"outcome,omitempty"`  // of a run: done, accepted, failed, unknown
	Error     string          `json:"error,omitempty"`
	// RequestIDs are Aura's, of the changes that a run sent: what its support asks for.
	RequestIDs []string `json:"request_ids,omitempty"`
	Seconds    float64  `json:"seconds,omitempty"`
}

// Target is what an operation was about.
type Target struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Journal writes and reads the audit of one account.
type Journal struct {
	dir    string
	memory bool // lines are kept here and nowhere else

	turn sync.Mutex // of those who look and then write

	mu      sync.Mutex
	lines   []Line
	running map[string]*flock.Flock // by operation, of this process
	watch   func(Line)
}

// Watch has f told of every line from now on, before it is written. It is for one who counts, and is set before the first line.
func (j *Journal) Watch(f func(Line)) { j.watch = f }

// Open returns the journal in dir, which is made at the first write. Without a dir every write fails.
func Open(dir string) *Journal { return &Journal{dir: dir} }

// InMemory returns a journal that ends with the process: for the demo, where nothing real happens.
func InMemory() *Journal { return &Journal{memory: true} }

// Write appends a line and waits until it is on the disk.
func (j *Journal) Write(l Line) error {
	if j.watch != nil {
		j.watch(l)
	}
	if j.memory {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.lines = append(j.lines, l)
		return nil
	}
	if j.dir == "" {
		return fmt.Errorf("audit: %w", errNoPlace)
	}
	encoded, err := json.Marshal(l.bounded())
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if len(encoded) >= maxLine { // its end and its reader would not find it
		return fmt.Errorf("audit: a line of %d bytes is too long", len(encoded))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if l.Event == Decided && l.Runs {
		j.begin(l.ID)
	}
	if err := j.append(l, encoded); err != nil {
		j.end(l.ID)
		return fmt.Errorf("audit: %w", err)
	}
	if l.Event == Finished {
		j.end(l.ID) // last: whoever finds the lock free finds the end, too
	}
	return nil
}

// maxLine bounds a line in bytes, with its end. Whoever reads leaves out what is longer.
const maxLine = 1 << 18

// bounded is the line without what a caller or Aura could make it longer than any reader takes. What is left out is said.
func (l Line) bounded() Line {
	if n := len(l.Arguments); n > maxLine/16 {
		l.Arguments = fmt.Appendf(nil, `"left out: %d bytes"`, n)
	}
	for _, s := range []*string{&l.What, &l.Decision, &l.Error} {
		if n := len(*s); n > maxLine/64 { // JSON may need six bytes for one
			*s = strings.ToValidUTF8((*s)[:maxLine/64], "") + fmt.Sprintf(" (cut, %d bytes in all)", n)
		}
	}
	return l
}

// Exclusively runs what looks into the journal and writes by what it saw there, such as a count. Nobody else of this account
// does so meanwhile, in other processes neither.
func (j *Journal) Exclusively(lookAndWrite func() error) error {
	j.turn.Lock()
	defer j.turn.Unlock()
	if j.memory {
		return lookAndWrite()
	}
	if j.dir == "" {
		return fmt.Errorf("audit: %w", errNoPlace)
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	lock := flock.New(filepath.Join(j.dir, "turn"), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	wrote := lookAndWrite()
	return errors.Join(wrote, lock.Close()) // the file stays: two could hold it, if one removed it
}

func (j *Journal) append(l Line, encoded []byte) error {
	f, err := j.open(l.Time)
	if err != nil {
		return err
	}
	encoded = append(encoded, '\n')
	if cutOff(f) {
		encoded = append([]byte{'\n'}, encoded...)
	}
	_, wrote := f.Write(encoded) // one write, so that lines of several processes do not mix
	return errors.Join(wrote, f.Sync(), f.Close())
}

// open opens the file of a month, and makes it where it is not there.
func (j *Journal) open(month time.Time) (*os.File, error) {
	if j.dir == "" {
		return nil, errNoPlace
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(j.dir, month.UTC().Format("2006-01")+".jsonl"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
}

var errNoPlace = errors.New("this account has no directory for private state, so there is no place for the journal")

// Writable says why the journal cannot be written; nil where it can.
func (j *Journal) Writable() error {
	if j.memory {
		return nil
	}
	f, err := j.open(time.Now())
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return f.Close()
}

// cutOff reports whether the last line has no end, as a crash leaves it: the next one would be lost together with it.
func cutOff(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}

// Entry is one operation: its decision, and its end where it ran.
type Entry struct {
	Line              // as decided
	End      *Line    `json:"end,omitempty"`
	Standing Standing `json:"standing"`
}

// unknownAfter is when a decision without an end counts as of unknown outcome even if its process lives: nothing runs that
// long.
const unknownAfter = 10 * time.Minute

// Read returns the operations decided since a moment, newest first. A line that cannot be read, such as one that a crash cut
// off or one that is too long, is counted and left out.
func (j *Journal) Read(since time.Time) (entries []Entry, broken int, err error) {
	byID, broken, err := j.load(since)
	if err != nil {
		return nil, broken, err
	}
	gone := j.gone(byID)
	if len(gone) > 0 { // unless one has ended just between the two looks
		if byID, broken, err = j.load(since); err != nil {
			return nil, broken, err
		}
	}
	for _, e := range byID {
		if e.Event == Decided && !e.Time.Before(since) {
			e.Standing = e.standing(gone[e.ID])
			if e.End != nil && len(e.End.Targets) > 0 {
				e.Targets = e.End.Targets
			}
			entries = append(entries, *e)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.ID, b.ID)) })
	return entries, broken, nil
}

// load reads the operations of the months since a moment.
func (j *Journal) load(since time.Time) (byID map[string]*Entry, broken int, err error) {
	byID = map[string]*Entry{}
	j.mu.Lock()
	for _, l := range j.lines {
		add(byID, l)
	}
	j.mu.Unlock()
	if j.dir == "" { // which would be the working directory
		return byID, 0, nil
	}
	files, err := filepath.Glob(filepath.Join(j.dir, "*.jsonl"))
	if err != nil {
		return nil, 0, fmt.Errorf("audit: %w", err)
	}
	for _, file := range files {
		if month, err := time.Parse("2006-01", strings.TrimSuffix(filepath.Base(file), ".jsonl")); err != nil || month.AddDate(0, 1, 1).Before(since) {
			continue
		}
		unread, err := readFile(file, byID)
		if err != nil {
			return nil, broken, err
		}
		broken += unread
	}
	return byID, broken, nil
}

func readFile(name string, byID map[string]*Entry) (broken int, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		whole := !errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return broken, fmt.Errorf("audit: %s: %w", name, err)
		}
		var l Line
		switch {
		case whole && len(line) == 0: // after the last line
		case whole && json.Unmarshal(line, &l) == nil && l.ID != "":
			add(byID, l)
		default:
			broken++
		}
		if err != nil {
			return broken, nil
		}
	}
}

func add(byID map[string]*Entry, l Line) {
	e := byID[l.ID]
	if e == nil {
		e = &Entry{}
		byID[l.ID] = e
	}
	if l.Event == Finished {
		e.End = &l
	} else {
		e.Line = l
	}
}

// standing says how the operation stands; gone: no process runs it.
func (e *Entry) standing(gone bool) Standing {
	switch {
	case e.End != nil:
		return Standing(e.End.Outcome)
	case !e.Runs:
		return Refused
	case !gone && time.Since(e.Time) < unknownAfter:
		return Running
	}
	return Unknown
}

// About reports whether the operation was about a name or an ID.
func (e *Entry) About(nameOrID string) bool {
	return slices.ContainsFunc(e.Targets, func(t Target) bool { return t.ID == nameOrID || strings.EqualFold(t.Name, nameOrID) })
}

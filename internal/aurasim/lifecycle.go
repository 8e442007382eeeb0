package aurasim

import (
	"slices"
	"time"
)

const (
	statusCreating      = "creating"
	statusDestroying    = "destroying"
	statusRunning       = "running"
	statusPausing       = "pausing"
	statusPaused        = "paused"
	statusSuspending    = "suspending"
	statusSuspended     = "suspended"
	statusResuming      = "resuming"
	statusLoading       = "loading"
	statusLoadingFailed = "loading failed" // with a blank, as Aura spells it
	statusRestoring     = "restoring"
	statusUpdating      = "updating"
	statusOverwriting   = "overwriting"

	statusGone = "" // the end of a delete
)

// pauseLimit is how long an instance stays paused before Aura resumes it.
const pauseLimit = 30 * 24 * time.Hour

// newFor is how long a session has no status at all.
const newFor = 5 * time.Second

type operation string

const (
	opCreate    operation = "create"
	opClone     operation = "clone" // a create from another instance or a snapshot
	opPause     operation = "pause"
	opResume    operation = "resume"
	opRename    operation = "rename"
	opUpdate    operation = "update"
	opSnapshot  operation = "snapshot"
	opRestore   operation = "restore"
	opOverwrite operation = "overwrite"
	opUpgrade   operation = "upgrade"
	opDelete    operation = "delete"
	opSuspend   operation = "suspend" // Aura's own doing, never asked for by a client

	opCreateKey     operation = "create key"
	opCreateSession operation = "create session"
)

// transition is one row of the lifecycle: from where an operation may start, what is seen on the way, where it ends.
type transition struct {
	op     operation
	from   []string
	phases []phase // none: done at once
	end    string
	serves bool // the database stays available meanwhile, so scheduled snapshots go on
}

type phase struct {
	status string
	lasts  time.Duration // on the usual type at speed 1
	doing  string        // in refusals, where it is not the status
}

func lifecycle() []transition {
	anyRest := []string{statusRunning, statusPaused, statusSuspended, statusLoadingFailed}
	reloadable := []string{statusRunning, statusLoadingFailed}
	running := []string{statusRunning}
	const m = time.Minute
	return []transition{
		{op: opCreate, phases: []phase{{status: statusCreating, lasts: 4 * m}}, end: statusRunning},
		{op: opClone, phases: []phase{{status: statusCreating, lasts: 4 * m}, {status: statusLoading, lasts: 2 * m}}, end: statusRunning},
		{op: opPause, from: running, phases: []phase{{status: statusPausing, lasts: 2 * m}}, end: statusPaused},
		{op: opResume, from: []string{statusPaused}, phases: []phase{{status: statusResuming, lasts: 3 * m}}, end: statusRunning},
		{op: opRename, from: []string{statusRunning, statusPaused}},
		{op: opUpdate, from: running, phases: []phase{{status: statusUpdating, lasts: 5 * m}}, end: statusRunning, serves: true},
		{op: opSnapshot, from: running},
		{op: opRestore, from: reloadable, phases: []phase{{status: statusRestoring, lasts: 5 * m}}, end: statusRunning},
		{op: opOverwrite, from: reloadable, phases: []phase{{status: statusOverwriting, lasts: 5 * m}, {status: statusLoading, lasts: m}}, end: statusRunning},
		// An upgrade looks like a running instance in v1 and refuses other operations all the same.
		{op: opUpgrade, from: running, phases: []phase{{status: statusRunning, lasts: 5 * m, doing: "upgrading"}}, end: statusRunning, serves: true},
		{op: opDelete, from: anyRest, phases: []phase{{status: statusDestroying, lasts: 2 * m}}, end: statusGone},
		{op: opSuspend, phases: []phase{{status: statusSuspending, lasts: 2 * m}}, end: statusSuspended},

		{op: opCreateKey, phases: []phase{{status: keyPending, lasts: 3 * m}}, end: keyReady},
		{op: opCreateSession, phases: []phase{{status: sessionNew, lasts: newFor}, {status: sessionCreating, lasts: 85 * time.Second}}, end: sessionReady},
	}
}

// passing is the status, since it was created, of something on which there are no operations: a key, a session.
func (s *store) passing(op operation, since, now time.Time) string {
	row := transitionOf(op)
	for _, p := range row.phases {
		if since = since.Add(s.lasting(p.lasts, 1)); now.Before(since) {
			return p.status
		}
	}
	return row.end
}

// passingTime is how long it takes until the status is the last one.
func (s *store) passingTime(op operation) time.Duration {
	total := time.Duration(0)
	for _, p := range transitionOf(op).phases {
		total += s.lasting(p.lasts, 1)
	}
	return total
}

func transitionOf(op operation) transition {
	for _, row := range lifecycle() {
		if row.op == op {
			return row
		}
	}
	return transition{op: op}
}

// showing finds the operation that an instance seen in a transitional status must be in, and the phase it has reached.
func showing(status string) (operation, int, bool) {
	// A clone and an overwrite both load at last; which of them it was makes no difference any more.
	for _, row := range lifecycle() {
		for i, p := range row.phases {
			if p.status == status && p.doing == "" {
				return row.op, i, true
			}
		}
	}
	return "", 0, false
}

func statusNames() []string {
	return []string{
		statusCreating, statusDestroying, statusRunning, statusPausing, statusPaused, statusSuspending, statusSuspended,
		statusResuming, statusLoading, statusLoadingFailed, statusRestoring, statusUpdating, statusOverwriting,
	}
}

// ongoing is an operation under way on an instance.
type ongoing struct {
	transition
	began  time.Time
	ends   []time.Time // of the phases
	before string      // the status it began from
	finish func(*instance)
}

func (o *ongoing) end() time.Time { return o.ends[len(o.ends)-1] }

func (o *ongoing) phase(now time.Time) phase {
	for i, end := range o.ends {
		if now.Before(end) {
			return o.phases[i]
		}
	}
	return o.phases[len(o.phases)-1]
}

// begin starts an operation, or refuses it because of what the instance is or does now. Finish runs when it ends;
// for an operation that is done at once the caller applies the change itself.
func (s *store) begin(in *instance, op operation, now time.Time, finish func(*instance)) error {
	row := transitionOf(op)
	if doing := in.doing(now); !slices.Contains(row.from, doing) {
		return busy(in.ID, doing)
	}
	s.start(in, row, 0, now, finish)
	return nil
}

// start puts an instance into an operation at the given phase, asking nobody.
func (s *store) start(in *instance, row transition, first int, now time.Time, finish func(*instance)) {
	if len(row.phases) == 0 {
		return
	}
	row.phases = slices.Clone(row.phases[first:])
	at, ends := now, make([]time.Time, len(row.phases))
	for i, p := range row.phases {
		at = at.Add(s.lasting(p.lasts, planOf(in.Type).pace))
		ends[i] = at
	}
	in.op = &ongoing{transition: row, began: now, ends: ends, before: in.Status, finish: finish}
}

// lasting is how long something takes at the simulator's speed.
func (s *store) lasting(usual time.Duration, pace float64) time.Duration {
	return time.Duration(float64(usual) * pace / s.speed)
}

// settle brings every instance up to date: operations that have ended take effect at the moment they ended.
func (s *store) settle(now time.Time) {
	for _, in := range s.all() {
		for at := in.nextChange(); !at.IsZero() && !at.After(now); at = in.nextChange() {
			s.takeScheduled(in, at)
			s.change(in, at)
		}
		s.takeScheduled(in, now)
	}
}

// nextChange is when the instance next changes by itself; zero for never.
func (in *instance) nextChange() time.Time {
	switch {
	case in.op != nil:
		return in.op.end()
	case in.Status == statusPaused:
		return in.StatusSince.Add(pauseLimit)
	default:
		return time.Time{}
	}
}

func (s *store) change(in *instance, at time.Time) {
	done := in.op
	if done == nil { // paused for too long
		s.start(in, transitionOf(opResume), 0, at, nil)
		return
	}
	in.op = nil
	in.Status, in.StatusSince = done.transition.end, at
	if done.finish != nil {
		done.finish(in)
	}
	if in.Status == statusRunning { // every operation that takes time ends with a start of the database
		in.up = at
	}
	if in.Status == statusGone {
		s.remove(in)
	}
}

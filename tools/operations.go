package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/audit"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

type listOperationsIn struct {
	Instance string `json:"instance,omitempty" jsonschema:"only what was about this database: its ID, or its name at the time"`
	From     string `json:"from,omitempty" jsonschema:"since this day (YYYY-MM-DD, UTC) or moment (RFC 3339 with offset); default 7 days ago"`
	Limit    int    `json:"limit,omitempty" jsonschema:"how many at most; default 50" min:"1" max:"200"`
}

// OperationRow is one operation that this server did, asked for or was refused.
type OperationRow struct {
	At        string  `json:"at"`
	Operation string  `json:"operation"`
	Targets   string  `json:"targets,omitempty"`
	What      string  `json:"what,omitempty"`
	Decision  string  `json:"decision" jsonschema:"approved, no approval needed, or why it was refused"`
	Outcome   string  `json:"outcome" jsonschema:"pending (a person has to decide), refused, running, done, accepted, failed, or unknown: its end is not known"`
	Error     string  `json:"error,omitempty"`
	Requests  string  `json:"aura_request_ids,omitempty"`
	Seconds   float64 `json:"seconds,omitempty"`
}

// OperationList is the journal of this server, newest first.
type OperationList struct {
	Total      int            `json:"total"`
	From       string         `json:"from"`
	Note       string         `json:"note,omitempty"`
	Operations []OperationRow `json:"operations"`
}

func (f *Fleet) listOperations(ctx context.Context, c op.Call, in listOperationsIn) (OperationList, error) {
	from := time.Now().AddDate(0, 0, -defaultDays)
	if in.From != "" {
		var err error
		if from, err = parseMoment(in.From, false); err != nil {
			return OperationList{}, argument("from", in.From, err)
		}
	}
	if in.Limit == 0 {
		in.Limit = 50
	}
	entries, broken, err := f.journal.Read(from)
	if err != nil {
		return OperationList{}, fmt.Errorf("read the audit: %w", err)
	}
	out := OperationList{From: instant(from), Operations: []OperationRow{}}
	add := func(row OperationRow) {
		if out.Total++; out.Total <= in.Limit {
			out.Operations = append(out.Operations, row)
		}
	}
	now := f.present(ctx, in.Instance)
	wanted := func(about func(nameOrID string) bool) bool {
		return in.Instance == "" || about(in.Instance) || slices.ContainsFunc(now.meant, about)
	}
	for _, w := range f.waiting(c.Caller) {
		if wanted(w.about) {
			add(w.row())
		}
	}
	for _, e := range entries {
		if ofCaller(c.Caller, e) && wanted(e.About) {
			add(newOperationRow(e))
		}
	}
	switch {
	case broken > 0:
		out.Note = plural(broken, "line") + " of the audit could not be read"
	case out.Total > in.Limit:
		out.Note = fmt.Sprintf("the newest %d of %d", in.Limit, out.Total)
	case out.Total == 0:
		out.Note = "none; what was done elsewhere, such as in the Aura console, is not known here"
	}
	if out.Total == 0 && now.known && len(now.meant) == 0 {
		return out, f.everKnown(c.Caller, in.Instance, now.all)
	}
	return out, nil
}

func ofCaller(c op.Caller, e audit.Entry) bool {
	return e.Principal == c.Principal && e.Profile == c.Profile
}

// present is what Aura knows of a name or an ID now: records may have it under an earlier name.
type present struct {
	known bool // the list could be read; records can be read without it
	all   []auraclient.InstanceSummary
	meant []string // the IDs of those that are called so
}

func (f *Fleet) present(ctx context.Context, nameOrID string) (out present) {
	if nameOrID == "" {
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, factTime)
	defer cancel()
	aura, err := f.client(ctx)
	if err != nil {
		return out
	}
	list, err := f.listed(ctx, aura)
	out.known, out.all = err == nil, list.all
	for _, i := range list.all {
		if i.ID == nameOrID || loosely(nameOrID, i.Name) {
			out.meant = append(out.meant, i.ID)
		}
	}
	return out
}

// everKnown fails where nothing has ever had a name or an ID, as far as the records go: that nothing was done to it would be
// taken for an answer.
func (f *Fleet) everKnown(c op.Caller, nameOrID string, all []auraclient.InstanceSummary) error {
	entries, _, err := f.journal.Read(time.Time{})
	if err != nil {
		return fmt.Errorf("read the audit: %w", err)
	}
	if slices.ContainsFunc(entries, func(e audit.Entry) bool { return ofCaller(c, e) && e.About(nameOrID) }) {
		return nil
	}
	return unknown("instance", nameOrID, all, instanceNamed)
}

// Waiting is an operation that waits for a person outside the client.
type Waiting struct {
	ID, Operation, What string
	Where               string // where the person decides it
	Targets             []op.Resource
	Asked               time.Time
	Expires             time.Time // zero while others come before it
}

func (w Waiting) about(nameOrID string) bool {
	return slices.ContainsFunc(w.Targets, func(t op.Resource) bool { return t.ID == nameOrID || loosely(nameOrID, t.Name) })
}

func (w Waiting) row() OperationRow {
	row := OperationRow{
		At: instant(w.Asked), Operation: w.Operation, What: w.What, Outcome: "pending",
		Decision: fmt.Sprintf("a person has not decided yet (ID %s): %s", w.ID, w.Where),
	}
	if !w.Expires.IsZero() {
		row.Decision += "; it can be decided until " + instant(w.Expires)
	}
	for _, t := range w.Targets {
		row.of(t.ID, t.Name)
	}
	return row
}

// of adds a target.
func (r *OperationRow) of(id, name string) {
	if r.Targets != "" {
		r.Targets += ", "
	}
	r.Targets += text.Quote(name) + " (" + id + ")"
}

// newOperationRow tells an operation in short: what to do about an error was said when it happened.
func newOperationRow(e audit.Entry) OperationRow {
	row := OperationRow{At: instant(e.Time), Operation: e.Operation, What: e.What, Decision: strings.TrimSuffix(e.Decision, " Nothing was changed."), Outcome: string(e.Standing)}
	for _, t := range e.Targets {
		row.of(t.ID, t.Name)
	}
	if e.End != nil {
		row.Error, _, _ = strings.Cut(e.End.Error, "\n")
		row.Seconds, row.Requests = e.End.Seconds, strings.Join(e.End.RequestIDs, ", ")
	}
	return row
}

package tools

import (
	"context"
	"fmt"
	"strings"
	"time"

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
	Decision  string  `json:"decision" jsonschema:"approved, no approval needed, or why it was refused"`
	Outcome   string  `json:"outcome" jsonschema:"refused, running, done, accepted, failed, or unknown: it was started and its end is not known"`
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

func (f *Fleet) listOperations(_ context.Context, c op.Call, in listOperationsIn) (OperationList, error) {
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
	for _, e := range entries {
		if e.Principal != c.Caller.Principal || e.Profile != c.Caller.Profile || (in.Instance != "" && !e.About(in.Instance)) {
			continue
		}
		if out.Total++; out.Total <= in.Limit {
			out.Operations = append(out.Operations, newOperationRow(e))
		}
	}
	switch {
	case broken > 0:
		out.Note = fmt.Sprintf("%d lines of the audit could not be read", broken)
	case out.Total > in.Limit:
		out.Note = fmt.Sprintf("the newest %d of %d", in.Limit, out.Total)
	case out.Total == 0:
		out.Note = "none; what was done elsewhere, such as in the Aura console, is not known here"
	}
	return out, nil
}

func newOperationRow(e audit.Entry) OperationRow {
	row := OperationRow{At: instant(e.Time), Operation: e.Operation, Decision: e.Decision, Outcome: string(e.Standing)}
	for n, t := range e.Targets {
		if n > 0 {
			row.Targets += ", "
		}
		row.Targets += text.Quote(t.Name) + " (" + t.ID + ")"
	}
	if e.End != nil {
		row.Error, row.Seconds, row.Requests = e.End.Error, e.End.Seconds, strings.Join(e.End.RequestIDs, ", ")
	}
	return row
}

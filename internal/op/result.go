package op

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/text"
)

// State says how far a guarded operation has come. Every result of one carries it.
type State string

// The states.
const (
	Accepted        State = "accepted"         // Aura has taken it on; it is not done yet
	Done            State = "done"             // it is finished, or there was nothing to do
	Failed          State = "failed"           // it ended badly, of several for at least one
	Unknown         State = "unknown"          // of several for at least one it is not known how it ended
	ApprovalPending State = "approval_pending" // a person has not decided yet
	InProgress      State = "in_progress"      // it was started and outlasted this call
)

// Error is what a model and a person are told when a call does not succeed: what happened, why, and what to do next.
type Error struct {
	What string // what happened and why, one or two sentences
	Next string // what to do now
	// Unchanged says that nothing was sent that could have changed anything. It is said aloud only where it is certain.
	Unchanged bool
	// Unknown says that it was sent and may have been carried out.
	Unknown   bool
	RequestID string // Aura's, for its support
	Err       error  // the cause, for errors.Is
}

// Error joins the parts to one paragraph.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(sentence(e.What))
	if e.Unchanged {
		b.WriteString(" Nothing was changed.")
	}
	if e.Next != "" {
		b.WriteString("\nWhat to do: " + sentence(e.Next))
	}
	if e.RequestID != "" {
		b.WriteString("\nAura request ID: " + e.RequestID)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// sentence begins with a capital, unless it begins with a tool's name or a quotation, and ends with a stop.
func sentence(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if first, size := utf8.DecodeRuneInString(s); unicode.IsLetter(first) && !strings.Contains(word, "_") {
		s = string(unicode.ToUpper(first)) + s[size:]
	}
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "!") {
		return s
	}
	return s + "."
}

// Image is a picture that goes with a result, for clients that show pictures. What it shows stands in the result, too.
type Image struct {
	MIMEType string
	Data     []byte
	Alt      string // what it shows, in words
}

// imageAlt is the field of a picture's metadata with what it shows, in words.
const imageAlt = "aura-mcp/alt"

// Result encodes a handler's answer: structured content, and the same as compact JSON text for clients that read only text.
// An answer with a method Images() []Image has its pictures after the text.
func Result(out any) (*mcp.CallToolResult, error) {
	encoded, err := Encode(out)
	if err != nil {
		return nil, err
	}
	result := &mcp.CallToolResult{
		Content:           []mcp.Content{mcp.NewTextContent(string(encoded))},
		StructuredContent: json.RawMessage(encoded),
	}
	if pictured, ok := out.(interface{ Images() []Image }); ok {
		for _, i := range pictured.Images() {
			content := mcp.NewImageContent(base64.StdEncoding.EncodeToString(i.Data), i.MIMEType)
			content.Meta = mcp.NewMetaFromMap(map[string]any{imageAlt: i.Alt})
			result.Content = append(result.Content, content)
		}
	}
	return result, nil
}

// Made is the ID of what an operation has created, as its result tells with a method Made() string; empty for others.
func Made(out any) string {
	if made, ok := out.(interface{ Made() string }); ok {
		return made.Made()
	}
	return ""
}

// Encode is the one JSON form of results: compact, nothing escaped for HTML, invisible characters shown as escapes.
func Encode(out any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	return text.EscapeJSON(bytes.TrimSpace(b.Bytes())), nil
}

// Failure encodes an error as a tool result, so that the model sees it and can act on it.
func Failure(err error) *mcp.CallToolResult {
	told, ok := errors.AsType[*Error](err)
	if !ok {
		told = &Error{What: err.Error(), Err: err}
	}
	return mcp.NewToolResultError(told.Error())
}

package tools

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// explain puts an error of the client into words for a model: what happened, why, what to do next. It decides by status and
// reason, never by Aura's message text, which it only quotes.
func explain(err error) error {
	if _, told := errors.AsType[*op.Error](err); told || err == nil {
		return err
	}
	out := &op.Error{What: err.Error(), Err: err}
	if e, ok := auraclient.AsError(err); ok {
		out.RequestID = e.RequestID
		out.Unchanged = e.Method != http.MethodGet && e.Status < http.StatusInternalServerError
		if strings.HasSuffix(e.Path, tokenPath) { // without a token nothing was sent, and a 401 changes nothing
			out.Unchanged = true
		}
		out.What, out.Next = aboutAnswer(e)
	}
	if auraclient.OutcomeUnknown(err) {
		out.Unchanged, out.Unknown = false, true
		out.What = "it is not known whether Aura carried this out: the request was sent, and " + cause(err)
		out.Next = fmt.Sprintf("do not repeat it yet: look with %s whether it has happened, and tell the person", lister(path(err), "get_instance (or list_snapshots)"))
		return out
	}
	if budget, ok := errors.AsType[*auraclient.BudgetError](err); ok {
		out.What = "the request budget towards Aura is used up for the moment"
		out.Next = "call again in " + seconds(budget.Wait)
	}
	if sending, ok := errors.AsType[*auraclient.TransportError](err); ok {
		out.What = fmt.Sprintf("Aura could not be reached (%v)", sending.Err)
		out.Next = "call again in a minute; if it stays so, tell the person to check the network"
		out.Unchanged = sending.Method != http.MethodGet && !sending.MaybeSent
		if errors.Is(err, context.DeadlineExceeded) {
			out.What = "Aura did not answer in time"
		}
	}
	if argument, ok := errors.AsType[*auraclient.ArgumentError](err); ok {
		out.What, out.Next = argument.Error(), "check it against what a list tool shows, and call again"
		out.Unchanged = true
	}
	if out.Next == "" && errors.Is(err, context.DeadlineExceeded) {
		out.What, out.Next = "Aura did not answer in time", "call again"
	}
	return out
}

// unsent puts an error into words that came before the change was sent.
func unsent(err error) error {
	told, ok := errors.AsType[*op.Error](explain(err))
	if !ok {
		return err
	}
	early := *told
	early.Unchanged, early.Unknown = true, false
	return &early
}

func cause(err error) string {
	if e, ok := auraclient.AsError(err); ok {
		return fmt.Sprintf("Aura answered %d", e.Status)
	}
	if _, ok := errors.AsType[*auraclient.TransportError](err); ok {
		return "the connection broke before the answer was there"
	}
	return "the answer could not be read"
}

// path is where the request went that failed.
func path(err error) string {
	if e, ok := auraclient.AsError(err); ok {
		return e.Path
	}
	if sending, ok := errors.AsType[*auraclient.TransportError](err); ok {
		return sending.Path
	}
	return ""
}

// lister names the tool that shows what a path is about; of instances and their snapshots that is a matter of the occasion.
func lister(path, ofInstances string) string {
	switch {
	case strings.Contains(path, "/customer-managed-keys"):
		return "list_customer_managed_keys"
	case strings.Contains(path, sessionsPath):
		return "list_graph_analytics_sessions"
	}
	return ofInstances
}

const (
	sessionsPath = "/graph-analytics/sessions"
	tokenPath    = "/oauth/token"
)

// aboutAnswer says what an error answer means and what to do.
func aboutAnswer(e *auraclient.Error) (what, next string) {
	said := saying(e)
	if strings.HasSuffix(e.Path, tokenPath) && e.Status < http.StatusInternalServerError && e.Status != http.StatusTooManyRequests {
		return "Aura refused the client ID and secret" + said,
			"tell the person to check both; new ones are made in the Aura console under Account, API keys"
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		return "Aura did not accept the access token, and a new one did not help" + said,
			"tell the person: the API key may have been deleted in the Aura console"
	case e.Status == http.StatusForbidden:
		return "these credentials are not allowed to do this" + said,
			"tell the person: the role of the API key's owner in this tenant decides what it may do"
	case strings.Contains(e.Path, "/snapshots/") && e.Status == http.StatusNotFound:
		return "there is no such snapshot of this database, or no longer" + said, "call list_snapshots to see what there is"
	case e.Status == http.StatusNotFound || e.Status == http.StatusGone:
		return "Aura does not know it, or no longer" + said, "call " + lister(e.Path, "list_instances") + " to see what there is"
	case e.Reason == "encryption-key-is-active":
		return "a database uses this key" + said, "tell the person: a key can be deleted once no database uses it"
	case e.Status == http.StatusConflict && strings.Contains(e.Path, sessionsPath) && !auraclient.IsBusy(e):
		return "it does not go with a session that there is" + said, "look with list_graph_analytics_sessions; choose another name, or the parameters of the one there is"
	case e.Status == http.StatusConflict:
		return "the database is busy with another operation" + said,
			"call wait_for_instance and try again then; most operations take 1 to 5 minutes"
	case e.Status == http.StatusPaymentRequired || e.Status == http.StatusMethodNotAllowed:
		return "the account's limit for this is reached" + said, "tell the person; limits and billing are in the Aura console"
	case e.Status == 420: // Aura's own use of an unassigned code
		return "this kind of database does not support it" + said, "call get_instance to see its type"
	case e.Status == http.StatusTooManyRequests:
		return "Aura limits the number of requests" + said, "call again in " + seconds(max(e.RetryAfter, time.Second))
	case e.Status >= http.StatusInternalServerError:
		return fmt.Sprintf("Aura failed with %d%s", e.Status, said), "call again in a minute; if it stays so, give Aura's support the request ID"
	case e.Status >= http.StatusMultipleChoices && e.Status < http.StatusBadRequest:
		return "Aura's answer pointed elsewhere" + said, "tell the person to check the base URL setting"
	}
	return fmt.Sprintf("Aura refused the request with %d%s", e.Status, said), "check the arguments against what Aura says"
}

// saying quotes Aura's own words, as somebody else's.
func saying(e *auraclient.Error) string {
	message := e.Message
	if message == "" {
		message = e.Body
	}
	var said string
	if message != "" {
		said = "; it says " + text.Quote(message)
	}
	if e.Reason != "" {
		said += " (reason " + text.Quote(e.Reason) + ")"
	}
	if e.Field != "" {
		said += " about the field " + text.Quote(e.Field)
	}
	return said
}

func seconds(d time.Duration) string {
	s := int(math.Ceil(d.Seconds()))
	if s == 1 {
		return "1 second"
	}
	return fmt.Sprintf("%d seconds", s)
}

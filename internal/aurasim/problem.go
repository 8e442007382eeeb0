package aurasim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// problem is a refusal in one of Aura's error shapes.
type problem struct {
	status int
	header http.Header
	body   any
}

func (p *problem) Error() string { return fmt.Sprintf("%d %v", p.status, p.body) }

func (p *problem) answer() answer {
	body, err := json.Marshal(p.body)
	if err != nil { // the bodies are our own structs of strings
		body = []byte(`{"error":"Internal Server Error"}`)
	}
	return answer{status: p.status, header: p.header, body: body}
}

// refuse is the shape of the API itself.
func refuse(status int, reason, format string, args ...any) *problem {
	return &problem{status: status, body: wireErrors{Errors: []wireError{{
		Message: fmt.Sprintf(format, args...), Reason: reason,
	}}}}
}

// invalid is a validation error. Its reason is empty on purpose: which word v1 uses is not established, and a client
// must not come to depend on one that we made up.
func invalid(found []complaint) *problem {
	out := wireErrors{}
	for _, c := range found {
		out.Errors = append(out.Errors, wireError{Message: c.String(), Field: c.path})
	}
	return &problem{status: http.StatusBadRequest, body: out}
}

func invalidField(field, format string, args ...any) *problem {
	return invalid([]complaint{{path: field, message: fmt.Sprintf(format, args...)}})
}

// gateway is the shape of the API gateway, which refuses before the API is reached.
func gateway(status int, text string) *problem {
	return &problem{status: status, body: wireGatewayError{Error: text}}
}

// oauth is the shape of the token endpoint.
func oauth(status int, code, description string) *problem {
	return &problem{status: status, body: wireOAuthError{Error: code, Description: description}}
}

// refuseSession is the shape of the sessions.
func refuseSession(status int, format string, args ...any) *problem {
	return &problem{status: status, body: wireSessionRefusal{Errors: []wireSessionError{{Message: fmt.Sprintf(format, args...)}}}}
}

// distortRefusal is for refusals by the sessions.
func (q Quirks) distortRefusal(err error) error {
	p, ok := errors.AsType[*problem](err)
	if !ok || !q.SessionErrorsObject || p.status != http.StatusBadRequest {
		return err
	}
	if list, ok := p.body.(wireErrors); ok {
		return &problem{status: p.status, body: wireErrorsObject{Errors: wireMessage{Message: list.Errors[0].Message}}}
	}
	return err
}

func unauthorized() *problem {
	return refuse(http.StatusForbidden, "unauthorized", "Insufficient permissions")
}

func instanceNotFound(id string) *problem {
	return refuse(http.StatusNotFound, "db-not-found", "DB not found: %s", id)
}

func snapshotNotFound(id string) *problem {
	return refuse(http.StatusNotFound, "snapshot-not-found", "Snapshot not found: %s", id)
}

func keyNotFound(id string) *problem {
	return refuse(http.StatusNotFound, "encryption-key-not-found", "Encryption Key not found: %s", id)
}

func tenantNotFound() *problem {
	return refuse(http.StatusNotFound, "tenant-not-found", "Tenant could not be found")
}

// busy is also the answer to an operation that the present state does not allow, such as pausing a paused instance.
func busy(id, doing string) *problem {
	return refuse(http.StatusConflict, "ongoing-database-operation",
		"The instance %s is currently undergoing an operation: %s", id, doing)
}

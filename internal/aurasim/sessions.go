package aurasim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	sessionNew      = "" // right after the create
	sessionCreating = "Creating"
	sessionReady    = "Ready"
	sessionExpired  = "Expired"
	sessionFailed   = "Failed"

	reasonOutOfMemory = "OutOfMemory"
	reasonInactivity  = "Inactivity"

	usualTTL      = time.Hour
	sessionsLimit = 7 * 24 * time.Hour // no session lives longer, used or not
)

func sessionStatuses() []string {
	return []string{sessionCreating, sessionReady, sessionExpired, sessionFailed}
}

// sessionReasons are the reasons that a status can have.
func sessionReasons(status string) []string {
	switch status {
	case sessionFailed:
		return []string{reasonOutOfMemory, "OOM"}
	case sessionExpired:
		return []string{reasonInactivity}
	default:
		return nil
	}
}

func sessionMemorySizes() []string {
	return sizes(2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
}

// session is a Graph Analytics session. Its Status is empty as long as it follows from the clock.
type session struct {
	SessionState
	ttl   time.Duration
	began time.Time // what the status is computed from
}

// sessionStatus comes with the reason where there is one. Nobody ever works in a session here, so it is idle from the
// moment it is ready.
func (s *store) sessionStatus(x *session, now time.Time) (status, reason string) {
	if x.Status != "" {
		return x.Status, x.Reason
	}
	status = s.passing(opCreateSession, x.began, now)
	switch {
	case !now.Before(x.CreatedAt.Add(sessionsLimit)):
		return sessionExpired, ""
	case status == sessionReady && !now.Before(x.began.Add(s.passingTime(opCreateSession)+x.ttl)):
		return sessionExpired, reasonInactivity
	default:
		return status, ""
	}
}

func (s *store) sessionState(x *session, now time.Time) SessionState {
	out := x.SessionState
	out.Status, out.Reason = s.sessionStatus(x, now)
	out.TTL = ttlText(x.ttl)
	return out
}

func (s *store) addLoadedSession(state SessionState, now time.Time) {
	if state.CreatedAt.IsZero() {
		state.CreatedAt = now
	}
	if in, attached := s.instances[state.InstanceID]; attached {
		state.CloudProvider, state.Region = in.CloudProvider, in.Region
	}
	state.CloudProvider, state.Region = cmp.Or(state.CloudProvider, defaultProvider), cmp.Or(state.Region, defaultRegion)
	x := &session{SessionState: state, ttl: usualTTL, began: now}
	if state.TTL != "" {
		x.ttl, _ = parseTTL(state.TTL) // the state is validated
	}
	switch state.Status {
	case sessionCreating:
		x.Status, x.began = "", now.Add(-s.lasting(newFor, 1))
	case "", sessionReady:
		x.Status, x.began = "", now.Add(-s.passingTime(opCreateSession))
	case sessionFailed:
		x.Reason = cmp.Or(x.Reason, reasonOutOfMemory)
	case sessionExpired:
		x.Reason = cmp.Or(x.Reason, reasonInactivity)
	}
	s.sessions = append(s.sessions, x)
}

func (s *store) session(id string) (*session, bool) {
	for _, x := range s.sessions {
		if x.ID == id {
			return x, true
		}
	}
	return nil, false
}

func (s *store) removeSession(x *session) {
	s.sessions = slices.DeleteFunc(s.sessions, func(other *session) bool { return other == x })
}

// newSessionID shows in its form whether a session is attached.
func (s *store) newSessionID(instanceID string) string {
	for {
		id := fmt.Sprintf("s-%s-%s-4", s.names.instanceID(), s.names.instanceID()[:4])
		if instanceID != "" {
			id = instanceID + "-" + s.names.instanceID()
		}
		if _, taken := s.session(id); !taken {
			return id
		}
	}
}

// listSessions takes the filters that Aura's documentation and its own client know between them. There are no
// organisations here, and a deleted session is gone.
func (s *Server) listSessions(c *call) (answer, error) {
	tenant, err := s.tenantFilter(c, "tenantId")
	if err != nil {
		return answer{}, err
	}
	project, err := s.tenantFilter(c, "projectId")
	if err != nil {
		return answer{}, err
	}
	in := c.query.Get("instanceId")
	mine := c.query.Get("listOnlyOwned") == "true"
	out := wireSessions{Data: []wireSession{}, Errors: []wireSessionError{}}
	for _, x := range s.store.sessions {
		if !c.who.sees(x.TenantID) || tenant != "" && x.TenantID != tenant || project != "" && x.TenantID != project ||
			in != "" && x.InstanceID != in || mine && x.UserID != userOf(c.who.ClientID) {
			continue
		}
		out.Data = append(out.Data, s.wireSession(x, c.now))
		out.Errors = append(out.Errors, s.sessionErrors(x, c.now)...)
	}
	return plain(http.StatusOK, out), nil
}

func (s *Server) getSession(c *call) (answer, error) {
	x, err := s.targetSession(c)
	if err != nil {
		return answer{}, err
	}
	return s.sessionAnswer(http.StatusOK, x, c.now), nil
}

func (s *Server) deleteSession(c *call) (answer, error) {
	x, err := s.targetSession(c)
	if err != nil {
		return answer{}, err
	}
	s.store.removeSession(x)
	return data(http.StatusAccepted, wireSessionDeleted{ID: x.ID}), nil
}

// targetSession is the session that the path names.
func (s *Server) targetSession(c *call) (*session, error) {
	x, ok := s.store.session(c.params["sessionId"])
	switch {
	case !ok:
		return nil, refuseSession(http.StatusNotFound, "session with id %s not found", c.params["sessionId"])
	case !c.who.sees(x.TenantID):
		return nil, unauthorized()
	default:
		return x, nil
	}
}

func (s *Server) sessionAnswer(status int, x *session, now time.Time) answer {
	return plain(status, wireSessionDetails{Data: s.wireSession(x, now), Errors: s.sessionErrors(x, now)})
}

func (s *Server) wireSession(x *session, now time.Time) wireSession {
	status, _ := s.store.sessionStatus(x, now)
	memory := x.Memory
	if s.quirks.SessionMemoryGi {
		memory = strings.TrimSuffix(memory, "GB") + "Gi"
	}
	out := wireSession{
		ID: x.ID, Name: x.Name, Memory: memory, InstanceID: x.InstanceID, DatabaseUUID: x.DatabaseID, DatabaseID: x.DatabaseID,
		Status: status, CreatedAt: stamp(x.CreatedAt), Host: x.ID + "-gds.production-orch-0042.neo4j.io",
		ExpiryDate: new(stamp(x.CreatedAt.Add(sessionsLimit))), TTL: new(ttlText(x.ttl)), UserID: x.UserID,
		TenantID: x.TenantID, ProjectID: x.TenantID, CloudProvider: x.CloudProvider, Region: x.Region,
	}
	if s.quirks.NullSessionTimes && (status == sessionNew || status == sessionCreating) {
		out.ExpiryDate, out.TTL = nil, nil
	}
	return out
}

// sessionErrors is why a session has ended, in the answer that also has its data.
func (s *Server) sessionErrors(x *session, now time.Time) []wireSessionError {
	status, reason := s.store.sessionStatus(x, now)
	var message string
	switch {
	case status == sessionFailed:
		message = "Session reached its memory limit"
	case status == sessionExpired && reason == reasonInactivity:
		message = "Session expired due to inactivity"
	case status == sessionExpired:
		message = "Session reached its maximum lifetime"
	default:
		return []wireSessionError{}
	}
	return []wireSessionError{{ID: x.ID, Message: message, Reason: reason}}
}

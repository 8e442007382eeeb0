package aurasim

import (
	"cmp"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const tokenPath = "/oauth/token"

// handler answers a request that has passed the gateway. It runs under the server's lock with the store settled.
type handler func(*Server, *call) (answer, error)

type route struct {
	method    string
	path      string // below /v1; {…} is one segment
	operation string
	handler   handler
}

// routeTable is every route there is. A path with a literal segment stands above one with a parameter in its place.
func routeTable() []route {
	const tenants, instances, keys, sessions = "/tenants", "/instances", "/customer-managed-keys", "/graph-analytics/sessions"
	const tenant, instance, key, session = tenants + "/{tenantId}", instances + "/{instanceId}", keys + "/{keyId}", sessions + "/{sessionId}"
	const snapshots, snapshot = instance + "/snapshots", instance + "/snapshots/{snapshotId}"
	return []route{
		{"GET", tenants, "list_tenants", (*Server).listTenants},
		{"GET", tenant, "get_tenant", (*Server).getTenant},
		{"GET", tenant + "/metrics-integration", "get_metrics_integration", (*Server).metricsIntegration},

		{"GET", instances, "list_instances", (*Server).listInstances},
		{"POST", instances, "create_instance", (*Server).createInstance},
		{"POST", instances + "/sizing", "estimate_instance_size", (*Server).estimateSize},
		{"GET", instance, "get_instance", (*Server).getInstance},
		{"PATCH", instance, "update_instance", (*Server).patchInstance},
		{"DELETE", instance, "delete_instance", (*Server).deleteInstance},
		{"POST", instance + "/pause", "pause_instance", (*Server).pauseInstance},
		{"POST", instance + "/resume", "resume_instance", (*Server).resumeInstance},
		{"POST", instance + "/overwrite", "overwrite_instance", (*Server).overwriteInstance},
		{"POST", instance + "/upgrade", "upgrade_instance", (*Server).upgradeInstance},

		{"GET", snapshots, "list_snapshots", (*Server).listSnapshots},
		{"POST", snapshots, "create_snapshot", (*Server).createSnapshot},
		{"GET", snapshot, "get_snapshot", (*Server).getSnapshot},
		{"POST", snapshot + "/restore", "restore_snapshot", (*Server).restoreSnapshot},

		{"GET", keys, "list_customer_managed_keys", (*Server).listKeys},
		{"POST", keys, "create_customer_managed_key", (*Server).createKey},
		{"GET", key, "get_customer_managed_key", (*Server).getKey},
		{"DELETE", key, "delete_customer_managed_key", (*Server).deleteKey},

		{"GET", sessions, "list_sessions", (*Server).listSessions},
		{"POST", sessions, "create_session", (*Server).createSession},
		{"POST", sessions + "/sizing", "estimate_session_size", (*Server).estimateSession},
		{"GET", session, "get_session", (*Server).getSession},
		{"DELETE", session, "delete_session", (*Server).deleteSession},
	}
}

// Endpoint is one operation of the v1 API.
type Endpoint struct {
	Method    string
	Path      string // below /v1, with parameters in braces: /instances/{instanceId}
	Operation string // our short name for it, such as pause_instance
}

// Endpoints is every operation the simulator has, straight from its route table: what documentation lists and what
// tests of coverage count. POST /oauth/token is not among them: it belongs to no version of the API.
func Endpoints() []Endpoint {
	var out []Endpoint
	for _, r := range routeTable() {
		out = append(out, Endpoint{Method: r.method, Path: r.path, Operation: r.operation})
	}
	return out
}

// call is a request on its way through the API.
type call struct {
	now    time.Time
	who    Credential
	params map[string]string
	query  url.Values
	body   []byte

	metricsURL string // scheme and host of the metrics addresses in the answer
}

// handle is everything behind the faults: token endpoint, metrics, gateway, API.
func (s *Server) handle(r *http.Request, place string, body []byte, entry *Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.store.settle(now)
	out, err := s.dispatch(r, place, body, entry, now)
	if err != nil {
		out = answerTo(err)
	}
	if s.quirks.APIExpires && r.URL.Path != tokenPath && !strings.HasPrefix(r.URL.Path, metricsPrefix) {
		out.header = maps.Clone(out.header)
		if out.header == nil {
			out.header = http.Header{}
		}
		out.header.Set("X-Tyk-Api-Expires", expiryNotice(now))
	}
	return out
}

// expiryNotice is the midnight 90 days ahead, as Aura's gateway writes it.
func expiryNotice(now time.Time) string {
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 90).Format(time.RFC1123)
}

func (s *Server) dispatch(r *http.Request, place string, body []byte, entry *Request, now time.Time) (answer, error) {
	if r.URL.Path == tokenPath {
		entry.ClientID = claimant(r)
		if r.Method != http.MethodPost {
			return answer{}, wrongMethod("POST")
		}
		return s.auth.issue(r, body, now)
	}
	if strings.HasPrefix(r.URL.Path, metricsPrefix) {
		return s.metrics(r, entry, now)
	}
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		return answer{}, gateway(http.StatusNotFound, "Not Found")
	}
	who, err := s.auth.owner(r, now, s.quirks.Expired403)
	if err != nil {
		return answer{}, err
	}
	entry.ClientID = who.ClientID
	if wait, ok := s.rate.admit(who.ClientID, now); !ok {
		return answer{}, tooMany(wait)
	}
	found, params, err := s.find(r)
	if err != nil {
		return answer{}, err
	}
	if err := checkContentType(r); err != nil {
		return answer{}, err
	}
	return found.handler(s, &call{
		now: now, who: who, params: params, query: r.URL.Query(), body: body,
		metricsURL: cmp.Or(s.metricsURL, place, metricsHost),
	})
}

func (s *Server) find(r *http.Request) (route, map[string]string, error) {
	var methods []string
	for _, candidate := range s.routes {
		params, ok := match("/v1"+candidate.path, r.URL.EscapedPath())
		if !ok {
			continue
		}
		if candidate.method == r.Method {
			return candidate, params, nil
		}
		if !slices.Contains(methods, candidate.method) {
			methods = append(methods, candidate.method)
		}
	}
	if len(methods) > 0 {
		return route{}, nil, wrongMethod(methods...)
	}
	return route{}, nil, gateway(http.StatusNotFound, "Not Found")
}

// match compares segment by segment and unescapes afterwards: a snapshot ID may hold an escaped slash.
func match(pattern, path string) (map[string]string, bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	params := map[string]string{}
	for i, segment := range want {
		value, err := url.PathUnescape(got[i])
		if err != nil || value == "" && segment != "" {
			return nil, false
		}
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			params[strings.TrimSuffix(name, "}")] = value
		} else if value != segment {
			return nil, false
		}
	}
	return params, true
}

func wrongMethod(allowed ...string) *problem {
	p := gateway(http.StatusMethodNotAllowed, "Method Not Allowed")
	p.header = http.Header{"Allow": {strings.Join(allowed, ", ")}}
	return p
}

// checkContentType is as strict as Aura: a POST with no body needs the header too.
func checkContentType(r *http.Request) error {
	if r.Method != http.MethodPost && r.Method != http.MethodPatch {
		return nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return gateway(http.StatusUnsupportedMediaType, "Unsupported Media Type: Content-Type must be application/json")
	}
	return nil
}

// fields reads the body of a request that has one; read takes what it wants and checks it.
func (c *call) fields(read func(*object)) error {
	var found []complaint
	o, err := parseObject(c.body, "", &found)
	if err != nil {
		return invalid([]complaint{{message: "Request body: " + err.Error()}})
	}
	read(o)
	o.done()
	if len(found) > 0 {
		return invalid(found)
	}
	return nil
}

// noFields accepts nothing and {}, for operations that take no arguments.
func (c *call) noFields() error {
	if len(strings.TrimSpace(string(c.body))) == 0 {
		return nil
	}
	return c.fields(func(*object) {})
}

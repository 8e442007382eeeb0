package aurasim

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const tokenPath = "/oauth/token"

// handler answers a request that has passed the gateway. It runs under the server's lock with the store settled.
type handler func(*call) (answer, error)

type route struct {
	method  string
	path    string // {…} is one segment
	handler handler
}

// routeTable is every route there is. A path with a literal segment stands above one with a parameter in its place.
func (s *Server) routeTable() []route {
	return []route{
		{"GET", "/v1/tenants", s.listTenants},
		{"GET", "/v1/tenants/{tenant}", s.getTenant},
		{"GET", "/v1/tenants/{tenant}/metrics-integration", s.metricsIntegration},

		{"GET", "/v1/instances", s.listInstances},
		{"POST", "/v1/instances", s.createInstance},
		{"POST", "/v1/instances/sizing", s.estimateSize},
		{"GET", "/v1/instances/{instance}", s.getInstance},
		{"PATCH", "/v1/instances/{instance}", s.patchInstance},
		{"DELETE", "/v1/instances/{instance}", s.deleteInstance},
		{"POST", "/v1/instances/{instance}/pause", s.pauseInstance},
		{"POST", "/v1/instances/{instance}/resume", s.resumeInstance},
		{"POST", "/v1/instances/{instance}/overwrite", s.overwriteInstance},
		{"POST", "/v1/instances/{instance}/upgrade", s.upgradeInstance},

		{"GET", "/v1/instances/{instance}/snapshots", s.listSnapshots},
		{"POST", "/v1/instances/{instance}/snapshots", s.createSnapshot},
		{"GET", "/v1/instances/{instance}/snapshots/{snapshot}", s.getSnapshot},
		{"POST", "/v1/instances/{instance}/snapshots/{snapshot}/restore", s.restoreSnapshot},
	}
}

// call is a request on its way through the API.
type call struct {
	now    time.Time
	who    Credential
	params map[string]string
	query  url.Values
	body   []byte
}

// handle is everything behind the faults: token endpoint, gateway, API.
func (s *Server) handle(r *http.Request, body []byte, entry *Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.store.settle(now)
	out, err := s.dispatch(r, body, entry, now)
	if err != nil {
		return answerTo(err)
	}
	return out
}

func (s *Server) dispatch(r *http.Request, body []byte, entry *Request, now time.Time) (answer, error) {
	if r.URL.Path == tokenPath {
		entry.ClientID = claimant(r)
		if r.Method != http.MethodPost {
			return answer{}, wrongMethod("POST")
		}
		return s.auth.issue(r, body, now)
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
	return found.handler(&call{now: now, who: who, params: params, query: r.URL.Query(), body: body})
}

func (s *Server) find(r *http.Request) (route, map[string]string, error) {
	var methods []string
	for _, candidate := range s.routes {
		params, ok := match(candidate.path, r.URL.EscapedPath())
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

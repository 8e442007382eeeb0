package httpd

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// local keeps web pages of others out. A page can send requests to any address that its browser reaches, with a name of its own
// that it lets point here (DNS rebinding) or as a simple request that needs no consent; so the name must be ours, and a
// request that a page sent, which browsers mark, must come from a page that the settings name.
func (s *Server) local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe := r.URL.Path == HealthPath || r.URL.Path == readyPath // asked by address, and says nothing worth having
		if !probe && !s.hostAllowed(r.Host) {
			refuse(w, http.StatusForbidden, "this server does not answer to that host name (setting public_url)")
			return
		}
		origins := r.Header.Values("Origin")
		page := strings.HasPrefix(r.URL.Path, PagesPath) // for nobody's pages but our own, whatever the settings allow
		if len(origins) > 1 || (len(origins) == 1 && !s.originAllowed(r, origins[0], page)) {
			refuse(w, http.StatusForbidden, "pages of that origin may not talk to this server (setting allowed_origins)")
			return
		}
		if len(origins) == 0 && !probe && fromAnotherSite(r) {
			refuse(w, http.StatusForbidden, "pages of another site may not talk to this server")
			return
		}
		if len(origins) == 1 && !page {
			s.share(w, origins[0])
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// hostAllowed: a name that means this machine wherever it is said, or the public one. No foreign page can have either.
func (s *Server) hostAllowed(host string) bool {
	if s.PublicURL != nil && sameHost(host, s.PublicURL.Host, s.PublicURL.Scheme) {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	return Loopback(strings.Trim(name, "[]"))
}

// Loopback reports whether a host name or address can only mean the machine that says it.
func Loopback(name string) bool {
	addr, err := netip.ParseAddr(name)
	return strings.EqualFold(name, "localhost") || err == nil && addr.IsLoopback()
}

// originAllowed: the server's own pages, and those that the settings name.
func (s *Server) originAllowed(r *http.Request, origin string, ownOnly bool) bool {
	if !ownOnly && slices.Contains(s.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || !s.hostAllowed(u.Host) {
		return false
	}
	if s.PublicURL != nil && sameHost(u.Host, s.PublicURL.Host, s.PublicURL.Scheme) {
		return u.Scheme == s.PublicURL.Scheme // whatever host name a proxy makes of it
	}
	return strings.EqualFold(u.Host, r.Host) && (u.Scheme == "http" || u.Scheme == "https")
}

// sameHost compares hosts with ports; the scheme's own may be left out.
func sameHost(a, b, scheme string) bool {
	port := map[string]string{"http": ":80", "https": ":443"}[scheme]
	return strings.EqualFold(strings.TrimSuffix(a, port), strings.TrimSuffix(b, port))
}

// fromAnotherSite is what browsers say where they send no origin: of pictures, scripts and frames. Going to an address is not
// meant by it.
func fromAnotherSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "none" && site != "same-origin" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// share lets the page of an allowed origin send its requests and read the answers.
func (s *Server) share(w http.ResponseWriter, origin string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name")
	h.Set("Access-Control-Expose-Headers", "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, X-Request-Id")
	h.Set("Access-Control-Max-Age", "600")
}

// refuse answers in the form that MCP clients read: a JSON-RPC error without an ID.
func refuse(w http.ResponseWriter, status int, message string) {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": nil, "error": map[string]any{"code": -32600, "message": message}})
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

package aurasim

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// createSession gets the session of this name in the tenant, or creates it. One that has ended keeps its name, and
// says in its answer that it has ended, until it is deleted.
func (s *Server) createSession(c *call) (answer, error) {
	out, err := s.sessionByName(c)
	return out, s.quirks.distortRefusal(err)
}

func (s *Server) sessionByName(c *call) (answer, error) {
	want, err := readSession(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.placeSession(c, &want); err != nil {
		return answer{}, err
	}
	for _, x := range s.store.sessions {
		if x.TenantID != want.TenantID || x.Name != want.Name {
			continue
		}
		if other := differences(x, &want); len(other) > 0 {
			return answer{}, refuseSession(http.StatusConflict, "session `%s` already exists for project `%s` with different parameters: %s",
				x.Name, x.TenantID, strings.Join(other, ", "))
		}
		return s.sessionAnswer(http.StatusOK, x, c.now), nil
	}
	if in, attached := s.store.instances[want.InstanceID]; attached && in.status(c.now) != statusRunning {
		return answer{}, busy(in.ID, in.status(c.now))
	}
	want.ID, want.CreatedAt, want.began = s.store.newSessionID(want.InstanceID), c.now, c.now
	want.UserID = userOf(c.who.ClientID)
	s.store.sessions = append(s.store.sessions, &want)
	return s.sessionAnswer(http.StatusAccepted, &want, c.now), nil
}

func readSession(c *call) (session, error) {
	want := session{ttl: usualTTL}
	err := c.fields(func(o *object) {
		want.SessionState = SessionState{
			Name: o.filled("name"), Memory: o.oneOf("memory", sessionMemorySizes()),
			InstanceID: o.filled("instance_id"), DatabaseID: o.oneName("database_uuid", "database_id"),
			TenantID:      o.oneName("tenant_id", "project_id"),
			CloudProvider: o.oneOf("cloud_provider", providers()), Region: o.filled("region"),
		}
		o.require("name")
		o.require("memory")
		if text := o.filled("ttl"); text != "" {
			ttl, wrong := parseTTL(text)
			if wrong != "" {
				o.complain("ttl", "%s", wrong)
			}
			want.ttl = ttl
		}
		checkPlace(o)
	})
	return want, err
}

// checkPlace lets a session be attached to an instance or stand alone somewhere, and not both.
func checkPlace(o *object) {
	attached, alone := o.has("instance_id"), o.has("cloud_provider") || o.has("region")
	switch {
	case attached && alone:
		o.complain("instance_id", "must not be given together with cloud_provider and region")
	case attached:
	case !alone:
		o.complain("instance_id", "is required, or else cloud_provider and region")
	default:
		o.require("cloud_provider")
		o.require("region")
		if !o.has("project_id") {
			o.require("tenant_id")
		}
		for _, name := range []string{"database_uuid", "database_id"} {
			if o.has(name) {
				o.complain(name, "needs instance_id")
			}
		}
	}
}

// oneName reads a field that goes by an old and a new name.
func (o *object) oneName(old, now string) string {
	a, b := o.filled(old), o.filled(now)
	if o.has(old) && o.has(now) && a != b {
		o.complain(now, "%q is not the %s %q", b, old, a)
	}
	return cmp.Or(a, b)
}

// placeSession finds out where a session is to be, and whether the caller may have it there.
func (s *Server) placeSession(c *call, want *session) error {
	if want.InstanceID != "" {
		in, err := s.visible(c, want.InstanceID)
		if err != nil {
			return err
		}
		if want.TenantID != "" && want.TenantID != in.TenantID {
			return invalidField("tenant_id", "instance %s is not in tenant %s", in.ID, want.TenantID)
		}
		want.TenantID, want.CloudProvider, want.Region = in.TenantID, in.CloudProvider, in.Region
		return nil
	}
	tenant, ok := s.store.tenant(want.TenantID)
	if !ok || !c.who.sees(tenant.ID) {
		return unauthorized()
	}
	if !tenant.offers(want.CloudProvider, want.Region, "") {
		return invalidField("region", "%s %s is not on offer for %s", want.CloudProvider, want.Region, tenant.Name)
	}
	return nil
}

// differences names what a session of this name has otherwise than asked for.
func differences(x, want *session) []string {
	var out []string
	for _, p := range []struct{ name, is, requested string }{
		{"Memory", x.Memory, want.Memory},
		{"TTL", ttlText(x.ttl), ttlText(want.ttl)},
		{"InstanceID", x.InstanceID, want.InstanceID},
		{"DatabaseID", x.DatabaseID, want.DatabaseID},
		{"CloudProvider", x.CloudProvider, want.CloudProvider},
		{"Region", x.Region, want.Region},
	} {
		if p.is != p.requested {
			out = append(out, fmt.Sprintf("%s (is: %s, requested: %s)", p.name, p.is, p.requested))
		}
	}
	return out
}

// parseTTL reads a Go duration with days in front if there are any, or says what is wrong with it.
func parseTTL(text string) (ttl time.Duration, wrong string) {
	parts := regexp.MustCompile(`^(?:(\d{1,3})d)?([0-9hms.]*)$`).FindStringSubmatch(text)
	if len(parts) != 3 || text == "" {
		return 0, fmt.Sprintf(`%q is not a duration, such as "30m", "1h" or "1d12h"`, text)
	}
	days, _ := strconv.Atoi("0" + parts[1])
	if parts[2] != "" {
		var err error
		if ttl, err = time.ParseDuration(parts[2]); err != nil {
			return 0, fmt.Sprintf(`%q is not a duration, such as "30m", "1h" or "1d12h"`, text)
		}
	}
	if ttl <= sessionsLimit {
		ttl += time.Duration(days) * 24 * time.Hour
	}
	if ttl <= 0 || ttl > sessionsLimit {
		return 0, fmt.Sprintf("%q: must be more than nothing and at most 7 days", text)
	}
	return ttl, ""
}

// ttlText is Go's way of writing a duration with days in front of it.
func ttlText(ttl time.Duration) string {
	const day = 24 * time.Hour
	days, rest := ttl/day, ttl%day
	switch {
	case days == 0:
		return rest.String()
	case rest == 0:
		return fmt.Sprintf("%dd", days)
	default:
		return fmt.Sprintf("%dd%s", days, rest)
	}
}

func (s *Server) estimateSession(c *call) (answer, error) {
	var bytes float64
	algorithms := 0
	err := c.fields(func(o *object) {
		o.require("node_count")
		o.require("relationship_count")
		count := func(name string) float64 {
			n := o.whole(name)
			if n < 0 {
				o.complain(name, "%d: must not be negative", n)
			}
			return float64(n)
		}
		bytes = count("node_count")*(128+8*count("node_property_count")+8*count("node_label_count")) +
			count("relationship_count")*(64+8*count("relationship_property_count"))
		algorithms = readAlgorithms(o)
	})
	if err != nil {
		return answer{}, s.quirks.distortRefusal(err)
	}
	out := sizing(bytes, algorithms, sessionMemorySizes())
	return data(http.StatusOK, wireSessionSizing{EstimatedMemory: out.MinRequiredMemory, RecommendedSize: out.RecommendedSize}), nil
}

// readAlgorithms counts what is to run, which is said in categories or by name.
func readAlgorithms(o *object) int {
	categories := o.eachOf("algorithm_categories", algorithmCategories())
	named := o.objects("algorithms")
	for _, a := range named {
		a.requireText("name")
		a.anyObject("config")
		a.done()
	}
	if o.has("algorithm_categories") && o.has("algorithms") {
		o.complain("algorithms", "must not be given together with algorithm_categories")
	}
	return len(categories) + len(named)
}

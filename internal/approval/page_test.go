package approval

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
)

// stand is a page over a gate with one operation, without a network.
type stand struct {
	t       *testing.T
	page    *Page
	gate    *guard.Gate
	desk    *guard.Desk
	ran     []string
	cancels []context.CancelFunc
}

type thing struct {
	Thing string `json:"thing"`
}

type outcome struct {
	State   op.State `json:"state"`
	Message string   `json:"message"`
}

func newStand(t *testing.T, pin guard.PIN) *stand {
	t.Helper()
	s := &stand{t: t, page: &Page{Log: slog.New(slog.DiscardHandler), host: "127.0.0.1:4711", secret: "the-secret"}}
	var err error
	s.gate, err = guard.New(guard.Options{
		Policy: guard.Fixed(guard.Policy{}), Journal: audit.InMemory(), Log: s.page.Log, PIN: pin,
		Doors: guard.Doors{Page: func(context.Context, *guard.Desk) error { return nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.desk = s.gate.Desk(op.Local)
	s.page.desk = s.desk
	return s
}

// ask has the operation called for a thing, as a model would, and returns the ID of its question.
func (s *stand) ask(thingName, client string, effects op.Effects) string {
	s.t.Helper()
	plan := op.Plan{Effects: effects, Headline: `Destroy the thing "x".`, Confirm: thingName, Targets: []op.Resource{{Kind: "thing", ID: thingName, Name: thingName}}}
	o := op.Acts(op.Spec{Name: "destroy_thing", Title: "t", Description: "d", Toolset: "t", Effects: effects},
		func(context.Context, thing) (op.Plan, error) { return plan, nil },
		func(_ context.Context, _ op.Call, in thing, _ op.Plan) (outcome, error) {
			s.ran = append(s.ran, in.Thing)
			return outcome{op.Done, "the thing is \u202egone <b>"}, nil
		})
	ctx, cancel := context.WithCancel(s.t.Context())
	s.cancels = append(s.cancels, cancel)
	go s.gate.Handle(ctx, o, op.Call{Caller: op.Caller{Profile: "work", Principal: op.Local}, Client: client}, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "destroy_thing", Arguments: map[string]any{"thing": thingName}}})
	synctest.Wait()
	list := s.desk.List()
	return list[len(list)-1].ID
}

// get and post are what a browser on the page does; change adjusts the request first.
func (s *stand) get(path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://127.0.0.1:4711/the-secret/"+path, nil)
	return s.send(r, change)
}

func (s *stand) post(path string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://127.0.0.1:4711/the-secret/"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://127.0.0.1:4711")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.send(r, change)
}

func (s *stand) send(r *http.Request, change []func(*http.Request)) *httptest.ResponseRecorder {
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	s.page.handler().ServeHTTP(w, r)
	synctest.Wait()
	return w
}

func (s *stand) shows(w *httptest.ResponseRecorder, status int, want ...string) {
	s.t.Helper()
	if w.Code != status {
		s.t.Errorf("status %d, want %d", w.Code, status)
	}
	for _, part := range want {
		if !strings.Contains(w.Body.String(), part) {
			s.t.Errorf("the page does not say %q:\n%s", part, w.Body)
		}
	}
}

func yes() url.Values { return url.Values{"decision": {"approve"}} }

func typing(name, pin string) url.Values {
	return url.Values{"decision": {"approve"}, "typed": {name}, "pin": {pin}}
}

func TestThePageShowsEachStage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, nil)
		s.shows(s.get(""), 200, "Nothing to approve")
		id := s.ask("x", "claude\u202e-ai\"", op.Disruptive)
		first := s.get("")
		s.shows(first, 200, "<title>Approve? Destroy the thing &#34;x&#34;.</title>", "profile work", "interrupts whoever uses it", `value="approve"`, "claude\\u202e-ai\\&#34;", "Open until")
		if strings.Contains(first.Body.String(), "autofocus") || strings.Contains(first.Body.String(), "<script") || first.Header().Get("Refresh") != "" {
			t.Errorf("the form takes the focus, needs script or goes away while somebody reads:\n%s", first.Body)
		}
		if to := s.post(id, yes()); to.Code != http.StatusSeeOther || to.Header().Get("Location") != id {
			t.Errorf("sent on to %q with %d", to.Header().Get("Location"), to.Code)
		}
		done := s.get(id)
		s.shows(done, 200, `<h1 id="outcome">Done</h1>`, "the thing is \\u202egone &lt;b&gt;", "Go back to your assistant")
		if done.Header().Get("Refresh") != "2; url=./?after="+id {
			t.Errorf("it does not look for the next question: %q", done.Header().Get("Refresh"))
		}
		s.shows(s.post(id, yes()), 409, "closed before your answer came")
		second := s.ask("y", "", op.Disruptive)
		s.shows(s.get("?after="+id), 200, "Before this:", "Done.", "a program that gives no name", `action="`+second+`"`)
		s.shows(s.post(second, url.Values{"decision": {"refuse"}}), 303)
		s.shows(s.get(second), 200, "Refused", "the person declined")
		third := s.ask("z", "", op.Disruptive)
		s.cancels[2]()
		synctest.Wait()
		s.shows(s.post(third, yes()), 409, "Withdrawn", "has taken it back")
		fourth := s.ask("w", "", op.Disruptive)
		queued := s.ask("v", "", op.Disruptive)
		s.shows(s.get(queued), 200, "Another question comes first")
		s.shows(s.post(queued, yes()), 409, "Another question comes first")
		<-time.After(5 * time.Minute)
		s.shows(s.post(fourth, yes()), 409, "Too late", "Nobody decided in time")
		<-time.After(16 * time.Minute)
		s.ask("u", "", op.Disruptive)
		s.shows(s.get(id), 404, "This question is not open", "Show what is open now")
		if len(s.ran) != 1 || s.ran[0] != "x" {
			t.Errorf("ran %v", s.ran)
		}
	})
}

func TestThePageWantsTheNameAndThePIN(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, onlyPIN("4711"))
		id := s.ask("precious", "", op.Destructive)
		s.shows(s.get(""), 200, `type exactly <code id="name">precious</code>`, "Your approval PIN")
		s.shows(s.post(id, typing("precious", "")), 422, "that PIN is wrong", `value="precious"`, `aria-invalid="true"`)
		s.shows(s.post(id, typing("pre", "4711")), 422, "not the exact name; it can be typed 2 times more", `role="alert"`)
		s.shows(s.post(id, url.Values{}), 400)
		s.shows(s.post(id, url.Values{"decision": {"maybe"}}), 400)
		s.shows(s.post(id, url.Values{"decision": {"approve"}, "typed": {strings.Repeat("x", 2*maxForm)}}), 400)
		if len(s.ran) != 0 {
			t.Fatalf("ran %v", s.ran)
		}
		s.shows(s.post(id, typing("precious", "4711")), 303)
		if len(s.ran) != 1 {
			t.Errorf("ran %v", s.ran)
		}
	})
}

type onlyPIN string

func (p onlyPIN) Set() (bool, error)               { return true, nil }
func (p onlyPIN) Matches(pin string) (bool, error) { return pin == string(p), nil }

func TestOnlyThePageItselfDecides(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	tests := []struct {
		name   string
		change func(*http.Request)
		status int
		reads  bool // looking is refused as well
	}{
		{"a foreign origin", header("Origin", "https://evil.example"), 403, false},
		{"no origin", func(r *http.Request) { r.Header.Del("Origin") }, 403, false},
		{"the origin of a sandboxed page", header("Origin", "null"), 403, false},
		{"another port of this machine", header("Origin", "http://127.0.0.1:4712"), 403, false},
		{"sent across sites", header("Sec-Fetch-Site", "cross-site"), 403, false},
		{"a name that points here", func(r *http.Request) { r.Host = "evil.example:4711" }, 404, true},
		{"localhost", func(r *http.Request) { r.Host = "localhost:4711" }, 404, true},
		{"a guessed address", func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "the-secret", "the-secreu", 1) }, 404, true},
		{"no address", func(r *http.Request) { r.URL.Path = "/" }, 404, true},
		{"part of the address", func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "the-secret", "the", 1) }, 404, true},
		{"another method", func(r *http.Request) { r.Method = http.MethodPut }, 405, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t, nil)
				id := s.ask("x", "", op.Disruptive)
				s.shows(s.post(id, yes(), tt.change), tt.status)
				if tt.reads {
					w := s.get("", tt.change)
					s.shows(w, tt.status)
					if strings.Contains(w.Body.String(), "thing") {
						t.Errorf("it shows %s", w.Body)
					}
				}
				if len(s.ran) != 0 {
					t.Errorf("ran %v", s.ran)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, nil)
		h := s.get("").Header()
		for name, want := range map[string]string{"X-Frame-Options": "DENY", "Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff"} {
			if h.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, h.Get(name), want)
			}
		}
		if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || !strings.Contains(csp, "frame-ancestors 'none'") || h.Get("Set-Cookie") != "" {
			t.Errorf("policy %q, cookie %q", csp, h.Get("Set-Cookie"))
		}
	})
}

func TestAnOpenPageIsNotOpenedAgain(t *testing.T) {
	t.Parallel()
	var opened []string
	dir := t.TempDir()
	p := &Page{
		Open: func(_ context.Context, file string) error { opened = append(opened, file); return nil },
		Dir:  func(context.Context) (string, error) { return dir, nil },
		Log:  slog.New(slog.DiscardHandler),
	}
	defer p.Close()
	s := newStand(t, nil)
	if err := p.Show(t.Context(), s.desk); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(opened[0])
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(opened[0])
	if err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(string(content), p.address()) {
		t.Errorf("the file has mode %v and says %s", info.Mode(), content)
	}
	look := func() {
		response, err := http.Get(p.address())
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), "aura-mcp") {
			t.Errorf("%s, %v", body, err)
		}
	}
	look()
	picked := make(chan error)
	go func() { picked <- p.Show(t.Context(), s.desk) }()
	for pending := true; pending; { // an open page asks again and again
		look()
		select {
		case err := <-picked:
			pending = false
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Millisecond):
		}
	}
	if len(opened) != 1 {
		t.Errorf("opened %d times", len(opened))
	}
	p.Close()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"aura-mcp/internal/approval"
	"aura-mcp/internal/guard"
)

// person at a real browser, driven by clicks.
type browserPerson struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp's own way
	rig *rig
}

// inBrowser joins the product to a headless Chromium. Its tests are skipped where there is none, unless they have to run
// (make browser).
func inBrowser(t *testing.T, adjust ...func(*rigOptions)) *browserPerson {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	switch {
	case program == "" && os.Getenv("BROWSER_TESTS") == "required":
		t.Fatal("there is no Chromium, and this run requires one")
	case program == "":
		t.Skip("no Chromium: install it, or run make browser, to test the approval page with clicks")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(900, 900), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() { stop(); cancel(); cancelAllocator() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	b := &browserPerson{t: t, ctx: ctx}
	dir := t.TempDir()
	page := &approval.Page{
		Log: slog.New(slog.DiscardHandler),
		Dir: func(context.Context) (string, error) { return dir, nil },
		Open: func(_ context.Context, file string) error {
			return chromedp.Do(ctx, chromedp.Navigate("file://"+file))
		},
	}
	t.Cleanup(page.Close)
	b.rig = newRig(t, append([]func(*rigOptions){func(o *rigOptions) { o.doors = guard.Doors{Page: page.Show}; o.sim.Speed = 1000 }}, adjust...)...)
	return b
}

func (b *browserPerson) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

func ask[T any](b *browserPerson, a chromedp.Action[T]) T {
	b.t.Helper()
	answer, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
	return answer
}

// sees waits for an element and returns its text.
func (b *browserPerson) sees(selector string, want ...string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	text := ask(b, chromedp.Text(chromedp.CSS(selector)))
	for _, w := range want {
		if !strings.Contains(text, w) {
			b.t.Errorf("%s says %q, want %q", selector, text, w)
		}
	}
}

// photograph keeps what is seen in both colour schemes, where a directory for it is given.
func (b *browserPerson) photograph(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
			b.t.Fatal(err)
		}
		picture := ask(b, chromedp.FullScreenshot(100))
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), picture, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

func TestBrowserApprovesByAClick(t *testing.T) {
	t.Parallel()
	b := inBrowser(t)
	c := b.rig.connect(modern, nil)
	said := b.rig.begin(t.Context(), c, "pause_instance", map[string]any{"instance": "prod"})
	b.sees("main", `Pause the database "prod".`, "interrupts whoever uses it", `"Production"`, `the program that calls itself "test"`)
	if focused := ask(b, chromedp.Evaluate[string](`document.activeElement.tagName`)); focused != "BODY" {
		t.Errorf("%s has the focus: a key pressed for something else would decide", focused)
	}
	b.photograph("pause")
	b.do(chromedp.Click(chromedp.CSS("#approve")))
	b.sees("#outcome", "Aura is carrying it out")
	b.sees("#status", "prod")
	b.photograph("done")
	if text := <-said; !strings.Contains(text, `"state":"accepted"`) || len(b.rig.changes()) != 1 {
		t.Errorf("sent %v, told %s", b.rig.changes(), text)
	}

	// The next question appears on the page that is open, with what became of the one before.
	said = b.rig.begin(t.Context(), c, "delete_instance", map[string]any{"instance": "staging"})
	b.sees("#typed")
	b.sees("#before", `Pause the database "prod".`, "Aura is carrying it out.")
	b.do(chromedp.SendKeys(chromedp.CSS("#typed"), "stagign"), chromedp.Click(chromedp.CSS("#approve")))
	b.sees("#problem", "not the exact name; it can be typed 2 times more")
	b.photograph("delete-wrong-name")
	b.do(chromedp.Clear(chromedp.CSS("#typed")), chromedp.SendKeys(chromedp.CSS("#typed"), "Staging"), chromedp.Click(chromedp.CSS("#approve")))
	b.sees("#problem", "typed")
	waitUntil(t, func() bool {
		return strings.Contains(ask(b, chromedp.Text(chromedp.CSS("#problem"))), "it can be typed once more")
	})
	b.do(chromedp.Clear(chromedp.CSS("#typed")), chromedp.SendKeys(chromedp.CSS("#typed"), "staging\r")) // Enter is enough once the name is there
	b.sees("#outcome", "Aura is carrying it out")
	if text := <-said; !strings.Contains(text, `"state":"accepted"`) || len(b.rig.changes()) != 2 {
		t.Errorf("sent %v, told %s", b.rig.changes(), text)
	}
}

func TestBrowserRefuses(t *testing.T) {
	t.Parallel()
	b := inBrowser(t)
	c := b.rig.connect(legacy, nil)
	said := b.rig.begin(t.Context(), c, "delete_instance", map[string]any{"instance": "prod"})
	b.sees("#typed")
	b.photograph("delete")
	b.do(chromedp.Focus(chromedp.CSS("#refuse")), chromedp.KeyEvent("\r"))
	b.sees("#outcome", "Refused")
	b.photograph("refused")
	if text := <-said; !strings.Contains(text, "the person declined") || len(b.rig.changes()) != 0 {
		t.Errorf("sent %v, told %s", b.rig.changes(), text)
	}
}

func TestBrowserUsesAPlanOnce(t *testing.T) {
	t.Parallel()
	b := inBrowser(t)
	said := b.rig.begin(t.Context(), b.rig.connect(modern, nil), "pause_instance", map[string]any{"instance": "prod"})
	b.sees("#approve")
	address := ask(b, chromedp.Location())
	other, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	second := &browserPerson{t: t, ctx: other, rig: b.rig}
	second.do(chromedp.Navigate(address))
	second.sees("#approve")
	b.do(chromedp.Click(chromedp.CSS("#approve")))
	b.sees("#outcome", "Aura is carrying it out")
	second.do(chromedp.Click(chromedp.CSS("#approve")))
	second.sees("#outcome", "Aura is carrying it out")
	second.sees("main", "closed before your answer came")
	second.photograph("used")
	<-said
	if got := b.rig.changes(); len(got) != 1 {
		t.Errorf("sent %v", got)
	}
}

func TestBrowserShowsWhatWasTakenBack(t *testing.T) {
	t.Parallel()
	b := inBrowser(t)
	ctx, cancel := context.WithCancel(t.Context())
	said := b.rig.begin(ctx, b.rig.connect(modern, nil), "pause_instance", map[string]any{"instance": "prod"})
	b.sees("#approve")
	cancel()
	<-said
	waitUntil(t, func() bool {
		entries, _, err := b.rig.journal.Read(time.Time{})
		return err == nil && len(entries) == 1
	})
	b.do(chromedp.Click(chromedp.CSS("#approve")))
	b.sees("#outcome", "Withdrawn")
	b.photograph("withdrawn")
	if got := b.rig.changes(); len(got) != 0 {
		t.Errorf("sent %v", got)
	}
}

// A page elsewhere that knows even the address of the form can neither send it nor look at it.
func TestBrowserKeepsOtherPagesOut(t *testing.T) {
	t.Parallel()
	b := inBrowser(t)
	b.rig.begin(t.Context(), b.rig.connect(modern, nil), "pause_instance", map[string]any{"instance": "prod"})
	b.sees("#approve")
	form := ask(b, chromedp.Evaluate[string](`document.forms[0].action`))
	evil := http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<form method="post" action="` + form + `"><button id="lure" name="decision" value="approve">Win a prize</button></form><iframe id="frame" src="` + form + `"></iframe>`))
	})}
	address := serveLocally(t, &evil)
	other, cancel := chromedp.NewContext(b.ctx)
	defer cancel()
	lured := &browserPerson{t: t, ctx: other, rig: b.rig}
	lured.do(chromedp.Navigate(address), chromedp.Click(chromedp.CSS("#lure")))
	lured.sees("pre", "sent by another page")
	response, err := http.PostForm(form, url.Values{"decision": {"approve"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusForbidden || len(b.rig.changes()) != 0 {
		t.Errorf("status %d, sent %v", response.StatusCode, b.rig.changes())
	}
}

func TestBrowserShowsAFailure(t *testing.T) {
	t.Parallel()
	b := inBrowser(t)
	said := b.rig.begin(t.Context(), b.rig.connect(modern, nil), "pause_instance", map[string]any{"instance": "prod"})
	b.sees("#approve")
	if err := b.rig.sim.Console().SetStatus(prodID, "updating"); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Click(chromedp.CSS("#approve")))
	b.sees("#outcome", "It did not go well")
	b.sees("#status", "is busy (updating", "Nothing was changed.")
	b.photograph("failed")
	if text := <-said; !strings.Contains(text, "is busy") {
		t.Errorf("told %s", text)
	}
}

// serveLocally runs a server on loopback and returns its address.
func serveLocally(t *testing.T, s *http.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close() })
	return "http://" + listener.Addr().String() + "/"
}

// waitUntil waits for something that has no event of its own.
func waitUntil(t *testing.T, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come about in 20 s")
		}
	}
}

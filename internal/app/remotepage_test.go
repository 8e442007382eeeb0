package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"golang.org/x/crypto/argon2"

	"aura-mcp/internal/approval"
	"aura-mcp/internal/guard"
	"aura-mcp/internal/httpd"
	"aura-mcp/internal/op"
	"aura-mcp/internal/state"
	"aura-mcp/internal/vault"
)

const annasWords = "correct horse battery"

// cheapHash is a hash that costs little: most tests are not about how slow one is.
func cheapHash(words string) string {
	salt := []byte("saltsaltsaltsalt")
	key := argon2.IDKey([]byte(words), salt, 1, 64, 1, 32)
	return fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s", base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// withPassphrase is a token whose person can sign in.
func withPassphrase(name, words string) (token, table string) {
	return tokenFor(name, fmt.Sprintf("passphrase = %q", cheapHash(words)))
}

// visitor is a person's browser at the approval page.
type visitor struct {
	*browser
	s *served
}

func (s *served) visitor() *visitor { return &visitor{newBrowser(s.t), s} }

// follow opens an address and goes wherever it leads.
func (v *visitor) follow(address string) (at, page string) {
	v.t.Helper()
	for range 10 {
		location, page, _ := v.open(http.MethodGet, address, nil)
		if location == "" {
			return address, page
		}
		address = location
	}
	v.t.Fatal("the pages lead in a circle")
	return "", ""
}

// post sends a form and goes where it leads.
func (v *visitor) post(address string, form url.Values) (at, page string, status int) {
	v.t.Helper()
	location, page, status := v.open(http.MethodPost, address, form)
	if location != "" {
		at, page = v.follow(location)
		return at, page, status
	}
	return address, page, status
}

// signsIn opens an address and proves who they are.
func (v *visitor) signsIn(address, name, words string) (at, page string) {
	v.t.Helper()
	at, page = v.follow(address)
	if !strings.Contains(page, "Sign in to approve") {
		v.t.Fatalf("%s shows something before anybody signed in:\n%s", address, page)
	}
	u, err := url.Parse(at)
	if err != nil {
		v.t.Fatal(err)
	}
	at, page, _ = v.post(v.s.base+u.Path, url.Values{"to": {u.Query().Get("to")}, "name": {name}, "passphrase": {words}})
	return at, page
}

var pageAddress = regexp.MustCompile(`https?://[^\s"]+/approve/[A-Z2-7]{8}[^\s"]*`)

// decidedAt takes the address of the page out of an answer.
func decidedAt(t *testing.T, text string, failed bool) string {
	t.Helper()
	address := strings.TrimRight(pageAddress.FindString(text), ",.")
	if failed || !strings.Contains(text, `"approval_pending"`) || address == "" {
		t.Fatalf("no page to decide on: failed %v: %s", failed, text)
	}
	return address
}

// sees looks at a page, which says something.
func (v *visitor) sees(address, words string) (page string) {
	v.t.Helper()
	if _, page = v.follow(address); !strings.Contains(page, words) {
		v.t.Fatalf("%s does not say %q:\n%s", address, words, page)
	}
	return page
}

func TestAPersonElsewhereApprovesOnThePage(t *testing.T) {
	t.Parallel()
	anna, table := withPassphrase("anna", annasWords)
	s := serve(t, table, nil, "--demo")
	for era, instance := range map[string]string{legacy: "prod-orders", modern: "staging-orders"} {
		c := s.client(era, anna)
		arguments := map[string]any{"instance": instance}
		text, failed := s.call(c, "pause_instance", arguments)
		address := decidedAt(t, text, failed)
		v := s.visitor()
		if _, page := v.signsIn(address, "anna", "something else"); !strings.Contains(page, "Not signed in") || strings.Contains(page, instance) {
			t.Fatalf("a wrong passphrase was taken:\n%s", page)
		}
		at, page := v.signsIn(address, "anna", annasWords)
		if !strings.Contains(page, instance) || !strings.Contains(page, "Signed in as anna") {
			t.Fatalf("%s does not show the question:\n%s", at, page)
		}
		heard := make(chan string, 1)
		go func() { // whoever asks again waits for the decision
			text, _ := s.call(c, "pause_instance", arguments)
			heard <- text
		}()
		if _, _, status := v.post(at, url.Values{"decision": {"approve"}}); status != http.StatusSeeOther {
			t.Errorf("approving: status %d", status)
		}
		if text := <-heard; !strings.Contains(text, `"accepted"`) {
			t.Errorf("%q: the call that waited heard %s", era, text)
		}
		v.sees(at, "outcome")
	}
	text, _ := s.call(s.client(modern, anna), "list_operations", map[string]any{})
	if strings.Count(text, `"decision":"approved"`) != 2 {
		t.Errorf("the list does not say that it was approved: %s", text)
	}
}

func TestWhatIsDestroyedTakesItsNameOnThePage(t *testing.T) {
	t.Parallel()
	anna, table := withPassphrase("anna", annasWords)
	s := serve(t, table, nil, "--demo")
	c := s.client(modern, anna)
	text, failed := s.call(c, "delete_instance", map[string]any{"instance": "staging-orders"})
	v := s.visitor()
	at, _ := v.signsIn(decidedAt(t, text, failed), "anna", annasWords)
	if _, page, status := v.post(at, url.Values{"decision": {"approve"}, "typed": {"yes"}}); status != http.StatusUnprocessableEntity || !strings.Contains(page, "not the exact name") {
		t.Fatalf("yes was taken for the name: %d\n%s", status, page)
	}
	v.post(at, url.Values{"decision": {"approve"}, "typed": {"staging-orders"}})
	if text, _ := s.call(c, "delete_instance", map[string]any{"instance": "staging-orders"}); !strings.Contains(text, `"accepted"`) {
		t.Errorf("the outcome: %s", text)
	}
	v.sees(at, "outcome")
}

func TestOnlyTheirOwnPersonSeesAQuestion(t *testing.T) {
	t.Parallel()
	anna, annasTable := withPassphrase("anna", annasWords)
	_, evesTable := withPassphrase("eve", "eve's own words")
	s := serve(t, annasTable+evesTable, nil, "--demo")
	text, failed := s.call(s.client(modern, anna), "pause_instance", map[string]any{"instance": "prod-orders"})
	address := decidedAt(t, text, failed)
	eve := s.visitor()
	at, page := eve.signsIn(address, "eve", "eve's own words")
	if !strings.Contains(page, "Signed in as eve") || strings.Contains(page, "prod-orders") {
		t.Fatalf("another principal sees the question:\n%s", page)
	}
	_, page, status := eve.post(at, url.Values{"decision": {"approve"}})
	if status != http.StatusNotFound || strings.Contains(page, "prod-orders") {
		t.Errorf("another principal's approval: %d\n%s", status, page)
	}
	if _, page := s.visitor().signsIn(address, "anna", annasWords); !strings.Contains(page, "Pause") {
		t.Errorf("the question is not open any more:\n%s", page)
	}
}

func TestCredentialsOfClientsCountForNothingOnThePage(t *testing.T) {
	t.Parallel()
	anna, table := withPassphrase("anna", annasWords)
	s := serve(t, table, nil, "--demo")
	text, failed := s.call(s.client(modern, anna), "pause_instance", map[string]any{"instance": "prod-orders"})
	address, err := url.Parse(decidedAt(t, text, failed))
	if err != nil {
		t.Fatal(err)
	}
	form := map[string]string{"Authorization": "Bearer " + anna, "Content-Type": "application/x-www-form-urlencoded", "Origin": s.base}
	for _, e := range []exchange{
		{method: http.MethodGet, path: address.Path, headers: form},
		{method: http.MethodPost, path: address.Path, headers: form, body: "decision=approve"},
		{method: http.MethodPost, path: "/approve/sign-in", headers: form, body: "name=anna&passphrase=" + url.QueryEscape(annasWords)},
		{method: http.MethodGet, path: "/approve/passwords", headers: form},
	} {
		s.expect(e, http.StatusForbidden, "count for nothing")
	}
	delete(form, "Authorization")
	// Neither the address nor a token in another place lets anybody in.
	s.expect(exchange{method: http.MethodPost, path: address.Path, headers: form, body: "decision=approve"}, http.StatusForbidden, "Not signed in")
	a := s.expect(exchange{method: http.MethodGet, path: address.Path + "?access_token=" + anna, headers: map[string]string{"Cookie": "aura-mcp-person=" + anna}}, http.StatusSeeOther)
	if !strings.Contains(a.Header.Get("Location"), "/approve/sign-in") {
		t.Errorf("it leads to %s", a.Header.Get("Location"))
	}
	s.expect(exchange{method: http.MethodPost, path: "/approve/sign-in", headers: form, body: "name=anna&passphrase=" + anna}, http.StatusForbidden, "Not signed in")
	// And what the page gives is nothing for MCP.
	v := s.visitor()
	v.signsIn(address.String(), "anna", annasWords)
	u, _ := url.Parse(s.base)
	for _, c := range v.client.Jar.Cookies(u) {
		s.expect(post(c.Value, hello, "Cookie", c.Name+"="+c.Value), http.StatusUnauthorized)
	}
}

func TestPagesOfOthersCannotUseSomebodysSignIn(t *testing.T) {
	t.Parallel()
	const inspector = "https://inspector.example.com"
	anna, table := withPassphrase("anna", annasWords)
	s := serve(t, `allowed_origins = ["`+inspector+`"]`+table, nil, "--demo")
	text, failed := s.call(s.client(modern, anna), "pause_instance", map[string]any{"instance": "prod-orders"})
	v := s.visitor()
	at, _ := v.signsIn(decidedAt(t, text, failed), "anna", annasWords)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	cookie := ""
	for _, c := range v.client.Jar.Cookies(u) {
		cookie += c.Name + "=" + c.Value + "; "
	}
	for name, headers := range map[string]map[string]string{
		"another origin":            {"Origin": "https://evil.example"},
		"an origin allowed for MCP": {"Origin": inspector},
		"no origin":                 {},
		"no name of its own":        {"Origin": "null"},
		"another site, it says":     {"Origin": s.base, "Sec-Fetch-Site": "cross-site"},
		"a name that points here":   {"Origin": "http://evil.example", "Host": "evil.example"},
		"another port here":         {"Origin": "http://localhost:1"},
	} {
		headers["Cookie"], headers["Content-Type"] = cookie, "application/x-www-form-urlencoded"
		if a := s.send(exchange{method: http.MethodPost, path: u.Path, headers: headers, body: "decision=approve"}); a.StatusCode != http.StatusForbidden || a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: status %d: %s", name, a.StatusCode, a.text)
		}
	}
	a := s.expect(exchange{method: http.MethodGet, path: u.Path, headers: map[string]string{"Cookie": cookie}}, http.StatusOK, "prod-orders")
	for header, want := range map[string]string{"X-Frame-Options": "DENY", "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'"} {
		if !strings.Contains(a.Header.Get(header), want) {
			t.Errorf("%s is %q", header, a.Header.Get(header))
		}
	}
}

// A name that there is not is answered like one that there is, to the last of many tries.
func TestNobodyLearnsOnThePageWhichNamesThereAre(t *testing.T) {
	t.Parallel()
	_, table := withPassphrase("anna", annasWords)
	s := serve(t, table, nil, "--demo")
	v, untilWhen := s.visitor(), regexp.MustCompile(`\d\d:\d\d [A-Z]+`)
	for try := range 7 {
		said := map[string]string{}
		for _, name := range []string{"anna", "anne"} {
			_, page, status := v.post(s.base+"/approve/sign-in", url.Values{"name": {name}, "passphrase": {"something else"}})
			said[name] = fmt.Sprint(status, untilWhen.ReplaceAllString(strings.ReplaceAll(page, name, "NAME"), "SOON"))
		}
		if said["anna"] != said["anne"] || strings.Contains(said["anne"], "is taken before") != (try >= 5) {
			t.Fatalf("try %d: %s\nbut of a name that there is not: %s", try+1, said["anna"], said["anne"])
		}
	}
}

func TestAPersonSignsInByEveryNameOfTheServer(t *testing.T) {
	t.Parallel()
	_, table := withPassphrase("anna", annasWords)
	here := serve(t, table, nil, "--demo")
	form := url.Values{"to": {"passwords"}, "name": {"anna"}, "passphrase": {annasWords}}
	byName := strings.Replace(here.base, "127.0.0.1", "localhost", 1)
	if at, page, _ := here.visitor().post(byName+"/approve/sign-in", form); at != byName+"/approve/passwords" || !strings.Contains(page, "Signed in as anna") {
		t.Errorf("by the name of this machine: %s\n%s", at, page)
	}
	for _, written := range []string{publicAddress + ":443", "https://Aura-MCP.Example.com", "HTTPS://AURA-MCP.EXAMPLE.COM:443/"} {
		s := serve(t, table, nil, "--demo", "--public-url", written) // which browsers write in a way of their own
		if at, page, _ := s.publicVisitor().post(publicAddress+"/approve/sign-in", form); at != publicAddress+"/approve/passwords" || !strings.Contains(page, "Signed in as anna") {
			t.Errorf("with public_url %s: %s\n%s", written, at, page)
		}
		if !strings.Contains(s.log.String(), "address="+publicAddress+"/mcp ") {
			t.Errorf("public_url %s: tokens would have to be meant for another address than clients see", written)
		}
	}
}

// A client that says it can ask, and answers by itself, is not asked at all.
func TestAClientThatAnswersItselfApprovesNothing(t *testing.T) {
	t.Parallel()
	anna, table := withPassphrase("anna", annasWords)
	s := serve(t, table, nil, "--demo")
	for _, era := range []string{legacy, modern} {
		asked := false
		c := s.client(era, anna, client.WithElicitationHandler(person(func(context.Context, string) (*mcp.ElicitationResult, error) {
			asked = true
			return answered(mcp.ElicitationResponseActionAccept, "yes"), nil
		})))
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			result, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "pause_instance", Arguments: map[string]any{"instance": "prod-orders"}}})
			cancel()
			if asked || err == nil && !strings.Contains(fmt.Sprint(result.Content), "approval_pending") {
				t.Errorf("%q: asked %v: %v, %v", era, asked, result, err)
			}
		}
	}
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"resume_instance","arguments":{"instance":"dev-campaign-2025"},"requestState":"page:AAAAAAAA",` +
		`"inputResponses":{"approval":{"action":"accept","content":{"approval":"yes"}}},` +
		`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}`
	s.expect(post(anna, body, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "resume_instance"), http.StatusOK, "approval_pending")
	if text, _ := s.call(s.client(modern, anna), "get_instance", map[string]any{"instance": "prod-orders"}); !strings.Contains(text, `"running"`) {
		t.Errorf("something ran: %s", text)
	}
}

// opener is a client that opens addresses for its person.
type opener struct {
	opens func(address string) (mcp.ElicitationResponseAction, error)
	asked atomic.Int32
}

// Elicit opens the address.
func (o *opener) Elicit(_ context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	o.asked.Add(1)
	action, err := o.opens(request.Params.URL)
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: action}}, err
}

func TestAClientThatOpensAddressesOpensThePage(t *testing.T) {
	t.Parallel()
	anna, table := withPassphrase("anna", annasWords)
	s := serve(t, table, nil, "--demo")
	declared := mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{URL: &struct{}{}}}
	for era, instance := range map[string]string{"2025-11-25": "prod-orders", modern: "staging-orders"} {
		decided := make(chan struct{})
		o := &opener{opens: func(address string) (mcp.ElicitationResponseAction, error) {
			go func() { // the person takes their time
				defer close(decided)
				v := s.visitor()
				at, _ := v.signsIn(address, "anna", annasWords)
				v.post(at, url.Values{"decision": {"approve"}})
			}()
			return mcp.ElicitationResponseActionAccept, nil
		}}
		c := s.clientThat(era, anna, declared, client.WithElicitationHandler(o))
		text, failed := s.call(c, "pause_instance", map[string]any{"instance": instance})
		<-decided
		if failed || o.asked.Load() != 1 || !strings.Contains(text, `"accepted"`) {
			t.Errorf("%q: asked %d times: %s", era, o.asked.Load(), text)
		}

		refuses := &opener{opens: func(string) (mcp.ElicitationResponseAction, error) { return mcp.ElicitationResponseActionDecline, nil }}
		text, failed = s.call(s.clientThat(era, anna, declared, client.WithElicitationHandler(refuses)), "resume_instance", map[string]any{"instance": "dev-campaign-2025"})
		if refuses.asked.Load() != 1 {
			t.Errorf("%q: asked %d times to open the address", era, refuses.asked.Load())
		}
		v := s.visitor()
		at, _ := v.signsIn(decidedAt(t, text, failed), "anna", annasWords)
		v.post(at, url.Values{"decision": {"refuse"}})
		if text, failed := s.call(c, "resume_instance", map[string]any{"instance": "dev-campaign-2025"}); !failed || !strings.Contains(text, "the person declined") {
			t.Errorf("%q: after the refusal: %s", era, text)
		}
	}
}

// The page is open, and the client has not said so yet, or cannot: whoever waits hears of the decision, and nobody waits in vain.
func TestAClientThatKeepsAskingHearsOfTheDecision(t *testing.T) {
	t.Parallel()
	anna, table := withPassphrase("anna", annasWords)
	s := serve(t, table, nil, "--demo")
	declared := mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{URL: &struct{}{}}}
	over, left := make(chan struct{}), make(chan struct{})
	c := s.clientThat("2025-11-25", anna, declared, client.WithElicitationHandler(&opener{opens: func(address string) (mcp.ElicitationResponseAction, error) {
		defer close(left)
		v := s.visitor()
		at, _ := v.signsIn(address, "anna", annasWords)
		v.post(at, url.Values{"decision": {"approve"}})
		<-over
		return "", errors.New("the window was closed")
	}}))
	text, failed := s.call(c, "pause_instance", map[string]any{"instance": "prod-orders"})
	if failed || !strings.Contains(text, `"accepted"`) {
		t.Errorf("while the client asks: %s", text)
	}
	close(over)
	<-left
	c = s.clientThat("2025-11-25", anna, declared, client.WithElicitationHandler(&opener{opens: func(string) (mcp.ElicitationResponseAction, error) { return "", errors.New("no window here") }}))
	text, failed = s.call(c, "pause_instance", map[string]any{"instance": "staging-orders"})
	decidedAt(t, text, failed)
}

func TestRightsThatWereTakenBackApproveNothing(t *testing.T) {
	t.Parallel()
	anna, table := withPassphrase("anna", annasWords)
	s := serve(t, table, nil, "--demo")
	c := s.client(legacy, anna)
	text, failed := s.call(c, "pause_instance", map[string]any{"instance": "prod-orders"})
	address := decidedAt(t, text, failed)
	s.settings(table + "read_only = true\n")
	v := s.visitor()
	at, _ := v.signsIn(address, "anna", annasWords)
	v.post(at, url.Values{"decision": {"approve"}})
	for !strings.Contains(text, `"refused"`) { // it is carried out, or not, beside the page
		if text, failed = s.call(c, "list_operations", nil); failed || strings.Contains(text, `"accepted"`) {
			t.Fatal(text)
		}
	}
	if !strings.Contains(text, "your token does not allow what is disruptive") {
		t.Error(text)
	}
	v.sees(at, "your token does not allow what is disruptive")
}

func TestFiveWrongPassphrasesLockAName(t *testing.T) {
	t.Parallel()
	_, annasTable := withPassphrase("anna", annasWords)
	_, bobsTable := withPassphrase("bob", "bob's own words")
	s := serve(t, annasTable+bobsTable, nil, "--demo")
	try := func(name, words string) (page string) {
		_, page = s.visitor().signsIn(s.base+"/approve/", name, words)
		return page
	}
	for range 5 {
		if page := try("anna", "wrong"); !strings.Contains(page, "not the passphrase of that name") {
			t.Fatalf("a wrong one: %s", page)
		}
	}
	if page := try("anna", annasWords); !strings.Contains(page, "none of that name is taken before") {
		t.Errorf("the right one, too late: %s", page)
	}
	if page := try("bob", "bob's own words"); !strings.Contains(page, "Signed in as bob") {
		t.Errorf("another name is locked, too: %s", page)
	}
	if page := try("nobody", "wrong"); !strings.Contains(page, "not the passphrase of that name") {
		t.Errorf("a name that there is not is told apart: %s", page)
	}
}

func TestANewPassphraseEndsWhatTheOldOneBegan(t *testing.T) {
	t.Parallel()
	token, table := withPassphrase("anna", annasWords)
	s := serve(t, table, nil, "--demo")
	v := s.visitor()
	at, page := v.signsIn(s.base+"/approve/", "anna", annasWords)
	if !strings.Contains(page, "Nothing to approve") {
		t.Fatalf("%s: %s", at, page)
	}
	_, other := tokenFor("anna", fmt.Sprintf("passphrase = %q", cheapHash("another one entirely")))
	s.settings(other)
	if _, page := v.follow(at); !strings.Contains(page, "Sign in to approve") {
		t.Errorf("the old passphrase still counts: %s", page)
	}
	s.expect(post(token, hello), http.StatusUnauthorized)
	at, _ = v.signsIn(s.base+"/approve/", "anna", "another one entirely")
	if _, page, _ := v.post(s.base+"/approve/sign-out", url.Values{}); !strings.Contains(page, "Signed out") {
		t.Errorf("%s: signing out: %s", at, page)
	}
	if _, page := v.follow(at); !strings.Contains(page, "Sign in to approve") {
		t.Errorf("%s: signed out, and still there: %s", at, page)
	}
}

func TestCookiesOfThePageAreForThisHostAlone(t *testing.T) {
	t.Parallel()
	_, table := withPassphrase("anna", annasWords)
	body := url.Values{"name": {"anna"}, "passphrase": {annasWords}}.Encode()
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://aura-mcp.example.com", "Host": "aura-mcp.example.com"}
	s := serve(t, table, nil, "--demo", "--public-url", "https://aura-mcp.example.com")
	a := s.expect(exchange{method: http.MethodPost, path: "/approve/sign-in", headers: form, body: body}, http.StatusSeeOther)
	cookie := a.Header.Get("Set-Cookie")
	for _, want := range []string{"__Host-aura-mcp-person=", "; Path=/;", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("%s lacks %s", cookie, want)
		}
	}
	if strings.Contains(cookie, "Domain") {
		t.Errorf("%s goes to other hosts", cookie)
	}
	// Past the proxy, a page of the same machine is not the page that people know.
	form["Origin"], form["Host"] = s.base, strings.TrimPrefix(s.base, "http://")
	s.expect(exchange{method: http.MethodPost, path: "/approve/sign-in", headers: form, body: body}, http.StatusForbidden)

	s = serve(t, table, nil, "--demo") // on one's own machine, without TLS, where a browser would not keep the other one
	form["Origin"], form["Host"] = s.base, strings.TrimPrefix(s.base, "http://")
	a = s.expect(exchange{method: http.MethodPost, path: "/approve/sign-in", headers: form, body: body}, http.StatusSeeOther)
	if cookie := a.Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "aura-mcp-person=") || strings.Contains(cookie, "Secure") || !strings.Contains(cookie, "HttpOnly") {
		t.Errorf("without TLS: %s", cookie)
	}
}

func TestAPasswordIsShownOnceToWhoeverHadItCreated(t *testing.T) {
	t.Parallel()
	anna, annasTable := withPassphrase("anna", annasWords)
	_, evesTable := withPassphrase("eve", "eve's own words")
	s := serve(t, "secret_sink = \"page\"\n"+annasTable+evesTable, nil, "--demo")
	c := s.client(modern, anna)
	arguments := map[string]any{"name": "throwaway", "type": "professional-db", "tenant": "Development", "cloud_provider": "gcp", "region": "europe-west1", "memory": "2GB"}
	text, failed := s.call(c, "create_instance", arguments)
	v := s.visitor()
	at, _ := v.signsIn(decidedAt(t, text, failed), "anna", annasWords)
	v.post(at, url.Values{"decision": {"approve"}})
	text, _ = s.call(c, "create_instance", arguments)
	if !strings.Contains(text, "/approve/passwords") || strings.Contains(text, `"password":`) {
		t.Errorf("the result: %s", text)
	}
	page := v.sees(at, "password of a new database waits")
	if strings.Contains(page, "NEO4J_PASSWORD") {
		t.Errorf("the password is on the page of the operation: %s", page)
	}
	eve := s.visitor()
	if _, page := eve.signsIn(s.base+"/approve/passwords", "eve", "eve's own words"); !strings.Contains(page, "No password waits for you") {
		t.Errorf("another principal: %s", page)
	}
	_, page = v.follow(s.base + "/approve/passwords")
	name := regexp.MustCompile(`name="name" value="(Neo4j-[^"]+)"`).FindStringSubmatch(page)
	if name == nil {
		t.Fatalf("no password is offered: %s", page)
	}
	if _, page, status := eve.post(s.base+"/approve/passwords", url.Values{"name": {name[1]}}); status != http.StatusNotFound || strings.Contains(page, "NEO4J_PASSWORD") {
		t.Errorf("another principal took it: %d %s", status, page)
	}
	_, page, _ = v.post(s.base+"/approve/passwords", url.Values{"name": {name[1]}})
	secret := regexp.MustCompile(`NEO4J_PASSWORD=&#39;([^&]+)&#39;`).FindStringSubmatch(page)
	if secret == nil {
		t.Fatalf("it is not shown: %s", page)
	}
	if _, page, status := v.post(s.base+"/approve/passwords", url.Values{"name": {name[1]}}); status != http.StatusNotFound || strings.Contains(page, secret[1]) {
		t.Errorf("it is shown twice: %d %s", status, page)
	}
	if strings.Contains(text, secret[1]) || strings.Contains(s.log.String(), secret[1]) {
		t.Error("the password is in the result or in the log")
	}
}

// goneAway is the connection of a browser that has gone: what is written goes into a buffer, and sending it fails.
type goneAway struct {
	*httptest.ResponseRecorder
	sending error
}

// FlushError tells that nobody takes it, as that of a connection does.
func (g goneAway) FlushError() error { return g.sending }

// The only copy of a password is not given to a connection that has nobody at its other end.
func TestAPasswordThatDidNotArriveWaitsOn(t *testing.T) {
	t.Parallel()
	shelf := vault.Shelf(t.TempDir())
	slot, err := vault.New(vault.Page, string(shelf)).WithPage(func() string { return "the page" }).Prepare("throwaway", "anna")
	if err != nil {
		t.Fatal(err)
	}
	slot.Keep(vault.Credentials{InstanceID: "aaaaaaa1", Name: "throwaway", Password: "secret-of-the-new-one"})
	r := newRig(t)
	gate, err := guard.New(guard.Options{Policy: guard.Fixed(guard.Policy{}), Journal: r.journal, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const base = "http://127.0.0.1:1"
	pages := &approval.Remote{
		Desk: gate.Desk, Base: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Log: slog.New(slog.DiscardHandler), Store: state.NewMemory(), Passwords: shelf,
		Proof: approval.NewPassphrases(func(string) (string, bool) { return cheapHash(annasWords), true }),
	}
	h, err := httpd.New(httpd.Options{
		Transport: httpd.Streamable, MCP: r.server.MCPServer, Access: httpd.Nobody{}, Effects: func(string) (op.Effects, bool) { return 0, false },
		Pages: pages, Ready: func(context.Context) error { return nil }, Metrics: httpd.NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	cookie := ""
	post := func(path string, form url.Values, leaves bool, sending error) *httptest.ResponseRecorder {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		if leaves {
			leave()
		}
		q := httptest.NewRequestWithContext(ctx, http.MethodPost, base+path, strings.NewReader(form.Encode()))
		for name, value := range map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": base, "Cookie": cookie} {
			q.Header.Set(name, value)
		}
		w := goneAway{httptest.NewRecorder(), sending}
		h.ServeHTTP(w, q)
		return w.ResponseRecorder
	}
	cookie, _, _ = strings.Cut(post("/approve/sign-in", url.Values{"name": {"anna"}, "passphrase": {annasWords}}, false, nil).Header().Get("Set-Cookie"), ";")
	names, err := shelf.Waiting("anna")
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	for _, tt := range []struct {
		name    string
		leaves  bool // as the server has noticed
		sending error
		status  int
	}{
		{"sending fails", false, errors.New("broken pipe"), http.StatusOK},
		{"the browser has left", true, nil, http.StatusOK},
		{"it arrives", false, nil, http.StatusOK},
		{"it is gone", false, nil, http.StatusNotFound},
	} {
		w := post("/approve/passwords", url.Values{"name": names}, tt.leaves, tt.sending)
		if shown := strings.Contains(w.Body.String(), "secret-of-the-new-one"); w.Code != tt.status || shown != (tt.status == http.StatusOK) {
			t.Errorf("%s: %d, shown %v", tt.name, w.Code, shown)
		}
	}
}

// Whoever starts the server on their own machine, without anybody else, is asked there.
func TestWhoeverStartsTheServerIsAskedAtTheirOwnMachine(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil, "--demo")
	text, failed := s.call(s.client(modern, s.ownToken()), "pause_instance", map[string]any{"instance": "prod-orders"})
	if failed || !strings.Contains(text, "aura-mcp approve ") || pageAddress.MatchString(text) {
		t.Errorf("%v: %s", failed, text)
	}
}

func TestATokenWithoutAPassphraseApprovesNothing(t *testing.T) {
	t.Parallel()
	anna, table := tokenFor("anna", "")
	s := serve(t, table, nil, "--demo")
	text, failed := s.call(s.client(modern, anna), "pause_instance", map[string]any{"instance": "prod-orders"})
	if !failed || !strings.Contains(text, "aura-mcp token passphrase anna") || !strings.Contains(text, "Nothing was changed") {
		t.Errorf("%v: %s", failed, text)
	}
}

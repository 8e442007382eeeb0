package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/internal/aurasim"
)

// twoTeams serves two profiles, each with an Aura of its own in which there is a database named shop.
func twoTeams(t *testing.T, more string) (s *served, auras map[string]*aurasim.Server) {
	t.Helper()
	auras = map[string]*aurasim.Server{}
	settings, environ := "secret_sink = \"page\"\n", []string(nil)
	profiles := ""
	for name, id := range map[string]string{"work": "aaaaaaa1", "play": "bbbbbbb1"} {
		sim, err := aurasim.New(aurasim.Options{Speed: 1000, NoScheduledSnapshots: true, State: aurasim.State{
			Tenants:   []aurasim.TenantState{{ID: productionID, Name: name + "'s"}},
			Instances: []aurasim.InstanceState{{ID: id, Name: "shop", TenantID: productionID, Type: "professional-db", Memory: "8GB", Status: "running"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		h := httptest.NewServer(sim)
		t.Cleanup(h.Close)
		auras[name] = sim
		prefix := strings.ToUpper(name) + "_"
		profiles += fmt.Sprintf("[profiles.%s]\ncredentials = { source = \"env\", prefix = %q }\nbase_url = %q\nauth_url = %q\n", name, prefix, h.URL, h.URL+"/oauth/token")
		environ = append(environ, prefix+"AURA_CLIENT_ID="+aurasim.DemoClientID, prefix+"AURA_CLIENT_SECRET="+aurasim.DemoClientSecret)
	}
	return serve(t, settings+more+profiles, environ), auras
}

func TestACallerHasTheirOwnProfileAndNoOther(t *testing.T) {
	t.Parallel()
	anna, annas := tokenFor("anna", fmt.Sprintf("profile = \"work\"\npassphrase = %q", cheapHash(annasWords)))
	bob, bobs := tokenFor("bob", `profile = "play"`)
	s, auras := twoTeams(t, annas+bobs)
	hers, his := s.client(modern, anna), s.client(legacy, bob)
	for id, c := range map[string]*client.Client{"aaaaaaa1": hers, "bbbbbbb1": his} {
		if text, failed := s.call(c, "list_instances", nil); failed || !strings.Contains(text, id) || strings.Count(text, `"shop"`) != 1 {
			t.Errorf("%s: %s", id, text)
		}
		if text, failed := s.call(c, "get_instance", map[string]any{"instance": "shop", "profile": "work"}); !failed || !strings.Contains(text, "profile") {
			t.Errorf("a caller chose a profile: %s", text)
		}
		page, err := c.ReadResource(t.Context(), mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: "aura://fleet"}})
		if err != nil || !strings.Contains(fmt.Sprint(page.Contents), id) {
			t.Errorf("%s: the page of the fleet: %v, %v", id, page, err)
		}
		named, err := c.Complete(t.Context(), mcp.CompleteRequest{Params: mcp.CompleteParams{
			Ref: mcp.ResourceReference{Type: "ref/resource", URI: "aura://instances/{instance}"}, Argument: mcp.CompleteArgument{Name: "instance", Value: id[:3]},
		}})
		if err != nil || len(named.Completion.Values) != 1 {
			t.Errorf("%s: completion: %v, %v", id, named, err)
		}
	}
	if _, err := his.ReadResource(t.Context(), mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: "aura://instances/aaaaaaa1"}}); err == nil {
		t.Error("a page of another profile was read")
	}
	listed, err := his.ListTools(t.Context(), mcp.ListToolsRequest{})
	if err != nil || strings.Contains(fmt.Sprint(listed.Tools), "which account") {
		t.Errorf("the tools offer a choice of profiles: %v", err)
	}

	arguments := map[string]any{"instance": "shop"}
	text, failed := s.call(hers, "pause_instance", arguments)
	v := s.visitor()
	at, page := v.signsIn(decidedAt(t, text, failed), "anna", annasWords)
	if !strings.Contains(page, "profile work") {
		t.Errorf("the page does not say whose database it is: %s", page)
	}
	v.post(at, url.Values{"decision": {"approve"}})
	if text, _ := s.call(hers, "pause_instance", arguments); !strings.Contains(text, `"accepted"`) {
		t.Errorf("the outcome: %s", text)
	}
	for name, want := range map[string]string{"work": "paus", "play": "running"} {
		for _, i := range auras[name].Instances() {
			if !strings.Contains(i.Status, want) {
				t.Errorf("%s: %s", name, i.Status)
			}
		}
	}
	for c, want := range map[*client.Client]int{hers: 1, his: 0} {
		resource, err := c.ReadResource(t.Context(), mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: "aura://operations"}})
		if err != nil || strings.Contains(fmt.Sprint(resource.Contents), "pause_instance") != (want == 1) {
			t.Errorf("the page of operations: %v, %v", resource, err)
		}
	}
}

func TestTokensOfProfilesThatThereAreNot(t *testing.T) {
	t.Parallel()
	_, table := tokenFor("anna", `profile = "other"`)
	_, unnamed := tokenFor("bob", "")
	for settings, want := range map[string]string{
		table:   `token anna: there is no profile "other"; allowed: work, play`,
		unnamed: "token bob: no profile is named, and the settings have no default_profile; allowed: work, play",
		"[oidc]\nissuer = \"https://login.example.com\"\nclaim = \"groups\"\nprofiles = { a = \"other\" }\n": `oidc: profiles: a: there is no profile "other"`,
		"[profiles.third]\nread_only = true\n[[profiles.third.tokens]]\nname = \"anna\"\n":                   "tokens holds for all profiles: move it to the top of the file",
	} {
		var errs syncBuffer
		home := newHome(t, "secret_sink = \"file\"\n"+settings+twoAccounts)
		home.process.Args, home.process.Stderr = []string{"--transport", "http", "--listen", "127.0.0.1:0"}, &errs
		if strings.HasPrefix(settings, "[oidc]") {
			home.process.Args = append(home.process.Args, "--auth", "oidc", "--public-url", publicAddress)
		}
		if code := Run(t.Context(), home.process); code != ExitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("exit %d: %s\nwant %s", code, errs.String(), want)
		}
	}
}

func TestASubscriberHearsOfTheirOwnProfile(t *testing.T) {
	t.Parallel()
	anna, annas := tokenFor("anna", `profile = "work"`)
	bob, bobs := tokenFor("bob", `profile = "play"`)
	s, _ := twoTeams(t, annas+bobs)
	subscribe := func(token, id string) answeredWith {
		session := s.session(token)
		return s.send(post(token, rpc("resources/subscribe", `{"uri":"aura://instances/`+id+`"}`), "Mcp-Session-Id", session))
	}
	if a := subscribe(anna, "aaaaaaa1"); a.StatusCode != http.StatusOK || !strings.Contains(a.text, `"result":{}`) {
		t.Errorf("her own: %d %s", a.StatusCode, a.text)
	}
	if a := subscribe(bob, "aaaaaaa1"); !strings.Contains(a.text, `"error"`) {
		t.Errorf("of another profile: %d %s", a.StatusCode, a.text)
	}
	// The newest revision: the update comes on the stream of the listening request.
	c := s.client(modern, anna)
	heard := make(chan string, 16)
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == mcp.MethodNotificationResourceUpdated {
			heard <- fmt.Sprint(n.Params.AdditionalFields["uri"])
		}
	})
	stop, err := c.ListenAsync(t.Context(), mcp.SubscriptionFilter{ResourceSubscriptions: []string{"aura://instances/aaaaaaa1"}}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if text, failed := s.call(s.client(modern, anna), "update_instance", map[string]any{"instance": "shop", "name": "store"}); failed {
		t.Fatal(text)
	}
	select {
	case uri := <-heard:
		if uri != "aura://instances/aaaaaaa1" {
			t.Errorf("told of %s", uri)
		}
	case <-time.After(30 * time.Second):
		t.Error("no word of the change")
	}
}

// Aura counts the requests of an API key, whatever profiles use it.
func TestProfilesWithOneKeyHaveOneBudget(t *testing.T) {
	t.Parallel()
	anna, annas := tokenFor("anna", `profile = "work"`)
	bob, bobs := tokenFor("bob", `profile = "play"`)
	sim, err := aurasim.New(aurasim.Options{Speed: 1000, NoScheduledSnapshots: true, State: aurasim.DemoState(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(sim)
	t.Cleanup(h.Close)
	s := serve(t, fmt.Sprintf("secret_sink = \"page\"\nbase_url = %q\nauth_url = %q\n[profiles.work]\ncredentials = { source = \"env\" }\n[profiles.play]\ncredentials = { source = \"env\" }\nread_only = true\n", h.URL, h.URL+"/oauth/token")+annas+bobs,
		[]string{"AURA_CLIENT_ID=" + aurasim.DemoClientID, "AURA_CLIENT_SECRET=" + aurasim.DemoClientSecret})
	for _, token := range []string{anna, bob} {
		if total := s.metric(token, "aura_mcp_aura_budget"); total != "120" {
			t.Errorf("the budget is %s, want that of one key", total)
		}
		if text, failed := s.call(s.client(modern, token), "list_tenants", nil); failed {
			t.Error(text)
		}
	}
	if total, left := s.metric(anna, "aura_mcp_aura_budget"), s.metric(anna, "aura_mcp_aura_budget_left"); total != "120" || left != "118" {
		t.Errorf("after two requests %s of %s are left", left, total)
	}
}

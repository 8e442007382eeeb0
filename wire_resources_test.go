package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"aura-mcp/resources"
)

// update is what a subscriber is told, and for which request.
type update struct {
	URI  string `json:"uri"`
	Meta struct {
		Subscription json.RawMessage `json:"io.modelcontextprotocol/subscriptionId"`
	} `json:"_meta"`
}

// renames calls a rename, which needs no approval, and waits for its answer.
func (p peer) renames(id int, from, to string) {
	p.t.Helper()
	p.call(id, "update_instance", map[string]any{"instance": from, "name": to}, nil)
	if r := p.result(id); r.IsError {
		p.t.Fatalf("rename: %s", r.said())
	}
}

// updates are those among what was read and not looked for, which is then forgotten.
func (p peer) updates() (all []update) {
	p.t.Helper()
	for _, m := range p.passed {
		if m.Method == "notifications/resources/updated" {
			all = append(all, decode[update](p.t, m.Params))
		}
	}
	p.passed = nil
	return all
}

// One connection with requests of both revisions, as the protocol allows: the old subscription is told without a tag, the
// listening request with its own.
func TestSubscribersOfBothErasOnOneConnection(t *testing.T) {
	t.Parallel()
	const uri = "aura://instances/08cd52b7"
	old := talk(t, false, false)
	recent := peer{old.process, true, false}
	old.request(2, "resources/subscribe", map[string]any{"uri": uri})
	if m := old.answer("2"); m.Error != nil {
		t.Fatalf("subscribe: %s", m.raw)
	}
	recent.request(3, "subscriptions/listen", map[string]any{"notifications": map[string]any{"resourceSubscriptions": []string{uri, "aura://guide"}}})
	ack := old.until("the acknowledgement", func(m message) bool { return m.Method == "notifications/subscriptions/acknowledged" })
	if !strings.Contains(ack.raw, uri) || strings.Contains(ack.raw, "aura://guide") {
		t.Errorf("acknowledged: %s, want the one that can be subscribed to", ack.raw)
	}
	old.passed = nil

	old.renames(4, "playground", "playground-2")
	var told []update
	heard := func(m message) bool {
		if m.Method == "notifications/resources/updated" {
			told = append(told, decode[update](t, m.Params))
		}
		return len(told) == 2
	}
	old.until("two updates", heard)
	tags := []string{string(told[0].Meta.Subscription), string(told[1].Meta.Subscription)}
	if slices.Sort(tags); told[0].URI != uri || told[1].URI != uri || !slices.Equal(tags, []string{"", "3"}) {
		t.Errorf("told of %+v, want one update without a tag and one with 3", told)
	}

	old.request(5, "resources/unsubscribe", map[string]any{"uri": uri})
	old.answer("5")
	recent.cancel(3)
	old.answer("3")
	old.passed = nil
	old.renames(6, "playground-2", "playground-3")
	time.AfterFunc(4*time.Second, old.hangUp) // twice as long as an update took
	old.passed = append(old.passed, old.rest()...)
	if late := old.updates(); len(late) != 0 {
		t.Errorf("told of %+v after the end of the subscriptions", late)
	}
	if code := old.code(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestServerEndsSoonAfterItsInputThoughAClientListens(t *testing.T) {
	t.Parallel()
	p := talk(t, true, false)
	p.request(2, "subscriptions/listen", map[string]any{"notifications": map[string]any{"resourceSubscriptions": []string{"aura://fleet"}}})
	p.until("the acknowledgement", func(m message) bool { return m.Method == "notifications/subscriptions/acknowledged" })
	begun := time.Now()
	p.finish()
	if took := time.Since(begun); took > 1500*time.Millisecond {
		t.Errorf("it took %s to end; nobody waits for the answer to listening", took)
	}
}

func TestOfficialClientReadsAndCompletes(t *testing.T) {
	t.Parallel()
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			session := connect(t, era.pin, nil)
			listed := 0
			for _, err := range session.Resources(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				listed++
			}
			for _, err := range session.ResourceTemplates(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				listed++
			}
			if pages := resources.Pages(); listed != len(pages) {
				t.Errorf("%d pages and templates are listed, want %d", listed, len(pages))
			}
			for _, p := range resources.Pages() {
				uri := strings.NewReplacer("{instance}", "prod-orders", "{tenant}", "Production").Replace(p.URI)
				read, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
				if err != nil {
					t.Errorf("%s: %v", uri, err)
					continue
				}
				c := read.Contents[0]
				if demo, _ := c.Meta["aura-mcp/demo"].(bool); len(read.Contents) != 1 || c.Text == "" || c.MIMEType != p.MIMEType || !demo {
					t.Errorf("%s: %+v", uri, c)
				}
			}
			if _, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "aura://instances/prod-order"}); err == nil || !strings.Contains(err.Error(), `"prod-orders" (4c8e1f07)`) {
				t.Errorf("a name that is almost right: %v", err)
			}
			done, err := session.Complete(t.Context(), &mcp.CompleteParams{
				Ref:      &mcp.CompleteReference{Type: "ref/resource", URI: "aura://instances/{instance}"},
				Argument: mcp.CompleteParamsArgument{Name: "instance", Value: "prod"},
			})
			if err != nil || !slices.Equal(done.Completion.Values, []string{"prod-orders"}) {
				t.Errorf("completed to %+v, %v", done, err)
			}
		})
	}
}

func TestOfficialClientSubscribes(t *testing.T) {
	t.Parallel()
	for _, era := range eras {
		t.Run(era.name, func(t *testing.T) {
			t.Parallel()
			told := make(chan string, 10)
			client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
				ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) { told <- r.Params.URI },
			})
			session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: command(t, environment(t), "--demo"), TerminateDuration: patience}, &mcp.ClientSessionOptions{ProtocolVersion: era.pin})
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			const uri = "aura://instances/playground"
			subscribed := make(chan error, 1)
			go func() { subscribed <- session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: uri}) }() // which in the newest revision goes on until the end
			if era.pin != "" {
				if err := <-subscribed; err != nil {
					t.Fatal(err)
				}
			}
			rename := func(from, to string) {
				t.Helper()
				result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "update_instance", Arguments: map[string]any{"instance": from, "name": to}})
				if err != nil || result.IsError {
					t.Fatalf("rename: %v, %+v", err, result)
				}
			}
			// The subscription of the newest revision has begun when the client is told of a change, at the latest at a second one.
			names := []string{"playground", "playground-2", "playground-3", "playground-4"}
			for n := range names[1:] {
				rename(names[n], names[n+1])
				select {
				case got := <-told:
					if got != uri {
						t.Errorf("told of %s", got)
					}
					return
				case <-time.After(patience / 4):
				}
			}
			t.Error("three renames and no update")
		})
	}
}

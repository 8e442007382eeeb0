package auraclient_test

import (
	"fmt"
	"slices"
	"testing"

	"aura-mcp/auraclient"
)

func TestATraceHasTheRequestIDsOfChanges(t *testing.T) {
	t.Parallel()
	id := func(r reply, id string) reply { return r.with("X-Request-Id", id) }
	running := instanceJSON(auraclient.StatusRunning)
	tests := []struct {
		name    string
		replies []reply
		read    bool
		want    []string
	}{
		{"of one that succeeds", []reply{id(accepted(running), "a")}, false, []string{"a"}},
		{"of one that is refused", []reply{id(refused(409, "ongoing-database-operation", "busy"), "a")}, false, []string{"a"}},
		{"of one that fails", []reply{id(status(500), "a")}, false, []string{"a"}},
		{"of one whose answer breaks off", []reply{id(reply{status: 202, body: `{"da`, cut: true}, "a")}, false, []string{"a"}},
		{"of each repetition", []reply{id(status(429), "a"), id(accepted(running), "b")}, false, []string{"a", "b"}},
		{"none where no answer came", []reply{connectionReset()}, false, nil},
		{"none where Aura gave none", []reply{accepted(running)}, false, nil},
		{"without what could pass for something else", []reply{id(accepted(running), "a\nb\u202e")}, false, []string{"a b"}},
		{"not of a read", []reply{id(ok(running), "a")}, true, nil},
	}
	for _, tt := range tests {
		inBubble(t, tt.name, func(t *testing.T) {
			client := newClient(t, script(t, tt.replies...))
			ctx, trace := auraclient.WithTrace(t.Context())
			if tt.read {
				_, err := client.Instances.Get(ctx, "2f49c2b3")
				noError(t, err)
			} else {
				_, _ = client.Instances.Pause(ctx, "2f49c2b3") // whatever comes of it
			}
			if got := trace.RequestIDs(); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	inBubble(t, "no more than anybody reads", func(t *testing.T) {
		n := 0
		client := newClient(t, &fakeAura{t: t, answer: func(int, sent) reply { n++; return id(accepted(running), fmt.Sprint(n)) }}, auraclient.WithRateLimit(1000))
		ctx, trace := auraclient.WithTrace(t.Context())
		for range 250 {
			_, err := client.Instances.Pause(ctx, "2f49c2b3")
			noError(t, err)
		}
		if got := trace.RequestIDs(); len(got) != 200 || got[0] != "1" {
			t.Errorf("got %d, the first is %q", len(got), got[0])
		}
	})
}

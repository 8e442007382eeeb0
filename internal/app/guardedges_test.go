package app

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/guard"
)

// The edges of the guard that breaking its conditions one by one has shown to be untested.

func TestSettingsThatForbidWhileAPersonReadsCount(t *testing.T) {
	t.Parallel()
	pause := map[string]any{"instance": "prod"}
	for _, tt := range []struct {
		name string
		now  guard.Policy
		err  error
		want string
	}{
		{"the server became read-only", guard.Policy{ReadOnly: true}, nil, "read-only"},
		{"the tool was taken away", guard.Policy{Denied: []string{"pause_instance"}}, nil, "setting denied_tools"},
		{"they cannot be read any more", guard.Policy{}, errors.New("line 3 is no TOML"), "The settings of this server cannot be read, so nothing that changes anything runs: line 3 is no TOML"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var policy guard.Policy
				var failed error
				o := &outside{}
				r := newRig(t, atPage(o), func(o *rigOptions) {
					o.policies = func(string) (guard.Policy, error) { return policy, failed }
				})
				c := r.connect(modern, nil)
				said, _ := r.call(c, "pause_instance", pause)
				pending(t, said)
				synctest.Wait()
				policy, failed = tt.now, tt.err
				if err := o.desk.Decide(o.last(t).ID, guard.Decision{Approve: true, Way: guard.Page}); err != nil {
					t.Fatal(err)
				}
				after(time.Second)
				synctest.Wait()
				policy, failed = guard.Policy{}, nil
				r.refuses(c, "pause_instance", pause, tt.want, "Nothing was changed.", "What to do:") // the outcome of the approval
				if got := r.changes(); len(got) != 0 {
					t.Errorf("sent %v", got)
				}
			})
		})
	}
}

func TestAReadNeverSaysThatNothingWasChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, nil)
		for _, arguments := range []map[string]any{{"instance": "nowhere"}, {"instance": 7}, {"instance": "prod", "more": true}, nil} {
			if text, failed := r.call(c, "get_instance", arguments); !failed || strings.Contains(text, "Nothing was changed") {
				t.Errorf("%v: %s", arguments, text)
			}
		}
	})
}

func TestAnEndThatCannotBeWrittenIsLogged(t *testing.T) {
	t.Parallel()
	const trouble = "could not be written to the audit"
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		breaks := false
		r := newRig(t, func(o *rigOptions) {
			o.journal = audit.Open(dir)
			o.transport = func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(q *http.Request) (*http.Response, error) {
					if q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "/pause") && breaks {
						if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
							t.Error(err)
						}
					}
					return next.RoundTrip(q)
				})
			}
		})
		c := r.connect(modern, types("yes"))
		if text, failed := r.call(c, "pause_instance", map[string]any{"instance": "prod"}); failed || strings.Contains(r.log.String(), trouble) {
			t.Errorf("with a journal: %s\n%s", text, r.log)
		}
		breaks = true
		if text, failed := r.call(c, "pause_instance", map[string]any{"instance": "staging"}); failed || !strings.Contains(r.log.String(), trouble) {
			t.Errorf("with one that breaks: %s\n%s", text, r.log)
		}
		if text, failed := r.call(c, "pause_instance", map[string]any{"instance": "shop"}); !failed || !strings.Contains(text, "the audit of this server cannot be written") && !strings.Contains(text, "The audit") {
			t.Errorf("with none: %s", text)
		}
	})
}

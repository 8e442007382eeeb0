package tools

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
)

// Databases come and go for as long as a server lives.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := New(Options{})
		for n := range 100 {
			id := fmt.Sprint(n)
			f.remember(auraclient.Instance{ID: id})
			f.touch(op.Resource{ID: id})
			f.remember(auraclient.Instance{ID: id})
		}
		<-time.After(forgottenAfter - time.Second)
		f.remember(auraclient.Instance{ID: "there"})
		f.touch(op.Resource{ID: "changing"})
		if len(f.details) != 101 || len(f.started) != 101 {
			t.Errorf("before their time %d and %d are remembered", len(f.details), len(f.started))
		}
		<-time.After(time.Second)
		f.touch(op.Resource{ID: "another"})
		if len(f.details) != 1 || len(f.started) != 2 {
			t.Errorf("afterwards %d and %d are remembered", len(f.details), len(f.started))
		}
	})
}

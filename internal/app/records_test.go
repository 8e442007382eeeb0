package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aura-mcp/internal/aurasim"
	"aura-mcp/tools"
)

func TestWhatWaitsForAPersonIsListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{unseen: true}
		r := newRig(t, atPage(o))
		c := r.connect(modern, nil)
		id := pending(t, <-r.begin(t.Context(), c, "update_instance", map[string]any{"instance": "prod", "memory": "16GB"}))
		for _, about := range []map[string]any{nil, {"instance": "PROD"}, {"instance": prodID}} {
			list := must[tools.OperationList](r, c, "list_operations", about)
			if list.Total != 1 || len(list.Operations) != 1 {
				t.Fatalf("%v: %+v", about, list)
			}
			row := list.Operations[0]
			if row.Outcome != "pending" || row.Operation != "update_instance" || row.Targets != `"prod" (`+prodID+`)` || !strings.Contains(row.What, "memory from 8GB to 16GB") {
				t.Errorf("%+v", row)
			}
			for _, want := range []string{id, "aura-mcp approve", "until " + time.Now().UTC().Format("2006-01-02T")} {
				if !strings.Contains(row.Decision, want) {
					t.Errorf("the decision does not say %q: %s", want, row.Decision)
				}
			}
		}
		if list := must[tools.OperationList](r, c, "list_operations", map[string]any{"instance": "staging"}); list.Total != 0 {
			t.Errorf("about staging: %+v", list)
		}
		after(6 * time.Minute)
		list := must[tools.OperationList](r, c, "list_operations", nil)
		if list.Total != 1 || list.Operations[0].Outcome != "refused" || !strings.Contains(list.Operations[0].Decision, "nobody decided") {
			t.Errorf("once it has expired: %+v", list.Operations)
		}
	})
}

func TestTheRecordsSayWhatChanged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		tool, typed string
		arguments   map[string]any
		want        string
	}{
		{"update_instance", "yes", map[string]any{"instance": "prod", "memory": "16GB"}, "memory from 8GB to 16GB"},
		{"update_instance", "", map[string]any{"instance": "shop", "name": "store"}, `name from "shop" to "store"`},
		{"overwrite_instance", "staging", map[string]any{"instance": "staging", "source_instance": "prod"}, `from "prod" (` + prodID + `)`},
		{"restore_snapshot", "prod", map[string]any{"instance": "prod", "snapshot_id": oldSnapshot}, `from the snapshot "` + oldSnapshot + `"`},
		{"create_instance", "yes", create("fresh"), "business-critical, 4GB, gcp/europe-west1"},
		{"pause_instance", "yes", map[string]any{"instance": "prod"}, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.tool, tt.arguments), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := r.connect(modern, types(tt.typed))
				if text, failed := r.call(c, tt.tool, tt.arguments); failed {
					t.Fatal(text)
				}
				list := must[tools.OperationList](r, c, "list_operations", nil)
				if list.Total != 1 || list.Operations[0].What != tt.want {
					t.Errorf("%+v, want %q", list.Operations, tt.want)
				}
			})
		})
	}
}

func TestWhatWasMadeIsFoundByItsID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, types("yes"))
		made := must[tools.InstanceCreated](r, c, "create_instance", create("fresh"))
		for _, about := range []string{made.InstanceID, "fresh"} {
			list := must[tools.OperationList](r, c, "list_operations", map[string]any{"instance": about})
			if list.Total != 1 || list.Operations[0].Targets != `"fresh" (`+made.InstanceID+`)` {
				t.Errorf("about %s: %+v", about, list)
			}
		}
	})
}

func TestRecordsFollowARename(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, types("yes"))
		must[tools.InstanceChange](r, c, "update_instance", map[string]any{"instance": "shop", "name": "store"})
		for _, about := range []string{"shop", "store", "STORE", shopID} {
			if list := must[tools.OperationList](r, c, "list_operations", map[string]any{"instance": about}); list.Total != 1 {
				t.Errorf("about %s: %+v", about, list)
			}
		}
		r.sim.Fail(aurasim.Fault{Status: http.StatusInternalServerError, Times: 100})
		after(2 * time.Minute)
		if list := must[tools.OperationList](r, c, "list_operations", map[string]any{"instance": "shop"}); list.Total != 1 {
			t.Errorf("without Aura: %+v", list)
		}
	})
}

func TestNothingOnRecordIsNotSaidOfANameThatNothingHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, types("shop"))
		r.refuses(c, "list_operations", map[string]any{"instance": "stagin"}, `"stagin"`, `"staging"`)
		for _, is := range []string{"staging", stagingID} {
			if list := must[tools.OperationList](r, c, "list_operations", map[string]any{"instance": is}); list.Total != 0 || list.Note == "" {
				t.Errorf("%s: %+v", is, list)
			}
		}
		must[tools.InstanceChange](r, c, "delete_instance", map[string]any{"instance": "shop"})
		after(30 * 24 * time.Hour)
		if list := must[tools.OperationList](r, c, "list_operations", map[string]any{"instance": "shop"}); list.Total != 0 {
			t.Errorf("what is gone was known once: %+v", list)
		}
	})
}

func TestRecordsAreShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.connect(modern, nil)
		r.refuses(c, "pause_instance", map[string]any{"instance": "prod"}, "What to do:")
		row := must[tools.OperationList](r, c, "list_operations", nil).Operations[0]
		if strings.Contains(row.Decision+row.Error, "What to do") || strings.Contains(row.Decision, "Nothing was changed") {
			t.Errorf("%+v", row)
		}
	})
}

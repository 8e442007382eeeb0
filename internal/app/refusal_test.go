package app

import (
	"testing"
	"testing/synctest"
)

func TestARefusalGivesACommandThatAShellReadsAsMeant(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, tool string
		arguments  map[string]any
		want       string
	}{
		{"a database by its ID", "pause_instance", map[string]any{"instance": "prod"}, "`aura-mcp call pause_instance instance=aaaaaaa1`"},
		{"several", "pause_instance", map[string]any{"instances": []any{"prod", "sta*"}}, `'instances=["prod","sta*"]'`},
		{"a name that would run something", "create_instance", create("$(touch x); 'a'"), `'name=$(touch x); '\''a'\'''`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.refuses(r.connect(modern, nil), tt.tool, tt.arguments, tt.want)
			})
		})
	}
}

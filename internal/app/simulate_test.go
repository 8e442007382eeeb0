package app

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestASimulatorThatOthersReachSaysSo(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		listen string
		warns  bool
	}{{"127.0.0.1:0", false}, {":0", false}, {"localhost:0", false}, {"0.0.0.0:0", true}} {
		var out, told bytes.Buffer
		if code := Run(ended, Process{Args: []string{"simulate", "--listen", tt.listen}, Stdout: &out, Stderr: &told}); code != ExitOK {
			t.Fatalf("%s: exit code %d\n%s", tt.listen, code, &told)
		}
		if !strings.Contains(out.String(), "export AURA_BASE_URL=http://127.0.0.1:") {
			t.Errorf("%s: nobody can use this address:\n%s", tt.listen, &out)
		}
		if warned := strings.Contains(told.String(), "warning: other machines can reach "+tt.listen); warned != tt.warns {
			t.Errorf("%s: warned: %t\n%s", tt.listen, warned, &told)
		}
	}
}

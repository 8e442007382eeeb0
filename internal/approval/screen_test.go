package approval

import (
	"testing"

	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
)

func TestTheOutcomeIsShownAsWhatItIs(t *testing.T) {
	t.Parallel()
	for state, want := range map[op.State][2]string{
		op.Done:     {"Done", "good"},
		op.Accepted: {"Aura is carrying it out", "good"},
		op.Failed:   {"It did not go well", "danger"},
		op.Unknown:  {"It is not known how it went", "danger"},
		"":          {"It did not go well", "danger"}, // an error
	} {
		s := screen{Approval: guard.Approval{Stage: guard.Finished, State: state}}
		if got := [2]string{s.heading(), s.tone()}; got != want {
			t.Errorf("%q: %v, want %v", state, got, want)
		}
	}
}

func TestAQuestionThatEndsUndecidedSaysWhy(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[string]string{
		"": "The program that asked for it has taken it back, so it was not carried out.",
		"the server ended before anybody decided": "It was not carried out: the server ended before anybody decided.",
	} {
		s := screen{Approval: guard.Approval{Stage: guard.Withdrawn, Outcome: outcome}}
		if got := s.became(); len(got) != 1 || got[0] != want {
			t.Errorf("%q: %v", outcome, got)
		}
	}
}

package tools

import (
	"testing"
	"time"
)

func TestAMomentHasBothClocks(t *testing.T) {
	t.Parallel()
	evening := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		at     time.Time
		offset int
		want   string
	}{
		{evening, 0, "20 Nov 2026 23:30 UTC"},
		{evening, -5, "20 Nov 2026 23:30 UTC (18:30 here)"},
		{evening, 1, "20 Nov 2026 23:30 UTC (21 Nov 00:30 here)"},
		{evening.In(time.FixedZone("", 9*60*60)), 1, "20 Nov 2026 23:30 UTC (21 Nov 00:30 here)"},
		{time.Time{}, 1, "an unknown time"},
	} {
		if got := momentIn(tt.at, time.FixedZone("here", tt.offset*60*60)); got != tt.want {
			t.Errorf("%v at UTC%+d: %q, want %q", tt.at, tt.offset, got, tt.want)
		}
	}
}

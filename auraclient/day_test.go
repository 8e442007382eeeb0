package auraclient_test

import (
	"testing"
	"time"

	"aura-mcp/auraclient"
)

func TestDay(t *testing.T) {
	t.Parallel()
	leap := auraclient.Day{Year: 2024, Month: time.February, Day: 28}
	evening := time.Date(2025, 12, 31, 23, 30, 0, 0, time.FixedZone("west", -3600))
	for _, test := range []struct{ name, got, want string }{
		{"prints as Aura wants it", leap.String(), "2024-02-28"},
		{"prints as nothing when zero", auraclient.Day{}.String(), ""},
		{"counts over a leap day", leap.AddDays(2).String(), "2024-03-01"},
		{"counts backwards over a year", auraclient.Day{Year: 2025, Month: 1, Day: 1}.AddDays(-1).String(), "2024-12-31"},
		{"is taken in UTC", auraclient.DayOf(evening).String(), "2026-01-01"},
		{"starts at midnight UTC", leap.Start().String(), "2024-02-28 00:00:00 +0000 UTC"},
	} {
		if test.got != test.want {
			t.Errorf("a day %s: got %q, want %q", test.name, test.got, test.want)
		}
	}
	if !(auraclient.Day{}).IsZero() || leap.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestParseDay(t *testing.T) {
	t.Parallel()
	if day, err := auraclient.ParseDay("2024-02-29"); err != nil || day != (auraclient.Day{Year: 2024, Month: 2, Day: 29}) {
		t.Errorf("got %v, %v", day, err)
	}
	for _, bad := range []string{"", "2023-02-29", "2024-2-9", "20240209", "2024-02-09T00:00:00Z", "yesterday"} {
		if day, err := auraclient.ParseDay(bad); err == nil {
			t.Errorf("%q was read as %v", bad, day)
		} else {
			wantError[*auraclient.ArgumentError](t, err)
		}
	}
}

func TestStatusIsAnOpenEnumeration(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status                      auraclient.Status
		known, transitional, failed bool
	}{
		{auraclient.StatusRunning, true, false, false},
		{auraclient.StatusPaused, true, false, false},
		{auraclient.StatusSuspended, true, false, false},
		{auraclient.StatusLoadingFailed, true, false, true},
		{auraclient.StatusEncryptionKeyDeleted, true, false, true},
		{auraclient.StatusEncryptionKeyError, true, false, true},
		{auraclient.StatusEncryptionKeyNotFound, true, false, true},
		{"encryption key misplaced", false, false, true},
		{auraclient.StatusCreating, true, true, false},
		{auraclient.StatusDestroying, true, true, false},
		{auraclient.StatusResizing, true, true, false},
		{auraclient.StatusUpgrading, true, true, false},
		{"meditating", false, true, false},
		{"", false, false, false},
	} {
		if test.status.Known() != test.known || test.status.Transitional() != test.transitional || test.status.Failed() != test.failed {
			t.Errorf("%q: known %v, transitional %v, failed %v", test.status,
				test.status.Known(), test.status.Transitional(), test.status.Failed())
		}
	}
}

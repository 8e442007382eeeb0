package auraclient

import (
	"fmt"
	"time"
)

// Day is a calendar day. Aura lists snapshots by day; it does not say of which
// time zone, and its timestamps are UTC, so this package takes days as UTC.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// DayOf returns the day in UTC that t falls on.
func DayOf(t time.Time) Day {
	year, month, day := t.UTC().Date()
	return Day{Year: year, Month: month, Day: day}
}

// ParseDay reads a day in the form 2006-01-02. Any other form, and a day that
// the calendar does not have, is an [*ArgumentError].
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Day{}, &ArgumentError{Argument: "day", Problem: fmt.Sprintf("%q is not a day in the form 2006-01-02", s)}
	}
	return DayOf(t), nil
}

// IsZero reports whether d is the zero Day, which stands for "not given".
func (d Day) IsZero() bool { return d == Day{} }

// String returns d in the form 2006-01-02, or nothing for the zero Day.
func (d Day) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Start().Format(time.DateOnly)
}

// AddDays returns the day n days after d, or before it when n is negative.
func (d Day) AddDays(n int) Day {
	return DayOf(time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC))
}

// Start returns the first moment of d in UTC.
func (d Day) Start() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

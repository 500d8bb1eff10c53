package rulefile

import (
	"testing"
	"time"

	"citycard/ledger"
)

// TestMomentText reads moments as documents write them, and writes them in one form each.
func TestMomentText(t *testing.T) {
	for text, want := range map[string]struct {
		moment Moment
		text   string
	}{
		"20270101":            {20270101_000000, "20270101"},
		"2027-01-01T00:00":    {20270101_000000, "20270101"},
		"2027-01-01T04:00":    {20270101_040000, "2027-01-01T04:00"},
		"2027-01-01T04:00:00": {20270101_040000, "2027-01-01T04:00"},
		"2027-01-01T23:59:59": {20270101_235959, "2027-01-01T23:59:59"},
		"2027-01-01T00:00:01": {20270101_000001, "2027-01-01T00:00:01"},
		"19000101":            {19000101_000000, "19000101"},
		"2999-12-31T23:59":    {29991231_235900, "2999-12-31T23:59"},
	} {
		got, err := ParseMoment(text)
		if err != nil || got != want.moment || got.String() != want.text {
			t.Errorf("%s is %d (%s), %v; want %d (%s)", text, got, got, err, want.moment, want.text)
		}
		if packed, err := ParsePacked(got.Packed()); err != nil || packed != got || len(got.Packed()) != 14 {
			t.Errorf("%s packed is %s, which reads as %d, %v", text, got.Packed(), packed, err)
		}
	}
	for _, text := range []string{
		"", "2027", "20270229", "18991231", "30000101", "2027-01-01", "2027-01-01T04", "2027-01-01T4:00", "2027-01-01T24:00", "2027-01-01T04:60",
		"2027-02-29T04:00", "2027-01-01T04:00:00.5", "2027-01-01T04:00:00Z", "2027-01-01T04:00+08:00", "2027-01-01 04:00", "20270101T0400", "1899-12-31T04:00", " 20270101",
	} {
		if got, err := ParseMoment(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
	for _, text := range []string{"", "20270101", "20270101240000", "20270101040000.5", "2027010104000", "202701010400000"} {
		if got, err := ParsePacked(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

// TestMomentAdd crosses minutes, days, months and leap days, both ways.
func TestMomentAdd(t *testing.T) {
	for _, c := range []struct {
		from    Moment
		seconds int
		want    Moment
	}{
		{20270101_040000, -1, 20270101_035959},
		{20270101_000000, -1, 20261231_235959},
		{20261231_235959, 1, 20270101_000000},
		{20280228_235930, 30, 20280229_000000},
		{20280301_000000, -1, 20280229_235959},
		{20260105_090000, 3600, 20260105_100000},
	} {
		if got := c.from.Add(c.seconds); got != c.want {
			t.Errorf("%s and %d seconds: %s, want %s", c.from, c.seconds, got, c.want)
		}
	}
	if got := MomentOf(time.Date(2026, 1, 5, 3, 59, 59, 999_999_999, time.UTC)); got != 20260105_035959 {
		t.Errorf("the last nanosecond before four is in %s", got)
	}
	if StartOf(20260105) != 20260105_000000 || EndOf(20260105) != 20260105_235959 || Moment(20260105_235959).Day() != ledger.Day(20260105) {
		t.Error("a day does not begin at 00:00:00 and end at 23:59:59")
	}
}

// TestSignedMoment reads what a card may sign, of which only the day must be one.
func TestSignedMoment(t *testing.T) {
	for at, want := range map[[7]byte]Moment{
		{0x20, 0x26, 0x01, 0x05, 0x03, 0x59, 0x59}: 20260105_035959,
		{0x20, 0x26, 0x01, 0x05, 0x04, 0x00, 0x00}: 20260105_040000,
		{0x20, 0x26, 0x01, 0x05, 0x99, 0x99, 0x99}: 20260105_999999,
		{0x20, 0x26, 0x01, 0x05, 0x0A, 0x00, 0x00}: 20260105_000000,
		{0x20, 0x26, 0x02, 0x29, 0x04, 0x00, 0x00}: 0,
		{0x20, 0x2A, 0x01, 0x05, 0x04, 0x00, 0x00}: 0,
		{}: 0,
	} {
		if got, ok := SignedMoment(at); got != want || ok != (want != 0) {
			t.Errorf("%x is %d, %v; want %d", at, got, ok, want)
		}
	}
	if StartOf(20260106) <= 20260105_999999 {
		t.Error("a time of day that is none counts as one of the next day")
	}
}

package tariff_test

import (
	"path/filepath"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/terminals/tariff"
)

// TestBandsAreKept: a terminal that starts without a broker charges by bands and calendar as
// before. 5 January 2026 is a workday, the 6th a restday, and the calendar ends there.
func TestBandsAreKept(t *testing.T) {
	m := published()
	m.Bands = []*message.Band{{Name: "morning", Days: []message.DayKind{message.DayKind_DAY_KIND_WORKDAY}, FromMinute: 7 * 60, ToMinute: 9 * 60}}
	m.Fares[0].Prices = append(m.Fares[0].Prices, &message.Prices{MetroFen: []uint32{210, 310, 360, 220}, Bus: []*message.BusFare{{Line: 7, Fen: 200}}})
	table, err := tariff.New(m)
	must(t, err)
	days, err := message.NewCalendar(&message.DayKinds{First: "20260105", Kinds: []byte{1, 2}})
	must(t, err)
	path := filepath.Join(t.TempDir(), "fares")
	first, err := tariff.Open(path)
	must(t, err)
	first.Set(days, table)
	must(t, first.Save())
	again, err := tariff.Open(path)
	must(t, err)
	bare, err := tariff.Of(m)
	must(t, err)
	for day, want := range map[int]uint32{5: 200, 6: 190, 7: 190} {
		at := time.Date(2026, 1, day, 8, 0, 0, 0, time.UTC)
		for name, s := range map[string]*tariff.Schedule{"set": first, "kept": again, "without a calendar": bare} {
			want := want
			if s == bare {
				want = 190
			}
			table, err := s.At(at)
			must(t, err)
			if fen, err := table.Bus(1, 7, at); err != nil || fen != want {
				t.Errorf("%s, on the %dth: %d fen, %v; want %d", name, day, fen, err, want)
			}
		}
	}
}

package city

import (
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/truth"
)

// TestTornRides: over two days some torn cards are never asked for their TACs, some on the same
// day, and some on the next. A record without a TAC is sent for each of them, a tap for those that
// are proved, and what the others have paid is what the books do not know.
func TestTornRides(t *testing.T) {
	store := keys.GenerateTest(1)
	dir := smallCity(t, store)
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, beijing())
	shares := manyFaults()
	shares.Torn = 0.2
	open, unbooked, nextDay := map[string]int64{}, map[string]int64{}, 0
	for n := range 2 {
		p := playDay(t, dir, store, day.AddDate(0, 0, n), shares)
		yesterday, today := len(open), 0
		for _, r := range p.Records {
			switch tap := r.Key(); {
			case r.Verdict == truth.Unconfirmed:
				if r.Topic != message.TopicTapsUnconfirmed || r.Fen == 0 || r.Payee != "" {
					t.Errorf("a record without a TAC is %+v", r)
				}
				tap.ID = tap.ID[2:]
				open[tap.String()] = r.Fen
				unbooked[r.Subject] += r.Fen
				today++
			case r.Posts() && open[tap.String()] > 0:
				if r.Fen != open[tap.String()] || r.Verdict != truth.Cleared {
					t.Errorf("a ride of %d fen without a TAC is proved as %+v", open[tap.String()], r)
				}
				unbooked[r.Subject] -= r.Fen
				delete(open, tap.String())
				if r.Day == 20261124 && n == 1 {
					nextDay++
				}
			}
		}
		for _, purse := range p.Purses {
			if purse.Unbooked != unbooked[purse.Card] {
				t.Errorf("day %d: %d fen of card %s are in no books, want %d", n, purse.Unbooked, purse.Card, unbooked[purse.Card])
			}
		}
		if s := p.Summary; s.Unconfirmed != today || today < 30 || s.Gaps < 10 || s.Gaps > yesterday+today || len(open) < 10 {
			t.Errorf("day %d: %d unconfirmed, want %d; %d gaps, %d open", n, s.Unconfirmed, today, s.Gaps, len(open))
		}
	}
	if nextDay == 0 {
		t.Error("no card was proved on the next day")
	}
}

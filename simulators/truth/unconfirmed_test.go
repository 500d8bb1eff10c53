package truth

import (
	"slices"
	"testing"
)

// TestUnconfirmed: a tap without a TAC is kept and moves no money, once; the tap itself, before it
// or after it, is booked once. What the books make of it otherwise is found.
func TestUnconfirmed(t *testing.T) {
	tap := Entry{
		Topic: "taps", Value: []byte("tap"), Signed: []byte("signed"), Key: SpendKey(20261124, card(), 9, gate(), 1), Purpose: Bus, Fen: 160, Payee: "operator:bus",
	}
	without := Entry{
		Topic: "taps.unconfirmed", Value: []byte("without a TAC"), Key: UnconfirmedKey(20261124, card(), 9, gate(), 1), Purpose: Bus, Fen: 160,
		Facts: Facts{Unconfirmed: true},
	}
	never := without
	never.Value, never.Key = []byte("another"), UnconfirmedKey(20261124, card(), 9, gate(), 2)
	b := NewBook()
	var records []Record
	var verdicts []string
	for _, e := range []Entry{without, tap, without, never, tap} {
		r := b.Enter(e)
		records, verdicts = append(records, r), append(verdicts, r.Verdict)
	}
	if want := []string{Unconfirmed, Cleared, Duplicate, Unconfirmed, Duplicate}; !slices.Equal(verdicts, want) {
		t.Fatalf("verdicts %q, want %q", verdicts, want)
	}
	s := Summarise(20261124, 1, records, []Purse{{card(), 40, 160}})
	if s.Unconfirmed != 2 || s.Cleared != 1 || s.Duplicates != 2 || s.Sent != 5 || s.Payees["operator:bus"] != 160 || s.ByPurpose[Bus] != (Sum{1, 160}) || s.UnbookedFen != 160 {
		t.Errorf("summary %+v", s)
	}
	rows := []Row{{Key: tap.Key, Fen: 160, Credit: "operator:bus"}}
	memos := []Memo{
		{Topic: "taps.unconfirmed", Verdict: Unconfirmed, SHA256: records[0].SHA256}, {Topic: "taps.unconfirmed", Verdict: Unconfirmed, SHA256: records[3].SHA256},
	}
	if r := compare(t, records, observed{rows, memos}); !r.Agrees() || r.Sent != 5 {
		t.Errorf("the books are as they should be: %+v", r)
	}
	booked := Row{Key: SpendKey(20261124, card(), 9, gate(), 2), Fen: 160, Credit: "operator:bus"}
	for name, c := range map[string]struct {
		books                             observed
		lost, doubled, unexpected, payees int
	}{
		"a memo is missing":    {observed{rows, memos[:1]}, 1, 0, 0, 0},
		"a memo is kept twice": {observed{rows, append(slices.Clone(memos), memos[1])}, 0, 1, 0, 0},
		"the tap is missing":   {observed{nil, memos}, 1, 0, 0, 1},
		"a memo moves money":   {observed{append(slices.Clone(rows), booked), memos}, 0, 0, 1, 1},
		"a memo of no record":  {observed{rows, append(slices.Clone(memos), Memo{Topic: "taps.unconfirmed", Verdict: Unconfirmed, SHA256: "00"})}, 0, 0, 1, 0},
	} {
		if r := compare(t, records, c.books); r.Lost != c.lost || r.Doubled != c.doubled || r.Unexpected != c.unexpected || len(r.Positions) != c.payees {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

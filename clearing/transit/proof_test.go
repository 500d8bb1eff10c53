package transit_test

import (
	"testing"

	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/transit"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// TestProofIsNoPassage: by a plain purchase of nothing a card proves that it is the one which has
// paid before. Its tap says of which passage, and no fare is missing. A passage for nothing is
// flagged, and so is a plain purchase with another amount, or with cash beside it.
func TestProofIsNoPassage(t *testing.T) {
	town := clearingtest.New(t, nil)
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit,
		Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	for _, test := range []struct {
		name    string
		kind    byte
		fen     uint32
		cash    uint32
		flagged bool
	}{
		{"a proof", purse.TypeEPPurchase, 0, 0, false},
		{"a passage for nothing", purse.TypeCAPP, 0, 0, true},
		{"a passage", purse.TypeCAPP, 80, 0, false},
		{"a plain purchase of the fare", purse.TypeEPPurchase, 80, 0, false},
		{"a plain purchase of something else", purse.TypeEPPurchase, 79, 0, true},
		{"nothing, and cash", purse.TypeEPPurchase, 0, 80, true},
	} {
		m := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 1, Fen: test.fen, At: noon(5), Type: test.kind})
		if test.cash > 0 {
			m.Update = &message.Update{CashFen: test.cash}
		}
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if r := d.Rulings[0]; r.Verdict != verdict.Cleared || r.Flagged != test.flagged {
			t.Errorf("%s: %s, flagged %v; want %v", test.name, r.Verdict, r.Flagged, test.flagged)
		}
	}
}

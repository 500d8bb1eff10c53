package transit_test

import (
	"strings"
	"testing"

	"citycard/cardos/keys"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/rules"
	"citycard/clearing/transit"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// TestOverdrawnTap: an exit may leave a card as far below zero as products let cards of its type
// go, here 8 yuan; one fen beyond is booked likewise and flagged. Cards of other types may not.
func TestOverdrawnTap(t *testing.T) {
	town := clearingtest.New(t, nil)
	text := strings.Replace(string(rules.Products.Example()), `"price_fen": 0,`, `"price_fen": 0, "overdraft_fen": 800,`, 1)
	set, err := town.Rules.Current().With(map[rules.Kind][]byte{rules.Products: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		balance  int32
		cardType uint32
		rules    *rules.Shelf
		flagged  bool
	}{
		{"nothing owed", 0, 1, rules.NewShelf(set), false},
		{"at the limit", -800, 1, rules.NewShelf(set), false},
		{"one fen beyond", -801, 1, rules.NewShelf(set), true},
		{"a type without a limit", -1, 2, rules.NewShelf(set), true},
		{"no product has one", -1, 1, town.Rules, true},
	} {
		current := test.rules.Current()
		price, _ := current.Tables.Last().Bus(test.cardType, 1, 0)
		m := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 1, Fen: uint32(price), At: noon(5)})
		m.BalanceFen, m.CardType, m.FareVersion = test.balance, test.cardType, current.Tables.Last().Version()
		m.Mode, m.Movement, m.Line = message.Mode_MODE_BUS, message.Movement_MOVEMENT_SINGLE, 1
		judge := &transit.Judge{
			Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: test.rules.Transit,
			Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
		}
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if r := d.Rulings[0]; r.Reason != verdict.None || r.Flagged != test.flagged {
			t.Errorf("%s: %s %q, flagged %v, want %v", test.name, r.Verdict, r.Reason, r.Flagged, test.flagged)
		}
	}
}

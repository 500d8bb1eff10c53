package load_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// noWords are books without a written load.
func noWords(_ context.Context, orders []*load.Order) ([]ledger.Day, error) {
	return make([]ledger.Day, len(orders)), nil
}

// TestForeignLoad writes money on another city's card, of an issuer that is
// accepted here: only its own city could have authorised that, and no order for
// it is taken here.
func TestForeignLoad(t *testing.T) {
	const otherCity, visitor = "0102030405060708", "03104999900000000001"
	town := clearingtest.New(t, func(files map[string]string) {
		files["issuers.csv"] = "issuer,name,name_en,kind,effective_from,effective_to\n" +
			clearingtest.Issuer + ",本市,Own city,own,20200101,\n" + otherCity + ",外市,Other city,interoperable,20240101,\n"
	})
	away := &clearingtest.Town{Keys: keys.GenerateTest(2)}
	m := away.Load(visitor, 3, 5000, 9000, at(12))
	m.Issuer = clearingtest.Hex(otherCity)
	judge := &load.Judge{TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Loads, Paid: func(_ context.Context, orders []ledger.Key) ([]ledger.Fen, error) {
		return make([]ledger.Fen, len(orders)), nil
	}, Written: noWords}
	d := docket.New(docket.Source{Stream: "loads/0", Day: 20260105}, 1)
	if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, d); err != nil {
		t.Fatal(err)
	}
	if r := d.Rulings[0]; r.Verdict != verdict.Rejected || r.Reason != verdict.BadTAC || len(d.Transfers) > 0 {
		t.Errorf("%s %s with %d transfers, want rejected bad_tac with none", r.Verdict, r.Reason, len(d.Transfers))
	}

	c := newCounter(t)
	order := c.town.LoadRequest(visitor, "order-9", 3, 4000, 5000, at(12))
	order.Issuer = clearingtest.Hex(otherCity)
	if answer := c.ask(order); answer.GetRefusal() != string(verdict.UnknownCard) || len(answer.GetMac2()) > 0 {
		t.Errorf("the order of another city's card was answered %v", answer)
	}
}

// TestListedLoad asks for a load of a card that is on the hotlist at that second.
func TestListedLoad(t *testing.T) {
	town := clearingtest.New(t, func(files map[string]string) {
		files["hotlist.csv"] = "card,reason,effective_from,effective_to\n" + clearingtest.Card + ",lost,20260105120000,\n"
	})
	authority := &load.Authority{Registry: town.Registry, Keys: keys.NewKeyring(town.Keys), Rules: town.Rules.Loads, Fresh: town.Rules.Fresh, Now: func() time.Time { return at(12) }}
	_, err := authority.Authorise(t.Context(), town.LoadRequest(clearingtest.Card, "order-1", 1, 4000, 5000, at(12)))
	var refusal *load.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != verdict.CardListed {
		t.Errorf("the load ended with %v, want a refusal for %s", err, verdict.CardListed)
	}
}

package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/quarantine"
	"citycard/clearing/receipt"
	"citycard/clearing/registry"
	"citycard/clearing/release"
	"citycard/clearing/rules"
	"citycard/clearing/stock"
	"citycard/clearing/transit/fare"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// fitting is a request of a kind with its change. open are the parts that only the books know.
type fitting struct {
	kind    string
	request any
	change  *proposal.Change
	open    []string
}

func changeOf(unit people.Unit, rows ...proposal.Row) *proposal.Change {
	return &proposal.Change{Unit: unit, Rows: rows}
}

func with(c *proposal.Change, effects ...proposal.Effect) *proposal.Change {
	c.Effects = effects
	return c
}

func booking(c *proposal.Change, transfers ...proposal.Transfer) *proposal.Change {
	c.Transfers = transfers
	return c
}

// TestFits has each kind refuse each change that is altered in one part: people would read
// something else than what is done.
func TestFits(t *testing.T) {
	tried := map[string]bool{}
	for _, test := range slices.Concat(staffFits(t), dayFits(), moneyFits(), releaseFits(), documentFits(), stockFits()) {
		tried[test.kind] = true
		at := slices.IndexFunc(verify.Entries(), func(e proposal.Entry) bool { return e.Kind == test.kind })
		peopletest.Fits(t, verify.Entries()[at], test.request, test.change, test.open...)
	}
	for _, e := range verify.Entries() {
		if !tried[e.Kind] {
			t.Errorf("no change of the kind %q is tried", e.Kind)
		}
	}
}

func stockFits() []fitting {
	moving := changeOf("channel:shop",
		proposal.RowOf("stock", "card 1-5", "in_stock").Alters("store", "channel:shop", "issuer").Alters("pieces", "", "5"),
		proposal.RowOf("stock", "card 9", "in_stock").Alters("store", "channel:shop", "issuer").Alters("pieces", "", "1"))
	moving.Approves = people.Issuer
	return []fitting{
		{stock.KindReceive, stock.Receipt{Store: people.Issuer, Kind: stock.Card, Product: "ordinary", Serials: []stock.Range{{First: 1, Last: 5}}}, changeOf(people.Issuer,
			proposal.RowOf("stock", "card 1-5", "").Alters("store", "", "issuer").Alters("product", "", "ordinary").Alters("pieces", "", "5")), nil},
		{stock.KindMove, stock.Moving{From: "channel:shop", To: people.Issuer, Kind: stock.Card, Serials: []stock.Range{{First: 1, Last: 5}, {First: 9, Last: 9}}}, moving, nil},
	}
}

func staffFits(t *testing.T) []fitting {
	key := peopletest.Key(t, "zoe").Public().String()
	return []fitting{
		{people.ActEnrol, people.Enrolment{ID: "batch", Name: "Batch", Unit: people.Issuer, Role: people.Clerk, Key: key, Service: true}, changeOf(people.Issuer,
			proposal.RowOf("person", "batch", "").Alters("name", "", "Batch").Alters("unit", "", "issuer").Alters("role", "", "clerk").Alters("key", "", key).Alters("service", "", "true")), nil},
		{people.ActEnrol, people.Enrolment{ID: "zoe", Name: "Zoe", Unit: people.Issuer, Role: people.Clerk, Key: key}, changeOf(people.Issuer,
			proposal.RowOf("person", "zoe", "").Alters("name", "", "Zoe").Alters("unit", "", "issuer").Alters("role", "", "clerk").Alters("key", "", key)), nil},
		{
			people.ActChange,
			people.Change{ID: "zoe", Name: "Zoe", Unit: people.City, Role: people.Keeper, Key: key},
			changeOf(people.Issuer,
				proposal.RowOf("person", "zoe", "revision 1").Alters("name", "Z", "Zoe").Alters("unit", "issuer", "city").Alters("role", "clerk", "keeper").Alters("key", "", key)),
			[]string{"row 0 at", "row 0 name is", "row 0 unit is", "row 0 role is", "row 0 key is"},
		},
		{people.ActDeputy, people.Deputy{ID: "zoe", For: "ann", From: "2026-01-05T00:00:00+08:00", Until: "2026-01-06T00:00:00+08:00"}, with(changeOf(people.Issuer,
			proposal.RowOf("deputy", "zoe for ann", "revision 1, revision 1").Alters("from", "", "2026-01-05T00:00:00+08:00").Alters("until", "", "2026-01-06T00:00:00+08:00")),
			proposal.Effectf("%s may do what %s may, in their own name, and decides nothing that %s has proposed", "zoe", "ann", "ann")), []string{"row 0 at"}},
		{people.ActEndDeputy, people.EndDeputy{ID: "zoe", For: "ann"}, changeOf(people.Issuer,
			proposal.RowOf("deputy", "zoe for ann", "deputy 1").Alters("state", "appointed", "ended")), []string{"row 0 at"}},
		{people.ActDisable, people.Disabling{ID: "zoe"}, with(changeOf(people.Issuer,
			proposal.RowOf("person", "zoe", "revision 1").Alters("state", "enrolled", "disabled")), proposal.Effectf("what %s proposed and waits ends", "zoe")), []string{"row 0 at"}},
	}
}

func dayFits() []fitting {
	const key, was = "aa", "bb"
	return []fitting{
		{dayclose.ReopenName, dayclose.ReopenRequest{Day: 20260105}, with(changeOf(people.Issuer,
			proposal.RowOf("day", "20260105", "closed, reopened 0 times").Alters("state", "closed", "open")),
			proposal.Effectf("streams that are leased for the day again book in it until it is closed again")), []string{"row 0 at"}},
		{chain.ActPinSealKey, dayclose.PinRequest{Key: key}, with(changeOf(people.Issuer, proposal.RowOf("seal key", "", was).Alters("key", was, key)),
			proposal.Effectf("days are sealed with this key alone; what is sealed stays as it is")), nil},
		{dayclose.WithoutName, dayclose.WithoutRequest{Day: 20260105, Streams: []dayclose.Standing{{Stream: message.TopicTaps + "/0", At: 3, End: 9}}}, with(changeOf(people.Issuer,
			proposal.RowOf("day", "20260105", "open, reopened 0 times").Alters("waits for", "every stream", "all but 1"),
			proposal.RowOf("stream", message.TopicTaps+"/0", "at 3").Alters("waited for", "to 9", "no")),
			proposal.Effectf("the next citycard day close closes the day once all other streams are cleared; what these hold is booked in the day in which it is read"),
			proposal.Effectf("the findings of day %s have no gaps of these streams", "20260105")), []string{"row 0 at"}},
		{
			quarantine.KindJudge,
			quarantine.JudgeRequest{Records: []string{"a", "b"}},
			with(changeOf(people.Issuer,
				proposal.RowOf("kept record", "a", "of day 20260105, mac").Alters("state", "open", "to be judged again"),
				proposal.RowOf("kept record", "b", "of day 20260105, mac").Alters("state", "open", "to be judged again")),
				proposal.Effectf("citycard quarantine book judges each as if it came today, once, by the rules in force then, and books what they say")),
			[]string{"row 0 at", "row 1 at"},
		},
	}
}

func moneyFits() []fitting {
	return []fitting{
		{chart.LimitName, chart.LimitRequest{Account: "channel:shop", Cap: 2000, Alarm: 100, BelowUsed: true}, with(changeOf("channel:shop",
			proposal.RowOf("account", "channel:shop", "10.00/0.00").Alters("cap", "10.00", "20.00").Alters("alarm", "0.00", "1.00")),
			proposal.Effectf("the new cap counts also where more is used already: then nothing more is allowed until it is paid back")), nil},
		{chart.MarkName, chart.MarkRequest{Account: "channel:shop", As: chart.Frozen}, with(changeOf("channel:shop",
			proposal.RowOf("account", "channel:shop", "open").Alters("mark", "open", "frozen")),
			proposal.Effectf("it takes no transfer until it is open again: what must be booked to it waits, or is kept for a person")), nil},
		{receipt.ActBook, receipt.BookRequest{Account: "channel:shop", Fen: 500, Reference: "slip"}, booking(changeOf("channel:shop",
			proposal.RowOf("receipt", "slip", "").Alters("state", "", "booked")), proposal.Transfer{Debit: chart.Reserve, Credit: "channel:shop", Fen: 500}), nil},
		{
			receipt.ActReverse,
			receipt.ReverseRequest{Reference: "slip", Account: "channel:shop"},
			booking(changeOf("channel:shop",
				proposal.RowOf("receipt", "slip", "booked").Alters("state", "booked", "reversed")), proposal.Transfer{Debit: "channel:shop", Credit: chart.Reserve, Fen: 500}),
			[]string{"transfer 0 fen"},
		},
		{
			receipt.ActReverse,
			receipt.ReverseRequest{Reference: "slip"},
			booking(changeOf("channel:shop",
				proposal.RowOf("receipt", "slip", "booked").Alters("state", "booked", "reversed")), proposal.Transfer{Debit: "channel:shop", Credit: chart.Reserve, Fen: 500}),
			[]string{"transfer 0 fen"},
		},
	}
}

func releaseFits() []fitting {
	asked := cards.Order{
		Number: "7", Channel: "shop", Counter: "1", Do: cards.Return, Card: "03105070200000001000", Cash: -1000, Emptied: 25_000, Salt: strings.Repeat("5a", 32),
	}
	card := strings.Repeat("01", 12)
	subject := ledger.Subject(strings.Repeat("\x01", 12))
	sequence := uint16(7)
	order := load.Order{Card: subject, Load: identity.Load{Sequence: sequence}}
	order.Load.Kind = 2
	paid := release.RowName(order.Paid())
	tap := release.RowName(ledger.Key{Day: 20260105, Subject: subject, ID: "\x01\x02"})
	lost := unconfirmed.RowName(ledger.Key{Day: 20260105, Subject: subject, ID: identity.Spend(9, make([]byte, 6), 7)})
	other := release.RowName(ledger.Key{Day: 20260105, Subject: subject, ID: "\x01\x03"})
	return []fitting{
		{release.KindRefund, release.Refund{Card: card, Order: "7", Channel: "shop", Sequence: &sequence, NotWritten: true}, with(booking(changeOf(people.Issuer,
			proposal.RowOf("paid load", paid, "waits").Alters("state", "waits", "refunded to channel:shop")), proposal.Transfer{Debit: chart.Unwritten, Credit: "channel:shop", Fen: 500}),
			proposal.Effectf("a counter has read the card, and says that it does not have the load")), []string{"transfer 0 fen"}},
		{release.KindRefund, release.Refund{Card: card, Order: "7"}, with(booking(changeOf(people.Issuer,
			proposal.RowOf("paid load", paid, "waits").Alters("state", "waits", "refunded to channel:shop")), proposal.Transfer{Debit: chart.Unwritten, Credit: "channel:shop", Fen: 500}),
			proposal.Effectf("it was paid on %s, and may be refunded from %s on without a look at the card", "20260105", "20260205")), []string{"transfer 0 fen"}},
		{release.KindCorrect, release.Correction{Row: tap, To: "operator:metro", Because: "wrong"}, with(booking(changeOf(people.Issuer,
			proposal.RowOf("suspended transfer", tap, "released to operator:bus").Alters("state", "released to operator:bus", "corrected to operator:metro")),
			proposal.Transfer{Debit: "operator:bus", Credit: "suspense:mac", Fen: 5}, proposal.Transfer{Debit: "suspense:mac", Credit: "operator:metro", Fen: 5}),
			proposal.Effectf("because: %s", "wrong"), proposal.Effectf("%s owes the amount, even if it was paid out: the close of the open day deducts it, or collects it", "operator:bus")), nil},
		{unconfirmed.KindResolve, unconfirmed.Resolve{Row: lost, As: unconfirmed.CodeLost}, with(booking(changeOf(people.Issuer,
			proposal.RowOf("unconfirmed tap", lost, "open").Alters("state", "open", "debited, code lost")), proposal.Transfer{Debit: chart.Float, Credit: chart.CodeLost, Fen: 80}),
			proposal.Effectf("the card's later counter and balance say that it was debited"),
			proposal.Effectf("if its TAC comes, the amount goes back to the float, and the tap is booked like any other")), []string{"transfer 0 fen"}},
		{unconfirmed.KindResolve, unconfirmed.Resolve{Row: lost, As: unconfirmed.WasNotDebited, Because: "the camera"}, with(changeOf(people.Issuer,
			proposal.RowOf("unconfirmed tap", lost, "open").Alters("state", "open", "not debited")),
			proposal.Effectf("no later record of the card says whether it was debited"),
			proposal.Effectf("nothing moves; if its TAC comes, the tap is booked like any other"), proposal.Effectf("because: %s", "the camera")), nil},
		{cards.KindCash, cards.ShiftOrder{Number: "7", Channel: "shop", Counter: "1", Do: cards.Closes, Counted: 500}, booking(changeOf("channel:shop",
			proposal.RowOf("shift", "3", "open").Alters("expected", "12.00", "12.00").Alters("counted", "", "5.00")),
			proposal.Transfer{Debit: chart.Differences, Credit: "channel:shop", Fen: 700}), []string{"row 0 key"}},
		{
			cards.KindConsent, asked.Consent(26_000), changeOf("channel:shop", proposal.RowOf("card", asked.Card, "active, step 1").
				Alters("act", "", "return").Alters("cash", "", "-10.00").Alters("at most", "", "260.00").Alters("shadow balance", "250.00", "250.00").Alters("deposit", "10.00", "10.00").Alters("emptied", "", "250.00")),
			[]string{"row 0 at"},
		},
		{load.KindWithdraw, load.Withdraw{Placer: "channel:shop", Order: "7"}, with(booking(changeOf(people.Issuer,
			proposal.RowOf("waiting load", "channel:shop 7", "waiting").Alters("state", "waiting", "withdrawn")), proposal.Transfer{Debit: chart.Waiting, Credit: "channel:shop", Fen: 500}),
			proposal.Effectf("it has waited for its card since %s", "20260105")), []string{"transfer 0 fen"}},
		{load.KindWithdraw, load.Withdraw{Placer: load.Placer("card:" + card), Order: "7", To: "channel:shop"}, with(booking(changeOf(people.Issuer,
			proposal.RowOf("waiting load", "card:"+card+" 7", "waiting").Alters("state", "waiting", "withdrawn")), proposal.Transfer{Debit: chart.Waiting, Credit: "channel:shop", Fen: 500}),
			proposal.Effectf("it has waited for its card since %s", "20260105")), []string{"transfer 0 fen"}},
		{release.KindRefund, release.Refund{Card: card, Order: "7", NotWritten: true}, with(booking(changeOf(people.Issuer,
			proposal.RowOf("paid load", paid, "waits").Alters("state", "waits", "refunded to waiting:own")), proposal.Transfer{Debit: chart.Unwritten, Credit: chart.Waiting, Fen: 500}),
			proposal.Effectf("a counter has read the card, and says that it does not have the load")), []string{"transfer 0 fen"}},
		{
			release.KindPayout,
			release.Payout{Day: 20260105, Operator: "bus"},
			with(booking(changeOf(people.Issuer,
				proposal.RowOf("held payout", "20260105 operator:bus", "held").Alters("state", "held", "paid")), proposal.Transfer{Debit: "operator:bus", Credit: chart.Reserve, Fen: 5}),
				proposal.Effectf("it was held because %s of %s TACs at its terminals were wrong (rule %s)", "1", "2", "3")),
			[]string{"transfer 0 fen", "effect 0 part 0", "effect 0 part 1", "effect 0 part 2"},
		},
		{release.KindRelease, release.Releases{Rows: []release.Payee{{Row: tap, To: "operator:bus", Fen: 5}}}, booking(changeOf("operator:bus",
			proposal.RowOf("suspended transfer", tap, "waits").Alters("state", "waits", "released to operator:bus")),
			proposal.Transfer{Debit: "suspense:mac", Credit: "operator:bus", Fen: 5}), []string{"transfer 0 debit"}},
		{
			release.KindRelease,
			release.Releases{Rows: []release.Payee{{Row: tap, To: "operator:bus", Fen: 5}, {Row: other, To: "operator:bus", Fen: 6}}, Because: "moved"},
			with(booking(changeOf("operator:bus",
				proposal.RowOf("suspended transfer", tap, "waits").Alters("state", "waits", "released to operator:bus").Alters("payee", "operator:metro", "operator:bus"),
				proposal.RowOf("suspended transfer", other, "waits").Alters("state", "waits", "released to operator:bus")),
				proposal.Transfer{Debit: "suspense:mac", Credit: "operator:bus", Fen: 5}, proposal.Transfer{Debit: "suspense:mac", Credit: "operator:bus", Fen: 6}),
				proposal.Effectf("because: %s", "moved"), proposal.Effectf("%s gets %s yuan of %s rows", "operator:bus", "0.11", "2")),
			[]string{"transfer 0 debit", "transfer 1 debit", "row 0 payee", "row 0 payee is"},
		},
	}
}

func documentFits() []fitting {
	hash, was := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	is, becomes := "3+"+strings.Repeat("0", 16), "4+"+strings.Repeat("1", 16)
	return []fitting{
		{
			rules.ChangeName,
			rules.Content{Base: 3, Documents: map[rules.Kind]string{rules.Kinds()[0]: hash}, Accepted: true, Change: fare.Change{Prices: 2, Over: true}},
			changeOf(people.City,
				proposal.RowOf("rules", "", "3+00000000").Alters("edition", "3+00000000", "4+11111111"),
				proposal.RowOf("document", string(rules.Kinds()[0]), was).Alters("hash", was, hash).Alters("version", "", "zz 20260101-"),
				proposal.RowOf("prices", "", "").Alters("prices changed", "", "2").Alters("over the limit, and accepted", "", "true")),
			[]string{"row 1 version", "row 1 version is", "row 1 version becomes"},
		},
		{
			registry.PublishName,
			registry.PublishRequest{After: 3, Version: 4, At: "20260105120000"},
			with(changeOf(people.City,
				proposal.RowOf("hotlist", "", "3").Alters("version", "3", "4").Alters("cards", "5", "7").Alters("cards added", "", "2").
					Alters("cards gone", "", "0").Alters("registered cards", "", "90").Alters("counted at", "", "20260105120000")),
				proposal.Effectf("this one list is published although it is outside the bounds: every gate and validator refuses the cards that it names")),
			nil,
		},
		{
			registry.ChangeName,
			registry.Content{Change: 1, Base: 3, Rows: 2, Digest: hash},
			changeOf(people.City,
				proposal.RowOf("registry", "", is).Alters("version", is, becomes).Alters("digest of the rows", "", hash),
				proposal.RowOf("registry", "operators", is).Alters("rows added", "", "1").Alters("rows changed", "", "1").Alters("rows corrected", "", "0").Alters("rows ended", "", "0"),
				proposal.RowOf("registry", "operators bus 20260101", "").Alters("id", "", "bus"),
				proposal.RowOf("registry", "operators metro 20260101", is).Alters("name", "Metro", "Metro 2")),
			[]string{"row 2 key", "row 2 id", "row 2 id is", "row 2 id becomes", "row 3 key", "row 3 name", "row 3 name is", "row 3 name becomes"},
		},
	}
}

// TestFitsRelease has a row released to who the request says, and to nobody else who is consistent.
func TestFitsRelease(t *testing.T) {
	tap := release.RowName(ledger.Key{Day: 20260105, Subject: "\x01", ID: "\x01\x02"})
	body, err := proposal.Body(release.Releases{Rows: []release.Payee{{Row: tap, To: "operator:bus", Fen: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]bool{"operator:bus": true, "operator:metro": false} {
		change := booking(changeOf(people.Unit(to), proposal.RowOf("suspended transfer", tap, "waits").Alters("state", "waits", fmt.Sprintf("released to %s", to))),
			proposal.Transfer{Debit: "suspense:mac", Credit: to, Fen: 5})
		at := slices.IndexFunc(verify.Entries(), func(e proposal.Entry) bool { return e.Kind == release.KindRelease })
		if err := verify.Entries()[at].Fits(body, change); want != (err == nil) {
			t.Errorf("to %s: %v", to, err)
		}
	}
}

// TestShownOtherwise has people sign what shows another person and role than the request has. Both
// signatures are right; verify names the proposal as long as it waits, and the act once it is done.
func TestShownOtherwise(t *testing.T) {
	o := newOffice(t)
	lie := func(honest proposal.Kind) proposal.Kind {
		honest.Show = func(context.Context, json.RawMessage) (*proposal.Change, error) {
			return changeOf(people.Issuer, proposal.RowOf("person", "harmless", "").Alters("role", "", "auditor")), nil
		}
		return honest
	}
	for i, kind := range o.office.Kinds {
		if kind.Name == people.ActEnrol {
			o.office.Kinds[i] = lie(kind)
		}
	}
	e := people.Enrolment{ID: "mallory", Name: "M", Unit: people.Issuer, Role: people.Keeper, Key: peopletest.Key(t, "mallory").Public().String()}
	waits := propose(o, "kim", people.ActEnrol, e)
	want := fmt.Sprintf("proposal %d: its change is not the one of its request", waits.Number)
	o.wants("", want)
	o.approve("lee", waits)
	o.wants("", want)
	o.wants("", fmt.Sprintf("it is not what proposal %d was: it shows", waits.Number))
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/transit"
	"citycard/clearing/transit/fare"
	"citycard/cmd/books/bookstest"
	"citycard/ledger"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/terminals/counter"
	"citycard/terminals/gate"
	"citycard/terminals/reader"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/validator"
)

// transferFares are the town's fares with 0.50 yuan off a trip that enters within 90 minutes
// after a bus.
func transferFares(t *testing.T, town *clearingtest.Town) transit.Rules {
	t.Helper()
	rules, _ := town.Rules.Transit()
	text := strings.Replace(string(fare.ExampleJSON()), `"cards": [`, `"operators": [{"operator": "metro", "number": 1}, {"operator": "bus", "number": 2}],
		"transfers": [{"name": "in", "from": {"mode": "bus", "operators": ["bus"]}, "to": {"mode": "metro", "operators": ["metro"]}, "minutes": 90, "repeat": "once",
			"off_fen": 50, "floor_fen": 100, "bearer": "city", "apply": "terminal", "source": "invented"}],
		"cards": [`, 1)
	fares, err := fare.LoadRules([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	networks, err := fare.LoadNetworks(fare.ExampleNetworkJSON())
	if err != nil {
		t.Fatal(err)
	}
	if rules.Fares, err = fare.Build(fares, networks, rules.Purses.Terms(), rules.Purses.PurseMaximum, nil); err != nil {
		t.Fatal(err)
	}
	return rules
}

// cardInReader personalises a card that is in a real reader, with 50 yuan on it.
func cardInReader(t *testing.T, town *clearingtest.Town) apdu.Card {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	slots, o := pcscdtest.Slots(t), reader.Observe()
	t.Cleanup(func() { must(o.Close()) })
	r, err := o.Open(t.Context(), "Virtual PCD 00 00")
	must(err)
	t.Cleanup(func() { must(r.Close()) })
	must(slots[0].Insert(t.Context(), chip.NewTransit(11)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	card, err := r.WaitCard(ctx)
	must(err)
	t.Cleanup(func() { must(card.Close()) })
	_, err = counter.Personalise(t.Context(), card, card.ATR(), town.Keys, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: clearingtest.Card, Issuer: clearingtest.Issuer, Start: "20200101", Expiry: "20401231", CardType: 1, Province: "4900", City: "4910", Interoperable: true, PIN: "123456",
	}})
	must(err)
	_, err = counter.TopUp(t.Context(), card, keyAuthority{town.Keys}, counter.Load{
		Order: "1", Channel: "counter", Amount: 5000, Terminal: [6]byte{0x49, 0x10, 0x30, 0, 0, 1}, At: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC),
	})
	must(err)
	return card
}

// keyAuthority authorises loads as the load service does after booking.
type keyAuthority struct{ store *keys.Store }

func (a keyAuthority) AuthoriseLoad(_ context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := a.store.AuthoriseLoad(keys.LoadOrder{
		Card: keys.CardID{Issuer: [8]byte(r.GetIssuer()), ASN: [10]byte(r.GetCard())}, OldBalance: r.GetOldBalanceFen(), Amount: r.GetAmountFen(), Type: 2,
		Terminal: [6]byte(r.GetTerminal()), Time: [7]byte(r.GetTime()), OnlineSequence: uint16(r.GetOnlineSequence()), Random: [4]byte(r.GetRandom()),
		KeyVersion: byte(r.GetKeyVersion()), Algorithm: byte(r.GetAlgorithm()), MAC1: keys.MAC(r.GetMac1()),
	})
	return &message.LoadAnswer{Mac2: mac2[:]}, err
}

// TestTransferInARealReader: a card in a real reader goes by bus and by metro, within the
// minutes of a transfer and past them. What the ledger has is read back.
func TestTransferInARealReader(t *testing.T) {
	town := clearingtest.New(t, nil)
	rules := transferFares(t, town)
	var published []*message.FareTable
	for _, table := range rules.Fares.All() {
		published = append(published, table.Message())
	}
	schedule, err := tariff.Of(published...)
	if err != nil {
		t.Fatal(err)
	}
	module := func(number string) *sam.Module {
		psam := chip.NewPSAM([6]byte(clearingtest.Hex(number)), town.Keys.SAMKeys())
		psam.PowerOn()
		m, err := sam.Open(t.Context(), psam)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	bus, err := validator.New(module(clearingtest.BusValidator), schedule, validator.Place{City: 0x4910, Operator: 2, Line: 1})
	if err != nil {
		t.Fatal(err)
	}
	metro, err := gate.New(module(clearingtest.MetroGate), schedule, gate.Place{City: 0x4910, Operator: 1, Line: 1, Station: 1})
	if err != nil {
		t.Fatal(err)
	}
	card := cardInReader(t, town)
	nine := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	var records []docket.Record
	for _, step := range []struct {
		by func(context.Context, apdu.Card, time.Time) (*message.Tap, error)
		at time.Duration
	}{
		{bus.Ride, 0},
		{metro.Enter, 90 * time.Minute},
		{metro.Exit, 100 * time.Minute},
		{bus.Ride, 5 * time.Hour},
		{metro.Enter, 6*time.Hour + 30*time.Minute + time.Second},
		{metro.Exit, 7 * time.Hour},
	} {
		tap, err := step.by(t.Context(), card, nine.Add(step.at))
		if err != nil {
			t.Fatalf("%s later: %v", step.at, err)
		}
		records = append(records, docket.Record{Offset: int64(len(records)), Value: clearingtest.Encode(tap)})
	}
	var got []string
	for _, row := range bookTaps(t, town, rules, records) {
		got = append(got, fmt.Sprint(row.Amount))
	}
	slices.Sort(got)
	if want := []string{"0.80", "0.80", "1.40", "1.90"}; !slices.Equal(got, want) {
		t.Errorf("the ledger has %v, want %v", got, want)
	}
}

// bookTaps has taps judged, and booked in the ledger, and reads what was booked. One trip was
// cheaper by half a yuan, which the city bears.
func bookTaps(t *testing.T, town *clearingtest.Town, rules transit.Rules, records []docket.Record) (rows []ledger.Row) {
	t.Helper()
	b, _ := bookstest.New(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const day ledger.Day = 20260105
	must(b.OpenDay(t.Context(), day))
	must(b.OpenAccounts(t.Context(), []ledger.Account{
		{Code: "float:own", Kind: ledger.Liability}, {Code: "operator:bus", Kind: ledger.Liability}, {Code: "operator:metro", Kind: ledger.Liability},
	}))
	accounts, err := b.Accounts(t.Context())
	must(err)
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: accounts, TACs: keys.NewTACs(town.Keys.Held()), Rules: func() (transit.Rules, string) { return rules, "test" },
		Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	lease, err := b.Lease(t.Context(), "taps/0", "test", day)
	must(err)
	d := docket.New(docket.Source{Stream: "taps/0", Day: day}, len(records))
	must(judge.Rule(t.Context(), records, nil, d))
	var asides []docket.Aside
	for i := range d.Rulings {
		if r := &d.Rulings[i]; r.Flagged || r.Reason != "" {
			t.Errorf("a tap is flagged: %t, %q", r.Flagged, r.Reason)
		}
		asides = append(asides, d.Rulings[i].Asides...)
	}
	if want := []docket.Aside{{Day: day, Purpose: chart.TransferCity, Fen: -50}}; !slices.Equal(asides, want) {
		text, _ := json.Marshal(asides)
		t.Errorf("beside the totals: %s", text)
	}
	_, err = b.Post(t.Context(), &ledger.Batch{Stream: "taps/0", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: day, Transfers: d.Transfers, Memos: d.Memos})
	must(err)
	must(b.Scan(t.Context(), day, day, func(row ledger.Row) error {
		rows = append(rows, row)
		return nil
	}))
	return rows
}

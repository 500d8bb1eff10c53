package gate_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/gate"
	"citycard/terminals/tariff"
	"citycard/terminals/terminalstest"
)

// The tests pass simulated chips through real gates and then compare what the gate says with the
// chip's own files.

var (
	store     = terminalstest.Keys()
	issuerID  = terminalstest.Issuer()
	morning   = terminalstest.Morning()
	zone      = morning.Location()
	terminal  = terminalstest.SAM(1, 1)
	terminal2 = terminalstest.SAM(1, 2)
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// agrees checks a tap against the TAC and against the chip's own files: the
// newest records of 0018 and 001E tell of the same terminal, amount and time.
func agrees(t *testing.T, held *chip.Chip, tap *message.Tap, journeyType byte) {
	t.Helper()
	d := tap.GetDebit()
	record := keys.PurchaseRecord{
		Card: keys.CardID{Issuer: [8]byte(d.GetIssuer()), ASN: [10]byte(d.GetCard())}, Amount: d.GetAmountFen(), Type: byte(d.GetType()),
		Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(), Time: [7]byte(d.GetTime()), TAC: keys.MAC(d.GetTac()),
	}
	records := []keys.PurchaseRecord{record}
	if d.GetOtherTacReason() == message.Unsure_UNSURE_TORN_TAP { // clearing looks at no other
		record.TAC = keys.MAC(d.GetOtherTac())
		records = append(records, record)
	}
	ok := make([]bool, len(records))
	keys.NewTACVerifier(store.TACMaster()).VerifyPurchases(records, ok)
	if !slices.Contains(ok, true) {
		t.Error("the tap's TAC does not verify")
	}
	read := held.Describe().Transit
	if read.BalanceFen != tap.GetBalanceFen() || uint32(read.OfflineSequence) != tap.GetCardCounter()+1 {
		t.Errorf("card: balance %d, counter %d; tap: %d, %d", read.BalanceFen, read.OfflineSequence, tap.GetBalanceFen(), tap.GetCardCounter())
	}
	if len(read.Log) == 0 || len(read.Journeys) == 0 {
		t.Fatalf("card has %d log records and %d journeys", len(read.Log), len(read.Journeys))
	}
	log, journey := read.Log[0], read.Journeys[0]
	when, number := hex.EncodeToString(d.GetTime()), hex.EncodeToString(d.GetTerminal())
	if log.Type != purse.TypeCAPP || log.AmountFen != d.GetAmountFen() || log.Terminal != number || log.Time != when || uint32(log.Sequence) != tap.GetCardCounter() {
		t.Errorf("log %+v does not tell of %v", log, tap)
	}
	if journey.Type != journeyType || journey.AmountFen != d.GetAmountFen() || int32(journey.BalanceFen) != tap.GetBalanceFen() || journey.Terminal != "0000"+number || journey.Time != when ||
		uint32(journey.Line) != tap.GetLine() || uint32(journey.Station) != tap.GetStation() || journey.City != "4910" {
		t.Errorf("journey %+v does not tell of %v", journey, tap)
	}
}

func trip(t *testing.T, held apdu.Card) tunion.RailTrip {
	t.Helper()
	answer, err := apdu.Exchange(t.Context(), held, apdu.ReadRecord(tunion.TripSFI, tunion.TripRail, tunion.TripSize))
	must(t, err)
	r, err := tunion.ParseRailTrip(answer)
	must(t, err)
	return r
}

func TestTripIsOnTheCard(t *testing.T) {
	held := terminalstest.Card(t, 5000)
	in, out := terminalstest.Gate(t, terminal, 1), terminalstest.Gate(t, terminal2, 3)
	tap, err := in.Enter(t.Context(), held, morning)
	must(t, err)
	if tap.GetDebit().GetAmountFen() != 0 || tap.GetMovement() != message.Movement_MOVEMENT_ENTRY || tap.GetBalanceFen() != 5000 {
		t.Errorf("entry %v", tap)
	}
	agrees(t, held, tap, tunion.JourneyEntry)
	if r := trip(t, held); r.Status != tunion.TripEntered || r.EntryTerminal != tunion.LongTerminal(terminal) || r.EntryTime != bcd.Time(morning) {
		t.Errorf("rail record after the entry %+v", r)
	}

	later := morning.Add(25 * time.Minute)
	tap, err = out.Exit(t.Context(), held, later)
	must(t, err)
	entered := bcd.Time(morning)
	if tap.GetDebit().GetAmountFen() != 400 || tap.GetEntryLine() != 1 || tap.GetEntryStation() != 1 || string(tap.GetEntryTime()) != string(entered[:]) || tap.GetBalanceFen() != 4600 || tap.GetFareVersion() != "test-1" {
		t.Errorf("exit %v", tap)
	}
	agrees(t, held, tap, tunion.JourneyExit)
	r := trip(t, held)
	if r.Status != tunion.TripLeft || r.EntryTerminal != tunion.LongTerminal(terminal) || r.ExitTerminal != tunion.LongTerminal(terminal2) || r.EntryTime != entered || r.ExitTime != bcd.Time(later) {
		t.Errorf("rail record after the exit %+v", r)
	}
}

func TestOvertimeCostsTheHighestFare(t *testing.T) {
	for _, test := range []struct {
		took time.Duration
		want uint32
	}{{240 * time.Minute, 200}, {240*time.Minute + time.Second, 900}} {
		held := terminalstest.Card(t, 5000)
		_, err := terminalstest.Gate(t, terminal, 2).Enter(t.Context(), held, morning)
		must(t, err)
		tap, err := terminalstest.Gate(t, terminal2, 2).Exit(t.Context(), held, morning.Add(test.took))
		must(t, err)
		if got := tap.GetDebit().GetAmountFen(); got != test.want {
			t.Errorf("after %v: %d fen, want %d", test.took, got, test.want)
		}
	}
}

func TestGateStaysShut(t *testing.T) {
	enter := func(t *testing.T, held *chip.Chip) {
		_, err := terminalstest.Gate(t, terminal, 1).Enter(t.Context(), held, morning)
		must(t, err)
	}
	tests := []struct {
		name  string
		card  func(t *testing.T) *chip.Chip
		enter bool // try to enter, else to leave
		at    time.Time
		want  error
	}{
		{"leave without entry", func(t *testing.T) *chip.Chip { return terminalstest.Card(t, 5000) }, false, morning, gate.ErrNotInside},
		{"enter twice", func(t *testing.T) *chip.Chip { c := terminalstest.Card(t, 5000); enter(t, c); return c }, true, morning.Add(time.Minute), gate.ErrInside},
		{"clock behind the entry", func(t *testing.T) *chip.Chip { c := terminalstest.Card(t, 5000); enter(t, c); return c }, false, morning.Add(-time.Minute), gate.ErrClock},
		{"too little money", func(t *testing.T) *chip.Chip { c := terminalstest.Card(t, 399); enter(t, c); return c }, false, morning.Add(time.Minute), card.ErrInsufficient},
		{"expired", func(t *testing.T) *chip.Chip {
			return terminalstest.Card(t, 0, func(o *counter.TransitOrder) { o.Expiry = "20261123" })
		}, true, morning, card.ErrExpired},
		{"not yet valid", func(t *testing.T) *chip.Chip {
			return terminalstest.Card(t, 0, func(o *counter.TransitOrder) { o.Start = "20261125" })
		}, true, morning, card.ErrExpired},
		{"blank", func(t *testing.T) *chip.Chip { c := chip.NewTransit(3); c.PowerOn(); return c }, true, morning, capp.ErrNotEnabled},
		{"another city's, for that city alone", func(t *testing.T) *chip.Chip {
			return terminalstest.Card(t, 0, func(o *counter.TransitOrder) { o.City, o.Interoperable = "1000", false })
		}, true, morning, capp.ErrElsewhere},
		{"a social-security card", func(t *testing.T) *chip.Chip { c := chip.NewSocialSecurity(3); c.PowerOn(); return c }, true, morning, card.ErrNotTransit},
		{"no fare for its type", func(t *testing.T) *chip.Chip {
			return terminalstest.Card(t, 5000, func(o *counter.TransitOrder) { o.CardType = 5 })
		}, true, morning, tariff.ErrNoFare},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			held := test.card(t)
			before, err := held.Image()
			must(t, err)
			g, pass := terminalstest.Gate(t, terminal2, 3), (*gate.Gate).Exit
			if test.enter {
				pass = (*gate.Gate).Enter
			}
			tap, err := pass(g, t.Context(), held, test.at)
			if tap != nil || !errors.Is(err, test.want) {
				t.Errorf("tap %v, error %v; want %v", tap, err, test.want)
			}
			after, err := held.Image()
			must(t, err)
			if string(before) != string(after) {
				t.Error("the card changed")
			}
		})
	}
}

// A card of the union enters as often as the limit has passed: an exit that was
// never made does not lock it out for ever.
func TestEntryAgainAfterTheLimit(t *testing.T) {
	held := terminalstest.Card(t, 5000)
	g := terminalstest.Gate(t, terminal, 1)
	_, err := g.Enter(t.Context(), held, morning)
	must(t, err)
	_, err = g.Enter(t.Context(), held, morning.Add(241*time.Minute))
	must(t, err)
}

func otherNumber(o *counter.TransitOrder) { o.Number = "03105070200000000013" }

// One entry and one exit in memory.
func BenchmarkTrip(b *testing.B) {
	held := terminalstest.Card(b, 1_000_000_000)
	in, out := terminalstest.Gate(b, terminal, 1), terminalstest.Gate(b, terminal2, 1)
	at := morning
	b.ReportAllocs()
	for b.Loop() {
		if at.Sub(morning) > 60_000*time.Minute {
			b.StopTimer()
			held, at = terminalstest.Card(b, 1_000_000_000), morning
			b.StartTimer()
		}
		_, err := in.Enter(b.Context(), held, at)
		must(b, err)
		at = at.Add(time.Minute)
		_, err = out.Exit(b.Context(), held, at)
		must(b, err)
		at = at.Add(time.Minute)
	}
}

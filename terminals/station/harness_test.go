package station_test

import (
	"context"
	"encoding/hex"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/terminals/counter"
	"citycard/terminals/gate"
	"citycard/terminals/sam"
	"citycard/terminals/station"
	"citycard/terminals/tariff"
)

// The tests pass simulated chips through real gates and over a real desk.

var (
	store      = keys.GenerateTest(7)
	zone       = time.FixedZone("Asia/Shanghai", 8*3600)
	morning    = time.Date(2026, 11, 24, 8, 1, 2, 0, zone)
	issuerID   = [8]byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF}
	gateSAM    = [6]byte{0x49, 0x10, 0x10, 0, 0, 0x01}
	deskSAM    = [6]byte{0x49, 0x10, 0x10, 0, 0, 0x0D}
	counterSAM = [6]byte{0x49, 0x10, 0x30, 0, 0, 0x01}
)

// authority answers from the key store, as the load service does after booking.
type authority struct{}

func (authority) AuthoriseLoad(_ context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := store.AuthoriseLoad(keys.LoadOrder{
		Card: keys.CardID{Issuer: [8]byte(r.GetIssuer()), ASN: [10]byte(r.GetCard())}, OldBalance: r.GetOldBalanceFen(),
		Amount: r.GetAmountFen(), Type: purse.TypeEPLoad, Terminal: [6]byte(r.GetTerminal()), Time: [7]byte(r.GetTime()),
		OnlineSequence: uint16(r.GetOnlineSequence()), Random: [4]byte(r.GetRandom()),
		KeyVersion: byte(r.GetKeyVersion()), Algorithm: byte(r.GetAlgorithm()), MAC1: keys.MAC(r.GetMac1()),
	})
	if err != nil {
		return nil, err
	}
	return &message.LoadAnswer{Mac2: mac2[:]}, nil
}

const number = "03105070200000000012"

func newCard(t testing.TB, fen uint32, change ...func(*counter.TransitOrder)) *chip.Chip {
	t.Helper()
	held := chip.NewTransit(1)
	atr := held.PowerOn()
	o := counter.TransitOrder{
		Number: number, Issuer: hex.EncodeToString(issuerID[:]), Start: "20260101", Expiry: "20401231",
		CardType: 1, Province: "4900", City: "4910", Interoperable: true, PIN: "123456",
	}
	for _, c := range change {
		c(&o)
	}
	_, err := counter.Personalise(t.Context(), held, atr, store, counter.Order{Kind: counter.Transit, Transit: &o})
	must(t, err)
	if fen > 0 {
		load(t, held, fen)
	}
	return held
}

func load(t testing.TB, held *chip.Chip, fen uint32) {
	t.Helper()
	_, err := counter.TopUp(t.Context(), held, authority{}, counter.Load{Order: "1", Channel: "counter", Amount: fen, Terminal: counterSAM, At: morning})
	must(t, err)
}

func fares(t testing.TB) *tariff.Schedule {
	t.Helper()
	schedule, err := tariff.Of(table("test-1", "20200101000000"))
	must(t, err)
	return schedule
}

func table(version, from string) *message.FareTable {
	return &message.FareTable{
		Version: version, EffectiveFrom: from, MaximumFen: 100_000, MetroStations: 3, MetroLimitMinutes: 240,
		Fares: []*message.CardFares{{CardType: 1, MetroFen: []uint32{200, 300, 400, 300, 200, 300, 400, 300, 200}, MetroHighestFen: 900}},
	}
}

func module(t testing.TB, terminal [6]byte) *sam.Module {
	t.Helper()
	psam := chip.NewPSAM(terminal, store.SAMKeys())
	psam.PowerOn()
	m, err := sam.Open(t.Context(), psam)
	must(t, err)
	return m
}

func placeOf(at uint16) gate.Place {
	return gate.Place{City: 0x4910, Institution: issuerID, Operator: 1, Line: 1, Station: at, Medium: message.Medium_MEDIUM_CONTACTLESS}
}

func newGate(t testing.TB, at uint16) *gate.Gate {
	t.Helper()
	g, err := gate.New(module(t, gateSAM), fares(t), placeOf(at))
	must(t, err)
	return g
}

func newDesk(t testing.TB, at uint16) *station.Desk {
	t.Helper()
	d, err := station.New(module(t, deskSAM), station.Here{Place: placeOf(at), Fares: fares(t)})
	must(t, err)
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entered is a card with an entry at a station.
func entered(t testing.TB, fen uint32, at uint16, when time.Time) *chip.Chip {
	t.Helper()
	held := newCard(t, fen)
	_, err := newGate(t, at).Enter(t.Context(), held, when)
	must(t, err)
	return held
}

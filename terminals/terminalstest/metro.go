// Package terminalstest is a small metro for tests: its keys, a card with money on it, a table of
// fares for three stations, SAMs, and gates. Every call makes new ones, which fit each other.
package terminalstest

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
	"citycard/terminals/tariff"
)

// Number is the number of the card.
const Number = "03105070200000000012"

// Keys are those of all cards and SAMs.
func Keys() *keys.Store { return keys.GenerateTest(7) }

// Issuer issued the card.
func Issuer() [8]byte { return [8]byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF} }

// SAM is the number of the n-th SAM of a kind of terminal: 1 gates and desks, 3 counters.
func SAM(kind, n byte) [6]byte { return [6]byte{0x49, 0x10, kind << 4, 0, 0, n} }

// Morning is a minute after eight in the city.
func Morning() time.Time {
	return time.Date(2026, 11, 24, 8, 1, 2, 0, time.FixedZone("Asia/Shanghai", 8*3600))
}

// Authority authorises loads as the load service does after booking.
type Authority struct{}

// AuthoriseLoad implements counter.LoadAuthority.
func (Authority) AuthoriseLoad(_ context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := Keys().AuthoriseLoad(keys.LoadOrder{
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

// Card is an ordinary card with money on it.
func Card(t testing.TB, fen uint32, change ...func(*counter.TransitOrder)) *chip.Chip {
	t.Helper()
	held, issuer := chip.NewTransit(1), Issuer()
	atr := held.PowerOn()
	o := counter.TransitOrder{
		Number: Number, Issuer: hex.EncodeToString(issuer[:]), Start: "20260101", Expiry: "20401231",
		CardType: 1, Province: "4900", City: "4910", Interoperable: true, PIN: "123456",
	}
	for _, c := range change {
		c(&o)
	}
	if _, err := counter.Personalise(t.Context(), held, atr, Keys(), counter.Order{Kind: counter.Transit, Transit: &o}); err != nil {
		t.Fatal(err)
	}
	if fen > 0 {
		Load(t, held, fen)
	}
	return held
}

// Load puts money on a card.
func Load(t testing.TB, held *chip.Chip, fen uint32) {
	t.Helper()
	load := counter.Load{Order: "1", Channel: "counter", Amount: fen, Terminal: SAM(3, 1), At: Morning()}
	if _, err := counter.TopUp(t.Context(), held, Authority{}, load); err != nil {
		t.Fatal(err)
	}
}

// Table is a table of fares: 2 yuan within a station, 3 and 4 to the next ones, 9 past 240 minutes.
func Table(version, from string) *message.FareTable {
	return &message.FareTable{
		Version: version, EffectiveFrom: from, MaximumFen: 100_000, MetroStations: 3, MetroClass: []byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, MetroLimitMinutes: 240,
		Fares: []*message.CardFares{{CardType: 1, MetroHighestFen: 900, Prices: []*message.Prices{{MetroFen: []uint32{200, 300, 400, 300, 200, 300, 400, 300, 200}}}}},
	}
}

// Fares are those of the table test-1.
func Fares(t testing.TB) *tariff.Schedule {
	t.Helper()
	schedule, err := tariff.Of(Table("test-1", "20200101000000"))
	if err != nil {
		t.Fatal(err)
	}
	return schedule
}

// Module is a SAM, in its reader.
func Module(t testing.TB, number [6]byte) *sam.Module {
	t.Helper()
	psam := chip.NewPSAM(number, Keys().SAMKeys())
	psam.PowerOn()
	m, err := sam.Open(t.Context(), psam)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Place is at a station.
func Place(station uint16) gate.Place {
	return gate.Place{City: 0x4910, Institution: Issuer(), Operator: 1, Line: 1, Station: station, Medium: message.Medium_MEDIUM_CONTACTLESS}
}

// Gate is a gate at a station, with a SAM.
func Gate(t testing.TB, number [6]byte, station uint16) *gate.Gate {
	t.Helper()
	g, err := gate.New(Module(t, number), Fares(t), Place(station))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

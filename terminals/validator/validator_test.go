package validator_test

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"citycard/terminals/card"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/counter"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/validator"
)

var (
	store    = keys.GenerateTest(7)
	morning  = time.Date(2026, 11, 24, 8, 1, 2, 0, time.FixedZone("Asia/Shanghai", 8*3600))
	terminal = [6]byte{0x49, 0x10, 0x20, 0, 0, 0x01}
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newCard issues a card and puts money on it, with the load key at hand.
func newCard(t *testing.T, fen uint32) *chip.Chip {
	t.Helper()
	held := chip.NewTransit(1)
	atr := held.PowerOn()
	_, err := counter.Personalise(t.Context(), held, atr, store, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: "03105070200000000012", Issuer: "99994910ffffffff", Start: "20260101", Expiry: "20401231",
		CardType: 1, Province: "4900", City: "4910", Interoperable: true, PIN: "123456",
	}})
	must(t, err)
	answer, err := apdu.Exchange(t.Context(), held, purse.InitializeLoad(purse.Start{Wallet: purse.EP, KeyIndex: 1, Amount: fen, Terminal: terminal}))
	must(t, err)
	start, err := purse.ParseLoadStart(answer)
	must(t, err)
	asn, err := tunion.ParseNumber("03105070200000000012")
	must(t, err)
	order := keys.LoadOrder{
		Card: keys.CardID{Issuer: [8]byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF}, ASN: asn}, Amount: fen, Type: purse.TypeEPLoad,
		Terminal: terminal, Time: bcd.Time(morning), Random: start.Random, KeyVersion: start.KeyVersion, MAC1: start.MAC1,
	}
	mac2, err := store.AuthoriseLoad(order)
	must(t, err)
	_, err = apdu.Exchange(t.Context(), held, purse.CreditLoad(order.Time, mac2))
	must(t, err)
	return held
}

func newValidator(t *testing.T) *validator.Validator {
	t.Helper()
	psam := chip.NewPSAM(terminal, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	fares, err := tariff.Of(&message.FareTable{Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 901, Fen: 190}}}}}}})
	must(t, err)
	v, err := validator.New(module, fares, validator.Place{City: 0x4910, Operator: 3, Line: 901, Vehicle: "A12345", Medium: message.Medium_MEDIUM_CONTACTLESS})
	must(t, err)
	return v
}

// agrees checks a ride against the chip's own files.
func agrees(t *testing.T, held *chip.Chip, tap *message.Tap) {
	t.Helper()
	d, read := tap.GetDebit(), held.Describe().Transit
	when, number := hex.EncodeToString(d.GetTime()), hex.EncodeToString(d.GetTerminal())
	log, journey := read.Log[0], read.Journeys[0]
	if d.GetAmountFen() != 190 || read.BalanceFen != tap.GetBalanceFen() || log.AmountFen != 190 || log.Terminal != number || log.Time != when {
		t.Errorf("tap %v, card %+v", tap, read)
	}
	if journey.Type != tunion.JourneySingle || journey.Industry != tunion.IndustryBus || journey.AmountFen != 190 || journey.Time != when || journey.Line != 901 || journey.Terminal != "0000"+number {
		t.Errorf("journey %+v", journey)
	}
	ok := make([]bool, 1)
	keys.NewTACVerifier(store.TACMaster()).VerifyPurchases([]keys.PurchaseRecord{{
		Card: keys.CardID{Issuer: [8]byte(d.GetIssuer()), ASN: [10]byte(d.GetCard())}, Amount: d.GetAmountFen(), Type: byte(d.GetType()),
		Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(), Time: [7]byte(d.GetTime()), TAC: keys.MAC(d.GetTac()),
	}}, ok)
	if !ok[0] {
		t.Error("the TAC does not verify")
	}
}

func TestRideIsOnTheCard(t *testing.T) {
	held := newCard(t, 1000)
	v := newValidator(t)
	tap, err := v.Ride(t.Context(), held, morning)
	must(t, err)
	agrees(t, held, tap)
	if tap.GetMode() != message.Mode_MODE_BUS || tap.GetMovement() != message.Movement_MOVEMENT_SINGLE || tap.GetStation() != 0 || tap.GetVehicle() != "A12345" {
		t.Errorf("tap %v", tap)
	}
	answer, err := apdu.Exchange(t.Context(), held, apdu.ReadRecord(tunion.TripSFI, tunion.TripBus, tunion.TripSize))
	must(t, err)
	trip, err := tunion.ParseBusTrip(answer)
	must(t, err)
	if trip.On.Line != 901 || trip.On.Time != bcd.Time(morning) || trip.Amount != 190 || string(trip.On.Vehicle[:6]) != "A12345" {
		t.Errorf("bus record %+v", trip)
	}
	for range 4 { // five rides take 950 of 1000 fen
		_, err = v.Ride(t.Context(), held, morning)
		must(t, err)
	}
	if _, err := v.Ride(t.Context(), held, morning); !errors.Is(err, card.ErrInsufficient) {
		t.Errorf("sixth ride: %v", err)
	}
}

// leavingCard goes away when DEBIT arrives, before or after it has paid.
type leavingCard struct {
	*chip.Chip
	at chip.Moment
}

func (c leavingCard) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[0] == 0x80 && command[1] == 0x54 {
		c.LosePower(c.at)
	}
	return c.Chip.Transmit(ctx, command)
}

func TestTornRideIsSettledByTheCard(t *testing.T) {
	for name, at := range map[string]chip.Moment{"debited": chip.AfterCommit, "not debited": chip.BeforeCommit} {
		t.Run(name, func(t *testing.T) {
			held, v := newCard(t, 1000), newValidator(t)
			tap, err := v.Ride(t.Context(), leavingCard{held, at}, morning)
			open, ok := errors.AsType[*card.UnknownError](err)
			if !ok || tap != nil || !errors.Is(err, chip.ErrPowerLost) {
				t.Fatalf("tap %v, %v", tap, err)
			}
			held.PowerOn()
			tap, err = v.Resolve(t.Context(), held, open)
			must(t, err)
			if (tap != nil) != (at == chip.AfterCommit) {
				t.Fatalf("resolved to %v", tap)
			}
			if tap == nil {
				tap, err = v.Ride(t.Context(), held, morning)
				must(t, err)
			}
			agrees(t, held, tap)
			if tap.GetBalanceFen() != 810 {
				t.Errorf("balance %d, want 810: paid once", tap.GetBalanceFen())
			}
		})
	}
}

// dyingModule fails at the last step: the card has paid by then.
type dyingModule struct{ *chip.Chip }

func (m dyingModule) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[1] == 0x72 {
		return nil, errors.New("no answer")
	}
	return m.Chip.Transmit(ctx, command)
}

func TestPaidRideSurvivesABrokenSAM(t *testing.T) {
	psam := chip.NewPSAM(terminal, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), dyingModule{psam})
	must(t, err)
	fares, err := tariff.Of(&message.FareTable{Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 901, Fen: 190}}}}}}})
	must(t, err)
	v, err := validator.New(module, fares, validator.Place{City: 0x4910, Line: 901})
	must(t, err)
	held := newCard(t, 1000)
	tap, err := v.Ride(t.Context(), held, morning)
	if _, broken := errors.AsType[*sam.Error](err); !broken || tap == nil {
		t.Fatalf("tap %v, error %v; want both", tap, err)
	}
	agrees(t, held, tap)
}

func TestNewRefuses(t *testing.T) {
	psam := chip.NewPSAM(terminal, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	fares, err := tariff.Of(&message.FareTable{Version: "v", EffectiveFrom: "20200101000000", MaximumFen: 100_000, Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 1, Fen: 100}}}}}}})
	must(t, err)
	if _, err := validator.New(module, fares, validator.Place{Line: 2}); !errors.Is(err, tariff.ErrNoFare) {
		t.Errorf("unknown line: %v", err)
	}
	if _, err := validator.New(module, fares, validator.Place{Line: 1, Vehicle: "far too long"}); err == nil {
		t.Error("a vehicle that does not fit was taken")
	}
}

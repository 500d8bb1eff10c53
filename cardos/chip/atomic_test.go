package chip_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
)

// The records that a composite purchase caches become permanent with its DEBIT, all of them, or are
// lost. The test cuts the power after every command of a metro exit, and inside the DEBIT.
func TestCompositePurchaseIsAtomic(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	blank, app := issueTransit(t, keyStore, 1)
	load(t, blank, keyStore, app, 5000)
	image, err := blank.Image()
	if err != nil {
		t.Fatal(err)
	}
	before := blank.Describe()
	done := blank
	done.Reset()
	send(t, done, apdu.Select(tunion.AIDPurse.Bytes()))
	capp(t, done, newSAM(t, keyStore), app, 300)
	after := done.Describe()

	const commands = 4 // initialize, two updates, debit
	for cut := range commands + 2 {
		card, err := chip.Load(image)
		if err != nil {
			t.Fatal(err)
		}
		card.PowerOn()
		send(t, card, apdu.Select(tunion.AIDPurse.Bytes()))
		want := before
		tearing := &cutter{card: card, after: cut}
		switch cut {
		case commands: // inside the debit, before its commit
			card.LosePower(chip.BeforeCommit)
		case commands + 1: // after its commit, before its answer
			card.LosePower(chip.AfterCommit)
			want = after
		}
		exit(t, tearing, newSAM(t, keyStore), app)
		if got := card.Describe(); !reflect.DeepEqual(got, want) {
			t.Errorf("power cut at %d left\n%+v, want\n%+v", cut, got.Transit, want.Transit)
		}
		trip := records(t, card, tunion.TripSFI)
		if lasting := trip[0][0] != 0; lasting != (cut == commands+1) {
			t.Errorf("power cut at %d: trip written %v", cut, lasting)
		}
		card.PowerOn()
		send(t, card, apdu.Select(tunion.AIDPurse.Bytes()))
		refuse(t, card, purse.Debit(1, testTime, keys.MAC{}), apdu.ConditionsNotSatisfied)
	}
}

// cutter takes the power away once a number of commands were sent.
type cutter struct {
	card  *chip.Chip
	after int
}

func (c *cutter) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if c.after == 0 {
		c.card.PowerOff()
	}
	c.after--
	return c.card.Transmit(ctx, cmd)
}

// exit is a metro exit that stops where no answer comes.
func exit(t *testing.T, card apdu.Card, module *chip.Chip, app tunion.Application) {
	t.Helper()
	ctx := context.Background()
	gone := func(err error) bool {
		if err != nil && !errors.Is(err, chip.ErrNoPower) && !errors.Is(err, chip.ErrPowerLost) {
			t.Fatal(err)
		}
		return err != nil
	}
	answer, err := apdu.Exchange(ctx, card, purse.InitializeCAPP(purse.Start{Wallet: purse.EP, KeyIndex: 1, Amount: 300, Terminal: testTerminal}))
	if gone(err) {
		return
	}
	start, err := purse.ParsePurchaseStart(answer)
	if err != nil {
		t.Fatal(err)
	}
	trip := tunion.RailTrip{TripHeader: tunion.NewTripHeader(tunion.TripRailID, tunion.TripLeft)}.Encode()
	if _, err := apdu.Exchange(ctx, card, purse.UpdateCAPP(0x12, tunion.TripSFI, trip[:])); gone(err) {
		return
	}
	journey := tunion.Journey{
		Type: tunion.JourneyExit, Terminal: tunion.LongTerminal(testTerminal), Industry: tunion.IndustryMetro,
		Place: tunion.Place(1, 7, 1), Amount: 300, Balance: start.OldBalance - 300, Time: testTime,
		City: tunion.ZhengzhouCity, Institution: app.Issuer,
	}.Encode()
	if _, err := apdu.Exchange(ctx, card, purse.UpdateCAPP(0, tunion.JourneySFI, journey[:])); gone(err) {
		return
	}
	sale, err := psam.ParseStart(send(t, module, psam.Initialize(psam.Purchase{
		Random: start.Random, OfflineSequence: start.OfflineSequence, Amount: 300, Type: purse.TypeCAPP, Time: testTime,
		KeyVersion: start.KeyVersion, Algorithm: start.Algorithm, Factors: psam.UnionFactors(keys.CardID{Issuer: app.Issuer, ASN: app.ASN}),
	})))
	if err != nil {
		t.Fatal(err)
	}
	_, err = apdu.Exchange(ctx, card, purse.Debit(sale.TerminalSequence, testTime, sale.MAC1))
	if !gone(err) {
		t.Fatal("the debit was answered")
	}
}

// records reads all records of a file from outside.
func records(t *testing.T, card *chip.Chip, sfi byte) [][]byte {
	t.Helper()
	card.PowerOn()
	send(t, card, apdu.Select(tunion.AIDPurse.Bytes()))
	var all [][]byte
	for n := byte(1); ; n++ {
		b, err := apdu.Exchange(context.Background(), card, apdu.ReadRecord(sfi, n, 0))
		if apdu.RecordNotFound.Is(err) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
}

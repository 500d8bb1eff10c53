package chip_test

import (
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
)

// A card is made, loaded and used; every kind of reader command reads the same data.
func TestTransitLife(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, app := issueTransit(t, keyStore, 42)
	load(t, card, keyStore, app, 10_000)
	module := newSAM(t, keyStore)
	record := capp(t, card, module, app, 300)
	ok := make([]bool, 2)
	wrong := record
	wrong.Amount++
	keys.NewTACVerifier(keyStore.TACMaster()).VerifyPurchases([]keys.PurchaseRecord{record, wrong}, ok)
	if !ok[0] || ok[1] {
		t.Fatalf("TAC verdicts %v, want true, false", ok)
	}
	if got := balance(t, card); got != 9_700 {
		t.Fatalf("balance %d, want 9700", got)
	}
	log, err := purse.ParseLogRecord(send(t, card, apdu.ReadRecord(purse.LogSFI, 1, 23)))
	if err != nil || log.Amount != 300 || log.Type != purse.TypeCAPP || log.Sequence != 0 {
		t.Fatalf("newest log record %+v, %v", log, err)
	}
	journey, err := tunion.ParseJourney(send(t, card, apdu.ReadRecord(tunion.JourneySFI, 1, 0)))
	if err != nil || journey.Balance != 9_700 || journey.Station() != 7 {
		t.Fatalf("newest journey %+v, %v", journey, err)
	}
	trip, err := tunion.ParseRailTrip(send(t, card, apdu.ReadRecord(tunion.TripSFI, tunion.TripRail, 128)))
	if err != nil || trip.Status != tunion.TripLeft {
		t.Fatalf("rail record %+v, %v", trip, err)
	}
	proof, err := purse.ParseProof(send(t, card, purse.Prove(purse.TypeCAPP, 1)))
	if err != nil || proof.TAC != record.TAC {
		t.Fatalf("proof %+v, %v", proof, err)
	}
	refuse(t, card, purse.Prove(purse.TypeCAPP, 2), apdu.MACUnavailable)
}

// After personalisation no personalisation command is accepted any more.
func TestPersonalisationEnds(t *testing.T) {
	card, _ := issueTransit(t, keys.GenerateTest(1), 7)
	send(t, card, apdu.GetChallenge(8))
	refuse(t, card, apdu.ExternalAuthenticate(0, make([]byte, 8)), apdu.KeyNotFound)
	blocks, err := personalisation.StoreData(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	refuse(t, card, blocks[0], apdu.SecurityNotSatisfied)
	refuse(t, card, apdu.UpdateBinary(tunion.ApplicationSFI, 9, []byte{0}), apdu.SecureMessagingMissing)
	refuse(t, card, apdu.UpdateRecord(tunion.JourneySFI, 1, make([]byte, 48)), apdu.SecureMessagingMissing)
	refuse(t, card, apdu.AppendRecord(purse.LogSFI, make([]byte, 23)), apdu.SecurityNotSatisfied)
}

func TestImage(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, app := issueTransit(t, keyStore, 42)
	image, err := card.Image()
	if err != nil {
		t.Fatal(err)
	}
	if len(image) > 2500 {
		t.Fatalf("image of a fresh card has %d bytes, want at most 2500", len(image))
	}
	again, err := chip.Load(image)
	if err != nil {
		t.Fatal(err)
	}
	again.PowerOn()
	send(t, again, apdu.Select(tunion.AIDPurse.Bytes()))
	load(t, again, keyStore, app, 500)
	if got := balance(t, again); got != 500 {
		t.Fatalf("balance %d, want 500", got)
	}
	for i := range image {
		broken := append([]byte(nil), image...)
		broken[i] ^= 1
		if _, err := chip.Load(broken); err == nil {
			t.Fatalf("image with byte %d altered was loaded", i)
		}
	}
}

package chip_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

var (
	testTerminal = [6]byte{0x49, 0x10, 0, 0, 0, 1}
	testTime     = [7]byte{0x20, 0x26, 0x11, 0x24, 0x08, 0x30, 0x00}
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("bad hex in test: %v", err)
	}
	return b
}

// send expects 9000.
func send(t testing.TB, card apdu.Card, cmd apdu.Command) []byte {
	t.Helper()
	b, err := apdu.Exchange(context.Background(), card, cmd)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return b
}

// refuse expects a status word.
func refuse(t testing.TB, card apdu.Card, cmd apdu.Command, want apdu.Status) {
	t.Helper()
	_, err := apdu.Exchange(context.Background(), card, cmd)
	if !want.Is(err) {
		t.Fatalf("command %X: got %v, want %s", cmd.Header(), err, want)
	}
}

// open authenticates with the transport key, and gives the key that seals.
func open(t testing.TB, card apdu.Card) keys.Key {
	t.Helper()
	challenge := send(t, card, apdu.GetChallenge(8))
	send(t, card, apdu.ExternalAuthenticate(0, personalisation.AnswerKey(personalisation.SampleKey()).Encrypt(challenge)))
	return personalisation.SealKey(personalisation.SampleKey(), [8]byte(challenge))
}

func store(t testing.TB, card apdu.Card, final bool, groups ...personalisation.Group) {
	t.Helper()
	blocks, err := personalisation.StoreData(groups, final)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		send(t, card, b)
	}
}

func testApplication(t testing.TB, n uint64) tunion.Application {
	t.Helper()
	asn, err := tunion.ZhengzhouNumber(n)
	if err != nil {
		t.Fatal(err)
	}
	return tunion.Application{
		Issuer: [8]byte{0x01, 0x01, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF}, Type: 2, Status: tunion.StatusEnabled,
		ASN: asn, Start: [4]byte{0x20, 0x26, 0x01, 0x01}, Expiry: [4]byte{0x20, 0x40, 0x12, 0x31},
	}
}

// issueTransit personalises a blank card over APDUs and returns it with power.
func issueTransit(t testing.TB, keyStore *keys.Store, n uint64) (*chip.Chip, tunion.Application) {
	t.Helper()
	card := chip.NewTransit(n)
	card.PowerOn()
	return card, personaliseTransit(t, card, keyStore, n)
}

func personaliseTransit(t testing.TB, card apdu.Card, keyStore *keys.Store, n uint64) tunion.Application {
	t.Helper()
	send(t, card, apdu.Select(tunion.AIDPurse.Bytes()))
	seal := open(t, card)
	region := tunion.ZhengzhouRegion(tunion.CardOrdinary).Encode()
	send(t, card, apdu.UpdateBinary(tunion.RegionSFI, 0, region[:]))
	holder, err := tunion.NewHolder("", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	h := holder.Encode()
	send(t, card, apdu.UpdateBinary(tunion.HolderSFI, 0, h[:]))
	app := testApplication(t, n)
	id := keys.CardID{Issuer: app.Issuer, ASN: app.ASN}
	store(t, card, true, personalisation.TransitGroup(keyStore.CardKeys(id), seal),
		personalisation.Group{ID: personalisation.GroupPIN, Data: []byte{0x12, 0x34, 0x56}})
	a := app.Encode()
	send(t, card, apdu.UpdateBinary(tunion.ApplicationSFI, 0, a[:]))
	return app
}

func load(t testing.TB, card apdu.Card, keyStore *keys.Store, app tunion.Application, amount uint32) {
	t.Helper()
	start, err := purse.ParseLoadStart(send(t, card, purse.InitializeLoad(purse.Start{
		Wallet: purse.EP, KeyIndex: 1, Amount: amount, Terminal: testTerminal,
	})))
	if err != nil {
		t.Fatal(err)
	}
	id := keys.CardID{Issuer: app.Issuer, ASN: app.ASN}
	mac2, err := keyStore.AuthoriseLoad(keys.LoadOrder{
		Card: id, OldBalance: start.OldBalance, Amount: amount, Type: purse.TypeEPLoad, Terminal: testTerminal,
		Time: testTime, OnlineSequence: start.OnlineSequence, Random: start.Random,
		KeyVersion: start.KeyVersion, Algorithm: start.Algorithm, MAC1: start.MAC1,
	})
	if err != nil {
		t.Fatal(err)
	}
	tac, err := purse.ParseTAC(send(t, card, purse.CreditLoad(testTime, mac2)))
	if err != nil {
		t.Fatal(err)
	}
	ok := make([]bool, 1)
	keys.NewTACVerifier(keyStore.TACMaster()).VerifyLoads([]keys.LoadRecord{{
		Card: id, NewBalance: start.OldBalance + amount, OnlineSequence: start.OnlineSequence, Amount: amount,
		Type: purse.TypeEPLoad, Terminal: testTerminal, Time: testTime, TAC: tac,
	}}, ok)
	if !ok[0] {
		t.Fatal("load TAC does not verify")
	}
}

func balance(t testing.TB, card apdu.Card) uint32 {
	t.Helper()
	v, err := purse.ParseBalance(send(t, card, purse.GetBalance(purse.Own, purse.EP)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// newSAM returns a powered module with the transit application selected.
func newSAM(t testing.TB, keyStore *keys.Store) *chip.Chip {
	t.Helper()
	module := chip.NewPSAM(testTerminal, keyStore.SAMKeys())
	module.PowerOn()
	send(t, module, psam.SelectTransit())
	return module
}

// capp does a whole composite purchase and returns the record to verify.
func capp(t testing.TB, card, module apdu.Card, app tunion.Application, amount uint32) keys.PurchaseRecord {
	t.Helper()
	id := keys.CardID{Issuer: app.Issuer, ASN: app.ASN}
	start, err := purse.ParsePurchaseStart(send(t, card, purse.InitializeCAPP(purse.Start{
		Wallet: purse.EP, KeyIndex: 1, Amount: amount, Terminal: testTerminal,
	})))
	if err != nil {
		t.Fatal(err)
	}
	trip := tunion.RailTrip{TripHeader: tunion.NewTripHeader(tunion.TripRailID, tunion.TripLeft)}.Encode()
	send(t, card, purse.UpdateCAPP(0x12, tunion.TripSFI, trip[:]))
	journey := tunion.Journey{
		Type: tunion.JourneyExit, Terminal: tunion.LongTerminal(testTerminal), Industry: tunion.IndustryMetro,
		Place: tunion.Place(1, 7, 1), Amount: amount, Balance: start.OldBalance - amount, Time: testTime,
		City: tunion.ZhengzhouCity, Institution: app.Issuer,
	}.Encode()
	send(t, card, purse.UpdateCAPP(0, tunion.JourneySFI, journey[:]))
	sale, err := psam.ParseStart(send(t, module, psam.Initialize(psam.Purchase{
		Random: start.Random, OfflineSequence: start.OfflineSequence, Amount: amount, Type: purse.TypeCAPP,
		Time: testTime, KeyVersion: start.KeyVersion, Algorithm: start.Algorithm, Factors: psam.UnionFactors(id),
	})))
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := purse.ParseDebit(send(t, card, purse.Debit(sale.TerminalSequence, testTime, sale.MAC1)))
	if err != nil {
		t.Fatal(err)
	}
	send(t, module, psam.Credit(receipt.MAC2))
	return keys.PurchaseRecord{
		Card: id, Amount: amount, Type: purse.TypeCAPP, Terminal: testTerminal,
		TerminalSequence: sale.TerminalSequence, Time: testTime, TAC: receipt.TAC,
	}
}

// issueSocial personalises a social-security card.
func issueSocial(t testing.TB, keyStore *keys.Store, version string, seed uint64) (*chip.Chip, ssc.Issuer, ssc.Holder) {
	t.Helper()
	card := chip.NewSocialSecurity(seed)
	card.PowerOn()
	issuer, holder := personaliseSocial(t, card, keyStore, version)
	return card, issuer, holder
}

func personaliseSocial(t testing.TB, card *chip.Chip, keyStore *keys.Store, version string) (ssc.Issuer, ssc.Holder) {
	t.Helper()
	atr := card.ATR()
	region := [3]byte{0x41, 0x01, 0x00}
	factor, err := ssc.CardFactor(atr)
	if err != nil {
		t.Fatal(err)
	}
	issuer := ssc.Issuer{
		Identification: ssc.NewIdentification(region, factor), Class: '3', Version: version,
		Institution: [12]byte{0x41, 0x01}, Issued: [4]byte{0x20, 0x26, 0x01, 0x01},
		Expiry: [4]byte{0x20, 0x36, 0x01, 0x01}, CardNumber: "A00000019",
	}
	holder := ssc.Holder{
		SecurityNumber: "111111198101011110", Name: "张三", Sex: '1', Nation: 0x01,
		Birthplace: [3]byte{0x41, 0x01, 0x00}, Birthday: [4]byte{0x19, 0x81, 0x01, 0x01},
	}
	send(t, card, ssc.Select())
	seal := open(t, card)
	first, err := issuer.Records()
	if err != nil {
		t.Fatal(err)
	}
	second, err := holder.Records()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range append(first, second...) {
		if r.Tag == ssc.TagNameExtension && version[0] == '1' {
			continue // not on cards of version 1
		}
		cmd, err := ssc.Write(r)
		if err != nil {
			t.Fatal(err)
		}
		send(t, card, cmd)
	}
	store(t, card, true,
		personalisation.SocialGroup(keyStore.SocialSecurityKeys(ssc.ProvinceFactor(region), ssc.CityFactor(region), factor), seal),
		personalisation.Group{ID: personalisation.GroupPIN, Data: []byte{0x12, 0x34, 0x56}})
	return issuer, holder
}

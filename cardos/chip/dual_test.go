package chip_test

import (
	"context"
	"reflect"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/monthly"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

func contactDual(t testing.TB) *chip.Chip {
	t.Helper()
	c := chip.NewDual(2)
	if err := c.Use(chip.Contact); err != nil {
		t.Fatal(err)
	}
	return c
}

// One chip answers at once on its contactless interface and waits for GET RESPONSE on its contacts;
// its two ATRs give the same card factor.
func TestDualInterfaces(t *testing.T) {
	card := chip.NewDual(7)
	antenna := card.PowerOn()
	answer, err := card.Transmit(context.Background(), unhex(t, "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
	if err != nil || len(answer) != 32 || answer[30] != 0x90 {
		t.Fatalf("contactless SELECT answered %X, %v", answer, err)
	}
	if err := card.Use(chip.Contact); err != nil {
		t.Fatal(err)
	}
	if _, err := card.Transmit(context.Background(), unhex(t, "0084000008")); err == nil {
		t.Fatal("the card kept its power while it was turned over")
	}
	contacts := card.PowerOn()
	if antenna[0] != 0x3B || antenna[1] != 0x8D || contacts[1] != 0x6D {
		t.Fatalf("ATRs %X and %X", antenna, contacts)
	}
	first, err := ssc.CardFactor(antenna)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := ssc.CardFactor(contacts); err != nil || first != second {
		t.Errorf("factors %X and %X, %v", first, second, err)
	}
	for _, aid := range []string{ssc.AID, string(tunion.AIDPurse)} {
		command, err := apdu.Command{INS: 0xA4, P1: 4, Data: []byte(aid), Le: apdu.NoLe}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		answer, err := card.Transmit(context.Background(), command)
		if err != nil || len(answer) != 2 || answer[0] != 0x61 {
			t.Errorf("contact SELECT of %X answered %X, %v", aid, answer, err)
		}
	}
	image, err := card.Image()
	if err != nil {
		t.Fatal(err)
	}
	again, err := chip.Load(image)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.PowerOn(); string(got) != string(contacts) || !reflect.DeepEqual(again.Describe(), card.Describe()) {
		t.Errorf("image gave ATR %X", got)
	}
	if err := chip.NewTransit(1).Use(chip.Contact); err == nil {
		t.Error("a transit card has contacts")
	}
	if err := chip.NewTransit(1).Use(chip.Contactless); err != nil {
		t.Errorf("a transit card has no antenna: %v", err)
	}
}

// Each application of a dual card is personalised separately.
func TestDualApplicationsAreIssuedApart(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card := chip.NewDual(7)
	card.PowerOn()
	app := personaliseTransit(t, card, keyStore, 7)
	if card.Describe().Personalised {
		t.Error("personalised with one application of two")
	}
	issuer, holder := personaliseSocial(t, card, keyStore, "3.00")
	if !card.Describe().Personalised {
		t.Error("not personalised")
	}
	send(t, card, apdu.Select(tunion.AIDPurse.Bytes()))
	load(t, card, keyStore, app, 700)
	send(t, card, ssc.Select())
	refuse(t, card, apdu.ExternalAuthenticate(0, make([]byte, 8)), apdu.KeyNotFound)
	refuse(t, card, purse.GetBalance(purse.Own, purse.EP), apdu.WrongParameters)
	d := card.Describe()
	if d.Transit.BalanceFen != 700 || d.SocialSecurity.Name != holder.Name || d.SocialSecurity.Identification != issuer.Identification.String() {
		t.Errorf("described as %+v", d)
	}
}

func TestProofOrder(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, app := issueTransit(t, keyStore, 1)
	load(t, card, keyStore, app, 5000)
	record := capp(t, card, newSAM(t, keyStore), app, 300)
	first, err := purse.ParseProof(send(t, card, purse.Prove(purse.TypeCAPP, 1)))
	if err != nil || first.TAC != record.TAC {
		t.Fatalf("proof %+v, %v, want TAC %X", first, err, record.TAC)
	}
	card.ProveMACFirst(true)
	image, err := card.Image()
	if err != nil {
		t.Fatal(err)
	}
	if card, err = chip.Load(image); err != nil {
		t.Fatal(err)
	}
	card.PowerOn()
	send(t, card, apdu.Select(tunion.AIDPurse.Bytes()))
	second, err := purse.ParseProof(send(t, card, purse.Prove(purse.TypeCAPP, 1)))
	if err != nil || second.Swapped() != first {
		t.Errorf("the other order gives %+v, %v", second, err)
	}
}

// A settlement house's module makes the TAC that the card made; a terminal's cannot.
func TestModuleRecomputesTAC(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, app := issueTransit(t, keyStore, 1)
	load(t, card, keyStore, app, 5000)
	record := capp(t, card, newSAM(t, keyStore), app, 300)
	masters := keyStore.SAMKeys()
	masters.TAC = keyStore.TACMaster()
	module := chip.NewPSAM(testTerminal, masters)
	module.PowerOn()
	send(t, module, psam.SelectTransit())
	covered := unhex(t, "0000012C 09 491000000001 00000001 20261124083000 8000")
	refuse(t, module, psam.MAC([8]byte{}, covered), apdu.ConditionsNotSatisfied)
	send(t, module, psam.PrepareTAC(psam.UnionFactors(record.Card)...))
	refuse(t, module, psam.MAC([8]byte{}, covered[:23]), apdu.WrongLength)
	refuse(t, module, psam.Encrypt([8]byte{}), apdu.ConditionsNotSatisfied)
	if got := send(t, module, psam.MAC([8]byte{}, covered)); string(got) != string(record.TAC[:]) {
		t.Errorf("module makes %X, card made %X", got, record.TAC)
	}
	image, err := module.Image()
	if err != nil {
		t.Fatal(err)
	}
	if module, err = chip.Load(image); err != nil {
		t.Fatal(err)
	}
	module.PowerOn()
	send(t, module, apdu.SelectFile(psam.ApplicationETC))
	send(t, module, psam.PrepareTAC(psam.UnionFactors(record.Card)...))
	refuse(t, newSAM(t, keyStore), psam.PrepareTAC(psam.UnionFactors(record.Card)...), apdu.KeyNotFound)
}

// The two commands of a published recomputation, byte for byte. Its keys are secret, so its TAC
// cannot be reproduced; under known masters the result is the TAC of the payment that the page
// states.
func TestPublishedRecomputation(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	masters := keyStore.SAMKeys()
	masters.TAC = keyStore.TACMaster()
	module := chip.NewPSAM(testTerminal, masters)
	module.PowerOn()
	send(t, module, psam.SelectTransit())
	number, organisation := keys.Factor(unhex(t, "2016122100001003")), keys.Factor(unhex(t, "0792800000000145"))
	prepare, err := psam.PrepareTAC(number, organisation).Encode()
	if want := unhex(t, "80 1A 44 00 10 2016122100001003 0792800000000145"); err != nil || string(prepare) != string(want) {
		t.Errorf("encoded %X, %v, want %X", prepare, err, want)
	}
	send(t, module, psam.PrepareTAC(number, organisation))
	answer, err := module.Transmit(t.Context(), unhex(t, "80 FA 05 00 20 0000000000000000 00000001 09 360486600002 00000005 20170214154000 8000"))
	if err != nil || string(answer) != "\x61\x04" {
		t.Fatalf("answer %X, %v", answer, err)
	}
	tac := keys.PurchaseTAC(keys.Diversify(masters.TAC, organisation, number), keys.Purchase{
		Amount: 1, Type: purse.TypeCAPP, Terminal: [6]byte(unhex(t, "360486600002")), TerminalSequence: 5, Time: [7]byte(unhex(t, "20170214154000")),
	})
	if got := send(t, module, apdu.GetResponse(4)); string(got) != string(tac[:]) {
		t.Errorf("module makes %X, want %X", got, tac)
	}
}

// A monthly ticket changes with the debit to which it belongs, and at no other time.
func TestMonthlyTicket(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, app := issueTransit(t, keyStore, 1)
	ticket := monthly.Ticket{
		Modes: monthly.ModesOf(tunion.IndustryBus), First: [4]byte{0x20, 0x26, 0x11, 0x01}, Last: [4]byte{0x20, 0x26, 0x11, 0x30},
		Sold: 100, Left: 100,
	}
	record := ticket.Encode()
	id := keys.CardID{Issuer: app.Issuer, ASN: app.ASN}
	write := apdu.UpdateRecord(monthly.SFI, 2, record[:])
	refuse(t, card, write, apdu.SecureMessagingMissing)
	write.CLA = 0x04
	send(t, card, sealed(t, card, write, keyStore.CardKeys(id).Key(keys.RoleRecordEP)))
	ridden := ticket
	ridden.Left, ridden.LastRide = 99, testTime
	record = ridden.Encode()
	module := newSAM(t, keyStore)
	for _, paid := range []bool{false, true} {
		start, err := purse.ParsePurchaseStart(send(t, card, purse.InitializeCAPP(purse.Start{Wallet: purse.EP, KeyIndex: 1, Terminal: testTerminal})))
		if err != nil {
			t.Fatal(err)
		}
		refuse(t, card, purse.UpdateCAPP(monthly.Records+1, monthly.SFI, record[:]), apdu.RecordNotFound)
		send(t, card, purse.UpdateCAPP(2, monthly.SFI, record[:]))
		if paid {
			sale, err := psam.ParseStart(send(t, module, psam.Initialize(psam.Purchase{
				Random: start.Random, OfflineSequence: start.OfflineSequence, Type: purse.TypeCAPP, Time: testTime,
				KeyVersion: start.KeyVersion, Factors: psam.UnionFactors(id),
			})))
			if err != nil {
				t.Fatal(err)
			}
			send(t, card, purse.Debit(sale.TerminalSequence, testTime, sale.MAC1))
		}
		want := ticket
		if paid {
			want = ridden
		}
		got, ok, err := monthly.Parse(send(t, card, apdu.ReadRecord(monthly.SFI, 2, monthly.Size)))
		if err != nil || !ok || got != want {
			t.Errorf("paid %v: ticket %+v, %v, %v", paid, got, ok, err)
		}
	}
	if d := card.Describe().Transit.Tickets; len(d) != 1 || d[0].Record != 2 || d[0].Left != 99 {
		t.Errorf("described as %+v", d)
	}
}

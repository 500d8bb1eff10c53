package chip_test

import (
	"context"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/psam"
	"citycard/cardos/ssc"
)

// readAll reads a social-security card in one addressing style.
func readAll(t *testing.T, card apdu.Card, how ssc.Addressing) (ssc.Issuer, ssc.Holder) {
	t.Helper()
	var issuer ssc.Issuer
	var holder ssc.Holder
	selected := byte(0)
	for _, f := range ssc.Fields() {
		if how != ssc.ByTagAndFile && f.SFI != selected {
			send(t, card, ssc.SelectFile(0xEF00|uint16(f.SFI)))
			selected = f.SFI
		}
		r, err := ssc.ParseRecord(send(t, card, ssc.Read(f, how)))
		if err != nil {
			t.Fatal(err)
		}
		if err := issuer.Add(r); err != nil {
			t.Fatal(err)
		}
		if err := holder.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return issuer, holder
}

func TestSocialSecurityReading(t *testing.T) {
	card, issuer, holder := issueSocial(t, keys.GenerateTest(1), "2.00", 5)
	for _, how := range []ssc.Addressing{ssc.ByTagAndFile, ssc.ByTag, ssc.ByNumber} {
		card.Reset()
		send(t, card, ssc.Select())
		gotIssuer, gotHolder := readAll(t, card, how)
		if gotIssuer != issuer || gotHolder != holder {
			t.Fatalf("style %d: read %+v %q, want %+v %q", how, gotIssuer, gotHolder.Name, issuer, holder.Name)
		}
	}
}

func TestSocialSecurityAnswersSelectLikeContactCards(t *testing.T) {
	card, _, _ := issueSocial(t, keys.GenerateTest(1), "2.00", 5)
	card.Reset()
	answer, err := card.Transmit(context.Background(), unhex(t, "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
	if err != nil || len(answer) != 2 || answer[0] != 0x61 || answer[1] != 0x1E {
		t.Fatalf("SELECT answered %X, %v, want 611E", answer, err)
	}
}

// A card of version 3 gives the holder's data only to a terminal that authenticates through a SAM.
func TestSocialSecurityVersion3(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, issuer, holder := issueSocial(t, keyStore, "3.00", 5)
	atr := card.Reset()
	send(t, card, ssc.Select())
	name, _ := ssc.FieldOf(ssc.TagName)
	number, _ := ssc.FieldOf(ssc.TagCardNumber)
	version, _ := ssc.FieldOf(ssc.TagVersion)
	refuse(t, card, ssc.Read(name, ssc.ByTagAndFile), apdu.SecurityNotSatisfied)
	refuse(t, card, ssc.Read(number, ssc.ByTagAndFile), apdu.SecurityNotSatisfied)
	send(t, card, ssc.Read(version, ssc.ByTagAndFile))

	module := chip.NewPSAM(testTerminal, keyStore.SAMKeys())
	module.PowerOn()
	send(t, module, apdu.Select([]byte(psam.AIDSocialSecurity)))
	factor, err := ssc.CardFactor(atr)
	if err != nil {
		t.Fatal(err)
	}
	random := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	send(t, module, psam.PrepareAccess(factor, ssc.CityFactor([3]byte{0x41, 0x01, 0x00}), random))
	challenge := send(t, card, apdu.GetChallenge(8))
	cryptogram := send(t, module, psam.Encrypt([8]byte(challenge)))
	send(t, card, ssc.ExternalAuthenticate(ssc.KeyRead, [8]byte(cryptogram), random))
	gotIssuer, gotHolder := readAll(t, card, ssc.ByTagAndFile)
	if gotIssuer != issuer || gotHolder != holder {
		t.Fatal("data after authentication differ from what was written")
	}
}

func TestPIN(t *testing.T) {
	card, _, _ := issueSocial(t, keys.GenerateTest(1), "2.00", 5)
	right, err := ssc.PIN("123456")
	if err != nil {
		t.Fatal(err)
	}
	send(t, card, apdu.Verify(0, right))
	for left := 2; left >= 0; left-- {
		refuse(t, card, apdu.Verify(0, []byte{0x65, 0x43, 0x21}), apdu.TriesLeft(left))
	}
	refuse(t, card, apdu.Verify(0, right), apdu.Locked)
}

// The holder's data and the person's identification are written after issue under a key
// each, as the issuers' tools do it; neither key opens the other's file.
func TestSocialSecurityWriting(t *testing.T) {
	keyStore := keys.GenerateTest(1)
	card, _, _ := issueSocial(t, keyStore, "3.00", 5)
	issued, err := ssc.Write(ssc.Record{Tag: ssc.TagIssued, Value: []byte{0x20, 0x27, 0x02, 0x03}})
	if err != nil {
		t.Fatal(err)
	}
	person := apdu.Command{INS: 0xDC, P1: 1, P2: 4, Data: append([]byte{0xEA, 0x0C}, "410100000001"...), Le: apdu.NoLe}

	card.Reset()
	send(t, card, ssc.Select())
	refuse(t, card, issued, apdu.SecurityNotSatisfied)
	prove(t, card, keyStore, ssc.KeyRead)
	refuse(t, card, issued, apdu.SecurityNotSatisfied)
	prove(t, card, keyStore, ssc.KeyWrite)
	send(t, card, issued)
	send(t, card, ssc.SelectFile(ssc.FileIdentity))
	refuse(t, card, person, apdu.SecurityNotSatisfied)
	prove(t, card, keyStore, ssc.KeyIdentity)
	send(t, card, person)
	id, ok := ssc.FieldOf(ssc.TagPersonID)
	if !ok {
		t.Fatal("no field for the person's identification")
	}
	for _, how := range []ssc.Addressing{ssc.ByTagAndFile, ssc.ByTag, ssc.ByNumber} {
		r, err := ssc.ParseRecord(send(t, card, ssc.Read(id, how)))
		if err != nil || string(r.Value) != "410100000001" {
			t.Errorf("style %d reads %q, %v", how, r.Value, err)
		}
	}
	card.Reset()
	send(t, card, ssc.Select())
	refuse(t, card, ssc.Read(id, ssc.ByTagAndFile), apdu.SecurityNotSatisfied)
}

package identity_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"citycard/cardos/keys"
	"citycard/clearing/identity"
	"citycard/ledger"
)

// card is one whose bytes can be told apart: issuer 01..08, number 11..1a.
func card() keys.CardID {
	return keys.CardID{
		Issuer: [8]byte{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08},
		ASN:    [10]byte{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a},
	}
}

// TestBytes writes down, by hand, the bytes of every id and of a card's subject. They are
// stored for ever: a change here is another identity for all that comes after it.
func TestBytes(t *testing.T) {
	load := identity.Load{Kind: 0x02, Sequence: 0x0a0b}
	again := identity.Load{Kind: 0x02, Sequence: 0x0a0b, Attempt: 3}
	spend := identity.Spend(0x09, []byte{0x31, 0, 0, 0, 0, 0x02}, 0x01020304)
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	if h := hash("abc"); h != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Fatalf("SHA-256 of abc is %s", h)
	}
	for _, test := range []struct {
		name string
		got  string
		want string
	}{
		{"card", string(identity.CardOf(card()).Subject()), "01020304 131415161718191a"},
		{"spend", string(spend), "01 09 310000000002 01020304"},
		{"spend, purchase", string(identity.Spend(0x06, []byte{0x31, 0, 0, 0, 0, 0x02}, 1)), "01 06 310000000002 00000001"},
		{"load written", string(identity.LoadWritten(0x02, 0x0a0b)), "02 02 0a0b"},
		{"load authorised", string(identity.LoadAuthorised(load)), "03 02 0a0b"},
		{"load authorised again", string(identity.LoadAuthorised(again)), "03 02 0a0b 03"},
		{"load refunded", string(identity.LoadRefunded(load)), "04 02 0a0b"},
		{"load refunded again", string(identity.LoadRefunded(again)), "04 02 0a0b 03"},
		{"load order", string(identity.LoadOrder("abc")), "05 " + hash("abc")},
		{"load withdrawn", string(identity.LoadWithdrawn("abc")), "06 " + hash("abc")},
		{"load moved", string(identity.LoadMoved("abc", 2)), "07 " + hash("abc") + " 00000002"},
		{"load held", string(identity.LoadHeld("abc")), "08 " + hash("abc") + " 00000001"},
		{"load's invoice", string(identity.LoadInvoice("abc", 3)), "09 " + hash("abc") + " 00000003"},
		{"medical fund", string(identity.Medical(identity.MedicalFund, "h1", "s1")), "10 01 " + hash("h1\x00s1")},
		{"medical account", string(identity.Medical(identity.MedicalAccount, "h1", "s1")), "10 02 " + hash("h1\x00s1")},
		{"medical cash", string(identity.Medical(identity.MedicalCash, "h1", "s1")), "10 03 " + hash("h1\x00s1")},
		{"pension", string(identity.Pension("202601", 1)), "20 323032363031"},
		{"pension again", string(identity.Pension("202601", 2)), "22 323032363031 02"},
		{"pension return", string(identity.PensionReturn("202601", 1)), "21 323032363031"},
		{"pension return again", string(identity.PensionReturn("202601", 2)), "21 323032363031 02"},
		{"opening", string(identity.Opening("purse")), "2f 7075727365"},
		{"settlement", string(identity.Settlement("net.1")), "30 6e65742e31"},
		{"receipt", string(identity.Receipt("b-1")), "31 622d31"},
		{"reject", string(identity.Reject([]byte("abc"), 0)), "40 " + hash("abc") + " 0000"},
		{"second piece of a reject", string(identity.Reject([]byte("abc"), 1)), "40 " + hash("abc") + " 0001"},
		{"piece 257 of a reject", string(identity.Reject([]byte("abc"), 256)), "40 " + hash("abc") + " 0100"},
		{"release", string(identity.Release(1, spend)), "50 01 01 09 310000000002 01020304"},
	} {
		if want := strings.ReplaceAll(test.want, " ", ""); hex.EncodeToString([]byte(test.got)) != want {
			t.Errorf("%s is %x, want %s", test.name, test.got, want)
		}
	}
	for piece, further := range map[uint16]bool{0: false, 1: true, 256: true} {
		if identity.IsFurtherPiece(identity.Reject([]byte("abc"), piece)) != further {
			t.Errorf("piece %d is a further one: want %v", piece, further)
		}
	}
	if identity.NoDay != 19000101 {
		t.Errorf("the day of what has none is %d, want 19000101", identity.NoDay)
	}
}

// TestCardIsWhatDerivesItsKeys changes each byte of a card's number and issuer in turn: it
// is another card where its keys are others, and the same one where they are not.
func TestCardIsWhatDerivesItsKeys(t *testing.T) {
	store := keys.GenerateTest(1)
	tac, subject := store.CardKeys(card()).TAC(), identity.CardOf(card()).Subject()
	others := 0
	for place := range 18 {
		id := card()
		if place < 8 {
			id.Issuer[place] ^= 0xF0
		} else {
			id.ASN[place-8] ^= 0xF0
		}
		sameKeys, same := store.CardKeys(id).TAC().Equal(tac), identity.CardOf(id).Subject() == subject
		if sameKeys != same {
			t.Errorf("byte %d of issuer and number changed: the same keys %v, the same card %v", place, sameKeys, same)
		}
		if !same {
			others++
		}
	}
	if others != 12 {
		t.Errorf("%d bytes make another card, want 12", others)
	}
	if again, ok := identity.ParseCard([]byte(subject)); !ok || again.Subject() != subject || again.Digits() != "01020304131415161718191a" || again.String() != "****191a" {
		t.Errorf("the subject reads %s (%v)", again, ok)
	}
	for _, other := range []ledger.Subject{"", subject[1:], subject + "x"} {
		if _, ok := identity.ParseCard([]byte(other)); ok {
			t.Errorf("subject %x is taken for a card's", string(other))
		}
	}
}

// TestSignedDay reads what can be a date and nothing else.
func TestSignedDay(t *testing.T) {
	for _, test := range []struct {
		time string
		day  ledger.Day
		ok   bool
	}{
		{"20260105120000", 20260105, true},
		{"20240229000000", 20240229, true},
		{"20260105ffffff", 20260105, true},
		{"20230229000000", identity.NoDay, false},
		{"20261301000000", identity.NoDay, false},
		{"2026010f000000", identity.NoDay, false},
		{"00000000000000", identity.NoDay, false},
		{"ffffffffffffff", identity.NoDay, false},
	} {
		b, err := hex.DecodeString(test.time)
		if err != nil {
			t.Fatal(err)
		}
		if day, ok := identity.SignedDay([7]byte(b)); day != test.day || ok != test.ok {
			t.Errorf("%s is signed on %d (%v), want %d (%v)", test.time, day, ok, test.day, test.ok)
		}
	}
}

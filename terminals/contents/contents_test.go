package contents_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/contents"
	"citycard/terminals/counter"
	"citycard/terminals/sam"
)

var store = keys.GenerateTest(7)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What a reader reads is what the chip's memory holds, field by field.
func TestTransitAgreesWithTheChip(t *testing.T) {
	held := chip.NewTransit(1)
	atr := held.PowerOn()
	_, err := counter.Personalise(t.Context(), held, atr, store, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: "03105070200000000012", Issuer: "99994910ffffffff", Start: "20260101", Expiry: "20401231",
		CardType: 3, Province: "4900", City: "4910", Interoperable: true, HolderName: "李四", PIN: "123456",
	}})
	must(t, err)
	spend(t, held, 3)
	c, err := contents.Read(t.Context(), held, atr)
	must(t, err)
	read, want := c.Transit, held.Describe().Transit
	if read.Number != want.Number || read.Issuer != want.Issuer || read.Start != want.Start || read.Expiry != want.Expiry || read.City != want.City ||
		read.CardType != want.CardType || read.HolderName != want.HolderName || read.BalanceFen != want.BalanceFen || !read.Enabled || c.ATR != hex.EncodeToString(atr) {
		t.Errorf("read %+v, chip %+v", read, want)
	}
	if len(read.Log) != 3 || len(read.Journeys) != 3 || len(want.Log) != 3 {
		t.Fatalf("read %d log records and %d journeys, want 3 each", len(read.Log), len(read.Journeys))
	}
	for i, e := range read.Log {
		if w := want.Log[i]; e.Sequence != w.Sequence || e.AmountFen != w.AmountFen || e.Terminal != w.Terminal || e.Time != w.Time || e.Type != w.Type {
			t.Errorf("log %d: %+v, chip %+v", i, e, w)
		}
	}
	for i, j := range read.Journeys {
		if w := want.Journeys[i]; j.Type != w.Type || j.Time != w.Time || j.Line != w.Line || j.Station != w.Station || j.Terminal != w.Terminal || j.BalanceFen != w.BalanceFen {
			t.Errorf("journey %d: %+v, chip %+v", i, j, w)
		}
	}
	if m := c.Masked(); m.Transit.HolderName != "李*" || c.Transit.HolderName != "李四" {
		t.Errorf("masked %q, original %q", m.Transit.HolderName, c.Transit.HolderName)
	}
	if b, err := json.Marshal(c.Masked()); err != nil || len(b) == 0 {
		t.Errorf("%s, %v", b, err)
	}
}

// spend pays 0 fen some times, as entries do.
func spend(t *testing.T, held apdu.Card, times int) {
	t.Helper()
	psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	p, err := card.OpenPurse(t.Context(), held)
	must(t, err)
	for i := range times {
		_, err := p.Pay(t.Context(), module, capp.Sale{
			Time:    [7]byte{0x20, 0x26, 0x11, 0x24, 0x08, byte(i), 0},
			Trip:    tunion.RailTrip{TripHeader: tunion.NewTripHeader(tunion.TripRailID, tunion.TripEntered)}.Encode(),
			Journey: tunion.Journey{Type: tunion.JourneyEntry, Industry: tunion.IndustryMetro, Place: tunion.Place(1, uint16(i+1), 0), City: 0x4910},
		}.Payment())
		must(t, err)
	}
	if purse.LogRecords < times {
		t.Fatal("the log is too short for this test")
	}
}

func TestSocialSecurity(t *testing.T) {
	for _, version := range []string{"2.00", "3.00"} {
		held := chip.NewSocialSecurity(5)
		atr := held.PowerOn()
		_, err := counter.Personalise(t.Context(), held, atr, store, counter.Order{Kind: counter.SocialSecurity, SocialSecurity: &counter.SocialSecurityOrder{
			Region: "410100", Version: version, Institution: "410100000000", Issued: "20260101", Expiry: "20360101",
			CardNumber: "A00000019", SecurityNumber: "111111198101011110", Name: "欧阳三", Sex: "2", Nation: "01",
			Birthplace: "410100", Birthday: "19810101", PIN: "654321",
		}})
		must(t, err)
		held.Reset()
		c, err := contents.Read(t.Context(), held, atr)
		must(t, err)
		s := c.SocialSecurity
		if s.Version != version || s.Identification != held.Describe().SocialSecurity.Identification || s.Region != "410100" || s.Expiry != "20360101" {
			t.Errorf("read %+v", s)
		}
		if guarded := version == "3.00"; s.Guarded != guarded || (s.Name == "") != guarded || (s.SecurityNumber == "") != guarded {
			t.Errorf("version %s: guarded %v, name %q", version, s.Guarded, s.Name)
		}
		if m := c.Masked().SocialSecurity; version == "2.00" && (m.Name != "欧**" || m.SecurityNumber != "111111***********0" || m.Birthday != "1981****") {
			t.Errorf("masked %+v", m)
		}
	}
}

func TestUnknownCard(t *testing.T) {
	psam := chip.NewPSAM([6]byte{1}, store.SAMKeys())
	if _, err := contents.Read(t.Context(), psam, psam.PowerOn()); !errors.Is(err, contents.ErrUnknownCard) {
		t.Errorf("%v, want ErrUnknownCard", err)
	}
}

package desk_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/terminals/card"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/terminals/counter"
	"citycard/terminals/desk"
	"citycard/terminals/sam"
)

var (
	store   = keys.GenerateTest(7)
	morning = time.Date(2026, 11, 24, 8, 1, 2, 0, time.FixedZone("Asia/Shanghai", 8*3600))
	bill    = desk.Bill{Settlement: "S1", Visit: "V1", Kind: "outpatient", Total: 10_000, OwnPay: 1_000, InScope: 9_000}
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newCard(t *testing.T, version string) *chip.Chip {
	t.Helper()
	held := chip.NewSocialSecurity(5)
	atr := held.PowerOn()
	_, err := counter.Personalise(t.Context(), held, atr, store, counter.Order{Kind: counter.SocialSecurity, SocialSecurity: &counter.SocialSecurityOrder{
		Region: "410100", Version: version, Institution: "410100000000", Issued: "20260101", Expiry: "20360101",
		CardNumber: "A00000019", SecurityNumber: "111111198101011110", Name: "张三", Sex: "1", Nation: "01",
		Birthplace: "410100", Birthday: "19810101", PIN: "654321",
	}})
	must(t, err)
	return held
}

func newDesk(t *testing.T) *desk.Desk {
	t.Helper()
	psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x40, 0, 0, 1}, store.SAMKeys())
	psam.PowerOn()
	access, err := sam.OpenAccess(t.Context(), psam)
	must(t, err)
	return &desk.Desk{Hospital: "h-101", Access: access, Token: store.PersonToken}
}

func TestClaim(t *testing.T) {
	for _, version := range []string{"2.00", "3.00"} {
		held := newCard(t, version)
		claim, err := newDesk(t).Claim(t.Context(), held, held.ATR(), "654321", bill, morning)
		must(t, err)
		token := store.PersonToken("111111198101011110")
		if string(claim.GetPerson()) != string(token[:]) || claim.GetHospital() != "h-101" || claim.GetSettlement() != "S1" || claim.GetTotalFen() != 10_000 || claim.GetInScopeFen() != 9_000 {
			t.Errorf("version %s: %v", version, claim)
		}
		sent, err := proto.Marshal(claim)
		must(t, err)
		identification := held.Describe().SocialSecurity.Identification
		raw, err := hex.DecodeString(identification)
		must(t, err)
		for _, private := range []string{"1111111981", "张", "A00000019", identification, strings.ToLower(identification), string(raw)} {
			if strings.Contains(string(sent), private) {
				t.Errorf("the claim holds personal data, %q: %v", private, claim)
			}
		}
	}
}

func TestReadGivesWhatIsOnTheCard(t *testing.T) {
	held := newCard(t, "3.00")
	p, err := newDesk(t).Read(t.Context(), held, held.ATR())
	must(t, err)
	if p.Holder.Name != "张三" || p.Holder.SecurityNumber != "111111198101011110" || p.Issuer.CardNumber != "A00000019" {
		t.Errorf("holder %s, issuer %+v", p.Holder.Name, p.Issuer)
	}
}

func TestDeskRefuses(t *testing.T) {
	d := newDesk(t)
	if _, err := (&desk.Desk{Token: store.PersonToken}).Claim(t.Context(), newCard(t, "3.00"), newCard(t, "3.00").ATR(), "654321", bill, morning); !errors.Is(err, desk.ErrNeedsSAM) {
		t.Errorf("version 3 without a SAM: %v", err)
	}
	transit := chip.NewTransit(1)
	transit.PowerOn()
	if _, err := d.Claim(t.Context(), transit, transit.ATR(), "654321", bill, morning); !errors.Is(err, card.ErrNotSocialSecurity) {
		t.Errorf("transit card: %v", err)
	}
	held := newCard(t, "2.00")
	if _, err := d.Claim(t.Context(), held, held.ATR(), "654321", bill, morning.AddDate(20, 0, 0)); !errors.Is(err, card.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	for name, b := range map[string]desk.Bill{
		"no settlement": {Visit: "V", Kind: "outpatient"}, "long visit": {Settlement: "S", Visit: strings.Repeat("V", 31), Kind: "outpatient"},
		"unknown kind": {Settlement: "S", Visit: "V", Kind: "spa"}, "negative": {Settlement: "S", Visit: "V", Kind: "inpatient", Total: -1},
	} {
		if _, err := d.Claim(t.Context(), held, held.ATR(), "654321", b, morning); err == nil {
			t.Errorf("%s: the bill was taken", name)
		}
	}
}

// Another issuer's SAM does not open a card of version 3.
func TestForeignSAM(t *testing.T) {
	psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x40, 0, 0, 2}, keys.GenerateTest(8).SAMKeys())
	psam.PowerOn()
	access, err := sam.OpenAccess(t.Context(), psam)
	must(t, err)
	held := newCard(t, "3.00")
	if _, err := (&desk.Desk{Access: access, Token: store.PersonToken}).Read(t.Context(), held, held.ATR()); err == nil {
		t.Error("a foreign SAM read the holder's data")
	}
}

func TestWrongPIN(t *testing.T) {
	d, held := newDesk(t), newCard(t, "2.00")
	for _, left := range []int{2, 1, 0} {
		_, err := d.Claim(t.Context(), held, held.ATR(), "111111", bill, morning)
		wrong, ok := errors.AsType[*card.PINError](err)
		if !ok || wrong.Left != left {
			t.Fatalf("%v, want %d tries left", err, left)
		}
		if strings.Contains(err.Error(), "111111") {
			t.Errorf("the error quotes the PIN: %v", err)
		}
	}
	if _, err := d.Claim(t.Context(), held, held.ATR(), "654321", bill, morning); !errors.Is(err, card.ErrPINLocked) {
		t.Errorf("%v, want ErrPINLocked", err)
	}
	if _, err := d.Claim(t.Context(), held, held.ATR(), "abc", bill, morning); err == nil || errors.Is(err, card.ErrPINLocked) {
		t.Errorf("a PIN of letters: %v", err)
	}
}

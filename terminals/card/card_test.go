package card_test

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/monthly"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/simulators/specimen"
	"citycard/terminals/card"
	"citycard/terminals/sam"
)

func date() time.Time { return time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC) }

// evening is after the last journey of every specimen.
func evening() time.Time { return time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC) }

// made is a specimen with power.
func made(t testing.TB, kind specimen.Kind) *chip.Chip {
	t.Helper()
	c, err := specimen.New(t.Context(), kind, 7, date())
	if err != nil {
		t.Fatal(err)
	}
	c.PowerOn()
	return c
}

func module(t testing.TB, held apdu.Card) *sam.Module {
	t.Helper()
	m, err := sam.Open(t.Context(), held)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func openPurse(t testing.TB, held apdu.Card) *card.Purse {
	t.Helper()
	p, err := card.OpenPurse(t.Context(), held)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestIdentify(t *testing.T) {
	type seen struct {
		purse, terminal bool
		version         string
	}
	for kind, want := range map[specimen.Kind]seen{
		specimen.Transit:   {purse: true},
		specimen.CityUnion: {purse: true},
		specimen.SocialV1:  {version: "1.00"},
		specimen.SocialV2:  {version: "2.00"},
		specimen.SocialV3:  {version: "3.00"},
		specimen.Dual:      {purse: true, version: "3.00"},
		specimen.PSAM:      {terminal: true},
	} {
		held := made(t, kind)
		id, err := card.Identify(t.Context(), held)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if got := (seen{id.Purse != nil, id.Terminal != nil, id.Version}); got != want || (len(id.Directory) == 1) != want.purse {
			t.Errorf("%s: identified as %+v", kind, id)
		}
	}
	if _, err := card.Identify(t.Context(), deaf{}); !errors.Is(err, card.ErrUnknownCard) {
		t.Errorf("a card without applications: %v", err)
	}
}

// deaf refuses every command.
type deaf struct{}

func (deaf) Transmit(context, []byte) ([]byte, error) { return []byte{0x6D, 0x00}, nil }

// Everything on a purse card is read as values that equal the chip's description.
func TestReadPurse(t *testing.T) {
	ctx, held := t.Context(), made(t, specimen.Transit)
	want := held.Describe().Transit
	p := openPurse(t, held)
	if n, err := tunion.Number(p.ID().ASN); err != nil || n != want.Number {
		t.Errorf("number %s, %v, want %s", n, err, want.Number)
	}
	if p.Region.City != tunion.ZhengzhouCity {
		t.Errorf("region %+v", p.Region)
	}
	if h, err := p.Holder(ctx); err != nil {
		t.Error(err)
	} else if name, _, err := h.Text(); err != nil || name != want.HolderName {
		t.Errorf("holder %q, %v, want %q", name, err, want.HolderName)
	}
	if b, err := p.Balance(ctx); err != nil || b != want.BalanceFen {
		t.Errorf("balance %d, %v, want %d", b, err, want.BalanceFen)
	}
	log, err := p.Log(ctx)
	if err != nil || len(log) != len(want.Log) || log[0].Sequence != want.Log[0].Sequence || log[9].Amount != want.Log[9].AmountFen {
		t.Errorf("log %v, %v", log, err)
	}
	journeys, err := p.Journeys(ctx)
	if err != nil || len(journeys) != 30 || hex.EncodeToString(journeys[29].Time[:]) != want.Journeys[29].Time {
		t.Errorf("journeys %v, %v", journeys, err)
	}
	if last, err := p.LastJourney(ctx); err != nil || last != journeys[0] {
		t.Errorf("last journey %+v, %v", last, err)
	}
}

func TestPINs(t *testing.T) {
	ctx := t.Context()
	for _, kind := range []specimen.Kind{specimen.Transit, specimen.SocialV2} {
		held := made(t, kind)
		var desk interface {
			VerifyPIN(ctx context, pin string) error
			ChangePIN(ctx context, old, fresh string) error
		}
		if kind == specimen.Transit {
			desk = openPurse(t, held)
		} else {
			s, err := card.OpenSocial(ctx, held)
			if err != nil {
				t.Fatal(err)
			}
			desk = s
		}
		if err := desk.VerifyPIN(ctx, specimen.PIN); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if err := desk.ChangePIN(ctx, specimen.PIN, "2468"); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if err := desk.ChangePIN(ctx, "2468", "12345"); err == nil {
			t.Errorf("%s: an odd PIN was taken", kind)
		}
		if err := desk.VerifyPIN(ctx, "12a4"); err == nil {
			t.Errorf("%s: letters were taken", kind)
		}
		for left := 2; left >= 0; left-- {
			err := desk.VerifyPIN(ctx, specimen.PIN)
			if wrong, ok := errors.AsType[*card.PINError](err); !ok || wrong.Left != left {
				t.Errorf("%s: the old PIN: %v, want %d tries left", kind, err, left)
			}
		}
		if err := desk.VerifyPIN(ctx, "2468"); !errors.Is(err, card.ErrPINLocked) {
			t.Errorf("%s: %v, want a locked PIN", kind, err)
		}
	}
}

// A social-security card is read whole, a guarded one with a SAM.
func TestReadSocial(t *testing.T) {
	ctx := t.Context()
	psamCard := made(t, specimen.PSAM)
	access, err := sam.OpenAccess(ctx, psamCard)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []specimen.Kind{specimen.SocialV1, specimen.SocialV2, specimen.SocialV3, specimen.Dual} {
		held := made(t, kind)
		want := held.Describe().SocialSecurity
		s, err := card.OpenSocial(ctx, held)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.Person(ctx); err != nil || errors.Is(p.Missing, card.ErrGuarded) != ssc.NeedsAuthentication(s.Version) {
			t.Errorf("%s: before authentication is missing: %v, %v", kind, p.Missing, err)
		}
		if err := s.Authenticate(ctx, access, held.ATR(), [8]byte{9}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		p, err := s.Person(ctx)
		if err != nil || p.Missing != nil || p.Issuer.CardNumber != want.CardNumber {
			t.Errorf("%s: issuer %+v, missing %v, %v", kind, p.Issuer, p.Missing, err)
		}
		if p.Holder.Name != want.Name || p.Holder.SecurityNumber != want.SecurityNumber {
			t.Errorf("%s: not the holder", kind)
		}
		if err := s.VerifyPIN(ctx, specimen.PIN); err != nil {
			t.Error(err)
		}
	}
}

func purchase(amount uint32) card.Payment {
	return card.Payment{Kind: purse.TypeEPPurchase, Amount: amount, Time: bcd.Time(evening())}
}

// ride pays nothing and leaves a monthly ticket with one ride fewer on the card.
func ride(c context, p *card.Purse, m *sam.Module, held apdu.Card) (*message.Tap, monthly.Ticket, error) {
	answer, err := apdu.Exchange(c, held, apdu.ReadRecord(monthly.SFI, 1, monthly.Size))
	if err != nil {
		return nil, monthly.Ticket{}, err
	}
	ticket, _, err := monthly.Parse(answer)
	if err != nil {
		return nil, ticket, err
	}
	now := bcd.Time(evening())
	used := ticket
	used.Left, used.LastRide = ticket.Left-1, now
	record := used.Encode()
	tap, err := p.Pay(c, m, card.Payment{Kind: purse.TypeCAPP, Time: now, Updates: func([6]byte, int32) []card.Update {
		return []card.Update{{Name: "ticket", ID: 1, SFI: monthly.SFI, Record: record[:]}}
	}})
	return tap, used, err
}

// Payments by purchase and by ticket: money, log, and a TAC that verifies.
func TestPayments(t *testing.T) {
	ctx, held := t.Context(), made(t, specimen.Transit)
	before := held.Describe().Transit
	m := module(t, made(t, specimen.PSAM))
	p := openPurse(t, held)
	paid, err := p.Pay(ctx, m, purchase(250))
	if err != nil {
		t.Fatal(err)
	}
	ridden, ticket, err := ride(ctx, p, m, held)
	if err != nil {
		t.Fatal(err)
	}
	after := held.Describe().Transit
	if after.BalanceFen != before.BalanceFen-250 || paid.GetBalanceFen() != after.BalanceFen || after.OfflineSequence != before.OfflineSequence+2 ||
		ticket.Left != before.Tickets[0].Left-1 || after.Tickets[0].Left != ticket.Left {
		t.Errorf("paid %+v, ridden %+v, card %+v", paid, ridden, after)
	}
	for _, tap := range []*message.Tap{paid, ridden} {
		if !verifies(tap) {
			t.Errorf("the TAC of %+v is wrong", tap)
		}
	}
	if _, err := p.Pay(ctx, m, purchase(9_999_999)); !errors.Is(err, card.ErrInsufficient) {
		t.Errorf("too much: %v", err)
	}
	other := chip.NewPSAM([6]byte{1}, keys.GenerateTest(99).SAMKeys())
	other.PowerOn()
	if _, err := p.Pay(ctx, module(t, other), purchase(100)); !apdu.IsMACRefused(err) {
		t.Errorf("a foreign SAM: %v", err)
	}
	if _, err := apdu.Exchange(ctx, held, psam.SelectTransit()); !apdu.IsNotFound(err) {
		t.Errorf("the card has a SAM's application: %v", err)
	}
}

// verifies checks a tap's TAC as clearing does.
func verifies(tap *message.Tap) bool {
	ok, d := make([]bool, 1), tap.GetDebit()
	keys.NewTACVerifier(specimen.Keys().TACMaster()).VerifyPurchases([]keys.PurchaseRecord{{
		Card: keys.CardID{Issuer: [8]byte(d.GetIssuer()), ASN: [10]byte(d.GetCard())}, Amount: d.GetAmountFen(), Type: byte(d.GetType()),
		Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(), Time: [7]byte(d.GetTime()), TAC: keys.MAC(d.GetTac()),
	}}, ok)
	return ok[0]
}

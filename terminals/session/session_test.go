package session_test

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/monthly"
	"citycard/cardos/psam"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
	"citycard/simulators/specimen"
	"citycard/terminals/sam"
	"citycard/terminals/session"
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

func module(t testing.TB, card apdu.Card) *sam.Module {
	t.Helper()
	m, err := sam.Open(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func openPurse(t testing.TB, card apdu.Card) *session.Purse {
	t.Helper()
	p, err := session.OpenPurse(t.Context(), card)
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
		card := made(t, kind)
		id, err := session.Identify(t.Context(), card)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if got := (seen{id.Purse != nil, id.Terminal != nil, id.Version}); got != want || (len(id.Directory) == 1) != want.purse {
			t.Errorf("%s: identified as %+v", kind, id)
		}
	}
	if _, err := session.Identify(t.Context(), deaf{}); !errors.Is(err, session.ErrUnknownCard) {
		t.Errorf("a card without applications: %v", err)
	}
}

// deaf refuses every command.
type deaf struct{}

func (deaf) Transmit(context, []byte) ([]byte, error) { return []byte{0x6D, 0x00}, nil }

// Whatever is on a purse card is read as values, the same as the chip describes.
func TestReadPurse(t *testing.T) {
	ctx, card := t.Context(), made(t, specimen.Transit)
	want := card.Describe().Transit
	p := openPurse(t, card)
	if n, err := tunion.Number(p.ID().ASN); err != nil || n != want.Number {
		t.Errorf("number %s, %v, want %s", n, err, want.Number)
	}
	if r, err := p.Region(ctx); err != nil || r.City != tunion.ZhengzhouCity {
		t.Errorf("region %+v, %v", r, err)
	}
	if h, err := p.Holder(ctx); err != nil {
		t.Error(err)
	} else if name, _, err := h.Text(); err != nil || name != want.HolderName {
		t.Errorf("holder %q, %v, want %q", name, err, want.HolderName)
	}
	if b, err := p.Balances(ctx); err != nil || b != (session.Balances{Available: want.BalanceFen, Own: want.BalanceFen}) {
		t.Errorf("balances %+v, %v, want %d", b, err, want.BalanceFen)
	}
	log, err := p.Log(ctx)
	if err != nil || len(log) != len(want.Log) || log[0].Sequence != want.Log[0].Sequence || log[9].Amount != want.Log[9].AmountFen {
		t.Errorf("log %v, %v", log, err)
	}
	journeys, err := p.Journeys(ctx)
	if err != nil || len(journeys) != 30 || hex.EncodeToString(journeys[29].Time[:]) != want.Journeys[29].Time {
		t.Errorf("journeys %v, %v", journeys, err)
	}
	if trips, err := p.Trips(ctx); err != nil || trips.Rail == nil || trips.Bus == nil || trips.Rail.Status != tunion.TripLeft {
		t.Errorf("trips %+v, %v", trips, err)
	}
	if tickets, err := p.Tickets(ctx); err != nil || len(tickets) != 1 || tickets[1].Left != want.Tickets[0].Left {
		t.Errorf("tickets %+v, %v", tickets, err)
	}
	if n, err := p.Counters(ctx); err != nil || n != (session.Counters{Online: want.OnlineSequence, Offline: want.OfflineSequence}) {
		t.Errorf("counters %+v, %v", n, err)
	}
}

func TestPINs(t *testing.T) {
	ctx := t.Context()
	for _, kind := range []specimen.Kind{specimen.Transit, specimen.SocialV2} {
		card := made(t, kind)
		var desk interface {
			VerifyPIN(ctx context, pin string) error
			ChangePIN(ctx context, old, fresh string) error
		}
		if kind == specimen.Transit {
			desk = openPurse(t, card)
		} else {
			s, err := session.OpenSocial(ctx, card)
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
			if wrong, ok := errors.AsType[*session.PINError](err); !ok || wrong.Left != left {
				t.Errorf("%s: the old PIN: %v, want %d tries left", kind, err, left)
			}
		}
		if err := desk.VerifyPIN(ctx, "2468"); !errors.Is(err, session.ErrPINLocked) {
			t.Errorf("%s: %v, want a locked PIN", kind, err)
		}
	}
}

// A social-security card is read to the last file of the last directory, a guarded one
// with a SAM.
func TestReadSocial(t *testing.T) {
	ctx := t.Context()
	psamCard := made(t, specimen.PSAM)
	access, err := sam.OpenAccess(ctx, psamCard)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []specimen.Kind{specimen.SocialV1, specimen.SocialV2, specimen.SocialV3, specimen.Dual} {
		card := made(t, kind)
		want := card.Describe().SocialSecurity
		s, err := session.OpenSocial(ctx, card)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Holder(ctx); errors.Is(err, session.ErrGuarded) != ssc.NeedsAuthentication(s.Version) {
			t.Errorf("%s: the holder before authentication: %v", kind, err)
		}
		if err := s.Authenticate(ctx, access, card.ATR(), [8]byte{9}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		issuer, err := s.Issuer(ctx)
		if err != nil || issuer.CardNumber != want.CardNumber {
			t.Errorf("%s: issuer %+v, %v", kind, issuer, err)
		}
		if holder, err := s.Holder(ctx); err != nil || holder.Name != want.Name || holder.SecurityNumber != want.SecurityNumber {
			t.Errorf("%s: holder %v", kind, err)
		}
		if err := s.VerifyPIN(ctx, specimen.PIN); err != nil {
			t.Error(err)
		}
		read := 0
		for _, folder := range ssc.Folders(s.Version) {
			for _, table := range folder.Tables {
				if table.Shape == ssc.Transparent {
					continue
				}
				records, err := s.Table(ctx, folder, table)
				if err != nil {
					t.Errorf("%s: %v", kind, err)
				}
				read += len(records)
			}
		}
		described := 0
		for _, f := range want.Files {
			described += len(f.Records)
		}
		if read != described || read == 0 {
			t.Errorf("%s: %d records were read, %d are there", kind, read, described)
		}
	}
}

// Payments by purchase and by ticket: money, log, and a TAC that verifies.
func TestPayments(t *testing.T) {
	ctx, card := t.Context(), made(t, specimen.Transit)
	before := card.Describe().Transit
	m := module(t, made(t, specimen.PSAM))
	p := openPurse(t, card)
	paid, err := p.Pay(ctx, m, 250, evening())
	if err != nil {
		t.Fatal(err)
	}
	ridden, ticket, err := p.Ride(ctx, m, 1, tunion.IndustryBus, evening())
	if err != nil {
		t.Fatal(err)
	}
	after := card.Describe().Transit
	if after.BalanceFen != before.BalanceFen-250 || paid.Balance != after.BalanceFen || after.OfflineSequence != before.OfflineSequence+2 ||
		ticket.Left != before.Tickets[0].Left-1 || after.Tickets[0].Left != ticket.Left {
		t.Errorf("paid %+v, ridden %+v, card %+v", paid, ridden, after)
	}
	for _, r := range []*session.Receipt{paid, ridden} {
		if !verifies(r) {
			t.Errorf("the TAC of %+v is wrong", r)
		}
	}
	if _, err := p.Pay(ctx, m, 9_999_999, evening()); !errors.Is(err, session.ErrInsufficient) {
		t.Errorf("too much: %v", err)
	}
	if _, _, err := p.Ride(ctx, m, 1, tunion.IndustryMetro, evening()); !errors.Is(err, monthly.ErrNotValid) {
		t.Errorf("by metro: %v", err)
	}
	if _, _, err := p.Ride(ctx, m, 2, tunion.IndustryBus, evening()); !errors.Is(err, session.ErrNoTicket) {
		t.Errorf("without ticket: %v", err)
	}
	other := chip.NewPSAM([6]byte{1}, keys.GenerateTest(99).SAMKeys())
	other.PowerOn()
	if _, err := p.Pay(ctx, module(t, other), 100, evening()); !apdu.IsMACRefused(err) {
		t.Errorf("a foreign SAM: %v", err)
	}
	if _, err := apdu.Exchange(ctx, card, psam.SelectTransit()); !apdu.IsNotFound(err) {
		t.Errorf("the card has a SAM's application: %v", err)
	}
}

// verifies checks a receipt's TAC as clearing does.
func verifies(r *session.Receipt) bool {
	ok := make([]bool, 1)
	keys.NewTACVerifier(specimen.Keys().TACMaster()).VerifyPurchases([]keys.PurchaseRecord{{
		Card: r.Card, Amount: r.Amount, Type: r.Type, Terminal: r.Terminal, TerminalSequence: r.TerminalSequence, Time: r.Time, TAC: r.TAC,
	}}, ok)
	return ok[0]
}

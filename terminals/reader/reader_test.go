package reader_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/simulators/pcscd"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/vcard"
	"citycard/terminals/counter"
	"citycard/terminals/desk"
	"citycard/terminals/gate"
	"citycard/terminals/reader"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
)

// The tests run real cards' dialogues through a real pcscd and vpcd. Without pcscd or vpcd
// they fail and say what to install.

var (
	store    = keys.GenerateTest(7)
	zone     = time.FixedZone("Asia/Shanghai", 8*3600)
	morning  = time.Date(2026, 11, 24, 8, 1, 2, 0, zone)
	terminal = [6]byte{0x49, 0x10, 0x10, 0, 0, 0x01}
)

// readers makes sure that pcscd runs for a test and returns the two virtual slots, and who
// watches them.
func readers(t testing.TB) ([2]*vcard.Slot, *reader.Observer) {
	t.Helper()
	slots, o := pcscdtest.Slots(t), reader.Observe()
	t.Cleanup(func() { must(t, o.Close()) })
	seen, err := o.Readers(t.Context())
	if err != nil || len(seen) < 2 {
		t.Fatalf("readers %v, %v; want two virtual ones: %s", seen, err, pcscd.Install)
	}
	return slots, o
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, o *reader.Observer, slot int) *reader.Reader {
	t.Helper()
	r, err := o.Open(t.Context(), fmt.Sprintf("Virtual PCD 00 %02d", slot))
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

func wait(t *testing.T, r *reader.Reader) *reader.Card {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	card, err := r.WaitCard(ctx)
	must(t, err)
	return card
}

func transitOrder(n int) counter.Order {
	return counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: fmt.Sprintf("031050702%011d", n), Issuer: "99994910ffffffff", Start: "20260101", Expiry: "20401231",
		CardType: 1, Province: "4900", City: "4910", Interoperable: true, PIN: "123456",
	}}
}

func socialOrder(version string) counter.Order {
	return counter.Order{Kind: counter.SocialSecurity, SocialSecurity: &counter.SocialSecurityOrder{
		Region: "410100", Version: version, Institution: "410100000000", Issued: "20260101", Expiry: "20360101",
		CardNumber: "A00000019", SecurityNumber: "111111198101011110", Name: "张三", Sex: "1", Nation: "01",
		Birthplace: "410100", Birthday: "19810101", PIN: "654321",
	}}
}

// authority answers from the key store, as the load service does after booking.
type authority struct{ store *keys.Store }

func (a authority) AuthoriseLoad(_ context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := a.store.AuthoriseLoad(keys.LoadOrder{
		Card: keys.CardID{Issuer: [8]byte(r.GetIssuer()), ASN: [10]byte(r.GetCard())}, OldBalance: r.GetOldBalanceFen(),
		Amount: r.GetAmountFen(), Type: purse.TypeEPLoad, Terminal: [6]byte(r.GetTerminal()), Time: [7]byte(r.GetTime()),
		OnlineSequence: uint16(r.GetOnlineSequence()), Random: [4]byte(r.GetRandom()),
		KeyVersion: byte(r.GetKeyVersion()), Algorithm: byte(r.GetAlgorithm()), MAC1: keys.MAC(r.GetMac1()),
	})
	if err != nil {
		return nil, err
	}
	return &message.LoadAnswer{Mac2: mac2[:]}, nil
}

// A transit card's life: blank, personalised, topped up, a metro trip; and the
// chip agrees with what the reader saw.
func TestTransitCardInARealReader(t *testing.T) {
	slots, o := readers(t)
	r := open(t, o, 0)
	blank := chip.NewTransit(11)
	must(t, slots[0].Insert(t.Context(), blank))
	card := wait(t, r)
	if got, want := card.ATR(), blank.ATR(); string(got) != string(want) {
		t.Errorf("ATR %x, want %x", got, want)
	}
	issued, err := counter.Personalise(t.Context(), card, card.ATR(), store, transitOrder(12))
	must(t, err)
	load, err := counter.TopUp(t.Context(), card, authority{store}, counter.Load{Order: "1", Channel: "counter", Amount: 5000, Terminal: terminal, At: morning})
	must(t, err)
	if load.GetNewBalanceFen() != 5000 || issued.Number != "03105070200000000012" {
		t.Errorf("issued %+v, load %v", issued, load)
	}
	g := newGate(t, slots[1], open(t, o, 1))
	_, err = g.Enter(t.Context(), card, morning)
	must(t, err)
	tap, err := g.Exit(t.Context(), card, morning.Add(10*time.Minute))
	must(t, err)
	must(t, card.Close())
	must(t, slots[0].Remove())
	read := blank.Describe().Transit
	if tap.GetDebit().GetAmountFen() != 200 || read.BalanceFen != 4800 || read.Log[0].AmountFen != 200 ||
		read.Log[0].Time != hex.EncodeToString(tap.GetDebit().GetTime()) || read.Journeys[0].Time != read.Log[0].Time {
		t.Errorf("tap %v, chip %+v", tap, read)
	}
}

// newGate puts the PSAM into the second reader: it speaks T=0 with 61xx.
func newGate(t *testing.T, slot *vcard.Slot, r *reader.Reader) *gate.Gate {
	t.Helper()
	must(t, slot.Insert(t.Context(), chip.NewPSAM(terminal, store.SAMKeys())))
	module := wait(t, r)
	t.Cleanup(func() { must(t, module.Close()) })
	s, err := sam.Open(t.Context(), module)
	must(t, err)
	fares, err := tariff.Of(&message.FareTable{
		EffectiveFrom: "20200101000000",
		Version:       "test-1", MaximumFen: 100_000, MetroStations: 1, MetroClass: []byte{0}, MetroLimitMinutes: 240,
		Fares: []*message.CardFares{{CardType: 1, MetroHighestFen: 900, Prices: []*message.Prices{{MetroFen: []uint32{200}}}}},
	})
	must(t, err)
	g, err := gate.New(s, fares, gate.Place{City: 0x4910, Operator: 1, Line: 1, Station: 1, Medium: message.Medium_MEDIUM_CONTACTLESS})
	must(t, err)
	return g
}

// Social-security cards of both generations; version 3 with a SAM in the second
// reader.
func TestSocialSecurityCardInARealReader(t *testing.T) {
	slots, o := readers(t)
	r := open(t, o, 0)
	must(t, slots[1].Insert(t.Context(), chip.NewPSAM(terminal, store.SAMKeys())))
	module := wait(t, open(t, o, 1))
	defer func() { must(t, module.Close()) }()
	access, err := sam.OpenAccess(t.Context(), module)
	must(t, err)
	for i, version := range []string{"2.00", "3.00"} {
		blank := chip.NewSocialSecurity(uint64(20 + i))
		must(t, slots[0].Insert(t.Context(), blank))
		card := wait(t, r)
		_, err := counter.Personalise(t.Context(), card, card.ATR(), store, socialOrder(version))
		must(t, err)
		d := desk.Desk{Hospital: "h-101", Access: access, Token: store.PersonToken}
		claim, err := d.Claim(t.Context(), card, card.ATR(), "654321", desk.Bill{Settlement: "S1", Visit: "V1", Kind: "outpatient", Total: 100, InScope: 100}, morning)
		must(t, err)
		token := store.PersonToken("111111198101011110")
		if string(claim.GetPerson()) != string(token[:]) {
			t.Errorf("version %s: claim %v", version, claim)
		}
		must(t, card.Close())
		must(t, slots[0].Remove())
		must(t, r.WaitEmpty(t.Context()))
	}
}

// All slots that pcscd has room for are watched, and a card in the last one is seen.
func TestAllSlotsOfAService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a private pcscd with many readers needs root on Linux")
	}
	const most = 16
	daemon, err := pcscd.StartPrivate(t.Context(), slog.New(slog.DiscardHandler), most/2)
	must(t, err)
	t.Cleanup(func() { must(t, daemon.Close()) })
	for _, setting := range daemon.Environment() {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	o := reader.Observe()
	defer func() { must(t, o.Close()) }()
	seen, err := o.Readers(t.Context())
	if err != nil || len(seen) != most {
		t.Fatalf("%d readers, %v; want %d", len(seen), err, most)
	}
	r, err := o.Open(t.Context(), pcscd.Name(most-1))
	must(t, err)
	slot := vcard.NewSlot(daemon.Slots[most-1])
	must(t, slot.Insert(t.Context(), chip.NewTransit(1)))
	card, err := r.WaitCard(t.Context())
	must(t, err)
	must(t, errors.Join(card.Close(), slot.Remove(), r.WaitEmpty(t.Context()), r.Close()))
}

// Cards are swapped as fast as pcscd notices; each one counts as a new card.
func TestSwapsAreSeenAndFast(t *testing.T) {
	slots, o := readers(t)
	r := open(t, o, 0)
	const cards = 5
	begin := time.Now()
	for i := range cards {
		blank := chip.NewTransit(uint64(100 + i))
		must(t, slots[0].Insert(t.Context(), blank))
		card := wait(t, r)
		_, err := counter.Personalise(t.Context(), card, card.ATR(), store, transitOrder(100+i))
		must(t, err)
		must(t, card.Close())
		must(t, slots[0].Remove())
		if !blank.Describe().Personalised {
			t.Errorf("card %d was not personalised", i)
		}
	}
	per := time.Since(begin) / cards
	t.Logf("%v a card", per)
	if per > 2*time.Second {
		t.Errorf("%v a card, want below 2 s", per)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	slots, o := readers(t)
	r := open(t, o, 0)
	if _, err := o.Open(t.Context(), "no such reader"); !errors.Is(err, reader.ErrNoReader) || !strings.Contains(err.Error(), "Virtual PCD") {
		t.Errorf("unknown reader: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := r.WaitCard(ctx); !errors.Is(err, reader.ErrNoCard) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("empty reader: %v", err)
	}
	must(t, slots[0].Insert(t.Context(), chip.NewTransit(1)))
	card := wait(t, r)
	if _, err := card.Transmit(t.Context(), nil); err == nil || errors.Is(err, reader.ErrCardGone) {
		t.Errorf("empty command: %v", err)
	}
	if _, err := o.Open(t.Context(), "PCD 00 00"); !errors.Is(err, reader.ErrHeld) || !strings.Contains(err.Error(), "Virtual PCD 00 00") {
		t.Errorf("the reader again: %v", err)
	}
	if _, err := o.Open(t.Context(), "Virtual PCD"); !errors.Is(err, reader.ErrAmbiguous) || !strings.Contains(err.Error(), "Virtual PCD 00 01") {
		t.Errorf("a name of two readers: %v", err)
	}
	must(t, slots[0].Remove())
	if _, err := card.Transmit(t.Context(), []byte{0x00, 0x84, 0x00, 0x00, 0x08}); !errors.Is(err, reader.ErrCardGone) {
		t.Errorf("card taken out: %v", err)
	}
	must(t, card.Close())
	must(t, r.Close())
	must(t, open(t, o, 0).Close())
}

// Which reader has a name: the one that is called so, or the only one of which it is a part.
func TestFind(t *testing.T) {
	slots := []reader.Slot{{Name: "PCD 00 00"}, {Name: "PCD 00 01"}, {Name: "PCD 00"}}
	for name, want := range map[string]string{"": "PCD 00 00", "PCD 00": "PCD 00", "01": "PCD 00 01"} {
		if s, err := reader.Find(slots, name); err != nil || s.Name != want {
			t.Errorf("%q: %q, %v, want %q", name, s.Name, err, want)
		}
	}
	for name, want := range map[string]error{"00 0": reader.ErrAmbiguous, "PCD": reader.ErrAmbiguous, "02": reader.ErrNoReader} {
		if s, err := reader.Find(slots, name); !errors.Is(err, want) {
			t.Errorf("%q: %q, %v, want %v", name, s.Name, err, want)
		}
	}
}

// The same card is not given out twice; put in again it is.
func TestSameCardIsGivenOnce(t *testing.T) {
	slots, o := readers(t)
	r := open(t, o, 0)
	same := chip.NewTransit(1)
	for range 2 {
		must(t, slots[0].Insert(t.Context(), same))
		must(t, wait(t, r).Close())
		ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
		if _, err := r.WaitCard(ctx); !errors.Is(err, reader.ErrNoCard) {
			t.Errorf("a second time: %v, want ErrNoCard", err)
		}
		cancel()
		must(t, slots[0].Remove())
		must(t, r.WaitEmpty(t.Context()))
	}
}

// stalling never answers an APDU until it is taken out.
type stalling struct{ *chip.Chip }

func (stalling) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestStallingCardIsGivenUp(t *testing.T) {
	slots, o := readers(t)
	r := open(t, o, 0)
	must(t, slots[0].Insert(t.Context(), stalling{chip.NewTransit(1)}))
	card := wait(t, r)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := card.Transmit(ctx, []byte{0x00, 0x84, 0x00, 0x00, 0x08}); !errors.Is(err, reader.ErrCardGone) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the card given up", err)
	}
	must(t, card.Close())
	must(t, slots[0].Remove())
}

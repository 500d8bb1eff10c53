package passenger_test

import (
	"context"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/simulators/passenger"
	"citycard/simulators/specimen"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/sam"
)

// TestAccount: a card's account has each payment that its chip made permanent, whatever became of
// the answer, and none that it did not make.
func TestAccount(t *testing.T) {
	store := specimen.Keys()
	c, err := specimen.New(t.Context(), specimen.Transit, 1, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	terminal := [6]byte{0x49, 0x10, 0x60, 0, 0, 1}
	module := moduleOf(t, terminal, store)
	holder := passenger.Of(c)
	pay := func(fen uint32) error {
		holder.PowerOn()
		p, err := card.OpenPurse(t.Context(), holder)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Pay(t.Context(), module, card.Payment{Kind: purse.TypeEPPurchase, Amount: fen, Time: [7]byte{0x20, 0x26, 0x11, 0x20, 8, 0, byte(fen)}})
		return err
	}
	before := c.Describe().Transit
	if err := pay(1); err != nil {
		t.Fatal(err)
	}
	for fen, at := range map[uint32]chip.Moment{2: chip.BeforeCommit, 4: chip.AfterCommit} {
		c.LosePower(at)
		if err := pay(fen); err == nil {
			t.Errorf("a payment of %d fen without power has no error", fen)
		}
	}
	if err := pay(uint32(before.BalanceFen) + 1); err == nil {
		t.Error("it paid more than it had")
	}
	after := c.Describe().Transit
	debits := holder.Debits()
	if len(debits) != 2 {
		t.Fatalf("the account has %d payments, want 2: %+v", len(debits), debits)
	}
	paid := uint32(0)
	for i, d := range debits {
		paid += d.Fen
		want := passenger.Debit{
			Issuer: d.Issuer, Number: d.Number, Type: purse.TypeEPPurchase, Fen: []uint32{1, 4}[i], Terminal: terminal, Sequence: d.Sequence,
			Time: [7]byte{0x20, 0x26, 0x11, 0x20, 8, 0, byte(d.Fen)}, Counter: before.OfflineSequence + uint16(i), Balance: before.BalanceFen - int32(paid), Answered: i == 0,
		}
		if d != want || d.Number == [10]byte{} || d.Sequence == 0 {
			t.Errorf("payment %d is %+v, want %+v", i, d, want)
		}
	}
	if after.BalanceFen != before.BalanceFen-5 || after.OfflineSequence != before.OfflineSequence+2 {
		t.Errorf("the card has %d fen and counter %d, before %d and %d", after.BalanceFen, after.OfflineSequence, before.BalanceFen, before.OfflineSequence)
	}
}

// TestLoads: a card's account has each load that its chip made permanent, whatever became of the
// answer, and a card that is to be torn is, once.
func TestLoads(t *testing.T) {
	c, err := specimen.New(t.Context(), specimen.Transit, 1, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	holder, before := passenger.Of(c), c.Describe().Transit
	load := func(fen uint32) error {
		holder.PowerOn()
		_, err := counter.TopUp(t.Context(), holder, bank{specimen.Keys()}, counter.Load{
			Order: "one", Channel: "counter", Amount: fen, Terminal: [6]byte{0x49, 0x10, 0x30}, At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
			Medium: message.Medium_MEDIUM_CONTACT,
		})
		return err
	}
	if err := load(100); err != nil {
		t.Fatal(err)
	}
	for fen, at := range map[uint32]chip.Moment{200: chip.BeforeCommit, 400: chip.AfterCommit} {
		if holder.Tear(at); load(fen) == nil {
			t.Errorf("a load of %d fen without power has no error", fen)
		}
	}
	credits := holder.Credits()
	if len(credits) != 2 || len(holder.Debits()) != 0 {
		t.Fatalf("the account has %d loads, want 2: %+v", len(credits), credits)
	}
	got := uint32(0)
	for i, l := range credits {
		got += l.Fen
		want := passenger.Credit{
			Issuer: l.Issuer, Number: l.Number, Type: purse.TypeEPLoad, Fen: []uint32{100, 400}[i], Terminal: [6]byte{0x49, 0x10, 0x30},
			Sequence: before.OnlineSequence + uint16(i), Time: [7]byte{0x20, 0x26, 0x11, 0x20, 8, 0, 0}, Balance: before.BalanceFen + int32(got), Answered: i == 0,
		}
		if l != want || l.Number == [10]byte{} {
			t.Errorf("load %d is %+v, want %+v", i, l, want)
		}
	}
	if after := c.Describe().Transit; after.BalanceFen != before.BalanceFen+500 {
		t.Errorf("the card has %d fen, before %d", after.BalanceFen, before.BalanceFen)
	}
}

// bank authorises every load.
type bank struct{ store *keys.Store }

// AuthoriseLoad implements counter.LoadAuthority.
func (b bank) AuthoriseLoad(_ context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := b.store.AuthoriseLoad(keys.LoadOrder{
		Card:       keys.CardID{Issuer: [8]byte(r.GetIssuer()), ASN: [10]byte(r.GetCard())},
		OldBalance: r.GetOldBalanceFen(), Amount: r.GetAmountFen(), Type: purse.TypeEPLoad, Terminal: [6]byte(r.GetTerminal()), Time: [7]byte(r.GetTime()),
		OnlineSequence: uint16(r.GetOnlineSequence()), Random: [4]byte(r.GetRandom()),
		KeyVersion: byte(r.GetKeyVersion()), Algorithm: byte(r.GetAlgorithm()), MAC1: keys.MAC(r.GetMac1()),
	})
	return &message.LoadAnswer{Mac2: mac2[:]}, err
}

func moduleOf(t *testing.T, terminal [6]byte, store *keys.Store) *sam.Module {
	t.Helper()
	c := chip.NewPSAM(terminal, store.SAMKeys())
	c.PowerOn()
	m, err := sam.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var _ apdu.Card = (*passenger.Card)(nil)

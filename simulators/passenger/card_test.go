package passenger_test

import (
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/simulators/passenger"
	"citycard/simulators/specimen"
	"citycard/terminals/card"
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
	if err := pay(before.BalanceFen + 1); err == nil {
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
			Time: [7]byte{0x20, 0x26, 0x11, 0x20, 8, 0, byte(d.Fen)}, Counter: before.OfflineSequence + uint16(i), Balance: before.BalanceFen - paid, Answered: i == 0,
		}
		if d != want || d.Number == [10]byte{} || d.Sequence == 0 {
			t.Errorf("payment %d is %+v, want %+v", i, d, want)
		}
	}
	if after.BalanceFen != before.BalanceFen-5 || after.OfflineSequence != before.OfflineSequence+2 {
		t.Errorf("the card has %d fen and counter %d, before %d and %d", after.BalanceFen, after.OfflineSequence, before.BalanceFen, before.OfflineSequence)
	}
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

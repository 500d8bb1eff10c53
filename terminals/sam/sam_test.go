package sam_test

import (
	"context"
	"errors"
	"testing"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/terminals/sam"
)

var (
	store    = keys.GenerateTest(7)
	terminal = [6]byte{0x49, 0x10, 0x10, 0, 0, 1}
	card     = keys.CardID{Issuer: [8]byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF}, ASN: [10]byte{3, 0x10, 0x50, 0x70, 0x20}}
	sale     = psam.Purchase{
		Random: [4]byte{1, 2, 3, 4}, OfflineSequence: 9, Amount: 200, Type: purse.TypeCAPP,
		Time: [7]byte{0x20, 0x26, 0x11, 0x24, 0x08}, KeyVersion: store.Version(), Factors: psam.UnionFactors(card),
	}
)

func newModule(t *testing.T) *sam.Module {
	t.Helper()
	c := chip.NewPSAM(terminal, store.SAMKeys())
	c.PowerOn()
	m, err := sam.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The module's MAC1 and its check of MAC2 agree with keys derived on the card's
// side.
func TestSale(t *testing.T) {
	m := newModule(t)
	if m.Terminal() != terminal {
		t.Errorf("terminal %x", m.Terminal())
	}
	for want := uint32(1); want <= 2; want++ {
		start, err := m.Start(t.Context(), sale)
		if err != nil {
			t.Fatal(err)
		}
		session := keys.PurchaseSession(store.CardKeys(card).Purchase(), sale.Random, sale.OfflineSequence, start.TerminalSequence)
		mac1 := session.PurchaseMAC1(keys.Movement{Amount: sale.Amount, Type: sale.Type, Terminal: terminal, Time: sale.Time})
		if start.TerminalSequence != want || start.MAC1 != mac1 {
			t.Errorf("sequence %d, MAC1 %x; want %d, %x", start.TerminalSequence, start.MAC1, want, mac1)
		}
		mac2 := session.PurchaseMAC2(sale.Amount)
		if want == 1 {
			err = m.Confirm(t.Context(), mac2)
		} else {
			mac2[0] ^= 1
			if err = m.Confirm(t.Context(), mac2); errors.Is(err, sam.ErrForged) {
				err = nil
			} else {
				t.Error("a forged MAC2 was taken")
			}
		}
		if err != nil {
			t.Errorf("sale %d: %v", want, err)
		}
	}
}

// dead answers nothing; deaf answers nonsense.
type (
	dead struct{}
	deaf struct{}
)

func (dead) Transmit(context.Context, []byte) ([]byte, error) { return nil, errors.New("no answer") }
func (deaf) Transmit(context.Context, []byte) ([]byte, error) { return []byte{1, 0x90, 0x00}, nil }

// Every failure of a module is an *Error, so that it is never taken for the card's fault.
func TestModuleFaultsAreItsOwn(t *testing.T) {
	transit := chip.NewTransit(1)
	transit.PowerOn()
	foreign := sale
	foreign.KeyVersion++
	for name, do := range map[string]func() error{
		"dead":               func() error { _, err := sam.Open(t.Context(), dead{}); return err },
		"deaf":               func() error { _, err := sam.Open(t.Context(), deaf{}); return err },
		"a transit card":     func() error { _, err := sam.Open(t.Context(), transit); return err },
		"no access":          func() error { _, err := sam.OpenAccess(t.Context(), transit); return err },
		"unknown key":        func() error { _, err := newModule(t).Start(t.Context(), foreign); return err },
		"confirm of nothing": func() error { return newModule(t).Confirm(t.Context(), keys.MAC{}) },
	} {
		err := do()
		if _, ok := errors.AsType[*sam.Error](err); !ok || errors.Is(err, sam.ErrForged) {
			t.Errorf("%s: %v, want a *sam.Error", name, err)
		}
	}
}

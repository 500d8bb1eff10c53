package reader_test

import (
	"errors"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/clearing/message"
	dialogue "citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/gate"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/terminalstest"
)

// TestLastTripInARealReader makes a card with a limit of 8 yuan. With 3 yuan on it, it pays a trip
// of 4 and owes 1; it may not get in then. A load of 50 covers that: 49 are left, and it gets in.
func TestLastTripInARealReader(t *testing.T) {
	slots, o := readers(t)
	first := open(t, o, 0)
	blank := chip.NewTransit(11)
	must(t, slots[0].Insert(t.Context(), blank))
	held := wait(t, first)
	order := transitOrder(12)
	order.Transit.OverdraftFen = 800
	_, err := counter.Personalise(t.Context(), held, held.ATR(), store, order)
	must(t, err)
	load := func(number string, fen uint32) *message.Load {
		t.Helper()
		l, err := counter.TopUp(t.Context(), held, authority{store}, counter.Load{Order: number, Channel: "counter", Amount: fen, Terminal: terminal, At: morning})
		must(t, err)
		return l
	}
	load("1", 300)

	must(t, slots[1].Insert(t.Context(), chip.NewPSAM(terminal, store.SAMKeys())))
	module := wait(t, open(t, o, 1))
	t.Cleanup(func() { must(t, module.Close()) })
	s, err := sam.Open(t.Context(), module)
	must(t, err)
	table := terminalstest.Table("overdraft", "20200101000000")
	table.MetroMinimumFen, table.MetroOverdraft = 200, true
	fares, err := tariff.Of(table)
	must(t, err)
	at := func(station uint16) *gate.Gate {
		g, err := gate.New(s, fares, terminalstest.Place(station))
		must(t, err)
		return g
	}
	_, err = at(1).Enter(t.Context(), held, morning)
	must(t, err)
	tap, err := at(3).Exit(t.Context(), held, morning.Add(10*time.Minute))
	must(t, err)
	if tap.GetBalanceFen() != -100 || tap.GetDebit().GetAmountFen() != 400 {
		t.Errorf("exit %v", tap)
	}
	if _, err := at(3).Enter(t.Context(), held, morning.Add(time.Hour)); !errors.Is(err, dialogue.ErrMinimum) {
		t.Errorf("an overdrawn card gets in: %v", err)
	}
	if l := load("2", 5000); l.Own() != 4900 || l.GetNewBalanceFen() != 5700 {
		t.Errorf("load %v", l)
	}
	tap, err = at(3).Enter(t.Context(), held, morning.Add(time.Hour))
	must(t, err)
	must(t, held.Close())
	must(t, slots[0].Remove())
	if read := blank.Describe().Transit; read.BalanceFen != 4900 || tap.GetBalanceFen() != 4900 || read.OverdraftFen != 800 {
		t.Errorf("the card holds %d fen, the entry says %d", read.BalanceFen, tap.GetBalanceFen())
	}
}

package counter_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/terminals/counter"
)

// TestEqualNumbers has two placers give one number: an order of one card that is torn at the
// counter hides no order of another card, and each has its cash and its receipt.
func TestEqualNumbers(t *testing.T) {
	l := newTill(t)
	l.Authority = &l.office.office // the numbers are of two placers
	receipts, err := counter.OpenReceipts(filepath.Join(t.TempDir(), "receipts"), time.Time{})
	must(t, err)
	drawer, err := counter.OpenDrawer(filepath.Join(t.TempDir(), "drawer"), l.Book)
	must(t, err)
	defer func() { must(t, drawer.Close()) }()
	must(t, drawer.Begin(counter.Shift{Number: 1}))
	own := counter.Name{Placer: "channel:counter", Number: "T-1"}
	must(t, drawer.Took(own, 700))

	torn, other := chip.NewTransit(1), chip.NewTransit(2)
	issue(t, torn, transitOrder())
	second := transitOrder()
	second.Transit.Number = "03105070200000000102"
	issue(t, other, second)
	first := counter.WaitingLoad{Placer: "card:010149105070200000000007", Order: "T-1", State: "waiting", Fen: 5000}
	for at := 1; len(l.Book.All()) == 0; at++ {
		leaves := &cut{Chip: torn, at: at, moment: chip.BeforeCommit}
		if _, err := l.Write(t.Context(), leaves, idOf(t, torn), first, morning); err == nil {
			t.Fatal("the card was never torn with an open order")
		}
		torn.PowerOn()
	}
	again := counter.WaitingLoad{Placer: "card:010149105070200000000008", Order: "T-1", State: "waiting", Fen: 3000}
	held := again
	held.Order, held.State = "T-2", "held"
	left, err := l.Waits(t.Context(), other, []counter.WaitingLoad{first, again, held})
	if err != nil || len(left) != 1 || left[0].Placer != again.Placer {
		t.Fatalf("there waits %+v, %v; want that of the second card alone", left, err)
	}
	written, err := l.Write(t.Context(), other, idOf(t, other), left[0], morning)
	must(t, err)
	if open := l.Book.All(); len(open) != 1 || open[0].Name() != first.Name() {
		t.Errorf("open: %+v", open)
	}
	must(t, drawer.Wrote(again.Name()))
	must(t, drawer.Gave(own, 700))
	if drawer.Loaded() != 0 {
		t.Errorf("the drawer has %d fen of an order whose cash was given back", drawer.Loaded())
	}
	for _, placer := range []string{"", first.Placer, again.Placer} {
		must(t, receipts.Put(counter.LoadReceipt(placer, written)))
	}
	if names, err := receipts.Waiting(); err != nil || len(names) != 3 {
		t.Errorf("receipts %v, %v; want three", names, err)
	}
	for _, name := range []string{"T-1", again.Name().Receipt()} {
		if _, err := receipts.Get(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	l.restart()
	if open := l.Book.All(); len(open) != 1 || open[0].Name() != first.Name() {
		t.Errorf("after a restart: %+v", open)
	}
}

// TestOrderNumbers refuses numbers that no receipt could have.
func TestOrderNumbers(t *testing.T) {
	l, held := newTill(t), chip.NewTransit(1)
	issue(t, held, transitOrder())
	for _, number := range []string{"", "rule 4", "g-1/3", "-1", "..", strings.Repeat("9", 65)} {
		_, err := l.TopUp(t.Context(), held, counter.Ask{Order: number, Card: idOf(t, held), Fen: 5000}, morning)
		if !errors.Is(err, counter.ErrAsk) {
			t.Errorf("%q: %v, want ErrAsk", number, err)
		}
	}
}

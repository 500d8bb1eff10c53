package city

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/simulators/passenger"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

// Act is what is done at a counter.
type Act string

// Acts at a counter. A torn top-up is one whose card leaves while it gets the money.
const (
	OpenShift  Act = "open"
	Sell       Act = "sell"
	TopUp      Act = "top-up"
	TornTopUp  Act = "torn"
	Resolve    Act = "resolve"
	TakeBack   Act = "return"
	CloseShift Act = "close"
	// OpenLanes: all counters are closed, and the SAMs of the lanes are in their readers.
	OpenLanes Act = "lanes"
)

// Ask is what a customer at a counter wants, whose card is in the reader.
type Ask struct {
	Act      Act              `json:"act"`
	Counter  plan.CounterDesk `json:"counter"`
	CardType byte             `json:"card_type,omitempty"` // of what is sold
	Fen      int64            `json:"fen,omitempty"`       // of the load, or on the card that is taken back
}

// What customers pay for, in fen, and how many of them have more done: of four cards one is torn,
// of eight one is taken back.
const (
	firstLoad = 50_00
	nextLoad  = 30_00
	tornLoad  = 20_00
	tornEach  = 4
	backEach  = 8
)

// till is a counter.
type till struct {
	plan.CounterDesk
	number [6]byte
	stand  *passenger.Stand
}

// furnish puts up the counters.
func (h *hall) furnish() error {
	if h.readers.Serve == nil {
		return nil
	}
	counters, err := h.Town.Counters(h.City.Slots)
	if err != nil {
		return err
	}
	for _, c := range counters {
		number, err := hex.DecodeString(c.Terminal)
		if err != nil {
			return err
		}
		h.counters = append(h.counters, &till{CounterDesk: c, number: [6]byte(number), stand: passenger.NewStand(h.readers.Slots[c.Slot])})
	}
	return nil
}

// serve has all customers served, at the counters side by side.
func (h *hall) serve(ctx context.Context) error {
	if len(h.counters) == 0 {
		return nil
	}
	group, inner := errgroup.WithContext(ctx)
	for i, t := range h.counters {
		group.Go(func() error {
			if err := h.shift(inner, t, i); err != nil {
				return fmt.Errorf("counter %s: %w", t.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// open has the lanes opened.
func (h *hall) open(ctx context.Context) error {
	if len(h.counters) == 0 {
		return nil
	}
	return h.readers.Serve(ctx, Ask{Act: OpenLanes})
}

// shift is the day of one counter: every n-th customer comes to it.
func (h *hall) shift(ctx context.Context, t *till, place int) error {
	if err := h.readers.Serve(ctx, Ask{Act: OpenShift, Counter: t.CounterDesk}); err != nil {
		return err
	}
	for i := place; i < len(h.customers); i += len(h.counters) {
		w := h.customers[i]
		e := &errand{h, t, w, passenger.Of(w.chip)}
		if err := e.all(ctx, i); err != nil {
			return fmt.Errorf("card %d of the city: %w", w.index, err)
		}
	}
	return h.readers.Serve(ctx, Ask{Act: CloseShift, Counter: t.CounterDesk})
}

// errand is a customer at a counter.
type errand struct {
	hall   *hall
	till   *till
	wallet *wallet
	card   *passenger.Card
}

// all is what a customer wants: the card is bought and topped up; of some it leaves too early once,
// and some give it back.
func (e *errand) all(ctx context.Context, i int) error {
	torn := i%tornEach == 0
	err := e.hold(ctx, func() error {
		if err := e.load(ctx, Sell, firstLoad); err != nil {
			return err
		}
		if err := e.load(ctx, TopUp, nextLoad); err != nil {
			return err
		}
		switch {
		case torn:
			e.card.Tear([]chip.Moment{chip.BeforeCommit, chip.AfterCommit}[i/tornEach%2])
			return e.ask(ctx, TornTopUp, tornLoad)
		case i%backEach == 1:
			return e.giveBack(ctx)
		}
		return nil
	})
	if err != nil || !torn {
		return err
	}
	return e.hold(ctx, func() error { return e.load(ctx, Resolve, tornLoad) })
}

// hold has the card in the reader while something is done.
func (e *errand) hold(ctx context.Context, do func() error) error {
	remove, err := e.till.stand.Place(ctx, e.card)
	if err != nil {
		return err
	}
	return errors.Join(do(), remove())
}

func (e *errand) ask(ctx context.Context, act Act, fen int64) error {
	if err := e.hall.readers.Serve(ctx, Ask{Act: act, Counter: e.till.CounterDesk, CardType: e.wallet.card.Type, Fen: fen}); err != nil {
		return fmt.Errorf("%s: %w", act, err)
	}
	return nil
}

// load has something done after which the card has got an amount, once, and enters it into the
// truth, as the card tells it.
func (e *errand) load(ctx context.Context, act Act, fen int64) error {
	if err := e.ask(ctx, act, fen); err != nil {
		return err
	}
	e.hall.mu.Lock()
	defer e.hall.mu.Unlock()
	got := e.card.Credits()[e.wallet.loads:]
	if len(got) != 1 {
		return fmt.Errorf("%s of %d fen: the card has got money %d times: %+v", act, fen, len(got), got)
	}
	c := got[0]
	e.wallet.loads++
	if e.wallet.balance += fen; int64(c.Fen) != fen || int64(c.Balance) != e.wallet.balance || c.Terminal != e.till.number {
		return fmt.Errorf("%s: the card has got %d fen of terminal %x and holds %d, worked out %d and %d of %x", act, c.Fen, c.Terminal, c.Balance, fen, e.wallet.balance, e.till.number)
	}
	at, err := bcd.ParseTime(c.Time, e.hall.Date.Location())
	if err != nil {
		return err
	}
	e.enter(truth.Entry{
		Topic: message.TopicLoads, Purpose: truth.Load, Payee: "float:own", Fen: fen,
		Key: truth.LoadKey(plan.DayNumber(at), truth.CardOf(c.Issuer, c.Number), c.Type, c.Sequence),
	})
	if e.hall.loads++; act == Sell {
		e.hall.sales++
		e.hall.Report("sales", e.hall.sales, len(e.hall.customers))
	}
	e.hall.Report("loads", e.hall.loads, 2*len(e.hall.customers)+(len(e.hall.customers)+tornEach-1)/tornEach)
	return nil
}

// giveBack has the card taken back: it pays all that it holds.
func (e *errand) giveBack(ctx context.Context) error {
	if err := e.ask(ctx, TakeBack, e.wallet.balance); err != nil {
		return err
	}
	paid := e.card.Debits()
	if len(paid) != 1 {
		return fmt.Errorf("it was taken back and has paid %d times", len(paid))
	}
	d := paid[0]
	if int64(d.Fen) != e.wallet.balance || d.Balance != 0 || d.Terminal != e.till.number || !d.Answered {
		return fmt.Errorf("it was taken back with %d fen, and has paid %+v", e.wallet.balance, d)
	}
	at, err := bcd.ParseTime(d.Time, e.hall.Date.Location())
	if err != nil {
		return err
	}
	e.hall.mu.Lock()
	defer e.hall.mu.Unlock()
	e.enter(truth.Entry{
		Topic: message.TopicTaps, Purpose: truth.Emptied, Payee: e.till.Payee(), Fen: e.wallet.balance, Facts: e.hall.facts(e.wallet, at, 0),
		Key: truth.SpendKey(plan.DayNumber(at), truth.CardOf(d.Issuer, d.Number), d.Type, d.Terminal[:], d.Sequence),
	})
	e.wallet.balance = 0
	return nil
}

// enter enters what a card tells into the truth. The lot is locked.
func (e *errand) enter(record truth.Entry) {
	e.hall.sender.records = append(e.hall.sender.records, e.hall.sender.book.Enter(record))
}

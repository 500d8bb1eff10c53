package counter_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/outbox"
)

// till is a counter on a disk, and the authority that it asks.
type till struct {
	*testing.T
	*counter.Desk
	out    *outbox.Log
	path   string
	office *ordered
}

// ordered is an authority that binds order numbers as the real one does.
type ordered struct {
	office
	numbers   map[string]string // order to card and sequence
	sequences map[string]string // card and sequence to order
	givenBack map[string]bool
}

func newOrdered() *ordered {
	return &ordered{numbers: map[string]string{}, sequences: map[string]string{}, givenBack: map[string]bool{}}
}

func (o *ordered) AuthoriseLoad(ctx context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	key := fmt.Sprintf("%x %d", r.GetCard(), r.GetOnlineSequence())
	switch {
	case o.refusal != "":
	case o.givenBack[r.GetOrder()]:
		return &message.LoadAnswer{Refusal: "load_refunded"}, nil
	case o.sequences[key] != "" && o.sequences[key] != r.GetOrder(), o.numbers[r.GetOrder()] != "" && o.numbers[r.GetOrder()] != key:
		return &message.LoadAnswer{Refusal: "load_conflict"}, nil
	default:
		o.numbers[r.GetOrder()], o.sequences[key] = key, r.GetOrder()
	}
	return o.office.AuthoriseLoad(ctx, r)
}

func newTill(t *testing.T) *till {
	l := &till{T: t, path: filepath.Join(t.TempDir(), "orders"), office: newOrdered()}
	l.start()
	t.Cleanup(func() { must(t, l.out.Close()) })
	return l
}

func (l *till) start() {
	l.Helper()
	var err error
	l.out, err = outbox.Open(l.path)
	must(l.T, err)
	book, err := counter.OpenBook(l.out)
	must(l.T, err)
	l.Desk = &counter.Desk{Book: book, Authority: l.office, Channel: "counter", Terminal: terminal, Medium: message.Medium_MEDIUM_CONTACT}
}

// restart is what a killed counter finds again.
func (l *till) restart() {
	l.Helper()
	must(l.T, l.out.Close())
	l.start()
}

// sent is how many records wait to be sent.
func (l *till) sent() uint64 { return l.out.Status().Next }

func idOf(t *testing.T, held *chip.Chip) keys.CardID {
	t.Helper()
	p, err := card.OpenPurse(t.Context(), held)
	must(t, err)
	return p.ID()
}

// cut is a card that leaves at one of the commands to it.
type cut struct {
	*chip.Chip
	at     int
	moment chip.Moment
	n      int
}

func (c *cut) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if c.n == c.at {
		c.LosePower(c.moment)
	}
	c.n++
	return c.Chip.Transmit(ctx, command)
}

// A card that is torn at any command of a load, before or after it has carried it out, has the
// money once in the end; the channel pays once; one record is sent. The same holds if the counter
// is killed then.
func TestTornTopUp(t *testing.T) {
	for at, whole := 0, false; !whole; at++ {
		for _, moment := range []chip.Moment{chip.BeforeCommit, chip.AfterCommit} {
			for _, killed := range []bool{false, true} {
				held, l := chip.NewTransit(1), newTill(t)
				issue(t, held, transitOrder())
				ask := counter.Ask{Order: "L-1", Card: idOf(t, held), Fen: 5000}
				leaves := &cut{Chip: held, at: at, moment: moment}
				load, err := l.TopUp(t.Context(), leaves, ask, morning)
				if whole = leaves.n <= at; whole {
					must(t, err)
				}
				held.PowerOn()
				if killed {
					l.restart()
				}
				if load == nil {
					l.finish(held, ask)
				}
				if read := held.Describe().Transit; read.BalanceFen != 5000 || len(read.Log) != 1 || l.sent() != 1 || len(l.Book.All()) != 0 || len(l.office.numbers) != 1 {
					t.Errorf("command %d, moment %v, killed %t: %d fen, %d loads, %d records, %d open, %d orders booked",
						at, moment, killed, read.BalanceFen, len(read.Log), l.sent(), len(l.Book.All()), len(l.office.numbers))
				}
			}
		}
		if at > 20 {
			t.Fatal("the dialogue never ends")
		}
	}
}

// finish does what a clerk does: resolve what is open, and top up if nothing was.
func (l *till) finish(held apdu.Card, ask counter.Ask) {
	l.Helper()
	if len(l.Book.All()) > 0 {
		if _, err := l.TopUp(l.Context(), held, ask, morning); !errors.Is(err, counter.ErrOpen) {
			l.Errorf("a new order before the open one: %v", err)
		}
	}
	resolved, err := l.Resolve(l.Context(), held, morning.Add(26*time.Hour))
	must(l.T, err)
	if len(resolved) == 0 {
		_, err = l.TopUp(l.Context(), held, ask, morning)
		must(l.T, err)
	}
}

// An order of which the authority may have booked the money stays, whatever it says afterwards,
// until it says what became of it.
func TestOrdersStayUntilTheirOutcomeIsKnown(t *testing.T) {
	held, l := chip.NewTransit(1), newTill(t)
	issue(t, held, transitOrder())
	ask := counter.Ask{Order: "L-1", Card: idOf(t, held), Fen: 5000}
	l.office.lose = true
	_, err := l.TopUp(t.Context(), held, ask, morning)
	if open := (*counter.OpenError)(nil); !errors.As(err, &open) || open.Order != "L-1" {
		t.Fatalf("answer lost: %v", err)
	}
	l.office.lose, l.office.refusal = false, "card_listed"
	if _, err := l.Resolve(t.Context(), held, morning); !errors.As(err, new(*counter.OpenError)) || !errors.As(err, new(*counter.RefusedError)) {
		t.Errorf("refused meanwhile: %v", err)
	}
	l.restart()
	if all := l.Book.All(); len(all) != 1 || all[0].State != counter.Asked {
		t.Fatalf("open: %+v", all)
	}
	l.office.refusal, l.office.givenBack["L-1"] = "", true
	resolved, err := l.Resolve(t.Context(), held, morning)
	if err != nil || len(resolved) != 1 || resolved[0].Outcome != counter.GivenBack || len(l.Book.All()) != 0 || held.Describe().Transit.BalanceFen != 0 {
		t.Errorf("given back: %+v, %v", resolved, err)
	}
}

// A new order that is refused is over at once: nothing was booked.
func TestRefusedTopUp(t *testing.T) {
	held, l := chip.NewTransit(1), newTill(t)
	issue(t, held, transitOrder())
	ask := counter.Ask{Order: "L-1", Card: idOf(t, held), Fen: 5000}
	l.office.refusal = "card_listed"
	if _, err := l.TopUp(t.Context(), held, ask, morning); !errors.As(err, new(*counter.RefusedError)) || errors.As(err, new(*counter.OpenError)) {
		t.Errorf("refused: %v", err)
	}
	other := ask
	other.Card.ASN[9]++
	if _, err := l.TopUp(t.Context(), held, other, morning); !errors.Is(err, counter.ErrSwapped) {
		t.Errorf("another card: %v", err)
	}
	for _, bad := range []counter.Ask{{Order: "", Card: ask.Card, Fen: 1}, {Order: "1", Card: ask.Card}} {
		if _, err := l.TopUp(t.Context(), held, bad, morning); !errors.Is(err, counter.ErrAsk) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if len(l.Book.All()) != 0 || l.sent() != 0 {
		t.Error("something is open or sent")
	}
}

// A card that is loaded at another counter while its order here is open: what it can prove no more
// is kept for a person, and one that was never booked ends.
func TestLoadedElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		torn    chip.Moment
		first   bool // the other counter's order was first
		outcome counter.Outcome
		logged  bool
		fen     uint32
	}{
		"written":    {torn: chip.AfterCommit, outcome: counter.Unproved, logged: true, fen: 5700},
		"not booked": {torn: chip.BeforeCommit, first: true, outcome: counter.NotBooked, fen: 0},
	} {
		t.Run(name, func(t *testing.T) {
			held, l := chip.NewTransit(1), newTill(t)
			issue(t, held, transitOrder())
			id := idOf(t, held)
			if test.first { // another counter has the card's number, and has not written it
				l.office.sequences[fmt.Sprintf("%x 0", id.ASN)] = "X-1"
				l.Authority = away{}
				if _, err := l.TopUp(t.Context(), held, counter.Ask{Order: "L-1", Card: id, Fen: 5000}, morning); err == nil {
					t.Fatal("no error")
				}
				l.restart()
			} else {
				if _, err := l.TopUp(t.Context(), leavingCard{held, test.torn}, counter.Ask{Order: "L-1", Card: id, Fen: 5000}, morning); err == nil {
					t.Fatal("no error")
				}
				held.PowerOn()
				_, err := topUp(t, held, &office{}, 700)
				must(t, err)
			}
			resolved, err := l.Resolve(t.Context(), held, morning)
			if err != nil || len(resolved) != 1 || resolved[0].Outcome != test.outcome || resolved[0].Logged != test.logged {
				t.Fatalf("resolved %+v, %v", resolved, err)
			}
			if read := held.Describe().Transit; uint32(read.BalanceFen) != test.fen {
				t.Errorf("%d fen", read.BalanceFen)
			}
			if test.outcome == counter.NotBooked {
				return
			}
			_, err = l.TopUp(t.Context(), held, counter.Ask{Order: "L-2", Card: id, Fen: 100}, morning)
			must(t, err)
			if err := l.Book.Close(named("L-2")); !errors.Is(err, counter.ErrNoOrder) {
				t.Error(err)
			}
			must(t, l.Book.Close(named("L-1")))
			if len(l.Book.All()) != 0 {
				t.Errorf("open: %+v", l.Book.All())
			}
		})
	}
}

// away is an authority that does not answer.
type away struct{}

func (away) AuthoriseLoad(context.Context, *message.LoadRequest) (*message.LoadAnswer, error) {
	return nil, errors.New("no line")
}

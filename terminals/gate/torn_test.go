package gate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/tunion"
	"citycard/terminals/card"
	"citycard/terminals/sam"
	"citycard/terminals/terminalstest"
)

// leavingCard goes away when DEBIT arrives, before or after it has paid.
type leavingCard struct {
	*chip.Chip
	at   chip.Moment
	left bool
}

var errGone = errors.New("the card left the field")

func (c *leavingCard) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if c.left {
		return nil, errGone
	}
	if command[0] == 0x80 && command[1] == 0x54 {
		c.left = true
		c.LosePower(c.at)
		if _, err := c.Chip.Transmit(ctx, command); err == nil {
			return nil, errors.New("the chip did not lose power")
		}
		return nil, errGone
	}
	return c.Chip.Transmit(ctx, command)
}

// A torn tap (闪卡), before and after the debit: the terminal sees no difference, the card knows.
func TestTornTapIsSettledByTheCard(t *testing.T) {
	for _, test := range []struct {
		name string
		at   chip.Moment
		paid bool
	}{{"debited", chip.AfterCommit, true}, {"not debited", chip.BeforeCommit, false}} {
		t.Run(test.name, func(t *testing.T) {
			held := terminalstest.Card(t, 5000)
			_, err := terminalstest.Gate(t, terminal, 1).Enter(t.Context(), held, morning)
			must(t, err)
			g := terminalstest.Gate(t, terminal2, 3)
			at := morning.Add(20 * time.Minute)
			tap, err := g.Exit(t.Context(), &leavingCard{Chip: held, at: test.at}, at)
			open, ok := errors.AsType[*card.UnknownError](err)
			if !ok || tap != nil {
				t.Fatalf("tap %v, error %v; want an unknown outcome", tap, err)
			}
			if _, ok := errors.AsType[*card.UnknownError](err); !ok || !errors.Is(err, errGone) {
				t.Errorf("%v unwraps neither to capp's error nor to its cause", err)
			}

			held.PowerOn()
			tap, err = g.Resolve(t.Context(), held, open)
			must(t, err)
			if !test.paid {
				if tap != nil {
					t.Fatalf("the card has not paid, but there is a tap %v", tap)
				}
				tap, err = g.Exit(t.Context(), held, at.Add(5*time.Second))
				must(t, err)
			}
			if tap == nil || tap.GetDebit().GetAmountFen() != 400 || tap.GetEntryStation() != 1 {
				t.Fatalf("tap %v", tap)
			}
			agrees(t, held, tap, tunion.JourneyExit)
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	for _, later := range []time.Duration{0, time.Minute} {
		held := terminalstest.Card(t, 5000)
		g, other := terminalstest.Gate(t, terminal, 1), terminalstest.Gate(t, terminal2, 1)
		_, err := g.Enter(t.Context(), &leavingCard{Chip: held, at: chip.BeforeCommit}, morning)
		open, ok := errors.AsType[*card.UnknownError](err)
		if !ok {
			t.Fatal(err)
		}
		stranger := terminalstest.Card(t, 0, otherNumber)
		if _, err := g.Resolve(t.Context(), stranger, open); !errors.Is(err, card.ErrOtherCard) {
			t.Errorf("another card: %v", err)
		}
		// The card did not pay here, but then it paid at another gate. The counter alone would
		// mislead, and so would the time if both clocks show the same second.
		held.PowerOn()
		_, err = other.Enter(t.Context(), held, morning.Add(later))
		must(t, err)
		if tap, err := g.Resolve(t.Context(), held, open); tap != nil || !errors.Is(err, card.ErrTooLate) {
			t.Errorf("used elsewhere %s later: tap %v, %v", later, tap, err)
		}
	}
}

// A card whose counter is below that of the open payment was put back to an earlier state, so it
// cannot tell what it has paid since.
func TestResolveRefusesAnEarlierState(t *testing.T) {
	held := terminalstest.Card(t, 5000)
	before, err := held.Image()
	must(t, err)
	_, err = terminalstest.Gate(t, terminal, 1).Enter(t.Context(), held, morning)
	must(t, err)
	g := terminalstest.Gate(t, terminal2, 3)
	_, err = g.Exit(t.Context(), &leavingCard{Chip: held, at: chip.BeforeCommit}, morning.Add(20*time.Minute))
	open, ok := errors.AsType[*card.UnknownError](err)
	if !ok {
		t.Fatal(err)
	}
	earlier, err := chip.Load(before)
	must(t, err)
	earlier.PowerOn()
	if tap, err := g.Resolve(t.Context(), earlier, open); tap != nil || !errors.Is(err, card.ErrTooLate) {
		t.Errorf("tap %v, %v", tap, err)
	}
}

// badCard changes one answer of a good card.
type badCard struct {
	apdu.Card
	ins    byte
	answer func(good []byte) ([]byte, error)
}

func (c *badCard) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	good, err := c.Card.Transmit(ctx, command)
	if err == nil && command[1] == c.ins {
		return c.answer(good)
	}
	return good, err
}

func replies(answer ...byte) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return answer, nil }
}

// A hostile card gets an error and no open gate, whatever it answers.
func TestHostileCards(t *testing.T) {
	short := func(good []byte) ([]byte, error) { return append([]byte{good[0]}, good[len(good)-2:]...), nil }
	flipped := func(good []byte) ([]byte, error) {
		bad := append([]byte(nil), good...)
		bad[7] ^= 1 // MAC2
		return bad, nil
	}
	tests := []struct {
		name    string
		ins     byte
		answer  func([]byte) ([]byte, error)
		want    error
		unknown bool
	}{
		{"no status word", 0xB0, replies(0x90), apdu.ErrMalformed, false},
		{"nothing at all", 0xA4, replies(), apdu.ErrMalformed, false},
		{"more data without end", 0xB0, replies(0x61, 0x10), nil, false},
		{"short file 0015", 0xB0, short, tunion.ErrLayout, false},
		{"short journey", 0xB2, short, tunion.ErrLayout, false},
		{"short answer to initialize", 0x50, short, nil, false},
		{"unknown algorithm", 0x50, func(good []byte) ([]byte, error) {
			bad := append([]byte(nil), good...)
			bad[10] = 4
			return bad, nil
		}, card.ErrAlgorithm, false},
		{"refuses the trip", 0xDC, replies(0x69, 0x85), nil, false},
		{"refuses to pay", 0x54, replies(0x93, 0x02), nil, false},
		{"wrong MAC2", 0x54, flipped, sam.ErrForged, true},
		{"short receipt", 0x54, short, nil, true},
		{"receipt without end", 0x54, replies(0x61, 0x08), nil, true},
		{"stalls while paying", 0x54, func([]byte) ([]byte, error) { return nil, context.DeadlineExceeded }, context.DeadlineExceeded, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			held := &endless{badCard{terminalstest.Card(t, 5000), test.ins, test.answer}}
			tap, err := terminalstest.Gate(t, terminal, 1).Enter(t.Context(), held, morning)
			if tap != nil || err == nil {
				t.Fatalf("tap %v, error %v", tap, err)
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if _, unknown := errors.AsType[*card.UnknownError](err); unknown != test.unknown {
				t.Errorf("unknown outcome: %v, want %v (%v)", unknown, test.unknown, err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

// endless answers GET RESPONSE with more of the same when the bad answer was 61xx.
type endless struct{ badCard }

func (c *endless) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[1] == 0xC0 {
		return []byte{0x00, 0x61, 0x10}, nil
	}
	return c.badCard.Transmit(ctx, command)
}

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/simulators/specimen"
	"citycard/terminals/card"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
)

const busFen = 2

// busDoors are the doors of a bus, each with its SAM, whose brokers are away.
type busDoors struct {
	*testing.T
	lanes []*lane
	held  *chip.Chip // the passenger's card
	had   uint32     // the money on it
	now   time.Time
}

func newBusDoors(t *testing.T, n int) *busDoors {
	t.Helper()
	d := &busDoors{T: t, now: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}
	var err error
	d.held, err = specimen.New(t.Context(), specimen.Transit, 1, d.now)
	must(t, err)
	d.had = uint32(d.held.Describe().Transit.BalanceFen)
	fares, err := tariff.Of(&message.FareTable{
		Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000,
		Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 9, Fen: busFen}}}}}},
	})
	must(t, err)
	all := newNeighbours(slog.New(slog.DiscardHandler), time.UTC, time.Hour, nil)
	for i := range n {
		psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, byte(i)}, specimen.Keys().SAMKeys())
		psam.PowerOn()
		module, err := sam.Open(t.Context(), psam)
		must(t, err)
		place := placeFlags{line: 9, vehicle: "A1", city: "4910", institution: "0000000000000000"}
		out, err := outbox.Open(filepath.Join(t.TempDir(), "outbox"))
		must(t, err)
		t.Cleanup(func() { must(t, out.Close()) })
		book, err := intent.Open(out, place.passages(roleValidator))
		must(t, err)
		l := &lane{shared: &shared{}, log: slog.New(slog.DiscardHandler), taps: newTapCounter(prometheus.NewRegistry()).MustCurryWith(prometheus.Labels{"lane": "1"}), out: out, book: book}
		l.role, err = place.role(roleValidator, module, fares, nil, nil, l.intend)
		must(t, err)
		all.add(fmt.Sprint(i), book)
		d.lanes = append(d.lanes, l)
	}
	return d
}

// hold holds a card to a door, as a lane takes it. settled says that the door opens for what was
// paid before.
func (d *busDoors) hold(door int, c apdu.Card) (settled bool, err error) {
	d.Helper()
	d.now = d.now.Add(5 * time.Second)
	d.held.PowerOn()
	l := d.lanes[door]
	tap, _, _, err := l.settle(d.Context(), c, d.now)
	if tap != nil || err != nil {
		return tap != nil, err
	}
	tap, err = l.role.pass(d.Context(), c, d.now)
	must(d.T, l.book.End(tap, err))
	return false, err
}

// want compares the payments that are open at the first door.
func (d *busDoors) want(open int) {
	d.Helper()
	if c := d.lanes[0].book.Counts(); c.Open+c.Unconfirmed != open {
		d.Errorf("%+v, want %d open", c, open)
	}
}

// rides are how often the card has paid, and how often doors have sent that with a code which is
// the TAC, and without.
func (d *busDoors) rides() (paid, right, wrong int) {
	d.Helper()
	for _, l := range d.lanes {
		records, err := l.out.Recent()
		must(d.T, err)
		for _, tap := range tapsIn(d.T, records) {
			if byte(tap.GetDebit().GetType()) != purse.TypeCAPP {
				continue
			}
			if genuine(tap.GetDebit()) {
				right++
			} else {
				wrong++
			}
		}
	}
	return d.paid(), right, wrong
}

// paid is how many rides the card has paid.
func (d *busDoors) paid() int {
	return int(d.had-uint32(d.held.Describe().Transit.BalanceFen)) / busFen
}

// genuine reports whether one of a debit's codes is its TAC.
func genuine(d *message.Debit) bool {
	ok := make([]bool, 2)
	var records []keys.PurchaseRecord
	for _, tac := range [][]byte{d.GetTac(), append(d.GetOtherTac(), 0, 0, 0, 0)[:4]} {
		records = append(records, keys.PurchaseRecord{
			Card: keys.CardID{Issuer: [8]byte(d.GetIssuer()), ASN: [10]byte(d.GetCard())}, Amount: d.GetAmountFen(), Type: byte(d.GetType()),
			Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(), Time: [7]byte(d.GetTime()), TAC: keys.MAC(tac),
		})
	}
	keys.NewTACVerifier(specimen.Keys().TACMaster()).VerifyPurchases(records, ok)
	return ok[0] || ok[1]
}

// leaves is a card that goes at its n-th DEBIT of a kind, before it has carried it out or after.
type leaves struct {
	apdu.Card
	begin  byte // P1 of its INITIALIZE: 3 composite, 1 ordinary
	before bool
	begun  byte
}

func (c *leaves) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	switch command[1] {
	case 0x50:
		c.begun = command[2]
	case 0x54:
		if c.begun != c.begin {
			break
		}
		if !c.before {
			if _, err := c.Card.Transmit(ctx, command); err != nil {
				return nil, err
			}
		}
		return nil, errCut
	}
	return c.Card.Transmit(ctx, command)
}

// telephone has no key. It says what the card would say, as far as that is known without one: its
// files, its counter, and a log with what it was told to pay. Codes it makes up.
type telephone struct {
	apdu.Card // a copy of the card
}

func (p telephone) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	made := []byte{1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0}
	if command[0] == 0x80 && command[1] == 0x54 {
		return made, nil
	}
	answer, err := p.Card.Transmit(ctx, command)
	if command[0] == 0x80 && command[1] == 0x5A && len(answer) == len(made) {
		return made, err
	}
	return answer, err
}

// A card is torn at one door, after it has paid. Who knows its number and holds a telephone to the
// other door is not let in and ends nothing; the card itself is let in afterwards, once, has paid
// once, and clearing has its TAC.
func TestForgedProofElsewhere(t *testing.T) {
	d := newBusDoors(t, 2)
	if _, err := d.hold(0, &leaves{Card: d.held, begin: 3}); err == nil {
		t.Fatal("it was not torn")
	}
	image, err := d.held.Image()
	must(t, err)
	for range 3 {
		double, err := chip.Load(image)
		must(t, err)
		double.PowerOn()
		if settled, err := d.hold(1, telephone{double}); settled || !errors.Is(err, sam.ErrForged) {
			t.Errorf("a telephone: let in %t, %v", settled, err)
		}
		d.want(1)
	}
	if settled, err := d.hold(1, d.held); !settled || err != nil {
		t.Errorf("the card: let in %t, %v", settled, err)
	}
	d.want(0)
	if paid, right, wrong := d.rides(); paid != 1 || right != 1 || wrong != 1 {
		t.Errorf("the card has paid %d times; %d taps with its TAC, %d without", paid, right, wrong)
	}
	if settled, err := d.hold(0, d.held); settled || err != nil {
		t.Errorf("the next ride: let in for the last one %t, %v", settled, err)
	}
}

// A passenger who was torn at one door is let in at another, also if he is torn there again while
// the card proves itself, and at a third. He has paid once.
func TestTornWhileItProves(t *testing.T) {
	for name, test := range map[string]struct{ before, third bool }{
		"before": {true, false}, "after": {false, false}, "before, then a third door": {true, true}, "after, then a third door": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newBusDoors(t, 3)
			if _, err := d.hold(0, &leaves{Card: d.held, begin: 3}); err == nil {
				t.Fatal("it was not torn")
			}
			if settled, err := d.hold(1, &leaves{Card: d.held, begin: 1, before: test.before}); settled || err == nil {
				t.Errorf("torn again: let in %t, %v", settled, err)
			}
			d.want(1)
			door := 1
			if test.third {
				door = 2
			}
			if settled, err := d.hold(door, d.held); !settled || err != nil {
				t.Errorf("let in %t, %v", settled, err)
			}
			if paid, right, wrong := d.rides(); paid != 1 || right == 0 || wrong != 0 {
				t.Errorf("the card has paid %d times; %d taps with its TAC, %d without", paid, right, wrong)
			}
		})
	}
}

// liar is before a card of ours, and says that it has paid.
type liar struct {
	apdu.Card
	told *message.Tap
}

func (c liar) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := c.Card.Transmit(ctx, command)
	counter := uint16(c.told.GetCardCounter())
	switch d := c.told.GetDebit(); {
	case bytes.HasPrefix(command, []byte{0x80, 0x50, 3}) && len(answer) > 6:
		binary.BigEndian.PutUint16(answer[4:], counter+1)
	case bytes.HasPrefix(command, []byte{0x00, 0xB2, 1, purse.LogSFI<<3 | 4}):
		r := purse.LogRecord{
			Sequence: counter, Amount: d.GetAmountFen(), Type: byte(d.GetType()), Terminal: [6]byte(d.GetTerminal()), Time: [7]byte(d.GetTime()),
		}.Encode()
		return append(r[:], 0x90, 0), nil
	case bytes.HasPrefix(command, []byte{0x80, 0x5A}):
		return []byte{1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0}, nil
	}
	return answer, err
}

// A card of ours proves by its counter that it has not paid, whatever is before it says so.
func TestCounterThatProvesTheOpposite(t *testing.T) {
	d := newBusDoors(t, 2)
	_, err := d.hold(0, &leaves{Card: d.held, begin: 3, before: true})
	open, ok := errors.AsType[*card.UnknownError](err)
	if !ok {
		t.Fatal(err)
	}
	if settled, err := d.hold(1, liar{d.held, open.Tap}); settled || !errors.Is(err, errUnproved) {
		t.Errorf("let in %t, %v", settled, err)
	}
	d.want(0)
	if settled, err := d.hold(1, d.held); settled || err != nil || d.paid() != 1 {
		t.Errorf("let in for nothing %t, %v, paid %d times", settled, err, d.paid())
	}
}

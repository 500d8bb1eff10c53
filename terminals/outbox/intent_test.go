package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/validator"
)

// The crash test of intents runs the rides of some cards at a validator (paid, torn before and
// after the debit, refused, settled, unconfirmed) and stops the machine before every single step on
// the disk. After each stop the lane starts again and the cards come back.

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func morning() time.Time {
	return time.Date(2026, 11, 24, 8, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*3600))
}

// stand is a validator's surroundings: what a stop of the machine does not touch.
type stand struct {
	*testing.T
	store *keys.Store
	psam  *chip.Chip
	fares *tariff.Schedule
	cards []*chip.Chip
	// images are the cards as they were made.
	images [][]byte
}

func newStand(t *testing.T) *stand {
	s := &stand{T: t, store: keys.GenerateTest(7)}
	for i := range 4 {
		held := chip.NewTransit(uint64(i + 1))
		_, err := counter.Personalise(t.Context(), held, held.PowerOn(), s.store, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
			Number: fmt.Sprintf("031050702000000000%d2", i), Issuer: "99994910ffffffff", Start: "20260101", Expiry: "20401231",
			CardType: 1, Province: "4900", City: "4910", Interoperable: true, PIN: "123456",
		}})
		must(t, err)
		image, err := held.Image()
		must(t, err)
		s.images = append(s.images, image)
	}
	var err error
	s.fares, err = tariff.Of(&message.FareTable{Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 901}}}}}}})
	must(t, err)
	return s
}

// renew puts the cards and the SAM back to how they were made.
func (s *stand) renew() {
	s.Helper()
	s.cards = nil
	for _, image := range s.images {
		held, err := chip.Load(image)
		must(s.T, err)
		s.cards = append(s.cards, held)
	}
	s.psam = chip.NewPSAM([6]byte{0x49, 0x10, 0x20, 0, 0, 1}, s.store.SAMKeys())
}

// lane is a run of the validator's program.
type lane struct {
	*stand
	out    *outbox.Log
	book   *intent.Book
	v      *validator.Validator
	module *sam.Module
}

func (s *stand) start(out *outbox.Log) (*lane, error) {
	s.psam.PowerOn()
	module, err := sam.Open(s.Context(), s.psam)
	must(s.T, err)
	v, err := validator.New(module, s.fares, validator.Place{City: 0x4910, Operator: 3, Line: 901, Vehicle: "A12345", Medium: message.Medium_MEDIUM_CONTACTLESS})
	must(s.T, err)
	book, err := intent.Open(out, intent.Place{Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: 901, Vehicle: "A12345"})
	if err != nil {
		return nil, err
	}
	v.Intend(book.Begin)
	return &lane{s, out, book, v, module}, nil
}

// tearing is a card whose answer to DEBIT is lost, or which is given a MAC1 that is wrong.
type tearing struct {
	*chip.Chip
	at     chip.Moment
	forged bool
}

func (c tearing) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[0] == 0x80 && command[1] == 0x54 {
		if c.forged {
			command = append([]byte(nil), command...)
			command[len(command)-2] ^= 1
		} else {
			c.LosePower(c.at)
		}
	}
	return c.Chip.Transmit(ctx, command)
}

// take serves a card as a lane does. It fails if the lane cannot go on; green says that the
// passenger was let in.
func (l *lane) take(c interface {
	Transmit(context.Context, []byte) ([]byte, error)
}, now time.Time,
) (green bool, err error) {
	if err := l.out.Ready(); err != nil {
		return false, err
	}
	settled, err := l.book.Settle(l.Context(), c, now, l.v.Resolve)
	if err == nil && settled.Unproved {
		proof, unproved := card.Attest(l.Context(), c, l.module, settled.Passage, bcd.Time(now), l.book.Begin)
		if failed := l.book.End(proof, unproved); failed != nil {
			return false, failed
		}
		return unproved == nil, unproved
	}
	if settled.Passage != nil || err != nil {
		return settled.Passage != nil, err
	}
	tap, err := l.v.Ride(l.Context(), c, now)
	if failed := l.book.End(tap, err); failed != nil {
		return false, failed
	}
	if errors.Is(err, outbox.ErrBroken) {
		return false, err
	}
	return tap != nil, nil
}

// visit is one card that is held to the validator.
type visit struct {
	card   int
	after  time.Duration
	tear   bool
	at     chip.Moment
	forged bool
}

// script has the visits of a day and the next. The intent of card 3 goes up as unconfirmed in
// between.
func script() []visit {
	return []visit{
		{card: 0},
		{card: 1, after: 1 * time.Minute, tear: true, at: chip.BeforeCommit},
		{card: 2, after: 2 * time.Minute, tear: true, at: chip.AfterCommit},
		{card: 0, after: 3 * time.Minute, forged: true},
		{card: 1, after: 4 * time.Minute},
		{card: 2, after: 5 * time.Minute},
		{card: 3, after: 6 * time.Minute, tear: true, at: chip.AfterCommit},
		{card: 0, after: 7 * time.Minute},
		{card: 3, after: 30 * time.Hour},
		{card: 0, after: 31 * time.Hour},
	}
}

// run runs the script until its end, or until the machine stops. It returns the visit at which that
// was, and whether the passenger was let in at it.
func (s *stand) run(dir string, c *outbox.Cut) (at int, err error) {
	out, err := c.Open(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	l, err := s.start(out)
	if err != nil {
		return 0, err
	}
	for i, v := range script() {
		if v.after >= 30*time.Hour {
			if _, err := l.book.Raise(morning().Add(v.after), 24*time.Hour); err != nil {
				return i, err
			}
		}
		s.cards[v.card].PowerOn()
		held := tearing{s.cards[v.card], v.at, v.forged}
		if v.tear || v.forged {
			_, err = l.take(held, morning().Add(v.after))
		} else {
			_, err = l.take(s.cards[v.card], morning().Add(v.after))
		}
		if err != nil {
			return i, err
		}
	}
	return len(script()), l.book.Close()
}

// onCard is a debit of a card by what its log and a tap both say.
func onCard(number string, counter uint32, at []byte) string {
	return fmt.Sprintf("%s %d %x", number, counter, at)
}

// debits are all debits on the cards.
func (s *stand) debits() map[string]bool {
	s.Helper()
	all := map[string]bool{}
	for _, c := range s.cards {
		read := c.Describe().Transit
		for _, r := range read.Log {
			at, err := bcd.Append(nil, r.Time)
			must(s.T, err)
			all[onCard(read.Number, uint32(r.Sequence), at)] = true
		}
	}
	return all
}

// kept is what an outbox has.
type kept struct{ taps, unconfirmed, intents map[string]int }

func (s *stand) kept(out *outbox.Log) kept {
	s.Helper()
	k := kept{map[string]int{}, map[string]int{}, map[string]int{}}
	note := func(in map[string]int, tap *message.Tap) {
		number, err := tunion.Number([10]byte(tap.GetDebit().GetCard()))
		must(s.T, err)
		in[onCard(number, tap.GetCardCounter(), tap.GetDebit().GetTime())]++
	}
	for _, r := range outbox.Waiting(s.T, out) {
		switch r.Topic {
		case message.TopicTaps:
			tap := new(message.Tap)
			must(s.T, proto.Unmarshal(r.Value, tap))
			note(k.taps, tap)
		case message.TopicTapsUnconfirmed:
			tap, err := message.CheckUnconfirmed(r.Value)
			must(s.T, err)
			note(k.unconfirmed, tap)
		}
	}
	for _, l := range out.Locals() {
		m, err := message.ParseIntent(l.Key, l.Value)
		must(s.T, err)
		note(k.intents, m.GetTap())
	}
	return k
}

// agree holds what an outbox has against the cards: each debit is a tap once or an intent; no tap
// is of a debit that no card made. In the end there are no intents.
func (s *stand) agree(where string, out *outbox.Log, end bool) kept {
	s.Helper()
	debits, k := s.debits(), s.kept(out)
	for d := range debits {
		switch n := k.taps[d]; {
		case n > 2: // what only the card has said, it may have said again after a stop
			s.Errorf("%s: debit %s is %d taps", where, d, n)
		case n == 0 && k.intents[d] == 0:
			s.Errorf("%s: debit %s is on the card and nowhere else", where, d)
		}
	}
	for d := range k.taps {
		if !debits[d] {
			s.Errorf("%s: tap %s is of no debit", where, d)
		}
	}
	if end && len(k.intents) > 0 {
		s.Errorf("%s: in the end there are intents %v", where, k.intents)
	}
	return k
}

func TestNoDebitIsOnACardAlone(t *testing.T) {
	s := newStand(t)
	whole := outbox.NewCut(1 << 30)
	s.renew()
	dir := t.TempDir()
	if _, err := s.run(dir, whole); err != nil {
		t.Fatal(err)
	}
	out, err := outbox.NewCut(1 << 30).Open(dir)
	must(t, err)
	k := s.agree("in the end", out, true)
	must(t, out.Close())
	if len(k.taps) != 8 || len(k.unconfirmed) != 2 || whole.Steps() < 60 {
		t.Fatalf("%d taps, %d unconfirmed, %d steps: the script does not test what it should", len(k.taps), len(k.unconfirmed), whole.Steps())
	}
	for _, mode := range outbox.CutModes() {
		for n := range whole.Steps() {
			s.stop(n, mode.String(), func(c *outbox.Cut) { c.Fall(t, mode) })
		}
	}
}

// stop stops the machine after n steps, starts it again, and has all cards come back.
func (s *stand) stop(n int, how string, fall func(*outbox.Cut)) {
	s.Helper()
	where := fmt.Sprintf("%s after %d steps", how, n)
	s.renew()
	dir, c := s.TempDir(), outbox.NewCut(n)
	at, err := s.run(dir, c)
	if err == nil {
		s.Fatalf("%s: it did not stop", where)
	}
	fall(c)
	out, err := outbox.NewCut(1 << 30).Open(dir)
	must(s.T, err)
	before := s.agree(where+", before the start", out, false)
	paid := len(s.debits())
	l, err := s.start(out)
	must(s.T, err)
	s.agree(where+", after the start", out, false)
	// A passenger whose debit is open comes again for the same ride, the others for another.
	cut := script()[min(at, len(script())-1)]
	now := morning().Add(cut.after + time.Minute)
	for i, held := range s.cards {
		held.PowerOn()
		debits, pending := rides(held), before.pending(s.T, held, now)
		green, err := l.take(held, now)
		if err != nil || !green {
			s.Errorf("%s: card %d is not let in: %v", where, i, err)
		}
		more := rides(held) - debits
		if pending && more != 0 || !pending && more != 1 {
			s.Errorf("%s: card %d has made %d debits, and had one open for this passage: %v", where, i, more, pending)
		}
	}
	// What a card says that it has not paid ends with its next payment that the SAM confirms.
	for i, held := range s.cards {
		held.PowerOn()
		if green, err := l.take(held, now.Add(time.Hour)); err != nil || !green {
			s.Errorf("%s: card %d is not let in an hour later: %v", where, i, err)
		}
	}
	must(s.T, l.book.Close())
	s.agree(where+", in the end", out, true)
	if now := len(s.debits()); now < paid {
		s.Errorf("%s: %d debits, before %d", where, now, paid)
	}
	must(s.T, out.Close())
}

// rides is how many rides are in the log of a card; a proof that it is the card is none.
func rides(held *chip.Chip) (n int) {
	for _, r := range held.Describe().Transit.Log {
		if r.Type == purse.TypeCAPP {
			n++
		}
	}
	return n
}

// pending reports whether the last ride of a card is for the passage at a time, and is an intent.
func (k kept) pending(t *testing.T, held *chip.Chip, now time.Time) bool {
	t.Helper()
	read := held.Describe().Transit
	ride := slices.IndexFunc(read.Log, func(r chip.LogDescribed) bool { return r.Type == purse.TypeCAPP })
	if ride < 0 {
		return false
	}
	last := read.Log[ride]
	at, err := bcd.Append(nil, last.Time)
	must(t, err)
	signed, err := message.ParseTime(at, now.Location())
	must(t, err)
	d := onCard(read.Number, uint32(last.Sequence), at)
	return k.intents[d] > 0 && now.Sub(signed) < 10*time.Minute
}

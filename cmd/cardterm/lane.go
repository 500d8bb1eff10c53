package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/cardos/apdu"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/contents"
	"citycard/terminals/gate"
	"citycard/terminals/hotlist"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/reader"
	"citycard/terminals/sam"
	"citycard/terminals/station"
)

// tapLimit is how long one card may take; by then the passenger has left.
const tapLimit = 3 * time.Second

// role holds the functions in which a gate, a validator and a desk differ.
type role struct {
	pass func(ctx context.Context, c apdu.Card, at time.Time) (*message.Tap, error) // none of a desk
	// resolve finds the outcome that an error of pass left unknown; it returns card.ErrOtherCard if
	// the card is another one.
	resolve func(ctx context.Context, c apdu.Card, open *card.UnknownError) (*message.Tap, error)
	// attest has the card that says it has paid a tap prove that it is that card, as [card.Attest].
	attest func(ctx context.Context, c apdu.Card, paid *message.Tap, at time.Time) (*message.Tap, error)
	desk   *station.Desk
}

// lane serves the cards of one reader, one after the other. Its other half is in session.go.
type lane struct {
	*shared
	settings laneFlags
	log      *slog.Logger
	taps     *prometheus.CounterVec // by outcome
	serve    func(ctx context.Context, card *reader.Card) error
	turn     func(ctx context.Context) error // serves one card, and waits for it

	reader *reader.Reader
	role   role
	out    *outbox.Log
	book   *intent.Book // of payments whose outcome is not known
	guard  guard
	marks  []message.Mark // of the taps of the present card

	box      atomic.Pointer[outbox.Log] // out, for the pages
	trouble  atomic.Pointer[trouble]    // why it is out of service; nil if it serves
	terminal atomic.Pointer[[6]byte]    // the number of its SAM; nil while it has none
	last     atomic.Int64               // when it last served a card, in seconds since 1970
	busy     atomic.Int64               // since when it serves the present one, 0 for none
	tried    chan struct{}              // closed once it serves, or has said why not
	once     sync.Once                  // closes it
	served   bool                       // a card, since the start
	unsent   func()                     // ends the forwarding of out
	standing standing
	clock    func() time.Time // by which a passenger waits; nil: time.Now
}

func (l *lane) now() time.Time {
	if l.clock == nil {
		return time.Now()
	}
	return l.clock()
}

// watch logs the contents of a card, without anything that identifies its holder.
func (l *lane) watch(ctx context.Context, card *reader.Card) error {
	c, err := contents.Read(ctx, l.overheard(card), card.ATR())
	if err != nil {
		l.taps.WithLabelValues("unreadable").Inc()
		l.log.Warn("card not readable", logged(err))
		return nil
	}
	l.taps.WithLabelValues("read").Inc()
	switch c = c.Masked(); {
	case c.Transit != nil:
		l.log.Info("transit card", "number", tunion.Masked(c.Transit.Number), "balance_fen", c.Transit.BalanceFen, "expiry", c.Transit.Expiry)
	case c.SocialSecurity != nil:
		l.log.Info("social-security card", "version", c.SocialSecurity.Version, "guarded", c.SocialSecurity.Guarded)
	}
	return nil
}

// charge takes a fare now.
func (l *lane) charge(ctx context.Context, card *reader.Card) error {
	return l.take(ctx, l.overheard(card), time.Now().In(l.zone))
}

// overheard is the card; if a trace was asked for, its dialogue is printed.
func (l *lane) overheard(card *reader.Card) apdu.Card {
	if l.live == nil {
		return card
	}
	return l.live.overhear(l.reader.Name(), card)
}

// take takes a fare. It does not touch the card while there is no room for its record.
func (l *lane) take(ctx context.Context, c apdu.Card, at time.Time) error {
	if l.released(at) {
		return nil
	}
	if err := l.out.Ready(); err != nil {
		l.closed(at)
		l.log.Error("lane closed: no room for records", logged(err))
		if errors.Is(err, outbox.ErrBroken) {
			return err
		}
		return nil // a full disk heals
	}
	marks, err := l.policy.look(at)
	if err != nil {
		l.closed(at)
		return nil
	}
	l.marks = marks
	began := l.now()
	s := &sight{Card: c, at: at}
	tap, entry, at, err := l.settle(ctx, s, at)
	if tap == nil && err == nil {
		s.guard = &l.guard
		tap, err = l.role.pass(ctx, s, at)
		if failed := l.book.End(tap, err); failed != nil {
			return failed
		}
		switch {
		case entry == nil:
		case errors.Is(err, gate.ErrInside): // since that entry, which did not open the gate
			tap, err = entry, nil
		default:
			l.paid(entry)
		}
	}
	if tap != nil {
		l.guard.add(tap, at, l.now().Sub(began))
	}
	l.display.show(l.result(tap, err, s))
	return l.tell(tap, err)
}

// closed shows that no card is taken.
func (l *lane) closed(at time.Time) {
	l.taps.WithLabelValues(outcomeClosed).Inc()
	l.display.show(shown{Time: at, Lane: l.settings.name, Outcome: outcomeClosed, Sound: soundStop})
}

// intend makes a payment durable before a card is told to make it.
func (l *lane) intend(tap *message.Tap) error {
	tap.Marks = l.marks
	return l.book.Begin(tap)
}

// settle finds the outcomes of a card's payments that are not known, and returns the tap of those
// for which the card is held to the reader now. If there is neither a tap nor an error, the card is
// to be treated as a new one, at the moment next; if it is inside then, entry is its passage.
func (l *lane) settle(ctx context.Context, c apdu.Card, at time.Time) (tap, entry *message.Tap, next time.Time, err error) {
	s, err := l.book.Settle(ctx, c, at, l.role.resolve)
	for _, tap := range s.Paid {
		if tap != s.Passage && tap != s.Entry {
			l.paid(tap)
		}
	}
	if s.Claimed+s.Denied+s.Lost > 0 {
		l.log.Info("a card has come again", "says_paid", s.Claimed, "says_not_paid", s.Denied, "proves_no_more", s.Lost)
	}
	if err == nil && s.Unproved {
		err = l.prove(ctx, c, cmp.Or(s.Passage, s.Entry), s.At)
	}
	if err != nil {
		return nil, nil, s.At, err
	}
	return s.Passage, s.Entry, s.At, nil
}

// prove has the card prove that it is the one that has paid what it says, by a payment of nothing.
func (l *lane) prove(ctx context.Context, c apdu.Card, said *message.Tap, at time.Time) error {
	proof, err := l.role.attest(ctx, c, said, at)
	if failed := l.book.End(proof, err); failed != nil {
		return failed
	}
	if err == nil && !intent.Proves(proof, said) {
		err = errUnproved
	}
	return err
}

// errUnproved: a card is what it says, and its counter is not.
var errUnproved = errors.New("the card says that it has paid, and its counter says that it has not")

// tell logs the outcome for the card. An error means that the lane cannot go on.
func (l *lane) tell(tap *message.Tap, err error) error {
	var broken *sam.Error
	var unknown *card.UnknownError
	var listed *hotlist.ListedError
	switch {
	case tap != nil:
		l.paid(tap)
	case errors.As(err, &unknown) && errors.Is(err, sam.ErrForged):
		l.taps.WithLabelValues("forged").Inc()
		l.log.Warn("the card is not one of ours, or its answer was changed on the way", logged(err))
	case errors.As(err, &unknown):
		l.taps.WithLabelValues("unknown").Inc()
		l.log.Warn("outcome unknown", logged(err))
	case errors.Is(err, errRepeated):
		l.taps.WithLabelValues(outcomeRepeated).Inc()
		l.log.Info("the card has just paid here; its result is shown again")
	case errors.As(err, &listed):
		l.taps.WithLabelValues("listed").Inc()
		l.log.Warn("refused", logged(err))
	case err != nil:
		l.taps.WithLabelValues("refused").Inc()
		l.log.Warn("refused", logged(err))
	}
	if errors.As(err, &broken) || errors.Is(err, outbox.ErrBroken) {
		return err
	}
	return nil
}

// paid logs a tap.
func (l *lane) paid(tap *message.Tap) {
	l.taps.WithLabelValues("paid").Inc()
	l.log.Info("paid", "fen", tap.GetDebit().GetAmountFen(), "balance_fen", tap.GetBalanceFen(), "movement", tap.GetMovement().String(), "fares", tap.GetFareVersion())
}

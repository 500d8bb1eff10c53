package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"

	"citycard/cardos/tunion"
	"citycard/clearing/identity"
	"citycard/ledger"
)

// A card's loads in the journal (ids that begin with 02, 03 and 04), and then the rows that are
// kept about them. refunds is an attempt of one that is authorised.
const besideCards = `
	SELECT subject AS card, 0 AS what, id, effective_day AS day, booking_day AS booked, stream, sequence, position::INT8 AS number, 0::INT8 AS type, 0::INT8 AS refunds FROM journal
		WHERE kind IS NULL AND id >= '\x02' AND id < '\x05'
	UNION ALL SELECT card, 1, NULL, 0, 0, 0, 0, sequence, type, refunds FROM load_refunds
	UNION ALL SELECT card, 2, NULL, day, 0, 0, 0, sequence, type, 0 FROM written_loads
	UNION ALL SELECT card, 3, NULL, 0, booked, 0, 0, sequence, type, attempt FROM authorised_loads
	ORDER BY card, what, stream, sequence, number`

// loadRow is a row of besideCards.
type loadRow struct {
	card                     []byte
	what                     int
	id                       []byte
	day, booked              ledger.Day
	stream, sequence, number int64
	kind, refunds            int64
}

type cardLoad struct {
	kind     byte
	sequence uint16
}

// word is a card's first confirmation of a load, and any later ones under other days.
type word struct {
	day    ledger.Day
	stream int64
	others []ledger.Day // of other streams; which one is first is not known
}

// cardLoads are one card's loads, as the journal tells them.
type cardLoads struct {
	card    []byte
	refunds map[cardLoad]int64
	words   map[cardLoad]*word
	paid    map[identity.Load]ledger.Day // those that are authorised, with their clearing days
	given   map[identity.Load]bool       // those that are refunded
	has     map[cardLoad]bool            // those that the card has confirmed
}

func newCardLoads(card []byte) *cardLoads {
	return &cardLoads{bytes.Clone(card), map[cardLoad]int64{}, map[cardLoad]*word{}, map[identity.Load]ledger.Day{}, map[identity.Load]bool{}, map[cardLoad]bool{}}
}

// loads compares what is kept of refunds, of written loads and of those that are only authorised
// with the journal.
func (c *check) loads(ctx context.Context) error {
	var r loadRow
	l := newCardLoads(nil)
	err := c.each(ctx, besideCards, []any{&r.card, &r.what, &r.id, &r.day, &r.booked, &r.stream, &r.sequence, &r.number, &r.kind, &r.refunds}, func() error {
		if !bytes.Equal(r.card, l.card) {
			c.endLoads(l)
			l = newCardLoads(r.card)
		}
		load := cardLoad{byte(r.kind), uint16(r.number)}
		switch {
		case r.what == 0:
			l.add(&r)
		case r.what == 3:
			c.authorised(l, &r)
		case r.kind < 0 || r.kind > 0xFF || r.number < 0 || r.number > 0xFFFF:
			c.fault(LoadRefund, loadName(r.card, r.kind, r.number), "no card has such a load")
		case r.what == 1:
			if want := l.refunds[load]; want != r.refunds {
				c.fault(LoadRefund, l.name(load), "%d refunds; the journal has %d", r.refunds, want)
			}
			delete(l.refunds, load)
		default:
			if w := l.words[load]; w == nil || !w.begins(r.day) {
				c.fault(WrittenLoad, l.name(load), "written on %v; the journal does not have its first word so", r.day)
			}
			delete(l.words, load)
		}
		return nil
	})
	c.endLoads(l)
	return err
}

// authorised compares a row of a load of which neither the card's word nor a refund is in the
// books.
func (c *check) authorised(l *cardLoads, r *loadRow) {
	load := identity.Load{Kind: byte(r.kind), Sequence: uint16(r.number), Attempt: uint8(r.refunds)}
	fits := int64(load.Kind) == r.kind && int64(load.Sequence) == r.number && int64(load.Attempt) == r.refunds
	if fits && l.open(load) && l.paid[load] == r.booked {
		delete(l.paid, load)
		return
	}
	c.fault(AuthorisedLoad, loadName(r.card, r.kind, r.number), "the journal does not have it as authorised on %v, with nothing after it", r.booked)
}

// open reports whether a load is authorised, and nothing came after it.
func (l *cardLoads) open(load identity.Load) bool {
	return l.paid[load] != 0 && !l.given[load] && !l.has[cardLoad{load.Kind, load.Sequence}]
}

// add takes up a row of the journal.
func (l *cardLoads) add(r *loadRow) {
	if paid, ok := identity.AuthorisedLoad(ledger.ID(r.id)); ok {
		l.paid[paid] = r.booked
	}
	if refunded, ok := identity.RefundedLoad(ledger.ID(r.id)); ok {
		l.given[refunded] = true
		load := cardLoad{refunded.Kind, refunded.Sequence}
		l.refunds[load] = max(l.refunds[load], int64(refunded.Attempt)+1)
	}
	if written, ok := identity.WrittenLoad(ledger.ID(r.id)); ok {
		load := cardLoad{written.Kind, written.Sequence}
		l.has[load] = true
		switch w := l.words[load]; {
		case w == nil:
			l.words[load] = &word{day: r.day, stream: r.stream}
		case w.stream != r.stream:
			w.others = append(w.others, r.day)
		}
	}
}

// begins reports whether a day can be that of the first confirmation.
func (w *word) begins(day ledger.Day) bool {
	for _, other := range w.others {
		if day == other {
			return true
		}
	}
	return day == w.day
}

func (l *cardLoads) name(load cardLoad) string {
	return loadName(l.card, int64(load.kind), int64(load.sequence))
}

func loadName(card []byte, kind, sequence int64) string {
	return fmt.Sprintf("card %s, type %d, sequence %d", tunion.Masked(hex.EncodeToString(card)), kind, sequence)
}

// endLoads reports what is not kept.
func (c *check) endLoads(l *cardLoads) {
	defer c.inOrder()()
	for load, want := range l.refunds {
		c.fault(LoadRefund, l.name(load), "none is kept; the journal has %d refunds", want)
	}
	for load, w := range l.words {
		c.fault(WrittenLoad, l.name(load), "it is not kept; the journal has it as written on %v", w.day)
	}
	for load, booked := range l.paid {
		if l.open(load) {
			c.fault(AuthorisedLoad, l.name(cardLoad{load.Kind, load.Sequence}), "it is not kept; the journal has it as authorised on %v, with nothing after it", booked)
		}
	}
}

package counters

import (
	"cmp"
	"encoding/binary"
	"slices"

	"citycard/cardos/bcd"
	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// event is what one row of the journal says about a card.
type event struct {
	number  identity.Card
	kind    source // 0: neither tap nor load
	of      int64  // number in the card's counter
	read    bool   // time and balance are worth something
	time    int64  // YYYYMMDDhhmmss
	balance int64  // as the terminal read it, fen
	moved   int64  // on the float, fen
}

// use is one number of a SAM's sequence that a tap was signed with.
type use struct {
	terminal [6]byte
	sequence uint32
}

// order is the terminal as a number of the same order.
func (u *use) order() uint64 {
	return uint64(binary.BigEndian.Uint32(u.terminal[:4]))<<16 | uint64(binary.BigEndian.Uint16(u.terminal[4:]))
}

// uses are the uses of many taps: those signed by our cards, whose TACs were verified, and those of
// records whose TACs another city has to check.
type uses struct{ signed, unverified []use }

// sorter tells rows of the journal apart.
type sorter struct {
	float  ledger.AccountID
	booked *docket.Reader
}

func newSorter() sorter { return sorter{ledger.IDOfCode(chart.Float), docket.NewReader()} }

// event reads a row; ok is false where it says nothing about a card of ours.
func (s sorter) event(e *shadow.Entry, booked docket.Booked) (ev event, ok bool) {
	if ev.number, ok = identity.ParseCard(e.Subject); !ok {
		return event{}, false
	}
	switch s.float {
	case e.Debit:
		ev.moved = -int64(e.Amount)
	case e.Credit:
		ev.moved = int64(e.Amount)
	}
	// Records of zero fen are memos, and move nothing. Another city's card makes most of its taps
	// elsewhere, so it has no event.
	kept := booked.ZeroFen && booked.Verdict != verdict.Pending
	if ev.moved == 0 && !kept {
		return event{}, false
	}
	var reading message.Reading
	if _, _, spend := identity.ParseSpend(e.ID); spend {
		if reading, ok = message.TapReading(e.Evidence); ok {
			ev.kind, ev.of = fromTap, int64(reading.Counter)
		}
	} else if sequence, load := identity.ParseLoadWritten(e.ID); load {
		if reading, ok = message.LoadReading(e.Evidence); ok {
			ev.kind, ev.of = fromLoad, int64(sequence)
		}
	}
	if ev.time, ok = bcd.Number(reading.Time[:]); ok && ev.time > 0 && ev.kind != 0 {
		ev.balance = int64(reading.Balance)
		ev.read = booked.Reason != verdict.ImplausibleDate
	}
	return ev, true
}

// take adds the number of a SAM that a row was signed with. It skips a SAM that is not registered,
// because nobody is responsible for it. The number is unverified if the card is or may be another
// city's: for a record of zero fen, two of the reasons do not tell.
func (u *uses) take(e *shadow.Entry, booked docket.Booked) {
	terminal, sequence, ok := identity.ParseSpend(e.ID)
	if !ok || booked.Reason == verdict.UnknownTerminal {
		return
	}
	unsure := booked.ZeroFen && (booked.Reason == verdict.ImplausibleDate || booked.Reason == verdict.PayeeClosed)
	if of := (use{terminal, sequence}); booked.Foreign || unsure {
		u.unverified = append(u.unverified, of)
	} else {
		u.signed = append(u.signed, of)
	}
}

// compareCards gives the order of bytes.Compare, but faster: a day's pass calls it very often.
func compareCards(a, b *identity.Card) int {
	if x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8]); x != y {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(binary.BigEndian.Uint32(a[8:]), binary.BigEndian.Uint32(b[8:]))
}

func sortEvents(events []event) {
	slices.SortFunc(events, func(a, b event) int {
		if c := compareCards(&a.number, &b.number); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.of, b.of))
	})
}

package history

import (
	"bytes"
	"cmp"
	"slices"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// event is what one row of the journal says about a card.
type event struct {
	number identity.Card
	kind   claimKind // 0: neither tap nor load
	of     int64     // number in the card's counter
	claims bool      // time and balance are worth something
	time   int64     // YYYYMMDDhhmmss
	claim  int64     // balance, fen
	moved  int64     // on the float, fen
}

// use is one number of a SAM's sequence that a tap was signed with.
type use struct {
	terminal [6]byte
	sequence uint32
}

// uses are those of many taps: signed by cards of ours, whose TACs were verified, and
// claimed by records whose TACs are for another city to check.
type uses struct{ signed, claimed []use }

// sorter tells rows of the journal apart.
type sorter struct {
	float  ledger.AccountID
	booked *docket.Reader
}

func newSorter() sorter { return sorter{ledger.IDOfCode(chart.Float), docket.NewReader()} }

// event reads a row; ok is false where it says nothing about a card of ours.
func (s sorter) event(e *ledger.Entry, booked docket.Booked) (ev event, ok bool) {
	if ev.number, ok = identity.ParseCard(e.Subject); !ok {
		return event{}, false
	}
	switch s.float {
	case e.Debit:
		ev.moved = -int64(e.Amount)
	case e.Credit:
		ev.moved = int64(e.Amount)
	}
	// Records of zero fen are memos, and move nothing. Of another city's card the taps
	// here are some among many.
	kept := booked.ZeroFen && booked.Verdict != verdict.Pending
	if ev.moved == 0 && !kept {
		return event{}, false
	}
	var claims message.Claims
	if _, _, spend := identity.ParseSpend(e.ID); spend {
		if claims, ok = message.TapClaims(e.Evidence); ok {
			ev.kind, ev.of = claimTap, int64(claims.Counter)
		}
	} else if sequence, load := identity.ParseLoadWritten(e.ID); load {
		if claims, ok = message.LoadClaims(e.Evidence); ok {
			ev.kind, ev.of = claimLoad, int64(sequence)
		}
	}
	if ev.time, ok = decimal(claims.Time); ok && ev.kind != 0 {
		ev.claim = int64(claims.Balance)
		ev.claims = booked.Reason != verdict.ImplausibleDate
	}
	return ev, true
}

// take adds the number of a SAM that a row was signed with. Nobody answers for a SAM that is
// not registered. The number is only claimed where the card is another city's, or may be: of a
// record of zero fen two of the reasons do not tell.
func (u *uses) take(e *ledger.Entry, booked docket.Booked) {
	terminal, sequence, ok := identity.ParseSpend(e.ID)
	if !ok || booked.Reason == verdict.UnknownTerminal {
		return
	}
	unsure := booked.ZeroFen && (booked.Reason == verdict.ImplausibleDate || booked.Reason == verdict.PayeeClosed)
	if of := (use{terminal, sequence}); booked.Foreign || unsure {
		u.claimed = append(u.claimed, of)
	} else {
		u.signed = append(u.signed, of)
	}
}

// decimal reads a card time as the number YYYYMMDDhhmmss.
func decimal(bcd [message.TimeLen]byte) (n int64, ok bool) {
	for _, b := range bcd {
		if b>>4 > 9 || b&15 > 9 {
			return 0, false
		}
		n = n*100 + int64(b>>4)*10 + int64(b&15)
	}
	return n, n > 0
}

func sortEvents(events []event) {
	slices.SortFunc(events, func(a, b event) int {
		if c := bytes.Compare(a.number[:], b.number[:]); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.of, b.of))
	})
}

package history

import (
	"bytes"
	"cmp"
	"encoding/binary"
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
	number [10]byte
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

// sorter tells rows of the journal apart.
type sorter struct {
	float       ledger.AccountID
	implausible ledger.AccountID
}

func newSorter() sorter {
	return sorter{ledger.IDOfCode(chart.Float), ledger.IDOfCode(chart.Suspense(verdict.ImplausibleDate))}
}

// event reads a row; ok is false where it says nothing about a card of ours.
func (s sorter) event(e *ledger.Entry) (ev event, ok bool) {
	if len(e.Subject) != len(ev.number) {
		return event{}, false
	}
	copy(ev.number[:], e.Subject)
	switch s.float {
	case e.Debit:
		ev.moved = -int64(e.Amount)
	case e.Credit:
		ev.moved = int64(e.Amount)
	}
	// Records of zero fen are memos, and move nothing. Of another city's card the taps
	// here are some among many.
	kept := string(e.Kind) == docket.KindRecord && string(e.Reason) != verdict.Pending.String()
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
		ev.claims = e.Credit != s.implausible && string(e.Reason) != string(verdict.ImplausibleDate)
	}
	return ev, true
}

// usedBy reads which number of a SAM a row was signed with, whoever's card it was.
func usedBy(e *ledger.Entry) (u use, ok bool) {
	u.terminal, u.sequence, ok = identity.ParseSpend(e.ID)
	return u, ok
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

// packUses packs uses in the order of SAM and number: for each SAM its number (see
// appendNumber), how many, and of each the difference to the one before.
func packUses(uses []use) []byte {
	slices.SortFunc(uses, func(a, b use) int {
		return cmp.Or(bytes.Compare(a.terminal[:], b.terminal[:]), cmp.Compare(a.sequence, b.sequence))
	})
	var b, before []byte
	for len(uses) > 0 {
		terminal := uses[0].terminal
		n := 0
		for n < len(uses) && uses[n].terminal == terminal {
			n++
		}
		b = appendNumber(b, before, terminal[:])
		b = binary.AppendUvarint(b, uint64(n))
		last := uint32(0)
		for _, u := range uses[:n] {
			b = binary.AppendUvarint(b, uint64(u.sequence-last))
			last = u.sequence
		}
		before, uses = terminal[:], uses[n:]
	}
	return b
}

// unpackUses adds packed uses to those of each SAM.
func unpackUses(b []byte, uses map[[6]byte][]uint32) error {
	r := reader{b: b}
	var terminal [6]byte
	for len(r.b) > 0 {
		r.number(terminal[:])
		n := r.unsigned()
		list, last := uses[terminal], int64(0)
		for range n {
			last += r.unsigned()
			if r.err != nil {
				return r.err
			}
			list = append(list, uint32(last))
		}
		uses[terminal] = list
	}
	return r.err
}

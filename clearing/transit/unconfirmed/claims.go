package unconfirmed

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"

	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Says is what the claims of a card's later records say about a tap without a TAC.
type Says string

// What they may say.
const (
	Nothing    Says = "nothing"
	Debited    Says = "debited"
	NotDebited Says = "not_debited"
	Disagree   Says = "disagree" // counter and balance say different things
)

// Reading is a later record of the card: a tap, or a load that the card confirmed.
type Reading struct {
	Time    string // as signed, YYYYMMDDhhmmss
	Load    bool
	Counter int64 // of a tap: the card's offline sequence before it
	Balance int64 // after it, fen
	Fen     int64
}

// before is the balance that the purse had before the record.
func (r *Reading) before() int64 {
	if r.Load {
		return r.Balance - r.Fen
	}
	return r.Balance + r.Fen
}

// Claimed is what claims say, and the record that says it first.
type Claimed struct {
	Says  Says
	First *Reading // nil where the card has no later record
}

// Claims reads the claims of a card's other records, those before the tap included.
//
// Counter: another tap with the same number means that the card did not use it for this one; a
// higher number, and no other tap with this one, that it did.
//
// Balance: of the next record, if no tap is missing between, what the purse held before it. If that
// is what this tap would have left, the card was debited; if it is that and the fare, it was not.
func Claims(tap *message.Tap, others []Reading) Claimed {
	at, counter := hex.EncodeToString(tap.GetDebit().GetTime()), int64(tap.GetCardCounter())
	left, fen := int64(tap.GetBalanceFen()), int64(tap.GetDebit().GetAmountFen())
	later := slices.DeleteFunc(slices.Clone(others), func(r Reading) bool { return r.Time < at || !r.Load && r.Counter < counter })
	slices.SortStableFunc(later, func(a, b Reading) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Counter, b.Counter)) })
	if len(later) == 0 {
		return Claimed{Says: Nothing}
	}
	first := &later[0]
	byCounter, byBalance := Nothing, Nothing
	for _, r := range later {
		switch {
		case r.Load:
		case r.Counter == counter:
			byCounter = NotDebited
		case byCounter == Nothing:
			byCounter = Debited
		}
	}
	switch {
	case fen == 0 || !first.Load && first.Counter > counter+1: // the balance would be the same, or of more than this tap
	case first.before() == left:
		byBalance = Debited
	case first.before() == left+fen:
		byBalance = NotDebited
	}
	return Claimed{both(byCounter, byBalance), first}
}

func both(counter, balance Says) Says {
	switch {
	case counter == balance, balance == Nothing:
		return counter
	case counter == Nothing:
		return balance
	}
	return Disagree
}

// readings are the other taps of a tap's card, and its loads, from the tap's signed day on.
func readings(ctx context.Context, l *ledger.Ledger, tap ledger.Key) (list []Reading, err error) {
	const endOfTime ledger.Day = 29991231
	err = shadow.Statement(ctx, l, tap.Subject, tap.Day, endOfTime, func(row ledger.Row) error {
		if r, ok := readingOf(&row); ok && row.Key() != tap {
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// readingOf reads a row of a card; ok is false where it is neither a tap nor a written load.
func readingOf(row *ledger.Row) (r Reading, ok bool) {
	if row.IsMemo() && row.Kind != docket.KindRecord {
		return r, false
	}
	var is message.Reading
	_, _, tap := identity.ParseSpend([]byte(row.ID))
	_, load := identity.ParseLoadWritten([]byte(row.ID))
	switch {
	case tap:
		is, ok = message.TapReading(row.Evidence)
	case load:
		is, ok = message.LoadReading(row.Evidence)
	}
	return Reading{Time: hex.EncodeToString(is.Time[:]), Load: load, Counter: int64(is.Counter), Balance: int64(is.Balance), Fen: int64(row.Amount)}, ok
}

package release

import (
	"context"
	"fmt"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Release asks for a suspended transfer to be released.
type Release struct {
	Row ledger.Key
	// To is the account that gets the money: an operator or a channel for a tap, an operator's
	// pending account for another city's tap, and for a load that nobody paid the channel that owes
	// it. A load unlike its order, or too high, goes to the order's channel.
	To string
	By ledger.Approval
}

// Parts of a release.
const (
	partWhole = 1 // of a tap, or of a load that nobody paid
	partOrder = 2 // what the order covers of a load
	partRest  = 3 // what is left of order or load
)

// Suspended is a transfer that waits, or waited.
type Suspended struct {
	Row      ledger.Key
	Reason   verdict.Reason
	Fen      ledger.Fen
	Owed     bool // the suspense account is owed the money: a load
	Foreign  bool // another city's tap: nobody here can check its TAC
	Released bool
	Booked   ledger.Day
}

// suspendedRow reads a row as a suspended transfer; ok is false for any other row.
func suspendedRow(reader *docket.Reader, row *ledger.Row) (s Suspended, ok bool) {
	booked, ok := reader.Row(row)
	if !ok || row.IsMemo() || booked.Verdict != verdict.Suspended {
		return s, false
	}
	return Suspended{
		Row: ledger.Key{Day: row.Day, Subject: row.Subject, ID: row.ID}, Reason: booked.Reason, Fen: row.Amount,
		Owed: booked.Owed, Foreign: booked.Foreign, Booked: row.BookingDay,
	}, true
}

// Release releases a whole suspended transfer, once. The error is a *Refusal if that is not
// possible.
func (o *Office) Release(ctx context.Context, r Release) (Done, error) {
	accounts, err := o.Ledger.Accounts(ctx)
	if err != nil {
		return Done{}, err
	}
	if _, open := accounts.Account(r.To); !open {
		return Done{}, refuse("there is no account %q", r.To).todo("citycard account lists them")
	}
	row, ok, err := o.Ledger.Find(ctx, r.Row)
	if err != nil {
		return Done{}, err
	}
	waiting, suspended := suspendedRow(docket.NewReader(), &row)
	if !ok || !suspended {
		return Done{}, refuse("row %s is no suspended transfer", RowName(r.Row)).todo("citycard suspense list shows the rows")
	}
	data, err := evidence{ActRelease, RowName(r.Row), r.To}.encode()
	if err != nil {
		return Done{}, err
	}
	d := &decision{name: ActRelease, by: r.By, what: fmt.Sprintf("%s, %s: %d fen to %s", maskedRow(r.Row), waiting.Reason, waiting.Fen, r.To)}
	suspense := chart.Suspense(waiting.Reason)
	whole := part(r.Row, partWhole)
	switch {
	case waiting.Reason == verdict.LoadAmount || waiting.Reason == verdict.LoadUncovered || waiting.Reason == verdict.LoadTooHigh:
		if err := o.againstOrder(ctx, accounts, d, waiting, r.To, data); err != nil {
			return Done{}, err
		}
	case waiting.Owed && !isTo(r.To, "channel"):
		return Done{}, refuse("a load that nobody paid is owed by a channel, not by %q", r.To).todo("give --to channel:ID")
	case waiting.Owed:
		d.add(whole, r.To, suspense, waiting.Fen, chart.PurposeRelease, data)
	case waiting.Foreign && !isTo(r.To, "pending"):
		return Done{}, refuse("another city's tap, which is not verified, is released to pending:OPERATOR, not to %q", r.To).todo("give --to pending:OPERATOR")
	case !waiting.Foreign && !isTo(r.To, "operator", "channel"):
		return Done{}, refuse("a suspended tap is released to an operator or a channel, not to %q", r.To).todo("give --to operator:ID or channel:ID")
	default:
		d.add(whole, suspense, r.To, waiting.Fen, chart.PurposeRelease, data)
	}
	return o.book(ctx, d)
}

func part(row ledger.Key, number byte) ledger.Key {
	return ledger.Key{Day: row.Day, Subject: row.Subject, ID: identity.Release(number, row.ID)}
}

// againstOrder settles a load unlike its order out of what the channel paid for it.
func (o *Office) againstOrder(ctx context.Context, accounts *ledger.Chart, d *decision, s Suspended, to string, data []byte) error {
	written, ok := identity.WrittenLoad(s.Row.ID)
	order := load.Order{Card: s.Row.Subject, Load: written}
	if _, err := load.Standing(ctx, o.Ledger.Amounts, []*load.Order{&order}); err != nil {
		return err
	}
	paid, found, err := o.Ledger.Find(ctx, order.Paid())
	switch {
	case err != nil:
		return err
	case !ok || !found || paid.IsMemo():
		return refuse("the order of row %s is not in the books", RowName(s.Row)).todo("look the load up with citycard tap show")
	}
	channel, _ := accounts.ByID(paid.Debit)
	if to != channel.Code {
		return refuse("its order was paid by %s, not by %q", channel.Code, to).todo("give --to %s", channel.Code)
	}
	suspense := chart.Suspense(s.Reason)
	d.add(part(s.Row, partOrder), chart.Unwritten, suspense, min(paid.Amount, s.Fen), chart.PurposeRelease, data)
	switch rest := paid.Amount - s.Fen; {
	case rest > 0:
		d.add(part(s.Row, partRest), chart.Unwritten, channel.Code, rest, chart.PurposeLoadRefund, data)
	case rest < 0:
		d.add(part(s.Row, partRest), channel.Code, suspense, -rest, chart.PurposeRelease, data)
	}
	return nil
}

// List calls fn for each transfer that was suspended in the clearing days from first
// to last, released or not. It reads those days once, in constant memory.
func (o *Office) List(ctx context.Context, first, last ledger.Day, fn func(Suspended) error) error {
	const chunk = 1000
	var waiting []Suspended
	reader := docket.NewReader()
	flush := func() error {
		if err := o.released(ctx, waiting); err != nil {
			return err
		}
		for _, s := range waiting {
			if err := fn(s); err != nil {
				return err
			}
		}
		waiting = waiting[:0]
		return nil
	}
	err := o.Ledger.Scan(ctx, first, last, func(row ledger.Row) error {
		s, ok := suspendedRow(reader, &row)
		if !ok {
			return nil
		}
		if waiting = append(waiting, s); len(waiting) < chunk {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// released notes which of them were released.
func (o *Office) released(ctx context.Context, waiting []Suspended) error {
	keys := make([]ledger.Key, 0, 2*len(waiting))
	for _, s := range waiting {
		keys = append(keys, part(s.Row, partWhole), part(s.Row, partOrder))
	}
	amounts, err := o.Ledger.Amounts(ctx, keys)
	if err != nil {
		return err
	}
	for i := range waiting {
		if amounts[2*i] > 0 || amounts[2*i+1] > 0 {
			waiting[i].Released = true
		}
	}
	return nil
}

package load

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/ledger"
)

// Turnover adds up, of what was booked in a day, how many loads a channel was charged for less
// those that it got back, their sum, and the commission that is booked.
func Turnover(code string, turnovers []ledger.Turnover) (loads int64, sum, commission ledger.Fen) {
	account := ledger.IDOfCode(code)
	for _, t := range turnovers {
		sign := int64(0)
		switch account {
		case t.Debit:
			sign = 1
		case t.Credit:
			sign = -1
		default:
			continue
		}
		switch t.Purpose {
		case chart.PurposeLoadAuthorised, chart.PurposeLoadPlaced, chart.PurposeLoadRefund, chart.PurposeLoadWithdrawn:
			loads, sum = loads+sign*t.Count, sum+ledger.Fen(sign)*t.Sum
		case chart.PurposeCommission:
			commission -= ledger.Fen(sign) * t.Sum
		}
	}
	return loads, sum, commission
}

// StatementLine is what a day's bookings of one purpose did to what a channel owes.
type StatementLine struct {
	Day     ledger.Day // clearing day
	Purpose string
	Count   int64
	Fen     ledger.Fen // above zero: it owes more
}

// Statement lists what was booked on a channel's account in each clearing day from first to last,
// by purpose: loads, what was given back, cash of sales, returned cards, remittances, commission;
// and how many orders have an invoice that came to its state on the day. An invoice is counted
// once, on the day of its last change: the line of a past day gets smaller as its invoices change.
func Statement(ctx context.Context, l *ledger.Ledger, channel string, first, last ledger.Day, fn func(StatementLine) error) error {
	days, err := l.Days(ctx)
	if err != nil {
		return err
	}
	account := ledger.IDOfCode(chart.Channel(channel))
	invoices, err := invoicesBy(ctx, l, channel, first, last)
	if err != nil {
		return err
	}
	for _, d := range days {
		if d.Day < first || d.Day > last {
			continue
		}
		turnovers, err := l.Turnovers(ctx, d.Day)
		if err != nil {
			return fmt.Errorf("statement of a channel: %w", err)
		}
		lines := map[string]*StatementLine{}
		for _, t := range turnovers {
			if t.Debit != account && t.Credit != account {
				continue
			}
			name := chart.PurposeName(t.Purpose)
			if lines[name] == nil {
				lines[name] = &StatementLine{Day: d.Day, Purpose: name}
			}
			line := lines[name]
			line.Count += t.Count
			if t.Debit == account {
				line.Fen += t.Sum
			} else {
				line.Fen -= t.Sum
			}
		}
		for _, line := range slices.SortedFunc(maps.Values(lines), func(a, b *StatementLine) int { return cmp.Compare(a.Purpose, b.Purpose) }) {
			if err := fn(*line); err != nil {
				return err
			}
		}
		for _, line := range invoices[d.Day] {
			if err := fn(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// invoicesBy counts, by the day of the last change, a channel's orders by how their invoices stand.
func invoicesBy(ctx context.Context, l *ledger.Ledger, channel string, first, last ledger.Day) (map[ledger.Day][]StatementLine, error) {
	var all map[ledger.Day][]StatementLine
	err := l.Look(ctx, func(tx pgx.Tx) error {
		all = map[ledger.Day][]StatementLine{} // Look may run it again
		rows, err := tx.Query(ctx, `SELECT day, state, count(*) FROM load_invoices WHERE channel = $1 AND day >= $2 AND day <= $3 AND state <> 'none'
			GROUP BY day, state ORDER BY day, state`, channel, first, last)
		if err != nil {
			return err
		}
		var line StatementLine
		var state InvoiceState
		_, err = pgx.ForEachRow(rows, []any{&line.Day, &state, &line.Count}, func() error {
			line.Purpose = "invoice " + string(state)
			all[line.Day] = append(all[line.Day], line)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("statement of a channel: %w", err)
	}
	return all, nil
}

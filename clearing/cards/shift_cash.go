package cards

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// over is what the order says is over in the drawer, below zero short: in a shift that closes, and
// as one begins that a person opens with other cash than was left. It is a difference of who
// signs for the count. Who counted before cannot say what became of the cash since.
func (s *shifting) over() ledger.Fen {
	switch s.order.Do {
	case Opens:
		return s.shift.Start - s.shift.Due
	case Closes:
		return s.shift.Difference()
	case HandsOver, GivesBack:
	}
	return 0
}

// alone refuses a difference that is more than the person may say alone, with those of the same day
// and month.
func (s *shifting) alone(ctx context.Context, tx pgx.Tx) error {
	over := s.over()
	if s.by.Second != "" || over == 0 {
		return nil
	}
	var day, month ledger.Fen
	err := tx.QueryRow(ctx, `SELECT coalesce(sum(CASE WHEN day = $2 THEN abs(fen) ELSE 0 END), 0)::INT8, coalesce(sum(abs(fen)), 0)::INT8
		FROM shift_cash WHERE person = $1 AND day >= $3 AND day <= $2 AND what <> 'hand_over' AND second = ''`, s.by.First, s.day, firstOf(s.day)).Scan(&day, &month)
	if err != nil {
		return fmt.Errorf("add up what was over and short: %w", err)
	}
	more, before := max(over, -over), language.Textf("%s has said %s yuan of the day and %s of the month alone before", s.by.First, day.String(), month.String())
	switch {
	case more+day > s.most:
		return &TwoError{KindCash, language.Textf("%w: more than %s yuan of a day together takes two people (%w)", s.differs(), s.most.String(), before)}
	case more+month > s.mostMonth:
		return &TwoError{KindCash, language.Textf("%w: more than %s yuan of a month together takes two people (%w)", s.differs(), s.mostMonth.String(), before)}
	}
	return nil
}

// differs says what the difference is of.
func (s *shifting) differs() *language.Text {
	if s.order.Do == Opens {
		return language.Textf("%s yuan were left and %s are there", s.shift.Due.String(), s.shift.Start.String())
	}
	return language.Textf("%s yuan are expected and %s are counted", s.shift.Expected().String(), s.shift.Counted.String())
}

// firstOf is the first day of a day's month.
func firstOf(day ledger.Day) ledger.Day { return day - day%100 + 1 }

// money is what the order books; its amount is 0 where it books nothing.
func (s *shifting) money(day ledger.Day, id ledger.ID) ledger.Transfer {
	channel := chart.Channel(s.order.Channel)
	t := ledger.Transfer{
		Day: day, Subject: ledger.Subject(channel), ID: identity.CardMoney(0, id), Purpose: chart.PurposeShiftDifference,
		Debit: ledger.IDOfCode(channel), Credit: ledger.IDOfCode(chart.Differences), Amount: s.over(),
	}
	if s.order.Do == HandsOver { // it owes that no more, and the bank is still to have it
		t.Purpose, t.Amount = chart.PurposeHandedOver, s.order.Handed
		t.Debit, t.Credit = ledger.IDOfCode(chart.Handed(s.order.Channel)), t.Debit
	}
	if t.Amount < 0 {
		t.Debit, t.Credit, t.Amount = t.Credit, t.Debit, -t.Amount
	}
	return t
}

// keepCash keeps what the order has booked.
func (s *shifting) keepCash(ctx context.Context, tx pgx.Tx) error {
	o, fen := s.order, s.over()
	if o.Do == HandsOver {
		fen = o.Handed
	}
	if fen == 0 {
		return nil
	}
	var last int64
	err := tx.QueryRow(ctx, "SELECT coalesce(max(entry), 0) FROM shift_cash").Scan(&last)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO shift_cash (entry, unit, number, shift, what, at, day, person, second, place, fen)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, last+1, string(o.Unit()), o.Number, s.shift.Number, string(o.Do), s.now.Unix(), s.day, s.by.First, s.by.Second, o.To, fen)
	}
	if err != nil {
		return fmt.Errorf("keep the cash of a shift: %w", err)
	}
	return nil
}

// HandedOver is cash that was handed over.
type HandedOver struct {
	Entry  int64 // the newest has the highest
	Unit   people.Unit
	Order  string
	Shift  int64
	At     time.Time
	Person string // who handed it over
	Second string // who received it
	To     string
	Fen    ledger.Fen
}

// HandedOver lists what was handed over, the newest first: of a unit, where it is not empty, and
// with lower numbers of entries than before, where that is not 0.
func (o *Office) HandedOver(ctx context.Context, unit people.Unit, before int64, limit int) (list []HandedOver, err error) {
	err = o.Ledger.Look(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT entry, unit, number, shift, at, person, second, place, fen FROM shift_cash
			WHERE what = 'hand_over' AND ($1 = '' OR unit = $1) AND ($2 = 0 OR entry < $2) ORDER BY entry DESC LIMIT $3`, string(unit), before, limit)
		if err == nil {
			list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (h HandedOver, err error) {
				var at int64
				err = row.Scan(&h.Entry, &h.Unit, &h.Order, &h.Shift, &at, &h.Person, &h.Second, &h.To, &h.Fen)
				h.At = time.Unix(at, 0)
				return h, err
			})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list what was handed over: %w", err)
	}
	return list, nil
}

// DifferencesOf is what a person has said is over and short in a unit's shifts.
type DifferencesOf struct {
	Person string
	Unit   people.Unit
	Times  int64
	Over   ledger.Fen
	Short  ledger.Fen // above zero
	Alone  ledger.Fen // of both together: what nobody else has signed
}

// DifferencesAsked says which differences are added up.
type DifferencesAsked struct {
	Unit     people.Unit // empty: of all
	From, To ledger.Day
	After    string // only persons behind this one, in order
	Limit    int
}

// Differences adds up, for each person, what was over and short.
func (o *Office) Differences(ctx context.Context, asked DifferencesAsked) (list []DifferencesOf, err error) {
	if !asked.From.Valid() || !asked.To.Valid() || asked.From > asked.To {
		return nil, &OrderError{"from", language.Textf("want days, the first not after the last")}
	}
	err = o.Ledger.Look(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT person, min(unit), count(*), coalesce(sum(fen) FILTER (WHERE fen > 0), 0)::INT8, coalesce(-sum(fen) FILTER (WHERE fen < 0), 0)::INT8,
				coalesce(sum(abs(fen)) FILTER (WHERE second = ''), 0)::INT8
			FROM shift_cash WHERE what <> 'hand_over' AND ($1 = '' OR unit = $1) AND day >= $2 AND day <= $3 AND person > $4 GROUP BY person ORDER BY person LIMIT $5`,
			string(asked.Unit), asked.From, asked.To, asked.After, asked.Limit)
		if err == nil {
			list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d DifferencesOf, err error) {
				return d, row.Scan(&d.Person, &d.Unit, &d.Times, &d.Over, &d.Short, &d.Alone)
			})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("add up what was over and short: %w", err)
	}
	return list, nil
}

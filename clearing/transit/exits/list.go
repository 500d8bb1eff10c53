package exits

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// Kept is an exit ticket, as it is kept.
type Kept struct {
	Ticket   *message.ExitTicket // with what is said of it where it no longer counts
	Booked   ledger.Day          // the clearing day on which it was kept; 0 where only its end came
	Voided   ledger.Day          // the one on which it was kept that it no longer counts; 0 for one that does
	Operator string              // that has the desk by the registry, or docket.UnregisteredOperator
}

// Filter selects what is listed.
type Filter struct {
	First, Last ledger.Day // on which the tickets were given
	Operator    string     // empty: all
	Station     uint32     // 0: all
}

// List calls fn for each ticket, by day, desk and number. It keeps the tickets of one desk and day.
func List(ctx context.Context, l *ledger.Ledger, f Filter, fn func(*Kept) error) error {
	edition, err := places(ctx, l)
	if err != nil {
		return err
	}
	for day := f.First; day <= f.Last; day = day.Next() {
		desk := &desk{filter: &f, edition: edition, fn: fn}
		err := l.ReadByKey(ctx, func(tx pgx.Tx) error {
			return ledger.EachRow(ctx, tx, desk.add, "journal WHERE effective_day = $1 AND subject >= $2 AND subject < $3 ORDER BY effective_day, subject, id",
				day, []byte("desk:"), []byte("desk;"))
		})
		if err == nil {
			err = desk.end()
		}
		if err != nil {
			return fmt.Errorf("exit tickets of day %s: %w", day, err)
		}
	}
	return nil
}

func places(ctx context.Context, l *ledger.Ledger) (*index.Edition, error) {
	edition, err := registry.NewStore(l.Pool()).Load(ctx, registry.Terminals, registry.SAMs)
	if errors.Is(err, registry.ErrEmpty) {
		return &index.Edition{}, nil
	}
	return edition, err
}

// desk has the tickets of one desk and day. Those come first, then what no longer counts, both by
// number.
type desk struct {
	filter  *Filter
	edition *index.Edition
	fn      func(*Kept) error

	subject ledger.Subject
	kept    []*Kept
	at      map[uint32]int // of a number in kept
}

func (d *desk) add(row ledger.Row) error {
	if row.Kind != docket.KindNoted {
		return nil
	}
	if row.Subject != d.subject {
		if err := d.end(); err != nil {
			return err
		}
		d.subject, d.kept, d.at = row.Subject, nil, map[uint32]int{}
	}
	t, err := message.CheckExitTicket(row.Evidence)
	if err != nil {
		return fmt.Errorf("a record of %s: %w", row.Subject, err)
	}
	at, known := d.at[t.GetNumber()]
	if !known {
		at = len(d.kept)
		d.at[t.GetNumber()], d.kept = at, append(d.kept, &Kept{Operator: OperatorOf(d.edition, t)})
	}
	k := d.kept[at]
	if t.GetVoid() == nil {
		k.Booked = row.BookingDay
	} else {
		k.Voided = row.BookingDay
	}
	k.Ticket = t
	return nil
}

func (d *desk) end() error {
	for _, k := range d.kept {
		if d.filter.Operator != "" && k.Operator != d.filter.Operator || d.filter.Station != 0 && k.Ticket.GetStation() != d.filter.Station {
			continue
		}
		if err := d.fn(k); err != nil {
			return err
		}
	}
	return nil
}

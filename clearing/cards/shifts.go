package cards

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// Shift is a shift at a counter.
type Shift struct {
	Number         int64
	Unit           people.Unit
	Counter        string
	Opened, Closed time.Time // Closed is zero of an open one
	OpenedBy       string
	ClosedBy       string
	Start          ledger.Fen // cash at the beginning
	Steps          ledger.Fen // what acts on cards brought, less what they gave
	Loaded         ledger.Fen // what loads brought
	Counted        ledger.Fen
	Repeated       bool
}

// Expected is the cash that there should be.
func (s *Shift) Expected() ledger.Fen { return s.Start + s.Steps + s.Loaded }

// Difference is what is over, below zero short, in a closed shift.
func (s *Shift) Difference() ledger.Fen {
	if s.Closed.IsZero() {
		return 0
	}
	return s.Counted - s.Expected()
}

// Act is the order's act as policy and audit name it.
func (o *ShiftOrder) Act() string {
	if o.Ends {
		return ActCloseShift
	}
	return ActOpenShift
}

// Check refuses an order that is wrong by itself, with an *OrderError.
func (o *ShiftOrder) Check() error {
	wrong := func(field string, what *language.Text) error { return &OrderError{field, what} }
	if !identity.IsName(o.Number, MaxOrder) {
		return wrong("order", language.Textf("want 1 to %d visible bytes", MaxOrder))
	}
	if _, err := people.ParseUnit(string(o.Unit())); err != nil {
		return wrong("channel", language.Textf("want the id of a channel"))
	}
	if !identity.IsName(o.Counter, 32) {
		return wrong("counter", language.Textf("want 1 to %d visible bytes", 32))
	}
	for field, fen := range map[string]ledger.Fen{"start_fen": o.Start, "loaded_fen": o.Loaded, "counted_fen": o.Counted} {
		if fen < 0 || fen > ledger.MaxAmount {
			return wrong(field, language.Textf("want an amount that is not below zero"))
		}
	}
	return nil
}

const selectShift = "SELECT number, unit, counter, opened, opened_by, closed, closed_by, start_fen, steps_fen, loaded_fen, counted_fen FROM shifts "

func scanShift(row pgx.Row) (s Shift, err error) {
	var opened, closed int64
	err = row.Scan(&s.Number, &s.Unit, &s.Counter, &opened, &s.OpenedBy, &closed, &s.ClosedBy, &s.Start, &s.Steps, &s.Loaded, &s.Counted)
	s.Opened = time.Unix(opened, 0)
	if closed != 0 {
		s.Closed = time.Unix(closed, 0)
	}
	return s, err
}

// shifting is an order that is being done.
type shifting struct {
	office  *Office
	order   *ShiftOrder
	by      ledger.Approval
	content [sha256.Size]byte
	now     time.Time
	shift   Shift
}

// Shift opens or closes a shift. What a closed one is over or short is booked.
func (o *Office) Shift(ctx context.Context, order *ShiftOrder, by ledger.Approval) (*Shift, error) {
	err := order.Check()
	if err == nil {
		err = by.ValidateAlone()
	}
	if err != nil {
		return nil, err
	}
	figures, err := o.InForce(ctx)
	if err == nil {
		err = o.channel(ctx, order.Channel, figures.today())
	}
	if err != nil {
		return nil, err
	}
	s := &shifting{office: o, order: order, by: by, now: figures.Now, content: order.Content()}
	if !by.At.IsZero() {
		s.now = by.At
	}
	if again, err := s.again(ctx, o.Ledger.Pool()); again != nil || err != nil {
		return again, err
	}
	out, err := o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error { return s.prepare(ctx, tx, b) }
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			return nil, s.finish(ctx, tx, out)
		}
		return nil
	})
	switch {
	case errors.Is(err, errAgain):
		return s.again(ctx, o.Ledger.Pool())
	case err != nil:
		return nil, err
	case out == nil:
		return nil, fmt.Errorf("order %s booked nothing", order.Number)
	}
	return &s.shift, nil
}

// again finds an order that was done before.
func (s *shifting) again(ctx context.Context, q querier) (*Shift, error) {
	_, number, found, err := ordered(ctx, q, string(s.order.Unit()), s.order.Number, s.content)
	if err != nil || !found {
		return nil, err
	}
	shift, err := scanShift(q.QueryRow(ctx, selectShift+"WHERE number = $1", number))
	if err != nil {
		return nil, fmt.Errorf("read shift %d: %w", number, err)
	}
	shift.Repeated = true
	return &shift, nil
}

func (s *shifting) prepare(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	o := s.order
	if again, err := s.again(ctx, tx); err != nil || again != nil {
		return errors.Join(err, errIf(again != nil, errAgain))
	}
	open, err := scanShift(tx.QueryRow(ctx, selectShift+"WHERE unit = $1 AND counter = $2 AND closed = 0"+locking, string(o.Unit()), o.Counter))
	none := errors.Is(err, pgx.ErrNoRows)
	switch {
	case err != nil && !none:
		return fmt.Errorf("read the open shift: %w", err)
	case o.Ends && none:
		return refusal(language.Textf("no shift is open at counter %s of %s", o.Counter, string(o.Unit())), language.Textf("nothing is to be closed"))
	case !o.Ends && !none:
		return refusal(language.Textf("shift %d of %s is open at counter %s", open.Number, open.OpenedBy, o.Counter), language.Textf("close it first"))
	}
	b.Transfers = nil
	if s.shift = open; o.Ends {
		s.shift.Loaded, s.shift.Counted, s.shift.Closed, s.shift.ClosedBy = o.Loaded, o.Counted, second(s.now), s.by.First
	} else {
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(number), 0) + 1 FROM shifts").Scan(&s.shift.Number); err != nil {
			return fmt.Errorf("number a shift: %w", err)
		}
		s.shift.Unit, s.shift.Counter, s.shift.Opened, s.shift.OpenedBy, s.shift.Start = o.Unit(), o.Counter, second(s.now), s.by.First, o.Start
	}
	s.fill(b)
	return nil
}

func errIf(is bool, err error) error {
	if is {
		return err
	}
	return nil
}

// shiftNote is what the journal has of an order of a shift.
type shiftNote struct {
	Shift   int64       `json:"shift"`
	Unit    people.Unit `json:"unit"`
	Counter string      `json:"counter"`
	Order   string      `json:"order"`
	Ends    bool        `json:"ends,omitempty"`
	Start   ledger.Fen  `json:"start_fen"`
	Steps   ledger.Fen  `json:"steps_fen"`
	Loaded  ledger.Fen  `json:"loaded_fen"`
	Counted ledger.Fen  `json:"counted_fen"`
}

func (s *shifting) note() shiftNote {
	o, of := s.order, &s.shift
	return shiftNote{of.Number, of.Unit, of.Counter, o.Number, o.Ends, of.Start, of.Steps, of.Loaded, of.Counted}
}

// fill makes the note of the order, and the transfer of what is over or short.
func (s *shifting) fill(b *ledger.Batch) {
	channel, id := chart.Channel(s.order.Channel), identity.CardStep(string(s.order.Unit()), s.order.Number)
	text, _ := json.Marshal(s.note()) // it has nothing that cannot be written
	note := ledger.Transfer{Day: b.Day, Subject: ledger.Subject(channel), ID: id, Act: ledger.KeepMemo, Evidence: text}
	money := ledger.Transfer{
		Day: b.Day, Subject: ledger.Subject(channel), ID: identity.CardMoney(0, id), Purpose: chart.PurposeShiftDifference,
		Debit: ledger.IDOfCode(channel), Credit: ledger.IDOfCode(chart.Differences), Amount: s.shift.Difference(),
	}
	if money.Amount < 0 {
		money.Debit, money.Credit, money.Amount = money.Credit, money.Debit, -money.Amount
	}
	if money.Amount == 0 {
		b.Transfers = []ledger.Transfer{note}
		return
	}
	note.Linked = true
	b.Transfers = []ledger.Transfer{note, money}
}

func (s *shifting) finish(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) error {
	for _, answer := range out.Transfers {
		if answer.Result != ledger.Inserted {
			return refusal(language.Textf("the ledger refused: %v", answer.Err), language.Textf("look at the accounts with citycard account"))
		}
	}
	of := &s.shift
	closed := int64(0)
	if !of.Closed.IsZero() {
		closed = of.Closed.Unix()
	}
	if _, err := tx.Exec(ctx, `INSERT INTO shifts (number, unit, counter, opened, opened_by, closed, closed_by, start_fen, steps_fen, loaded_fen, counted_fen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (number) DO UPDATE SET closed = excluded.closed, closed_by = excluded.closed_by,
		loaded_fen = excluded.loaded_fen, counted_fen = excluded.counted_fen`,
		of.Number, string(of.Unit), of.Counter, of.Opened.Unix(), of.OpenedBy, closed, of.ClosedBy, of.Start, of.Steps, of.Loaded, of.Counted); err != nil {
		return fmt.Errorf("keep shift %d: %w", of.Number, err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO card_orders (unit, number, content, card, step) VALUES ($1, $2, $3, $4, $5)",
		string(s.order.Unit()), s.order.Number, s.content[:], []byte{}, of.Number); err != nil {
		return fmt.Errorf("keep an order: %w", err)
	}
	text, err := json.Marshal(s.order)
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, s.order.Act(), string(text), s.by)
}

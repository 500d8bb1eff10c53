package cards

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
	"citycard/language"
	"citycard/ledger"
)

// shifting is an order that is being done.
type shifting struct {
	office  *Office
	order   *ShiftOrder
	by      ledger.Approval
	content [sha256.Size]byte
	now     time.Time
	day     ledger.Day // of now, in the city's zone
	// most and mostMonth are what one person says alone that is over or short.
	most, mostMonth ledger.Fen
	// terminals are the counter's by the registry, of a shift that opens.
	terminals string
	shift     Shift

	shown *cashState // to two people

	back struct{ card, id []byte } // row of what is given back
}

// Shift does something with a shift. What one is over or short at its close, or as it is opened
// otherwise, is booked; more than the products' figures takes two people. So does cash that is
// handed over, which somebody receives.
func (o *Office) Shift(ctx context.Context, order *ShiftOrder, by ledger.Approval) (*Shift, error) {
	return o.shift(ctx, order, by, nil)
}

// shift does it; of what two do, shown is how the shift stood as both were shown it.
func (o *Office) shift(ctx context.Context, order *ShiftOrder, by ledger.Approval, shown *cashState) (*Shift, error) {
	err := order.Check()
	if err == nil && by.Second == "" {
		err = by.ValidateAlone()
	}
	if err != nil {
		return nil, err
	}
	s, err := o.shifts(ctx, order, by)
	if err != nil {
		return nil, err
	}
	s.shown = shown
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
	return &s.shift, s.shift.addLoads(ctx, o.Ledger.Pool())
}

func (o *Office) shifts(ctx context.Context, order *ShiftOrder, by ledger.Approval) (*shifting, error) {
	figures, err := o.InForce(ctx)
	if err == nil {
		err = o.channel(ctx, order.Channel, figures.today())
	}
	if err != nil {
		return nil, err
	}
	rule := figures.Products.On(figures.today())
	s := &shifting{
		office: o, order: order, by: by, now: figures.Now, content: order.Content(),
		most: rule.ShiftDifferenceFen, mostMonth: cmp.Or(rule.MonthDifferenceFen, rule.ShiftDifferenceFen),
	}
	if !by.At.IsZero() {
		s.now = by.At
	}
	if s.day = ledger.DayOf(s.now.In(figures.Now.Location())); order.Do == Opens {
		s.terminals, err = o.terminalsAt(ctx, order.Channel, order.Counter, s.day)
	}
	return s, err
}

// terminalsAt are the terminals that stand at a counter on a day, as the registry has it.
func (o *Office) terminalsAt(ctx context.Context, channel, counter string, day ledger.Day) (string, error) {
	edition, err := registry.NewStore(o.Ledger.Pool()).Counters(ctx)
	if err != nil {
		return "", err
	}
	var all []string
	for _, terminal := range edition.AtCounter(channel, counter, day) {
		all = append(all, hex.EncodeToString(terminal[:]))
	}
	if len(all) == 0 {
		return "", refusal(language.Textf("the registry has no terminal at counter %s of channel %q on %v", counter, channel, day),
			language.Textf("have counters.csv imported, with a line for each terminal of the counter: %s", registry.CounterColumns()))
	}
	return strings.Join(all, " "), nil
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
	return &shift, shift.addLoads(ctx, q)
}

func (s *shifting) prepare(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	o := s.order
	if again, err := s.again(ctx, tx); err != nil || again != nil {
		return errors.Join(err, errIf(again != nil, errAgain))
	}
	last, err := lastShift(ctx, tx, o.Unit(), o.Counter, locking)
	if err != nil {
		return err
	}
	if err := s.asShown(ctx, tx, last); err != nil {
		return err
	}
	b.Transfers = nil
	switch s.shift = last; o.Do {
	case Opens:
		err = s.opens(ctx, tx)
	case Closes:
		err = s.closes(ctx, tx)
	case HandsOver:
		err = s.handsOver(ctx, tx)
	case GivesBack:
		err = s.givesBack(ctx, tx)
	}
	if err != nil {
		return err
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

// opens opens a shift with what the one before, which s.shift still is, has left.
func (s *shifting) opens(ctx context.Context, tx pgx.Tx) error {
	o, last := s.order, s.shift
	if last.Number != 0 && last.Closed.IsZero() {
		return refusal(language.Textf("shift %d of %s is open at counter %s", last.Number, last.OpenedBy, o.Counter), language.Textf("close it first"))
	}
	s.shift = Shift{
		Unit: o.Unit(), Counter: o.Counter, Terminals: s.terminals, Opened: second(s.now), OpenedBy: s.by.First, Start: o.Start, Due: last.Left(),
	}
	if err := tx.QueryRow(ctx, "SELECT coalesce(max(number), 0) + 1 FROM shifts").Scan(&s.shift.Number); err != nil {
		return fmt.Errorf("number a shift: %w", err)
	}
	return s.follows(ctx, tx)
}

// follows refuses a shift while another one has a terminal of its counter, and one that does not
// begin as the last one has left it, unless a supervisor opens it otherwise.
func (s *shifting) follows(ctx context.Context, tx pgx.Tx) error {
	o := s.order
	other, err := s.atTerminals(ctx, tx)
	switch {
	case err != nil:
		return err
	case other.Number != 0:
		return refusal(language.Textf("shift %d of %s has terminals of these, at counter %s", other.Number, other.OpenedBy, other.Counter), language.Textf("close it first"))
	case !o.Otherwise && o.Start != s.shift.Due:
		return refusal(language.Textf("the shift before has left %s yuan in the drawer, and not %s", s.shift.Due.String(), o.Start.String()),
			language.Textf("count again; a supervisor may open it otherwise, with a reason"))
	}
	return s.alone(ctx, tx)
}

// atTerminals is an open shift that has one of the shift's terminals: one that stood at another
// counter the day before.
func (s *shifting) atTerminals(ctx context.Context, tx pgx.Tx) (of Shift, err error) {
	at, err := terminals(s.terminals)
	if err == nil {
		of, err = scanShift(tx.QueryRow(ctx, selectShift+"WHERE number = (SELECT shift FROM shift_terminals WHERE terminal = ANY($1) ORDER BY terminal LIMIT 1)", at))
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return Shift{}, nil
	}
	if err != nil {
		return of, fmt.Errorf("read the shifts at a terminal: %w", err)
	}
	return of, nil
}

// open refuses what needs an open shift at the counter, of who does it or with a supervisor.
func (s *shifting) open(ctx context.Context, tx pgx.Tx) error {
	if s.shift.Number == 0 || !s.shift.Closed.IsZero() {
		return refusal(language.Textf("no shift is open at counter %s of %s", s.order.Counter, string(s.order.Unit())), language.Textf("nothing is to be closed"))
	}
	return s.office.owns(ctx, tx, s.by, &s.shift)
}

// owns refuses what is done in a shift by somebody who has not opened it, and is no supervisor.
func (o *Office) owns(ctx context.Context, tx pgx.Tx, by ledger.Approval, of *Shift) error {
	if by.First == of.OpenedBy || by.First == of.ClosedBy && by.First != "" {
		return nil
	}
	err := error(&people.DeniedError{Person: people.Person{ID: by.First}, Act: ActAnothers, Unit: of.Unit})
	if o.Supervises != nil {
		err = o.Supervises(ctx, tx, by, of.Unit)
	}
	if errors.As(err, new(*people.DeniedError)) {
		return refusal(language.Textf("shift %d is of %s", of.Number, of.OpenedBy), language.Textf("who has opened it does it, or a supervisor"))
	}
	return err
}

func (s *shifting) closes(ctx context.Context, tx pgx.Tx) error {
	if err := s.open(ctx, tx); err != nil {
		return err
	}
	o, of := s.order, &s.shift
	if err := of.addLoads(ctx, tx); err != nil {
		return err
	}
	of.Claimed, of.Counted, of.Closed, of.ClosedBy = o.Loaded, o.Counted, second(s.now), s.by.First
	return s.alone(ctx, tx)
}

// handsOver takes cash out of the drawer, which somebody else receives.
func (s *shifting) handsOver(ctx context.Context, tx pgx.Tx) error {
	o, of := s.order, &s.shift
	if of.Number == 0 {
		return refusal(language.Textf("counter %s of %s had no shift yet", o.Counter, string(o.Unit())), language.Textf("open one first"))
	}
	if err := s.office.owns(ctx, tx, s.by, of); err != nil {
		return err
	}
	now := *of
	if err := now.addLoads(ctx, tx); err != nil {
		return err
	}
	if left := now.Left(); o.Handed > left {
		return refusal(language.Textf("%s yuan should be in the drawer, and not %s", left.String(), o.Handed.String()), language.Textf("count again"))
	}
	if of.Closed.IsZero() {
		of.Handed += o.Handed
	} else {
		of.Later += o.Handed
	}
	if s.by.Second == "" {
		return &TwoError{KindCash, language.Textf("who receives the %s yuan signs as well", o.Handed.String())}
	}
	return nil
}

// ShiftNote is what the journal has of an order of a shift: the shift as the order has left it, and
// what was handed over by it.
type ShiftNote struct {
	Shift     int64       `json:"shift"`
	Do        ShiftDo     `json:"do"`
	Unit      people.Unit `json:"unit"`
	Counter   string      `json:"counter"`
	Terminals string      `json:"terminals"`
	Order     string      `json:"order"`
	Start     ledger.Fen  `json:"start_fen"`
	Due       ledger.Fen  `json:"due_fen"`
	Steps     ledger.Fen  `json:"steps_fen"`
	Loaded    ledger.Fen  `json:"loaded_fen"`
	Claimed   ledger.Fen  `json:"claimed_fen"`
	Counted   ledger.Fen  `json:"counted_fen"`
	Handed    ledger.Fen  `json:"handed_fen"`
	By        ledger.Fen  `json:"by_it_fen"` // handed over by this order
	Ended     bool        `json:"ended"`     // the shift was closed before it
	// Load is the order of the load whose cash it gave back, and Back how much.
	Load string     `json:"load,omitempty"`
	Back ledger.Fen `json:"back_fen,omitempty"`
}

func (s *shifting) note() ShiftNote {
	o, of := s.order, &s.shift
	return ShiftNote{
		of.Number, o.Do, of.Unit, of.Counter, of.Terminals, o.Number, of.Start, of.Due, of.Steps, of.Loaded, of.Claimed, of.Counted, of.Handed, o.Handed,
		o.Do == HandsOver && !of.Closed.IsZero(), o.Load, o.Given,
	}
}

// fill makes the note of the order, and the transfer of what it books.
func (s *shifting) fill(b *ledger.Batch) {
	channel, id := chart.Channel(s.order.Channel), identity.CardStep(string(s.order.Unit()), s.order.Number)
	text, _ := json.Marshal(s.note()) // it has nothing that cannot be written
	note := ledger.Transfer{Day: b.Day, Subject: ledger.Subject(channel), ID: id, Act: ledger.KeepMemo, Evidence: text}
	money := s.money(b.Day, id)
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
	err := s.shift.keep(ctx, tx)
	switch {
	case err != nil:
	case s.order.Do == Opens:
		err = s.shift.sit(ctx, tx)
	case s.order.Do == Closes:
		err = s.shift.rise(ctx, tx)
	case s.order.Do == GivesBack:
		err = s.gaveBack(ctx, tx)
	}
	if err != nil {
		return err
	}
	if err := s.keepCash(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO card_orders (unit, number, content, card, step) VALUES ($1, $2, $3, $4, $5)",
		string(s.order.Unit()), s.order.Number, s.content[:], []byte{}, s.shift.Number); err != nil {
		return fmt.Errorf("keep an order: %w", err)
	}
	text, err := proposal.Body(s.order)
	if err != nil {
		return err
	}
	if s.by.Second != "" {
		return ledger.Approve(ctx, tx, ActByTwo, string(text), s.by)
	}
	return ledger.Record(ctx, tx, s.order.Act(), string(text), s.by)
}

// keep writes the shift's row.
func (s *Shift) keep(ctx context.Context, tx pgx.Tx) error {
	closed := int64(0)
	if !s.Closed.IsZero() {
		closed = s.Closed.Unix()
	}
	_, err := tx.Exec(ctx, `INSERT INTO shifts (number, unit, counter, terminals, opened, opened_by, closed, closed_by, start_fen, due_fen, steps_fen, loaded_fen, claimed_fen,
			handed_fen, later_fen, counted_fen)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (number) DO UPDATE SET closed = excluded.closed,
		closed_by = excluded.closed_by, loaded_fen = excluded.loaded_fen, claimed_fen = excluded.claimed_fen, handed_fen = excluded.handed_fen,
		later_fen = excluded.later_fen, counted_fen = excluded.counted_fen`,
		s.Number, string(s.Unit), s.Counter, s.Terminals, s.Opened.Unix(), s.OpenedBy, closed, s.ClosedBy, s.Start, s.Due, s.Steps, s.Loaded, s.Claimed,
		s.Handed, s.Later, s.Counted)
	if err != nil {
		return fmt.Errorf("keep shift %d: %w", s.Number, err)
	}
	return nil
}

package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/tunion"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/ledger"
)

// Placer says whose order number a waiting load has: a channel's, or that of the card whose balance
// the load is.
type Placer string

// PlacedBy is a channel that has the customer's money.
func PlacedBy(channel string) Placer { return Placer(chart.Channel(channel)) }

// PlacedFor is a card whose balance goes onto another one.
func PlacedFor(was identity.Card) Placer { return Placer("card:" + was.Digits()) }

// Channel is the placer's channel; empty if it is a card.
func (p Placer) Channel() string {
	kind, id, _ := strings.Cut(string(p), ":")
	if kind != "channel" {
		return ""
	}
	return id
}

// Masked is the placer with the end of a card's number alone.
func (p Placer) Masked() string {
	if p.Channel() != "" {
		return string(p)
	}
	return "card:" + tunion.Masked(string(p))
}

// subject is the subject of the placer's orders in the journal; ok is false where it is no placer.
func (p Placer) subject() (subject ledger.Subject, ok bool) {
	kind, id, _ := strings.Cut(string(p), ":")
	switch {
	case kind == "channel" && id != "" && len(p) <= ledger.MaxKey:
		return ledger.Subject(p), true
	case kind != "card":
		return "", false
	}
	digits, err := hex.DecodeString(id)
	if err != nil || PlacedFor(identity.Card(append(digits, make([]byte, len(identity.Card{}))...)[:len(identity.Card{})])) != p {
		return "", false
	}
	return ledger.Subject(digits), true
}

// maxOrder is how many characters an order number may have.
const maxOrder = 64

// IsNumber reports whether a paid order may have such a number: it is part of the names of files,
// of receipts among others. It has 1 to 64 letters, digits, hyphens and underscores, and begins
// with a letter or a digit.
func IsNumber(number string) bool {
	return number != "" && len(number) <= maxOrder && number[0] != '-' && number[0] != '_' && !strings.ContainsFunc(number, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// BalanceNumber is the number of the order by which a card's balance waits for another card. No
// other card and no other step of this one has it.
func BalanceNumber(was identity.Card, step int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "balance of %s, step %d", was.Digits(), step))
	return "T-" + hex.EncodeToString(sum[:8])
}

// Placement is a paid load that is to wait for its card. Transfer goes into the batch of the
// one who places it, and Keep into that batch's transaction.
type Placement struct {
	Placer Placer
	Number string // of the order: the placer's, 1 to 64 characters
	Card   identity.Card
	Fen    ledger.Fen
	Source string // code of the account that pays: the placer's channel, or where the balance is
	// Terminal is where cash was taken for it, 12 hexadecimal digits; empty: nowhere.
	Terminal string
}

// placed is what the journal has of a placement beside its accounts and amount.
type placed struct {
	Placer Placer     `json:"placer"`
	Number string     `json:"order"`
	Card   string     `json:"card"`
	Fen    ledger.Fen `json:"fen"`
	Source string     `json:"source"`
	// Terminal is where cash was taken.
	Terminal string `json:"terminal,omitempty"`
}

// ReadPlacement reads the evidence of the row by which a load was placed.
func ReadPlacement(evidence []byte) (Placement, error) {
	var is placed
	if err := json.Unmarshal(evidence, &is); err != nil {
		return Placement{}, fmt.Errorf("a placed load: %w", err)
	}
	digits, err := hex.DecodeString(is.Card)
	card, ok := identity.ParseCard(digits)
	if err != nil || !ok {
		return Placement{}, fmt.Errorf("a placed load: %q is no card", is.Card)
	}
	return Placement{is.Placer, is.Number, card, is.Fen, is.Source, is.Terminal}, nil
}

// key is that of the placer's order number. An order that is authorised at once has the same.
func (p *Placement) key() (ledger.Key, error) {
	subject, ok := p.Placer.subject()
	if !ok || p.Number == "" || len(p.Number) > maxOrder {
		return ledger.Key{}, fmt.Errorf("order %q of %q: want 1 to %d characters, of channel:ID or card:DIGITS", p.Number, p.Placer, maxOrder)
	}
	return ledger.Key{Day: identity.NoDay, Subject: subject, ID: identity.LoadOrder(p.Number)}, nil
}

// Transfer is the row that takes the money: from the source to what waits for a card. A repeat is a
// duplicate; the number of another order is a conflict.
func (p *Placement) Transfer() (ledger.Transfer, error) {
	key, err := p.key()
	if err != nil {
		return ledger.Transfer{}, err
	}
	if !IsNumber(p.Number) {
		return ledger.Transfer{}, fmt.Errorf("order %q of %q: want letters, digits, hyphens and underscores", p.Number, p.Placer)
	}
	evidence, err := json.Marshal(placed{p.Placer, p.Number, p.Card.Digits(), p.Fen, p.Source, p.Terminal})
	if err != nil {
		return ledger.Transfer{}, fmt.Errorf("place a load: %w", err)
	}
	return ledger.Transfer{
		Day: key.Day, Subject: key.Subject, ID: key.ID, Debit: ledger.IDOfCode(p.Source), Credit: ledger.IDOfCode(chart.Waiting),
		Amount: p.Fen, Purpose: chart.PurposeLoadPlaced, Evidence: evidence,
	}, nil
}

// Keep stores, in the transaction that books the transfer, that the load waits. booked is the
// batch's day. It is for a transfer that is new (ledger.Inserted).
func (p *Placement) Keep(ctx context.Context, tx pgx.Tx, booked ledger.Day) error {
	return keepPlaced(ctx, tx, []Placement{*p}, booked)
}

// keepPlaced does that for many, in one statement.
func keepPlaced(ctx context.Context, tx pgx.Tx, all []Placement, booked ledger.Day) error {
	var placers, numbers, sources []string
	var subjects, ids, cards [][]byte
	var fen []int64
	for i := range all {
		p := &all[i]
		key, err := p.key()
		if err != nil {
			return fmt.Errorf("keep a waiting load: %w", err)
		}
		placers, numbers, sources = append(placers, string(p.Placer)), append(numbers, p.Number), append(sources, p.Source)
		subjects, ids, cards = append(subjects, []byte(key.Subject)), append(ids, []byte(key.ID)), append(cards, p.Card[:])
		fen = append(fen, int64(p.Fen))
	}
	_, err := tx.Exec(ctx, `INSERT INTO waiting_loads (placer, number, subject, id, card, fen, source, booked, state, type, sequence, load)
		SELECT placer, number, subject, id, card, fen, source, $8::INT4, 'waiting', 0, 0, ''::BYTEA
		FROM unnest($1::TEXT[], $2::TEXT[], $3::BYTEA[], $4::BYTEA[], $5::BYTEA[], $6::INT8[], $7::TEXT[]) AS p (placer, number, subject, id, card, fen, source)`,
		placers, numbers, subjects, ids, cards, fen, sources, booked)
	if err != nil {
		return fmt.Errorf("keep waiting loads: %w", err)
	}
	return nil
}

// State is how a paid load stands.
type State string

// The states.
const (
	StateUnknown    State = "unknown"    // there is no such order
	StateWaiting    State = "waiting"    // its card has not been presented yet
	StateAuthorised State = "authorised" // MAC2 was given out; the card has not confirmed it
	StateWritten    State = "written"    // the card has confirmed it
	StateOver       State = "over"       // its card has ended without confirming it, and its money went with the card's balance
	StateRefunded   State = "refunded"   // the channel has the money back
	StateGroup      State = "group"      // it is for many cards, whose orders have its number and -1, -2, …
	StateWithdrawn  State = "withdrawn"  // two people took it back before it came onto a card
	StateHeld       State = "held"       // it waits; its card may have it, so a person decides
)

// Waiting is a load that waits, or waited, for its card.
type Waiting struct {
	Placement
	Booked ledger.Day // the clearing day on which it was placed
	State  State
	Load   identity.Load // as which it was authorised
	// Refunded is the load of its card as which it was authorised and given back last; nil: none
	// of this card.
	Refunded *identity.Load
	Moves    int64 // how often it went over to another card; Card is the last one
}

// AlteredError says that a row, which it names, cannot be what the program wrote.
type AlteredError struct{ Row string }

func (e *AlteredError) Error() string { return e.Row }

const (
	waitingColumns = "placer, number, card, fen, source, booked, CASE WHEN held AND state = 'waiting' THEN 'held' ELSE state END, load, refunded, moves"
	selectWaiting  = "SELECT " + waitingColumns + " FROM waiting_loads "
)

// aWaiting scans a row of selectWaiting.
func aWaiting(row pgx.CollectableRow) (Waiting, error) { return scanWaiting(row) }

// scanWaiting scans waitingColumns, and more columns behind them.
func scanWaiting(row pgx.CollectableRow, more ...any) (w Waiting, err error) {
	var card, as, refunded []byte
	if err := row.Scan(append([]any{&w.Placer, &w.Number, &card, &w.Fen, &w.Source, &w.Booked, &w.State, &as, &refunded, &w.Moves}, more...)...); err != nil {
		return w, err
	}
	known, ok := false, true
	if w.Card, known = identity.ParseCard(card); len(as) > 0 {
		w.Load, ok = identity.AuthorisedLoad(ledger.ID(as))
	}
	if len(refunded) > 0 && ok {
		was, is := identity.AuthorisedLoad(ledger.ID(refunded))
		w.Refunded, ok = &was, is
	}
	if !known || !ok {
		return w, &AlteredError{fmt.Sprintf("waiting load %s of %s: %x is no card, or %x no load", w.Number, w.Placer, card, as)}
	}
	return w, nil
}

// WaitingIn reads one waiting load in a transaction; with lock its row stays as it is until the
// transaction ends.
func WaitingIn(ctx context.Context, tx pgx.Tx, placer Placer, number string, lock bool) (w Waiting, found bool, err error) {
	query := selectWaiting + "WHERE placer = $1 AND number = $2"
	if lock {
		query += " FOR UPDATE"
	}
	rows, err := tx.Query(ctx, query, string(placer), number)
	if err == nil {
		w, err = pgx.CollectExactlyOneRow(rows, aWaiting)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return w, false, nil
	}
	if err != nil {
		return w, false, fmt.Errorf("read a waiting load: %w", err)
	}
	return w, true, nil
}

// FindWaiting reads one waiting load.
func FindWaiting(ctx context.Context, l *ledger.Ledger, placer Placer, number string) (w Waiting, found bool, err error) {
	err = l.Look(ctx, func(tx pgx.Tx) error {
		w, found, err = WaitingIn(ctx, tx, placer, number, false)
		return err
	})
	return w, found, err
}

// After is where a page of waiting loads begins.
type After struct {
	Booked ledger.Day
	Placer Placer
	Number string
}

// ListWaiting reads those loads that are on no card yet, oldest first, up to limit.
func ListWaiting(ctx context.Context, l *ledger.Ledger, after After, limit int) (list []Waiting, err error) {
	err = l.Look(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectWaiting+`WHERE state IN ('waiting', 'authorised') AND (booked, placer, number) > ($1, $2, $3)
			ORDER BY booked, placer, number LIMIT $4`, after.Booked, string(after.Placer), after.Number, limit)
		if err == nil {
			list, err = pgx.CollectRows(rows, aWaiting)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list waiting loads: %w", err)
	}
	return list, nil
}

// becomes stores, in a transaction that has the row locked, how a waiting load stands now, and as
// which load it was authorised.
func (w *Waiting) becomes(ctx context.Context, tx pgx.Tx, state State, as *identity.Load) error {
	var kind, sequence int64
	id := []byte{}
	if as != nil {
		kind, sequence, id = int64(as.Kind), int64(as.Sequence), []byte(identity.LoadAuthorised(*as))
	}
	_, err := tx.Exec(ctx, "UPDATE waiting_loads SET state = $3, type = $4, sequence = $5, load = $6 WHERE placer = $1 AND number = $2",
		string(w.Placer), w.Number, string(state), kind, sequence, id)
	if err != nil {
		return fmt.Errorf("keep a waiting load: %w", err)
	}
	return nil
}

// Again stores, in the transaction of its refund, that an authorised load waits again, and as which
// load it was given back.
func (w *Waiting) Again(ctx context.Context, tx pgx.Tx) error {
	if err := w.becomes(ctx, tx, StateWaiting, nil); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE waiting_loads SET refunded = $3 WHERE placer = $1 AND number = $2", string(w.Placer), w.Number, []byte(identity.LoadAuthorised(w.Load)))
	if err != nil {
		return fmt.Errorf("keep the refund of a waiting load: %w", err)
	}
	return nil
}

// keepWaited stores which of the loads that a batch has as written had waited for their card.
func keepWaited(ctx context.Context, tx pgx.Tx, cards [][]byte, kinds, sequences []int64) error {
	_, err := tx.Exec(ctx, `UPDATE waiting_loads AS w SET state = 'written' FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[]) AS o (card, type, sequence)
		WHERE w.card = o.card AND w.type = o.type AND w.sequence = o.sequence AND w.state = 'authorised'`, cards, kinds, sequences)
	if err != nil {
		return fmt.Errorf("keep written loads that waited: %w", err)
	}
	return nil
}

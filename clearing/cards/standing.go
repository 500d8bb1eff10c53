package cards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/ledger"
)

// Standing is what the last step has left of a card.
type Standing struct {
	Number  string     `json:"number"` // 20 digits
	State   State      `json:"state"`
	Since   ledger.Day `json:"since"`
	Product string     `json:"product,omitempty"`
	Deposit ledger.Fen `json:"deposit_fen,omitempty"` // what is held of it
	// Holder is a keyed token of the holder's certificate, in hexadecimal; empty: nobody's.
	Holder string `json:"holder,omitempty"`
	// Lapses is the first day on which a loss for now is over, or on which the money of a card that
	// was handed in is paid.
	Lapses ledger.Day `json:"lapses,omitempty"`
	// Shelved is what the purse of an inactive card had, which is on another account until the card
	// is used again.
	Shelved ledger.Fen `json:"shelved_fen,omitempty"`
	Expires ledger.Day `json:"expires,omitempty"` // after it was extended; 0: as the registry has it
	Social  Function   `json:"social,omitempty"`
	Bank    Function   `json:"bank,omitempty"`
	// BankDay and BankSequence are those of what the bank said last; 0: it has said nothing yet.
	BankDay      ledger.Day `json:"bank_day,omitempty"`
	BankSequence int64      `json:"bank_sequence,omitempty"`
	Other        string     `json:"other,omitempty"` // the card that took its place, or whose place it took
	// Serial is that of the piece of stock that it was made of; 0: a card of before.
	Serial int64 `json:"serial,omitempty"`
}

// Amount is a part of what something costs.
type Amount struct {
	What Line       `json:"what"`
	Fen  ledger.Fen `json:"fen"` // paid by the customer; below zero, given to them
}

// Due is what the registry is to say because of a step: a row of the hotlist, or the last day of
// the card.
type Due struct {
	Since   int64      `json:"since,omitempty"` // YYYYMMDDhhmmss; 0: what is listed ends
	Until   int64      `json:"until,omitempty"` // 0: no end
	Reason  string     `json:"reason,omitempty"`
	Expires ledger.Day `json:"expires,omitempty"`
}

// GivenOver is a torn load of a card that was replaced: nobody knows whether that card had it, and
// it can be used no more, so its money goes to the card that took its place.
type GivenOver struct {
	Kind     byte       `json:"kind"`
	Sequence uint16     `json:"sequence"`
	Attempt  uint8      `json:"attempt,omitempty"`
	To       string     `json:"to"` // account
	Fen      ledger.Fen `json:"fen"`
}

// Record is what a row of card_steps and its note in the journal have.
type Record struct {
	Step    int64       `json:"step"`
	Do      Do          `json:"do"`
	At      int64       `json:"at"` // seconds since 1970
	Unit    people.Unit `json:"unit,omitempty"`
	Counter string      `json:"counter,omitempty"`
	Order   string      `json:"order"`
	Shift   int64       `json:"shift,omitempty"`
	Amounts []Amount    `json:"amounts,omitempty"`
	Emptied ledger.Fen  `json:"emptied_fen,omitempty"`
	Tap     string      `json:"emptied_tap,omitempty"`
	ByTwo   bool        `json:"by_two,omitempty"` // two people have let it be done
	Salt    string      `json:"salt,omitempty"`   // of the digest of the cards' numbers, which was signed
	// Content is the hash of all that the order asked for, in hexadecimal; empty where the step is
	// not the one of its order: of a new card that takes another one's place, and by rule.
	Content string `json:"content,omitempty"`
	Due     *Due   `json:"due,omitempty"`
	// Unproved: it lists a card of which nobody has shown that it is theirs.
	Unproved bool        `json:"unproved,omitempty"`
	Torn     []GivenOver `json:"torn,omitempty"`
	// Back are torn loads that went over before, and of which the card's word came after all: it
	// gives back what that brought.
	Back []GivenOver `json:"back,omitempty"`
	// Float is what a step by rule moves to the card's purse, below zero from it, beside what then
	// waits for another card.
	Float ledger.Fen `json:"float_fen,omitempty"`
	Left  Standing   `json:"left"`
}

// Cash is what went over the counter for the step itself: what the customer paid, less what was
// given to them.
func (r *Record) Cash() ledger.Fen { return cash(r.Amounts) }

func cash(amounts []Amount) (sum ledger.Fen) {
	for _, a := range amounts {
		sum += a.Fen
	}
	return sum
}

// ID is that of the record's note in the journal.
func (r *Record) ID() ledger.ID { return identity.CardStep(string(r.Unit), r.Order) }

// Step is a record with when and by whom it was done.
type Step struct {
	Record
	Day    ledger.Day
	At     time.Time
	Person string
}

// querier is a pool of connections, or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// locking has a card's row stay as it is until the transaction ends.
const locking = " FOR UPDATE"

// standing reads a card as it stands; of one that is not there, the state is Unknown.
func standing(ctx context.Context, q querier, card identity.Card, lock string) (s Standing, steps int64, err error) {
	var text string
	err = q.QueryRow(ctx, "SELECT steps, stands FROM cards WHERE card = $1"+lock, card[:]).Scan(&steps, &text)
	if errors.Is(err, pgx.ErrNoRows) {
		return Standing{State: Unknown}, 0, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	if err != nil {
		return s, 0, fmt.Errorf("read card %s: %w", card, err)
	}
	return s, steps, nil
}

// keep writes a step, the card as it leaves it, and what the registry is to say because of it.
func keep(ctx context.Context, tx pgx.Tx, card identity.Card, r *Record, day ledger.Day, person string) error {
	batch := &pgx.Batch{}
	if err := queue(batch, card, r, day, person); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("keep a step of card %s: %w", card, err)
	}
	return nil
}

// queue adds to a batch what keep writes.
func queue(batch *pgx.Batch, card identity.Card, r *Record, day ledger.Day, person string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	left, err := json.Marshal(r.Left)
	if err != nil {
		return err
	}
	batch.Queue("INSERT INTO card_steps (card, number, day, at, person, id, record) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		card[:], r.Step, day, r.At, person, []byte(r.ID()), string(text))
	if r.Do == Return && r.Emptied > 0 {
		batch.Queue("INSERT INTO emptied_purses (card, step, unit, shift, fen, tap, booked) VALUES ($1, $2, $3, $4, $5, $6, 0)", card[:], r.Step, string(r.Unit), r.Shift, r.Emptied, r.Tap)
	}
	batch.Queue(`INSERT INTO cards (card, state, lapses, steps, stands) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (card) DO UPDATE SET state = excluded.state, lapses = excluded.lapses, steps = excluded.steps, stands = excluded.stands`,
		card[:], string(r.Left.State), r.Left.Lapses, r.Step, string(left))
	if of := r.Due; of != nil {
		batch.Queue("INSERT INTO registry_dues (card, step, number, since, until, reason, expires, change) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
			card[:], r.Step, r.Left.Number, of.Since, of.Until, of.Reason, of.Expires)
	}
	return nil
}

// steps reads those of a card, oldest first; of a number, that one alone.
func steps(ctx context.Context, q querier, card identity.Card, number int64) ([]Step, error) {
	rows, err := q.Query(ctx, "SELECT day, at, person, record FROM card_steps WHERE card = $1 AND ($2 = 0 OR number = $2) ORDER BY number", card[:], number)
	if err != nil {
		return nil, fmt.Errorf("read the steps of card %s: %w", card, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Step, err error) {
		var text string
		var at int64
		if err = row.Scan(&s.Day, &at, &s.Person, &text); err == nil {
			s.At, err = time.Unix(at, 0), json.Unmarshal([]byte(text), &s.Record)
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the steps of card %s: %w", card, err)
	}
	return list, nil
}

package load

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
)

// KindWithdraw is the kind of proposal that takes a load back which waits for its card, and
// ActWithdraw the audit's act.
const (
	KindWithdraw = "load withdraw"
	ActWithdraw  = "withdraw load"
)

// StreamWithdraw is where withdrawals are booked.
const StreamWithdraw = "withdrawn"

// Withdraw asks for a waiting load to be taken back.
type Withdraw struct {
	Placer Placer `json:"placer"`
	Order  string `json:"order"`
	// To is the account that gets the money. Empty: the channel that placed it. A card's balance
	// goes to a channel that pays it out.
	To string `json:"to,omitempty"`
}

// Withdrawals show and book what takes waiting loads back.
type Withdrawals struct {
	Ledger *ledger.Ledger
	Owner  string // who leases the stream, for the log
}

// withdrawal is what one books.
type withdrawal struct {
	Withdraw
	placement ledger.Key
	fen       ledger.Fen
	booked    string // the day on which it was placed
	state     State
	taken     []Taken // cash that its counters give back
}

func refused(text, todo *language.Text) *proposal.Refusal {
	return &proposal.Refusal{Text: text, Todo: todo}
}

func (o *Withdrawals) show(ctx context.Context, r Withdraw) (*withdrawal, error) {
	key, err := (&Placement{Placer: r.Placer, Number: r.Order}).key()
	if err != nil {
		return nil, refused(language.Textf("no order %q of %q can wait", r.Order, string(r.Placer)), language.Textf("name the placer as channel:ID or card:DIGITS, and its order number"))
	}
	w, found, err := FindWaiting(ctx, o.Ledger, r.Placer, r.Order)
	listed := language.Textf("citycard load waiting lists them")
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, refused(language.Textf("no order %q of %s waits", r.Order, string(r.Placer)), listed)
	case w.State == StateAuthorised:
		return nil, refused(language.Textf("MAC2 was given out for it, at the card's sequence %d: it may be on the card", w.Load.Sequence),
			language.Textf("look at the card; citycard load refund lets it wait again"))
	case w.State == StateWritten:
		return nil, refused(language.Textf("its card has it"), language.Textf("nothing is to be taken back"))
	}
	if w.State != StateWithdrawn {
		if err := o.Ledger.Look(ctx, func(tx pgx.Tx) error { return NotInvoiced(ctx, tx, r.Placer, r.Order) }); err != nil {
			return nil, err
		}
	}
	if r.To, err = payee(r); err != nil {
		return nil, err
	}
	accounts, err := o.Ledger.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	if _, open := accounts.Account(r.To); !open {
		return nil, refused(language.Textf("there is no account %q", r.To), language.Textf("citycard account lists them"))
	}
	done := &withdrawal{Withdraw: r, placement: key, fen: w.Fen, booked: w.Booked.String(), state: w.State}
	done.taken, err = o.taken(ctx, done)
	return done, err
}

// taken is the cash that was taken at a counter for what is withdrawn, as it is given back.
func (o *Withdrawals) taken(ctx context.Context, w *withdrawal) ([]Taken, error) {
	row, found, err := o.Ledger.Find(ctx, w.placement)
	if err != nil || !found {
		return nil, err
	}
	all, err := TakenFor(row.Evidence)
	for i := range all {
		all[i].Key, all[i].Fen = w.key(), -all[i].Fen
	}
	return all, err
}

// payee is the account that gets the money back.
func payee(r Withdraw) (string, error) {
	own := r.Placer.Channel()
	switch {
	case own != "" && (r.To == "" || r.To == chart.Channel(own)):
		return chart.Channel(own), nil
	case own != "":
		return "", refused(language.Textf("it was paid by %s, not by %q", chart.Channel(own), r.To), language.Textf("leave --to out"))
	case chart.KindOf(r.To) != "channel":
		return "", refused(language.Textf("a card's balance goes to a channel, which pays it out, and not to %q", r.To), language.Textf("give --to channel:ID"))
	}
	return r.To, nil
}

func (w *withdrawal) key() ledger.Key {
	return ledger.Key{Day: identity.NoDay, Subject: w.placement.Subject, ID: identity.LoadWithdrawn(w.Order)}
}

// change is the withdrawal as two people sign it.
func (w *withdrawal) change() *proposal.Change {
	return &proposal.Change{
		Unit:      people.Issuer,
		Rows:      []proposal.Row{proposal.RowOf("waiting load", string(w.Placer)+" "+w.Order, string(w.state)).Alters("state", string(w.state), string(StateWithdrawn))},
		Transfers: []proposal.Transfer{{Debit: chart.Waiting, Credit: w.To, Fen: w.fen}},
		Effects:   []proposal.Effect{proposal.Effectf("it has waited for its card since %s", w.booked)},
	}
}

// text is the audit's, which is exported: a card's number is shortened.
func (w *withdrawal) text() string {
	return fmt.Sprintf("order %s of %s: %d fen to %s", w.Order, w.Placer.Masked(), w.fen, w.To)
}

func (o *Withdrawals) do(ctx context.Context, w *withdrawal, by ledger.Approval) error {
	if err := by.Validate(); err != nil {
		return err
	}
	key := w.key()
	out, err := o.Ledger.PostOnce(ctx, StreamWithdraw, o.Owner, 0, func(b *ledger.Batch) error {
		b.Transfers = []ledger.Transfer{{
			Day: key.Day, Subject: key.Subject, ID: key.ID, Debit: ledger.IDOfCode(chart.Waiting), Credit: ledger.IDOfCode(w.To),
			Amount: w.fen, Purpose: chart.PurposeLoadWithdrawn,
		}}
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error {
			is, found, err := WaitingIn(ctx, tx, w.Placer, w.Order, true)
			if err == nil && (!found || is.State != w.state) {
				err = refused(language.Textf("it was authorised or taken back just now"), language.Textf("look at it again"))
			}
			if err == nil {
				err = NotInvoiced(ctx, tx, w.Placer, w.Order)
			}
			return err
		}
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			if out.Transfers[0].Result != ledger.Inserted {
				return nil, nil
			}
			is := Waiting{Placement: Placement{Placer: w.Placer, Number: w.Order}}
			if err := is.becomes(ctx, tx, StateWithdrawn, nil); err != nil {
				return nil, err
			}
			if err := KeepTaken(ctx, tx, nil, w.taken...); err != nil {
				return nil, err
			}
			return nil, ledger.Approve(ctx, tx, ActWithdraw, w.text(), by)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if answer := out.Transfers[0]; answer.Disputed || answer.Result != ledger.Inserted && answer.Result != ledger.Duplicate {
		return refused(language.Textf("the ledger refused: %v", answer.Err), language.Textf("look at the accounts with citycard account"))
	}
	return nil
}

// Kind is the kind of proposal that takes a waiting load back.
func (o *Withdrawals) Kind() proposal.Kind {
	return proposal.Of(KindWithdraw, func(ctx context.Context, r Withdraw) (*proposal.Change, error) {
		w, err := o.show(ctx, r)
		switch {
		case err != nil:
			return nil, err
		case w.state == StateWithdrawn:
			return nil, refused(language.Textf("it is booked already"), language.Textf("nothing is to be done"))
		}
		return w.change(), nil
	}, func(ctx context.Context, r Withdraw, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		w, err := o.show(ctx, r)
		if err == nil {
			err = o.do(ctx, w, by)
		}
		if err != nil {
			return proposal.Result{}, err
		}
		return proposal.Saying(language.Textf("%s -> %s %s", chart.Waiting, w.To, w.fen.String())), nil
	})
}

// WithdrawEntry is what the audit and the journal have of such an approval.
func WithdrawEntry() proposal.Entry {
	e := proposal.EntryOf(KindWithdraw, func(r Withdraw, shown *proposal.Change) (*proposal.Change, error) {
		w, err := signedWithdrawal(r, shown)
		if err != nil {
			return nil, err
		}
		return w.change(), nil
	}, func(r Withdraw, c *proposal.Change, said string) error {
		w, err := signedWithdrawal(r, c)
		if err != nil {
			return err
		}
		return proposal.ExpectText(said, w.text())
	})
	e.Books = func(body json.RawMessage, c *proposal.Change) ([][]proposal.Booking, error) {
		r, err := proposal.ReadRequest[Withdraw](body)
		if err != nil {
			return nil, err
		}
		w, err := signedWithdrawal(r, c)
		if err != nil {
			return nil, err
		}
		return [][]proposal.Booking{{{Key: w.key(), Transfer: c.Transfers[0]}}}, nil
	}
	return e
}

// signedWithdrawal is the one of a request, with what only the books know as the change has it: the
// amount, and the day.
func signedWithdrawal(r Withdraw, c *proposal.Change) (*withdrawal, error) {
	key, err := (&Placement{Placer: r.Placer, Number: r.Order}).key()
	if err != nil {
		return nil, err
	}
	if r.To, err = payee(r); err != nil {
		return nil, err
	}
	if len(c.Transfers) != 1 || c.Transfers[0].Fen <= 0 || len(c.Effects) != 1 || len(c.Effects[0].Args) != 1 || len(c.Rows) != 1 {
		return nil, fmt.Errorf("its change has not one row, one transfer and the day since when it waited")
	}
	state := State(c.Rows[0].State)
	if state != StateWaiting && state != StateHeld {
		return nil, fmt.Errorf("it is %q, want waiting or held", state)
	}
	day, err := ledger.ParseDay(c.Effects[0].Args[0])
	if err != nil {
		return nil, err
	}
	return &withdrawal{Withdraw: r, placement: key, fen: c.Transfers[0].Fen, booked: day.String(), state: state}, nil
}

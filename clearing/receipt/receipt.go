package receipt

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/release"
	"citycard/language"
	"citycard/ledger"
)

// Stream is where receipts and their reversals are booked.
const Stream = "receipts"

// Acts, as the audit has them.
const (
	ActBook    = "book receipt"
	ActReverse = "reverse receipt"
)

// MaxFen is the most that one receipt may have: a hundred billion yuan. Nine hundred thousand such
// receipts do not make more than an account's sums can hold.
const MaxFen ledger.Fen = 100_000_000_000_00

// Receipt is money that the bank reports.
type Receipt struct {
	Account   string // that the money belongs to
	Bank      string // the bank's account, on which it arrived
	Fen       ledger.Fen
	Reference string // the bank's, in the form that identity.Number gives
}

// New takes money for an account that may receive some, under the bank's reference.
func New(account string, fen ledger.Fen, reference string) (Receipt, error) {
	number, err := referenceOf(reference)
	if err != nil {
		return Receipt{}, err
	}
	if fen < 1 || fen > MaxFen {
		return Receipt{}, language.Textf("%s yuan: want 0.01 to %s", fen.String(), MaxFen.String())
	}
	r := Receipt{Account: account, Fen: fen, Reference: number}
	switch {
	case strings.HasPrefix(account, "channel:"), strings.HasPrefix(account, "handed:"), account == chart.Deposits, account == chart.Passes, account == chart.Fees:
		r.Bank = chart.Reserve
	case strings.HasPrefix(account, "fund:"):
		r.Bank = chart.BankMedical
	case account == chart.PensionFund:
		r.Bank = chart.BankPension
	default:
		return Receipt{}, language.Textf("--account %q: want channel:ID, handed:ID, %s, %s, %s, fund:ID or %s", account, chart.Deposits, chart.Passes, chart.Fees, chart.PensionFund)
	}
	return r, nil
}

func referenceOf(text string) (string, error) {
	number, err := identity.Number(text, 60)
	if err != nil {
		return "", language.Textf("--reference: %w", err)
	}
	return number, nil
}

// key is the receipt's key in the books. Its day is fixed, so that a reference is booked once, on
// whatever day it is repeated.
func (r *Receipt) key() ledger.Key {
	return ledger.Key{Day: identity.NoDay, Subject: ledger.Subject(r.Bank), ID: identity.Receipt(r.Reference)}
}

func (r *Receipt) transfer() ledger.Transfer {
	k := r.key()
	return ledger.Transfer{
		Day: k.Day, Subject: k.Subject, ID: k.ID,
		Debit: ledger.IDOfCode(r.Bank), Credit: ledger.IDOfCode(r.Account), Amount: r.Fen, Purpose: chart.PurposeReceipt,
	}
}

// Office books receipts.
type Office struct {
	Ledger *ledger.Ledger
	Owner  string // who leases the stream, for the log
}

// Effect is the transfer that an act books, or has booked.
type Effect struct {
	Reference     string
	Debit, Credit string
	Fen           ledger.Fen
	Stands        bool // the books had it before, so nothing changes
}

func (r *Receipt) effect() *Effect {
	return &Effect{Reference: r.Reference, Debit: r.Bank, Credit: r.Account, Fen: r.Fen}
}

func (e *Effect) String() string {
	return fmt.Sprintf("reference %s: %d fen, %s -> %s", e.Reference, e.Fen, e.Debit, e.Credit)
}

func refused(what, todo *language.Text) error { return &release.Refusal{Text: what, Todo: todo} }

// Show says what Book would do. It refuses a receipt for an unknown account, and one whose
// reference was booked for another receipt or was reversed, as a *release.Refusal.
func (o *Office) Show(ctx context.Context, r Receipt) (Effect, error) {
	effect := *r.effect()
	accounts, err := o.Ledger.Accounts(ctx)
	if err != nil {
		return effect, err
	}
	account, open := accounts.Account(r.Account)
	if !open {
		return effect, refused(language.Textf("there is no account %s", r.Account), language.Textf("citycard account lists them"))
	}
	row, found, err := o.Ledger.Find(ctx, r.key())
	if err != nil || !found {
		return effect, err
	}
	reversed, err := o.reversed(ctx, r.key())
	switch {
	case err != nil:
		return effect, err
	case reversed:
		return effect, refused(language.Textf("reference %s is of a receipt of %s yuan that was reversed", r.Reference, row.Amount),
			language.Textf("book money that came again under a reference of its own"))
	case row.Amount != r.Fen || row.Credit != account.ID:
		return effect, refused(language.Textf("reference %s is booked already with %s yuan to %s", r.Reference, row.Amount, codeOf(accounts, row.Credit)),
			language.Textf("correct --reference, or the amount and the account"))
	}
	effect.Stands = true
	return effect, nil
}

// Book books a receipt once, and the audit's entry with it. A receipt that stands already is left
// as it is.
func (o *Office) Book(ctx context.Context, r Receipt, by ledger.Approval) (Effect, error) {
	return o.once(ctx, ActBook, by, func(ctx context.Context) (Effect, ledger.Transfer, error) {
		effect, err := o.Show(ctx, r)
		return effect, r.transfer(), err
	})
}

// once posts what make gives, unless that stands already. If another process does the same
// meanwhile, it takes the stream, and make is asked again: so what make has read still holds when
// the transfer is posted.
func (o *Office) once(ctx context.Context, act string, by ledger.Approval, make func(context.Context) (Effect, ledger.Transfer, error)) (effect Effect, err error) {
	if err := by.Validate(); err != nil {
		return effect, err
	}
	out, err := o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		var transfer ledger.Transfer
		if effect, transfer, err = make(ctx); err != nil || effect.Stands {
			return err
		}
		b.Transfers = []ledger.Transfer{transfer}
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			if out.Transfers[0].Result != ledger.Inserted {
				return nil, nil
			}
			return nil, ledger.Approve(ctx, tx, act, effect.String(), by)
		}
		return nil
	})
	if err != nil || out == nil {
		return effect, err
	}
	return effect, refusal(&effect, out.Transfers[0])
}

// refusal says why the ledger did not take a transfer, nil where it did.
func refusal(effect *Effect, decision ledger.Decision) error {
	denied, is := errors.AsType[*ledger.TransferError](decision.Err)
	switch {
	case decision.Disputed:
		return fmt.Errorf("%s: other content stands under its key", effect)
	case decision.Result != ledger.Refused:
		return nil
	case is && (denied.Reason == ledger.ExceedsCredits || denied.Reason == ledger.ExceedsDebits):
		account := effect.Debit
		if denied.Reason == ledger.ExceedsDebits {
			account = effect.Credit
		}
		return refused(language.Textf("%s has not %s yuan left: the money of reference %s is used", account, effect.Fen, effect.Reference),
			language.Textf("citycard account shows what is available there"))
	}
	return refused(language.Textf("the ledger refused: %v", decision.Err), language.Textf("look at the accounts with citycard account"))
}

func codeOf(accounts *ledger.Chart, id ledger.AccountID) string {
	account, _ := accounts.ByID(id)
	return account.Code
}

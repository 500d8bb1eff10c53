package server

import (
	"context"
	"strings"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// Receipt is money that the bank reports.
type Receipt struct {
	Account   string
	Bank      string
	Fen       ledger.Fen
	Reference string
}

// NewReceipt takes money for an account that may receive some, under the bank's reference.
func NewReceipt(account string, fen ledger.Fen, reference string) (Receipt, error) {
	number, err := identity.Number(reference, 60)
	if err != nil {
		return Receipt{}, language.Textf("--reference: %w", err)
	}
	r := Receipt{Account: account, Fen: fen, Reference: number}
	switch {
	case strings.HasPrefix(account, "channel:"), account == chart.Deposits, account == chart.Passes, account == chart.Fees:
		r.Bank = chart.Reserve
	case strings.HasPrefix(account, "fund:"):
		r.Bank = chart.BankMedical
	case account == chart.PensionFund:
		r.Bank = chart.BankPension
	default:
		return Receipt{}, language.Textf("--account %q: want channel:ID, %s, %s, %s, fund:ID or %s", account, chart.Deposits, chart.Passes, chart.Fees, chart.PensionFund)
	}
	return r, nil
}

// key is the receipt's key in the books. Its day is fixed, so that a reference is booked once, on
// whatever day it is repeated.
func (r *Receipt) key() ledger.Key {
	return ledger.Key{Day: identity.NoDay, Subject: ledger.Subject(r.Bank), ID: identity.Receipt(r.Reference)}
}

// Receive books receipts that are not in the books yet, and says how many these were: the bank's
// account is debited, the account that the money belongs to credited. A Receipt whose reference was
// booked with another amount or account is refused before anything is booked, so that it leaves no
// dispute.
func Receive(ctx context.Context, l *ledger.Ledger, owner string, receipts ...Receipt) (booked int, err error) {
	// If another process books the same meanwhile, it takes the stream, and this function runs
	// again.
	out, err := l.PostOnce(ctx, "receipts", owner, 0, func(b *ledger.Batch) error {
		for i := range receipts {
			stands, err := receipts[i].stands(ctx, l)
			if err != nil {
				return err
			}
			if !stands {
				b.Transfers = append(b.Transfers, receipts[i].transfer())
			}
		}
		return nil
	})
	if err != nil || out == nil {
		return 0, err
	}
	for i, decision := range out.Transfers {
		switch {
		case decision.Disputed:
			return 0, language.Textf("post receipts: transfer %d: other content stands under its key", i)
		case decision.Result == ledger.Refused:
			return 0, language.Textf("post receipts: transfer %d: %s: %w", i, decision.Result, decision.Err)
		}
	}
	return len(out.Transfers), nil
}

func (r *Receipt) transfer() ledger.Transfer {
	k := r.key()
	return ledger.Transfer{
		Day: k.Day, Subject: k.Subject, ID: k.ID,
		Debit: ledger.IDOfCode(r.Bank), Credit: ledger.IDOfCode(r.Account), Amount: r.Fen, Purpose: chart.PurposeReceipt,
	}
}

// stands reports whether a receipt is in the books. It refuses a receipt for an unknown account,
// and one whose reference was booked for another receipt.
func (r *Receipt) stands(ctx context.Context, l *ledger.Ledger) (bool, error) {
	accounts, err := l.Accounts(ctx)
	if err != nil {
		return false, err
	}
	account, open := accounts.Account(r.Account)
	if !open {
		return false, service.Refuse("there is no account %s; nothing booked", r.Account).Todo("citycard account lists them")
	}
	row, found, err := l.Find(ctx, r.key())
	if err != nil || !found {
		return false, err
	}
	if row.Amount != r.Fen || row.Credit != account.ID {
		return false, service.Refuse("reference %s is booked already with %s yuan to %s; nothing booked", r.Reference, row.Amount, books.CodeOf(accounts, row.Credit)).Todo("correct --reference, or the amount and the account")
	}
	return true, nil
}

package receipt

import (
	"context"

	"citycard/clearing/chart"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// Reversal is a request to reverse a receipt.
type Reversal struct {
	Reference string
	Account   string // may be empty where only one bank has the reference
}

// NewReversal takes the bank's reference as it is typed.
func NewReversal(reference, account string) (Reversal, error) {
	number, err := referenceOf(reference)
	return Reversal{Reference: number, Account: account}, err
}

// ShowReversal says what Reverse would do. Whether the account has the money left is decided by the
// ledger alone, when it is booked.
func (o *Office) ShowReversal(ctx context.Context, r Reversal) (Effect, error) {
	effect, _, err := o.reversal(ctx, r)
	return effect, err
}

// Reverse takes the whole amount of a receipt back, once, and writes the audit's entry with it. The
// error is a *release.Refusal where there is no such receipt, or its money is used. A receipt that
// is reversed already is left as it is.
func (o *Office) Reverse(ctx context.Context, r Reversal, by ledger.Approval) (Effect, error) {
	return o.once(ctx, ActReverse, by, func(ctx context.Context) (Effect, ledger.Transfer, error) {
		return o.reversal(ctx, r)
	})
}

func (o *Office) reversal(ctx context.Context, r Reversal) (effect Effect, transfer ledger.Transfer, err error) {
	row, err := o.find(ctx, r)
	if err != nil {
		return effect, transfer, err
	}
	accounts, err := o.Ledger.Accounts(ctx)
	if err != nil {
		return effect, transfer, err
	}
	effect = Effect{Reference: r.Reference, Debit: codeOf(accounts, row.Credit), Credit: codeOf(accounts, row.Debit), Fen: row.Amount}
	if effect.Stands, err = o.reversed(ctx, row.Key()); err != nil {
		return effect, transfer, err
	}
	return effect, ledger.Transfer{Day: row.Day, Subject: row.Subject, ID: row.ID, Act: ledger.Reverse, Purpose: chart.PurposeReceipt}, nil
}

// find looks the receipt up under each bank.
func (o *Office) find(ctx context.Context, r Reversal) (row ledger.Row, err error) {
	var found []ledger.Row
	for _, bank := range []string{chart.Reserve, chart.BankMedical, chart.BankPension} {
		at := Receipt{Bank: bank, Reference: r.Reference}
		row, ok, err := o.Ledger.Find(ctx, at.key())
		if err != nil {
			return row, err
		}
		if ok && (r.Account == "" || row.Credit == ledger.IDOfCode(r.Account)) {
			found = append(found, row)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return row, refused(language.Textf("no receipt is booked under reference %s", r.Reference), language.Textf("check --reference and --account"))
	}
	return row, refused(language.Textf("%d banks have a receipt under reference %s: name the account that the money was booked to", len(found), r.Reference),
		language.Textf("give --account"))
}

// reversed reports whether the receipt under a key was reversed.
func (o *Office) reversed(ctx context.Context, k ledger.Key) (bool, error) {
	k.ID = reversalOf(k.ID)
	_, found, err := o.Ledger.Find(ctx, k)
	return found, err
}

func reversalOf(id ledger.ID) ledger.ID { return ledger.ID([]byte{chain.ReversalID}) + id }

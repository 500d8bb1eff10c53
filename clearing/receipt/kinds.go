package receipt

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"citycard/clearing/chart"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
)

// BookRequest asks for a receipt to be booked.
type BookRequest struct {
	Account   string     `json:"account"`
	Fen       ledger.Fen `json:"fen"`
	Reference string     `json:"reference"`
}

// ReverseRequest asks for a receipt to be reversed.
type ReverseRequest struct {
	Reference string `json:"reference"`
	Account   string `json:"account,omitempty"` // as in Reversal
}

// Kinds are the kinds of proposals about receipts. They have the names of the acts.
func Kinds(o *Office) []proposal.Kind {
	show := func(ctx context.Context, r BookRequest) (Receipt, Effect, error) {
		receipt, err := New(r.Account, r.Fen, r.Reference)
		if err != nil {
			return receipt, Effect{}, err
		}
		effect, err := o.Show(ctx, receipt)
		return receipt, effect, err
	}
	book := proposal.Of(ActBook, func(ctx context.Context, r BookRequest) (*proposal.Change, error) {
		_, effect, err := show(ctx, r)
		if err != nil {
			return nil, err
		}
		return effect.booked()
	}, func(ctx context.Context, r BookRequest, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		receipt, _, err := show(ctx, r)
		if err != nil {
			return proposal.Result{}, err
		}
		return said(o.Book(ctx, receipt, by))
	})
	reverse := proposal.Of(ActReverse, func(ctx context.Context, r ReverseRequest) (*proposal.Change, error) {
		reversal, err := NewReversal(r.Reference, r.Account)
		if err != nil {
			return nil, err
		}
		effect, err := o.ShowReversal(ctx, reversal)
		if err != nil {
			return nil, err
		}
		return effect.reversed()
	}, func(ctx context.Context, r ReverseRequest, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		reversal, err := NewReversal(r.Reference, r.Account)
		if err != nil {
			return proposal.Result{}, err
		}
		return said(o.Reverse(ctx, reversal, by))
	})
	return []proposal.Kind{book, reverse}
}

// Entries say what the audit has of receipts and their reversals. Each of them names its transfer.
func Entries() []proposal.Entry {
	return []proposal.Entry{
		proposal.EntryOf(ActBook, makesBooked, func(r BookRequest, _ *proposal.Change, said string) error {
			receipt, err := New(r.Account, r.Fen, r.Reference)
			if err != nil {
				return err
			}
			effect := receipt.effect()
			return proposal.ExpectText(said, effect.String())
		}),
		proposal.EntryOf(ActReverse, makesReversed, func(r ReverseRequest, change *proposal.Change, said string) error {
			reversal, err := NewReversal(r.Reference, r.Account)
			if err != nil {
				return err
			}
			t := change.Transfers[0]
			return proposal.ExpectText(said, (&Effect{Reference: reversal.Reference, Debit: t.Debit, Credit: t.Credit, Fen: t.Fen}).String())
		}),
	}
}

func makesBooked(r BookRequest, _ *proposal.Change) (*proposal.Change, error) {
	receipt, err := New(r.Account, r.Fen, r.Reference)
	if err != nil {
		return nil, err
	}
	return receipt.effect().booked()
}

// makesReversed takes from the change that is shown what the books have of the receipt. It must be
// one that a bank can have for that account.
func makesReversed(r ReverseRequest, shown *proposal.Change) (*proposal.Change, error) {
	reversal, err := NewReversal(r.Reference, r.Account)
	if err != nil {
		return nil, err
	}
	if n := len(shown.Transfers); n != 1 {
		return nil, fmt.Errorf("its change has %d transfers, want 1", n)
	}
	account := shown.Transfers[0].Debit
	if r.Account != "" {
		account = r.Account
	}
	receipt, err := New(account, shown.Transfers[0].Fen, reversal.Reference)
	if err != nil {
		return nil, err
	}
	effect := Effect{Reference: receipt.Reference, Debit: receipt.Account, Credit: receipt.Bank, Fen: receipt.Fen}
	return effect.reversed()
}

var saidForm = regexp.MustCompile(`^reference (.+): ([0-9]{1,18}) fen, ([^ ]+) -> ([^ ]+)$`)

// Booked is the transfer that an entry of the audit says: of a receipt, or of a reversal.
func Booked(act, said string) (b proposal.Booking, err error) {
	parts := saidForm.FindStringSubmatch(said)
	if parts == nil {
		return b, fmt.Errorf("%.100q says no receipt", said)
	}
	fen, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return b, err
	}
	r := Receipt{Bank: parts[3], Reference: parts[1]}
	if act == ActReverse {
		r.Bank = parts[4]
	}
	b = proposal.Booking{Key: r.key(), Transfer: proposal.Transfer{Debit: parts[3], Credit: parts[4], Fen: ledger.Fen(fen)}}
	if act == ActReverse {
		b.ID = reversalOf(b.ID)
	}
	return b, nil
}

func (e *Effect) booked() (*proposal.Change, error) { return e.change(e.Credit, "", "booked") }

func (e *Effect) reversed() (*proposal.Change, error) { return e.change(e.Debit, "booked", "reversed") }

// change is the effect as two people sign it. The money belongs to an account.
func (e *Effect) change(account, from, to string) (*proposal.Change, error) {
	if e.Stands {
		return nil, refused(language.Textf("it is booked already"), language.Textf("nothing is to be done"))
	}
	row := proposal.RowOf("receipt", e.Reference, from).Alters("state", from, to)
	return &proposal.Change{
		Unit: chart.UnitOf(account), Rows: []proposal.Row{row}, Transfers: []proposal.Transfer{{Debit: e.Debit, Credit: e.Credit, Fen: e.Fen}},
	}, nil
}

func said(done Effect, err error) (proposal.Result, error) {
	if err != nil {
		return proposal.Result{}, err
	}
	return proposal.Saying(language.Textf("%s -> %s %s", done.Debit, done.Credit, done.Fen.String())), nil
}

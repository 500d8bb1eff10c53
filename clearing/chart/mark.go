package chart

import (
	"context"
	"errors"
	"fmt"

	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// MarkName is the kind of proposal that freezes, unfreezes or closes an account.
const MarkName = "account mark"

// Mark is what an account is marked as.
type Mark string

// The marks.
const (
	Open   Mark = "open"   // it takes transfers
	Frozen Mark = "frozen" // it takes none for the time being
	Closed Mark = "closed" // it takes none any more
)

// Marks are all marks.
func Marks() []Mark { return []Mark{Open, Frozen, Closed} }

// MarkRequest asks for an account to be marked.
type MarkRequest struct {
	Account string `json:"account"` // its code
	As      Mark   `json:"as"`
}

// MarkOf is what an account with such flags is marked as.
func MarkOf(flags ledger.Flags) Mark {
	switch {
	case flags&ledger.Closed != 0:
		return Closed
	case flags&ledger.Frozen != 0:
		return Frozen
	}
	return Open
}

// MarkKind is the kind of proposal that freezes, unfreezes or closes an account.
//
// Only a frozen account with nothing on it is closed: no money comes between the look at it and its
// closing, and none is shut in.
func MarkKind(l *ledger.Ledger) proposal.Kind {
	return proposal.Of(MarkName,
		func(ctx context.Context, r MarkRequest) (*proposal.Change, error) { return showMark(ctx, l, r) },
		func(ctx context.Context, r MarkRequest, shown *proposal.Change, by ledger.Approval) (proposal.Result, error) {
			return doMark(ctx, l, r, shown, by)
		})
}

func showMark(ctx context.Context, l *ledger.Ledger, r MarkRequest) (*proposal.Change, error) {
	accounts, err := l.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	account, ok := accounts.Account(r.Account)
	if !ok {
		return nil, markRefusal(r.Account, ledger.ErrNoAccount)
	}
	sums, err := l.Balance(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	is := MarkOf(account.Flags)
	var wrong *language.Text
	switch {
	case r.As != Open && r.As != Frozen && r.As != Closed:
		wrong = language.Textf("%q is no mark: want open, frozen or closed", string(r.As))
	case is == r.As:
		wrong = language.Textf("it is so already")
	case is == Closed:
		wrong = language.Textf("a closed account stays closed")
	case r.As == Closed && is != Frozen:
		wrong = language.Textf("only a frozen account is closed: freeze it first, so that nothing comes to it meanwhile")
	case r.As == Closed && (sums.CreditBalance() != 0 || sums.DebitsHeld != 0):
		wrong = language.Textf("%v yuan are on it and %v are held, which nobody could move any more", sums.CreditBalance(), sums.DebitsHeld)
	default:
		return r.change(is), nil
	}
	return nil, markRefusal(r.Account, wrong)
}

// change is what the request does to an account that is marked so.
func (r *MarkRequest) change(is Mark) *proposal.Change {
	change := &proposal.Change{Unit: UnitOf(r.Account), Beside: []string{r.Account}, Rows: []proposal.Row{
		proposal.RowOf("account", r.Account, string(is)).Alters("mark", string(is), string(r.As)),
	}}
	switch r.As {
	case Frozen:
		change.Effects = append(change.Effects, proposal.Effectf("it takes no transfer until it is open again: what must be booked to it waits, or is kept for a person"))
	case Closed:
		change.Effects = append(change.Effects, proposal.Effectf("it takes no transfer any more, and cannot be opened again"))
	case Open:
	}
	return change
}

// MarkEntry is what the audit has of a marked account.
func MarkEntry() proposal.Entry {
	return proposal.EntryOf(MarkName, func(r MarkRequest, shown *proposal.Change) (*proposal.Change, error) {
		row, err := shown.One()
		return r.change(Mark(row.Is("mark"))), err
	}, func(r MarkRequest, change *proposal.Change, said string) error {
		is, err := (&chain.AuditEntry{Act: chain.ActMarkAccount, What: said}).AccountMarked()
		if err != nil {
			return err
		}
		row, err := change.One()
		if err != nil {
			return err
		}
		if was := MarkOf(is.OldFlags); is.Account != r.Account || MarkOf(is.Flags) != r.As || row.State != string(was) {
			return fmt.Errorf("it marks %q as %s in place of %s; signed was %q as %s in place of %s", is.Account, MarkOf(is.Flags), was, r.Account, r.As, row.State)
		}
		return nil
	})
}

func doMark(ctx context.Context, l *ledger.Ledger, r MarkRequest, shown *proposal.Change, by ledger.Approval) (proposal.Result, error) {
	accounts, err := l.Accounts(ctx)
	if err != nil {
		return proposal.Result{}, err
	}
	account, _ := accounts.Account(r.Account)
	if is := MarkOf(account.Flags); is != r.As && string(is) != shown.Rows[0].State {
		return proposal.Result{}, markRefusal(r.Account, ledger.ErrMarksMoved)
	}
	err = l.MarkAccount(ctx, r.Account, ledger.Marks{Frozen: r.As == Frozen, Closed: r.As == Closed, Before: &account.Flags}, by)
	if err != nil {
		return proposal.Result{}, markRefusal(r.Account, err)
	}
	return proposal.Saying(language.Textf("%s is marked: %s -> %s", r.Account, shown.Rows[0].State, string(r.As))), nil
}

// markRefusal says why an account is not marked, and what may be done about just that.
func markRefusal(code string, err error) error {
	var todo, said *language.Text
	switch {
	case errors.Is(err, ledger.ErrOutcomeUnknown), errors.Is(err, ledger.ErrUnavailable):
		return err
	case errors.Is(err, ledger.ErrNoAccount):
		todo = language.Textf("citycard account lists them")
	case errors.Is(err, ledger.ErrMarksMoved):
		todo = language.Textf("propose it again")
	case !errors.As(err, &said):
		return err
	}
	return &proposal.Refusal{Text: language.Textf("%s is not marked: %w", code, err), Todo: todo}
}

package chart

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// LimitName is the kind of proposal that changes an account's limit.
const LimitName = "account limit"

// LimitRequest asks for another limit of an account.
type LimitRequest struct {
	Account   string     `json:"account"` // its code
	Cap       ledger.Fen `json:"cap"`
	Alarm     ledger.Fen `json:"alarm"`
	BelowUsed bool       `json:"below_used"` // also where more is used already
}

// UnitOf is the unit whose money an account has.
func UnitOf(code string) people.Unit {
	_, owner, _ := strings.Cut(code, ":")
	switch kind := KindOf(code); {
	case (kind == "operator" || kind == "pending") && owner != "":
		return people.Unit("operator:" + owner)
	case (kind == "channel" || kind == "hospital") && owner != "":
		return people.Unit(code)
	case kind == "handed" && owner != "":
		return people.Unit(Channel(owner))
	case kind == "pension" || code == BankPension:
		return people.Pension
	}
	return people.Issuer
}

// LimitKind is the kind of proposal that changes an account's limit.
func LimitKind(l *ledger.Ledger) proposal.Kind {
	return proposal.Of(LimitName,
		func(ctx context.Context, r LimitRequest) (*proposal.Change, error) { return showLimit(ctx, l, r) },
		func(ctx context.Context, r LimitRequest, shown *proposal.Change, by ledger.Approval) (proposal.Result, error) {
			return doLimit(ctx, l, r, shown, by)
		})
}

func showLimit(ctx context.Context, l *ledger.Ledger, r LimitRequest) (*proposal.Change, error) {
	accounts, err := l.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	account, ok := accounts.Account(r.Account)
	if !ok {
		return nil, limitRefusal(r.Account, ledger.ErrNoAccount)
	}
	sums, err := l.Balance(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	switch used := sums.Debits + sums.DebitsHeld - sums.Credits; {
	case account.Flags&ledger.DebitsMustNotExceedCredits == 0:
		return nil, limitRefusal(r.Account, language.Textf("the account has no limit that a cap could widen"))
	case r.Cap == account.Cap && r.Alarm == account.Alarm:
		return nil, limitRefusal(r.Account, language.Textf("the account has this limit already"))
	case used > r.Cap && r.Cap < account.Cap && !r.BelowUsed:
		return nil, limitRefusal(r.Account, language.Textf("%w: %v of %v yuan", ledger.ErrLimit, used, r.Cap))
	}
	return r.change(account.Cap.String(), account.Alarm.String()), nil
}

// change is what the request does to a limit, whose cap and alarm are as they are shown.
func (r *LimitRequest) change(wasCap, wasAlarm string) *proposal.Change {
	change := &proposal.Change{Unit: UnitOf(r.Account), Beside: []string{r.Account}, Rows: []proposal.Row{
		proposal.RowOf("account", r.Account, wasCap+"/"+wasAlarm).Alters("cap", wasCap, r.Cap.String()).Alters("alarm", wasAlarm, r.Alarm.String()),
	}}
	if r.BelowUsed {
		change.Effects = append(change.Effects, proposal.Effectf("the new cap counts also where more is used already: then nothing more is allowed until it is paid back"))
	}
	return change
}

// LimitEntry is what the audit has of a changed limit.
func LimitEntry() proposal.Entry {
	return proposal.EntryOf(LimitName, func(r LimitRequest, shown *proposal.Change) (*proposal.Change, error) {
		row, err := shown.One()
		return r.change(row.Is("cap"), row.Is("alarm")), err
	}, func(r LimitRequest, change *proposal.Change, said string) error {
		is, err := (&chain.AuditEntry{Act: chain.ActChangeLimit, What: said}).LimitChange()
		if err != nil {
			return err
		}
		row, err := change.One()
		if err != nil {
			return err
		}
		was := limitState(&ledger.Account{Cap: is.OldCap, Alarm: is.OldAlarm})
		if is.Account != r.Account || is.Cap != r.Cap || is.Alarm != r.Alarm || row.State != was {
			return fmt.Errorf("it gives %q the limit %v/%v in place of %s; signed was %q the limit %v/%v in place of %s",
				is.Account, is.Cap, is.Alarm, was, r.Account, r.Cap, r.Alarm, row.State)
		}
		return nil
	})
}

// limitState is the state of an account's row.
func limitState(a *ledger.Account) string { return fmt.Sprintf("%v/%v", a.Cap, a.Alarm) }

func doLimit(ctx context.Context, l *ledger.Ledger, r LimitRequest, shown *proposal.Change, by ledger.Approval) (proposal.Result, error) {
	accounts, err := l.Accounts(ctx)
	if err != nil {
		return proposal.Result{}, err
	}
	account, _ := accounts.Account(r.Account)
	done := account.Cap == r.Cap && account.Alarm == r.Alarm
	if !done && limitState(&account) != shown.Rows[0].State {
		return proposal.Result{}, limitRefusal(r.Account, ledger.ErrLimitMoved)
	}
	change, err := l.ChangeLimit(ctx, r.Account, ledger.Limit{
		Cap: r.Cap, Alarm: r.Alarm, BelowUsed: r.BelowUsed, Before: &ledger.Limit{Cap: account.Cap, Alarm: account.Alarm},
	}, by)
	if err != nil {
		return proposal.Result{}, limitRefusal(r.Account, err)
	}
	return proposal.Saying(language.Textf("%s: cap %v -> %v, alarm %v -> %v, used %v yuan", r.Account, change.OldCap, change.Cap, change.OldAlarm, change.Alarm, change.Used)), nil
}

// limitRefusal says why a limit is not changed, and what may be done about just that.
func limitRefusal(code string, err error) error {
	var todo *language.Text
	var request *ledger.BatchError
	var said *language.Text
	switch {
	case errors.Is(err, ledger.ErrOutcomeUnknown), errors.Is(err, ledger.ErrUnavailable):
		return err
	case errors.Is(err, ledger.ErrLimit):
		todo = language.Textf("give a cap that is not below what is used, or --below-used")
	case errors.Is(err, ledger.ErrNoAccount):
		todo = language.Textf("citycard account lists them")
	case errors.Is(err, ledger.ErrLimitMoved):
		todo = language.Textf("propose it again")
	case errors.As(err, &request), errors.As(err, &said):
		todo = language.Textf("correct what it names")
	default:
		return err
	}
	return &proposal.Refusal{Text: language.Textf("the limit of %s is not changed: %w", code, err), Todo: todo}
}

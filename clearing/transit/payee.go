package transit

import (
	"citycard/clearing/chart"
	"citycard/ledger"
)

// payee has the accounts on which a tap at an operator's terminal may be booked. Account numbers
// are hashes of codes, so they are computed once for each batch, not for each tap.
type payee struct {
	float, centre     ledger.AccountID
	operator, pending ledger.AccountID
	closed            bool // the operator's account takes nothing
	closedPending     bool // or that, or the one for other cities' cards
}

// payees are those of one batch.
type payees struct {
	accounts *ledger.Chart
	known    map[string]*payee
}

func (p payees) of(operator string) *payee {
	found := p.known[operator]
	if found == nil {
		found = &payee{
			float: ledger.IDOfCode(chart.Float), centre: ledger.IDOfCode(chart.Centre),
			operator: ledger.IDOfCode(chart.Operator(operator)), pending: ledger.IDOfCode(chart.Pending(operator)),
		}
		found.closed = p.closed(chart.Operator(operator))
		found.closedPending = found.closed || p.closed(chart.Pending(operator))
		p.known[operator] = found
	}
	return found
}

// closed reports whether an account accepts no postings. An account that is not open yet is not
// closed: the ledger refuses the posting, and the batch waits until the account is open.
func (p payees) closed(code string) bool {
	account, open := p.accounts.Account(code)
	return open && account.Flags&(ledger.Closed|ledger.Frozen) != 0
}

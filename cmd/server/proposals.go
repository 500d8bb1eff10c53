package server

import (
	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/ledger"
)

// Proposals is the office for all kinds of acts that take two people.
func Proposals(l *ledger.Ledger) (*proposal.Office, error) {
	store, err := people.NewStore(l)
	if err != nil {
		return nil, err
	}
	kinds := append(proposal.Staff(store), chart.LimitKind(l), dayclose.ReopenKind(l))
	return &proposal.Office{Ledger: l, People: store, Kinds: kinds}, nil
}

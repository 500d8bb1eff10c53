package verify

import (
	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	offered "citycard/clearing/people/proposal"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// goesOver notes the torn loads that a step refunds without two people.
func (c *check) goesOver(l *life, of *cards.Record) {
	for _, t := range of.Torn {
		order := load.Order{Card: ledger.Subject(l.subject), Load: identity.Load{Kind: t.Kind, Sequence: t.Sequence, Attempt: t.Attempt}}
		c.given = append(c.given, offered.Booking{Key: order.Refunded(), Transfer: offered.Transfer{Debit: chart.Unwritten, Credit: t.To, Fen: t.Fen}})
	}
}

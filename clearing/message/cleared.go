package message

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// CardRecord is a record of a card; part of it is published once it is cleared.
type CardRecord interface {
	// Publish sets the fields of the record that may be published. It returns the card's number and
	// its issuer, which only a token may represent.
	Publish(c *Cleared) (card, issuer []byte)
}

// Publish is a tap's part of CardRecord.
func (x *Tap) Publish(c *Cleared) (card, issuer []byte) {
	debit := x.GetDebit()
	c.AmountFen, c.Time, c.Terminal = debit.GetAmountFen(), debit.GetTime(), debit.GetTerminal()
	c.Line, c.Station, c.EntryStation, c.CardType = x.GetLine(), x.GetStation(), x.GetEntryStation(), x.GetCardType()
	return debit.GetCard(), debit.GetIssuer()
}

// Publish is a load's part of CardRecord.
func (x *Load) Publish(c *Cleared) (card, issuer []byte) {
	c.AmountFen, c.Time, c.Terminal = x.GetAmountFen(), x.GetTime(), x.GetTerminal()
	return x.GetCard(), x.GetIssuer()
}

// Fields of ClearedBatch and of Cleared.
const (
	// ClearedRecords is the field of ClearedBatch that repeats.
	ClearedRecords protowire.Number = 1

	clearedCardToken protowire.Number = 1
)

// EachCleared calls fn for each record of an encoded ClearedBatch, as it is encoded, with its
// card's token. It decodes nothing that is only passed on. It returns false where the bytes are
// no such batch.
func EachCleared(batch []byte, fn func(record, token []byte)) bool {
	return fields(batch, func(number protowire.Number, _ uint64, record []byte) bool {
		if number != ClearedRecords {
			return true
		}
		var token []byte
		whole := fields(record, func(number protowire.Number, _ uint64, inner []byte) bool {
			if number == clearedCardToken {
				token = inner
			}
			return token == nil
		})
		if whole || token != nil {
			fn(record, token)
		}
		return whole || token != nil
	})
}

package stock

import (
	"encoding/json"

	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/ledger"
)

// Do is what is done with pieces.
type Do string

// What there is to do.
const (
	Receive Do = "receive"
	Move    Do = "move"
	Spoil   Do = "spoil"
	Issue   Do = "issue"
	Count   Do = "count"
)

// Record is an act as its row and its note in the journal have it.
type Record struct {
	Number int64 `json:"number"` // from 1
	Do     Do    `json:"do"`
	Kind   Kind  `json:"kind"`
	Range        // zero of a count
	// Product is as which cards are to be sold, of a receipt, and as which one was issued.
	Product string      `json:"product,omitempty"`
	From    people.Unit `json:"from,omitempty"` // the store; none of a receipt
	// Order is the caller's number of an act of one person on a store; empty: the act is of a
	// proposal, or of a report.
	Order   string      `json:"order,omitempty"`
	To      people.Unit `json:"to,omitempty"`   // of a receipt or a move
	Made    *Made       `json:"made,omitempty"` // of an issue
	Report  string      `json:"report,omitempty"`
	Counted *Counted    `json:"counted,omitempty"` // of a count
}

// Whole reports whether the record can be one of an act: of a known kind, with serials or a count.
func (r *Record) Whole() bool {
	switch r.Do {
	case Count:
		return r.Kind.Known() && r.Counted != nil
	case Receive, Move, Spoil, Issue:
		return r.Kind.Known() && r.valid()
	}
	return false
}

// Made is the card that a piece became.
type Made struct {
	Number     string     `json:"number"`           // 20 digits, or 9 characters of a social-security card
	Issuer     string     `json:"issuer,omitempty"` // 16 hexadecimal digits; empty: a social-security card
	Type       uint32     `json:"type,omitempty"`
	Begins     ledger.Day `json:"begins,omitempty"`
	Expires    ledger.Day `json:"expires,omitempty"`
	Registered bool       `json:"registered,omitempty"` // it is sold to a person
}

// Holder is how the registry has whose the card is.
func (m *Made) Holder() string {
	if m.Registered {
		return "registered"
	}
	return "anonymous"
}

// subject is that of the notes of all acts.
const subject ledger.Subject = "stock"

// ID is that of the record's note in the journal.
func (r *Record) ID() ledger.ID { return identity.StockAct(r.Number) }

// note is the record's note in the journal, of a clearing day.
func (r *Record) note(day ledger.Day) (ledger.Transfer, string, error) {
	text, err := json.Marshal(r)
	return ledger.Transfer{Day: day, Subject: subject, ID: r.ID(), Act: ledger.KeepMemo, Evidence: text}, string(text), err
}

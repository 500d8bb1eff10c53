package verify

import (
	"encoding/hex"
	"fmt"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
)

// hold is a hold and its end as the rows of an export tell it; either may come first. Only what is
// compared is kept.
type hold struct {
	made, ended holdTerms
}

type holdTerms struct {
	there         bool
	act           ledger.Act
	debit, credit ledger.AccountID
	amount        ledger.Fen
}

// keepHold keeps what a row says of a hold.
func (b *books) keepHold(r *ledger.Row) {
	terms := holdTerms{true, r.Act, r.Debit, r.Credit, r.Amount}
	switch {
	case r.Act == ledger.Hold:
		at(b.holds, r.Key()).made = terms
	case r.Act.EndsHold() && r.ID != "":
		at(b.holds, ledger.Key{Day: r.Day, Subject: r.Subject, ID: r.ID[1:]}).ended = terms
	}
}

// state returns what became of the hold, by the rows.
func (h *hold) state() (ledger.HoldState, ledger.Fen) {
	switch {
	case !h.made.there:
		return "none", 0
	case !h.ended.there:
		return chain.HoldHeld, 0
	case h.ended.act == ledger.PostHold:
		return chain.HoldPosted, h.ended.amount
	case h.ended.act == ledger.VoidHold:
		return chain.HoldVoided, 0
	}
	return chain.HoldExpired, 0
}

// founded reports whether the hold's end, if any, is of a hold that allows it.
func (h *hold) founded() bool {
	if !h.ended.there {
		return true
	}
	if !h.made.there || h.ended.debit != h.made.debit || h.ended.credit != h.made.credit {
		return false
	}
	return h.ended.amount <= h.made.amount && (h.ended.act == ledger.PostHold || h.ended.amount == 0)
}

// noHold says of an end that there is nothing it could end.
const noHold = "there is no such hold, or not with these accounts and as much"

// checkHold compares what an export says of a hold with the rows, and takes it off the list.
func (b *books) checkHold(line *export.Hold) error {
	subject, err := hex.DecodeString(line.Subject)
	if err != nil {
		return fmt.Errorf("%w: hold: %w", export.ErrFormat, err)
	}
	id, err := hex.DecodeString(line.ID)
	if err != nil {
		return fmt.Errorf("%w: hold: %w", export.ErrFormat, err)
	}
	k := ledger.Key{Day: line.Day, Subject: ledger.Subject(subject), ID: ledger.ID(id)}
	h := *at(b.holds, k)
	delete(b.holds, k)
	if state, posted := h.state(); state != line.State || posted != line.Posted {
		b.fault(HoldState, keyName("hold", k), "it is %s with %d posted; the journal says %s with %d posted", line.State,
			int64(line.Posted), state, int64(posted))
	}
	b.checkEnd(k, &h)
	return nil
}

func (b *books) checkEnd(k ledger.Key, h *hold) {
	if !h.founded() {
		k.ID = ledger.ID(append([]byte{chain.HoldEndID}, k.ID...))
		b.fault(ActUnfounded, keyName("transfer", k), noHold)
	}
}

// endHolds reports the holds that the rows have and the other lines do not.
func (b *books) endHolds() {
	for k, h := range b.holds {
		if state, posted := h.state(); h.made.there {
			b.fault(HoldState, keyName("hold", k), "it is none; the journal says %s with %d posted", state, int64(posted))
		}
		b.checkEnd(k, h)
	}
}

package ledger

import (
	"fmt"

	"citycard/ledger/chain"
)

// ownID reports whether an id is the ledger's to give.
func ownID(id ID) bool { return len(id) > 0 && id[0] >= chain.ReversalID }

// key returns the key of the transfer's own row.
func (t *Transfer) key() Key {
	k := t.target()
	switch {
	case t.Act.EndsHold():
		k.ID = ID([]byte{chain.HoldEndID}) + k.ID
	case t.Act == Reverse:
		k.ID = ID([]byte{chain.ReversalID}) + k.ID
	}
	return k
}

// target returns the key that the transfer names: its own, or that of the row it acts on.
func (t *Transfer) target() Key { return Key{Day: t.Day, Subject: t.Subject, ID: t.ID} }

// malformed says what is wrong with the transfer by itself.
func (t *Transfer) malformed() (Reason, string) {
	named := !ownID(t.ID) || t.Act == Reverse && t.ID[0] == chain.HoldEndID
	switch {
	case !valid(t.key()) || !named:
		return BadKey, fmt.Sprintf("day %d, subject of %d bytes, id of %d bytes", t.Day, len(t.Subject), len(t.ID))
	case len(t.Evidence) > MaxEvidence:
		return BadEvidence, fmt.Sprintf("%d bytes, at most %d", len(t.Evidence), MaxEvidence)
	case t.Act == KeepMemo && len(t.Evidence) == 0:
		return BadEvidence, "a note without any"
	case t.Act > KeepMemo, t.Act == KeepMemo && (t.Debit != 0 || t.Credit != 0), t.Act != Hold && !t.Expires.IsZero(), t.Act == Hold && !t.Expires.IsZero() && t.Expires.Unix() <= 0:
		return BadAct, t.Act.String()
	case (t.Act == PostHold || t.Act == ExpireHold) && t.Now.IsZero():
		return BadAct, t.Act.String() + " without the time"
	}
	least := Fen(1)
	if t.Act.OnEarlier() || t.Act == KeepMemo {
		least = 0
	}
	if t.Amount < least || t.Amount > MaxAmount || t.Amount != 0 && (t.Act == VoidHold || t.Act == ExpireHold || t.Act == KeepMemo) {
		return BadAmount, fmt.Sprintf("%d fen", int64(t.Amount))
	}
	return 0, ""
}

// expires returns when a hold lapses, in seconds since 1970; 0 is never.
func (t *Transfer) expires() int64 {
	if t.Expires.IsZero() {
		return 0
	}
	return t.Expires.Unix()
}

// act decides a transfer that acts on an earlier row.
func (j *judge) act(i int, k Key) Decision {
	t := &j.batch.Transfers[i]
	target := j.actedOn(t)
	if target == nil {
		return refuse(i, NothingToActOn, t.Act.String())
	}
	row := newRow{Row: Row{
		Day: k.Day, Subject: k.Subject, ID: k.ID, Debit: target.Debit, Credit: target.Credit, Amount: t.Amount, Purpose: t.Purpose,
		Linked: t.Linked, Act: t.Act, Evidence: t.Evidence,
	}}
	if t.Act == Reverse {
		row.Debit, row.Credit = target.Credit, target.Debit
	} else {
		held := *target
		row.ends = &held
	}
	if t.Amount == 0 && (t.Act == PostHold || t.Act == Reverse) {
		row.Amount = target.Amount
	}
	switch {
	case t.Debit != 0 && t.Debit != row.Debit, t.Credit != 0 && t.Credit != row.Credit:
		return refuse(i, OtherAccounts, "")
	case row.Amount > target.Amount, t.Act == Reverse && row.Amount != target.Amount:
		return refuse(i, ExceedsHold, fmt.Sprintf("%d fen of %d", int64(row.Amount), int64(target.Amount)))
	}
	if was := j.standing(k); was != nil {
		if was.Act == t.Act && was.Amount == row.Amount && string(was.Evidence) == string(t.Evidence) {
			return Decision{Result: Duplicate, Amount: was.Amount}
		}
		return refuse(i, ActedOnBefore, was.Act.String())
	}
	switch {
	case t.Act == PostHold && target.Lapsed(t.Now):
		return refuse(i, HoldLapsed, target.Expires.String())
	case t.Act == ExpireHold && !target.Lapsed(t.Now):
		return refuse(i, HoldNotLapsed, "")
	}
	return j.carryOut(i, k, row)
}

// carryOut applies an act that is well-formed to the accounts.
func (j *judge) carryOut(i int, k Key, row newRow) Decision {
	if row.Act == PostHold || row.Act == Reverse {
		if reason, detail := j.checkAccounts(row.Debit, row.Credit); reason != 0 {
			return refuse(i, reason, detail)
		}
	}
	if row.Act == Reverse {
		move := Transfer{Debit: row.Debit, Credit: row.Credit, Amount: row.Amount}
		if reason := j.limits.refuse(&move); reason != 0 {
			return refuse(i, reason, j.limitDetail(row.Debit, row.Credit, reason))
		}
	}
	if j.overflows(row.Amount) {
		return refuse(i, BadAmount, "more than fits one batch")
	}
	j.limits.apply(effectOf(&row))
	j.insert(k, row)
	return Decision{Result: Inserted, Amount: row.Amount}
}

// actedOn returns the row a transfer acts on, or nil when there is none that can be. A hold may
// stand earlier in the same batch; what is reversed must be in the journal, because its accounts
// are locked before the batch is decided.
func (j *judge) actedOn(t *Transfer) *Row {
	if t.Act == Reverse {
		if was := j.post.known[t.target()]; was != nil && !was.IsMemo() && (was.Act == Move || was.Act == PostHold) {
			return was
		}
		return nil
	}
	if was := j.standing(t.target()); was != nil && !was.IsMemo() && was.Act == Hold {
		return was
	}
	return nil
}

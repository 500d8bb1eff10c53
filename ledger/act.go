package ledger

import (
	"fmt"
	"time"
)

// Act is what a transfer does.
type Act uint8

// The acts. Those from PostHold on act on a row that stands already, which Day, Subject and ID name. Their own row stands beside it, under an id
// that follows from its: so each is done at most once, whoever asks how often, and their Debit and Credit may be left 0.
const (
	// Move moves the amount.
	Move Act = iota
	// Hold reserves the amount on both accounts without moving it; limits count it as moved. It may lapse at Expires.
	Hold
	// PostHold ends a hold by moving Amount of it (0: all) and letting the rest go. Not after it lapsed, as told by Now.
	PostHold
	// VoidHold ends a hold and moves nothing; Amount is 0. It is allowed on frozen and closed accounts.
	VoidHold
	// ExpireHold ends a hold that has lapsed, as told by Now; else like VoidHold.
	ExpireHold
	// Reverse moves the amount of a transfer (or of a posted hold, whose id is 0xFE and the hold's) back. Amount is 0 or the same. The transfer must have
	// been posted by an earlier batch. A reversal cannot be reversed: book anew.
	Reverse
	// Note moves nothing: it keeps its evidence under its key, as a memo of kind NoteKind. So a chain can stand or fall by a key beside those of its
	// transfers. Debit, Credit and Amount are 0.
	Note
)

// NoteKind is the kind of the memos that Notes become.
const NoteKind = "note"

var actNames = [...]string{Move: "move", Hold: "hold", PostHold: "post hold", VoidHold: "void hold", ExpireHold: "expire hold", Reverse: "reverse", Note: "note"}

// String names the act.
func (a Act) String() string {
	if int(a) < len(actNames) {
		return actNames[a]
	}
	return fmt.Sprintf("act %d", uint8(a))
}

// onEarlier reports whether the act is done on a row that stands already.
func (a Act) onEarlier() bool { return a >= PostHold && a <= Reverse }

// endsHold reports whether the act ends a hold.
func (a Act) endsHold() bool { return a == PostHold || a == VoidHold || a == ExpireHold }

// The first bytes of ids that are the ledger's own: of disputes, of what ended a hold, of a reversal. The last two are followed by the id acted
// on, so the end of a hold is found from the hold, and at most one can stand.
const (
	disputeID  = 0xFF
	holdEndID  = 0xFE
	reversalID = 0xFD
)

// ownID reports whether an id is the ledger's to give.
func ownID(id ID) bool { return len(id) > 0 && id[0] >= reversalID }

// key returns the key of the transfer's own row.
func (t *Transfer) key() key {
	k := t.target()
	switch {
	case t.Act.endsHold():
		k.id = ID([]byte{holdEndID}) + k.id
	case t.Act == Reverse:
		k.id = ID([]byte{reversalID}) + k.id
	}
	return k
}

// target returns the key that the transfer names: its own, or that of the row it acts on.
func (t *Transfer) target() key { return key{t.Day, t.Subject, t.ID} }

// malformed says what is wrong with the transfer by itself.
func (t *Transfer) malformed() (Reason, string) {
	named := !ownID(t.ID) || t.Act == Reverse && t.ID[0] == holdEndID
	switch {
	case !t.key().valid() || !named:
		return BadKey, fmt.Sprintf("day %d, subject of %d bytes, id of %d bytes", t.Day, len(t.Subject), len(t.ID))
	case len(t.Evidence) > MaxEvidence:
		return BadEvidence, fmt.Sprintf("%d bytes, at most %d", len(t.Evidence), MaxEvidence)
	case t.Act == Note && len(t.Evidence) == 0:
		return BadEvidence, "a note without any"
	case t.Act > Note, t.Act == Note && (t.UpTo || t.Debit != 0 || t.Credit != 0), t.UpTo && t.Act.onEarlier(), t.Act != Hold && !t.Expires.IsZero(), t.Act == Hold && !t.Expires.IsZero() && t.Expires.Unix() <= 0:
		return BadAct, t.Act.String()
	case (t.Act == PostHold || t.Act == ExpireHold) && t.Now.IsZero():
		return BadAct, t.Act.String() + " without the time"
	}
	least := Fen(1)
	if t.Act.onEarlier() || t.Act == Note {
		least = 0
	}
	if t.Amount < least || t.Amount > MaxAmount || t.Amount != 0 && (t.Act == VoidHold || t.Act == ExpireHold || t.Act == Note) {
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

// Lapsed reports whether a hold that stands in the row has lapsed at the given time.
func (r *Row) Lapsed(now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires)
}

// act decides a transfer that acts on a row that stands already.
func (j *judge) act(i int, k key) Decision {
	t := &j.batch.Transfers[i]
	target := j.actedOn(t)
	if target == nil {
		return refuse(i, NothingToActOn, t.Act.String())
	}
	row := Row{
		Day: k.day, Subject: k.subject, ID: k.id, Debit: target.Debit, Credit: target.Credit, Amount: t.Amount, Purpose: t.Purpose,
		Linked: t.Linked, Act: t.Act, Evidence: t.Evidence,
	}
	if t.Act == Reverse {
		row.Debit, row.Credit = target.Credit, target.Debit
	} else {
		held := *target
		row.hold = &held
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

// carryOut applies an act that is right in itself to the accounts.
func (j *judge) carryOut(i int, k key, row Row) Decision {
	if row.Act == PostHold || row.Act == Reverse {
		if reason, detail := j.checkAccounts(row.Debit, row.Credit); reason != 0 {
			return refuse(i, reason, detail)
		}
	}
	if row.Act == Reverse {
		move := Transfer{Debit: row.Debit, Credit: row.Credit, Amount: row.Amount}
		if _, reason := j.limits.allowed(&move); reason != 0 {
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

// actedOn returns the row a transfer acts on, or nil when there is none that can be. A hold may stand earlier in the same batch; what is
// reversed must be in the journal, because its accounts are locked before the batch is decided.
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

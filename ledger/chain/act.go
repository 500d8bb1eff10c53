package chain

import "fmt"

// Act is what a transfer does. The zero Act moves the amount.
type Act uint8

// The acts. PostHold, VoidHold, ExpireHold and Reverse act on an earlier row, which the transfer's
// Day, Subject and ID name. Their own row has the same day and subject, and an id made from the
// earlier row's id; so each is done at most once, however often it is asked for. Their Debit and
// Credit may be left 0.
const (
	// Move moves the amount.
	Move Act = iota
	// Hold reserves the amount on both accounts without moving it; limits count it as moved. It may
	// lapse at Expires.
	Hold
	// PostHold ends a hold by moving Amount of it (0: all) and letting the rest go. It is refused
	// when the hold has lapsed by Now.
	PostHold
	// VoidHold ends a hold and moves nothing; Amount is 0. It is allowed on frozen and closed
	// accounts.
	VoidHold
	// ExpireHold ends a hold that has lapsed by Now; else it is like VoidHold.
	ExpireHold
	// Reverse moves the amount of a transfer (or of a posted hold, whose id is 0xFE and the hold's)
	// back. Amount is 0 or the same. The transfer must have been posted by an earlier batch. A
	// reversal cannot be reversed: book the transfer again instead.
	Reverse
	// KeepMemo moves nothing: it keeps its evidence under its key, as a memo of kind KeptKind. So a
	// chain of transfers can depend on one more key than those of its transfers. Debit, Credit and
	// Amount are 0.
	KeepMemo
)

// KeptKind is the kind of the memos that KeepMemo leaves.
const KeptKind = "note"

var actNames = [...]string{
	Move: "move", Hold: "hold", PostHold: "post hold", VoidHold: "void hold", ExpireHold: "expire hold", Reverse: "reverse",
	KeepMemo: "note",
}

// String names the act.
func (a Act) String() string {
	if int(a) < len(actNames) {
		return actNames[a]
	}
	return fmt.Sprintf("act %d", uint8(a))
}

// OnEarlier reports whether the act is done on an earlier row.
func (a Act) OnEarlier() bool { return a >= PostHold && a <= Reverse }

// EndsHold reports whether the act ends a hold.
func (a Act) EndsHold() bool { return a == PostHold || a == VoidHold || a == ExpireHold }

// The first bytes of ids that are the ledger's own: of disputes, of the end of a hold, of a
// reversal. After the last two comes the id of the earlier row. So the end of a hold is found by
// the hold's id, and there is at most one.
const (
	DisputeID  = 0xFF
	HoldEndID  = 0xFE
	ReversalID = 0xFD
)

// HoldState is what became of a hold.
type HoldState string

// The states of a hold. A hold that has lapsed stays held, and its money stays reserved, until an
// ExpireHold is posted.
const (
	HoldHeld    HoldState = "held"
	HoldPosted  HoldState = "posted"
	HoldVoided  HoldState = "voided"
	HoldExpired HoldState = "expired"
)

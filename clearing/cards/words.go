package cards

import "slices"

// Do is what a counter does with a card.
type Do string

// What there is to do.
const (
	Sell        Do = "sell"
	ReportLoss  Do = "report_loss"
	ReportBrief Do = "report_loss_for_now" // lapses by rule
	Find        Do = "find"                // a lost card was found
	Replace     Do = "replace"
	Extend      Do = "extend"
	Return      Do = "return"  // a card that can be read
	HandIn      Do = "hand_in" // one that cannot
	Refund      Do = "refund"  // of a card that was handed in
	CutDeposit  Do = "cut_deposit"
	UnblockPIN  Do = "unblock_pin"
	Activate    Do = "activate_social" // the social-security function
	Suspend     Do = "suspend_social"
)

// Does lists all of them.
func Does() []Do {
	return []Do{Sell, ReportLoss, ReportBrief, Find, Replace, Extend, Return, HandIn, Refund, CutDeposit, UnblockPIN, Activate, Suspend}
}

// The acts of these.
const (
	ActSell        = "sell card"
	ActReportLoss  = "report card lost"
	ActReportBrief = "report card lost for now"
	ActFind        = "report card found"
	ActReplace     = "replace card"
	ActExtend      = "extend card"
	ActReturn      = "return card"
	ActHandIn      = "hand card in"
	ActRefund      = "refund card"
	ActCutDeposit  = "cut deposit"
	ActUnblockPIN  = "unblock PIN"
	ActActivate    = "activate social function"
	ActSuspend     = "suspend social function"
)

// Act is the act as policy and audit name it.
func (d Do) Act() string {
	switch d {
	case Sell:
		return ActSell
	case ReportLoss:
		return ActReportLoss
	case ReportBrief:
		return ActReportBrief
	case Find:
		return ActFind
	case Replace:
		return ActReplace
	case Extend:
		return ActExtend
	case Return:
		return ActReturn
	case HandIn:
		return ActHandIn
	case Refund:
		return ActRefund
	case CutDeposit:
		return ActCutDeposit
	case UnblockPIN:
		return ActUnblockPIN
	case Activate:
		return ActActivate
	case Suspend:
		return ActSuspend
	}
	return ""
}

// IsStep reports whether an act is one on a card.
func IsStep(act string) bool {
	return act != "" && slices.ContainsFunc(Does(), func(d Do) bool { return d.Act() == act })
}

// Known reports whether there is such a thing to do.
func (d Do) Known() bool { return slices.Contains(Does(), d) }

// State is how a card stands; the table has them.
type State string

// The states.
const (
	Unknown  State = "unknown"      // never issued or sold here: of the previous system, or another city's
	Issued   State = "issued"       // personalised, read back and verified; not sold
	Spoilt   State = "spoilt"       // personalisation failed; the card is destroyed
	Active   State = "active"       // with a customer
	Brief    State = "lost_for_now" // reported lost; lapses by rule
	Lost     State = "lost"
	HandedIn State = "handed_in" // unreadable; its money is owed
	Replaced State = "replaced"  // another card has its money
	Returned State = "returned"
	Refunded State = "refunded"
	Inactive State = "inactive" // by rule, long unused; its money is owed
)

// Function is how one of the two functions of a social-security card stands.
type Function string

// The states of a function.
const (
	NoFunction Function = "" // the card has none
	Waiting    Function = "waiting"
	Working    Function = "active"
	Suspended  Function = "suspended"
	Ended      Function = "ended"
)

package chart

import (
	"encoding/hex"
	"fmt"
	"strings"

	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Codes of the accounts that exist once.
const (
	Reserve         = "reserve"
	Unwritten       = "unwritten:own"
	Waiting         = "waiting:own"
	Float           = "float:own"
	Centre          = "centre"
	Deposits        = "deposits:own"
	Passes          = "passes:own"
	Fees            = "fees:own"
	Differences     = "differences:own"
	Commission      = "commission:own"
	Overdrawn       = "overdrawn:own"
	Inactive        = "inactive:own"
	BankMedical     = "bank:medical"
	BankPension     = "bank:pension"
	PensionFund     = "pension:fund"
	PensionPayout   = "pension:payout"
	PensionReturned = "pension:returned"

	// CodeLost holds what cards have paid, as counter and balance say, and no TAC proves.
	CodeLost = "suspense:code_lost"
)

// Purpose codes of transfers. They are stored: never renumbered.
const (
	PurposeMetroExit ledger.Purpose = iota + 1
	PurposeBus
	PurposeLoad
	PurposeLoadAuthorised
	PurposeMedicalFund
	PurposeMedicalAccount
	PurposePension
	PurposePensionReturn
	PurposeOpening
	PurposeSettlement
	PurposeOtherFare
	PurposeReceipt
	PurposePensionAgain
	PurposeLoadRefund
	PurposeRelease
	PurposeCorrection
	PurposeCodeLost
	PurposeCodeFound
	PurposeLoadPlaced
	PurposeLoadWithdrawn
	PurposeCardPrice
	PurposeCardFee
	PurposeCardDeposit
	PurposeCardRefund
	PurposeShiftDifference
	PurposeEmptied
	PurposeCommission
	PurposeOverdrawn
	PurposeInactive
	PurposeTornAgain
	PurposeHandedOver
)

// Purposes of what operators take in cash themselves. It is theirs, and no transfer: a desk's cash
// for updates and for exit tickets, and what it gives back for those that no longer count.
const (
	DeskCash   = "desk_cash"
	ExitTicket = "exit_ticket"
	ExitVoid   = "exit_ticket_void"
)

// Purposes of fares unlike the table's: what was charged above it, and below it (a negative sum).
// The whole fares are booked to the operator; these are stated beside its totals.
const (
	FareOver  = "fare_over"
	FareUnder = "fare_under"
)

// Purposes of what transfers took off fares that are the table's (a negative sum), by who bears it:
// the operator itself, or the city. Nothing is booked of it; it is stated beside the totals.
const (
	TransferOwn  = "transfer_own"
	TransferCity = "transfer_city"
)

// MetroEntry is the reason under which a metro entry of 0 fen is kept; it makes
// no transfer.
const MetroEntry = "metro_entry"

// AllCash is the reason under which a medical settlement is kept when neither the fund nor the
// personal account pays anything.
const AllCash = "medical"

// PurposeName is a purpose's name in reports.
func PurposeName(p ledger.Purpose) string {
	switch p {
	case PurposeMetroExit:
		return "metro_exit"
	case PurposeBus:
		return "bus"
	case PurposeLoad:
		return "load"
	case PurposeLoadAuthorised:
		return "load_authorised"
	case PurposeMedicalFund:
		return "medical_fund"
	case PurposeMedicalAccount:
		return "medical_account"
	case PurposePension:
		return "pension"
	case PurposePensionReturn:
		return "pension_return"
	case PurposePensionAgain:
		return "pension_again"
	case PurposeLoadRefund:
		return "load_refund"
	case PurposeLoadPlaced:
		return "load_placed"
	case PurposeLoadWithdrawn:
		return "load_withdrawn"
	case PurposeCommission:
		return "commission"
	case PurposeOverdrawn:
		return "overdrawn"
	case PurposeInactive:
		return "inactive"
	case PurposeTornAgain:
		return "torn_again"
	case PurposeHandedOver:
		return "handed_over"
	case PurposeRelease:
		return "release"
	case PurposeCorrection:
		return "correction"
	case PurposeCodeLost:
		return "code_lost"
	case PurposeCodeFound:
		return "code_found"
	case PurposeCardPrice:
		return "card_price"
	case PurposeCardFee:
		return "card_fee"
	case PurposeCardDeposit:
		return "card_deposit"
	case PurposeCardRefund:
		return "card_refund"
	case PurposeShiftDifference:
		return "shift_difference"
	case PurposeEmptied:
		return "emptied"
	case PurposeOpening:
		return "opening"
	case PurposeSettlement:
		return "settlement"
	case PurposeReceipt:
		return "receipt"
	case PurposeOtherFare:
		return "other_fare"
	}
	return fmt.Sprintf("purpose_%d", p)
}

// Operator is the account of who has a terminal: an operator's, or a channel's.
func Operator(id string) string {
	if strings.HasPrefix(id, index.ChannelHolder) {
		return id
	}
	return "operator:" + id
}

// Pending, Channel, Handed, Hospital, Fund and Suspense are codes of accounts
// that exist once per owner or reason.
func Pending(operator string) string        { return "pending:" + operator }
func Channel(id string) string              { return "channel:" + id }
func Handed(id string) string               { return "handed:" + id } // cash of its counters, until the bank has it
func Hospital(id string) string             { return "hospital:" + id }
func Fund(insurance string) string          { return "fund:" + insurance }
func Suspense(reason verdict.Reason) string { return "suspense:" + string(reason) }
func Personal(token [16]byte) string        { return "personal:" + hex.EncodeToString(token[:]) }

// KindOf is the part of an account code before the colon: operator, suspense, …
func KindOf(code string) string {
	kind, _, _ := strings.Cut(code, ":")
	return kind
}

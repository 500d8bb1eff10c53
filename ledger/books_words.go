package ledger

import (
	"time"

	"citycard/ledger/chain"
)

// The values that the books consist of are in package chain, which needs no database. The ledger's
// functions take and return them, so their names are repeated here.
type (
	Fen       = chain.Fen
	Sums      = chain.Sums
	Day       = chain.Day
	DayState  = chain.DayState
	AccountID = chain.AccountID
	StreamID  = chain.StreamID
	Kind      = chain.Kind
	Flags     = chain.Flags
	Account   = chain.Account
	Subject   = chain.Subject
	ID        = chain.ID
	Key       = chain.Key
	Purpose   = chain.Purpose
	Act       = chain.Act
	HoldState = chain.HoldState
	Row       = chain.Row
)

// MaxAmount is the largest amount of one transfer.
const MaxAmount = chain.MaxAmount

// The kinds of account.
const (
	Asset     = chain.Asset
	Liability = chain.Liability
	Income    = chain.Income
	Expense   = chain.Expense
)

// The account flags.
const (
	DebitsMustNotExceedCredits = chain.DebitsMustNotExceedCredits
	CreditsMustNotExceedDebits = chain.CreditsMustNotExceedDebits
	Closed                     = chain.Closed
	Frozen                     = chain.Frozen
	MustReturnToZero           = chain.MustReturnToZero
)

// The acts of a transfer.
const (
	Move       = chain.Move
	Hold       = chain.Hold
	PostHold   = chain.PostHold
	VoidHold   = chain.VoidHold
	ExpireHold = chain.ExpireHold
	Reverse    = chain.Reverse
	KeepMemo   = chain.KeepMemo
)

// The states of a day.
const (
	DayOpen    = chain.DayOpen
	DayClosing = chain.DayClosing
	DayClosed  = chain.DayClosed
	DaySealed  = chain.DaySealed
)

// IDOfCode returns the account number that belongs to a code.
func IDOfCode(code string) AccountID { return chain.IDOfCode(code) }

// IDOfStream returns the stream number that belongs to a name.
func IDOfStream(name string) StreamID { return chain.IDOfStream(name) }

// DayOf returns the calendar day of t in t's own location.
func DayOf(t time.Time) Day { return chain.DayOf(t) }

// ParseDay reads a day written YYYYMMDD.
func ParseDay(s string) (Day, error) { return chain.ParseDay(s) }

package ledger

import (
	"fmt"

	"citycard/language"
)

// Errors are grouped by what a caller does next. ErrFenced, ErrPosition: give the stream up, lease
// it again if it should be ours. ErrDayMoved: take the new day from the StreamError and post again.
// ErrDaySealed: book in another day. ErrUnavailable: nothing was committed; try later. ErrBusy:
// others kept taking the stream, nothing was committed; try later. ErrOutcomeUnknown: lease the
// stream again and see how far it got.
var (
	ErrFenced         = language.Textf("the stream has a newer owner")
	ErrPosition       = language.Textf("the stream stands at another position")
	ErrNoStream       = language.Textf("the stream was never leased")
	ErrDayMoved       = language.Textf("the stream has moved to another day")
	ErrDaySealed      = language.Textf("the day is sealed")
	ErrUnavailable    = language.Textf("the database cannot be used at present; nothing was committed")
	ErrBusy           = language.Textf("the stream was taken away at every attempt; nothing was committed")
	ErrOutcomeUnknown = language.Textf("the connection was lost during the commit and the outcome cannot be read yet")
	ErrAccount        = language.Textf("the account is open with other properties")
	ErrNoAccount      = language.Textf("no such account")
	ErrNoRow          = language.Textf("no such row in the journal")
	ErrDay            = language.Textf("the day's state does not allow it")
)

// BatchError says that a batch, or the name of a stream or day, is malformed, or that an account's
// sums would become too large (MaxAmount). It is the caller's mistake; posting it again cannot
// succeed.
type BatchError struct {
	Stream string
	What   *language.Text
}

func (e *BatchError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *BatchError) In(l language.Language) string {
	return language.Textf("stream %q: %w", e.Stream, e.What).In(l)
}

// StreamError says that the stream is not where the batch expects it. It unwraps to ErrFenced,
// ErrPosition, ErrDayMoved, ErrDaySealed or ErrNoStream.
type StreamError struct {
	Err     error
	Current Lease // the stream as it stands now
	Epoch   int64 // what the batch expected
	From    int64
	Day     Day
}

func (e *StreamError) Error() string {
	return fmt.Sprintf("stream %q: %v (batch: epoch %d, from %d, day %d; stream: epoch %d, next %d, day %d)", e.Current.Stream, e.Err,
		e.Epoch, e.From, e.Day, e.Current.Epoch, e.Current.Next, e.Current.Day)
}

func (e *StreamError) Unwrap() error { return e.Err }

// Reason is why a transfer or memo was refused, in order of precedence.
type Reason uint8

// The reasons.
const (
	BadKey            Reason = iota + 1 // day, subject or id out of bounds, or an id of the ledger's own kind
	BadEvidence                         // longer than MaxEvidence
	BadAmount                           // not 1 to MaxAmount, or more than fits a batch together with those before
	BadMemo                             // kind or reason out of bounds
	BadAct                              // an unknown act, or one that lacks or has what it should not
	OpenChain                           // the batch ends within a chain
	ContentDiffers                      // the key is taken by other content (Conflict)
	SameAccount                         // debit and credit are one account
	UnknownAccount                      // no such account
	AccountClosed                       //
	AccountFrozen                       //
	NothingToActOn                      // no such hold, or no such transfer to reverse
	OtherAccounts                       // not the accounts of what is acted on
	ExceedsHold                         // more than the hold holds, or not the amount to be reversed
	ActedOnBefore                       // the hold has ended, or the transfer was reversed, in another way
	HoldLapsed                          // posted too late
	HoldNotLapsed                       // expired too early
	ExceedsCredits                      // the debit account holds less
	ExceedsDebits                       // the credit account can take less
	RepeatedInChain                     // two transfers of one chain have the same key
	ChainRefused                        // another transfer of the chain was refused
	ChainPartlyPosted                   // another transfer of the chain was posted before, without this one
)

var reasonTexts = [...]string{
	BadKey:            "its day must be a calendar day, its subject and id 1 to 64 bytes, the id's first below 0xFD",
	BadEvidence:       "its evidence is too long",
	BadAmount:         "its amount must be between 1 and 1000000000000000 fen",
	BadMemo:           "its kind must be 1 to 32 and its reason at most 1024 bytes of UTF-8, and kind dispute is reserved",
	BadAct:            "its act does not fit what it is given",
	OpenChain:         "the batch ends before its chain does",
	ContentDiffers:    "its key is taken by other content",
	SameAccount:       "debit and credit are the same account",
	UnknownAccount:    "there is no such account",
	AccountClosed:     "an account is closed",
	AccountFrozen:     "an account is frozen",
	NothingToActOn:    "there is nothing it could act on",
	OtherAccounts:     "its accounts are not those of what it acts on",
	ExceedsHold:       "its amount is not that of what it acts on",
	ActedOnBefore:     "what it acts on has ended in another way",
	HoldLapsed:        "the hold has lapsed",
	HoldNotLapsed:     "the hold has not lapsed",
	ExceedsCredits:    "the debit account does not hold enough",
	ExceedsDebits:     "the credit account cannot take as much",
	RepeatedInChain:   "its chain has another transfer with the same key",
	ChainRefused:      "another transfer of its chain was refused",
	ChainPartlyPosted: "only a part of its chain was posted before",
}

// String says it in words.
func (r Reason) String() string {
	if int(r) < len(reasonTexts) && reasonTexts[r] != "" {
		return reasonTexts[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// TransferError names the transfer or memo that was not posted, and why.
type TransferError struct {
	Index  int  // in the batch's Transfers, or in its Memos
	Memo   bool // which of the two
	Key    Key  // as its caller gave it; not in the text, because a subject may be a person
	Reason Reason
	Detail string // the account, where there is one
}

func (e *TransferError) Error() string {
	what := "transfer"
	if e.Memo {
		what = "memo"
	}
	if e.Detail == "" {
		return fmt.Sprintf("%s %d: %v", what, e.Index, e.Reason)
	}
	return fmt.Sprintf("%s %d: %v (%s)", what, e.Index, e.Reason, e.Detail)
}

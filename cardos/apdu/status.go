package apdu

import (
	"errors"
	"fmt"

	"citycard/language"
)

// Status is the status word SW1 SW2 that ends every answer.
type Status uint16

// Status words of ISO/IEC 7816-4 and of the PBOC electronic purse, as purse
// and social-security cards answer them.
const (
	OK                       Status = 0x9000
	DataMayBeCorrupt         Status = 0x6281
	EndOfFile                Status = 0x6282
	FileInvalidated          Status = 0x6283
	AuthenticationFailed     Status = 0x6300
	MemoryFailure            Status = 0x6581
	WrongLength              Status = 0x6700
	SecureMessagingUnknown   Status = 0x6882
	CannotHandle             Status = 0x6900
	WrongState               Status = 0x6901
	IncompatibleFile         Status = 0x6981
	SecurityNotSatisfied     Status = 0x6982
	Locked                   Status = 0x6983
	NoChallenge              Status = 0x6984
	ConditionsNotSatisfied   Status = 0x6985
	NoCurrentFile            Status = 0x6986
	SecureMessagingMissing   Status = 0x6987
	SecureMessagingIncorrect Status = 0x6988
	WrongData                Status = 0x6A80
	FunctionNotSupported     Status = 0x6A81
	FileNotFound             Status = 0x6A82
	RecordNotFound           Status = 0x6A83
	NoSpace                  Status = 0x6A84
	WrongParameters          Status = 0x6A86
	KeyNotFound              Status = 0x6A88
	WrongOffset              Status = 0x6B00
	INSNotSupported          Status = 0x6D00
	CLANotSupported          Status = 0x6E00
	NoDiagnosis              Status = 0x6F00
	InsufficientFunds        Status = 0x9301
	MACInvalid               Status = 0x9302
	PermanentlyBlocked       Status = 0x9303
	InsufficientAmount       Status = 0x9401
	CounterAtMaximum         Status = 0x9402
	KeyIndexUnsupported      Status = 0x9403
	MACUnavailable           Status = 0x9406
)

// MoreData is 61xx: n bytes wait for GET RESPONSE (256 as 00).
func MoreData(n int) Status { return 0x6100 | Status(n&0xFF) }

// ExactLength is 6Cxx: ask again with Le n (256 as 00).
func ExactLength(n int) Status { return 0x6C00 | Status(n&0xFF) }

// TriesLeft is 63Cx: verification failed, n tries are left (at most 15).
func TriesLeft(n int) Status { return 0x63C0 | Status(min(max(n, 0), 15)) }

// IsMoreData tells 61xx and how many bytes wait.
func (s Status) IsMoreData() (int, bool) {
	n := int(s & 0xFF)
	if n == 0 {
		n = 256
	}
	return n, s&0xFF00 == 0x6100
}

// exactLength tells 6Cxx and the Le to ask with.
func (s Status) exactLength() (int, bool) {
	n := int(s & 0xFF)
	if n == 0 {
		n = 256
	}
	return n, s&0xFF00 == 0x6C00
}

// IsTriesLeft tells 63Cx and the tries left.
func (s Status) IsTriesLeft() (int, bool) { return int(s & 0xF), s&0xFFF0 == 0x63C0 }

// leavesOpen reports a refusal after which the card may have done what it was told
// all the same: warnings (62xx, 63xx), memory that has changed (65xx) and no diagnosis
// (6Fxx). All other refusals change nothing.
func (s Status) leavesOpen() bool {
	switch s >> 8 {
	case 0x62, 0x63, 0x65, 0x6F:
		return true
	}
	return false
}

// String is the four hexadecimal digits.
func (s Status) String() string { return fmt.Sprintf("%04X", uint16(s)) }

// StatusError is an answer with a status word other than 9000. It carries the
// command's header, never its data: data may hold a PIN.
type StatusError struct {
	Header [4]byte
	Status Status
}

func (e *StatusError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *StatusError) In(l language.Language) string {
	return fmt.Sprintf(l.Of("card answered %s to %X: %s"), e.Status, e.Header, e.Status.Describe(l))
}

// StatusOf returns the status word an error came from, and false when the
// error is not an answer of the card.
func StatusOf(err error) (Status, bool) {
	var e *StatusError
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Status, true
}

// IsUndone reports that the card has answered, and has not done what it was told. Of
// an error of the transport, or a status word that leavesOpen, that cannot be said.
func IsUndone(err error) bool {
	s, answered := StatusOf(err)
	return answered && !s.leavesOpen()
}

// Is reports whether err is an answer of the card with this status word.
func (s Status) Is(err error) bool {
	got, ok := StatusOf(err)
	return ok && got == s
}

// IsNotFound reports an answer that says: no such file, application or record.
func IsNotFound(err error) bool {
	return FileNotFound.Is(err) || RecordNotFound.Is(err) || FileInvalidated.Is(err)
}

// IsMACRefused reports that the card found our MAC wrong (9302, or 6988 in
// secure messaging).
func IsMACRefused(err error) bool { return MACInvalid.Is(err) || SecureMessagingIncorrect.Is(err) }

// IsInsufficient reports that the purse does not hold the amount.
func IsInsufficient(err error) bool { return InsufficientAmount.Is(err) || InsufficientFunds.Is(err) }

// IsBlocked reports a blocked PIN, application or card.
func IsBlocked(err error) bool {
	return Locked.Is(err) || PermanentlyBlocked.Is(err) || FileInvalidated.Is(err)
}

// IsSecurity reports that the card wants a PIN or an authentication first.
func IsSecurity(err error) bool { return SecurityNotSatisfied.Is(err) }

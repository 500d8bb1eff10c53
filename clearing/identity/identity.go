package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"citycard/ledger"
)

// The first byte of an id says what kind of posting it names.
const (
	kindSpend          = 0x01
	kindLoadWritten    = 0x02
	kindLoadAuthorised = 0x03
	kindLoadRefunded   = 0x04
	kindLoadOrder      = 0x05
	kindLoadWithdrawn  = 0x06
	kindLoadMoved      = 0x07
	kindLoadHeld       = 0x08
	kindLoadInvoice    = 0x09
	kindMedical        = 0x10
	kindPension        = 0x20
	kindPensionReturn  = 0x21
	kindPensionAgain   = 0x22
	kindOpening        = 0x2F
	kindSettlement     = 0x30
	kindReceipt        = 0x31
	kindReject         = 0x40
	kindRelease        = 0x50
	kindCorrection     = 0x51
	kindUnconfirmed    = 0x52
	kindResolved       = 0x53
	kindCodeFound      = 0x54
	kindExitTicket     = 0x55
	kindExitVoid       = 0x56
	kindCardStep       = 0x60
	kindCardMoney      = 0x61
	kindStockAct       = 0x62
)

// MedicalPart is the part of a settlement that one row stands for.
type MedicalPart byte

const (
	MedicalFund    MedicalPart = 0x01
	MedicalAccount MedicalPart = 0x02
	MedicalCash    MedicalPart = 0x03 // nothing in the books: all of it was paid in cash
)

// Spend is the id of a purse debit. terminal has 6 bytes.
func Spend(kind byte, terminal []byte, sequence uint32) ledger.ID {
	b := make([]byte, 0, 12)
	b = append(b, kindSpend, kind)
	b = append(b, terminal...)
	return ledger.ID(binary.BigEndian.AppendUint32(b, sequence))
}

// LoadWritten is the id of a load that the card confirmed.
func LoadWritten(kind byte, onlineSequence uint16) ledger.ID {
	return ledger.ID([]byte{kindLoadWritten, kind, byte(onlineSequence >> 8), byte(onlineSequence)})
}

// Load is a load as its ids name it. The card increments its online sequence only when a load is
// written, so the order after a refunded one has the same sequence. Attempt is the number of orders
// for the sequence that were refunded before.
type Load struct {
	Kind     byte
	Sequence uint16
	Attempt  uint8
}

// MaxAttempt bounds how often one sequence of a card is ordered and refunded.
const MaxAttempt = 99

func (l Load) id(kind byte) ledger.ID {
	id := binary.BigEndian.AppendUint16([]byte{kind, l.Kind}, l.Sequence)
	if l.Attempt > 0 {
		id = append(id, l.Attempt)
	}
	return ledger.ID(id)
}

// LoadAuthorised is the id of a paid load before it is written. Its effective day
// is NoDay: a card uses an online sequence once in its life, and an order that is
// asked for again after midnight is the same order.
func LoadAuthorised(l Load) ledger.ID { return l.id(kindLoadAuthorised) }

// LoadRefunded is the id of the refund of a paid load that no card has, under the same day as the
// load itself.
func LoadRefunded(l Load) ledger.ID { return l.id(kindLoadRefunded) }

// LoadOrder is the id under which a channel's order number names its load; the channel
// is the subject. Its effective day is NoDay, as the load's own.
func LoadOrder(number string) ledger.ID {
	sum := sha256.Sum256([]byte(number))
	return ledger.ID(append([]byte{kindLoadOrder}, sum[:]...))
}

// LoadWithdrawn is the id under which a load that waited for its card is taken back, beside
// LoadOrder, under which it was placed.
func LoadWithdrawn(number string) ledger.ID {
	sum := sha256.Sum256([]byte(number))
	return ledger.ID(append([]byte{kindLoadWithdrawn}, sum[:]...))
}

// IsLoadOrder reports whether an id is that of a channel's order.
func IsLoadOrder(id ledger.ID) bool { return len(id) > 0 && id[0] == kindLoadOrder }

// WithdrawnOrder is the id under which a load was placed, by that under which it was taken back.
func WithdrawnOrder(id ledger.ID) (placed ledger.ID, ok bool) {
	if len(id) == 0 || id[0] != kindLoadWithdrawn {
		return "", false
	}
	return ledger.ID([]byte{kindLoadOrder}) + id[1:], true
}

// LoadMoved is the id of the note by which a load that waits goes over to another card, beside
// LoadOrder; n counts from 1.
func LoadMoved(number string, n int64) ledger.ID { return ofOrder(kindLoadMoved, number, n) }

// LoadHeld is the id of the note by which a load that waits is held for a person.
func LoadHeld(number string) ledger.ID { return ofOrder(kindLoadHeld, number, 1) }

// LoadInvoice is the id of a note about the invoice of an order, beside LoadOrder; n counts from 1.
func LoadInvoice(number string, n int64) ledger.ID { return ofOrder(kindLoadInvoice, number, n) }

func ofOrder(kind byte, number string, n int64) ledger.ID {
	sum := sha256.Sum256([]byte(number))
	return ledger.ID(binary.BigEndian.AppendUint32(append([]byte{kind}, sum[:]...), uint32(n)))
}

// AuthorisedLoad reads the id of a paid load.
func AuthorisedLoad(id ledger.ID) (Load, bool) { return loadOf(id, kindLoadAuthorised) }

// RefundedLoad reads the id of a refund.
func RefundedLoad(id ledger.ID) (Load, bool) { return loadOf(id, kindLoadRefunded) }

// WrittenLoad reads the id of a load that the card confirmed.
func WrittenLoad(id ledger.ID) (Load, bool) { return loadOf(id, kindLoadWritten) }

func loadOf(id ledger.ID, kind byte) (l Load, ok bool) {
	if len(id) < 4 || len(id) > 5 || id[0] != kind {
		return l, false
	}
	l = Load{Kind: id[1], Sequence: binary.BigEndian.Uint16([]byte(id[2:4]))}
	if len(id) == 5 {
		l.Attempt = id[4]
	}
	return l, true
}

// Medical is the id of one part of a settlement. Each hospital has its own settlement numbers, in
// the form that Number returns, so the hospital is part of the id. The id has a hash of both, since
// together they may be longer than an id. A zero byte separates them; no number contains one.
func Medical(part MedicalPart, hospital, settlement string) ledger.ID {
	sum := sha256.Sum256([]byte(hospital + "\x00" + settlement))
	return ledger.ID(append([]byte{kindMedical, byte(part)}, sum[:]...))
}

// MaxPayment bounds how often one month is paid to one person: after so many returned payouts, a
// person has to look at the case.
const MaxPayment = 99

// Pension is the id of a month's payout; month is YYYYMM. payment counts from 1: payment 1 is the
// month's regular one, payment n repeats what the bank returned of payment n - 1.
func Pension(month string, payment uint8) ledger.ID {
	if payment > 1 {
		return ledger.ID(append(append([]byte{kindPensionAgain}, month...), payment))
	}
	return ledger.ID(append([]byte{kindPension}, month...))
}

// PensionReturn is the id of a payout that the bank sent back.
func PensionReturn(month string, payment uint8) ledger.ID {
	id := append([]byte{kindPensionReturn}, month...)
	if payment > 1 {
		id = append(id, payment)
	}
	return ledger.ID(id)
}

// Opening is the id of a subject's opening balance.
func Opening(what string) ledger.ID {
	return ledger.ID(append([]byte{kindOpening}, what...))
}

// Settlement is the id of a day's settlement of one participant; part tells
// several settlements of one day apart.
func Settlement(part string) ledger.ID {
	return ledger.ID(append([]byte{kindSettlement}, part...))
}

// PayoutHeld is the id of the note that a day's close did not pay an operator. PayoutReleased is
// the id of the payment that two people released. Day and subject are those of the payment, so each
// exists at most once for a day, however often the day is reopened.
func PayoutHeld() ledger.ID     { return Settlement("held") }
func PayoutReleased() ledger.ID { return Settlement("released") }

// Receipt is the id of money that the bank reports under a reference, which is in the
// form that Number gives.
func Receipt(reference string) ledger.ID {
	return ledger.ID(append([]byte{kindReceipt}, reference...))
}

// Release is the id of one part of a decision on a suspended transfer. Its day and subject are the
// transfer's, so the transfer is decided on only once. The id released has at most 62 bytes, as all
// of clearing's have.
func Release(part byte, suspended ledger.ID) ledger.ID {
	return ledger.ID([]byte{kindRelease, part}) + suspended
}

// ReleaseCorrection is the id of one part of the correction of a release, under the same day and
// subject. So a release is corrected only once.
func ReleaseCorrection(part byte, suspended ledger.ID) ledger.ID {
	return ledger.ID([]byte{kindCorrection, part}) + suspended
}

// ParseRelease reads the id of a part of a release, or of its correction.
func ParseRelease(id ledger.ID) (correction bool, part byte, suspended ledger.ID, ok bool) {
	if len(id) < 3 || id[0] != kindRelease && id[0] != kindCorrection {
		return false, 0, "", false
	}
	return id[0] == kindCorrection, id[1], id[2:], true
}

// Unconfirmed is the id of a tap without a TAC; the tap itself may come under spend, the id that
// Spend gives. Day and subject are those of the tap, here and below.
func Unconfirmed(spend ledger.ID) ledger.ID { return ledger.ID([]byte{kindUnconfirmed}) + spend }

// Resolved is the id of what two people decide about such a tap: it is decided on once.
func Resolved(spend ledger.ID) ledger.ID { return ledger.ID([]byte{kindResolved}) + spend }

// CodeFound is the id of the money that goes back to the float as the tap is booked after all.
func CodeFound(spend ledger.ID) ledger.ID { return ledger.ID([]byte{kindCodeFound}) + spend }

// ParseUnconfirmed reads the id of the tap out of an id that Unconfirmed gives.
func ParseUnconfirmed(id ledger.ID) (spend ledger.ID, ok bool) {
	if len(id) < 2 || id[0] != kindUnconfirmed {
		return "", false
	}
	_, _, ok = ParseSpend([]byte(id[1:]))
	return id[1:], ok
}

// ExitTicket is the id of an exit ticket, by its running number at its desk. Its day is the one on
// which it was given, and the desk is the subject.
func ExitTicket(number uint32) ledger.ID {
	return ledger.ID(binary.BigEndian.AppendUint32([]byte{kindExitTicket}, number))
}

// ExitVoid is the id of what a desk says of a ticket that no longer counts, under the same day and
// subject.
func ExitVoid(number uint32) ledger.ID {
	return ledger.ID(binary.BigEndian.AppendUint32([]byte{kindExitVoid}, number))
}

// Desk is the subject of what a desk says of itself, by the number of its SAM, of 6 bytes.
func Desk(terminal []byte) ledger.Subject {
	return ledger.Subject("desk:" + hex.EncodeToString(terminal))
}

// IsUse reports whether a row of a card is one that its holder made: a spend, or a load that is
// written.
func IsUse(id ledger.ID) bool { return len(id) > 0 && (id[0] == kindSpend || id[0] == kindLoadWritten) }

// CardStep is the id of the note of what a unit's order did with a card, whose subject and clearing
// day it has. The id has a hash of unit and order, since together they may be longer than an id.
func CardStep(unit, order string) ledger.ID {
	sum := sha256.Sum256([]byte(unit + "\x00" + order))
	return ledger.ID(append([]byte{kindCardStep}, sum[:]...))
}

// CardMoney is the id of one part of the money of such a step.
func CardMoney(part byte, step ledger.ID) ledger.ID {
	return ledger.ID([]byte{kindCardMoney, part}) + step[1:]
}

// StockAct is the id of the note of an act with pieces of stock, by its number.
func StockAct(number int64) ledger.ID {
	return ledger.ID(binary.BigEndian.AppendUint64([]byte{kindStockAct}, uint64(number)))
}

// Reject is the id of bytes that were refused: their hash, since nothing in them
// can be believed. part numbers the pieces of long ones.
func Reject(original []byte, part uint16) ledger.ID {
	sum := sha256.Sum256(original)
	return ledger.ID(binary.BigEndian.AppendUint16(append([]byte{kindReject}, sum[:]...), part))
}

// RejectSubject is the subject of bytes that were refused: their stream, a slash and the beginning
// of their hash. So a day's rejects are found by the day's notes of late rows, without reading the
// rejects of earlier days. All rejects of a stream have one effective day, so the same bytes get
// the same key however late they come again.
func RejectSubject(stream string, original []byte) ledger.Subject {
	const begin = 4
	sum := sha256.Sum256(original)
	stream = stream[:min(len(stream), ledger.MaxKey-1-begin)]
	return ledger.Subject(stream + "/" + string(sum[:begin]))
}

// IsFurtherPiece reports whether an id is that of a second or later piece of a
// reject.
func IsFurtherPiece(id ledger.ID) bool {
	return len(id) == 1+sha256.Size+2 && id[0] == kindReject && (id[len(id)-2] > 0 || id[len(id)-1] > 0)
}

// ParseSpend reads the SAM's number and sequence from the id of a purse debit.
func ParseSpend(id []byte) (terminal [6]byte, sequence uint32, ok bool) {
	if len(id) != 12 || id[0] != kindSpend {
		return terminal, 0, false
	}
	copy(terminal[:], id[2:])
	return terminal, binary.BigEndian.Uint32(id[8:]), true
}

// ParseLoadWritten reads the card's online sequence from the id of a load that it
// confirmed.
func ParseLoadWritten(id []byte) (onlineSequence uint16, ok bool) {
	if len(id) != 4 || id[0] != kindLoadWritten {
		return 0, false
	}
	return binary.BigEndian.Uint16(id[2:]), true
}

package truth

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Facts is what the city knows about a record because it made the record.
type Facts struct {
	Broken  bool // the bytes are no message
	Invalid bool // a message with a field of impossible length or value
	// OtherType: the topic does not accept this transaction type.
	OtherType bool

	Forged  bool // the TAC does not fit what it should cover
	Foreign bool // another city's card: without its master this city cannot detect a forgery

	AbovePurse      bool // the amount is more than any purse may hold, of whatever issuer
	UnknownCard     bool
	UnknownTerminal bool
	ImplausibleDate bool
	NotAccepted     bool // a foreign card's issuer is on the list, but not on that day
	Expired         bool
	Blocked         bool
	Listed          bool // on the hotlist when it was tapped

	Unconfirmed bool // a tap without a TAC, on the topic for such

	Refused string // a request that the rules refuse, and why
}

// judge gives verdict and reason of a record whose identity was not seen before. It checks the
// reasons in their order of precedence.
func (f Facts) judge() (verdict, reason string) {
	switch {
	case f.Broken:
		return Rejected, "undecodable"
	case f.Invalid:
		return Rejected, "invalid_field"
	case f.OtherType:
		return Rejected, "transaction_type"
	case f.Unconfirmed:
		return Unconfirmed, ""
	case f.Forged && !f.Foreign:
		return Rejected, "bad_tac"
	case f.Refused != "":
		return Rejected, f.Refused
	case f.AbovePurse:
		return Suspended, "amount_too_high"
	case f.UnknownCard && !f.Foreign:
		return Suspended, "unknown_card"
	case f.UnknownTerminal:
		return Suspended, "unknown_terminal"
	case f.ImplausibleDate:
		return Suspended, "implausible_date"
	case f.Foreign && f.NotAccepted:
		return Suspended, "issuer_not_accepted"
	case f.Expired && !f.Foreign:
		return Suspended, "card_expired"
	case f.Blocked && !f.Foreign:
		return Suspended, "card_blocked"
	case f.Listed:
		return Suspended, "card_listed"
	case f.Foreign:
		return Pending, ""
	}
	return Cleared, ""
}

// Entry is a record as it is sent.
type Entry struct {
	Topic   string
	Value   []byte // the Kafka value
	Line    []byte // the same message with this line alone, where the value holds many
	Key     Key    // ignored where the record cannot be read
	Purpose string
	Fen     int64
	Payee   string // who is paid when it clears
	Also    *Also
	Fault   string
	Facts   Facts
	// Signed is what the card signed of a record beside its key, where it was a card that signed
	// it: a second record with the same signed part is the same record, whatever else in it was
	// altered. For a card whose TAC this city cannot check, the TAC is a part of it.
	Signed []byte
}

// Book judges records in the order in which they are sent. Records of one
// subject must all go through one book; it is not safe for concurrent use.
type Book struct {
	first map[Key][sha256.Size]byte // what counted for an identity: the hash of what was signed, or else of the record
	kept  map[string]bool           // what was rejected or disputed, by topic and hash
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{first: map[Key][sha256.Size]byte{}, kept: map[string]bool{}} }

// Enter judges the next record. A rejected record leaves its identity free. A record that equals,
// byte for byte, one that was rejected or disputed before is a duplicate.
func (b *Book) Enter(e Entry) Record {
	r, content := b.enter(e)
	if r.Verdict == Rejected || r.Verdict == Disputed {
		again := e.Topic + " " + content
		if b.kept[again] {
			r.Verdict, r.Reason = Duplicate, ""
		}
		b.kept[again] = true
	}
	return r
}

// enter judges a record as if nothing had been rejected; content is the hash by which the record is
// recognised when it comes again.
func (b *Book) enter(e Entry) (r Record, content string) {
	r, same := alone(&e)
	content = hex.EncodeToString(same[:])
	if r.Verdict == Rejected {
		return r, content
	}
	if e.Signed != nil {
		same = sha256.Sum256(e.Signed)
	}
	if old, seen := b.first[e.Key]; seen {
		r.Verdict, r.Reason, r.Payee = Duplicate, "", ""
		if old != same {
			r.Verdict = Disputed
		}
		return r, content
	}
	b.first[e.Key] = same
	return r, content
}

// Alone judges a record whose identity occurs once among all that are sent. The result is that of
// Enter, but needs no book.
func Alone(e *Entry) Record {
	r, _ := alone(e)
	return r
}

// alone also returns the hash by which the record is recognised when it comes again.
func alone(e *Entry) (Record, [sha256.Size]byte) {
	sum := sha256.Sum256(e.Value)
	r := Record{Topic: e.Topic, Purpose: e.Purpose, Fen: e.Fen, SHA256: hex.EncodeToString(sum[:]), Fault: e.Fault}
	same := sum
	if e.Line != nil {
		same = sha256.Sum256(e.Line)
		r.Line = hex.EncodeToString(same[:])
	}
	r.Verdict, r.Reason = e.Facts.judge()
	if e.Facts.Broken || e.Facts.Invalid {
		return r, same
	}
	r.Day, r.Subject, r.ID = e.Key.Day, e.Key.Subject, e.Key.ID
	switch r.Verdict {
	case Cleared:
		r.Payee, r.Also = e.Payee, e.Also
	case Suspended:
		r.Payee, r.Also = "suspense:"+r.Reason, e.Also
	case Pending:
		r.Payee, r.Also = "pending:"+strings.TrimPrefix(e.Payee, "operator:"), e.Also
	}
	return r, same
}

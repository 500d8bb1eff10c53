package docket

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"time"

	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Kinds of memos.
const (
	KindRecord = "record" // verified, zero fen
	KindReject = "reject"
	// KindQuarantine is the kind of a memo with the bytes of a record that is kept alone; its
	// reason is a reason code, ": " and the error. KindJudged is the kind of a memo that says that
	// the record was judged again; its reason is the verdict.
	KindQuarantine = "quarantine"
	KindJudged     = "judged"
	// KindUnconfirmed is the kind of a memo with a tap that has no TAC.
	KindUnconfirmed = "unconfirmed"
	// KindNoted is the kind of a memo with what a desk says that moves no money; its reason is the
	// purpose.
	KindNoted = "noted"
)

// Source is where a batch came from: the stream (topic/partition) and the
// clearing day it is booked in.
type Source struct {
	Stream string
	Day    ledger.Day
}

// Record is one message of the batch. Value is kept, not copied.
type Record struct {
	Offset int64
	At     time.Time // when the broker took it; zero where not known
	Key    []byte
	Value  []byte
	// Kept is the clearing day on which the record was kept alone; 0 when it is judged for the
	// first time.
	Kept ledger.Day
}

// Came is the clearing day on which a record was first judged, even if the docket is of another
// day. Whether the record was in time is decided by that day.
func (r *Record) Came(on ledger.Day) ledger.Day {
	if r.Kept != 0 {
		return r.Kept
	}
	return on
}

// Ruling is what was decided about one item: a record, or one line of it.
type Ruling struct {
	Verdict verdict.Verdict
	Reason  verdict.Reason
	Purpose string // what the money was for, as in reports
	Fen     ledger.Fen
	// Refusal is why the ledger refused the posting. It is also set when the same bytes were
	// refused before, so that the ruling is a duplicate.
	Refusal verdict.Reason

	Short Short // for a chain of one transfer of money that has moved already

	// Record is the tap or the load, as its judge decoded it.
	Record message.CardRecord

	// Asides are what the operator's settlement file states of it beside its totals.
	Asides []Aside

	Operator  string // of the terminal that a tap names, or UnregisteredOperator
	Verified  bool   // its TAC
	Flagged   bool   // the fare charged is not the table's
	Misplaced bool   // the line or vehicle claimed is not the registered one
	WrongMode bool   // a service mode is claimed that was not in force at the terminal
	Marked    bool   // the terminal says that it took the card under a fault

	first, count int // transfers
	memo         int // index of the memo, or -1
}

// Short says what happens if a transfer's debit account holds too little although its money has
// moved already, so that it cannot be refused: it is suspended against another account.
type Short struct {
	Reason verdict.Reason
	Debit  ledger.AccountID
}

// Docket is one batch under judgement.
type Docket struct {
	Source    Source
	Versions  map[string]string // of the registry and of the rules that judged, where any did
	Rulings   []Ruling
	Transfers []ledger.Transfer
	Memos     []ledger.Memo
	// Absent are the keys of rows that were not in the books when the batch was judged. Its rulings
	// are right only while they are absent.
	Absent []ledger.Key
	// Newest, where it is not 0, is the registry's edition by which the batch was judged, and its
	// rulings are right only while no edition follows it.
	Newest int64

	// Beside are the marks of the rows that the current attempt stores beside the ledger.
	Beside Evidence

	settled []Ruling
	rejects []Rejected
}

// Rejected says where in its stream a rejected record, or a piece of it, was.
type Rejected struct {
	Memo   int
	Offset int64
}

// Rejects lists the docket's reject memos.
func (d *Docket) Rejects() []Rejected { return d.rejects }

// New makes an empty docket with room for n records.
func New(source Source, n int) *Docket {
	return &Docket{Source: source, Rulings: make([]Ruling, 0, n), Transfers: make([]ledger.Transfer, 0, n)}
}

// Reset empties the docket, so that a batch can be judged again.
func (d *Docket) Reset() {
	d.Rulings, d.Transfers, d.Memos, d.rejects = d.Rulings[:0], d.Transfers[:0], d.Memos[:0], d.rejects[:0]
	d.Absent, d.Newest = d.Absent[:0], 0
}

// Pay rules that the transfers are posted, all or none; they are linked here.
// Reason None means cleared; any other reason means suspended.
func (d *Docket) Pay(reason verdict.Reason, purpose string, transfers ...ledger.Transfer) *Ruling {
	return d.post(ruled(reason), reason, purpose, transfers)
}

// PayPending rules that the transfers are posted, all or none, and that somebody
// else has yet to confirm them.
func (d *Docket) PayPending(purpose string, transfers ...ledger.Transfer) *Ruling {
	return d.post(verdict.Pending, verdict.None, purpose, transfers)
}

// ruled is the ruling on a good record: cleared, or suspended for the reason that leaves its payee
// open.
func ruled(reason verdict.Reason) verdict.Verdict {
	if reason != verdict.None {
		return verdict.Suspended
	}
	return verdict.Cleared
}

func (d *Docket) post(v verdict.Verdict, reason verdict.Reason, purpose string, transfers []ledger.Transfer) *Ruling {
	r := Ruling{Verdict: v, Reason: reason, Purpose: purpose, first: len(d.Transfers), count: len(transfers), memo: -1}
	for i, t := range transfers {
		t.Linked = i < len(transfers)-1
		r.Fen += t.Amount
		d.Transfers = append(d.Transfers, t)
	}
	return d.add(r)
}

// Keep rules that a verified record of zero fen is stored.
func (d *Docket) Keep(reason verdict.Reason, purpose string, day ledger.Day, subject ledger.Subject, id ledger.ID, evidence []byte) *Ruling {
	return d.keep(ruled(reason), reason, purpose, ledger.Memo{Day: day, Subject: subject, ID: id, Evidence: evidence})
}

// KeepPending does the same for a record that somebody else has yet to confirm.
func (d *Docket) KeepPending(purpose string, day ledger.Day, subject ledger.Subject, id ledger.ID, evidence []byte) *Ruling {
	return d.keep(verdict.Pending, verdict.None, purpose, ledger.Memo{Day: day, Subject: subject, ID: id, Evidence: evidence})
}

// KeepUnconfirmed rules that a tap without a TAC is kept. It moves nothing; fen is what it says.
func (d *Docket) KeepUnconfirmed(purpose string, fen ledger.Fen, key ledger.Key, evidence []byte) *Ruling {
	r := Ruling{Verdict: verdict.Unconfirmed, Purpose: purpose, Fen: fen, memo: len(d.Memos)}
	d.Memos = append(d.Memos, ledger.Memo{Day: key.Day, Subject: key.Subject, ID: key.ID, Kind: KindUnconfirmed, Reason: purpose, Evidence: evidence})
	return d.add(r)
}

// Note rules that what a desk says is kept. It moves nothing; fen is what it says.
func (d *Docket) Note(purpose string, fen ledger.Fen, key ledger.Key, evidence []byte) *Ruling {
	r := Ruling{Verdict: verdict.Noted, Purpose: purpose, Fen: fen, memo: len(d.Memos)}
	d.Memos = append(d.Memos, ledger.Memo{Day: key.Day, Subject: key.Subject, ID: key.ID, Kind: KindNoted, Reason: purpose, Evidence: evidence})
	return d.add(r)
}

// CodeFound is the purpose of the ruling that gives a lost code's money back as a record of zero
// fen comes.
const CodeFound = "code_found"

// With posts one more transfer with the last ruling. If that posts transfers, all of them are
// posted or none, and the amount is not part of the ruling's; else it is a ruling of its own.
func (d *Docket) With(t ledger.Transfer) {
	if r := &d.Rulings[len(d.Rulings)-1]; r.count > 0 {
		d.Transfers[len(d.Transfers)-1].Linked = true
		r.count++
	} else {
		d.add(Ruling{Verdict: verdict.Unconfirmed, Purpose: CodeFound, Fen: t.Amount, first: len(d.Transfers), count: 1, memo: -1})
	}
	d.Transfers = append(d.Transfers, t)
}

func (d *Docket) keep(v verdict.Verdict, reason verdict.Reason, purpose string, memo ledger.Memo) *Ruling {
	memo.Kind, memo.Reason = KindRecord, stored(v, reason, purpose)
	r := Ruling{Verdict: v, Reason: reason, Purpose: purpose, memo: len(d.Memos)}
	d.Memos = append(d.Memos, memo)
	return d.add(r)
}

// Reject rules that no money moves. The bytes are kept under their hash, in several memos if one
// cannot hold them. The same bytes again are a duplicate.
func (d *Docket) Reject(reason verdict.Reason, purpose string, offset int64, original []byte) *Ruling {
	return d.reject(Ruling{Verdict: verdict.Rejected, Reason: reason, Purpose: purpose}, offset, original)
}

func (d *Docket) reject(r Ruling, offset int64, original []byte) *Ruling {
	return d.keepPieces(r, len(d.Memos), d.rejectMemos(&r, original), offset)
}

func (d *Docket) rejectMemos(r *Ruling, original []byte) (memos []ledger.Memo) {
	subject := identity.RejectSubject(d.Source.Stream, original)
	for n, piece := range pieces(original) {
		memos = append(memos, ledger.Memo{
			Day: identity.NoDay, Subject: subject, ID: identity.Reject(original, uint16(n)),
			Kind: KindReject, Reason: stored(r.Verdict, r.Reason, r.Purpose), Evidence: piece,
		})
	}
	return memos
}

// Dispute rules that the request contradicts an earlier one under the same
// number; it is kept like a reject and moves nothing.
func (d *Docket) Dispute(purpose string, offset int64, original []byte) *Ruling {
	return d.reject(Ruling{Verdict: verdict.Disputed, Purpose: purpose}, offset, original)
}

// Remark adds a ruling about an item that is in the books already; it posts nothing.
func (d *Docket) Remark(v verdict.Verdict, purpose string, fen ledger.Fen) *Ruling {
	return d.add(Ruling{Verdict: v, Purpose: purpose, Fen: fen, memo: -1})
}

func (d *Docket) add(r Ruling) *Ruling {
	d.Rulings = append(d.Rulings, r)
	return &d.Rulings[len(d.Rulings)-1]
}

// Evidence is the record that a ruling with a transfer or memo came from.
func (d *Docket) Evidence(r *Ruling) []byte {
	switch {
	case r.count > 0:
		return d.Transfers[r.first].Evidence
	case r.memo >= 0:
		return d.Memos[r.memo].Evidence
	}
	return nil
}

// Note is what clearing stores with a batch: the versions that judged it and
// how the rulings add up.
type Note struct {
	Versions map[string]string `json:"versions,omitempty"`
	Tally    []Line            `json:"tally"`
	TACs     []TACs            `json:"tacs,omitempty"` // of taps
	Asides   []Aside           `json:"asides,omitempty"`
	Flags
	Evidence
}

// Evidence has the marks of the rows that the batch stored beside the ledger, in the order of each
// table, so that the chain covers them.
type Evidence struct {
	Answers   []Mark `json:"answers,omitempty"`   // medical_settlements
	Originals []Mark `json:"originals,omitempty"` // pension_originals
	Outgoing  []Mark `json:"outgoing,omitempty"`  // outbound
}

// Mark is a hash of a row's content: the first 16 bytes of a SHA-256, in base64.
type Mark string

// MarkOf computes the mark of a row's fields.
func MarkOf(fields ...[]byte) Mark {
	sum := sha256.New()
	for _, field := range fields {
		// A hash takes whatever it is given.
		_, _ = sum.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field))))
		_, _ = sum.Write(field)
	}
	return Mark(base64.RawStdEncoding.EncodeToString(sum.Sum(nil)[:16]))
}

// Flags count the faults of records that were booked all the same.
type Flags struct {
	Flagged   int64 `json:"flagged,omitempty"`    // fares unlike the table's
	Misplaced int64 `json:"misplaced,omitempty"`  // lines or vehicles unlike the registry's
	WrongMode int64 `json:"wrong_mode,omitempty"` // service modes that were not in force
	Marked    int64 `json:"marked,omitempty"`     // taken under a fault of the terminal, as it says
}

// Tally adds the settled rulings up, in a fixed order.
func (d *Docket) Tally() (lines []Line, flags Flags) {
	var sums Sums
	for i := range d.settled {
		r := &d.settled[i]
		sums.add(lineKey{r.Verdict.String(), r.Reason, r.Purpose}, 1, r.Fen)
		if r.Flagged {
			flags.Flagged++
		}
		if r.Misplaced {
			flags.Misplaced++
		}
		if r.WrongMode {
			flags.WrongMode++
		}
		if r.Marked {
			flags.Marked++
		}
	}
	return sums.Lines(), flags
}

// OperatorVerdict is an operator and the verdict on taps at its terminals.
type OperatorVerdict struct {
	Operator string
	Verdict  verdict.Verdict
}

// Operators counts the settled rulings on taps by the operator of their terminal.
func (d *Docket) Operators() map[OperatorVerdict]int64 {
	counts := map[OperatorVerdict]int64{}
	for i := range d.settled {
		if r := &d.settled[i]; r.Operator != "" {
			counts[OperatorVerdict{r.Operator, r.Verdict}]++
		}
	}
	return counts
}

// EncodeNote encodes the docket's note; the same rulings give the same bytes.
func (d *Docket) EncodeNote() ([]byte, error) {
	lines, flags := d.Tally()
	return json.Marshal(Note{Versions: d.Versions, Tally: lines, TACs: d.tacs(), Asides: d.asides(), Flags: flags, Evidence: d.Beside})
}

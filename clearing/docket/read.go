package docket

import (
	"citycard/clearing/chart"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// stored is the reason of the memo that keeps a ruling: the verdict if it has no reason code of its
// own, else the reason code, or the purpose of a cleared record of zero fen. Reader reads it.
func stored(v verdict.Verdict, reason verdict.Reason, purpose string) string {
	switch {
	case v == verdict.Pending || v == verdict.Disputed:
		return v.String()
	case reason != verdict.None:
		return string(reason)
	}
	return purpose
}

// Booked is what clearing ruled about the tap, the load or the request that a row of the
// journal keeps.
type Booked struct {
	Verdict verdict.Verdict
	Reason  verdict.Reason
	// Purpose is empty where the row does not tell it: a memo tells it only for a cleared record,
	// and a shadow.Entry only for a memo.
	Purpose string
	ZeroFen bool   // a memo of kind "record"
	Foreign bool   // certainly another city's card: the national centre owes the fare
	Owed    bool   // the suspense account is owed the money: a load
	Cause   string // the error of what is kept alone
}

// Reader reads rulings out of rows of the journal. No other code derives a verdict from the kind
// and the reason of a memo, or from the accounts of a transfer.
type Reader struct {
	centre   ledger.AccountID
	suspense map[ledger.AccountID]verdict.Reason
	records  map[string]Booked // by the reason of a memo of kind "record"
}

// NewReader makes a reader. It looks nothing up in the books.
func NewReader() *Reader {
	r := &Reader{
		centre:   ledger.IDOfCode(chart.Centre),
		suspense: map[ledger.AccountID]verdict.Reason{},
		records:  map[string]Booked{verdict.Pending.String(): {Verdict: verdict.Pending, ZeroFen: true, Foreign: true}},
	}
	for _, entry := range verdict.List() {
		r.suspense[ledger.IDOfCode(chart.Suspense(entry.Reason))] = entry.Reason
		r.records[string(entry.Reason)] = Booked{
			Verdict: entry.Verdict, Reason: entry.Reason, ZeroFen: true, Foreign: entry.Reason == verdict.IssuerNotAccepted,
		}
	}
	return r
}

// Row reads a row. ok is false where it keeps no ruling, and for the transfers of a request that is
// neither tap nor load. Of such requests only the refused ones can be recognised.
func (r *Reader) Row(row *ledger.Row) (b Booked, ok bool) {
	if row.IsMemo() {
		return r.memo(row.Kind, row.Reason)
	}
	switch row.Purpose {
	case chart.PurposeBus, chart.PurposeMetroExit, chart.PurposeOtherFare, chart.PurposeLoad:
		b = r.moved(row.Debit, row.Credit)
		b.Purpose = chart.PurposeName(row.Purpose)
		return b, row.Act == ledger.Move
	}
	return Booked{}, false
}

// Entry reads a row that belongs to a tap or a load. ok is false where it keeps no ruling.
func (r *Reader) Entry(e *shadow.Entry) (b Booked, ok bool) {
	if len(e.Kind) > 0 {
		return r.memo(string(e.Kind), string(e.Reason))
	}
	return r.moved(e.Debit, e.Credit), true
}

func (r *Reader) moved(debit, credit ledger.AccountID) Booked {
	b := Booked{Verdict: verdict.Cleared, Foreign: debit == r.centre}
	if b.Reason = r.suspense[credit]; b.Reason == verdict.None {
		b.Reason = r.suspense[debit]
		b.Owed = b.Reason != verdict.None
	}
	switch {
	case b.Reason != verdict.None:
		b.Verdict = verdict.Suspended
	case b.Foreign:
		b.Verdict = verdict.Pending
	}
	return b
}

func (r *Reader) memo(kind, reason string) (b Booked, ok bool) {
	switch kind {
	case KindRecord:
		if b, ok = r.records[reason]; !ok {
			b = Booked{Verdict: verdict.Cleared, Purpose: reason, ZeroFen: true}
		}
	case KindReject:
		if b.Verdict = verdict.Disputed; reason != stored(verdict.Disputed, verdict.None, "") {
			b.Verdict, b.Reason = verdict.Rejected, verdict.Reason(reason)
		}
	case KindQuarantine:
		b.Verdict = verdict.Quarantined
		b.Reason, b.Cause = cause(reason)
	case KindUnconfirmed:
		b.Verdict = verdict.Unconfirmed
	case KindNoted:
		b.Verdict, b.Purpose = verdict.Noted, reason
	case ledger.DisputeKind:
		b.Verdict = verdict.Disputed
	default:
		return Booked{}, false
	}
	return b, true
}

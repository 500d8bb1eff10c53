package docket

import (
	"crypto/sha256"
	"strings"

	"citycard/clearing/identity"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Quarantine rules that the record, which could not be booked for a reason that will not
// pass, is kept alone: its bytes with the error. Nothing is posted until it is judged
// again.
func (d *Docket) Quarantine(reason verdict.Reason, purpose string, record Record, failure error) *Ruling {
	r := Ruling{Verdict: verdict.Quarantined, Reason: reason, Purpose: purpose, Refusal: reason}
	return d.keepPieces(r, len(d.Memos), d.quarantineMemos(reason, record, failure), noOffset)
}

func (d *Docket) quarantineMemos(reason verdict.Reason, record Record, failure error) (memos []ledger.Memo) {
	place := identity.Quarantined{
		Stream: ledger.IDOfStream(d.Source.Stream), Offset: record.Offset, At: record.At, Hash: sha256.Sum256(record.Value),
	}
	text := bounded(string(reason)+causeMark+failure.Error(), ledger.MaxReason)
	for n, piece := range pieces(record.Value) {
		place.Piece = uint16(n)
		key := place.Quarantine(d.Source.Day)
		memos = append(memos, ledger.Memo{Day: key.Day, Subject: key.Subject, ID: key.ID, Kind: KindQuarantine, Reason: text, Evidence: piece})
	}
	return memos
}

// causeMark stands between a reason code and the error that it sums up.
const causeMark = ": "

// cause reads the reason of a memo of kind "quarantine".
func cause(text string) (reason verdict.Reason, failure string) {
	code, failure, _ := strings.Cut(text, causeMark)
	return verdict.Reason(code), failure
}

// bounded makes a text that a column accepts: valid UTF-8, without NUL, and no longer than limit
// bytes.
func bounded(text string, limit int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return text
}

// pieces cuts bytes into parts that fit one memo each; an empty slice is one piece.
func pieces(original []byte) (list [][]byte) {
	for {
		piece := original[:min(len(original), ledger.MaxEvidence)]
		list = append(list, piece)
		if original = original[len(piece):]; len(original) == 0 {
			return list
		}
	}
}

// keepPieces adds a ruling with the memos of its bytes: the first at the given index, which may be
// the end of the list, the others at the end.
func (d *Docket) keepPieces(r Ruling, at int, memos []ledger.Memo, offset int64) *Ruling {
	r.memo = at
	for n, memo := range memos {
		place := at
		if n > 0 || at == len(d.Memos) {
			place = len(d.Memos)
			d.Memos = append(d.Memos, memo)
		} else {
			d.Memos[at] = memo
		}
		if memo.Kind == KindReject {
			d.rejects = append(d.rejects, Rejected{Memo: place, Offset: offset})
		}
	}
	return d.add(r)
}

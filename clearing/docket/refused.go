package docket

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Settle returns the rulings as they are after the ledger's answer. A repeat is a duplicate, other
// content under the same identity is disputed, and a refused posting is rejected (see Replace):
// with the reason refused if an account holds too little, as an invalid field if the ledger accepts
// no such transfer at all. The docket's own rulings stay unchanged, so that a transaction which
// runs again starts from them.
//
// A posting that was refused for another cause (an account that was not opened yet; for money that
// has moved already, an account that is frozen or closed) is a *RefusedError. No verdict fits it,
// so the batch has to wait or to be judged again. If the debit account of a ruling with a Short
// holds too little, the Short applies.
func (d *Docket) Settle(out *ledger.Outcome, refused verdict.Reason) ([]Ruling, error) {
	d.settled = append(d.settled[:0], d.Rulings...)
	var stuck []Stuck
	for i := range d.settled {
		r := &d.settled[i]
		var decisions []ledger.Decision
		may, short := refused, Short{}
		switch {
		case r.count > 0:
			decisions, short = out.Transfers[r.first:r.first+r.count], r.Short
		case r.memo >= 0:
			decisions, may = out.Memos[r.memo:r.memo+1], verdict.None
		default:
			continue
		}
		if err := unexplained(decisions, may, short); err != nil {
			stuck = append(stuck, Stuck{i, err})
			continue
		}
		r.apply(decisions, refused)
	}
	if len(stuck) > 0 {
		return nil, &RefusedError{stuck}
	}
	return d.settled, nil
}

// Stuck is a ruling that the ledger refused and that clearing has no verdict for.
type Stuck struct {
	Ruling int // its place in the docket
	Err    error
}

// Passes reports whether the refusal may end by itself: an account may be opened or unfrozen, but a
// closed one stays closed.
func (s Stuck) Passes() bool {
	var because *ledger.TransferError
	return !errors.As(s.Err, &because) || because.Reason != ledger.AccountClosed
}

// RefusedError are transfers or memos that the ledger refused and that clearing
// has no verdict for.
type RefusedError struct{ Stuck []Stuck }

func (e *RefusedError) Error() string {
	text := "the ledger refused: " + e.Stuck[0].Err.Error()
	if more := len(e.Stuck) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

func (e *RefusedError) Unwrap() error { return e.Stuck[0].Err }

// unexplained finds a refusal that no verdict fits. A request may be refused for good (its account
// is closed, or holds too little). Money that has moved on a card may not be refused, and an
// account that is not open yet will be opened.
func unexplained(decisions []ledger.Decision, refused verdict.Reason, short Short) error {
	for _, decision := range decisions {
		if decision.Result == ledger.Conflict {
			return nil
		}
	}
	for _, decision := range decisions {
		var because *ledger.TransferError
		switch {
		case decision.Result != ledger.Refused:
		case !errors.As(decision.Err, &because):
			return decision.Err
		case because.Reason == ledger.ExceedsCredits && short.Reason != verdict.None:
		case because.Reason == ledger.UnknownAccount, ofAccount(because.Reason) && refused == verdict.None:
			return decision.Err
		}
	}
	return nil
}

// ofAccount reports whether the reason for a refusal is an account, not the posting itself.
func ofAccount(reason ledger.Reason) bool {
	switch reason {
	case ledger.UnknownAccount, ledger.AccountClosed, ledger.AccountFrozen, ledger.ExceedsCredits, ledger.ExceedsDebits:
		return true
	}
	return false
}

func (r *Ruling) apply(decisions []ledger.Decision, refused verdict.Reason) {
	for _, decision := range decisions {
		if decision.Result == ledger.Conflict {
			r.Verdict, r.Reason = verdict.Disputed, verdict.None
			return
		}
	}
	for _, decision := range decisions {
		switch decision.Result {
		case ledger.Duplicate:
			r.Verdict, r.Reason = verdict.Duplicate, verdict.None
		case ledger.Refused:
			r.Verdict = verdict.Rejected
			var because *ledger.TransferError
			if !errors.As(decision.Err, &because) || because.Reason == ledger.ChainRefused {
				continue
			}
			r.Reason = reasonOf(because.Reason, refused)
			if because.Reason == ledger.ExceedsCredits && r.Short.Reason != verdict.None {
				r.Reason = verdict.None
			}
			return
		}
	}
}

// reasonOf is the reason code of what the ledger refused.
func reasonOf(because ledger.Reason, refused verdict.Reason) verdict.Reason {
	switch {
	case because == ledger.ExceedsCredits:
		return refused
	case ofAccount(because), because == ledger.ChainPartlyPosted:
		return verdict.AccountClosed
	}
	return verdict.InvalidField
}

// Replacement is what takes the place of something that the ledger refused.
type Replacement struct {
	Reason verdict.Reason // None where a Short says what becomes of it
	// Cause, if set, is the error with which it is kept alone, as part of Record, instead of
	// rejected.
	Cause  error
	Record Record

	evidence []byte // what was refused; another version may have the same key
}

// Replacements has the replacements by the key of the memo or of the chain's first transfer.
type Replacements map[ledger.Key][]Replacement

// Add adds all of another.
func (f Replacements) Add(other Replacements) {
	for key, list := range other {
		f[key] = append(f[key], list...)
	}
}

// of finds the last replacement for a posting under a key.
func (f Replacements) of(key ledger.Key, evidence []byte) (Replacement, bool) {
	for _, r := range slices.Backward(f[key]) {
		if bytes.Equal(r.evidence, evidence) {
			return r, true
		}
	}
	return Replacement{}, false
}

// Replacements returns rejects in place of the postings that the ledger refused.
func (d *Docket) Replacements(settled []Ruling) Replacements {
	refused := Replacements{}
	for i := range settled {
		if r := &settled[i]; r.Verdict == verdict.Rejected {
			if key, posted := d.keyOf(r); posted {
				refused[key] = append(refused[key], Replacement{Reason: r.Reason, evidence: d.Evidence(r)})
			}
		}
	}
	return refused
}

// KeepAlone adds a replacement for the posting of a ruling, so that it is kept alone as part of a
// record. It is false where the ruling posts nothing.
func (d *Docket) KeepAlone(refused Replacements, ruling int, reason verdict.Reason, record Record, cause error) bool {
	r := &d.Rulings[ruling]
	key, posted := d.keyOf(r)
	if posted {
		refused[key] = append(refused[key], Replacement{reason, cause, record, d.Evidence(r)})
	}
	return posted
}

// keyOf returns the key of a ruling's posting; ok is false for a ruling that only keeps bytes.
func (d *Docket) keyOf(r *Ruling) (key ledger.Key, ok bool) {
	switch {
	case r.count > 0:
		return keyOf(&d.Transfers[r.first]), true
	case r.memo >= 0 && d.Memos[r.memo].Kind == KindRecord:
		m := &d.Memos[r.memo]
		return ledger.Key{Day: m.Day, Subject: m.Subject, ID: m.ID}, true
	}
	return ledger.Key{}, false
}

func keyOf(t *ledger.Transfer) ledger.Key {
	return ledger.Key{Day: t.Day, Subject: t.Subject, ID: t.ID}
}

// Replace turns the postings that the ledger refused at the last attempt into rejects, or keeps
// them alone: their bytes are kept, and nothing is posted. A ruling with a Short is suspended by
// it, or stays as it has been judged meanwhile. The rulings keep their places.
func (d *Docket) Replace(refused Replacements) {
	if len(refused) == 0 {
		return
	}
	transfers, rulings := d.Transfers, d.Rulings
	d.Transfers, d.Rulings = make([]ledger.Transfer, 0, len(transfers)), make([]Ruling, 0, len(rulings))
	for _, r := range rulings {
		chain := transfers[r.first : r.first+r.count]
		by, is, memo, evidence := Replacement{}, false, len(d.Memos), []byte(nil)
		if r.count > 0 {
			evidence = chain[0].Evidence
			by, is = refused.of(keyOf(&chain[0]), evidence)
		} else if key, posted := d.keyOf(&r); posted {
			memo, evidence = r.memo, d.Memos[r.memo].Evidence
			by, is = refused.of(key, evidence)
		}
		if is && by.Reason == verdict.None {
			is = false
			if r.Short.Reason != verdict.None {
				chain[0].Debit = r.Short.Debit
				r.Verdict, r.Reason, r.Short = verdict.Suspended, r.Short.Reason, Short{}
			}
		}
		if is {
			d.replace(r, by, memo, evidence)
			continue
		}
		r.first = len(d.Transfers)
		d.Transfers = append(d.Transfers, chain...)
		d.add(r)
	}
}

// replace puts the memos that keep a ruling's bytes in the place of its memo, or after all memos.
func (d *Docket) replace(r Ruling, by Replacement, memo int, evidence []byte) {
	kept := Ruling{Verdict: verdict.Rejected, Reason: by.Reason, Purpose: r.Purpose, Fen: r.Fen, Refusal: by.Reason}
	if by.Cause == nil {
		d.keepPieces(kept, memo, d.rejectMemos(&kept, evidence), noOffset)
		return
	}
	kept.Verdict = verdict.Quarantined
	record := by.Record
	record.Value = evidence
	d.keepPieces(kept, memo, d.quarantineMemos(by.Reason, record, by.Cause), noOffset)
}

// noOffset is the offset of a reject where an account, not the record, was the reason.
const noOffset = -1

package ledger

import (
	"errors"
	"fmt"
	"math"

	"citycard/ledger/chain"
)

// newRow is a row on its way into the journal, and the hold that it ends, if it ends one.
type newRow struct {
	Row
	ends *Row
}

// judge decides a batch in memory, in batch order, and collects the rows to insert.
type judge struct {
	post   *post
	batch  *Batch
	chart  *Chart
	limits *limits
	out    *Outcome
	rows   []newRow
	pooled *[]newRow
	// here finds the rows of this batch by key, so that a repeat within it is seen.
	here map[Key]int32
	// chain is the number of rows before the chain being decided.
	chain int
	// disputes are the conflicting versions, to be appended as memos at the end; disputed are their
	// keys.
	disputes []newRow
	disputed map[Key]struct{}
	// total is the sum of all that the rows move and hold. It must fit an account's sums.
	total Fen
	// repeats counts the versions that were kept as disputes before.
	repeats int
}

func newJudge(p *post, limits *limits) *judge {
	n := len(p.batch.Transfers) + len(p.batch.Memos)
	pooled, _ := p.ledger.buffers.rows.Get().(*[]newRow)
	if pooled == nil {
		pooled = new([]newRow)
	}
	return &judge{
		post: p, batch: p.batch, chart: p.ledger.chart, limits: limits, rows: (*pooled)[:0], pooled: pooled,
		out:  &Outcome{Transfers: make([]Decision, len(p.batch.Transfers)), Memos: make([]Decision, len(p.batch.Memos))},
		here: make(map[Key]int32, n), disputed: make(map[Key]struct{}),
	}
}

// release gives the rows' memory back; it must not be used afterwards.
func (j *judge) release() {
	clear(j.rows)
	*j.pooled = j.rows[:0]
	j.post.ledger.buffers.rows.Put(j.pooled)
}

// decide answers every transfer and memo; sequence is the batch's number.
func (j *judge) decide(sequence int64) {
	transfers := j.batch.Transfers
	for first := 0; first < len(transfers); {
		last := first
		for last < len(transfers)-1 && transfers[last].Linked {
			last++
		}
		j.decideChain(first, last)
		first = last + 1
	}
	for i := range j.batch.Memos {
		j.out.Memos[i] = j.decideMemo(i)
	}
	j.nameRefused()
	j.rows = append(j.rows, j.disputes...)
	stream := IDOfStream(j.batch.Stream)
	for i := range j.rows {
		r := &j.rows[i]
		r.BookingDay, r.Stream, r.Sequence, r.Position = j.batch.Day, stream, sequence, int32(i)
	}
}

// nameRefused fills in the Key of every TransferError.
func (j *judge) nameRefused() {
	var e *TransferError
	for i := range j.out.Transfers {
		if errors.As(j.out.Transfers[i].Err, &e) {
			t := &j.batch.Transfers[i]
			e.Key = Key{Day: t.Day, Subject: t.Subject, ID: t.ID}
		}
	}
	for i := range j.out.Memos {
		if errors.As(j.out.Memos[i].Err, &e) {
			m := &j.batch.Memos[i]
			e.Key = Key{Day: m.Day, Subject: m.Subject, ID: m.ID}
		}
	}
}

// decideChain answers the transfers first to last, which succeed or fail together.
func (j *judge) decideChain(first, last int) {
	j.limits.mark()
	rows := len(j.rows)
	j.chain = rows
	repeats := j.repeats
	var inserted, duplicates, failed int
	for i := first; i <= last; i++ {
		d := j.decideTransfer(i)
		if last == len(j.batch.Transfers)-1 && j.batch.Transfers[last].Linked && d.Result == Inserted {
			j.unwind(len(j.rows) - 1)
			d = j.refuseNew(i, OpenChain)
		}
		j.out.Transfers[i] = d
		switch d.Result {
		case Inserted:
			inserted++
		case Duplicate:
			duplicates++
		default:
			failed++
		}
	}
	failed += j.repeats - repeats
	if inserted == 0 || failed == 0 && duplicates == 0 {
		return
	}
	reason := ChainPartlyPosted
	if failed > 0 {
		reason = ChainRefused
	}
	j.unwind(rows)
	for i := first; i <= last; i++ {
		if j.out.Transfers[i].Result == Inserted {
			j.out.Transfers[i] = j.refuseNew(i, reason)
		}
	}
}

// refuseNew refuses a transfer that would have been inserted if it stood alone. If its key was not
// looked up, it may have been posted before and need another answer; so the key becomes a doubt,
// which is looked up first.
func (j *judge) refuseNew(i int, reason Reason) Decision {
	k := j.batch.Transfers[i].key()
	if _, looked := j.post.known[k]; !looked {
		j.post.doubts[k] = struct{}{}
	}
	return refuse(i, reason, "")
}

// unwind removes the rows from number n on, and undoes what they did to the limits.
func (j *judge) unwind(n int) {
	for i := n; i < len(j.rows); i++ {
		r := &j.rows[i]
		delete(j.here, r.Key())
		j.total -= r.Amount
	}
	clear(j.rows[n:])
	j.rows = j.rows[:n]
	j.limits.undo()
}

func refuse(index int, reason Reason, detail string) Decision {
	return Decision{Result: Refused, Err: &TransferError{Index: index, Reason: reason, Detail: detail}}
}

func (j *judge) decideTransfer(i int) Decision {
	t := &j.batch.Transfers[i]
	k := t.key()
	if reason, detail := t.malformed(); reason != 0 {
		return refuse(i, reason, detail)
	}
	if n, ok := j.here[k]; ok && int(n) >= j.chain {
		return refuse(i, RepeatedInChain, "")
	}
	switch {
	case t.Act.OnEarlier():
		return j.act(i, k)
	case t.Act == KeepMemo:
		return j.keep(k, &Memo{Day: t.Day, Subject: t.Subject, ID: t.ID, Kind: chain.KeptKind, Evidence: t.Evidence}, &TransferError{Index: i, Reason: ContentDiffers})
	}
	if row := j.standing(k); row != nil {
		if j.sameTransfer(row, t) {
			return Decision{Result: Duplicate, Amount: row.Amount}
		}
		dk, dispute := transferDispute(t)
		return j.dispute(k, dk, dispute, row.Amount, &TransferError{Index: i, Reason: ContentDiffers})
	}
	if reason, detail := j.checkAccounts(t.Debit, t.Credit); reason != 0 {
		return refuse(i, reason, detail)
	}
	if reason := j.limits.refuse(t); reason != 0 {
		return refuse(i, reason, j.limitDetail(t.Debit, t.Credit, reason))
	}
	if j.overflows(t.Amount) {
		return refuse(i, BadAmount, "more than fits one batch")
	}
	row := newRow{Row: Row{
		Day: t.Day, Subject: t.Subject, ID: t.ID, Debit: t.Debit, Credit: t.Credit, Amount: t.Amount, Purpose: t.Purpose,
		Linked: t.Linked, Act: t.Act, Expires: chain.Unix(t.expires()), Evidence: t.Evidence,
	}}
	j.limits.apply(effectOf(&row))
	j.insert(k, row)
	return Decision{Result: Inserted, Amount: t.Amount}
}

func (j *judge) checkAccounts(debitID, creditID AccountID) (Reason, string) {
	debit, known := j.chart.ByID(debitID)
	if !known {
		return UnknownAccount, fmt.Sprintf("debit account %d", debitID)
	}
	credit, known := j.chart.ByID(creditID)
	switch {
	case !known:
		return UnknownAccount, fmt.Sprintf("credit account %d", creditID)
	case debitID == creditID:
		return SameAccount, debit.Code
	case debit.Flags&Closed != 0:
		return AccountClosed, debit.Code
	case credit.Flags&Closed != 0:
		return AccountClosed, credit.Code
	case debit.Flags&Frozen != 0:
		return AccountFrozen, debit.Code
	case credit.Flags&Frozen != 0:
		return AccountFrozen, credit.Code
	}
	return 0, ""
}

func (j *judge) limitDetail(debit, credit AccountID, reason Reason) string {
	id := debit
	if reason == ExceedsDebits {
		id = credit
	}
	account, _ := j.chart.ByID(id)
	return account.Code
}

func (j *judge) decideMemo(i int) Decision {
	m := &j.batch.Memos[i]
	k := m.key()
	refusal := func(reason Reason) Decision {
		return Decision{Result: Refused, Err: &TransferError{Index: i, Memo: true, Reason: reason}}
	}
	switch {
	case !valid(k) || ownID(k.ID):
		return refusal(BadKey)
	case len(m.Evidence) > MaxEvidence:
		return refusal(BadEvidence)
	case !text(m.Kind, 1, MaxKind) || m.Kind == DisputeKind || !text(m.Reason, 0, MaxReason):
		return refusal(BadMemo)
	}
	return j.keep(k, m, &TransferError{Index: i, Memo: true, Reason: ContentDiffers})
}

// keep decides a memo that is well-formed; differs is the error if another row is stored under its
// key.
func (j *judge) keep(k Key, m *Memo, differs *TransferError) Decision {
	if row := j.standing(k); row != nil {
		if j.sameMemo(row, m) {
			return Decision{Result: Duplicate, Amount: row.Amount}
		}
		dk, dispute := memoDispute(m)
		return j.dispute(k, dk, dispute, row.Amount, differs)
	}
	j.insert(k, newRow{Row: Row{Day: m.Day, Subject: m.Subject, ID: m.ID, Kind: m.Kind, Reason: m.Reason, Evidence: m.Evidence}})
	return Decision{Result: Inserted}
}

// standing returns the row under the key, from this batch or from an earlier one, or nil.
func (j *judge) standing(k Key) *Row {
	if i, ok := j.here[k]; ok {
		return &j.rows[i].Row
	}
	return j.post.known[k]
}

// overflows reports whether a further amount would make the batch's sums too large to be counted.
func (j *judge) overflows(amount Fen) bool { return amount > math.MaxInt64-j.total }

func (j *judge) insert(k Key, row newRow) {
	j.total += row.Amount
	j.here[k] = int32(len(j.rows))
	j.rows = append(j.rows, row)
}

// number hashes the rows and fills the link's root and counts.
func (j *judge) number(link *chain.Link) {
	var tree chain.Tree
	for i := range j.rows {
		r := &j.rows[i]
		r.Hash = r.ContentHash()
		if r.IsMemo() {
			link.Memos++
		} else {
			link.Transfers++
		}
		tree.Add(r.Hash)
	}
	link.Root = tree.Root()
}

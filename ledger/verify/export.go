package verify

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
)

// exported is one run of the checks over an export. It keeps sums by account and day, and the terms of holds; nothing by transfer.
type exported struct {
	books
	replay    replay
	ended     bool                                 // the journal, all rows have been seen
	unseen    map[ledger.AccountID]*export.Account // those whose balance did not come yet
	balances  map[ledger.AccountID]*ledger.Sums
	turnovers map[turnoverKey]*ledger.Sums
	holds     map[ledger.Key]*exportedHold
	heads     dayHeads
	audit     auditChain
	covered   []export.Head // what the seals cover of the audit
	dayLines  []export.Day
}

type turnoverKey struct {
	account ledger.AccountID
	day     ledger.Day
}

// exportedHold is a hold and its end as the rows tell it; either may come first. Only what is compared is kept.
type exportedHold struct {
	hold, end holdTerms
}

type holdTerms struct {
	there         bool
	act           ledger.Act
	debit, credit ledger.AccountID
	amount        ledger.Fen
}

func termsOf(r *ledger.Row) holdTerms { return holdTerms{true, r.Act, r.Debit, r.Credit, r.Amount} }

// Export checks an export as Books checks the database, as far as one pass can: that keys are unique and that what was reversed is there follows from
// the database only. The error wraps export.ErrFormat when what is read is not a whole export.
func Export(r io.Reader, signer ed25519.PublicKey, report func(Fault)) (Summary, error) {
	x := &exported{
		books:     *newBooks(signer),
		unseen:    make(map[ledger.AccountID]*export.Account),
		balances:  make(map[ledger.AccountID]*ledger.Sums),
		turnovers: make(map[turnoverKey]*ledger.Sums),
		holds:     make(map[ledger.Key]*exportedHold),
		heads:     make(dayHeads),
	}
	x.replay.books = &x.books
	x.audit = auditChain{books: &x.books, hashes: make(map[int64]chain.Hash)}
	x.report = func(f Fault) {
		x.summary.Faults++
		report(f)
	}
	err := export.Read(r, x.line)
	if err == nil {
		err = x.finish()
	}
	if err != nil {
		return x.summary, fmt.Errorf("verify: %w", err)
	}
	return x.summary, nil
}

func (x *exported) line(line *export.Line) error {
	switch {
	case line.Chart != nil:
		x.audit.end(line.Chart.Audit, line.Chart.AuditHash)
		x.chartEnds(line.Chart.Version)
	case line.Account != nil:
		a := line.Account
		x.unseen[a.Account] = a
		return x.openedAs(&chartAccount{a.Chart(), a.Version, a.Opened, a.Hash})
	case line.Stream != nil:
		s := line.Stream
		x.stream(&stream{name: s.Stream, next: s.Next, sequence: s.Sequence, epoch: s.Epoch, day: s.Day, head: s.Head}, s.Number, s.Owner, s.Lease)
	case line.Batch != nil:
		return x.replay.begin(line.Batch)
	case line.Row != nil:
		x.add(line.Row)
		return x.replay.add(line.Row)
	case line.Balance != nil:
		return x.checkBalance(line.Balance)
	case line.Turnover != nil:
		t := line.Turnover
		x.checkTurnover(turnoverKey{t.Account, t.Day}, ledger.Sums{Debits: t.Debits, Credits: t.Credits})
	case line.Hold != nil:
		return x.checkHold(line.Hold)
	case line.Head != nil:
		h := line.Head
		if h.Stream == "" {
			x.covered = append(x.covered, *h)
		}
		return x.noteHead(x.heads, h.Day, h.Stream, h.Sequence, h.Head, h.Batches)
	case line.Day != nil:
		x.dayLines = append(x.dayLines, *line.Day)
	case line.Audit != nil:
		x.audit.add(*line.Audit)
	}
	return nil
}

// add adds a row to the sums and holds.
func (x *exported) add(r *ledger.Row) {
	if r.IsMemo() {
		return
	}
	switch r.Act {
	case ledger.Hold:
		x.holdAt(ledger.Key{Day: r.Day, Subject: r.Subject, ID: r.ID}).hold = termsOf(r)
	case ledger.PostHold, ledger.VoidHold, ledger.ExpireHold:
		x.holdAt(ledger.Key{Day: r.Day, Subject: r.Subject, ID: r.ID[1:]}).end = termsOf(r)
	}
	moved := r.Moved()
	sumsAt(x.balances, r.Debit).Debits += moved
	sumsAt(x.balances, r.Credit).Credits += moved
	if moved > 0 {
		sumsAt(x.turnovers, turnoverKey{r.Debit, r.BookingDay}).Debits += moved
		sumsAt(x.turnovers, turnoverKey{r.Credit, r.BookingDay}).Credits += moved
	}
}

func (x *exported) holdAt(k ledger.Key) *exportedHold {
	h := x.holds[k]
	if h == nil {
		h = &exportedHold{}
		x.holds[k] = h
	}
	return h
}

func sumsAt[K comparable](sums map[K]*ledger.Sums, k K) *ledger.Sums {
	s := sums[k]
	if s == nil {
		s = &ledger.Sums{}
		sums[k] = s
	}
	return s
}

// state returns what became of the hold, by the rows.
func (h *exportedHold) state() (ledger.HoldState, ledger.Fen) {
	switch {
	case !h.hold.there:
		return "none", 0
	case !h.end.there:
		return chain.HoldHeld, 0
	case h.end.act == ledger.PostHold:
		return chain.HoldPosted, h.end.amount
	case h.end.act == ledger.VoidHold:
		return chain.HoldVoided, 0
	}
	return chain.HoldExpired, 0
}

// founded reports whether the hold's end, if any, is of a hold that allows it.
func (h *exportedHold) founded() bool {
	if !h.end.there {
		return true
	}
	if !h.hold.there || h.end.debit != h.hold.debit || h.end.credit != h.hold.credit {
		return false
	}
	return h.end.amount <= h.hold.amount && (h.end.act == ledger.PostHold || h.end.amount == 0)
}

func (x *exported) checkHold(line *export.Hold) error {
	subject, err := hex.DecodeString(line.Subject)
	if err != nil {
		return fmt.Errorf("%w: hold: %w", export.ErrFormat, err)
	}
	id, err := hex.DecodeString(line.ID)
	if err != nil {
		return fmt.Errorf("%w: hold: %w", export.ErrFormat, err)
	}
	k := ledger.Key{Day: line.Day, Subject: ledger.Subject(subject), ID: ledger.ID(id)}
	h := x.holds[k]
	if h == nil {
		h = &exportedHold{}
	}
	delete(x.holds, k)
	if state, posted := h.state(); state != line.State || posted != line.Posted {
		x.fault(HoldState, keyName("hold", k.Day, subject, id), "it is %s with %d posted; the journal says %s with %d posted", line.State,
			int64(line.Posted), state, int64(posted))
	}
	x.checkEnd(k, h)
	return nil
}

func (x *exported) checkEnd(k ledger.Key, h *exportedHold) {
	if !h.founded() {
		x.fault(ActUnfounded, keyName("transfer", k.Day, []byte(k.Subject), append([]byte{0xFE}, k.ID...)), "there is no such hold, or not with these accounts and as much")
	}
}

package verify

import (
	"fmt"
	"math"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
)

// replay follows the chains as their links and rows come in, each batch's link before its rows.
type replay struct {
	books *books
	// link is the batch being read; open tells whether there is one.
	link             chain.Link
	open             bool
	tree             chain.Tree
	next             int64 // the position expected next
	transfers, memos int64
	torn             bool // rows are missing or extra, so the root cannot match
	samples          samples
}

// samples are subjects of a batch's rows that lie beside its link, and where they come from. An
// export has none.
type samples struct {
	kept     bool
	subjects [][]byte
	rows     int // by the link
	seen     int // of the rows whose subjects they are
	wrong    bool
}

// add compares a row with the next sample.
func (s *samples) add(r *ledger.Row) {
	if !s.kept || int(r.Position) != ledger.SampledPosition(s.seen, s.rows) {
		return
	}
	if s.seen >= len(s.subjects) || string(s.subjects[s.seen]) != string(r.Subject) {
		s.wrong = true
	}
	s.seen++
}

// finish ends the last batch and compares the ends of the chains with where the streams stand.
func (r *replay) finish() {
	r.end()
	b := r.books
	for _, s := range b.streams {
		if s.unknown {
			continue
		}
		where := "stream " + s.Stream.Stream
		if s.Sequence != s.last.Sequence || s.Head != s.last.Head || s.Next != s.last.Next {
			b.fault(StreamHead, where, "it stands at batch %d, position %d, head %x; its last batch is %d, position %d, head %x",
				s.Sequence, s.Next, s.Head, s.last.Sequence, s.last.Next, s.last.Head)
		}
		if s.Epoch < s.last.Epoch {
			b.fault(StreamEpoch, where, "its lease is number %d, its last batch was posted under %d", s.Epoch, s.last.Epoch)
		}
	}
}

func (b *books) batchName(id ledger.StreamID, sequence int64) string {
	name := fmt.Sprintf("number %d", id)
	if s := b.streams[id]; s != nil {
		name = s.Stream.Stream
	}
	return fmt.Sprintf("stream %s, batch %d", name, sequence)
}

// begin takes up the next batch and checks its link with the one before.
func (r *replay) begin(line *export.Line) {
	r.end()
	b, link := r.books, line.Batch
	b.summary.Batches++
	r.link, r.open, r.torn = *link, true, false
	r.next, r.transfers, r.memos = 0, 0, 0
	r.tree.Reset()
	r.samples = samples{kept: line.Sampled, subjects: line.Samples, rows: int(link.Transfers) + int(link.Memos)}
	where := b.batchName(link.Stream, link.Sequence)
	s := b.streams[link.Stream]
	if s == nil {
		b.fault(StreamHead, where, "there is no such stream")
		s = &stream{unknown: true, booked: make(map[ledger.Day]*chain.Tree)}
		b.streams[link.Stream] = s
	}
	previous := s.last
	s.last = *link
	s.bookedIn(link.Day).Add(chain.LeafOfHead(link.Head))
	if link.Sequence != previous.Sequence+1 {
		b.fault(SequenceGap, where, "the batch before it is %d, expected %d", previous.Sequence, link.Sequence-1)
		return
	}
	if link.Epoch < previous.Epoch {
		b.fault(StreamEpoch, where, "it was posted under lease %d, the batch before it under %d", link.Epoch, previous.Epoch)
	}
	if link.From != previous.Next {
		b.fault(PositionGap, where, "it starts from %d, the batch before it ended at %d", link.From, previous.Next)
	}
	if want := link.HeadAfter(previous.Head); want != link.Head {
		b.fault(ChainHead, where, "its head is %x, its content and the head before make %x", link.Head, want)
	}
}

// add checks one row, whose content makes a hash, and adds it to its batch's tree. A tree of the
// stored hashes keeps a changed row from being reported twice.
func (r *replay) add(row *ledger.Row, content chain.Hash) {
	b := r.books
	if row.IsMemo() {
		b.summary.Memos++
	} else {
		b.summary.Transfers++
	}
	if content != row.Hash {
		b.fault(RowHash, rowName(row), "its hash is %x, its content makes %x", row.Hash, content)
	}
	placed := r.place(row)
	if row.IsMemo() {
		return
	}
	if !b.database {
		b.keepHold(row)
	}
	debit, credit := r.account(row, row.Debit), r.account(row, row.Credit)
	if moved := row.Moved(); moved != 0 {
		add(r.shardOf(row, row.Debit, debit, placed), ledger.Sums{Debits: moved})
		add(r.shardOf(row, row.Credit, credit, placed), ledger.Sums{Credits: moved})
	}
}

// place puts a row into its batch. False says that it has none.
func (r *replay) place(row *ledger.Row) bool {
	b := r.books
	if !r.open || row.Stream != r.link.Stream || row.Sequence != r.link.Sequence {
		b.fault(RowExtra, rowName(row), "%s does not exist", b.batchName(row.Stream, row.Sequence))
		return false
	}
	if row.BookingDay != r.link.Day {
		b.fault(RowDay, rowName(row), "it is booked in %v, its batch in %v", row.BookingDay, r.link.Day)
	}
	position := int64(row.Position)
	if position < r.next {
		b.fault(RowExtra, rowName(row), "%s has two rows at position %d", b.batchName(row.Stream, row.Sequence), row.Position)
		r.torn = true
		return false
	}
	r.missing(position)
	r.next = position + 1
	r.samples.add(row)
	if row.IsMemo() {
		r.memos++
	} else {
		r.transfers++
	}
	r.tree.Add(row.Hash)
	return true
}

// account looks up an account that a row names.
func (r *replay) account(row *ledger.Row, id ledger.AccountID) *ledger.Account {
	account := r.books.accounts[id]
	if account == nil {
		r.books.fault(UnknownAccount, rowName(row), "there is no account %d", id)
	}
	return account
}

// missingShown bounds the missing rows named one by one, so that a lost batch is not a flood.
const missingShown = 20

func (r *replay) missing(until int64) {
	for at := r.next; at < until; at++ {
		where := r.books.batchName(r.link.Stream, r.link.Sequence)
		r.torn = true
		if at-r.next == missingShown {
			r.books.fault(RowMissing, fmt.Sprintf("%s, positions %d to %d", where, at, until-1), "there are no rows")
			return
		}
		r.books.fault(RowMissing, fmt.Sprintf("%s, position %d", where, at), "there is no row")
	}
}

// end checks the batch that was read.
func (r *replay) end() {
	if !r.open {
		return
	}
	r.open = false
	b := r.books
	where := b.batchName(r.link.Stream, r.link.Sequence)
	transfers, memos := int64(r.link.Transfers), int64(r.link.Memos)
	total := transfers + memos
	possible := transfers >= 0 && memos >= 0 && total <= math.MaxInt32 // so many positions there are
	if possible {
		r.missing(total)
	}
	if !possible || r.next > total || !r.torn && (r.transfers != transfers || r.memos != memos) {
		b.fault(BatchCount, where, "it has %d transfers and %d memos, its link says %d and %d", r.transfers, r.memos, r.link.Transfers, r.link.Memos)
		return
	}
	if r.torn {
		return
	}
	if s := &r.samples; s.kept && (s.wrong || s.seen < len(s.subjects)) {
		b.fault(Samples, where, "they are not the subjects of its rows")
	}
	if root := r.tree.Root(); root != r.link.Root {
		b.fault(BatchRoot, where, "its root is %x, its rows make %x", r.link.Root, root)
	}
}

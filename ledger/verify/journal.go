package verify

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
)

// Links and rows come in one stream, each batch's link before its rows.
const journalQuery = `
	SELECT stream, sequence, -1 AS place, from_position, next_position, day, shard, epoch, at, samples, transfers, memos, root, note, head,
		NULL::INT4, NULL::BYTEA, NULL::BYTEA, NULL::INT8, NULL::INT8, NULL::INT8, NULL::INT4, NULL::INT2, NULL::TEXT, NULL::TEXT, NULL::BYTEA, NULL::INT4, NULL::BYTEA, NULL::INT8
	FROM batches
	UNION ALL
	SELECT stream, sequence, position, NULL::INT8, NULL::INT8, NULL::INT4, NULL::INT4, NULL::INT8, NULL::TIMESTAMPTZ, NULL::BYTEA[], NULL::INT4, NULL::INT4, NULL::BYTEA, NULL::BYTEA, NULL::BYTEA,
		effective_day, subject, id, debit, credit, amount, purpose, flags, kind, reason, evidence, booking_day, hash, expires
	FROM journal
	ORDER BY stream, sequence, place`

// replay follows the chains as their links and rows come in.
type replay struct {
	books *books
	// link is the batch being read; open tells whether there is one.
	link             ledger.Link
	open             bool
	tree             ledger.Tree
	next             int32 // the position expected next
	transfers, memos int32
	torn             bool // rows are missing or extra, so the root cannot match
	samples          samples
}

// samples are subjects of a batch's rows that lie beside its link, and where they come from. An export has none.
type samples struct {
	kept      bool
	subjects  [][]byte
	positions []int
	wrong     bool
}

// add compares a row with the next sample.
func (s *samples) add(r *ledger.Row) {
	if len(s.positions) == 0 || int(r.Position) != s.positions[0] {
		return
	}
	if len(s.subjects) == 0 || string(s.subjects[0]) != string(r.Subject) {
		s.wrong = true
	} else {
		s.subjects = s.subjects[1:]
	}
	s.positions = s.positions[1:]
}

// checkJournal recomputes row hashes, roots and links.
func (b *books) checkJournal(ctx context.Context) error {
	r := &replay{books: b}
	err := b.each(ctx, journalQuery, func(rows pgx.Rows) error {
		link, row, subjects, err := scanJournal(rows)
		switch {
		case err != nil:
			return err
		case link != nil:
			if err = r.begin(link); err == nil {
				r.samples = samples{kept: true, subjects: subjects, positions: ledger.SampledPositions(int(link.Transfers) + int(link.Memos))}
			}
			return err
		}
		return r.add(row)
	})
	if err != nil {
		return err
	}
	return r.finish()
}

// finish ends the last batch and compares the ends of the chains with where the streams stand.
func (r *replay) finish() error {
	if err := r.end(); err != nil {
		return err
	}
	b := r.books
	for _, s := range b.streams {
		if s.name == "" {
			continue // of batches of which it is known that they have no stream
		}
		if s.sequence != s.last.Sequence || s.head != s.last.Head || s.next != s.last.Next {
			b.fault(StreamHead, "stream "+s.name, "it stands at batch %d, position %d, head %x; its last batch is %d, position %d, head %x",
				s.sequence, s.next, s.head, s.last.Sequence, s.last.Next, s.last.Head)
		}
		if s.epoch < s.last.Epoch {
			b.fault(StreamEpoch, "stream "+s.name, "its claim is number %d, its last batch was posted under %d", s.epoch, s.last.Epoch)
		}
	}
	return nil
}

func scanJournal(rows pgx.Rows) (*ledger.Link, *ledger.Row, [][]byte, error) {
	var link ledger.Link
	var row ledger.Row
	var at *time.Time
	var subjects [][]byte
	var from, next, epoch, debit, credit, amount, expires *int64
	var day, shard, transfers, memos, effective, purpose, booking *int32
	var flags *int16
	var kind, reason *string
	var root, head, subject, id, hash []byte
	err := rows.Scan(&row.Stream, &row.Sequence, &row.Position, &from, &next, &day, &shard, &epoch, &at, &subjects, &transfers, &memos, &root, &link.Note, &head,
		&effective, &subject, &id, &debit, &credit, &amount, &purpose, &flags, &kind, &reason, &row.Evidence, &booking, &hash, &expires)
	if err != nil {
		return nil, nil, nil, err
	}
	if effective == nil {
		link.Stream, link.Sequence, link.From, link.Next = row.Stream, row.Sequence, *from, *next
		link.Day, link.Shard, link.Transfers, link.Memos = ledger.Day(*day), *shard, *transfers, *memos
		link.Epoch, link.At = *epoch, *at
		copy(link.Root[:], root)
		copy(link.Head[:], head)
		return &link, nil, subjects, nil
	}
	row.Day, row.Subject, row.ID = ledger.Day(*effective), ledger.Subject(subject), ledger.ID(id)
	row.Debit, row.Credit, row.Amount = ledger.AccountID(zero(debit)), ledger.AccountID(zero(credit)), ledger.Fen(*amount)
	row.Purpose = ledger.Purpose(*purpose)
	row.SetFlags(*flags, zero(expires))
	row.Kind, row.Reason, row.BookingDay = zero(kind), zero(reason), ledger.Day(*booking)
	copy(row.Hash[:], hash)
	return nil, &row, nil, nil
}

func zero[T any](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}

func (b *books) streamName(id ledger.StreamID) string {
	if s := b.streams[id]; s != nil {
		return s.name
	}
	return fmt.Sprintf("number %d", id)
}

func (b *books) batchName(id ledger.StreamID, sequence int64) string {
	return fmt.Sprintf("stream %s, batch %d", b.streamName(id), sequence)
}

// begin takes up the next batch and checks its link with the one before.
func (r *replay) begin(link *ledger.Link) error {
	if err := r.end(); err != nil {
		return err
	}
	b := r.books
	b.summary.Batches++
	*r = replay{books: b, link: *link, open: true}
	where := b.batchName(link.Stream, link.Sequence)
	s := b.streams[link.Stream]
	if s == nil {
		b.fault(StreamHead, where, "there is no such stream")
		s = &stream{}
		b.streams[link.Stream] = s
	}
	previous := s.last
	s.last = *link
	if err := s.bookedIn(link.Day).Add(ledger.LeafOfHead(link.Head)); err != nil {
		return err
	}
	if link.Sequence != previous.Sequence+1 {
		b.fault(SequenceGap, where, "the batch before it is %d, expected %d", previous.Sequence, link.Sequence-1)
		return nil
	}
	if link.Epoch < previous.Epoch {
		b.fault(StreamEpoch, where, "it was posted under claim %d, the batch before it under %d", link.Epoch, previous.Epoch)
	}
	if link.From != previous.Next {
		b.fault(PositionGap, where, "it starts from %d, the batch before it ended at %d", link.From, previous.Next)
	}
	if want := link.HeadAfter(previous.Head); want != link.Head {
		b.fault(ChainHead, where, "its head is %x, its content and the head before make %x", link.Head, want)
	}
	return nil
}

// add checks one row and adds it to its batch's tree. A tree of the stored hashes keeps a changed row from being reported
// twice.
func (r *replay) add(row *ledger.Row) error {
	b := r.books
	if row.IsMemo() {
		b.summary.Memos++
	} else {
		b.summary.Transfers++
	}
	if want := row.ContentHash(); want != row.Hash {
		b.fault(RowHash, rowName(row), "its hash is %x, its content makes %x", row.Hash, want)
	}
	var debit, credit knownAccount
	if !row.IsMemo() {
		debit, credit = r.account(row, row.Debit), r.account(row, row.Credit)
	}
	if !r.open || row.Stream != r.link.Stream || row.Sequence != r.link.Sequence {
		b.fault(RowExtra, rowName(row), "%s does not exist", b.batchName(row.Stream, row.Sequence))
		return nil
	}
	if row.BookingDay != r.link.Day {
		b.fault(RowDay, rowName(row), "it is booked in %v, its batch in %v", row.BookingDay, r.link.Day)
	}
	if row.Position < r.next {
		b.fault(RowExtra, rowName(row), "%s has two rows at position %d", b.batchName(row.Stream, row.Sequence), row.Position)
		r.torn = true
		return nil
	}
	r.missing(row.Position)
	r.next = row.Position + 1
	r.samples.add(row)
	if row.IsMemo() {
		r.memos++
	} else {
		r.transfers++
		r.shardOf(row, row.Debit, debit.shards).Debits += row.Moved()
		r.shardOf(row, row.Credit, credit.shards).Credits += row.Moved()
	}
	return r.tree.Add(row.Hash)
}

// account looks up an account that a row names.
func (r *replay) account(row *ledger.Row, id ledger.AccountID) knownAccount {
	account, known := r.books.accounts[id]
	if !known {
		r.books.fault(UnknownAccount, rowName(row), "there is no account %d", id)
	}
	return account
}

// missingShown bounds the missing rows named one by one, so that a lost batch is not a flood.
const missingShown = 20

func (r *replay) missing(until int32) {
	where := r.books.batchName(r.link.Stream, r.link.Sequence)
	for at := r.next; at < until; at++ {
		r.torn = true
		if at-r.next == missingShown {
			r.books.fault(RowMissing, fmt.Sprintf("%s, positions %d to %d", where, at, until-1), "there are no rows")
			return
		}
		r.books.fault(RowMissing, fmt.Sprintf("%s, position %d", where, at), "there is no row")
	}
}

// end checks the batch that was read.
func (r *replay) end() error {
	if !r.open {
		return nil
	}
	b := r.books
	where := b.batchName(r.link.Stream, r.link.Sequence)
	total := r.link.Transfers + r.link.Memos
	r.missing(total)
	if r.next > total || !r.torn && (r.transfers != r.link.Transfers || r.memos != r.link.Memos) {
		b.fault(BatchCount, where, "it has %d transfers and %d memos, its link says %d and %d", r.transfers, r.memos, r.link.Transfers, r.link.Memos)
		return nil
	}
	if r.torn {
		return nil
	}
	if s := &r.samples; s.kept && (s.wrong || len(s.subjects) > 0) {
		b.fault(Samples, where, "they are not the subjects of its rows")
	}
	root, err := r.tree.Root()
	if err != nil {
		return err
	}
	if !bytes.Equal(root[:], r.link.Root[:]) {
		b.fault(BatchRoot, where, "its root is %x, its rows make %x", r.link.Root, root)
	}
	return nil
}

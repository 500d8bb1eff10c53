package verify

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Links and rows come in one stream, each batch's link before its rows.
const journalQuery = `
	SELECT stream, sequence, -1 AS place, from_position, next_position, day, shard, epoch, at, samples, transfers, memos, root, note, head,
		0::INT4, NULL::BYTEA, NULL::BYTEA, 0::INT8, 0::INT8, 0::INT8, 0::INT4, 0::INT2, ''::TEXT, ''::TEXT, NULL::BYTEA, 0::INT4, NULL::BYTEA, 0::INT8
	FROM batches
	UNION ALL
	SELECT stream, sequence, position, 0::INT8, 0::INT8, 0::INT4, 0::INT4, 0::INT8, NULL::TIMESTAMPTZ, NULL::BYTEA[], 0::INT4, 0::INT4, NULL::BYTEA, NULL::BYTEA,
		NULL::BYTEA, effective_day, subject, id, coalesce(debit, 0), coalesce(credit, 0), amount, purpose, flags, coalesce(kind, ''), coalesce(reason, ''), evidence,
		booking_day, hash, coalesce(expires, 0)
	FROM journal
	ORDER BY stream, sequence, place`

// replay follows the chains as their links and rows come in.
type replay struct {
	books *books
	// link is the batch being read; open tells whether there is one.
	link             chain.Link
	open             bool
	tree             chain.Tree
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
	scan := newJournalScan()
	err := b.each(ctx, journalQuery, func(rows pgx.Rows) error {
		isLink, err := scan.next(rows)
		switch {
		case err != nil:
			return err
		case !isLink:
			return r.add(&scan.row)
		}
		link := scan.link
		if err = r.begin(&link); err == nil {
			r.samples = samples{kept: true, subjects: scan.subjects, positions: ledger.SampledPositions(int(link.Transfers) + int(link.Memos))}
		}
		return err
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
			b.fault(StreamEpoch, "stream "+s.name, "its lease is number %d, its last batch was posted under %d", s.epoch, s.last.Epoch)
		}
	}
	return nil
}

// journalScan reads rows of journalQuery into the same place, one after the other: what each would
// take of memory costs more than its hashing.
type journalScan struct {
	link     chain.Link
	row      ledger.Row
	subjects [][]byte // samples

	at                                            *time.Time
	purpose                                       int32
	flags                                         int16
	expires                                       int64
	root, note, head, subject, id, evidence, hash pgtype.DriverBytes
	into                                          []any
}

func newJournalScan() *journalScan {
	s := &journalScan{}
	k, r := &s.link, &s.row
	s.into = []any{
		&r.Stream, &r.Sequence, &r.Position, &k.From, &k.Next, &k.Day, &k.Shard, &k.Epoch, &s.at, &s.subjects, &k.Transfers, &k.Memos, &s.root, &s.note, &s.head,
		&r.Day, &s.subject, &s.id, &r.Debit, &r.Credit, &r.Amount, &s.purpose, &s.flags, &r.Kind, &r.Reason, &s.evidence, &r.BookingDay, &s.hash, &s.expires,
	}
	return s
}

// next reads a link, or else a row, which is good until the next one.
func (s *journalScan) next(rows pgx.Rows) (isLink bool, err error) {
	if err := rows.Scan(s.into...); err != nil {
		return false, err
	}
	if s.row.Position < 0 && s.at != nil {
		s.link.Stream, s.link.Sequence, s.link.At = s.row.Stream, s.row.Sequence, *s.at
		s.link.Root, s.link.Head = hashOf(s.root), hashOf(s.head)
		s.link.Note = bytes.Clone(s.note)
		return true, nil
	}
	s.row.Subject, s.row.ID = ledger.Subject(s.subject), ledger.ID(s.id)
	s.row.SetStored(s.purpose, s.flags, s.expires)
	s.row.Evidence, s.row.Hash = s.evidence, hashOf(s.hash)
	return false, nil
}

// hashOf is a hash as it is stored, which may have lost bytes.
func hashOf(stored []byte) (hash chain.Hash) {
	copy(hash[:], stored)
	return hash
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
func (r *replay) begin(link *chain.Link) error {
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
	if err := s.bookedIn(link.Day).Add(chain.LeafOfHead(link.Head)); err != nil {
		return err
	}
	if link.Sequence != previous.Sequence+1 {
		b.fault(SequenceGap, where, "the batch before it is %d, expected %d", previous.Sequence, link.Sequence-1)
		return nil
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

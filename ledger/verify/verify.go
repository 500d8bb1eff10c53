package verify

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// books is one run of the checks.
type books struct {
	tx       pgx.Tx
	signer   ed25519.PublicKey
	report   func(Fault)
	summary  Summary
	streams  map[ledger.StreamID]*stream
	accounts map[ledger.AccountID]knownAccount
	chart    chartHistory
	days     map[ledger.Day]*dayHistory
	// shards holds what accounts of several shards were moved, as the batches tell it.
	shards    map[shardKey]*ledger.Sums
	unsharded ledger.Sums
	// named are accounts, and their days, of which a fault was reported that all others of them follow from.
	named map[string]bool
}

// stream is a row of the streams table, and the last link seen of its chain.
type stream struct {
	name     string
	next     int64
	sequence int64
	epoch    int64
	day      ledger.Day // in which it stands
	left     ledger.Day // the last that it left
	head     chain.Hash
	last     chain.Link
	// booked holds, day by day, the tree over the heads of the batches it booked.
	booked map[ledger.Day]*chain.Tree
}

// bookedIn returns the tree of a day.
func (s *stream) bookedIn(day ledger.Day) *chain.Tree {
	if s.booked == nil {
		s.booked = make(map[ledger.Day]*chain.Tree)
	}
	tree := s.booked[day]
	if tree == nil {
		tree = &chain.Tree{}
		s.booked[day] = tree
	}
	return tree
}

func newBooks(signer ed25519.PublicKey) *books {
	return &books{
		signer: signer, streams: make(map[ledger.StreamID]*stream), accounts: make(map[ledger.AccountID]knownAccount), chart: newChartHistory(),
		days: make(map[ledger.Day]*dayHistory), shards: make(map[shardKey]*ledger.Sums), named: make(map[string]bool),
	}
}

// Check is a check of tables that somebody keeps beside the ledger's. It is made in the same view of the database, after the ledger's own, so what
// follows from journal, chain and audit it may take from there.
type Check func(ctx context.Context, tx pgx.Tx, report func(Fault)) error

// Books checks all books of the ledger and calls report for each fault, as it is found; then it makes the checks of what lies beside. The
// seals of days must be the signer's; without a signer each of them is a fault. The error says that the books could not be read to the end, not that they
// are wrong.
func Books(ctx context.Context, l *ledger.Ledger, signer ed25519.PublicKey, report func(Fault), beside ...Check) (Summary, error) {
	b := newBooks(signer)
	b.report = func(f Fault) {
		b.summary.Faults++
		report(f)
	}
	err := l.Read(ctx, func(tx pgx.Tx) error {
		b.tx = tx
		for _, check := range []func(context.Context) error{
			b.readStreams, b.checkAudit, b.checkAccounts, b.checkJournal, b.checkSums, b.checkHolds, b.checkCheckpoints, b.checkDays,
		} {
			if err := check(ctx); err != nil {
				return err
			}
		}
		for _, check := range beside {
			if err := check(ctx, tx, b.report); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return b.summary, fmt.Errorf("verify: %w", err)
	}
	return b.summary, nil
}

func (b *books) fault(kind Kind, where, format string, args ...any) {
	b.report(Fault{Kind: kind, Where: where, Detail: fmt.Sprintf(format, args...)})
}

// each runs a query and calls fn for each of its rows.
func (b *books) each(ctx context.Context, query string, fn func(pgx.Rows) error, args ...any) error {
	rows, err := b.tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err = fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (b *books) readStreams(ctx context.Context) error {
	return b.each(ctx, "SELECT stream, number, next, sequence, epoch, owner, claim, day, head FROM streams", func(rows pgx.Rows) error {
		s := &stream{}
		var number ledger.StreamID
		var owner string
		var lease, head []byte
		if err := rows.Scan(&s.name, &number, &s.next, &s.sequence, &s.epoch, &owner, &lease, &s.day, &head); err != nil {
			return err
		}
		var hash chain.Hash
		copy(hash[:], lease)
		copy(s.head[:], head)
		b.stream(s, number, owner, hash)
		return nil
	})
}

// stream takes up a stream as it stands.
func (b *books) stream(s *stream, number ledger.StreamID, owner string, lease chain.Hash) {
	if number != ledger.IDOfStream(s.name) {
		b.fault(StreamHead, "stream "+s.name, "its number is %d, expected %d", number, ledger.IDOfStream(s.name))
	}
	if want := chain.LeaseHash(s.name, s.epoch, owner); lease != want {
		b.fault(StreamLease, "stream "+s.name, "lease %d of %q has the hash %x, and it says %x", s.epoch, owner, want, lease)
	}
	b.streams[number] = s
	b.summary.Streams++
}

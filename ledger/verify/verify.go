package verify

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// books is one run of the checks over the lines of the books, of an export or of the database.
type books struct {
	signer  ed25519.PublicKey
	unknown sealRun // while there is no signer
	report  func(Fault)
	summary Summary
	// database tells that the lines are read out of one. Then sums are kept by shard, and holds are
	// not kept: the database holds them against the journal itself.
	database bool
	streams  map[ledger.StreamID]*stream
	accounts map[ledger.AccountID]*ledger.Account
	unseen   map[ledger.AccountID]*ledger.Account // those whose balance did not come yet
	chart    chartHistory
	days     map[ledger.Day]*dayHistory
	audit    auditChain
	replay   replay
	sums     sums
	holds    map[ledger.Key]*hold
	heads    dayHeads
	covered  []export.Head // what the seals cover of the audit
	dayLines []export.Day
}

// stream is a row of the streams table, and the last link seen of its chain.
type stream struct {
	export.Stream
	unknown bool       // there is no such stream: batches name it
	left    ledger.Day // the last that it left
	last    chain.Link
	// booked holds, day by day, the tree over the heads of the batches it booked.
	booked map[ledger.Day]*chain.Tree
}

// bookedIn returns the tree of a day.
func (s *stream) bookedIn(day ledger.Day) *chain.Tree {
	return at(s.booked, day)
}

// at returns what a map has under a key, which it makes if need be.
func at[K comparable, V any](m map[K]*V, k K) *V {
	v := m[k]
	if v == nil {
		v = new(V)
		m[k] = v
	}
	return v
}

func newBooks(signer ed25519.PublicKey, report func(Fault)) *books {
	b := &books{
		signer: signer, streams: make(map[ledger.StreamID]*stream), accounts: make(map[ledger.AccountID]*ledger.Account),
		unseen: make(map[ledger.AccountID]*ledger.Account), chart: newChartHistory(), days: make(map[ledger.Day]*dayHistory),
		sums: newSums(), holds: make(map[ledger.Key]*hold), heads: make(dayHeads),
	}
	b.audit = auditChain{books: b, hashes: make(map[int64]chain.Hash)}
	b.replay.books = b
	b.report = func(f Fault) {
		b.summary.Faults++
		report(f)
	}
	return b
}

// Check is a check of tables that somebody keeps beside the ledger's. It runs in the same view of
// the database, after the ledger's own checks, so it may rely on journal, chain and audit.
type Check func(ctx context.Context, tx pgx.Tx, report func(Fault)) error

// Books checks all books of the ledger and calls report for each fault, as it is found; then it
// makes the checks of what lies beside. The seals of days must be by the keys that the audit pins,
// of which the last must be the signer's; without a signer each seal is a fault. The error says
// that the books could not be read to the end, not that they are wrong.
func Books(ctx context.Context, l *ledger.Ledger, signer ed25519.PublicKey, report func(Fault), beside ...Check) (Summary, error) {
	b := newBooks(signer, report)
	b.database = true
	err := l.View(ctx, func(v *ledger.View) error {
		if err := b.readHeld(ctx, v.Tx); err != nil {
			return err
		}
		// What only the database has is compared there while the lines are read here, and reported
		// after what these tell.
		both, one := errgroup.WithContext(ctx)
		replayed := make(chan struct{})
		both.Go(func() error {
			t := &tables{report: func(f Fault) {
				select {
				case <-replayed:
					b.report(f)
				case <-one.Done():
				}
			}}
			return v.Beside(one, func(tx pgx.Tx) error { return t.check(one, tx) })
		})
		both.Go(func() error {
			if err := export.Books(one, v, export.ToVerify, b.line); err != nil {
				return err
			}
			b.finish()
			defer close(replayed)
			return b.checkShards(one, v.Tx)
		})
		if err := both.Wait(); err != nil {
			return err
		}
		for _, check := range beside {
			if err := check(ctx, v.Tx, b.report); err != nil {
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

// Export checks an export as Books checks the database, as far as one pass can. Only the database
// can show that keys are unique and that each reversed transfer exists. Of the audit alone
// (Summary.Part) it checks the chain, the history of days, and the seals. The error wraps
// export.ErrFormat when what is read is not a whole export.
func Export(r io.Reader, signer ed25519.PublicKey, report func(Fault)) (Summary, error) {
	b := newBooks(signer, report)
	if err := export.Read(r, b.line); err != nil {
		return b.summary, fmt.Errorf("verify: %w", err)
	}
	b.finish()
	return b.summary, nil
}

func (b *books) fault(kind Kind, where, format string, args ...any) {
	b.report(newFault(kind, where, format, args...))
}

// line takes up one line.
func (b *books) line(line *export.Line) error {
	switch {
	case line.Row != nil:
		b.replay.add(line.Row, line.Content)
	case line.Batch != nil:
		b.replay.begin(line)
	case line.Export != nil:
		b.summary.Part = line.Export.Part
	case line.Books != nil:
		b.summary.ID = line.Books.ID
	case line.Audit != nil:
		b.audit.add(*line.Audit)
	case line.Chart != nil:
		b.audit.end(line.Chart.Audit, line.Chart.AuditHash)
		b.chartEnds(line.Chart.Version)
	case line.Account != nil:
		b.account(line.Account)
	case line.Stream != nil:
		b.stream(line.Stream)
	case line.Balance != nil:
		b.balance(line.Balance)
	case line.Turnover != nil:
		t := line.Turnover
		b.checkTurnover(turnoverKey{t.Account, t.Day}, ledger.Sums{Debits: t.Debits, Credits: t.Credits})
	case line.Hold != nil:
		return b.checkHold(line.Hold)
	case line.Head != nil:
		b.head(line.Head)
	case line.Day != nil:
		b.dayLines = append(b.dayLines, *line.Day)
	}
	return nil
}

// finish reports what the rows have and the other lines do not, and checks the seals.
func (b *books) finish() {
	if b.summary.Part == "" {
		b.endJournal()
		b.endSums()
		b.endChart()
		b.endHolds()
	} else if !b.chart.ended {
		b.fault(ChartVersion, "the chart", "its version and the end of the audit are not there")
	}
	for _, h := range b.covered {
		b.audit.covers(h.Day, h.Sequence, h.Head)
	}
	for i := range b.dayLines {
		b.day(&b.dayLines[i])
	}
	b.endSealKeys()
	b.endDays()
}

// stream takes up a stream as it stands.
func (b *books) stream(line *export.Stream) {
	where := "stream " + line.Stream
	if line.Number != ledger.IDOfStream(line.Stream) {
		b.fault(StreamHead, where, "its number is %d, expected %d", line.Number, ledger.IDOfStream(line.Stream))
	}
	if want := chain.LeaseHash(line.Stream, line.Epoch, line.Owner); line.Lease != want {
		b.fault(StreamLease, where, "lease %d of %q has the hash %x, and it says %x", line.Epoch, line.Owner, want, line.Lease)
	}
	b.streams[line.Number] = &stream{Stream: *line, booked: make(map[ledger.Day]*chain.Tree)}
	b.summary.Streams++
}

func (b *books) accountName(id ledger.AccountID) string {
	if account := b.accounts[id]; account != nil {
		return account.Code
	}
	return fmt.Sprintf("number %d", id)
}

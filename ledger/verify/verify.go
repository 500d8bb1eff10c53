package verify

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
)

// books is one run of the checks.
type books struct {
	tx       pgx.Tx
	signer   ed25519.PublicKey
	report   func(Fault)
	summary  Summary
	streams  map[ledger.StreamID]*stream
	accounts map[ledger.AccountID]string
	// caps holds, by code, the limits that were changed, as the audit tells it; each until its account was seen.
	caps map[string]*capHistory
}

// stream is a row of the streams table, and the last link seen of its chain.
type stream struct {
	name     string
	next     int64
	sequence int64
	head     ledger.Hash
	last     ledger.Link
	// booked holds, day by day, the tree over the heads of the batches it booked.
	booked map[ledger.Day]*ledger.Tree
}

// bookedIn returns the tree of a day.
func (s *stream) bookedIn(day ledger.Day) *ledger.Tree {
	if s.booked == nil {
		s.booked = make(map[ledger.Day]*ledger.Tree)
	}
	tree := s.booked[day]
	if tree == nil {
		tree = &ledger.Tree{}
		s.booked[day] = tree
	}
	return tree
}

func newBooks(signer ed25519.PublicKey) *books {
	return &books{
		signer: signer, streams: make(map[ledger.StreamID]*stream), accounts: make(map[ledger.AccountID]string), caps: make(map[string]*capHistory),
	}
}

// Books checks all books of the ledger and calls report for each fault, as it is found. The seals of days must be
// the signer's; without a signer each of them is a fault. The error says that the books could not be read to the end, not that they are wrong.
func Books(ctx context.Context, l *ledger.Ledger, signer ed25519.PublicKey, report func(Fault)) (Summary, error) {
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
	return b.each(ctx, "SELECT stream, number, next, sequence, head FROM streams", func(rows pgx.Rows) error {
		s := &stream{}
		var number ledger.StreamID
		var head []byte
		if err := rows.Scan(&s.name, &number, &s.next, &s.sequence, &head); err != nil {
			return err
		}
		if number != ledger.IDOfStream(s.name) {
			b.fault(StreamHead, "stream "+s.name, "its number is %d, expected %d", number, ledger.IDOfStream(s.name))
		}
		copy(s.head[:], head)
		b.streams[number] = s
		b.summary.Streams++
		return nil
	})
}

// checkAccounts compares codes with numbers, and limits with what the accounts hold.
func (b *books) checkAccounts(ctx context.Context) error {
	err := b.each(ctx, `SELECT a.account, a.code, a.flags, a.cap, a.alarm, coalesce(sum(b.debits + b.debits_held), 0)::INT8,
		coalesce(sum(b.credits), 0)::INT8, coalesce(sum(b.debits), 0)::INT8, coalesce(sum(b.credits + b.credits_held), 0)::INT8
		FROM accounts a LEFT JOIN balances b ON b.account = a.account GROUP BY a.account, a.code, a.flags, a.cap, a.alarm`, func(rows pgx.Rows) error {
		var account ledger.Account
		var debitsDue, creditsDue ledger.Fen
		var sums ledger.Sums
		if err := rows.Scan(&account.ID, &account.Code, &account.Flags, &account.Cap, &account.Alarm, &debitsDue, &sums.Credits, &sums.Debits, &creditsDue); err != nil {
			return err
		}
		sums.DebitsHeld, sums.CreditsHeld = debitsDue-sums.Debits, creditsDue-sums.Credits
		b.account(account, sums)
		return nil
	})
	b.capsWithoutAccount()
	return err
}

// account compares a code with its number, and limits with what the account holds.
func (b *books) account(a ledger.Account, sums ledger.Sums) {
	b.accounts[a.ID] = a.Code
	b.summary.Accounts++
	where := "account " + a.Code
	if want := ledger.IDOfCode(a.Code); a.ID != want {
		b.fault(AccountNumber, where, "its number is %d, expected %d", a.ID, want)
	}
	limit := b.allowance(a)
	if a.Flags&ledger.DebitsMustNotExceedCredits != 0 && sums.Debits+sums.DebitsHeld > sums.Credits+limit {
		b.fault(LimitBroken, where, "debits %d and holds %d exceed credits %d and cap %d", int64(sums.Debits), int64(sums.DebitsHeld),
			int64(sums.Credits), int64(limit))
	}
	if a.Flags&ledger.CreditsMustNotExceedDebits != 0 && sums.Credits+sums.CreditsHeld > sums.Debits {
		b.fault(LimitBroken, where, "credits %d and holds %d exceed debits %d", int64(sums.Credits), int64(sums.CreditsHeld), int64(sums.Debits))
	}
}

package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Sums are an account's total debits and credits.
type Sums struct {
	Debits, Credits Fen
}

// CreditBalance returns credits - debits.
func (s Sums) CreditBalance() Fen { return s.Credits - s.Debits }

// delta is what a batch adds to one account.
type delta struct {
	account Account
	Sums
}

// fold adds up, account by account, the transfers that really went in, in the order of account numbers: the order in
// which all batches lock balance rows.
func fold(chart *Chart, rows []Row) []delta {
	sums := make(map[AccountID]*Sums)
	at := func(id AccountID) *Sums {
		s := sums[id]
		if s == nil {
			s = &Sums{}
			sums[id] = s
		}
		return s
	}
	for i := range rows {
		if r := &rows[i]; !r.IsMemo() {
			at(r.Debit).Debits += r.Amount
			at(r.Credit).Credits += r.Amount
		}
	}
	deltas := make([]delta, 0, len(sums))
	for id, s := range sums {
		account, _ := chart.ByID(id)
		deltas = append(deltas, delta{account, *s})
	}
	slices.SortFunc(deltas, func(a, b delta) int { return cmp.Compare(a.account.ID, b.account.ID) })
	return deltas
}

// writeBooks adds the batch's deltas to balances and turnovers and hangs its link into the chain. INSERT … ON CONFLICT is used where UPDATE
// would do, because it takes no predicate locks.
func writeBooks(ctx context.Context, tx pgx.Tx, chart *Chart, b *Batch, link *Link, rows []Row) error {
	deltas := fold(chart, rows)
	accounts := make([]int64, len(deltas))
	shards := make([]int32, len(deltas))
	debits := make([]int64, len(deltas))
	credits := make([]int64, len(deltas))
	for i, d := range deltas {
		accounts[i], shards[i] = int64(d.account.ID), int32(b.Shard%max(d.account.Shards, 1))
		debits[i], credits[i] = int64(d.Debits), int64(d.Credits)
	}
	note := link.Note
	if note == nil {
		note = []byte{}
	}
	batch := &pgx.Batch{}
	if len(deltas) > 0 {
		batch.Queue(`INSERT INTO balances (account, shard, debits, credits)
			SELECT a, s, d, c FROM unnest($1::INT8[], $2::INT4[], $3::INT8[], $4::INT8[]) AS u (a, s, d, c)
			ON CONFLICT (account, shard) DO UPDATE SET debits = balances.debits + excluded.debits, credits = balances.credits + excluded.credits`,
			accounts, shards, debits, credits)
		batch.Queue(`INSERT INTO turnovers (account, shard, day, debits, credits)
			SELECT a, s, $5::INT4, d, c FROM unnest($1::INT8[], $2::INT4[], $3::INT8[], $4::INT8[]) AS u (a, s, d, c)
			ON CONFLICT (account, shard, day) DO UPDATE SET debits = turnovers.debits + excluded.debits, credits = turnovers.credits + excluded.credits`,
			accounts, shards, debits, credits, b.Day)
	}
	batch.Queue(`INSERT INTO batches (stream, sequence, from_position, next_position, day, shard, transfers, memos, root, note, head)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, link.Stream, link.Sequence, link.From, link.Next, link.Day, link.Shard,
		link.Transfers, link.Memos, link.Root[:], note, link.Head[:])
	batch.Queue("UPDATE streams SET head = $2 WHERE stream = $1", b.Stream, link.Head[:])
	return tx.SendBatch(ctx, batch).Close()
}

// Balance returns what an account's debits and credits add up to. The error is ErrNoAccount for an unknown code.
func (l *Ledger) Balance(ctx context.Context, code string) (Sums, error) {
	var sums Sums
	err := l.run(ctx, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `SELECT sum(b.debits)::INT8, sum(b.credits)::INT8 FROM accounts a JOIN balances b ON b.account = a.account
			WHERE a.account = $1 AND a.code = $2 GROUP BY a.account`, IDOfCode(code), code).Scan(&sums.Debits, &sums.Credits)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNoAccount
	}
	if err != nil {
		return Sums{}, fmt.Errorf("balance of %q: %w", code, err)
	}
	return sums, nil
}

// TrialRow is one account of a trial balance.
type TrialRow struct {
	Account Account
	Before  Sums // booked on earlier days
	Day     Sums // booked on the day itself
}

// Trial returns the trial balance at the end of a booking day, by code: every account with anything booked up to then. All debits
// equal all credits, in each column.
func (l *Ledger) Trial(ctx context.Context, day Day) ([]TrialRow, error) {
	var trial []TrialRow
	err := l.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT a.account, a.code, a.kind, a.owner, a.flags, a.shards,
			coalesce(sum(t.debits) FILTER (WHERE t.day < $1), 0)::INT8, coalesce(sum(t.credits) FILTER (WHERE t.day < $1), 0)::INT8,
			coalesce(sum(t.debits) FILTER (WHERE t.day = $1), 0)::INT8, coalesce(sum(t.credits) FILTER (WHERE t.day = $1), 0)::INT8
			FROM turnovers t JOIN accounts a ON a.account = t.account WHERE t.day <= $1
			GROUP BY a.account, a.code, a.kind, a.owner, a.flags, a.shards ORDER BY a.code`, day)
		if err != nil {
			return err
		}
		trial, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (TrialRow, error) {
			var r TrialRow
			a := &r.Account
			err := row.Scan(&a.ID, &a.Code, &a.Kind, &a.Owner, &a.Flags, &a.Shards, &r.Before.Debits, &r.Before.Credits, &r.Day.Debits, &r.Day.Credits)
			return r, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("trial balance of %v: %w", day, err)
	}
	return trial, nil
}

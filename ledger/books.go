package ledger

import (
	"context"
	"errors"
	"fmt"

	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// INSERT … ON CONFLICT is used where UPDATE would do, because it takes no predicate locks.
const (
	addBalances = `INSERT INTO balances (account, shard, debits, credits, debits_held, credits_held)
		SELECT a, s, d, c, dh, ch FROM unnest($1::INT8[], $2::INT4[], $3::INT8[], $4::INT8[], $5::INT8[], $6::INT8[]) AS u (a, s, d, c, dh, ch)
		ON CONFLICT (account, shard) DO UPDATE SET debits = balances.debits + excluded.debits, credits = balances.credits + excluded.credits,
			debits_held = balances.debits_held + excluded.debits_held, credits_held = balances.credits_held + excluded.credits_held`

	addTurnovers = `INSERT INTO turnovers (account, shard, day, debits, credits)
		SELECT a, s, $5::INT4, d, c FROM unnest($1::INT8[], $2::INT4[], $3::INT8[], $4::INT8[]) AS u (a, s, d, c) WHERE d > 0 OR c > 0
		ON CONFLICT (account, shard, day) DO UPDATE SET debits = turnovers.debits + excluded.debits, credits = turnovers.credits + excluded.credits`

	addLink = `INSERT INTO batches (stream, sequence, from_position, next_position, day, shard, epoch, at, transfers, memos, root, note, head, samples)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
)

// writeBooks adds the batch's deltas to balances and turnovers, notes the new states of holds and
// the rows that are late, and appends the batch's link to the chain.
func writeBooks(ctx context.Context, tx pgx.Tx, chart *Chart, b *Batch, link *chain.Link, rows []newRow) error {
	deltas := fold(chart, rows)
	accounts, shards := make([]int64, len(deltas)), make([]int32, len(deltas))
	var sums [4][]int64
	for i, d := range deltas {
		accounts[i], shards[i] = int64(d.account.ID), int32(b.Shard%max(d.account.Shards, 1))
		for k, fen := range []Fen{d.Debits, d.Credits, d.DebitsHeld, d.CreditsHeld} {
			sums[k] = append(sums[k], int64(fen))
		}
	}
	note := link.Note
	if note == nil {
		note = []byte{}
	}
	batch := &pgx.Batch{}
	if len(deltas) > 0 {
		batch.Queue(addBalances, accounts, shards, sums[0], sums[1], sums[2], sums[3])
		batch.Queue(addTurnovers, accounts, shards, sums[0], sums[1], b.Day)
	}
	queueHolds(batch, rows)
	queueLate(batch, b.Day, rows)
	batch.Queue(addLink, link.Stream, link.Sequence, link.From, link.Next, link.Day, link.Shard, link.Epoch, link.At,
		link.Transfers, link.Memos, link.Root[:], note, link.Head[:], samples(rows))
	batch.Queue("UPDATE streams SET head = $2 WHERE stream = $1", b.Stream, link.Head[:])
	return tx.SendBatch(ctx, batch).Close()
}

// sampleEvery is about how many rows of a batch one sample represents.
const sampleEvery = 500

// SampledPosition returns the position of sample n, from 0, in a batch of so many rows; -1 is none.
// The subjects of these rows are kept as samples. A batch with rows has at least one.
func SampledPosition(n, rows int) int {
	count := max(1, rows/sampleEvery)
	if n >= min(count, rows) {
		return -1
	}
	return (2*n + 1) * rows / (2 * count)
}

func samples(rows []newRow) [][]byte {
	list := [][]byte{}
	for at := SampledPosition(0, len(rows)); at >= 0; at = SampledPosition(len(list), len(rows)) {
		list = append(list, []byte(rows[at].Subject))
	}
	return list
}

// Balance returns what an account's debits and credits add up to. The error is ErrNoAccount for an
// unknown code.
func (l *Ledger) Balance(ctx context.Context, code string) (Sums, error) {
	var sums Sums
	err := l.run(ctx, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `SELECT sum(b.debits)::INT8, sum(b.credits)::INT8, sum(b.debits_held)::INT8, sum(b.credits_held)::INT8
			FROM accounts a JOIN balances b ON b.account = a.account WHERE a.account = $1 AND a.code = $2 GROUP BY a.account`, IDOfCode(code), code).
			Scan(&sums.Debits, &sums.Credits, &sums.DebitsHeld, &sums.CreditsHeld)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNoAccount
	}
	if err != nil {
		return Sums{}, fmt.Errorf("balance of %q: %w", code, err)
	}
	return sums, nil
}

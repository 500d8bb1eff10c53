package verify

import (
	"context"

	"citycard/ledger"
	"citycard/ledger/export"

	"github.com/jackc/pgx/v5"
)

// readHeld adds up what the open holds of the database hold.
func (b *books) readHeld(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "SELECT debit, credit, "+export.Bounded("sum(amount)")+" FROM holds WHERE state = 'held' GROUP BY debit, credit")
	if err != nil {
		return err
	}
	var debit, credit ledger.AccountID
	var held ledger.Fen
	_, err = pgx.ForEachRow(rows, []any{&debit, &credit, &held}, func() error {
		add(at(b.sums.balances, debit), ledger.Sums{DebitsHeld: held})
		add(at(b.sums.balances, credit), ledger.Sums{CreditsHeld: held})
		return nil
	})
	return err
}

// checkShards compares, shard by shard, what the batches added to accounts of several shards; all
// shards together are compared elsewhere.
func (b *books) checkShards(ctx context.Context, tx pgx.Tx) error {
	balances, turnovers := make(map[shardKey]*ledger.Sums), make(map[shardKey]*ledger.Sums)
	for k, moved := range b.sums.moved {
		if account := b.accounts[k.account]; account == nil || account.Shards < 2 || k.shard == noShard {
			continue
		}
		turnovers[k] = moved
		add(at(balances, shardKey{account: k.account, shard: k.shard}), *moved)
	}
	err := b.compareShards(ctx, tx, balances, `SELECT b.account, b.shard, 0::INT4, b.debits, b.credits FROM balances b
		JOIN accounts a ON a.account = b.account WHERE a.shards > 1`)
	if err != nil {
		return err
	}
	err = b.compareShards(ctx, tx, turnovers, `SELECT t.account, t.shard, t.day, t.debits, t.credits FROM turnovers t
		LEFT JOIN accounts a ON a.account = t.account WHERE a.shards > 1 OR t.shard <> 0`)
	if err != nil {
		return err
	}
	for k, sums := range turnovers {
		b.shardFault(k, ledger.Sums{}, *sums)
	}
	return nil
}

// compareShards compares rows with what the batches made of them, and takes them off the list.
func (b *books) compareShards(ctx context.Context, tx pgx.Tx, want map[shardKey]*ledger.Sums, query string) error {
	rows, err := tx.Query(ctx, query)
	if err != nil {
		return err
	}
	var k shardKey
	var has ledger.Sums
	_, err = pgx.ForEachRow(rows, []any{&k.account, &k.shard, &k.day, &has.Debits, &has.Credits}, func() error {
		made := *at(want, k)
		delete(want, k)
		if has != made {
			b.shardFault(k, has, made)
		}
		return nil
	})
	return err
}

// shardFault names a shard that differs, unless its account's sums differ and were named.
func (b *books) shardFault(k shardKey, has, made ledger.Sums) {
	where := "account " + b.accountName(k.account)
	if k.day != 0 {
		where = dayOfAccount(b.accountName(k.account), k.day)
	}
	if !b.sums.named[where] {
		b.fault(ShardSum, where, "shard %d has debits %d, credits %d; its batches made %d and %d", k.shard, int64(has.Debits), int64(has.Credits),
			int64(made.Debits), int64(made.Credits))
	}
}

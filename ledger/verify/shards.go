package verify

import (
	"context"
	"fmt"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
)

// knownAccount is what the replay of the journal needs of an account.
type knownAccount struct {
	code   string
	shards int32
}

// shardKey is a row of turnovers of an account with several shards.
type shardKey struct {
	account ledger.AccountID
	day     ledger.Day
	shard   int32
}

// shardOf returns the sums of the shard that a row's batch added to. Where an account has one shard, or an export is read, they are of none.
func (r *replay) shardOf(row *ledger.Row, id ledger.AccountID, shards int32) *ledger.Sums {
	if shards < 2 || row.Moved() == 0 || r.books.tx == nil {
		return &r.books.unsharded
	}
	return sumsAt(r.books.shards, shardKey{id, row.BookingDay, r.link.Shard % shards})
}

// checkShards compares, shard by shard, what the batches added to accounts of several shards; all shards together are compared elsewhere.
func (b *books) checkShards(ctx context.Context) error {
	balances := make(map[shardKey]*ledger.Sums)
	for k, sums := range b.shards {
		all := sumsAt(balances, shardKey{account: k.account, shard: k.shard})
		all.Debits += sums.Debits
		all.Credits += sums.Credits
	}
	err := b.each(ctx, `SELECT b.account, b.shard, 0::INT4, b.debits, b.credits FROM balances b JOIN accounts a ON a.account = b.account
		WHERE a.shards > 1`, b.compareShard(balances))
	if err != nil {
		return err
	}
	err = b.each(ctx, `SELECT t.account, t.shard, t.day, t.debits, t.credits FROM turnovers t LEFT JOIN accounts a ON a.account = t.account
		WHERE a.shards > 1 OR t.shard <> 0`, b.compareShard(b.shards))
	if err != nil {
		return err
	}
	for k, sums := range b.shards {
		b.shardFault(k, ledger.Sums{}, *sums)
	}
	return nil
}

// compareShard compares a row with what the batches made of it, and takes it off the list.
func (b *books) compareShard(want map[shardKey]*ledger.Sums) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var k shardKey
		var has, made ledger.Sums
		if err := rows.Scan(&k.account, &k.shard, &k.day, &has.Debits, &has.Credits); err != nil {
			return err
		}
		if sums := want[k]; sums != nil {
			made = *sums
		}
		delete(want, k)
		if has != made {
			b.shardFault(k, has, made)
		}
		return nil
	}
}

// shardFault names a shard that differs, unless its account's sums differ and were named.
func (b *books) shardFault(k shardKey, has, made ledger.Sums) {
	where := "account " + b.accountName(k.account)
	if k.day != 0 {
		where += fmt.Sprintf(", day %v", k.day)
	}
	if !b.named[where] {
		b.fault(ShardSum, where, "shard %d has debits %d, credits %d; its batches made %d and %d", k.shard, int64(has.Debits), int64(has.Credits),
			int64(made.Debits), int64(made.Credits))
	}
}

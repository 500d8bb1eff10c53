package verify

import (
	"fmt"
	"math"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
)

// sums are what the rows, and what is held, make of accounts.
type sums struct {
	moved     map[shardKey]*ledger.Sums
	ended     bool // all rows have been seen
	balances  map[ledger.AccountID]*ledger.Sums
	turnovers map[turnoverKey]*ledger.Sums
	total     ledger.Sums // of the balances as they are
	// named are the accounts, and their days, whose fault was reported already; their other faults
	// follow from it and are not reported.
	named map[string]bool
}

type turnoverKey struct {
	account ledger.AccountID
	day     ledger.Day
}

// shardKey is a row of turnovers. An export has an account's shards in one.
type shardKey struct {
	account ledger.AccountID
	day     ledger.Day
	shard   int32
}

// noShard is of rows that are in no batch, which would tell their shard.
const noShard = -1

func newSums() sums {
	return sums{
		moved: make(map[shardKey]*ledger.Sums), balances: make(map[ledger.AccountID]*ledger.Sums), turnovers: make(map[turnoverKey]*ledger.Sums),
		named: make(map[string]bool),
	}
}

// add adds to sums.
func add(all *ledger.Sums, more ledger.Sums) {
	all.Debits, all.Credits = plus(all.Debits, more.Debits), plus(all.Credits, more.Credits)
	all.DebitsHeld, all.CreditsHeld = plus(all.DebitsHeld, more.DebitsHeld), plus(all.CreditsHeld, more.CreditsHeld)
}

// plus adds amounts. A sum beyond the last amount is the last, and none that could be right again.
func plus(a, b ledger.Fen) ledger.Fen {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}

// shardOf returns the sums of the shard that a row's batch added to.
func (r *replay) shardOf(row *ledger.Row, id ledger.AccountID, account *ledger.Account, placed bool) *ledger.Sums {
	k := shardKey{account: id, day: row.BookingDay}
	switch {
	case !placed:
		k.shard = noShard
	case account != nil && account.Shards > 1 && r.books.database:
		k.shard = r.link.Shard % int32(account.Shards)
	}
	return at(r.books.sums.moved, k)
}

// endJournal ends the journal, once, and adds up what its rows moved and what its holds still hold.
func (b *books) endJournal() {
	if b.sums.ended {
		return
	}
	b.sums.ended = true
	b.replay.finish()
	for k, moved := range b.sums.moved {
		for _, all := range []*ledger.Sums{at(b.sums.balances, k.account), at(b.sums.turnovers, turnoverKey{k.account, k.day})} {
			add(all, *moved)
		}
	}
	for _, h := range b.holds {
		if state, _ := h.state(); state == chain.HoldHeld {
			add(at(b.sums.balances, h.made.debit), ledger.Sums{DebitsHeld: h.made.amount})
			add(at(b.sums.balances, h.made.credit), ledger.Sums{CreditsHeld: h.made.amount})
		}
	}
}

// balance takes up an account's balance.
func (b *books) balance(line *export.Balance) {
	b.endJournal()
	has := ledger.Sums{Debits: line.Debits, Credits: line.Credits, DebitsHeld: line.DebitsHeld, CreditsHeld: line.CreditsHeld}
	add(&b.sums.total, has)
	b.checkBalance(line.Account, has)
	if b.accounts[line.Account] == nil {
		b.fault(ShardRows, "account "+b.accountName(line.Account), "it has balances, and there is no such account")
	} else if a := b.unseen[line.Account]; a != nil {
		b.limit(a, has)
		delete(b.unseen, line.Account)
	}
}

// checkBalance compares what the books say of an account with the rows, and takes it off the list.
func (b *books) checkBalance(id ledger.AccountID, has ledger.Sums) {
	want := *at(b.sums.balances, id)
	delete(b.sums.balances, id)
	where := "account " + b.accountName(id)
	if has.Debits != want.Debits || has.Credits != want.Credits {
		b.sums.named[where] = true
		b.fault(BalanceSum, where, "debits %d, credits %d; its transfers make %d and %d", int64(has.Debits), int64(has.Credits),
			int64(want.Debits), int64(want.Credits))
	}
	if has.DebitsHeld != want.DebitsHeld || has.CreditsHeld != want.CreditsHeld {
		b.fault(HeldSum, where, "debits %d, credits %d; its holds make %d and %d", int64(has.DebitsHeld), int64(has.CreditsHeld),
			int64(want.DebitsHeld), int64(want.CreditsHeld))
	}
}

// checkTurnover compares what the books say of an account's day with the rows, and takes it off the
// list.
func (b *books) checkTurnover(k turnoverKey, has ledger.Sums) {
	b.endJournal()
	want := *at(b.sums.turnovers, k)
	delete(b.sums.turnovers, k)
	if has != want {
		where := dayOfAccount(b.accountName(k.account), k.day)
		b.sums.named[where] = true
		b.fault(TurnoverSum, where, "debits %d, credits %d; its transfers make %d and %d", int64(has.Debits), int64(has.Credits),
			int64(want.Debits), int64(want.Credits))
	}
}

func dayOfAccount(name string, day ledger.Day) string {
	return fmt.Sprintf("account %s, day %v", name, day)
}

// endSums reports what the rows have and the other lines do not.
func (b *books) endSums() {
	for id := range b.sums.balances {
		b.checkBalance(id, ledger.Sums{})
	}
	for _, a := range b.unseen {
		b.fault(ShardRows, "account "+a.Code, "it has no balance")
		b.limit(a, ledger.Sums{})
	}
	for k := range b.sums.turnovers {
		b.checkTurnover(k, ledger.Sums{})
	}
	if total := b.sums.total; total.Debits != total.Credits {
		b.fault(Unbalanced, "all accounts", "debits are %d, credits %d", int64(total.Debits), int64(total.Credits))
	}
}

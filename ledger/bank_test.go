package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"

	"github.com/jackc/pgx/v5"
)

// TestBank has several streams move money between limited accounts, part of it through holds, while
// connections are cut around COMMIT, and reads all the while. Every read balances and no limit is
// exceeded; in the end each transfer stands exactly as its caller was told.
func TestBank(t *testing.T) {
	direct := ledgertest.New(t)
	p, through := newProxy(t, direct)
	b := openBooks(t, ledgertest.Connect(t, through, 10, ledger.WithRetries(400), ledger.WithBackoff(time.Millisecond, 20*time.Millisecond)))
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 300), transfer(2, "reserve", "personal:a", 300)})
	ctx := context.Background()
	const workers, batches = 4, 25
	var told sync.Map // what each transfer's caller was told: id -> amount
	var done atomic.Bool
	var group, readers sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(worker)))
			lease, err := b.Lease(ctx, fmt.Sprintf("bank/%d", worker), "bank", 0)
			for n := 0; err == nil && n < batches; n++ {
				batch := &ledger.Batch{Stream: lease.Stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Shard: worker}
				for i := range 5 {
					from, to := "fund", "personal:a"
					if random.IntN(2) == 0 {
						from, to = to, from
					}
					batch.Transfers = append(batch.Transfers, transfer(100_000*(worker+1)+10*n+i, from, to, ledger.Fen(1+random.IntN(200))))
				}
				// The first of each batch is held, and posted in part, voided or left by the next.
				batch.Transfers[0].Act = ledger.Hold
				if end := random.IntN(3); n > 0 && end > 0 {
					id := 100_000*(worker+1) + 10*(n-1)
					batch.Transfers = append(batch.Transfers, []ledger.Transfer{on(id, ledger.PostHold, 1), on(id, ledger.VoidHold, 0)}[end-1])
				}
				if random.IntN(3) == 0 {
					p.arm([]cut{unsent, answered}[random.IntN(2)])
				}
				var out *ledger.Outcome
				if out, err = b.Post(ctx, batch); err == nil {
					lease.Next = batch.Next
					for i, d := range out.Transfers {
						told.Store(rowID(&batch.Transfers[i]), d)
					}
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	readers.Go(func() { watch(t, direct, &done) })
	group.Wait()
	done.Store(true)
	readers.Wait()
	if p.count() == 0 {
		t.Error("no commit was cut: the test tested nothing")
	}
	p.arm(pass)
	stands := make(map[string]ledger.Fen)
	b.must(b.Scan(ctx, today, today, func(r ledger.Row) error { stands[string(r.ID)] = r.Amount; return nil }))
	told.Range(func(id, value any) bool {
		d, ok := value.(ledger.Decision)
		if amount, there := stands[fmt.Sprint(id)]; !ok || there != (d.Result != ledger.Refused) || amount != d.Amount {
			t.Errorf("transfer %x: its caller was told %v %d, the journal says %d", id, d.Result, d.Amount, amount)
		}
		return true
	})
	if sum := b.balance("fund") + b.balance("personal:a"); sum != 600 {
		t.Errorf("fund and personal:a hold %d together, expected 600", sum)
	}
	b.verify()
}

// rowID is the id under which a transfer stands in the journal.
func rowID(t *ledger.Transfer) string {
	if t.Act >= ledger.PostHold {
		return "\xfe" + string(t.ID)
	}
	return string(t.ID)
}

// watch reads all balances in one statement, again and again, until done: debits equal credits,
// what is held is what the open holds hold, and no limited account is overdrawn.
func watch(t *testing.T, url string, done *atomic.Bool) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for !done.Load() {
		var debits, credits, debitsHeld, creditsHeld, open, least int64
		err = conn.QueryRow(ctx, `SELECT sum(d)::INT8, sum(c)::INT8, sum(dh)::INT8, sum(ch)::INT8,
			(SELECT coalesce(sum(amount), 0) FROM holds WHERE state = 'held')::INT8, min(c - d - dh) FILTER (WHERE a = ANY($1))::INT8
			FROM (SELECT account, sum(debits)::INT8, sum(credits)::INT8, sum(debits_held)::INT8, sum(credits_held)::INT8 FROM balances GROUP BY account) AS s (a, d, c, dh, ch)`,
			[]int64{int64(ledger.IDOfCode("fund")), int64(ledger.IDOfCode("personal:a"))}).Scan(&debits, &credits, &debitsHeld, &creditsHeld, &open, &least)
		if err != nil || debits != credits || debitsHeld != creditsHeld || debitsHeld != open || least < 0 {
			t.Errorf("a read sees debits %d, credits %d, held %d and %d with %d in open holds, a limited account at %d: %v", debits, credits, debitsHeld,
				creditsHeld, open, least, err)
			return
		}
	}
}

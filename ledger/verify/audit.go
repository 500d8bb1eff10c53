package verify

import (
	"context"
	"fmt"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// auditChain follows the audit's entries as they come.
type auditChain struct {
	books  *books
	last   chain.AuditEntry
	hashes map[int64]chain.Hash
}

func (c *auditChain) add(e chain.AuditEntry) {
	where := fmt.Sprintf("audit entry %d", e.Number)
	if e.Number != c.last.Number+1 {
		c.books.fault(AuditChain, where, "the entry before it is %d, expected %d", c.last.Number, e.Number-1)
	} else if want := e.HashAfter(c.last.Hash); want != e.Hash {
		c.books.fault(AuditChain, where, "its hash is %x, its content and the hash before make %x", e.Hash, want)
	}
	c.hashes[e.Number], c.last = e.Hash, e
	switch e.Act {
	case chain.ActOpenAccounts, chain.ActMarkAccount, chain.ActChangeLimit:
		c.books.changeChart(&e)
	case chain.ActOpenDay, chain.ActCloseDay, chain.ActEndDay, chain.ActReopenDay:
		c.books.changeDay(&e)
	}
}

// end compares the last entry with what the books say it is.
func (c *auditChain) end(number int64, hash chain.Hash) {
	if number != c.last.Number || hash != c.last.Hash {
		c.books.fault(AuditChain, "end of the audit", "it is entry %d of hash %x; the last one there is %d of hash %x", number, hash, c.last.Number, c.last.Hash)
	}
}

// covers compares what a day's seal covers of the audit with the audit.
func (c *auditChain) covers(day ledger.Day, number int64, head chain.Hash) {
	if hash, ok := c.hashes[number]; !ok || hash != head {
		c.books.fault(AuditChain, fmt.Sprintf("day %v", day), "it was sealed when entry %d had the hash %x; that is not there", number, head)
	}
}

// checkAudit follows the audit's chain, and compares it with what the seals of days cover of it.
func (b *books) checkAudit(ctx context.Context) error {
	follow := &auditChain{books: b, hashes: make(map[int64]chain.Hash)}
	err := b.each(ctx, "SELECT number, at, act, what, first, second, reason, hash FROM audit ORDER BY number", func(rows pgx.Rows) error {
		var e chain.AuditEntry
		var at int64
		var hash []byte
		if err := rows.Scan(&e.Number, &at, &e.Act, &e.What, &e.First, &e.Second, &e.Reason, &hash); err != nil {
			return err
		}
		e.At = time.Unix(at, 0)
		copy(e.Hash[:], hash)
		follow.add(e)
		return nil
	})
	if err != nil {
		return err
	}
	var number int64
	var end []byte
	err = b.tx.QueryRow(ctx, "SELECT coalesce((SELECT number FROM audit_end), -1), (SELECT hash FROM audit_end)").Scan(&number, &end)
	if err != nil {
		return err
	}
	var last chain.Hash
	copy(last[:], end)
	follow.end(number, last)
	return b.each(ctx, "SELECT day, sequence, head FROM day_heads WHERE stream = ''", func(rows pgx.Rows) error {
		var day ledger.Day
		var number int64
		var head []byte
		if err := rows.Scan(&day, &number, &head); err != nil {
			return err
		}
		var hash chain.Hash
		copy(hash[:], head)
		follow.covers(day, number, hash)
		return nil
	})
}

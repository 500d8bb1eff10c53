package verify

import (
	"context"
	"fmt"
	"time"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
)

// checkAudit follows the audit's chain, and compares it with what the seals of days cover of it.
func (b *books) checkAudit(ctx context.Context) error {
	hashes := map[int64]ledger.Hash{}
	var last ledger.AuditEntry
	err := b.each(ctx, "SELECT number, at, act, what, first, second, reason, hash FROM audit ORDER BY number", func(rows pgx.Rows) error {
		var e ledger.AuditEntry
		var at int64
		var hash []byte
		if err := rows.Scan(&e.Number, &at, &e.Act, &e.What, &e.First, &e.Second, &e.Reason, &hash); err != nil {
			return err
		}
		e.At = time.Unix(at, 0)
		copy(e.Hash[:], hash)
		where := fmt.Sprintf("audit entry %d", e.Number)
		if e.Number != last.Number+1 {
			b.fault(AuditChain, where, "the entry before it is %d, expected %d", last.Number, e.Number-1)
		} else if want := e.HashAfter(last.Hash); want != e.Hash {
			b.fault(AuditChain, where, "its hash is %x, its content and the hash before make %x", e.Hash, want)
		}
		hashes[e.Number], last = e.Hash, e
		return nil
	})
	if err != nil {
		return err
	}
	return b.each(ctx, "SELECT day, sequence, head FROM day_heads WHERE stream = ''", func(rows pgx.Rows) error {
		var day ledger.Day
		var number int64
		var head []byte
		if err := rows.Scan(&day, &number, &head); err != nil {
			return err
		}
		if hash, ok := hashes[number]; !ok || string(hash[:]) != string(head) {
			b.fault(AuditChain, fmt.Sprintf("day %v", day), "it was sealed when entry %d had the hash %x; that is not there", number, head)
		}
		return nil
	})
}

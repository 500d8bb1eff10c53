package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5/pgxpool"
)

// findMissing lists the keys that must be looked up before the batch can be decided. These are
// suspected repeats, and all transfers whose answer may be other than "inserted": one that was
// posted before is a duplicate, whatever the state of its account is now. All keys of a chain are
// looked up. With only half of them known, it would look as if only that half had been posted.
// Where that still happens, the judge raises a doubt.
func (p *post) findMissing() {
	p.missing = p.missing[:0]
	b := p.batch
	for first := 0; first < len(b.Transfers); {
		last := first
		for last < len(b.Transfers)-1 && b.Transfers[last].Linked {
			last++
		}
		linked := b.Transfers[first : last+1]
		if p.lookAll || slices.ContainsFunc(linked, p.suspect) {
			for i := range linked {
				p.want(linked[i].key())
				p.want(linked[i].target())
			}
		}
		first = last + 1
	}
	for k := range p.doubts {
		if ownID(k.ID) {
			p.want(k)
		}
	}
	for i := range b.Memos {
		if k := b.Memos[i].key(); p.lookAll || b.Recent.holds(k) {
			p.want(k)
		}
	}
}

// wantStated adds the keys that the batch names before its transfers are known (Batch.Keys).
func (p *post) wantStated() {
	for _, k := range p.batch.Keys {
		p.want(k)
	}
}

func (p *post) suspect(t Transfer) bool {
	if t.Act.OnEarlier() {
		return true
	}
	k := t.key()
	if _, looked := p.known[k]; looked {
		return true
	}
	if _, doubted := p.doubts[k]; doubted {
		return true
	}
	return p.batch.Recent.holds(k) || p.delicate(&t)
}

func (p *post) want(k Key) {
	if _, looked := p.known[k]; !looked && valid(k) {
		p.missing = append(p.missing, k)
	}
}

// delicate reports whether the transfer's answer depends on more than its own content.
func (p *post) delicate(t *Transfer) bool {
	if t.Debit == t.Credit {
		return true
	}
	debit, ok := p.ledger.chart.ByID(t.Debit)
	if !ok || debit.Flags&(DebitsMustNotExceedCredits|Closed|Frozen) != 0 {
		return true
	}
	credit, ok := p.ledger.chart.ByID(t.Credit)
	return !ok || credit.Flags&(CreditsMustNotExceedDebits|Closed|Frozen) != 0
}

// lookUp reads the rows that stand under the missing keys. It runs outside the transaction, because
// a read of many rows inside a SERIALIZABLE transaction locks index pages against the inserts of
// other streams.
func (p *post) lookUp(ctx context.Context, conn *pgxpool.Conn) error {
	if len(p.missing) == 0 {
		return nil
	}
	days, subjects, ids := columnsOf(p.missing)
	rows, err := conn.Query(ctx, `SELECT j.effective_day, j.subject, j.id, coalesce(j.debit, 0), coalesce(j.credit, 0), j.amount, j.purpose,
		j.kind, coalesce(j.reason, ''), j.evidence, j.flags, coalesce(j.expires, 0)
		FROM unnest($1::INT4[], $2::BYTEA[], $3::BYTEA[]) AS k (day, subject, id)
		JOIN journal j ON j.effective_day = k.Day AND j.subject = k.Subject AND j.id = k.ID`, days, subjects, ids)
	if err != nil {
		return fmt.Errorf("look up keys: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		row := &Row{}
		var purpose int32
		var flags int16
		var expires int64
		var kind []byte
		if err = rows.Scan(&row.Day, &row.Subject, &row.ID, &row.Debit, &row.Credit, &row.Amount, &purpose, &kind, &row.Reason,
			&row.Evidence, &flags, &expires); err != nil {
			return fmt.Errorf("look up keys: %w", err)
		}
		row.SetStored(purpose, flags, expires)
		row.Kind = string(chain.StoredKind(kind))
		p.known[row.Key()] = row
	}
	if err = rows.Err(); err != nil {
		return fmt.Errorf("look up keys: %w", err)
	}
	for _, k := range p.missing {
		if _, found := p.known[k]; !found {
			p.known[k] = nil
		}
	}
	p.missing = p.missing[:0]
	return nil
}

// sameTransfer reports whether the row that stands under the transfer's key is that transfer.
func (j *judge) sameTransfer(row *Row, t *Transfer) bool {
	if row.IsMemo() || row.Amount != t.Amount || row.Act != t.Act || row.ExpiresUnix() != t.expires() {
		return false
	}
	if len(row.Evidence) > 0 || len(t.Evidence) > 0 {
		return j.sameEvidence(row.Evidence, t.Evidence)
	}
	return row.Debit == t.Debit && row.Credit == t.Credit && row.Purpose == t.Purpose
}

// sameMemo reports whether the row that stands under the memo's key is that memo.
func (j *judge) sameMemo(row *Row, m *Memo) bool {
	if !row.IsMemo() {
		return false
	}
	if len(row.Evidence) > 0 || len(m.Evidence) > 0 {
		return j.sameEvidence(row.Evidence, m.Evidence)
	}
	return row.Kind == m.Kind && row.Reason == m.Reason
}

// sameEvidence reports whether two evidences say the same, as far as the batch's caller knows.
func (j *judge) sameEvidence(standing, now []byte) bool {
	return bytes.Equal(standing, now) || j.batch.Same != nil && len(standing) > 0 && len(now) > 0 && j.batch.Same(standing, now)
}

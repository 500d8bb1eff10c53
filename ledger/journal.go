package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5/pgconn"
)

// This is the older syntax for BINARY: both databases know it in all versions.
const copyJournal = `COPY journal (effective_day, subject, id, debit, credit, amount, purpose, flags, kind, reason, evidence, booking_day,
	stream, sequence, position, hash, expires) FROM STDIN BINARY`

const journalColumns = 17

// copyRows sends the rows by COPY in PostgreSQL's binary format, encoded here because the general
// encoder, one value at a time, costs more than the hashing.
func (l *Ledger) copyRows(ctx context.Context, conn *pgconn.PgConn, rows []newRow) error {
	buffers := &l.buffers
	if len(rows) == 0 {
		return nil
	}
	pooled, _ := buffers.copies.Get().(*[]byte)
	if pooled == nil {
		pooled = new([]byte)
	}
	defer buffers.copies.Put(pooled)
	b := append((*pooled)[:0], "PGCOPY\n\xff\r\n\x00"...)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	for i := range rows {
		b = appendCopyRow(b, &rows[i].Row)
	}
	b = binary.BigEndian.AppendUint16(b, 0xFFFF)
	*pooled = b
	ctx, end := l.answers.bound(ctx, conn)
	tag, err := conn.CopyFrom(ctx, bytes.NewReader(b), copyJournal)
	end(err)
	if err != nil {
		return err
	}
	if tag.RowsAffected() != int64(len(rows)) {
		return fmt.Errorf("journal took %d rows of %d", tag.RowsAffected(), len(rows))
	}
	return nil
}

func appendCopyRow(b []byte, r *Row) []byte {
	b = binary.BigEndian.AppendUint16(b, journalColumns)
	b = appendInt4(b, int32(r.Day))
	b = chain.AppendSized(b, r.Subject)
	b = chain.AppendSized(b, r.ID)
	if r.IsMemo() {
		b = appendNull(appendNull(b))
	} else {
		b = appendInt8(appendInt8(b, int64(r.Debit)), int64(r.Credit))
	}
	b = appendInt8(b, int64(r.Amount))
	b = appendInt4(b, int32(r.Purpose))
	b = binary.BigEndian.AppendUint32(b, 2)
	b = append(b, 0, r.Flags())
	b = appendOptional(b, r.Kind)
	b = appendOptional(b, r.Reason)
	b = appendOptional(b, r.Evidence)
	b = appendInt4(b, int32(r.BookingDay))
	b = appendInt8(b, int64(r.Stream))
	b = appendInt8(b, r.Sequence)
	b = appendInt4(b, r.Position)
	b = chain.AppendSized(b, r.Hash[:])
	if r.Expires.IsZero() {
		return appendNull(b)
	}
	return appendInt8(b, r.ExpiresUnix())
}

func appendInt4(b []byte, n int32) []byte {
	b = binary.BigEndian.AppendUint32(b, 4)
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

func appendInt8(b []byte, n int64) []byte {
	b = binary.BigEndian.AppendUint32(b, 8)
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

func appendNull(b []byte) []byte { return binary.BigEndian.AppendUint32(b, 0xFFFFFFFF) }

// appendOptional writes an empty field as NULL.
func appendOptional[T ~string | ~[]byte](b []byte, field T) []byte {
	if len(field) == 0 {
		return appendNull(b)
	}
	return chain.AppendSized(b, field)
}

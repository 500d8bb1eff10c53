package ledgertest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// CreateBare makes the table of the baseline measurement: the journal's columns and key, and
// nothing else.
func CreateBare(ctx context.Context, pool *pgxpool.Pool) error {
	_, err := pool.Exec(ctx, `CREATE TABLE bare (effective_day INT4, subject BYTEA, id BYTEA, debit INT8, credit INT8, amount INT8, purpose INT4, flags INT2,
		evidence BYTEA, booking_day INT4, stream INT8, sequence INT8, position INT4, hash BYTEA, PRIMARY KEY (effective_day, subject, id))`)
	return err
}

// CopyBare sends a batch as COPY's binary format, encoded by hand: the measurement should not
// include the time of a slower encoder. Evidence has 32 bytes at least.
func CopyBare(ctx context.Context, conn *pgx.Conn, day ledger.Day, worker, number int, transfers []ledger.Transfer) error {
	b := make([]byte, 0, 400*len(transfers))
	b = append(b, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	sized := func(data []byte) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(data))), data...) }
	long := func(n int64) { b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(n)) }
	short := func(n int32) { b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 4), uint32(n)) }
	for i := range transfers {
		t := &transfers[i]
		b = binary.BigEndian.AppendUint16(b, 14)
		short(int32(t.Day))
		sized([]byte(t.Subject))
		sized([]byte(t.ID))
		long(int64(t.Debit))
		long(int64(t.Credit))
		long(int64(t.Amount))
		short(int32(t.Purpose))
		sized([]byte{0, 0})
		sized(t.Evidence)
		short(int32(day))
		long(int64(worker))
		long(int64(number))
		short(int32(i))
		sized(t.Evidence[:32])
	}
	b = append(b, 0xFF, 0xFF)
	tag, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(b), `COPY bare (effective_day, subject, id, debit, credit, amount, purpose, flags, evidence,
		booking_day, stream, sequence, position, hash) FROM STDIN BINARY`)
	if err == nil && tag.RowsAffected() != int64(len(transfers)) {
		err = fmt.Errorf("%d rows of %d were copied", tag.RowsAffected(), len(transfers))
	}
	return err
}

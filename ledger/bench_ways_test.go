package ledger_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const benchPersons = 1000 // of one worker: a person's records stay in one partition

// benchChart has one operator that takes most, limited (what is paid out to it must have been
// earned), and persons with limited accounts.
func benchChart() []ledger.Account {
	guarded := ledger.DebitsMustNotExceedCredits
	accounts := []ledger.Account{
		{Code: "float", Kind: ledger.Liability, Shards: 8},
		{Code: "operator:metro", Kind: ledger.Liability, Flags: guarded, Shards: 8},
		{Code: "operator:bus", Kind: ledger.Liability, Flags: guarded, Shards: 8},
		{Code: "hospital", Kind: ledger.Liability, Shards: 8},
	}
	for worker := range 8 {
		for person := range benchPersons {
			accounts = append(accounts, ledger.Account{Code: benchPerson(worker, person), Kind: ledger.Liability, Flags: guarded, Cap: ledger.MaxAmount})
		}
	}
	return accounts
}

func benchPerson(worker, person int) string { return fmt.Sprintf("personal:%d/%d", worker, person) }

// benchTransfers makes a batch's distinct wide transfers: random cards, 180 bytes of evidence.
func benchTransfers(worker, number int) []ledger.Transfer {
	float, hospital := ledger.IDOfCode("float"), ledger.IDOfCode("hospital")
	metro, bus := ledger.IDOfCode("operator:metro"), ledger.IDOfCode("operator:bus")
	transfers := make([]ledger.Transfer, benchBatch, benchBatch+benchBatch/50)
	for i := range transfers {
		n := uint64(number)<<16 | uint64(i)
		seed := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
		evidence := make([]byte, 0, 192)
		for len(evidence) < 180 {
			evidence = append(evidence, seed[:]...)
		}
		t := ledger.Transfer{
			Day: today, Subject: ledger.Subject(seed[:10]), ID: ledger.ID(seed[10:22]), Debit: float, Credit: metro, Amount: ledger.Fen(100 + i%400),
			Purpose: 1, Evidence: evidence[:180],
		}
		switch {
		case i%50 == 7:
			t.Debit, t.Credit = ledger.IDOfCode(benchPerson(worker, int(binary.BigEndian.Uint16(seed[22:]))%benchPersons)), hospital
		case i%12 == 0:
			t.Credit = bus
		}
		transfers[i] = t
	}
	return transfers
}

// singles has 8 clients post one transfer a transaction, as one would write it without thinking of
// load: lock both accounts, insert, update both. It returns transfers a second.
func (m *bench) singles(b *testing.B) float64 {
	b.Helper()
	rows := m.prepare(8, 8)
	deadline := time.Now().Add(benchSingles)
	return m.turn(b, rows, func(_ int, batches [][]ledger.Transfer) (int, error) {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, m.url)
		if err != nil {
			return 0, err
		}
		done := 0
		for _, t := range batches[0] {
			if time.Now().After(deadline) {
				break
			}
			err = single(ctx, conn, &t)
			var pg *pgconn.PgError
			for errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01") {
				err = single(ctx, conn, &t)
			}
			if err != nil {
				return done, err
			}
			done++
		}
		return done, conn.Close(ctx)
	})
}

func single(ctx context.Context, conn *pgx.Conn, t *ledger.Transfer) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT account, credits - debits FROM simple_accounts WHERE account = ANY($1) ORDER BY account FOR UPDATE",
			[]int64{int64(t.Debit), int64(t.Credit)})
		if err != nil {
			return err
		}
		if _, err = pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Account, Balance int64 }]); err != nil {
			return err
		}
		for _, s := range []struct {
			sql  string
			args []any
		}{
			{"INSERT INTO simple_transfers VALUES ($1, $2, $3, $4, $5, $6)", []any{[]byte(t.Subject), []byte(t.ID), t.Debit, t.Credit, t.Amount, t.Evidence}},
			{"UPDATE simple_accounts SET debits = debits + $2 WHERE account = $1", []any{t.Debit, t.Amount}},
			{"UPDATE simple_accounts SET credits = credits + $2 WHERE account = $1", []any{t.Credit, t.Amount}},
		} {
			if _, err = tx.Exec(ctx, s.sql, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// callers has 64 callers post one transfer a call through one gatherer.
func (m *bench) callers(b *testing.B) {
	b.Helper()
	g, err := m.ledger.NewGatherer(context.Background(), "desk", "bench", 7, time.Millisecond)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	rows := m.prepare(64, 64)
	var mu sync.Mutex
	var waits []time.Duration
	var failed atomic.Bool
	deadline := time.Now().Add(benchSingles)
	rate := m.turn(b, rows, func(_ int, batches [][]ledger.Transfer) (int, error) {
		var own []time.Duration
		for i := range batches[0] {
			start := time.Now()
			if start.After(deadline) || failed.Load() {
				break
			}
			if _, err := g.Post(context.Background(), batches[0][i:i+1]); err != nil {
				failed.Store(true)
				return len(own), err
			}
			own = append(own, time.Since(start))
		}
		mu.Lock()
		defer mu.Unlock()
		waits = append(waits, own...)
		return len(own), nil
	})
	slices.Sort(waits)
	b.ReportMetric(rate, "ledger.single_call_64_per_second")
	if len(waits) > 0 {
		b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "ledger.single_call_64_p50_ms")
		b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "ledger.single_call_64_p99_ms")
	}
}

package medical

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/ledger"
)

// stored is an accepted claim: of an earlier batch with its answer, or of this
// one with its place.
type stored struct {
	claim   []byte
	result  []byte
	request int
}

// readAnswered finds the claims of the batch that were accepted before.
func (b *Batch) readAnswered(ctx context.Context, tx pgx.Tx) (map[settlementKey]stored, error) {
	var hospitals, settlements []string
	for r := range b.usable() {
		hospitals, settlements = append(hospitals, r.claim.GetHospital()), append(settlements, r.number)
	}
	answered := map[settlementKey]stored{}
	rows, err := tx.Query(ctx, `
		SELECT m.hospital, m.settlement, m.claim, m.result
		FROM unnest($1::TEXT[], $2::TEXT[]) AS u (hospital, settlement)
		JOIN medical_settlements AS m ON m.hospital = u.hospital AND m.settlement = u.settlement`, hospitals, settlements)
	if err != nil {
		return nil, fmt.Errorf("read answered claims: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key settlementKey
		s := stored{request: -1}
		if err := rows.Scan(&key.hospital, &key.settlement, &s.claim, &s.result); err != nil {
			return nil, fmt.Errorf("read answered claims: %w", err)
		}
		answered[key] = s
	}
	return answered, rows.Err()
}

// acceptedClaims are the accepted claims of a batch with their answers, column by column, and
// the mark of each.
type acceptedClaims struct {
	hospitals, settlements   []string
	persons, claims, results [][]byte
	positions                []int32
	marks                    []docket.Mark
}

func (a *acceptedClaims) add(r *request, result []byte) {
	hospital := r.claim.GetHospital()
	a.hospitals, a.settlements = append(a.hospitals, hospital), append(a.settlements, r.number)
	a.persons, a.claims, a.results = append(a.persons, r.token[:]), append(a.claims, r.record.Value), append(a.results, result)
	a.positions = append(a.positions, int32(len(a.marks)))
	a.marks = append(a.marks, docket.MarkOf([]byte(hospital), []byte(r.number), r.token[:], r.record.Value, result))
}

func (a *acceptedClaims) store(ctx context.Context, tx pgx.Tx, in docket.Place, day ledger.Day) error {
	if len(a.marks) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO medical_settlements (hospital, settlement, person, claim, result, stream, sequence, day, position)
		SELECT h, s, p, c, r, $1, $2, $3, n FROM unnest($4::TEXT[], $5::TEXT[], $6::BYTEA[], $7::BYTEA[], $8::BYTEA[], $9::INT4[]) AS u (h, s, p, c, r, n)`,
		in.Stream, in.Sequence, day, a.hospitals, a.settlements, a.persons, a.claims, a.results, a.positions)
	if err != nil {
		return fmt.Errorf("store answered claims: %w", err)
	}
	return nil
}

// readYears reads and locks what the batch's persons have used.
func (b *Batch) readYears(ctx context.Context, tx pgx.Tx) (map[yearKey]YearSoFar, error) {
	var persons [][]byte
	for r := range b.usable() {
		persons = append(persons, r.token[:])
	}
	rows, err := tx.Query(ctx, `
		SELECT person, year, kind, settlements, deductible_fen, fund_fen FROM medical_years
		WHERE person = ANY($1::BYTEA[]) ORDER BY person, year, kind FOR UPDATE`, persons)
	if err != nil {
		return nil, fmt.Errorf("read medical years: %w", err)
	}
	defer rows.Close()
	years := map[yearKey]YearSoFar{}
	for rows.Next() {
		var person []byte
		var kind string
		var key yearKey
		var used Used
		if err := rows.Scan(&person, &key.year, &kind, &used.Settlements, &used.DeductibleFen, &used.FundFen); err != nil {
			return nil, fmt.Errorf("read medical years: %w", err)
		}
		copy(key.token[:], person)
		so := years[key]
		so.Year = key.year
		if Kind(kind) == Inpatient {
			so.Inpatient = used
		} else {
			so.Outpatient = used
		}
		years[key] = so
	}
	return years, rows.Err()
}

// storeYears writes tallies.
func storeYears(ctx context.Context, tx pgx.Tx, years map[yearKey]YearSoFar) error {
	if len(years) == 0 {
		return nil
	}
	var persons [][]byte
	var numbers, settlements, deductibles, funds []int64
	var kinds []string
	add := func(key yearKey, kind Kind, used Used) {
		persons, numbers, kinds = append(persons, key.token[:]), append(numbers, int64(key.year)), append(kinds, string(kind))
		settlements = append(settlements, int64(used.Settlements))
		deductibles, funds = append(deductibles, used.DeductibleFen), append(funds, used.FundFen)
	}
	for key, so := range years {
		add(key, Inpatient, so.Inpatient)
		add(key, Outpatient, so.Outpatient)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO medical_years (person, year, kind, settlements, deductible_fen, fund_fen)
		SELECT * FROM unnest($1::BYTEA[], $2::INT8[], $3::TEXT[], $4::INT8[], $5::INT8[], $6::INT8[])
		ON CONFLICT (person, year, kind) DO UPDATE SET settlements = excluded.settlements,
			deductible_fen = excluded.deductible_fen, fund_fen = excluded.fund_fen`,
		persons, numbers, kinds, settlements, deductibles, funds)
	if err != nil {
		return fmt.Errorf("store medical years: %w", err)
	}
	return nil
}

// readHoldings reads and locks what the personal accounts hold.
func (b *Batch) readHoldings(ctx context.Context, tx pgx.Tx) (map[ledger.AccountID]ledger.Fen, error) {
	var accounts []ledger.AccountID
	for r := range b.usable() {
		if _, known := b.edition.Person(r.token); known {
			accounts = append(accounts, ledger.IDOfCode(chart.Personal(r.token)))
		}
	}
	return b.judge.Holdings(ctx, tx, accounts)
}

package counters

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
)

// ActPass is the audit's act that keeps the result of a round. The seals of days cover it.
const ActPass = "pass over cards"

// Outcome is the audit's record of a completed round: its row in the table passes, and hashes over
// its results, in hexadecimal.
type Outcome struct {
	Day         ledger.Day `json:"day"`
	Round       int        `json:"round"`
	Reopened    int        `json:"reopened"`
	BeforeDay   ledger.Day `json:"before_day"`
	BeforeRound int        `json:"before_round"`
	Rows        int64      `json:"rows"`
	Cards       int64      `json:"cards"`
	SAMs        int64      `json:"sams"`

	Parts    string `json:"parts"`         // of all parts, with the hash over the histories of each
	Modules  string `json:"sam_histories"` // of the histories of SAMs
	Findings string `json:"findings"`
}

// digest is a SHA-256 over numbers of 8 bytes and over bytes after their length.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

func (d digest) numbers(list ...int64) {
	for _, n := range list {
		// A hash takes whatever it is given.
		_, _ = d.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
}

func (d digest) bytes(b []byte) {
	d.numbers(int64(len(b)))
	_, _ = d.Write(b)
}

func (d digest) text() string { return hex.EncodeToString(d.Sum(nil)) }

// digestOf is the hash over rows of histories.
func digestOf(kind int, rows []packed) []byte {
	d := newDigest()
	for i := range rows {
		d.history(kind, &rows[i])
	}
	return d.Sum(nil)
}

func (d digest) history(kind int, row *packed) {
	d.numbers(int64(kind), row.items)
	d.bytes(row.after)
	d.bytes(row.last)
	d.bytes(row.bytes)
}

// audit writes into the audit what the round came to, in the transaction that ends it.
func (p *pass) audit(ctx context.Context, tx pgx.Tx, modules []byte) error {
	o := Outcome{Day: p.day, Round: p.round, Modules: hex.EncodeToString(modules)}
	err := tx.QueryRow(ctx, "SELECT reopened, before_day, before_round, rows_read, cards, sams FROM passes WHERE day = $1 AND round = $2", p.day, p.round).
		Scan(&o.Reopened, &o.BeforeDay, &o.BeforeRound, &o.Rows, &o.Cards, &o.SAMs)
	if err != nil {
		return err
	}
	if o.Parts, err = PartsOf(ctx, tx, p.day, p.round); err != nil {
		return err
	}
	if o.Findings, err = FindingsOf(ctx, tx, p.day, p.round); err != nil {
		return err
	}
	what, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("record the pass: %w", err)
	}
	return ledger.Record(ctx, tx, ActPass, string(what), ledger.Approval{})
}

// PartsOf computes the hash over the parts of a round.
func PartsOf(ctx context.Context, tx pgx.Tx, day ledger.Day, round int) (string, error) {
	rows, err := tx.Query(ctx, `SELECT c.number, c.last, s.rows_read, s.cards, s.histories FROM history_cuts c
		LEFT JOIN history_parts s ON s.day = c.day AND s.round = c.round AND s.number = c.number
		WHERE c.day = $1 AND c.round = $2 ORDER BY c.number`, day, round)
	if err != nil {
		return "", fmt.Errorf("read the parts: %w", err)
	}
	d := newDigest()
	var number int64
	var read, cards *int64
	var last, histories []byte
	if _, err = pgx.ForEachRow(rows, []any{&number, &last, &read, &cards, &histories}, func() error {
		d.numbers(number)
		if read != nil && cards != nil {
			d.numbers(*read, *cards)
		}
		d.bytes(last)
		d.bytes(histories)
		return nil
	}); err != nil {
		return "", fmt.Errorf("read the parts: %w", err)
	}
	return d.text(), nil
}

// FindingsOf computes the hash over the findings of a round.
func FindingsOf(ctx context.Context, tx pgx.Tx, day ledger.Day, round int) (string, error) {
	rows, err := tx.Query(ctx, "SELECT kind, subject, first, last, fen FROM findings WHERE day = $1 AND round = $2 ORDER BY kind, subject, first", day, round)
	if err != nil {
		return "", fmt.Errorf("read the findings: %w", err)
	}
	d := newDigest()
	var kind, first, last, fen int64
	var subject []byte
	if _, err = pgx.ForEachRow(rows, []any{&kind, &subject, &first, &last, &fen}, func() error {
		d.numbers(kind, first, last, fen)
		d.bytes(subject)
		return nil
	}); err != nil {
		return "", fmt.Errorf("read the findings: %w", err)
	}
	return d.text(), nil
}

// HistoriesOf computes the hashes over the histories of a round: one for the cards of each part, by
// its number, and one for the SAMs. Histories outside every part belong to part 0.
func HistoriesOf(ctx context.Context, tx pgx.Tx, day ledger.Day, round int) (parts map[int][]byte, modules string, err error) {
	rows, err := tx.Query(ctx, `SELECT h.kind, h.last, h.after, h.items, h.packed, coalesce((SELECT min(c.number) FROM history_cuts c
			WHERE c.day = h.day AND c.round = h.round AND c.last >= h.last), 0) AS part
		FROM histories h WHERE h.day = $1 AND h.round = $2 ORDER BY h.kind, h.last`, day, round)
	if err != nil {
		return nil, "", fmt.Errorf("read the histories: %w", err)
	}
	digests, sams := map[int]digest{}, newDigest()
	var kind, part int
	var row packed
	if _, err = pgx.ForEachRow(rows, []any{&kind, &row.last, &row.after, &row.items, &row.bytes, &part}, func() error {
		if kind == kindSAMs {
			sams.history(kind, &row)
			return nil
		}
		if digests[part].Hash == nil {
			digests[part] = newDigest()
		}
		digests[part].history(kind, &row)
		return nil
	}); err != nil {
		return nil, "", fmt.Errorf("read the histories: %w", err)
	}
	parts = map[int][]byte{}
	for number, d := range digests {
		parts[number] = d.Sum(nil)
	}
	return parts, sams.text(), nil
}

// NoHistories is the hash over the histories of a part that has none.
func NoHistories() []byte { return digestOf(kindCards, nil) }

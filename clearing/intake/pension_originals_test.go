package intake_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/encoding/protowire"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// foreign makes the same message in bytes that nothing here would write: a field of a later version
// behind the others.
func foreign(m sent) sent {
	m.value = protowire.AppendTag(bytes.Clone(m.value), 900, protowire.BytesType)
	m.value = protowire.AppendString(m.value, "a field of the office's own")
	return m
}

// wantOriginals looks, past the intake, for what is kept of lists and of the bank's answers.
func (h *house) wantOriginals(want ...sent) {
	h.Helper()
	rows, err := h.ledger.Pool().Query(h.Context(), "SELECT topic, hash, value FROM pension_originals ORDER BY stream, sequence, position")
	h.must(err)
	type row struct {
		Topic       string
		Hash, Value []byte
	}
	kept, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	h.must(err)
	for _, m := range want {
		hash := sha256.Sum256(m.value)
		at := slices.IndexFunc(kept, func(r row) bool {
			return r.Topic == m.topic && bytes.Equal(r.Hash, hash[:]) && bytes.Equal(r.Value, m.value)
		})
		if at < 0 {
			h.Errorf("not kept as it came: %x of %s", m.value, m.topic)
			continue
		}
		kept = slices.Delete(kept, at, at+1)
	}
	for _, r := range kept {
		h.Errorf("kept besides: %x of %s", r.Value, r.Topic)
	}
}

// TestPensionOriginals sends lists and the bank's answers: of each that is judged line by line the
// bytes are kept, once, while a list that is refused whole is a reject. An answer without a line
// says that all was paid; it is not kept, however often it comes.
func TestPensionOriginals(t *testing.T) {
	h := newHouse(t)
	paid, refused, whole := foreign(payday("b1", 1, 300_000)), payday("b2", 2, 300_000), list("next year", "202701", "20260105")
	h.send(paid, refused, whole, paid)
	h.clear()
	h.wantRejects(map[string]int{"not_returned": 1, "implausible_month": 1})
	h.wantOriginals(paid, refused)

	back := foreign(returned(1, 300_000))
	none := sent{message.TopicPensionResults, 1, clearingtest.Encode(&message.PensionResult{Batch: "b", Month: "202601"})}
	h.send(paid, refused, back, none)
	h.clear()
	h.send(paid, back, none)
	h.clear()
	h.wantOriginals(paid, refused, back)

	// The same bytes bring something new once they may: they are kept with that batch too.
	h.send(refused)
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionPayout: 300_000, chart.PensionReturned: 0})
	h.wantOriginals(paid, refused, refused, back)
	h.verify()
}

// TestPensionOriginalFaults has the line to the database break around a list: at its bytes and at
// the commit, which the database hears of, or not. Then the list is paid once and kept once.
func TestPensionOriginalFaults(t *testing.T) {
	for _, test := range []struct {
		name, statement string
		answered        bool
		stored          int // lists when the line has broken
	}{
		{"bytes, not stored", "INSERT INTO pension_originals", false, 0},
		{"bytes stored, not committed", "INSERT INTO pension_originals", true, 0},
		{"commit, not stored", "commit", false, 0},
		{"commit, stored", "commit", true, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			l, through := newLine(t, h.url, "", test.answered)
			far := *h
			far.ledger = ledgertest.Connect(t, through, 8)
			in := far.intake("test")
			ended, stop := h.run(in)
			h.awaitReady(in, ended, "")
			l.arm(test.statement, test.answered)
			m := foreign(payday("b1", 1, 300_000))
			h.send(m)
			<-l.broken
			h.wantOriginals(slices.Repeat([]sent{m}, test.stored)...)
			h.wantBalances(map[string]ledger.Fen{chart.PensionPayout: ledger.Fen(test.stored) * 300_000})
			l.mend()
			h.cleared()
			h.awaitReady(in, ended, "")
			stop()
			h.wantOriginals(m)
			h.wantBalances(map[string]ledger.Fen{chart.PensionPayout: 300_000})
			h.verify()
		})
	}
}

package check_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/cmd/check"
	"citycard/ledger"
	"citycard/ledger/export"
	"citycard/ledger/ledgertest"
	"citycard/simulators/truth"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

const today ledger.Day = 20261124

func card() string {
	return truth.CardOf([8]byte{1, 1, 0x49, 0x10}, [10]byte{3, 0x10, 0x50, 0x70, 0x28, 0, 0, 0, 0, 1})
}
func terminal() []byte { return []byte{0x49, 0x10, 2, 0x90, 0, 1} }

// sent is a small day: an opening balance (which is not a record), a ride, an entry of 0 fen, a
// second version of the ride, the ride again, a forged ride, a reject that is longer than a memo,
// and a ride without a TAC.
func sent() []truth.Record {
	book := truth.NewBook()
	entry := func(sequence uint32, value string, fen int64, f truth.Facts) truth.Record {
		return book.Enter(truth.Entry{
			Topic: "taps", Value: []byte(value), Key: truth.SpendKey(int(today), card(), 9, terminal(), sequence),
			Purpose: truth.Bus, Fen: fen, Payee: "operator:a", Facts: f,
		})
	}
	without := book.Enter(truth.Entry{
		Topic: "taps.unconfirmed", Value: []byte("without a TAC"), Key: truth.UnconfirmedKey(int(today), card(), 9, terminal(), 9),
		Purpose: truth.Bus, Fen: 160, Facts: truth.Facts{Unconfirmed: true},
	})
	return []truth.Record{
		entry(1, "ride", 160, truth.Facts{}), entry(2, "entry", 0, truth.Facts{}), entry(1, "ride, altered", 160, truth.Facts{}),
		entry(1, "ride", 160, truth.Facts{}), entry(3, "forged", 160, truth.Facts{Forged: true}), entry(4, long(), 160, truth.Facts{Broken: true}), without,
	}
}

func long() string { return strings.Repeat("long", ledger.MaxEvidence/3) }

// keep posts that day as clearing does.
func keep(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	err := l.OpenAccounts(t.Context(), []ledger.Account{
		{Code: chart.Float, Kind: ledger.Liability}, {Code: "operator:a", Kind: ledger.Liability}, {Code: chart.Reserve, Kind: ledger.Asset},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.OpenDay(t.Context(), today); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Lease(t.Context(), "taps/0", "test", today)
	if err != nil {
		t.Fatal(err)
	}
	subject := ledger.Subject([]byte{1, 1, 0x49, 0x10, 0x50, 0x70, 0x28, 0, 0, 0, 0, 1})
	ride := func(value string) ledger.Transfer {
		return ledger.Transfer{
			Day: today, Subject: subject, ID: identity.Spend(9, terminal(), 1), Debit: ledger.IDOfCode(chart.Float),
			Credit: ledger.IDOfCode("operator:a"), Amount: 160, Purpose: chart.PurposeBus, Evidence: []byte(value),
		}
	}
	opening := ledger.Transfer{
		Day: 20200101, Subject: subject, ID: identity.Opening("purse"), Debit: ledger.IDOfCode(chart.Reserve), Credit: ledger.IDOfCode(chart.Float), Amount: 5_000, Purpose: chart.PurposeLoad,
	}
	d := docket.New(docket.Source{Stream: "taps/0", Day: today}, 2)
	d.Keep("", truth.Bus, today, subject, identity.Spend(9, terminal(), 2), []byte("entry"))
	d.Reject("bad_tac", "tap", 5, []byte("forged"))
	d.Reject("undecodable", "tap", 6, []byte(long()))
	d.KeepUnconfirmed(truth.Bus, 160, ledger.Key{Day: today, Subject: subject, ID: identity.Unconfirmed(identity.Spend(9, terminal(), 9))}, []byte("without a TAC"))
	note, err := json.Marshal(docket.Note{Tally: []docket.Line{
		{Verdict: "cleared", Count: 2},
		{Verdict: "duplicate", Count: 3},
		{Verdict: "disputed", Count: 1},
		{Verdict: "rejected", Reason: "bad_tac", Count: 1},
		{Verdict: "rejected", Reason: "undecodable", Count: 1},
		{Verdict: "unconfirmed", Count: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Post(t.Context(), &ledger.Batch{
		Stream: "taps/0", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 6, Day: today,
		Transfers: []ledger.Transfer{opening, ride("ride"), ride("ride, altered"), ride("ride")}, Memos: d.Memos,
		Finish: func(context.Context, pgx.Tx, *ledger.Outcome) ([]byte, error) { return note, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBooksAndExport compares the same books, in the database and as an export, with truths that
// agree and truths that do not.
func TestBooksAndExport(t *testing.T) {
	l := ledgertest.Open(t, 2)
	keep(t, l)
	var exported bytes.Buffer
	if err := export.Write(t.Context(), l, &exported); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func([]truth.Record) []truth.Record
		purse  int64
		fault  string // empty: all agrees
	}{
		"as it was":       {nil, 4_840, ""},
		"other purse":     {nil, 4_839, "holds 4839 fen, the books say 4840"},
		"other amount":    {func(r []truth.Record) []truth.Record { r[0].Fen++; return r }, 4_840, "posted 160 fen, want 161"},
		"other payee":     {func(r []truth.Record) []truth.Record { r[0].Payee = "operator:b"; return r }, 4_840, "credited 0 fen to operator:b, want 160"},
		"not all sent":    {func(r []truth.Record) []truth.Record { return slices.Delete(r, 5, 6) }, 4_840, "unexpected: rejected undecodable"},
		"one more sent":   {func(r []truth.Record) []truth.Record { r[2].Verdict = truth.Rejected; return r }, 4_840, "lost: rejected"},
		"other reason":    {func(r []truth.Record) []truth.Record { r[4].Reason = "invalid_field"; return r }, 4_840, "rejected as bad_tac, want invalid_field"},
		"more duplicates": {func(r []truth.Record) []truth.Record { return append(r, r[3], r[3], r[3]) }, 4_840, "duplicates: 3 in the books, 4 sent"},
		"a TAC came": {func(r []truth.Record) []truth.Record {
			r[6].Verdict, r[6].ID, r[6].Payee = truth.Cleared, r[6].ID[2:], "operator:a"
			return r
		}, 4_840, "lost: bus"},
		"nothing reported": {func(r []truth.Record) []truth.Record { return r[:6] }, 4_840, "unexpected: unconfirmed"},
		"paid without":     {nil, 4_680, ""},
		"fewer duplicates": {func(r []truth.Record) []truth.Record { return slices.Delete(r, 3, 4) }, 4_840, ""},
	} {
		t.Run(name, func(t *testing.T) {
			records := sent()
			if test.change != nil {
				records = test.change(records)
			}
			dir := filepath.Join(t.TempDir(), "truth")
			purses := []truth.Purse{{Card: card(), Fen: test.purse}}
			if name == "paid without" {
				purses[0].Unbooked = 160
			}
			if err := truth.Write(dir, records, purses, truth.Summarise(int(today), 1, records, purses)); err != nil {
				t.Fatal(err)
			}
			fromBooks, err := check.Books(t.Context(), l, dir, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			fromExport, err := check.Export(bytes.NewReader(exported.Bytes()), dir, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range []*check.Finding{fromBooks, fromExport} {
				faults := strings.Join(found.Faults(), "\n")
				if found.Agrees() != (test.fault == "") || !strings.Contains(faults, test.fault) {
					t.Errorf("agrees %v, faults %q, want %q", found.Agrees(), faults, test.fault)
				}
			}
		})
	}
	dir := t.TempDir()
	if err := truth.Write(dir, sent(), nil, truth.Summarise(int(today), 1, sent(), nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := check.Export(bytes.NewReader(exported.Bytes()[:exported.Len()/2]), dir, ""); !errors.Is(err, export.ErrFormat) {
		t.Errorf("half an export: %v, want %v", err, export.ErrFormat)
	}
}

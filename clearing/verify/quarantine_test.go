package verify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/quarantine"
	"citycard/ledger"
)

// TestJudgedIsDecided judges a record again by a decision of two people, which verify takes.
// Without the decision, or by another entry, it is named.
func TestJudgedIsDecided(t *testing.T) {
	l := withTables(t)
	record := quarantine.Record{Day: 20260105, Stream: "taps/3"}
	by := ledger.Approval{First: "ann", Second: "bob", Reason: "repaired", At: time.Unix(1_700_000_000, 0)} // before there are people
	if err := quarantine.Decide(t.Context(), l, []quarantine.Decided{record.Decided()}, by); err != nil {
		t.Fatal(err)
	}
	decisions, err := quarantine.Decisions(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	err = l.Write(t.Context(), func(tx pgx.Tx) error { return record.Note(t.Context(), tx, "cleared", decisions[record.Decided()]) })
	if err != nil {
		t.Fatal(err)
	}
	if faults := faultsOf(t, l, ""); len(faults) > 0 {
		t.Fatalf("faults %q", faults)
	}
	for _, change := range []string{
		"DELETE FROM audit WHERE act = 'judge quarantined'",
		"UPDATE audit SET what = replace(what, 'taps/3', 'taps/4') WHERE act = 'book judged record'",
		`UPDATE audit SET what = regexp_replace(what, '"decision":[0-9]+', '"decision":7') WHERE act = 'book judged record'`,
	} {
		faults := faultsOf(t, l, change)
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, "was judged again by decision ") }) {
			t.Errorf("%s: faults %q", change, faults)
		}
	}
}

package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/shadow"
)

// TestNote posts chains of a transfer and a note: the note's key is taken once, and another chain
// that needs it moves no money, however often it comes.
func TestNote(t *testing.T) {
	b := newBooks(t)
	note := func(id, text string) ledger.Transfer {
		return ledger.Transfer{Day: today, Subject: "orders", ID: ledger.ID(id), Act: ledger.KeepMemo, Evidence: []byte(text)}
	}
	const refused = "refused: another transfer of its chain was refused"
	first, second := transfer(1, "float", "operator:bus", 5), transfer(2, "float", "operator:bus", 7)
	for n, step := range []struct {
		batch []ledger.Transfer
		want  []string
	}{
		{linked(first, note("a", "one")), []string{"inserted 5", "inserted 0"}},
		{linked(first, note("a", "one")), []string{"duplicate 5", "duplicate 0"}},
		{linked(second, note("a", "two")), []string{refused, conflict}},
		{linked(second, note("a", "two")), []string{refused, "duplicate 0"}},
		{slices.Concat(linked(second, note("b", "two")), linked(transfer(3, "float", "operator:bus", 1), note("b", "three"))), []string{"inserted 7", "inserted 0", refused, conflict}},
		{linked(evidence(1, 6, "other"), note("c", "three")), []string{conflict, refused}},
		{linked(transfer(3, "float", "operator:bus", 1), note("c", "four")), []string{"inserted 1", "inserted 0"}},
		{[]ledger.Transfer{note("c", "four"), note("d", "alone")}, []string{"duplicate 0", "inserted 0"}},
	} {
		if got := describe(b.post(step.batch).Transfers); !slices.Equal(got, step.want) {
			t.Errorf("batch %d:\n  %q\nexpected\n  %q", n, got, step.want)
		}
	}
	paid, bare := note("e", "with an amount"), note("e", "")
	paid.Amount = 1
	sided := note("e", "with an account")
	sided.Debit = ledger.IDOfCode("float")
	for _, bad := range []ledger.Transfer{paid, bare, sided} {
		var because *ledger.TransferError
		if d := b.post([]ledger.Transfer{bad}).Transfers[0]; d.Result != ledger.Refused || !errors.As(d.Err, &because) {
			t.Errorf("%q, %d fen: %s, expected a refusal", bad.Evidence, bad.Amount, d.Result)
		}
	}
	var kept []string
	b.must(shadow.Statement(context.Background(), b.Ledger, "orders", today, today, func(r ledger.Row) error {
		if r.Kind == chain.KeptKind {
			kept = append(kept, string(r.ID)+" "+string(r.Evidence))
		}
		return nil
	}))
	if want := []string{"a one", "b two", "c four", "d alone"}; !slices.Equal(kept, want) {
		t.Errorf("kept %q, expected %q", kept, want)
	}
	b.verify()
}

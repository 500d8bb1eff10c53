package ledger_test

import (
	"context"
	"crypto/sha256"
	"slices"
	"testing"

	"citycard/ledger"
	"citycard/ledger/shadow"

	"github.com/jackc/pgx/v5"
)

const conflict = "conflict: its key is taken by other content"

// TestConflictKeepsBothVersions sends other versions of one transfer, some again and again: each is
// kept once, beside the first.
func TestConflictKeepsBothVersions(t *testing.T) {
	b := newBooks(t)
	version := func(amount ledger.Fen, text string) ledger.Transfer { return evidence(1, amount, text) }
	bare := transfer(1, "float", "operator:bus", 9)
	for n, step := range []struct {
		batch []ledger.Transfer
		want  []string
	}{
		{[]ledger.Transfer{version(5, "first")}, []string{"inserted 5"}},
		{[]ledger.Transfer{version(5, "second"), version(5, "first"), version(5, "second")}, []string{conflict, "duplicate 5", "duplicate 5"}},
		{[]ledger.Transfer{version(5, "second")}, []string{"duplicate 5"}},
		{[]ledger.Transfer{version(5, "third"), version(6, "second"), bare}, []string{conflict, conflict, conflict}},
		{[]ledger.Transfer{bare, version(6, "second"), version(5, "third"), version(5, "first")}, slices.Repeat([]string{"duplicate 5"}, 4)},
		{linked(version(5, "third"), transfer(2, "float", "operator:bus", 1)), []string{"duplicate 5", "refused: another transfer of its chain was refused"}},
		{
			append([]ledger.Transfer{version(5, "fourth")}, linked(version(5, "fourth"), transfer(2, "float", "operator:bus", 1))...),
			[]string{conflict, "duplicate 5", "refused: another transfer of its chain was refused"},
		},
	} {
		decisions := b.post(step.batch).Transfers
		for i, d := range decisions {
			if first := step.batch[i].Amount == 5 && string(step.batch[i].Evidence) == "first"; d.Result != ledger.Refused && d.Disputed == first {
				t.Errorf("batch %d, transfer %d: disputed %v", n, i, d.Disputed)
			}
		}
		if got := describe(decisions); !slices.Equal(got, step.want) {
			t.Errorf("batch %d:\n  %q\nexpected\n  %q", n, got, step.want)
		}
	}
	var rows []ledger.Row
	b.must(shadow.Statement(context.Background(), b.Ledger, version(5, "").Subject, today, today, func(r ledger.Row) error {
		rows = append(rows, r)
		return nil
	}))
	if len(rows) != 6 || string(rows[0].Evidence) != "first" {
		t.Fatalf("the statement has %d rows, expected the first version and five disputes:\n%v", len(rows), rows)
	}
	second := []byte("\x00\x00\x00\x04\x00\x00\x00\x01" + "\x01" + "\x00\x00\x00\x00\x00\x00\x00\x05" + "second")
	sum := sha256.Sum256(second)
	for _, r := range rows[1:] {
		if r.Kind == ledger.DisputeKind && r.ID == ledger.ID("\xff"+string(sum[:])) && r.Reason == "00000001 5" && string(r.Evidence) == "second" {
			b.verify()
			return
		}
	}
	t.Errorf("no dispute keeps the second version under its hash: %v", rows)
}

// TestDisputeFromAnotherStream has two streams keep the same second version at once, the other one
// committing at each moment of this one's attempts: one keeps it, the other finds it kept.
func TestDisputeFromAnotherStream(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	other := ledger.New(b.Pool(), b.Dialect())
	lease, err := other.Lease(ctx, "taps/1", "test", 0)
	b.must(err)
	elsewhere := &books{Ledger: other, t: t, lease: lease}
	_, err = other.Accounts(ctx)
	b.must(err)
	late := 0
	for moment := 1; moment <= 6; moment++ {
		b.post([]ledger.Transfer{evidence(moment, 5, "first")})
		second := []ledger.Transfer{evidence(moment, 5, "second")}
		var theirs []string
		calls := 0
		batch := b.batch(second)
		batch.Prepare = func(context.Context, pgx.Tx) error {
			if calls++; calls == moment {
				theirs = describe(elsewhere.post(second).Transfers)
			}
			return nil
		}
		ours := describe(b.postBatch(batch).Transfers)
		if theirs == nil {
			late++
			theirs = describe(elsewhere.post(second).Transfers)
		}
		if got := []string{ours[0], theirs[0]}; !slices.Contains(got, conflict) || !slices.Contains(got, "duplicate 5") {
			t.Errorf("moment %d: %q, expected one conflict and one duplicate", moment, got)
		}
	}
	if late == 0 || late == 6 {
		t.Errorf("%d of 6 moments lay after the batch: the test misses some", late)
	}
	b.verify()
}

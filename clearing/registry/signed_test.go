package registry_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
)

func signedBy(name string) chain.Signature {
	return chain.Signature{Key: "SHA256:" + name, Statement: name, Signature: "U1NIU0lH"}
}

// TestDecisionsAreChecked lets the check of a decision refuse it, after which nothing is decided,
// and then allow it: the audit has the signatures. Each act is checked once.
func TestDecisionsAreChecked(t *testing.T) {
	a := newArchive(t)
	errNo := errors.New("no")
	calls := 0
	by := func(person string, err error, signed ...chain.Signature) registry.Act {
		act := act(person)
		act.Signed = signed
		act.Check = func(ctx context.Context, tx pgx.Tx) error {
			calls++
			_, wrote := tx.Exec(ctx, "INSERT INTO decisions (number) VALUES ($1)", calls)
			return errors.Join(wrote, err)
		}
		return act
	}
	_, err := a.ledger.Pool().Exec(t.Context(), "CREATE TABLE decisions (number INT8 PRIMARY KEY)")
	a.must(err)
	a.must(a.Found(t.Context(), a.read(clearingtest.Files(), nil), by("founder", nil, signedBy("founder"))))
	if calls != 1 {
		t.Errorf("the founding was checked %d times, want once", calls)
	}
	change := a.propose(block(clearingtest.Card, "20260101"))
	before := ledgertest.Dump(t, a.ledger.Pool())
	for name, decide := range map[string]func(context.Context, int64, registry.Act) error{"approve": a.Approve, "reject": a.Reject} {
		if err := decide(t.Context(), change, by("bob", errNo)); !errors.Is(err, errNo) || ledgertest.Dump(t, a.ledger.Pool()) != before {
			t.Errorf("%s, refused by its check: %v, or something was written", name, err)
		}
	}
	a.must(a.Approve(t.Context(), change, by("bob", nil, signedBy("ann"), signedBy("bob"))))
	entries, err := a.ledger.Audit(t.Context(), registry.ActFound, registry.ActApprove)
	a.must(err)
	want := [][]chain.Signature{{signedBy("founder")}, {signedBy("ann"), signedBy("bob")}}
	if !slices.EqualFunc(entries, want, func(e chain.AuditEntry, signed []chain.Signature) bool { return slices.Equal(e.Signed, signed) }) || calls != 4 {
		t.Errorf("after %d checks the audit has %+v, want 4 and the signatures %+v", calls, entries, want)
	}
}

package rules_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/rules"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
)

func signedBy(name string) chain.Signature {
	return chain.Signature{Key: "SHA256:" + name, Statement: name, Signature: "U1NIU0lH"}
}

// TestDecisionsAreChecked lets the check of a proposal and of its decision refuse them, after which
// nothing is there, and then allow them: the audit has the signatures. Each act is checked once.
func TestDecisionsAreChecked(t *testing.T) {
	o := newOffice(t)
	errNo := errors.New("no")
	calls := 0
	by := func(person string, err error, signed ...chain.Signature) ledger.Approval {
		by := o.by(person)
		by.Signed = signed
		by.Check = func(context.Context, pgx.Tx) error { calls++; return err }
		return by
	}
	set, err := rules.Read(examples())
	o.must(err)
	o.must(o.store.Found(t.Context(), set, o.zone, by("server", nil, signedBy("server"))))
	if calls != 1 {
		t.Errorf("the founding was checked %d times, want once", calls)
	}
	draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: dearer("20260106")}, o.now)
	o.must(err)
	before := ledgertest.Dump(t, o.store.Ledger.Pool())
	if _, err := o.store.Propose(t.Context(), draft, by("ann", errNo)); !errors.Is(err, errNo) || ledgertest.Dump(t, o.store.Ledger.Pool()) != before {
		t.Errorf("a proposal, refused by its check: %v, or something was written", err)
	}
	number, err := o.store.Propose(t.Context(), draft, by("ann", nil, signedBy("ann")))
	o.must(err)
	before = ledgertest.Dump(t, o.store.Ledger.Pool())
	for name, decide := range map[string]func(context.Context, int64, ledger.Approval) error{"approve": o.store.Approve, "reject": o.store.Reject} {
		if err := decide(t.Context(), number, by("bob", errNo)); !errors.Is(err, errNo) || ledgertest.Dump(t, o.store.Ledger.Pool()) != before {
			t.Errorf("%s, refused by its check: %v, or something was written", name, err)
		}
	}
	o.must(o.store.Approve(t.Context(), number, by("bob", nil, signedBy("ann"), signedBy("bob"))))
	entries, err := o.store.Ledger.Audit(t.Context())
	o.must(err)
	want := [][]chain.Signature{{signedBy("server")}, {signedBy("server")}, {signedBy("ann")}, {signedBy("ann"), signedBy("bob")}}
	if !slices.EqualFunc(entries, want, func(e chain.AuditEntry, signed []chain.Signature) bool { return slices.Equal(e.Signed, signed) }) || calls != 6 {
		t.Errorf("after %d checks the audit has %+v, want 6 and the signatures %+v", calls, entries, want)
	}
}

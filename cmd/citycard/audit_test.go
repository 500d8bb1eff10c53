package main

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	staff "citycard/clearing/people"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// TestAudit searches the audit of two days and writes it to a file: testdata/audit.
func TestAudit(t *testing.T) {
	b, dir := bookstest.New(t)
	fillBooks(t, b.Ledger)
	at := time.Date(2026, 1, 5, 23, 30, 0, 0, time.UTC)
	signed := func(name string) chain.Signature {
		return chain.Signature{Key: "SHA256:" + name, Statement: `{"person":"` + name + `"}`, Signature: "U1NIU0lH"}
	}
	err := b.Write(t.Context(), func(tx pgx.Tx) error {
		for i, what := range []string{"王小明", "the second card", "a\nline more"} {
			by := ledger.Approval{First: "ann", Second: "张三", Reason: "投诉", At: at.Add(time.Duration(i) * time.Hour), Signed: []chain.Signature{signed("ann"), signed("张三")}}
			if err := ledger.Approve(t.Context(), tx, "refund load", what, by); err != nil {
				return err
			}
		}
		return ledger.Record(t.Context(), tx, "look", "something", ledger.Approval{First: "Bob", At: at.AddDate(0, 0, 7)})
	})
	if err != nil {
		t.Fatal(err)
	}
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	scripts(t, testscript.Params{Dir: "testdata/audit", Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		return nil
	}})
}

// TestActsInWords wants Chinese words for each act that the audit can have, and for no other.
func TestActsInWords(t *testing.T) {
	policy, err := staff.OwnPolicy()
	if err != nil {
		t.Fatal(err)
	}
	words := chineseActs()
	for _, act := range policy.Acts() {
		if words[act] == "" {
			t.Errorf("act %q has no Chinese words", act)
		}
		delete(words, act)
	}
	for act := range words {
		t.Errorf("act %q has Chinese words, and no row in the policy", act)
	}
}

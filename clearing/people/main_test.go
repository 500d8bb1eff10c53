package people_test

import (
	"testing"

	"citycard/clearing/schema"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

// books are new, with clearing's tables.
func books(t testing.TB) *ledger.Ledger {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	return ledgertest.Connect(t, url, 4)
}

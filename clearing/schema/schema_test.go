package schema_test

import (
	"testing"

	"citycard/clearing/schema"
	"citycard/ledger/ledgertest"
	ledgerschema "citycard/ledger/schema"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

// TestInterrupted cuts the migrations short after each of their statements.
func TestInterrupted(t *testing.T) {
	ledgertest.Interrupted(t, ledgerschema.Ledger(), schema.Clearing())
}

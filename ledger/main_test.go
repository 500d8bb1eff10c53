package ledger_test

import (
	"fmt"
	"os"
	"testing"

	"citycard/ledger/ledgertest"
)

// TestMain runs the tests, or, when a test started this binary as a process to be killed, that
// process's work.
func TestMain(m *testing.M) {
	if url := os.Getenv(clientURL); url != "" {
		if err := runClient(url, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	ledgertest.Main(m)
}

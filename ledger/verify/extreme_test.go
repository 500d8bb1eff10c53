package verify_test

import "testing"

// TestExtremes changes values to ones that the ledger never writes and that its columns can have:
// each has a fault that names it, and neither verify nor export stops at it.
func TestExtremes(t *testing.T) {
	tamper(t, []tampering{
		{"fewer rows than none", "UPDATE batches SET transfers = -7 WHERE sequence = 2", []string{
			"chain link mismatch: stream taps, batch 2", "batch count mismatch: stream taps, batch 2",
		}},
		{"as many rows as can be", "UPDATE batches SET transfers = 2147483647, memos = 2147483647 WHERE sequence = 2", []string{
			"chain link mismatch: stream taps, batch 2", "batch count mismatch: stream taps, batch 2",
		}},
	})
}

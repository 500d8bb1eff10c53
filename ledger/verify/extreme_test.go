package verify_test

import (
	"fmt"
	"testing"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/schema"
)

// TestExtremes changes values to ones that the ledger never writes and that its columns can have:
// each has a fault that names it, and neither verify nor export stops at it.
func TestExtremes(t *testing.T) {
	const most = "9223372036854775807"
	bus := fmt.Sprintf(" WHERE account = %d", ledger.IDOfCode("bus"))
	of := func(kind string, rest string, accounts ...string) (all []string) {
		for _, account := range accounts {
			all = append(all, kind+account+rest)
		}
		return all
	}
	const balance, turnover, checkpoint = "balance differs from transfers: account ", "turnover differs from transfers: account ", "checkpoint differs from transfers: account "
	const held, hash = "held amount differs from holds: account ", "row hash mismatch: "
	moved := func(first string, accounts ...string) []string {
		all := append([]string{first}, of(balance, "", accounts...)...)
		return append(append(all, of(turnover, ", day 20260104", accounts...)...), of(checkpoint, " (day 20260104", accounts...)...)
	}
	lost := []string{
		hash + "memo (day 20260104, subject 63617264, id 6d31)", "batch count mismatch: stream taps, batch 2", "row missing: stream taps, batch 2, positions 28 to 2147483646",
	}
	for position := 8; position < 28; position++ {
		lost = append(lost, fmt.Sprintf("row missing: stream taps, batch 2, position %d:", position))
	}
	tamper(t, []tampering{
		{"kind emptied", "UPDATE journal SET kind = ''" + where, append(moved(hash+"memo "+row, "float", "bus"), "batch count mismatch: stream taps, batch 2")},
		{"amount", "UPDATE journal SET amount = " + most + where, moved(hash+"transfer "+row, "float", "bus")},
		{"no debit", "UPDATE journal SET debit = NULL" + where, append(moved(hash+"transfer "+row, "float", "number 0"), "unknown account: transfer "+row)},
		{"day before all", "UPDATE journal SET effective_day = -2147483648" + where, []string{
			hash + "transfer (day -2147483648", "rows not found by subject: rows (day -2147483648", "rows not found by subject: rows (day -2147483648",
		}},
		{"day after all", "UPDATE journal SET effective_day = 2147483647" + where, []string{
			hash + "transfer (day 2147483647", "rows not found by subject: rows (day 2147483647", "rows not found by subject: rows (day 2147483647",
		}},
		{"hash with a byte more", "UPDATE journal SET hash = hash || '\\x00'" + where, []string{hash + "transfer " + row, "batch root mismatch: stream taps, batch 2"}},
		{"root with a byte more", "UPDATE day_heads SET batches = batches || '\\x00' WHERE stream = 'taps'", []string{
			"day does not end with its last batch: day 20260104, stream taps: its root over", "seal root mismatch: day 20260104",
		}},
		{"zeros gone", "UPDATE day_heads SET batches = '' WHERE stream = ''", []string{"seal root mismatch: day 20260104"}},
		{"zeros nowhere", "UPDATE day_heads SET batches = NULL WHERE stream = ''", []string{"seal root mismatch: day 20260104"}},
		{"head with a byte less", "UPDATE batches SET head = substring(head FROM 1 FOR 31) WHERE sequence = 5", []string{
			"chain link mismatch: stream taps, batch 5", "stream does not end with its last batch: stream taps",
		}},
		{"last position", "UPDATE journal SET position = 2147483647 WHERE id = 'm1'", lost},
		{"lapses at the zero time", "UPDATE journal SET expires = -62135596800" + where, []string{hash + "transfer " + row}},
		{"fewer rows than none", "UPDATE batches SET transfers = -7 WHERE sequence = 2", []string{
			"chain link mismatch: stream taps, batch 2", "batch count mismatch: stream taps, batch 2",
		}},
		{"as many rows as can be", "UPDATE batches SET transfers = 2147483647, memos = 2147483647 WHERE sequence = 2", []string{
			"chain link mismatch: stream taps, batch 2", "batch count mismatch: stream taps, batch 2",
		}},
		{"batch at no time", "UPDATE batches SET at = 'infinity' WHERE sequence = 2", []string{"chain link mismatch: stream taps, batch 2"}},
		{"batch before all time", "UPDATE batches SET at = '-infinity' WHERE sequence = 2", []string{"chain link mismatch: stream taps, batch 2"}},
		{"batch in a year of six digits", "UPDATE batches SET at = '200000-01-01' WHERE sequence = 2", []string{"chain link mismatch: stream taps, batch 2"}},
		{"samples of nobody", "UPDATE batches SET samples = array_append(samples, NULL) WHERE sequence = 2", []string{"samples differ from rows: stream taps, batch 2"}},
		{"entry at no time", "UPDATE audit SET at = " + most + " WHERE number = 3", []string{"audit chain mismatch: audit entry 3: its hash"}},
		{"held", "UPDATE holds SET amount = " + most + ", state = 'held', posted = 0", append(of(held, "", "float", "bus"),
			"hold differs from journal: hold (day 20260104, subject 63617264, id 6831)", "hold differs from journal: hold (day 20260104, subject 63617264, id 6832)")},
		{"balances", "UPDATE balances SET debits = " + most + bus, []string{balance + "bus", "debits differ from credits: all accounts"}},
		{"turnovers", "UPDATE turnovers SET credits = " + most + bus + " AND day = 20260104", []string{turnover + "bus, day 20260104"}},
	})
	if ledgertest.Open(t, 1).Dialect() == schema.PostgreSQL { // the other has no arrays of two dimensions
		tamper(t, []tampering{
			{"samples in another shape", "UPDATE batches SET samples = ARRAY[samples] WHERE sequence = 2", []string{"samples differ from rows: stream taps, batch 2"}},
		})
	}
}

package intake_test

import (
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/ledger"
)

// payday is a list of one line for the retired person; payment 0 is the month's own.
func payday(name string, payment uint32, fen int64) sent {
	return sent{message.TopicPensionBatches, 0, clearingtest.Encode(&message.PensionBatch{
		Batch: name, Month: "202601", Payday: "20260105", Payment: payment,
		Lines: []*message.PensionLine{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: fen}},
	})}
}

// returned is the bank's answer that the retired person's payment came back.
func returned(payment uint32, fen int64) sent {
	return sent{message.TopicPensionResults, 1, clearingtest.Encode(&message.PensionResult{
		Batch: "b", Month: "202601", Payment: payment,
		Returns: []*message.PensionReturn{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: fen, Cause: "账户状态异常"}},
	})}
}

// TestPensionAgain pays what the bank returned again: once for each return, out of
// what came back, in the same amount, however often it is asked for.
func TestPensionAgain(t *testing.T) {
	h := newHouse(t)
	want := func(fund, payout, returned ledger.Fen) {
		t.Helper()
		h.clear()
		h.wantBalances(map[string]ledger.Fen{chart.PensionFund: fund, chart.PensionPayout: payout, chart.PensionReturned: returned})
	}
	// Nothing was paid, so nothing can be paid again.
	h.send(payday("early", 2, 300_000))
	want(1_000_000, 0, 0)
	h.send(payday("b1", 1, 300_000), payday("b1", 0, 300_000))
	want(700_000, 300_000, 0)
	// It did not come back.
	h.send(payday("again", 2, 300_000))
	want(700_000, 300_000, 0)
	h.send(returned(1, 300_000), returned(0, 300_000))
	want(700_000, 0, 300_000)
	// Only as much as came back, only the next payment, and once, in whichever batch.
	h.send(payday("less", 2, 299_999), payday("skips", 3, 300_000), payday("again", 2, 300_000), payday("again", 2, 300_000),
		payday("again, too", 2, 300_000), payday("first again", 0, 300_000))
	want(700_000, 300_000, 0)
	// It comes back a second time and is paid a third.
	h.send(returned(2, 300_000), returned(2, 300_000), returned(1, 300_000))
	want(700_000, 0, 300_000)
	h.send(payday("third", 3, 300_000), payday("third", 3, 300_000), payday("again", 2, 300_000))
	want(700_000, 300_000, 0)
	h.send(payday("beyond", 100, 300_000), returned(100, 300_000), payday("wraps", 257, 300_000))
	want(700_000, 300_000, 0)

	reasons := map[string]int{}
	h.must(h.ledger.ScanMemos(t.Context(), today, today, func(row ledger.Row) error {
		if row.Kind == "reject" {
			reasons[row.Reason]++
		} else {
			reasons[row.Kind]++
		}
		return nil
	}))
	for what, n := range map[string]int{
		"not_returned":   3, // early, again before the return (other bytes than early), skips
		"amount_differs": 1, // less
		"invalid_field":  3, // beyond, its return, wraps
		"dispute":        2, // again, too; first again
	} {
		if reasons[what] != n {
			t.Errorf("%d rows of %s, want %d (all: %v)", reasons[what], what, n, reasons)
		}
	}
}

// TestPensionAgainStopped does not pay again what is no longer owed.
func TestPensionAgainStopped(t *testing.T) {
	h := newHouse(t)
	h.send(payday("b1", 0, 300_000), returned(0, 300_000))
	h.clear()
	stopped := clearingtest.New(t, func(files map[string]string) {
		files["persons.csv"] = "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from\n" +
			clearingtest.Retired + ",employee,retired,0,0,203012,20200101\n"
	})
	h.town.Registry = stopped.Registry
	h.send(payday("again", 2, 300_000))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionPayout: 0, chart.PensionReturned: 300_000})
}

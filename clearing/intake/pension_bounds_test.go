package intake_test

import (
	"maps"
	"strings"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/rules"
	"citycard/ledger"
)

// list is a batch for the retired person.
func list(name, month, payday string, lines ...*message.PensionLine) sent {
	if len(lines) == 0 {
		lines = []*message.PensionLine{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000}}
	}
	return sent{message.TopicPensionBatches, 0, clearingtest.Encode(&message.PensionBatch{Batch: name, Month: month, Payday: payday, Lines: lines})}
}

// rejects counts what was rejected on the day, by reason.
func (h *house) rejects() map[string]int {
	h.Helper()
	reasons := map[string]int{}
	h.must(h.ledger.ScanMemos(h.Context(), today, today, func(row ledger.Row) error {
		if row.Kind == docket.KindReject {
			reasons[row.Reason]++
		}
		return nil
	}))
	return reasons
}

func (h *house) wantRejects(want map[string]int) {
	h.Helper()
	if got := h.rejects(); !maps.Equal(got, want) {
		h.Errorf("rejects %v, want %v", got, want)
	}
}

// TestPensionRaisedInTheMonth: what stands in the registry on a month's last day is owed for it.
func TestPensionRaisedInTheMonth(t *testing.T) {
	h := newHouse(t)
	h.town.Registry = clearingtest.New(t, func(files map[string]string) {
		files["persons.csv"] += clearingtest.Retired + ",employee,retired,0,310000,203012,20260131\n"
	}).Registry
	line := func(fen int64) *message.PensionLine {
		return &message.PensionLine{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: fen}
	}
	h.send(list("as before", "202601", "20260105", line(300_000)), list("raised too early", "202512", "20260105", line(310_000)))
	h.clear()
	h.wantRejects(map[string]int{"amount_differs": 2})
	h.send(list("raised", "202601", "20260105", line(310_000)), list("the month before", "202512", "20260105", line(300_000)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 390_000, chart.PensionPayout: 610_000})
}

// TestPensionMonths sends, on 5 January 2026, lists of months and paydays that nobody can
// mean then: none is paid, each is kept with its reason. By the rules' 12 months back and 1
// ahead, 10 days back and 31 ahead, the first month is 202501 and the last 202602, the first
// payday 26 December and the last 5 February; those are paid.
func TestPensionMonths(t *testing.T) {
	h := newHouse(t)
	h.send(
		list("next year", "202701", "20260105"), list("in two years", "202801", "20260105"), list("in three", "202901", "20260105"),
		list("typo", "202611", "20260105"), list("a month too far", "202603", "20260105"),
		list("too old", "202412", "20260105"), list("a slip of a century", "192601", "20260105"),
		list("paid late", "202601", "20251225"), list("paid far ahead", "202601", "20260206"), list("next payday", "202601", "20270105"),
	)
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 1_000_000, chart.PensionPayout: 0})
	h.wantRejects(map[string]int{"implausible_month": 7, "implausible_payday": 3})

	h.send(list("oldest", "202501", "20251226"), list("newest", "202602", "20260205"))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 400_000, chart.PensionPayout: 600_000})
	h.wantRejects(map[string]int{"implausible_month": 7, "implausible_payday": 3})

	// The bank may send back what was paid, whatever month it was of.
	h.send(sent{message.TopicPensionResults, 1, clearingtest.Encode(&message.PensionResult{
		Batch: "oldest", Month: "202501", Returns: []*message.PensionReturn{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000}},
	})})
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionPayout: 300_000, chart.PensionReturned: 300_000})
}

// TestPensionWindowMoves sends a list a month early: it is refused today and, sent
// again on a clearing day of the next month, paid.
func TestPensionWindowMoves(t *testing.T) {
	h := newHouse(t)
	h.send(list("march", "202603", "20260205"))
	h.clear()
	h.wantRejects(map[string]int{"implausible_month": 1})
	h.must(h.ledger.CloseDay(t.Context(), today, 20260201))
	h.must(h.ledger.EndDay(t.Context(), today))
	h.send(list("march", "202603", "20260206"))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 700_000, chart.PensionPayout: 300_000})
}

// TestPensionPaidOnWorkdays has rules that want a workday as payday. By the example calendar
// Thursday 1 January 2026 is a holiday, Saturday the 10th a restday, and Sunday 1 February a
// workday. What is refused is kept.
func TestPensionPaidOnWorkdays(t *testing.T) {
	h := newHouse(t)
	text := strings.Replace(string(rules.Pension.Example()), `"payday_on": "any"`, `"payday_on": "workday"`, 1)
	set, err := h.town.Rules.Current().With(map[rules.Kind][]byte{rules.Pension: []byte(text)})
	h.must(err)
	h.town.Rules = rules.NewShelf(set)
	h.send(list("holiday", "202601", "20260101"), list("Saturday", "202601", "20260110"), list("working Sunday", "202602", "20260201"))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 700_000, chart.PensionPayout: 300_000})
	h.wantRejects(map[string]int{"payday_not_workday": 2})
	h.send(list("Monday", "202601", "20260112"))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 400_000, chart.PensionPayout: 600_000})
}

// TestPensionAmounts bounds a list's sum and a person's pension by the rules: 200,000,000
// yuan and 30,000.00 yuan. At the bound both are paid, a fen above neither is.
func TestPensionAmounts(t *testing.T) {
	const rich, richer = "00000000000000000000000000000004", "00000000000000000000000000000005"
	h := newHouseWith(t, func(files map[string]string) {
		files["persons.csv"] += rich + ",employee,retired,0,3000000,203012,20200101\n" + richer + ",employee,retired,0,3000001,203012,20200101\n"
	})
	line := func(person string, fen int64) *message.PensionLine {
		return &message.PensionLine{Person: clearingtest.Hex(person), AmountFen: fen}
	}
	h.post("receipts", receiptNumber("2", chart.BankPension, chart.PensionFund, 9_000_000))
	h.send(list("persons", "202601", "20260105", line(rich, 3_000_000), line(richer, 3_000_001)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 7_000_000, chart.PensionPayout: 3_000_000})
	h.wantRejects(map[string]int{"pension_too_high": 1})

	// Of these lists only one pensioner's line could be paid; the sum decides about all.
	const most = 20_000_000_000
	h.send(list("too much", "202602", "20260105", line(clearingtest.Retired, 300_000), line(clearingtest.Worker, most-300_000+1)))
	h.send(list("beyond all numbers", "202602", "20260105", line(clearingtest.Retired, 300_000), line(clearingtest.Worker, 1<<63-1), line(clearingtest.Worker, 1<<63-1)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 7_000_000})
	h.wantRejects(map[string]int{"pension_too_high": 1, "batch_too_large": 2})
	h.send(list("as much as may be", "202602", "20260105", line(clearingtest.Retired, 300_000), line(clearingtest.Worker, most-300_000)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 6_700_000})
	h.wantRejects(map[string]int{"pension_too_high": 1, "batch_too_large": 2, "not_entitled": 1})
}

// TestPensionVersion holds the note of a batch to naming the edition of the rules that judged it.
func TestPensionVersion(t *testing.T) {
	h := newHouse(t)
	h.send(list("b", "202601", "20260105"))
	h.clear()
	var notes []string
	h.must(h.ledger.Notes(t.Context(), today, func(note []byte) error {
		notes = append(notes, string(note))
		return nil
	}))
	if len(notes) != 1 || !strings.Contains(notes[0], `"rules":"0+`) {
		t.Errorf("notes %v, want one that names the edition of the rules", notes)
	}
}

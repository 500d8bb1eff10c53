package intake_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/ledger"
)

// kept counts the memos of the day by kind and reason.
func (h *house) kept() map[string]int {
	h.Helper()
	kept := map[string]int{}
	h.must(h.ledger.ScanMemos(h.Context(), today, today, func(row ledger.Row) error {
		kept[row.Kind+" "+row.Reason]++
		return nil
	}))
	return kept
}

// answersTo runs an intake until n answers to hospital h1 are out and gives them by settlement.
func (h *house) answersTo(n int) map[string][]*message.MedicalResult {
	h.Helper()
	stop := h.start("test")
	h.cleared()
	answers := map[string][]*message.MedicalResult{}
	for _, record := range h.read(message.MedicalResultsOf("h1"), n) {
		answer := &message.MedicalResult{}
		h.must(proto.Unmarshal(record.Value, answer))
		answers[answer.GetSettlement()] = append(answers[answer.GetSettlement()], answer)
	}
	h.must(stop())
	return answers
}

// TestMedicalAllCash settles a claim of which neither fund nor account pays anything:
// it is in the books, once, with its bytes.
func TestMedicalAllCash(t *testing.T) {
	h := newHouse(t)
	cash := claim("cash", clearingtest.Retired)
	cash.InScopeFen, cash.OwnPayFen = 0, 20_000
	h.send(request(cash), request(cash))
	h.clear()
	h.send(request(cash))
	for _, answer := range h.answersTo(3)["cash"] {
		if answer.GetRefusal() != "" || answer.GetCashFen() != 20_000 {
			t.Errorf("answered %v, want 20000 in cash", answer)
		}
	}
	found := 0
	h.must(h.ledger.ScanMemos(t.Context(), today, today, func(row ledger.Row) error {
		if row.Kind == "record" && string(row.Subject) == string(clearingtest.Hex(clearingtest.Retired)) && string(row.Evidence) == string(clearingtest.Encode(cash)) {
			found++
		}
		return nil
	}))
	if found != 1 {
		t.Errorf("the settlement is %d times in the books, want once", found)
	}
	h.wantBalances(map[string]ledger.Fen{"hospital:h1": 0, "fund:employee": 1_000_000})
}

// TestRefusedIsKept asks more of a fund than it holds, twice: the claim is refused
// both times, its bytes are in the books once, and what stands around it is settled.
func TestRefusedIsKept(t *testing.T) {
	h := newHouse(t)
	big := claim("big", clearingtest.Worker)
	big.Kind, big.TotalFen, big.InScopeFen = "inpatient", 5_000_000, 5_000_000
	h.send(request(claim("before", clearingtest.Retired)), request(big), request(claim("behind", clearingtest.Worker)))
	h.clear()
	h.send(request(big))
	answers := h.answersTo(4)
	for _, answer := range answers["big"] {
		if answer.GetRefusal() != "fund_short" || answer.GetFundFen() != 0 {
			t.Errorf("big: %v, want fund_short", answer)
		}
	}
	if n := len(answers["big"]); n != 2 {
		t.Errorf("%d answers to the refused claim, want 2", n)
	}
	for _, settlement := range []string{"before", "behind"} {
		if got := answers[settlement]; len(got) != 1 || got[0].GetRefusal() != "" {
			t.Errorf("%s: %v, want settled", settlement, got)
		}
	}
	if kept := h.kept(); kept["reject fund_short"] != 1 {
		t.Errorf("kept %v, want the refused claim once", kept)
	}
}

// TestPensionFundShort pays a list out of a fund that holds enough for a part of it:
// the rest is refused line by line, and each line's bytes are in the books.
func TestPensionFundShort(t *testing.T) {
	const other = "00000000000000000000000000000004"
	h := newHouseWith(t, func(files map[string]string) {
		files["persons.csv"] += other + ",employee,retired,0,800000,203012,20200101\n"
	})
	h.send(sent{message.TopicPensionBatches, 0, clearingtest.Encode(&message.PensionBatch{
		Batch: "b1", Month: "202601", Payday: "20260105", Lines: []*message.PensionLine{
			{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000}, {Person: clearingtest.Hex(other), AmountFen: 800_000},
		},
	})})
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"pension:fund": 700_000, "pension:payout": 300_000})
	if kept := h.kept(); kept["reject fund_short"] != 1 {
		t.Errorf("kept %v, want the refused line", kept)
	}
}

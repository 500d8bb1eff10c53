package intake_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// claim is an outpatient claim of 200.00 yuan, all of it in scope.
func claim(settlement, person string) *message.MedicalClaim {
	return &message.MedicalClaim{
		Settlement: settlement, Visit: "v1", Hospital: "h1", Person: clearingtest.Hex(person), Kind: "outpatient",
		Time: message.AppendTime(nil, noon(5)), TotalFen: 20_000, InScopeFen: 20_000,
	}
}

func request(m *message.MedicalClaim) sent {
	return sent{message.TopicMedicalRequests, 0, clearingtest.Encode(m)}
}

// TestClaimDays sends claims of the first day that may be claimed for, of the one before it and of
// another century: whatever a desk's clock says, no tally of a year long over is begun or changed.
func TestClaimDays(t *testing.T) {
	h := newHouse(t)
	for settlement, at := range map[string]time.Time{
		"s1": noon(5).AddDate(0, 0, -400), "s2": noon(5).AddDate(0, 0, -401), "s3": noon(5).AddDate(100, 0, 0),
	} {
		m := claim(settlement, clearingtest.Worker)
		m.Time = message.AppendTime(nil, at)
		h.send(request(m))
	}
	answers := h.answersTo(3)
	for settlement, want := range map[string]string{"s1": "", "s2": "invalid_field", "s3": "invalid_field"} {
		if got := answers[settlement]; len(got) != 1 || got[0].GetRefusal() != want {
			t.Errorf("%s: answered %v, want refusal %q", settlement, got, want)
		}
	}
}

// TestMedical settles claims: fund, personal account and cash add up to the
// whole, a repeat gets the first answer and moves nothing, the same number with
// other content is disputed, and what the rules refuse is answered with a reason, but
// to a hospital that the registry does not name.
func TestMedical(t *testing.T) {
	h := newHouse(t)
	changed := claim("s1", clearingtest.Worker)
	changed.TotalFen, changed.InScopeFen = 30_000, 30_000
	wrong := claim("s2", clearingtest.Worker)
	wrong.OwnPayFen = 1
	elsewhere := claim("s3", clearingtest.Worker)
	elsewhere.Hospital = "h9"
	stranger := claim("s4", "000000000000000000000000000000ff")
	h.send(request(claim("s1", clearingtest.Worker)), request(claim("s1", clearingtest.Worker)))
	h.clear()
	h.send(request(claim("s1", clearingtest.Worker)), request(changed), request(wrong), request(wrong), request(elsewhere), request(stranger),
		sent{message.TopicMedicalRequests, 0, []byte{0xFF}})
	stop := h.start("test")
	h.cleared()
	answers := h.read(message.MedicalResultsOf("h1"), 7)
	h.must(stop())

	refusals := map[string]string{}
	var first *message.MedicalResult
	for _, record := range answers {
		answer := &message.MedicalResult{}
		h.must(proto.Unmarshal(record.Value, answer))
		if answer.GetSettlement() != "s1" || answer.GetRefusal() != "" {
			refusals[answer.GetSettlement()] = answer.GetRefusal()
			continue
		}
		if sum := answer.GetFundFen() + answer.GetAccountFen() + answer.GetCashFen(); sum != 20_000 {
			t.Errorf("fund, account and cash add up to %d, want 20000", sum)
		}
		if first != nil && !proto.Equal(first, answer) {
			t.Errorf("a repeat was answered %v, first %v", answer, first)
		}
		first = answer
	}
	want := map[string]string{"s1": "disputed", "s2": "amounts_disagree", "s3": "", "s4": "unknown_person"}
	for settlement, reason := range want {
		if refusals[settlement] != reason {
			t.Errorf("%s was refused as %q, want %q", settlement, refusals[settlement], reason)
		}
	}
	fund, account := ledger.Fen(first.GetFundFen()), ledger.Fen(first.GetAccountFen())
	h.wantBalances(map[string]ledger.Fen{
		"hospital:h1": fund + account, "fund:employee": 1_000_000 - fund, "personal:" + clearingtest.Worker: 50_000 - account,
	})
	h.wantLookedUpFirst()
}

// TestMedicalAccountRunsOut settles three claims of one person in one batch, and six: each
// finds what the ones before it left on the personal account, also the one that empties it.
func TestMedicalAccountRunsOut(t *testing.T) {
	for _, settlements := range [][]string{{"a", "b", "c"}, {"a", "b", "c", "d", "e", "f"}} {
		h := newHouse(t)
		var messages []sent
		for _, settlement := range settlements {
			m := claim(settlement, clearingtest.Worker)
			m.TotalFen, m.InScopeFen, m.OwnPayFen = 20_000, 0, 20_000
			messages = append(messages, request(m))
		}
		h.send(messages...)
		h.clear()
		h.wantBalances(map[string]ledger.Fen{"personal:" + clearingtest.Worker: 0, "hospital:h1": 50_000, "fund:employee": 1_000_000})
		h.wantRejects(nil)
		h.wantLookedUpFirst()
	}
}

// TestMedicalFundRunsOut empties the fund: the claim that it cannot pay is
// refused whole, the next smaller one is settled as if it had never been made.
func TestMedicalFundRunsOut(t *testing.T) {
	h := newHouse(t)
	big := claim("big", clearingtest.Worker)
	big.Kind, big.TotalFen, big.InScopeFen = "inpatient", 5_000_000, 5_000_000
	h.send(request(big), request(claim("small", clearingtest.Worker)))
	h.clear()
	fund := h.balance("fund:employee")
	if fund <= 900_000 || fund >= 1_000_000 {
		t.Errorf("the fund holds %d, want a little less than 1000000: the small claim alone", fund)
	}
	kept := map[string]int{}
	h.must(h.ledger.ScanMemos(t.Context(), today, today, func(row ledger.Row) error {
		kept[row.Kind+" "+row.Reason]++
		return nil
	}))
	if len(kept) != 1 || kept["reject fund_short"] != 1 {
		t.Errorf("memos %v, want the claim that the ledger refused", kept)
	}
	stop := h.start("test")
	rejects := h.read(message.TopicRejectsMedical, 1)
	h.must(stop())
	var reject message.Reject
	h.must(proto.Unmarshal(rejects[0].Value, &reject))
	if reject.GetReason() != "fund_short" || string(reject.GetOriginal()) != string(clearingtest.Encode(big)) {
		t.Errorf("reject %v, want fund_short with the claim's bytes", &reject)
	}
}

// TestPension pays a list: the entitled once per month whatever the batch, the
// lapsed and the wrongly stated not at all, and takes back what the bank returns,
// even when its answer is read in the same breath as the list.
func TestPension(t *testing.T) {
	h := newHouse(t)
	batch := func(name string, fen int64) sent {
		return sent{message.TopicPensionBatches, 0, clearingtest.Encode(&message.PensionBatch{
			Batch: name, Month: "202601", Payday: "20260105", Lines: []*message.PensionLine{
				{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: fen},
				{Person: clearingtest.Hex(clearingtest.Lapsed), AmountFen: 20_000},
				{Person: clearingtest.Hex(clearingtest.Worker), AmountFen: 1},
				{Person: []byte{1}, AmountFen: 1},
			},
		})}
	}
	result := sent{message.TopicPensionResults, 1, clearingtest.Encode(&message.PensionResult{
		Batch: "b1", Month: "202601", Returns: []*message.PensionReturn{
			{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000, Cause: "账户状态异常"},
			{Person: clearingtest.Hex(clearingtest.Lapsed), AmountFen: 20_000, Cause: "0"},
		},
	})}
	h.send(batch("b1", 300_000), batch("b1", 300_000), batch("b2", 300_000), batch("b3", 299_999), result, result)
	h.clear()
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 700_000, chart.PensionPayout: 0, chart.PensionReturned: 300_000})
	reasons := map[string]int{}
	h.must(h.ledger.ScanMemos(t.Context(), today, today, func(row ledger.Row) error {
		reasons[row.Kind+" "+row.Reason]++
		return nil
	}))
	// Each of the three lists has a lapsed line, one without a pension and one
	// without a person; b1 comes twice and is kept once; b3 states another amount;
	// the bank's answer has one return that was never paid.
	for what, n := range map[string]int{
		"reject certification_lapsed": 3, "reject not_entitled": 3, "reject invalid_field": 3, "reject amount_differs": 1, "reject not_paid": 1,
	} {
		if reasons[what] != n {
			t.Errorf("%d rows of %s, want %d (all: %v)", reasons[what], what, n, reasons)
		}
	}
}

// TestLoads books written loads against their paid orders; one that nobody paid
// for, and one that differs from its order, wait in suspense.
func TestLoads(t *testing.T) {
	h := newHouse(t)
	gatherer, err := load.NewPoster(t.Context(), h.ledger, "authorised", "test", 0, nil)
	h.must(err)
	defer gatherer.Close()
	authority := &load.Authority{Registry: h.town.Registry, Keys: keys.NewKeyring(h.town.Keys), Poster: gatherer, Books: h.ledger, Rules: h.town.Rules.Loads, Fresh: h.town.Rules.Fresh, Now: func() time.Time { return noon(5) }}
	order := func(name string, sequence uint16, fen uint32) *message.LoadRequest {
		return h.town.LoadRequest(clearingtest.Card, name, sequence, 0, fen, noon(5))
	}
	for range 2 {
		_, err = authority.Authorise(t.Context(), order("o1", 0, 5000))
		h.must(err)
	}
	_, err = authority.Authorise(t.Context(), order("o2", 1, 3000))
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -8000, "unwritten:own": 8000})

	written := func(sequence uint16, fen, balance uint32) sent {
		return sent{message.TopicLoads, 0, clearingtest.Encode(h.town.Load(clearingtest.Card, sequence, fen, balance, noon(5)))}
	}
	bad := h.town.Load(clearingtest.Card, 0, 5000, 5000, noon(5))
	bad.NewBalanceFen = 9000
	h.send(written(0, 5000, 5000), written(0, 5000, 5000), written(1, 2000, 7000), written(2, 1000, 8000),
		sent{message.TopicLoads, 0, clearingtest.Encode(bad)}, sent{message.TopicLoads, 0, []byte{0xFF}})
	h.clear()
	h.wantBalances(map[string]ledger.Fen{
		"float:own": 8000, "unwritten:own": 3000, "suspense:load_amount": -2000, "suspense:load_not_paid": -1000,
	})
}

// TestMedicalTwoHospitals lets two hospitals use one settlement number for one
// person on one day: both are settled and paid.
func TestMedicalTwoHospitals(t *testing.T) {
	h := newHouseWith(t, func(files map[string]string) { files["hospitals.csv"] += "h2,二院,Second,3,20200101,\n" })
	second := claim("s1", clearingtest.Worker)
	second.Hospital = "h2"
	h.send(request(claim("s1", clearingtest.Worker)), request(second))
	h.clear()
	first, other := h.balance("hospital:h1"), h.balance("hospital:h2")
	if first == 0 || other == 0 {
		t.Errorf("hospital h1 is owed %d and h2 %d, want both something", first, other)
	}
}

// TestMedicalNumberWrittenOtherwise sends a settled claim again with its number written in other
// ways: nothing is paid twice, and the desk is told that the number is taken.
func TestMedicalNumberWrittenOtherwise(t *testing.T) {
	h := newHouse(t)
	h.send(request(claim("s1-é", clearingtest.Worker)))
	h.clear()
	owed := h.balance("hospital:h1")
	for _, number := range []string{"S1-É", "s1-é ", "ｓ１-é", "s1-e\u0301"} {
		h.send(request(claim(number, clearingtest.Worker)))
	}
	h.send(request(claim("s1-e", clearingtest.Worker)))
	answers := h.answersTo(6)
	for number, want := range map[string]string{"s1-é": "", "S1-É": "disputed", "s1-é ": "disputed", "ｓ１-é": "disputed", "s1-e\u0301": "disputed", "s1-e": ""} {
		if got := answers[number]; len(got) != 1 || got[0].GetRefusal() != want {
			t.Errorf("%q is answered %v, want refusal %q", number, got, want)
		}
	}
	if now := h.balance("hospital:h1"); owed == 0 || now != 2*owed {
		t.Errorf("the hospital is owed %d after %d, want twice as much for two numbers", now, owed)
	}
}

// TestMedicalFrozenAccount freezes a person's account: the claim that would draw
// on it is refused, those of others behind it are settled.
func TestMedicalFrozenAccount(t *testing.T) {
	h := newHouse(t)
	h.must(h.ledger.MarkAccount(t.Context(), "personal:"+clearingtest.Worker, ledger.Marks{Frozen: true}, clearingtest.Approved()))
	mine := claim("s1", clearingtest.Worker)
	mine.InScopeFen, mine.OwnPayFen = 0, 20_000
	far := claim("s2", clearingtest.Retired)
	far.Time = clearingtest.Hex("35000101120000")
	other := claim("s3", clearingtest.Retired)
	other.Kind, other.TotalFen, other.InScopeFen = "inpatient", 500_000, 500_000
	h.send(request(mine), request(far), request(other))
	h.clear()
	if h.balance("hospital:h1") == 0 {
		t.Error("the claim behind the refused ones was not settled")
	}
}

// TestHugeAmounts sends amounts that no sum can hold, and a return of less than
// nothing: all are refused and kept, nothing stops.
func TestHugeAmounts(t *testing.T) {
	h := newHouse(t)
	for i := range 3 {
		huge := claim(string(rune('a'+i)), "000000000000000000000000000000ff")
		huge.TotalFen, huge.InScopeFen = 1<<62, 1<<62
		h.send(request(huge))
	}
	h.send(sent{message.TopicPensionResults, 0, clearingtest.Encode(&message.PensionResult{
		Batch: "b", Month: "202601", Returns: []*message.PensionReturn{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: -5}},
	})})
	h.clear()
	h.must(h.ledger.ScanMemos(t.Context(), today, today, func(row ledger.Row) error {
		if row.Reason != "unknown_person" && row.Reason != "invalid_field" {
			t.Errorf("kept as %s", row.Reason)
		}
		return nil
	}))
}

// TestLoadAcrossMidnight asks for the same order after midnight: it is the same
// order, and the channel owes it once.
func TestLoadAcrossMidnight(t *testing.T) {
	h := newHouse(t)
	gatherer, err := load.NewPoster(t.Context(), h.ledger, "authorised", "test", 0, nil)
	h.must(err)
	defer gatherer.Close()
	authority := &load.Authority{Registry: h.town.Registry, Keys: keys.NewKeyring(h.town.Keys), Poster: gatherer, Books: h.ledger, Rules: h.town.Rules.Loads, Fresh: h.town.Rules.Fresh, Now: func() time.Time { return noon(5) }}
	for _, day := range []int{5, 6} {
		_, err = authority.Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, "o1", 0, 0, 5000, noon(day)))
		h.must(err)
	}
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -5000})
	h.send(sent{message.TopicLoads, 0, clearingtest.Encode(h.town.Load(clearingtest.Card, 0, 5000, 5000, noon(6)))})
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"float:own": 5000, "unwritten:own": 0})
}

package intake_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/docket"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/quarantine"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func two() ledger.Approval {
	return ledger.Approval{First: "Li", Second: "Wang", Reason: "the cause is gone", At: time.Unix(1, 0)}
}

// judgeAgain judges records and gives what became of each.
func (h *house) judgeAgain(records ...*quarantine.Record) (verdicts []string) {
	h.Helper()
	var decided []quarantine.Decided
	for _, r := range records {
		decided = append(decided, r.Decided())
	}
	h.must(quarantine.Decide(h.Context(), h.ledger, decided, two()))
	again := &intake.Again{Ledger: h.ledger, Rules: h.rules(), Owner: "test"}
	for _, r := range records {
		verdict, stays, err := again.Judge(h.Context(), r)
		if err != nil {
			verdict = err.Error()
			if !stays {
				h.Errorf("%s: %v, want a record that stays", r.Name(), err)
			}
		}
		verdicts = append(verdicts, verdict)
	}
	return verdicts
}

// TestJudgedAgain keeps three claims alone. While the cause lasts they stay, however often they are
// judged. Once it is gone one of them comes again by itself and is settled; judged again it is a
// duplicate, the others are settled and answered, once: asked again, nothing happens.
func TestJudgedAgain(t *testing.T) {
	h := newHouse(t)
	h.spoiled()
	claims := []*message.MedicalClaim{claim("spoiled1", clearingtest.Worker), claim("spoiled2", clearingtest.Worker), claim("spoiled3", clearingtest.Retired)}
	for _, c := range claims {
		h.send(request(c))
	}
	h.clear()
	list := h.keptAlone()
	for _, verdict := range h.judgeAgain(list...) {
		if !strings.Contains(verdict, "23514") {
			t.Errorf("judged while the cause lasts: %s", verdict)
		}
	}
	if len(h.keptAlone()) != 3 || h.balance("hospital:h1") != 0 {
		t.Fatalf("%d are kept alone and the hospital has %d, want nothing to have changed", len(h.keptAlone()), h.balance("hospital:h1"))
	}
	h.unspoiled()
	h.send(request(claims[0]))
	first := h.answersTo(1)["spoiled1"][0]
	alone := h.balance("hospital:h1")
	for i, verdict := range h.judgeAgain(list...) {
		if want := []string{"duplicate", "cleared", "cleared"}[i]; verdict != want {
			t.Errorf("%s is %s, want %s", list[i].Name(), verdict, want)
		}
	}
	paid := h.balance("hospital:h1")
	if paid <= alone || alone != ledger.Fen(first.GetFundFen()+first.GetAccountFen()) {
		t.Errorf("the hospital had %d, and has %d", alone, paid)
	}
	for _, verdict := range h.judgeAgain(list...) {
		if !strings.Contains(verdict, "judged again before") {
			t.Errorf("judged once more: %s", verdict)
		}
	}
	if left := h.keptAlone(); len(left) != 0 || h.balance("hospital:h1") != paid {
		t.Errorf("%d are kept alone, and the hospital has %d, want none and %d", len(left), h.balance("hospital:h1"), paid)
	}
	answers := h.answersTo(4)
	for _, c := range claims {
		for _, answer := range answers[c.GetSettlement()] {
			if answer.GetRefusal() != "" {
				t.Errorf("%s was answered %v", c.GetSettlement(), answer)
			}
		}
		if len(answers[c.GetSettlement()]) == 0 {
			t.Errorf("%s was not answered", c.GetSettlement())
		}
	}
	acts := 0
	entries, err := h.ledger.Audit(t.Context())
	h.must(err)
	for _, e := range entries {
		if e.Act == quarantine.ActJudge || e.Act == quarantine.ActBooked {
			acts++
			if decided := e.First == "Li" && e.Second == "Wang"; decided != (e.Act == quarantine.ActJudge) || !strings.Contains(e.What, `"medical.requests/0@`) {
				t.Errorf("the audit has %+v", e)
			}
		}
	}
	if acts != 6 {
		t.Errorf("the audit has %d acts, want a decision and a judgement of each record", acts)
	}
	h.verify()
}

// TestJudgedTomorrow keeps taps alone, closes and seals the day, and judges them on the next:
// they are booked in that one, with the day that the card signed; the seal holds.
func TestJudgedTomorrow(t *testing.T) {
	h := newHouse(t)
	h.patience = time.Millisecond
	h.town.Found(t, h.ledger.Pool())
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{Frozen: true}, clearingtest.Approved()))
	h.send(tap(h.ride(1)), tap(h.ride(2)))
	h.clear()
	list := h.keptAlone()
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{}, clearingtest.Approved()))
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	closer := &dayclose.Closer{Ledger: h.ledger, Owner: "test", Dir: t.TempDir(), Seals: t.TempDir(), Signer: signer, Rules: payoutRules(t)}
	result, err := closer.Close(t.Context(), today, today.Next())
	h.must(err)
	if result.Quarantined != 2 {
		t.Errorf("the close says that %d are kept alone, want 2", result.Quarantined)
	}
	ledgertest.Pin(t, h.ledger, signer)
	_, err = closer.Seal(t.Context(), today)
	h.must(err)
	if again := h.keptAlone(); len(again) != 2 {
		t.Errorf("%d are kept alone once the day is sealed, want 2", len(again))
	}
	for _, verdict := range h.judgeAgain(list...) {
		if verdict != "cleared" {
			t.Errorf("judged %s, want cleared", verdict)
		}
	}
	booked := 0
	h.must(h.ledger.Scan(t.Context(), today.Next(), today.Next(), func(row ledger.Row) error {
		if row.Credit == ledger.IDOfCode("operator:bus") && row.Day == today && row.Amount == 80 {
			booked++
		}
		return nil
	}))
	if left := h.keptAlone(); booked != 2 || len(left) != 0 {
		t.Errorf("%d taps are booked, and %d kept alone, want 2 and none", booked, len(left))
	}
	h.verify(signer.Public().(ed25519.PublicKey))
}

// TestJudgedInOrder keeps a list of pensions and the bank's answer to it alone: the answer is not
// judged before the list, of which nothing would be known.
func TestJudgedInOrder(t *testing.T) {
	h := newHouse(t)
	h.spoil = func(all map[string]func() intake.Rules) {
		for _, topic := range []string{message.TopicPensionBatches, message.TopicPensionResults} {
			make := all[topic]
			all[topic] = func() intake.Rules {
				r := make()
				r.Rule = func(context.Context, []docket.Record, *docket.Docket) (intake.Judged, error) {
					return intake.Judged{}, errors.New("the rules are broken")
				}
				return r
			}
		}
	}
	person := clearingtest.Hex(clearingtest.Retired)
	h.send(
		sent{message.TopicPensionBatches, 0, clearingtest.Encode(&message.PensionBatch{
			Batch: "b", Month: "202601", Payday: "20260105", Lines: []*message.PensionLine{{Person: person, AmountFen: 300_000}},
		})},
		sent{message.TopicPensionResults, 0, clearingtest.Encode(&message.PensionResult{
			Batch: "b", Month: "202601", Returns: []*message.PensionReturn{{Person: person, AmountFen: 300_000}},
		})})
	h.clear()
	byStream := map[string]*quarantine.Record{}
	for _, r := range h.keptAlone() {
		byStream[r.Stream] = r
	}
	list, answer := byStream["pension.batches/0"], byStream["pension.results/0"]
	if list == nil || answer == nil {
		t.Fatalf("%v are kept alone, want a list and an answer", byStream)
	}
	h.spoil = nil
	verdicts := h.judgeAgain(answer, list, answer)
	if !strings.Contains(verdicts[0], "judge pension.batches/0@0 first") || verdicts[1] != "cleared" || verdicts[2] != "cleared" {
		t.Errorf("judged %q, want the answer after the list", verdicts)
	}
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 700_000, chart.PensionPayout: 0, chart.PensionReturned: 300_000})
	h.verify()
}

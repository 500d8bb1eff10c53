package intake_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/shadow"
	"citycard/ledger/verify"
)

const otherCity = "0102030405060708"

func listOtherCity(files map[string]string) {
	files["issuers.csv"] = "issuer,name,name_en,kind,effective_from,effective_to\n" +
		clearingtest.Issuer + ",本市,Own city,own,20200101,\n" + otherCity + ",外市,Other city,interoperable,20240101,\n"
}

// visit is a ride of another city's card, whose TAC nobody here can check.
func (h *house) visit(sequence, fen uint32) *message.Tap {
	m := h.town.Tap(clearingtest.Tap{Card: "03104999900000000001", Terminal: clearingtest.BusValidator, Sequence: sequence, Fen: fen, At: noon(5)})
	m.Debit.Issuer = clearingtest.Hex(otherCity)
	(&clearingtest.Town{Keys: keys.GenerateTest(2)}).Sign(m.Debit)
	return m
}

// TestForeign books rides of another city's card: what the national centre owes is pending, once
// however often it comes, nothing of it is published as cleared, and the shadow balances do not
// change.
func TestForeign(t *testing.T) {
	h := newHouseWith(t, listOtherCity)
	again := h.visit(1, 80)
	again.CardCounter += 7
	free, ours := h.visit(2, 0), h.ride(3)
	h.send(tap(h.visit(1, 80)), tap(h.visit(1, 80)), tap(again), tap(free), tap(free), tap(ours))
	h.clear()
	h.must(h.ledger.MarkAccount(t.Context(), "pending:bus", ledger.Marks{Frozen: true}, clearingtest.Approved()))
	h.send(tap(h.visit(4, 80)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{
		"centre": -160, "pending:bus": 80, "suspense:payee_closed": 80, "operator:bus": 80, "float:own": -80,
	})
	counts := h.tally()
	for is, want := range map[verdict.Verdict]int64{verdict.Pending: 2, verdict.Cleared: 1, verdict.Duplicate: 3, verdict.Disputed: 0, verdict.Suspended: 1} {
		if counts[is] != want {
			t.Errorf("%d records are %s, want %d", counts[is], is, want)
		}
	}
	var cleared message.Cleared
	stop := h.start("pump")
	h.must(proto.Unmarshal(h.read(message.TopicCleared, 1)[0].Value, &cleared))
	h.must(stop())
	if token := h.town.Keys.Held().CardTokens().Token(keys.CardID{Issuer: [8]byte(ours.Debit.Issuer), ASN: [10]byte(ours.Debit.Card)}); string(cleared.CardToken) != string(token[:]) {
		t.Errorf("what was published as cleared is not the ride of our own card: %v", &cleared)
	}
	h.must(shadow.Balances(t.Context(), h.ledger, ledger.IDOfCode("float:own"), func(subject ledger.Subject, fen ledger.Fen) error {
		if subject != identity.CardOf(clearingtest.CardID(clearingtest.Card)).Subject() {
			t.Errorf("card %x has a shadow balance of %d fen", string(subject), fen)
		}
		return nil
	}))
	_, err := verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) })
	h.must(err)
}

package intake_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/message"
	"citycard/clearing/release"
	"citycard/ledger"
)

// payoutRules are the example's.
func payoutRules(t testing.TB) *dayclose.Rules {
	t.Helper()
	rules, err := dayclose.LoadRules(dayclose.ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// closer closes days of the house by the example rules.
func (h *house) closer() *dayclose.Closer {
	h.Helper()
	h.town.Found(h, h.ledger.Pool())
	dir, seed := h.TempDir(), sha256.Sum256([]byte("test"))
	return &dayclose.Closer{
		Ledger: h.ledger, Owner: "test", Dir: filepath.Join(dir, "settlement"), Seals: filepath.Join(dir, "seals"),
		Signer: ed25519.NewKeyFromSeed(seed[:]), Rules: payoutRules(h),
	}
}

// TestWrongTACsHoldThePayout sends 1,000 taps with wrong TACs from the bus operator's
// validator, each but one twice as agents do that are restarted, among 600 good ones; at the
// metro's gate 99 of 300 are wrong, too few to count. At the close the metro is paid and the
// bus is not, until two people have decided.
func TestWrongTACsHoldThePayout(t *testing.T) {
	h := newHouse(t)
	guess := func(terminal string, sequence uint32) sent {
		m := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: terminal, Sequence: sequence, Fen: 100_000, At: noon(5)})
		m.Debit.Tac[0] ^= 0xFF
		return tap(m)
	}
	ride := func(terminal string, sequence uint32, fen uint32) sent {
		return tap(h.town.Tap(clearingtest.Tap{Card: clearingtest.OtherCard, Terminal: terminal, Sequence: sequence, Fen: fen, At: noon(5)}))
	}
	var all []sent
	for i := range uint32(1_000) {
		all = append(all, guess(clearingtest.BusValidator, i))
		if i > 0 {
			all = append(all, guess(clearingtest.BusValidator, i))
		}
		if i < 600 {
			all = append(all, ride(clearingtest.BusValidator, 10_000+i, 80))
		}
		if i < 99 {
			all = append(all, guess(clearingtest.MetroGate, i))
		}
		if i < 201 {
			all = append(all, ride(clearingtest.MetroGate, 10_000+i, 190))
		}
		if i < 200 {
			all = append(all, guess(clearingtest.Unlisted, i)) // nobody's
		}
	}
	h.send(all...)
	h.clear()
	h.wantRejects(map[string]int{"bad_tac": 1_000 + 99 + 200})

	closer := h.closer()
	for range 2 {
		result, err := closer.Close(t.Context(), today, today.Next())
		h.must(err)
		if len(result.Unpaid) != 1 || result.Unpaid[0].Code != "operator:bus" || result.Unpaid[0].Fen != 600*80 {
			t.Fatalf("unpaid: %+v, want 48000 to the bus operator", result.Unpaid)
		}
		if held, ok := errors.AsType[*dayclose.Held](result.Unpaid[0].Err); !ok || held.Wrong != 1_000 || held.Verified != 600 {
			t.Errorf("unpaid because of %v, want 1,000 wrong TACs of 1,600", result.Unpaid[0].Err)
		}
		h.wantBalances(map[string]ledger.Fen{"operator:bus": 600 * 80, "operator:metro": 0, chart.Reserve: 201 * 190})
	}
	alone := approval(6)
	alone.Second = alone.First
	_, err := h.do(alone)(h.office().ShowPayout(t.Context(), release.Payout{Day: today, Operator: "bus"}))
	h.wantRefusal("one person alone", err)
	_, err = h.do(approval(6))(h.office().ShowPayout(t.Context(), release.Payout{Day: today, Operator: "metro"}))
	h.wantRefusal("what is not held", err)
	for range 2 {
		_, err = h.do(approval(6))(h.office().ShowPayout(t.Context(), release.Payout{Day: today, Operator: "bus"}))
		h.must(err)
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Reserve: 201*190 + 600*80})

	// The next day is judged by itself.
	h.send(sent{message.TopicTaps, 0, clearingtest.Encode(h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 90_000, Fen: 80, At: noon(6)}))})
	h.clear()
	result, err := closer.Close(t.Context(), today.Next(), 20260107)
	h.must(err)
	if len(result.Unpaid) != 0 {
		t.Errorf("unpaid on the next day: %+v", result.Unpaid)
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 0})
}

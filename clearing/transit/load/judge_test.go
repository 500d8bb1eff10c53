package load_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// The card's TAC may stand in either half of a proof where the counter could not tell;
// two halves are no licence for a TAC that is in neither.
func TestTACInEitherHalfOfAProof(t *testing.T) {
	town := clearingtest.New(t, nil)
	rotated, err := town.Keys.Rotate(strings.NewReader(strings.Repeat("rotation", 100)))
	if err != nil {
		t.Fatal(err)
	}
	judge := &load.Judge{TACs: keys.NewTACs(rotated.Held()), Rules: town.Rules.Loads, Paid: func(_ context.Context, orders []ledger.Key) ([]ledger.Fen, error) {
		paid := make([]ledger.Fen, len(orders))
		for i := range paid {
			if _, authorised := identity.AuthorisedLoad(orders[i].ID); authorised {
				paid[i] = 5000
			}
		}
		return paid, nil
	}, Written: noWords}
	const torn = message.Unsure_UNSURE_TORN_LOAD
	wrong := []byte{1, 2, 3, 4}
	tests := []struct {
		name   string
		change func(m *message.Load)
		reason verdict.Reason
	}{
		{"one code", func(*message.Load) {}, verdict.None},
		{"first half", func(m *message.Load) { m.OtherTac, m.OtherTacReason = wrong, torn }, verdict.None},
		{"other half", func(m *message.Load) { m.OtherTac, m.Tac, m.OtherTacReason = m.Tac, wrong, torn }, verdict.None},
		{"neither half", func(m *message.Load) { m.OtherTac, m.Tac, m.OtherTacReason = wrong, wrong, torn }, verdict.BadTAC},
		{"first half, no reason for two", func(m *message.Load) { m.OtherTac = wrong }, verdict.None},
		{"other half, no reason for two", func(m *message.Load) { m.OtherTac, m.Tac = m.Tac, wrong }, verdict.BadTAC},
		{"other half, a tap's reason", func(m *message.Load) {
			m.OtherTac, m.Tac, m.OtherTacReason = m.Tac, wrong, message.Unsure_UNSURE_TORN_TAP
		}, verdict.BadTAC},
		{"wrong, and no other half", func(m *message.Load) { m.Tac = wrong }, verdict.BadTAC},
		{"says another key version", func(m *message.Load) { m.KeyVersion = 2 }, verdict.None},
		{"key version beyond a byte", func(m *message.Load) { m.KeyVersion = 257 }, verdict.InvalidField},
		{"other half cut", func(m *message.Load) { m.OtherTac = wrong[:3] }, verdict.InvalidField},
	}
	records := make([]docket.Record, len(tests))
	for i, test := range tests {
		m := town.Load(clearingtest.Card, uint16(i), 5000, 5000, at(9))
		test.change(m)
		records[i] = docket.Record{Offset: int64(i), Value: clearingtest.Encode(m)}
	}
	d := docket.New(docket.Source{Stream: "loads/0", Day: 20260105}, len(records))
	if err := judge.Rule(t.Context(), records, d); err != nil {
		t.Fatal(err)
	}
	for i, test := range tests {
		want := verdict.Rejected
		if test.reason == verdict.None {
			want = verdict.Cleared
		}
		if r := d.Rulings[i]; r.Reason != test.reason || r.Verdict != want {
			t.Errorf("%s: %s %q, want %s %q", test.name, r.Verdict, r.Reason, want, test.reason)
		}
	}
}

// TestLoadBeyondThePurse writes loads that were paid in full and after which the purse
// holds as much as it may, and a fen more: in the second before the maximum falls from 1000 to
// 500 yuan, and in that second. What nobody paid keeps that reason.
func TestLoadBeyondThePurse(t *testing.T) {
	town := clearingtest.New(t, nil)
	limit := func(int, rulefile.Moment) ledger.Fen { return 800 }
	paid := map[uint16]ledger.Fen{1: 5000, 2: 5000, 3: 5000, 4: 5000, 5: 0, 6: 4000, 7: 5000, 8: 5000, 9: 5000}
	judge := &load.Judge{TACs: keys.NewTACs(town.Keys.Held()), Rules: func() (*load.Rules, string) { return datedRules(t).With(limit), "" }, Paid: func(_ context.Context, orders []ledger.Key) ([]ledger.Fen, error) {
		amounts := make([]ledger.Fen, len(orders))
		for i := range orders {
			if order, authorised := identity.AuthorisedLoad(orders[i].ID); authorised {
				amounts[i] = paid[order.Sequence]
			}
		}
		return amounts, nil
	}, Written: noWords}
	four := time.Date(2026, 1, 5, 4, 0, 0, 0, time.UTC)
	tests := []struct {
		sequence uint16
		holds    uint32
		claims   uint32 // of that, as an overdraft allowance
		at       time.Time
		reason   verdict.Reason
	}{
		{1, 100_000, 0, four.Add(-time.Second), verdict.None},
		{2, 100_001, 0, four.Add(-time.Second), verdict.LoadTooHigh},
		{3, 50_000, 0, four, verdict.None},
		{4, 50_001, 0, four, verdict.LoadTooHigh},
		{7, 50_800, 800, four, verdict.None},        // 50,000 and the limit
		{8, 50_801, 800, four, verdict.LoadTooHigh}, // one fen more
		{9, 50_801, 801, four, verdict.LoadTooHigh}, // more than any product gives
		{5, 100_001, 0, four.Add(-time.Second), verdict.LoadNotPaid},
		{6, 100_001, 0, four.Add(-time.Second), verdict.LoadAmount},
	}
	records := make([]docket.Record, len(tests))
	for i, test := range tests {
		m := town.Load(clearingtest.Card, test.sequence, 5000, test.holds, test.at)
		m.OverdraftFen = test.claims
		records[i] = docket.Record{Offset: int64(i), Value: clearingtest.Encode(m)}
	}
	d := docket.New(docket.Source{Stream: "loads/0", Day: 20260105}, len(records))
	if err := judge.Rule(t.Context(), records, d); err != nil {
		t.Fatal(err)
	}
	for i, test := range tests {
		from := chart.Unwritten
		if test.reason != verdict.None {
			from = chart.Suspense(test.reason)
		}
		if r, moved := d.Rulings[i], d.Transfers[i]; r.Reason != test.reason || moved.Debit != ledger.IDOfCode(from) || moved.Credit != ledger.IDOfCode(chart.Float) {
			t.Errorf("%+v: %s %q, want %q, from %s to the float", test, r.Verdict, r.Reason, test.reason, from)
		}
	}
}

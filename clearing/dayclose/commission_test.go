package dayclose_test

import (
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/settlement"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// TestCommission closes a day with loads of a channel that earns 0.6 % and 5 fen a load, twice: it
// is booked once, and the channel's file and statement have it.
//
//	loads      5000 + 7000 + 3333 (placed)   3 loads, 15,333 fen
//	back       -3333 (withdrawn)             2 loads, 12,000 fen
//	commission 12,000 x 0.006 = 72, 2 x 5 = 10   82 fen
//	owed       15,333 - 3333 - 82            11,918 fen
//
// The day is reopened, and 2500 come to it: 14,500 x 0.006 = 87, 3 x 5 = 15; 102 - 82 = 20 more.
func TestCommission(t *testing.T) {
	o := newOffice(t)
	contracts, err := load.LoadContracts([]byte(`{"versions": [{"version": "c", "effective_from": "20200101", "source": "test", "contracts": [
		{"channel": "counter", "kind": "counter", "commission_share": "0.006", "commission_fen": 5, "acts": ["load"], "limit_fen": 0}]}]}`))
	o.must(err)
	o.closer.Contracts = contracts
	o.post("authorised", 0,
		move(21, today, "channel:counter", chart.Unwritten, 7000, chart.PurposeLoadAuthorised),
		move(22, today, "channel:counter", chart.Waiting, 3333, chart.PurposeLoadPlaced),
		move(23, today, chart.Waiting, "channel:counter", 3333, chart.PurposeLoadWithdrawn))
	var result *settlement.Position
	for range 2 {
		closed, err := o.closer.Close(t.Context(), today, today.Next())
		o.must(err)
		for i := range closed.Positions {
			if p := &closed.Positions[i]; p.Participant.Code == "channel:counter" {
				result = p
			}
		}
		o.wantBalances(map[string]ledger.Fen{"channel:counter": -11_918, chart.Commission: -82})
	}
	if result.Fen != -11_918 || len(result.Lines) != 4 || result.Lines[0].Purpose != "commission" || result.Lines[0].Fen != 82 {
		t.Errorf("the channel's position is %+v", result)
	}
	var lines []load.StatementLine
	o.must(load.Statement(t.Context(), o.ledger, "counter", today, today, func(l load.StatementLine) error {
		lines = append(lines, l)
		return nil
	}))
	want := []load.StatementLine{
		{Day: today, Purpose: "commission", Count: 1, Fen: -82},
		{Day: today, Purpose: "load_authorised", Count: 2, Fen: 12_000},
		{Day: today, Purpose: "load_placed", Count: 1, Fen: 3333},
		{Day: today, Purpose: "load_withdrawn", Count: 1, Fen: -3333},
	}
	if len(lines) != len(want) {
		t.Fatalf("the statement is %+v", lines)
	}
	for i := range want {
		if lines[i] != want[i] {
			t.Errorf("line %d is %+v, want %+v", i, lines[i], want[i])
		}
	}
	o.must(o.ledger.ReopenDay(t.Context(), today, o.approval("bob")))
	o.post("more", today, move(24, today, "channel:counter", chart.Unwritten, 2500, chart.PurposeLoadAuthorised))
	_, err = o.closer.Close(t.Context(), today, today.Next())
	o.must(err)
	o.wantBalances(map[string]ledger.Fen{"channel:counter": -11_918 - 2500 + 20, chart.Commission: -102})
}

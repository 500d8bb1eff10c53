package chain_test

import (
	"math"
	"testing"
	"time"

	"citycard/ledger/chain"
)

func TestFen(t *testing.T) {
	for amount, want := range map[chain.Fen]string{0: "0.00", 5: "0.05", 123: "1.23", -7: "-0.07", -1234: "-12.34", math.MinInt64: "-92233720368547758.08"} {
		if got := amount.String(); got != want {
			t.Errorf("%d fen is %q, expected %q", int64(amount), got, want)
		}
	}
}

func TestDay(t *testing.T) {
	for text, valid := range map[string]bool{
		"20260105": true, "20240229": true, "20260229": false, "20261301": false, "2026-1-5": false, "": false, "020260105": false,
		"18991231": false, "+2026010": false,
	} {
		day, err := chain.ParseDay(text)
		if valid != (err == nil) || valid && day.String() != text {
			t.Errorf("ParseDay(%q) = %v, %v; expected valid %t", text, day, err, valid)
		}
	}
	if got := chain.Day(20261231).Next(); got != 20270101 {
		t.Errorf("the day after 20261231 is %v", got)
	}
	zone := time.FixedZone("CST", 8*3600)
	if got := chain.DayOf(chain.Day(20260105).Time(zone).Add(-time.Second)); got != 20260104 {
		t.Errorf("a second before 20260105 is in %v", got)
	}
}

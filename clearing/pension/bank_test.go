package pension

import (
	"testing"

	"citycard/clearing/verdict"
	"citycard/ledger"
)

func TestCheckReturn(t *testing.T) {
	for _, c := range []struct {
		paid, returned ledger.Fen
		want           verdict.Reason
	}{
		{320050, 320050, ""},
		{320050, 320049, verdict.AmountDiffers}, // banks return a payment whole
		{320050, 320051, verdict.AmountDiffers},
		{320050, 0, verdict.AmountDiffers},
		{0, 320050, verdict.NotPaid},
		{0, 0, verdict.NotPaid},
	} {
		got := checkReturn(c.paid, c.returned)
		if got != c.want {
			t.Errorf("paid %d, returned %d: %q, want %q", c.paid, c.returned, got, c.want)
		}
	}
}

func TestCheckAgain(t *testing.T) {
	for _, c := range []struct {
		returned, again ledger.Fen
		want            verdict.Reason
	}{
		{320050, 320050, ""},
		{320050, 320049, verdict.AmountDiffers},
		{320050, 320051, verdict.AmountDiffers},
		{0, 320050, verdict.NotReturned},
		{0, 0, verdict.NotReturned},
	} {
		got := checkAgain(c.returned, c.again)
		if got != c.want {
			t.Errorf("returned %d, again %d: %q, want %q", c.returned, c.again, got, c.want)
		}
	}
}
